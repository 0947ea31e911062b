/* SPDX-License-Identifier: Apache-2.0
 * Joins connections from inside a sandbox to the one host that the run may reach. It carries bytes and reads none of
 * them: what is encrypted stays so from end to end.
 */
#include "runner.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS_MAX   8  /* connections at once */
#define PAIRS_ALL   64 /* and in one run */
#define CONNECT_MS  5000
#define FLOW_BUFFER 32768

/* One direction of a connection. */
typedef struct flow_t {
    int from, to;
    size_t at, len; /* of what is not written yet */
    bool ended;
    char bytes[FLOW_BUFFER];
} flow_t;

typedef struct join_t {
    const forge_runner_host_t *host;
    int listening;
    flow_t *flows; /* two neighbours are one connection; from -1: free */
    int64_t carried;
    int met;
} join_t;

/* The addresses in turn. */
static int reach(const forge_runner_host_t *host)
{
    for (size_t i = 0; i < host->count; i++) {
        const struct sockaddr *at = (const struct sockaddr *)&host->addresses[i];
        int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), fault = 0;
        struct pollfd on = {fd, POLLOUT, 0};
        socklen_t len = sizeof(fault);
        if (fd >= 0 && (connect(fd, at, host->lengths[i]) == 0 ||
                        (errno == EINPROGRESS && poll(&on, 1, CONNECT_MS) > 0 &&
                         getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &len) == 0 && !fault)))
            return fd;
        if (fd >= 0)
            close(fd);
    }
    return -1;
}

static void welcome(join_t *j)
{
    int inside = accept4(j->listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), i = 0;
    while (i < PAIRS_MAX && j->flows[2 * i].from >= 0)
        i++;
    int outside = inside >= 0 && i < PAIRS_MAX && j->met++ < PAIRS_ALL ? reach(j->host) : -1;
    if (outside < 0) {
        if (inside >= 0)
            close(inside);
        return;
    }
    j->flows[2 * i].from = j->flows[2 * i + 1].to = inside;
    j->flows[2 * i].to = j->flows[2 * i + 1].from = outside;
    for (int k = 2 * i; k < 2 * i + 2; k++) {
        j->flows[k].at = j->flows[k].len = 0;
        j->flows[k].ended = false;
    }
}

/* False: the connection is broken. */
static bool carry(join_t *j, flow_t *f)
{
    ssize_t n;
    if (!f->len) {
        n = recv(f->from, f->bytes, sizeof(f->bytes), 0);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        f->at = 0;
        f->len = (size_t)n;
        j->carried += n;
        f->ended = n == 0;
    }
    while (f->len) {
        n = send(f->to, f->bytes + f->at, f->len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        f->at += (size_t)n;
        f->len -= (size_t)n;
    }
    if (f->ended)
        shutdown(f->to, SHUT_WR);
    return true;
}

static void part(flow_t *pair)
{
    close(pair[0].from);
    close(pair[0].to);
    pair[0].from = pair[1].from = -1;
}

static void watch(const join_t *j, struct pollfd *on)
{
    for (int i = 0; i < 2 * PAIRS_MAX; i++) {
        const flow_t *f = &j->flows[i];
        const bool open = f->from >= 0 && (!f->ended || f->len);
        on[i] = (struct pollfd){!open ? -1 : f->len ? f->to : f->from, f->len ? POLLOUT : POLLIN, 0};
    }
    on[2 * PAIRS_MAX] = (struct pollfd){j->listening, POLLIN, 0};
}

static void serve(join_t *j, const struct pollfd *on)
{
    for (int i = 0; i < 2 * PAIRS_MAX; i++) {
        flow_t *pair = &j->flows[i & ~1];
        if (on[i].fd < 0 || !on[i].revents || pair->from < 0)
            continue;
        if (!carry(j, &j->flows[i]) || (pair[0].ended && pair[1].ended && !pair[0].len && !pair[1].len))
            part(pair);
    }
    if (on[2 * PAIRS_MAX].revents)
        welcome(j);
}

bool forge_runner_join(int listening, int channel, const forge_runner_host_t *host, int64_t bytes_max)
{
    struct pollfd on[2 * PAIRS_MAX + 2];
    join_t j = {.host = host, .listening = listening, .flows = calloc(2 * PAIRS_MAX, sizeof(flow_t))};
    if (!j.flows)
        return false;
    for (int i = 0; i < 2 * PAIRS_MAX; i++)
        j.flows[i].from = -1;
    on[2 * PAIRS_MAX + 1] = (struct pollfd){channel, 0, 0};
    do {
        watch(&j, on);
        if (poll(on, 2 * PAIRS_MAX + 2, -1) > 0)
            serve(&j, on);
    } while (j.carried <= bytes_max && !on[2 * PAIRS_MAX + 1].revents);
    free(j.flows);
    return j.carried > bytes_max;
}
