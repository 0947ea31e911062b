/* SPDX-License-Identifier: Apache-2.0
 * /courses/{id}/students and /courses/{id}/progress: who takes a course, and how far they have come.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "learning.h"

#include <apr_strings.h>
#include <string.h>

#define ACCOUNTS_MAX 1000

/* clang-format off */
static const forge_field_t student_fields[] = {
    {"user_id", FORGE_T_INT, .min = 1, .example = "7", .help = "number of the account"},
    {"username", FORGE_T_TEXT, .example = "ada", .help = "name of the account"},
    {"full_name", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "Ada Lovelace", .help = "name of the person"},
    {"enrolled_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when the account enrolled"},
    {.name = NULL},
};
static const forge_shape_t student = {"Student", student_fields};

static const forge_field_t enroll_body_fields[] = {
    {"user_ids", FORGE_T_ARRAY, 0, 0, ACCOUNTS_MAX, .format = "int", .example = "[7, 8]",
     .help = "numbers of accounts"},
    {"emails", FORGE_T_ARRAY, 0, 0, ACCOUNTS_MAX, .format = "text", .example = "[\"ada@example.org\"]",
     .help = "addresses that accounts have verified; no more than 1000 accounts in both lists"},
    {.name = NULL},
};
static const forge_shape_t enroll_body = {.fields = enroll_body_fields};

static const forge_field_t result_fields[] = {
    {"user_id", FORGE_T_INT, FORGE_F_OPTIONAL, .min = 1, .example = "7", .help = "number of the account"},
    {"email", FORGE_T_TEXT, FORGE_F_OPTIONAL | FORGE_F_APART, .example = "ada@example.org",
     .help = "the address, where one was sent"},
    {"status", FORGE_T_TEXT, .format = "enum:ok|unchanged|not_found|failed", .named = "EnrollmentStatus",
     .example = "ok",
     .help = "unchanged: is enrolled already. not_found: no such account, or no account is known to belong to the "
         "address"},
    {"code", FORGE_T_TEXT, FORGE_F_OPTIONAL | FORGE_F_APART, .max = 64, .example = "not_member",
     .help = "with failed: not_member, when the course is an organisation's that the account does not belong to"},
    {.name = NULL},
};
static const forge_field_t results_fields[] = {
    {"results", FORGE_T_ARRAY, .max = ACCOUNTS_MAX, .fields = result_fields, .named = "EnrollmentResult",
     .help = "one result for each of user_ids, then for each of emails"},
    {.name = NULL},
};
static const forge_shape_t results = {"EnrollmentResults", results_fields};

static const forge_field_t progress_fields[] = {
    {"user_id", FORGE_T_INT, .min = 1, .example = "7", .help = "number of the account"},
    {"username", FORGE_T_TEXT, .example = "ada", .help = "name of the account"},
    {"enrolled_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when the account enrolled"},
    {"completed", FORGE_T_INT, .example = "9", .help = "published lessons and exercises that the account completed"},
    {"total", FORGE_T_INT, .example = "12", .help = "published lessons and exercises of the course"},
    {"percent", FORGE_T_INT, .max = 100, .example = "75", .help = "per cent completed, rounded down"},
    {"score", FORGE_T_INT, FORGE_F_NULLABLE, .max = 100, .example = "88",
     .help = "mean of the best scores in its exercises"},
    {"last_active_at", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME, .help = "last progress in the"
    " course"},
    {"completed_at", FORGE_T_TIME, FORGE_F_NULLABLE,
     .help = "when the course was completed; it stays so when lessons come later"},
    {.name = NULL},
};
static const forge_shape_t progress = {"CourseProgress", progress_fields};
/* clang-format on */

static const forge_status_t owner_errors[] = {FORGE_E_NOT_OWNER, FORGE_OK};

static forge_status_t student_list(forge_req_t *q)
{
    FORGE_TRY(forge_api_course_owned(q));
    return forge_api_course_list(q, q->route->list);
}

static forge_status_t progress_list(forge_req_t *q)
{
    forge_status_t status = forge_api_course_owned(q);
    if (status == FORGE_E_NOT_OWNER)
        return forge_api_course_list(q, &forge_store_course_progress_own);
    FORGE_TRY(status);
    return forge_api_course_list(q, q->route->list);
}

/* One account of a list, for the statement. */
static void add_id(forge_req_t *q, forge_json_t *accounts, const forge_json_t *value, apr_size_t i)
{
    apr_int64_t id = 0;
    forge_util_json_int(value, &id);
    if (id < 1)
        forge_core_fault(q->faults, apr_psprintf(q->pool, "/user_ids/%" APR_SIZE_T_FMT, i), "out_of_range",
                         "must be 1 or more");
    forge_json_t *one = forge_util_json_add_object(accounts);
    forge_util_json_put_int(one, "ord", (apr_int64_t)i);
    forge_util_json_put_int(one, "user_id", id);
}

static void add_email(forge_req_t *q, forge_json_t *accounts, const forge_json_t *value, apr_size_t i)
{
    apr_size_t len;
    const char *shown, *key = NULL, *why = "must be an e-mail address", *email = forge_util_json_text(value, &len);
    if (!email || !forge_core_email_normalize(q->pool, email, len, &shown, &key, &why))
        forge_core_fault(q->faults, apr_psprintf(q->pool, "/emails/%" APR_SIZE_T_FMT, i), "format", why);
    forge_json_t *one = forge_util_json_add_object(accounts);
    forge_util_json_put_int(one, "ord", ACCOUNTS_MAX + (apr_int64_t)i);
    forge_util_json_put_text(one, "email", email);
    forge_util_json_put_text(one, "email_key", key);
}

/* Both lists as one JSON array; faults for what names no account. */
static const char *read_accounts(forge_req_t *q)
{
    const forge_json_t *ids = forge_core_input_json_value(q->body, "user_ids"),
                       *emails = forge_core_input_json_value(q->body, "emails");
    forge_json_t *accounts = forge_util_json_array(q->pool);
    apr_size_t n = forge_util_json_size(ids), m = forge_util_json_size(emails);
    if (n + m > ACCOUNTS_MAX)
        forge_core_fault(q->faults, "/emails", "too_long", "no more than 1000 accounts at once");
    for (apr_size_t i = 0; i < n; i++)
        add_id(q, accounts, forge_util_json_at(ids, i), i);
    for (apr_size_t i = 0; i < m; i++)
        add_email(q, accounts, forge_util_json_at(emails, i), i);
    forge_buf_t *b = forge_util_buf_make(q->pool, 64 + (n + m) * 64, 4 * 1024 * 1024);
    forge_util_json_write(b, accounts);
    return apr_pstrmemdup(q->pool, b->data, b->len);
}

static forge_status_t students_enroll(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const char *accounts = read_accounts(q);
    if (forge_core_faults_count(q->faults) > 0)
        return forge_fail_faults(q, FORGE_E_VALIDATION, q->faults);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_students_enroll(db, q->pool, &by, q->ids[0], accounts, &rows));
    return forge_reply_row(q, rows);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/courses/{id}/students", FORGE_ROLE_STUDENT, .flags = FORGE_R_LIST,
     .list = &forge_store_students_list, .reply = &student, .errors = owner_errors, .handle = student_list,
     .operation = "student_list", .summary = "List who takes a course",
     .description = "For the owner of the course and administrators."},
    {FORGE_POST, "/courses/{id}/students", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT | FORGE_R_CHECKS,
     .body = &enroll_body, .reply = &results, .errors = owner_errors, .handle = students_enroll,
     .again = forge_api_course_owned, .operation = "students_enroll", .summary = "Enrol many accounts at once",
     .description = "For the owner of the course and administrators. Each account has a result of its own; those that "
         "can be enrolled are, whatever becomes of the others. Prerequisites are not asked for. Guests cannot be "
         "enrolled."},
    {FORGE_GET, "/courses/{id}/progress", FORGE_ROLE_STUDENT, .flags = FORGE_R_LIST,
     .list = &forge_store_course_progress_list, .reply = &progress, .handle = progress_list,
     .operation = "course_progress", .summary = "Read how far the students have come",
     .description = "All students for the owner of the course and administrators; everybody else gets their own "
         "progress, or an empty list while they are not enrolled."},
};
/* clang-format on */

const forge_routes_t forge_api_students = FORGE_API_ROUTES(routes, &forge_api_tag_courses);
