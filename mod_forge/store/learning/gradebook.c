/* SPDX-License-Identifier: Apache-2.0
 * The gradebook of a course: a row for each student with a cell for each assignment, in pages, or in parts for a table.
 * The grade of a cell is the last one given; a submission that came after it awaits its own.
 */
#include "learning_private.h"

#define LINES 500 /* students in one part of the table */

/* clang-format off */

/* Cells of student e, as x: one for each row of `columns`, which is a list of assignments called a. The submissions of
 * a student are few; an index finds them. */
#define CELLS(columns) \
    "SELECT a.id AS assignment_id, a.title, t.id AS submission_id, CASE WHEN t.id = r.id THEN 'graded'" \
    "  WHEN t.id IS NOT NULL THEN 'submitted' WHEN a.due_at < now() THEN 'missing' ELSE 'open' END AS state," \
    " coalesce(t.created_at > a.due_at, false) AS late, forge.instant(t.created_at) AS submitted_at, r.points," \
    " a.max_points" \
    " FROM " columns \
    " LEFT JOIN LATERAL (SELECT s.id, s.created_at FROM forge.assignment_submissions s" \
    "  WHERE s.assignment_id = a.id AND s.user_id = e.user_id ORDER BY s.id DESC LIMIT 1) t ON true" \
    " LEFT JOIN LATERAL (SELECT s.id, g.points FROM forge.assignment_submissions s" \
    "  JOIN forge.grades g ON g.submission_id = s.id" \
    "  WHERE s.assignment_id = a.id AND s.user_id = e.user_id ORDER BY s.id DESC LIMIT 1) r ON true"

/* What was given, and what could have been given for the same work. */
#define SUMS \
    "coalesce(sum(x.points), 0) AS points, coalesce(sum(x.max_points) FILTER (WHERE x.points IS NOT NULL), 0)" \
    " AS max_points, sum(x.points) * 100 / nullif(sum(x.max_points) FILTER (WHERE x.points IS NOT NULL), 0) AS percent"

#define STUDENT "e.user_id, u.username, u.full_name"
#define TOTALS  "l.score AS exercise_score, b.points, b.max_points, b.percent"
#define STUDENTS \
    " FROM forge.enrollments e JOIN forge.users u ON u.id = e.user_id" \
    " LEFT JOIN forge.learners l ON l.course_id = e.course_id AND l.user_id = e.user_id"

static const forge_list_filter_t filters[] = {{"user_id", "e.user_id = $%d::bigint"}, {NULL, NULL}};
static const forge_list_order_t orders[] = {
    {"id", "e.user_id", "e.user_id > $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

#define LISTED \
    "SELECT " STUDENT ", " TOTALS ", b.grades, e.user_id AS _id" STUDENTS " CROSS JOIN LATERAL (" \
    "SELECT " SUMS ", coalesce(json_agg(x ORDER BY x.assignment_id), '[]') AS grades FROM (" \
    CELLS("forge.assignments a") " WHERE a.course_id = $1::bigint) x) b WHERE e.course_id = $1::bigint"
#define COUNTED "SELECT count(*) FROM forge.enrollments e WHERE e.course_id = $1::bigint"
#define OWN " AND e.user_id = $2::bigint"

const forge_list_t forge_store_gradebook_list = {"gradebook", LISTED, COUNTED, 1, filters, orders};
const forge_list_t forge_store_gradebook_own = {"gradebook_own", LISTED OWN, COUNTED OWN, 2, filters, orders};

static const forge_stmt_t gradebook_columns = {
    "gradebook_columns",
    "SELECT a.id, a.title, a.max_points FROM forge.assignments a WHERE a.course_id = $1::bigint ORDER BY a.id"};

/* The columns are those of the first part, also when assignments come or go before the last one.
 * $1 course, $2 after this account, $3 this account alone, $4 assignments. */
static const forge_stmt_t gradebook_lines = {
    "gradebook_lines",
    "SELECT " STUDENT ", b.cells, " TOTALS STUDENTS " CROSS JOIN LATERAL ("
    "SELECT " SUMS ", string_agg(coalesce(x.points::text, ''), ',' ORDER BY x.place) AS cells FROM ("
    "SELECT y.*, n.place FROM unnest($4::bigint[]) WITH ORDINALITY n(id, place) LEFT JOIN LATERAL ("
    CELLS("forge.assignments a") " WHERE a.id = n.id) y ON true) x) b"
    " WHERE e.course_id = $1::bigint AND e.user_id > $2::bigint AND ($3::bigint IS NULL OR e.user_id = $3::bigint)"
    " ORDER BY e.user_id LIMIT " APR_STRINGIFY(LINES)};

/* clang-format on */

forge_status_t forge_store_gradebook_columns(forge_db_t *db, apr_pool_t *p, apr_int64_t course_id, forge_rows_t **rows)
{
    return forge_store_run(db, p, &gradebook_columns, FORGE_ARGS(forge_util_itoa(p, course_id)), rows);
}

forge_status_t forge_store_gradebook_lines(forge_db_t *db, apr_pool_t *p, const forge_gradebook_part_t *part,
                                           forge_rows_t **rows)
{
    const forge_args_t args = FORGE_ARGS(forge_util_itoa(p, part->course_id), forge_util_itoa(p, part->after),
                                         part->user_id, part->assignments);
    return forge_store_run(db, p, &gradebook_lines, args, rows);
}
