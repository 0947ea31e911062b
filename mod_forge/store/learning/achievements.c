/* SPDX-License-Identifier: Apache-2.0
 * Achievements: the public list, and statements that judge and change one in a single round trip.
 */
#include "learning_private.h"
#include <string.h>

/* clang-format off */

/* The members of SPEC 8; the table is called a in every statement here. */
#define ACHIEVEMENT "a.id, a.name, a.description, a.points, a.icon, a.version, a.created_at, a.updated_at"

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {{"id", "a.id", "a.id > $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

const forge_list_t forge_store_achievements_list = {
    "achievement_list",
    "SELECT " ACHIEVEMENT " FROM forge.achievements a WHERE true",
    "SELECT count(*) FROM forge.achievements a WHERE true",
    0, filters, orders};

static const forge_stmt_t achievement_get = {
    "achievement_get",
    "SELECT " ACHIEVEMENT " FROM forge.achievements a WHERE a.id = $1::bigint"};

/* No row: the name is taken. ON CONFLICT keeps a caller's transaction alive. */
static const forge_stmt_t achievement_create = {
    "achievement_create",
    "INSERT INTO forge.achievements AS a (name, description, points, icon, created_by) VALUES ($1, coalesce($2, ''),"
    " coalesce($3::integer, 0), $4, $5::bigint) "
    "ON CONFLICT (name) DO NOTHING RETURNING " ACHIEVEMENT};

/* The row is locked before it is judged, so that verdict and change speak of the same version. */
static const forge_stmt_t achievement_update = {
    "achievement_update",
    "WITH found AS (SELECT a FROM forge.achievements a WHERE a.id = $1::bigint FOR NO KEY UPDATE), "
    "merged AS ("
    " SELECT w.*, $2::text IS NULL OR (f.a).version = ANY ($2::bigint[]) AS fresh"
    " FROM found f, " FORGE_PATCHED("f.a", "$3") " w), "
    "changed AS ("
    " UPDATE forge.achievements a SET name = m.name, description = coalesce(m.description, ''),"
    "  points = coalesce(m.points, 0), icon = m.icon"
    " FROM merged m WHERE a.id = m.id AND m.fresh RETURNING " ACHIEVEMENT ") "
    "SELECT a.*, m.fresh AS _fresh FROM merged m LEFT JOIN changed a ON a.id = m.id"};

static const forge_stmt_t achievement_delete = {
    "achievement_delete",
    "WITH verdict AS ("
    " SELECT a.id, $2::text IS NULL OR a.version = ANY ($2::bigint[]) AS fresh FROM forge.achievements a"
    " WHERE a.id = $1::bigint FOR UPDATE), "
    "gone AS (DELETE FROM forge.achievements a USING verdict v WHERE a.id = v.id AND v.fresh) "
    "SELECT fresh AS _fresh FROM verdict"};

/* clang-format on */

/* What the statement decided, as a status. */
static forge_status_t judged(const forge_rows_t *rows)
{
    if (forge_store_rows_count(rows) == 0)
        return FORGE_E_NOT_FOUND;
    return forge_store_rows_bool(rows, 0, "_fresh") ? FORGE_OK : FORGE_E_PRECONDITION_FAILED;
}

forge_status_t forge_store_achievement_get(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(db, p, &achievement_get, FORGE_ARGS(forge_util_itoa(p, id)), rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_achievement_create(forge_db_t *db, apr_pool_t *p, const forge_achievement_in_t *in,
                                              forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(in->name, in->description, in->points, in->icon, in->created_by);
    FORGE_TRY(forge_store_run(db, p, &achievement_create, args, rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NAME_TAKEN;
}

forge_status_t forge_store_achievement_update(forge_db_t *db, apr_pool_t *p, apr_int64_t id, const forge_patch_t *patch,
                                              forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, id), patch->if_version, patch->members);
    forge_status_t status = forge_store_run(db, p, &achievement_update, args, rows);
    if (status == FORGE_E_CONFLICT && strcmp(forge_store_constraint(db), "achievements_name_unique") == 0)
        return FORGE_E_NAME_TAKEN;
    FORGE_TRY(status);
    return judged(*rows);
}

forge_status_t forge_store_achievement_delete(forge_db_t *db, apr_pool_t *p, apr_int64_t id, const char *if_version)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &achievement_delete, FORGE_ARGS(forge_util_itoa(p, id), if_version), &rows));
    return judged(rows);
}
