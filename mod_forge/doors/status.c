/* SPDX-License-Identifier: Apache-2.0
 * The Forge part of mod_status' page, for people and with ?auto for programs: a choice of the figures that /metrics has in full.
 */
#include "doors_private.h"

#include <httpd.h>
#include <http_protocol.h>
#include <mod_status.h>
#include <apr_optional_hooks.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

/* Rows of the page: the series whose values are added up, as /metrics spells their beginning. One that is not there is left out. */
static const struct {
    const char *series, *shown, *key;
} figures[] = {
    {"forge_http_requests_total{", "Requests answered", "ForgeRequests"},
    {"forge_http_requests_in_flight ", "Requests being served", "ForgeRequestsInFlight"},
    {"forge_db_pool_connections{state=\"size\"}", "Database connections that may be open", "ForgePoolSize"},
    {"forge_db_pool_connections{state=\"busy\"}", "Database connections in use", "ForgePoolBusy"},
    {"forge_db_pool_connections{state=\"waiting\"}", "Requests waiting for a database connection", "ForgePoolWaiting"},
    {"forge_db_wait_timeouts_total ", "Requests that waited in vain for one", "ForgePoolTimeouts"},
    {"forge_db_unavailable_total ", "Requests that met a database which was down", "ForgeDatabaseDown"},
    {"forge_password_hash_in_use ", "Password hashes being computed", "ForgeHashesInUse"},
    {"forge_password_hash_waiting ", "Requests waiting for a password hash", "ForgeHashesWaiting"},
    {"forge_logins_total{outcome=\"ok\"}", "Logins", "ForgeLogins"},
    {"forge_logins_total{outcome=\"failed\"}", "Logins that failed", "ForgeLoginsFailed"},
    {"forge_rate_limited_total{", "Requests refused by rate limits", "ForgeRateLimited"},
    {"forge_rate_limit_keys ", "Keys in the table of limits", "ForgeRateLimitKeys"},
    {"forge_revocations ", "Revocations remembered", "ForgeRevocations"},
};

/* The sum of a series' samples in the text of /metrics; false when it has none. */
static bool sum_of(const char *text, const char *series, apr_int64_t *sum)
{
    apr_size_t len = strlen(series);
    bool found = false;
    *sum = 0;
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, series, len) != 0)
            continue;
        const char *value = series[len - 1] == '{' ? strstr(line, "} ") : line + len - 1;
        found = value != NULL;
        *sum += found ? (apr_int64_t)strtod(value + 1, NULL) : 0;
    }
    return found;
}

static int show(request_rec *r, int flags)
{
    const forge_server_t *server = forge_http_server(r->server);
    apr_int64_t sum;
    if (!server)
        return DECLINED;
    forge_buf_t *b = forge_util_buf_make(r->pool, 16384, FORGE_LIVE_TEXT_MAX);
    forge_live_metrics_write(server->live, b, false, FORGE_VERSION);
    forge_util_buf_add(b, "", 1);
    if (b->failed)
        return DECLINED;
    if (!(flags & AP_STATUS_SHORT))
        ap_rputs("<hr />\n<h2>Forge</h2>\n<dl>\n", r);
    for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++)
        if (sum_of(b->data, figures[i].series, &sum))
            ap_rprintf(r, flags & AP_STATUS_SHORT ? "%s: %" APR_INT64_T_FMT "\n" : "<dt>%s: %" APR_INT64_T_FMT "</dt>\n",
                       flags & AP_STATUS_SHORT ? figures[i].key : figures[i].shown, sum);
    if (!(flags & AP_STATUS_SHORT))
        ap_rputs("</dl>\n", r);
    return OK;
}

void forge_http_status_register(apr_pool_t *p)
{
    (void)p;
    APR_OPTIONAL_HOOK(ap, status_hook, show, NULL, NULL, APR_HOOK_MIDDLE);
}
