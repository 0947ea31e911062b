/* SPDX-License-Identifier: Apache-2.0
 * What an operator is told of what the database does now: slow statements, locks, transactions, replication, settings,
 * sequences. Texts of other applications are never shown: their name is.
 */
#include "operations_private.h"

/* clang-format off */

/* Begins: bounds what follows in this transaction, and says what this role may see. */
static const forge_stmt_t monitor_access = {
    "monitor_access",
    "SELECT set_config('statement_timeout', '2000', true) AS statement_timeout, set_config('lock_timeout',"
    " '250', true) AS lock_timeout,"
    " set_config('jit', 'off', true) AS jit,"
    " set_config('plan_cache_mode', 'force_generic_plan', true) AS plan_cache_mode,"
    " CASE WHEN NOT pg_has_role('pg_read_all_stats', 'USAGE')"
    "  THEN format('The sessions of other roles show little: GRANT pg_monitor TO %I;', current_user) END AS"
    " activity_reason,"
    " quote_ident(x.nspname) AS statements_schema,"
    " CASE WHEN x.extversion IS NULL THEN 'The extension is not there: CREATE EXTENSION pg_stat_statements;'"
    "  WHEN current_setting('pg_stat_statements.max', true) IS NULL"
    "   THEN 'The extension is not loaded: shared_preload_libraries of the server must name pg_stat_statements.'"
    "  WHEN string_to_array(x.extversion, '.')::int[] < '{1,8}' THEN 'The extension is old: ALTER EXTENSION"
    " pg_stat_statements UPDATE;'"
    "  WHEN NOT (has_schema_privilege(x.oid, 'USAGE') AND has_table_privilege(x.view, 'SELECT'))"
    "   THEN format('This role may not read it: GRANT USAGE ON SCHEMA %I TO %I; GRANT SELECT ON"
    " %I.pg_stat_statements TO %2$I;', x.nspname, current_user, x.nspname)"
    " END AS statements_reason"
    " FROM (SELECT 1) one LEFT JOIN (SELECT e.extversion, n.nspname, n.oid, c.oid AS view FROM pg_extension e"
    " JOIN pg_namespace n ON n.oid = e.extnamespace"
    " LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'pg_stat_statements' WHERE e.extname ="
    " 'pg_stat_statements') x ON true"};

static const forge_stmt_t monitor_path = {"monitor_path", "SELECT set_config('search_path', $1, true)"};

/* The name of one of our statements stands in a comment before it (engine/run.c). What is no query may hold a password,
 * and only its first word is shown. */
static const forge_stmt_t monitor_slow = {
    "monitor_slow",
    "SELECT CASE WHEN lower(substring(words FROM '^\\w+') COLLATE \"C\") IN ('select', 'insert', 'update', 'delete',"
    " 'merge', 'with', 'values', 'table') THEN left(words, 500)"
    "  WHEN words IS NOT NULL THEN concat_ws(' ', substring(words FROM '^\\w+'), '...') END AS query,"
    " mark AS statement, calls, round(seconds::numeric, 6) AS total_seconds,"
    " round((seconds / calls)::numeric, 6) AS mean_seconds, rows, CASE WHEN all_seconds > 0 THEN round((seconds"
    " / all_seconds)::numeric, 4) END AS share"
    " FROM ("
    " SELECT substring(query FROM '^/\\* forge:([a-z0-9_]+)') AS mark, regexp_replace(query,"
    " '^(\\s|--[^\\n]*\\n|/\\*.*?\\*/)+', '') AS words, q.*"
    " FROM ("
    "  SELECT min(nullif(query, '<insufficient privilege>')) AS query, sum(calls)::bigint AS calls,"
    " sum(total_exec_time) / 1000 AS seconds, sum(rows)::bigint AS rows,"
    "   sum(sum(total_exec_time)) OVER () / 1000 AS all_seconds"
    "  FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
    "  GROUP BY queryid ORDER BY 3 DESC LIMIT 20) q) s"
    " WHERE calls > 0 ORDER BY seconds DESC"};

/* $1 pages asked for that count */
static const forge_stmt_t monitor_settings = {
    "monitor_settings",
    "SELECT d.stats_reset AS statistics_since, round(d.blks_hit / nullif(d.blks_hit + d.blks_read, 0)::numeric,"
    " 4) AS cache_hit_ratio,"
    " (SELECT json_agg(json_build_object('code', code, 'severity', severity, 'text', text, 'sql', sql)) FROM ("
    "  SELECT 'setting_' || w.name AS code, w.severity, w.text, format('ALTER SYSTEM SET %I = on; SELECT"
    " pg_reload_conf();', w.name) AS sql"
    "  FROM (VALUES ('fsync', 'critical', 'fsync is off: a crash of the machine can destroy the whole"
    " database.'),"
    "   ('full_page_writes', 'critical', 'full_page_writes is off: a crash of the machine can leave pages half"
    " written.'),"
    "   ('autovacuum', 'warn', 'autovacuum is off: tables grow, plans are made by old figures, and numbers of"
    " transactions run out.'),"
    "   ('track_counts', 'warn', 'track_counts is off: autovacuum and the figures of tables and indexes do not"
    " work.')) w(name, severity, text)"
    "  WHERE current_setting(w.name) = 'off'"
    "  UNION ALL"
    "  SELECT 'cache_hit_low', 'info', format('Only %s %% of the pages that were needed were in the cache;"
    " shared_buffers is %s.',"
    "    floor(100 * d.blks_hit / (d.blks_hit + d.blks_read)), current_setting('shared_buffers')),"
    "   format('ALTER SYSTEM SET shared_buffers = %L; -- then start the server again',"
    "    2 * pg_size_bytes(current_setting('shared_buffers')) / 1048576 || 'MB')"
    "  WHERE d.blks_hit + d.blks_read >= $1::bigint AND d.blks_hit < 0.9 * (d.blks_hit + d.blks_read)) a) AS"
    " _advice"
    " FROM pg_stat_database d WHERE d.datname = current_database()"};

/* Seconds: $1 of a transaction, $2 of silence in one, $3 of a wait for a lock. $4 bytes that a slot keeps */
static const forge_stmt_t monitor_activity = {
    "monitor_activity",
    "WITH a AS MATERIALIZED ("
    " SELECT a.pid, a.usename, a.application_name, a.state, a.wait_event_type, a.backend_type,"
    "  extract(epoch FROM clock_timestamp() - a.xact_start) AS in_transaction, extract(epoch FROM"
    " clock_timestamp() - a.state_change) AS in_state,"
    "  CASE WHEN a.application_name LIKE 'forge%' THEN substring(a.query FROM '^/\\* forge:([a-z0-9_]+)') END AS"
    " statement"
    " FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()),"
    " waits AS MATERIALIZED ("
    " SELECT l.pid, l.mode, l.locktype, l.relation, extract(epoch FROM clock_timestamp() - l.waitstart) AS"
    " waits, pg_blocking_pids(l.pid) AS blocked_by"
    " FROM pg_locks l WHERE NOT l.granted AND l.pid IN (SELECT pid FROM a) ORDER BY l.waitstart LIMIT 50),"
    " w AS MATERIALIZED ("
    " SELECT w.*, a.usename, a.application_name, a.statement, b.pid AS by_pid, b.application_name AS by_name,"
    "  (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON"
    " n.oid = c.relnamespace"
    "   WHERE c.oid = w.relation) AS on_relation"
    " FROM waits w JOIN a ON a.pid = w.pid LEFT JOIN a b ON b.pid = w.blocked_by[1]),"
    " long AS MATERIALIZED ("
    " SELECT * FROM a WHERE backend_type = 'client backend' AND in_transaction >= $1::bigint ORDER BY"
    " in_transaction DESC LIMIT 50),"
    " slots AS MATERIALIZED ("
    " SELECT slot_name, active, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE"
    " pg_current_wal_lsn() END, restart_lsn) AS kept"
    " FROM pg_replication_slots ORDER BY kept DESC NULLS LAST LIMIT 50),"
    " advice AS ("
    " SELECT 'lock_wait' AS code, 'warn' AS severity,"
    "  format('Process %s (%s) has waited %s s for %s%s, which process %s (%s) has.', pid, application_name,"
    " waits::bigint, mode,"
    "   coalesce(' on ' || on_relation, ''), coalesce(by_pid::text, blocked_by[1]::text), coalesce(by_name,"
    " '?')) AS text,"
    "  format('SELECT pg_terminate_backend(%s);', blocked_by[1]) AS sql FROM w WHERE waits >= $3::bigint AND"
    " blocked_by[1] > 0"
    " UNION ALL"
    " SELECT CASE WHEN state LIKE 'idle%' THEN 'idle_in_transaction' ELSE 'long_transaction' END, 'warn',"
    "  format(CASE WHEN state LIKE 'idle%' THEN 'Process %s (%s) has done nothing for %s s in a transaction that"
    " it keeps open: vacuum cannot clear away what has died since.'"
    "   ELSE 'The transaction of process %s (%s) has run for %s s: vacuum cannot clear away what has died"
    " since.' END, pid, application_name,"
    "   (CASE WHEN state LIKE 'idle%' THEN in_state ELSE in_transaction END)::bigint),"
    "  format(CASE WHEN state LIKE 'idle%' THEN 'SELECT pg_terminate_backend(%s);' ELSE 'SELECT"
    " pg_cancel_backend(%s);' END, pid)"
    " FROM long WHERE state NOT LIKE 'idle%' OR in_state >= $2::bigint"
    " UNION ALL"
    " SELECT 'slot_inactive', 'warn', format('Nobody reads replication slot %I, which keeps %s of the"
    " write-ahead log.', slot_name, pg_size_pretty(kept)),"
    "  format('SELECT pg_drop_replication_slot(%L);', slot_name) FROM slots WHERE NOT active AND kept >="
    " $4::bigint)"
    " SELECT (SELECT coalesce(json_agg(json_build_object('pid', pid, 'role', usename, 'application_name',"
    " application_name, 'statement', statement,"
    "   'wait_seconds', round(waits, 3), 'mode', mode, 'type', locktype, 'relation', on_relation, 'blocked_by',"
    " blocked_by,"
    "   'blocker', by_name)), '[]') FROM w) AS locks,"
    " (SELECT coalesce(json_agg(json_build_object('pid', pid, 'role', usename, 'application_name',"
    " application_name, 'statement', statement,"
    "   'state', state, 'transaction_seconds', round(in_transaction, 3), 'state_seconds', round(in_state, 3))),"
    " '[]') FROM long) AS long_transactions,"
    " (SELECT coalesce(json_agg(json_build_object('name', application_name, 'state', r.state, 'sync_state',"
    " sync_state,"
    "   'lag_bytes', CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)"
    " END,"
    "   'lag_seconds', CASE WHEN NOT pg_is_in_recovery() AND replay_lsn >= pg_current_wal_lsn() THEN 0"
    "    ELSE round(extract(epoch FROM replay_lag), 3) END) ORDER BY replay_lsn), '[]') FROM"
    " pg_stat_replication r WHERE r.state IS DISTINCT FROM 'backup') AS replication,"
    " (SELECT coalesce(json_agg(json_build_object('name', slot_name, 'active', active, 'kept_bytes', kept)),"
    " '[]') FROM slots) AS replication_slots,"
    " (SELECT json_agg(json_build_object('code', code, 'severity', severity, 'text', text, 'sql', sql)) FROM"
    " advice) AS _advice"};

/* Only those that can end: a bigint with all its numbers cannot. Its end is what sequence and column can hold. */
static const forge_stmt_t monitor_sequences = {
    "monitor_sequences",
    "WITH s AS MATERIALIZED ("
    " SELECT c.oid, n.nspname, c.relname, q.seqincrement, q.seqstart, least(q.seqmax, CASE a.atttypid WHEN"
    " 'int2'::regtype THEN 32767"
    "   WHEN 'int4'::regtype THEN 2147483647 ELSE 9223372036854775807 END) AS most,"
    "  CASE WHEN a.attnum IS NOT NULL THEN quote_ident(tn.nspname) || '.' || quote_ident(t.relname) END AS"
    " on_table, quote_ident(a.attname) AS on_column,"
    "  t.relname AS table_name, a.attname AS column_name,"
    "  a.atttypid IN ('int2'::regtype, 'int4'::regtype) AS narrow, has_sequence_privilege(c.oid, 'USAGE') OR"
    " has_sequence_privilege(c.oid, 'SELECT') AS readable"
    " FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid ="
    " 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0"
    " LEFT JOIN pg_class t ON t.oid = d.refobjid LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace"
    " LEFT JOIN pg_attribute a ON a.attnum = d.refobjsubid AND a.attrelid = CASE WHEN d.deptype = 'a' OR q.seqmax <"
    " 4611686018427387904 THEN d.refobjid END" /* an identity has the type of its column */
    " WHERE q.seqincrement > 0 AND NOT q.seqcycle AND c.relkind = 'S' AND c.relpersistence <> 't'"
    "  AND (q.seqmax < 4611686018427387904 OR a.atttypid IN ('int2'::regtype, 'int4'::regtype))),"
    " l AS MATERIALIZED ("
    " SELECT s.*, CASE WHEN readable THEN pg_sequence_last_value(oid) END AS last FROM (SELECT * FROM s ORDER BY"
    " readable DESC, most, oid LIMIT 200) s),"
    " near AS MATERIALIZED ("
    " SELECT l.*, last / most::numeric AS used, quote_ident(nspname) || '.' || quote_ident(relname) AS name FROM"
    " l"
    " WHERE last / most::numeric > 0.75 ORDER BY 1 LIMIT 50),"
    " advice AS ("
    " SELECT 'sequence_end' AS code, CASE WHEN used > 0.9 THEN 'critical' ELSE 'warn' END AS severity,"
    "  format('Sequence %s has given %s of its %s numbers (%s %%)%s.', name, last, most, floor(used * 100),"
    " coalesce(', of column ' || on_column || ' of table ' || on_table, '')) AS text,"
    "  CASE WHEN narrow THEN format('ALTER TABLE %s ALTER COLUMN %s TYPE bigint; ', on_table, on_column) ELSE ''"
    " END"
    "  || format('ALTER SEQUENCE %s AS bigint MAXVALUE 9223372036854775807;', name) AS sql FROM near)"
    " SELECT (SELECT coalesce(json_agg(json_build_object('schema', nspname, 'name', relname, 'table', table_name,"
    " 'column', column_name,"
    "   'last_value', last, 'max_value', most, 'used', round(used, 4)) ORDER BY used DESC), '[]') FROM near) AS"
    " sequences,"
    " (SELECT format('%s sequences cannot be read: GRANT SELECT ON ALL SEQUENCES IN SCHEMA %I TO %I;', count(*),"
    " min(nspname), current_user)"
    "  FROM s WHERE NOT readable HAVING count(*) > 0) AS _reason,"
    " (SELECT json_agg(json_build_object('code', code, 'severity', severity, 'text', text, 'sql', sql)) FROM"
    " advice) AS _advice"};

/* clang-format on */

const forge_monitor_limits_t forge_store_monitor_usual = {.dead_rows = 1000,
                                                          .large_rows = 10000,
                                                          .scans = 100,
                                                          .bloat_bytes = 10 << 20,
                                                          .index_pages = 128,
                                                          .cache_pages = 1000000,
                                                          .transaction_seconds = 60,
                                                          .idle_seconds = 30,
                                                          .lock_seconds = 5,
                                                          .slot_bytes = APR_INT64_C(1) << 30};

forge_status_t forge_store_monitor_access(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows)
{
    return forge_store_run(db, p, &monitor_access, FORGE_NO_ARGS, rows);
}

forge_status_t forge_store_monitor_slow(forge_db_t *db, apr_pool_t *p, const char *schema, forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(db, p, &monitor_path, FORGE_ARGS(schema), NULL));
    return forge_store_run(db, p, &monitor_slow, FORGE_NO_ARGS, rows);
}

forge_status_t forge_store_monitor_settings(forge_db_t *db, apr_pool_t *p, const forge_monitor_limits_t *limits,
                                            forge_rows_t **rows)
{
    return forge_store_run(db, p, &monitor_settings, FORGE_ARGS(forge_util_itoa(p, limits->cache_pages)), rows);
}

forge_status_t forge_store_monitor_activity(forge_db_t *db, apr_pool_t *p, const forge_monitor_limits_t *limits,
                                            forge_rows_t **rows)
{
    return forge_store_run(db, p, &monitor_activity,
                           FORGE_ARGS(forge_util_itoa(p, limits->transaction_seconds),
                                      forge_util_itoa(p, limits->idle_seconds),
                                      forge_util_itoa(p, limits->lock_seconds), forge_util_itoa(p, limits->slot_bytes)),
                           rows);
}

forge_status_t forge_store_monitor_sequences(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows)
{
    return forge_store_run(db, p, &monitor_sequences, FORGE_NO_ARGS, rows);
}
