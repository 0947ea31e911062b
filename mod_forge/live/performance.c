/* SPDX-License-Identifier: Apache-2.0
 * GET /api/v1/performance: the shared figures as one small JSON object (SPEC 12).
 */
#include "live_private.h"
#include <math.h>
#include <string.h>

#define P95 0.95

/* The totals of one route, or of all. */
typedef struct total_t {
    forge_live_histogram_t took;
    uint64_t count, errors;
} total_t;

static void total_add(total_t *total, const forge_live_slot_t *slot)
{
    for (int class = 0; class < FORGE_LIVE_CLASSES; class ++) {
        uint64_t count = forge_live_histogram_count(&slot->classes[class]);
        total->count += count;
        if (class == FORGE_LIVE_CLASSES - 1)
            total->errors += count;
        forge_live_histogram_merge(&total->took, &slot->classes[class]);
    }
}

/* Writes millionths as a number with six decimals, without floating point, so that no locale changes the decimal point.
 */
static void millionths(forge_buf_t *b, uint64_t n)
{
    forge_util_buf_printf(b, "%" APR_UINT64_T_FMT ".%06d", (apr_uint64_t)(n / 1000000), (int)(n % 1000000));
}

static void write_average(forge_buf_t *b, const total_t *total)
{
    forge_util_buf_puts(b, "\"avg_response_time\":");
    millionths(b, total->count ? total->took.sum / total->count : 0);
}

static void write_error_rate(forge_buf_t *b, const total_t *total)
{
    forge_util_buf_puts(b, "\"error_rate\":");
    millionths(b, total->count ? (uint64_t)((double)total->errors / (double)total->count * 1e6 + 0.5) : 0);
}

static void write_p95(forge_buf_t *b, const total_t *total)
{
    forge_util_buf_puts(b, "\"p95_response_time\":");
    millionths(b, (uint64_t)(forge_live_histogram_quantile(&total->took, P95) + 0.5));
}

static void write_endpoint(forge_buf_t *b, const forge_live_slot_t *slot, const total_t *total, bool first)
{
    char name[FORGE_LIVE_METHOD_BYTES + FORGE_LIVE_ROUTE_BYTES];
    size_t method = strlen(slot->method), route = strlen(slot->route);
    memcpy(name, slot->method, method);
    name[method] = ' ';
    memcpy(name + method + 1, slot->route, route);
    forge_util_buf_puts(b, first ? "" : ",");
    forge_util_buf_json(b, name, method + 1 + route);
    forge_util_buf_puts(b, ":{\"count\":");
    forge_util_buf_int(b, (apr_int64_t)total->count);
    forge_util_buf_puts(b, ",");
    write_average(b, total);
    forge_util_buf_puts(b, ",");
    write_p95(b, total);
    forge_util_buf_puts(b, ",");
    write_error_rate(b, total);
    forge_util_buf_puts(b, "}");
}

static void write_summary(forge_buf_t *b, const total_t *total, int endpoints)
{
    forge_util_buf_puts(b, "{\"summary\":{\"total_requests\":");
    forge_util_buf_int(b, (apr_int64_t)total->count);
    forge_util_buf_puts(b, ",");
    write_average(b, total);
    forge_util_buf_puts(b, ",");
    write_error_rate(b, total);
    forge_util_buf_puts(b, ",\"endpoint_count\":");
    forge_util_buf_int(b, endpoints);
    forge_util_buf_puts(b, ",");
    write_p95(b, total);
    forge_util_buf_puts(b, "}");
}

static void write_percent(forge_buf_t *b, const char *name, double percent)
{
    int hundredths = (int)(percent * 100 + 0.5);
    forge_util_buf_printf(b, "\"%s\":%d.%02d", name, hundredths / 100, hundredths % 100);
}

/* The mean of the samples of the last hour. */
static double cpu_average(const forge_live_t *live)
{
    const forge_live_samples_t *samples = &live->segment->samples;
    double sum = 0;
    int n = 0;
    for (int i = 0; i < FORGE_SAMPLES; i++) {
        forge_sample_t sample;
        if (!forge_live_sample_slot(samples, i, &sample) || isnan(sample.of[FORGE_S_CPU]))
            continue;
        sum += sample.of[FORGE_S_CPU];
        n++;
    }
    return n ? sum / n : 0;
}

static double known(double figure)
{
    return isnan(figure) ? 0 : figure;
}

static void write_system(forge_buf_t *b, const forge_live_t *live)
{
    forge_sample_t last;
    forge_live_sample_last(live, &last);
    forge_util_buf_puts(b, ",\"system\":{");
    write_percent(b, "cpu_avg", cpu_average(live));
    forge_util_buf_puts(b, ",");
    write_percent(b, "memory_avg", known(last.of[FORGE_S_MEMORY]));
    forge_util_buf_puts(b, ",");
    write_percent(b, "disk_avg", known(last.of[FORGE_S_DISK]));
    forge_util_buf_puts(b, "}}");
}

/* Walks over the slots twice, because the summary comes first. */
void forge_live_performance_write(forge_live_t *live, forge_buf_t *b)
{
    const forge_live_segment_t *segment = live->segment;
    uint32_t slots = __atomic_load_n(&segment->labelled, __ATOMIC_ACQUIRE);
    total_t all = {0};
    int endpoints = 0;
    for (uint32_t i = 0; i < slots; i++) {
        uint64_t before = all.count;
        total_add(&all, &segment->slots[i]);
        endpoints += i != FORGE_LIVE_SLOT_OTHER && all.count > before;
    }
    write_summary(b, &all, endpoints);
    forge_util_buf_puts(b, ",\"endpoints\":{");
    int written = 0;
    for (uint32_t i = FORGE_LIVE_SLOT_OTHER + 1; i < slots && written < endpoints; i++) {
        total_t one = {0};
        total_add(&one, &segment->slots[i]);
        if (one.count)
            write_endpoint(b, &segment->slots[i], &one, written++ == 0);
    }
    forge_util_buf_puts(b, "}");
    write_system(b, live);
}
