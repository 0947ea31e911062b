/* SPDX-License-Identifier: Apache-2.0
 * What a replica must have before it may answer a public read, and how far replicas are.
 *
 * The listener asks the primary for the end of its log, and reports it together with how often each topic had been
 * written before it asked. So a reader who finds no newer writes knows that all of them lie before that end, whoever
 * made them; a replica that has replayed it shows them all. A write of this node is counted before its answer is sent,
 * one of another node when it is heard of: until the listener has asked once more, the primary answers.
 */
#include "live_private.h"
#include <unistd.h>

#define SAID_EVERY apr_time_from_msec(500) /* several children ask the same replica */

static uint64_t see(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void put(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

/* --- the end of the log --- */

forge_writes_t forge_live_writes(forge_live_t *live, apr_uint64_t realm)
{
    forge_writes_t writes = {{0}};
    const forge_live_realm_t *at = forge_live_realm(live, realm, false);
    for (int i = 0; at && i < FORGE_TOPICS; i++)
        writes.of[i] = see(&at->changes[i]);
    return writes;
}

/* The end comes first: who reads the counts reads this end or a later one. */
void forge_live_placed(forge_live_t *live, apr_uint64_t realm, const forge_writes_t *writes, forge_position_t end)
{
    forge_live_realm_t *at = forge_live_realm(live, realm, true);
    if (!at || see(&at->leader) != (uint64_t)getpid())
        return;
    put(&at->kin, end.kin);
    put(&at->wal, end.wal);
    for (int i = 0; i < FORGE_TOPICS; i++)
        put(&at->placed[i], writes->of[i]);
}

/* The counts of writes are read last: what was counted before anything here was reported is among them. */
static bool placed(const forge_live_realm_t *at, unsigned topics, forge_position_t *end)
{
    uint64_t known[FORGE_TOPICS];
    for (int i = 0; i < FORGE_TOPICS; i++)
        known[i] = see(&at->placed[i]);
    *end = (forge_position_t){.wal = see(&at->wal), .kin = see(&at->kin)};
    for (int i = 0; i < FORGE_TOPICS; i++)
        if (topics & 1U << i && see(&at->changes[i]) != known[i])
            return false;
    return end->wal != 0;
}

bool forge_live_unplaced(forge_live_t *live, apr_uint64_t realm)
{
    const forge_live_realm_t *at = forge_live_realm(live, realm, false);
    forge_position_t end;
    return at && !placed(at, ~0U, &end);
}

bool forge_live_position(forge_live_t *live, apr_uint64_t realm, unsigned topics, forge_position_t *needed)
{
    const forge_live_realm_t *at = forge_live_realm(live, realm, false);
    return at && forge_live_generation(live, realm, topics) && placed(at, topics, needed);
}

/* --- replicas --- */

static forge_live_replica_t *replica_of(forge_live_t *live, uint64_t id)
{
    for (int i = 0; i < FORGE_LIVE_REPLICAS; i++) {
        forge_live_replica_t *at = &live->segment->replicas[i];
        if (see(&at->id) == id || (see(&at->id) == 0 && forge_live_swap(&at->id, 0, id)) || see(&at->id) == id)
            return at;
    }
    return NULL;
}

/* When did it have what it has now? As soon as it reaches the mark, it has all that was there when the mark was set. */
void forge_live_replica_said_at(forge_live_t *live, uint64_t id, uint64_t realm, uint64_t wal, apr_int64_t now)
{
    forge_live_replica_t *at = replica_of(live, id);
    const forge_live_realm_t *primary = forge_live_realm(live, realm, false);
    uint64_t seen = at ? see(&at->seen) : 0, end = primary ? see(&primary->wal) : 0;
    if (!at || (seen && now - (apr_int64_t)seen < SAID_EVERY && see(&at->away) <= seen) ||
        !forge_live_swap(&at->seen, seen, (uint64_t)now))
        return;
    put(&at->behind, end > wal ? end - wal : 0);
    if (end <= wal) {
        put(&at->caught, (uint64_t)now);
        put(&at->marked, 0);
    } else if (!see(&at->marked) || wal >= see(&at->mark)) {
        if (see(&at->marked) || !see(&at->caught))
            put(&at->caught, see(&at->marked) ? see(&at->marked) : (uint64_t)now);
        put(&at->mark, end);
        put(&at->marked, (uint64_t)now);
    }
}

void forge_live_replica_lost_at(forge_live_t *live, uint64_t id, apr_int64_t now)
{
    forge_live_replica_t *at = replica_of(live, id);
    if (at)
        put(&at->away, (uint64_t)now);
}

static forge_replica_state_t state_of(const forge_live_replica_t *at, apr_int64_t now)
{
    uint64_t seen = see(&at->seen), away = see(&at->away);
    forge_replica_state_t state = {.known = seen || away, .up = seen > away, .bytes = (apr_int64_t)see(&at->behind)};
    if (seen && (state.bytes || !state.up))
        state.lag = now - (apr_int64_t)see(&at->caught);
    return state;
}

forge_replica_state_t forge_live_replica_look_at(const forge_live_t *live, uint64_t id, apr_int64_t now)
{
    for (int i = 0; i < FORGE_LIVE_REPLICAS; i++)
        if (see(&live->segment->replicas[i].id) == id)
            return state_of(&live->segment->replicas[i], now);
    return (forge_replica_state_t){0};
}

void forge_live_replica_said(forge_live_t *live, apr_uint64_t id, apr_uint64_t realm, apr_uint64_t wal)
{
    forge_live_replica_said_at(live, id, realm, wal, forge_util_monotonic());
}

void forge_live_replica_lost(forge_live_t *live, apr_uint64_t id)
{
    forge_live_replica_lost_at(live, id, forge_util_monotonic());
}

forge_replica_state_t forge_live_replica_look(const forge_live_t *live, apr_uint64_t id)
{
    return forge_live_replica_look_at(live, id, forge_util_monotonic());
}

forge_replica_state_t forge_live_replica_worst(const forge_live_t *live)
{
    forge_replica_state_t worst = {.up = true};
    apr_int64_t now = forge_util_monotonic();
    for (int i = 0; i < FORGE_LIVE_REPLICAS && see(&live->segment->replicas[i].id); i++) {
        const forge_replica_state_t one = state_of(&live->segment->replicas[i], now);
        worst.known |= one.known;
        worst.up &= one.up || !one.known;
        worst.bytes = one.bytes > worst.bytes ? one.bytes : worst.bytes;
        worst.lag = one.lag > worst.lag ? one.lag : worst.lag;
    }
    return worst;
}

/* Children that share the last entry are not counted, as in forge_live_pool_add. */
void forge_live_replica_add(forge_live_t *live, int size, int busy)
{
    forge_live_process_t *process = forge_live_process(live);
    if (process == &live->segment->processes[FORGE_LIVE_PROCESSES])
        return;
    forge_live_add(&process->replica_size, (uint64_t)size);
    forge_live_add(&process->replica_busy, (uint64_t)busy);
}
