/* SPDX-License-Identifier: Apache-2.0
 * Interface of server/: what all hooks need, for the API, for protected content and for background work.
 * A virtual host at run time, the note of a request, connections to the database, credentials, limits and logs.
 */
#ifndef FORGE_SERVER_H
#define FORGE_SERVER_H

#include "config/config.h"
#include "core/logs/logs.h"
#include "core/wire/wire.h"
#include "store/store.h"

struct request_rec;
struct server_rec;

/* --- server.c: a virtual host at run time --- */

typedef struct forge_server_t {
    struct server_rec *s;
    forge_config_t *config;
    forge_keys_t *keys;
    forge_router_t *router;
    forge_live_t *live;
    const int *slots;                   /* route index → metrics slot */
    struct forge_pool_t *db_pool;       /* pool.c */
    struct forge_pool_t *replica;       /* of connections to ForgeReadDBD; NULL: off */
    apr_uint64_t replica_id;            /* forge_live_replica_look; 0: off */
    struct forge_share_t *share;        /* of logins; share.c */
    struct forge_share_t *files;        /* of the bytes of files */
    const char *runner;                 /* the socket of forge-runner; NULL: nothing is run here */
    int places;                         /* requests that may hash passwords at the same time, over all children */
    forge_cache_t *cache;               /* of public answers; NULL: off */
    struct forge_limit_store_t *limits; /* Redis; NULL: limits are counted in this node. limit_store.c */
    unsigned char limits_key[32];       /* of the digests that are keys there */
    apr_uint64_t seed;                  /* differs where answers to one question do: keys, database, version */
    struct forge_log_t *access;         /* access_log.c */
    struct forge_log_t *audit;          /* audit_log.c */
    struct forge_log_t *events;         /* event_log.c */
    apr_array_header_t *sources;        /* of forge_log_source_t; log_sources.c */
    /* Where its spans and its errors wait to be sent; NULL: they are not wanted. outgoing.c */
    struct forge_outgoing_t *traces, *errors;
    apr_uint64_t realm;          /* number of the database, by which live/ separates accounts and sessions */
    apr_interval_time_t longest; /* longest ForgeAccessTokenTTL of all servers of this realm */
} forge_server_t;
/* NULL for a host without ForgeSecret. */
forge_server_t *forge_server_of(struct server_rec *s);
/* Called in the parent, once per configuration. Not OK: keys could not be made, and the log says why. */
int forge_server_all_make(apr_pool_t *pconf, struct server_rec *main_server, forge_live_t *live,
                          forge_router_t *router);
/* Called in each child: makes our list for each pool of mod_dbd. Virtual hosts with the same settings share both. */
void forge_server_all_pools(apr_pool_t *p);
/* The same for connections to Redis. */
void forge_server_all_limits(apr_pool_t *p);
int forge_server_bell(void);      /* forge_live_gate_fd; -1 when no server is ours */
bool forge_server_stopping(void); /* in the parent: httpd ends, or this configuration does */

/* --- note.c: what is stored with every request (request_config), even if no handler runs --- */

typedef struct forge_note_t {
    const char *request_id;
    forge_trace_t trace;
    struct forge_spans_t *spans; /* what it did, where it is traced; else NULL. spans.c */
    apr_time_t begun;
    const char *route;         /* template, or NULL: none matched */
    int slot;                  /* metrics */
    apr_int64_t user_id;       /* 0: anonymous */
    const forge_who_t *ticket; /* whose ticket this request has spent; NULL: none */
    bool claimed;              /* counted as begun in the metrics */
    bool counted;      /* in the metrics, as answered; of the first request where there were internal redirects */
    bool watched;      /* has the filter that counts (http/count.c) */
    bool ended;        /* logged: it is not in flight any more */
    bool located;      /* false if httpd refused the request before it looked for a location */
    int retry_after;   /* seconds for Retry-After of the 429 or 503 that follows; 0: not set */
    bool login_is_old; /* FORGE_E_STEP_UP asks for a login of the last max_age seconds, not for a second factor */
    int max_age;
    forge_status_t problem;             /* what the problem document that answered says; FORGE_OK: there was none */
    int flight;                         /* forge_live_flight_begin, and 1 */
    forge_status_t reason;              /* why protected content was refused; FORGE_OK: httpd's own reason */
    const forge_who_t *who;             /* of protected content, once identified; NULL: nobody */
    struct forge_visitor_t *visitor;    /* the visitor of protected content, once identified */
    bool greeted;                       /* an expression asked for the visitor, without AuthType Forge */
    const char *cookie, *authorization; /* as received, if they were removed since; otherwise NULL */
} forge_note_t;
/* The note, made on first use. A sub-request shares the note of its main request. */
forge_note_t *forge_server_note(struct request_rec *r);
/* The note with request id and trace, made on first use. The answers carry both. */
forge_note_t *forge_server_identify(struct request_rec *r);
#define FORGE_INNER_MARK "forge-inner" /* in the notes of its connection */
/* Whether it is one of the requests within another (http/inner.c). They have notes of their own, and are no requests
 * of a client's to be counted. */
bool forge_server_inner(const struct request_rec *r);
/* Who uses a connection. */
typedef struct forge_activity_t {
    const char *text; /* the application_name that the database shows meanwhile */
    int slot;         /* of the metrics of a request; -1: it is none */
} forge_activity_t;
#define FORGE_ACTIVITY(text) ((forge_activity_t){(text), -1})
/* This request: "forge " and the request id. */
forge_activity_t forge_server_activity(struct request_rec *r);
/* The same in p, with other words before the id: "forge door ". */
forge_activity_t forge_server_activity_as(struct request_rec *r, apr_pool_t *p, const char *words);
/* The path of the request target as received: still encoded, without the query. */
const char *forge_server_raw_path(struct request_rec *r);
/* The headers Cookie and Authorization as received, even if they were removed since; NULL without one. */
const char *forge_server_cookie_as_sent(struct request_rec *r);
const char *forge_server_authorization_as_sent(struct request_rec *r);

/* --- claim.c: translate_name, map_to_storage, type_checker --- */

/* The location's handler is "forge" and no proxy has taken the request: we answer it. */
bool forge_server_ours(struct request_rec *r);
/* Ours, or a back end's below the API: errors that Apache itself raises are problem documents. */
bool forge_server_beneath(struct request_rec *r);
int forge_server_claim_translate(struct request_rec *r);
int forge_server_claim_map(struct request_rec *r);
int forge_server_claim_type(struct request_rec *r);

/* --- gateway.c: what mod_proxy answers behind us --- */

/* A proxied request below the API or under AuthType Forge, on a server with a ForgeSecret. */
bool forge_server_gateway(struct request_rec *r);
/* The same, or ours: it is counted and has a line in the access log. */
bool forge_server_watched(struct request_rec *r);
/* Gives a request of the gateway the path of its location as its route. */
void forge_server_gateway_label(struct request_rec *r);

/* --- sockets.c: connections that a back end has upgraded (WebSockets) --- */

void forge_server_sockets_register(void);
/* Before mod_proxy asks the back end; if it upgrades the connection, that is counted until the request ends. */
void forge_server_socket_await(struct request_rec *r);
void forge_server_sockets_judge(void); /* closes those of this child whose session has ended since */

/* --- members.c: the members of mod_proxy's balancers, of all hosts --- */

/* As they are now; at most FORGE_UPSTREAMS_MAX. None without mod_proxy. */
const forge_upstream_t *forge_server_members(apr_pool_t *p, int *n);
bool forge_server_has_members(void); /* whether there is any balancer */
/* Whether mod_proxy has asked a back end for this request, as opposed to leaving alone all that have failed. */
bool forge_server_upstream_tried(struct request_rec *r);

/* --- lease.c: borrowing a database connection --- */

typedef struct forge_lease_t forge_lease_t;
/* Takes a connection; waits at most ForgePoolWait. `activity` as in forge_server_activity. FORGE_E_POOL_EXHAUSTED,
 * FORGE_E_DATABASE_DOWN, FORGE_E_SCHEMA_OUTDATED. Never hold a connection during slow work (hashing, waiting for
 * others). */
forge_status_t forge_server_lease_take(apr_pool_t *p, const forge_server_t *server, forge_activity_t activity,
                                       forge_lease_t **lease, forge_db_t **db);
/* The same for a request and from its pool; its trace has the wait and the statements. */
forge_status_t forge_server_lease_traced(struct request_rec *r, forge_activity_t activity, forge_lease_t **lease,
                                         forge_db_t **db);
/* A connection to the replica, for a read of what these topics hold (.reads of its route), when it has all of it that
 * this node knows of; as _traced. Waits for no connection. False: the primary is to be asked, and the metrics say why.
 */
bool forge_server_lease_replica(struct request_rec *r, forge_activity_t activity, unsigned topics,
                                forge_lease_t **lease, forge_db_t **db);
bool forge_server_lease_of_replica(const forge_lease_t *lease); /* also once it was given back; NULL: false */
/* Says for which request it was taken, so that the lines of logs that its effects write name trace and route. */
void forge_server_lease_for(forge_lease_t *lease, const forge_note_t *note);
/* Gives the connection back: rolls back an open transaction and applies the effects of committed ones (effects.c).
 * Idempotent; the pool does it at the latest. */
void forge_server_lease_return(forge_lease_t *lease);
/* Both for one call: lends a connection to `use` and returns its result, or the reason why there is no connection. */
forge_status_t forge_server_lease_lend(apr_pool_t *p, const forge_server_t *server, forge_activity_t activity,
                                       forge_db_fn use, void *data);
/* The same for a question whether all is well, which takes at most four seconds whatever the configuration says. */
forge_status_t forge_server_lease_probe(apr_pool_t *p, const forge_server_t *server, forge_activity_t activity,
                                        forge_db_fn use, void *data);
#define FORGE_PATIENCE apr_time_from_sec(60) /* for one statement that deletes what may be very much */
/* The connection of a lease; NULL if it was already returned, or if `lease` is NULL. */
forge_db_t *forge_server_lease_db(const forge_lease_t *lease);

/* --- dbd.c: what is configured for mod_dbd --- */

int forge_server_pool_dbd_max(struct server_rec *s); /* DBDMax as configured for this server */
const char *forge_server_pool_database(apr_pool_t *p,
                                       struct server_rec *s); /* DBDParams as configured for this server; "" without */
bool forge_server_has_dbd(apr_pool_t *p, struct server_rec *s); /* a DBDriver is configured for this server */
/* Why mod_dbd could not work with what its lines say, with what is accepted; NULL if it can. */
const char *forge_server_dbd_problem(apr_pool_t *p, struct server_rec *s);

/* --- serves.c: whether a host can answer anything --- */

/* Whether lines hand a path to this host, or a .htaccess may do so. */
bool forge_server_handed(apr_pool_t *p, const struct server_rec *s);
/* It has a database, of its own or, where it is handed paths, of libpq's defaults. */
bool forge_server_serves(apr_pool_t *p, struct server_rec *s);

/* --- share.c: the parts of a child's connections that logins and the bytes of files may hold --- */

typedef struct forge_share_t forge_share_t;
/* False when none came free within `patience`. Each one that was taken is given back by _leave. */
bool forge_server_share_take(forge_share_t *share, apr_interval_time_t patience);
void forge_server_share_leave(forge_share_t *share);

/* --- effects.c: effects of a committed statement outside the database --- */

/* How far the clocks of nodes may differ, and how far ahead of ours a token's time may be. */
#define FORGE_REVOKED_LEEWAY apr_time_from_sec(60)
/* What a start loads reaches back so much further: the clock of the database may have been stepped since. */
#define FORGE_REVOKED_STEP apr_time_from_sec(3600)
/* Applies the words of column _revoked or of channel forge_events ("s12 u7:4") to shared memory. Every child refuses
 * these sessions and tokens from the next request on. Two further words of the channel are of jobs: "q", one was
 * queued; "j12", that one has changed; and "c:courses" says that this topic was written. */
void forge_server_revoked_apply(const forge_server_t *server, const char *words);

/* --- token.c, api_key.c, ticket.c: the credentials --- */

/* Checks that an access token is authentic, unexpired and not revoked: FORGE_OK and *who. Otherwise
 * FORGE_E_INVALID_TOKEN, or the failure of the database if it had to be asked. */
forge_status_t forge_server_token_check(struct request_rec *r, const forge_server_t *server, apr_pool_t *p,
                                        const char *token, apr_time_t now, forge_who_t *who);
/* Whether a caller whose credential was good is still to be served, who has looked on at least once a minute since.
 * FORGE_OK; FORGE_E_INVALID_TOKEN if it has expired or was revoked. What shared memory is not sure of the database is
 * asked, if `may_ask`; else it counts as good. A failure of the database is passed on. */
forge_status_t forge_server_still_good(struct request_rec *r, const forge_server_t *server, apr_pool_t *p,
                                       const forge_who_t *who, bool may_ask);
/* Checks the credential of the Authorization header, an API key or an access token, like the function for its kind. */
forge_status_t forge_server_credential(struct request_rec *r, const forge_server_t *server, const char *text,
                                       bool counted, forge_who_t *who);
/* Check a credential that only the database knows. FORGE_E_INVALID_TOKEN if it is unknown, expired, spent or revoked,
 * or if its account is inactive. An address without quota left in class default is refused before the database is
 * asked. `counted`: the request will be counted in that quota later in any case; else a look-up that finds nothing
 * is. */
forge_status_t forge_server_api_key(struct request_rec *r, const forge_server_t *server, const char *key, bool counted,
                                    forge_who_t *who);
/* A ticket is spent by its first look-up; later ones of the same request know its answer. */
forge_status_t forge_server_ticket(struct request_rec *r, const forge_server_t *server, const char *ticket,
                                   bool counted, forge_who_t *who);
const char *forge_server_ticket_sent(struct request_rec *r); /* the parameter "ticket"; NULL without one */
/* The value of a query parameter as it was sent, up to the next one; NULL when there is none. */
const char *forge_server_in_query(struct request_rec *r, const char *name, apr_size_t *len);

/* --- challenge.c --- */

/* The value of WWW-Authenticate for a failure of this request; NULL if another credential would not help. */
const char *forge_server_challenge(struct request_rec *r, forge_status_t status);

/* --- cookie.c: ForgeCookie --- */

/* Set the cookies after a successful login or refresh, and clear them after a logout, if ForgeCookie is On and the
 * connection is secure. The cookie is a separate access token for `who`. */
void forge_server_cookie_set(struct request_rec *r, const forge_server_t *server, const forge_who_t *who);
void forge_server_cookie_clear(struct request_rec *r, const forge_server_t *server);
/* Whether the answer sets or clears the session cookie; then no cache may store it. */
bool forge_server_cookie_sets(struct request_rec *r);
/* Whether the request changes something or opens a channel that can (the handshake of a WebSocket is a GET). */
bool forge_server_writes(struct request_rec *r);
/* Sets *token to the access token of the session cookie; NULL without one, or next to an Authorization header. On a
 * route that is open to everyone an invalid cookie counts as none. FORGE_E_CSRF if a writing method lacks the session's
 * CSRF token, and for a form login from another site. An expired token is renewed while its session is active. route
 * NULL: no route matched. */
forge_status_t forge_server_cookie_token(struct request_rec *r, const forge_server_t *server,
                                         const forge_route_t *route, const char **token);
/* The same for content outside the API. FORGE_E_UNAUTHENTICATED: no cookie; FORGE_E_INVALID_TOKEN: an invalid one. If
 * its session has ended, the answer clears the cookies, so that the browser does not send them again. */
forge_status_t forge_server_cookie_who(struct request_rec *r, const forge_server_t *server, forge_who_t *who);

/* --- limit.c: rate limits --- */

/* Takes one request from the quota of `class`: that of account user_id if the class counts by account and user_id is
 * not 0, else that of the address. Sets the rate-limit headers. FORGE_E_RATE_LIMITED sets the note's retry_after. */
forge_status_t forge_server_limit(struct request_rec *r, const forge_server_t *server, forge_limit_class_t class,
                                  apr_int64_t user_id);
/* Counts one more open stream, by account user_id if class stream counts so and it is not 0, else by the address;
 * *place goes to forge_live_stream_close at its end. FORGE_E_RATE_LIMITED, or FORGE_E_UNAVAILABLE if there is no place
 * for any, set the note's retry_after. */
forge_status_t forge_server_stream_open(struct request_rec *r, const forge_server_t *server, apr_int64_t user_id,
                                        int *place);
/* The account by whose quota a caller is counted; 0: by the address. A guest counts by address, because anybody gets as
 * many guest accounts as they like. */
apr_int64_t forge_server_limit_account(const forge_who_t *who);
/* Wrong guesses from one network, at whatever names: so many at once, then one every few seconds. _allowed is asked
 * before a guess costs anything: FORGE_E_RATE_LIMITED sets the note's retry_after. */
forge_status_t forge_server_guesses_allowed(struct request_rec *r, const forge_server_t *server);
void forge_server_guess_wrong(struct request_rec *r, const forge_server_t *server);
/* Redis cannot be used at the moment (ForgeRateLimitStore); false where there is none. */
bool forge_server_limit_store_away(const forge_server_t *server);
/* The client's network, as used by limits and lockout: "192.0.2.7" (also inside ::ffff:0:0/96 and 64:ff9b::/96),
 * "2001:db8:1:2::/64". */
const char *forge_server_limit_address(const struct request_rec *r);

/* --- headers.c: the headers of all our answers, including Apache's own errors --- */

void forge_server_headers_set(struct request_rec *r,
                              const forge_server_t *server); /* into err_headers_out, idempotent */
bool forge_server_secure(struct request_rec *r); /* TLS here, or at a proxy in front if ServerName says https */

/* --- override.c: the administrator's Header lines --- */

/* Copies the headers set so far to where mod_headers can change them, and makes sure that each is sent once, as the
 * site's lines want. Called when all are set, before the first byte of the answer. */
void forge_server_override_offer(struct request_rec *r);
void forge_server_override_register(void); /* the filter for it */

/* --- access_log.c, audit_log.c, event_log.c: one line per request, security event and business event --- */

/* Called in the parent, once per configuration: opens ForgeAccessLog, ForgeAuditLog and ForgeEventLog. Hosts that name
 * the same file share it. Not OK: one could not be opened, and the error log says why. */
int forge_server_logs_open(apr_pool_t *p, forge_server_t *server);
int forge_server_access_write(struct request_rec *r); /* log_transaction */

/* --- log_pipe.c: the programs behind logs --- */

/* Around the opening of all logs, in the parent: programs that are named no more read the rest and end. */
void forge_server_log_pipes_begin(apr_pool_t *pconf, struct server_rec *main_server);
void forge_server_log_pipes_end(void);
/* Now and then, in the parent: a program for which there could be no process is started again. monitor */
int forge_server_log_pipes_look(apr_pool_t *p, struct server_rec *s);

/* --- log_file.c: the files of logs --- */

/* Around the opening of all logs, in the parent: files that are named no more are closed. */
void forge_server_log_files_begin(apr_pool_t *process_pool);
void forge_server_log_files_end(void);
/* Whether an earlier configuration of this process has opened logs: it is restarted. */
bool forge_server_log_files_known(apr_pool_t *process_pool);

/* --- log_sources.c: ForgeLogSource --- */

/* --- advise.c: warnings of configtest and of the start --- */

/* Says which lines cannot do what they seem to be meant for, and what helps. */
void forge_server_config_advise(apr_pool_t *p, struct server_rec *main_server, const forge_routes_t *tables,
                                int n_tables);
/* Before the lines are read: which package DBDriver pgsql lacks. */
void forge_server_driver_advise(apr_pool_t *p);

/* --- log_place.c --- */

/* Why a log could not be opened at the start or at a restart: there is no such directory, no such program, or it is
 * nothing that takes lines. NULL: nothing is known. */
const char *forge_server_logs_problem(apr_pool_t *p, const forge_config_t *c);

/* Called in the parent, once per configuration: opens the files that may be read through the API, as root. */
void forge_server_sources_open(apr_pool_t *p, forge_server_t *server);
/* Says which files of ForgeLogSource are missing, or cannot be read by the children, and what helps. */
void forge_server_sources_advise(apr_pool_t *p, struct server_rec *s);
/* --- outgoing.c: what is to leave for a receiver of traces or errors --- */

typedef struct forge_outgoing_t forge_outgoing_t;
/* Some of it, with how many pieces it holds. */
typedef struct forge_crate_t {
    struct forge_crate_t *next;
    int count;
    apr_int64_t since; /* forge_util_monotonic */
    apr_size_t len;
    char data[];
} forge_crate_t;
/* Copies it into the queue of this child. False: there is no room. Never waits for a receiver. */
bool forge_server_outgoing_put(forge_outgoing_t *outgoing, const char *data, apr_size_t len, int count);
/* The oldest, up to so many pieces and bytes, but one crate at least; the caller frees them. NULL: nothing is there. */
forge_crate_t *forge_server_outgoing_take(forge_outgoing_t *outgoing, int most, apr_size_t most_bytes);
typedef struct forge_waiting_t {
    int count;
    apr_int64_t since; /* the oldest */
} forge_waiting_t;
forge_waiting_t forge_server_outgoing_waiting(forge_outgoing_t *outgoing);
int forge_server_crates_free(forge_crate_t *crates); /* how many pieces they held */

/* --- spans.c: what a request that is traced did --- */

typedef struct forge_spans_t forge_spans_t;
/* Adds a span that began at `begun` (forge_util_monotonic) and ends now. NULL where there is no trace or no room; the
 * functions below do nothing then. Names of spans and marks are literals, or live as long as the request. */
forge_span_t *forge_server_span_add(forge_spans_t *spans, const char *name, forge_span_kind_t kind, apr_int64_t begun);
void forge_server_span_end(const forge_spans_t *spans, forge_span_t *span);          /* it ends now, not then */
void forge_server_span_text(forge_span_t *span, const char *name, const char *text); /* NULL text: nothing */
void forge_server_span_number(forge_span_t *span, const char *name, apr_int64_t number);
void forge_server_span_failed(forge_span_t *span, const char *type);

/* --- trace.c: the whole of it, when it has ended --- */

int forge_server_trace_write(struct request_rec *r); /* log_transaction */

/* --- report.c: what goes to ForgeSentryDSN --- */

int forge_server_report_write(struct request_rec *r); /* log_transaction: a request that was answered with 5xx */
/* Anything else. `event` without origin and moment; they are filled in. */
void forge_server_report(const forge_server_t *server, apr_pool_t *p, forge_sentry_event_t *event);
forge_origin_t forge_server_origin(const forge_server_t *server, apr_pool_t *p); /* who sends traces and errors */

/* --- trace.c again --- */

/* A job that was worked on. */
typedef struct forge_traced_job_t {
    const char *kind, *outcome;
    const char *fault; /* its code where it failed; else NULL */
    apr_int64_t id;
    int attempt;
    apr_time_t begun;
} forge_traced_job_t;
void forge_server_trace_job(const forge_server_t *server, apr_pool_t *p, const forge_traced_job_t *job);

#endif
