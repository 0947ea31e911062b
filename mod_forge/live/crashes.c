/* SPDX-License-Identifier: Apache-2.0
 * What is known of a process that ended without a word: which routes it was serving, in a table that outlives it, and
 * notes of such ends, from httpd's parent to whichever child takes them.
 *
 * A child that ends as it should takes itself out of the table.
 */
#include "live_private.h"
#include <apr_strings.h>
#include <string.h>
#include <unistd.h>

/* The row of this process; NULL: it shares the common entry. */
static forge_live_flights_t *mine(forge_live_t *live)
{
    const forge_live_process_t *process = forge_live_process(live);
    apr_size_t at = (apr_size_t)(process - live->segment->processes);
    return at < FORGE_LIVE_PROCESSES ? &live->segment->flights[at] : NULL;
}

/* The row may hold what its last owner has left. */
void forge_live_child_begins(forge_live_t *live)
{
    forge_live_flights_t *flights = mine(live);
    if (!flights)
        return;
    for (int i = 0; i < FORGE_LIVE_FLIGHTS; i++)
        __atomic_store_n(&flights->slots[i], 0, __ATOMIC_RELAXED);
    forge_live_store(&flights->pid, (uint64_t)getpid());
}

void forge_live_child_ends(forge_live_t *live)
{
    forge_live_flights_t *flights = mine(live);
    if (flights)
        forge_live_swap(&flights->pid, (uint64_t)getpid(), 0);
}

int forge_live_flight_begin(forge_live_t *live, int slot)
{
    static uint32_t turn;
    forge_live_flights_t *flights = mine(live);
    uint32_t first = __atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED);
    for (uint32_t n = 0; flights && n < FORGE_LIVE_FLIGHTS; n++) {
        uint32_t i = (first + n) % FORGE_LIVE_FLIGHTS, none = 0;
        if (__atomic_compare_exchange_n(&flights->slots[i], &none, (uint32_t)slot + 1, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return (int)i;
    }
    return -1;
}

void forge_live_flight_end(forge_live_t *live, int place)
{
    forge_live_flights_t *flights = place >= 0 ? mine(live) : NULL;
    if (flights)
        __atomic_store_n(&flights->slots[place], 0, __ATOMIC_RELAXED);
}

/* --- for the parent --- */

static bool listed(const forge_crash_t *crash, const char *route)
{
    for (int i = 0; i < crash->routes; i++)
        if (strcmp(crash->route[i], route) == 0)
            return true;
    return false;
}

static void list(const forge_live_segment_t *segment, uint32_t slot, forge_crash_t *crash)
{
    char route[FORGE_CRASH_ROUTE_BYTES];
    if (slot >= __atomic_load_n(&segment->labelled, __ATOMIC_ACQUIRE))
        return;
    apr_snprintf(route, sizeof(route), "%s %s", segment->slots[slot].method, segment->slots[slot].route);
    crash->in_flight++;
    if (crash->routes < FORGE_CRASH_ROUTES && !listed(crash, route))
        memcpy(crash->route[crash->routes++], route, sizeof(route));
}

bool forge_live_child_lost(forge_live_t *live, int pid, forge_crash_t *crash)
{
    forge_live_segment_t *segment = live->segment;
    for (int at = 0; at < FORGE_LIVE_PROCESSES; at++) {
        forge_live_flights_t *flights = &segment->flights[at];
        if (!forge_live_swap(&flights->pid, (uint64_t)pid, 0))
            continue;
        for (int i = 0; i < FORGE_LIVE_FLIGHTS; i++) {
            uint32_t slot = __atomic_load_n(&flights->slots[i], __ATOMIC_RELAXED);
            if (slot)
                list(segment, slot - 1, crash);
        }
        return true;
    }
    return false;
}

/* --- the notes: one writer, who changes even stamps into odd ones; a reader who makes an odd one even has the note ---
 */

void forge_live_crash_put(forge_live_t *live, const forge_crash_t *crash)
{
    for (int i = 0; i < FORGE_LIVE_CRASHES; i++) {
        forge_live_note_t *note = &live->segment->crashes[i];
        uint64_t stamp = __atomic_load_n(&note->stamp, __ATOMIC_ACQUIRE);
        if (stamp & 1)
            continue;
        note->crash = *crash;
        __atomic_store_n(&note->stamp, stamp + 1, __ATOMIC_RELEASE);
        return;
    }
}

bool forge_live_crash_take(forge_live_t *live, forge_crash_t *crash)
{
    for (int i = 0; i < FORGE_LIVE_CRASHES; i++) {
        forge_live_note_t *note = &live->segment->crashes[i];
        uint64_t stamp = __atomic_load_n(&note->stamp, __ATOMIC_ACQUIRE);
        if (!(stamp & 1))
            continue;
        *crash = note->crash;
        if (forge_live_swap(&note->stamp, stamp, stamp + 1))
            return true;
    }
    return false;
}
