/* SPDX-License-Identifier: Apache-2.0
 * What the user of the children may do with files, asked while this process may do everything.
 */
#include "server_private.h"

#include <apr_strings.h>
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unixd.h>

const char *forge_server_child_user(void)
{
    return geteuid() == 0 && ap_unixd_config.user_name ? ap_unixd_config.user_name : "the server's user";
}

/* In a process of its own, which becomes what the children are: rights by groups and access lists count as they do for
 * them. */
int forge_server_as_child(const char *path, int rights)
{
    int status = 0;
    pid_t pid = geteuid() == 0 && ap_unixd_config.user_id != 0 ? fork() : -1;
    if (pid < 0)
        return access(path, rights) == 0 ? 0 : errno;
    if (pid == 0) {
        bool became = ap_unixd_config.user_name && setgid(ap_unixd_config.group_id) == 0 &&
                      initgroups(ap_unixd_config.user_name, ap_unixd_config.group_id) == 0 &&
                      setuid(ap_unixd_config.user_id) == 0;
        _exit(!became || access(path, rights) == 0 ? 0 : errno);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

const char *forge_server_shut_folder(apr_pool_t *p, const char *path)
{
    if (*path != '/' || forge_server_as_child(path, F_OK) != EACCES)
        return NULL;
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        const char *folder = apr_pstrmemdup(p, path, (apr_size_t)(slash - path));
        if (forge_server_as_child(folder, X_OK) == EACCES)
            return folder;
    }
    return NULL;
}
