/* SPDX-License-Identifier: Apache-2.0
 * /courses/{id}/analytics: how a course goes, in a few figures.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "learning.h"

/* clang-format off */
static const forge_field_t exercise_fields[] = {
    {"id", FORGE_T_INT, .min = 1, .example = "3", .help = "number of the exercise"},
    {"title", FORGE_T_TEXT, .example = "Reverse a list", .help = "title"},
    {"pass_rate", FORGE_T_NUMBER, .max = 1, .example = "0.125", .help = "part of its submissions that passed"},
    {"attempts", FORGE_T_INT, .example = "48", .help = "submissions that were judged"},
    {.name = NULL},
};
static const forge_field_t analytics_fields[] = {
    {"enrolled", FORGE_T_INT, .example = "31", .help = "students of the course"},
    {"active_7d", FORGE_T_INT, .example = "12", .help = "of them, who learned in the course in the last 7 days"},
    {"active_30d", FORGE_T_INT, .example = "25", .help = "of them, who did so in the last 30 days"},
    {"completion_rate", FORGE_T_NUMBER, .max = 1, .example = "0.4516",
     .help = "part of them that has completed the course; 0 without students"},
    {"median_score", FORGE_T_NUMBER, FORGE_F_NULLABLE, .max = 100, .example = "82.5",
     .help = "median of their means of the best scores in exercises; null: there is no score yet"},
    {"hardest_exercises", FORGE_T_ARRAY, .max = 10, .fields = exercise_fields, .named = "HardExercise",
     .help = "published exercises that the smallest part of submissions passed, the hardest first"},
    {.name = NULL},
};
static const forge_shape_t analytics = {"CourseAnalytics", analytics_fields};
/* clang-format on */

static const forge_status_t errors[] = {FORGE_E_NOT_OWNER, FORGE_OK};

static forge_status_t analytics_get(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_course_may(db, q->pool, &by, q->ids, true, NULL));
    FORGE_TRY(forge_store_analytics(db, q->pool, q->ids[0], &rows));
    return forge_reply_row(q, rows);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/courses/{id}/analytics", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .reply = &analytics,
     .errors = errors, .handle = analytics_get, .operation = "course_analytics",
     .summary = "Read the figures of a course",
     .description = "For the owner of the course and administrators. Progress and handing in count as learning."},
};
/* clang-format on */

const forge_routes_t forge_api_analytics = FORGE_API_ROUTES(routes, &forge_api_tag_courses);
