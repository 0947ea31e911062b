/* SPDX-License-Identifier: Apache-2.0
 * /metrics: the shared figures in the Prometheus text format 0.0.4 or in OpenMetrics 1.0.0.
 */
#include "live_private.h"
#include <string.h>

typedef struct writer_t {
    forge_buf_t *b;
    bool openmetrics;
} writer_t;

/* Counters: rows of one name stand together; the first brings the help. Names without _total, which the samples get. */
static const struct {
    const char *name, *help, *labels;
    forge_counter_t counter;
} COUNTERS[] = {
    {"forge_rate_limited", "Requests refused with 429, by class.", "class=\"default\"", FORGE_C_RATE_LIMITED + FORGE_LIMIT_DEFAULT},
    {"forge_rate_limited", NULL, "class=\"user\"", FORGE_C_RATE_LIMITED + FORGE_LIMIT_USER},
    {"forge_rate_limited", NULL, "class=\"auth\"", FORGE_C_RATE_LIMITED + FORGE_LIMIT_AUTH},
    {"forge_rate_limited", NULL, "class=\"execute\"", FORGE_C_RATE_LIMITED + FORGE_LIMIT_EXECUTE},
    {"forge_rate_limited", NULL, "class=\"upload\"", FORGE_C_RATE_LIMITED + FORGE_LIMIT_UPLOAD},
    {"forge_rate_limited", NULL, "class=\"analysis\"", FORGE_C_RATE_LIMITED + FORGE_LIMIT_ANALYSIS},
    {"forge_rate_limited", NULL, "class=\"stream\"", FORGE_C_RATE_LIMITED + FORGE_LIMIT_STREAM},
    {"forge_rate_limit_evicted", "Keys given up before their time because the table of limits was full.", NULL, FORGE_C_LIMIT_EVICTED},
    {"forge_db_wait_timeouts", "Requests that waited in vain for a database connection.", NULL, FORGE_C_DB_WAIT_TIMEOUT},
    {"forge_db_unavailable", "Requests that met a database which was down.", NULL, FORGE_C_DB_DOWN},
    {"forge_password_hash", "Password hashes computed.", NULL, FORGE_C_HASH_TOTAL},
    {"forge_password_hash_refused", "Requests refused because the queue before password hashes was full, or their time in it was over.", NULL, FORGE_C_HASH_REFUSED},
    {"forge_logins", "Logins, by outcome.", "outcome=\"ok\"", FORGE_C_LOGIN_OK},
    {"forge_logins", NULL, "outcome=\"failed\"", FORGE_C_LOGIN_FAILED},
    {"forge_token_database_checks", "Access tokens that the database was asked about, because shared memory was not sure.", NULL,
     FORGE_C_TOKEN_ASKED},
};

/* One series: of a route and, where `class` is not 0, a class of status; or of a statement. */
typedef struct series_t {
    const forge_live_slot_t *slot;
    int class;
    const char *statement;
} series_t;

typedef enum gauge_t {
    G_IN_FLIGHT,
    G_POOL_SIZE,
    G_POOL_BUSY,
    G_POOL_WAITING,
    G_LIMIT_KEYS,
    G_HASH_IN_USE,
    G_HASH_WAITING,
    G_REVOCATIONS,
    G_UPTIME,
    GAUGES
} gauge_t;

static const struct {
    const char *name, *help, *labels;
    gauge_t gauge;
} GAUGE_ROWS[] = {
    {"forge_http_requests_in_flight", "Requests being served now.", NULL, G_IN_FLIGHT},
    {"forge_db_pool_connections", "Database connections of all children: open, busy; requests that wait.", "state=\"size\"", G_POOL_SIZE},
    {"forge_db_pool_connections", NULL, "state=\"busy\"", G_POOL_BUSY},
    {"forge_db_pool_connections", NULL, "state=\"waiting\"", G_POOL_WAITING},
    {"forge_rate_limit_keys", "Keys in the table of limits.", NULL, G_LIMIT_KEYS},
    {"forge_password_hash_in_use", "Requests that may hash a password now, and keep others waiting.", NULL, G_HASH_IN_USE},
    {"forge_password_hash_waiting", "Requests waiting for their turn to hash a password, over all children.", NULL, G_HASH_WAITING},
    {"forge_revocations", "Ended sessions and raised epochs kept until their last token has expired.", NULL, G_REVOCATIONS},
    {"forge_uptime_seconds", "Seconds since these figures began; a graceful restart goes on with them.", NULL, G_UPTIME},
};

/* HELP and TYPE. OpenMetrics names the family, the older format the samples: `suffix` is what a counter or info adds. */
static void head(const writer_t *w, const char *name, const char *suffix, const char *type, const char *help)
{
    if (w->openmetrics)
        suffix = "";
    forge_util_buf_printf(w->b, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix, type);
}

/* The end of a line: its figure. */
static void value(const writer_t *w, uint64_t n)
{
    forge_util_buf_int(w->b, (apr_int64_t)n);
    forge_util_buf_add(w->b, "\n", 1);
}

/* name="text" with quote, backslash and line end escaped. */
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
    if (s->statement) {
        label(w, "statement", s->statement);
        return;
    }
    label(w, "method", s->slot->method);
    forge_util_buf_add(w->b, ",", 1);
    label(w, "route", s->slot->route);
    if (s->class)
        forge_util_buf_printf(w->b, ",status=\"%dxx\"", s->class);
}

/* Microseconds are written as seconds without floating point, so that no locale gets at the point. */
static void histogram(const writer_t *w, const char *name, const series_t *s, const forge_live_histogram_t *h)
{
    uint64_t below = 0, sum = forge_live_load(&h->sum);
    for (int i = 0; i < FORGE_LIVE_BUCKETS; i++) {
        below += forge_live_load(&h->buckets[i]);
        forge_util_buf_printf(w->b, "%s_bucket{", name);
        series_labels(w, s);
        forge_util_buf_printf(w->b, ",le=\"%s\"} ", i < FORGE_LIVE_BUCKETS - 1 ? forge_live_bounds[i].text : "+Inf");
        value(w, below);
    }
    forge_util_buf_printf(w->b, "%s_sum{", name);
    series_labels(w, s);
    forge_util_buf_printf(w->b, "} %" APR_UINT64_T_FMT ".%06d\n%s_count{", (apr_uint64_t)(sum / 1000000), (int)(sum % 1000000), name);
    series_labels(w, s);
    forge_util_buf_add(w->b, "} ", 2);
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
    head(w, name, "", "histogram", "Time from request to answer, by method, route template and class of status.");
    for (uint32_t i = 0; i < n; i++) {
        for (int class = 0; class < FORGE_LIVE_CLASSES; class ++) {
            const series_t s = {.slot = &slots[i], .class = class + 1};
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
static void sample(const writer_t *w, const char *name, const char *suffix, const char *labels, uint64_t n)
{
    if (labels)
        forge_util_buf_printf(w->b, "%s%s{%s} ", name, suffix, labels);
    else
        forge_util_buf_printf(w->b, "%s%s ", name, suffix);
    value(w, n);
}

static void write_counters(const writer_t *w, const forge_live_segment_t *segment)
{
    for (size_t i = 0; i < sizeof(COUNTERS) / sizeof(*COUNTERS); i++) {
        if (COUNTERS[i].help)
            head(w, COUNTERS[i].name, "_total", "counter", COUNTERS[i].help);
        sample(w, COUNTERS[i].name, "_total", COUNTERS[i].labels, forge_live_load(&segment->counters[COUNTERS[i].counter]));
    }
}

static void write_waits(const writer_t *w, const forge_live_segment_t *segment)
{
    static const char name[] = "forge_password_hash_wait_seconds";
    uint64_t sum = forge_live_load(&segment->counters[FORGE_C_HASH_WAITED_USEC]);
    head(w, name, "", "summary", "Time that requests waited for their turn to hash a password, of those who waited and got it.");
    forge_util_buf_printf(w->b, "%s_sum %" APR_UINT64_T_FMT ".%06d\n%s_count ", name, (apr_uint64_t)(sum / 1000000), (int)(sum % 1000000), name);
    value(w, forge_live_load(&segment->counters[FORGE_C_HASH_WAITED]));
}

/* A child that dies between two of its words may leave a sum below zero for a moment. */
static uint64_t positive(uint64_t n)
{
    return (int64_t)n < 0 ? 0 : n;
}

static void write_gauges(const writer_t *w, forge_live_t *live)
{
    forge_live_process_t sum;
    forge_live_process_sum(live, &sum);
    const uint64_t figures[GAUGES] = {
        [G_IN_FLIGHT] = positive(sum.in_flight),
        [G_POOL_SIZE] = positive(sum.pool_size),
        [G_POOL_BUSY] = positive(sum.pool_busy),
        [G_POOL_WAITING] = positive(sum.pool_waiting),
        [G_LIMIT_KEYS] = forge_live_limit_keys(live),
        [G_HASH_IN_USE] = (uint64_t)forge_live_gate_held(live),
        [G_HASH_WAITING] = (uint64_t)forge_live_gate_waiting(live),
        [G_REVOCATIONS] = forge_live_revocations(live),
        [G_UPTIME] = (uint64_t)apr_time_sec(forge_live_monotonic() + live->segment->wall_offset - live->segment->started),
    };
    for (size_t i = 0; i < sizeof(GAUGE_ROWS) / sizeof(*GAUGE_ROWS); i++) {
        if (GAUGE_ROWS[i].help)
            head(w, GAUGE_ROWS[i].name, "", "gauge", GAUGE_ROWS[i].help);
        sample(w, GAUGE_ROWS[i].name, "", GAUGE_ROWS[i].labels, figures[GAUGE_ROWS[i].gauge]);
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
    write_counters(&w, segment);
    write_waits(&w, segment);
    write_statements(&w, segment);
    head(&w, "forge_build", "_info", openmetrics ? "info" : "gauge", "The version that runs.");
    forge_util_buf_puts(b, "forge_build_info{");
    label(&w, "version", version);
    forge_util_buf_puts(b, "} 1\n");
    if (openmetrics)
        forge_util_buf_puts(b, "# EOF\n");
}
