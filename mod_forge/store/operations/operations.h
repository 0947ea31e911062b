/* SPDX-License-Identifier: Apache-2.0
 * Interface of store/operations: what keeps the database and those who run it well.
 */
#ifndef FORGE_STORE_OPERATIONS_H
#define FORGE_STORE_OPERATIONS_H

#include "store/store.h"

/* --- inspect.c: what forgectl check asks --- */

/* Row: server_version, server_number (150003), database, role, max_connections, connections, encoding, clock
 * (microseconds since the epoch). */
forge_status_t forge_store_inspect_server(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows);
/* Row, when the role exists: super, strong (may create roles or databases, or passes row security), can_login, is_owner
 * (of the schema, or a member), owned (tables it owns), usage, creates (where it could: text, "" is good), missing and
 * excess (rights against forge.app_rights: text, NULL is good). */
forge_status_t forge_store_inspect_role(forge_db_t *db, apr_pool_t *p, const char *role, forge_rows_t **rows);

/* --- backup.c: for forgectl backup and restore; nothing here has a time-out --- */

/* Begins the transaction whose view of the data is handed to pg_dump. Row: snapshot (its name, good until the
 * connection ends or commits), objects (how many large objects there are). */
forge_status_t forge_store_backup_begin(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows);
/* A row for each table of the schema: name, n (its rows). */
forge_status_t forge_store_backup_tables(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows);
/* A row for each extension that our schema uses here: name. */
forge_status_t forge_store_backup_extensions(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows);
/* What is in the way of a restore. Row: present (the schema is there), objects (large objects). */
forge_status_t forge_store_restore_target(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows);
/* Drops the schema with all its data, and each large object of the role. */
forge_status_t forge_store_restore_clear(forge_db_t *db, apr_pool_t *p, const char **why);
/* Makes an extension that _backup_extensions names, if it is not there. */
forge_status_t forge_store_restore_extension(forge_db_t *db, apr_pool_t *p, const char *name, const char **why);
/* Takes from PUBLIC the right to call our functions, which PostgreSQL gives with each that is made; gathers statistics.
 */
forge_status_t forge_store_restore_settle(forge_db_t *db, apr_pool_t *p, const char **why);
/* Ends all sessions and voids all access tokens, also those that were given after the backup. Row: ended, accounts. */
forge_status_t forge_store_restore_end_sessions(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows);

/* How many connections a child of httpd does best with on this host, and the variable that says so to its
 * configuration. */
#define FORGE_CONNECTIONS_VARIABLE "FORGE_DB_CONNECTIONS"
int forge_store_connections_usual(void);

/* --- idempotency.c --- */

#define FORGE_IDEMPOTENCY_HOURS 24 /* an answer is kept so long under its key */

typedef struct forge_stored_answer_t {
    int status;
    const char *headers_json, *body;
    apr_size_t body_len;
} forge_stored_answer_t;
typedef struct forge_idempotency_key_t {
    const char *scope, *key;
    const char *fingerprint; /* of the request; not asked when the answer is kept */
    const char *owner;       /* of a mark, a random name; NULL: none is ours */
} forge_idempotency_key_t;
/* Inside an open transaction: claims (scope, key). FORGE_OK with found=false: ours to execute; found=true: *answer is
 * what was said before. FORGE_E_IDEMPOTENCY_RUNNING when another transaction holds it (advisory try-lock) or has marked
 * it, FORGE_E_IDEMPOTENCY_MISMATCH when the fingerprint differs. */
forge_status_t forge_store_idempotency_claim(forge_db_t *db, apr_pool_t *p, const forge_idempotency_key_t *key,
                                             bool *found, forge_stored_answer_t *answer);
forge_status_t forge_store_idempotency_keep(forge_db_t *db, apr_pool_t *p, const forge_idempotency_key_t *key,
                                            const forge_stored_answer_t *answer);
/* Inside the transaction of a claim: marks the key as in use by `owner` for at most `life`, so that others are told
 * FORGE_E_IDEMPOTENCY_RUNNING after its commit too. A claim by the owner takes the key over. */
forge_status_t forge_store_idempotency_mark(forge_db_t *db, apr_pool_t *p, const forge_idempotency_key_t *key,
                                            apr_interval_time_t life);
forge_status_t forge_store_idempotency_unmark(forge_db_t *db, apr_pool_t *p, const forge_idempotency_key_t *key);
/* --- jobs.c: the queue of jobs. Workers call the middle part; who wants work done calls forge_store_job_add --- */

typedef struct forge_job_new_t {
    const char *kind;
    apr_int64_t account; /* for whom; 0: for the site. Accounts take turns */
    const char *key;     /* one unfinished job of this kind and key; NULL: any number */
    const char *payload; /* JSON object; NULL: {} */
    int priority;        /* added to that of the kind; higher ones first */
    apr_interval_time_t delay;
} forge_job_new_t;
/* Queues a job, in the caller's transaction where there is one; workers of all nodes hear of it at the commit. *id (may
 * be NULL) is the job's number, or that of the unfinished one with the same key, which is done once more if it runs
 * already. */
forge_status_t forge_store_job_add(forge_db_t *db, apr_pool_t *p, const forge_job_new_t *in, apr_int64_t *id);
/* Whether the account may have one more unfinished job of these kinds ("{pdf,repository}"), of which it may have
 * `most`. In the caller's transaction, which holds the account until its end: whoever asks at the same time waits and
 * counts what was added here. */
forge_status_t forge_store_job_room(forge_db_t *db, apr_pool_t *p, apr_int64_t account, const char *kinds, int most,
                                    bool *room);

typedef struct forge_job_terms_t { /* of one kind */
    const char *name;
    int priority, attempts;
    apr_interval_time_t lease;
} forge_job_terms_t;
typedef struct forge_job_claim_t {
    const forge_job_terms_t *kinds; /* what this worker can do */
    int n_kinds;                    /* at least 1 */
    const char *key;                /* only jobs with this key; NULL: any */
    const char *worker;             /* a text that no other claim has */
} forge_job_claim_t;
/* Claims the job whose turn it is. Row, when one is due: id, kind, user_id (NULL: the site), key, payload, attempts
 * (this one included), attempts_max, progress, stage. */
forge_status_t forge_store_job_claim(forge_db_t *db, apr_pool_t *p, const forge_job_claim_t *in, forge_rows_t **rows);

/* A claimed job. Each call below says in *ours (or by a row) whether the claim still held: not after a cancel, after
 * its lease ran out and another took it, or when its account was erased. */
typedef struct forge_job_held_t {
    apr_int64_t id;
    const char *worker;
} forge_job_held_t;
typedef struct forge_job_progress_t {
    int percent;
    const char *stage;
    apr_interval_time_t lease; /* from now on */
} forge_job_progress_t;
forge_status_t forge_store_job_progress(forge_db_t *db, apr_pool_t *p, const forge_job_held_t *job,
                                        const forge_job_progress_t *in, bool *ours);
forge_status_t forge_store_job_done(forge_db_t *db, apr_pool_t *p, const forge_job_held_t *job, bool *ours);
typedef struct forge_job_failure_t {
    const char *code, *detail;
    bool again; /* a later try may succeed: it is due after `delay`, if attempts are left */
    apr_interval_time_t delay;
} forge_job_failure_t;
/* Row, when the claim held: status, queued or failed. Passages of an analysis go when its job has failed or was
 * cancelled, here as in the calls below. */
forge_status_t forge_store_job_failed(forge_db_t *db, apr_pool_t *p, const forge_job_held_t *job,
                                      const forge_job_failure_t *in, forge_rows_t **rows);
/* Gives it back as it was, due at once; the attempt does not count. */
forge_status_t forge_store_job_back(forge_db_t *db, apr_pool_t *p, const forge_job_held_t *job, bool *ours);
/* Takes back jobs whose lease has run out: they are due at once, or failed (worker_lost) without attempts left. */
forge_status_t forge_store_jobs_lost(forge_db_t *db, apr_pool_t *p, int *number, int *given_up);

/* Row: id, kind, user_id, status, progress, stage, error ({code, detail}, when it failed), attempts, created_at,
 * started_at, finished_at. FORGE_E_NOT_FOUND also for a job of another account. */
forge_status_t forge_store_job_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                   forge_rows_t **rows);
/* Cancels a queued or running job; who runs it learns so at its next progress. FORGE_E_NOT_FOUND; FORGE_E_CONFLICT when
 * it has ended. Row as above. */
forge_status_t forge_store_job_cancel(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                      forge_rows_t **rows);
/* Queues a failed or cancelled job again, with all its attempts. FORGE_E_CONFLICT for another one, or when there is an
 * unfinished one with its key by now. */
forge_status_t forge_store_job_retry(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_rows_t **rows);
typedef struct forge_job_filter_t {
    const char *status, *kind; /* NULL: all */
    apr_int64_t before;        /* numbers below this one */
    int limit;
} forge_job_filter_t;
/* The latest first; rows as above, with error_code, error_detail (of the last attempt), priority, attempts_max, due_at,
 * lease_until, worker, key. */
forge_status_t forge_store_job_list(forge_db_t *db, apr_pool_t *p, const forge_job_filter_t *in, forge_rows_t **rows);
/* Row: queued, running, oldest (seconds for which the one that is due longest waits). */
forge_status_t forge_store_jobs_state(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows);

/* --- census.c --- */

/* Row: sessions and guests (open sessions of accounts and of guests), mails (not sent yet), oldest (seconds for which
 * the eldest of them waits). */
forge_status_t forge_store_census(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows);
/* --- monitor_health.c, monitor_relations.c, monitor_activity.c: what an operator is told of the database --- */

typedef struct forge_health_limits_t { /* per cent, and seconds */
    apr_int64_t connections_warn, connections_fail, numbers_warn, numbers_fail, transaction_seconds, lag_seconds,
        lag_bytes; /* of the log */
} forge_health_limits_t;
extern const forge_health_limits_t forge_store_health_usual;
/* Row: status (pass, warn, fail), timestamp, server_version, started_at, uptime_seconds, in_recovery,
 * database_size_bytes, connections, transaction_id, oldest_transaction_seconds, replication, all_activity, checks;
 * those with several figures are JSON. */
forge_status_t forge_store_monitor_health(forge_db_t *db, apr_pool_t *p, const forge_health_limits_t *limits,
                                          forge_rows_t **rows);

typedef struct forge_monitor_limits_t { /* from where on something counts */
    apr_int64_t dead_rows, large_rows, scans, bloat_bytes, index_pages, cache_pages;
    apr_int64_t transaction_seconds, idle_seconds, lock_seconds, slot_bytes;
} forge_monitor_limits_t;
extern const forge_monitor_limits_t forge_store_monitor_usual;
/* The calls below are of one transaction, which begins with _access and ends with _slow. Each answers one row, whose
 * columns are JSON; _advice is an array of {code, severity, text, sql} or NULL. */

/* Row: activity_reason and statements_reason say why little can be seen of other sessions, or nothing of
 * pg_stat_statements; NULL: all can be seen. statements_schema: where the extension is. */
forge_status_t forge_store_monitor_access(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows);
/* Row: statistics_since, cache_hit_ratio, _advice. */
forge_status_t forge_store_monitor_settings(forge_db_t *db, apr_pool_t *p, const forge_monitor_limits_t *limits,
                                            forge_rows_t **rows);
/* Row: tables, tables_cache_hit_ratio, _advice. */
forge_status_t forge_store_monitor_tables(forge_db_t *db, apr_pool_t *p, const forge_monitor_limits_t *limits,
                                          forge_rows_t **rows);
/* Row: indexes, indexes_cache_hit_ratio, _advice. */
forge_status_t forge_store_monitor_indexes(forge_db_t *db, apr_pool_t *p, const forge_monitor_limits_t *limits,
                                           forge_rows_t **rows);
/* Row: locks, long_transactions, replication, replication_slots, _advice. */
forge_status_t forge_store_monitor_activity(forge_db_t *db, apr_pool_t *p, const forge_monitor_limits_t *limits,
                                            forge_rows_t **rows);
/* Row: sequences (those that have given more than three quarters of their numbers), _reason (why some could not be
 * read; NULL: all could), _advice. */
forge_status_t forge_store_monitor_sequences(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows);
/* Rows, at most 20, of pg_stat_statements in `schema`: query (NULL: this role may not see it), statement (the name of
 * ours, NULL: another's), calls, total_seconds, mean_seconds, rows, share. Leaves search_path there. */
forge_status_t forge_store_monitor_slow(forge_db_t *db, apr_pool_t *p, const char *schema, forge_rows_t **rows);

/* --- housekeeping.c --- */

/* Deletes keys past their time, ended sessions and spent tokens, in batches. */
forge_status_t forge_store_housekeeping(forge_db_t *db, apr_pool_t *p);

#endif
