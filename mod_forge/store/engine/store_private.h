/* SPDX-License-Identifier: Apache-2.0
 * What the files of store/ share with each other and with nobody else: the connection, the result, and the one way to
 * the socket.
 */
#ifndef FORGE_STORE_PRIVATE_H
#define FORGE_STORE_PRIVATE_H

#include "store/store.h"

#include <libpq-fe.h>

#define FORGE_STORE_NAME_MAX     63  /* PostgreSQL keeps that many bytes of a statement's name */
#define FORGE_STORE_PREPARED_MAX 768 /* prepared statements on one connection; beyond it statements run unnamed */
#define FORGE_STORE_PREPARED_LISTS_MAX \
    512 /* lists stop being prepared here, so that they never crowd out the static statements */
#define FORGE_STORE_BYTES_ARGS_MAX 8     /* parameters of a statement whose last one is bytes */
#define FORGE_STORE_SAVEPOINTS_MAX 8     /* levels of transactions inside each other */
#define FORGE_STORE_RETRIES        3     /* times a serialisation failure or a deadlock is tried again */
#define FORGE_STORE_ACTIVITY_GAP   10000 /* microseconds for which a plain read leaves application_name as it is */

/* Longest mark of a session. */
#define FORGE_STORE_SESSION_MAX 33

/* --- what a connection must lead to (SECURITY 69) --- */

/* The newest migration of the database, and the newest with which older modules cannot live: its name says so. */
#define FORGE_SCHEMA_SQL \
    "SELECT coalesce(max(number), 0) AS number," \
    " coalesce(max(number) FILTER (WHERE name LIKE '%\\_breaking'), 0) AS breaking FROM forge.migrations"
/* Whether this build can live with what that says, which goes to the log if not: FORGE_E_SCHEMA_OUTDATED,
 * FORGE_E_SCHEMA_AHEAD. A newer schema is fine while nodes are upgraded one after the other, unless it breaks. */
forge_status_t forge_store_schema_judge(const forge_db_t *db, int found, int breaking);
#define FORGE_SERVER_UNWRITABLE "(pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean)"
/* The cluster, its timeline, the database and the start of the server: another text after a fail-over and after a
 * snapshot was restored, even where both copies count the same timeline. */
#define FORGE_SERVER_SYSTEM \
    "(SELECT system_identifier::text FROM pg_control_system()) || ':' || " FORGE_SERVER_TIMELINE " || ':'" \
    " || (SELECT oid::text FROM pg_database WHERE datname = current_database()) || ':'" \
    " || extract(epoch FROM pg_postmaster_start_time())::text"
/* A standby says the one that it has reached by its last restart point, or by what it had to write since: soon after it
 * follows to another. */
#define FORGE_SERVER_TIMELINE \
    "CASE WHEN pg_is_in_recovery() THEN (SELECT lpad(translate(to_hex(greatest(c.timeline_id," \
    " r.min_recovery_end_timeline)), 'abcdef', 'ABCDEF'), 8, '0')" \
    " FROM pg_control_checkpoint() c, pg_control_recovery() r)" \
    " ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END"
/* How far a standby is in the log; NULL of any other server. */
#define FORGE_SERVER_REPLAYED \
    "CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint END"

/* --- db.c --- */

enum { FORGE_STORE_SLOTS = 1024 }; /* power of two above FORGE_STORE_PREPARED_MAX */

/* What we know of the session behind a PGconn. It lives and dies with the PGconn and is emptied by PQreset. */
typedef struct forge_link_t {
    bool ready;      /* settings done and schema new enough */
    bool suspect;    /* the back end's statements are not the ones below: DEALLOCATE ALL goes out before the next one */
    bool utf8;       /* the server vouches for the encoding of text */
    bool pooled;     /* of the module, which needs a writable primary; forgectl reads a standby too */
    bool unanswered; /* the server kept silent for too long */
    bool unwritable; /* a standby, or a server that is read-only */
    bool mixed_up;   /* statements went to the session of another */
    bool pooler;     /* PQbackendPID is made up */
    bool replica;    /* it must be a standby */
    apr_uint64_t replayed, kin;            /* how far that was, and in which log */
    char system[FORGE_STORE_SYSTEM_MAX];   /* which database this is */
    char session[FORGE_STORE_SESSION_MAX]; /* our own mark in the session: who reads another has been given another */
    apr_interval_time_t statement_timeout; /* as the session has it */
    apr_int64_t quota_rows, quota_bytes;   /* as the session was last told */
    unsigned changed;                      /* topics that its statements have written (FORGE_READS_…) */
    int pid;                               /* back end that all this was learned from */
    apr_int64_t named_at;                  /* when application_name was last set */
    int count;
    char *names[FORGE_STORE_SLOTS]; /* prepared statements, open addressing */
} forge_link_t;

struct forge_db_t {
    PGconn *conn; /* NULL once detached */
    apr_pool_t *pool;
    forge_link_t *link;
    forge_db_settings_t settings;
    forge_store_log_fn log;
    void *baton;
    forge_store_timed_fn timed; /* NULL: nobody hears it */
    void *timed_baton;
    char activity[FORGE_STORE_NAME_MAX + 1];
    bool activity_due;     /* application_name travels with the next statement */
    bool begin_due;        /* BEGIN travels with the next statement */
    int depth;             /* 0 outside a transaction, 1 inside, more inside savepoints */
    bool again;            /* the transaction failed in a way that a second run may mend */
    forge_status_t failed; /* the first failure inside the present transaction */
    char constraint[FORGE_STORE_NAME_MAX + 1];
    char message[256];       /* what the server said of the last failure */
    bool denied;             /* it was that the role lacks a right */
    forge_effects_t effects; /* NULL arrays until the first note */
    bool events;             /* they are wanted */
    struct {
        int audit, revoked, events;
    } marks[FORGE_STORE_SAVEPOINTS_MAX + 1]; /* how many notes there were when each level began */
};

/* --- link.c --- */

#define FORGE_STORE_CHANGED "FGC01" /* SQLSTATE of the notices of forge.changed() */

/* The link of a connection, made at the first meeting; NULL without memory. */
forge_link_t *forge_store_link_of(PGconn *conn);
/* The same as it was left, of a connection that may be broken; NULL before the first meeting. */
const forge_link_t *forge_store_link_kept(const PGconn *conn);
/* Whether a server is what is wanted: a replica is a standby, anything else takes writes. Booleans as the server writes
 * them. */
bool forge_store_right_kind(bool replica, const char *unwritable, const char *standby);
bool forge_store_link_has(const forge_link_t *link, const char *name);
void forge_store_link_add(forge_link_t *link, const char *name);
/* Nothing is prepared any more. */
void forge_store_link_forget(forge_link_t *link);

/* --- say.c --- */

void forge_store_say(const forge_db_t *db, bool is_error, const char *tag, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* --- wire.c: every wait for the database has an end --- */

/* The moment the present exchange must be over, on the monotonic clock; 0 when the connection has no answer timeout. */
apr_int64_t forge_store_deadline(const forge_db_t *db);
/* PQgetResult that never waits past the deadline: then the connection is broken, and what libpq says of it is returned.
 */
PGresult *forge_store_next(forge_db_t *db, apr_int64_t deadline);
/* Shuts the socket so that PQstatus says CONNECTION_BAD: the pool replaces the connection, nobody else uses it. */
void forge_store_break(forge_db_t *db);
/* Looks, without waiting, whether the server has closed an idle connection. */
bool forge_store_alive(PGconn *conn);
/* Whether this server takes writes, as far as its own reports tell (PostgreSQL 14 and later); of a replica, whether it
 * is a standby. Without a question. When it is not so, the connection is broken. */
bool forge_store_writable(forge_db_t *db);
/* Notes that the server does not take writes, or that a replica is none any more, and breaks the connection. */
void forge_store_unwritable(forge_db_t *db);

/* --- database.c --- */

typedef struct forge_store_server_t {
    const char *host, *address, *port; /* "" where the connection string says nothing */
} forge_store_server_t;
/* Which of several servers of a connection string a try goes to. The first (turn 0) goes to all in their order: false,
 * as with one server. Those after it go to one alone, from the last on, because libpq waits at a server that hangs. */
bool forge_store_server_choose(apr_pool_t *p, const char *conninfo, int turn, forge_store_server_t *server);

/* --- run.c --- */

/* One literal in the simple protocol. tag (32 bytes, may be NULL) receives the last command tag; why (may be NULL) a
 * sentence in p. */
forge_status_t forge_store_simple(forge_db_t *db, apr_pool_t *p, const char *sql, char *tag, const char **why);
/* A short random wait before the nth next try. */
void forge_store_pause(int tries);

/* --- PATCH and PUT (forge_patch_t) --- */

/* The row as a patch leaves it: what is not in the patch keeps the row's value. A row's number cannot be changed. */
#define FORGE_PATCHED(row, patch) "jsonb_populate_record(" row ", " patch "::jsonb - 'id')"
/* A flat object inside of it (RFC 7396): what came lies over what was, and a member that is null goes. */
#define FORGE_PATCHED_INSIDE(was, came, whole) \
    "CASE WHEN " whole "::boolean THEN " came " ELSE jsonb_strip_nulls(" was " || " came ") END"

/* --- effects.c --- */

/* The CTE by which every statement writes the audit log; a column then gives the events away (FORGE_AUDITED). `select`
 * is "SELECT 'user.login', actor_id, subject_id, ip, request_id, detail FROM …". */
#define FORGE_AUDIT(select) \
    "audit AS (INSERT INTO forge.audit_events (event, actor_id, subject_id, ip, request_id, detail) " select \
    " RETURNING event, at, actor_id, subject_id, ip, request_id, detail)"
#define FORGE_AUDIT_JSON "(SELECT json_agg(a) FROM audit a)::text"
#define FORGE_AUDITED    FORGE_AUDIT_JSON " AS _audit"
/* Keeps columns _audit and _revoked of the first row. */
void forge_store_effects_note(forge_db_t *db, const forge_rows_t *rows);
/* A level of a transaction begins (after depth was raised); is undone (before depth is lowered). */
void forge_store_effects_mark(forge_db_t *db);
void forge_store_effects_undo(forge_db_t *db);

/* --- accounts, as several families show them; the table is called u there --- */

#define ACCOUNT \
    "u.id, u.email, u.username, u.full_name, u.bio, u.avatar_url, u.role, u.is_active, u.email_verified, u.locale, " \
    "u.timezone"
/* The members of an account as the public API shows it to itself. */
#define BARE_USER ACCOUNT ", u.created_at, u.updated_at"

/* Whether a username once belonged to another account than `id`, or a slug to another organisation. NULL: to any. */
#define FORGE_USERNAME_WAS(name, id) \
    "EXISTS (SELECT FROM forge.former_usernames f WHERE f.sha256 = forge.username_sha256(" name ")" \
    " AND f.user_id IS DISTINCT FROM " id ")"
#define FORGE_SLUG_WAS(slug_, id) \
    "EXISTS (SELECT FROM forge.former_slugs f WHERE f.slug = " slug_ " AND f.organization_id IS DISTINCT FROM " id ")"

/* --- args.c --- */

/* An address as inet takes it: without the zone that link-local ones may carry ("fe80::1%eth0"). */
const char *forge_store_ip(apr_pool_t *p, const char *ip);

/* --- numbers that C and SQL both know: one constant each, in the header of its family --- */

#define FORGE_INTERVAL(n, unit) "interval '" APR_STRINGIFY(n) " " unit "'"

/* --- one_time.c --- */

/* Ends the requested change of address of the accounts in `from` together with their sessions: somebody else may have
 * asked for it in one of them. */
#define FORGE_CHANGE_VOID(from) \
    "unasked AS (UPDATE forge.one_time_tokens t SET used_at = now() FROM " from " f" \
    " WHERE t.user_id = f.id AND t.kind = 'email_change' AND t.used_at IS NULL)"

/* An account that may still undo its change of address keeps the old one: whether this address is kept so for another
 * account than this one (0: for any). The triggers email_kept of forge.users check the same at the end. */
#define FORGE_EMAIL_KEPT(key, account) \
    "EXISTS (SELECT FROM forge.email_undos k WHERE k.email_key = " key " AND k.user_id <> " account \
    " AND k.used_at IS NULL AND k.expires_at > now())"

/* --- batches.c: what is deleted a part at a time --- */

#define FORGE_BATCHES_MAX 100 /* statements in one run */
/* Runs `what` until nothing is left. Its only parameter is how many rows it may take, `most` at first; it says in
 * column n how many it took. A batch that takes too long is tried again as one a tenth of the size: much may go with a
 * row. FORGE_E_TIMEOUT when one row alone takes too long. */
forge_status_t forge_store_in_batches(forge_db_t *db, apr_pool_t *p, const forge_stmt_t *what, apr_int64_t most);

/* --- turn.c: statements that must see what others of the same account have just done --- */

/* Runs `then` in a transaction behind `wait`, which locks what `then` judges: a statement that waits for a lock goes on
 * with the snapshot it began with, the next one sees what those have committed that it waited for. `wait` takes the
 * first of `args`, `then` all of them. Rows of `then`. */
forge_status_t forge_store_in_turn(forge_db_t *db, apr_pool_t *p, const forge_stmt_t *wait, const forge_stmt_t *then,
                                   forge_args_t args, forge_rows_t **rows);
/* Locks the row of account $1. Logins, changes of the password and of second factors take turns by it. */
extern const forge_stmt_t forge_store_hold_account;

/* --- sqlstate.c --- */

#define FORGE_STORE_DENIED "42501" /* insufficient_privilege */

typedef struct forge_sqlstate_t {
    const char *code; /* five characters, or the two of a class */
    forge_status_t status;
    bool again; /* the same transaction may succeed when run once more */
} forge_sqlstate_t;
/* The row of a SQLSTATE; one with FORGE_E_INTERNAL for NULL and unknown ones. */
const forge_sqlstate_t *forge_store_sqlstate(const char *code);

/* --- rows.c, render.c --- */

typedef struct forge_outcome_t {
    const char *name; /* NULL ends a table */
    forge_status_t status;
} forge_outcome_t;
/* What a statement decided: its column _outcome in row 0, as a status by the table; without rows `none`. */
forge_status_t forge_store_rows_judge(const forge_rows_t *rows, const forge_outcome_t *outcomes, forge_status_t none);
typedef struct forge_column_t forge_column_t; /* render.c */
struct forge_rows_t {
    PGresult *result;
    apr_pool_t *pool;
    bool utf8;            /* the server vouches for the encoding of text */
    forge_column_t *plan; /* how each column is rendered; made at the first use */
    int shown;
};
/* Takes the result: it is cleared with p. */
forge_rows_t *forge_store_rows_wrap(apr_pool_t *p, PGresult *result, bool utf8);
/* PostgreSQL's ISO text of a timestamp → microseconds since the epoch; false for infinity, years before Christ and
 * other text. */
bool forge_store_timestamp(const char *text, apr_time_t *t);

#endif
