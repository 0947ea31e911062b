/* SPDX-License-Identifier: Apache-2.0
 * The layout of the shared segment, and the functions that the files of live/ share; only for live/ and its unit tests.
 * The segment holds indexes, never pointers, and starts as zeroes. Memory that was never used is not even mapped.
 */
#ifndef FORGE_LIVE_PRIVATE_H
#define FORGE_LIVE_PRIVATE_H

#include "live.h"
#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

/* Raise it when a member below changes its place or meaning; other counters and another size are noticed anyway. */
#define FORGE_LIVE_LAYOUT 17
#define FORGE_LIVE_LINE   64 /* bytes of a cache line */

#define FORGE_LIVE_STRIPES 64 /* parts of the limiter, each with its own mutex; a power of two */
#define FORGE_LIVE_STRIPE_KEYS \
    2048                  /* keys of one stripe; 131 072 in all: 100 000 random keys overflow no stripe (12 sigma) */
#define FORGE_LIVE_REAP 8 /* oldest keys checked for expiry before a new key is added */
#define FORGE_LIVE_CLOCK_SLACK \
    apr_time_from_sec(10) /* a `now` older than the last by less is a slow request; by more, a clock set back \
                           */

#define FORGE_LIVE_NAMES        96 /* routes that are new after an upgrade by graceful restart */
#define FORGE_LIVE_SLOTS        (FORGE_ROUTES_MAX + FORGE_LIVE_GATEWAYS + FORGE_LIVE_NAMES) /* slot 0: no route */
#define FORGE_LIVE_METHOD_BYTES 8
#define FORGE_LIVE_ROUTE_BYTES  120
#define FORGE_LIVE_STATUS_FIRST 100
#define FORGE_LIVE_STATUSES     500 /* 100 … 599 */
#define FORGE_LIVE_CLASSES      5   /* 1xx … 5xx */
#define FORGE_LIVE_BUCKETS      15  /* the last one is +Inf */

#define FORGE_LIVE_STATEMENTS      512 /* names of statements; a power of two. One more entry counts the rest */
#define FORGE_LIVE_STATEMENT_WORDS 8   /* a name is kept in words, 63 bytes and a NUL */

#define FORGE_LIVE_PROCESSES 1024 /* children counted separately; one more entry counts the rest */

#define FORGE_LIVE_PLACES        64    /* places of the gate, at most */
#define FORGE_LIVE_SEATS         16384 /* tickets from the first to the last waiting request; a power of two */
#define FORGE_LIVE_PLACE_SECONDS 60    /* a place held for longer without renewal is given to another request */

#define FORGE_LIVE_LEASE_WORDS 18 /* of the text that says who holds one */

#define FORGE_LIVE_STREAMS 32768 /* open streams in all children, at most */

#define FORGE_LIVE_REVOKED_BUCKETS 4096 /* a power of two */
#define FORGE_LIVE_REVOKED_DEEP \
    63 /* entries of one bucket; 258 048 in all: 131 072 random ones overflow no bucket (5 sigma) */
#define FORGE_LIVE_REALMS 256 /* databases in the table; tokens of further ones are always checked in the database */

/* --- Relaxed atomics, because the counters need no order among each other --- */

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
/* Changes `was` to `is`; false if another process was faster. */
static inline bool forge_live_swap(uint64_t *n, uint64_t was, uint64_t is)
{
    return __atomic_compare_exchange_n(n, &was, is, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* --- The segment --- */

/* One key of the limiter. Its own members are valid at every moment. A child may die while it changes links; then the
 * links are rebuilt. */
typedef struct forge_live_key_t {
    uint64_t hash[2];
    int64_t tat;          /* theoretical arrival time of GCRA, on the stripe's clock */
    uint64_t touched;     /* the stripe's tick at the last use: the list is rebuilt in this order */
    int32_t next;         /* in the hash chain or in the list of free keys; a link is an index + 1, or 0 for none */
    int32_t newer, older; /* in the list by last use */
    uint32_t used;
} forge_live_key_t;

typedef struct forge_live_stripe_t {
    pthread_mutex_t
        mutex;     /* process-shared and robust; protects the members below, except reads of `used` and `rebuilt` */
    int64_t wall;  /* the last `now` */
    int64_t clock; /* follows `wall`, but never runs backwards */
    uint64_t tick;
    int32_t newest, oldest, free;
    int32_t fresh;    /* keys from here on were never used and are in no list, so that their pages stay unmapped */
    uint32_t used;    /* keys in use */
    uint32_t rebuilt; /* how often a holder died */
    int32_t heads[FORGE_LIVE_STRIPE_KEYS];
    forge_live_key_t keys[FORGE_LIVE_STRIPE_KEYS];
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_stripe_t;

typedef struct forge_live_histogram_t {
    uint64_t buckets[FORGE_LIVE_BUCKETS]; /* separate counts, not cumulative; see forge_live_bounds */
    uint64_t sum;                         /* microseconds */
} forge_live_histogram_t;

/* A recent request of one bucket (exemplars.c). */
typedef struct forge_live_exemplar_t {
    uint64_t at;       /* microseconds of the wall clock; 0: none */
    uint64_t took;     /* class of the status << 56 | microseconds */
    uint64_t trace[2]; /* 128 bits */
    uint64_t check;    /* of the four words above: it differs while they are written */
} forge_live_exemplar_t;

typedef struct forge_live_slot_t {
    char method[FORGE_LIVE_METHOD_BYTES];
    char route[FORGE_LIVE_ROUTE_BYTES];
    uint64_t statuses[FORGE_LIVE_STATUSES];
    forge_live_histogram_t classes[FORGE_LIVE_CLASSES];
    forge_live_exemplar_t exemplars[FORGE_LIVE_BUCKETS]; /* of all classes together: 300 KB in all slots */
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_slot_t;

/* A name claims an entry by its hash and is then written out. A process that finds it unwritten, because its author
 * died, writes the same letters. */
typedef struct forge_live_statement_t {
    uint64_t hash; /* 0: free */
    uint64_t spelt;
    uint64_t name[FORGE_LIVE_STATEMENT_WORDS];
    forge_live_histogram_t took;
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_statement_t;

/* The share of one child in the gauges, dropped with the child. Signed numbers in unsigned words. */
typedef struct forge_live_process_t {
    uint64_t key; /* pid and birth (segment.c); 0: free */
    uint64_t in_flight, pool_size, pool_busy, pool_waiting, run_requests, call_requests;
    uint64_t pools_away;                 /* pools whose database cannot be used */
    uint64_t replica_size, replica_busy; /* of the pools of replicas */
    uint64_t sockets;                    /* forge_live_sockets_add */
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_process_t;

/* A place, and a seat in the queue for the places (gate.c). `holder` is the key of a process; 0: free. Times are of the
 * monotonic clock. */
typedef struct forge_live_place_t {
    uint64_t holder;
    int64_t until;
    uint64_t number; /* of the holding */
} forge_live_place_t;
typedef struct forge_live_seat_t {
    uint64_t holder;
    int64_t until;
    uint64_t slots; /* number of places that the waiting request may use */
} forge_live_seat_t;
typedef struct forge_live_gate_t {
    pthread_mutex_t
        mutex;           /* process-shared and robust; `turn`, `swept`, `changed` and the counts are read without it */
    uint64_t head, tail; /* tickets: the first one that may still wait, and the next one to be issued */
    uint64_t turn;       /* requests with a lower ticket may take a place */
    int64_t swept;       /* when dead processes were last looked for */
    uint32_t changed;    /* counts changes of `turn`; threads sleep on it (futex) */
    uint32_t held, waiting;
    int32_t fd; /* an eventfd of the parent, readable after each change of `changed`; -1: none */
    forge_live_place_t places[FORGE_LIVE_PLACES];
    forge_live_seat_t seats[FORGE_LIVE_SEATS];
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_gate_t;

/* Open streams (streams.c). `holder` is the key of a process; 0: free. */
typedef struct forge_live_stream_t {
    uint64_t holder;
    uint64_t hash[2]; /* of what it is counted by */
} forge_live_stream_t;
typedef struct forge_live_streams_t {
    pthread_mutex_t mutex; /* process-shared and robust */
    uint32_t top;          /* no place from here on is in use, so that their pages stay unmapped */
    forge_live_stream_t places[FORGE_LIVE_STREAMS];
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_streams_t;

/* A connection of a child's pool (leases.c), and who has it. `holder` is the key of a process; 0: free. */
typedef struct forge_live_lease_t {
    uint64_t holder;
    uint64_t since; /* of the monotonic clock; 0: nobody has it */
    uint64_t slot;  /* signed: that of the request's route; -1: no request */
    uint64_t activity[FORGE_LIVE_LEASE_WORDS];
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_lease_t;
typedef struct forge_live_leases_t {
    uint64_t top; /* no place from here on was ever in use, so that their pages stay unmapped */
    forge_live_lease_t places[FORGE_LIVE_LEASES];
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_leases_t;
/* The functions of live.h at a given moment of the monotonic clock. */
void forge_live_lease_begin_at(forge_live_t *live, int place, int slot, const char *activity, apr_int64_t now);
bool forge_live_lease_look_at(forge_live_t *live, int place, forge_held_t *held, apr_int64_t now);
int forge_live_leases_long_at(forge_live_t *live, forge_held_t *list, int most, apr_int64_t now);

/* Revoked sessions and raised epochs whose hash selects this bucket; see revocations.c. One process writes at a time,
 * all read. */
typedef struct forge_live_revoked_t {
    uint64_t lost; /* the second until which an entry without room here would have been valid */
    uint64_t keys[FORGE_LIVE_REVOKED_DEEP];
    uint64_t values[FORGE_LIVE_REVOKED_DEEP]; /* second until which it is valid << 32 | epoch */
    uint64_t spare;
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_revoked_t;

/* A database: which process listens to it, and up to when that process has received everything. Times are of the
 * monotonic clock. */
typedef struct forge_live_realm_t {
    uint64_t id;      /* 0: free */
    uint64_t leader;  /* pid; 0: nobody */
    uint64_t beat;    /* the leader's last sign of life */
    uint64_t heard;   /* 0: never loaded */
    uint64_t system;  /* hash of which database is behind the name; 0: not known yet */
    uint64_t era;     /* how often it was replaced: part of each key, so that older entries are found no more */
    uint64_t written; /* how far its log was, at most */
    uint64_t one;     /* whether the listener is the one of all nodes */
    uint64_t jobs_rung, jobs_changed; /* jobs.c: how often a job was queued, and how often one has changed */
    uint64_t jobs_seen, jobs_asked;   /* jobs_rung at the last look into the queue, and when that was */
    uint64_t jobs_queued, jobs_running, jobs_oldest;
    uint64_t sessions, guests, mails, mails_oldest; /* forge_live_census_set */
    uint64_t changes[FORGE_TOPICS];                 /* how often each topic was written (changes.c) */
    uint64_t placed[FORGE_TOPICS]; /* those of `changes` that lie before `wal` in its log (replicas.c) */
    uint64_t wal, kin;             /* where the end of its log was, and which log that is */
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_realm_t;

/* The two halves of forge_live_generation: whether the listener has heard all up to a second before `now`
 * (forge_util_uptime), and how often the topics were written. */
bool forge_live_vouched(const forge_live_realm_t *at, apr_int64_t now);
uint64_t forge_live_changes(const forge_live_realm_t *at, unsigned topics);
/* The place of a realm; with `make` a new one if needed. NULL if there is none, or if all are in use. */
forge_live_realm_t *forge_live_realm(forge_live_t *live, uint64_t realm, bool make);

/* A host (breakers.c). Times are of the monotonic clock. */
#define FORGE_LIVE_BREAKERS   32
#define FORGE_LIVE_HOST_BYTES 256
typedef struct forge_live_breaker_t {
    char host[FORGE_LIVE_HOST_BYTES]; /* empty: free; all after it are free too */
    uint32_t state;                   /* forge_breaker_state_t */
    uint32_t calls, failures;         /* in the window */
    int64_t since, until;             /* when the window began; when the next call may be made */
    uint64_t holder;                  /* the process that makes the trial */
    uint32_t trial;                   /* its number; never 0 once there was one */
    int64_t used;                     /* when it was last asked for */
} forge_live_breaker_t;
/* The functions of live.h at a given moment. */
int forge_live_breaker_at(forge_live_t *live, const char *host, apr_int64_t now);
bool forge_live_breaker_allows_at(forge_live_t *live, int which, forge_pass_t *pass, apr_int64_t now);
void forge_live_breaker_told_at(forge_live_t *live, const forge_pass_t *pass, bool good, apr_int64_t now);
/* The same for those that are tried beside calls. */
bool forge_live_breaker_trip_at(forge_live_t *live, int which, apr_int64_t now);
bool forge_live_breaker_try_at(forge_live_t *live, int which, apr_int64_t now);
bool forge_live_breaker_mend_at(forge_live_t *live, int which, apr_int64_t now);

/* A replica (replicas.c). Times are of the monotonic clock. */
#define FORGE_LIVE_REPLICAS 16
typedef struct forge_live_replica_t {
    uint64_t id;           /* 0: free */
    uint64_t seen;         /* when it last said how far it is; 0: never */
    uint64_t away;         /* when it last could not be used */
    uint64_t behind;       /* bytes of the log */
    uint64_t mark, marked; /* an end of the primary's log that it is to reach, and when that was the end; 0: none */
    uint64_t caught;       /* it had everything that was there at this moment */
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_replica_t;
/* The functions of live.h at a given moment. */
void forge_live_replica_said_at(forge_live_t *live, uint64_t id, uint64_t realm, uint64_t wal, apr_int64_t now);
void forge_live_replica_lost_at(forge_live_t *live, uint64_t id, apr_int64_t now);
forge_replica_state_t forge_live_replica_look_at(const forge_live_t *live, uint64_t id, apr_int64_t now);

/* The clock of revocations (steady.c), in microseconds. */
typedef struct forge_live_clock_t {
    uint64_t base;   /* the wall clock minus the monotonic one when the segment was made */
    uint64_t offset; /* the same when somebody last looked */
    uint64_t behind; /* all steps backwards together */
    uint64_t latest; /* the latest time that the wall clock has shown */
} forge_live_clock_t;
void forge_live_steady_init(forge_live_clock_t *clock);
/* The two functions of live.h at a given moment. */
apr_time_t forge_live_steady_at(forge_live_t *live, apr_time_t wall, apr_int64_t monotonic);
apr_interval_time_t forge_live_ahead_at(const forge_live_t *live, apr_time_t wall);

/* --- samples.c: figures as words, which readers copy while one process writes. A mark says whose words they are: 0
 * while they are written, and for ever if the writer dies, so that nobody takes half of them --- */

void forge_live_words_put(uint64_t *mark, uint64_t *words, int n, uint64_t id, const uint64_t *from);
/* Copies the words; returns their mark, 0 if they were not whole. */
uint64_t forge_live_words_get(const uint64_t *mark, const uint64_t *words, int n, uint64_t *to);

#define FORGE_LIVE_READINGS 8 /* that are kept, so that the next sample has one to compare itself with */
#define FORGE_LIVE_DISK     4 /* words of a file system */
/* What only grows: samples are made of the difference between two readings. FORGE_UNKNOWN where it is unknown. */
typedef struct forge_live_reading_t {
    uint64_t at; /* monotonic clock */
    uint64_t cpu_busy, cpu_total, group_cpu, rx, tx, read, written;
    uint64_t errors, requests[FORGE_LIVE_BUCKETS], statements[FORGE_LIVE_BUCKETS]; /* as histograms count them */
} forge_live_reading_t;
#define FORGE_LIVE_READING ((int)(sizeof(forge_live_reading_t) / sizeof(uint64_t)))

/* Marks are the numbers of the five seconds since the machine was started (sampler.c). */
typedef struct forge_live_samples_t {
    uint64_t claimed; /* the five seconds that somebody samples or has sampled */
    struct {
        uint64_t mark, words[FORGE_FIGURES];
    } of[FORGE_SAMPLES];
    struct {
        uint64_t mark, words[FORGE_LIVE_READING];
    } readings[FORGE_LIVE_READINGS];
    struct {
        uint64_t holder, mark, words[FORGE_LIVE_DISK]; /* who asks this file system now; when it answered, and what */
    } disks[FORGE_DISKS_MAX];
} forge_live_samples_t;
/* The number of a moment; and the sample at a place of the ring, with its number, 0 if it has none. */
static inline uint64_t forge_live_sample_number(apr_int64_t now)
{
    return (uint64_t)(now / FORGE_SAMPLE_EVERY);
}
uint64_t forge_live_sample_slot(const forge_live_samples_t *samples, int i, forge_sample_t *sample);
void forge_live_sample_last_at(const forge_live_t *live, apr_int64_t now, forge_sample_t *sample);
/* The function of live.h at a given moment, and with the tree of files that the kernel's stand in. */
bool forge_live_sample_at(forge_live_t *live, const char *root, pid_t server, apr_int64_t now);

/* Container engines (engines.c). Times are of the monotonic clock. What they said lies in a file in memory, which is as
 * large as that is, a part for each. */
#define FORGE_LIVE_ENGINES 4
typedef struct forge_live_engine_t {
    char name[FORGE_LIVE_HOST_BYTES]; /* empty: free */
    int64_t until;                    /* enabled so long */
    int64_t ends;                     /* the same by the wall clock, as it was then: to be shown */
    uint64_t asker;                   /* key of the process that asks */
    int64_t asked_until;              /* it is believed to ask so long; 0: nobody does */
    int64_t said_at;                  /* 0: nothing was said */
    forge_engine_said_t said;         /* without its text */
} forge_live_engine_t;
typedef struct forge_live_engines_t {
    pthread_mutex_t mutex; /* process-shared and robust */
    int32_t fd;            /* a memfd of the parent; -1: none */
    forge_live_engine_t of[FORGE_LIVE_ENGINES];
} forge_live_engines_t;
/* The functions of live.h at a given moment. */
bool forge_live_engine_enable_at(forge_live_t *live, const char *name, apr_interval_time_t span, apr_int64_t now);
apr_time_t forge_live_engine_enabled_at(forge_live_t *live, const char *name, apr_int64_t now);
forge_engine_turn_t forge_live_engine_turn_at(forge_live_t *live, const char *name, apr_int64_t now);
forge_engine_turn_t forge_live_engine_look_at(forge_live_t *live, const char *name, apr_int64_t now);
bool forge_live_engine_told_at(forge_live_t *live, const char *name, const forge_engine_said_t *said, apr_int64_t now);
bool forge_live_engine_said_at(forge_live_t *live, const char *name, apr_pool_t *p, forge_engine_said_t *said,
                               apr_int64_t now);
forge_containers_t forge_live_containers_at(forge_live_t *live, const char *name, apr_int64_t now);
/* Alerts (alerts.c). Doubles are kept as words. */
#define FORGE_LIVE_CHANGES 64
typedef struct forge_live_alert_t {
    uint64_t over, known; /* monotonic clock: first sample over the threshold, 0 if it is not; last one with a value */
    uint64_t firing, since, value;
} forge_live_alert_t;
typedef struct forge_live_change_t {
    uint64_t number; /* 0: free */
    uint64_t alert, firing, value, threshold, at, tries, told, due, holder;
} forge_live_change_t;
typedef struct forge_live_alerts_t {
    forge_live_alert_t of[FORGE_ALERTS];
    uint64_t changes; /* the number of the last */
    forge_live_change_t told[FORGE_LIVE_CHANGES];
} forge_live_alerts_t;
/* The function of live.h with a sample, at a given moment. */
void forge_live_alerts_judge_at(forge_live_t *live, const forge_sample_t *sample, const forge_alert_rule_t *rules,
                                apr_int64_t now);
/* What a process is serving (crashes.c): slots of routes, and 1; 0: free. Beside the process of the same index. */
#define FORGE_LIVE_FLIGHTS 64
typedef struct forge_live_flights_t {
    uint64_t pid; /* 0: it has ended as it should */
    uint32_t slots[FORGE_LIVE_FLIGHTS];
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_flights_t;
#define FORGE_LIVE_CRASHES 16
typedef struct forge_live_note_t {
    uint64_t stamp; /* odd: there is a note */
    forge_crash_t crash;
} forge_live_note_t;

/* A service that is discovered (discovery.c). */
#define FORGE_LIVE_SERVICES      10
#define FORGE_LIVE_SERVICE_BYTES 512
typedef struct forge_live_service_t {
    char name[FORGE_LIVE_SERVICE_BYTES]; /* empty: free */
    uint64_t since;                      /* wall clock: when this configuration took it up; 0: it has no such service */
    uint64_t found;                      /* wall clock: the last success; 0: never */
    uint32_t failing, no_room;
    forge_members_t members;
} forge_live_service_t;
typedef struct forge_live_services_t {
    pthread_mutex_t mutex; /* process-shared and robust */
    forge_live_service_t of[FORGE_LIVE_SERVICES];
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_services_t;
/* Budgets of balancers and failures of members in a row (retries.c), by the hash of their name; 0: free. */
#define FORGE_LIVE_BUDGETS 64   /* a power of two */
#define FORGE_LIVE_MEMBERS 1024 /* the same */
typedef struct forge_live_budget_t {
    uint64_t key;
    uint64_t tokens; /* thousandths of a retry << 32 | milliseconds of the monotonic clock */
} forge_live_budget_t;
typedef struct forge_live_failing_t {
    uint64_t key;
    uint64_t failures; /* in a row */
} forge_live_failing_t;
typedef struct forge_live_retries_t {
    forge_live_budget_t budgets[FORGE_LIVE_BUDGETS];
    forge_live_failing_t members[FORGE_LIVE_MEMBERS];
} __attribute__((aligned(FORGE_LIVE_LINE))) forge_live_retries_t;
/* The functions of live.h at a given moment of the monotonic clock. */
void forge_live_retry_request_at(forge_live_t *live, const char *balancer, forge_retry_rule_t rule, apr_int64_t now);
bool forge_live_retry_take_at(forge_live_t *live, const char *balancer, forge_retry_rule_t rule, apr_int64_t now);
/* A member of a balancer, and the state that was last told of, and 1 (members.c). */
#define FORGE_LIVE_STATES 512 /* more than are watched, for those of earlier configurations */
typedef struct forge_live_member_t {
    uint64_t key; /* 0: free */
    uint64_t told;
} forge_live_member_t;

typedef struct forge_live_segment_t {
    uint32_t layout;
    uint32_t labelled; /* slots with a name; released after the name is written */
    uint64_t bytes;
    uint64_t secret[2]; /* key of the hash, so that clients cannot aim at one stripe or chain */
    apr_time_t started;
    int64_t wall_offset; /* wall clock minus monotonic clock when the segment was created */
    uint64_t counters[FORGE_COUNTERS];
    uint64_t hash_waits, hash_wait_usec; /* forge_live_waited */
    uint64_t runs_in_use, runs_queue;    /* forge_live_runs_set */
    uint64_t sandbox;                    /* forge_live_sandbox_set: 0 nothing was said, 1 not available, 2 available */
    forge_live_histogram_t runs_took, runs_waited;
    uint64_t jobs[FORGE_LIVE_JOBS_MAX]; /* keys of the processes that hold a place (jobs.c); 0: free */
    forge_live_gate_t gate;
    forge_live_streams_t streams;
    forge_live_process_t processes[FORGE_LIVE_PROCESSES + 1];
    forge_live_leases_t leases;
    forge_live_statement_t statements[FORGE_LIVE_STATEMENTS + 1];
    forge_live_slot_t slots[FORGE_LIVE_SLOTS];
    forge_live_stripe_t stripes[FORGE_LIVE_STRIPES];
    forge_live_clock_t clock;
    pthread_mutex_t breaking; /* process-shared and robust */
    forge_live_breaker_t breakers[FORGE_LIVE_BREAKERS];
    forge_live_flights_t flights[FORGE_LIVE_PROCESSES];
    forge_live_note_t crashes[FORGE_LIVE_CRASHES];
    uint64_t birth;           /* where generations begin (changes.c): at random, never 0 */
    pthread_mutex_t revoking; /* process-shared and robust; held by writers of the table below */
    forge_live_realm_t realms[FORGE_LIVE_REALMS];
    forge_live_samples_t samples;
    forge_live_alerts_t alerts;
    forge_live_revoked_t revoked[FORGE_LIVE_REVOKED_BUCKETS];
    forge_live_engines_t engines;
    forge_live_replica_t replicas[FORGE_LIVE_REPLICAS];
    forge_live_services_t services;
    forge_live_retries_t retries;
    forge_live_member_t members[FORGE_LIVE_STATES];
    pthread_mutex_t labelling;         /* process-shared and robust; held by who adds a slot */
    uint32_t gateways;                 /* slots of the gateway */
    forge_live_histogram_t redis_took; /* forge_live_redis */
} forge_live_segment_t;

struct forge_live_t {
    forge_live_segment_t *segment;
    /* pid << 32 | entry in processes[] + 1. The pid tells a forked child that the entry is not its own. */
    uint64_t self;
    /* The file systems that are sampled; written by the parent. */
    char disks[FORGE_DISKS_MAX][FORGE_DISK_PATH];
};

/* --- segment.c --- */

/* The entry of this process; the common one (the last) if the table is full. */
forge_live_process_t *forge_live_process(forge_live_t *live);
/* The key of this process (its pid and birth, never 0), and whether the process of a key still runs. */
uint64_t forge_live_process_self(forge_live_t *live);
bool forge_live_process_alive(uint64_t key);
int forge_live_process_pid(uint64_t key);
/* Sums over the living children; entries of dead ones are freed. */
void forge_live_process_sum(forge_live_t *live, forge_live_process_t *sum);
/* 128 bits of SipHash-2-4. `tweak` changes the key, so that the same text has different hashes for different purposes.
 */
void forge_live_hash(const uint64_t secret[2], uint64_t tweak, const void *data, apr_size_t len, uint64_t hash[2]);

/* --- streams.c --- */

void forge_live_streams_init(forge_live_segment_t *segment);

/* --- engines.c --- */

void forge_live_engines_init(forge_live_segment_t *segment);

/* --- discovery.c --- */

void forge_live_discovery_init(forge_live_segment_t *segment);
/* The time of the success that is longest ago, FORGE_GAUGE_UNKNOWN without services; how many have no room. */
void forge_live_discovery_gauges(forge_live_t *live, apr_int64_t *last, apr_int64_t *full);

/* --- breakers.c --- */

void forge_live_breakers_init(struct forge_live_segment_t *segment);

/* --- limits.c --- */

void forge_live_limits_init(forge_live_segment_t *segment);
/* The stripe of `key`, and its hash. */
forge_live_stripe_t *forge_live_limit_stripe(forge_live_t *live, int class, const void *key, apr_size_t len,
                                             uint64_t hash[2]);
/* Locks a stripe; if its last holder died, rebuilds the links. */
bool forge_live_limit_lock(forge_live_stripe_t *stripe);
/* Whether chains, list, free keys and counts are consistent; for tests, under the lock. */
bool forge_live_limit_sound(const forge_live_stripe_t *stripe);

/* --- metrics.c --- */

/* The bucket of a time. */
int forge_live_bucket(apr_interval_time_t took);
/* The inclusive upper bound of a bucket; text in seconds. */
typedef struct forge_live_bound_t {
    int64_t usec;
    const char *text;
} forge_live_bound_t;
extern const forge_live_bound_t forge_live_bounds[FORGE_LIVE_BUCKETS - 1];
void forge_live_histogram_add(forge_live_histogram_t *h, apr_interval_time_t took);
void forge_live_histogram_merge(forge_live_histogram_t *into,
                                const forge_live_histogram_t *h); /* `into` is private to the caller */
uint64_t forge_live_histogram_count(const forge_live_histogram_t *h);
/* The q-quantile in microseconds, by linear interpolation; the highest bound if it is above that; 0 for an empty
 * histogram. */
double forge_live_histogram_quantile(const forge_live_histogram_t *h, double q);
/* Copies the name of the entry into `name`; false if it has none. */
bool forge_live_statement_name(const forge_live_statement_t *statement, char name[FORGE_LIVE_STATEMENT_WORDS * 8]);

/* --- exemplars.c --- */

#define FORGE_LIVE_TRACE_DIGITS 32
typedef struct forge_live_seen_t {
    char trace_id[FORGE_LIVE_TRACE_DIGITS + 1];
    int class;         /* of the status, 1 to 5 */
    uint64_t took, at; /* microseconds */
} forge_live_seen_t;
/* Keeps a request as the one that stands for its bucket, if the last one is older than a second; an error of ours (5xx)
 * makes room for other classes after a minute. A trace id that is no 32 hexadecimal digits is not kept. */
void forge_live_exemplar_put(forge_live_exemplar_t *exemplar, const char *trace_id, int class, apr_interval_time_t took,
                             apr_time_t now);
/* False: there is none, or it is just being written. */
bool forge_live_exemplar_get(const forge_live_exemplar_t *exemplar, forge_live_seen_t *seen);

/* --- system.c: Linux only; elsewhere the figures are unknown --- */

/* When the process was started, in ticks since boot; 0 if it is dead (or a zombie) or unknown. *known distinguishes
 * these. */
uint64_t forge_live_system_born(pid_t pid, bool *known);

/* --- revocations.c --- */

void forge_live_revocations_init(forge_live_segment_t *segment);
/* The bucket of a session or a user, and its key there. */
forge_live_revoked_t *forge_live_revoked_bucket(forge_live_t *live, uint64_t realm, bool user, apr_int64_t id,
                                                uint64_t *key);

/* --- gate.c --- */

void forge_live_gate_init(forge_live_segment_t *segment);

#endif
