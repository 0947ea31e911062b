/* SPDX-License-Identifier: Apache-2.0
 * Interface of live/: what all children share in one shared-memory segment. Losing it does no harm (DESIGN 7, 8).
 * The death of a process or thread leaves nothing locked: there are only plain atomics, and robust mutexes whose data
 * is rebuilt.
 */
#ifndef FORGE_LIVE_H
#define FORGE_LIVE_H

#include "forge.h"
#include "util/util.h"
#include <sys/types.h>

/* --- segment.c --- */

typedef struct forge_live_t forge_live_t; /* one process's view of the segment */

/* Creates the segment the first time, and finds it again after a graceful restart (apr_pool_userdata). Called in
 * post_config with httpd's process pool, which outlives graceful restarts. A segment with another layout version is
 * left to the old children, and a new one is created. NULL and *why on failure. */
forge_live_t *forge_live_open(apr_pool_t *process_pool, const char **why);
/* A separate segment for unit tests, freed with p. */
forge_live_t *forge_live_open_private(apr_pool_t *p, const char **why);

/* --- limits.c: rate limits by GCRA, exact over all children; 100 000 keys, a full table drops the least recently used
 * --- */

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
/* Counts one request of `key` (any bytes; hashed with a per-segment random key) in `class`. `now` is 0 for the current
 * time of the monotonic clock, or a time for tests. Never pass the time of a request: a client that sends slowly could
 * move the clock of others. */
forge_limit_answer_t forge_live_limit_take(forge_live_t *live, int class, const void *key, apr_size_t len,
                                           forge_limit_t limit, apr_time_t now);
/* The two numbers by which a limit is counted, and the answer that follows from what a count has found: whoever counts
 * elsewhere tells clients the same. */
typedef struct forge_limit_plan_t {
    apr_interval_time_t interval, span; /* microseconds: of one request; of all of the quota, at least the window */
} forge_limit_plan_t;
forge_limit_plan_t forge_live_limit_plan(forge_limit_t limit); /* limit.limit ≥ 1 */
forge_limit_answer_t forge_live_limit_answer(forge_limit_plan_t plan, bool allowed, apr_interval_time_t reset);
/* Keeps what was counted elsewhere: the whole quota of `key` is back after `reset`. An evicted key is not counted as
 * one, because the count itself is not here. */
void forge_live_limit_note(forge_live_t *live, int class, const void *key, apr_size_t len, apr_interval_time_t reset);
/* Whether a request of `key` would be allowed now. Counts and stores nothing. */
bool forge_live_limit_peek(forge_live_t *live, int class, const void *key, apr_size_t len, forge_limit_t limit);
apr_size_t forge_live_limit_keys(const forge_live_t *live); /* keys in use, for metrics */

/* --- metrics.c: counters and histograms --- */

/* Registers the names of the routes in order, so that the writer can label their slots: `labels[i]` = {"GET",
 * "/api/v1/…"}. Called by the parent only, once per configuration in post_config. After a graceful restart slots are
 * matched by their text, and new ones are appended. A name that is too long, or one too many, counts as other. Returns
 * the slot map (index → slot), from p. */
typedef struct forge_live_label_t {
    const char *method, *route;
} forge_live_label_t;
const int *forge_live_metrics_routes(forge_live_t *live, apr_pool_t *p, const forge_live_label_t *labels, int n);
/* The slot of a location behind the gateway, made when it is first used; any child may call it. At most
 * FORGE_LIVE_GATEWAYS of them; further ones are counted as other. */
#define FORGE_LIVE_GATEWAYS 128
int forge_live_metrics_gateway(forge_live_t *live, const forge_live_label_t *label);
#define FORGE_LIVE_SLOT_OTHER 0                    /* requests that matched no route */
void forge_live_request_begin(forge_live_t *live); /* in flight + 1 */
/* Counts a request: by exact status, and its time by class. `trace_id` (32 hexadecimal digits) may become the exemplar
 * of its bucket. Called just before the first byte of the answer leaves, so that no answer that a client has seen is
 * missing, whatever becomes of the process. */
void forge_live_request_answered(forge_live_t *live, int slot, int status, apr_interval_time_t took,
                                 const char *trace_id);
void forge_live_sockets_add(forge_live_t *live, int change); /* upgraded connections of this child */
void forge_live_request_leave(forge_live_t *live);           /* in flight - 1 */
/* Each child's share of the requests in flight is stored by pid and start time, and dropped when that child is gone. */

/* FORGE_C_… and FORGE_G_…: the rows of metrics.def. Those of FORGE_C_RATE_LIMITED are one per forge_limit_class_t,
 * in its order. */
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
void forge_live_count_more(forge_live_t *live, forge_counter_t which, int n); /* the same n times */
/* A round trip to Redis has ended: FORGE_C_REDIS_…, and how long it took. */
void forge_live_redis(forge_live_t *live, forge_counter_t how, apr_interval_time_t took);
/* Records how long a request waited for its turn to hash a password; only for requests that got their turn. */
void forge_live_waited(forge_live_t *live, apr_interval_time_t took);

/* A program has ended: FORGE_C_RUN_…, its duration, and its time in the queue. */
void forge_live_run_ended(forge_live_t *live, forge_counter_t how, apr_interval_time_t took,
                          apr_interval_time_t waited);
/* A request of this child begins (1) or ends (-1) to wait for programs; and how many wait in all children. */
void forge_live_run_waits(forge_live_t *live, int change);
apr_int64_t forge_live_runs_waiting(forge_live_t *live);
/* A request of this child begins (1) or ends (-1) to wait for a service that it asks; and how many wait in all
 * children. */
void forge_live_call_waits(forge_live_t *live, int change);
apr_int64_t forge_live_calls_waiting(forge_live_t *live);
/* What forge-runner said last. */
void forge_live_runs_set(forge_live_t *live, apr_int64_t in_use, apr_int64_t queue);
/* Whether forge-runner was ready when it was last asked. */
void forge_live_sandbox_set(forge_live_t *live, bool available);

/* Changes the pool gauges of this child by so much; each of its pools adds what has changed in it (server/pool.c). */
void forge_live_pool_add(forge_live_t *live, int size, int busy, int waiting);
/* One more (1) or one less (-1) of this child's pools has a database that cannot be used. */
void forge_live_pool_away(forge_live_t *live, int change);
/* leases.c: which connections are out, since when, and for whom */
#define FORGE_LIVE_HELD_LONG    apr_time_from_sec(30) /* whoever holds one for longer has probably lost it */
#define FORGE_LIVE_ACTIVITY_MAX 144
#define FORGE_LIVE_LEASES       4096 /* connections of all children that are watched; further ones are not */
/* A place for one connection of this child's pool, until _leave or the end of the process; -1: there is none, and the
 * connection is not watched. A pool asks for all of its places with one search, {0} at first: it goes through the
 * places once, and looks for dead processes once. */
typedef struct forge_lease_search_t {
    int from;
    bool swept;
} forge_lease_search_t;
int forge_live_lease_place(forge_live_t *live, forge_lease_search_t *search);
void forge_live_lease_leave(forge_live_t *live, int place);
/* The connection is lent: to a request of this metrics slot, or to something else (-1). `activity` says to whom. */
void forge_live_lease_begin(forge_live_t *live, int place, int slot, const char *activity);
void forge_live_lease_end(forge_live_t *live, int place);
typedef struct forge_held_t {
    int pid;
    apr_interval_time_t took;               /* so far */
    bool request;                           /* a request holds it */
    const char *method, *route;             /* of its route, in the segment; NULL: it has none */
    char activity[FORGE_LIVE_ACTIVITY_MAX]; /* as it was lent: "forge " and the request id, or "forge jobs" */
} forge_held_t;
/* Who has the connection of this place; false: it is not out. */
bool forge_live_lease_look(forge_live_t *live, int place, forge_held_t *held);
/* The number of connections of all children that are out for longer than FORGE_LIVE_HELD_LONG; `list` gets the longest
 * of them, the longest first. */
int forge_live_leases_long(forge_live_t *live, forge_held_t *list, int most);
/* The pools of each living child together, those of forge_live_pool_add. Returns how many are in `list`. */
typedef struct forge_live_pool_t {
    int pid, size, busy, waiting;
    int replica_size, replica_busy; /* of the pools of replicas */
} forge_live_pool_t;
#define FORGE_LIVE_POOLS_MAX 1024
int forge_live_pools(forge_live_t *live, forge_live_pool_t *list, int most);

/* Query time by statement name (≤ 512 names; the rest count as "other"). */
void forge_live_query(forge_live_t *live, const char *statement, apr_interval_time_t took);

/* What a database said last (work/census.c): open sessions of accounts and of guests, mails that wait, and for how many
 * seconds the eldest of these does. */
typedef struct forge_live_census_t {
    apr_int64_t sessions, guests, mails, mails_oldest;
} forge_live_census_t;
void forge_live_census_set(forge_live_t *live, apr_uint64_t realm, const forge_live_census_t *census);
/* The statements that took most time altogether, the longest first. Returns how many are in `list`; *all is the time of
 * all of them. */
typedef struct forge_live_taken_t {
    char name[64];
    apr_int64_t calls;
    apr_interval_time_t took;
} forge_live_taken_t;
int forge_live_queries(const forge_live_t *live, forge_live_taken_t *list, int most, apr_interval_time_t *all);

/* --- replicas.c: how far the primary's log was when topics were last written, and how far replicas are --- */

/* An end of a log. `kin` says which log: the same for a primary and the replicas that follow it (forge_store_kin). */
typedef struct forge_position_t {
    apr_uint64_t wal, kin;
} forge_position_t;
/* How often each topic was written, as this node knows; read it before the end of the log is asked for. */
typedef struct forge_writes_t {
    apr_uint64_t of[FORGE_TOPICS];
} forge_writes_t;
forge_writes_t forge_live_writes(forge_live_t *live, apr_uint64_t realm);
/* The listener reports: these writes lie before this end of the log. Does nothing if another process listens. */
void forge_live_placed(forge_live_t *live, apr_uint64_t realm, const forge_writes_t *writes, forge_position_t end);
/* Whether writes are known that no reported end of the log covers yet. */
bool forge_live_unplaced(forge_live_t *live, apr_uint64_t realm);
/* A replica that has replayed this has all writes of these topics that this node knows of. False: that is not known, or
 * this node cannot vouch that it has heard of all changes (as forge_live_generation): the primary is to be asked. */
bool forge_live_position(forge_live_t *live, apr_uint64_t realm, unsigned topics, forge_position_t *needed);

/* A replica of this database said how far it is; it could not be used. `id`: not 0, one for each connection string. */
void forge_live_replica_said(forge_live_t *live, apr_uint64_t id, apr_uint64_t realm, apr_uint64_t wal);
void forge_live_replica_lost(forge_live_t *live, apr_uint64_t id);
typedef struct forge_replica_state_t {
    bool known, up;          /* it was asked at all; it answers */
    apr_int64_t bytes;       /* of the log that it lacks */
    apr_interval_time_t lag; /* what is older than this it has */
} forge_replica_state_t;
forge_replica_state_t forge_live_replica_look(const forge_live_t *live, apr_uint64_t id);
forge_replica_state_t forge_live_replica_worst(const forge_live_t *live); /* of all */
/* Changes the gauges of this child's pools of replicas by so much. */
void forge_live_replica_add(forge_live_t *live, int size, int busy);

/* --- changes.c: what was written in the databases, by topic (FORGE_READS_…) --- */

/* The bit of a word as the database says it ("courses"); 0 for one that is not known. */
unsigned forge_live_topic(const char *word, apr_size_t len);
/* Topics were written: from now on nothing is true that was made before. */
void forge_live_changed(forge_live_t *live, apr_uint64_t realm, unsigned topics);
/* A number that is another one after each change of one of the topics. 0 while this node cannot vouch that it has heard
 * of all changes that are older than FORGE_LIVE_HEARD_MAX. Read it before what it is to vouch for. */
apr_uint64_t forge_live_generation(forge_live_t *live, apr_uint64_t realm, unsigned topics);

/* --- cache.c: rendered answers in a segment of their own (ForgeCache) --- */

#define FORGE_CACHE_KEY_MAX 1536
typedef struct forge_cache_t forge_cache_t; /* one process's view of it */
/* Like forge_live_open, for `bytes` of memory: a graceful restart with the same size finds it again. */
forge_cache_t *forge_live_cache_open(apr_pool_t *process_pool, apr_size_t bytes, const char **why);
forge_cache_t *forge_live_cache_open_private(apr_pool_t *p, apr_size_t bytes, const char **why);

typedef struct forge_cache_key_t {
    apr_uint64_t hash[2];
} forge_cache_key_t;
forge_cache_key_t forge_live_cache_key(const forge_cache_t *cache, const char *text, apr_size_t len);
/* The bytes that were kept for a key at this generation, malloc'd into `b` (which must be empty); false: none. */
bool forge_live_cache_get(forge_cache_t *cache, const forge_cache_key_t *key, apr_uint64_t generation, forge_buf_t *b);
/* Keeps them; the oldest ones make room. Too many bytes, or a busy writer: they are not kept. */
void forge_live_cache_put(forge_cache_t *cache, const forge_cache_key_t *key, apr_uint64_t generation, const char *data,
                          apr_size_t len);
/* Of several that miss the same key at once one fills it. True: it is the caller, who must call _filled with *fill in
 * any case; it may be -1, where nobody waits. False: another one has been waited for, until it was done or `patience`
 * was over. */
bool forge_live_cache_fill(forge_live_t *live, forge_cache_t *cache, const forge_cache_key_t *key,
                           apr_interval_time_t patience, int *fill);
void forge_live_cache_filled(forge_cache_t *cache, int fill);

/* members.c: the members of mod_proxy's balancers */
#define FORGE_UPSTREAMS_MAX 128 /* that are reported and watched, of all balancers of all hosts */
typedef enum forge_member_state_t {
    FORGE_MEMBER_OK,
    FORGE_MEMBER_STANDBY,   /* is asked when the others fail */
    FORGE_MEMBER_DRAINING,  /* serves only the sessions that it has */
    FORGE_MEMBER_DISABLED,  /* by an operator */
    FORGE_MEMBER_ERROR,     /* a request failed: left alone until its retry= is over */
    FORGE_MEMBER_UNHEALTHY, /* mod_proxy_hcheck's checks fail */
    FORGE_MEMBER_STOPPED,   /* by an operator */
    FORGE_MEMBER_STATES
} forge_member_state_t;
typedef struct forge_upstream_t {
    const void *of;           /* equal for members of one balancer */
    const char *host;         /* "name:port" of the virtual host */
    const char *balancer;     /* without balancer:// */
    const char *name, *route; /* its URL; what its directive says, "" if that says nothing */
    int number;               /* in its balancer, from 1 */
    forge_member_state_t state;
    apr_uint64_t busy, requests; /* in flight now; sent to it since mod_proxy's shared memory was made */
} forge_upstream_t;
const char *forge_live_member_word(forge_member_state_t state);
bool forge_live_member_serves(forge_member_state_t state); /* requests may still go to it */
bool forge_live_member_failed(forge_member_state_t state); /* by itself, not by an operator's word */
/* True once for each change of its state, in one child: *was is the state before. A member that has failed when it is
 * first seen was ok. */
bool forge_live_member_changed(forge_live_t *live, const forge_upstream_t *member, forge_member_state_t *was);
/* Their families of /metrics; called before forge_live_metrics_write, which ends the text. */
void forge_live_members_write(forge_buf_t *b, bool openmetrics, const forge_upstream_t *members, int n);

/* gauges.c: single figures */
#define FORGE_GAUGE_UNKNOWN (-1) /* nobody has said it yet, or it does not exist here: it has no sample in /metrics */
void forge_live_gauges(forge_live_t *live, apr_int64_t figures[FORGE_GAUGES]); /* all of them, as of now */
apr_int64_t forge_live_counter(const forge_live_t *live, forge_counter_t which);
apr_int64_t forge_live_requests(const forge_live_t *live); /* answered so far, on all routes */

#define FORGE_LIVE_TEXT_MAX \
    (8 << 20) /* a ceiling for the buffers of the two writers below; a hundred routes need a tenth of it */
/* Writes every metric of SPEC 12 that this build has, with HELP and TYPE: in Prometheus text format 0.0.4, or in
 * OpenMetrics 1.0.0 (ends with # EOF). */
void forge_live_metrics_write(forge_live_t *live, forge_buf_t *b, bool openmetrics, const char *version);
/* Writes GET /api/v1/performance exactly as in SPEC 12: {summary, endpoints, system}. p95 is interpolated linearly in
 * the histogram. An error is a status ≥ 500. endpoints has the routes that were called; requests without a route are
 * only in the summary. cpu_avg is the average of the samples of the last hour; memory and disk are those of the last.
 */
void forge_live_performance_write(forge_live_t *live, forge_buf_t *b);

/* --- sampler.c: figures of the machine and of the service, of each five seconds of the last hour. One process takes a
 * sample, whichever comes first; everybody else only copies it out of memory --- */

#define FORGE_SAMPLE_EVERY apr_time_from_sec(5)
#define FORGE_SAMPLES      720
#define FORGE_DISKS_MAX    4
#define FORGE_DISK_PATH    256
typedef enum forge_figure_t {
#define FORGE_FIGURE(name) FORGE_S_##name,
#include "samples.def"
#undef FORGE_FIGURE
    FORGE_FIGURES
} forge_figure_t;
typedef struct forge_sample_t {
    double of[FORGE_FIGURES]; /* NAN: unknown */
} forge_sample_t;
/* Says which file systems are sampled, by a path in each; those of the last start are forgotten. Only the parent. */
void forge_live_sample_disks_are(forge_live_t *live, const char *const *paths, int n);
/* Takes the sample of the present five seconds; false if somebody has done so. `server` is httpd's parent. */
bool forge_live_sample(forge_live_t *live, pid_t server);
/* Asks the file systems how full they are, those that nobody else is asking: one that hangs holds this thread, so that
 * it must have no other work. */
void forge_live_sample_disks(forge_live_t *live);
/* The newest sample; all of it is unknown if there was none in the last 15 seconds. */
void forge_live_sample_last(const forge_live_t *live, forge_sample_t *sample);
/* The last `n` samples, oldest first; `until` is when the newest of them was or would have been taken. */
void forge_live_sample_history(const forge_live_t *live, int n, forge_sample_t *samples, apr_time_t *until);
typedef struct forge_disk_t {
    const char *path;
    double total, used, free, percent; /* bytes, as df counts: room that is reserved for root is none of them */
} forge_disk_t;
/* The file systems that have answered within half a minute, each once. Returns how many. */
int forge_live_disks(const forge_live_t *live, forge_disk_t disks[FORGE_DISKS_MAX]);

/* --- alerts.c: figures of samples over their thresholds, and who is to be told of that --- */

typedef enum forge_unit_t { FORGE_UNIT_PERCENT, FORGE_UNIT_RATIO, FORGE_UNIT_SECONDS, FORGE_UNIT_NUMBER } forge_unit_t;
enum {
#define FORGE_ALERT(name, word, unit, figure) FORGE_A_##name,
#include "alerts.def"
#undef FORGE_ALERT
    FORGE_ALERTS
};
typedef struct forge_alert_row_t {
    const char *name;
    forge_unit_t unit;
    forge_figure_t figure;
} forge_alert_row_t;
const forge_alert_row_t *forge_live_alert_row(int which);
typedef struct forge_alert_rule_t {
    bool on;
    double threshold;            /* in the unit of its row */
    apr_interval_time_t lasting; /* how long the figure must be over it */
} forge_alert_rule_t;
/* Judges the newest sample by FORGE_ALERTS rules; for whoever has taken it. alerts.c says when an alert fires and ends.
 */
void forge_live_alerts_judge(forge_live_t *live, const forge_alert_rule_t *rules);
typedef struct forge_alert_state_t {
    bool firing, pending; /* pending: over the threshold, but not for long enough */
    apr_time_t since;     /* of either; 0: neither */
    double value;         /* NAN: unknown */
} forge_alert_state_t;
forge_alert_state_t forge_live_alert(const forge_live_t *live, int which);
/* A change that is to be told. */
typedef struct forge_alert_change_t {
    int place;
    apr_uint64_t number;
    int alert;
    bool firing; /* false: it has ended */
    double value, threshold;
    apr_time_t at;
    int tries;     /* so far */
    unsigned told; /* bits of the caller's: who was told already */
} forge_alert_change_t;
/* Takes one whose turn it is, in the order of its alert; false: none is due. It is the caller's until _told, or until
 * its process ends: then it is another one's. */
bool forge_live_alert_change(forge_live_t *live, forge_alert_change_t *change);
/* With `again` 0 that was all; else it is due once more after that time, with ->told kept. */
void forge_live_alert_told(forge_live_t *live, const forge_alert_change_t *change, apr_interval_time_t again);

/* --- gate.c: expensive work (bcrypt), at most n at a time in all children, with a queue in order of arrival --- */

enum { FORGE_GATE_WAIT = -1, FORGE_GATE_LOST = -2 };

/* Asks for one of `slots` (1 to 64) places. Returns the place (≥ 0) if one is free and nobody waits. Otherwise
 * FORGE_GATE_WAIT with a *ticket for the queue: ask about it with _turn or _wait, and give it up with _quit. It is
 * valid for `patience` and a little longer. *ticket is 0 if `most` are already waiting. A place or seat of a process
 * that has ended is free within 100 ms; a place is free 60 s after the last _renew. */
int forge_live_gate_arrive(forge_live_t *live, int slots, int most, apr_interval_time_t patience, apr_uint64_t *ticket);
/* The place if it is this ticket's turn, FORGE_GATE_WAIT if it is not, FORGE_GATE_LOST if the ticket is no longer
 * valid. Cheap enough to be called often. */
int forge_live_gate_turn(forge_live_t *live, apr_uint64_t ticket);
/* Sleeps until it is this ticket's turn: the place, or FORGE_GATE_LOST after `patience`. */
int forge_live_gate_wait(forge_live_t *live, apr_uint64_t ticket, apr_interval_time_t patience);
/* Arrives and waits in one call: the place, or FORGE_GATE_LOST. */
int forge_live_gate_enter(forge_live_t *live, int slots, int most, apr_interval_time_t patience);
void forge_live_gate_quit(forge_live_t *live, apr_uint64_t ticket);
void forge_live_gate_renew(forge_live_t *live, int place);
void forge_live_gate_leave(forge_live_t *live, int place);
/* A descriptor that becomes readable (edge-triggered) whenever somebody's turn may have come. Nobody reads it. -1:
 * none. */
int forge_live_gate_fd(const forge_live_t *live);
int forge_live_gate_held(forge_live_t *live);    /* places held */
int forge_live_gate_waiting(forge_live_t *live); /* waiting requests in all children */

/* --- engines.c: container engines, by what ForgeDockerSocket calls them: enabled for a while, asked by one process at
 * a time for all, and what they said last --- */

#define FORGE_ENGINE_KEPT     apr_time_from_sec(5)  /* what was said is good for so long, failures too */
#define FORGE_ENGINE_PATIENCE apr_time_from_sec(5)  /* for an engine to say all */
#define FORGE_ENGINE_FIGURES  apr_time_from_sec(60) /* its figures are shown elsewhere for so long */
#define FORGE_ENGINE_BYTES    (6 << 20)             /* of what it said, as JSON */
typedef struct forge_engine_said_t {
    forge_status_t outcome; /* FORGE_OK, or the answer of who asks now */
    apr_time_t at;          /* wall clock */
    int total, running, unhealthy;
    const char *text; /* an array of JSON; of a failure nothing */
    apr_size_t len;
} forge_engine_said_t;
typedef enum forge_engine_turn_t {
    FORGE_ENGINE_OFF,   /* it is not enabled */
    FORGE_ENGINE_KNOWN, /* forge_live_engine_said has it */
    FORGE_ENGINE_ASK,   /* the caller is to ask, and to tell */
    FORGE_ENGINE_WAIT   /* somebody asks now */
} forge_engine_turn_t;
/* From now on for so long, whatever it was before. False: as many others are enabled as there is room for. */
bool forge_live_engine_enable(forge_live_t *live, const char *name, apr_interval_time_t span);
apr_time_t forge_live_engine_enabled(forge_live_t *live, const char *name); /* until when; 0: it is off */
/* What the caller is to do; after ASK it is the one that asks, and must tell. The second only looks. */
forge_engine_turn_t forge_live_engine_turn(forge_live_t *live, const char *name);
forge_engine_turn_t forge_live_engine_look(forge_live_t *live, const char *name);
/* What it said. True when it ended otherwise than the time before. */
bool forge_live_engine_told(forge_live_t *live, const char *name, const forge_engine_said_t *said);
/* The last that was told, its text from p; false if there is none, or the engine is off. */
bool forge_live_engine_said(forge_live_t *live, const char *name, apr_pool_t *p, forge_engine_said_t *said);
/* For GET /monitor: -1 is unknown. `name` NULL: off. */
typedef struct forge_containers_t {
    bool enabled;
    int total, running, unhealthy;
} forge_containers_t;
forge_containers_t forge_live_containers(forge_live_t *live, const char *name);
/* How many are unhealthy, of all engines that are looked at; -1: none is, or they have not said. */
int forge_live_containers_unhealthy(forge_live_t *live);

/* --- streams.c: open streams (Server-Sent Events), exact over all children --- */

enum { FORGE_STREAM_REFUSED = -1, FORGE_STREAM_FULL = -2 };

/* Counts a stream by `key` (any bytes) and returns its place (≥ 0). FORGE_STREAM_REFUSED if `limit` of this key are
 * open already (0: no limit), FORGE_STREAM_FULL if there is no place for any. A place ends with its process at the
 * latest. */
int forge_live_stream_open(forge_live_t *live, const void *key, apr_size_t len, apr_int64_t limit);
void forge_live_stream_close(forge_live_t *live, int place);
apr_int64_t forge_live_streams_open(forge_live_t *live); /* in all children */

/* --- breakers.c: hosts that mostly fail are left alone for a while --- */

typedef enum forge_breaker_state_t {
    FORGE_BREAKER_CLOSED, /* calls may be made */
    FORGE_BREAKER_HALF_OPEN,
    FORGE_BREAKER_OPEN
} forge_breaker_state_t;
/* The breaker of a host ("runner.example.org:443"), shared by all children; -1 when there is no room: it never opens.
 * A host that nobody asked for in eleven minutes may lose its place to another one. */
int forge_live_breaker(forge_live_t *live, const char *host);
/* Leave to make one call. */
typedef struct forge_pass_t {
    int which;
    apr_uint32_t trial; /* its outcome decides; 0: the breaker was closed */
} forge_pass_t;
/* Whether a call may be made. While it is open one may after ten seconds, as a trial; nobody else until that one is
 * told of or given up, or its process has died. Each call that was allowed is told of, or given up. */
bool forge_live_breaker_allows(forge_live_t *live, int which, forge_pass_t *pass);
/* It opens when five calls or more were made within ten seconds, and half of them or more failed. Calls that began
 * before it opened say nothing any more. */
void forge_live_breaker_told(forge_live_t *live, const forge_pass_t *pass, bool good);
/* Its outcome is not known: another one may try. */
void forge_live_breaker_given_up(forge_live_t *live, const forge_pass_t *pass);
forge_breaker_state_t forge_live_breaker_state(const forge_live_t *live, int which);

/* A breaker that one failure opens, and that one process after the other tries to close beside all calls: what is asked
 * by each request must cost nothing while it is away, and must soon be asked again. Such a breaker is used by these
 * functions and _state alone. */

/* A call has failed, or a try. True: it was closed until now. */
bool forge_live_breaker_trip(forge_live_t *live, int which);
/* Whether the caller is to try now: it is open, its pause is over, and nobody else tries. The first try is due at once,
 * a further one after half a second, and one after a second where it had been closed for less than five. */
bool forge_live_breaker_try(forge_live_t *live, int which);
/* The try went well. True: it was not closed until now. */
bool forge_live_breaker_mend(forge_live_t *live, int which);
/* How often it was opened. Connections made before the last time are not trusted. */
apr_uint32_t forge_live_breaker_trips(const forge_live_t *live, int which);

/* --- discovery.c: what services were last found to have --- */

/* The place of a service, found by the text of its directive; -1: all are in use. A graceful restart finds it again. */
int forge_live_discovery(forge_live_t *live, const char *service);
void forge_live_discovery_begin(forge_live_t *live); /* before the services of a configuration ask for their places */
/* Counts a lookup. Members that were found are kept; without any the last ones stay. */
void forge_live_discovery_told(forge_live_t *live, int which, forge_lookup_t result, const forge_members_t *members);
void forge_live_discovery_room(forge_live_t *live, int which,
                               bool enough); /* whether its balancers have room for all */
/* Copies the last members; false if none were ever found. */
bool forge_live_discovery_last(forge_live_t *live, int which, forge_members_t *members);
/* What is wrong with a service of this configuration, as a sentence for health reports; NULL: nothing. */
const char *forge_live_discovery_trouble(forge_live_t *live);
bool forge_live_discovery_used(forge_live_t *live); /* whether there is any service */

/* --- retries.c: how many requests may be sent once more, and which members fail --- */

typedef enum forge_retried_t { FORGE_RETRY_MADE, FORGE_RETRY_NO_BUDGET, FORGE_RETRY_NO_MEMBER } forge_retried_t;
/* The budget of a balancer, shared by all children: so many percent of its requests of the last ten seconds or so, and
 * so many a second besides. Retries never exceed 10 s of `least`, `least` a second, and the share of all requests. */
typedef struct forge_retry_rule_t {
    int percent, least;
} forge_retry_rule_t;
void forge_live_retry_request(forge_live_t *live, const char *balancer, forge_retry_rule_t rule); /* a new request */
bool forge_live_retry_take(forge_live_t *live, const char *balancer,
                           forge_retry_rule_t rule); /* may it be sent again? */
#define FORGE_EJECT_AFTER 3                          /* failures of a member in a row */
/* A member has answered a request well, or has failed it. True: it has now failed FORGE_EJECT_AFTER or more in a row.
 */
bool forge_live_member_told(forge_live_t *live, const char *member, bool good);

/* --- crashes.c: processes that end without a word --- */

#define FORGE_CRASH_ROUTES      6
#define FORGE_CRASH_ROUTE_BYTES 128
typedef struct forge_crash_t {
    apr_time_t when;
    int pid, signal; /* signal 0: none is known */
    bool runner;     /* it was forge-runner, whose exit code or signal is `signal` */
    int in_flight;   /* requests of known routes that it was serving */
    int routes;      /* how many routes these were, at most FORGE_CRASH_ROUTES */
    char route[FORGE_CRASH_ROUTES][FORGE_CRASH_ROUTE_BYTES];
} forge_crash_t;
/* At the beginning of a child, and when it ends as it should. */
void forge_live_child_begins(forge_live_t *live);
void forge_live_child_ends(forge_live_t *live);
/* This child begins to serve a request of a route (its slot); what is returned goes to _end. */
int forge_live_flight_begin(forge_live_t *live, int slot);
void forge_live_flight_end(forge_live_t *live, int place);
/* Whether this child has ended otherwise, asked once after its end; then what it was serving is filled in. */
bool forge_live_child_lost(forge_live_t *live, int pid, forge_crash_t *crash);
/* A note for whichever child takes it; one process alone may put them. Too many at once are not kept. */
void forge_live_crash_put(forge_live_t *live, const forge_crash_t *crash);
bool forge_live_crash_take(forge_live_t *live, forge_crash_t *crash);

/* --- jobs.c: who looks into the queue of jobs, and how many work at once on this node --- */

#define FORGE_LIVE_JOBS_MAX 16 /* places */

/* One of the first `most` places; -1: all are held. The place of a process that has died is free. */
int forge_live_job_place(forge_live_t *live, int most);
void forge_live_job_leave(forge_live_t *live, int place);
/* A job of this realm was queued; or one has changed, which is counted. */
void forge_live_jobs_ring(forge_live_t *live, apr_uint64_t realm);
void forge_live_jobs_changed(forge_live_t *live, apr_uint64_t realm);
apr_uint64_t forge_live_jobs_changes(forge_live_t *live, apr_uint64_t realm);
/* Whether the caller should look into the queue now: it rang since the last look, or the last look was a second ago.
 * One caller is told so at a time. */
bool forge_live_jobs_due(forge_live_t *live, apr_uint64_t realm);
/* What the database said last: jobs that wait and run, and for how many seconds the one waits that is due longest. */
void forge_live_jobs_set(forge_live_t *live, apr_uint64_t realm, const apr_int64_t figures[3]);

/* --- steady.c: the clock of revocations --- */

/* A time that steps of the wall clock do not move forwards, for all children the same; at first it is the wall clock's.
 */
apr_time_t forge_live_steady(forge_live_t *live);
/* How far ahead of now the wall clock has been: tokens made then end so much later. */
apr_interval_time_t forge_live_ahead(forge_live_t *live);

/* --- revocations.c: sessions and accounts whose tokens were revoked, by realm (the number of a database) --- */

/* A revocation that any node committed longer ago than this is known here; otherwise all verdicts are UNKNOWN. */
#define FORGE_LIVE_HEARD_MAX apr_time_from_sec(1)

typedef enum forge_verdict_t {
    FORGE_VERDICT_VALID,   /* nothing committed at least a second ago revokes it */
    FORGE_VERDICT_REVOKED, /* its session has ended, or the epoch of its account has risen */
    FORGE_VERDICT_UNKNOWN  /* ask the database: the realm is not loaded or not up to date, or an entry was lost */
} forge_verdict_t;
/* Record that a session has ended, or that the epoch of an account has risen. Recording the same again changes nothing,
 * and no call lowers an epoch or shortens a time. `until` is when the last token concerned has expired, on the clock of
 * forge_live_steady. At least 131
 * 072 entries fit. An entry without room makes the verdict on a few tokens UNKNOWN until then; it never makes one
 * VALID. */
void forge_live_revoke_session(forge_live_t *live, apr_uint64_t realm, apr_int64_t session_id, apr_time_t until);
void forge_live_revoke_user(forge_live_t *live, apr_uint64_t realm, apr_int64_t user_id, apr_int64_t epoch,
                            apr_time_t until);
/* The verdict on a token. Takes no lock and always looks at two places. Reads user_id, session_id and epoch of `who`.
 * `now` is forge_live_steady. */
forge_verdict_t forge_live_revoked(forge_live_t *live, apr_uint64_t realm, const forge_who_t *who, apr_time_t now);
apr_size_t forge_live_revocations(forge_live_t *live); /* current entries, for metrics */

/* Elects the one process that listens to a realm's database. True if it is this process, or has just become it because
 * the last one resigned, died or hung. Every candidate calls it several times a second, and so does the listener
 * itself. */
bool forge_live_events_lead(forge_live_t *live, apr_uint64_t realm);
void forge_live_events_resign(forge_live_t *live, apr_uint64_t realm);
/* Reports that everything committed before `asked` (forge_util_uptime) is in the table. False if another process
 * listens now. */
bool forge_live_events_heard(forge_live_t *live, apr_uint64_t realm, apr_int64_t asked);
/* Reports which database the listener found, and how far its log is written, before it loads and from then on. If it is
 * another one than before (a fail-over, a restored copy), or its log has become shorter (a machine went back to a
 * snapshot of itself), all that was known of the realm is forgotten: numbers of sessions and accounts may be given
 * anew. Does nothing if another process listens. */
void forge_live_events_system(forge_live_t *live, apr_uint64_t realm, const char *system, apr_uint64_t written);
/* Whether the listener hears the database that calls itself `system`. Right after a fail-over another connection may
 * still lead to the old one. */
bool forge_live_events_from(const forge_live_t *live, apr_uint64_t realm, const char *system);
/* Reports that the listener has lost its connection: from now on verdicts of the realm are UNKNOWN. Does nothing if
 * another process listens now. */
void forge_live_events_lost(forge_live_t *live, apr_uint64_t realm);
/* Reports whether this node's listener is the one of all nodes. Does nothing if another process listens. */
void forge_live_events_one(forge_live_t *live, apr_uint64_t realm, bool one);
/* Whether this node does what one node does for all. Also true while it cannot hear the database: it does not know of
 * another one then, and such work may be done twice, but not left undone. */
bool forge_live_does_for_all(forge_live_t *live, apr_uint64_t realm);

#endif
