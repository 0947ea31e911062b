/* SPDX-License-Identifier: Apache-2.0
 * Who is here, in figures: sessions, accounts and logins, by one statement whose cost has a bound.
 */
#include "identity_private.h"

#include <apr_strings.h>

#define MOST APR_STRINGIFY(FORGE_FIGURES_MOST)

/* How many rows a table, or a partial index, had when PostgreSQL looked last; -1 when it never did. */
#define ROUGHLY(name) "(SELECT c.reltuples::bigint FROM pg_class c WHERE c.oid = '" name "'::regclass)"

/* A count that ended at the bound becomes what PostgreSQL's statistics say, which is never less than what was seen. */
#define BEYOND(counted, rough) \
    "CASE WHEN " counted " < " MOST " THEN " counted " ELSE greatest(" MOST ", " rough ") END"

#define LOGINS(event_name) \
    "(SELECT count(*) FROM (SELECT FROM forge.audit_events a, hour WHERE a.event = '" event_name "'" \
    " AND a.id >= hour.first LIMIT " MOST ") l)"

/* clang-format off */

/* Each look takes its rows from an index and ends at the bound. Events of the last hour are told by their ids, which
 * come in the order of time. A guest's session says so in amr. */
static const forge_stmt_t identity_figures = {
    "identity_figures",
    "WITH seen AS MATERIALIZED ("
    " SELECT count(*) AS n, count(*) FILTER (WHERE s.expires_at > now()) AS live,"
    "  count(*) FILTER (WHERE s.expires_at > now() AND s.last_seen_at > now() - interval '5 minutes') AS seen_5m,"
    "  count(*) FILTER (WHERE s.expires_at > now() AND s.last_seen_at > now() - interval '1 hour') AS seen_1h,"
    "  count(*) FILTER (WHERE s.expires_at > now() AND s.amr = '{guest}') AS guests"
    " FROM (SELECT o.last_seen_at, o.expires_at, o.amr FROM forge.sessions o WHERE o.revoked_at IS NULL"
    "  ORDER BY o.last_seen_at DESC LIMIT " MOST ") s), "
    "known AS MATERIALIZED ("
    " SELECT (SELECT count(*) FROM (SELECT FROM forge.users u WHERE u.role = ANY ('{student,instructor,admin}')"
    "   LIMIT " MOST ") a) AS n,"
    "  (SELECT count(*) FROM (SELECT FROM forge.users u WHERE NOT u.is_active AND u.role <> 'guest'"
    "   LIMIT " MOST ") i) AS inactive), "
    "sums AS MATERIALIZED ("
    " SELECT CASE WHEN s.n < " MOST " THEN s.live ELSE greatest(s.live, " ROUGHLY("forge.sessions_seen")
    ") END AS live,"
    "  " BEYOND("k.n", ROUGHLY("forge.users") " - greatest(0, " ROUGHLY("forge.users_guests") ")") " AS total,"
    "  " BEYOND("k.inactive", ROUGHLY("forge.users_inactive")) " AS inactive FROM seen s, known k), "
    "hour AS MATERIALIZED ("
    " SELECT a.id AS first FROM forge.audit_events a WHERE a.at > now() - interval '1 hour' ORDER BY a.at LIMIT 1) "
    "SELECT jsonb_build_object('active', m.live, 'seen_5m', s.seen_5m, 'seen_1h', s.seen_1h) AS sessions,"
    " CASE WHEN s.n < " MOST " THEN s.guests ELSE s.guests * m.live / greatest(s.live, 1) END AS guests_active,"
    " jsonb_build_object('total', m.total, 'active', greatest(0, m.total - m.inactive), 'locked',"
    "  (SELECT count(DISTINCT split_part(f.subject, ':', 2)) FROM (SELECT o.subject FROM forge.login_failures o"
    "   WHERE o.locked_until > now() AND o.subject LIKE 'user:%' LIMIT " MOST ") f)) AS accounts,"
    " jsonb_build_object('ok_1h', " LOGINS("user.login") ", 'failed_1h', " LOGINS("user.login_failed") ") AS logins,"
    " greatest(s.n, k.n, k.inactive) >= " MOST " AS estimated"
    " FROM seen s, known k, sums m"};

/* clang-format on */

forge_status_t forge_store_identity_figures(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows)
{
    return forge_store_run(db, p, &identity_figures, FORGE_NO_ARGS, rows);
}
