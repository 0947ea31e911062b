/* SPDX-License-Identifier: Apache-2.0
 * Interface of store/, and of its engine: all SQL. The statements stand in the families, each with a door of its own.
 * libpq is included here and nowhere else. Callers pass text parameters and get rows; no caller sees a PGresult.
 */
#ifndef FORGE_STORE_H
#define FORGE_STORE_H

#include "forge.h"
#include "live/live.h"
#include "util/util.h"

/* --- db.c: one pooled connection with what we know of it --- */

typedef struct forge_db_t forge_db_t;

typedef struct forge_db_settings_t {       /* plain values from the configuration */
    apr_interval_time_t statement_timeout; /* the server cancels a statement after it → FORGE_E_TIMEOUT */
    apr_interval_time_t
        answer_timeout; /* no answer at all after it: the connection is dropped → FORGE_E_DATABASE_DOWN */
    apr_interval_time_t idle_timeout;    /* idle_in_transaction_session_timeout */
    forge_live_t *live;                  /* where the time of each statement is counted; NULL: nowhere */
    apr_int64_t quota_rows, quota_bytes; /* what one account may store; 0: as much as it likes */
    bool replica;                        /* it must lead to a standby, instead of a server that takes writes */
    apr_interval_time_t lock_timeout;    /* as statement_timeout, for one that waits for a lock; 0: the same time */
} forge_db_settings_t;

/* Messages for the error log reach out by callback: this room has no log of its own. `tag` is "FG0201" …, unique. */
typedef void (*forge_store_log_fn)(void *baton, bool is_error, const char *tag, const char *message);

#define FORGE_STORE_TAG_FAULT \
    "FG0206" /* a statement failed by a fault of ours, not of the database's: always worth a line */

#define FORGE_STORE_TAG_WRITES "FG0215" /* a statement that writes was sent to a replica, by a fault of ours */

/* Who uses a connection for a while. */
typedef struct forge_db_use_t {
    const char *activity;   /* ≤ 63 characters, shows as application_name while in use; NULL: nothing */
    forge_store_log_fn log; /* NULL: nobody listens */
    void *baton;
} forge_db_use_t;
/* Hears how long a statement took, by its name. */
typedef void (*forge_store_timed_fn)(void *baton, const char *name, apr_interval_time_t took, forge_status_t status);

/* Takes a live libpq connection (PGconn *) as mod_dbd or forgectl opened it. Its state (prepared statements, settings
 * done, schema seen) is kept with the connection by libpq's event mechanism, so that a PQreset forgets it. The first
 * use of a new connection applies the settings and checks the schema version, in one round trip:
 * FORGE_E_SCHEMA_OUTDATED or FORGE_E_DATABASE_DOWN when it is of no use. `p` is the request's pool and owns the
 * forge_db_t. */
forge_status_t forge_store_db_attach(apr_pool_t *p, void *native, const forge_db_settings_t *settings,
                                     const forge_db_use_t *use, forge_db_t **db);
/* In this use nobody's quota is judged: what an administrator writes may belong to an account that has none left.
 * Before a transaction. One round trip, and the next use with a quota has one too; none when the connection is so
 * already. */
forge_status_t forge_store_db_unjudged(forge_db_t *db);
/* In this use a statement may take so long, where `patience` is more than its settings say; for a lock it waits as
 * before. Before a transaction. One round trip, in the usual time, so that a server that hangs is found by it. */
forge_status_t forge_store_db_patient(forge_db_t *db, apr_interval_time_t patience);
void forge_store_db_timed(forge_db_t *db, forge_store_timed_fn timed, void *baton); /* from now on, in this use */
/* Before the connection goes back: rolls back what is open; breaks a connection that is then not idle, so that the pool
 * replaces it. Idempotent. */
void forge_store_db_detach(forge_db_t *db);

/* --- pooled.c: what a pool asks of a connection that nobody uses --- */

/* Like detach, but sends nothing and never waits: an open transaction stays open, and its effects are dropped. The next
 * attach rolls it back. */
void forge_store_db_leave(forge_db_t *db);
/* One round trip: whether the connection still leads to a writable primary, to the same session and the same database.
 * Otherwise the connection is broken: FORGE_E_DATABASE_DOWN. */
forge_status_t forge_store_db_ping(forge_db_t *db, apr_pool_t *p);
/* The same, and whether the schema is still one for this build: FORGE_E_SCHEMA_OUTDATED, FORGE_E_SCHEMA_AHEAD. */
forge_status_t forge_store_db_check(forge_db_t *db, apr_pool_t *p);
/* --- replica.c: connections to a standby that serves public reads (ForgeReadDBD) --- */

/* Asked ten times a second while it connects; false: give up at once. */
typedef bool (*forge_patient_fn)(void *baton);
/* Connects within 2 s, beside the resolution of a name. `turn`: how often it was tried in vain; where the string names
 * several servers, another one is asked. NULL and *why when it could not. To be closed by _close. */
typedef struct forge_replica_try_t {
    const char *conninfo;
    int turn;
    forge_patient_fn patient;
    void *baton;
} forge_replica_try_t;
void *forge_store_replica_open(apr_pool_t *p, const forge_replica_try_t *how, const char **why);
void forge_store_replica_close(void *native);
/* Whether the standby behind this connection has replayed that much of that log; asks it if it is not known. FORGE_OK,
 * FORGE_E_PRECONDITION_FAILED when it has not, else why it could not be asked. */
forge_status_t forge_store_replica_has(forge_db_t *db, apr_pool_t *p, const forge_position_t *needed);
/* How far it was when it was last asked. */
apr_uint64_t forge_store_replica_replayed(const forge_db_t *db);
/* Which log a text of forge_store_db_system or of the listener speaks of: cluster, timeline and database. */
apr_uint64_t forge_store_kin(const char *system);
/* For forgectl: whether this one follows that primary, in a sentence. */
bool forge_store_replica_follows(forge_db_t *replica, forge_db_t *primary, apr_pool_t *p, const char **says);
/* What is wrong with the string of a replica beside that of its primary, as far as the two tell; NULL: nothing. */
const char *forge_store_replica_problem(apr_pool_t *p, const char *primary, const char *replica);

/* --- pooled.c again --- */

/* The cluster, its timeline, the database and the start that the greeting found. Another text: another database, though
 * its name may be the same. */
#define FORGE_STORE_SYSTEM_MAX 96
const char *forge_store_db_system(const forge_db_t *db);
typedef struct forge_native_t {
    bool clean;      /* alive as far as is known, greeted, and outside a transaction */
    bool unanswered; /* broken because the server kept silent */
    bool
        unwritable; /* broken because the server is a standby or read-only; of a replica, because it is none any more */
    bool mixed_up;  /* broken because statements went to the session of another */
    bool pooler;    /* something between here and the database makes up the number of the back end */
} forge_native_t;
/* The state of a PGconn. Nothing is sent. */
forge_native_t forge_store_native_state(void *native);
/* Shuts the connection: whoever has it next must reset it. Idempotent. */
void forge_store_native_break(void *native);

/* --- db.c again --- */

/* For forgectl and tests: connects by a libpq connection string; closed with p. NULL and *why otherwise. No schema
 * check. */
forge_db_t *forge_store_db_connect(apr_pool_t *p, const char *conninfo, const char **why);

/* --- conninfo.c --- */

/* What is wrong with a connection string, in a sentence that begins small; NULL: libpq would take it. Beside its form
 * the values that libpq itself judges only when it connects. */
const char *forge_store_conninfo_problem(apr_pool_t *p, const char *conninfo);
/* The same of the string of a primary, which must lead to a server that can be written to. */
const char *forge_store_primary_problem(apr_pool_t *p, const char *conninfo);

/* --- database.c --- */

/* Which database a connection string leads to: servers and name as libpq resolves them, with its defaults and the
 * environment (the user's name is the database's where none is said). The same text for the same one; two texts may
 * still be one database (two names of a host, or a service). A string that cannot be parsed is its own. */
const char *forge_store_database_name(apr_pool_t *p, const char *conninfo);
/* The passfile that a connection string names itself; NULL: none. */
const char *forge_store_passfile(apr_pool_t *p, const char *conninfo);
/* The connection string without its password, for the command line of another program; *password gets that, NULL: there
 * is none in it. NULL when it cannot be parsed, with *why. */
const char *forge_store_conninfo_public(apr_pool_t *p, const char *conninfo, const char **password, const char **why);
/* The same name. */
bool forge_store_same_database(apr_pool_t *p, const char *a, const char *b);

/* --- statements --- */

/* A statement is a static row. Each connection prepares it under its name at the first use, and again when the back end
 * has forgotten it (26000). */
typedef struct forge_stmt_t {
    const char *name; /* unique in the module; label of query metrics */
    const char *sql;  /* literal; $1.. parameters only */
} forge_stmt_t;

/* The values of $1, $2 … as text (NULL is SQL NULL). The call says how many there are: the server refuses a number
 * that is not the statement's. FORGE_ARGS(a, b) lives as long as the block it stands in; sizeof evaluates nothing. */
typedef struct forge_args_t {
    const char *const *values;
    int count;
    apr_size_t bytes; /* the last value is so many bytes and no text; 0: it is text like the others */
    bool binary;      /* the result is wanted in binary form, for forge_store_rows_bytes */
} forge_args_t;
#define FORGE_ARGS(...) \
    ((forge_args_t){(const char *const[]){__VA_ARGS__}, \
                    (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)), 0, false})
#define FORGE_NO_ARGS ((forge_args_t){NULL, 0, 0, false})

typedef struct forge_rows_t forge_rows_t; /* a result, freed with its pool */

/* Runs a statement. rows may be NULL. One retry where the statement cannot have run. SQLSTATE map
 * (SPEC 1): 23505 → CONFLICT, 23503 → BAD_REFERENCE, 23514/22P02/22003/22001 → VALIDATION, 57014 → TIMEOUT,
 * 53300/08xxx/57P0x → DATABASE_DOWN, 40001/40P01 → retried outside a transaction, then DATABASE_DOWN,
 * 53100 → STORAGE_FULL, 42P01/42703/42883/3F000 → SCHEMA_OUTDATED, else INTERNAL (logged). */
forge_status_t forge_store_run(forge_db_t *db, apr_pool_t *p, const forge_stmt_t *stmt, forge_args_t args,
                               forge_rows_t **rows);
/* What the server said of the last failure, one sentence of PostgreSQL's; "" when it said nothing. For the shell: its
 * words are for nobody outside. */
const char *forge_store_message(const forge_db_t *db);
/* Whether the last failure was that the role lacks a right, and the role with which the connection was opened. */
bool forge_store_denied(const forge_db_t *db);
const char *forge_store_role(const forge_db_t *db);
/* The name of the constraint the last FORGE_E_CONFLICT, BAD_REFERENCE or VALIDATION broke, or "". */
const char *forge_store_constraint(const forge_db_t *db);
/* Runs literal SQL without parameters and without a result (migrations, BEGIN …), possibly several statements. */
forge_status_t forge_store_script(forge_db_t *db, apr_pool_t *p, const char *sql, const char **why);

/* --- effects.c: what the world outside the database must hear of, once it is committed --- */

/* A statement that writes audit events answers with a column _audit (their JSON array), one that voids tokens with a
 * column _revoked
 * ("s12 s13 u7:4": sessions 12 and 13, and tokens of account 7 given before epoch 4). Both are read from the first row
 * by forge_store_run and kept here; what a rollback undid is dropped. */
typedef struct forge_effects_t {
    apr_array_header_t
        *audit; /* of const char *: JSON arrays of events {event, at, actor_id, subject_id, ip, request_id, detail} */
    apr_array_header_t *revoked; /* of const char *: words as above, parted by blanks */
    apr_array_header_t *events;  /* of forge_event_t */
    unsigned changed;            /* topics that were written (FORGE_READS_…), also by what was rolled back */
} forge_effects_t;
/* What happened to somebody who learns or teaches, for ForgeEventLog. What the audit log has too is none: the events of
 * both are one list there. Whatever does such a thing notes it once it went well; a rollback drops it. */
typedef struct forge_event_t {
    const char *name;    /* "course.created", a row of server/event_log.c */
    apr_int64_t user_id; /* who did it; 0: nobody */
    struct {
        const char *name; /* NULL ends them */
        apr_int64_t number;
        const char *text; /* instead of the number */
    } detail[3];
} forge_event_t;
/* From now on events are wanted on this connection; else none is kept. */
void forge_store_events_want(forge_db_t *db);
bool forge_store_events_wanted(const forge_db_t *db);
/* A copy is kept. */
void forge_store_event(forge_db_t *db, const forge_event_t *event);
/* Everything kept so far that is committed; the list starts anew. Valid as long as the pool of the statements' results.
 */
forge_effects_t forge_store_effects_take(forge_db_t *db, apr_pool_t *p);

/* --- tx.c --- */

/* Work on a connection. */
typedef forge_status_t (*forge_db_fn)(forge_db_t *db, apr_pool_t *p, void *baton);
/* BEGIN, fn, COMMIT: only an acknowledged COMMIT (command tag COMMIT, not ROLLBACK) is FORGE_OK. Every other way out
 * rolls back. Serialisation failures and deadlocks run fn again, at most 3 times. Inside a transaction already open
 * (idempotent requests) it is a savepoint. */
forge_status_t forge_store_tx(forge_db_t *db, apr_pool_t *p, forge_db_fn fn, void *baton);
forge_status_t forge_store_begin(forge_db_t *db, apr_pool_t *p);
forge_status_t forge_store_commit(forge_db_t *db, apr_pool_t *p);
/* Whether the open transaction failed in a way that a second run may mend, as forge_store_tx() does for its own: then
 * all of it is rolled back, and a moment has passed, a longer one at each try. `tries`: runs that failed before. */
bool forge_store_again(forge_db_t *db, int tries);
/* Rolls back whatever is open before the connection is given back, so that a client that asks again at once does not
 * meet the locks of its failed request. Waits for a second at most; then the connection is dropped, and the server
 * rolls back. */
void forge_store_abandon(forge_db_t *db);
void forge_store_rollback(forge_db_t *db);

/* --- rows.c --- */

int forge_store_rows_count(const forge_rows_t *rows);
/* Frees the result before its pool does; nothing of it may be read any more. */
void forge_store_rows_release(forge_rows_t *rows);
/* Text form of a column in row i, valid as long as rows; NULL when SQL NULL or no such column. */
const char *forge_store_rows_text(const forge_rows_t *rows, int i, const char *column);
apr_int64_t forge_store_rows_int(const forge_rows_t *rows, int i, const char *column, apr_int64_t otherwise);
/* Bytes of a column of type bytea in a result that was asked for in binary form; NULL as above. */
const char *forge_store_rows_bytes(const forge_rows_t *rows, int i, const char *column, apr_size_t *len);
bool forge_store_rows_bool(const forge_rows_t *rows, int i, const char *column);
apr_time_t forge_store_rows_time(const forge_rows_t *rows, int i, const char *column); /* 0 when NULL */

/* --- render.c: rows become JSON in one flat buffer (DESIGN 2) --- */

/* Row i as an object: column names are the keys in column order; numbers bare (NaN and infinities null), booleans, json
 * raw, timestamps RFC 3339 with Z, text escaped. Columns whose name begins with '_' are for the code and not shown. */
void forge_store_render_row(forge_buf_t *b, const forge_rows_t *rows, int i);
/* The first n rows as an array, or fewer: no row follows once the buffer holds `most` bytes. Returns how many. */
int forge_store_render_list(forge_buf_t *b, const forge_rows_t *rows, int n, apr_size_t most);

/* --- list.c: lists by a table of filters and orders; the text of each combination in use is built once from literals
 * and prepared --- */

#define FORGE_LIST_FILTERS_MAX 24 /* filters of one list */

typedef struct forge_list_filter_t {
    const char *name; /* query parameter that carries its value; "_…": the handler has the value from elsewhere */
    const char *sql;  /* condition with one "%d" where the parameter's number goes: "c.difficulty = $%d" */
} forge_list_filter_t;
typedef struct forge_list_order_t {
    const char *name;  /* value of sort: "-created_at" */
    const char *order; /* "c.created_at DESC, c.id DESC" */
    const char *after; /* keyset condition, numbers of key then id: "(c.created_at, c.id) < ($%d::timestamptz,
                          $%d::bigint)"; id alone: "c.id > $%d::bigint" with key NULL */
    const char *key;   /* result column with the key's exact text: "_created_at"; NULL when the id is the whole key */
} forge_list_order_t;
struct forge_list_t {
    const char *name;   /* prefix of the statement names */
    const char *select; /* "SELECT … FROM … WHERE …": parameters $1.. as given in base args; ends inside a WHERE
                           that more ANDs can follow */
    const char *count;  /* the same with count(*) */
    int base_args;
    const forge_list_filter_t *filters; /* ended by name NULL */
    const forge_list_order_t *orders;   /* ended by name NULL; the first is the default */
};
typedef struct forge_list_query_t {
    forge_args_t base;                /* as many as base_args says */
    const char *const *values;        /* one per filter row (≤ FORGE_LIST_FILTERS_MAX), NULL: filter not used */
    const char *sort;                 /* NULL: first */
    const char *after_key, *after_id; /* NULL: first page */
    apr_int64_t skip;
    int limit; /* limit + 1 rows are fetched, so that the caller knows whether there is a next page */
    bool count;
} forge_list_query_t;
forge_status_t forge_store_list(forge_db_t *db, apr_pool_t *p, const forge_list_t *list,
                                const forge_list_query_t *query, forge_rows_t **rows, apr_int64_t *total);
/* The names of its orders and filters by number; NULL past the last. */
const char *forge_store_list_order_name(const forge_list_t *list, int i);
const char *forge_store_list_filter_name(const forge_list_t *list, int i);
/* Why no query of this list can be put together; NULL: it can. For the start; a list with a problem answers
 * FORGE_E_INTERNAL. */
const char *forge_store_list_problem(const forge_list_t *list);
/* The order row by name, or the default. */
const forge_list_order_t *forge_store_list_order(const forge_list_t *list, const char *sort);

/* --- migrate.c: sql/migrations, each in a transaction, under an advisory lock, checksummed (forgectl only) --- */

typedef struct forge_migration_t {
    int number;
    const char *name, *up_path, *down_path, *up, *down; /* the texts */
} forge_migration_t;
/* Reads NNNN_name.{up,down}.sql of a directory in order; a gap, a missing down or a duplicate is *why. */
apr_array_header_t *forge_store_migrations_read(apr_pool_t *p, const char *dir, const char **why);
typedef enum forge_migration_state_t {
    FORGE_MIGRATION_APPLIED,
    FORGE_MIGRATION_PENDING,
    FORGE_MIGRATION_CHANGED /* file differs from what was applied */,
    FORGE_MIGRATION_UNKNOWN /* applied, no file */
} forge_migration_state_t;
typedef void (*forge_migration_fn)(void *baton, int number, const char *name, forge_migration_state_t state,
                                   const char *applied_at);
forge_status_t forge_store_migrations_status(forge_db_t *db, apr_pool_t *p, const apr_array_header_t *files,
                                             forge_migration_fn fn, void *baton, const char **why);
typedef struct forge_migrate_t {
    const apr_array_header_t *files;
    int target;                    /* up to this number; 0: all */
    const char *app_role;          /* gets its rights afterwards; NULL: nobody does */
    void (*say)(const char *line); /* hears each step; may be NULL */
} forge_migrate_t;
/* Applies what is pending. Waits for another node's lock at most 60 s. */
forge_status_t forge_store_migrations_apply(forge_db_t *db, apr_pool_t *p, const forge_migrate_t *job,
                                            const char **why);
forge_status_t forge_store_migrations_rollback(forge_db_t *db, apr_pool_t *p, const apr_array_header_t *files,
                                               int steps, void (*say)(const char *line), const char **why);

/* --- schema.c --- */

/* The number of the newest migration this build was made with. */
int forge_store_schema_wanted(void);
/* Asked of the database: its newest migration; 0 when there is no schema. *max_connections from pg_settings.
 * FORGE_E_SCHEMA_AHEAD (both are set) when a migration that this build does not know is a breaking one. */
forge_status_t forge_store_schema_check(forge_db_t *db, apr_pool_t *p, int *found, int *max_connections);

/* --- who asks, and from where: for the rights and for the audit log --- */

typedef struct forge_actor_t {
    apr_int64_t id, session_id; /* 0: nobody is logged in (forgectl, a refresh); no session with an API key */
    bool admin;                 /* of the platform */
    const char *ip, *request_id;
} forge_actor_t;

/* --- what a PATCH or a PUT asks for --- */

/* The statement lays the members over the row (jsonb_populate_record), takes those that it knows, and puts the default
 * where null came for one that must have a value. */
typedef struct forge_patch_t {
    const char *members;    /* JSON object of validated members; null takes one away. Whoever replaces names them all */
    const char *if_version; /* a PostgreSQL array of versions, "{3,4}"; NULL: any. Stale: FORGE_E_PRECONDITION_FAILED */
    bool whole;             /* PUT: an object among the members replaces that of the row; else it patches it */
} forge_patch_t;

#endif
