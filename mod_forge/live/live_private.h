/* SPDX-License-Identifier: Apache-2.0
 * The layout of the shared segment and what the files of live/ lend each other; for live/ and its unit tests alone.
 * The segment holds indexes, never pointers, and starts as zeroes: memory that nothing has used yet is not even mapped.
 */
#ifndef FORGE_LIVE_PRIVATE_H
#define FORGE_LIVE_PRIVATE_H

#include "live.h"
#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#define FORGE_LIVE_LAYOUT 3  /* counts up when a member below changes its meaning; a change of size is noticed by itself */
#define FORGE_LIVE_LINE   64 /* bytes of a cache line */

#define FORGE_LIVE_STRIPES     64   /* parts of the limiter, each behind a mutex of its own; a power of two */
#define FORGE_LIVE_STRIPE_KEYS 2048 /* keys of one stripe; 131 072 in all: 100 000 random keys overflow no stripe (12 sigma) */
#define FORGE_LIVE_REAP        8    /* oldest keys looked at for expired ones before a new key is taken in */
#define FORGE_LIVE_CLOCK_SLACK \
    apr_time_from_sec(10) /* a `now` older than the last by less is a slow request; by more, a clock set back \
                           */

#define FORGE_LIVE_SLOTS        (2 * FORGE_ROUTES_MAX) /* slot 0 is for no route; twice, for other names after an upgrade by graceful restart */
#define FORGE_LIVE_METHOD_BYTES 8
#define FORGE_LIVE_ROUTE_BYTES  120
#define FORGE_LIVE_STATUS_FIRST 100
#define FORGE_LIVE_STATUSES     500 /* 100 … 599 */
#define FORGE_LIVE_CLASSES      5   /* 1xx … 5xx */
#define FORGE_LIVE_BUCKETS      15  /* the last one is +Inf */

#define FORGE_LIVE_STATEMENTS      512 /* names of statements; a power of two. One more entry takes the rest */
#define FORGE_LIVE_STATEMENT_WORDS 8   /* a name is kept in words, 63 bytes and a NUL */

#define FORGE_LIVE_PROCESSES 1024 /* children that are told apart; one more entry takes the rest */

#define FORGE_LIVE_PLACES        64    /* places of the gate, at most */
#define FORGE_LIVE_SEATS         16384 /* tickets between the first and the last who wait; a power of two */
#define FORGE_LIVE_PLACE_SECONDS 60    /* a place held for longer, without a sign of life, is given to another */

#define FORGE_LIVE_REVOKED_BUCKETS 4096 /* a power of two */
#define FORGE_LIVE_REVOKED_DEEP    63   /* entries of one bucket; 258 048 in all: 131 072 random ones overflow no bucket (5 sigma) */
#define FORGE_LIVE_REALMS          256  /* databases that are told apart; tokens of a further one are always asked of it */

/* --- Relaxed atomics: counters need no order among each other --- */

static inline uint64_t forge_live_load(const uint64_t *n)
{
    return __atomic_load_n(n, __ATOMIC_RELAXED);
}
static inline void forge_live_store(uint64_t *n, uint64_t value)
{
    __atomic_store_n(n, value, __ATOMIC_RELAXED);
}
static inline void forge_live_add(uint64_t *n, uint64_t value)
{
    (void)__atomic_fetch_add(n, value, __ATOMIC_RELAXED);
}
/* From `was` to `is`; false when another was quicker. */
static inline bool forge_live_swap(uint64_t *n, uint64_t was, uint64_t is)
{
    return __atomic_compare_exchange_n(n, &was, is, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* --- The segment --- */

/* One key of the limiter. Its own members are right at every moment; links may be half done when a child dies, and are then made anew. */
typedef struct forge_live_key_t {
    uint64_t hash[2];
    int64_t tat;          /* theoretical arrival time of GCRA, on the stripe's clock */
    uint64_t touched;     /* the stripe's tick at the last use: the order of the list, for rebuilding it */
    int32_t next;         /* in the hash chain, or in the list of free keys; every link is an index + 1, 0 is none */
    int32_t newer, older; /* in the list by last use */
    uint32_t used;
} forge_live_key_t;

typedef struct forge_live_stripe_t {
    pthread_mutex_t mutex; /* process-shared and robust; guards what is below, but `used` and `rebuilt` are read without it */
    int64_t wall;          /* the last `now` */
    int64_t clock;         /* runs with it, but never backwards */
    uint64_t tick;
    int32_t newest, oldest, free;
    int32_t fresh;    /* keys from here on were never used and are in no list: their pages stay untouched */
    uint32_t used;    /* keys in use */
    uint32_t rebuilt; /* how often a holder died */
    int32_t heads[FORGE_LIVE_STRIPE_KEYS];
    forge_live_key_t keys[FORGE_LIVE_STRIPE_KEYS];
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_stripe_t;

typedef struct forge_live_histogram_t {
    uint64_t buckets[FORGE_LIVE_BUCKETS]; /* each by itself, not summed up; see forge_live_bounds */
    uint64_t sum;                         /* microseconds */
} forge_live_histogram_t;

typedef struct forge_live_slot_t {
    char method[FORGE_LIVE_METHOD_BYTES];
    char route[FORGE_LIVE_ROUTE_BYTES];
    uint64_t statuses[FORGE_LIVE_STATUSES];
    forge_live_histogram_t classes[FORGE_LIVE_CLASSES];
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_slot_t;

/* A name is taken by its hash and then spelt out; whoever finds it unspelt (its author died) writes the same letters. */
typedef struct forge_live_statement_t {
    uint64_t hash; /* 0: free */
    uint64_t spelt;
    uint64_t name[FORGE_LIVE_STATEMENT_WORDS];
    forge_live_histogram_t took;
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_statement_t;

/* What one child adds to the gauges; goes with it. Signed numbers in unsigned words. */
typedef struct forge_live_process_t {
    uint64_t key; /* pid and birth (segment.c); 0: free */
    uint64_t in_flight, pool_size, pool_busy, pool_waiting;
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_process_t;

/* A place, and a seat in the queue before the places (gate.c). `holder` is a process's key; 0: free. Times are of the clock that nobody
 * sets. */
typedef struct forge_live_place_t {
    uint64_t holder;
    int64_t until;
    uint64_t number; /* of the holding */
} forge_live_place_t;
typedef struct forge_live_seat_t {
    uint64_t holder;
    int64_t until;
    uint64_t slots; /* places there are for whoever waits here */
} forge_live_seat_t;
typedef struct forge_live_gate_t {
    pthread_mutex_t mutex; /* process-shared and robust; `turn`, `swept`, `changed` and the counts are read without it */
    uint64_t head, tail;   /* tickets: the first that may still wait, and the next to be given */
    uint64_t turn;         /* whoever has a lower ticket may take a place */
    int64_t swept;         /* when the dead were last looked for */
    uint32_t changed;      /* counts turns that came; threads sleep on it (futex) */
    uint32_t held, waiting;
    int32_t fd; /* an eventfd of the parent's: becomes readable each time that `changed` counts; -1: none */
    forge_live_place_t places[FORGE_LIVE_PLACES];
    forge_live_seat_t seats[FORGE_LIVE_SEATS];
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_gate_t;

/* Revoked sessions and raised epochs whose hash falls here; see revocations.c. Written by one at a time, read by all. */
typedef struct forge_live_revoked_t {
    uint64_t lost; /* the second until which an entry would have counted that found no room here */
    uint64_t keys[FORGE_LIVE_REVOKED_DEEP];
    uint64_t values[FORGE_LIVE_REVOKED_DEEP]; /* second until which it counts << 32 | epoch */
    uint64_t spare;
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_revoked_t;

/* A database: by whom it is listened to, and up to when that has heard all. Times of the clock that nobody sets. */
typedef struct forge_live_realm_t {
    uint64_t id;     /* 0: free */
    uint64_t leader; /* pid; 0: nobody */
    uint64_t beat;   /* when the leader last showed up */
    uint64_t heard;  /* 0: never loaded */
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_realm_t;

typedef struct forge_live_segment_t {
    uint32_t layout;
    uint32_t labelled; /* slots with a name; released after the name is written */
    uint64_t bytes;
    uint64_t secret[2]; /* key of the hash: clients cannot aim at a stripe or a chain */
    apr_time_t started;
    int64_t wall_offset;          /* wall clock less monotonic clock when the segment was made */
    uint64_t cpu_busy, cpu_total; /* /proc/stat then */
    uint64_t counters[FORGE_COUNTERS];
    uint64_t hash_waits, hash_wait_usec; /* forge_live_waited */
    forge_live_gate_t gate;
    forge_live_process_t processes[FORGE_LIVE_PROCESSES + 1];
    forge_live_statement_t statements[FORGE_LIVE_STATEMENTS + 1];
    forge_live_slot_t slots[FORGE_LIVE_SLOTS];
    forge_live_stripe_t stripes[FORGE_LIVE_STRIPES];
    pthread_mutex_t revoking; /* process-shared and robust; writers of the table below hold it */
    forge_live_realm_t realms[FORGE_LIVE_REALMS];
    forge_live_revoked_t revoked[FORGE_LIVE_REVOKED_BUCKETS];
} forge_live_segment_t;

struct forge_live_t {
    forge_live_segment_t *segment;
    uint64_t self; /* pid << 32 | entry in processes[] + 1: by the pid a forked child sees that it is not its own */
};

/* --- segment.c --- */

/* This process's entry; the common one (the last) when the table is full. */
forge_live_process_t *forge_live_process(forge_live_t *live);
/* The key of this process (its pid and birth, never 0), and whether the process of a key still runs. */
uint64_t forge_live_process_self(forge_live_t *live);
bool forge_live_process_alive(uint64_t key);
/* Sums over the children that live; entries of dead ones are given back. */
void forge_live_process_sum(forge_live_t *live, forge_live_process_t *sum);
/* 128 bits of SipHash-2-4; `tweak` goes into the key, so that one text has another hash for every purpose. */
void forge_live_hash(const uint64_t secret[2], uint64_t tweak, const void *data, apr_size_t len, uint64_t hash[2]);

/* --- limits.c --- */

void forge_live_limits_init(forge_live_segment_t *segment);
/* The stripe that `key` belongs to, and its hash. */
forge_live_stripe_t *forge_live_limit_stripe(forge_live_t *live, int class, const void *key, apr_size_t len, uint64_t hash[2]);
/* Locks; repairs what a holder that died has left. */
bool forge_live_limit_lock(forge_live_stripe_t *stripe);
/* Whether chains, list, free keys and counts agree; for tests, under the lock. */
bool forge_live_limit_sound(const forge_live_stripe_t *stripe);

/* --- metrics.c --- */

/* The upper bound of a bucket, itself included; text in seconds. */
typedef struct forge_live_bound_t {
    int64_t usec;
    const char *text;
} forge_live_bound_t;
extern const forge_live_bound_t forge_live_bounds[FORGE_LIVE_BUCKETS - 1];
void forge_live_histogram_add(forge_live_histogram_t *h, apr_interval_time_t took);
void forge_live_histogram_merge(forge_live_histogram_t *into, const forge_live_histogram_t *h); /* `into` is private to the caller */
uint64_t forge_live_histogram_count(const forge_live_histogram_t *h);
/* The q-quantile in microseconds, by linear interpolation; the highest bound when it lies above; 0 of an empty histogram. */
double forge_live_histogram_quantile(const forge_live_histogram_t *h, double q);
/* Copies the name of entry i into `name`; false when it has none. */
bool forge_live_statement_name(const forge_live_statement_t *statement, char name[FORGE_LIVE_STATEMENT_WORDS * 8]);

/* --- system.c: Linux; figures are not known elsewhere --- */

bool forge_live_system_cpu(uint64_t *busy, uint64_t *total); /* ticks of all processors since boot */
double forge_live_system_disk(const char *path);             /* as forge_machine_t has it, of the file system that holds `path` */
/* When the process was born, in ticks since boot; 0 when it is dead (a zombie too) or unknown. *known tells these apart. */
uint64_t forge_live_system_born(pid_t pid, bool *known);

/* --- revocations.c --- */

void forge_live_revocations_init(forge_live_segment_t *segment);
/* Where a session or a user belongs, and its key there. */
forge_live_revoked_t *forge_live_revoked_bucket(forge_live_t *live, uint64_t realm, bool user, apr_int64_t id, uint64_t *key);

/* --- gate.c --- */

void forge_live_gate_init(forge_live_segment_t *segment);

#endif
