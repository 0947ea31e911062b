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
/* The same on a replica, where nothing takes longer than a request would wait for a connection of the primary. */
forge_db_settings_t forge_server_replica_settings(const forge_server_t *server);
/* Servers with the same identity share one pool of mod_dbd, and so share one of ours. */
const char *forge_server_pool_identity(apr_pool_t *p, struct server_rec *s);
/* The same of the pool of its replica, which it must have: of one database, replica and number of connections. */
const char *forge_server_replica_identity(apr_pool_t *p, struct server_rec *s);

/* --- pool.c: the connections of this child --- */

typedef struct forge_pool_t forge_pool_t;
typedef struct forge_conn_t forge_conn_t;
/* Made in each child for the first of the servers that share it; ends with p. */
forge_pool_t *forge_server_pool_make(apr_pool_t *p, const forge_server_t *server);
/* FORGE_E_POOL_EXHAUSTED after `patience`; the reason of an outage at once. */
forge_status_t forge_server_pool_take(forge_pool_t *pool, apr_interval_time_t patience, forge_conn_t **conn);
/* Never waits, whatever state the connection is in. */
void forge_server_pool_give(forge_pool_t *pool, forge_conn_t *conn);
/* The same for the replica of a server (ForgeReadDBD). */
forge_pool_t *forge_server_pool_make_replica(apr_pool_t *p, const forge_server_t *server);
/* One that is idle. NULL: there is none now, and *away says why: the replica cannot be used, or all are busy. Then
 * another one is opened for those who come later. */
forge_conn_t *forge_server_pool_try(forge_pool_t *pool, bool *away);
/* The replica has not replayed what was wanted: for a moment nobody asks it. */
void forge_server_pool_behind(forge_pool_t *pool);
bool forge_server_pool_lags(const forge_pool_t *pool);    /* that moment is not over */
void *forge_server_pool_native(const forge_conn_t *conn); /* PGconn */
int forge_server_pool_place(const forge_conn_t *conn);    /* forge_live_lease_place */

/* --- share.c --- */

/* At most `most` connections, at least one. */
struct forge_share_t *forge_server_share_make(apr_pool_t *p, struct server_rec *s, int most);

/* --- says.c --- */

/* Writes what store/ says to the error log. The baton is the server_rec. */
void forge_server_store_says(void *baton, bool is_error, const char *tag, const char *message);

/* The same of a connection to a replica: what goes wrong there the primary makes good, so that only a fault of ours is
 * worth more than a line at info. */
void forge_server_replica_says(void *baton, bool is_error, const char *tag, const char *message);

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

/* --- limit_store.c: where requests are counted --- */

/* One counter. */
typedef struct forge_limit_ask_t {
    int class;
    const unsigned char *key;
    apr_size_t len;
    forge_limit_t limit; /* limit.limit ≥ 1 */
    bool take;           /* false: only look, and keep what is seen for forge_live_limit_peek */
    forge_limit_answer_t answer;
} forge_limit_ask_t;
typedef enum forge_counted_t {
    FORGE_COUNTED,
    FORGE_UNCOUNTED,  /* nobody could, and the request may go on */
    FORGE_UNCOUNTABLE /* nobody could, and it may not */
} forge_counted_t;
/* Asks for n counters (4 at most) of a request, in one round trip where they are in Redis. */
forge_counted_t forge_server_limit_ask(apr_pool_t *p, const forge_server_t *server, forge_limit_ask_t *asks, int n);
/* Called in the parent: the store of a server, NULL where it counts in shared memory; and that of another one if they
 * have the same, else NULL. */
struct forge_limit_store_t *forge_server_limit_store_make(apr_pool_t *p, const forge_server_t *server);
struct forge_limit_store_t *forge_server_limit_store_shared(const forge_server_t *server, const forge_server_t *other);
/* Called in each child, for each server. */
void forge_server_limit_store_child(apr_pool_t *p, const forge_server_t *server);

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

/* --- log_file.c --- */

/* The descriptor of a log, opened anew, or, with the error in *why, as an earlier generation has opened it. -1:
 * neither.
 */
int forge_server_log_file(const char *name, int *why);
/* Whether such a descriptor is a pipe after all: /dev/stderr may lead to one. Then it does not block. */
bool forge_server_log_file_pipes(int fd);
/* Whether this generation follows another. */
bool forge_server_log_files_again(void);

/* --- log_pipe.c --- */

/* The pipe to the program of "|command", which is started unless it runs since an earlier generation. It does not
 * block. -1: the program could not be started. */
int forge_server_log_pipe(const char *command);
/* Why that could not be, as far as whoever asks can tell for certain; NULL: it may well. */
const char *forge_server_log_pipe_problem(apr_pool_t *p, const char *command);

/* --- event_log.c --- */

/* Writes ForgeEventLog: what was committed of interest to those who run courses. */
void forge_server_events_write(const forge_server_t *server, const forge_effects_t *effects, const forge_note_t *note);

/* --- outgoing.c --- */

forge_outgoing_t *forge_server_outgoing_make(apr_pool_t *p, int most, apr_size_t most_bytes);

/* --- spans.c --- */

struct forge_spans_t {
    apr_pool_t *p;
    const forge_note_t *note;
    apr_time_t wall; /* at the moment `clock` of forge_util_monotonic: times of one trace fit together */
    apr_int64_t clock;
    forge_span_t *first, **end;
    int count, dropped;
    bool sent;
};
/* Called when the trace of a request is known. */
void forge_server_trace_begin(struct request_rec *r, forge_note_t *note);
void forge_server_span_waited(forge_spans_t *spans, apr_int64_t since, forge_status_t status);
/* Of the type forge_store_timed_fn. */
void forge_server_span_statement(void *spans, const char *name, apr_interval_time_t took, forge_status_t status);

/* --- note.c --- */

/* The method for those who are told of requests: "_OTHER" for one that HTTP does not know, which is the client's own
 * text. */
const char *forge_server_method(const struct request_rec *r);

/* --- audit_log.c --- */

/* Writes ForgeAuditLog only; the SQL statements themselves write the audit table. */
void forge_server_audit_write(const forge_server_t *server, const forge_effects_t *effects, const forge_note_t *note);

/* --- claim.c --- */

/* The handler that SetHandler sets for this location; httpd copies it to r->handler only in a late phase. */
const char *forge_server_location_handler(struct request_rec *r);

/* --- advise_lines.c: lines of the configuration, and what is said of them --- */

struct ap_directive_t;
typedef struct forge_told_t {
    apr_pool_t *p;
    apr_table_t *sentences; /* hosts inherit lines, and each sentence is said once */
} forge_told_t;
/* Warns, with the place of the line (NULL: none) and the host. */
void forge_server_tell(const forge_told_t *told, struct server_rec *s, const struct ap_directive_t *line,
                       const char *sentence);
bool forge_server_line_named(const struct ap_directive_t *d, const char *name);
/* Whether it may hand requests to us, directly or by a rewrite, or guards content with us. */
bool forge_server_line_hands_over(apr_pool_t *p, const struct ap_directive_t *d);
/* The first argument of a line, without quotes. */
const char *forge_server_line_word(apr_pool_t *p, const struct ap_directive_t *d);
/* The virtual host in which a line stands, or the main server. */
struct server_rec *forge_server_line_host(struct server_rec *main_server, const struct ap_directive_t *line);

/* --- as_child.c: what the user of the children may do --- */

const char *forge_server_child_user(void); /* its name */
/* What that user lacks of the rights R_OK, W_OK, X_OK or F_OK, as errno; 0: nothing. */
int forge_server_as_child(const char *path, int rights);
/* The outermost folder of an absolute path that this user cannot go through; NULL: none. */
const char *forge_server_shut_folder(apr_pool_t *p, const char *path);

/* --- advise_files.c: files and folders that the children cannot use --- */

void forge_server_files_advise(const forge_told_t *told, struct server_rec *s);

/* --- advise_paths.c: SetHandler forge by hand --- */

/* Which lines take more than the API. */
void forge_server_wide_advise(const forge_told_t *told, struct server_rec *main_server);
/* Whether a host hands over some of the API and not the rest. */
void forge_server_narrow_advise(const forge_told_t *told, struct server_rec *s, const forge_routes_t *tables,
                                int n_tables);

#endif
