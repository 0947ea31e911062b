/* SPDX-License-Identifier: Apache-2.0
 * Courses: the list, and statements that find, judge and change a course in one round trip, with the caller's rights in
 * their SQL.
 */
#include "learning_private.h"
#include <string.h>

/* clang-format off */

/* May the caller put a course into organisation `org`? */
#define MAY_JOIN(org, caller, admin) \
    "EXISTS (SELECT FROM forge.organizations o WHERE o.id = " org "::bigint AND (" admin "::boolean OR EXISTS (" \
    "SELECT FROM forge.memberships m WHERE m.organization_id = o.id AND m.user_id = " caller "::bigint)))"

/* q stands twice, so that the planner multiplies its guess. A single prefix is guessed to be so common that a walk
 * along the order's index looks cheaper than the GIN index; for a rare word that walk visits every course. */
static const forge_list_filter_t filters[] = {
    {"q", "c.search @@ " FORGE_WORDS("$%d") " AND c.search @@ " FORGE_WORDS("$%d")},
    {"difficulty", "c.difficulty = $%d"},
    {"instructor_id", "c.instructor_id = $%d::bigint"},
    {"organization_id", "c.organization_id = $%d::bigint"},
    {NULL, NULL}};

static const forge_list_order_t orders[] = {
    {"id", "c.id", "c.id > $%d::bigint", NULL},
    {"-created_at", "c.created_at DESC, c.id DESC", "(c.created_at, c.id) < ($%d::timestamptz,"
    " $%d::bigint)", "created_at"},
    {"title", "c.title, c.id", "(c.title, c.id) > ($%d::text, $%d::bigint)", "title"},
    {NULL, NULL, NULL, NULL}};

#define LISTED "SELECT " FORGE_COURSE " FROM forge.courses c WHERE "
#define COUNTED "SELECT count(*) FROM forge.courses c WHERE "

const forge_list_t forge_store_courses_list = {
    "course_list", LISTED FORGE_COURSE_KNOWN("$1"), COUNTED FORGE_COURSE_KNOWN("$1"), 1, filters, orders};
const forge_list_t forge_store_courses_open = {
    "course_list_open", LISTED FORGE_COURSE_OPEN, COUNTED FORGE_COURSE_OPEN, 0, filters, orders};
const forge_list_t forge_store_courses_all = {"course_list_all", LISTED "true", COUNTED "true", 0, filters, orders};

#define ONE LISTED "c.id = $1::bigint"
static const forge_stmt_t course_get = {"course_get", ONE " AND " FORGE_COURSE_KNOWN("$2")};
static const forge_stmt_t course_get_open = {"course_get_open", ONE " AND " FORGE_COURSE_OPEN};
static const forge_stmt_t course_get_all = {"course_get_all", ONE};

/* $1 caller, $2 administrator, $3 title, $4 description, $5 difficulty, $6 status, $7 organisation,
 * $8 time zone. */
static const forge_stmt_t course_create = {
    "course_create",
    "INSERT INTO forge.courses AS c (title, description, difficulty, status, organization_id, instructor_id, timezone) "
    "SELECT $3, coalesce($4, ''), coalesce($5, 'beginner'), coalesce($6, 'published'), $7::bigint, $1::bigint,"
    " coalesce($8, 'UTC') "
    "WHERE $7::bigint IS NULL OR " MAY_JOIN("$7", "$1", "$2") " RETURNING " FORGE_COURSE};

/* The row is locked before it is judged, so that verdict and change speak of the same version. No row: unknown, or
 * hidden from the caller. $1 caller, $2 administrator, $3 course, $4 versions, $5 patch. */
static const forge_stmt_t course_update = {
    "course_update",
    "WITH found AS ("
    " SELECT c FROM forge.courses c WHERE c.id = $3::bigint AND " FORGE_COURSE_VISIBLE("$1", "$2")
    " FOR NO KEY UPDATE), "
    "merged AS (SELECT f.c AS was, w.* FROM found f, " FORGE_PATCHED("f.c", "$5") " w), "
    "verdict AS ("
    " SELECT m.id, CASE"
    "  WHEN ($2::boolean OR (m.was).instructor_id = $1::bigint) IS NOT TRUE THEN 'not_owner'"
    "  WHEN NOT ($4::text IS NULL OR (m.was).version = ANY ($4::bigint[])) THEN 'stale'"
    "  WHEN m.organization_id IS NOT NULL AND m.organization_id IS DISTINCT FROM (m.was).organization_id"
    "   AND NOT " MAY_JOIN("m.organization_id", "$1", "$2") " THEN 'bad_reference'"
    "  ELSE 'ok' END AS outcome FROM merged m), "
    "changed AS ("
    " UPDATE forge.courses c SET title = m.title, description = coalesce(m.description, ''),"
    "  difficulty = coalesce(m.difficulty, 'beginner'), status = coalesce(m.status, 'published'),"
    "  organization_id = m.organization_id, timezone = coalesce(m.timezone, 'UTC')"
    " FROM merged m JOIN verdict v ON v.id = m.id WHERE c.id = m.id AND v.outcome = 'ok' RETURNING " FORGE_COURSE ") "
    "SELECT c.*, v.outcome AS _outcome, c.status = 'published' AND (m.was).status <> 'published' AS _published"
    " FROM verdict v JOIN merged m ON m.id = v.id LEFT JOIN changed c ON c.id = v.id"};

static const forge_stmt_t course_delete = {
    "course_delete",
    "WITH found AS ("
    " SELECT c.id, c.version, c.instructor_id FROM forge.courses c"
    " WHERE c.id = $3::bigint AND " FORGE_COURSE_VISIBLE("$1", "$2") " FOR UPDATE), "
    "verdict AS ("
    " SELECT id, CASE"
    "  WHEN ($2::boolean OR instructor_id = $1::bigint) IS NOT TRUE THEN 'not_owner'"
    "  WHEN NOT ($4::text IS NULL OR version = ANY ($4::bigint[])) THEN 'stale'"
    "  ELSE 'ok' END AS outcome FROM found), "
    "gone AS (DELETE FROM forge.courses c USING verdict v WHERE c.id = v.id AND v.outcome = 'ok') "
    "SELECT outcome AS _outcome FROM verdict"};

/* clang-format on */

const char *forge_store_course_caller(apr_pool_t *p, const forge_actor_t *by)
{
    return by->id > 0 ? forge_util_itoa(p, by->id) : NULL;
}

const char *forge_store_course_admin(const forge_actor_t *by)
{
    return by->admin ? "t" : "f";
}

forge_status_t forge_store_course_judged(const forge_rows_t *rows)
{
    static const forge_outcome_t outcomes[] = {
        {"ok", FORGE_OK},
        {"not_owner", FORGE_E_NOT_OWNER},
        {"stale", FORGE_E_PRECONDITION_FAILED},
        {"bad_reference", FORGE_E_BAD_REFERENCE},
        {"not_enrolled", FORGE_E_NOT_ENROLLED},
        {"not_found", FORGE_E_NOT_FOUND},
        {"forbidden", FORGE_E_FORBIDDEN},
        {"cycle", FORGE_E_PREREQUISITE_CYCLE},
        {"unmet", FORGE_E_PREREQUISITES_UNMET},
        {NULL, FORGE_OK},
    };
    return forge_store_rows_judge(rows, outcomes, FORGE_E_NOT_FOUND);
}

forge_kind_t forge_store_caller_kind(const forge_actor_t *by)
{
    if (by->admin)
        return FORGE_KIND_ALL;
    return by->id > 0 ? FORGE_KIND_KNOWN : FORGE_KIND_OPEN;
}

const forge_list_t *forge_store_courses_seen(const forge_actor_t *by)
{
    static const forge_list_t *const lists[FORGE_KINDS] = {&forge_store_courses_open, &forge_store_courses_list,
                                                           &forge_store_courses_all};
    return lists[forge_store_caller_kind(by)];
}

forge_status_t forge_store_kind_read(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                     const forge_stmt_t *const stmts[], apr_int64_t id, forge_rows_t **rows)
{
    const char *number = forge_util_itoa(p, id);
    const forge_kind_t kind = forge_store_caller_kind(by);
    const forge_args_t args =
        kind == FORGE_KIND_KNOWN ? FORGE_ARGS(number, forge_store_course_caller(p, by)) : FORGE_ARGS(number);
    FORGE_TRY(forge_store_run(db, p, stmts[kind], args, rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_course_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                      forge_rows_t **rows)
{
    static const forge_stmt_t *const stmts[FORGE_KINDS] = {&course_get_open, &course_get, &course_get_all};
    return forge_store_kind_read(db, p, by, stmts, id, rows);
}

static void happened(forge_db_t *db, const char *event, const forge_actor_t *by, apr_int64_t id)
{
    forge_store_event(
        db, &(forge_event_t){.name = event, .user_id = by->id, .detail = {{.name = "course_id", .number = id}}});
}

forge_status_t forge_store_course_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const forge_course_in_t *in, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), in->title, in->description,
                   in->difficulty, in->status, in->organization_id, in->timezone);
    forge_status_t status = forge_store_run(db, p, &course_create, args, rows);
    /* The account behind a token that is still good was deleted. */
    if (status == FORGE_E_BAD_REFERENCE && strcmp(forge_store_constraint(db), "courses_instructor_id_fkey") == 0)
        return FORGE_E_INVALID_TOKEN;
    FORGE_TRY(status);
    if (forge_store_rows_count(*rows) == 0)
        return FORGE_E_BAD_REFERENCE;
    apr_int64_t id = forge_store_rows_int(*rows, 0, "id", 0);
    happened(db, "course.created", by, id);
    if (strcmp(forge_store_rows_text(*rows, 0, "status"), "published") == 0)
        happened(db, "course.published", by, id);
    return FORGE_OK;
}

forge_status_t forge_store_course_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                         const forge_patch_t *patch, forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by),
                                         forge_util_itoa(p, id), patch->if_version, patch->members);
    FORGE_TRY(forge_store_run(db, p, &course_update, args, rows));
    FORGE_TRY(forge_store_course_judged(*rows));
    if (forge_store_rows_bool(*rows, 0, "_published"))
        happened(db, "course.published", by, id);
    return FORGE_OK;
}

forge_status_t forge_store_course_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                         const char *if_version)
{
    forge_rows_t *rows;
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, id), if_version);
    FORGE_TRY(forge_store_run(db, p, &course_delete, args, &rows));
    FORGE_TRY(forge_store_course_judged(rows));
    happened(db, "course.deleted", by, id);
    return FORGE_OK;
}
