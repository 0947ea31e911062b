/* SPDX-License-Identifier: Apache-2.0
 * What forgectl backup and restore ask the database. pg_dump and pg_restore do the rest.
 */
#include "operations_private.h"
#include <string.h>

/* Counts as text: a name of a table is no parameter, and query_to_xml is the way to a statement that is made of one. */
static const forge_stmt_t backup_tables = {
    "backup_tables",
    "SELECT c.relname AS name, substring(query_to_xml(format('SELECT count(*) AS n FROM forge.%I', c.relname), false,"
    " true, '')::text FROM '<n>([0-9]+)</n>')::bigint AS n FROM pg_class c JOIN pg_namespace s ON s.oid ="
    " c.relnamespace WHERE s.nspname = 'forge' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY"
    " c.relname"};

static const forge_stmt_t backup_snapshot = {
    "backup_snapshot", "SELECT pg_export_snapshot() AS snapshot, (SELECT count(*) FROM pg_largeobject_metadata) AS"
                       " objects"};

/* Those that an index or a function of ours stands on, where an administrator has made them. */
static const forge_stmt_t backup_extensions = {
    "backup_extensions",
    "SELECT extname AS name FROM pg_extension WHERE extname IN ('pg_trgm', 'vector') ORDER BY extname"};

static const forge_stmt_t restore_target = {
    "restore_target",
    "SELECT to_regnamespace('forge') IS NOT NULL AS present, (SELECT count(*) FROM pg_largeobject_metadata) AS"
    " objects"};

/* A thousand at a time: each takes a lock until the end of its transaction. */
static const forge_stmt_t restore_unlink = {
    "restore_unlink", "SELECT lo_unlink(m.oid) FROM pg_largeobject_metadata m JOIN pg_roles r ON r.oid = m.lomowner"
                      " WHERE r.rolname = current_user ORDER BY m.oid LIMIT 1000"};

/* Tokens that were given after the backup carry an epoch that the database does not know: a large step passes it. */
static const forge_stmt_t restore_end_sessions = {
    "restore_end_sessions",
    "WITH ended AS (UPDATE forge.sessions SET revoked_at = now(), revoke_reason = 'admin' WHERE revoked_at IS NULL AND"
    " expires_at > now() RETURNING id), void AS (UPDATE forge.users SET epoch = epoch + 1000 RETURNING id) "
    "SELECT (SELECT count(*) FROM ended) AS ended, (SELECT count(*) FROM void) AS accounts"};

forge_status_t forge_store_backup_begin(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows)
{
    db->settings.answer_timeout = 0;
    FORGE_TRY(forge_store_script(db, p, "SET statement_timeout = 0", NULL));
    FORGE_TRY(forge_store_script(db, p, "SET idle_in_transaction_session_timeout = 0", NULL));
    FORGE_TRY(forge_store_script(db, p, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL));
    return forge_store_run(db, p, &backup_snapshot, FORGE_NO_ARGS, rows);
}

forge_status_t forge_store_backup_tables(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows)
{
    db->settings.answer_timeout = 0;
    FORGE_TRY(forge_store_script(db, p, "SET statement_timeout = 0", NULL));
    return forge_store_run(db, p, &backup_tables, FORGE_NO_ARGS, rows);
}

forge_status_t forge_store_backup_extensions(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows)
{
    return forge_store_run(db, p, &backup_extensions, FORGE_NO_ARGS, rows);
}

forge_status_t forge_store_restore_target(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows)
{
    return forge_store_run(db, p, &restore_target, FORGE_NO_ARGS, rows);
}

forge_status_t forge_store_restore_clear(forge_db_t *db, apr_pool_t *p, const char **why)
{
    forge_rows_t *rows;
    db->settings.answer_timeout = 0;
    FORGE_TRY(forge_store_script(db, p, "SET statement_timeout = 0; SET client_min_messages = warning", why));
    FORGE_TRY(forge_store_script(db, p, "DROP SCHEMA IF EXISTS forge CASCADE", why));
    do
        FORGE_TRY(forge_store_run(db, p, &restore_unlink, FORGE_NO_ARGS, &rows));
    while (forge_store_rows_count(rows) > 0);
    return FORGE_OK;
}

forge_status_t forge_store_restore_extension(forge_db_t *db, apr_pool_t *p, const char *name, const char **why)
{
    if (strcmp(name, "pg_trgm") == 0)
        return forge_store_script(db, p, "CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public", why);
    if (strcmp(name, "vector") == 0)
        return forge_store_script(db, p, "CREATE EXTENSION IF NOT EXISTS vector SCHEMA public", why);
    *why = "it is none of those that the schema can use";
    return FORGE_E_VALIDATION;
}

forge_status_t forge_store_restore_settle(forge_db_t *db, apr_pool_t *p, const char **why)
{
    db->settings.answer_timeout = 0;
    FORGE_TRY(forge_store_script(db, p, "SET statement_timeout = 0; SET client_min_messages = error", why));
    FORGE_TRY(forge_store_script(db, p, "REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC", why));
    return forge_store_script(db, p, "ANALYZE", why);
}

forge_status_t forge_store_restore_end_sessions(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows)
{
    db->settings.answer_timeout = 0;
    return forge_store_run(db, p, &restore_end_sessions, FORGE_NO_ARGS, rows);
}
