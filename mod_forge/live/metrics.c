/* SPDX-License-Identifier: Apache-2.0
 * Counters and histograms: relaxed atomics in the shared segment, so that no request is lost when a child dies or is
 * replaced.
 */
#include "live_private.h"
#include <errno.h>
#include <string.h>

/* 200 ms is a bound because the shipped alert compares p95 with it. OpenMetrics requires the point in whole numbers. */
const forge_live_bound_t forge_live_bounds[FORGE_LIVE_BUCKETS - 1] = {
    {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},    {25000, "0.025"},
    {50000, "0.05"},  {100000, "0.1"},  {200000, "0.2"},  {250000, "0.25"},   {500000, "0.5"},
    {1000000, "1.0"}, {2500000, "2.5"}, {5000000, "5.0"}, {10000000, "10.0"},
};

/* --- Histograms --- */

int forge_live_bucket(apr_interval_time_t took)
{
    int i = 0;
    while (i < FORGE_LIVE_BUCKETS - 1 && took > forge_live_bounds[i].usec)
        i++;
    return i;
}

void forge_live_histogram_add(forge_live_histogram_t *h, apr_interval_time_t took)
{
    if (took < 0) /* the clock was set back meanwhile */
        took = 0;
    forge_live_add(&h->buckets[forge_live_bucket(took)], 1);
    forge_live_add(&h->sum, (uint64_t)took);
}

void forge_live_histogram_merge(forge_live_histogram_t *into, const forge_live_histogram_t *h)
{
    for (int i = 0; i < FORGE_LIVE_BUCKETS; i++)
        into->buckets[i] += forge_live_load(&h->buckets[i]);
    into->sum += forge_live_load(&h->sum);
}

uint64_t forge_live_histogram_count(const forge_live_histogram_t *h)
{
    uint64_t count = 0;
    for (int i = 0; i < FORGE_LIVE_BUCKETS; i++)
        count += forge_live_load(&h->buckets[i]);
    return count;
}

double forge_live_histogram_quantile(const forge_live_histogram_t *h, double q)
{
    double rank = q * (double)forge_live_histogram_count(h), below = 0;
    for (int i = 0; i < FORGE_LIVE_BUCKETS - 1; i++) {
        double here = (double)forge_live_load(&h->buckets[i]);
        double low = i ? (double)forge_live_bounds[i - 1].usec : 0;
        if (here > 0 && below + here >= rank)
            return low + ((double)forge_live_bounds[i].usec - low) * (rank - below) / here;
        below += here;
    }
    return below > 0 || rank > 0 ? (double)forge_live_bounds[FORGE_LIVE_BUCKETS - 2].usec : 0;
}

/* --- Routes --- */

static int slot_find(const forge_live_segment_t *segment, const forge_live_label_t *label)
{
    for (uint32_t i = FORGE_LIVE_SLOT_OTHER + 1; i < __atomic_load_n(&segment->labelled, __ATOMIC_ACQUIRE); i++) {
        if (strcmp(segment->slots[i].method, label->method) == 0 && strcmp(segment->slots[i].route, label->route) == 0)
            return (int)i;
    }
    return FORGE_LIVE_SLOT_OTHER;
}

/* Writes the name before it publishes the slot, because old children read while the parent adds. A name without room
 * counts as other. */
static int slot_append(forge_live_segment_t *segment, const forge_live_label_t *label)
{
    size_t method = strlen(label->method) + 1, route = strlen(label->route) + 1;
    if (segment->labelled == FORGE_LIVE_SLOTS || method > FORGE_LIVE_METHOD_BYTES || route > FORGE_LIVE_ROUTE_BYTES)
        return FORGE_LIVE_SLOT_OTHER;
    forge_live_slot_t *slot = &segment->slots[segment->labelled];
    memcpy(slot->method, label->method, method);
    memcpy(slot->route, label->route, route);
    __atomic_store_n(&segment->labelled, segment->labelled + 1, __ATOMIC_RELEASE);
    return (int)segment->labelled - 1;
}

static void labelling_lock(forge_live_segment_t *segment)
{
    if (pthread_mutex_lock(&segment->labelling) == EOWNERDEAD)
        pthread_mutex_consistent(&segment->labelling);
}

int forge_live_metrics_gateway(forge_live_t *live, const forge_live_label_t *label)
{
    forge_live_segment_t *segment = live->segment;
    int slot = slot_find(segment, label);
    if (slot != FORGE_LIVE_SLOT_OTHER)
        return slot;
    labelling_lock(segment);
    slot = slot_find(segment, label);
    if (slot == FORGE_LIVE_SLOT_OTHER && segment->gateways < FORGE_LIVE_GATEWAYS) {
        slot = slot_append(segment, label);
        segment->gateways += slot != FORGE_LIVE_SLOT_OTHER;
    }
    pthread_mutex_unlock(&segment->labelling);
    return slot;
}

const int *forge_live_metrics_routes(forge_live_t *live, apr_pool_t *p, const forge_live_label_t *labels, int n)
{
    int *map = apr_pcalloc(p, sizeof(*map) * (apr_size_t)(n > 0 ? n : 1));
    labelling_lock(live->segment);
    for (int i = 0; i < n; i++) {
        map[i] = slot_find(live->segment, &labels[i]);
        if (map[i] == FORGE_LIVE_SLOT_OTHER)
            map[i] = slot_append(live->segment, &labels[i]);
    }
    pthread_mutex_unlock(&live->segment->labelling);
    return map;
}

/* --- Requests --- */

void forge_live_request_begin(forge_live_t *live)
{
    forge_live_add(&forge_live_process(live)->in_flight, 1);
}

void forge_live_request_answered(forge_live_t *live, int slot, int status, apr_interval_time_t took,
                                 const char *trace_id)
{
    if (slot < 0 || slot >= FORGE_LIVE_SLOTS)
        slot = FORGE_LIVE_SLOT_OTHER;
    if (status < FORGE_LIVE_STATUS_FIRST || status >= FORGE_LIVE_STATUS_FIRST + FORGE_LIVE_STATUSES)
        status = 500;
    forge_live_slot_t *counts = &live->segment->slots[slot];
    int class = status / 100 - 1;
    forge_live_add(&counts->statuses[status - FORGE_LIVE_STATUS_FIRST], 1);
    forge_live_histogram_add(&counts->classes[class], took);
    if (trace_id)
        forge_live_exemplar_put(&counts->exemplars[forge_live_bucket(took)], trace_id, class + 1, took, apr_time_now());
}

void forge_live_sockets_add(forge_live_t *live, int change)
{
    forge_live_add(&forge_live_process(live)->sockets, (uint64_t)(int64_t)change);
}

void forge_live_request_leave(forge_live_t *live)
{
    forge_live_add(&forge_live_process(live)->in_flight, (uint64_t)-1);
}

void forge_live_count(forge_live_t *live, forge_counter_t which)
{
    if ((unsigned)which < FORGE_COUNTERS)
        forge_live_add(&live->segment->counters[which], 1);
}

void forge_live_count_more(forge_live_t *live, forge_counter_t which, int n)
{
    if ((unsigned)which < FORGE_COUNTERS && n > 0)
        forge_live_add(&live->segment->counters[which], (uint64_t)n);
}

void forge_live_waited(forge_live_t *live, apr_interval_time_t took)
{
    forge_live_add(&live->segment->hash_waits, 1);
    forge_live_add(&live->segment->hash_wait_usec, took > 0 ? (uint64_t)took : 0);
}

void forge_live_run_ended(forge_live_t *live, forge_counter_t how, apr_interval_time_t took, apr_interval_time_t waited)
{
    forge_live_count(live, how);
    forge_live_histogram_add(&live->segment->runs_took, took);
    forge_live_histogram_add(&live->segment->runs_waited, waited);
}

void forge_live_redis(forge_live_t *live, forge_counter_t how, apr_interval_time_t took)
{
    forge_live_count(live, how);
    forge_live_histogram_add(&live->segment->redis_took, took);
}

void forge_live_run_waits(forge_live_t *live, int change)
{
    forge_live_add(&forge_live_process(live)->run_requests, (uint64_t)(int64_t)change);
}

apr_int64_t forge_live_runs_waiting(forge_live_t *live)
{
    forge_live_process_t sum;
    forge_live_process_sum(live, &sum);
    return (int64_t)sum.run_requests < 0 ? 0 : (apr_int64_t)sum.run_requests;
}

void forge_live_call_waits(forge_live_t *live, int change)
{
    forge_live_add(&forge_live_process(live)->call_requests, (uint64_t)(int64_t)change);
}

apr_int64_t forge_live_calls_waiting(forge_live_t *live)
{
    forge_live_process_t sum;
    forge_live_process_sum(live, &sum);
    return (int64_t)sum.call_requests < 0 ? 0 : (apr_int64_t)sum.call_requests;
}

void forge_live_runs_set(forge_live_t *live, apr_int64_t in_use, apr_int64_t queue)
{
    forge_live_store(&live->segment->runs_in_use, (uint64_t)in_use);
    forge_live_store(&live->segment->runs_queue, (uint64_t)queue);
}

void forge_live_sandbox_set(forge_live_t *live, bool available)
{
    forge_live_store(&live->segment->sandbox, available ? 2 : 1);
}

void forge_live_pool_away(forge_live_t *live, int change)
{
    forge_live_process_t *process = forge_live_process(live);
    if (process != &live->segment->processes[FORGE_LIVE_PROCESSES]) /* as below */
        forge_live_add(&process->pools_away, (uint64_t)(int64_t)change);
}

void forge_live_pool_add(forge_live_t *live, int size, int busy, int waiting)
{
    forge_live_process_t *process = forge_live_process(live);
    /* Several children share the last entry, and it would keep what a killed one has added. */
    if (process == &live->segment->processes[FORGE_LIVE_PROCESSES])
        return;
    forge_live_add(&process->pool_size, (uint64_t)size);
    forge_live_add(&process->pool_busy, (uint64_t)busy);
    forge_live_add(&process->pool_waiting, (uint64_t)waiting);
}

void forge_live_census_set(forge_live_t *live, apr_uint64_t realm, const forge_live_census_t *census)
{
    forge_live_realm_t *at = forge_live_realm(live, realm, true);
    if (!at)
        return;
    forge_live_store(&at->sessions, (uint64_t)census->sessions);
    forge_live_store(&at->guests, (uint64_t)census->guests);
    forge_live_store(&at->mails, (uint64_t)census->mails);
    forge_live_store(&at->mails_oldest, (uint64_t)census->mails_oldest);
}

/* --- Statements --- */

/* Writes a name into the entry that its hash has claimed. Several processes may do so at once, because all write the
 * same. */
static void statement_spell(forge_live_statement_t *statement, const char *name, size_t len)
{
    uint64_t words[FORGE_LIVE_STATEMENT_WORDS] = {0};
    memcpy(words, name, len);
    for (int i = 0; i < FORGE_LIVE_STATEMENT_WORDS; i++)
        forge_live_store(&statement->name[i], words[i]);
    __atomic_store_n(&statement->spelt, 1, __ATOMIC_RELEASE);
}

/* The entry of a name, found by open addressing; entries are never freed. The last entry if the table is full or the
 * name is too long. */
static forge_live_statement_t *statement_find(forge_live_segment_t *segment, const char *name)
{
    uint64_t hash[2];
    size_t len = strlen(name);
    if (len >= sizeof(segment->statements->name))
        return &segment->statements[FORGE_LIVE_STATEMENTS];
    forge_live_hash(segment->secret, FORGE_LIMIT_NONE, name, len, hash);
    hash[0] |= 1; /* 0 means free */
    for (uint64_t n = 0; n < FORGE_LIVE_STATEMENTS; n++) {
        forge_live_statement_t *statement = &segment->statements[(hash[1] + n) & (FORGE_LIVE_STATEMENTS - 1)];
        uint64_t holder = forge_live_load(&statement->hash);
        if (holder == 0 && !forge_live_swap(&statement->hash, 0, hash[0]))
            holder = forge_live_load(&statement->hash);
        if (holder != 0 && holder != hash[0])
            continue;
        if (!forge_live_load(&statement->spelt))
            statement_spell(statement, name, len);
        return statement;
    }
    return &segment->statements[FORGE_LIVE_STATEMENTS];
}

void forge_live_query(forge_live_t *live, const char *statement, apr_interval_time_t took)
{
    forge_live_histogram_add(&statement_find(live->segment, statement)->took, took);
}

/* Puts one into its place of a sorted list, and loses the last one where there is no room. */
static int taken_insert(forge_live_taken_t *list, int count, int most, const forge_live_taken_t *one)
{
    int i = count < most ? count : most - 1;
    if (i < 0 || (count == most && list[i].took >= one->took))
        return count;
    for (; i > 0 && list[i - 1].took < one->took; i--)
        list[i] = list[i - 1];
    list[i] = *one;
    return count < most ? count + 1 : count;
}

int forge_live_queries(const forge_live_t *live, forge_live_taken_t *list, int most, apr_interval_time_t *all)
{
    int count = 0;
    *all = 0;
    for (int i = 0; i < FORGE_LIVE_STATEMENTS; i++) {
        const forge_live_statement_t *statement = &live->segment->statements[i];
        forge_live_taken_t one = {.took = (apr_interval_time_t)forge_live_load(&statement->took.sum)};
        if (!forge_live_load(&statement->hash) || !forge_live_statement_name(statement, one.name))
            continue;
        one.calls = (apr_int64_t)forge_live_histogram_count(&statement->took);
        *all += one.took;
        count = taken_insert(list, count, most, &one);
    }
    return count;
}

bool forge_live_statement_name(const forge_live_statement_t *statement, char name[FORGE_LIVE_STATEMENT_WORDS * 8])
{
    uint64_t words[FORGE_LIVE_STATEMENT_WORDS];
    if (!__atomic_load_n(&statement->spelt, __ATOMIC_ACQUIRE))
        return false;
    for (int i = 0; i < FORGE_LIVE_STATEMENT_WORDS; i++)
        words[i] = forge_live_load(&statement->name[i]);
    memcpy(name, words, sizeof(words));
    return true;
}
