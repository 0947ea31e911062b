/* SPDX-License-Identifier: Apache-2.0
 * Rendered answers in shared memory (ForgeCache): a log in a ring, and a table of what stands in it.
 *
 * Positions count all bytes ever written, so that a place in the ring has a number that never comes again: bytes are
 * intact as long as the log has not grown by more than the ring's size since. The oldest answers are overwritten;
 * nothing is ever moved or freed, and a writer that dies leaves bytes that no entry names.
 *
 * Readers take no lock: they copy, and look afterwards whether a writer has come by. One process writes at a time.
 */
#include "live_private.h"
#include <apr_hash.h>
#include <apr_shm.h>
#include <apr_strings.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LAYOUT      1
#define WAYS        8                      /* entries that a key may have: the oldest of them makes room */
#define BYTES_ENTRY 4096                   /* of the ring for each entry: answers are rarely smaller on average */
#define PART        8                      /* one answer may take so large a part of the ring */
#define FILLS       64                     /* keys that are being filled; a power of two */
#define WRITE_WAIT  apr_time_from_msec(2)  /* that a writer waits for another */
#define FILL_LOOK   apr_time_from_msec(50) /* between two looks whether who fills still lives */

typedef struct entry_t {
    uint64_t sequence; /* odd: it is being written */
    uint64_t hash[2], generation, at, len;
} entry_t;

/* Who fills a key, and a count of those who are done, which others sleep on. */
typedef struct fill_t {
    uint64_t hash;   /* 0: free */
    uint64_t holder; /* key of a process */
    uint32_t done;
} __attribute__((aligned(FORGE_LIVE_LINE))) fill_t;

typedef struct region_t {
    uint32_t layout;
    uint32_t sets; /* of WAYS entries; a power of two */
    uint64_t bytes, ring;
    uint64_t secret[2];
    uint64_t head;         /* bytes ever written */
    pthread_mutex_t mutex; /* process-shared and robust; held by who writes */
    fill_t fills[FILLS];
    entry_t entries[]; /* then the ring */
} region_t;

struct forge_cache_t {
    region_t *region;
    uint64_t *ring; /* in words: all copies are of whole ones */
};

static uint64_t see(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* --- the region --- */

static void region_init(region_t *region, apr_size_t bytes)
{
    pthread_mutexattr_t shared;
    uint64_t sets = 1;
    while (sets * 2 * WAYS * BYTES_ENTRY <= bytes)
        sets *= 2;
    region->layout = LAYOUT;
    region->sets = (uint32_t)sets;
    region->bytes = bytes;
    region->ring = (bytes - sizeof(*region) - sets * WAYS * sizeof(entry_t)) / 64 * 64;
    forge_util_random(region->secret, sizeof(region->secret));
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&region->mutex, &shared);
    pthread_mutexattr_destroy(&shared);
}

forge_cache_t *forge_live_cache_open_private(apr_pool_t *p, apr_size_t bytes, const char **why)
{
    apr_shm_t *shm;
    apr_status_t rv = apr_shm_create(&shm, bytes + FORGE_LIVE_LINE, NULL, p);
    if (rv != APR_SUCCESS) {
        char reason[120];
        *why = apr_psprintf(p, "could not get %" APR_SIZE_T_FMT " bytes of shared memory for ForgeCache: %s", bytes,
                            apr_strerror(rv, reason, sizeof(reason)));
        return NULL;
    }
    forge_cache_t *cache = apr_pcalloc(p, sizeof(*cache));
    uintptr_t base = (uintptr_t)apr_shm_baseaddr_get(shm);
    cache->region = (region_t *)((base + FORGE_LIVE_LINE - 1) & ~(uintptr_t)(FORGE_LIVE_LINE - 1));
    region_init(cache->region, bytes);
    cache->ring = (uint64_t *)(cache->region->entries + (size_t)cache->region->sets * WAYS);
    return cache;
}

/* As forge_live_open does it: found again by its name, which says layout and size. */
forge_cache_t *forge_live_cache_open(apr_pool_t *process_pool, apr_size_t bytes, const char **why)
{
    char name[64];
    void *known = NULL;
    apr_snprintf(name, sizeof(name), "forge_cache/%d/%" APR_SIZE_T_FMT "/%" APR_SIZE_T_FMT, LAYOUT, sizeof(region_t),
                 bytes);
    if (apr_pool_userdata_get(&known, name, process_pool) == APR_SUCCESS && known)
        return known;
    forge_cache_t *cache = forge_live_cache_open_private(process_pool, bytes, why);
    if (cache)
        apr_pool_userdata_set(cache, name, NULL, process_pool);
    return cache;
}

forge_cache_key_t forge_live_cache_key(const forge_cache_t *cache, const char *text, apr_size_t len)
{
    forge_cache_key_t key;
    uint64_t hash[2];
    forge_live_hash(cache->region->secret, 0, text, len, hash);
    key.hash[0] = hash[0];
    key.hash[1] = hash[1] ? hash[1] : 1; /* 0 is an entry that was never used */
    return key;
}

static entry_t *set_of(const forge_cache_t *cache, const forge_cache_key_t *key)
{
    return &cache->region->entries[(key->hash[0] & (cache->region->sets - 1)) * WAYS];
}

/* --- reading --- */

/* A consistent copy of an entry; false while it is being written. */
static bool entry_read(const entry_t *entry, entry_t *copy)
{
    copy->sequence = see(&entry->sequence);
    copy->hash[0] = forge_live_load(&entry->hash[0]);
    copy->hash[1] = forge_live_load(&entry->hash[1]);
    copy->generation = forge_live_load(&entry->generation);
    copy->at = forge_live_load(&entry->at);
    copy->len = forge_live_load(&entry->len);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return !(copy->sequence & 1) && forge_live_load(&entry->sequence) == copy->sequence;
}

static bool intact(const region_t *region, const entry_t *entry)
{
    return see(&region->head) - entry->at <= region->ring;
}

static bool find(const forge_cache_t *cache, const forge_cache_key_t *key, apr_uint64_t generation, entry_t *found)
{
    const entry_t *set = set_of(cache, key);
    for (int i = 0; i < WAYS; i++)
        if (entry_read(&set[i], found) && found->hash[0] == key->hash[0] && found->hash[1] == key->hash[1])
            return found->generation == generation && intact(cache->region, found);
    return false;
}

static uint64_t words_of(uint64_t len)
{
    return (len + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

bool forge_live_cache_get(forge_cache_t *cache, const forge_cache_key_t *key, apr_uint64_t generation, forge_buf_t *b)
{
    entry_t found;
    if (!find(cache, key, generation, &found))
        return false;
    const uint64_t *from = cache->ring + found.at % cache->region->ring / sizeof(uint64_t);
    uint64_t words = words_of(found.len), *to = malloc(words * sizeof(uint64_t));
    if (!to)
        return false;
    for (uint64_t i = 0; i < words; i++)
        to[i] = forge_live_load(&from[i]);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (!intact(cache->region, &found)) {
        free(to);
        return false;
    }
    b->data = (char *)to;
    b->len = (apr_size_t)found.len;
    b->cap = (apr_size_t)(words * sizeof(uint64_t));
    return true;
}

/* --- writing --- */

/* After the death of a writer its half-written entry is emptied; its bytes no entry names. */
static void mend(region_t *region)
{
    for (uint64_t i = 0; i < (uint64_t)region->sets * WAYS; i++) {
        entry_t *entry = &region->entries[i];
        if (!(entry->sequence & 1))
            continue;
        forge_live_store(&entry->hash[1], 0);
        __atomic_store_n(&entry->sequence, entry->sequence + 1, __ATOMIC_RELEASE);
    }
}

/* What cannot be kept at once is made again: nobody waits long for that. */
static bool lock(region_t *region)
{
    int rc = forge_util_lock(&region->mutex, WRITE_WAIT);
    if (rc == EOWNERDEAD) {
        mend(region);
        rc = pthread_mutex_consistent(&region->mutex);
    }
    return rc == 0;
}

/* The place of so many bytes in one piece. The log grows before they are written, so that readers of what stood there
 * find out. */
static uint64_t take_room(region_t *region, uint64_t bytes)
{
    uint64_t at = region->head, left = region->ring - at % region->ring;
    if (left < bytes)
        at += left;
    __atomic_store_n(&region->head, at + bytes, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return at;
}

/* The entry of this key, else an empty one, else the one with the oldest answer. */
static entry_t *entry_for(const forge_cache_t *cache, const forge_cache_key_t *key)
{
    entry_t *set = set_of(cache, key), *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].hash[1] == 0 || (set[i].hash[0] == key->hash[0] && set[i].hash[1] == key->hash[1]))
            return &set[i];
        if (set[i].at < oldest->at)
            oldest = &set[i];
    }
    return oldest;
}

static void entry_write(entry_t *entry, const entry_t *is)
{
    uint64_t sequence = entry->sequence;
    forge_live_store(&entry->sequence, sequence + 1);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    forge_live_store(&entry->hash[0], is->hash[0]);
    forge_live_store(&entry->hash[1], is->hash[1]);
    forge_live_store(&entry->generation, is->generation);
    forge_live_store(&entry->at, is->at);
    forge_live_store(&entry->len, is->len);
    __atomic_store_n(&entry->sequence, sequence + 2, __ATOMIC_RELEASE);
}

static void bytes_write(uint64_t *to, const char *data, apr_size_t len)
{
    for (apr_size_t i = 0; i < len; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, data + i, len - i < sizeof(word) ? len - i : sizeof(word));
        forge_live_store(to++, word);
    }
}

void forge_live_cache_put(forge_cache_t *cache, const forge_cache_key_t *key, apr_uint64_t generation, const char *data,
                          apr_size_t len)
{
    region_t *region = cache->region;
    uint64_t bytes = words_of(len) * sizeof(uint64_t);
    if (len == 0 || bytes > region->ring / PART || !lock(region))
        return;
    const entry_t is = {
        .hash = {key->hash[0], key->hash[1]}, .generation = generation, .at = take_room(region, bytes), .len = len};
    bytes_write(cache->ring + is.at % region->ring / sizeof(uint64_t), data, len);
    entry_write(entry_for(cache, key), &is);
    pthread_mutex_unlock(&region->mutex);
}

/* --- one fills, the others wait --- */

static void sleep_on(const uint32_t *word, uint32_t value, apr_interval_time_t most)
{
    const struct timespec t = {.tv_sec = apr_time_sec(most), .tv_nsec = apr_time_usec(most) * 1000};
    syscall(SYS_futex, word, FUTEX_WAIT, value, &t, NULL, 0);
}

/* Takes the place for a key: a free one, or, with `look`, that of a process that has ended. */
static bool claim(fill_t *fill, uint64_t hash, uint64_t self, bool look)
{
    uint64_t holder = see(&fill->holder);
    if (holder && (!look || forge_live_process_alive(holder)))
        return false;
    if (!forge_live_swap(&fill->holder, holder, self))
        return false;
    __atomic_store_n(&fill->hash, hash, __ATOMIC_RELEASE);
    return true;
}

/* A place that another key has is no reason to wait: then nobody is told (*fill is -1). */
bool forge_live_cache_fill(forge_live_t *live, forge_cache_t *cache, const forge_cache_key_t *key,
                           apr_interval_time_t patience, int *fill)
{
    int place = (int)(key->hash[0] >> 32 & (FILLS - 1));
    fill_t *at = &cache->region->fills[place];
    uint64_t self = forge_live_process_self(live);
    apr_int64_t until = forge_util_monotonic() + patience;
    uint32_t done = __atomic_load_n(&at->done, __ATOMIC_ACQUIRE);
    *fill = -1;
    for (bool look = false;; look = true) {
        if (claim(at, key->hash[1], self, look)) {
            *fill = place;
            return true;
        }
        if (see(&at->hash) != key->hash[1])
            return true;
        apr_interval_time_t left = until - forge_util_monotonic();
        if (left <= 0)
            return false;
        sleep_on(&at->done, done, left < FILL_LOOK ? left : FILL_LOOK);
        if (__atomic_load_n(&at->done, __ATOMIC_ACQUIRE) != done)
            return false;
    }
}

void forge_live_cache_filled(forge_cache_t *cache, int fill)
{
    fill_t *at = fill >= 0 && fill < FILLS ? &cache->region->fills[fill] : NULL;
    if (!at)
        return;
    __atomic_store_n(&at->hash, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&at->holder, 0, __ATOMIC_RELEASE);
    __atomic_fetch_add(&at->done, 1, __ATOMIC_ACQ_REL);
    syscall(SYS_futex, &at->done, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
