/* SPDX-License-Identifier: Apache-2.0
 * Whether logs can be where the configuration has them, asked before a start or a restart would die of it.
 */
#include "server_private.h"

#include <apr_file_info.h>
#include <apr_strings.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

/* What the kernel made for a process, and the server has its own: /dev/stderr leads to such a one where httpd's
 * messages are read by a program. */
static bool anonymous(const char *file)
{
    struct statfs fs;
    return statfs(file, &fs) == 0 && (fs.f_type == PIPEFS_MAGIC || fs.f_type == SOCKFS_MAGIC);
}

/* Files and devices such as /dev/null take lines. To open a FIFO waits for a program that reads it. */
static const char *kind_problem(apr_pool_t *p, const char *directive, const char *file)
{
    apr_finfo_t info;
    if (apr_stat(&info, file, APR_FINFO_TYPE, p) != APR_SUCCESS || info.filetype == APR_REG || info.filetype == APR_CHR)
        return NULL;
    if (info.filetype == APR_DIR)
        return apr_psprintf(p, "%s: '%s' is a directory; name a file in it", directive, file);
    if (anonymous(file))
        return NULL;
    if (info.filetype == APR_PIPE)
        return apr_psprintf(p,
                            "%s: '%s' is a FIFO, and a start would wait for a program that reads it; name a file, or "
                            "the program itself: \"|/path/of/program\"",
                            directive, file);
    return apr_psprintf(p, "%s: '%s' is no file that lines can be added to; name another one", directive, file);
}

/* Only what is certain: who tests a configuration may see less than root does, so that a refused look is no answer. */
static const char *file_problem(apr_pool_t *p, const char *directive, const char *file)
{
    apr_finfo_t info;
    const char *slash = strrchr(file, '/');
    if (!slash)
        return NULL;
    const char *directory = slash == file ? "/" : apr_pstrmemdup(p, file, (apr_size_t)(slash - file));
    apr_status_t rv = apr_stat(&info, directory, APR_FINFO_TYPE, p);
    if (APR_STATUS_IS_ENOENT(rv) || APR_STATUS_IS_ENOTDIR(rv) || (rv == APR_SUCCESS && info.filetype != APR_DIR))
        return apr_psprintf(p,
                            "%s: '%s' cannot be opened, because there is no directory '%s'; make it (the server does "
                            "not), or name a file in one that exists",
                            directive, file, directory);
    return kind_problem(p, directive, file);
}

static const char *place_problem(apr_pool_t *p, const char *directive, const char *log)
{
    if (!log || *log != '|')
        return log ? file_problem(p, directive, log) : NULL;
    const char *problem = forge_server_log_pipe_problem(p, log);
    return problem
               ? apr_psprintf(p,
                              "%s: \"%s\" cannot be started: %s; name a program that is there by its absolute path, "
                              "or write \"|$command\" for a command of the shell",
                              directive, log, problem)
               : NULL;
}

const char *forge_server_logs_problem(apr_pool_t *p, const forge_config_t *c)
{
    const char *problem = place_problem(p, "ForgeAccessLog", forge_config_access_log(c));
    if (!problem)
        problem = place_problem(p, "ForgeAuditLog", forge_config_audit_log(c));
    return problem ? problem : place_problem(p, "ForgeEventLog", forge_config_event_log(c));
}
