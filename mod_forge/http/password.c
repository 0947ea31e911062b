/* SPDX-License-Identifier: Apache-2.0
 * bcrypt, for whoever has a place (queue.c): so many at a time over all children, so that logins cannot starve the rest
 * (DESIGN 4). A hash takes a processor for long; those who read go first all the same (util/yield.c).
 */
#include "http_private.h"
#include "core/identity/identity.h"

#include <string.h>

typedef struct work_t {
    apr_pool_t *p; /* whoever waits does not use it meanwhile */
    const char *password, *against;
    int cost;
    const char *made; /* without `against` */
    bool good;        /* with it */
} work_t;

static void compute(void *baton)
{
    work_t *work = baton;
    if (work->against)
        work->good = forge_core_hash_verify(work->p, work->password, strlen(work->password), work->against);
    else
        work->made = forge_core_hash_make(work->p, work->password, strlen(work->password), work->cost);
}

/* A route with FORGE_R_HASHES has its place already. Another one that hashes after all waits for it here, on its
 * thread. */
static forge_status_t begin(forge_req_t *q)
{
    forge_http_db_done(q); /* no connection is held while waiting and hashing */
    FORGE_TRY(forge_http_queue_hold(q));
    forge_live_count(q->live, FORGE_C_HASH_TOTAL);
    return FORGE_OK;
}

forge_status_t forge_http_password_hash(forge_req_t *q, const char *password, const char **hash)
{
    work_t work = {.p = q->pool, .password = password, .cost = forge_config_bcrypt_cost(q->config)};
    FORGE_TRY(begin(q));
    forge_util_yielding(compute, &work);
    *hash = work.made;
    return *hash ? FORGE_OK : FORGE_E_INTERNAL;
}

static forge_status_t verify(forge_req_t *q, const char *password, const char *stored, bool *good)
{
    work_t work = {.p = q->pool, .password = password};
    FORGE_TRY(begin(q));
    work.against = stored ? stored : forge_core_hash_dummy(q->pool, forge_config_bcrypt_cost(q->config));
    forge_util_yielding(compute, &work);
    *good = work.good && stored;
    return FORGE_OK;
}

/* What has two forms is hashed twice, also when the first one matches or there is no account: the time tells only what
 * the client knows, how it typed. No text has more than two forms here, so the cost is bounded. */
forge_status_t forge_http_password_verify(forge_req_t *q, const char *password, const char *stored, bool *good,
                                          bool *decomposed)
{
    apr_size_t len;
    bool typed = false;
    const char *composed = forge_core_password_composed(q->pool, password, strlen(password), &len);
    FORGE_TRY(verify(q, composed, stored, good));
    if (composed != password)
        FORGE_TRY(verify(q, password, stored, &typed));
    if (decomposed)
        *decomposed = typed;
    *good = *good || typed;
    return FORGE_OK;
}

int forge_http_password_places(const forge_req_t *q)
{
    return q->server->places;
}
