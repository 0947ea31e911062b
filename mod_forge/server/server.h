/* SPDX-License-Identifier: Apache-2.0
 * Door of server/: what every hook stands on, whether the content is the API's, somebody else's behind a door, or work beside requests.
 * A virtual host at run time, what is noted with a request, connections to the database, credentials, limits and logs.
 */
#ifndef FORGE_SERVER_H
#define FORGE_SERVER_H

#include "config/config.h"
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
    const int *slots;             /* route index → metrics slot */
    struct forge_pool_t *db_pool; /* lease.c */
    int places;                   /* requests that may hash passwords at the same time, over all children */
    struct forge_log_t *access;   /* access_log.c */
    struct forge_log_t *audit;    /* audit_log.c */
    apr_uint64_t realm;           /* the database: its accounts and sessions, as live/ keeps them apart */
    apr_interval_time_t longest;  /* life of the longest access token that any server of this realm gives */
} forge_server_t;
/* NULL for a host without ForgeSecret. */
forge_server_t *forge_server_of(struct server_rec *s);
/* In the parent, once per configuration. Not OK: keys could not be made, the log says why. */
int forge_server_all_make(apr_pool_t *pconf, struct server_rec *main_server, forge_live_t *live, forge_router_t *router);
/* In each child: the gates before mod_dbd's pools, one for each pool, which virtual hosts of the same settings share. */
void forge_server_all_gates(apr_pool_t *p);
int forge_server_bell(void); /* forge_live_gate_fd; -1 when no server is ours */

/* --- note.c: what is kept with every request (request_config), also when no handler ran --- */

typedef struct forge_note_t {
    const char *request_id;
    forge_trace_t trace;
    apr_time_t begun;
    const char *route;   /* template, or NULL: none matched */
    int slot;            /* metrics */
    apr_int64_t user_id; /* 0: anonymous */
    bool claimed, counted;
    bool located;          /* false for what httpd refused before it looked for a location */
    int retry_after;       /* seconds, of the 429 or 503 that follows; 0: not said */
    forge_status_t reason; /* why a door refused it; FORGE_OK: httpd's own reason */
    struct forge_visitor_t *door;          /* who asks for content behind a door, once that was found out */
    bool greeted;                       /* an expression has asked who it is, where no door asks */
    const char *cookie, *authorization; /* as they came, where they were taken away since; NULL otherwise */
} forge_note_t;
/* Made on first use; a sub-request has its main request's. */
forge_note_t *forge_server_note(struct request_rec *r);
/* The note with its id and trace, made on first use; the answers carry both. */
forge_note_t *forge_server_identify(struct request_rec *r);
/* What the database shows as application_name while this request uses a connection: "forge " and the request's id. */
const char *forge_server_activity(struct request_rec *r);
/* The path of the request target as it was sent, still encoded, without query. */
const char *forge_server_raw_path(struct request_rec *r);
/* Cookie and Authorization as they were sent, whatever was taken away since; NULL without. */
const char *forge_server_cookie_as_sent(struct request_rec *r);
const char *forge_server_authorization_as_sent(struct request_rec *r);

/* --- claim.c: translate_name, map_to_storage, type_checker --- */

bool forge_server_ours(struct request_rec *r); /* the location's handler is "forge" */
int forge_server_claim_translate(struct request_rec *r);
int forge_server_claim_map(struct request_rec *r);
int forge_server_claim_type(struct request_rec *r);

/* --- lease.c: a connection to the database for a while --- */

typedef struct forge_lease_t forge_lease_t;
/* Waits at most ForgePoolWait; `activity` as forge_server_activity. FORGE_E_POOL_EXHAUSTED, FORGE_E_DATABASE_DOWN, FORGE_E_SCHEMA_OUTDATED.
 * Never call it before slow work (hashing, waiting for others). */
forge_status_t forge_server_lease_take(apr_pool_t *p, const forge_server_t *server, const char *activity, forge_lease_t **lease,
                                     forge_db_t **db);
/* Rolls back what is open; what was committed takes effect (effects.c). Idempotent, and done by the pool's end at the latest. */
void forge_server_lease_return(forge_lease_t *lease);
/* The same for one call: lends a connection to `use`, and passes on what that returns or why there is none. */
forge_status_t forge_server_lease_lend(apr_pool_t *p, const forge_server_t *server, const char *activity, forge_db_fn use, void *data);
/* The connection of a lease that was not returned yet; NULL otherwise, and for lease NULL. */
forge_db_t *forge_server_lease_db(const forge_lease_t *lease);
int forge_server_pool_dbd_max(struct server_rec *s);                         /* DBDMax as configured for this server */
const char *forge_server_pool_database(apr_pool_t *p, struct server_rec *s); /* DBDParams as configured for this server; "" without */

/* --- effects.c: what a committed statement means beyond its rows --- */

#define FORGE_REVOKED_LEEWAY apr_time_from_sec(60) /* what clocks of nodes may differ by, and a token may have been signed ahead */
/* Words of column _revoked or of channel forge_events ("s12 u7:4") into shared memory: refused from the next request on, in every child. */
void forge_server_revoked_apply(const forge_server_t *server, const char *words);

/* --- token.c, api_key.c, ticket.c: the credentials --- */

/* FORGE_OK and *who for an access token that is authentic, unexpired and not revoked. FORGE_E_INVALID_TOKEN, or what the database answered
 * when it had to be asked. */
forge_status_t forge_server_token_check(struct request_rec *r, const forge_server_t *server, apr_pool_t *p, const char *token, apr_time_t now,
                                      forge_who_t *who);
/* What came in the Authorization header: an API key or an access token. As the two functions for these. */
forge_status_t forge_server_credential(struct request_rec *r, const forge_server_t *server, const char *text, bool counted, forge_who_t *who);
/* The two that only the database knows. FORGE_E_INVALID_TOKEN when it is unknown, expired, spent, revoked or its account inactive. An address
 * that has spent its quota of class default is told so before the database is asked; `counted`: the request is counted in that quota later,
 * in any case. */
forge_status_t forge_server_api_key(struct request_rec *r, const forge_server_t *server, const char *key, bool counted, forge_who_t *who);
forge_status_t forge_server_ticket(struct request_rec *r, const forge_server_t *server, const char *ticket, bool counted, forge_who_t *who);

/* --- challenge.c --- */

/* The value of WWW-Authenticate for a failure; NULL for one that no other credential would mend. */
const char *forge_server_challenge(forge_status_t status);

/* --- cookie.c: ForgeCookie --- */

/* After a good login or refresh, and after a logout: sets or clears the cookies where ForgeCookie is On and the connection is safe. The
 * cookie is an access token of its own for `who`. */
void forge_server_cookie_set(struct request_rec *r, const forge_server_t *server, const forge_who_t *who);
void forge_server_cookie_clear(struct request_rec *r, const forge_server_t *server);
/* The answer sets or clears the session cookie: no cache may keep it. */
bool forge_server_cookie_sets(struct request_rec *r);
/* Does it change something, or open a channel that may (a WebSocket's handshake is a GET)? */
bool forge_server_writes(struct request_rec *r);
/* *token is the access token of the session cookie, NULL without one; where the route lets anyone in, one that is not good is none, and so
 * is any beside an Authorization header. FORGE_E_CSRF when a method that writes comes without the token that belongs to the session, and
 * for a form login from another site. A token that has ended is renewed when its session is still active. route NULL: none matched. */
forge_status_t forge_server_cookie_token(struct request_rec *r, const forge_server_t *server, const forge_route_t *route, const char **token);
/* The same for content that is not ours. FORGE_E_UNAUTHENTICATED: no cookie; FORGE_E_INVALID_TOKEN: not a good one. */
forge_status_t forge_server_cookie_who(struct request_rec *r, const forge_server_t *server, forge_who_t *who);

/* --- limit.c: rate limits --- */

/* Takes one request from the quota of `class`: of the account user_id where the class goes by account and it is not 0, else of the address.
 * Sets the header families. FORGE_E_RATE_LIMITED with the note's retry_after. */
forge_status_t forge_server_limit(struct request_rec *r, const forge_server_t *server, forge_limit_class_t class, apr_int64_t user_id);
/* The client's network as limits know it, for lockout: "192.0.2.7", "2001:db8:1:2::/64". */
const char *forge_server_limit_address(const struct request_rec *r);

/* --- headers.c: what every answer of ours carries, Apache's own errors included --- */

void forge_server_headers_set(struct request_rec *r, const forge_server_t *server); /* into err_headers_out, idempotent */
bool forge_server_secure(struct request_rec *r); /* TLS here, or in front of us when the server's name says https */

/* --- access_log.c, audit_log.c: one JSON line a request, one a security event --- */

/* In the parent, once per configuration: opens ForgeAccessLog and ForgeAuditLog; hosts that name the same file share it. Not OK: one could
 * not be opened, the log says why. */
int forge_server_logs_open(apr_pool_t *p, forge_server_t *server);
int forge_server_access_write(struct request_rec *r); /* log_transaction */

#endif
