/* SPDX-License-Identifier: Apache-2.0
 * The limits of a run by the names that they have in JSON.
 */
#include "run.h"
#include "util/util.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    size_t place;
} limits_by_name[] = {
    {"wall_ms", offsetof(forge_run_limits_t, wall_ms)},
    {"cpu_ms", offsetof(forge_run_limits_t, cpu_ms)},
    {"memory_kb", offsetof(forge_run_limits_t, memory_kb)},
    {"processes", offsetof(forge_run_limits_t, processes)},
    {"output_bytes", offsetof(forge_run_limits_t, output_bytes)},
    {"file_bytes", offsetof(forge_run_limits_t, file_bytes)},
};
#define N_LIMITS (sizeof(limits_by_name) / sizeof(*limits_by_name))

int64_t *forge_run_limit(forge_run_limits_t *limits, const char *name)
{
    for (size_t i = 0; i < N_LIMITS; i++)
        if (strcmp(limits_by_name[i].name, name) == 0)
            return (int64_t *)((char *)limits + limits_by_name[i].place);
    return NULL;
}

void forge_run_limits_clamp(const struct forge_json_t *own, forge_run_limits_t *limits)
{
    apr_int64_t n;
    for (size_t i = 0; own && i < N_LIMITS; i++) {
        int64_t *limit = forge_run_limit(limits, limits_by_name[i].name);
        if (forge_util_json_int(forge_util_json_get(own, limits_by_name[i].name), &n) && n > 0 && n < *limit)
            *limit = n;
    }
}
