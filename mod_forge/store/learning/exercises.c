/* SPDX-License-Identifier: Apache-2.0
 * Exercises: the list, and statements that find, judge and change one in a round trip. Who may not see hidden tests and
 * the solution never gets them out of the database.
 */
#include "learning_private.h"
#include <string.h>

/* clang-format off */

/* The members of SPEC 7; the table is called e in every statement here. */
#define NAMED \
    "e.id, e.course_id, e.author_id, e.title, e.instructions, e.difficulty, e.language, e.points, e.published," \
    " e.version, e.created_at, e.updated_at"
#define WHOLE NAMED ", e.starter_code, e.limits, e.solution, e.tests, true AS _whole"
#define SHOWN \
    NAMED ", e.starter_code, e.limits, (SELECT coalesce(jsonb_agg(t.test ORDER BY t.n), '[]')" \
    " FROM jsonb_array_elements(e.tests) WITH ORDINALITY t(test, n) WHERE NOT (t.test ->> 'hidden')::boolean) AS tests"

/* q stands twice for the planner's sake, as with courses. */
static const forge_list_filter_t filters[] = {
    {"q", "e.search @@ " FORGE_WORDS("$%d") " AND e.search @@ " FORGE_WORDS("$%d")},
    {"difficulty", "e.difficulty = $%d"},
    {"course_id", "e.course_id = $%d::bigint"},
    {NULL, NULL}};

static const forge_list_order_t orders[] = {{"id", "e.id", "e.id > $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

#define LISTED "SELECT " NAMED " FROM " FORGE_EXERCISES " WHERE "
#define COUNTED "SELECT count(*) FROM " FORGE_EXERCISES " WHERE "

const forge_list_t forge_store_exercises_list = {
    "exercise_list", LISTED FORGE_EXERCISE_KNOWN("$1"), COUNTED FORGE_EXERCISE_KNOWN("$1"), 1, filters, orders};
const forge_list_t forge_store_exercises_open = {
    "exercise_list_open", LISTED FORGE_EXERCISE_OPEN, COUNTED FORGE_EXERCISE_OPEN, 0, filters, orders};
const forge_list_t forge_store_exercises_all = {"exercise_list_all", LISTED "true", COUNTED "true", 0, filters, orders};

static const forge_stmt_t exercise_get = {
    "exercise_get",
    "SELECT " SHOWN ", " FORGE_EXERCISE_OWN("$2") " AS _own FROM " FORGE_EXERCISES " WHERE e.id = $1::bigint AND "
    FORGE_EXERCISE_KNOWN("$2")};
static const forge_stmt_t exercise_get_open = {
    "exercise_get_open",
    "SELECT " SHOWN " FROM " FORGE_EXERCISES " WHERE e.id = $1::bigint AND " FORGE_EXERCISE_OPEN};
static const forge_stmt_t exercise_get_all = {
    "exercise_get_all", "SELECT " WHOLE " FROM forge.exercises e WHERE e.id = $1::bigint"};
/* Asked once the first has said that it is the caller's own, and again here: an instructor may have lost the course. */
static const forge_stmt_t exercise_get_own = {
    "exercise_get_own",
    "SELECT " WHOLE " FROM " FORGE_EXERCISES " WHERE e.id = $1::bigint AND " FORGE_EXERCISE_KNOWN("$2") " AND "
    FORGE_EXERCISE_OWN("$2")};

/* $1 caller, $2 administrator. */
static const forge_stmt_t exercise_to_run = {
    "exercise_to_run",
    "SELECT e.id, e.course_id, e.language, e.tests, e.limits, e.version, " FORGE_EXERCISE_OWN("$1") " OR $2::boolean"
    " AS _own FROM " FORGE_EXERCISES " WHERE e.id = $3::bigint AND " FORGE_EXERCISE_VISIBLE("$1", "$2")};

/* $1 caller, $2 administrator, $3 members, $4 whether the caller teaches. */
static const forge_stmt_t exercise_create = {
    "exercise_create",
    "WITH new AS (SELECT n.* FROM jsonb_populate_record(NULL::forge.exercises, $3::jsonb - 'id') n), "
    "place AS ("
    " SELECT c.id, c.instructor_id = $1::bigint OR $2::boolean AS own FROM new n JOIN forge.courses c ON c.id ="
    " n.course_id WHERE " FORGE_COURSE_VISIBLE("$1", "$2") "), "
    "verdict AS ("
    " SELECT CASE"
    "  WHEN n.course_id IS NULL THEN CASE WHEN $4::boolean THEN 'ok' ELSE 'forbidden' END"
    "  WHEN p.id IS NULL THEN 'bad_reference'"
    "  WHEN NOT p.own THEN 'not_owner'"
    "  ELSE 'ok' END AS outcome FROM new n LEFT JOIN place p ON true), "
    "made AS ("
    " INSERT INTO forge.exercises AS e (course_id, author_id, title, instructions, difficulty, language, starter_code,"
    "  solution, tests, limits, published)"
    " SELECT n.course_id, $1::bigint, n.title, coalesce(n.instructions, ''), coalesce(n.difficulty, 'beginner'),"
    "  coalesce(n.language, 'python'), coalesce(n.starter_code, ''), n.solution, " FORGE_EXERCISE_TESTS("n.tests") ", "
    FORGE_EXERCISE_LIMITS("n.limits") ", coalesce(n.published, true)"
    " FROM new n, verdict v WHERE v.outcome = 'ok' RETURNING " WHOLE ") "
    "SELECT e.*, v.outcome AS _outcome FROM verdict v LEFT JOIN made e ON true"};

/* $1 caller, $2 administrator, $3 exercise, $4 versions: whoever owns it or an administrator may change it. The row is
 * locked before it is judged, so that verdict and change speak of the same version. `after`: what comes before that. */
#define FOUND(lock, after) \
    "found AS (SELECT e, " FORGE_EXERCISE_OWN("$1") " OR $2::boolean AS own FROM " FORGE_EXERCISES \
    " WHERE e.id = $3::bigint AND " FORGE_EXERCISE_VISIBLE("$1", "$2") after " FOR " lock " OF e)"
#define VERDICT \
    "CASE WHEN NOT f.own THEN 'not_owner'" \
    " WHEN NOT ($4::text IS NULL OR (f.e).version = ANY ($4::bigint[])) THEN 'stale' ELSE 'ok' END AS outcome"

/* Whoever takes an exercise out of its course has the course first, which a trigger locks otherwise
 * (FORGE_COURSE_ALONE). `when`: in which case that is so. */
#define COURSE_FIRST(when) \
    "course AS MATERIALIZED (SELECT k.id FROM forge.courses k WHERE k.id = (SELECT x.course_id FROM forge.exercises x" \
    " WHERE x.id = $3::bigint)" when " FOR UPDATE), "
#define BEHIND_IT " AND (SELECT count(*) FROM course) >= 0"

/* $1 caller, $2 administrator, $3 exercise, $4 versions, $5 patch, $6 whether it replaces. */
static const forge_stmt_t exercise_update = {
    "exercise_update",
    "WITH " COURSE_FIRST(" AND $5::jsonb -> 'published' = 'false'") FOUND("NO KEY UPDATE", BEHIND_IT) ", "
    "merged AS (SELECT (f.e).limits AS were, w.*, " VERDICT " FROM found f, " FORGE_PATCHED("f.e", "$5") " w), "
    "changed AS ("
    " UPDATE forge.exercises e SET course_id = m.course_id, title = m.title,"
    "  instructions = coalesce(m.instructions, ''), difficulty = coalesce(m.difficulty, 'beginner'),"
    "  language = coalesce(m.language, 'python'), starter_code = coalesce(m.starter_code, ''), solution = m.solution,"
    "  tests = " FORGE_EXERCISE_TESTS("m.tests") ","
    "  limits = " FORGE_EXERCISE_LIMITS(FORGE_PATCHED_INSIDE("m.were", "m.limits", "$6")) ","
    "  published = coalesce(m.published, true)"
    " FROM merged m WHERE e.id = m.id AND m.outcome = 'ok' RETURNING " WHOLE ") "
    "SELECT e.*, m.outcome AS _outcome FROM merged m LEFT JOIN changed e ON e.id = m.id"};

static const forge_stmt_t exercise_delete = {
    "exercise_delete",
    "WITH " COURSE_FIRST("") FOUND("UPDATE", BEHIND_IT) ", "
    "verdict AS (SELECT (f.e).id, " VERDICT " FROM found f), "
    "gone AS (DELETE FROM forge.exercises e USING verdict v WHERE e.id = v.id AND v.outcome = 'ok') "
    "SELECT outcome AS _outcome FROM verdict"};

/* clang-format on */

const forge_list_t *forge_store_exercises_seen(const forge_actor_t *by)
{
    static const forge_list_t *const lists[FORGE_KINDS] = {&forge_store_exercises_open, &forge_store_exercises_list,
                                                           &forge_store_exercises_all};
    return lists[forge_store_caller_kind(by)];
}

/* As others see it first; whose own it is asks once more for all of it. */
forge_status_t forge_store_exercise_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                        forge_rows_t **rows)
{
    static const forge_stmt_t *const seen[FORGE_KINDS] = {&exercise_get_open, &exercise_get, &exercise_get_all};
    static const forge_stmt_t *const own[FORGE_KINDS] = {&exercise_get_open, &exercise_get_own, &exercise_get_all};
    FORGE_TRY(forge_store_kind_read(db, p, by, seen, id, rows));
    if (forge_store_caller_kind(by) != FORGE_KIND_KNOWN || !forge_store_rows_bool(*rows, 0, "_own"))
        return FORGE_OK;
    return forge_store_kind_read(db, p, by, own, id, rows);
}

forge_status_t forge_store_exercise_to_run(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                           forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(
        db, p, &exercise_to_run,
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, id)), rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_exercise_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, bool teaches,
                                           const char *members, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), members, teaches ? "t" : "f");
    forge_status_t status = forge_store_run(db, p, &exercise_create, args, rows);
    /* The account behind a token that is still good was deleted. */
    if (status == FORGE_E_BAD_REFERENCE && strcmp(forge_store_constraint(db), "exercises_author_id_fkey") == 0)
        return FORGE_E_INVALID_TOKEN;
    FORGE_TRY(status);
    FORGE_TRY(forge_store_course_judged(*rows));
    forge_store_event(
        db, &(forge_event_t){.name = "exercise.created",
                             .user_id = by->id,
                             .detail = {{.name = "exercise_id", .number = forge_store_rows_int(*rows, 0, "id", 0)}}});
    return FORGE_OK;
}

forge_status_t forge_store_exercise_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                           const forge_patch_t *patch, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, id),
                   patch->if_version, patch->members, patch->whole ? "t" : "f");
    FORGE_TRY(forge_store_run(db, p, &exercise_update, args, rows));
    return forge_store_course_judged(*rows);
}

forge_status_t forge_store_exercise_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                           const char *if_version)
{
    forge_rows_t *rows;
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, id), if_version);
    FORGE_TRY(forge_store_run(db, p, &exercise_delete, args, &rows));
    return forge_store_course_judged(rows);
}
