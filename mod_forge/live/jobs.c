/* SPDX-License-Identifier: Apache-2.0
 * What the children of a node agree on about jobs: how many are worked on at once, and who looks into the queue.
 */
#include "live_private.h"

#define LOOK_EVERY apr_time_from_sec(1) /* a notification may be lost, and what is put off rings nobody */

int forge_live_job_place(forge_live_t *live, int most)
{
    uint64_t *places = live->segment->jobs, self = forge_live_process_self(live);
    for (int i = 0; i < most && i < FORGE_LIVE_JOBS_MAX; i++) {
        uint64_t holder = forge_live_load(&places[i]);
        if ((holder == 0 || !forge_live_process_alive(holder)) && forge_live_swap(&places[i], holder, self))
            return i;
    }
    return -1;
}

void forge_live_job_leave(forge_live_t *live, int place)
{
    forge_live_swap(&live->segment->jobs[place], forge_live_process_self(live), 0);
}

void forge_live_jobs_ring(forge_live_t *live, apr_uint64_t realm)
{
    forge_live_realm_t *at = forge_live_realm(live, realm, true);
    if (at)
        forge_live_add(&at->jobs_rung, 1);
}

void forge_live_jobs_changed(forge_live_t *live, apr_uint64_t realm)
{
    forge_live_realm_t *at = forge_live_realm(live, realm, true);
    if (at)
        forge_live_add(&at->jobs_changed, 1);
}

apr_uint64_t forge_live_jobs_changes(forge_live_t *live, apr_uint64_t realm)
{
    const forge_live_realm_t *at = forge_live_realm(live, realm, false);
    return at ? forge_live_load(&at->jobs_changed) : 0;
}

/* A realm without a place in the table looks whenever it is asked: there are more databases than a node has. */
bool forge_live_jobs_due(forge_live_t *live, apr_uint64_t realm)
{
    forge_live_realm_t *at = forge_live_realm(live, realm, true);
    uint64_t now = (uint64_t)forge_util_monotonic();
    if (!at)
        return true;
    uint64_t rung = forge_live_load(&at->jobs_rung), seen = forge_live_load(&at->jobs_seen);
    if (rung != seen && forge_live_swap(&at->jobs_seen, seen, rung)) {
        forge_live_store(&at->jobs_asked, now);
        return true;
    }
    uint64_t asked = forge_live_load(&at->jobs_asked);
    return now - asked >= LOOK_EVERY && now >= asked && forge_live_swap(&at->jobs_asked, asked, now);
}

void forge_live_jobs_set(forge_live_t *live, apr_uint64_t realm, const apr_int64_t figures[3])
{
    forge_live_realm_t *at = forge_live_realm(live, realm, true);
    if (!at)
        return;
    forge_live_store(&at->jobs_queued, (uint64_t)figures[0]);
    forge_live_store(&at->jobs_running, (uint64_t)figures[1]);
    forge_live_store(&at->jobs_oldest, (uint64_t)figures[2]);
}
