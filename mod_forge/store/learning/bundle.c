/* SPDX-License-Identifier: Apache-2.0
 * A course as one document: what it is made of, read piece by piece in the order of the document, and made anew from
 * one. Nothing in it belongs to one site: no numbers, no people, no progress.
 */
#include "learning_private.h"

/* clang-format off */

/* Pieces end after so many rows or bytes. A row is at most some 26 MB (100 tests of an exercise), so that each piece
 * fits into the buffer of a stream. */
#define ROWS_MAX "32"
#define BYTES_MAX "262144"

/* The members of each kind of row, as the single calls name them; the answer and the order never depend on ids. */
#define COURSE_SHOWN \
    "(SELECT row_to_json(x) FROM (SELECT n.title, n.description, n.difficulty, n.status, n.timezone" \
    " FROM forge.courses n WHERE n.id = k.id) x)"
#define MODULE_SHOWN \
    "(SELECT row_to_json(x) FROM (SELECT m.title, m.published FROM forge.modules m WHERE m.id = k.id) x)"
#define LESSON_SHOWN \
    "(SELECT row_to_json(x) FROM (SELECT l.title, l.published, l.content FROM forge.lessons l WHERE l.id = k.id) x)"
#define LIMITS_SHOWN \
    "coalesce((SELECT ('{' || string_agg(to_json(key)::text || ':' || value::text, ',') || '}')::json" \
    " FROM jsonb_each(e.limits)), '{}')"
#define TESTS_SHOWN \
    "coalesce((SELECT ('[' || string_agg(row_to_json(t)::text, ',' ORDER BY i.n) || ']')::json" \
    " FROM jsonb_array_elements(e.tests) WITH ORDINALITY i(test, n), LATERAL (SELECT i.test ->> 'name' AS name," \
    " i.test ->> 'stdin' AS stdin, i.test ->> 'expected_stdout' AS expected_stdout," \
    " (i.test ->> 'hidden')::boolean AS hidden, (i.test ->> 'points')::integer AS points) t), '[]')"
#define EXERCISE_SHOWN \
    "(SELECT row_to_json(x) FROM (SELECT e.title, e.instructions, e.difficulty, e.language, e.published," \
    " e.starter_code, e.solution, " LIMITS_SHOWN " AS limits, " TESTS_SHOWN " AS tests" \
    " FROM forge.exercises e WHERE e.id = k.id) x)"
#define ASSIGNMENT_SHOWN \
    "(SELECT row_to_json(x) FROM (SELECT a.title, a.description, forge.instant(a.due_at) AS due_at, a.max_points" \
    " FROM forge.assignments a WHERE a.id = k.id) x)"

/* Where each row stands: its section of the document, and two numbers within it. A lesson stands behind its module. */
#define PLACES \
    "SELECT 0 AS section, 0::bigint AS a, 0::bigint AS b, o.id FROM own o" \
    " UNION ALL SELECT 1, m.position, 0, m.id FROM own o JOIN forge.modules m ON m.course_id = o.id" \
    " UNION ALL SELECT 1, m.position, l.position, l.id FROM own o JOIN forge.modules m ON m.course_id = o.id" \
    " JOIN forge.lessons l ON l.module_id = m.id" \
    " UNION ALL SELECT 2, e.id, 0, e.id FROM own o JOIN forge.exercises e ON e.course_id = o.id" \
    " UNION ALL SELECT 3, a.id, 0, a.id FROM own o JOIN forge.assignments a ON a.course_id = o.id"

/* What changes as soon as anything of the course does. */
#define MARK \
    "SELECT md5(string_agg(v.what || v.id || ':' || v.version, ' ' ORDER BY v.what, v.id)) AS mark FROM (" \
    "SELECT 'c' AS what, c.id, c.version FROM course c" \
    " UNION ALL SELECT 'm', m.id, m.version FROM own o JOIN forge.modules m ON m.course_id = o.id" \
    " UNION ALL SELECT 'l', l.id, l.version FROM own o JOIN forge.lessons l ON l.course_id = o.id" \
    " UNION ALL SELECT 'e', e.id, e.version FROM own o JOIN forge.exercises e ON e.course_id = o.id" \
    " UNION ALL SELECT 'a', a.id, a.version FROM own o JOIN forge.assignments a ON a.course_id = o.id) v"

/* $1 caller, $2 administrator, $3 course, and the row before the piece: $4 section, $5 and $6 its numbers. */
static const forge_stmt_t bundle_read = {
    "bundle_read",
    "WITH " FORGE_COURSE_SEEN ", "
    "own AS (SELECT c.id FROM course c WHERE c.owned), "
    "mark AS (" MARK "), "
    "keys AS (SELECT p.*, count(*) OVER () AS remaining FROM (" PLACES ") p"
    " WHERE (p.section, p.a, p.b) > ($4::integer, $5::bigint, $6::bigint)"
    " ORDER BY p.section, p.a, p.b LIMIT " ROWS_MAX "), "
    "shown AS (SELECT k.*, CASE k.section WHEN 0 THEN " COURSE_SHOWN
    " WHEN 1 THEN CASE WHEN k.b = 0 THEN " MODULE_SHOWN " ELSE " LESSON_SHOWN " END"
    " WHEN 2 THEN " EXERCISE_SHOWN " ELSE " ASSIGNMENT_SHOWN " END::text AS content FROM keys k), "
    "piece AS (SELECT s.*, sum(octet_length(s.content)) OVER (ORDER BY s.section, s.a, s.b) - octet_length(s.content)"
    " AS before FROM shown s) "
    "SELECT CASE WHEN c.owned THEN 'ok' ELSE 'not_owner' END AS _outcome, mark.mark, p.section, p.a, p.b, p.content,"
    " p.remaining FROM course c CROSS JOIN mark LEFT JOIN piece p ON p.before < " BYTES_MAX
    " ORDER BY p.section, p.a, p.b"};

/* One statement a section, however many rows it has. $1 course, $2 account, $3 the section. Rows get their positions
 * from the triggers of their tables, in the order in which they come. */
static const forge_stmt_t bundle_modules = {
    "bundle_modules",
    "WITH item AS (SELECT j.item, j.n FROM jsonb_array_elements($3::jsonb) WITH ORDINALITY j(item, n)), "
    "made AS ("
    " INSERT INTO forge.modules (course_id, title, published, created_by)"
    " SELECT $1::bigint, i.item ->> 'title', coalesce((i.item ->> 'published')::boolean, true), $2::bigint"
    " FROM item i ORDER BY i.n RETURNING id, position) "
    "INSERT INTO forge.lessons (course_id, module_id, title, content, published, created_by)"
    " SELECT $1::bigint, m.id, l.item ->> 'title', coalesce(l.item ->> 'content', ''),"
    "  coalesce((l.item ->> 'published')::boolean, true), $2::bigint"
    " FROM made m JOIN item i ON i.n = m.position,"
    "  LATERAL jsonb_array_elements(coalesce(i.item -> 'lessons', '[]')) WITH ORDINALITY l(item, n) ORDER BY i.n, l.n"};

static const forge_stmt_t bundle_exercises = {
    "bundle_exercises",
    "INSERT INTO forge.exercises (course_id, author_id, title, instructions, difficulty, language, starter_code,"
    " solution, tests, limits, published)"
    " SELECT $1::bigint, $2::bigint, i.item ->> 'title', coalesce(i.item ->> 'instructions', ''),"
    "  coalesce(i.item ->> 'difficulty', 'beginner'), coalesce(i.item ->> 'language', 'python'),"
    "  coalesce(i.item ->> 'starter_code', ''), i.item ->> 'solution', " FORGE_EXERCISE_TESTS("i.item -> 'tests'") ", "
    FORGE_EXERCISE_LIMITS("i.item -> 'limits'") ", coalesce((i.item ->> 'published')::boolean, true)"
    " FROM jsonb_array_elements($3::jsonb) WITH ORDINALITY i(item, n) ORDER BY i.n"};

static const forge_stmt_t bundle_assignments = {
    "bundle_assignments",
    "INSERT INTO forge.assignments (course_id, title, description, due_at, max_points, created_by)"
    " SELECT $1::bigint, i.item ->> 'title', coalesce(i.item ->> 'description', ''),"
    "  (i.item ->> 'due_at')::timestamptz, coalesce((i.item ->> 'max_points')::numeric::integer, 100), $2::bigint"
    " FROM jsonb_array_elements($3::jsonb) WITH ORDINALITY i(item, n) ORDER BY i.n"};

/* clang-format on */

forge_status_t forge_store_bundle_read(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                       const forge_bundle_at_t *after, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_store_course_caller(p, by), forge_store_course_admin(by), forge_util_itoa(p, id),
                   forge_util_itoa(p, after->section), forge_util_itoa(p, after->a), forge_util_itoa(p, after->b));
    FORGE_TRY(forge_store_run(db, p, &bundle_read, args, rows));
    return forge_store_course_judged(*rows);
}

static const forge_stmt_t bundle_known = {
    "bundle_known",
    "SELECT EXISTS (SELECT FROM forge.courses c WHERE c.instructor_id = $1::bigint AND c.title = $2) AS known"};

forge_status_t forge_store_bundle_known(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const char *title,
                                        bool *known)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &bundle_known, FORGE_ARGS(forge_util_itoa(p, by->id), title), &rows));
    *known = forge_store_rows_bool(rows, 0, "known");
    return FORGE_OK;
}

/* What one import is about. */
typedef struct import_t {
    const forge_actor_t *by;
    const forge_bundle_in_t *in;
    forge_rows_t **rows;
} import_t;

static forge_status_t import(forge_db_t *db, apr_pool_t *p, void *baton)
{
    const import_t *job = baton;
    const struct {
        const forge_stmt_t *stmt;
        const char *items;
    } sections[] = {{&bundle_modules, job->in->modules},
                    {&bundle_exercises, job->in->exercises},
                    {&bundle_assignments, job->in->assignments}};
    FORGE_TRY(forge_store_course_create(db, p, job->by, &job->in->course, job->rows));
    const char *course = forge_store_rows_text(*job->rows, 0, "id");
    for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
        FORGE_TRY(forge_store_run(db, p, sections[i].stmt,
                                  FORGE_ARGS(course, forge_util_itoa(p, job->by->id), sections[i].items), NULL));
    return FORGE_OK;
}

forge_status_t forge_store_bundle_import(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const forge_bundle_in_t *in, forge_rows_t **rows)
{
    import_t job = {by, in, rows};
    return forge_store_tx(db, p, import, &job);
}
