/* SPDX-License-Identifier: Apache-2.0
 * Figures for machines and people: /metrics and /performance. The Require lines of httpd decide who may read them.
 */
#include "api/api.h"
#include "api/shared.h"
#include "core/wire/wire.h"

#include <apr_strings.h>
#include <string.h>

#define FIGURES_MAX       (16 * 1024 * 1024)
#define TEXT_MEDIA        "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS_MEDIA "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* clang-format off */
static const forge_field_t summary_fields[] = {
    {"total_requests", FORGE_T_INT, .example = "1200", .help = "requests since counting began"},
    {"avg_response_time", FORGE_T_NUMBER, .example = "0.012", .help = "seconds"},
    {"error_rate", FORGE_T_NUMBER, .example = "0.004", .help = "share of 5xx answers, 0 to 1"},
    {"endpoint_count", FORGE_T_INT, .example = "14", .help = "endpoints that received requests"},
    {"p95_response_time", FORGE_T_NUMBER, .example = "0.05", .help = "seconds; 95 of 100 requests were faster"},
    {.name = NULL},
};
static const forge_field_t system_fields[] = {
    {"cpu_avg", FORGE_T_NUMBER, .example = "12.5", .help = "per cent"},
    {"memory_avg", FORGE_T_NUMBER, .example = "40.1", .help = "per cent"},
    {"disk_avg", FORGE_T_NUMBER, .example = "55.0", .help = "per cent"},
    {.name = NULL},
};
static const forge_field_t endpoint_fields[] = {
    {"count", FORGE_T_INT, .example = "10", .help = "requests since counting began"},
    {"avg_response_time", FORGE_T_NUMBER, .example = "0.01", .help = "seconds"},
    {"p95_response_time", FORGE_T_NUMBER, .example = "0.02", .help = "seconds; 95 of 100 requests were faster"},
    {"error_rate", FORGE_T_NUMBER, .example = "0", .help = "share of 5xx answers, 0 to 1"},
    {.name = NULL},
};
static const forge_field_t figures_fields[] = {
    {"summary", FORGE_T_OBJECT, .fields = summary_fields, .named = "PerformanceSummary",
     .help = "all endpoints together"},
    {"endpoints", FORGE_T_OBJECT, .format = "map", .fields = endpoint_fields, .named = "EndpointFigures",
     .example = "{\"GET /api/v1/courses\":"
         "{\"count\":10,\"avg_response_time\":0.01,\"p95_response_time\":0.02,\"error_rate\":0}}",
     .help = "by method and route template"},
    {"system", FORGE_T_OBJECT, .fields = system_fields, .named = "SystemLoad", .help = "load of the machine"},
    {.name = NULL},
};
static const forge_shape_t figures = {"Performance", figures_fields};
/* clang-format on */

/* Does the client ask for OpenMetrics by name? Prometheus does. */
static bool wants_openmetrics(forge_req_t *q)
{
    static const char name[] = "application/openmetrics-text";
    char *accept = apr_pstrdup(q->pool, forge_http_header(q, "Accept"));
    for (char *c = accept; c && *c; c++)
        *c = forge_util_lower(*c);
    return accept && strstr(accept, name) && forge_core_accepts(accept, name);
}

static forge_status_t metrics(forge_req_t *q)
{
    bool open = wants_openmetrics(q);
    forge_buf_t *b = forge_util_buf_make(q->pool, 65536, FIGURES_MAX);
    const char *why;
    if (q->server->runner)
        forge_http_sandbox_probe(q, &why); /* its figures */
    forge_http_members_write(q, b, open);
    forge_live_metrics_write(q->live, b, open, FORGE_VERSION);
    forge_reply_header(q, "Vary", "Accept");
    return forge_reply_buf(q, b, open ? OPENMETRICS_MEDIA : TEXT_MEDIA);
}

static forge_status_t performance(forge_req_t *q)
{
    forge_buf_t *b = forge_util_buf_make(q->pool, 16384, FIGURES_MAX);
    forge_live_performance_write(q->live, b);
    return forge_reply_buf(q, b, NULL);
}

static const forge_status_t errors[] = {FORGE_E_FORBIDDEN, FORGE_OK};
/* It is not limited, but the look into the database that an unknown API key costs is. */
static const forge_status_t metrics_errors[] = {FORGE_E_FORBIDDEN, FORGE_E_RATE_LIMITED, FORGE_OK};

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/metrics", FORGE_ROLE_NONE, .flags = FORGE_R_ROOT | FORGE_R_RAW, .part = FORGE_PART_METRICS,
     .limit = FORGE_LIMIT_NONE, .errors = metrics_errors, .handle = metrics, .media = TEXT_MEDIA "|" OPENMETRICS_MEDIA,
     .sample = "# TYPE forge_rate_limit_keys gauge\n"
         "# HELP forge_rate_limit_keys Clients that are counted.\n"
         "forge_rate_limit_keys 12\n"
         "# EOF\n",
     .operation = "metrics", .summary = "Metrics for Prometheus",
     .description = "Figures of all processes, in Prometheus text format, or in OpenMetrics when Accept asks for it. "
         "The server's configuration says who may read them."},
    {FORGE_GET, "/performance", FORGE_ROLE_NONE, .reply = &figures, .errors = errors, .handle = performance,
     .operation = "performance", .summary = "Response times by endpoint",
     .description = "Counts, means, 95th percentiles and error rates. Times are in seconds, rates are ratios. The "
         "server's configuration says who may read them."},
};
/* clang-format on */

const forge_routes_t forge_api_monitor = FORGE_API_ROUTES(routes, &forge_api_tag_monitoring);
