/* SPDX-License-Identifier: Apache-2.0
 * Door of live/: what all children share in one shared-memory segment. Everything here can be lost without harm (DESIGN 7, 8).
 * No process or thread holds anything here that its death would leave locked: plain atomics, and robust mutexes whose data is rebuilt.
 */
#ifndef FORGE_LIVE_H
#define FORGE_LIVE_H

#include "forge.h"
#include "util/util.h"

/* --- segment.c --- */

typedef struct forge_live_t forge_live_t; /* one process's view of the segment */

/* Called in post_config with httpd's process pool, which outlives graceful restarts: creates the segment the first time and finds it
 * again afterwards (apr_pool_userdata). A segment of another layout version is left to the old children and a new one made. NULL and *why
 * on failure. */
forge_live_t *forge_live_open(apr_pool_t *process_pool, const char **why);
/* For unit tests: a segment of its own, gone with p. */
forge_live_t *forge_live_open_private(apr_pool_t *p, const char **why);

/* --- limits.c: rate limits by GCRA, exact over all children; 100 000 keys, the least recently used of a full table is given up --- */

typedef struct forge_limit_t {
    apr_int64_t limit;
    apr_interval_time_t window;
} forge_limit_t; /* limit 0: off */
typedef struct forge_limit_answer_t {
    bool allowed;
    apr_int64_t remaining;     /* requests left now */
    apr_interval_time_t reset; /* until the whole quota is back */
    apr_interval_time_t retry; /* when not allowed: until one request is; ≥ 1 µs */
} forge_limit_answer_t;
/* Counts one request of `key` (any bytes; hashed with a per-segment random key) in `class`. `now` is 0, which means the present by a clock
 * that nobody sets, or a time for tests. Never a request's own time: a client that sends slowly could move the clock of others. */
forge_limit_answer_t forge_live_limit_take(forge_live_t *live, int class, const void *key, apr_size_t len, forge_limit_t limit,
                                           apr_time_t now);
/* Would a request of `key` be allowed now? Counts nothing and remembers nothing. */
bool forge_live_limit_peek(forge_live_t *live, int class, const void *key, apr_size_t len, forge_limit_t limit);
apr_size_t forge_live_limit_keys(const forge_live_t *live); /* keys in use, for metrics */

/* --- metrics.c: counters and histograms --- */

/* The routes' names in order (templates and methods), told once per configuration in post_config, so that the writer can label slots:
 * `labels[i]` = {"GET", "/api/v1/…"}. Slots follow the label when a graceful restart brings another order: matched by text, new ones
 * appended; a name too long or one too many counts as other. Returns the slot map (index → slot), from p. For the parent alone. */
typedef struct forge_live_label_t {
    const char *method, *route;
} forge_live_label_t;
const int *forge_live_metrics_routes(forge_live_t *live, apr_pool_t *p, const forge_live_label_t *labels, int n);
#define FORGE_LIVE_SLOT_OTHER 0                    /* requests that matched no route */
void forge_live_request_begin(forge_live_t *live); /* in flight + 1 */
/* In flight - 1, counter by exact status, histogram by class. */
void forge_live_request_end(forge_live_t *live, int slot, int status, apr_interval_time_t took);
/* Each child's share of what is in flight is kept apart by pid and birth, and dropped when that child is gone. */

/* FORGE_C_… and FORGE_G_…: the rows of metrics.def. Those of FORGE_C_RATE_LIMITED are one per forge_limit_class_t, in its order. */
typedef enum forge_counter_t {
#define FORGE_COUNTER(name, family, labels, help) FORGE_C_##name,
#define FORGE_GAUGE(name, family, labels, help)
#include "metrics.def"
#undef FORGE_COUNTER
#undef FORGE_GAUGE
    FORGE_COUNTERS
} forge_counter_t;
typedef enum forge_gauge_t {
#define FORGE_COUNTER(name, family, labels, help)
#define FORGE_GAUGE(name, family, labels, help) FORGE_G_##name,
#include "metrics.def"
#undef FORGE_COUNTER
#undef FORGE_GAUGE
    FORGE_GAUGES
} forge_gauge_t;
void forge_live_count(forge_live_t *live, forge_counter_t which);
/* A request has waited so long for its turn to hash a password, and got it. */
void forge_live_waited(forge_live_t *live, apr_interval_time_t took);

/* Pool gauges of this child, set by server/lease.c. */
void forge_live_pool_set(forge_live_t *live, int size, int busy, int waiting);
/* Query time by statement name (≤ 512 names; the rest count as "other"). */
void forge_live_query(forge_live_t *live, const char *statement, apr_interval_time_t took);

/* gauges.c: the figures one by one */
void forge_live_gauges(forge_live_t *live, apr_int64_t figures[FORGE_GAUGES]); /* all of them, as of now */
apr_int64_t forge_live_counter(const forge_live_t *live, forge_counter_t which);
apr_int64_t forge_live_requests(const forge_live_t *live); /* answered so far, whatever the route */

#define FORGE_LIVE_TEXT_MAX (8 << 20) /* a ceiling for the buffers of the two writers below; a hundred routes need a tenth of it */
/* Prometheus text format 0.0.4, or OpenMetrics 1.0.0 (ends with # EOF): every metric of SPEC 12 this build has, with HELP and TYPE. */
void forge_live_metrics_write(forge_live_t *live, forge_buf_t *b, bool openmetrics, const char *version);
/* GET /api/v1/performance exactly as SPEC 12 has it: {summary, endpoints, system}. p95 by linear interpolation in the histogram. An error
 * is a status ≥ 500. endpoints holds the routes that were called; requests that matched none are in the summary only. cpu_avg is since
 * the segment was made; memory and disk are of now. */
void forge_live_performance_write(forge_live_t *live, forge_buf_t *b);

/* --- system.c --- */

/* Per cent of the root file system and of the memory that is in use, of what users other than root may have; negative: not known. */
typedef struct forge_machine_t {
    double disk, memory;
} forge_machine_t;
forge_machine_t forge_live_machine(void);

/* --- gate.c: at most n at a time over all children, for work that is expensive (bcrypt), and who waits for it in order of arrival --- */

enum { FORGE_GATE_WAIT = -1, FORGE_GATE_LOST = -2 };

/* Asks for one of `slots` (1 to 64) places. Returns the place (≥ 0) when one is free and nobody waits. Else FORGE_GATE_WAIT with a *ticket
 * for the queue, to be asked about with _turn or _wait and given up with _quit; it is good for `patience` and a little more. *ticket is 0
 * when `most` wait already. A place or seat of a process that is gone is free within 100 ms; a place is free 60 s after the last
 * _renew. */
int forge_live_gate_arrive(forge_live_t *live, int slots, int most, apr_interval_time_t patience, apr_uint64_t *ticket);
/* The place when it is this ticket's turn; FORGE_GATE_WAIT when it is not; FORGE_GATE_LOST when the ticket is not good any more. Cheap
 * enough to be asked often. */
int forge_live_gate_turn(forge_live_t *live, apr_uint64_t ticket);
/* Sleeps until it is this ticket's turn: the place, or FORGE_GATE_LOST after `patience`. */
int forge_live_gate_wait(forge_live_t *live, apr_uint64_t ticket, apr_interval_time_t patience);
/* Both at once: the place, or FORGE_GATE_LOST. */
int forge_live_gate_enter(forge_live_t *live, int slots, int most, apr_interval_time_t patience);
void forge_live_gate_quit(forge_live_t *live, apr_uint64_t ticket);
void forge_live_gate_renew(forge_live_t *live, int place);
void forge_live_gate_leave(forge_live_t *live, int place);
/* A descriptor that becomes readable, in the sense of an edge, each time that somebody's turn may have come. Nobody reads it. -1: none. */
int forge_live_gate_fd(const forge_live_t *live);
int forge_live_gate_held(forge_live_t *live);    /* places held */
int forge_live_gate_waiting(forge_live_t *live); /* who waits, over all children */

/* --- revocations.c: what ended before its tokens did, told apart by realm (a database, as a number that is not 0) --- */

#define FORGE_LIVE_HEARD_MAX apr_time_from_sec(1) /* what was committed longer ago than this, anywhere, is known here, or nothing is */

typedef enum forge_verdict_t {
    FORGE_VERDICT_VALID,   /* nothing that was committed a second ago or earlier voids it */
    FORGE_VERDICT_REVOKED, /* its session has ended, or its account's epoch has risen */
    FORGE_VERDICT_UNKNOWN  /* ask the database: this realm was never loaded, its listener is not up to date, or something was given up */
} forge_verdict_t;
/* Both are idempotent, and neither lowers an epoch or shortens a time. `until` is when the last token that it may concern has expired. At
 * least 131 072 entries fit; what finds no room makes the verdict on a few tokens UNKNOWN until then, and none of them VALID. */
void forge_live_revoke_session(forge_live_t *live, apr_uint64_t realm, apr_int64_t session_id, apr_time_t until);
void forge_live_revoke_user(forge_live_t *live, apr_uint64_t realm, apr_int64_t user_id, apr_int64_t epoch, apr_time_t until);
/* Takes no lock and looks at two places, however many entries there are. Reads user_id, session_id and epoch. */
forge_verdict_t forge_live_revoked(forge_live_t *live, apr_uint64_t realm, const forge_who_t *who, apr_time_t now);
apr_size_t forge_live_revocations(const forge_live_t *live); /* entries that still count, for metrics */

/* One process at a time listens to a realm's database: true when it is this one, or has become it now because the last one resigned, died
 * or stood still. To be called several times a second by whoever wants to, the listener itself included. */
bool forge_live_events_lead(forge_live_t *live, apr_uint64_t realm);
void forge_live_events_resign(forge_live_t *live, apr_uint64_t realm);
/* Everything that was committed before `asked` (forge_util_monotonic) is in the table. False when another listens meanwhile. */
bool forge_live_events_heard(forge_live_t *live, apr_uint64_t realm, apr_int64_t asked);
/* The listener has lost its connection: from now on the realm is UNKNOWN. Nothing happens when another listens meanwhile. */
void forge_live_events_lost(forge_live_t *live, apr_uint64_t realm);

#endif
