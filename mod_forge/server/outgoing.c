/* SPDX-License-Identifier: Apache-2.0
 * What is to leave for a receiver of traces or errors: a queue in each child, bounded in number and bytes. Requests put
 * in and go on; what finds no room is dropped. One thread of the child takes out (work/ship.c).
 */
#include "server_private.h"

#include <apr_strings.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE apr_time_from_msec(200) /* a signal may have interrupted a prefork child inside the lock */

struct forge_outgoing_t {
    pthread_mutex_t lock;
    forge_crate_t *first, **end;
    int count, most;
    apr_size_t bytes, most_bytes;
};

/* Made in the parent; each child has its own copy. */
forge_outgoing_t *forge_server_outgoing_make(apr_pool_t *p, int most, apr_size_t most_bytes)
{
    forge_outgoing_t *outgoing = apr_pcalloc(p, sizeof(*outgoing));
    pthread_mutex_init(&outgoing->lock, NULL);
    outgoing->end = &outgoing->first;
    outgoing->most = most;
    outgoing->most_bytes = most_bytes;
    return outgoing;
}

static bool lock(forge_outgoing_t *outgoing)
{
    return forge_util_lock(&outgoing->lock, PATIENCE) == 0;
}

static forge_crate_t *crate_of(const char *data, apr_size_t len, int count)
{
    forge_crate_t *crate = malloc(sizeof(*crate) + len);
    if (!crate)
        return NULL;
    *crate = (forge_crate_t){.next = NULL, .count = count, .len = len, .since = forge_util_monotonic()};
    memcpy(crate->data, data, len);
    return crate;
}

bool forge_server_outgoing_put(forge_outgoing_t *outgoing, const char *data, apr_size_t len, int count)
{
    forge_crate_t *crate = crate_of(data, len, count);
    if (!crate || !lock(outgoing)) {
        free(crate);
        return false;
    }
    bool fits = outgoing->count + count <= outgoing->most && outgoing->bytes + len <= outgoing->most_bytes;
    if (fits) {
        *outgoing->end = crate;
        outgoing->end = &crate->next;
        outgoing->count += count;
        outgoing->bytes += len;
    }
    pthread_mutex_unlock(&outgoing->lock);
    if (!fits)
        free(crate);
    return fits;
}

/* Under the lock. */
static forge_crate_t *take_one(forge_outgoing_t *outgoing)
{
    forge_crate_t *crate = outgoing->first;
    outgoing->first = crate->next;
    if (!outgoing->first)
        outgoing->end = &outgoing->first;
    outgoing->count -= crate->count;
    outgoing->bytes -= crate->len;
    crate->next = NULL;
    return crate;
}

forge_crate_t *forge_server_outgoing_take(forge_outgoing_t *outgoing, int most, apr_size_t most_bytes)
{
    forge_crate_t *taken = NULL, **end = &taken;
    apr_size_t bytes = 0;
    int count = 0;
    if (!lock(outgoing))
        return NULL;
    while (outgoing->first &&
           (!taken || (count + outgoing->first->count <= most && bytes + outgoing->first->len <= most_bytes))) {
        *end = take_one(outgoing);
        count += (*end)->count;
        bytes += (*end)->len;
        end = &(*end)->next;
    }
    pthread_mutex_unlock(&outgoing->lock);
    return taken;
}

forge_waiting_t forge_server_outgoing_waiting(forge_outgoing_t *outgoing)
{
    forge_waiting_t waiting = {0, 0};
    if (!lock(outgoing))
        return waiting;
    waiting.count = outgoing->count;
    waiting.since = outgoing->first ? outgoing->first->since : 0;
    pthread_mutex_unlock(&outgoing->lock);
    return waiting;
}

int forge_server_crates_free(forge_crate_t *crates)
{
    int count = 0;
    for (forge_crate_t *next; crates; crates = next) {
        next = crates->next;
        count += crates->count;
        free(crates);
    }
    return count;
}
