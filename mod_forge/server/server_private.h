/* SPDX-License-Identifier: Apache-2.0
 * What the files of server/ share among themselves.
 */
#ifndef FORGE_SERVER_PRIVATE_H
#define FORGE_SERVER_PRIVATE_H

#include "server.h"
#include "store/store.h"

/* --- dbd.c: what is configured for mod_dbd --- */

typedef struct forge_dbd_t {
    int min, keep, max;
    apr_interval_time_t expire;
} forge_dbd_t;
forge_dbd_t forge_server_dbd(struct server_rec *s);
/* What a session is told: the same for whoever borrows it. answer_timeout: without an answer the connection is given
 * up. */
forge_db_settings_t forge_server_db_settings(const forge_server_t *server, apr_interval_time_t answer_timeout);
/* Servers with the same identity share one pool of mod_dbd, and so share one of ours. */
const char *forge_server_pool_identity(apr_pool_t *p, struct server_rec *s);

/* --- pool.c: the connections of this child --- */

typedef struct forge_pool_t forge_pool_t;
typedef struct forge_conn_t forge_conn_t;
/* Made in each child for the first of the servers that share it; ends with p. */
forge_pool_t *forge_server_pool_make(apr_pool_t *p, const forge_server_t *server);
/* FORGE_E_POOL_EXHAUSTED after `patience`; the reason of an outage at once. */
forge_status_t forge_server_pool_take(forge_pool_t *pool, apr_interval_time_t patience, forge_conn_t **conn);
/* Never waits, whatever state the connection is in. */
void forge_server_pool_give(forge_pool_t *pool, forge_conn_t *conn);
void *forge_server_pool_native(const forge_conn_t *conn); /* PGconn */
int forge_server_pool_place(const forge_conn_t *conn);    /* forge_live_lease_place */

/* --- share.c --- */

/* At most `most` connections, at least one. */
struct forge_share_t *forge_server_share_make(apr_pool_t *p, struct server_rec *s, int most);

/* --- says.c --- */

/* Writes what store/ says to the error log. The baton is the server_rec. */
void forge_server_store_says(void *baton, bool is_error, const char *tag, const char *message);

/* --- effects.c --- */

/* Applies the effects of everything that a connection has committed. `note` is of the request; NULL: of none. */
void forge_server_effects_apply(const forge_server_t *server, const forge_effects_t *effects, const forge_note_t *note);

/* --- limit.c --- */

/* Protects the database from credentials that must be looked up before the caller is known and counted. FORGE_OK while
 * the address has quota left in class default, else the result of forge_server_limit. Takes nothing from the quota,
 * except from a refused request that will not be `counted` there later. */
forge_status_t forge_server_limit_peek(struct request_rec *r, const forge_server_t *server, bool counted);
/* The database does not know the credential: takes one request from that quota, unless it will be `counted` there
 * later. FORGE_E_INVALID_TOKEN, or FORGE_E_RATE_LIMITED if nothing was left. */
forge_status_t forge_server_limit_miss(struct request_rec *r, const forge_server_t *server, bool counted);

/* --- log.c: logs with one line per event --- */

#define FORGE_LOG_LINE_MAX 4096 /* PIPE_BUF on Linux: longer writes to a pipe may be mixed with those of others */
/* Opens a log in the parent. Virtual hosts and directives that name the same log share it. NULL, and a line in the
 * error log, if it cannot be opened. */
struct forge_log_t *forge_server_log_open(apr_pool_t *p, struct server_rec *s, const char *directive, const char *name);
/* Writes a line in one call, in the format of the server. One that does not fit loses its detail, then its path. A
 * line that cannot be written is counted, and said once a minute. */
void forge_server_log_line(struct forge_log_t *log, const forge_server_t *server, apr_pool_t *p, forge_line_t *line);
/* Fills what is known of the request in which a line is written. */
void forge_server_line_note(forge_line_t *line, const forge_note_t *note);

/* --- log_pipe.c --- */

/* The pipe to the program of "|command", which is started unless it runs since an earlier generation. It does not
 * block. -1: the program could not be started. */
int forge_server_log_pipe(const char *command);

/* --- event_log.c --- */

/* Writes ForgeEventLog: what was committed of interest to those who run courses. */
void forge_server_events_write(const forge_server_t *server, const forge_effects_t *effects, const forge_note_t *note);

/* --- audit_log.c --- */

/* Writes ForgeAuditLog only; the SQL statements themselves write the audit table. */
void forge_server_audit_write(const forge_server_t *server, const forge_effects_t *effects, const forge_note_t *note);

#endif
