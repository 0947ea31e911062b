/* SPDX-License-Identifier: Apache-2.0
 * Modules of a course. Their order is kept by the trigger in_order (migration 0019): a module that comes, moves or goes
 * pushes the others.
 */
#include "learning_private.h"

/* clang-format off */

/* The table is called m in every statement here. */
#define MODULE "m.id, m.course_id, m.title, m.position, m.published, m.version, m.created_at, m.updated_at"

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {
    {"position", "m.position, m.id", "(m.position, m.id) > ($%d::integer, $%d::bigint)", "position"},
    {NULL, NULL, NULL, NULL}};

#define OF_COURSE \
    " FROM forge.modules m JOIN forge.courses c ON c.id = m.course_id WHERE c.id = $3::bigint AND " \
    FORGE_COURSE_VISIBLE("$1", "$2") " AND (m.published OR " FORGE_COURSE_OWNED("$1", "$2") ")"

const forge_list_t forge_store_modules_list = {
    "module_list", "SELECT " MODULE OF_COURSE, "SELECT count(*)" OF_COURSE, 3, filters, orders};

static const forge_stmt_t module_get = {"module_get", "SELECT " MODULE OF_COURSE " AND m.id = $4::bigint"};

/* $1 caller, $2 administrator, $3 course, $4 title, $5 position, $6 published. */
static const forge_stmt_t module_create = {
    "module_create",
    "WITH " FORGE_COURSE_HELD ", "
    "made AS ("
    " INSERT INTO forge.modules AS m (course_id, title, position, published, created_by)"
    " SELECT k.id, $4, $5::integer, coalesce($6::boolean, true), $1::bigint FROM course k WHERE k.owned"
    " RETURNING " MODULE ") "
    "SELECT m.*, CASE WHEN k.owned THEN 'ok' ELSE 'not_owner' END AS _outcome FROM course k LEFT JOIN made m ON true"};

/* $1 caller, $2 administrator, $3 course, $4 module, $5 versions; the row is locked before it is judged. */
#define FOUND \
    "found AS (SELECT m FROM course k JOIN forge.modules m ON m.course_id = k.id" \
    " WHERE m.id = $4::bigint AND (m.published OR k.owned) FOR NO KEY UPDATE OF m), "
#define VERDICT \
    "CASE WHEN NOT k.owned THEN 'not_owner'" \
    " WHEN NOT ($5::text IS NULL OR (f.m).version = ANY ($5::bigint[])) THEN 'stale' ELSE 'ok' END AS outcome"

/* $1 caller, $2 administrator, $3 course, $4 module, $5 versions, $6 patch. */
static const forge_stmt_t module_update = {
    "module_update",
    "WITH " FORGE_COURSE_HELD ", " FOUND
    "merged AS (SELECT w.*, " VERDICT " FROM found f CROSS JOIN course k, " FORGE_PATCHED("f.m", "$6") " w), "
    "changed AS ("
    " UPDATE forge.modules m SET title = w.title, position = w.position, published = coalesce(w.published, true)"
    " FROM merged w WHERE m.id = w.id AND w.outcome = 'ok' RETURNING " MODULE ") "
    "SELECT m.*, w.outcome AS _outcome FROM merged w LEFT JOIN changed m ON m.id = w.id"};

static const forge_stmt_t module_delete = {
    "module_delete",
    "WITH " FORGE_COURSE_ALONE ", " FOUND
    "verdict AS (SELECT (f.m).id AS id, " VERDICT " FROM found f CROSS JOIN course k), "
    "gone AS (DELETE FROM forge.modules m USING verdict v WHERE m.id = v.id AND v.outcome = 'ok') "
    "SELECT outcome AS _outcome FROM verdict"};

/* clang-format on */

forge_status_t forge_store_module_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const apr_int64_t ids[2],
                                      forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by),
                                         forge_util_itoa(p, ids[0]), forge_util_itoa(p, ids[1]));
    FORGE_TRY(forge_store_run(db, p, &module_get, args, rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_module_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t course_id,
                                         const forge_module_in_t *in, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by),
                                         forge_util_itoa(p, course_id), in->title, in->position, in->published);
    forge_status_t status = forge_store_run(db, p, &module_create, args, rows);
    if (status == FORGE_E_BAD_REFERENCE) /* the account behind a token that is still good was deleted */
        return FORGE_E_INVALID_TOKEN;
    FORGE_TRY(status);
    return forge_store_course_judged(*rows);
}

forge_status_t forge_store_module_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const apr_int64_t ids[2], const forge_patch_t *patch, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, ids[0]),
                   forge_util_itoa(p, ids[1]), patch->if_version, patch->members);
    FORGE_TRY(forge_store_run(db, p, &module_update, args, rows));
    return forge_store_course_judged(*rows);
}

forge_status_t forge_store_module_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const apr_int64_t ids[2], const char *if_version)
{
    forge_rows_t *rows;
    const forge_args_t args = FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by),
                                         forge_util_itoa(p, ids[0]), forge_util_itoa(p, ids[1]), if_version);
    FORGE_TRY(forge_store_run(db, p, &module_delete, args, &rows));
    return forge_store_course_judged(rows);
}
