/* SPDX-License-Identifier: Apache-2.0
 * Processes of forge-runner that do not outlive the one that began them, however that ends.
 */
#include "runner.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

pid_t forge_runner_child(void)
{
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) /* it ended before it could be told of */
            _exit(1);
    }
    return pid;
}
