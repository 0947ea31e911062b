/* SPDX-License-Identifier: Apache-2.0
 * Progress: what an account has reached. Completed stays, and so does the best score: triggers of forge.progress see to
 * it, whoever writes, and to what it earns (migrations 0019, 0020).
 */
#include "learning_private.h"
#include <string.h>

/* clang-format off */

/* The members of SPEC 7; the table is called p in every statement here. */
#define PROGRESS \
    "p.id, p.course_id, p.lesson_id, p.exercise_id, p.status, p.score, p.data, p.completed_at, p.version," \
    " p.created_at, p.updated_at"

static const forge_list_filter_t filters[] = {{"course_id", "p.course_id = $%d::bigint"}, {NULL, NULL}};
static const forge_list_order_t orders[] = {{"id", "p.id", "p.id > $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

const forge_list_t forge_store_progress_list = {
    "progress_list",
    "SELECT " PROGRESS " FROM forge.progress p WHERE p.user_id = $1::bigint",
    "SELECT count(*) FROM forge.progress p WHERE p.user_id = $1::bigint",
    1, filters, orders};

/* No row: nothing that the caller sees. `of`: lesson or exercise; `seen`: the one with that number, called x.
 * $1 caller, $2 administrator, $3 number, $4 status, $5 score, $6 whether data was sent, $7 data. */
#define PUT(of, seen) \
    "INSERT INTO forge.progress AS p (user_id, " of "_id, status, score, data)" \
    " SELECT $1::bigint, x.id, coalesce($4::text, 'in_progress'), $5::integer, $7::jsonb FROM (" seen ") x" \
    " ON CONFLICT (user_id, " of "_id) WHERE " of "_id IS NOT NULL DO UPDATE SET" \
    " status = coalesce($4::text, p.status), score = excluded.score," \
    " data = CASE WHEN $6::boolean THEN excluded.data ELSE p.data END RETURNING " PROGRESS "," \
    " p.completed_at = now() AS _first, now() AS _at"

static const forge_stmt_t progress_lesson = {
    "progress_lesson",
    PUT("lesson",
        "SELECT l.id FROM forge.lessons l JOIN forge.modules m ON m.id = l.module_id JOIN forge.courses c ON c.id ="
        " l.course_id WHERE l.id = $3::bigint AND " FORGE_COURSE_VISIBLE("$1", "$2")
        " AND ((l.published AND m.published) OR c.instructor_id = $1::bigint OR $2::boolean)")};
static const forge_stmt_t progress_exercise = {
    "progress_exercise",
    PUT("exercise",
        "SELECT e.id FROM " FORGE_EXERCISES " WHERE e.id = $3::bigint AND " FORGE_EXERCISE_VISIBLE("$1", "$2"))};

/* Courses that the account is enrolled in or has begun, as long as it sees them, and its figures as the rules of
 * achievements count them. $1 caller, $2 administrator. */
static const forge_stmt_t progress_summary = {
    "progress_summary",
    "WITH mine AS ("
    " SELECT e.course_id FROM forge.enrollments e WHERE e.user_id = $1::bigint"
    " UNION SELECT p.course_id FROM forge.progress p WHERE p.user_id = $1::bigint AND p.course_id IS NOT NULL), "
    "counted AS ("
    " SELECT c.id, c.title, count(coalesce(pl.id, pe.id)) AS completed,"
    "  count(coalesce(i.lesson_id, i.exercise_id)) AS total"
    " FROM mine m JOIN forge.courses c ON c.id = m.course_id LEFT JOIN forge.course_items i ON i.course_id = c.id"
    " LEFT JOIN forge.progress pl ON pl.user_id = $1::bigint AND pl.lesson_id = i.lesson_id AND pl.status = 'completed'"
    " LEFT JOIN forge.progress pe ON pe.user_id = $1::bigint AND pe.exercise_id = i.exercise_id"
    "  AND pe.status = 'completed'"
    " WHERE " FORGE_COURSE_VISIBLE("$1", "$2") " GROUP BY c.id, c.title), "
    "figures AS MATERIALIZED ("
    " SELECT f.event, f.n FROM forge.figures(ARRAY[$1::bigint]) f WHERE f.course_id IS NULL) "
    "SELECT (SELECT coalesce(json_agg(json_build_object('course_id', k.id, 'title', k.title, 'completed', k.completed,"
    "  'total', k.total, 'percent', CASE WHEN k.total > 0 THEN k.completed * 100 / k.total ELSE 0 END,"
    "  'completed_at', forge.instant(d.completed_at)) ORDER BY k.id), '[]')"
    "  FROM counted k LEFT JOIN forge.course_completions d ON d.course_id = k.id AND d.user_id = $1::bigint)"
    " AS courses,"
    " coalesce((SELECT f.n FROM figures f WHERE f.event = 'exercise_completed'), 0) AS completed_exercises,"
    " coalesce((SELECT f.n FROM figures f WHERE f.event = 'points'), 0) AS points,"
    " coalesce((SELECT f.n FROM figures f WHERE f.event = 'streak'), 0) AS streak_days"};

/* clang-format on */

static forge_status_t happened(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const forge_rows_t *rows)
{
    const char *of = forge_store_rows_text(rows, 0, "lesson_id") ? "lesson_id" : "exercise_id";
    if (forge_store_rows_bool(rows, 0, "_first"))
        forge_store_event(db,
                          &(forge_event_t){.name = *of == 'l' ? "lesson.completed" : "exercise.completed",
                                           .user_id = by->id,
                                           .detail = {{.name = of, .number = forge_store_rows_int(rows, 0, of, 0)}}});
    return forge_store_earned(db, p, by->id, rows);
}

forge_status_t forge_store_progress_put(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                        const forge_progress_in_t *in, forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f", in->lesson_id ? in->lesson_id : in->exercise_id,
                   in->status, in->score, in->data_sent ? "t" : "f", in->data);
    forge_status_t status = forge_store_run(db, p, in->lesson_id ? &progress_lesson : &progress_exercise, args, rows);
    /* The account behind a token that is still good was deleted. */
    if (status == FORGE_E_BAD_REFERENCE && strcmp(forge_store_constraint(db), "progress_user_id_fkey") == 0)
        return FORGE_E_INVALID_TOKEN;
    FORGE_TRY(status);
    return forge_store_rows_count(*rows) ? happened(db, p, by, *rows) : FORGE_E_BAD_REFERENCE;
}

forge_status_t forge_store_progress_summary(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, forge_rows_t **rows)
{
    return forge_store_run(db, p, &progress_summary, FORGE_ARGS(forge_util_itoa(p, by->id), by->admin ? "t" : "f"),
                           rows);
}
