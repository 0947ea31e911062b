/* SPDX-License-Identifier: Apache-2.0
 * The gate: at most n at a time over all children, and a bounded queue before it. Nobody's death can leave it shut.
 *
 * A place, and a seat in the queue, is one word: who holds it, until when, and which holding it is. One exchange takes it or gives it
 * back, so there is no lock; a word whose time is over or whose process is gone counts as free. Waiters sleep on a counter of places
 * given back.
 */
#include "live_private.h"
#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

/* A word is pid, second of expiry and number; what gate_enter returns is number and place. */
#define PID_SHIFT    40 /* 24 bits of pid */
#define EXPIRY_SHIFT 16 /* 24 bits of seconds, on the monotonic clock; they may wrap */
#define EXPIRY_MASK  0xffffffu
#define NUMBER_MASK  0xffffu
#define PLACE_BITS   6
#define NAP_MAX      APR_INT64_C(20000) /* microseconds a waiter sleeps before it looks for places of the dead; with jitter, twice that */

static uint32_t seconds_now(void)
{
    return (uint32_t)(forge_util_monotonic() / 1000000) & EXPIRY_MASK;
}

/* A word for this process that expires in `seconds`; never 0. */
static uint64_t word_make(forge_live_gate_t *gate, uint32_t seconds)
{
    uint64_t number = __atomic_add_fetch(&gate->taken, 1, __ATOMIC_RELAXED) & NUMBER_MASK;
    uint64_t expiry = (seconds_now() + seconds) & EXPIRY_MASK;
    return (uint64_t)getpid() << PID_SHIFT | expiry << EXPIRY_SHIFT | number;
}

static bool word_expired(uint64_t word, uint32_t now)
{
    uint32_t left = ((uint32_t)(word >> EXPIRY_SHIFT) - now) & EXPIRY_MASK;
    return left == 0 || left > EXPIRY_MASK / 2;
}

static bool word_orphaned(uint64_t word)
{
    return kill((pid_t)(word >> PID_SHIFT), 0) != 0 && errno == ESRCH;
}

/* Puts `word` where one is free or expired; with `sweep`, also where the holder is dead (a system call each). The index, or -1. */
static int words_take(uint64_t *words, int n, uint64_t word, bool sweep)
{
    uint32_t now = seconds_now();
    for (int i = 0; i < n; i++) {
        uint64_t held = forge_live_load(&words[i]);
        if ((held == 0 || word_expired(held, now) || (sweep && word_orphaned(held))) && forge_live_swap(&words[i], held, word))
            return i;
    }
    return -1;
}

static int words_held(const uint64_t *words, int n)
{
    int held = 0;
    uint32_t now = seconds_now();
    for (int i = 0; i < n; i++) {
        uint64_t word = forge_live_load(&words[i]);
        held += word != 0 && !word_expired(word, now) && !word_orphaned(word);
    }
    return held;
}

/* Sleeps until a place is given back after `released` was read, or for `nap` at most. */
static void sleep_until_released(forge_live_gate_t *gate, uint32_t released, apr_interval_time_t nap)
{
    struct timespec t = {.tv_sec = nap / 1000000, .tv_nsec = nap % 1000000 * 1000};
#if defined(__linux__)
    syscall(SYS_futex, &gate->released, FUTEX_WAIT, released, &t, NULL, 0);
#else
    (void)gate;
    (void)released;
    nanosleep(&t, NULL);
#endif
}

static void wake_one(forge_live_gate_t *gate)
{
    __atomic_fetch_add(&gate->released, 1, __ATOMIC_RELEASE);
#if defined(__linux__)
    syscall(SYS_futex, &gate->released, FUTEX_WAKE, 1, NULL, NULL, 0);
#endif
}

/* A place as gate_enter returns it, or -1. */
static int place_take(forge_live_gate_t *gate, int slots, bool sweep)
{
    uint64_t word = word_make(gate, FORGE_LIVE_PLACE_SECONDS);
    int place = words_take(gate->places, slots, word, sweep);
    return place < 0 ? -1 : place | (int)(word & NUMBER_MASK) << PLACE_BITS;
}

static bool queue_waits(const forge_live_gate_t *gate, int slots)
{
    uint32_t now = seconds_now();
    for (int i = 0; i < slots * FORGE_LIVE_QUEUE; i++) {
        uint64_t word = forge_live_load(&gate->seats[i]);
        if (word != 0 && !word_expired(word, now))
            return true;
    }
    return false;
}

/* Waits in the queue. Who comes while others wait sleeps before it looks for the first time, so that it does not pass them. */
static int queue_wait(forge_live_gate_t *gate, int slots, apr_interval_time_t patience, bool behind)
{
    int64_t until = forge_util_monotonic() + patience;
    bool sweep = true;
    for (;;) {
        uint32_t released = __atomic_load_n(&gate->released, __ATOMIC_ACQUIRE);
        int place = behind ? -1 : place_take(gate, slots, sweep);
        if (place >= 0)
            return place;
        behind = false;
        int64_t now = forge_util_monotonic(), left = until - now, most = NAP_MAX + now % NAP_MAX;
        if (left <= 0)
            return -1;
        sleep_until_released(gate, released, left < most ? left : most);
        sweep = __atomic_load_n(&gate->released, __ATOMIC_RELAXED) == released; /* nothing came back: perhaps somebody died */
    }
}

int forge_live_gate_enter(forge_live_t *live, int slots, apr_interval_time_t patience)
{
    forge_live_gate_t *gate = &live->segment->gate;
    slots = slots < 1 ? 1 : slots > FORGE_LIVE_PLACES ? FORGE_LIVE_PLACES : slots;
    bool waiters = queue_waits(gate, slots);
    int place = waiters ? -1 : place_take(gate, slots, false);
    if (place >= 0)
        return place;
    if (patience < 0)
        patience = 0;
    uint64_t seat_word = word_make(gate, (uint32_t)(patience / 1000000 % (EXPIRY_MASK / 4)) + 2);
    int seat = words_take(gate->seats, slots * FORGE_LIVE_QUEUE, seat_word, true);
    if (seat < 0)
        return -1;
    place = queue_wait(gate, slots, patience, waiters);
    forge_live_swap(&gate->seats[seat], seat_word, 0);
    return place;
}

/* Only the holding that was returned is ended: after FORGE_LIVE_PLACE_SECONDS the place may be another's. */
void forge_live_gate_leave(forge_live_t *live, int place)
{
    forge_live_gate_t *gate = &live->segment->gate;
    if (place < 0)
        return;
    uint64_t *held = &gate->places[place & (FORGE_LIVE_PLACES - 1)];
    uint64_t word = forge_live_load(held);
    if ((pid_t)(word >> PID_SHIFT) != getpid() || (word & NUMBER_MASK) != (uint64_t)place >> PLACE_BITS)
        return;
    if (forge_live_swap(held, word, 0))
        wake_one(gate);
}

int forge_live_gate_held(forge_live_t *live)
{
    return words_held(live->segment->gate.places, FORGE_LIVE_PLACES);
}

int forge_live_gate_waiting(forge_live_t *live)
{
    return words_held(live->segment->gate.seats, FORGE_LIVE_PLACES * FORGE_LIVE_QUEUE);
}
