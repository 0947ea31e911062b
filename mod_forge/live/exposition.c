/* SPDX-License-Identifier: Apache-2.0
 * /metrics: the shared figures in the Prometheus text format 0.0.4 or in OpenMetrics 1.0.0.
 */
#include "live_private.h"
#include <math.h>
#include <string.h>

typedef struct writer_t {
    forge_buf_t *b;
    bool openmetrics;
} writer_t;

/* A row of metrics.def. */
typedef struct row_t {
    const char *name, *labels, *help;
} row_t;

static const row_t counter_rows[FORGE_COUNTERS] = {
#define FORGE_COUNTER(name, family, labels, help) {family, labels, help},
#define FORGE_GAUGE(name, family, labels, help)
#include "metrics.def"
#undef FORGE_COUNTER
#undef FORGE_GAUGE
};

static const row_t gauge_rows[FORGE_GAUGES] = {
#define FORGE_COUNTER(name, family, labels, help)
#define FORGE_GAUGE(name, family, labels, help) {family, labels, help},
#include "metrics.def"
#undef FORGE_COUNTER
#undef FORGE_GAUGE
};

_Static_assert((int)FORGE_C_LIMIT_EVICTED == (int)FORGE_C_RATE_LIMITED + (int)FORGE_LIMIT_CLASSES,
               "a counter for each class of limits");

/* One series: of a route (and of a class of status if `class` is not 0), of a statement, or of neither. */
typedef struct series_t {
    const forge_live_slot_t *slot;
    int class;
    const char *statement;
    const forge_live_exemplar_t *exemplars; /* of its buckets; NULL: none */
} series_t;

/* Writes HELP and TYPE. OpenMetrics names the family, the older format names the samples: `suffix` is what a counter
 * adds. A family has one type in both. */
static void head(const writer_t *w, const char *name, const char *suffix, const char *type, const char *help)
{
    if (w->openmetrics)
        suffix = "";
    forge_util_buf_printf(w->b, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix, type);
}

/* Writes the figure that ends a line. */
static void value(const writer_t *w, uint64_t n)
{
    forge_util_buf_int(w->b, (apr_int64_t)n);
    forge_util_buf_add(w->b, "\n", 1);
}

/* Writes name="text" with escapes for quote, backslash and line end. */
static void label(const writer_t *w, const char *name, const char *text)
{
    forge_util_buf_puts(w->b, name);
    forge_util_buf_add(w->b, "=\"", 2);
    while (*text) {
        size_t clean = strcspn(text, "\"\\\n");
        forge_util_buf_add(w->b, text, clean);
        text += clean;
        if (*text) {
            const char escaped[2] = {'\\', *text == '\n' ? 'n' : *text};
            forge_util_buf_add(w->b, escaped, 2);
            text++;
        }
    }
    forge_util_buf_add(w->b, "\"", 1);
}

static void series_labels(const writer_t *w, const series_t *s)
{
    if (s->statement)
        label(w, "statement", s->statement);
    if (!s->slot)
        return;
    label(w, "method", s->slot->method);
    forge_util_buf_add(w->b, ",", 1);
    label(w, "route", s->slot->route);
    if (s->class)
        forge_util_buf_printf(w->b, ",status=\"%dxx\"", s->class);
}

/* Writes the name of a sample with the labels of its series, if it has any. */
static void sample_name(const writer_t *w, const char *name, const char *suffix, const series_t *s)
{
    forge_util_buf_puts(w->b, name);
    forge_util_buf_puts(w->b, suffix);
    if (!s->slot && !s->statement)
        return;
    forge_util_buf_add(w->b, "{", 1);
    series_labels(w, s);
    forge_util_buf_add(w->b, "}", 1);
}

/* Writes millionths without floating point, so that no locale changes the decimal point. */
static void millionths(const writer_t *w, uint64_t n)
{
    forge_util_buf_printf(w->b, "%" APR_UINT64_T_FMT ".%06d", (apr_uint64_t)(n / 1000000), (int)(n % 1000000));
}

/* Ends the line of a bucket: its figure and, in OpenMetrics, a request that it counts. */
static void bucket(const writer_t *w, uint64_t n, const forge_live_exemplar_t *exemplar, int class)
{
    forge_live_seen_t seen;
    forge_util_buf_int(w->b, (apr_int64_t)n);
    if (exemplar && w->openmetrics && forge_live_exemplar_get(exemplar, &seen) && seen.class == class) {
        forge_util_buf_printf(w->b, " # {trace_id=\"%s\"} ", seen.trace_id);
        millionths(w, seen.took);
        forge_util_buf_add(w->b, " ", 1);
        millionths(w, seen.at);
    }
    forge_util_buf_add(w->b, "\n", 1);
}

static void histogram(const writer_t *w, const char *name, const series_t *s, const forge_live_histogram_t *h)
{
    uint64_t below = 0, sum = forge_live_load(&h->sum);
    for (int i = 0; i < FORGE_LIVE_BUCKETS; i++) {
        below += forge_live_load(&h->buckets[i]);
        forge_util_buf_printf(w->b, "%s_bucket{", name);
        series_labels(w, s);
        forge_util_buf_printf(w->b, "%sle=\"%s\"} ", s->slot || s->statement ? "," : "",
                              i < FORGE_LIVE_BUCKETS - 1 ? forge_live_bounds[i].text : "+Inf");
        bucket(w, below, s->exemplars ? &s->exemplars[i] : NULL, s->class);
    }
    sample_name(w, name, "_sum", s);
    forge_util_buf_add(w->b, " ", 1);
    millionths(w, sum);
    forge_util_buf_add(w->b, "\n", 1);
    sample_name(w, name, "_count", s);
    forge_util_buf_add(w->b, " ", 1);
    value(w, below);
}

/* --- Families --- */

static void write_requests(const writer_t *w, const forge_live_slot_t *slots, uint32_t n)
{
    head(w, "forge_http_requests", "_total", "counter", "Requests answered, by method, route template and status.");
    for (uint32_t i = 0; i < n; i++) {
        const series_t s = {.slot = &slots[i]};
        for (int status = 0; status < FORGE_LIVE_STATUSES; status++) {
            uint64_t count = forge_live_load(&slots[i].statuses[status]);
            if (count == 0)
                continue;
            forge_util_buf_puts(w->b, "forge_http_requests_total{");
            series_labels(w, &s);
            forge_util_buf_printf(w->b, ",status=\"%d\"} ", status + FORGE_LIVE_STATUS_FIRST);
            value(w, count);
        }
    }
}

static void write_durations(const writer_t *w, const forge_live_slot_t *slots, uint32_t n)
{
    static const char name[] = "forge_http_request_duration_seconds";
    head(w, name, "", "histogram",
         "Time from request to the first byte of its answer, by method, route template and class of status.");
    for (uint32_t i = 0; i < n; i++) {
        for (int class = 0; class < FORGE_LIVE_CLASSES; class ++) {
            const series_t s = {.slot = &slots[i], .class = class + 1, .exemplars = slots[i].exemplars};
            if (forge_live_histogram_count(&slots[i].classes[class]))
                histogram(w, name, &s, &slots[i].classes[class]);
        }
    }
}

static void write_statements(const writer_t *w, const forge_live_segment_t *segment)
{
    static const char name[] = "forge_db_query_duration_seconds";
    char statement[FORGE_LIVE_STATEMENT_WORDS * 8];
    const series_t s = {.statement = statement}, other = {.statement = "other"};
    head(w, name, "", "histogram", "Time of database statements, by statement.");
    for (int i = 0; i < FORGE_LIVE_STATEMENTS; i++) {
        if (forge_live_statement_name(&segment->statements[i], statement))
            histogram(w, name, &s, &segment->statements[i].took);
    }
    if (forge_live_histogram_count(&segment->statements[FORGE_LIVE_STATEMENTS].took))
        histogram(w, name, &other, &segment->statements[FORGE_LIVE_STATEMENTS].took);
}

/* One sample of the tables above. */
static void sample(const writer_t *w, const row_t *row, const char *suffix, apr_int64_t n)
{
    if (row->labels)
        forge_util_buf_printf(w->b, "%s%s{%s} ", row->name, suffix, row->labels);
    else
        forge_util_buf_printf(w->b, "%s%s ", row->name, suffix);
    value(w, (uint64_t)n);
}

static void write_counters(const writer_t *w, const forge_live_t *live)
{
    for (int i = 0; i < FORGE_COUNTERS; i++) {
        if (counter_rows[i].help)
            head(w, counter_rows[i].name, "_total", "counter", counter_rows[i].help);
        sample(w, &counter_rows[i], "_total", forge_live_counter(live, (forge_counter_t)i));
    }
}

static void write_waits(const writer_t *w, const forge_live_segment_t *segment)
{
    static const char name[] = "forge_password_hash_wait_seconds";
    uint64_t sum = forge_live_load(&segment->hash_wait_usec);
    head(w, name, "", "summary",
         "Time that requests waited before they could hash a password. Refused requests are not counted.");
    forge_util_buf_printf(w->b, "%s_sum ", name);
    millionths(w, sum);
    forge_util_buf_printf(w->b, "\n%s_count ", name);
    value(w, forge_live_load(&segment->hash_waits));
}

static void write_runs(const writer_t *w, const forge_live_segment_t *segment)
{
    static const char took[] = "forge_sandbox_run_duration_seconds", waited[] = "forge_sandbox_wait_seconds";
    const series_t none = {.slot = NULL};
    head(w, took, "", "histogram", "Time that programs ran in the sandbox, without its building.");
    histogram(w, took, &none, &segment->runs_took);
    head(w, waited, "", "histogram", "Time that programs waited for their turn.");
    histogram(w, waited, &none, &segment->runs_waited);
}

static void write_redis(const writer_t *w, const forge_live_segment_t *segment)
{
    static const char took[] = "forge_redis_round_trip_seconds";
    const series_t none = {.slot = NULL};
    head(w, took, "", "histogram", "Time of round trips to Redis, with the wait for a connection, however they ended.");
    histogram(w, took, &none, &segment->redis_took);
}

static void write_breakers(const writer_t *w, const forge_live_segment_t *segment)
{
    static const char name[] = "forge_breaker_state";
    head(w, name, "", "gauge", "Circuit breakers of outbound calls, by host: 0 closed, 1 trying one call, 2 open.");
    for (int i = 0; i < FORGE_LIVE_BREAKERS && segment->breakers[i].host[0]; i++) {
        forge_util_buf_printf(w->b, "%s{", name);
        label(w, "host", segment->breakers[i].host);
        forge_util_buf_add(w->b, "} ", 2);
        value(w, __atomic_load_n(&segment->breakers[i].state, __ATOMIC_RELAXED));
    }
}

static void write_gauges(const writer_t *w, forge_live_t *live)
{
    apr_int64_t figures[FORGE_GAUGES];
    forge_live_gauges(live, figures);
    for (int i = 0; i < FORGE_GAUGES; i++) {
        if (figures[i] == FORGE_GAUGE_UNKNOWN)
            continue;
        if (gauge_rows[i].help)
            head(w, gauge_rows[i].name, "", "gauge", gauge_rows[i].help);
        sample(w, &gauge_rows[i], "", figures[i]);
    }
}

/* Figures of the last sample, in the units of Prometheus. What is unknown has no sample. */
static void write_machine(const writer_t *w, const forge_live_t *live)
{
    static const struct {
        row_t row;
        forge_figure_t figure;
        int parts; /* of the unit: 100 for per cent */
    } rows[] = {
        {{"forge_machine_cpu_ratio", NULL, "Share of the processors in use, 0 to 1."}, FORGE_S_CPU, 100},
        {{"forge_machine_memory_ratio", NULL, "Share of the memory in use, 0 to 1."}, FORGE_S_MEMORY, 100},
        {{"forge_machine_memory_bytes", NULL, "Memory of the machine or of its container."}, FORGE_S_MEMORY_TOTAL, 1},
        {{"forge_machine_disk_ratio", NULL, "Share of the fullest file system in use, 0 to 1."}, FORGE_S_DISK, 100},
        {{"forge_machine_load1", NULL, "Load average of the last minute."}, FORGE_S_LOAD_1, 1},
        {{"forge_machine_processors", NULL, "Processors of the machine."}, FORGE_S_CORES, 1},
        {{"forge_httpd_processes", NULL, "Processes of this httpd."}, FORGE_S_HTTPD, 1},
        {{"forge_httpd_memory_bytes", NULL, "Their memory."}, FORGE_S_HTTPD_RSS, 1},
    };
    forge_sample_t sample;
    forge_live_sample_last(live, &sample);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const row_t *row = &rows[i].row;
        double figure = sample.of[rows[i].figure] / rows[i].parts;
        if (isnan(figure) || figure < 0)
            continue;
        head(w, row->name, "", "gauge", row->help);
        forge_util_buf_printf(w->b, "%s ", row->name);
        millionths(w, (uint64_t)(figure * 1e6 + 0.5));
        forge_util_buf_add(w->b, "\n", 1);
    }
}

/* --- members of balancers --- */

static void member_labels(const writer_t *w, const char *name, const forge_upstream_t *member)
{
    forge_util_buf_printf(w->b, "%s{", name);
    label(w, "host", member->host);
    forge_util_buf_add(w->b, ",", 1);
    label(w, "balancer", member->balancer);
    forge_util_buf_add(w->b, ",", 1);
    label(w, "member", member->name);
}

/* All states of a member, so that a series does not end when the state changes. */
static void write_states(const writer_t *w, const forge_upstream_t *members, int n)
{
    static const char name[] = "forge_upstream_member_state";
    head(w, name, "", "gauge", "State of each member of a balancer: 1 for the one that it is in, else 0.");
    for (int i = 0; i < n; i++)
        for (int state = 0; state < FORGE_MEMBER_STATES; state++) {
            member_labels(w, name, &members[i]);
            forge_util_buf_printf(w->b, ",state=\"%s\"} ", forge_live_member_word((forge_member_state_t)state));
            value(w, (int)members[i].state == state);
        }
}

void forge_live_members_write(forge_buf_t *b, bool openmetrics, const forge_upstream_t *members, int n)
{
    static const char up[] = "forge_upstream_member_up", busy[] = "forge_upstream_member_busy",
                      requests[] = "forge_upstream_member_requests";
    const writer_t w = {b, openmetrics};
    if (n == 0)
        return;
    head(&w, up, "", "gauge",
         "1: requests may be sent to this member of a balancer; 0: it has failed or was taken out.");
    for (int i = 0; i < n; i++) {
        member_labels(&w, up, &members[i]);
        forge_util_buf_add(b, "} ", 2);
        value(&w, forge_live_member_serves(members[i].state));
    }
    write_states(&w, members, n);
    head(&w, busy, "", "gauge", "Requests that a member of a balancer is working on.");
    for (int i = 0; i < n; i++) {
        member_labels(&w, busy, &members[i]);
        forge_util_buf_add(b, "} ", 2);
        value(&w, members[i].busy);
    }
    head(&w, requests, "_total", "counter", "Requests that were sent to a member of a balancer.");
    for (int i = 0; i < n; i++) {
        member_labels(&w, "forge_upstream_member_requests_total", &members[i]);
        forge_util_buf_add(b, "} ", 2);
        value(&w, members[i].requests);
    }
}

void forge_live_metrics_write(forge_live_t *live, forge_buf_t *b, bool openmetrics, const char *version)
{
    const writer_t w = {b, openmetrics};
    const forge_live_segment_t *segment = live->segment;
    uint32_t slots = __atomic_load_n(&segment->labelled, __ATOMIC_ACQUIRE);
    write_requests(&w, segment->slots, slots);
    write_durations(&w, segment->slots, slots);
    write_gauges(&w, live);
    write_machine(&w, live);
    write_counters(&w, live);
    write_waits(&w, segment);
    write_runs(&w, segment);
    write_redis(&w, segment);
    write_breakers(&w, segment);
    write_statements(&w, segment);
    head(&w, "forge_build_info", "", "gauge", "The running version.");
    forge_util_buf_puts(b, "forge_build_info{");
    label(&w, "version", version);
    forge_util_buf_puts(b, "} 1\n");
    if (openmetrics)
        forge_util_buf_puts(b, "# EOF\n");
}
