/* SPDX-License-Identifier: Apache-2.0
 * How grave a line is: six levels for all that programs say.
 */
#include "logs.h"

#include <string.h>

/* Levels of httpd, PostgreSQL and others. PostgreSQL's LOG is what others call info, and its FATAL ends one session. */
static const struct {
    const char *name;
    forge_log_level_t level;
} levels[] = {
    {"emerg", FORGE_LOG_CRIT}, {"alert", FORGE_LOG_CRIT},   {"crit", FORGE_LOG_CRIT},     {"critical", FORGE_LOG_CRIT},
    {"panic", FORGE_LOG_CRIT}, {"fatal", FORGE_LOG_ERROR},  {"error", FORGE_LOG_ERROR},   {"err", FORGE_LOG_ERROR},
    {"warn", FORGE_LOG_WARN},  {"warning", FORGE_LOG_WARN}, {"notice", FORGE_LOG_NOTICE}, {"audit", FORGE_LOG_NOTICE},
    {"info", FORGE_LOG_INFO},  {"log", FORGE_LOG_INFO},     {"debug", FORGE_LOG_DEBUG},   {"trace", FORGE_LOG_DEBUG},
};
const char *const forge_core_log_levels[] = {"debug", "info", "notice", "warn", "error", "crit"};

/* DEBUG1 to DEBUG5 and trace1 to trace8 have a digit behind. */
bool forge_core_log_level(const char *name, apr_size_t len, forge_log_level_t *level)
{
    if (len > 1 && forge_util_is_digit(name[len - 1]))
        len--;
    for (apr_size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
        if (strlen(levels[i].name) == len && apr_cstr_casecmpn(name, levels[i].name, len) == 0) {
            *level = levels[i].level;
            return true;
        }
    return false;
}
