/* SPDX-License-Identifier: Apache-2.0
 * The Forge part of mod_status' page, for people and, with ?auto, for programs: a selection of the figures in /metrics.
 */
#include "doors_private.h"

#include <httpd.h>
#include <http_protocol.h>
#include <mod_status.h>
#include <apr_optional_hooks.h>

typedef enum source_t { REQUESTS, COUNTER, GAUGE, LIMITED } source_t; /* LIMITED: the sum over all classes of limits */

/* Rows of the page: a figure of live/metrics.def, and its names for people and for programs. */
static const struct {
    source_t source;
    int which;
    const char *shown, *key;
} figures[] = {
    {REQUESTS, 0, "Requests answered", "ForgeRequests"},
    {GAUGE, FORGE_G_IN_FLIGHT, "Requests being served", "ForgeRequestsInFlight"},
    {GAUGE, FORGE_G_POOL_SIZE, "Database connections that may be open", "ForgePoolSize"},
    {GAUGE, FORGE_G_POOL_BUSY, "Database connections in use", "ForgePoolBusy"},
    {GAUGE, FORGE_G_POOL_WAITING, "Requests waiting for a database connection", "ForgePoolWaiting"},
    {COUNTER, FORGE_C_DB_WAIT_TIMEOUT, "Requests that got no database connection in time", "ForgePoolTimeouts"},
    {COUNTER, FORGE_C_DB_DOWN, "Requests that failed because the database was down", "ForgeDatabaseDown"},
    {GAUGE, FORGE_G_HASH_IN_USE, "Password hashes being computed", "ForgeHashesInUse"},
    {GAUGE, FORGE_G_HASH_WAITING, "Requests waiting for a password hash", "ForgeHashesWaiting"},
    {COUNTER, FORGE_C_LOGIN_OK, "Logins", "ForgeLogins"},
    {COUNTER, FORGE_C_LOGIN_FAILED, "Failed logins", "ForgeLoginsFailed"},
    {LIMITED, 0, "Requests refused by rate limits", "ForgeRateLimited"},
    {GAUGE, FORGE_G_LIMIT_KEYS, "Keys in the rate-limit table", "ForgeRateLimitKeys"},
    {GAUGE, FORGE_G_REVOCATIONS, "Revocations in memory", "ForgeRevocations"},
};

static apr_int64_t limited(const forge_live_t *live)
{
    apr_int64_t sum = 0;
    for (int class = 0; class < FORGE_LIMIT_CLASSES; class ++)
        sum += forge_live_counter(live, (forge_counter_t)(FORGE_C_RATE_LIMITED + class));
    return sum;
}

static apr_int64_t figure(const forge_live_t *live, source_t source, int which, const apr_int64_t *gauges)
{
    switch (source) {
    case REQUESTS:
        return forge_live_requests(live);
    case COUNTER:
        return forge_live_counter(live, (forge_counter_t)which);
    case GAUGE:
        return gauges[which];
    default:
        return limited(live);
    }
}

static int show(request_rec *r, int flags)
{
    const forge_server_t *server = forge_server_of(r->server);
    apr_int64_t gauges[FORGE_GAUGES];
    if (!server)
        return DECLINED;
    forge_live_gauges(server->live, gauges);
    if (!(flags & AP_STATUS_SHORT))
        ap_rputs("<hr />\n<h2>Forge</h2>\n<dl>\n", r);
    for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++)
        ap_rprintf(r, flags & AP_STATUS_SHORT ? "%s: %" APR_INT64_T_FMT "\n" : "<dt>%s: %" APR_INT64_T_FMT "</dt>\n",
                   flags & AP_STATUS_SHORT ? figures[i].key : figures[i].shown,
                   figure(server->live, figures[i].source, figures[i].which, gauges));
    if (!(flags & AP_STATUS_SHORT))
        ap_rputs("</dl>\n", r);
    return OK;
}

void forge_doors_status_register(apr_pool_t *p)
{
    (void)p;
    APR_OPTIONAL_HOOK(ap, status_hook, show, NULL, NULL, APR_HOOK_MIDDLE);
}
