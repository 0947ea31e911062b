/* SPDX-License-Identifier: Apache-2.0
 * What the files of http/ share among themselves.
 */
#ifndef FORGE_HTTP_PRIVATE_H
#define FORGE_HTTP_PRIVATE_H

#include "http.h"
#include "core/core.h"

#include <apr_ring.h>
#include <pthread.h>

typedef struct forge_spool_t forge_spool_t; /* spool.c */

/* The answer so far. */
struct forge_reply_t {
    bool set; /* a handler answered */
    int http;
    const char *media;
    forge_buf_t *body;             /* NULL: none */
    struct forge_stream_t *stream; /* instead of body */
    struct forge_events_t *events; /* instead of body */
    const char *file;              /* instead of body */
    forge_spool_t *spool;          /* instead of body: the whole of it, as it is */
    apr_off_t length;              /* of spool, which is NULL when only the length is wanted (HEAD) */
    bool spooled;                  /* length and spool count */
    bool packed;                   /* body or file are compressed already */
    const char *etag, *location;
    apr_table_t *headers;
    const char *detail;           /* of a failure, instead of the table's sentence */
    const forge_faults_t *faults; /* of a failure */
    const char *allow;            /* of a 405 and of OPTIONS */
    const char *accept;           /* of a 415 */
    const char *languages;        /* Content-Language of sentences that were chosen by Accept-Language; NULL: none */
};

/* --- request.c --- */

forge_req_t *forge_http_request_make(struct request_rec *r, const forge_server_t *server);

/* --- guard.c: who calls, and whether the route lets them in. The database is asked only for API keys and tickets, for
 * FORGE_R_STEP_UP routes, and while this node does not know for certain which tokens were revoked --- */

forge_status_t forge_http_guard(forge_req_t *q);

/* Goes on with a request: FORGE_OK when it was admitted, else why not. Returns what a handler returns. */
typedef int (*forge_served_fn)(forge_req_t *q, forge_status_t admitted);

/* --- db.c --- */

/* Takes this request's part of the share of its kind, for forge_http_db; true when it has it, or needs none. It goes
 * back with forge_http_db_done. Uses no pool of the request. */
bool forge_http_db_share(forge_req_t *q, apr_interval_time_t patience);

/* --- input.c, body.c: query, preconditions and body, validated by the route's tables; all failing members at once ---
 */

forge_status_t forge_http_input(forge_req_t *q);
/* The raw body, at most ForgeMaxBody (ForgeMaxBundle with FORGE_R_BUNDLE). FORGE_E_BODY_TOO_LARGE, REQUEST_TIMEOUT,
 * BAD_REQUEST. *data is never NULL. */
forge_status_t forge_http_body_read(forge_req_t *q, const char **data, apr_size_t *len);
/* What Content-Length announces, 0 without one. FORGE_E_BODY_TOO_LARGE. */
forge_status_t forge_http_body_announced(forge_req_t *q, apr_off_t max, apr_off_t *said);

/* A body on its way in, for whoever takes it piece by piece. */
typedef bool (*forge_bytes_fn)(void *baton, const char *data, apr_size_t len); /* false: no more is wanted */
typedef struct forge_reader_t {
    struct conn_rec *c;
    struct apr_bucket_brigade *bb;
    forge_bytes_fn sink;
    void *baton;
    apr_off_t size;           /* that is announced, as far as it is believed: it decides how long the body may take */
    apr_off_t got;            /* so far */
    apr_int64_t begun;        /* forge_util_monotonic */
    apr_interval_time_t wait; /* on a thread, so far */
    apr_uint32_t *share;      /* the counter of its address; NULL: not counted */
    apr_uint32_t *all;        /* the counter of all, with share */
    bool end;                 /* all of it was there, or the sink wants no more */
    bool dry;                 /* nothing was there the last time */
} forge_reader_t;
forge_reader_t forge_http_reader_make(forge_req_t *q, apr_off_t size, forge_bytes_fn sink, void *baton);
/* Takes what is there, never waits. FORGE_E_REQUEST_TIMEOUT, BAD_REQUEST, BODY_TOO_LARGE. */
forge_status_t forge_http_reader_take(forge_req_t *q, forge_reader_t *reader);
/* Waits for more on this thread. FORGE_E_REQUEST_TIMEOUT, or UNAVAILABLE when too many threads wait so already. */
forge_status_t forge_http_reader_wait(forge_req_t *q, forge_reader_t *reader);
apr_interval_time_t forge_http_reader_left(const forge_reader_t *reader); /* until it is late; not above 0: it is */
bool forge_http_reader_patient(const forge_reader_t *reader); /* has waited so little that a thread may wait on */
void forge_http_reader_leave(forge_reader_t *reader);         /* after the last wait */
/* Reads away what is left of a small body (of a stream of HTTP/2: what comes within 5 s) so that the connection can go
 * on; otherwise marks it to be closed. */
void forge_http_body_drain(forge_req_t *q);

/* --- idempotency.c (SPEC 1) --- */

/* Reads the header; FORGE_E_VALIDATION when it is no 1-255 visible characters. The fingerprint covers method, path and
 * body. */
forge_status_t forge_http_idempotency_begin(forge_req_t *q, const char *body, apr_size_t len);
/* The stage before the handler: begins a transaction and claims the key in it. Nothing without a key. FORGE_ANSWERED
 * when the answer of the first time was put into q->reply, FORGE_E_IDEMPOTENCY_* when the key is in use or was used for
 * something else, or what the route's .again refuses with. */
forge_status_t forge_http_idempotency_claim(forge_req_t *q);
/* For a request that waits between the claim and its work: commits a mark that its key is in use, which
 * ends by itself when the process dies, and gives the connection back. The claim then knows its own mark. Answers like
 * the claim. */
forge_status_t forge_http_idempotency_reserve(forge_req_t *q);
/* Takes that mark away after a failure, whose answer is not kept. */
void forge_http_idempotency_release(forge_req_t *q);
/* The stage after it: stores the answer and commits; only then it may be sent. */
forge_status_t forge_http_idempotency_finish(forge_req_t *q);
/* After a failure of these stages: whether all of them may succeed at a second run (a deadlock, for example). Then the
 * transaction is rolled back, and the claim begins it anew. `tries`: runs that failed before this one. */
bool forge_http_idempotency_again(forge_req_t *q, int tries);

/* --- cache.c: answers for anonymous clients out of shared memory (SPEC 21) --- */

/* The stage before the handler: true when the answer was put into q->reply. Else _keep must follow the handler, with
 * its result, in any case. */
bool forge_http_cache_answers(forge_req_t *q);
void forge_http_cache_keep(forge_req_t *q, forge_status_t status);
/* What is answered was read from the database that calls itself `system`. It is kept only if that is the one whose
 * changes this node hears. */
void forge_http_cache_source(forge_req_t *q, const char *system);

/* --- input.c --- */

/* Whether If-Match, if there is one, names this tag (RFC 9110 §13.1.1). */
bool forge_http_named(forge_req_t *q, const char *etag);

/* --- reply.c --- */

/* The reply as it is now, for work that may have to begin anew: *q->reply = the copy. */
forge_reply_t forge_http_reply_copy(const forge_req_t *q);

/* --- replica.c: public reads from a replica --- */

/* Runs the handler, on the replica if that may serve this request; once more on the primary where it failed there. */
forge_status_t forge_http_replica_work(forge_req_t *q, forge_handler_fn work);

/* --- problem.c --- */

/* What a problem document says, and the request that it answers, whose Accept-Language chooses the language of its
 * sentences. NULL is what its absence means: of `instance` "/", of `detail` the sentence of the table, of the other two
 * nothing. */
typedef struct forge_problem_t {
    struct request_rec *r;
    forge_status_t status;
    int http; /* the status of the answer, which Apache may have chosen */
    const char *request_id, *instance, *detail;
    const forge_faults_t *faults;
} forge_problem_t;
/* The document as bytes. Returns its Content-Language: "en", "de", or "de, en" where a sentence is not translated. */
const char *forge_http_problem_write(forge_buf_t *b, const forge_problem_t *problem);
/* Says in which languages an answer speaks, and that another client may get others (RFC 9110 §8.5, §12.5.5). */
void forge_http_problem_languages(apr_table_t *headers, const char *languages);

/* --- send.c: the only place that writes an answer --- */

int forge_http_send(forge_req_t *q, forge_status_t status);

/* --- linger.c: the moment after an answer, under the event MPM --- */

/* Called when the answer was passed on, `len` bytes of body. A small one leaves at once where that cannot block. */
void forge_http_linger_send(struct request_rec *r, apr_size_t len);

/* --- spool.c: bytes that are on their way, in a file without a name --- */

/* FORGE_E_STORAGE_FULL, UNAVAILABLE. It ends with the request, or with the process. */
forge_status_t forge_http_spool_make(forge_req_t *q, forge_spool_t **spool);
forge_status_t forge_http_spool_add(forge_spool_t *spool, const char *data, apr_size_t len);
forge_status_t forge_http_spool_end(forge_spool_t *spool); /* after the last bytes, before the first are read */
bool forge_http_spool_read(forge_spool_t *spool, apr_off_t at, void *to, apr_size_t len);
struct apr_file_t *forge_http_spool_file(forge_spool_t *spool);

/* --- logs.c --- */

/* A descriptor for the log file as it is now, to be read at given places only; -1 when it cannot be opened. */
int forge_http_log_open(const forge_log_source_t *source);
bool forge_http_log_serves(const forge_log_source_t *source, const char *service); /* service may be "all" */

/* --- log_board.c: one follower of each log file in a child, whoever follows it --- */

/* A line as it is kept for the streams: one block of memory. */
typedef struct forge_log_kept_t {
    forge_log_entry_t entry;
    char place[FORGE_LOG_PLACE_MAX]; /* behind it */
    apr_size_t len;
    const char *json; /* the members behind the id */
} forge_log_kept_t;
typedef struct forge_log_feed_t forge_log_feed_t;
/* Where a stream is in a feed. */
typedef struct forge_log_cursor_t {
    forge_log_feed_t *feed;
    apr_uint64_t seq;
    char place[FORGE_LOG_PLACE_MAX];
} forge_log_cursor_t;
/* What was written behind a client's place before it came, and is not kept any more. */
typedef struct forge_log_rest_t {
    apr_off_t until; /* in this file; -1: there is nothing */
    dev_t dev;
    ino_t ino;
} forge_log_rest_t;
/* Follows a file; it is opened by the first one. The cursor is behind `place` when that is among the lines that are
 * kept, else behind the last one, and *rest says what lies between. False: no memory, or the child ends. */
bool forge_http_feed_join(const forge_log_source_t *source, const char *place, forge_log_cursor_t *cursor,
                          forge_log_rest_t *rest);
/* The same for a cursor whose lines are not kept any more: behind the last one, and *rest says what it has missed. */
void forge_http_feed_again(forge_log_cursor_t *cursor, forge_log_rest_t *rest);
void forge_http_feed_leave(forge_log_feed_t *feed);
bool forge_http_feed_has(const forge_log_cursor_t *cursor); /* more than the cursor has seen; without a lock */
/* Gives what is behind the cursor to `take`, one by one, as long as that returns true, and moves the cursor. False: it
 * is so far behind that lines were forgotten. */
bool forge_http_feed_read(forge_log_cursor_t *cursor, bool (*take)(void *baton, const forge_log_kept_t *line),
                          void *baton);

/* --- files.c: who may move the bytes of files --- */

/* For a route with FORGE_R_FILE: calls `serve` when it is this request's turn to use a connection, which it then has a
 * share of. Return what it returns. */
int forge_http_files_admit(forge_req_t *q, forge_served_fn serve);
/* Counts this request among those whose bytes are kept in files here, until it ends. FORGE_E_UNAVAILABLE with
 * Retry-After when there are too many of all or of this account. */
forge_status_t forge_http_files_enter(forge_req_t *q);

/* --- upload.c --- */

/* For a route with .upload: receives the file, however long its client takes, then calls `serve`. */
int forge_http_upload_receive(forge_req_t *q, forge_served_fn serve);

/* --- flight.c: large answers on their way --- */

#define FORGE_FLIGHT_SMALL 65536 /* bytes; answers up to here are of no account */
/* Takes `size` bytes from the budget until the request has ended, which is when httpd has written the answer; by then
 * the client must have read it, or it is cut off. What is not in memory (a file) has the deadline alone. False: there
 * is no room. Small answers are of no account. */
bool forge_http_flight_begin(forge_req_t *q, apr_size_t size, bool in_memory);
/* Whether the answer to this question found no room a moment ago, and would find none now. */
bool forge_http_flight_hopeless(forge_req_t *q);
/* Cuts off who is late. True while there is anything to watch: ask again soon. */
bool forge_http_flight_watch(void);

/* The status for an answer that finds no room; says so in the problem. */
forge_status_t forge_http_crowded(forge_req_t *q);

/* --- stream.c --- */

/* Sends what forge_reply_stream has prepared; the headers are set. */
void forge_http_stream_send(forge_req_t *q);

/* --- events.c --- */

/* Begins the stream that forge_reply_events has prepared; the headers are set. Returns what a handler returns. */
int forge_http_events_send(forge_req_t *q);

/* --- cors.c --- */

void forge_http_cors_set(struct request_rec *r, const forge_config_t *c);
/* True: the 204 of a preflight is prepared; called for OPTIONS with Origin and Access-Control-Request-Method. `allow`
 * is the path's Allow list. False: no preflight. */
bool forge_http_cors_preflight(struct request_rec *r, const forge_config_t *c, const char *allow);

/* --- inner.c: a request within a request --- */

#define FORGE_AGGREGATE_BYTES (4 * 1024 * 1024) /* of all bodies of an aggregate */

typedef struct forge_inner_t forge_inner_t;
/* What the paths of one aggregate share. */
typedef struct forge_room_t {
    apr_int64_t left; /* bytes; atomic */
    bool over;        /* nobody waits for answers any more; atomic */
} forge_room_t;
/* A GET of `target` by the caller of q. It may be passed from thread to thread; q must outlive it. NULL: no memory. */
forge_inner_t *forge_http_inner_make(forge_req_t *q, const char *target, forge_room_t *room);
/* Has it pass all of httpd's phases up to its handler. False: it was answered on the way. */
bool forge_http_inner_begin(forge_inner_t *inner);
bool forge_http_inner_local(const forge_inner_t *inner); /* begun: it is one of our routes */
void forge_http_inner_run(forge_inner_t *inner);         /* its handler, to the end of its answer */
/* Writes its "status" and "body" as members, and gives the status; or returns what to say in their place. */
forge_status_t forge_http_inner_write(forge_inner_t *inner, forge_buf_t *b, int *http);
void forge_http_inner_tell(const forge_inner_t *inner, forge_req_t *q); /* the rate limits that it has met */
void forge_http_inner_drop(forge_inner_t *inner);

/* --- helpers.c: threads that run parts of a request --- */

typedef enum forge_errand_state_t {
    FORGE_ERRAND_WAITS,
    FORGE_ERRAND_RUNS,
    FORGE_ERRAND_DONE,
    FORGE_ERRAND_NEVER
} forge_errand_state_t;
/* The errands of one request. */
typedef struct forge_errands_t {
    pthread_cond_t ended;
    int left;
} forge_errands_t;
typedef struct forge_errand_t {
    APR_RING_ENTRY(forge_errand_t) link;
    void (*run)(void *baton);
    void *baton;
    forge_errands_t *group;
    forge_errand_state_t state;
} forge_errand_t;
bool forge_http_helpers_are(void); /* whether there are any */
void forge_http_errands_begin(forge_errands_t *group);
void forge_http_errand_add(forge_errands_t *group, forge_errand_t *errand);
void forge_http_errands_wait(forge_errands_t *group, apr_int64_t until); /* forge_util_monotonic; for all of them */
/* Takes it back when no helper has it yet. Says what became of it: DONE, NEVER, or RUNS. */
forge_errand_state_t forge_http_errand_settle(forge_errand_t *errand);
void forge_http_errands_end(forge_errands_t *group); /* waits for those that run */

/* --- aggregate.c --- */

/* After the answer was passed on: waits for what is late. */
void forge_http_aggregate_end(forge_req_t *q);

/* --- die.c: Apache's own errors as problem+json --- */

/* Called by forge_http_begin for a request of ours: its errors stay here whatever ErrorDocument says. */
void forge_http_die_prepare(struct request_rec *r);

/* --- pump.c: requests that wait and hold no thread (DESIGN 5), under the event MPM --- */

typedef enum forge_wake_t {
    FORGE_WAKE_READY, /* what it waits for is there */
    FORGE_WAKE_LATE,  /* its patience is over */
    FORGE_WAKE_GONE,  /* the client has closed its side: nothing can be answered */
    FORGE_WAKE_STOP   /* the child stops: answer now */
} forge_wake_t;
typedef struct forge_wait_t {
    /* Whether it is time. Asked on the pump's thread after every forge_http_pump_wake, after every event of a
     * descriptor under forge_http_pump_watch, and ten times a second; must be quick, lock nothing for long and use no
     * pool. NULL: only time, client and descriptors. */
    bool (*ready)(void *baton);
    /* Called once, on a worker thread; the request is its alone. Returns what a handler returns: OK when it has sent
     * the answer, a status for httpd to answer, or what forge_http_pump_suspend returns when it waits on. After
     * FORGE_WAKE_GONE it only tidies up. */
    int (*go)(forge_req_t *q, forge_wake_t why, void *baton);
    void *baton;
    const int *fds; /* descriptors of ours, each named once: when one is readable or broken it is time as well. They are
                       open until .go is called */
    int count;
    bool reads;                   /* the client is to send more: when it has, it is time as well */
    apr_interval_time_t patience; /* from the suspension on */
    apr_interval_time_t farewell; /* how long it may still wait when the child stops gracefully */
    bool calm;                    /* ten times a second is often enough for all of this: what may wait by thousands */
} forge_wait_t;
/* Whether this request can be suspended: the event MPM, a request of its own (none within another, no redirect),
 * HTTP/1. */
bool forge_http_pump_can(const forge_req_t *q);
/* Suspends the request; its handler must return what this returns, and touch nothing any more. Pools of the request go
 * on living. The connection is closed after the answer: httpd 2.4 cannot take a suspended one back. */
int forge_http_pump_suspend(forge_req_t *q, const forge_wait_t *wait);
void forge_http_pump_hurry(void); /* ask those who are calm as well, now: for what comes seldom, and is worth it */
void forge_http_pump_wake(void);  /* something has changed in this process: ask all that wait. From any thread */

/* --- blocked.c: waiting on a thread, where a request cannot be suspended --- */

#define FORGE_BLOCK_FDS 8 /* descriptors of one wait */
/* Whether one more thread may wait: a quarter of a child's, counted in *blocked, or of the children where each has one;
 * then `in_all` says how many wait, this one included. forge_http_block_end must follow in any case. */
bool forge_http_block_begin(const forge_req_t *q, apr_uint32_t *blocked, apr_int64_t (*in_all)(forge_live_t *));
void forge_http_block_end(apr_uint32_t *blocked);
/* Sleeps for a moment, or until one of the descriptors is readable. False: the client has left. */
bool forge_http_block_nap(const forge_req_t *q, const int *fds, int count);
bool forge_http_stopping(void);              /* the child is to stop */
int forge_http_socket(const forge_req_t *q); /* the client's socket; -1 over HTTP/2, where it is not the request's */

/* --- dial.c: one call of a service, under the breaker of its host --- */

#define FORGE_DIAL_SENDS 3 /* of one call that cannot reach its host: nothing of it has left this machine */
typedef struct forge_dial_t {
    forge_req_t *q;
    forge_call_t *call; /* NULL: none is under way */
    forge_pass_t pass;
    forge_span_t *span; /* of it, where the request is traced */
} forge_dial_t;
typedef enum forge_dialled_t { FORGE_DIAL_BEGUN, FORGE_DIAL_LEFT_ALONE, FORGE_DIAL_TOO_MANY } forge_dialled_t;
forge_dialled_t forge_http_dial(forge_dial_t *dial, forge_req_t *q, const char *host, const forge_call_spec_t *spec);
const char *forge_http_dial_why(forge_dialled_t how); /* why it was not begun, for the log */
/* What came tells whether the host is well. */
void forge_http_dial_end(forge_dial_t *dial, const forge_call_result_t *result, bool sound);
void forge_http_dial_drop(forge_dial_t *dial);   /* nobody waits any more: that tells nothing */
apr_int64_t forge_http_dial_again_at(int sends); /* when to send once more: a while that doubles, another for each */

/* --- executor.c: programs that an external executor runs, one call each --- */

typedef struct forge_order_t forge_order_t;
/* Begins it. FORGE_E_SANDBOX_UNAVAILABLE while the executor is left alone, FORGE_E_EXECUTION_QUEUE_FULL when too many
 * calls of this process are under way. It ends with the request's pool. */
forge_status_t forge_http_order(forge_req_t *q, const forge_run_job_t *job, forge_order_t **order);
int forge_http_order_fd(const forge_order_t *order); /* can be read when there is something to take */
typedef enum forge_delivery_of_order_t {
    FORGE_ORDER_WAITS,
    FORGE_ORDER_DONE,
    FORGE_ORDER_UNSENT, /* may be given once more */
    FORGE_ORDER_LATE,
    FORGE_ORDER_BROKEN
} forge_delivery_of_order_t;
/* At most `most` bytes of each output are taken. It is over after anything but FORGE_ORDER_WAITS. */
forge_delivery_of_order_t forge_http_order_take(forge_order_t *order, int64_t most, forge_run_result_t *result);
void forge_http_order_cancel(forge_order_t *order);
int forge_http_executor_breaker(const forge_req_t *q); /* of ForgeExecutorURL's host */

/* --- runs.c --- */

/* Has the programs run that .prepare asked for, then calls `then` with FORGE_OK or why it could not. Return what it
 * returns. */
int forge_http_runs_wait(forge_req_t *q, forge_served_fn then);

/* --- containers.c --- */

/* Asks, or waits for who does, then calls `then`. Return what it returns. */
int forge_http_containers_wait(forge_req_t *q, forge_served_fn then);

/* --- calls.c --- */

/* Makes the calls that .prepare asked for, then calls `then`. Return what it returns. */
int forge_http_calls_wait(forge_req_t *q, forge_served_fn then);

/* --- queue.c: the queue before password hashes (DESIGN 4) --- */

/* Calls `serve` now or, when it is this request's turn, later on another thread. Return what it returns. */
int forge_http_queue_admit(forge_req_t *q, forge_served_fn serve);
/* A place for this request if it has none yet, waited for on this thread; its time begins anew with each call.
 * FORGE_E_BUSY. */
forge_status_t forge_http_queue_hold(forge_req_t *q);
/* Puts the wait for it into the trace, once; on a worker. */
void forge_http_queue_trace(forge_req_t *q);
void forge_http_queue_leave(forge_req_t *q);

#endif
