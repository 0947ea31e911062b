/* SPDX-License-Identifier: Apache-2.0
 * When a process was started, from /proc.
 */
#include "live_private.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROC_BYTES 4096 /* read from a file under /proc; the figures we need are within them */

/* Reads the beginning of a file as text; false if it cannot be read. */
static bool proc_read(const char *path, char text[PROC_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, text, PROC_BYTES - 1);
    close(fd);
    if (len <= 0)
        return false;
    text[len] = '\0';
    return true;
}

/* Parses "pid (name) state ppid …". The name may contain anything, so the fields are counted from the last
 * parenthesis. Field 3 is the state, field 22 the start time. */
uint64_t forge_live_system_born(pid_t pid, bool *known)
{
    enum { STATE = 3, BORN = 22 };
    char path[64], text[PROC_BYTES];
    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    *known = false;
    if (!proc_read(path, text))
        return 0;
    const char *at = strrchr(text, ')');
    if (!at || at[1] != ' ')
        return 0;
    *known = true;
    at += 2;
    if (*at == 'Z' || *at == 'X')
        return 0;
    for (int field = STATE; field < BORN; field++) {
        at = strchr(at, ' ');
        if (!at) {
            *known = false;
            return 0;
        }
        at++;
    }
    return strtoull(at, NULL, 10);
}
