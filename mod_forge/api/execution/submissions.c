/* SPDX-License-Identifier: Apache-2.0
 * /exercises/{id}/submissions: a program is judged by all tests of its exercise (SPEC 7). What is compared is told at
 * same().
 */
#include "api/api.h"
#include "execution.h"
#include "core/learning/learning.h"
#include "store/learning/learning.h"

#include <apr_strings.h>
#include <string.h>

#define CODE_MAX 65536 /* characters, of at most four bytes */

/* clang-format off */
static const forge_field_t result_fields[] = {
    {"name", FORGE_T_TEXT, .example = "adds two numbers", .help = "of the test"},
    {"passed", FORGE_T_BOOL, .example = "true", .help = "it ended well, and wrote what was expected"},
    {"hidden", FORGE_T_BOOL, .example = "false", .help = "of a hidden test no more is told"},
    {"status", FORGE_T_TEXT, FORGE_F_OPTIONAL,
     .format = "enum:ok|runtime_error|timeout|memory_limit|output_limit|sandbox_error", .named = "RunStatus",
     .example = "ok",
     .help = "how the program ended"},
    {"stdout", FORGE_T_TEXT, FORGE_F_OPTIONAL, .example = "5\n", .help = "what it wrote, at most 4 KB of it"},
    {"expected", FORGE_T_TEXT, FORGE_F_OPTIONAL, .example = "5\n",
     .help = "what it should have written, at most 4 KB of it"},
    {"stderr", FORGE_T_TEXT, FORGE_F_OPTIONAL, .example = "", .help = "its errors, at most 4 KB of them"},
    {"duration_ms", FORGE_T_INT, FORGE_F_OPTIONAL, .example = "31", .help = "how long it ran"},
    {.name = NULL},
};
static const forge_field_t submission_fields[] = {
    {"id", FORGE_T_INT, .min = 1, .example = "31", .help = "number of the submission"},
    {"exercise_id", FORGE_T_INT, .min = 1, .example = "4", .help = "number of the exercise"},
    {"user_id", FORGE_T_INT, .min = 1, .example = "7", .help = "whose it is"},
    {"status", FORGE_T_TEXT, .format = "enum:queued|running|done", .named = "SubmissionStatus", .example = "done",
     .help = "queued: to be judged anew"},
    {"passed", FORGE_T_BOOL, FORGE_F_NULLABLE, .example = "true", .help = "it passed all tests"},
    {"score", FORGE_T_INT, FORGE_F_NULLABLE, .example = "100", .help = "per cent of the points"},
    {"results", FORGE_T_ARRAY, FORGE_F_NULLABLE, .fields = result_fields, .named = "TestResult",
     .help = "one for each test, in their order"},
    {"exercise_version", FORGE_T_INT, FORGE_F_NULLABLE, .min = 1, .example = "3",
     .help = "of the exercise by whose tests it was judged"},
    {"created_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when it was submitted"},
    {"judged_at", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME, .help = "when it was judged"},
    {.name = NULL},
};
static const forge_shape_t submission = {"ExerciseSubmission", submission_fields};
static const forge_field_t whole_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = submission_fields},
    {"code", FORGE_T_TEXT, .example = "print(sum(map(int, input().split())))", .help = "the program"},
    {.name = NULL},
};
static const forge_shape_t whole = {"ExerciseSubmissionWhole", whole_fields};
static const forge_field_t code_fields[] = {
    {"code", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, CODE_MAX, .example = "print(sum(map(int, input().split())))",
     .help = "the program, in the language of the exercise"},
    {.name = NULL},
};
static const forge_shape_t code_body = {"ExerciseCode", code_fields};
static const forge_field_t query_fields[] = {
    {"user_id", FORGE_T_INT, .min = 1, .example = "7", .help = "only those of this account"},
    {"passed", FORGE_T_BOOL, .example = "true", .help = "only those that passed all tests, or only the others"},
    {.name = NULL},
};
static const forge_shape_t query = {"ExerciseSubmissionQuery", query_fields};
/* clang-format on */

/* What .prepare leaves for .handle. */
typedef struct task_t {
    const forge_json_t *tests;
    apr_int64_t version; /* of the exercise */
} task_t;

/* --- before the runs --- */

static forge_json_t *parsed(forge_req_t *q, const forge_rows_t *rows, const char *column)
{
    const char *why, *text = forge_store_rows_text(rows, 0, column);
    return text ? forge_util_json_parse(q->pool, text, strlen(text), &why) : NULL;
}

/* The exercise's own limits, never above what the server allows the caller. */
static forge_run_limits_t limits_of(forge_req_t *q, const forge_json_t *own)
{
    forge_run_limits_t limits = forge_api_run_ceilings(q);
    forge_run_limits_clamp(own, &limits);
    return limits;
}

static void add_run(forge_req_t *q, const char *language, const char *input, const forge_run_limits_t *limits)
{
    const char *code = forge_core_input_text(q->body, "code");
    const forge_run_job_t job = {.language = {language, strlen(language)},
                                 .code = {code, strlen(code)},
                                 .input = {input, strlen(input)},
                                 .limits = *limits};
    forge_http_runs_add(q, &job);
}

static forge_status_t submission_prepare(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    task_t *task = q->prepared = apr_pcalloc(q->pool, sizeof(*task));
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_exercise_to_run(db, q->pool, &by, q->ids[0], &rows));
    const char *language = apr_pstrdup(q->pool, forge_store_rows_text(rows, 0, "language"));
    const forge_run_limits_t limits = limits_of(q, parsed(q, rows, "limits"));
    task->version = forge_store_rows_int(rows, 0, "version", 0);
    task->tests = parsed(q, rows, "tests");
    if (!forge_run_language_known(language) || !forge_config_language(q->config, language))
        return forge_fail_detail(q, FORGE_E_SANDBOX_UNAVAILABLE, "programs in this language are not run here");
    if (forge_util_json_size(task->tests) == 0)
        return forge_fail_detail(q, FORGE_E_CONFLICT, "this exercise has no tests yet");
    for (apr_size_t i = 0; i < forge_util_json_size(task->tests); i++)
        add_run(q, language, forge_core_test_text(forge_util_json_at(task->tests, i), "stdin"), &limits);
    return FORGE_OK;
}

/* --- after them --- */

/* A sandbox that failed has judged nothing. */
static bool sandbox_failed(const forge_req_t *q)
{
    for (int i = 0; i < forge_http_runs_count(q); i++)
        if (forge_http_runs_result(q, i)->status == FORGE_RUN_SANDBOX_ERROR)
            return true;
    return false;
}

static forge_status_t submission_create(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    forge_core_judged_t out;
    const task_t *task = q->prepared;
    const forge_actor_t by = forge_api_actor(q);
    const int n = forge_http_runs_count(q);
    forge_ran_t *runs = apr_palloc(q->pool, (apr_size_t)n * sizeof(*runs));
    if (sandbox_failed(q))
        return FORGE_E_SANDBOX_UNAVAILABLE;
    for (int i = 0; i < n; i++)
        runs[i] = forge_run_ran(forge_http_runs_result(q, i));
    if (!forge_core_judge(q->pool, task->tests, runs, &out))
        return FORGE_E_INTERNAL;
    const forge_judged_t in = {.code = forge_core_input_text(q->body, "code"),
                               .passed = out.passed,
                               .score = out.score,
                               .results = out.results,
                               .version = task->version};
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_submission_judged(db, q->pool, &by, q->ids[0], &in, &rows));
    return forge_reply_created(q, rows,
                               apr_psprintf(q->pool, "/api/v1/exercises/%" APR_INT64_T_FMT "/submissions", q->ids[0]));
}

/* The exercise must still be there for the caller's eyes. */
static forge_status_t submission_again(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_exercise_submission_get(db, q->pool, &by, q->ids[0], q->made, &rows));
    return forge_reply_row(q, rows);
}

/* --- history --- */

static forge_status_t submission_get(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_exercise_submission_get(db, q->pool, &by, q->ids[0], q->ids[1], &rows));
    FORGE_TRY(forge_reply_row(q, rows));
    return forge_reply_etag_bytes(q, NULL);
}

static forge_status_t submission_list(forge_req_t *q)
{
    forge_db_t *db;
    bool every;
    const forge_actor_t by = forge_api_actor(q);
    const char *exercise = forge_util_itoa(q->pool, q->ids[0]);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_exercise_submissions_whose(db, q->pool, &by, q->ids[0], &every));
    if (every)
        return forge_api_list(q, FORGE_ARGS(exercise));
    return forge_api_list_other(q, &forge_store_exercise_submissions_own,
                                FORGE_ARGS(exercise, forge_util_itoa(q->pool, by.id)));
}

static const forge_status_t errors[] = {FORGE_E_CONFLICT,
                                        FORGE_E_BAD_GATEWAY,
                                        FORGE_E_EXECUTION_SHARE,
                                        FORGE_E_EXECUTION_QUEUE_FULL,
                                        FORGE_E_SANDBOX_UNAVAILABLE,
                                        FORGE_OK};

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/exercises/{id}/submissions", FORGE_ROLE_GUEST, .flags = FORGE_R_IDEMPOTENT,
     .limit = FORGE_LIMIT_EXECUTE, .success = 201, .body = &code_body, .reply = &submission, .errors = errors,
     .prepare = submission_prepare, .handle = submission_create, .again = submission_again,
     .operation = "exercise_submission_create", .summary = "Submit a program to an exercise",
     .description = "Open to every account and to guests. All tests of the exercise are run. A test is passed when the "
         "program ends well and writes what is expected; blanks at the ends of lines and empty lines at the end do not "
         "count. Of hidden tests only passed is told. The caller's progress in the exercise follows."},
    {FORGE_GET, "/exercises/{id}/submissions", FORGE_ROLE_GUEST, .flags = FORGE_R_LIST,
     .list = &forge_store_exercise_submissions_list, .query = &query, .reply = &submission, .handle = submission_list,
     .operation = "exercise_submission_list", .summary = "List submissions to an exercise",
     .description = "The caller's own, the latest first; all of them for the author of the exercise, the instructor of "
         "its course, and administrators."},
    {FORGE_GET, "/exercises/{id}/submissions/{submission_id}", FORGE_ROLE_GUEST, .flags = FORGE_R_ETAG, .reply = &whole,
     .handle = submission_get, .operation = "exercise_submission_get", .summary = "Read a submission to an exercise",
     .description = "With its program. For whoever submitted it, the author of the exercise, the instructor of its "
         "course, and administrators."},
};
/* clang-format on */

const forge_routes_t forge_api_exercise_submissions = FORGE_API_ROUTES(routes, &forge_api_tag_exercises);
