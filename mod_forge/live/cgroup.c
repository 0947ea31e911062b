/* SPDX-License-Identifier: Apache-2.0
 * The limits of control groups, versions 1 and 2. A limit may stand at the process's own group or at any above it: the
 * tightest one counts, and what is used is read where it stands.
 */
#include "machine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 512
#define TEXT_BYTES 8192
#define NO_LIMIT   ((uint64_t)1 << 60) /* version 1 says a number near 2^63 where there is none */
#define LEVELS_MAX 32

/* A place in a hierarchy: where it is mounted, and the path of the group below that. */
typedef struct place_t {
    const char *root, *mount;
    char path[PATH_BYTES];
} place_t;

static bool read_text(const place_t *at, const char *file, char text[TEXT_BYTES])
{
    return forge_live_machine_text(text, TEXT_BYTES, at->root, "%s%s/%s", at->mount, at->path, file);
}

static uint64_t read_number(const place_t *at, const char *file)
{
    char text[TEXT_BYTES], *end;
    if (!read_text(at, file, text))
        return FORGE_UNKNOWN;
    uint64_t n = strtoull(text, &end, 10);
    return end == text ? FORGE_UNKNOWN : n;
}

/* A figure of a file of lines "name number". */
static uint64_t read_member(const place_t *at, const char *file, const char *name)
{
    char text[TEXT_BYTES];
    size_t len = strlen(name);
    if (!read_text(at, file, text))
        return FORGE_UNKNOWN;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && line[len] == ' ')
            return strtoull(line + len, NULL, 10);
    }
    return FORGE_UNKNOWN;
}

/* --- the files of both versions --- */

typedef struct version_t {
    const char *memory_limit, *memory_used, *memory_idle; /* the last one is a member of memory.stat */
} version_t;
static const version_t version1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
static const version_t version2 = {"memory.max", "memory.current", "inactive_file"};

/* Files that were read and that nobody uses are in what is used; the kernel drops them when it needs the room. */
static void look_memory(const place_t *at, const version_t *version, forge_cgroup_t *group)
{
    uint64_t limit = read_number(at, version->memory_limit), used = read_number(at, version->memory_used),
             idle = read_member(at, "memory.stat", version->memory_idle);
    if (limit >= NO_LIMIT || used == FORGE_UNKNOWN || limit == 0 ||
        (group->memory_limit != FORGE_UNKNOWN && limit >= group->memory_limit))
        return;
    group->memory_limit = limit;
    group->memory_used = idle == FORGE_UNKNOWN || idle > used ? used : used - idle;
}

static void take_cores(forge_cgroup_t *group, double quota, double period, uint64_t used)
{
    if (quota <= 0 || period <= 0 || used == FORGE_UNKNOWN || (!isnan(group->cores) && quota / period >= group->cores))
        return;
    group->cores = quota / period;
    group->cpu = used;
}

/* cpu.max is "max 100000" or "50000 100000". */
static void look_cpu2(const place_t *at, forge_cgroup_t *group)
{
    char text[TEXT_BYTES], *end;
    if (!read_text(at, "cpu.max", text))
        return;
    double quota = (double)strtoll(text, &end, 10), period = (double)strtoll(end, NULL, 10);
    take_cores(group, quota, period, read_member(at, "cpu.stat", "usage_usec"));
}

/* The quota is -1 where there is none. Time used is told in nanoseconds, by a controller that is mounted with this one
 * as a rule, else beside it. */
static void look_cpu1(const place_t *at, forge_cgroup_t *group)
{
    char text[TEXT_BYTES];
    place_t beside = *at;
    if (!read_text(at, "cpu.cfs_quota_us", text))
        return;
    double quota = (double)strtoll(text, NULL, 10), period = (double)read_number(at, "cpu.cfs_period_us");
    beside.mount = "/sys/fs/cgroup/cpuacct";
    uint64_t used = read_number(at, "cpuacct.usage");
    if (used == FORGE_UNKNOWN)
        used = read_number(&beside, "cpuacct.usage");
    take_cores(group, quota, period, used == FORGE_UNKNOWN ? used : used / 1000);
}

/* --- the way up --- */

typedef enum what_t { MEMORY1, MEMORY2, CPU1, CPU2 } what_t;

static void look(const place_t *at, what_t what, forge_cgroup_t *group)
{
    if (what == CPU1)
        look_cpu1(at, group);
    else if (what == CPU2)
        look_cpu2(at, group);
    else
        look_memory(at, what == MEMORY1 ? &version1 : &version2, group);
}

/* Inside a container the path may be the host's, which is not there: then its own group is the root of the mount. */
static void climb(const char *root, const char *mount, const char *path, what_t what, forge_cgroup_t *group)
{
    place_t at = {.root = root, .mount = mount};
    snprintf(at.path, sizeof(at.path), "%s", strcmp(path, "/") == 0 ? "" : path);
    for (int level = 0; level < LEVELS_MAX; level++) {
        look(&at, what, group);
        char *last = strrchr(at.path, '/');
        if (!last)
            break;
        *last = '\0';
    }
}

/* Whether a comma-separated list of controllers has this one. */
static bool has(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
    }
    return false;
}

/* A line "0::/system.slice/apache2.service" of version 2, or "4:memory:/docker/ab12" of version 1. */
static void read_line(const char *root, char *line, forge_cgroup_t *group)
{
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
        return;
    *path++ = '\0';
    controllers++;
    if (!*controllers) {
        climb(root, "/sys/fs/cgroup", path, MEMORY2, group);
        climb(root, "/sys/fs/cgroup", path, CPU2, group);
    }
    if (has(controllers, "memory"))
        climb(root, "/sys/fs/cgroup/memory", path, MEMORY1, group);
    if (has(controllers, "cpu"))
        climb(root, "/sys/fs/cgroup/cpu", path, CPU1, group);
}

void forge_live_cgroup_read(const char *root, forge_cgroup_t *group)
{
    char text[TEXT_BYTES], *state;
    *group = (forge_cgroup_t){NAN, FORGE_UNKNOWN, FORGE_UNKNOWN, FORGE_UNKNOWN};
    if (!forge_live_machine_text(text, sizeof(text), root, "/proc/self/cgroup"))
        return;
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
        read_line(root, line, group);
}
