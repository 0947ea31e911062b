/* SPDX-License-Identifier: Apache-2.0
 * Door of http/: the edge between httpd and the handlers in api/. A handler reads the request here, calls core/ and store/, leaves its
 * answer with one of the reply functions and returns a status; it never writes to the socket.
 */
#ifndef FORGE_HTTP_H
#define FORGE_HTTP_H

#include "../config/config.h"
#include "../store/store.h"

struct request_rec;
struct server_rec;
struct conn_rec;
typedef struct forge_reply_t forge_reply_t; /* the answer so far; http/reply.c */
typedef struct forge_lease_t forge_lease_t; /* the database connection, if any; http/pool.c */
typedef struct forge_idem_t forge_idem_t;   /* the Idempotency-Key, if any; http/idempotency.c */
typedef struct forge_turn_t forge_turn_t;   /* its way through the queue before password hashes, if any; http/queue.c */

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
    bool by_cookie;         /* the token came in the session cookie */
    bool claimed;           /* the connection carries the transaction of an Idempotency-Key: to give it back would undo it */
    bool stale;             /* FORGE_R_WAY_IN: a token or key came that is not good; the caller counts as nobody */
    forge_page_t page;      /* with FORGE_R_LIST */
    const char *if_version; /* If-Match as a PostgreSQL array of versions "{3,4}"; NULL: any */
    const char *request_id;
    forge_trace_t trace;
    const char *client_ip;  /* httpd's useragent_ip */
    const char *user_agent; /* at most 512 bytes of valid UTF-8; NULL without */
    apr_time_t now;         /* when the request began */
    struct request_rec *r;  /* for http/ only */
    const struct forge_server_t *server;
    void *prepared; /* from the route's .prepare for its .handle */
    forge_reply_t *reply;
    forge_lease_t *lease;
    forge_idem_t *idem;
    forge_turn_t *turn;
};

/* --- pool.c: mod_dbd → connection (DESIGN 1) --- */

/* A connection for this request, the same one on every call until forge_http_db_done. Waits at most ForgePoolWait. FORGE_E_POOL_EXHAUSTED,
 * FORGE_E_DATABASE_DOWN, FORGE_E_SCHEMA_OUTDATED. Never call it before slow work (hashing, waiting for others): no connection is held
 * meanwhile. */
forge_status_t forge_http_db(forge_req_t *q, forge_db_t **db);
/* Gives the connection back early; else it goes back when the handler has returned, before the answer is sent. */
void forge_http_db_done(forge_req_t *q);
/* The constraint that the last statement of this request broke; "" when none did. */
const char *forge_http_db_constraint(const forge_req_t *q);

/* --- problem.c: failures (RFC 9457) --- */

/* Remembers nothing but returns its status: the plain way to fail, reads well after a condition. */
forge_status_t forge_fail(forge_req_t *q, forge_status_t status);
/* With a sentence of its own instead of the table's. */
forge_status_t forge_fail_detail(forge_req_t *q, forge_status_t status, const char *detail);
/* With one failing member. */
forge_status_t forge_fail_field(forge_req_t *q, forge_status_t status, const char *pointer, const char *code, const char *detail);
/* With all of them. */
forge_status_t forge_fail_faults(forge_req_t *q, forge_status_t status, const forge_faults_t *faults);
void forge_http_retry_after(forge_req_t *q, int seconds); /* for the 429 or 503 that follows */
/* Logs at warn with this request's id; the tag ("FG0412") is unique in the project. Never format user text into `format` itself. */
void forge_http_warn(forge_req_t *q, const char *tag, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* --- reply.c: answers --- */

/* Row 0 as a JSON object with the route's success status; its ETag from column _version or version. FORGE_E_NOT_FOUND when there are no
 * rows. */
forge_status_t forge_reply_row(forge_req_t *q, const forge_rows_t *rows);
/* The same with 201 and Location: `collection` ("/api/v1/courses") plus "/" and column id, or _id. */
forge_status_t forge_reply_created(forge_req_t *q, const forge_rows_t *rows, const char *collection);
/* 200 for a FORGE_R_AGAIN route when nothing had to be made. */
forge_status_t forge_reply_again(forge_req_t *q, const forge_rows_t *rows);
/* A page: rows as forge_store_list gave them (one more than asked when there is a next page), Link, X-Total-Count when total ≥ 0, ETag of
 * the bytes. */
forge_status_t forge_reply_list(forge_req_t *q, const forge_list_t *list, const forge_rows_t *rows, apr_int64_t total);
/* A composed object or array with the route's success status. */
forge_status_t forge_reply_json(forge_req_t *q, const forge_json_t *body);
/* The same with a status of its own (health: 503 with a body that is no problem). */
forge_status_t forge_reply_json_status(forge_req_t *q, int http, const forge_json_t *body);
/* A body already rendered; media NULL means application/json. The buffer is given away. */
forge_status_t forge_reply_buf(forge_req_t *q, forge_buf_t *body, const char *media);
/* A file of a directory of ours, sent by httpd's own means (sendfile). FORGE_E_NOT_FOUND when it cannot be opened. */
forge_status_t forge_reply_file(forge_req_t *q, const char *path, const char *media);
forge_status_t forge_reply_none(forge_req_t *q); /* 204 */
/* stream.c: an answer that is made while it is sent, in constant memory. `next` puts one piece of it into `b` and says in *more whether
 * another one follows; it has a connection for that piece alone, and p ends with it. The first piece is made at once, so that its failure
 * is still an answer; when a later one fails the connection ends in the middle of the answer. FORGE_E_UNAVAILABLE when as many are under
 * way in this process as it allows. */
typedef forge_status_t (*forge_stream_fn)(forge_req_t *q, forge_db_t *db, apr_pool_t *p, void *baton, forge_buf_t *b, bool *more);
forge_status_t forge_reply_stream(forge_req_t *q, const char *media, forge_stream_fn next, void *baton);
void forge_reply_header(forge_req_t *q, const char *name,
                        const char *value); /* name is a literal; the value is refused when it holds controls */
/* A header of the request, NULL when absent. */
const char *forge_http_header(forge_req_t *q, const char *name);
/* Is there a working database right now? What /health asks; no more than one real question a second in each child (pool.c).
 * *found is the schema's version or -1, *took how long the question took. */
forge_status_t forge_http_db_probe(forge_req_t *q, int *found, apr_interval_time_t *took);

/* --- password hashes, for the handlers that check passwords: password.c --- */

/* bcrypt, in the place that a route with FORGE_R_HASHES got before its handler was called; another route waits for one here, on its
 * thread: FORGE_E_BUSY with Retry-After when that takes too long. No connection is held. */
forge_status_t forge_http_password_hash(forge_req_t *q, const char *password, const char **hash);
/* *good says whether it matches; stored NULL is checked against the dummy, for the same time. */
forge_status_t forge_http_password_verify(forge_req_t *q, const char *password, const char *stored, bool *good);

int forge_http_password_places(const forge_req_t *q); /* requests that may hash at the same time */

/* --- between the files of this room and mod_forge.c --- */

/* The per-server state made at start: keys, router, live segment (server.c). */
typedef struct forge_server_t {
    struct server_rec *s;
    forge_config_t *config;
    forge_keys_t *keys;
    forge_router_t *router;
    forge_live_t *live;
    const int *slots;             /* route index → metrics slot */
    struct forge_pool_t *db_pool; /* pool.c */
    int places;                   /* requests that may hash passwords at the same time, over all children (queue.c) */
    struct forge_log_t *access;   /* access_log.c */
    struct forge_log_t *audit;    /* audit_log.c */
    apr_uint64_t realm;           /* the database: its accounts and sessions, as live/ keeps them apart */
    apr_interval_time_t longest;  /* life of the longest access token that any server of this realm gives */
} forge_server_t;
forge_server_t *forge_http_server(struct server_rec *s);
/* In the parent, once per configuration. Not OK: keys or logs could not be made, the log says why. */
int forge_http_servers_make(apr_pool_t *pconf, struct server_rec *main_server, forge_live_t *live, forge_router_t *router);
/* In each child: the gates before mod_dbd's pools, one for each pool, which virtual hosts of the same settings share. */
void forge_http_servers_gates(apr_pool_t *p);
int forge_http_servers_bell(void); /* forge_live_gate_fd; -1 when no server is ours */

/* handler.c: the life of one request */
int forge_http_handler(struct request_rec *r);
int forge_http_count(struct request_rec *r); /* log_transaction: metrics of every request of ours, also those Apache answered */

/* pump.c: requests that wait and hold no thread (DESIGN 5), under the event MPM */
typedef enum forge_wake_t {
    FORGE_WAKE_READY, /* what it waits for is there */
    FORGE_WAKE_LATE,  /* its patience is over */
    FORGE_WAKE_GONE,  /* the client has closed its side: nothing can be answered */
    FORGE_WAKE_STOP   /* the child stops: answer now */
} forge_wake_t;
typedef struct forge_wait_t {
    /* Whether it is time. Asked on the pump's thread after every forge_http_pump_wake, after every event of a descriptor under
     * forge_http_pump_watch, and ten times a second; must be quick, lock nothing for long and use no pool. NULL: only time and client. */
    bool (*ready)(void *baton);
    /* Called once, on a worker thread; the request is its alone. Returns what a handler returns: OK when it has sent the answer, a status
     * for httpd to answer, or what forge_http_pump_suspend returns when it waits on. After FORGE_WAKE_GONE it only tidies up. */
    int (*go)(forge_req_t *q, forge_wake_t why, void *baton);
    void *baton;
    apr_interval_time_t patience; /* from the suspension on */
    apr_interval_time_t farewell; /* how long it may still wait when the child stops gracefully */
} forge_wait_t;
/* Whether this request can be suspended: the event MPM, a request of its own (none within another, no redirect), HTTP/1. */
bool forge_http_pump_can(const forge_req_t *q);
/* Suspends the request; its handler must return what this returns, and touch nothing any more. Pools of the request go on living. The
 * connection is closed after the answer: httpd 2.4 cannot take a suspended one back. */
int forge_http_pump_suspend(forge_req_t *q, const forge_wait_t *wait);
void forge_http_pump_wake(void);      /* something has changed in this process: ask all that wait. From any thread */
void forge_http_pump_watch(int fd);   /* child_init: an event (edge) there is as good as a wake; for what other processes change */
void forge_http_pump_child(apr_pool_t *pchild, struct server_rec *s);               /* child_init */
void forge_http_pump_suspended(struct conn_rec *c, struct request_rec *r);          /* suspend_connection */
void forge_http_pump_stopping(apr_pool_t *pchild, int graceful);                    /* child_stopping */

/* queue.c: the queue before password hashes (DESIGN 4) */
/* Goes on with a request: FORGE_OK when it has a place, else why it has none. Returns what a handler returns. */
typedef int (*forge_served_fn)(forge_req_t *q, forge_status_t admitted);
/* Calls `serve` now or, when it is this request's turn, later on another thread. Return what it returns. */
int forge_http_queue_admit(forge_req_t *q, forge_served_fn serve);
/* A place for this request if it has none yet, waited for on this thread; its time begins anew with each call. FORGE_E_BUSY. */
forge_status_t forge_http_queue_hold(forge_req_t *q);
void forge_http_queue_leave(forge_req_t *q);
void forge_http_queue_advise(struct server_rec *s, const forge_config_t *c); /* post_config: says when httpd is too small for the queue */
int forge_http_queue_places(struct server_rec *s, const forge_config_t *c); /* what forge_server_t.places says */

/* claim.c: translate_name, map_to_storage, type_checker (DESIGN 11) */
bool forge_http_ours(struct request_rec *r); /* the location's handler is "forge" */
int forge_http_claim_translate(struct request_rec *r);
int forge_http_claim_map(struct request_rec *r);
int forge_http_claim_type(struct request_rec *r);

/* start.c: check_config (configtest too), post_config, child_init, test_config */
void forge_http_tables(const forge_routes_t *tables, int count); /* told once by mod_forge.c, before post_config */
int forge_http_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, struct server_rec *s);
int forge_http_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, struct server_rec *s);
void forge_http_child_init(apr_pool_t *p, struct server_rec *s);
void forge_http_test_config(apr_pool_t *pconf, struct server_rec *s); /* httpd -t -D FORGE_OPENAPI prints the OpenAPI document */

/* background.c: work on mod_watchdog's threads */
typedef struct forge_background_t {
    const char *thread; /* jobs of one name share a thread */
    bool one_child;     /* in one child at a time; another takes over ten seconds after its end */
    apr_interval_time_t every;
    void (*step)(void *data, apr_pool_t *p); /* p is gone afterwards */
    void (*end)(void *data);                 /* once, before the child's pools go, never beside a step; may be NULL */
    void *data;
} forge_background_t;
int forge_http_background_register(apr_pool_t *pconf, struct server_rec *s, const forge_background_t *what);
void forge_http_background_child(apr_pool_t *pchild); /* child_init */
/* A step that waits for something asks several times a second, and returns when it is true. */
bool forge_http_background_stopping(void);

/* tasks.c: what one child at a time does in the background (mod_watchdog): first administrator, housekeeping */
int forge_http_tasks_register(apr_pool_t *pconf, struct server_rec *s);

/* request.c: pre_translate_name, first: the location is known; request id and trace for ours */
int forge_http_begin(struct request_rec *r);
/* The note with its id and trace, made on first use; the answers carry both. */
struct forge_note_t *forge_http_identify(struct request_rec *r);
/* The request as the handlers see it; NULL when the server has no Forge configuration */
forge_req_t *forge_http_request_make(struct request_rec *r, const forge_server_t *server);
/* The path of the request target as it was sent, still encoded, without query. */
const char *forge_http_raw_path(struct request_rec *r);

/* guard.c: who calls, and whether the route lets them in. The database is asked only for API keys and tickets, for FORGE_R_STEP_UP routes,
 * and while this node does not know for certain which tokens were revoked. */
forge_status_t forge_http_guard(forge_req_t *q);
/* FORGE_OK and *who for an access token that is authentic, unexpired and not revoked; also for the doors (authn.c). FORGE_E_INVALID_TOKEN,
 * or what the database answered when it had to be asked. */
forge_status_t forge_http_token_check(struct request_rec *r, const forge_server_t *server, apr_pool_t *p, const char *token, apr_time_t now,
                                      forge_who_t *who);

/* revoke.c: what was revoked, here and on other nodes */
/* Puts what a connection has committed into live/: refused from the next request on, in every child. */
void forge_http_revocations_apply(const forge_server_t *server, const forge_effects_t *effects);
/* One thread a database, at work in one child at a time: LISTEN forge_events, and the reload after a start or an interruption. */
int forge_http_events_register(apr_pool_t *pconf, struct server_rec *s);

/* api_key.c, ticket.c: the two credentials that only the database knows */
/* FORGE_E_INVALID_TOKEN when the key is unknown, expired, revoked or its account inactive. An address that has spent its quota is told so
 * before the database is asked. */
forge_status_t forge_http_api_key(forge_req_t *q, const char *key, forge_who_t *who);
/* Spends a one-use ticket. */
forge_status_t forge_http_ticket(forge_req_t *q, const char *ticket, forge_who_t *who);

/* log.c: logs of one JSON line an event. Opened in the parent; virtual hosts and directives that name the same one share it. NULL, and a
 * line in the error log, when it cannot be opened. */
struct forge_log_t *forge_http_log_open(apr_pool_t *p, struct server_rec *s, const char *directive, const char *name);
/* One line, its end included, at once; a failure is told once a minute. */
void forge_http_log_write(const struct forge_log_t *log, struct server_rec *s, const forge_buf_t *line);
#define FORGE_LOG_LINE_MAX 4096 /* PIPE_BUF on Linux: longer writes to a pipe may be mixed with those of others */

/* audit_log.c: ForgeAuditLog, one JSON line per security event (the table is written by the statements themselves) */
int forge_http_audit_open(apr_pool_t *p, struct server_rec *s, forge_server_t *server);
void forge_http_audit_write(const forge_server_t *server, const forge_effects_t *effects);

/* mailer.c: sends what waits in the outbox; a thread of its own, for a mail server may be slow. A mail on its way when the child ends is
 * interrupted and goes again. */
int forge_http_mailer_register(apr_pool_t *pconf, struct server_rec *s);
/* Whether mail waits for longer than it should; the database is asked once a second in each child. */
forge_status_t forge_http_mail_probe(forge_req_t *q, bool *late);

/* doors.c: the hooks for content that is not ours (SPEC 17) */
void forge_http_doors_register(apr_pool_t *p);

/* authn.c: who asks for content under AuthType Forge */
typedef struct forge_door_t {
    forge_status_t status;               /* FORGE_OK: known; FORGE_E_UNAUTHENTICATED: no credentials came; or why they are not believed */
    forge_who_t who;                     /* with the role that the account has now */
    const char *username, *email, *orgs; /* orgs: "slug:role slug:role" */
    bool by_cookie;                      /* else by the Authorization header */
    bool deciding;                       /* the Require lines are being asked */
    bool lacks_factor;                   /* forge-mfa said no */
    forge_status_t trouble;              /* why a Require line could not be decided: the database was away */
} forge_door_t;
/* Asked of the database once a request: sub-requests and internal redirects find the same answer. Never NULL. */
forge_door_t *forge_http_door(struct request_rec *r);
bool forge_http_door_guards(struct request_rec *r); /* AuthType Forge is what applies here */
int forge_http_door_authn(struct request_rec *r);   /* check_authn */
int forge_http_door_authz(struct request_rec *r);   /* check_authz, before the Require lines: 403 where httpd would say 401 */
int forge_http_door_note(struct request_rec *r, const char *type); /* note_auth_failure */
/* authz.c: Require forge-role, forge-org, forge-enrolled, forge-mfa */
void forge_http_authz_register(apr_pool_t *p);

/* forward.c: what back ends hear */
int forge_http_forward_strip(struct request_rec *r); /* post_read_request: X-Forge-* from outside goes, whatever its spelling */
/* Before the content is made: our cookies go and, where somebody is known, their credentials; X-Forge-* comes. door NULL: nobody is known.
 */
void forge_http_forward(struct request_rec *r, const forge_door_t *door);
/* Cookie and Authorization as they came, whatever was taken away since. */
const char *forge_http_forward_cookie(struct request_rec *r);
const char *forge_http_forward_authorization(struct request_rec *r);

/* cookie.c: ForgeCookie */
/* After a good login or refresh, and after a logout: sets or clears the cookies where ForgeCookie is On and the connection is safe.
 * The cookie is an access token of its own for `who`. */
void forge_http_cookie_set(forge_req_t *q, const forge_who_t *who);
void forge_http_cookie_clear(forge_req_t *q);
bool forge_http_cookie_sets(struct request_rec *r); /* the answer sets or clears the session cookie: no cache may keep it */
/* Does it change something, or open a channel that may (a WebSocket's handshake is a GET)? */
bool forge_http_writes(struct request_rec *r);
/* *token is the access token of the session cookie, NULL without one; where the route lets anyone in, one that is not good is none, and so
 * is any beside an Authorization header. FORGE_E_CSRF when a method that writes comes without the token that belongs to the
 * session, and for a form login from another site. A token that has ended is renewed when its session is still active. */
forge_status_t forge_http_cookie_token(forge_req_t *q, const char **token);
/* The same for content that is not ours. FORGE_E_UNAUTHENTICATED: no cookie; FORGE_E_INVALID_TOKEN: not a good one. */
forge_status_t forge_http_cookie_who(struct request_rec *r, const forge_server_t *server, forge_who_t *who);
/* status.c: the Forge part of mod_status' page */
void forge_http_status_register(apr_pool_t *p);

/* input.c, body.c: query, preconditions and body, validated by the route's tables; all failing members at once */
forge_status_t forge_http_input(forge_req_t *q);
/* The raw body, at most ForgeMaxBody. FORGE_E_BODY_TOO_LARGE, REQUEST_TIMEOUT, BAD_REQUEST. *data is never NULL. */
forge_status_t forge_http_body_read(forge_req_t *q, const char **data, apr_size_t *len);
/* Reads away what is left of a small body so that the connection can go on; otherwise marks it to be closed. */
void forge_http_body_drain(struct request_rec *r);

/* idempotency.c (SPEC 1) */
/* Reads the header; FORGE_E_VALIDATION when it is no 1–255 visible characters. The fingerprint covers method, path and body. */
forge_status_t forge_http_idempotency_begin(forge_req_t *q, const char *body, apr_size_t len);
/* The stage before the handler: begins a transaction and claims the key in it. Nothing without a key. FORGE_ANSWERED when the stored answer
 * was put into q->reply, FORGE_E_IDEMPOTENCY_… when the key is in use or was used for something else. */
forge_status_t forge_http_idempotency_claim(forge_req_t *q);
/* The stage after it. */
/* Stores the answer and commits; only then it may be sent. */
forge_status_t forge_http_idempotency_finish(forge_req_t *q);

/* pool.c */
struct forge_pool_t *forge_http_pool_make(apr_pool_t *p, struct server_rec *s, int size);
/* Without a request, for background tasks: as forge_http_db, to be given back with forge_http_lease_return. */
forge_status_t forge_http_lease_take(apr_pool_t *p, const forge_server_t *server, const char *activity, forge_lease_t **lease,
                                     forge_db_t **db);
void forge_http_lease_return(forge_lease_t *lease);
int forge_http_pool_dbd_max(struct server_rec *s);                         /* DBDMax as configured for this server */
const char *forge_http_pool_database(apr_pool_t *p, struct server_rec *s); /* DBDParams as configured for this server */
/* Servers with the same text share one pool of mod_dbd's, and so need one gate before it. */
const char *forge_http_pool_identity(apr_pool_t *p, struct server_rec *s);

/* probe.c */
void forge_http_probe_init(apr_pool_t *p); /* child_init */

/* send.c: the only place that writes an answer */
int forge_http_send(forge_req_t *q, forge_status_t status);
/* stream.c: sends what forge_reply_stream has prepared; the headers are set. */
void forge_http_stream_send(forge_req_t *q);
/* headers.c, cors.c: what every answer of ours carries, Apache's own errors included */
void forge_http_headers_set(struct request_rec *r, const forge_server_t *server); /* into err_headers_out, idempotent */
bool forge_http_secure(struct request_rec *r); /* TLS here, or in front of us when the server's name says https */
void forge_http_cors_set(struct request_rec *r, const forge_config_t *c);
/* True: the 204 of a preflight is prepared; called for OPTIONS with Origin and Access-Control-Request-Method. `allow` is the path's Allow
 * list. False: no preflight. */
bool forge_http_cors_preflight(struct request_rec *r, const forge_config_t *c, const char *allow);
/* limit.c: FORGE_OK, or FORGE_E_RATE_LIMITED with Retry-After; header families on both. The first pass, by address, runs before the guard;
 * class user after it. */
forge_status_t forge_http_limit(forge_req_t *q, forge_limit_class_t class);
/* The client's network as limits know it, for lockout: "192.0.2.7", "2001:db8:1:2::/64". */
const char *forge_http_limit_address(forge_req_t *q);
/* For a credential that costs a look into the database before anybody is counted: FORGE_OK while the address has quota left in class
 * default, else what forge_http_limit says. Takes nothing from it. */
forge_status_t forge_http_limit_peek(forge_req_t *q);
/* access_log.c: one JSON line a request */
int forge_http_access_open(apr_pool_t *p, struct server_rec *s,
                           forge_server_t *server); /* open_logs: in the parent; non-zero stops the start */
int forge_http_access_write(struct request_rec *r); /* log_transaction */
/* die.c: Apache's own errors as problem+json (DESIGN 10) */
void forge_http_die_insert(struct request_rec *r); /* insert_error_filter */
void forge_http_die_register(void);
void forge_http_die_prepare(
    struct request_rec *r); /* called by forge_http_begin for a request of ours: its errors stay here whatever ErrorDocument says */
/* What is kept with every request of ours (request_config), also when no handler ran. */
typedef struct forge_note_t {
    const char *request_id;
    forge_trace_t trace;
    apr_time_t begun;
    const char *route;   /* template, or NULL: none matched */
    int slot;            /* metrics */
    apr_int64_t user_id; /* 0: anonymous */
    bool claimed, counted;
    bool located;              /* forge_http_begin saw it: false for what httpd refused before it looked for a location */
    forge_status_t reason;     /* why a door refused it, the code of the problem where one is written; FORGE_OK: httpd's own reason */
    struct forge_door_t *door; /* who asks, once that was found out */
    bool greeted;              /* an expression has asked who it is, where no door asks */
    const char *cookie, *authorization; /* as they came, where forward.c took them away; NULL otherwise */
} forge_note_t;
forge_note_t *forge_http_note(struct request_rec *r); /* made on first use */
/* The answer so far. */
struct forge_reply_t {
    bool set; /* a handler answered */
    int http;
    const char *media;
    forge_buf_t *body;             /* NULL: none */
    struct forge_stream_t *stream; /* instead of body */
    const char *file;              /* instead of body */
    const char *etag, *location;
    apr_table_t *headers;
    const char *detail;           /* of a failure, instead of the table's sentence */
    const forge_faults_t *faults; /* of a failure */
    const char *allow;            /* of a 405 and of OPTIONS */
    const char *accept;           /* of a 415 */
    int retry_after;              /* seconds; 0: not said */
};
/* The problem document of a status as bytes, for die.c and reply.c. */
void forge_http_problem_write(forge_buf_t *b, const char *request_id, const char *instance, forge_status_t status, int http,
                              const char *detail, const forge_faults_t *faults);

#endif
