/* SPDX-License-Identifier: Apache-2.0
 * What forgectl check asks the database: the server's state, and what the application role can and cannot do.
 */
#include "operations_private.h"
#include <unistd.h>

#define CONNECTIONS_MIN 4 /* of one child to its database: below it a slow statement is felt by all */
#define CONNECTIONS_MAX 8 /* more processors come with more children */

/* clang-format off */

static const forge_stmt_t inspect_server = {
    "inspect_server",
    "SELECT current_setting('server_version') AS server_version, current_setting('server_version_num')::integer AS"
    " server_number,"
    " current_database() AS database, current_user AS role, current_setting('max_connections')::integer AS"
    " max_connections,"
    " (SELECT sum(numbackends) FROM pg_stat_database) AS connections,"
    " current_setting('server_encoding') AS encoding, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS"
    " clock"};

/* One row when the role exists. What a superuser or a member of the owner may do follows from that and needs no
 * list. */
static const forge_stmt_t inspect_role = {
    "inspect_role",
    "SELECT r.rolsuper AS super, r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls AS strong, r.rolcanlogin AS"
    " can_login,"
    " pg_has_role(r.oid, n.nspowner, 'MEMBER') AS is_owner,"
    " (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'S')) AS owned,"
    " has_schema_privilege(r.oid, n.oid, 'USAGE') AS usage,"
    " concat_ws(', ', CASE WHEN has_schema_privilege(r.oid, n.oid, 'CREATE') THEN 'schema forge' END,"
    "  CASE WHEN has_schema_privilege(r.oid, to_regnamespace('public')::oid, 'CREATE') THEN 'schema public' END,"
    "  CASE WHEN has_database_privilege(r.oid, current_database(), 'CREATE') THEN 'the database' END) AS creates,"
    " (SELECT string_agg(a.relation || ' ' || right_name, ', ' ORDER BY a.relation, right_name)"
    "  FROM forge.app_rights a, unnest(a.rights) right_name WHERE CASE right_name"
    "   WHEN 'EXECUTE' THEN has_function_privilege(r.oid, to_regproc(format('forge.%I', a.relation))::oid, right_name)"
    "   ELSE has_table_privilege(r.oid, to_regclass(format('forge.%I', a.relation))::oid, right_name) END IS NOT TRUE)"
    "  AS missing,"
    " (SELECT string_agg(x.name || ' ' || x.right_name, ', ' ORDER BY x.name, x.right_name) FROM ("
    "   SELECT c.relname AS name, right_name FROM pg_class c"
    "   CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) right_name"
    "   WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p') AND has_table_privilege(r.oid, c.oid, right_name)"
    "   UNION ALL SELECT f.proname, 'EXECUTE' FROM pg_proc f"
    "   WHERE f.pronamespace = n.oid AND has_function_privilege(r.oid, f.oid, 'EXECUTE')) x"
    "  WHERE NOT EXISTS (SELECT FROM forge.app_rights a WHERE a.relation = x.name AND x.right_name = ANY (a.rights)))"
    "  AS excess "
    "FROM pg_roles r, pg_namespace n WHERE r.rolname = $1 AND n.nspname = 'forge'"};

/* clang-format on */

/* PostgreSQL answers soonest when few of its processes share a processor, so it is two for each; requests beyond that
 * wait in ForgePoolWait for a moment. */
int forge_store_connections_usual(void)
{
    long wanted = 2 * sysconf(_SC_NPROCESSORS_ONLN);
    if (wanted < CONNECTIONS_MIN)
        return CONNECTIONS_MIN;
    return wanted > CONNECTIONS_MAX ? CONNECTIONS_MAX : (int)wanted;
}

forge_status_t forge_store_inspect_server(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows)
{
    return forge_store_run(db, p, &inspect_server, FORGE_NO_ARGS, rows);
}

forge_status_t forge_store_inspect_role(forge_db_t *db, apr_pool_t *p, const char *role, forge_rows_t **rows)
{
    return forge_store_run(db, p, &inspect_role, FORGE_ARGS(role), rows);
}
