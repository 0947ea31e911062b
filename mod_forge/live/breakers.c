/* SPDX-License-Identifier: Apache-2.0
 * Circuit breakers: a host that mostly fails is left alone for a while, by all children. Then one call tries it; if
 * that succeeds, the others may again. Of all calls only that one decides: those that began before say how the host
 * was.
 *
 * A robust mutex guards the table. Each step leaves it right at every moment, so that a holder may die.
 */
#include "live_private.h"
#include <errno.h>
#include <string.h>

#define WINDOW    APR_INT64_C(10000000)   /* microseconds in which calls are counted together */
#define LEAST     5                       /* calls before the share of failures says anything */
#define OPEN_FOR  APR_INT64_C(10000000)   /* until one call may try */
#define TRIAL_FOR APR_INT64_C(660000000)  /* a trial that is not told of; longer than any call may take */
#define PATIENCE  apr_time_from_msec(100) /* for a holder that is stopped: then calls go on uncounted */

/* Of those that are tried beside calls. */
#define TRY_EVERY    APR_INT64_C(500000)
#define TRY_LOST     APR_INT64_C(5000000) /* a try that is not told of */
#define STEADY_FOR   APR_INT64_C(5000000) /* closed for so long it may be tried at once */
#define TRY_UNSTEADY APR_INT64_C(1000000)

void forge_live_breakers_init(forge_live_segment_t *segment)
{
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&segment->breaking, &shared);
    pthread_mutex_init(&segment->labelling, &shared); /* metrics.c */
    pthread_mutexattr_destroy(&shared);
}

static bool lock(forge_live_segment_t *segment)
{
    int rc = forge_util_lock(&segment->breaking, PATIENCE);
    if (rc == EOWNERDEAD)
        rc = pthread_mutex_consistent(&segment->breaking);
    return rc == 0;
}

static apr_int64_t used(const forge_live_breaker_t *breaker)
{
    return __atomic_load_n(&breaker->used, __ATOMIC_RELAXED);
}

/* Under the lock: the place of a host, or else the one that it gets. That is a free one, or the one that was not asked
 * for the longest, after no call that began with it can be under way any more: its host is one of a configuration of
 * before. */
static forge_live_breaker_t *place_of(forge_live_segment_t *segment, const char *host, apr_int64_t now)
{
    forge_live_breaker_t *oldest = &segment->breakers[0];
    for (forge_live_breaker_t *b = oldest; b < segment->breakers + FORGE_LIVE_BREAKERS; b++) {
        if (!b->host[0] || strcmp(b->host, host) == 0)
            return b;
        if (used(b) < used(oldest))
            oldest = b;
    }
    if (now - used(oldest) < TRIAL_FOR)
        return NULL;
    oldest->state = FORGE_BREAKER_CLOSED;
    oldest->calls = oldest->failures = 0;
    oldest->since = oldest->until = 0;
    return oldest;
}

int forge_live_breaker_at(forge_live_t *live, const char *host, apr_int64_t now)
{
    forge_live_segment_t *segment = live->segment;
    if (strlen(host) >= FORGE_LIVE_HOST_BYTES || !lock(segment))
        return -1;
    forge_live_breaker_t *found = place_of(segment, host, now);
    if (found) {
        memcpy(found->host, host, strlen(host) + 1);
        __atomic_store_n(&found->used, now, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&segment->breaking);
    return found ? (int)(found - segment->breakers) : -1;
}

int forge_live_breaker(forge_live_t *live, const char *host)
{
    return forge_live_breaker_at(live, host, forge_util_monotonic());
}

/* Under the lock. Whoever made the last trial may have died with its process. */
static bool may_try(const forge_live_breaker_t *breaker, apr_int64_t now)
{
    return now >= breaker->until ||
           (breaker->state == FORGE_BREAKER_HALF_OPEN && !forge_live_process_alive(breaker->holder));
}

static apr_uint32_t try_it(forge_live_t *live, forge_live_breaker_t *breaker, apr_int64_t now)
{
    breaker->holder = forge_live_process_self(live);
    breaker->until = now + TRIAL_FOR;
    breaker->state = FORGE_BREAKER_HALF_OPEN;
    if (++breaker->trial == 0)
        breaker->trial = 1;
    return breaker->trial;
}

bool forge_live_breaker_allows_at(forge_live_t *live, int which, forge_pass_t *pass, apr_int64_t now)
{
    forge_live_segment_t *segment = live->segment;
    *pass = (forge_pass_t){.which = which, .trial = 0};
    if (which < 0 || !lock(segment))
        return true;
    forge_live_breaker_t *breaker = &segment->breakers[which];
    bool closed = breaker->state == FORGE_BREAKER_CLOSED, allows = closed || may_try(breaker, now);
    if (allows && !closed)
        pass->trial = try_it(live, breaker, now);
    pthread_mutex_unlock(&segment->breaking);
    return allows;
}

bool forge_live_breaker_allows(forge_live_t *live, int which, forge_pass_t *pass)
{
    return forge_live_breaker_allows_at(live, which, pass, forge_util_monotonic());
}

static void count(forge_live_breaker_t *breaker, bool good, apr_int64_t now)
{
    if (now - breaker->since >= WINDOW || now < breaker->since) {
        breaker->since = now;
        breaker->calls = breaker->failures = 0;
    }
    breaker->calls++;
    breaker->failures += !good;
}

static void open_it(forge_live_breaker_t *breaker, apr_int64_t now)
{
    breaker->state = FORGE_BREAKER_OPEN;
    breaker->until = now + OPEN_FOR;
}

static void close_it(forge_live_breaker_t *breaker, apr_int64_t now)
{
    breaker->state = FORGE_BREAKER_CLOSED;
    breaker->since = now;
    breaker->calls = breaker->failures = 0;
}

/* Whether a pass is that of the trial under way. */
static bool tries(const forge_live_breaker_t *breaker, const forge_pass_t *pass)
{
    return breaker->state == FORGE_BREAKER_HALF_OPEN && pass->trial && pass->trial == breaker->trial;
}

void forge_live_breaker_told_at(forge_live_t *live, const forge_pass_t *pass, bool good, apr_int64_t now)
{
    forge_live_segment_t *segment = live->segment;
    if (pass->which < 0 || !lock(segment))
        return;
    forge_live_breaker_t *breaker = &segment->breakers[pass->which];
    if (breaker->state == FORGE_BREAKER_CLOSED) {
        count(breaker, good, now);
        if (!good && breaker->calls >= LEAST && breaker->failures * 2 >= breaker->calls)
            open_it(breaker, now);
    } else if (tries(breaker, pass) && good) {
        close_it(breaker, now);
    } else if (tries(breaker, pass)) {
        open_it(breaker, now);
    }
    pthread_mutex_unlock(&segment->breaking);
}

void forge_live_breaker_told(forge_live_t *live, const forge_pass_t *pass, bool good)
{
    forge_live_breaker_told_at(live, pass, good, forge_util_monotonic());
}

void forge_live_breaker_given_up(forge_live_t *live, const forge_pass_t *pass)
{
    forge_live_segment_t *segment = live->segment;
    if (pass->which < 0 || !lock(segment))
        return;
    if (tries(&segment->breakers[pass->which], pass))
        segment->breakers[pass->which].until = 0;
    pthread_mutex_unlock(&segment->breaking);
}

/* --- of those that are tried beside calls. `failures` counts how often they were opened, `since` is when they were
 * closed last, `until` when the next try is due --- */

bool forge_live_breaker_trip_at(forge_live_t *live, int which, apr_int64_t now)
{
    forge_live_segment_t *segment = live->segment;
    if (which < 0 || !lock(segment))
        return false;
    forge_live_breaker_t *breaker = &segment->breakers[which];
    bool closed = breaker->state == FORGE_BREAKER_CLOSED;
    if (closed) {
        breaker->until = breaker->since && now - breaker->since < STEADY_FOR ? now + TRY_UNSTEADY : now;
        __atomic_store_n(&breaker->failures, breaker->failures + 1, __ATOMIC_RELAXED);
    } else if (breaker->state == FORGE_BREAKER_HALF_OPEN) {
        breaker->until = now + TRY_EVERY;
    }
    breaker->state = FORGE_BREAKER_OPEN;
    pthread_mutex_unlock(&segment->breaking);
    return closed;
}

bool forge_live_breaker_trip(forge_live_t *live, int which)
{
    return forge_live_breaker_trip_at(live, which, forge_util_monotonic());
}

bool forge_live_breaker_try_at(forge_live_t *live, int which, apr_int64_t now)
{
    forge_live_segment_t *segment = live->segment;
    if (which >= 0) /* whoever asks this keeps the place, and does not ask for it again */
        __atomic_store_n(&segment->breakers[which].used, now, __ATOMIC_RELAXED);
    if (forge_live_breaker_state(live, which) == FORGE_BREAKER_CLOSED || !lock(segment))
        return false;
    forge_live_breaker_t *breaker = &segment->breakers[which];
    bool due = breaker->state != FORGE_BREAKER_CLOSED && now >= breaker->until;
    if (due) {
        breaker->state = FORGE_BREAKER_HALF_OPEN;
        breaker->until = now + TRY_LOST;
    }
    pthread_mutex_unlock(&segment->breaking);
    return due;
}

bool forge_live_breaker_try(forge_live_t *live, int which)
{
    return forge_live_breaker_try_at(live, which, forge_util_monotonic());
}

bool forge_live_breaker_mend_at(forge_live_t *live, int which, apr_int64_t now)
{
    forge_live_segment_t *segment = live->segment;
    if (which < 0 || !lock(segment))
        return false;
    forge_live_breaker_t *breaker = &segment->breakers[which];
    bool mended = breaker->state != FORGE_BREAKER_CLOSED;
    if (mended)
        breaker->since = now;
    breaker->state = FORGE_BREAKER_CLOSED;
    pthread_mutex_unlock(&segment->breaking);
    return mended;
}

bool forge_live_breaker_mend(forge_live_t *live, int which)
{
    return forge_live_breaker_mend_at(live, which, forge_util_monotonic());
}

apr_uint32_t forge_live_breaker_trips(const forge_live_t *live, int which)
{
    return which < 0 ? 0 : __atomic_load_n(&live->segment->breakers[which].failures, __ATOMIC_RELAXED);
}

forge_breaker_state_t forge_live_breaker_state(const forge_live_t *live, int which)
{
    return which < 0 ? FORGE_BREAKER_CLOSED
                     : (forge_breaker_state_t)__atomic_load_n(&live->segment->breakers[which].state, __ATOMIC_RELAXED);
}
