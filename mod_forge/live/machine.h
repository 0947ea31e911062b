/* SPDX-License-Identifier: Apache-2.0
 * What the kernel says of the machine, read from /proc and /sys; only for live/ and its unit tests. Each file is read
 * once and up to a ceiling. Linux only; elsewhere everything is unknown.
 */
#ifndef FORGE_LIVE_MACHINE_H
#define FORGE_LIVE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FORGE_UNKNOWN UINT64_MAX

/* --- machine.c --- */

typedef struct forge_machine_t {
    uint64_t cpu_busy, cpu_total; /* ticks of all processors since the start */
    uint64_t cores;
    double load[3];                              /* NAN: unknown */
    double uptime;                               /* seconds; NAN: unknown */
    uint64_t memory, available, swap, swap_free; /* bytes */
    uint64_t rx, tx;                             /* bytes since the start, over all interfaces but the loopback */
    uint64_t read, written;                      /* bytes since the start, of all whole disks */
    uint64_t processes, running;
    uint64_t httpd, rss, threads; /* processes of a server, their bytes in memory and their threads */
} forge_machine_t;
/* Reads all of it below `root`, which is "" but in tests. `server` is httpd's parent. */
void forge_live_machine_read(const char *root, pid_t server, forge_machine_t *machine);
/* Reads the beginning of a file as text; false if it cannot be read. The path is root and the words after it. */
bool forge_live_machine_text(char *text, size_t size, const char *root, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* --- cgroup.c: the limits that this process is under, of control groups version 1 and 2 --- */

typedef struct forge_cgroup_t {
    double cores;          /* that may be used; NAN: no limit */
    uint64_t cpu;          /* microseconds of processor time used where that limit stands */
    uint64_t memory_limit; /* bytes; FORGE_UNKNOWN: no limit */
    uint64_t memory_used;  /* bytes used where that limit stands, without what the kernel can drop at once */
} forge_cgroup_t;
void forge_live_cgroup_read(const char *root, forge_cgroup_t *group);

#endif
