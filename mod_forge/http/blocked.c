/* SPDX-License-Identifier: Apache-2.0
 * Waiting on a thread, where a request cannot be suspended: never more than a quarter of the threads for one purpose,
 * and never longer than the client is there.
 */
#include "http_private.h"

#include <httpd.h>
#include <http_core.h>
#include <ap_mpm.h>
#include <apr_atomic.h>
#include <apr_portable.h>
#include <poll.h>

#define LOOK_EVERY 100 /* milliseconds in which a thread that waits looks at its client */

static int threads_of_child(void)
{
    int threads = 1;
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    return threads;
}

bool forge_http_block_begin(const forge_req_t *q, apr_uint32_t *blocked, apr_int64_t (*in_all)(forge_live_t *))
{
    int threads = threads_of_child(), children = 1;
    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children);
    int most = (threads > 1 ? threads : children) / 4;
    int now = threads > 1 ? (int)apr_atomic_inc32(blocked) + 1 : (int)in_all(q->live);
    return now <= (most < 1 ? 1 : most);
}

void forge_http_block_end(apr_uint32_t *blocked)
{
    if (threads_of_child() > 1)
        apr_atomic_dec32(blocked);
}

int forge_http_socket(const forge_req_t *q)
{
    int fd = -1;
    conn_rec *c = q->r->connection;
    if (!c->master)
        apr_os_sock_get(&fd, ap_get_conn_socket(c));
    return fd;
}

/* Over HTTP/2 the connection is not this request's: httpd marks the stream's own as aborted when it was reset, or when
 * the client has left. */
bool forge_http_block_nap(const forge_req_t *q, const int *fds, int count)
{
    struct pollfd all[FORGE_BLOCK_FDS + 1];
    for (int i = 0; i < count; i++)
        all[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    all[count] = (struct pollfd){.fd = forge_http_socket(q), .events = POLLRDHUP};
    poll(all, (nfds_t)count + 1, LOOK_EVERY);
    return !q->r->connection->aborted && !(all[count].revents & (POLLRDHUP | POLLHUP | POLLERR));
}

bool forge_http_stopping(void)
{
    int state = AP_MPMQ_RUNNING;
    ap_mpm_query(AP_MPMQ_MPM_STATE, &state);
    return state == AP_MPMQ_STOPPING;
}
