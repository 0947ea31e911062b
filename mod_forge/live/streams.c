/* SPDX-License-Identifier: Apache-2.0
 * Open streams, exact over all children: a place each, with the key that it is counted by and the process that holds
 * it. A place of a process that has ended is free as soon as somebody would be refused because of it.
 *
 * A robust mutex guards the places. Each of them is right by itself at every moment, so that the death of a holder
 * leaves nothing to repair.
 */
#include "live_private.h"
#include <errno.h>

#define TWEAK_STREAM 2000 /* of the hash; see limits.c and revocations.c */
#define KNOWN_MAX    32   /* processes of which one look remembers that they live */

void forge_live_streams_init(forge_live_segment_t *segment)
{
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&segment->streams.mutex, &shared);
    pthread_mutexattr_destroy(&shared);
}

static void lock(forge_live_streams_t *streams)
{
    if (pthread_mutex_lock(&streams->mutex) == EOWNERDEAD)
        pthread_mutex_consistent(&streams->mutex);
}

/* Places below `top` may be in use. */
static void lower_top(forge_live_streams_t *streams)
{
    while (streams->top > 0 && !forge_live_load(&streams->places[streams->top - 1].holder))
        streams->top--;
}

/* Frees the places of processes that are gone. Each process is asked about once, as far as memory serves. */
static void sweep(forge_live_streams_t *streams)
{
    uint64_t known[KNOWN_MAX] = {0};
    for (uint32_t i = 0, next = 0; i < streams->top; i++) {
        uint64_t holder = forge_live_load(&streams->places[i].holder);
        bool alive = holder == 0;
        for (int k = 0; k < KNOWN_MAX && !alive; k++)
            alive = known[k] == holder;
        if (alive)
            continue;
        if (forge_live_process_alive(holder))
            known[next++ % KNOWN_MAX] = holder;
        else
            forge_live_store(&streams->places[i].holder, 0);
    }
    lower_top(streams);
}

/* How many are open by this key; *free is the first free place, FORGE_LIVE_STREAMS if there is none. */
static apr_int64_t count(const forge_live_streams_t *streams, const uint64_t hash[2], uint32_t *free)
{
    apr_int64_t n = 0;
    *free = streams->top;
    for (uint32_t i = 0; i < streams->top; i++) {
        const forge_live_stream_t *place = &streams->places[i];
        if (forge_live_load(&place->holder))
            n += place->hash[0] == hash[0] && place->hash[1] == hash[1];
        else if (*free == streams->top)
            *free = i;
    }
    return n;
}

/* Under the lock. */
static int take(forge_live_t *live, const uint64_t hash[2], apr_int64_t limit)
{
    forge_live_streams_t *streams = &live->segment->streams;
    uint32_t free;
    apr_int64_t n = count(streams, hash, &free);
    if (free == FORGE_LIVE_STREAMS || (limit > 0 && n >= limit)) {
        sweep(streams);
        n = count(streams, hash, &free);
    }
    if (limit > 0 && n >= limit)
        return FORGE_STREAM_REFUSED;
    if (free == FORGE_LIVE_STREAMS)
        return FORGE_STREAM_FULL;
    if (free == streams->top)
        streams->top++;
    streams->places[free].hash[0] = hash[0];
    streams->places[free].hash[1] = hash[1];
    forge_live_store(&streams->places[free].holder, forge_live_process_self(live));
    return (int)free;
}

int forge_live_stream_open(forge_live_t *live, const void *key, apr_size_t len, apr_int64_t limit)
{
    uint64_t hash[2];
    forge_live_hash(live->segment->secret, TWEAK_STREAM, key, len, hash);
    lock(&live->segment->streams);
    int place = take(live, hash, limit);
    pthread_mutex_unlock(&live->segment->streams.mutex);
    return place;
}

void forge_live_stream_close(forge_live_t *live, int place)
{
    forge_live_streams_t *streams = &live->segment->streams;
    if (place < 0)
        return;
    lock(streams);
    forge_live_store(&streams->places[place].holder, 0);
    lower_top(streams);
    pthread_mutex_unlock(&streams->mutex);
}

apr_int64_t forge_live_streams_open(forge_live_t *live)
{
    forge_live_streams_t *streams = &live->segment->streams;
    apr_int64_t n = 0;
    lock(streams);
    sweep(streams);
    for (uint32_t i = 0; i < streams->top; i++)
        n += forge_live_load(&streams->places[i].holder) != 0;
    pthread_mutex_unlock(&streams->mutex);
    return n;
}
