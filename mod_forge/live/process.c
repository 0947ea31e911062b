/* SPDX-License-Identifier: Apache-2.0
 * The table of the children that use the segment.
 */
#include "live_private.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define KEY_PID_BITS 24 /* of a process's key; Linux has at most 2^22 pids. The other bits are its start time */

static uint64_t process_key(pid_t pid)
{
    bool known;
    return forge_live_system_born(pid, &known) << KEY_PID_BITS | (uint64_t)pid;
}

int forge_live_process_pid(uint64_t key)
{
    return (int)(key & ((1u << KEY_PID_BITS) - 1));
}

/* Whether the process with this key still runs. The start time is compared because another process may have its pid
 * now. */
bool forge_live_process_alive(uint64_t key)
{
    pid_t pid = forge_live_process_pid(key);
    if (kill(pid, 0) != 0 && errno == ESRCH)
        return false;
    bool known;
    uint64_t born = forge_live_system_born(pid, &known);
    return !known || key >> KEY_PID_BITS == 0 || born == key >> KEY_PID_BITS;
}

/* Claims a free entry and clears its figures, because its last owner may have died without doing so. */
static int process_claim(forge_live_segment_t *segment, uint64_t key)
{
    for (int i = 0; i < FORGE_LIVE_PROCESSES; i++) {
        forge_live_process_t *process = &segment->processes[i];
        if (forge_live_load(&process->key) == 0 && forge_live_swap(&process->key, 0, key)) {
            forge_live_store(&process->in_flight, 0);
            forge_live_store(&process->pool_size, 0);
            forge_live_store(&process->pool_busy, 0);
            forge_live_store(&process->pool_waiting, 0);
            forge_live_store(&process->run_requests, 0);
            forge_live_store(&process->call_requests, 0);
            forge_live_store(&process->pools_away, 0);
            forge_live_store(&process->replica_size, 0);
            forge_live_store(&process->replica_busy, 0);
            forge_live_store(&process->sockets, 0);
            return i;
        }
    }
    return FORGE_LIVE_PROCESSES;
}

/* Frees the entries of children that are gone. */
static void process_sweep(forge_live_segment_t *segment)
{
    for (int i = 0; i < FORGE_LIVE_PROCESSES; i++) {
        uint64_t key = forge_live_load(&segment->processes[i].key);
        if (key && !forge_live_process_alive(key))
            forge_live_swap(&segment->processes[i].key, key, 0);
    }
}

/* Claims an entry for this process and stores it. If two threads do so at once, one of them frees its entry again. */
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
        sum->run_requests += forge_live_load(&process->run_requests);
        sum->call_requests += forge_live_load(&process->call_requests);
        sum->pools_away += forge_live_load(&process->pools_away);
        sum->replica_size += forge_live_load(&process->replica_size);
        sum->replica_busy += forge_live_load(&process->replica_busy);
        sum->sockets += forge_live_load(&process->sockets);
    }
}
