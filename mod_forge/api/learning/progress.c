/* SPDX-License-Identifier: Apache-2.0
 * /progress: what the caller has reached. Guests have progress too, and keep it when they register.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/learning/learning.h"
#include "api/shared.h"

#include <apr_strings.h>
#include <string.h>

#define DATA_MAX 16384 /* bytes of a client's own data, as the table has it */

/* clang-format off */
static const forge_field_t progress_fields[] = {
    {"id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "40", .help = "number of the entry"},
    {"course_id", FORGE_T_INT, FORGE_F_READONLY | FORGE_F_NULLABLE, .min = 1, .example = "12",
     .help = "course of the lesson or exercise; null: none"},
    {"lesson_id", FORGE_T_INT, FORGE_F_NULLABLE, .min = 1, .example = "31",
     .help = "the lesson; send this or exercise_id"},
    {"exercise_id", FORGE_T_INT, FORGE_F_NULLABLE, .min = 1, .help = "the exercise; send this or lesson_id"},
    {"status", FORGE_T_TEXT, .format = "enum:not_started|in_progress|completed", .named = "ProgressStatus",
     .example = "completed",
     .help = "how far it is; completed stays. Not sent: as it was, at first in_progress"},
    {"score", FORGE_T_INT, FORGE_F_NULLABLE, .max = 100, .example = "80", .help = "the best score stays"},
    {"data", FORGE_T_OBJECT, FORGE_F_NULLABLE, .example = "{\"page\":3}",
     .help = "the client's own, at most 16 KiB of JSON. Not sent: as it was"},
    {"completed_at", FORGE_T_TIME, FORGE_F_READONLY | FORGE_F_NULLABLE, .example = FORGE_API_TIME,
     .help = "when it was first completed"},
    {"version", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "1", .help = "grows with each change"},
    {"created_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was begun"},
    {"updated_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was last changed"},
    {.name = NULL},
};
static const forge_shape_t progress = {"Progress", progress_fields};

static const forge_field_t query_fields[] = {
    {"course_id", FORGE_T_INT, .min = 1, .example = "12", .help = "only lessons and exercises of this course"},
    {.name = NULL},
};
static const forge_shape_t query = {.fields = query_fields};

static const forge_field_t course_fields[] = {
    {"course_id", FORGE_T_INT, .min = 1, .example = "12", .help = "number of the course"},
    {"title", FORGE_T_TEXT, .example = "Graphs and trees", .help = "its title"},
    {"completed", FORGE_T_INT, .example = "3", .help = "published lessons and exercises that are completed"},
    {"total", FORGE_T_INT, .example = "4", .help = "published lessons and exercises"},
    {"percent", FORGE_T_INT, .max = 100, .example = "75", .help = "completed of total, rounded down"},
    {"completed_at", FORGE_T_TIME, FORGE_F_NULLABLE,
     .help = "when the course was completed; stays, also when lessons come later"},
    {.name = NULL},
};

static const forge_field_t summary_fields[] = {
    {"courses", FORGE_T_ARRAY, .fields = course_fields, .named = "CourseProgressSummary",
     .help = "courses that the caller is enrolled in or has begun, as long as they can be seen"},
    {"completed_exercises", FORGE_T_INT, .example = "5", .help = "exercises that are completed"},
    {"points", FORGE_T_INT, .example = "65",
     .help = "points of exercises, by the best score, and of achievements"},
    {"streak_days", FORGE_T_INT, .example = "3",
     .help = "days in a row with learning, up to today or yesterday in the account's time zone"},
    {.name = NULL},
};
static const forge_shape_t summary = {"ProgressSummary", summary_fields};
/* clang-format on */

static const forge_status_t put_errors[] = {FORGE_E_BAD_REFERENCE, FORGE_OK};

static forge_status_t progress_list(forge_req_t *q)
{
    return forge_api_list(q, FORGE_ARGS(forge_util_itoa(q->pool, q->who.user_id)));
}

/* The object that was sent as the text of JSON; NULL when it is to go. */
static const char *data_text(forge_req_t *q)
{
    const forge_json_t *data = forge_core_input_json_value(q->body, "data");
    if (!data)
        return NULL;
    forge_buf_t *b = forge_util_buf_make(q->pool, 256, 64 * 1024 * 1024);
    forge_util_json_write(b, data);
    return apr_pstrmemdup(q->pool, b->data, b->len);
}

/* Exactly one of lesson and exercise. */
static forge_status_t progress_read(forge_req_t *q, forge_progress_in_t *in)
{
    *in = (forge_progress_in_t){
        .lesson_id = forge_core_input_text(q->body, "lesson_id"),
        .exercise_id = forge_core_input_text(q->body, "exercise_id"),
        .status = forge_core_input_text(q->body, "status"),
        .score = forge_core_input_text(q->body, "score"),
        .data_sent = forge_core_input_has(q->body, "data"),
        .data = data_text(q),
    };
    if (in->lesson_id && in->exercise_id)
        return forge_fail_field(q, FORGE_E_VALIDATION, "/exercise_id", "conflict",
                                "send exactly one of lesson_id and exercise_id");
    if (!in->lesson_id && !in->exercise_id)
        return forge_fail_field(q, FORGE_E_VALIDATION, "/lesson_id", "required",
                                "send exactly one of lesson_id and exercise_id");
    return FORGE_OK;
}

static forge_status_t progress_put(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    forge_progress_in_t in;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(progress_read(q, &in));
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_progress_put(db, q->pool, &by, &in, &rows);
    if (status == FORGE_E_BAD_REFERENCE)
        return forge_fail_field(q, status, in.lesson_id ? "/lesson_id" : "/exercise_id", "unknown",
                                "there is no such lesson or exercise");
    if (status == FORGE_E_VALIDATION && strcmp(forge_http_db_constraint(q), "progress_data_length") == 0)
        return forge_fail_field(q, status, "/data", "too_long",
                                "must have at most " APR_STRINGIFY(DATA_MAX) " bytes of JSON");
    FORGE_TRY(status);
    return forge_reply_row(q, rows);
}

static forge_status_t progress_summary(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_progress_summary(db, q->pool, &by, &rows));
    return forge_reply_row(q, rows);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/progress", FORGE_ROLE_GUEST, .flags = FORGE_R_LIST, .list = &forge_store_progress_list,
     .query = &query, .reply = &progress, .handle = progress_list,
     .operation = "progress_list", .summary = "List my progress",
     .description = "Open to every account and to guests, for their own."},
    {FORGE_POST, "/progress", FORGE_ROLE_GUEST, .flags = FORGE_R_IDEMPOTENT, .body = &progress, .reply = &progress,
     .errors = put_errors, .handle = progress_put, .again = forge_reply_kept,
     .operation = "progress_put", .summary = "Save my progress",
     .description = "Open to every account and to guests, who keep it when they register. Makes the entry of a lesson "
         "or exercise, or changes it: completed never falls back, and the best score stays. A course is completed with "
         "the last of its published lessons and exercises, and achievements are awarded, in the same transaction."},
    {FORGE_GET, "/progress/summary", FORGE_ROLE_GUEST, .flags = FORGE_R_ETAG, .reply = &summary,
     .handle = progress_summary, .operation = "progress_summary", .summary = "Read a summary of my progress",
     .description = "Open to every account and to guests, for their own."},
};
/* clang-format on */

static const forge_tag_t tag = {"progress", "What the caller has reached."};
const forge_routes_t forge_api_progress = FORGE_API_ROUTES(routes, &tag);
