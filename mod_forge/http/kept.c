/* SPDX-License-Identifier: Apache-2.0
 * Answers that cost much and serve many: each child makes one anew after a few seconds, and gives it to all who ask
 * until then. Whoever comes while it is made waits for it, so that a crowd asks the database once.
 */
#include "http_private.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FAILURE_KEPT apr_time_from_sec(1) /* so that those who have waited do not all try again */
#define KEPT_MAX     64                   /* what has no place is made each time */

typedef struct kept_t {
    pthread_mutex_t lock; /* held while the answer is made; what follows is its own */
    const forge_server_t *server;
    forge_kept_fn make;
    apr_int64_t until; /* of the monotonic clock; 0: there is no answer */
    forge_status_t status;
    char *text;
    apr_size_t len;
} kept_t;

static kept_t all_kept[KEPT_MAX] = {[0 ... KEPT_MAX - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER}};
static pthread_mutex_t places = PTHREAD_MUTEX_INITIALIZER;

/* The place of this answer of this server, or NULL when all are taken. */
static kept_t *place(const forge_server_t *server, forge_kept_fn make)
{
    kept_t *found = NULL;
    pthread_mutex_lock(&places);
    for (int i = 0; i < KEPT_MAX && !found; i++) {
        kept_t *kept = &all_kept[i];
        if (!kept->server) {
            kept->server = server;
            kept->make = make;
        }
        if (kept->server == server && kept->make == make)
            found = kept;
    }
    pthread_mutex_unlock(&places);
    return found;
}

/* Makes it anew. The text is a copy, because the buffer is of the request. */
static void renew(forge_req_t *q, kept_t *kept, apr_interval_time_t life, forge_buf_t *b)
{
    kept->status = kept->make(q, b);
    if (kept->status == FORGE_OK && b->failed)
        kept->status = FORGE_E_INTERNAL;
    free(kept->text);
    kept->text = NULL;
    kept->len = 0;
    if (kept->status == FORGE_OK && b->len && (kept->text = malloc(b->len))) {
        memcpy(kept->text, b->data, b->len);
        kept->len = b->len;
    }
    bool good = kept->status != FORGE_OK || kept->text;
    kept->until = good ? forge_util_monotonic() + (kept->status == FORGE_OK ? life : FAILURE_KEPT) : 0;
}

forge_status_t forge_http_kept(forge_req_t *q, forge_kept_fn make, apr_interval_time_t life, forge_buf_t *b)
{
    kept_t *kept = place(q->server, make);
    if (!kept)
        return make(q, b);
    pthread_mutex_lock(&kept->lock);
    if (forge_util_monotonic() >= kept->until)
        renew(q, kept, life, b);
    else if (kept->status == FORGE_OK)
        forge_util_buf_add(b, kept->text, kept->len);
    forge_status_t status = kept->status;
    pthread_mutex_unlock(&kept->lock);
    return status;
}
