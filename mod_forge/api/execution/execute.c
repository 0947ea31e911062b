/* SPDX-License-Identifier: Apache-2.0
 * POST /execute: runs a program in the sandbox and tells how it ended (SPEC 7).
 */
#include "api/api.h"
#include "execution.h"

#include <string.h>

#define CODE_MAX   (FORGE_RUN_CODE_MAX / 4) /* characters, of at most four bytes */
#define STDIN_MAX  (1 << 20)
#define ANSWER_MAX (64 << 20) /* two outputs of the largest size with each byte escaped */

/* clang-format off */
static const forge_field_t program_fields[] = {
    {"language", FORGE_T_TEXT, .min = 1, .max = FORGE_RUN_LANGUAGE_MAX, .preset = "python", .example = "python",
     .help = "one that the server runs"},
    {"code", FORGE_T_TEXT, FORGE_F_REQUIRED, 1, CODE_MAX, .example = "print(6 * 7)", .help = "the program"},
    {"stdin", FORGE_T_TEXT, .max = STDIN_MAX, .example = "", .help = "its standard input"},
    {"args", FORGE_T_ARRAY, .max = FORGE_RUN_ARGS_COUNT, .format = "text", .example = "[\"--verbose\"]",
     .help = "its arguments"},
    {"limits", FORGE_T_OBJECT, .fields = forge_api_run_limit_fields, .named = "RunLimits",
     .help = "what it may use, if that is to be less than the server allows"},
    {.name = NULL},
};
static const forge_shape_t program = {"Program", program_fields};
static const forge_shape_t execution = {"Execution", forge_api_run_result_fields};
/* clang-format on */

static forge_run_bytes_t bytes_of(const char *text)
{
    return (forge_run_bytes_t){text, text ? strlen(text) : 0};
}

/* The arguments, or a fault when they are too long all together. */
static forge_run_bytes_t args_of(forge_req_t *q)
{
    const forge_json_t *args = forge_core_input_json_value(q->body, "args");
    const char *texts[FORGE_RUN_ARGS_COUNT];
    apr_size_t len, sum = 0;
    int n = 0;
    for (; args && n < FORGE_RUN_ARGS_COUNT && forge_util_json_at(args, (apr_size_t)n); n++) {
        texts[n] = forge_util_json_text(forge_util_json_at(args, (apr_size_t)n), &len);
        if (!texts[n])
            return bytes_of(NULL); /* it is a fault already */
        sum += len + 1;
    }
    if (sum <= FORGE_RUN_ARGS_MAX)
        return forge_run_args(q->pool, n, texts);
    forge_core_fault(q->faults, "/args", "too_long", "must have at most 32 KB all together");
    return bytes_of(NULL);
}

static forge_status_t execute_prepare(forge_req_t *q)
{
    const char *language = forge_core_input_text(q->body, "language");
    forge_run_job_t job = {.language = bytes_of(language),
                           .code = bytes_of(forge_core_input_text(q->body, "code")),
                           .input = bytes_of(forge_core_input_text(q->body, "stdin")),
                           .args = args_of(q),
                           .limits = forge_api_run_ceilings(q)};
    if (language)
        forge_api_run_language(q, language, "/language");
    forge_api_run_limits_lower(q, forge_core_input_json_value(q->body, "limits"), "/limits", &job.limits);
    if (forge_core_faults_count(q->faults) > 0)
        return forge_fail_faults(q, FORGE_E_VALIDATION, q->faults);
    forge_http_runs_add(q, &job);
    return FORGE_OK;
}

static forge_status_t execute(forge_req_t *q)
{
    const forge_run_result_t *result = forge_http_runs_result(q, 0);
    forge_buf_t *b = forge_util_buf_make(q->pool, 512 + result->output.len + result->errors.len, ANSWER_MAX);
    forge_api_run_result_write(b, result);
    forge_reply_header(q, "Cache-Control", "no-store");
    return forge_reply_buf(q, b, NULL);
}

static const forge_status_t errors[] = {FORGE_E_BAD_GATEWAY, FORGE_E_EXECUTION_SHARE, FORGE_E_EXECUTION_QUEUE_FULL,
                                        FORGE_E_SANDBOX_UNAVAILABLE, FORGE_OK};

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/execute", FORGE_ROLE_GUEST, .flags = FORGE_R_IDEMPOTENT | FORGE_R_CHECKS,
     .limit = FORGE_LIMIT_EXECUTE, .body = &program, .reply = &execution, .errors = errors,
     .prepare = execute_prepare, .handle = execute, .again = forge_reply_kept,
     .operation = "execute", .summary = "Run a program",
     .description = "Open to every account and to guests, who may use half as much. The program runs in a sandbox: no "
         "network, no file of the server, and bounds in time, memory and output. It is a success whatever the program "
         "does; status says how it ended, and its output until then is kept."},
};
/* clang-format on */

static const forge_tag_t tag = {"execution", "Programs that are run in a sandbox."};
const forge_routes_t forge_api_execute = FORGE_API_ROUTES(routes, &tag);
