/* SPDX-License-Identifier: Apache-2.0
 * The values of metrics.def: gauges are collected from where they are kept, counters are read.
 */
#include "live_private.h"

/* A child that dies between two updates can leave a sum below zero for a moment; that is shown as 0. */
static apr_int64_t positive(uint64_t n)
{
    return (int64_t)n < 0 ? 0 : (apr_int64_t)n;
}

/* Of all databases. */
static void put_jobs(const forge_live_segment_t *segment, apr_int64_t figures[FORGE_GAUGES])
{
    apr_int64_t *queued = &figures[FORGE_G_JOB_QUEUED], *running = &figures[FORGE_G_JOB_RUNNING],
                *oldest = &figures[FORGE_G_JOB_OLDEST];
    *queued = *running = *oldest = 0;
    for (int i = 0; i < FORGE_LIVE_REALMS; i++) {
        const forge_live_realm_t *at = &segment->realms[i];
        apr_int64_t waits = (apr_int64_t)forge_live_load(&at->jobs_oldest);
        *queued += (apr_int64_t)forge_live_load(&at->jobs_queued);
        *running += (apr_int64_t)forge_live_load(&at->jobs_running);
        *oldest = waits > *oldest ? waits : *oldest;
    }
}

/* The same for what the census says. */
static void put_census(const forge_live_segment_t *segment, apr_int64_t figures[FORGE_GAUGES])
{
    apr_int64_t *oldest = &figures[FORGE_G_MAIL_OLDEST];
    figures[FORGE_G_SESSIONS] = figures[FORGE_G_GUESTS] = figures[FORGE_G_MAILS] = *oldest = 0;
    for (int i = 0; i < FORGE_LIVE_REALMS; i++) {
        const forge_live_realm_t *at = &segment->realms[i];
        apr_int64_t waits = (apr_int64_t)forge_live_load(&at->mails_oldest);
        figures[FORGE_G_SESSIONS] += (apr_int64_t)forge_live_load(&at->sessions);
        figures[FORGE_G_GUESTS] += (apr_int64_t)forge_live_load(&at->guests);
        figures[FORGE_G_MAILS] += (apr_int64_t)forge_live_load(&at->mails);
        *oldest = waits > *oldest ? waits : *oldest;
    }
}

/* For any of its databases. */
static apr_int64_t leads(const forge_live_segment_t *segment)
{
    bool any = false;
    for (int i = 0; i < FORGE_LIVE_REALMS && !any; i++)
        any = forge_live_vouched(&segment->realms[i], forge_util_uptime()) && forge_live_load(&segment->realms[i].one);
    return any;
}

/* Without any pool there is no database to speak of. */
static apr_int64_t database_up(const forge_live_process_t *sum)
{
    return positive(sum->pool_size) == 0 ? FORGE_GAUGE_UNKNOWN : positive(sum->pools_away) == 0;
}

/* Of the worst one, where there are several; no samples where none was ever asked. */
static void put_replicas(const forge_live_t *live, const forge_live_process_t *sum, apr_int64_t figures[FORGE_GAUGES])
{
    const forge_replica_state_t worst = forge_live_replica_worst(live);
    figures[FORGE_G_REPLICA_UP] = worst.known ? worst.up : FORGE_GAUGE_UNKNOWN;
    figures[FORGE_G_REPLICA_LAG] = worst.known ? apr_time_sec(worst.lag) : FORGE_GAUGE_UNKNOWN;
    figures[FORGE_G_REPLICA_BYTES] = worst.known ? worst.bytes : FORGE_GAUGE_UNKNOWN;
    figures[FORGE_G_REPLICA_SIZE] = positive(sum->replica_size);
    figures[FORGE_G_REPLICA_BUSY] = positive(sum->replica_busy);
}

void forge_live_gauges(forge_live_t *live, apr_int64_t figures[FORGE_GAUGES])
{
    forge_live_process_t sum;
    forge_live_process_sum(live, &sum);
    figures[FORGE_G_IN_FLIGHT] = positive(sum.in_flight);
    figures[FORGE_G_POOL_SIZE] = positive(sum.pool_size);
    figures[FORGE_G_POOL_BUSY] = positive(sum.pool_busy);
    figures[FORGE_G_POOL_WAITING] = positive(sum.pool_waiting);
    figures[FORGE_G_HELD_LONG] = forge_live_leases_long(live, NULL, 0);
    figures[FORGE_G_LIMIT_KEYS] = (apr_int64_t)forge_live_limit_keys(live);
    figures[FORGE_G_HASH_IN_USE] = forge_live_gate_held(live);
    figures[FORGE_G_HASH_WAITING] = forge_live_gate_waiting(live);
    figures[FORGE_G_RUN_REQUESTS] = positive(sum.run_requests);
    figures[FORGE_G_CALL_REQUESTS] = positive(sum.call_requests);
    figures[FORGE_G_RUN_IN_USE] = (apr_int64_t)forge_live_load(&live->segment->runs_in_use);
    figures[FORGE_G_RUN_QUEUE] = (apr_int64_t)forge_live_load(&live->segment->runs_queue);
    figures[FORGE_G_SOCKETS] = positive(sum.sockets);
    figures[FORGE_G_STREAMS] = forge_live_streams_open(live);
    put_jobs(live->segment, figures);
    put_census(live->segment, figures);
    put_replicas(live, &sum, figures);
    figures[FORGE_G_DB_UP] = database_up(&sum);
    figures[FORGE_G_SANDBOX_UP] = (apr_int64_t)forge_live_load(&live->segment->sandbox) - 1;
    forge_live_discovery_gauges(live, &figures[FORGE_G_DISCOVERY_LAST], &figures[FORGE_G_DISCOVERY_FULL]);
    for (int i = 0; i < FORGE_ALERTS; i++)
        figures[FORGE_G_ALERT_CPU + i] = forge_live_alert(live, i).firing;
    figures[FORGE_G_LEADS] = leads(live->segment);
    figures[FORGE_G_REVOCATIONS] = (apr_int64_t)forge_live_revocations(live);
    figures[FORGE_G_UPTIME] =
        apr_time_sec(forge_util_monotonic() + live->segment->wall_offset - live->segment->started);
}

apr_int64_t forge_live_counter(const forge_live_t *live, forge_counter_t which)
{
    return (apr_int64_t)forge_live_load(&live->segment->counters[which]);
}

apr_int64_t forge_live_requests(const forge_live_t *live)
{
    const forge_live_segment_t *segment = live->segment;
    uint32_t slots = __atomic_load_n(&segment->labelled, __ATOMIC_ACQUIRE);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < slots; i++)
        for (int status = 0; status < FORGE_LIVE_STATUSES; status++)
            sum += forge_live_load(&segment->slots[i].statuses[status]);
    return (apr_int64_t)sum;
}
