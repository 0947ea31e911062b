/* SPDX-License-Identifier: Apache-2.0
 * The standard descriptors of a program.
 */
#include "standard.h"
#include <fcntl.h>
#include <unistd.h>

bool forge_util_standard_open(void)
{
    const int flags = fcntl(STDOUT_FILENO, F_GETFL);
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
    return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}
