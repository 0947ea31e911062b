/* SPDX-License-Identifier: Apache-2.0
 * Database connections that are out: since when, and who holds them. Each connection of a child's pool has a place of
 * its own as long as the pool lives, so that lending one costs a few stores and no lock.
 */
#include "live_private.h"
#include <string.h>
#include <unistd.h>

/* --- places --- */

static void top_raise(forge_live_leases_t *leases, uint64_t top)
{
    uint64_t was = forge_live_load(&leases->top);
    while (was < top && !forge_live_swap(&leases->top, was, top))
        was = forge_live_load(&leases->top);
}

/* The next free place, or -1. What its last owner left there is over. */
static int claim(forge_live_leases_t *leases, uint64_t holder, int *from)
{
    while (*from < FORGE_LIVE_LEASES) {
        int i = (*from)++;
        forge_live_lease_t *lease = &leases->places[i];
        if (forge_live_load(&lease->holder) != 0 || !forge_live_swap(&lease->holder, 0, holder))
            continue;
        forge_live_store(&lease->since, 0);
        top_raise(leases, (uint64_t)i + 1);
        return i;
    }
    return -1;
}

/* To ask whether a process lives costs a file of /proc, and the places of a pool are neighbours. */
static void sweep(forge_live_leases_t *leases)
{
    uint64_t last = 0;
    bool dead = false;
    for (int i = 0; i < FORGE_LIVE_LEASES; i++) {
        uint64_t holder = forge_live_load(&leases->places[i].holder);
        if (holder && holder != last)
            dead = !forge_live_process_alive(holder);
        last = holder ? holder : last;
        if (holder && dead)
            forge_live_swap(&leases->places[i].holder, holder, 0);
    }
}

int forge_live_lease_place(forge_live_t *live, forge_lease_search_t *search)
{
    forge_live_leases_t *leases = &live->segment->leases;
    uint64_t self = forge_live_process_self(live);
    int place = claim(leases, self, &search->from);
    if (place < 0 && !search->swept) {
        *search = (forge_lease_search_t){.from = 0, .swept = true};
        sweep(leases);
        place = claim(leases, self, &search->from);
    }
    return place;
}

void forge_live_lease_leave(forge_live_t *live, int place)
{
    if (place >= 0)
        forge_live_store(&live->segment->leases.places[place].holder, 0);
}

/* --- leases --- */

/* `since` is written last and taken away first: who reads the same one before and after has read one lease. */
void forge_live_lease_begin_at(forge_live_t *live, int place, int slot, const char *activity, apr_int64_t now)
{
    if (place < 0)
        return;
    forge_live_lease_t *lease = &live->segment->leases.places[place];
    uint64_t words[FORGE_LIVE_LEASE_WORDS] = {0};
    size_t len = activity ? strlen(activity) : 0, most = sizeof(words) - 1;
    memcpy(words, activity ? activity : "", len < most ? len : most);
    forge_live_store(&lease->slot, (uint64_t)(int64_t)slot);
    for (size_t i = 0; i < FORGE_LIVE_LEASE_WORDS && (i == 0 || i * sizeof(*words) <= len); i++)
        forge_live_store(&lease->activity[i], words[i]);
    __atomic_store_n(&lease->since, (uint64_t)now, __ATOMIC_RELEASE);
}

void forge_live_lease_begin(forge_live_t *live, int place, int slot, const char *activity)
{
    forge_live_lease_begin_at(live, place, slot, activity, forge_util_monotonic());
}

void forge_live_lease_end(forge_live_t *live, int place)
{
    if (place >= 0)
        __atomic_store_n(&live->segment->leases.places[place].since, 0, __ATOMIC_SEQ_CST);
}

/* --- looking --- */

/* Only slots of requests have a route; the first one is that of requests that matched none. */
static void route_copy(const forge_live_segment_t *segment, int64_t slot, forge_held_t *held)
{
    uint32_t slots = __atomic_load_n(&segment->labelled, __ATOMIC_ACQUIRE);
    held->request = slot >= 0;
    if (slot <= FORGE_LIVE_SLOT_OTHER || slot >= (int64_t)slots)
        return;
    held->method = segment->slots[slot].method;
    held->route = segment->slots[slot].route;
}

bool forge_live_lease_look_at(forge_live_t *live, int place, forge_held_t *held, apr_int64_t now)
{
    if (place < 0)
        return false;
    const forge_live_lease_t *lease = &live->segment->leases.places[place];
    uint64_t words[FORGE_LIVE_LEASE_WORDS], holder = forge_live_load(&lease->holder);
    uint64_t since = __atomic_load_n(&lease->since, __ATOMIC_ACQUIRE);
    memset(held, 0, sizeof(*held));
    route_copy(live->segment, (int64_t)forge_live_load(&lease->slot), held);
    for (int i = 0; i < FORGE_LIVE_LEASE_WORDS; i++)
        words[i] = forge_live_load(&lease->activity[i]);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (!holder || !since || forge_live_load(&lease->since) != since)
        return false;
    memcpy(held->activity, words, sizeof(held->activity));
    held->activity[sizeof(held->activity) - 1] = '\0';
    held->pid = forge_live_process_pid(holder);
    held->took = now - (apr_int64_t)since;
    return forge_live_process_alive(holder);
}

bool forge_live_lease_look(forge_live_t *live, int place, forge_held_t *held)
{
    return forge_live_lease_look_at(live, place, held, forge_util_monotonic());
}

/* Puts one into a list that is sorted, the longest first, and loses the last one where there is no room. */
static void insert(forge_held_t *list, int count, int most, const forge_held_t *held)
{
    int i = count < most ? count : most - 1;
    if (i < 0 || (count >= most && list[i].took >= held->took))
        return;
    for (; i > 0 && list[i - 1].took < held->took; i--)
        list[i] = list[i - 1];
    list[i] = *held;
}

int forge_live_leases_long_at(forge_live_t *live, forge_held_t *list, int most, apr_int64_t now)
{
    const forge_live_leases_t *leases = &live->segment->leases;
    int count = 0, top = (int)forge_live_load(&leases->top);
    for (int i = 0; i < top; i++) {
        forge_held_t held;
        uint64_t since = forge_live_load(&leases->places[i].since);
        if (!since || now - (apr_int64_t)since <= FORGE_LIVE_HELD_LONG ||
            !forge_live_lease_look_at(live, i, &held, now))
            continue;
        insert(list, count, most, &held);
        count++;
    }
    return count;
}

int forge_live_leases_long(forge_live_t *live, forge_held_t *list, int most)
{
    return forge_live_leases_long_at(live, list, most, forge_util_monotonic());
}

/* --- the pools themselves --- */

int forge_live_pools(forge_live_t *live, forge_live_pool_t *list, int most)
{
    int count = 0;
    for (int i = 0; i < FORGE_LIVE_PROCESSES && count < most; i++) {
        const forge_live_process_t *process = &live->segment->processes[i];
        uint64_t key = forge_live_load(&process->key);
        int64_t size = (int64_t)forge_live_load(&process->pool_size);
        if (!key || size <= 0 || !forge_live_process_alive(key))
            continue;
        list[count++] = (forge_live_pool_t){forge_live_process_pid(key),
                                            (int)size,
                                            (int)(int64_t)forge_live_load(&process->pool_busy),
                                            (int)(int64_t)forge_live_load(&process->pool_waiting),
                                            (int)(int64_t)forge_live_load(&process->replica_size),
                                            (int)(int64_t)forge_live_load(&process->replica_busy)};
    }
    return count;
}
