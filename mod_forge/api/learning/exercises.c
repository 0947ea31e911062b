/* SPDX-License-Identifier: Apache-2.0
 * /exercises: what can be solved by a program. Anyone reads what is published; the author, the instructor of its course
 * or an administrator changes one, and nobody else gets hidden tests or the solution.
 */
#include "api/api.h"
#include "core/learning/learning.h"
#include "core/wire/wire.h"
#include "store/learning/learning.h"
#include "api/shared.h"
#include "learning.h"

#include <string.h>

#define DIFFICULTIES "enum:beginner|intermediate|advanced"
#define TEXT_MAX     65536      /* bytes of a program, an input or an output */
#define ANSWER_MAX   (64 << 20) /* an exercise with each byte of its tests escaped */
#define LIMIT_MAX    2147483647 /* whatever a limit counts */

/* clang-format off */
static const forge_field_t test_fields[] = {
    {"name", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, 200, .format = "line", .example = "adds two numbers",
     .help = "what it tries; no two tests of an exercise have one name"},
    {"stdin", FORGE_T_TEXT, .max = TEXT_MAX, .preset = "", .example = "2 3\n", .help = "standard input of the program"},
    {"expected_stdout", FORGE_T_TEXT, .max = TEXT_MAX, .preset = "", .example = "5\n",
     .help = "what the program is to write"},
    {"hidden", FORGE_T_BOOL, .preset = "false", .example = "false",
     .help = "true: only those who may change the exercise see the test"},
    {"points", FORGE_T_INT, .max = 9999, .preset = "1", .example = "1", .help = "what it gives"},
    {.name = NULL},
};

static const forge_field_t limit_fields[] = {
    {"wall_ms", FORGE_T_INT, FORGE_F_OPTIONAL | FORGE_F_RESETS, 1, LIMIT_MAX, .example = "5000",
     .help = "time, in milliseconds"},
    {"cpu_ms", FORGE_T_INT, FORGE_F_OPTIONAL | FORGE_F_RESETS, 1, LIMIT_MAX, .example = "2000",
     .help = "time of the processor, in milliseconds"},
    {"memory_kb", FORGE_T_INT, FORGE_F_OPTIONAL | FORGE_F_RESETS, 1, LIMIT_MAX, .example = "65536",
     .help = "memory, in KiB"},
    {"processes", FORGE_T_INT, FORGE_F_OPTIONAL | FORGE_F_RESETS, 1, LIMIT_MAX, .example = "1",
     .help = "processes and threads"},
    {"output_bytes", FORGE_T_INT, FORGE_F_OPTIONAL | FORGE_F_RESETS, 1, LIMIT_MAX, .example = "4096",
     .help = "bytes of each output"},
    {"file_bytes", FORGE_T_INT, FORGE_F_OPTIONAL | FORGE_F_RESETS, 1, LIMIT_MAX, .example = "1048576",
     .help = "bytes of files"},
    {.name = NULL},
};

const forge_field_t forge_api_exercise_texts[] = {
    {"title", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, 200, .format = "line", .example = "Sum of two", .help = "title"},
    {"instructions", FORGE_T_TEXT, .max = 50000, .preset = "", .example = "Read two numbers and print their sum.",
     .help = "what is to be done (Markdown)"},
    {"difficulty", FORGE_T_TEXT, .format = DIFFICULTIES, .named = "Difficulty", .preset = "beginner",
     .example = "beginner", .help = "level"},
    {"language", FORGE_T_TEXT, .min = 1, .max = 32, .format = "line", .preset = "python", .example = "python",
     .help = "language of the programs"},
    {"published", FORGE_T_BOOL, .preset = "true", .example = "true",
     .help = "false: only those who may change it see it"},
    {.name = NULL},
};

static const forge_field_t listed_fields[] = {
    {"id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "8", .help = "number of the exercise"},
    {"course_id", FORGE_T_INT, FORGE_F_NULLABLE, .min = 1, .example = "12",
     .help = "course that it belongs to, for good; null: none"},
    {"author_id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "2", .help = "account that made it"},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_exercise_texts},
    {"points", FORGE_T_INT, FORGE_F_READONLY, .example = "2", .help = "what all tests give together"},
    {"version", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "1",
     .help = "grows with each change; the ETag is made from it"},
    {"created_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was created"},
    {"updated_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was last changed"},
    {.name = NULL},
};
static const forge_shape_t listed = {"ExerciseEntry", listed_fields};

const forge_field_t forge_api_exercise_parts[] = {
    {"starter_code", FORGE_T_TEXT, .max = TEXT_MAX, .preset = "", .example = "a, b = map(int, input().split())\n",
     .help = "program that learners begin with"},
    {"limits", FORGE_T_OBJECT, FORGE_F_RESETS, .preset = "{}", .fields = limit_fields, .named = "ExerciseLimits",
     .help = "what a program may use at most; what is not said is the server's"},
    {"tests", FORGE_T_ARRAY, .max = 100, .preset = "[]", .fields = test_fields, .named = "ExerciseTest",
     .help = "what programs are tried with, in this order; hidden ones only for those who may change the exercise"},
    {.name = NULL},
};

const forge_field_t forge_api_exercise_solution[] = {
    {"solution", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = TEXT_MAX,
     .example = "print(sum(map(int, input().split())))\n", .help = "a program that passes; only for those who may "
     "change the exercise"},
    {.name = NULL},
};

static const forge_field_t exercise_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = listed_fields},
    {"instructions_type", FORGE_T_TEXT, FORGE_F_READONLY | FORGE_F_OPTIONAL | FORGE_F_APART, .format = "enum:text/html",
     .example = "text/html", .help = "of instructions; only with render=html"},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_exercise_parts},
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_OPTIONAL, .fields = forge_api_exercise_solution},
    {.name = NULL},
};
static const forge_shape_t exercise = {"Exercise", exercise_fields};

static const forge_field_t query_fields[] = {
    {"q", FORGE_T_TEXT, 0, 1, 200, .example = "sum", .help = "words in title or instructions"},
    {"difficulty", FORGE_T_TEXT, .format = DIFFICULTIES, .named = "Difficulty", .example = "beginner",
     .help = "only this level"},
    {"course_id", FORGE_T_INT, .min = 1, .example = "12", .help = "only exercises of this course"},
    {.name = NULL},
};
static const forge_shape_t query = {.fields = query_fields};

static const forge_field_t render_fields[] = {
    {"render", FORGE_T_TEXT, .format = "enum:html|markdown", .named = "RenderForm", .example = "html",
     .help = "html: instructions are HTML that is safe to put into a page, without scripts and without the author's "
             "own HTML"},
    {.name = NULL},
};
static const forge_shape_t render_query = {.fields = render_fields};
/* clang-format on */

static const forge_status_t create_errors[] = {FORGE_E_FORBIDDEN, FORGE_E_NOT_OWNER, FORGE_E_BAD_REFERENCE, FORGE_OK};
static const forge_status_t change_errors[] = {FORGE_E_NOT_OWNER, FORGE_OK};

/* What only the database counts or knows, as the member that is to blame. */
static forge_status_t blamed(forge_req_t *q, forge_status_t status)
{
    static const struct {
        const char *constraint, *pointer, *code, *detail;
    } rules[] = {
        {"exercises_tests_form", "/tests", "format", "no two tests have one name, and no text more than 65536 bytes"},
        {"exercises_starter_code_length", "/starter_code", "too_long", "must have at most 65536 bytes"},
        {"exercises_solution_length", "/solution", "too_long", "must have at most 65536 bytes"},
        {"exercises_language_form", "/language", "format", "must be the name of a language, in small letters"},
        {"exercises_course_fixed", "/course_id", "fixed", "an exercise stays in the course that it was made for"},
    };
    const char *broken = forge_http_db_constraint(q);
    if (status == FORGE_E_BAD_REFERENCE)
        return forge_fail_field(q, status, "/course_id", "unknown", "there is no such course");
    for (size_t i = 0; status == FORGE_E_VALIDATION && i < sizeof(rules) / sizeof(*rules); i++)
        if (strcmp(broken, rules[i].constraint) == 0)
            return forge_fail_field(q, status, rules[i].pointer, rules[i].code, rules[i].detail);
    return status;
}

/* Without the solution and hidden tests it is another representation of the same version: its tag is made from its
 * bytes. */
static forge_status_t reply(forge_req_t *q, const forge_rows_t *rows)
{
    FORGE_TRY(forge_reply_row(q, rows));
    return forge_store_rows_bool(rows, 0, "_whole") ? FORGE_OK : forge_reply_etag_bytes(q, NULL);
}

static forge_status_t exercise_list(forge_req_t *q)
{
    const forge_actor_t by = forge_api_actor(q);
    const forge_list_t *list = forge_store_exercises_seen(&by);
    const forge_args_t caller = FORGE_ARGS(forge_util_itoa(q->pool, by.id));
    return forge_api_list_other(q, list, list->base_args ? caller : FORGE_NO_ARGS);
}

static const char *const members[] = {"course_id", "title", "instructions", "difficulty", "language", "starter_code",
                                      "solution",  "tests", "limits",       "published",  NULL};

static forge_status_t exercise_create(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const char *made = forge_core_input_members(q->pool, q->body, members, true);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(
        blamed(q, forge_store_exercise_create(db, q->pool, &by, q->who.role >= FORGE_ROLE_INSTRUCTOR, made, &rows)));
    return forge_reply_created(q, rows, "/api/v1/exercises");
}

static forge_status_t exercise_read_one(forge_req_t *q, apr_int64_t id)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_exercise_get(db, q->pool, &by, id, &rows));
    return reply(q, rows);
}

/* The same members with the instructions as HTML. The tag is made from the bytes, because another release of the
 * renderer may answer others. */
static forge_status_t reply_rendered(forge_req_t *q, const forge_rows_t *rows)
{
    const char *why, *instructions = forge_store_rows_text(rows, 0, "instructions");
    forge_buf_t *b = forge_util_buf_make(q->pool, 4096, ANSWER_MAX);
    forge_store_render_row(b, rows, 0);
    forge_json_t *answer = forge_util_json_parse(q->pool, b->data, b->len, &why);
    if (!answer)
        return FORGE_E_INTERNAL;
    forge_util_json_put_text(answer, "instructions", forge_core_markdown_html(q->pool, instructions));
    forge_util_json_put_text(answer, "instructions_type", "text/html");
    FORGE_TRY(forge_reply_json(q, answer));
    return forge_reply_etag_bytes(
        q, forge_store_rows_bool(rows, 0, "_whole") ? forge_store_rows_text(rows, 0, "version") : NULL);
}

static forge_status_t exercise_get(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const char *render = forge_core_input_text(q->query, "render");
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_exercise_get(db, q->pool, &by, q->ids[0], &rows));
    forge_http_db_done(q);
    return render && strcmp(render, "html") == 0 ? reply_rendered(q, rows) : reply(q, rows);
}

static forge_status_t exercise_again(forge_req_t *q)
{
    return exercise_read_one(q, q->made);
}

/* PUT replaces the exercise; PATCH changes the members that were sent (RFC 7396). The course is no member that takes
 * its default: it stays. */
static forge_status_t exercise_update(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const forge_patch_t patch = forge_api_patch(q, forge_core_input_has(q->body, "course_id") ? members : members + 1);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(blamed(q, forge_store_exercise_update(db, q->pool, &by, q->ids[0], &patch, &rows)));
    return reply(q, rows);
}

static forge_status_t exercise_delete(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_exercise_delete(db, q->pool, &by, q->ids[0], q->if_version));
    return forge_reply_none(q);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/exercises", FORGE_ROLE_NONE, .flags = FORGE_R_LIST | FORGE_R_PUBLIC,
     .reads = FORGE_READS_COURSES | FORGE_READS_EXERCISES,
     .list = &forge_store_exercises_list, .query = &query, .reply = &listed, .handle = exercise_list,
     .operation = "exercise_list", .summary = "List exercises",
     .description = "Open to anyone. Lists published exercises of no course and of the courses that the caller sees, "
         "and those that the caller may change. Programs, tests and limits are left out."},
    {FORGE_POST, "/exercises", FORGE_ROLE_STUDENT, .flags = FORGE_R_IDEMPOTENT, .success = 201, .body = &exercise,
     .reply = &exercise, .errors = create_errors, .handle = exercise_create, .again = exercise_again,
     .operation = "exercise_create", .summary = "Create an exercise",
     .description = "For instructors and administrators; in a course, for the instructor of the course and "
         "administrators."},
    {FORGE_GET, "/exercises/{id}", FORGE_ROLE_NONE, .flags = FORGE_R_ETAG | FORGE_R_PUBLIC,
     .reads = FORGE_READS_COURSES | FORGE_READS_EXERCISES, .query = &render_query,
     .reply = &exercise, .handle = exercise_get, .operation = "exercise_get", .summary = "Read one exercise",
     .description = "Open to anyone who may see it; others are answered as not found. The solution and hidden tests "
         "are only for its author, the instructor of its course, and administrators. With render=html the instructions "
         "are safe HTML."},
    {FORGE_PUT, "/exercises/{id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .body = &exercise, .reply = &exercise,
     .errors = change_errors, .handle = exercise_update, .operation = "exercise_replace",
     .summary = "Replace an exercise",
     .description = "For its author, the instructor of its course, and administrators. Members that are not sent get "
         "their defaults; the course stays."},
    {FORGE_PATCH, "/exercises/{id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .body = &exercise, .reply = &exercise,
     .errors = change_errors, .handle = exercise_update, .operation = "exercise_update",
     .summary = "Change an exercise",
     .description = "For its author, the instructor of its course, and administrators. Only the members that are sent "
         "change, those of limits too; null takes a limit away."},
    {FORGE_DELETE, "/exercises/{id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG, .success = 204,
     .errors = change_errors, .handle = exercise_delete, .operation = "exercise_delete",
     .summary = "Delete an exercise",
     .description = "For its author, the instructor of its course, and administrators. Deletes its submissions and "
         "progress too. This cannot be undone."},
};
/* clang-format on */

const forge_routes_t forge_api_exercises = FORGE_API_ROUTES(routes, &forge_api_tag_exercises);
