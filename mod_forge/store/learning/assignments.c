/* SPDX-License-Identifier: Apache-2.0
 * Assignments of a course: for those who take it, changed by its owner. Due dates are moments; a date without an offset
 * is read by the clocks of the course's time zone.
 */
#include "learning_private.h"
#include <string.h>

/* clang-format off */

/* The assignment is called a, a row with the course's time zone k. */
#define ASSIGNMENT \
    "a.id, a.course_id, a.title, a.description, a.due_at," \
    " to_char(forge.local_time(a.due_at, k.timezone), 'YYYY-MM-DD\"T\"HH24:MI:SS') AS due_local," \
    " k.timezone, a.max_points, a.version, a.created_at, a.updated_at"

/* What clocks of the course show becomes a time; both NULL: never due. */
#define DUE(at, local, zone) \
    "coalesce(" at "::timestamptz, forge.local_instant(" local "::timestamp, " zone "))"

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {
    {"id", "a.id", "a.id > $%d::bigint", NULL},
    {"due_at", "coalesce(a.due_at, 'infinity'), a.id", "(coalesce(a.due_at, 'infinity'), a.id) > ($%d::timestamptz,"
     " $%d::bigint)", "_due"},
    {NULL, NULL, NULL, NULL}};

const forge_list_t forge_store_assignments_list = {
    "assignment_list",
    "SELECT " ASSIGNMENT ", coalesce(a.due_at, 'infinity') AS _due FROM forge.courses k"
    " JOIN forge.assignments a ON a.course_id = k.id WHERE k.id = $1::bigint",
    "SELECT count(*) FROM forge.assignments a WHERE a.course_id = $1::bigint",
    1, filters, orders};

/* $4 assignment, $5 whether the owner alone may. */
static const forge_stmt_t course_may = {
    "course_may",
    "WITH " FORGE_COURSE_TAKEN
    " SELECT k.owned, CASE WHEN $5::boolean AND NOT k.owned THEN 'not_owner'"
    " WHEN NOT (k.owned OR k.enrolled) THEN 'not_enrolled'"
    " WHEN $4::bigint <> 0 AND NOT EXISTS (SELECT FROM forge.assignments a WHERE a.course_id = k.id"
    " AND a.id = $4::bigint) THEN 'not_found' ELSE 'ok' END AS _outcome FROM course k"};

static const forge_stmt_t assignment_get = {
    "assignment_get",
    "WITH " FORGE_COURSE_TAKEN
    " SELECT " ASSIGNMENT ", CASE WHEN NOT (k.owned OR k.enrolled) THEN 'not_enrolled'"
    " WHEN a.id IS NULL THEN 'not_found' ELSE 'ok' END AS _outcome"
    " FROM course k LEFT JOIN forge.assignments a ON a.course_id = k.id AND a.id = $4::bigint"};

/* $1 caller, $2 administrator, $3 course, $4 title, $5 description, $6 points at most, $7 due, $8 due by the clocks. */
static const forge_stmt_t assignment_create = {
    "assignment_create",
    "WITH " FORGE_COURSE_TAKEN ", "
    "made AS ("
    " INSERT INTO forge.assignments AS a (course_id, title, description, max_points, due_at, created_by)"
    " SELECT k.id, $4, coalesce($5, ''), coalesce($6::integer, 100), " DUE("$7", "$8", "k.timezone") ", $1::bigint"
    " FROM course k WHERE k.owned RETURNING a.*)"
    " SELECT " ASSIGNMENT ", CASE WHEN k.owned THEN 'ok' ELSE 'not_owner' END AS _outcome"
    " FROM course k LEFT JOIN made a ON true"};

/* The assignment is locked before it is judged. Who does not own the course is not told whether it has this one. */
#define FOUND \
    "found AS (SELECT a FROM course k JOIN forge.assignments a ON a.course_id = k.id" \
    " WHERE k.owned AND a.id = $4::bigint FOR NO KEY UPDATE OF a), "
#define VERDICT \
    "CASE WHEN NOT k.owned THEN 'not_owner' WHEN (f.a).id IS NULL THEN 'not_found'" \
    " WHEN NOT ($5::text IS NULL OR (f.a).version = ANY ($5::bigint[])) THEN 'stale' ELSE 'ok' END AS outcome"

/* $1 caller, $2 administrator, $3 course, $4 assignment, $5 versions, $6 patch, $7 whether it says when it is due,
 * $8 due, $9 due by the clocks. */
static const forge_stmt_t assignment_update = {
    "assignment_update",
    "WITH " FORGE_COURSE_TAKEN ", " FOUND
    "merged AS (SELECT w.*, k.timezone, " VERDICT " FROM course k LEFT JOIN found f ON true, "
    FORGE_PATCHED("f.a", "$6") " w), "
    "changed AS ("
    " UPDATE forge.assignments a SET title = m.title, description = coalesce(m.description, ''),"
    "  max_points = coalesce(m.max_points, 100),"
    "  due_at = CASE WHEN $7::boolean THEN " DUE("$8", "$9", "m.timezone") " ELSE m.due_at END"
    " FROM merged m WHERE a.id = m.id AND m.outcome = 'ok' RETURNING a.*) "
    "SELECT " ASSIGNMENT ", k.outcome AS _outcome FROM merged k LEFT JOIN changed a ON a.id = k.id"};

static const forge_stmt_t assignment_delete = {
    "assignment_delete",
    "WITH " FORGE_COURSE_TAKEN ", " FOUND
    "verdict AS (SELECT (f.a).id AS id, " VERDICT " FROM course k LEFT JOIN found f ON true), "
    "gone AS (DELETE FROM forge.assignments a USING verdict v WHERE a.id = v.id AND v.outcome = 'ok') "
    "SELECT outcome AS _outcome FROM verdict"};

/* clang-format on */

forge_status_t forge_store_course_may(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const apr_int64_t ids[2],
                                      bool owners, bool *owned)
{
    forge_rows_t *rows;
    const forge_args_t args = FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by),
                                         forge_util_itoa(p, ids[0]), forge_util_itoa(p, ids[1]), owners ? "t" : "f");
    FORGE_TRY(forge_store_run(db, p, &course_may, args, &rows));
    if (owned)
        *owned = forge_store_rows_count(rows) > 0 && forge_store_rows_bool(rows, 0, "owned");
    return forge_store_course_judged(rows);
}

forge_status_t forge_store_assignment_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                          const apr_int64_t ids[2], forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by),
                                         forge_util_itoa(p, ids[0]), forge_util_itoa(p, ids[1]));
    FORGE_TRY(forge_store_run(db, p, &assignment_get, args, rows));
    return forge_store_course_judged(*rows);
}

forge_status_t forge_store_assignment_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             apr_int64_t course_id, const forge_assignment_in_t *in,
                                             forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, course_id),
                   in->title, in->description, in->max_points, in->due.at, in->due.local);
    forge_status_t status = forge_store_run(db, p, &assignment_create, args, rows);
    if (status == FORGE_E_BAD_REFERENCE) /* the course, or the account behind a good token, went away meanwhile */
        return strcmp(forge_store_constraint(db), "assignments_created_by_fkey") == 0 ? FORGE_E_INVALID_TOKEN
                                                                                      : FORGE_E_NOT_FOUND;
    FORGE_TRY(status);
    return forge_store_course_judged(*rows);
}

forge_status_t forge_store_assignment_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             const apr_int64_t ids[2], const forge_assignment_patch_t *change,
                                             forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, ids[0]),
                   forge_util_itoa(p, ids[1]), change->patch.if_version, change->patch.members,
                   change->due.sent ? "t" : "f", change->due.at, change->due.local);
    FORGE_TRY(forge_store_run(db, p, &assignment_update, args, rows));
    return forge_store_course_judged(*rows);
}

forge_status_t forge_store_assignment_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             const apr_int64_t ids[2], const char *if_version)
{
    forge_rows_t *rows;
    const forge_args_t args = FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by),
                                         forge_util_itoa(p, ids[0]), forge_util_itoa(p, ids[1]), if_version);
    FORGE_TRY(forge_store_run(db, p, &assignment_delete, args, &rows));
    return forge_store_course_judged(rows);
}
