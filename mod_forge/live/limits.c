/* SPDX-License-Identifier: Apache-2.0
 * Rate limits, exact over all children: GCRA in whole microseconds, in stripes with hash chains and a list by last use.
 *
 * One time is stored for each key: the theoretical arrival time (tat), at which its whole quota is available again. A
 * request moves it on by one interval, and is refused if tat would be more than the whole span (limit × interval)
 * ahead. So a burst of the whole limit is allowed, but never two bursts at the edge of a window.
 */
#include "live_private.h"
#include <errno.h>

#define LIMIT_MAX \
    APR_INT64_C(1000000000000000) /* limits and windows are cut here (31 years), so that no sum overflows */
#define NONE 0

void forge_live_limits_init(forge_live_segment_t *segment)
{
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    for (int i = 0; i < FORGE_LIVE_STRIPES; i++)
        pthread_mutex_init(&segment->stripes[i].mutex, &shared);
    pthread_mutexattr_destroy(&shared);
}

/* --- Chains and list --- */

static forge_live_key_t *key_at(forge_live_stripe_t *stripe, int32_t link)
{
    return &stripe->keys[link - 1];
}

static int32_t *chain_of(forge_live_stripe_t *stripe, const uint64_t hash[2])
{
    return &stripe->heads[hash[1] & (FORGE_LIVE_STRIPE_KEYS - 1)];
}

static void list_push(forge_live_stripe_t *stripe, int32_t link)
{
    forge_live_key_t *key = key_at(stripe, link);
    key->newer = NONE;
    key->older = stripe->newest;
    if (stripe->newest != NONE)
        key_at(stripe, stripe->newest)->newer = link;
    else
        stripe->oldest = link;
    stripe->newest = link;
}

static void list_remove(forge_live_stripe_t *stripe, int32_t link)
{
    const forge_live_key_t *key = key_at(stripe, link);
    if (key->newer != NONE)
        key_at(stripe, key->newer)->older = key->older;
    else
        stripe->newest = key->older;
    if (key->older != NONE)
        key_at(stripe, key->older)->newer = key->newer;
    else
        stripe->oldest = key->newer;
}

static void chain_push(forge_live_stripe_t *stripe, int32_t link)
{
    int32_t *head = chain_of(stripe, key_at(stripe, link)->hash);
    key_at(stripe, link)->next = *head;
    *head = link;
}

static void chain_remove(forge_live_stripe_t *stripe, int32_t link)
{
    int32_t *at = chain_of(stripe, key_at(stripe, link)->hash);
    while (*at != link)
        at = &key_at(stripe, *at)->next;
    *at = key_at(stripe, link)->next;
}

/* Marks a key as used or free. The compiler must not move writes of its members across the mark, because a child may be
 * killed between them. */
static void key_mark(forge_live_key_t *key, bool used)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&key->used, used, __ATOMIC_RELEASE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void used_set(forge_live_stripe_t *stripe, uint32_t used)
{
    __atomic_store_n(&stripe->used, used, __ATOMIC_RELAXED);
}

static void key_drop(forge_live_stripe_t *stripe, int32_t link)
{
    forge_live_key_t *key = key_at(stripe, link);
    key_mark(key, false);
    chain_remove(stripe, link);
    list_remove(stripe, link);
    key->next = stripe->free;
    stripe->free = link;
    used_set(stripe, stripe->used - 1);
}

/* Finds a free key; a full stripe gives up the least recently used one. Expired keys are dropped first, which loses
 * nothing. */
static int32_t key_make_room(forge_live_stripe_t *stripe, bool *evicted)
{
    int32_t newer;
    for (int32_t link = stripe->oldest, n = 0; link != NONE && n < FORGE_LIVE_REAP; link = newer, n++) {
        newer = key_at(stripe, link)->newer;
        if (key_at(stripe, link)->tat <= stripe->clock)
            key_drop(stripe, link);
    }
    if (stripe->free == NONE && stripe->fresh < FORGE_LIVE_STRIPE_KEYS)
        return ++stripe->fresh;
    if (stripe->free == NONE) {
        key_drop(stripe, stripe->oldest);
        *evicted = true;
    }
    int32_t link = stripe->free;
    stripe->free = key_at(stripe, link)->next;
    return link;
}

static int32_t key_insert(forge_live_stripe_t *stripe, const uint64_t hash[2], bool *evicted)
{
    int32_t link = key_make_room(stripe, evicted);
    forge_live_key_t *key = key_at(stripe, link);
    key->hash[0] = hash[0];
    key->hash[1] = hash[1];
    key->tat = stripe->clock;
    key->touched = ++stripe->tick;
    key_mark(key, true);
    chain_push(stripe, link);
    list_push(stripe, link);
    used_set(stripe, stripe->used + 1);
    return link;
}

/* The key with this hash, created if there is none. It becomes the most recently used one. */
static forge_live_key_t *key_touch(forge_live_stripe_t *stripe, const uint64_t hash[2], bool *evicted)
{
    int32_t link = *chain_of(stripe, hash);
    while (link != NONE && (key_at(stripe, link)->hash[0] != hash[0] || key_at(stripe, link)->hash[1] != hash[1]))
        link = key_at(stripe, link)->next;
    if (link == NONE)
        return key_at(stripe, key_insert(stripe, hash, evicted));
    if (stripe->newest != link) {
        list_remove(stripe, link);
        list_push(stripe, link);
    }
    key_at(stripe, link)->touched = ++stripe->tick;
    return key_at(stripe, link);
}

/* --- The lock, and the repair after its holder died --- */

/* Sorts links by last use, the oldest first (Shell sort with Ciura's gaps, which needs no memory and no recursion). */
static void sort_by_use(forge_live_stripe_t *stripe, int32_t *links, int n)
{
    static const int gaps[] = {1750, 701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof(gaps) / sizeof(*gaps); g++) {
        for (int i = gaps[g]; i < n; i++) {
            int32_t link = links[i];
            int j = i;
            for (; j >= gaps[g] && key_at(stripe, links[j - gaps[g]])->touched > key_at(stripe, link)->touched;
                 j -= gaps[g])
                links[j] = links[j - gaps[g]];
            links[j] = link;
        }
    }
}

/* Rebuilds all links from the keys, whose own members are always valid. */
static void stripe_rebuild(forge_live_stripe_t *stripe)
{
    int32_t links[FORGE_LIVE_STRIPE_KEYS];
    int n = 0;
    for (int i = 0; i < FORGE_LIVE_STRIPE_KEYS; i++)
        stripe->heads[i] = NONE;
    stripe->newest = stripe->oldest = stripe->free = NONE;
    for (int32_t link = 1; link <= stripe->fresh; link++) {
        if (key_at(stripe, link)->used) {
            links[n++] = link;
            continue;
        }
        key_at(stripe, link)->next = stripe->free;
        stripe->free = link;
    }
    sort_by_use(stripe, links, n);
    for (int i = 0; i < n; i++) {
        chain_push(stripe, links[i]);
        list_push(stripe, links[i]);
    }
    used_set(stripe, (uint32_t)n);
    __atomic_fetch_add(&stripe->rebuilt, 1, __ATOMIC_RELAXED);
}

bool forge_live_limit_lock(forge_live_stripe_t *stripe)
{
    int rc = pthread_mutex_lock(&stripe->mutex);
    if (rc == EOWNERDEAD) {
        stripe_rebuild(stripe);
        rc = pthread_mutex_consistent(&stripe->mutex);
    }
    return rc == 0;
}

static const forge_live_key_t *key_see(const forge_live_stripe_t *stripe, int32_t link)
{
    return &stripe->keys[link - 1];
}

/* Every walk ends even if the links are wrong, because it stops after the number of keys. */
bool forge_live_limit_sound(const forge_live_stripe_t *stripe)
{
    uint32_t chained = 0, listed = 0, spare = 0;
    const forge_live_key_t *key;
    for (uint64_t i = 0; i < FORGE_LIVE_STRIPE_KEYS; i++) {
        for (int32_t link = stripe->heads[i]; link != NONE && chained <= stripe->used; link = key->next) {
            key = key_see(stripe, link);
            if (!key->used || (key->hash[1] & (FORGE_LIVE_STRIPE_KEYS - 1)) != i)
                return false;
            chained++;
        }
    }
    for (int32_t link = stripe->newest, newer = NONE; link != NONE && listed <= stripe->used;
         newer = link, link = key->older) {
        key = key_see(stripe, link);
        if (!key->used || key->newer != newer || (newer != NONE && key_see(stripe, newer)->touched < key->touched))
            return false;
        listed++;
    }
    for (int32_t link = stripe->free; link != NONE && spare <= FORGE_LIVE_STRIPE_KEYS;
         link = key_see(stripe, link)->next, spare++) {
        if (key_see(stripe, link)->used)
            return false;
    }
    return chained == stripe->used && listed == stripe->used && spare + stripe->used == (uint32_t)stripe->fresh;
}

/* --- GCRA --- */

/* Advances the stripe's clock, which never runs backwards. So keys neither stay blocked nor open at once when the wall
 * clock is set back. A slightly older `now` comes from a concurrent request and changes nothing. */
static void clock_advance(forge_live_stripe_t *stripe, apr_time_t now)
{
    if (now > stripe->wall)
        stripe->clock += now - stripe->wall;
    else if (stripe->wall - now <= FORGE_LIVE_CLOCK_SLACK)
        return;
    stripe->wall = now;
}

forge_limit_plan_t forge_live_limit_plan(forge_limit_t limit)
{
    int64_t burst = limit.limit < LIMIT_MAX ? limit.limit : LIMIT_MAX;
    int64_t window = limit.window < 1 ? 1 : limit.window < LIMIT_MAX ? limit.window : LIMIT_MAX;
    int64_t interval = (window + burst - 1) / burst; /* rounded up, so that no window allows a request too many */
    return (forge_limit_plan_t){.interval = interval, .span = burst * interval};
}

forge_limit_answer_t forge_live_limit_answer(forge_limit_plan_t plan, bool allowed, apr_interval_time_t reset)
{
    return (forge_limit_answer_t){
        .allowed = allowed,
        .remaining = (plan.span - reset) / plan.interval,
        .reset = reset,
        .retry = allowed ? 0 : reset + plan.interval - plan.span,
    };
}

/* Takes one request by GCRA: the arithmetic is described at the head of this file. server/limit_store.c has it in Lua
 * too. */
static forge_limit_answer_t gcra(forge_live_key_t *key, forge_limit_t limit, int64_t now)
{
    const forge_limit_plan_t plan = forge_live_limit_plan(limit);
    int64_t tat = key->tat < now ? now : key->tat;
    if (tat > now + plan.span) /* stored for a longer window, before the configuration changed */
        tat = now + plan.span;
    bool allowed = tat + plan.interval <= now + plan.span;
    if (allowed)
        tat += plan.interval;
    key->tat = tat;
    return forge_live_limit_answer(plan, allowed, tat - now);
}

forge_live_stripe_t *forge_live_limit_stripe(forge_live_t *live, int class, const void *key, apr_size_t len,
                                             uint64_t hash[2])
{
    forge_live_hash(live->segment->secret, (uint64_t) class, key, len, hash);
    return &live->segment->stripes[hash[0] & (FORGE_LIVE_STRIPES - 1)];
}

forge_limit_answer_t forge_live_limit_take(forge_live_t *live, int class, const void *key, apr_size_t len,
                                           forge_limit_t limit, apr_time_t now)
{
    if (limit.limit <= 0)
        return (forge_limit_answer_t){.allowed = true};
    uint64_t hash[2];
    bool evicted = false;
    forge_live_stripe_t *stripe = forge_live_limit_stripe(live, class, key, len, hash);
    if (now <= 0)
        now = forge_util_monotonic() + live->segment->wall_offset;
    if (!forge_live_limit_lock(stripe)) /* cannot happen while holders repair; if it did, nobody may pass unlimited */
        return (forge_limit_answer_t){.retry = apr_time_from_sec(1), .reset = apr_time_from_sec(1)};
    clock_advance(stripe, now);
    forge_limit_answer_t answer = gcra(key_touch(stripe, hash, &evicted), limit, stripe->clock);
    pthread_mutex_unlock(&stripe->mutex);
    if (evicted)
        forge_live_count(live, FORGE_C_LIMIT_EVICTED);
    return answer;
}

void forge_live_limit_note(forge_live_t *live, int class, const void *key, apr_size_t len, apr_interval_time_t reset)
{
    uint64_t hash[2];
    bool evicted = false;
    forge_live_stripe_t *stripe = forge_live_limit_stripe(live, class, key, len, hash);
    if (!forge_live_limit_lock(stripe))
        return;
    clock_advance(stripe, forge_util_monotonic() + live->segment->wall_offset);
    key_touch(stripe, hash, &evicted)->tat = stripe->clock + reset;
    pthread_mutex_unlock(&stripe->mutex);
}

bool forge_live_limit_peek(forge_live_t *live, int class, const void *key, apr_size_t len, forge_limit_t limit)
{
    if (limit.limit <= 0)
        return true;
    uint64_t hash[2];
    forge_live_stripe_t *stripe = forge_live_limit_stripe(live, class, key, len, hash);
    if (!forge_live_limit_lock(stripe))
        return false;
    clock_advance(stripe, forge_util_monotonic() + live->segment->wall_offset);
    int32_t link = *chain_of(stripe, hash);
    while (link != NONE && (key_at(stripe, link)->hash[0] != hash[0] || key_at(stripe, link)->hash[1] != hash[1]))
        link = key_at(stripe, link)->next;
    forge_live_key_t unseen = {.tat = 0}, copy = link == NONE ? unseen : *key_at(stripe, link);
    bool allowed = gcra(&copy, limit, stripe->clock).allowed;
    pthread_mutex_unlock(&stripe->mutex);
    return allowed;
}

apr_size_t forge_live_limit_keys(const forge_live_t *live)
{
    apr_size_t keys = 0;
    for (int i = 0; i < FORGE_LIVE_STRIPES; i++)
        keys += __atomic_load_n(&live->segment->stripes[i].used, __ATOMIC_RELAXED);
    return keys;
}
