/* SPDX-License-Identifier: Apache-2.0
 * What a run may use: the server says how much, a caller may ask for less, nobody for more.
 */
#include "execution.h"

#include <apr_strings.h>

/* clang-format off */
const forge_field_t forge_api_run_limit_fields[] = {
    {"wall_ms", FORGE_T_INT, FORGE_F_OPTIONAL, 1, INT32_MAX, .example = "2000", .help = "time from start to end"},
    {"cpu_ms", FORGE_T_INT, FORGE_F_OPTIONAL, 1, INT32_MAX, .example = "1000", .help = "processor time"},
    {"memory_kb", FORGE_T_INT, FORGE_F_OPTIONAL, 1, INT32_MAX, .example = "65536", .help = "memory"},
    {"processes", FORGE_T_INT, FORGE_F_OPTIONAL, 1, INT32_MAX, .example = "16", .help = "processes and threads"},
    {"output_bytes", FORGE_T_INT, FORGE_F_OPTIONAL, 1, INT32_MAX, .example = "8192", .help = "of each output stream"},
    {"file_bytes", FORGE_T_INT, FORGE_F_OPTIONAL, 1, INT32_MAX, .example = "1048576", .help = "of all files together"},
    {.name = NULL},
};
/* clang-format on */

/* Anybody gets as many guest sessions as they like. */
forge_run_limits_t forge_api_run_ceilings(const forge_req_t *q)
{
    const forge_exec_limits_t *most = forge_config_exec_limits(q->config);
    forge_run_limits_t limits = {.wall_ms = most->wall_ms,
                                 .cpu_ms = most->cpu_ms,
                                 .memory_kb = most->memory >> 10,
                                 .processes = most->processes,
                                 .output_bytes = most->output,
                                 .file_bytes = most->files};
    for (const forge_field_t *field = forge_api_run_limit_fields; q->who.role <= FORGE_ROLE_GUEST && field->name;
         field++) {
        int64_t *limit = forge_run_limit(&limits, field->name);
        *limit = *limit > 1 ? *limit / 2 : *limit;
    }
    return limits;
}

void forge_api_run_limits_lower(forge_req_t *q, const forge_json_t *wanted, const char *pointer,
                                forge_run_limits_t *limits)
{
    for (const forge_field_t *field = forge_api_run_limit_fields; field->name; field++) {
        const char *name = field->name;
        int64_t *limit = forge_run_limit(limits, name);
        apr_int64_t n;
        if (!wanted || !forge_util_json_int(forge_util_json_get(wanted, name), &n) || n < 1)
            continue;
        if (n <= *limit)
            *limit = n;
        else
            forge_core_fault(q->faults, apr_pstrcat(q->pool, pointer, "/", name, NULL), "out_of_range",
                             apr_psprintf(q->pool, "must not be more than %" APR_INT64_T_FMT, (apr_int64_t)*limit));
    }
}

bool forge_api_run_language(forge_req_t *q, const char *language, const char *pointer)
{
    if (forge_run_language_known(language) && forge_config_language(q->config, language))
        return true;
    forge_core_fault(q->faults, pointer, "enum", "programs of this language are not run here");
    return false;
}
