/* SPDX-License-Identifier: Apache-2.0
 * Figures of the machine for /metrics, read when they are asked for.
 */
#include "live_private.h"
#include <unistd.h>

#define MILLION  1000000
#define LEAST_HZ 1 /* seconds of all processors between two readings; less would be noise */

static apr_int64_t in_millionths(double figure)
{
    return figure < 0 ? -1 : (apr_int64_t)(figure * MILLION + 0.5);
}

/* The busy share since the last reading, whoever made that. The first reading has nothing before it but the beginning
 * of the figures. A child that dies between the two steps leaves one share that is wrong. */
static apr_int64_t cpu_share(forge_live_t *live)
{
    forge_live_usage_t *usage = &live->segment->usage;
    uint64_t busy, total, before = forge_live_load(&usage->total);
    if (!forge_live_system_cpu(&busy, &total))
        return -1;
    uint64_t since = before ? before : live->segment->cpu_total;
    long ticks = sysconf(_SC_CLK_TCK) * sysconf(_SC_NPROCESSORS_ONLN);
    bool enough = total > since && total - since >= (uint64_t)(ticks > 0 ? ticks : 1) * LEAST_HZ;
    if (enough && forge_live_swap(&usage->total, before, total)) {
        uint64_t was = __atomic_exchange_n(&usage->busy, busy, __ATOMIC_RELAXED);
        was = before ? was : live->segment->cpu_busy;
        uint64_t worked = busy > was ? busy - was : 0, all = total - since;
        forge_live_store(&usage->share, (worked < all ? worked : all) * MILLION / all);
    }
    return (apr_int64_t)forge_live_load(&usage->share);
}

void forge_live_machine_figures(forge_live_t *live, apr_int64_t figures[FORGE_MACHINE_FIGURES])
{
    const forge_machine_t machine = forge_live_machine();
    figures[FORGE_MACHINE_CPU] = cpu_share(live);
    figures[FORGE_MACHINE_MEMORY] = in_millionths(machine.memory / 100);
    figures[FORGE_MACHINE_DISK] = in_millionths(machine.disk / 100);
    figures[FORGE_MACHINE_LOAD] = in_millionths(forge_live_system_load());
    figures[FORGE_MACHINE_PROCESSORS] = in_millionths((double)sysconf(_SC_NPROCESSORS_ONLN));
}
