/* SPDX-License-Identifier: Apache-2.0
 * GET /monitor and /monitor/history: the machine and the service at a glance, and the last hour. All figures were
 * sampled beside requests (live/sampler.c); only the database is asked, once a second. The Require lines of httpd
 * decide who may read them.
 */
#include "api/api.h"
#include "api/shared.h"

#include <math.h>
#include <string.h>

#define RATE_EXAMPLE "1843.2"
#define MINUTES      "60"

/* clang-format off */
static const forge_field_t uptime_fields[] = {
    {"service_seconds", FORGE_T_INT, .example = "86400",
     .help = "since the figures began; a graceful restart keeps them"},
    {"machine_seconds", FORGE_T_INT, FORGE_F_NULLABLE, .example = "864000", .help = "since the machine was started"},
    {.name = NULL},
};
static const forge_field_t cpu_fields[] = {
    {"percent", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "12.5",
     .help = "busy share, of the limit where there is one"},
    {"cores", FORGE_T_INT, FORGE_F_NULLABLE, .example = "8", .help = "processors of the machine"},
    {"limit_cores", FORGE_T_NUMBER, FORGE_F_NULLABLE, .help = "processors that the container may use; null: all"},
    {.name = NULL},
};
static const forge_field_t load_fields[] = {
    {"one", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.7", .help = "average of the last minute"},
    {"five", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.5", .help = "of five minutes"},
    {"fifteen", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.4", .help = "of fifteen minutes"},
    {.name = NULL},
};
static const forge_field_t memory_fields[] = {
    {"total_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = "16777216000",
     .help = "of the machine, or the limit of the container"},
    {"used_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = "4194304000",
     .help = "without what the kernel can drop at once"},
    {"available_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = "12582912000", .help = "total less used"},
    {"percent", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "25", .help = "used of total"},
    {"limit_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .help = "limit of the container; null: none"},
    {"swap_total_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = "0", .help = "of the machine"},
    {"swap_used_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = "0", .help = "of the machine"},
    {.name = NULL},
};
static const forge_field_t disk_fields[] = {
    {"path", FORGE_T_TEXT, .example = "/", .help = "a path in the file system"},
    {"total_bytes", FORGE_T_INT, .example = "107374182400", .help = "used and free"},
    {"used_bytes", FORGE_T_INT, .example = "53687091200", .help = "used"},
    {"free_bytes", FORGE_T_INT, .example = "53687091200", .help = "free for others than root"},
    {"percent", FORGE_T_NUMBER, .example = "50", .help = "used of total"},
    {.name = NULL},
};
static const forge_field_t network_fields[] = {
    {"rx_bytes_per_second", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = RATE_EXAMPLE, .help = "received"},
    {"tx_bytes_per_second", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = RATE_EXAMPLE, .help = "sent"},
    {.name = NULL},
};
static const forge_field_t disk_io_fields[] = {
    {"read_bytes_per_second", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = RATE_EXAMPLE, .help = "read from disks"},
    {"write_bytes_per_second", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = RATE_EXAMPLE, .help = "written to disks"},
    {.name = NULL},
};
static const forge_field_t processes_fields[] = {
    {"total", FORGE_T_INT, FORGE_F_NULLABLE, .example = "120",
     .help = "of the machine, as far as this server may see them"},
    {"running", FORGE_T_INT, FORGE_F_NULLABLE, .example = "2", .help = "threads that run or could run"},
    {"httpd", FORGE_T_INT, FORGE_F_NULLABLE, .example = "3", .help = "of this server, its parent included"},
    {"httpd_rss_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = "94371840",
     .help = "their memory; what they share counts in each"},
    {"threads", FORGE_T_INT, FORGE_F_NULLABLE, .example = "2070", .help = "their threads"},
    {.name = NULL},
};
static const forge_field_t requests_fields[] = {
    {"per_second", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "240.4", .help = "answered in the last five seconds"},
    {"error_rate", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0", .help = "share of 5xx answers, 0 to 1"},
    {"p50", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.004", .help = "seconds; null: there was no request"},
    {"p95", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.02", .help = "seconds"},
    {"p99", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "0.05", .help = "seconds"},
    {"in_flight", FORGE_T_INT, FORGE_F_NULLABLE, .example = "3", .help = "requests that were being served"},
    {.name = NULL},
};
static const forge_field_t database_fields[] = {
    {"status", FORGE_T_TEXT, .format = "enum:connected|disconnected", .named = "DatabaseState", .example = "connected",
     .help = "asked once a second"},
    {"size", FORGE_T_INT, FORGE_F_NULLABLE, .example = "16", .help = "connections that may be open in all processes"},
    {"busy", FORGE_T_INT, FORGE_F_NULLABLE, .example = "2", .help = "connections in use"},
    {"waiting", FORGE_T_INT, FORGE_F_NULLABLE, .example = "0", .help = "requests that waited for one"},
    {.name = NULL},
};
static const forge_field_t containers_fields[] = {
    {"enabled", FORGE_T_BOOL, .example = "false", .help = "whether containers are looked at"},
    {"total", FORGE_T_INT, FORGE_F_NULLABLE, .help = "null: nobody has looked at them within a minute"},
    {"running", FORGE_T_INT, FORGE_F_NULLABLE, .help = "that run"},
    {"unhealthy", FORGE_T_INT, FORGE_F_NULLABLE, .help = "whose own check fails"},
    {.name = NULL},
};
static const forge_field_t alert_fields[] = {
    {"name", FORGE_T_TEXT, .example = "cpu", .help = "figure that is watched"},
    {"value", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "91.5", .help = "last value; null: unknown"},
    {"threshold", FORGE_T_NUMBER, .example = "70", .help = "what it should stay below"},
    {"state", FORGE_T_TEXT, .format = "enum:inactive|pending|firing", .named = "AlertState", .example = "firing",
     .help = "pending: over the threshold, but not for long enough"},
    {"since", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME, .help = "since when it is pending or firing"},
    {.name = NULL},
};
static const forge_field_t monitor_fields[] = {
    {"timestamp", FORGE_T_TIME, .example = "2026-01-31T12:00:00.000Z", .help = "when this was put together"},
    {"environment", FORGE_T_TEXT, .example = "production", .help = "value of ForgeEnvironment"},
    {"version", FORGE_T_TEXT, .example = "1.0.0", .help = "version of this module"},
    {"status", FORGE_T_TEXT, .format = "enum:pass|warn|fail", .named = "HealthVerdict", .example = "pass",
     .help = "fail: the database cannot be used; warn: an alert is firing"},
    {"uptime", FORGE_T_OBJECT, .fields = uptime_fields, .named = "Uptime", .help = "seconds"},
    {"cpu", FORGE_T_OBJECT, .fields = cpu_fields, .named = "CpuFigures", .help = "processors"},
    {"load", FORGE_T_OBJECT, .fields = load_fields, .named = "LoadFigures", .help = "load averages"},
    {"memory", FORGE_T_OBJECT, .fields = memory_fields, .named = "MemoryFigures", .help = "memory"},
    {"disk", FORGE_T_ARRAY, .fields = disk_fields, .named = "DiskFigures",
     .help = "file systems of the root, of the logs and of uploads under way, each once"},
    {"network", FORGE_T_OBJECT, .fields = network_fields, .named = "NetworkFigures",
     .help = "all interfaces but the loopback"},
    {"disk_io", FORGE_T_OBJECT, .fields = disk_io_fields, .named = "DiskIoFigures", .help = "all disks"},
    {"processes", FORGE_T_OBJECT, .fields = processes_fields, .named = "ProcessFigures", .help = "processes"},
    {"requests", FORGE_T_OBJECT, .fields = requests_fields, .named = "RequestFigures",
     .help = "requests in all processes of this server"},
    {"database", FORGE_T_OBJECT, .fields = database_fields, .named = "DatabaseFigures",
     .help = "PostgreSQL and the pool of its connections"},
    {"containers", FORGE_T_OBJECT, .fields = containers_fields, .named = "ContainerFigures",
     .help = "containers beside this server"},
    {"alerts", FORGE_T_ARRAY, .fields = alert_fields, .named = "MonitorAlert",
     .help = "figures that are watched, whatever their state"},
    {.name = NULL},
};
static const forge_shape_t monitor = {"Monitor", monitor_fields};

#define SERIES(series, text) \
    {series, FORGE_T_ARRAY, .format = "figure", .example = "[12.5,null]", .help = text}
static const forge_field_t series_fields[] = {
    SERIES("cpu", "per cent"),
    SERIES("memory", "per cent"),
    SERIES("disk", "per cent of the fullest file system"),
    SERIES("load", "average of a minute"),
    SERIES("rx", "bytes received a second"),
    SERIES("tx", "bytes sent a second"),
    SERIES("requests_per_second", "answered"),
    SERIES("error_rate", "share of 5xx answers, 0 to 1"),
    SERIES("p50", "seconds"),
    SERIES("p95", "seconds"),
    SERIES("p99", "seconds"),
    SERIES("in_flight", "requests being served"),
    SERIES("pool_busy", "database connections in use"),
    SERIES("pool_waiting", "requests that wait for one"),
    {.name = NULL},
};
static const forge_field_t history_fields[] = {
    {"interval_seconds", FORGE_T_INT, .example = "5", .help = "between two figures"},
    {"until", FORGE_T_TIME, .example = "2026-01-31T12:00:00.000Z", .help = "when the last ones were sampled"},
    {"names", FORGE_T_ARRAY, .format = "text", .example = "[\"cpu\",\"memory\"]", .help = "members of series"},
    {"series", FORGE_T_OBJECT, .fields = series_fields, .named = "MonitorSeries",
     .help = "arrays of one length, oldest first; null: it was not known then"},
    {.name = NULL},
};
static const forge_shape_t history = {"MonitorHistory", history_fields};

static const forge_field_t span_fields[] = {
    {"minutes", FORGE_T_INT, .min = 1, .max = 60, .preset = MINUTES, .help = "how far to look back"},
    {.name = NULL},
};
static const forge_shape_t span = {NULL, span_fields};

/* Members and what they show, in the order of the tables above. */
typedef struct shown_t {
    const char *name;
    forge_figure_t figure;
} shown_t;
static const shown_t shown_load[] = {
    {"one", FORGE_S_LOAD_1}, {"five", FORGE_S_LOAD_5}, {"fifteen", FORGE_S_LOAD_15}, {NULL, 0}};
static const shown_t shown_memory[] = {
    {"total_bytes", FORGE_S_MEMORY_TOTAL}, {"used_bytes", FORGE_S_MEMORY_USED},
    {"available_bytes", FORGE_S_MEMORY_AVAILABLE},
    {"percent", FORGE_S_MEMORY}, {"limit_bytes", FORGE_S_MEMORY_LIMIT}, {"swap_total_bytes", FORGE_S_SWAP_TOTAL},
    {"swap_used_bytes", FORGE_S_SWAP_USED}, {NULL, 0}};
static const shown_t shown_cpu[] = {
    {"percent", FORGE_S_CPU}, {"cores", FORGE_S_CORES}, {"limit_cores", FORGE_S_CPU_LIMIT}, {NULL, 0}};
static const shown_t shown_network[] = {
    {"rx_bytes_per_second", FORGE_S_RX}, {"tx_bytes_per_second", FORGE_S_TX}, {NULL, 0}};
static const shown_t shown_disk_io[] = {
    {"read_bytes_per_second", FORGE_S_DISK_READ}, {"write_bytes_per_second", FORGE_S_DISK_WRITE}, {NULL, 0}};
static const shown_t shown_processes[] = {
    {"total", FORGE_S_PROCESSES}, {"running", FORGE_S_RUNNING}, {"httpd", FORGE_S_HTTPD},
    {"httpd_rss_bytes", FORGE_S_HTTPD_RSS}, {"threads", FORGE_S_HTTPD_THREADS}, {NULL, 0}};
static const shown_t shown_requests[] = {
    {"per_second", FORGE_S_REQUESTS}, {"error_rate", FORGE_S_ERROR_RATE}, {"p50", FORGE_S_P50}, {"p95", FORGE_S_P95},
    {"p99", FORGE_S_P99}, {"in_flight", FORGE_S_IN_FLIGHT}, {NULL, 0}};
static const shown_t shown_database[] = {
    {"size", FORGE_S_POOL_SIZE}, {"busy", FORGE_S_POOL_BUSY}, {"waiting", FORGE_S_POOL_WAITING}, {NULL, 0}};
static const shown_t shown_series[] = {
    {"cpu", FORGE_S_CPU}, {"memory", FORGE_S_MEMORY}, {"disk", FORGE_S_DISK}, {"load", FORGE_S_LOAD_1},
    {"rx", FORGE_S_RX}, {"tx", FORGE_S_TX}, {"requests_per_second", FORGE_S_REQUESTS},
    {"error_rate", FORGE_S_ERROR_RATE},
    {"p50", FORGE_S_P50}, {"p95", FORGE_S_P95}, {"p99", FORGE_S_P99}, {"in_flight", FORGE_S_IN_FLIGHT},
    {"pool_busy", FORGE_S_POOL_BUSY}, {"pool_waiting", FORGE_S_POOL_WAITING}, {NULL, 0}};
/* clang-format on */

/* Six decimals are more than any of them is good for; a whole number is shown as one. NAN becomes null. */
static double rounded(double figure)
{
    return fabs(figure) < 1e9 ? round(figure * 1e6) / 1e6 : round(figure);
}

static void put_figure(forge_json_t *object, const char *name, double figure)
{
    double n = rounded(figure);
    if (isfinite(n) && n == floor(n) && fabs(n) < 9e15)
        forge_util_json_put_int(object, name, (apr_int64_t)n);
    else
        forge_util_json_put_number(object, name, n);
}

static forge_json_t *put_figures(forge_json_t *object, const char *name, const shown_t *shown,
                                 const forge_sample_t *sample)
{
    forge_json_t *inside = forge_util_json_put_object(object, name);
    for (; shown->name; shown++)
        put_figure(inside, shown->name, sample->of[shown->figure]);
    return inside;
}

static void put_uptime(forge_req_t *q, forge_json_t *answer, const forge_sample_t *sample)
{
    apr_int64_t gauges[FORGE_GAUGES];
    forge_json_t *uptime = forge_util_json_put_object(answer, "uptime");
    forge_live_gauges(q->live, gauges);
    forge_util_json_put_int(uptime, "service_seconds", gauges[FORGE_G_UPTIME]);
    put_figure(uptime, "machine_seconds", floor(sample->of[FORGE_S_UPTIME]));
}

static void put_disks(forge_req_t *q, forge_json_t *answer)
{
    forge_disk_t disks[FORGE_DISKS_MAX];
    forge_json_t *array = forge_util_json_put_array(answer, "disk");
    int n = forge_live_disks(q->live, disks);
    for (int i = 0; i < n; i++) {
        forge_json_t *disk = forge_util_json_add_object(array);
        forge_util_json_put_text(disk, "path", disks[i].path);
        put_figure(disk, "total_bytes", disks[i].total);
        put_figure(disk, "used_bytes", disks[i].used);
        put_figure(disk, "free_bytes", disks[i].free);
        put_figure(disk, "percent", disks[i].percent);
    }
}

static void put_number(forge_json_t *object, const char *name, int n)
{
    if (n < 0)
        forge_util_json_put_null(object, name);
    else
        forge_util_json_put_int(object, name, n);
}

static void put_containers(forge_req_t *q, forge_json_t *answer)
{
    forge_json_t *containers = forge_util_json_put_object(answer, "containers");
    const forge_containers_t figures = forge_live_containers(q->live, forge_config_docker(q->config)->name);
    forge_util_json_put_bool(containers, "enabled", figures.enabled);
    put_number(containers, "total", figures.total);
    put_number(containers, "running", figures.running);
    put_number(containers, "unhealthy", figures.unhealthy);
}

static const char *alert_state(const forge_alert_state_t *now)
{
    return now->firing ? "firing" : now->pending ? "pending" : "inactive";
}

/* All that are watched, whatever their state; whether one fires. */
static bool put_alerts(forge_req_t *q, forge_json_t *answer)
{
    forge_json_t *array = forge_util_json_put_array(answer, "alerts");
    bool firing = false;
    for (int i = 0; i < FORGE_ALERTS; i++) {
        const forge_alert_rule_t *rule = &forge_config_alert(q->config, i)->rule;
        const forge_alert_state_t now = forge_live_alert(q->live, i);
        if (!rule->on)
            continue;
        forge_json_t *alert = forge_util_json_add_object(array);
        forge_util_json_put_text(alert, "name", forge_live_alert_row(i)->name);
        put_figure(alert, "value", now.value);
        put_figure(alert, "threshold", rule->threshold);
        forge_util_json_put_text(alert, "state", alert_state(&now));
        forge_util_json_put_text(alert, "since", now.since ? forge_util_time(q->pool, now.since, 6) : NULL);
        firing = firing || now.firing;
    }
    return firing;
}

/* Whether the database can be used; it is asked once a second, as for /health. */
static bool connected(forge_req_t *q)
{
    int found;
    apr_interval_time_t took;
    return forge_http_db_probe(q, &found, &took) == FORGE_OK;
}

static forge_status_t monitor_get(forge_req_t *q)
{
    forge_sample_t sample;
    bool works = connected(q);
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_live_sample_last(q->live, &sample);
    forge_util_json_put_text(answer, "timestamp", forge_util_time(q->pool, apr_time_now(), 3));
    forge_util_json_put_text(answer, "environment", forge_config_environment(q->config));
    forge_util_json_put_text(answer, "version", FORGE_VERSION);
    forge_util_json_put_null(answer, "status"); /* its place; it is known at the end */
    put_uptime(q, answer, &sample);
    put_figures(answer, "cpu", shown_cpu, &sample);
    put_figures(answer, "load", shown_load, &sample);
    put_figures(answer, "memory", shown_memory, &sample);
    put_disks(q, answer);
    put_figures(answer, "network", shown_network, &sample);
    put_figures(answer, "disk_io", shown_disk_io, &sample);
    put_figures(answer, "processes", shown_processes, &sample);
    put_figures(answer, "requests", shown_requests, &sample);
    forge_json_t *database = put_figures(answer, "database", shown_database, &sample);
    forge_util_json_put_text(database, "status", works ? "connected" : "disconnected");
    put_containers(q, answer);
    const bool firing = put_alerts(q, answer);
    forge_util_json_put_text(answer, "status", !works ? "fail" : firing ? "warn" : "pass");
    forge_reply_header(q, "Cache-Control", "no-store");
    return forge_reply_json(q, answer);
}

static forge_status_t history_get(forge_req_t *q)
{
    const int n = (int)(forge_core_input_int(q->query, "minutes", 0) * 60 * APR_USEC_PER_SEC / FORGE_SAMPLE_EVERY);
    forge_sample_t *samples = apr_palloc(q->pool, (apr_size_t)n * sizeof(*samples));
    apr_time_t until;
    forge_live_sample_history(q->live, n, samples, &until);
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_util_json_put_int(answer, "interval_seconds", apr_time_sec(FORGE_SAMPLE_EVERY));
    forge_util_json_put_text(answer, "until", forge_util_time(q->pool, until, 3));
    forge_json_t *names = forge_util_json_put_array(answer, "names");
    forge_json_t *series = forge_util_json_put_object(answer, "series");
    for (const shown_t *shown = shown_series; shown->name; shown++) {
        forge_util_json_add_text(names, shown->name);
        forge_json_t *figures = forge_util_json_put_array(series, shown->name);
        for (int i = 0; i < n; i++)
            forge_util_json_add_number(figures, rounded(samples[i].of[shown->figure]));
    }
    forge_reply_header(q, "Cache-Control", "no-store");
    return forge_reply_json(q, answer);
}

static const forge_status_t errors[] = {FORGE_E_FORBIDDEN, FORGE_OK};

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/monitor", FORGE_ROLE_NONE, .reply = &monitor, .errors = errors, .handle = monitor_get,
     .operation = "monitor", .summary = "The machine and the service at a glance",
     .description = "Figures of this node, sampled every five seconds. In a container with limits of its own, "
         "processors and memory are shares of those. What cannot be known is null. The server's "
         "configuration says who may read them."},
    {FORGE_GET, "/monitor/history", FORGE_ROLE_NONE, .query = &span, .reply = &history, .errors = errors,
     .handle = history_get, .operation = "monitor_history", .summary = "The figures of the last hour",
     .description = "One figure for each five seconds, kept in memory. The server's configuration says who may read "
         "them."},
};
/* clang-format on */

const forge_routes_t forge_api_system = FORGE_API_ROUTES(routes, &forge_api_tag_monitoring);
