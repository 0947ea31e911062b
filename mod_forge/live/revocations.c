/* SPDX-License-Identifier: Apache-2.0
 * Ended sessions and outdated epochs, kept until their last token has expired.
 *
 * A keyed hash of 128 bits identifies a session or an account: 12 bits select a bucket, 64 bits are stored. Keys fill a
 * bucket from its start, and the first empty place ends the search.
 *
 * Readers take no lock. Every word is read and written atomically. A value is used only while its key is next to it,
 * and a key is removed before its place gets another value. Writers hold a mutex; a writer that dies leaves nothing
 * that a reader could misread.
 *
 * An entry without room makes its bucket uncertain until the entry would have expired. Until then the database is asked
 * about each token whose session or account falls into that bucket; no such token is accepted unchecked.
 */
#include "live_private.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define KEY_NONE 0 /* never used: the search ends here */
#define KEY_BUSY 1 /* between two keys; a writer that dies there leaves it */
#define KEYS     2 /* the smallest key */

#define TWEAK_SESSION 1000 /* of the hash; the limiter uses small numbers */
#define TWEAK_USER    1001
#define TWEAK_SYSTEM  1002

#define LOCK_PATIENCE apr_time_from_sec(1)    /* a writer that hangs for longer must not delay the others */
#define LEADER_QUIET  apr_time_from_msec(700) /* after this time others check whether the listener still lives */
#define LEADER_HUNG   apr_time_from_sec(5)    /* after this time another takes over, even if it lives */

void forge_live_revocations_init(forge_live_segment_t *segment)
{
    forge_live_steady_init(&segment->clock);
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&segment->revoking, &shared);
    pthread_mutexattr_destroy(&shared);
}

static uint64_t see(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void put(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void raise_to(uint64_t *word, uint64_t value)
{
    uint64_t was = see(word);
    while (was < value && !__atomic_compare_exchange_n(word, &was, value, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        ;
}

/* --- Values: the second until which the entry is needed, and the epoch below which tokens are revoked --- */

static uint64_t whole_seconds(apr_time_t t)
{
    apr_time_t s = (t + APR_USEC_PER_SEC - 1) / APR_USEC_PER_SEC;
    return s < 0 ? 0 : s > UINT32_MAX ? UINT32_MAX : (uint64_t)s;
}

static uint64_t value_make(uint64_t seconds, apr_int64_t epoch)
{
    return seconds << 32 | (epoch < 0 ? 0 : epoch > UINT32_MAX ? UINT32_MAX : (uint64_t)epoch);
}

static uint64_t value_until(uint64_t value)
{
    return value >> 32;
}

static uint64_t value_epoch(uint64_t value)
{
    return value & UINT32_MAX;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* --- The table --- */

forge_live_revoked_t *forge_live_revoked_bucket(forge_live_t *live, uint64_t realm, bool user, apr_int64_t id,
                                                uint64_t *key)
{
    const forge_live_realm_t *at = forge_live_realm(live, realm, false);
    uint64_t hash[2], name[3] = {realm, (uint64_t)id, at ? see(&at->era) : 0};
    forge_live_hash(live->segment->secret, user ? TWEAK_USER : TWEAK_SESSION, name, sizeof(name), hash);
    *key = hash[1] < KEYS ? hash[1] + KEYS : hash[1];
    return &live->segment->revoked[hash[0] & (FORGE_LIVE_REVOKED_BUCKETS - 1)];
}

/* The value of a key; 0 if there is none. */
static uint64_t find(const forge_live_revoked_t *bucket, uint64_t key)
{
    for (int i = 0; i < FORGE_LIVE_REVOKED_DEEP; i++) {
        uint64_t found = see(&bucket->keys[i]);
        if (found == KEY_NONE)
            return 0;
        if (found != key)
            continue;
        uint64_t value = see(&bucket->values[i]);
        if (see(&bucket->keys[i]) == key)
            return value;
    }
    return 0;
}

/* The place of this key, else a place whose value has expired, else the first unused place; -1 if there is none. The
 * caller holds the lock. */
static int place_for(const forge_live_revoked_t *bucket, uint64_t key, uint64_t now)
{
    int spare = -1;
    for (int i = 0; i < FORGE_LIVE_REVOKED_DEEP; i++) {
        uint64_t found = bucket->keys[i];
        if (found == key)
            return i;
        if (found == KEY_NONE)
            return spare < 0 ? i : spare;
        if (spare < 0 && (found == KEY_BUSY || value_until(bucket->values[i]) < now))
            spare = i;
    }
    return spare;
}

/* Stores an entry. Its epoch and its time never decrease. */
static bool keep(forge_live_revoked_t *bucket, uint64_t key, uint64_t value, uint64_t now)
{
    int i = place_for(bucket, key, now);
    if (i < 0)
        return false;
    uint64_t was = bucket->values[i];
    if (bucket->keys[i] == key) {
        put(&bucket->values[i],
            larger(value_until(was), value_until(value)) << 32 | larger(value_epoch(was), value_epoch(value)));
        return true;
    }
    if (bucket->keys[i] != KEY_NONE)
        put(&bucket->keys[i], KEY_BUSY);
    put(&bucket->values[i], value);
    put(&bucket->keys[i], key);
    return true;
}

/* After the death of a holder nothing must be repaired, because each of its steps leaves the table valid. */
static bool lock(forge_live_segment_t *segment)
{
    int rc = forge_util_lock(&segment->revoking, LOCK_PATIENCE);
    if (rc == EOWNERDEAD)
        rc = pthread_mutex_consistent(&segment->revoking);
    return rc == 0;
}

static void enter(forge_live_t *live, uint64_t realm, bool user, apr_int64_t id, uint64_t value)
{
    uint64_t key;
    forge_live_revoked_t *bucket = forge_live_revoked_bucket(live, realm, user, id, &key);
    uint64_t now = (uint64_t)apr_time_sec(forge_live_steady(live));
    bool kept = false;
    if (lock(live->segment)) {
        kept = keep(bucket, key, value, now);
        pthread_mutex_unlock(&live->segment->revoking);
    }
    if (!kept)
        raise_to(&bucket->lost, value_until(value));
}

void forge_live_revoke_session(forge_live_t *live, uint64_t realm, apr_int64_t session_id, apr_time_t until)
{
    enter(live, realm, false, session_id, value_make(whole_seconds(until), 0));
}

void forge_live_revoke_user(forge_live_t *live, uint64_t realm, apr_int64_t user_id, apr_int64_t epoch,
                            apr_time_t until)
{
    enter(live, realm, true, user_id, value_make(whole_seconds(until), epoch));
}

apr_size_t forge_live_revocations(forge_live_t *live)
{
    apr_size_t n = 0;
    uint64_t now = (uint64_t)apr_time_sec(forge_live_steady(live));
    for (int b = 0; b < FORGE_LIVE_REVOKED_BUCKETS; b++) {
        const forge_live_revoked_t *bucket = &live->segment->revoked[b];
        for (int i = 0; i < FORGE_LIVE_REVOKED_DEEP && see(&bucket->keys[i]) != KEY_NONE; i++)
            n += see(&bucket->keys[i]) != KEY_BUSY && value_until(see(&bucket->values[i])) >= now;
    }
    return n;
}

/* --- Realms: which process listens to a database, and when the database last answered --- */

forge_live_realm_t *forge_live_realm(forge_live_t *live, uint64_t realm, bool make)
{
    for (uint64_t i = 0; i < FORGE_LIVE_REALMS; i++) {
        forge_live_realm_t *at = &live->segment->realms[(realm + i) & (FORGE_LIVE_REALMS - 1)];
        uint64_t id = see(&at->id);
        if (id == 0 && make && !forge_live_swap(&at->id, 0, realm))
            id = see(&at->id);
        else if (id == 0)
            return make ? at : NULL;
        if (id == realm)
            return at;
    }
    return NULL;
}

/* Whether another process may listen instead of `leader`. */
static bool leader_gone(const forge_live_realm_t *at, uint64_t leader, int64_t now)
{
    int64_t quiet = now - (int64_t)see(&at->beat);
    if (leader == 0 || quiet > LEADER_HUNG)
        return true;
    return quiet > LEADER_QUIET && kill((pid_t)leader, 0) != 0 && errno == ESRCH;
}

bool forge_live_events_lead(forge_live_t *live, uint64_t realm)
{
    forge_live_realm_t *at = forge_live_realm(live, realm, true);
    uint64_t self = (uint64_t)getpid();
    int64_t now = forge_util_monotonic();
    if (!at)
        return false;
    uint64_t leader = see(&at->leader);
    if (leader != self && (!leader_gone(at, leader, now) || !forge_live_swap(&at->leader, leader, self)))
        return false;
    raise_to(&at->beat, (uint64_t)now);
    return true;
}

void forge_live_events_resign(forge_live_t *live, uint64_t realm)
{
    forge_live_realm_t *at = forge_live_realm(live, realm, false);
    if (at)
        forge_live_swap(&at->leader, (uint64_t)getpid(), 0);
}

bool forge_live_events_heard(forge_live_t *live, uint64_t realm, apr_int64_t asked)
{
    forge_live_realm_t *at = forge_live_realm(live, realm, false);
    if (!at || see(&at->leader) != (uint64_t)getpid())
        return false;
    raise_to(&at->heard, (uint64_t)asked);
    return true;
}

void forge_live_events_system(forge_live_t *live, uint64_t realm, const char *system, uint64_t written)
{
    forge_live_realm_t *at = forge_live_realm(live, realm, true);
    uint64_t hash[2];
    if (!at || see(&at->leader) != (uint64_t)getpid())
        return;
    forge_live_hash(live->segment->secret, TWEAK_SYSTEM, system, strlen(system), hash);
    uint64_t was = see(&at->system), before = see(&at->written);
    bool same = was == hash[0] && written >= before;
    if (was && !same) { /* tokens are looked up in the database until the new list is loaded */
        put(&at->heard, 0);
        put(&at->era, see(&at->era) + 1);
    }
    if (!same)
        put(&at->system, hash[0]);
    if (written != before)
        put(&at->written, written);
}

bool forge_live_events_from(const forge_live_t *live, uint64_t realm, const char *system)
{
    const forge_live_realm_t *at = forge_live_realm((forge_live_t *)live, realm, false);
    uint64_t hash[2];
    if (!at)
        return false;
    forge_live_hash(live->segment->secret, TWEAK_SYSTEM, system, strlen(system), hash);
    return see(&at->system) == hash[0];
}

void forge_live_events_lost(forge_live_t *live, uint64_t realm)
{
    forge_live_realm_t *at = forge_live_realm(live, realm, false);
    if (at && see(&at->leader) == (uint64_t)getpid())
        put(&at->heard, 0);
}

void forge_live_events_one(forge_live_t *live, uint64_t realm, bool one)
{
    forge_live_realm_t *at = forge_live_realm(live, realm, false);
    if (at && see(&at->leader) == (uint64_t)getpid() && see(&at->one) != one)
        put(&at->one, one);
}

bool forge_live_vouched(const forge_live_realm_t *at, apr_int64_t now)
{
    const uint64_t heard = see(&at->heard);
    return heard && now - (apr_int64_t)heard <= FORGE_LIVE_HEARD_MAX;
}

bool forge_live_does_for_all(forge_live_t *live, uint64_t realm)
{
    const forge_live_realm_t *at = forge_live_realm(live, realm, false);
    return !at || !forge_live_vouched(at, forge_util_uptime()) || see(&at->one);
}

/* --- The verdict --- */

forge_verdict_t forge_live_revoked(forge_live_t *live, uint64_t realm, const forge_who_t *who, apr_time_t now)
{
    uint64_t key, second = (uint64_t)apr_time_sec(now);
    const forge_live_realm_t *at = forge_live_realm(live, realm, false);
    uint64_t heard = at ? see(&at->heard) : 0; /* read before the table, because it is set after the table is filled */
    const forge_live_revoked_t *sessions = forge_live_revoked_bucket(live, realm, false, who->session_id, &key);
    if (value_until(find(sessions, key)) >= second)
        return FORGE_VERDICT_REVOKED;
    const forge_live_revoked_t *users = forge_live_revoked_bucket(live, realm, true, who->user_id, &key);
    uint64_t value = find(users, key);
    if (value_until(value) >= second && who->epoch < (apr_int64_t)value_epoch(value))
        return FORGE_VERDICT_REVOKED;
    if (see(&sessions->lost) >= second || see(&users->lost) >= second)
        return FORGE_VERDICT_UNKNOWN;
    if (at && see(&at->heard) < heard) /* lost meanwhile, perhaps with all entries: nothing found says nothing */
        return FORGE_VERDICT_UNKNOWN;
    return heard && forge_util_uptime() - (int64_t)heard <= FORGE_LIVE_HEARD_MAX ? FORGE_VERDICT_VALID
                                                                                 : FORGE_VERDICT_UNKNOWN;
}
