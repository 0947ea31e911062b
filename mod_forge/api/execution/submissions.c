/* SPDX-License-Identifier: Apache-2.0
 * /exercises/{id}/submissions: a program is judged by all tests of its exercise (SPEC 7). What is compared is told at
 * same().
 */
#include "api/api.h"
#include "execution.h"
#include "store/learning/learning.h"

#include <apr_strings.h>
#include <string.h>

#define CODE_MAX    65536 /* characters, of at most four bytes */
#define SHOWN_MAX   4096  /* bytes of one text in a result */
#define RESULTS_MAX (8 << 20)

/* clang-format off */
static const forge_field_t result_fields[] = {
    {"name", FORGE_T_TEXT, .example = "adds two numbers", .help = "of the test"},
    {"passed", FORGE_T_BOOL, .example = "true", .help = "it ended well, and wrote what was expected"},
    {"hidden", FORGE_T_BOOL, .example = "false", .help = "of a hidden test no more is told"},
    {"status", FORGE_T_TEXT, FORGE_F_OPTIONAL,
     .format = "enum:ok|runtime_error|timeout|memory_limit|output_limit|sandbox_error", .example = "ok",
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
    {"status", FORGE_T_TEXT, .format = "enum:queued|running|done", .example = "done",
     .help = "queued: to be judged anew"},
    {"passed", FORGE_T_BOOL, FORGE_F_NULLABLE, .example = "true", .help = "it passed all tests"},
    {"score", FORGE_T_INT, FORGE_F_NULLABLE, .example = "100", .help = "per cent of the points"},
    {"results", FORGE_T_ARRAY, FORGE_F_NULLABLE, .fields = result_fields, .help = "one for each test, in their order"},
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
    const char *version;
} task_t;

/* --- before the runs --- */

static const char *text_of(const forge_json_t *test, const char *name)
{
    const char *text = forge_util_json_text(forge_util_json_get(test, name), NULL);
    return text ? text : "";
}

static forge_json_t *parsed(forge_req_t *q, const forge_rows_t *rows, const char *column)
{
    const char *why, *text = forge_store_rows_text(rows, 0, column);
    return text ? forge_util_json_parse(q->pool, text, strlen(text), &why) : NULL;
}

/* The exercise's own limits, never above what the server allows the caller. */
static forge_run_limits_t limits_of(forge_req_t *q, const forge_json_t *own)
{
    forge_run_limits_t limits = forge_api_run_ceilings(q);
    forge_api_run_limits_clamp(own, &limits);
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
    FORGE_TRY(forge_store_exercise_to_judge(db, q->pool, &by, q->ids[0], &rows));
    const char *language = apr_pstrdup(q->pool, forge_store_rows_text(rows, 0, "language"));
    const forge_run_limits_t limits = limits_of(q, parsed(q, rows, "limits"));
    task->version = apr_pstrdup(q->pool, forge_store_rows_text(rows, 0, "version"));
    task->tests = parsed(q, rows, "tests");
    if (!forge_run_language_known(language) || !forge_config_language(q->config, language))
        return forge_fail_detail(q, FORGE_E_SANDBOX_UNAVAILABLE, "programs in this language are not run here");
    if (forge_util_json_size(task->tests) == 0)
        return forge_fail_detail(q, FORGE_E_CONFLICT, "this exercise has no tests yet");
    for (apr_size_t i = 0; i < forge_util_json_size(task->tests); i++)
        add_run(q, language, text_of(forge_util_json_at(task->tests, i), "stdin"), &limits);
    return FORGE_OK;
}

/* --- after them --- */

typedef struct reader_t {
    const char *at, *end;
    const char *sure; /* up to here blanks are not at the end of a line */
} reader_t;

static reader_t reader_of(const char *text, apr_size_t len)
{
    while (len > 0 && forge_util_is_space(text[len - 1]))
        len--;
    return (reader_t){text, text + len, text};
}

/* The next character, or -1 at the end: blanks before the end of a line, the carriage return of another system, and
 * empty lines at the end of all count as nothing. */
static int next(reader_t *r)
{
    const char *after = r->at;
    if (r->at == r->end)
        return -1;
    if (r->at >= r->sure) {
        while (*after == ' ' || *after == '\t' || *after == '\r')
            after++; /* the last character is none of them */
        if (*after == '\n') {
            r->at = after + 1;
            return '\n';
        }
        r->sure = after + 1;
    }
    return (unsigned char)*r->at++;
}

/* Whether two outputs say the same to a person. */
static bool same(forge_run_bytes_t output, const char *expected)
{
    reader_t a = reader_of(output.data, output.len), b = reader_of(expected, strlen(expected));
    for (;;) {
        int one = next(&a), other = next(&b);
        if (one != other)
            return false;
        if (one < 0)
            return true;
    }
}

static bool passes(const forge_run_result_t *run, const forge_json_t *test)
{
    const forge_run_bytes_t output = {run->output.len ? run->output.data : "", run->output.len};
    return run->status == FORGE_RUN_OK && same(output, text_of(test, "expected_stdout"));
}

/* As much as is kept; a character that is cut in two is left out. U+0000 cannot be kept as jsonb. */
static void put_shown(forge_buf_t *b, const char *name, const char *text, apr_size_t len)
{
    const char *nul = len ? memchr(text, 0, len) : NULL;
    apr_size_t shown = nul ? (apr_size_t)(nul - text) : len;
    if (shown > SHOWN_MAX)
        for (shown = SHOWN_MAX; shown > SHOWN_MAX - 4 && ((unsigned char)text[shown] & 0xc0) == 0x80; shown--)
            ;
    forge_util_buf_printf(b, ",\"%s\":", name);
    forge_util_buf_json(b, shown ? text : "", shown);
}

static void put_result(forge_buf_t *b, const forge_run_result_t *run, const forge_json_t *test)
{
    bool hidden = true;
    const char *name = text_of(test, "name"), *expected = text_of(test, "expected_stdout");
    forge_util_json_bool(forge_util_json_get(test, "hidden"), &hidden);
    forge_util_buf_puts(b, "{\"name\":");
    forge_util_buf_json(b, name, strlen(name));
    forge_util_buf_printf(b, ",\"passed\":%s,\"hidden\":%s", passes(run, test) ? "true" : "false",
                          hidden ? "true" : "false");
    if (!hidden) {
        forge_util_buf_printf(b, ",\"status\":\"%s\"", forge_run_status_name(run->status));
        put_shown(b, "stdout", run->output.data, run->output.len);
        put_shown(b, "expected", expected, strlen(expected));
        put_shown(b, "stderr", run->errors.data, run->errors.len);
        forge_util_buf_printf(b, ",\"duration_ms\":%" APR_INT64_T_FMT, (apr_int64_t)run->duration_ms);
    }
    forge_util_buf_puts(b, "}");
}

/* Tests that give no points at all count alike. */
static void score(forge_req_t *q, const task_t *task, forge_submission_in_t *in)
{
    apr_int64_t points = 0, all = 0, passed = 0, count = (apr_int64_t)forge_util_json_size(task->tests);
    for (apr_int64_t i = 0; i < count; i++) {
        apr_int64_t n = 0;
        const forge_json_t *test = forge_util_json_at(task->tests, (apr_size_t)i);
        bool good = passes(forge_http_runs_result(q, (int)i), test);
        forge_util_json_int(forge_util_json_get(test, "points"), &n);
        all += n;
        points += good ? n : 0;
        passed += good;
    }
    in->passed = passed == count;
    in->score = in->passed ? 100 : all ? points * 100 / all : passed * 100 / count;
}

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
    const task_t *task = q->prepared;
    const forge_actor_t by = forge_api_actor(q);
    forge_submission_in_t in = {.code = forge_core_input_text(q->body, "code"), .version = task->version};
    forge_buf_t *b = forge_util_buf_make(q->pool, 4096, RESULTS_MAX);
    if (sandbox_failed(q))
        return FORGE_E_SANDBOX_UNAVAILABLE;
    for (int i = 0; i < forge_http_runs_count(q); i++) {
        forge_util_buf_puts(b, i ? "," : "[");
        put_result(b, forge_http_runs_result(q, i), forge_util_json_at(task->tests, (apr_size_t)i));
    }
    forge_util_buf_puts(b, "]");
    if (b->failed)
        return FORGE_E_INTERNAL;
    in.results = apr_pstrmemdup(q->pool, b->data, b->len);
    score(q, task, &in);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_submission_create(db, q->pool, &by, q->ids[0], &in, &rows));
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
    FORGE_TRY(forge_store_submission_get(db, q->pool, &by, q->ids[0], q->made, &rows));
    return forge_reply_row(q, rows);
}

/* --- history --- */

static forge_status_t submission_get(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_submission_get(db, q->pool, &by, q->ids[0], q->ids[1], &rows));
    return forge_reply_row(q, rows);
}

static forge_status_t submission_list(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows, *seen;
    apr_int64_t total;
    const forge_actor_t by = forge_api_actor(q);
    const forge_args_t base =
        FORGE_ARGS(forge_util_itoa(q->pool, by.id), by.admin ? "true" : "false", forge_util_itoa(q->pool, q->ids[0]));
    FORGE_TRY(forge_api_list_rows(q, &forge_store_submissions_list, base, &rows, &total));
    if (forge_store_rows_count(rows) == 0) {
        FORGE_TRY(forge_http_db(q, &db));
        FORGE_TRY(forge_store_exercise_to_judge(db, q->pool, &by, q->ids[0], &seen));
    }
    return forge_reply_list(q, &forge_store_submissions_list, rows, total);
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
     .list = &forge_store_submissions_list, .query = &query, .reply = &submission, .handle = submission_list,
     .operation = "exercise_submission_list", .summary = "List submissions to an exercise",
     .description = "The caller's own, the latest first; all of them for the author of the exercise, the instructor of "
         "its course, and administrators."},
    {FORGE_GET, "/exercises/{id}/submissions/{submission_id}", FORGE_ROLE_GUEST, .reply = &whole,
     .handle = submission_get, .operation = "exercise_submission_get", .summary = "Read a submission to an exercise",
     .description = "With its program. For whoever submitted it, the author of the exercise, the instructor of its "
         "course, and administrators."},
};
/* clang-format on */

const forge_routes_t forge_api_submissions = FORGE_API_ROUTES(routes, &forge_api_tag_exercises);
