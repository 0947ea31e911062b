/* SPDX-License-Identifier: Apache-2.0
 * Takes a sample: reads the kernel's figures and the counters of the segment, and compares them with those of the
 * sample before.
 */
#include "live_private.h"
#include "machine.h"

#include <math.h>
#include <string.h>

static double known(uint64_t n)
{
    return n == FORGE_UNKNOWN ? NAN : (double)n;
}

static double percent(double part, double whole)
{
    return whole > 0 && part >= 0 ? fmin(100, 100 * part / whole) : NAN;
}

/* How much a counter has grown; NAN where one of them is unknown, or it began anew. */
static double grown(uint64_t was, uint64_t is)
{
    return was == FORGE_UNKNOWN || is == FORGE_UNKNOWN || is < was ? NAN : (double)(is - was);
}

/* --- what only grows --- */

static void add_requests(const forge_live_segment_t *segment, forge_live_reading_t *reading)
{
    forge_live_histogram_t all = {{0}, 0};
    uint32_t slots = __atomic_load_n(&segment->labelled, __ATOMIC_ACQUIRE);
    reading->errors = 0;
    for (uint32_t i = 0; i < slots; i++)
        for (int class = 0; class < FORGE_LIVE_CLASSES; class ++)
            forge_live_histogram_merge(&all, &segment->slots[i].classes[class]);
    for (uint32_t i = 0; i < slots; i++)
        reading->errors += forge_live_histogram_count(&segment->slots[i].classes[FORGE_LIVE_CLASSES - 1]);
    memcpy(reading->requests, all.buckets, sizeof(all.buckets));
}

static void add_statements(const forge_live_segment_t *segment, forge_live_reading_t *reading)
{
    forge_live_histogram_t all = {{0}, 0};
    for (int i = 0; i <= FORGE_LIVE_STATEMENTS; i++)
        forge_live_histogram_merge(&all, &segment->statements[i].took);
    memcpy(reading->statements, all.buckets, sizeof(all.buckets));
}

static void read_counters(const forge_live_segment_t *segment, const forge_machine_t *m, const forge_cgroup_t *group,
                          forge_live_reading_t *reading)
{
    reading->cpu_busy = m->cpu_busy;
    reading->cpu_total = m->cpu_total;
    reading->group_cpu = group->cpu;
    reading->rx = m->rx;
    reading->tx = m->tx;
    reading->read = m->read;
    reading->written = m->written;
    add_requests(segment, reading);
    add_statements(segment, reading);
}

/* The newest reading before these five seconds; false without one. */
static bool reading_before(const forge_live_samples_t *samples, uint64_t number, forge_live_reading_t *reading)
{
    for (uint64_t i = 1; i < FORGE_LIVE_READINGS && i < number; i++) {
        const int at = (int)((number - i) % FORGE_LIVE_READINGS);
        if (forge_live_words_get(&samples->readings[at].mark, samples->readings[at].words, FORGE_LIVE_READING,
                                 (uint64_t *)reading) == number - i)
            return true;
    }
    return false;
}

/* --- the machine --- */

/* One formula for all who tell these figures. A limit counts where it is tighter than the machine. */
static void put_memory(double *of, const forge_machine_t *m, const forge_cgroup_t *group)
{
    bool limited =
        group->memory_limit != FORGE_UNKNOWN && (m->memory == FORGE_UNKNOWN || group->memory_limit < m->memory);
    double total = known(limited ? group->memory_limit : m->memory);
    double used = limited ? fmin(known(group->memory_used), total) : total - known(m->available);
    of[FORGE_S_MEMORY_LIMIT] = limited ? total : NAN;
    of[FORGE_S_MEMORY_TOTAL] = total;
    of[FORGE_S_MEMORY_USED] = used;
    of[FORGE_S_MEMORY_AVAILABLE] = total - used;
    of[FORGE_S_MEMORY] = percent(used, total);
    of[FORGE_S_SWAP_TOTAL] = known(m->swap);
    of[FORGE_S_SWAP_USED] = known(m->swap) - known(m->swap_free);
}

static void put_levels(double *of, const forge_machine_t *m, const forge_cgroup_t *group)
{
    of[FORGE_S_CORES] = known(m->cores);
    of[FORGE_S_CPU_LIMIT] = m->cores != FORGE_UNKNOWN && group->cores >= (double)m->cores ? NAN : group->cores;
    for (int i = 0; i < 3; i++)
        of[FORGE_S_LOAD_1 + i] = m->load[i];
    of[FORGE_S_PROCESSES] = known(m->processes);
    of[FORGE_S_RUNNING] = known(m->running);
    of[FORGE_S_HTTPD] = known(m->httpd);
    of[FORGE_S_HTTPD_RSS] = known(m->rss);
    of[FORGE_S_HTTPD_THREADS] = known(m->threads);
    of[FORGE_S_UPTIME] = m->uptime;
    put_memory(of, m, group);
}

/* --- the service --- */

/* The quantile of what came between two histograms, in seconds; NAN if nothing did. */
static double quantile(const uint64_t *was, const uint64_t *is, double q)
{
    forge_live_histogram_t between = {{0}, 0};
    for (int i = 0; i < FORGE_LIVE_BUCKETS; i++)
        between.buckets[i] = is[i] >= was[i] ? is[i] - was[i] : 0;
    return forge_live_histogram_count(&between) ? forge_live_histogram_quantile(&between, q) / 1e6 : NAN;
}

static double count_between(const uint64_t *was, const uint64_t *is)
{
    double n = 0;
    for (int i = 0; i < FORGE_LIVE_BUCKETS; i++)
        n += is[i] >= was[i] ? (double)(is[i] - was[i]) : 0;
    return n;
}

/* Without a request nothing failed. */
static void put_requests(double *of, const forge_live_reading_t *was, const forge_live_reading_t *is, double seconds)
{
    double n = count_between(was->requests, is->requests), errors = grown(was->errors, is->errors);
    of[FORGE_S_REQUESTS] = n / seconds;
    of[FORGE_S_ERROR_RATE] = n > 0 ? fmin(1, errors / n) : 0;
    of[FORGE_S_P50] = quantile(was->requests, is->requests, 0.5);
    of[FORGE_S_P95] = quantile(was->requests, is->requests, 0.95);
    of[FORGE_S_P99] = quantile(was->requests, is->requests, 0.99);
    of[FORGE_S_DATABASE_P95] = quantile(was->statements, is->statements, 0.95);
}

static void put_rates(double *of, const forge_live_reading_t *was, const forge_live_reading_t *is)
{
    double seconds = (double)(is->at - was->at) / APR_USEC_PER_SEC;
    if (is->at <= was->at)
        return;
    of[FORGE_S_CPU] = isnan(of[FORGE_S_CPU_LIMIT])
                          ? percent(grown(was->cpu_busy, is->cpu_busy), grown(was->cpu_total, is->cpu_total))
                          : percent(grown(was->group_cpu, is->group_cpu) / 1e6, seconds * of[FORGE_S_CPU_LIMIT]);
    of[FORGE_S_RX] = grown(was->rx, is->rx) / seconds;
    of[FORGE_S_TX] = grown(was->tx, is->tx) / seconds;
    of[FORGE_S_DISK_READ] = grown(was->read, is->read) / seconds;
    of[FORGE_S_DISK_WRITE] = grown(was->written, is->written) / seconds;
    put_requests(of, was, is, seconds);
}

static void put_now(forge_live_t *live, double *of)
{
    apr_int64_t gauges[FORGE_GAUGES];
    forge_disk_t disks[FORGE_DISKS_MAX];
    int n = forge_live_disks(live, disks);
    forge_live_gauges(live, gauges);
    of[FORGE_S_IN_FLIGHT] = (double)gauges[FORGE_G_IN_FLIGHT];
    of[FORGE_S_POOL_SIZE] = (double)gauges[FORGE_G_POOL_SIZE];
    of[FORGE_S_POOL_BUSY] = (double)gauges[FORGE_G_POOL_BUSY];
    of[FORGE_S_POOL] = percent(of[FORGE_S_POOL_BUSY], of[FORGE_S_POOL_SIZE]);
    of[FORGE_S_POOL_WAITING] = (double)gauges[FORGE_G_POOL_WAITING];
    of[FORGE_S_QUEUE] = (double)(gauges[FORGE_G_HASH_WAITING] + gauges[FORGE_G_RUN_REQUESTS]);
    of[FORGE_S_JOBS_LATE] = (double)gauges[FORGE_G_JOB_OLDEST];
    const int unhealthy = forge_live_containers_unhealthy(live);
    of[FORGE_S_CONTAINERS_UNHEALTHY] = unhealthy < 0 ? NAN : unhealthy;
    of[FORGE_S_MAIL_LATE] = (double)gauges[FORGE_G_MAIL_OLDEST];
    for (int i = 0; i < n; i++)
        of[FORGE_S_DISK] = fmax(of[FORGE_S_DISK], disks[i].percent); /* of NAN and a number, the number */
}

/* --- the sample --- */

/* One process takes each sample: it claims the number. One that dies meanwhile leaves a hole, and the next five seconds
 * are anybody's. */
bool forge_live_sample_at(forge_live_t *live, const char *root, pid_t server, apr_int64_t now)
{
    forge_live_samples_t *samples = &live->segment->samples;
    const uint64_t number = forge_live_sample_number(now), claimed = forge_live_load(&samples->claimed);
    forge_live_reading_t before, reading = {.at = (uint64_t)now};
    forge_machine_t machine;
    forge_cgroup_t group;
    forge_sample_t sample;
    uint64_t words[FORGE_FIGURES];
    if (number <= claimed || !forge_live_swap(&samples->claimed, claimed, number))
        return false;
    for (int i = 0; i < FORGE_FIGURES; i++)
        sample.of[i] = NAN;
    forge_live_machine_read(root, server, &machine);
    forge_live_cgroup_read(root, &group);
    read_counters(live->segment, &machine, &group, &reading);
    put_levels(sample.of, &machine, &group);
    put_now(live, sample.of);
    if (reading_before(samples, number, &before))
        put_rates(sample.of, &before, &reading);
    const int kept = (int)(number % FORGE_LIVE_READINGS), at = (int)(number % FORGE_SAMPLES);
    memcpy(words, sample.of, sizeof(words));
    forge_live_words_put(&samples->readings[kept].mark, samples->readings[kept].words, FORGE_LIVE_READING, number,
                         (const uint64_t *)&reading);
    forge_live_words_put(&samples->of[at].mark, samples->of[at].words, FORGE_FIGURES, number, words);
    return true;
}

bool forge_live_sample(forge_live_t *live, pid_t server)
{
    return forge_live_sample_at(live, "", server, forge_util_monotonic());
}
