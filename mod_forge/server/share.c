/* SPDX-License-Identifier: Apache-2.0
 * Shares: requests of a kind may hold a part of a child's connections, so that a flood of them leaves the others to
 * those who read. One is that of logins, one that of files. It is asked before the pool (lease.c).
 */
#include "server_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

APLOG_USE_MODULE(forge);

struct forge_share_t {
    apr_thread_mutex_t *lock;
    apr_thread_cond_t *freed;
    int most, held, waiting;
};

forge_share_t *forge_server_share_make(apr_pool_t *p, server_rec *s, int most)
{
    forge_share_t *share = apr_pcalloc(p, sizeof(*share));
    share->most = most > 1 ? most : 1;
    if (apr_thread_mutex_create(&share->lock, APR_THREAD_MUTEX_DEFAULT, p) == APR_SUCCESS &&
        apr_thread_cond_create(&share->freed, p) == APR_SUCCESS)
        return share;
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "FG0496: could not make the lock of a share of the connections");
    return NULL;
}

/* By the monotonic clock: a step of the other one must neither end the wait nor make it longer. */
bool forge_server_share_take(forge_share_t *share, apr_interval_time_t patience)
{
    apr_int64_t until = forge_util_monotonic() + patience, left = patience;
    if (!share)
        return true;
    apr_thread_mutex_lock(share->lock);
    share->waiting++;
    for (; share->held >= share->most && left > 0; left = until - forge_util_monotonic())
        apr_thread_cond_timedwait(share->freed, share->lock, left);
    share->waiting--;
    bool taken = share->held < share->most;
    share->held += taken;
    apr_thread_mutex_unlock(share->lock);
    return taken;
}

void forge_server_share_leave(forge_share_t *share)
{
    if (!share)
        return;
    apr_thread_mutex_lock(share->lock);
    share->held--;
    if (share->waiting)
        apr_thread_cond_signal(share->freed);
    apr_thread_mutex_unlock(share->lock);
}
