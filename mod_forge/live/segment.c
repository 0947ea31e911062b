/* SPDX-License-Identifier: Apache-2.0
 * The shared segment: made once, found again after a graceful restart; and its table of the children that use it.
 */
#include "live_private.h"
#include <apr_shm.h>
#include <apr_strings.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEY_PID_BITS 24 /* of a process's key; Linux has at most 2^22 pids. The other bits are its birth */

int64_t forge_live_monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Fills a segment of zeroes with what must not be zero. */
static void segment_init(forge_live_segment_t *segment)
{
    segment->layout = FORGE_LIVE_LAYOUT;
    segment->bytes = sizeof(*segment);
    segment->started = apr_time_now();
    segment->wall_offset = segment->started - forge_live_monotonic();
    segment->labelled = FORGE_LIVE_SLOT_OTHER + 1;
    apr_cpystrn(segment->slots[FORGE_LIVE_SLOT_OTHER].method, "other", FORGE_LIVE_METHOD_BYTES);
    apr_cpystrn(segment->slots[FORGE_LIVE_SLOT_OTHER].route, "other", FORGE_LIVE_ROUTE_BYTES);
    forge_util_random(segment->secret, sizeof(segment->secret));
    forge_live_system_cpu(&segment->cpu_busy, &segment->cpu_total);
    forge_live_gate_init(segment);
    forge_live_limits_init(segment);
    forge_live_revocations_init(segment);
}

/* Anonymous memory that forked children share. APR's own clean-up unmaps it with p. APR keeps its size in front of it, so that it starts
 * within a cache line: one line more is asked for, and the segment begins with the next. */
forge_live_t *forge_live_open_private(apr_pool_t *p, const char **why)
{
    apr_shm_t *shm;
    apr_status_t rv = apr_shm_create(&shm, sizeof(forge_live_segment_t) + FORGE_LIVE_LINE, NULL, p);
    if (rv != APR_SUCCESS) {
        char reason[120];
        *why = apr_psprintf(p, "could not get %" APR_SIZE_T_FMT " bytes of shared memory: %s", sizeof(forge_live_segment_t),
                            apr_strerror(rv, reason, sizeof(reason)));
        return NULL;
    }
    forge_live_t *live = apr_pcalloc(p, sizeof(*live));
    uintptr_t base = (uintptr_t)apr_shm_baseaddr_get(shm);
    live->segment = (forge_live_segment_t *)((base + FORGE_LIVE_LINE - 1) & ~(uintptr_t)(FORGE_LIVE_LINE - 1));
    segment_init(live->segment);
    return live;
}

/* The name under which the pool keeps the segment says its layout: another version of the module does not find it and makes its own. No
 * clean-up is registered here: a graceful restart unloads this code, and the pool outlives it. */
forge_live_t *forge_live_open(apr_pool_t *process_pool, const char **why)
{
    char name[64];
    void *known = NULL;
    apr_snprintf(name, sizeof(name), "forge_live/%d/%" APR_SIZE_T_FMT, FORGE_LIVE_LAYOUT, sizeof(forge_live_segment_t));
    if (apr_pool_userdata_get(&known, name, process_pool) == APR_SUCCESS && known) {
        forge_live_t *live = known;
        if (live->segment->layout == FORGE_LIVE_LAYOUT && live->segment->bytes == sizeof(forge_live_segment_t))
            return live;
    }
    forge_live_t *live = forge_live_open_private(process_pool, why);
    if (live)
        apr_pool_userdata_set(live, name, NULL, process_pool);
    return live;
}

apr_time_t forge_live_started(const forge_live_t *live)
{
    return live->segment->started;
}

apr_size_t forge_live_bytes(const forge_live_t *live)
{
    return live->segment->bytes;
}

/* --- The children --- */

static uint64_t process_key(pid_t pid)
{
    bool known;
    return forge_live_system_born(pid, &known) << KEY_PID_BITS | (uint64_t)pid;
}

/* Whether the process that took this key still runs: another one may have its pid by now. */
bool forge_live_process_alive(uint64_t key)
{
    pid_t pid = (pid_t)(key & ((1u << KEY_PID_BITS) - 1));
    if (kill(pid, 0) != 0 && errno == ESRCH)
        return false;
    bool known;
    uint64_t born = forge_live_system_born(pid, &known);
    return !known || key >> KEY_PID_BITS == 0 || born == key >> KEY_PID_BITS;
}

/* Takes a free entry; its old figures go first, for its last owner may have died with them. */
static int process_claim(forge_live_segment_t *segment, uint64_t key)
{
    for (int i = 0; i < FORGE_LIVE_PROCESSES; i++) {
        forge_live_process_t *process = &segment->processes[i];
        if (forge_live_load(&process->key) == 0 && forge_live_swap(&process->key, 0, key)) {
            forge_live_store(&process->in_flight, 0);
            forge_live_store(&process->pool_size, 0);
            forge_live_store(&process->pool_busy, 0);
            forge_live_store(&process->pool_waiting, 0);
            return i;
        }
    }
    return FORGE_LIVE_PROCESSES;
}

/* Gives back the entries of children that are gone. */
static void process_sweep(forge_live_segment_t *segment)
{
    for (int i = 0; i < FORGE_LIVE_PROCESSES; i++) {
        uint64_t key = forge_live_load(&segment->processes[i].key);
        if (key && !forge_live_process_alive(key))
            forge_live_swap(&segment->processes[i].key, key, 0);
    }
}

/* Finds an entry for this process and remembers it. Of two threads that come first at once, one gives its entry back. */
static forge_live_process_t *process_join(forge_live_t *live, uint64_t was)
{
    forge_live_segment_t *segment = live->segment;
    pid_t pid = getpid();
    uint64_t key = process_key(pid);
    int i = process_claim(segment, key);
    if (i == FORGE_LIVE_PROCESSES) {
        process_sweep(segment);
        i = process_claim(segment, key);
    }
    if (!forge_live_swap(&live->self, was, (uint64_t)pid << 32 | (uint64_t)(i + 1))) {
        if (i < FORGE_LIVE_PROCESSES)
            forge_live_swap(&segment->processes[i].key, key, 0);
        i = (int)(forge_live_load(&live->self) & UINT32_MAX) - 1;
    }
    return &segment->processes[i];
}

forge_live_process_t *forge_live_process(forge_live_t *live)
{
    uint64_t self = forge_live_load(&live->self);
    if (self >> 32 == (uint64_t)getpid())
        return &live->segment->processes[(self & UINT32_MAX) - 1];
    return process_join(live, self);
}

uint64_t forge_live_process_self(forge_live_t *live)
{
    uint64_t key = forge_live_load(&forge_live_process(live)->key);
    return key ? key : process_key(getpid()); /* the common entry has none */
}

void forge_live_process_sum(forge_live_t *live, forge_live_process_t *sum)
{
    memset(sum, 0, sizeof(*sum));
    process_sweep(live->segment);
    for (int i = 0; i <= FORGE_LIVE_PROCESSES; i++) {
        const forge_live_process_t *process = &live->segment->processes[i];
        if (i < FORGE_LIVE_PROCESSES && forge_live_load(&process->key) == 0)
            continue;
        sum->in_flight += forge_live_load(&process->in_flight);
        sum->pool_size += forge_live_load(&process->pool_size);
        sum->pool_busy += forge_live_load(&process->pool_busy);
        sum->pool_waiting += forge_live_load(&process->pool_waiting);
    }
}

/* --- SipHash-2-4 with 128 bits (Aumasson and Bernstein, 2012) --- */

static inline uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13);
    v[1] ^= v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16);
    v[3] ^= v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21);
    v[3] ^= v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17);
    v[1] ^= v[2];
    v[2] = rotate(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static inline uint64_t sip_finish(uint64_t v[4])
{
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Up to 8 bytes, the first one lowest, whatever the machine's order. */
static inline uint64_t sip_bytes(const unsigned char *data, apr_size_t len)
{
    uint64_t word = 0;
    for (apr_size_t i = 0; i < len; i++)
        word |= (uint64_t)data[i] << (8 * i);
    return word;
}

void forge_live_hash(const uint64_t secret[2], uint64_t tweak, const void *data, apr_size_t len, uint64_t hash[2])
{
    uint64_t k0 = secret[0], k1 = secret[1] ^ tweak;
    uint64_t v[4] = {0x736f6d6570736575 ^ k0, 0x646f72616e646f6d ^ k1 ^ 0xee, 0x6c7967656e657261 ^ k0, 0x7465646279746573 ^ k1};
    const unsigned char *at = data;
    apr_size_t left = len;
    for (; left >= 8; at += 8, left -= 8)
        sip_word(v, sip_bytes(at, 8));
    sip_word(v, sip_bytes(at, left) | (uint64_t)len << 56);
    v[2] ^= 0xee;
    hash[0] = sip_finish(v);
    v[1] ^= 0xdd;
    hash[1] = sip_finish(v);
}
