/* SPDX-License-Identifier: Apache-2.0
 * The clock of revocations, shared by all children: it never runs ahead, so that no entry is gone while a token that it
 * refuses could still be good.
 *
 * Tokens end by the wall clock, which may be stepped. A step forwards ends them early, and the entries must outlive the
 * step back: so this clock goes on with the monotonic one. A step backwards lets tokens live longer by as much: so this
 * clock goes back with it. Tokens that were made while the wall clock was ahead live longer still: entries made later
 * are kept for that time too (forge_live_ahead).
 *
 * A restart makes the segment anew, and the clock with it. Then the entries come from the database, which keeps them
 * for a day (store/identity/revocation.c).
 */
#include "live_private.h"

#define STEP    APR_USEC_PER_SEC        /* less is no step: reading two clocks takes time */
#define GLANCE  apr_time_from_msec(100) /* between the two readings; else the process slept in between */
#define GLANCES 5

void forge_live_steady_init(forge_live_clock_t *clock)
{
    apr_time_t wall = apr_time_now();
    clock->base = clock->offset = (uint64_t)(wall - forge_util_monotonic());
    clock->latest = (uint64_t)wall;
}

static void see_later(uint64_t *latest, uint64_t wall)
{
    uint64_t was = __atomic_load_n(latest, __ATOMIC_RELAXED);
    while (was < wall && !__atomic_compare_exchange_n(latest, &was, wall, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        ;
}

/* Two who see the same step backwards at once both count it: then entries are kept for longer. */
apr_time_t forge_live_steady_at(forge_live_t *live, apr_time_t wall, apr_int64_t monotonic)
{
    forge_live_clock_t *clock = &live->segment->clock;
    apr_int64_t offset = wall - monotonic,
                step = offset - (apr_int64_t)__atomic_load_n(&clock->offset, __ATOMIC_ACQUIRE);
    if (step < -STEP)
        __atomic_fetch_add(&clock->behind, (uint64_t)-step, __ATOMIC_ACQ_REL);
    if (step < -STEP || step > STEP)
        __atomic_store_n(&clock->offset, (uint64_t)offset, __ATOMIC_RELEASE);
    see_later(&clock->latest, (uint64_t)wall);
    return monotonic + (apr_int64_t)clock->base - (apr_int64_t)__atomic_load_n(&clock->behind, __ATOMIC_ACQUIRE);
}

apr_interval_time_t forge_live_ahead_at(const forge_live_t *live, apr_time_t wall)
{
    apr_interval_time_t ahead = (apr_time_t)__atomic_load_n(&live->segment->clock.latest, __ATOMIC_ACQUIRE) - wall;
    return ahead > 0 ? ahead : 0;
}

apr_time_t forge_live_steady(forge_live_t *live)
{
    apr_int64_t before = forge_util_monotonic(), after = before;
    apr_time_t wall = 0;
    for (int i = 0; i < GLANCES; i++) {
        before = forge_util_monotonic();
        wall = apr_time_now();
        after = forge_util_monotonic();
        if (after - before < GLANCE)
            break;
    }
    return forge_live_steady_at(live, wall, after);
}

apr_interval_time_t forge_live_ahead(forge_live_t *live)
{
    return forge_live_ahead_at(live, apr_time_now());
}
