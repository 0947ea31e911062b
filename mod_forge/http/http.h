/* SPDX-License-Identifier: Apache-2.0
 * Interface of http/: the edge between httpd and the handlers in api/. A handler reads the request here, calls core/
 * and store/, leaves its answer with one of the reply functions and returns a status; it never writes to the socket.
 */
#ifndef FORGE_HTTP_H
#define FORGE_HTTP_H

#include "server/server.h"
#include "core/wire/wire.h"
#include "run/run.h"
#include "store/store.h"

struct conn_rec;
struct request_rec;
struct conn_rec;
typedef struct forge_reply_t forge_reply_t;         /* the answer so far; private to http/ */
typedef struct forge_idem_t forge_idem_t;           /* the Idempotency-Key, if any; http/idempotency.c */
typedef struct forge_runs_t forge_runs_t;           /* the programs that it has run, if any; http/runs.c */
typedef struct forge_upload_t forge_upload_t;       /* the file in its body, if any; http/upload.c */
typedef struct forge_calls_t forge_calls_t;         /* the services that it asks, if any; http/calls.c */
typedef struct forge_aggregate_t forge_aggregate_t; /* the requests within it, if any; http/aggregate.c */
typedef struct forge_cached_t forge_cached_t;       /* its way past the kept answers, if any; http/cache.c */
/* Writes what the container engine said as one JSON value, for all who ask in the next seconds. */
typedef void (*forge_containers_fn)(forge_buf_t *b, const forge_docker_said_t *said);
typedef struct forge_turn_t forge_turn_t; /* its way through the queue before password hashes, if any; http/queue.c */

/* One request on its way through. */
struct forge_req_t {
    apr_pool_t *pool;
    const forge_config_t *config;
    const forge_dir_t *dir;
    const forge_keys_t *keys;
    forge_live_t *live;
    const forge_router_t *router;
    const forge_route_t *route;
    int route_index;
    apr_int64_t ids[FORGE_PATH_IDS_MAX]; /* {…} of the path, in order */
    const char *tail;                    /* FORGE_R_TAIL */
    forge_who_t who;
    forge_input_t *body;    /* validated by route->body; NULL without one */
    forge_faults_t *faults; /* what is wrong with body and query so far; empty unless the route has FORGE_R_CHECKS */
    forge_input_t *query;   /* validated by route->query; NULL without one */
    const char *csv;        /* FORGE_R_CSV: the body when it came as text/csv, UTF-8; NULL otherwise */
    bool ndjson;            /* FORGE_R_NDJSON: the client wants lines, see forge_reply_stream */
    bool table;             /* FORGE_R_TABLE: the client wants a table, see forge_reply_stream */
    bool events;            /* FORGE_R_EVENTS: the client wants events, see forge_reply_events */
    bool health;            /* FORGE_R_STATUS: the client wants FORGE_HEALTH, the schema of .draft */
    bool by_cookie;         /* the token came in the session cookie */
    bool shared;            /* holds a part of the share of logins (server/share.c) */
    bool claimed;      /* the connection carries the transaction of an Idempotency-Key: to give it back would undo it */
    bool replica;      /* a public read that the replica may answer (replica.c) */
    bool stale;        /* FORGE_R_WAY_IN: a token or key came that is not good; the caller counts as nobody */
    forge_page_t page; /* with FORGE_R_LIST */
    const char *if_version; /* If-Match as a PostgreSQL array of versions "{3,4}"; NULL: any */
    const char *request_id;
    forge_trace_t trace;
    forge_spans_t *spans;   /* where it is traced */
    const char *client_ip;  /* httpd's useragent_ip */
    const char *user_agent; /* at most 512 bytes of valid UTF-8; NULL without */
    apr_time_t now;         /* when the request began */
    struct request_rec *r;  /* for http/ only */
    const struct forge_server_t *server;
    void *prepared;   /* from the route's .prepare for its .handle */
    apr_int64_t made; /* for the route's .again: the number at the end of the Location that was answered; 0: none */
    forge_reply_t *reply;
    forge_lease_t *lease;
    forge_idem_t *idem;
    forge_turn_t *turn;
    forge_cached_t *cached;
    forge_runs_t *runs;
    forge_calls_t *calls;
    forge_aggregate_t *aggregate;
    forge_containers_fn containers; /* .prepare wants to know what the container engine says; http/containers.c */
    forge_upload_t *upload;         /* the file that came, for a route with .upload */
};

/* --- db.c: the connection to the database --- */

/* A connection for this request, the same one on every call until forge_http_db_done. Waits at most ForgePoolWait.
 * FORGE_E_POOL_EXHAUSTED, FORGE_E_DATABASE_DOWN, FORGE_E_SCHEMA_OUTDATED. Never call it before slow work (hashing,
 * waiting for others): no connection is held meanwhile. */
forge_status_t forge_http_db(forge_req_t *q, forge_db_t **db);
/* Gives the connection back early; else it goes back when the handler has returned, before the answer is sent. */
void forge_http_db_done(forge_req_t *q);
/* Lends a connection to `use` for one call and returns its result; all memory is of p. For what goes on after the
 * handler, as streams do. */
forge_status_t forge_http_db_lend(forge_req_t *q, apr_pool_t *p, forge_db_fn use, void *data);
/* The constraint that the last statement of this request broke; "" when none did. */
const char *forge_http_db_constraint(const forge_req_t *q);

/* --- problem.c: failures (RFC 9457) --- */

/* A handler fails by returning a status of errors.def. Here with a sentence of its own instead of the table's. */
forge_status_t forge_fail_detail(forge_req_t *q, forge_status_t status, const char *detail);
/* With one failing member. */
forge_status_t forge_fail_field(forge_req_t *q, forge_status_t status, const char *pointer, const char *code,
                                const char *detail);
/* With all of them. */
forge_status_t forge_fail_faults(forge_req_t *q, forge_status_t status, const forge_faults_t *faults);
/* FORGE_E_STEP_UP of another kind: the caller's login is longer ago than max_age, which the challenge says. */
forge_status_t forge_fail_old_login(forge_req_t *q, apr_interval_time_t max_age);
void forge_http_retry_after(forge_req_t *q, int seconds); /* for the 429 or 503 that follows */
/* Logs at warn with this request's id; the tag ("FG0412") is unique in the project. Never format user text into
 * `format` itself. */
void forge_http_warn(forge_req_t *q, const char *tag, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* --- input.c --- */

/* For a change whose statement cannot compare versions: FORGE_E_PRECONDITION_FAILED where If-Match names another state
 * than the one that `get` answers now. The reply is left as it was. */
forge_status_t forge_http_if_match(forge_req_t *q, forge_handler_fn get);

/* --- reply.c: answers --- */

/* Row 0 as a JSON object with the route's success status; its ETag from its bytes, with column _version or version in
 * front, which If-Match compares. FORGE_E_NOT_FOUND when there are no rows. */
forge_status_t forge_reply_row(forge_req_t *q, const forge_rows_t *rows);
/* Row 0 with 201 and Location: `collection` ("/api/v1/courses") plus "/" and column id, or _id. */
forge_status_t forge_reply_created(forge_req_t *q, const forge_rows_t *rows, const char *collection);
/* 200 for a FORGE_R_AGAIN route when nothing had to be made. */
forge_status_t forge_reply_again(forge_req_t *q, const forge_rows_t *rows);
/* A page: rows as forge_store_list gave them (one more than asked when there is a next page), Link, X-Total-Count when
 * total ≥ 0, ETag of the bytes. It ends early once it holds 1 MiB. The rows are given away. */
forge_status_t forge_reply_list(forge_req_t *q, const forge_list_t *list, forge_rows_t *rows, apr_int64_t total);
/* A composed object or array with the route's success status. */
forge_status_t forge_reply_json(forge_req_t *q, const forge_json_t *body);
/* The same with a status of its own (health: 503 with a body that is no problem). */
forge_status_t forge_reply_json_status(forge_req_t *q, int http, const forge_json_t *body);
/* The same of a FORGE_R_STATUS route, as the media type that the client asked for (q->health). */
forge_status_t forge_reply_health(forge_req_t *q, int http, const forge_json_t *body);
/* A body already rendered; media NULL means application/json. The buffer is given away. */
forge_status_t forge_reply_buf(forge_req_t *q, forge_buf_t *body, const char *media);
/* Whether the client takes gzip: then what is answered next must be packed, and no filter compresses it. */
bool forge_reply_packs(forge_req_t *q);
/* A file of a directory of ours, sent by httpd's own means (sendfile), or the packed one beside it (".gz") to whoever
 * takes it. FORGE_E_NOT_FOUND when it cannot be opened. */
forge_status_t forge_reply_file(forge_req_t *q, const char *path, const char *media);
forge_status_t forge_reply_none(forge_req_t *q); /* 204 */
forge_status_t forge_reply_kept(forge_req_t *q); /* for an .again that has nothing to ask: the kept answer is given */
/* stream.c: an answer that is made while it is sent, in constant memory. `next` puts one piece of it into `b` and says
 * in *more whether another one follows; it has a connection for that piece alone, and p ends with it. The first piece
 * is made at once, so that its failure is still an answer; when a later one fails the connection ends in the middle of
 * the answer. FORGE_E_UNAVAILABLE when as many are under way in this process as it allows. */
typedef forge_status_t (*forge_stream_fn)(forge_req_t *q, forge_db_t *db, apr_pool_t *p, void *baton, forge_buf_t *b,
                                          bool *more);
forge_status_t forge_reply_stream(forge_req_t *q, const char *media, forge_stream_fn next, void *baton);

/* --- events.c: Server-Sent Events (WHATWG HTML 9.2), answers that stay open and hold no thread --- */

#define FORGE_EVENT_ID_MAX FORGE_LOG_ID_MAX
#define FORGE_EVENTS_MAX   (64 * 1024) /* bytes that one question may bring */

typedef struct forge_events_t forge_events_t; /* one open stream */
/* Where the events of a stream come from. It lives as long as the request; .ask may change all but .ask and .baton. */
typedef struct forge_events_source_t {
    /* Puts what is new (forge_events_put), or ends the stream (forge_events_end). It is asked at the beginning, and
     * then when .ready said so, when a descriptor is readable, after .every, when it had more than there was room for,
     * and at each heartbeat: it must know what it has said. Runs on a worker thread, the request is its alone; p ends
     * once all was written. It may borrow a connection (forge_http_db_lend), and holds none when it returns. A failure
     * ends the stream; the client comes again. */
    forge_status_t (*ask)(forge_req_t *q, apr_pool_t *p, forge_events_t *e, void *baton);
    /* Whether there is something to ask for. Asked ten times a second on the pump's thread: a look at memory. NULL: no.
     */
    bool (*ready)(void *baton);
    void (*end)(void *baton); /* called once when the stream ends, for whatever reason; NULL: nothing is to be done */
    void *baton;
    const int *fds; /* descriptors of ours, at most FORGE_BLOCK_FDS, each once; .ask reads them empty */
    int count;
    apr_interval_time_t every; /* asked after so long at the latest; 0: there is no such time */
    bool
        prompt; /* descriptors and forge_http_pump_wake are answered at once, not within a tenth of a second: for few */
} forge_events_source_t;
/* Answers with a stream; counts it among those that may be open (class stream). FORGE_E_RATE_LIMITED, and
 * FORGE_E_UNAVAILABLE where it would hold a thread and too many do. */
forge_status_t forge_reply_events(forge_req_t *q, forge_events_source_t *source);
/* One event. id (FORGE_EVENT_ID_MAX characters of [A-Za-z0-9._-]) and event (a literal) may be NULL; line breaks in
 * `data` make several lines of it. False: there is no more room now; the source is asked again when all is written. An
 * event for which there is never room ends the stream. */
bool forge_events_put(forge_events_t *e, const char *id, const char *event, const char *data, apr_size_t len);
/* Tells the client where it is, without an event: what it sends as Last-Event-ID when none has come. */
void forge_events_mark(forge_events_t *e, const char *id);
void forge_events_end(forge_events_t *e); /* after what was put nothing more will come */
/* Last-Event-ID when it has the form of an id, else NULL. It is the client's word: whatever it says, it must open
 * nothing. */
const char *forge_events_last_id(forge_req_t *q);

/* --- follow.c: streams that follow rows; one question a second in each child serves all of them --- */

#define FORGE_FOLLOW_BYTES (1 << 20) /* of the numbers in one question */

/* A kind of row that can be followed; a static table. */
typedef struct forge_follow_kind_t {
    /* The present state of the rows `ids` ("{3,4}"): id, event (its name), data (JSON, at most FORGE_EVENTS_MAX / 2
     * bytes), over (nothing will change any more). A row that is missing was deleted. */
    forge_status_t (*look)(forge_db_t *db, apr_pool_t *p, const char *ids, forge_rows_t **rows);
} forge_follow_kind_t;
/* Answers with a stream of the states of a row, which the caller may see: each one that differs from the last, as an
 * event of its name, or "deleted"; after one that is over the stream ends. `rows` is what .look says of it now. The id
 * is made of what the event says: a client that knows the last one (Last-Event-ID) gets only what is new, and 204 when
 * that was the end. */
forge_status_t forge_reply_follow(forge_req_t *q, const forge_follow_kind_t *kind, apr_int64_t row,
                                  const forge_rows_t *rows);

/* --- logs.c: log files, read from their end --- */

/* Answers with an array of the last lines of a service, or of "all", the oldest first. FORGE_E_NOT_FOUND when it has no
 * file, FORGE_E_LOG_UNREADABLE when none of them can be read. */
forge_status_t forge_reply_log_history(forge_req_t *q, const char *service, const forge_log_query_t *query);
/* Answers with a stream of what is written to them from now on, or from Last-Event-ID on. The same failures. */
forge_status_t forge_reply_log_stream(forge_req_t *q, const char *service, const forge_log_query_t *query);

/* --- files.c --- */

/* The bytes of a file as an answer: ranges, If-Range and If-None-Match are answered, and nothing is read that is not
 * asked for. `read` gives the next bytes of a part, some at least; it has the request's connection, and p ends with
 * them. All are there before the first one is sent, in a file on disk: no connection is held while the client reads,
 * and what fails is still an answer. */
typedef struct forge_content_t {
    const char *media, *name; /* name: it is shown under, when it is saved */
    const char *etag;         /* strong: of these bytes */
    apr_int64_t size;
    forge_status_t (*read)(forge_req_t *q, apr_pool_t *p, void *baton, apr_int64_t at, apr_int64_t most,
                           forge_buf_t *b);
    void *baton;
} forge_content_t;
forge_status_t forge_reply_content(forge_req_t *q, const forge_content_t *content);

/* --- upload.c: the file that a route with .upload has got --- */

struct forge_upload_t {
    const char *filename; /* harmless to show */
    const char *media;    /* as the route's rule wants it */
    apr_int64_t size;
    unsigned char sha256[32];
    struct forge_spool_t *spool;
};
/* `len` bytes from `at` on; false when they cannot be read. Of the type forge_file_read_fn. */
bool forge_http_upload_read(void *upload, apr_int64_t at, void *to, apr_size_t len);

/* --- aggregate.c: several GETs as one --- */

/* Asks for all paths as the caller, each as a request of its own, and answers with what came of them. */
forge_status_t forge_reply_aggregate(forge_req_t *q, const forge_paths_t *paths);

/* --- reply.c again --- */

void forge_reply_header(forge_req_t *q, const char *name,
                        const char *value); /* name is a literal; the value is refused when it holds controls */
void forge_reply_location(forge_req_t *q, const char *address); /* of a 201 */
/* A sentence for people in a good answer, in the language that the client's Accept-Language prefers; English where it
 * is not translated. The answer then says its Content-Language, and that it varies. */
const char *forge_reply_sentence(forge_req_t *q, const char *english);
/* An ETag of the bytes that the answer has so far; with a version in front where one is given, so that If-Match can
 * name it. */
forge_status_t forge_reply_etag_bytes(forge_req_t *q, const char *version);
void forge_reply_etag(forge_req_t *q, const char *etag); /* one that was made before */
/* After a good login or refresh, and after a logout: the cookies of ForgeCookie, where that is On and the connection is
 * safe. */
void forge_reply_cookie(forge_req_t *q, const forge_who_t *who);
void forge_reply_cookie_clear(forge_req_t *q);

/* --- request.c: what the request says --- */

/* A header of the request, NULL when absent. */
const char *forge_http_header(forge_req_t *q, const char *name);
/* The tag of the language of ours that the client prefers, and the range of its Accept-Language that decided so ("de"
 * and "de-AT"); *range is NULL if none did. */
const char *forge_http_language(forge_req_t *q, const char **range);
/* The client's network as limits and lockout know it: "192.0.2.7", "2001:db8:1:2::/64". */
const char *forge_http_address(const forge_req_t *q);

/* --- kept.c --- */

/* Puts the answer's text into b, which is empty. A text that `make` made in this child less than `life` ago is taken as
 * it is; else `make` is called, by one request at a time. It is the same for all who ask this virtual host. */
typedef forge_status_t (*forge_kept_fn)(forge_req_t *q, forge_buf_t *b);
forge_status_t forge_http_kept(forge_req_t *q, forge_kept_fn make, apr_interval_time_t life, forge_buf_t *b);

/* --- probe.c: what /health asks; no more than one real question a second in each child --- */

/* Is there a working database right now? *found is the schema's version or -1, *took how long the question took. */
forge_status_t forge_http_db_probe(forge_req_t *q, int *found, apr_interval_time_t *took);
/* Whether ForgeDrainFile, which must be set, is there. The log is told once by a child that cannot tell. */
typedef enum forge_drain_t { FORGE_DRAIN_NO, FORGE_DRAIN_YES, FORGE_DRAIN_UNKNOWN } forge_drain_t;
forge_drain_t forge_http_drain_probe(forge_req_t *q);
/* Whether the external executor is left alone at the moment; only with ForgeExecutorURL. */
bool forge_http_executor_sick(const forge_req_t *q);
/* The members of mod_proxy's balancers; whether there is any balancer; and their families of /metrics. */
const forge_upstream_t *forge_http_members(const forge_req_t *q, int *n);
bool forge_http_has_members(void);
void forge_http_members_write(const forge_req_t *q, forge_buf_t *b, bool openmetrics);
/* The same of the language model; only with ForgeLLM. */
bool forge_http_llm_sick(const forge_req_t *q);
bool forge_http_redis_away(const forge_req_t *q); /* the Redis of ForgeRateLimitStore */
/* What forge-runner says of itself. False with *why when it does not answer or a layer is missing. */
bool forge_http_sandbox_probe(forge_req_t *q, const char **why);
/* Does mail wait for longer than it should? */
forge_status_t forge_http_mail_probe(forge_req_t *q, bool *late);
/* Has a job been due for more than five minutes? */
forge_status_t forge_http_jobs_probe(forge_req_t *q, bool *late);

/* --- runs.c: programs in the sandbox --- */

/* Called by .prepare, once for each program: all of them are run before .handle is called, some at a time, while the
 * request holds neither a thread nor a connection. The bytes of the job live as long as the request; its account is
 * filled in here. When one cannot be run (FORGE_E_SANDBOX_UNAVAILABLE, FORGE_E_EXECUTION_QUEUE_FULL,
 * FORGE_E_EXECUTION_SHARE) that is the answer and .handle is not called. */
void forge_http_runs_add(forge_req_t *q, const forge_run_job_t *job);
/* For .handle: how many there were, and the result of each in the order of forge_http_runs_add, FORGE_RUN_OK to
 * FORGE_RUN_SANDBOX_ERROR. */
int forge_http_runs_count(const forge_req_t *q);
const forge_run_result_t *forge_http_runs_result(const forge_req_t *q, int i);

/* --- calls.c: services that a request asks --- */

/* A step: on a worker, with the result of the call, whatever became of it; it lives until the step returns. The step
 * may ask for the next call. *sound says whether the host did what it should, for its breaker: it is set by the
 * status, and the step may know better. A failure is the answer of the request. */
typedef forge_status_t (*forge_called_fn)(forge_req_t *q, const forge_call_result_t *result, bool *sound);
typedef struct forge_ask_t {
    forge_call_spec_t spec;
    const char *host; /* what its breaker is called */
    forge_called_fn then;
    void (*heard)(forge_req_t *q, const char *data, apr_size_t len); /* pieces of a 200, with .streams; may be NULL */
} forge_ask_t;
/* Called by .prepare, or by a step: the call is made while the request holds neither a thread nor a connection. .handle
 * is called when no step asks for another one. What the spec points to lives as long as the request. */
void forge_http_call(forge_req_t *q, const forge_ask_t *ask);

/* A call whose answer is heard while it comes, for the events of a request (forge_reply_events): pieces go to
 * ask->heard, the end to ask->then. NULL and *why: it cannot be made now. It ends with the request at the latest. */
typedef struct forge_hearing_t forge_hearing_t;
forge_hearing_t *forge_http_hear(forge_req_t *q, const forge_ask_t *ask, const char **why);
int forge_http_hear_fd(const forge_hearing_t *hearing); /* can be read when there is something to hear */
/* Passes on what has come. False: it is over, and ->then was called. */
bool forge_http_hear_on(forge_hearing_t *hearing);
void forge_http_hear_end(forge_hearing_t *hearing); /* breaks it off where it is not over */

/* --- containers.c: the container engine of ForgeDockerSocket, which one request of this node asks for all --- */

/* Called by .prepare: before .handle is called the engine is asked, unless it is not enabled or what it said is a few
 * seconds old. The request holds a thread only if it is the one that asks. .handle finds it in forge_live_engine_said,
 * or nothing where too many wait. */
void forge_http_containers(forge_req_t *q, forge_containers_fn write);

/* --- password hashes, for the handlers that check passwords: password.c --- */

/* bcrypt, in the place that a route with FORGE_R_HASHES got before its handler was called; another route waits for one
 * here, on its thread: FORGE_E_BUSY with Retry-After when that takes too long. No connection is held. */
forge_status_t forge_http_password_hash(forge_req_t *q, const char *password, const char **hash);
/* *good says whether it matches, composed (NFC) or as it was typed; it takes the same time whatever is stored, also
 * NULL (forge_core_hash_check). */
forge_status_t forge_http_password_verify(forge_req_t *q, const char *password, const char *stored, bool *good);
/* The same where the one who is right comes in: *renewed is a new hash when the stored one is outdated or is that of a
 * decomposed password, else NULL. */
forge_status_t forge_http_password_login(forge_req_t *q, const char *password, const char *stored, bool *good,
                                         const char **renewed);
void forge_http_guess_wrong(forge_req_t *q);          /* counts a wrong guess of the client's network */
int forge_http_password_places(const forge_req_t *q); /* requests that may hash at the same time */

/* --- the hooks, for mod_forge.c and start.c --- */

int forge_http_begin(
    struct request_rec *r); /* pre_translate_name, first: the location is known; request id and trace for ours */
int forge_http_handler(struct request_rec *r); /* handler.c: the life of one request */
void forge_http_count_insert(
    struct request_rec *r);                  /* insert_filter, insert_error_filter: metrics of every request of ours */
int forge_http_count(struct request_rec *r); /* log_transaction: those without an answer, and the end of all */
void forge_http_count_register(void);        /* the filter that counts */
void forge_http_die_insert(struct request_rec *r); /* insert_error_filter: Apache's own errors as problem+json */
void forge_http_die_register(void);
/* Before mod_proxy answers a request of the gateway; and on its connections to back ends. */
int forge_http_upstream(struct request_rec *r);
int forge_http_upstream_connection(struct conn_rec *c, void *socket);
void forge_http_upstream_register(void);
void forge_http_send_register(void);                           /* the filter of answers without a body */
int forge_http_transform_fixups(struct request_rec *r);        /* fixups */
void forge_http_transform_insert(struct request_rec *r);       /* insert_filter */
void forge_http_transform_insert_error(struct request_rec *r); /* insert_error_filter */
void forge_http_transform_register(void);
void forge_http_inner_register(void);
void forge_http_inner_child(apr_pool_t *pchild);    /* child_init */
void forge_http_helpers_child(apr_pool_t *pchild);  /* child_init */
void forge_http_flight_child(void);                 /* child_init */
void forge_http_executor_child(apr_pool_t *pchild); /* child_init: calls of services outside end with the child */
void forge_http_probe_init(apr_pool_t *p);          /* child_init */
/* post_config: says when httpd takes fewer connections than may wait: whoever waits keeps one, and then those who only
 * read cannot connect. Of the servers that have the API, the first one says it. */
void forge_http_queue_advise(struct server_rec *s);
void forge_http_linger_child(void);              /* child_init */
void forge_http_feeds_child(apr_pool_t *pchild); /* child_init: who follows log files ends with the child */
int forge_http_linger(
    struct request_rec *r); /* log_transaction, after all others: waits a moment for the next request */
void forge_http_pump_child(apr_pool_t *pchild, struct server_rec *s); /* child_init */
void forge_http_pump_watch(
    int fd); /* child_init: an event (edge) there is as good as a wake; for what other processes change */
void forge_http_pump_suspended(struct conn_rec *c, struct request_rec *r); /* suspend_connection */
void forge_http_pump_stopping(apr_pool_t *pchild, int graceful);           /* child_stopping */

#endif
