/* SPDX-License-Identifier: Apache-2.0
 * The Forge part of mod_status' page, for people and, with ?auto, for programs: a selection of the figures in /metrics.
 */
#include "doors_private.h"

#include <httpd.h>
#include <http_protocol.h>
#include <mod_status.h>
#include <apr_optional_hooks.h>

/* SUM: of all counters from the one to the other, which stand together in metrics.def. */
typedef enum source_t { REQUESTS, COUNTER, GAUGE, SUM } source_t;

/* Rows of the page: a figure of live/metrics.def, and its names for people and for programs. */
static const struct {
    source_t source;
    int which, last;
    const char *shown, *key;
} figures[] = {
    /* clang-format off */
    {GAUGE, FORGE_G_UPTIME, 0, "Seconds since these figures started", "ForgeUptime"},
    {REQUESTS, 0, 0, "Requests answered", "ForgeRequests"},
    {GAUGE, FORGE_G_IN_FLIGHT, 0, "Requests being served", "ForgeRequestsInFlight"},
    {GAUGE, FORGE_G_STREAMS, 0, "Streams of events that are open", "ForgeStreams"},
    {GAUGE, FORGE_G_POOL_SIZE, 0, "Database connections that may be open", "ForgePoolSize"},
    {GAUGE, FORGE_G_POOL_BUSY, 0, "Database connections in use", "ForgePoolBusy"},
    {GAUGE, FORGE_G_POOL_WAITING, 0, "Requests waiting for a database connection", "ForgePoolWaiting"},
    {COUNTER, FORGE_C_DB_WAIT_TIMEOUT, 0, "Requests that got no database connection in time", "ForgePoolTimeouts"},
    {COUNTER, FORGE_C_DB_DOWN, 0, "Requests that failed because the database was down", "ForgeDatabaseDown"},
    {GAUGE, FORGE_G_HASH_IN_USE, 0, "Password hashes being computed", "ForgeHashesInUse"},
    {GAUGE, FORGE_G_HASH_WAITING, 0, "Requests waiting for a password hash", "ForgeHashesWaiting"},
    {COUNTER, FORGE_C_HASH_REFUSED, 0, "Requests refused because too many waited for a hash", "ForgeHashesRefused"},
    {COUNTER, FORGE_C_LOGIN_OK, 0, "Logins", "ForgeLogins"},
    {COUNTER, FORGE_C_LOGIN_FAILED, 0, "Failed logins", "ForgeLoginsFailed"},
    {SUM, FORGE_C_RATE_LIMITED, FORGE_C_RATE_LIMITED + FORGE_LIMIT_CLASSES - 1, "Requests refused by rate limits",
     "ForgeRateLimited"},
    {GAUGE, FORGE_G_LIMIT_KEYS, 0, "Keys in the rate-limit table", "ForgeRateLimitKeys"},
    {GAUGE, FORGE_G_REVOCATIONS, 0, "Revocations in memory", "ForgeRevocations"},
    {GAUGE, FORGE_G_RUN_IN_USE, 0, "Programs running in the sandbox", "ForgeSandboxInUse"},
    {GAUGE, FORGE_G_RUN_QUEUE, 0, "Programs waiting for the sandbox", "ForgeSandboxQueue"},
    {SUM, FORGE_C_RUN_OK, FORGE_C_RUN_SANDBOX_ERROR, "Programs that the sandbox has run", "ForgeSandboxRuns"},
    {SUM, FORGE_C_RUN_FULL, FORGE_C_RUN_SHARE, "Requests refused because too many programs waited",
     "ForgeSandboxRefused"},
    {GAUGE, FORGE_G_CALL_REQUESTS, 0, "Requests waiting for the language model", "ForgeModelWaiting"},
    {GAUGE, FORGE_G_JOB_QUEUED, 0, "Jobs that wait", "ForgeJobsQueued"},
    {GAUGE, FORGE_G_JOB_RUNNING, 0, "Jobs that run", "ForgeJobsRunning"},
    {GAUGE, FORGE_G_JOB_OLDEST, 0, "Seconds for which the job waits that is due longest", "ForgeJobsOldest"},
    {COUNTER, FORGE_C_JOB_DONE, 0, "Jobs done by this node", "ForgeJobsDone"},
    {COUNTER, FORGE_C_JOB_FAILED, 0, "Jobs that failed for good on this node", "ForgeJobsFailed"},
    {COUNTER, FORGE_C_LOG_LOST, 0, "Lines that could not be written to logs", "ForgeLogLinesLost"},
    /* clang-format on */
};

static apr_int64_t sum(const forge_live_t *live, int which, int last)
{
    apr_int64_t all = 0;
    for (; which <= last; which++)
        all += forge_live_counter(live, (forge_counter_t)which);
    return all;
}

static apr_int64_t figure(const forge_live_t *live, size_t i, const apr_int64_t *gauges)
{
    switch (figures[i].source) {
    case REQUESTS:
        return forge_live_requests(live);
    case COUNTER:
        return forge_live_counter(live, (forge_counter_t)figures[i].which);
    case GAUGE:
        return gauges[figures[i].which];
    default:
        return sum(live, figures[i].which, figures[i].last);
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
                   flags & AP_STATUS_SHORT ? figures[i].key : figures[i].shown, figure(server->live, i, gauges));
    if (!(flags & AP_STATUS_SHORT))
        ap_rputs("</dl>\n", r);
    return OK;
}

void forge_doors_status_register(apr_pool_t *p)
{
    (void)p;
    APR_OPTIONAL_HOOK(ap, status_hook, show, NULL, NULL, APR_HOOK_MIDDLE);
}
