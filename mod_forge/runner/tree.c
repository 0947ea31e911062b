/* SPDX-License-Identifier: Apache-2.0
 * Memory and processor time of all processes of a run together, for languages whose programs may start processes or
 * reserve more address space than they use: there no limit of one process holds the sum. It is looked at now and then,
 * so that a run may be over its limit for as long as one look takes.
 */
#include "runner.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX    64
#define DEPTH_OWN    2     /* bubblewrap and forge-init are above this */
#define CHILDREN_MAX 16384 /* bytes of a list of pids */

static FILE *open_of(int pid, const char *name)
{
    char path[96];
    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return fopen(path, "re");
}

/* "Pss:   1234 kB" of a process; shared pages count once for all that share them. 0 for one that is ending. */
static int64_t pss_kb(int pid)
{
    char line[256];
    long long kb = 0;
    FILE *file = open_of(pid, "smaps_rollup");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "Pss: %lld", &kb) == 1)
            break;
    if (file)
        fclose(file);
    return kb;
}

/* Its own time and that of its children that have ended. */
static int64_t cpu_ms(int pid)
{
    char line[1024];
    long long user = 0, system = 0, users = 0, systems = 0;
    FILE *file = open_of(pid, "stat");
    const char *end = file && fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    if (file)
        fclose(file);
    if (!end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld %lld", &user, &system,
                       &users, &systems) != 4)
        return 0;
    return (user + system + users + systems) * 1000 / sysconf(_SC_CLK_TCK);
}

static void add(int pid, int depth, forge_runner_tree_t *sum)
{
    char name[48], children[CHILDREN_MAX], *at = children;
    sum->kb += pss_kb(pid);
    sum->cpu_ms += depth >= DEPTH_OWN ? cpu_ms(pid) : 0;
    snprintf(name, sizeof(name), "task/%d/children", pid);
    FILE *file = depth < DEPTH_MAX ? open_of(pid, name) : NULL;
    if (!file)
        return;
    children[fread(children, 1, sizeof(children) - 1, file)] = '\0';
    fclose(file);
    for (long child; (child = strtol(at, &at, 10)) > 0;)
        add((int)child, depth + 1, sum);
}

forge_runner_tree_t forge_runner_tree(pid_t root)
{
    forge_runner_tree_t sum = {0, 0};
    add((int)root, 0, &sum);
    return sum;
}
