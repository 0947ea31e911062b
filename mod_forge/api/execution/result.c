/* SPDX-License-Identifier: Apache-2.0
 * How a run ended, as the API says it.
 */
#include "execution.h"

/* clang-format off */
const forge_field_t forge_api_run_result_fields[] = {
    {"status", FORGE_T_TEXT,
     .format = "enum:ok|runtime_error|timeout|memory_limit|output_limit|sandbox_error", .named = "RunStatus",
     .example = "ok",
     .help = "runtime_error: the exit code was not 0, or a signal ended it; sandbox_error: it could not be run"},
    {"stdout", FORGE_T_TEXT, .example = "42\n", .help = "what it wrote until its end; what is no UTF-8 is replaced"},
    {"stderr", FORGE_T_TEXT, .example = "", .help = "the same of its errors"},
    {"exit_code", FORGE_T_INT, FORGE_F_NULLABLE, .example = "0", .help = "null: a signal ended it"},
    {"signal", FORGE_T_INT, FORGE_F_NULLABLE, .help = "number of the signal that ended it"},
    {"duration_ms", FORGE_T_INT, .example = "31", .help = "time from its start to its end"},
    {"cpu_ms", FORGE_T_INT, .example = "18", .help = "processor time"},
    {"memory_kb", FORGE_T_INT, .example = "9216", .help = "the most memory that it had at once"},
    {"truncated", FORGE_T_BOOL, .example = "false", .help = "an output was longer than what is here"},
    {.name = NULL},
};
/* clang-format on */

static void put_bytes(forge_buf_t *b, const char *name, forge_run_bytes_t bytes)
{
    forge_util_buf_printf(b, "\"%s\":", name);
    forge_util_buf_json(b, bytes.len ? bytes.data : "", bytes.len);
}

/* A number, or null when there is none. */
static void put_number(forge_buf_t *b, const char *name, int64_t n, bool there)
{
    forge_util_buf_printf(b, ",\"%s\":", name);
    if (there)
        forge_util_buf_int(b, n);
    else
        forge_util_buf_puts(b, "null");
}

void forge_api_run_result_write(forge_buf_t *b, const forge_run_result_t *result)
{
    forge_util_buf_printf(b, "{\"status\":\"%s\",", forge_run_status_name(result->status));
    put_bytes(b, "stdout", result->output);
    forge_util_buf_add(b, ",", 1);
    put_bytes(b, "stderr", result->errors);
    put_number(b, "exit_code", result->exit_code, result->exit_code >= 0);
    put_number(b, "signal", result->signal, result->signal > 0);
    put_number(b, "duration_ms", result->duration_ms, true);
    put_number(b, "cpu_ms", result->cpu_ms, true);
    put_number(b, "memory_kb", result->memory_kb, true);
    forge_util_buf_printf(b, ",\"truncated\":%s}", result->truncated ? "true" : "false");
}
