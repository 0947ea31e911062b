/* SPDX-License-Identifier: Apache-2.0
 * How the database is, in one row: connections, numbers of transactions, replication, with a verdict on each.
 */
#include "operations_private.h"

/* clang-format off */

/* The size is exact while relations are few, since each file is asked for its own; else it is what vacuum saw last.
 * $1 warn and $2 fail at so many per cent of the connections, $3 warn and $4 fail at so many per cent of the
 * transaction numbers, $5 warn at seconds of a transaction, $6 warn at seconds of lag, $7 at bytes of it: a standby
 * that does not replay reports no time. A backup that runs is no replica. */
static const forge_stmt_t monitor_health = {
    "monitor_health",
    "WITH figures AS MATERIALIZED ("
    " SELECT pg_is_in_recovery() AS standby, current_setting('max_connections')::int AS most,"
    "  current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections',"
    " true)::int, 0) AS reserved,"
    "  (SELECT sum(numbackends) FROM pg_stat_database)::int AS used, "
    "  (SELECT max(greatest(age(datfrozenxid), mxid_age(datminmxid))) FROM pg_database) AS xid_age,"
    "  CASE WHEN pg_is_in_recovery() AND pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()"
    "   THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) WHEN pg_is_in_recovery()"
    " THEN 0 END AS replay_lag),"
    " activity AS MATERIALIZED ("
    " SELECT count(*) FILTER (WHERE state = 'active') AS active, count(*) FILTER (WHERE state LIKE 'idle in"
    " transaction%') AS idle,"
    "  max(extract(epoch FROM clock_timestamp() - xact_start)) AS oldest"
    " FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ),"
    " replicas AS MATERIALIZED ("
    " SELECT count(*) AS n, max(CASE WHEN NOT pg_is_in_recovery() AND replay_lsn >= pg_current_wal_lsn() THEN 0"
    "   ELSE extract(epoch FROM replay_lag) END) AS seconds,"
    "  max(CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) END) AS"
    " bytes FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup'),"
    " judged AS MATERIALIZED ("
    " SELECT number, name, text, CASE WHEN value >= fail THEN 'fail' WHEN value >= warn THEN 'warn' ELSE 'pass'"
    " END AS status"
    " FROM figures f, activity a, replicas r, LATERAL (VALUES"
    "  (1, 'connections', 100.0 * f.used / greatest(1, f.most - f.reserved), $1::numeric, $2::numeric,"
    "   format('%s of %s connections are used; %s more are kept for administrators.', f.used, f.most -"
    " f.reserved, f.reserved)),"
    "  (2, 'transaction_id', f.xid_age / 21474836.48, $3::numeric, $4::numeric,"
    "   format('The oldest transaction number has used %s %% of what there is.', round(f.xid_age / 21474836.48,"
    " 1))),"
    "  (3, 'oldest_transaction', a.oldest, $5::numeric, NULL,"
    "   coalesce('The oldest transaction has run for ' || round(a.oldest, 1) || ' s.', 'No transaction is open.')),"
    "  (4, 'replication', greatest(r.seconds, f.replay_lag, CASE WHEN r.bytes >= $7::numeric THEN $6::numeric END),"
    "   $6::numeric, NULL,"
    "   CASE WHEN f.standby THEN format('This is a standby, %s s behind.', coalesce(round(f.replay_lag,"
    " 1)::text, '?'))"
    "    WHEN r.n = 0 THEN 'Nobody replicates this server.'"
    "    ELSE format('%s servers replicate this one, at most %s s and %s behind.', r.n, coalesce(round(r.seconds,"
    " 1)::text, '?'), coalesce(pg_size_pretty(r.bytes), '? bytes')) END)"
    "  ) v(number, name, value, warn, fail, text))"
    " SELECT (SELECT CASE WHEN bool_or(status = 'fail') THEN 'fail' WHEN bool_or(status = 'warn') THEN 'warn'"
    " ELSE 'pass' END FROM judged) AS status,"
    " clock_timestamp() AS timestamp, current_setting('server_version') AS server_version,"
    " pg_postmaster_start_time() AS started_at,"
    " floor(extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()))::bigint AS uptime_seconds,"
    " f.standby AS in_recovery,"
    " CASE WHEN (SELECT reltuples FROM pg_class WHERE oid = 'pg_class'::regclass) < 3000 THEN"
    " pg_database_size(current_database())"
    "  ELSE (SELECT sum(relpages) * current_setting('block_size')::bigint FROM pg_class) END::bigint AS"
    " database_size_bytes,"
    " json_build_object('used', f.used, 'active', a.active, 'idle_in_transaction', a.idle, 'max', f.most,"
    " 'reserved', f.reserved) AS connections,"
    " json_build_object('age', f.xid_age, 'percent', round(f.xid_age / 21474836.48, 2)) AS transaction_id,"
    " round(a.oldest, 3) AS oldest_transaction_seconds,"
    " json_build_object('replicas', r.n, 'lag_seconds', round(greatest(r.seconds, f.replay_lag), 3),"
    " 'lag_bytes', r.bytes) AS replication,"
    " pg_has_role('pg_read_all_stats', 'USAGE') AS all_activity,"
    " (SELECT json_agg(json_build_object('name', name, 'status', status, 'text', text) ORDER BY number) FROM"
    " judged) AS checks"
    " FROM figures f, activity a, replicas r"};

/* clang-format on */

const forge_health_limits_t forge_store_health_usual = {.connections_warn = 80,
                                                        .connections_fail = 95,
                                                        .numbers_warn = 50,
                                                        .numbers_fail = 80,
                                                        .transaction_seconds = 300,
                                                        .lag_seconds = 60,
                                                        .lag_bytes = 256 << 20};

forge_status_t forge_store_monitor_health(forge_db_t *db, apr_pool_t *p, const forge_health_limits_t *limits,
                                          forge_rows_t **rows)
{
    return forge_store_run(
        db, p, &monitor_health,
        FORGE_ARGS(forge_util_itoa(p, limits->connections_warn), forge_util_itoa(p, limits->connections_fail),
                   forge_util_itoa(p, limits->numbers_warn), forge_util_itoa(p, limits->numbers_fail),
                   forge_util_itoa(p, limits->transaction_seconds), forge_util_itoa(p, limits->lag_seconds),
                   forge_util_itoa(p, limits->lag_bytes)),
        rows);
}
