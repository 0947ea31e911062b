/* SPDX-License-Identifier: Apache-2.0
 * The gate: at most n at a time over all children, and a queue in the order of arrival before it. Nobody's death can
 * leave it shut.
 *
 * Who arrives gets a ticket, the next number; the seat of ticket t is seats[t % FORGE_LIVE_SEATS]. All tickets below
 * `turn` may take a place. Every change computes `turn` anew and wakes those who wait, whichever child they are in:
 * threads by a futex, pumps by an eventfd.
 *
 * A robust mutex guards it. Each step leaves places and seats right at every moment, so that after the death of a
 * holder only the counts are made anew. A place or seat whose time is over, or whose process is gone, is free.
 */
#include "live_private.h"
#include <errno.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#endif

#define PLACE_BITS  6       /* a place as callers know it: number of the holding << PLACE_BITS | index */
#define NUMBER_MASK 0xffffu /* … of which so much is told */
#define SEAT_SLACK \
    APR_INT64_C(2000000) /* microseconds after which the seat of somebody who did not leave it is taken away */
#define SWEEP_EVERY APR_INT64_C(100000) /* microseconds between two looks for the dead: a look costs system calls */
#define NAP_MAX \
    APR_INT64_C(20000) /* microseconds a waiting thread sleeps before it looks for the dead; with jitter, twice that \
                        */
#define KNOWN_MAX 32   /* processes of which one look remembers whether they live */

void forge_live_gate_init(forge_live_segment_t *segment)
{
    forge_live_gate_t *gate = &segment->gate;
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&gate->mutex, &shared);
    pthread_mutexattr_destroy(&shared);
    gate->head = gate->tail = gate->turn = 1; /* 0 is no ticket */
    gate->fd = -1;
#if defined(__linux__)
    gate->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* children inherit it under this number */
#endif
}

static forge_live_seat_t *seat_of(forge_live_gate_t *gate, uint64_t ticket)
{
    return &gate->seats[ticket % FORGE_LIVE_SEATS];
}

/* The counts are read without the lock, for metrics. */
static void recount(forge_live_gate_t *gate)
{
    uint32_t held = 0, waiting = 0;
    for (int i = 0; i < FORGE_LIVE_PLACES; i++)
        held += gate->places[i].holder != 0;
    for (uint64_t t = gate->head; t < gate->tail; t++)
        waiting += seat_of(gate, t)->holder != 0;
    __atomic_store_n(&gate->held, held, __ATOMIC_RELAXED);
    __atomic_store_n(&gate->waiting, waiting, __ATOMIC_RELAXED);
}

static void lock(forge_live_gate_t *gate)
{
    if (pthread_mutex_lock(&gate->mutex) == EOWNERDEAD) {
        pthread_mutex_consistent(&gate->mutex);
        recount(gate);
    }
}

/* --- who may go --- */

/* Those at the head of the queue for whom there is a place. Each asks with a number of places of its own; nobody passes
 * another. */
static bool turn_compute(forge_live_gate_t *gate)
{
    uint64_t t = gate->head, ready = 0;
    while (t < gate->tail && !seat_of(gate, t)->holder)
        t++;
    gate->head = t;
    for (; t < gate->tail; t++) {
        const forge_live_seat_t *seat = seat_of(gate, t);
        if (seat->holder && gate->held + ready >= seat->slots)
            break;
        ready += seat->holder != 0;
    }
    __atomic_store_n(&gate->turn, t, __ATOMIC_RELEASE);
    return ready > 0;
}

static void wake_all(forge_live_gate_t *gate)
{
    __atomic_fetch_add(&gate->changed, 1, __ATOMIC_RELEASE);
#if defined(__linux__)
    const uint64_t one = 1;
    syscall(SYS_futex, &gate->changed, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
    if (gate->fd >= 0 && write(gate->fd, &one, sizeof(one)) < 0)
        return; /* full after 2^64 of them: whoever waits looks by itself before long */
#endif
}

/* The end of every change. */
static void unlock(forge_live_gate_t *gate, bool changed)
{
    bool wake = changed && turn_compute(gate);
    pthread_mutex_unlock(&gate->mutex);
    if (wake)
        wake_all(gate);
}

/* --- the dead --- */

typedef struct known_t {
    uint64_t keys[KNOWN_MAX];
    bool alive[KNOWN_MAX];
    int n;
} known_t;

/* Asked once for each process, since many of its requests may wait. */
static bool alive(known_t *known, uint64_t key)
{
    for (int i = 0; i < known->n; i++)
        if (known->keys[i] == key)
            return known->alive[i];
    bool lives = forge_live_process_alive(key);
    if (known->n < KNOWN_MAX) {
        known->keys[known->n] = key;
        known->alive[known->n++] = lives;
    }
    return lives;
}

/* Frees what the dead have left and what has expired; true when there was any. */
static bool sweep(forge_live_gate_t *gate, int64_t now)
{
    known_t known = {.n = 0};
    bool freed = false;
    for (int i = 0; i < FORGE_LIVE_PLACES; i++) {
        forge_live_place_t *place = &gate->places[i];
        if (place->holder && (place->until <= now || !alive(&known, place->holder))) {
            place->holder = 0;
            freed = true;
        }
    }
    for (uint64_t t = gate->head; t < gate->tail; t++) {
        forge_live_seat_t *seat = seat_of(gate, t);
        if (seat->holder && (seat->until + SEAT_SLACK <= now || !alive(&known, seat->holder))) {
            seat->holder = 0;
            freed = true;
        }
    }
    __atomic_store_n(&gate->swept, now, __ATOMIC_RELAXED);
    if (freed)
        recount(gate);
    return freed;
}

static bool sweep_due(const forge_live_gate_t *gate, int64_t now)
{
    return now - __atomic_load_n(&gate->swept, __ATOMIC_RELAXED) >= SWEEP_EVERY;
}

/* --- places and seats --- */

/* A place for this process as callers know it, or -1. Under the lock. */
static int place_take(forge_live_t *live, int64_t now)
{
    forge_live_gate_t *gate = &live->segment->gate;
    for (int i = 0; i < FORGE_LIVE_PLACES; i++) {
        forge_live_place_t *place = &gate->places[i];
        if (place->holder)
            continue;
        place->number = (place->number + 1) & NUMBER_MASK;
        place->until = now + (int64_t)FORGE_LIVE_PLACE_SECONDS * 1000000;
        place->holder = forge_live_process_self(live);
        __atomic_store_n(&gate->held, gate->held + 1, __ATOMIC_RELAXED);
        return i | (int)place->number << PLACE_BITS;
    }
    return -1;
}

/* The holding that a caller means, or NULL when it was taken away meanwhile. Under the lock. */
static forge_live_place_t *place_of(forge_live_t *live, int place)
{
    forge_live_place_t *held = &live->segment->gate.places[place & (FORGE_LIVE_PLACES - 1)];
    bool same = held->number == (uint64_t)place >> PLACE_BITS && held->holder == forge_live_process_self(live);
    return same ? held : NULL;
}

/* A seat at the end of the queue. Under the lock. */
static uint64_t seat_take(forge_live_t *live, int slots, int64_t until)
{
    forge_live_gate_t *gate = &live->segment->gate;
    uint64_t ticket = gate->tail;
    forge_live_seat_t *seat = seat_of(gate, ticket);
    seat->until = until;
    seat->slots = (uint64_t)slots;
    seat->holder = forge_live_process_self(live);
    gate->tail = ticket + 1;
    __atomic_store_n(&gate->waiting, gate->waiting + 1, __ATOMIC_RELAXED);
    return ticket;
}

/* The seat of a ticket that still waits, or NULL. Under the lock. */
static forge_live_seat_t *seat_held(forge_live_t *live, uint64_t ticket)
{
    forge_live_gate_t *gate = &live->segment->gate;
    forge_live_seat_t *seat = seat_of(gate, ticket);
    return ticket >= gate->head && ticket < gate->tail && seat->holder == forge_live_process_self(live) ? seat : NULL;
}

static void seat_leave(forge_live_gate_t *gate, forge_live_seat_t *seat)
{
    seat->holder = 0;
    __atomic_store_n(&gate->waiting, gate->waiting - 1, __ATOMIC_RELAXED);
}

int forge_live_gate_arrive(forge_live_t *live, int slots, int most, apr_interval_time_t patience, apr_uint64_t *ticket)
{
    forge_live_gate_t *gate = &live->segment->gate;
    int64_t now = forge_util_monotonic();
    int place = -1;
    *ticket = 0;
    slots = slots < 1 ? 1 : slots > FORGE_LIVE_PLACES ? FORGE_LIVE_PLACES : slots;
    lock(gate);
    bool full = gate->held >= (uint32_t)slots || gate->waiting > 0;
    bool freed = full && sweep_due(gate, now) && sweep(gate, now);
    if (gate->waiting == 0 && gate->held < (uint32_t)slots)
        place = place_take(live, now);
    else if (gate->waiting < (uint32_t)(most < 0 ? 0 : most) && gate->tail - gate->head < FORGE_LIVE_SEATS)
        *ticket = seat_take(live, slots, now + (patience < 0 ? 0 : patience));
    unlock(gate, freed || *ticket);
    return place;
}

int forge_live_gate_turn(forge_live_t *live, apr_uint64_t ticket)
{
    forge_live_gate_t *gate = &live->segment->gate;
    int64_t now = forge_util_monotonic();
    bool mine = ticket < __atomic_load_n(&gate->turn, __ATOMIC_ACQUIRE);
    if (!mine && !sweep_due(gate, now))
        return FORGE_GATE_WAIT;
    int place = FORGE_GATE_WAIT;
    lock(gate);
    bool changed = sweep_due(gate, now) && sweep(gate, now);
    if (changed)
        turn_compute(gate);
    forge_live_seat_t *seat = seat_held(live, ticket);
    if (!seat) {
        place = FORGE_GATE_LOST;
    } else if (ticket < gate->turn) {
        place = place_take(live, now);
        seat_leave(gate, seat);
        changed = true;
    }
    unlock(gate, changed);
    return place;
}

void forge_live_gate_quit(forge_live_t *live, apr_uint64_t ticket)
{
    forge_live_gate_t *gate = &live->segment->gate;
    lock(gate);
    forge_live_seat_t *seat = seat_held(live, ticket);
    if (seat)
        seat_leave(gate, seat);
    unlock(gate, seat != NULL);
}

/* Only the holding that was returned is ended: after FORGE_LIVE_PLACE_SECONDS the place may be another's. */
void forge_live_gate_leave(forge_live_t *live, int place)
{
    forge_live_gate_t *gate = &live->segment->gate;
    if (place < 0)
        return;
    lock(gate);
    forge_live_place_t *held = place_of(live, place);
    if (held) {
        held->holder = 0;
        __atomic_store_n(&gate->held, gate->held - 1, __ATOMIC_RELAXED);
    }
    unlock(gate, held != NULL);
}

void forge_live_gate_renew(forge_live_t *live, int place)
{
    forge_live_gate_t *gate = &live->segment->gate;
    if (place < 0)
        return;
    lock(gate);
    forge_live_place_t *held = place_of(live, place);
    if (held)
        held->until = forge_util_monotonic() + (int64_t)FORGE_LIVE_PLACE_SECONDS * 1000000;
    unlock(gate, false);
}

/* --- waiting on a thread --- */

/* Sleeps until something has changed since `seen` was read, or for `nap` at most. */
static void sleep_until_changed(forge_live_gate_t *gate, uint32_t seen, apr_interval_time_t nap)
{
    struct timespec t = {.tv_sec = nap / 1000000, .tv_nsec = nap % 1000000 * 1000};
#if defined(__linux__)
    syscall(SYS_futex, &gate->changed, FUTEX_WAIT, seen, &t, NULL, 0);
#else
    (void)gate;
    (void)seen;
    nanosleep(&t, NULL);
#endif
}

int forge_live_gate_wait(forge_live_t *live, apr_uint64_t ticket, apr_interval_time_t patience)
{
    forge_live_gate_t *gate = &live->segment->gate;
    int64_t until = forge_util_monotonic() + patience;
    for (;;) {
        uint32_t seen = __atomic_load_n(&gate->changed, __ATOMIC_ACQUIRE);
        int place = forge_live_gate_turn(live, ticket);
        if (place != FORGE_GATE_WAIT)
            return place;
        int64_t now = forge_util_monotonic(), left = until - now, most = NAP_MAX + now % NAP_MAX;
        if (left <= 0)
            break;
        sleep_until_changed(gate, seen, left < most ? left : most);
    }
    forge_live_gate_quit(live, ticket);
    return FORGE_GATE_LOST;
}

int forge_live_gate_enter(forge_live_t *live, int slots, int most, apr_interval_time_t patience)
{
    apr_uint64_t ticket;
    int place = forge_live_gate_arrive(live, slots, most, patience, &ticket);
    return place >= 0 ? place : ticket ? forge_live_gate_wait(live, ticket, patience) : FORGE_GATE_LOST;
}

/* --- figures --- */

static void tidy(forge_live_gate_t *gate)
{
    lock(gate);
    unlock(gate, sweep(gate, forge_util_monotonic()));
}

int forge_live_gate_held(forge_live_t *live)
{
    tidy(&live->segment->gate);
    return (int)__atomic_load_n(&live->segment->gate.held, __ATOMIC_RELAXED);
}

int forge_live_gate_waiting(forge_live_t *live)
{
    tidy(&live->segment->gate);
    return (int)__atomic_load_n(&live->segment->gate.waiting, __ATOMIC_RELAXED);
}

int forge_live_gate_fd(const forge_live_t *live)
{
    return live->segment->gate.fd;
}
