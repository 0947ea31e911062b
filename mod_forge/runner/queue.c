/* SPDX-License-Identifier: Apache-2.0
 * Who is next: round robin between accounts, in order of arrival within one. A run starts when the memory that it may
 * take fits beside what is promised to the others; nobody overtakes the one that waits for memory, or a large run would
 * wait for ever.
 */
#include "runner.h"

int64_t forge_runner_queue_count(const forge_runner_queue_t *q, forge_runner_stage_t stage, int64_t *kb)
{
    int64_t n = 0, sum = 0;
    for (size_t i = 0; i < q->count; i++)
        if (q->entries[i].stage == stage) {
            n++;
            sum += q->entries[i].cost_kb;
        }
    if (kb)
        *kb = sum;
    return n;
}

/* Each entry of an account comes a round after its last one; who has none starts in the round of now. So an account
 * with a hundred entries has one turn for each turn of an account with one. */
forge_run_status_t forge_runner_queue_arrive(forge_runner_queue_t *q, forge_runner_entry_t *entry)
{
    int64_t held = 0, round = q->round;
    for (size_t i = 0; i < q->count; i++) {
        const forge_runner_entry_t *other = &q->entries[i];
        if (other == entry || other->stage == FORGE_RUNNER_READING || other->account != entry->account)
            continue;
        held++;
        round = other->round >= round ? other->round + 1 : round;
    }
    if (held >= q->share_max)
        return FORGE_RUN_SHARE_USED_UP;
    if (forge_runner_queue_count(q, FORGE_RUNNER_WAITING, NULL) >= q->queue_max)
        return FORGE_RUN_QUEUE_FULL;
    if (entry->cost_kb > q->memory_max_kb)
        return FORGE_RUN_UNAVAILABLE;
    entry->round = round;
    entry->number = ++q->number;
    entry->stage = FORGE_RUNNER_WAITING;
    return FORGE_RUN_OK;
}

static bool before(const forge_runner_entry_t *a, const forge_runner_entry_t *b)
{
    return a->round != b->round ? a->round < b->round : a->number < b->number;
}

int forge_runner_queue_next(forge_runner_queue_t *q)
{
    int next = -1;
    int64_t promised;
    for (size_t i = 0; i < q->count; i++)
        if (q->entries[i].stage == FORGE_RUNNER_WAITING && (next < 0 || before(&q->entries[i], &q->entries[next])))
            next = (int)i;
    forge_runner_queue_count(q, FORGE_RUNNER_RUNNING, &promised);
    if (next < 0 || promised + q->entries[next].cost_kb > q->memory_max_kb)
        return -1;
    q->round = q->entries[next].round;
    q->entries[next].stage = FORGE_RUNNER_RUNNING;
    return next;
}
