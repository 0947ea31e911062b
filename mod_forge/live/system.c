/* SPDX-License-Identifier: Apache-2.0
 * Figures of the machine and of processes from /proc and statvfs, each by one bounded read.
 */
#include "live_private.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
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

/* Parses the first line: "cpu user nice system idle iowait irq softirq steal …". The time of guests is already in user.
 */
bool forge_live_system_cpu(uint64_t *busy, uint64_t *total)
{
    enum { IDLE = 3, IOWAIT = 4, FIELDS = 8 };
    char text[PROC_BYTES], *at = text + 4;
    *busy = *total = 0;
    if (!proc_read("/proc/stat", text) || strncmp(text, "cpu ", 4) != 0)
        return false;
    for (int i = 0; i < FIELDS; i++) {
        uint64_t ticks = strtoull(at, &at, 10);
        *total += ticks;
        if (i != IDLE && i != IOWAIT)
            *busy += ticks;
    }
    return true;
}

/* A figure of /proc/meminfo in kB; 0 without it. */
static double meminfo(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? (double)strtoull(at + strlen(name), NULL, 10) : 0;
}

static double memory_used(void)
{
    char text[PROC_BYTES];
    if (!proc_read("/proc/meminfo", text))
        return -1;
    double total = meminfo(text, "MemTotal:"), available = meminfo(text, "MemAvailable:");
    return total > 0 && available <= total ? 100 * (total - available) / total : -1;
}

double forge_live_system_load(void)
{
    double load[1];
    return getloadavg(load, 1) == 1 ? load[0] : -1;
}

/* Counts like df: space reserved for root is neither used nor available. */
double forge_live_system_disk(const char *path)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0 || fs.f_bfree > fs.f_blocks)
        return -1;
    double used = (double)(fs.f_blocks - fs.f_bfree), open = (double)fs.f_bavail;
    return used + open > 0 ? 100 * used / (used + open) : -1;
}

forge_machine_t forge_live_machine(void)
{
    return (forge_machine_t){.disk = forge_live_system_disk("/"), .memory = memory_used()};
}

/* Parses "pid (name) state ppid …". The name may contain anything, so the fields are counted from the last parenthesis.
 * Field 3 is the state, field 22 the start time. */
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
