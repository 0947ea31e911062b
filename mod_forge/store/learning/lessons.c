/* SPDX-License-Identifier: Apache-2.0
 * Lessons of a course: their titles are seen by whoever sees the course, their content by those who take it. Their
 * order is kept by the trigger in_order (migration 0019).
 */
#include "learning_private.h"
#include <string.h>

/* clang-format off */

/* The table is called l in every statement here, its module m. */
#define LESSON \
    "l.id, l.course_id, l.module_id, l.title, l.position, l.published, l.version, l.created_at, l.updated_at"

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {
    {"position", "l.position, l.id", "(l.position, l.id) > ($%d::integer, $%d::bigint)", "position"},
    {NULL, NULL, NULL, NULL}};

#define OF_MODULE \
    " FROM forge.courses c JOIN forge.modules m ON m.course_id = c.id JOIN forge.lessons l ON l.module_id = m.id" \
    " WHERE c.id = $3::bigint AND m.id = $4::bigint AND " FORGE_COURSE_VISIBLE("$1", "$2") \
    " AND (m.published AND l.published OR " FORGE_COURSE_OWNED("$1", "$2") ")"

const forge_list_t forge_store_lessons_list = {
    "lesson_list", "SELECT " LESSON OF_MODULE, "SELECT count(*)" OF_MODULE, 4, filters, orders};

/* $1 caller, $2 administrator, $3 course, $4 lesson. */
#define READ(content) \
    "WITH " FORGE_COURSE_SEEN ", " \
    "verdict AS (SELECT k.id, k.owned, CASE WHEN k.owned OR EXISTS (SELECT FROM forge.enrollments e" \
    "  WHERE e.course_id = k.id AND e.user_id = $1::bigint) THEN 'ok' ELSE 'not_enrolled' END AS outcome" \
    " FROM course k) " \
    "SELECT " LESSON ", CASE v.outcome WHEN 'ok' THEN l.content END AS " content ", v.outcome AS _outcome" \
    " FROM verdict v JOIN forge.lessons l ON l.course_id = v.id JOIN forge.modules m ON m.id = l.module_id" \
    " WHERE l.id = $4::bigint AND (m.published AND l.published OR v.owned)"
static const forge_stmt_t lesson_get = {"lesson_get", READ("content, 'text/markdown' AS content_type")};
static const forge_stmt_t lesson_source = {"lesson_source", READ("_content")};

#define WHOLE LESSON ", l.content, 'text/markdown' AS content_type"

/* $1 caller, $2 administrator, $3 course, $4 module, $5 title, $6 content, $7 position, $8 published. */
static const forge_stmt_t lesson_create = {
    "lesson_create",
    "WITH " FORGE_COURSE_HELD ", "
    "module AS (SELECT m.id, k.id AS course_id, k.owned FROM course k JOIN forge.modules m ON m.course_id = k.id"
    " WHERE m.id = $4::bigint AND (m.published OR k.owned)), "
    "made AS ("
    " INSERT INTO forge.lessons AS l (course_id, module_id, title, content, position, published, created_by)"
    " SELECT o.course_id, o.id, $5, coalesce($6, ''), $7::integer, coalesce($8::boolean, true), $1::bigint FROM"
    " module o"
    " WHERE o.owned RETURNING " WHOLE ") "
    "SELECT l.*, CASE WHEN o.owned THEN 'ok' ELSE 'not_owner' END AS _outcome FROM module o LEFT JOIN made l ON true"};

/* $1 caller, $2 administrator, $3 course, $4 lesson, $5 versions; the row is locked before it is judged. */
#define FOUND \
    "found AS (SELECT l FROM course k JOIN forge.lessons l ON l.course_id = k.id" \
    " JOIN forge.modules m ON m.id = l.module_id" \
    " WHERE l.id = $4::bigint AND (m.published AND l.published OR k.owned) FOR NO KEY UPDATE OF l), "
#define VERDICT(otherwise) \
    "CASE WHEN NOT k.owned THEN 'not_owner'" \
    " WHEN NOT ($5::text IS NULL OR (f.l).version = ANY ($5::bigint[])) THEN 'stale' " otherwise " ELSE 'ok' END" \
    " AS outcome"

/* $1 caller, $2 administrator, $3 course, $4 lesson, $5 versions, $6 patch. In another
 * module a lesson comes last, unless the patch says where. */
static const forge_stmt_t lesson_update = {
    "lesson_update",
    "WITH " FORGE_COURSE_HELD ", " FOUND
    "merged AS (SELECT f.l AS was, w.*, "
    VERDICT("WHEN NOT EXISTS (SELECT FROM forge.modules m WHERE m.id = w.module_id AND m.course_id = k.id)"
            " THEN 'bad_reference'")
    " FROM found f CROSS JOIN course k, " FORGE_PATCHED("f.l", "$6") " w), "
    "changed AS ("
    " UPDATE forge.lessons l SET module_id = w.module_id, title = w.title, content = coalesce(w.content, ''),"
    "  position = CASE WHEN w.module_id = (w.was).module_id OR $6::jsonb ? 'position' THEN w.position END,"
    "  published = coalesce(w.published, true)"
    " FROM merged w WHERE l.id = w.id AND w.outcome = 'ok' RETURNING " WHOLE ") "
    "SELECT l.*, w.outcome AS _outcome FROM merged w LEFT JOIN changed l ON l.id = w.id"};

static const forge_stmt_t lesson_delete = {
    "lesson_delete",
    "WITH " FORGE_COURSE_ALONE ", " FOUND
    "verdict AS (SELECT (f.l).id AS id, " VERDICT("") " FROM found f CROSS JOIN course k), "
    "gone AS (DELETE FROM forge.lessons l USING verdict v WHERE l.id = v.id AND v.outcome = 'ok') "
    "SELECT outcome AS _outcome FROM verdict"};

/* clang-format on */

static forge_status_t lesson_read(forge_db_t *db, apr_pool_t *p, const forge_stmt_t *stmt, const forge_actor_t *by,
                                  const apr_int64_t ids[2], forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by),
                                         forge_util_itoa(p, ids[0]), forge_util_itoa(p, ids[1]));
    FORGE_TRY(forge_store_run(db, p, stmt, args, rows));
    return forge_store_course_judged(*rows);
}

forge_status_t forge_store_lesson_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const apr_int64_t ids[2],
                                      forge_rows_t **rows)
{
    return lesson_read(db, p, &lesson_get, by, ids, rows);
}

forge_status_t forge_store_lesson_source(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const apr_int64_t ids[2], forge_rows_t **rows)
{
    return lesson_read(db, p, &lesson_source, by, ids, rows);
}

forge_status_t forge_store_lesson_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const apr_int64_t ids[2], const forge_lesson_in_t *in, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, ids[0]),
                   forge_util_itoa(p, ids[1]), in->title, in->content, in->position, in->published);
    forge_status_t status = forge_store_run(db, p, &lesson_create, args, rows);
    if (status == FORGE_E_BAD_REFERENCE) /* the module, or the account behind a token that is still good, went away */
        return strcmp(forge_store_constraint(db), "lessons_module_of_course") == 0 ? FORGE_E_NOT_FOUND
                                                                                   : FORGE_E_INVALID_TOKEN;
    FORGE_TRY(status);
    return forge_store_course_judged(*rows);
}

forge_status_t forge_store_lesson_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const apr_int64_t ids[2], const forge_patch_t *patch, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, ids[0]),
                   forge_util_itoa(p, ids[1]), patch->if_version, patch->members);
    FORGE_TRY(forge_store_run(db, p, &lesson_update, args, rows));
    return forge_store_course_judged(*rows);
}

forge_status_t forge_store_lesson_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const apr_int64_t ids[2], const char *if_version)
{
    forge_rows_t *rows;
    const forge_args_t args = FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by),
                                         forge_util_itoa(p, ids[0]), forge_util_itoa(p, ids[1]), if_version);
    FORGE_TRY(forge_store_run(db, p, &lesson_delete, args, &rows));
    return forge_store_course_judged(rows);
}
