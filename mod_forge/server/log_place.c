/* SPDX-License-Identifier: Apache-2.0
 * Whether logs can be where the configuration has them, asked before a start or a restart would die of it.
 */
#include "server_private.h"

#include <apr_file_info.h>
#include <apr_strings.h>
#include <string.h>

/* Only what is certain: who tests a configuration may see less than root does, so that a refused look is no answer. */
static const char *place_problem(apr_pool_t *p, const char *directive, const char *file)
{
    apr_finfo_t info;
    const char *slash = file && *file != '|' ? strrchr(file, '/') : NULL;
    if (!slash)
        return NULL;
    const char *directory = slash == file ? "/" : apr_pstrmemdup(p, file, (apr_size_t)(slash - file));
    apr_status_t rv = apr_stat(&info, directory, APR_FINFO_TYPE, p);
    if (APR_STATUS_IS_ENOENT(rv) || APR_STATUS_IS_ENOTDIR(rv) || (rv == APR_SUCCESS && info.filetype != APR_DIR))
        return apr_psprintf(p,
                            "%s: '%s' cannot be opened, because there is no directory '%s'; make it (the server does "
                            "not), or name a file in one that exists",
                            directive, file, directory);
    if (apr_stat(&info, file, APR_FINFO_TYPE, p) == APR_SUCCESS && info.filetype == APR_DIR)
        return apr_psprintf(p, "%s: '%s' is a directory; name a file in it", directive, file);
    return NULL;
}

const char *forge_server_logs_problem(apr_pool_t *p, const forge_config_t *c)
{
    const char *problem = place_problem(p, "ForgeAccessLog", forge_config_access_log(c));
    if (!problem)
        problem = place_problem(p, "ForgeAuditLog", forge_config_audit_log(c));
    return problem ? problem : place_problem(p, "ForgeEventLog", forge_config_event_log(c));
}
