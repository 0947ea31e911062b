/* SPDX-License-Identifier: Apache-2.0
 * bcrypt, for whoever has a place (queue.c): so many at a time over all children, so that logins cannot starve the rest (DESIGN 4).
 */
#include "http_private.h"

#include <string.h>

/* A route with FORGE_R_HASHES has its place already. Another one that hashes after all waits for it here, on its thread. */
static forge_status_t begin(forge_req_t *q)
{
    forge_http_db_done(q); /* no connection is held while waiting and hashing */
    FORGE_TRY(forge_http_queue_hold(q));
    forge_live_count(q->live, FORGE_C_HASH_TOTAL);
    return FORGE_OK;
}

forge_status_t forge_http_password_hash(forge_req_t *q, const char *password, const char **hash)
{
    FORGE_TRY(begin(q));
    *hash = forge_core_hash_make(q->pool, password, strlen(password), forge_config_bcrypt_cost(q->config));
    return *hash ? FORGE_OK : FORGE_E_INTERNAL;
}

forge_status_t forge_http_password_verify(forge_req_t *q, const char *password, const char *stored, bool *good)
{
    FORGE_TRY(begin(q));
    const char *against = stored ? stored : forge_core_hash_dummy(q->pool, forge_config_bcrypt_cost(q->config));
    *good = forge_core_hash_verify(q->pool, password, strlen(password), against) && stored;
    return FORGE_OK;
}

int forge_http_password_places(const forge_req_t *q)
{
    return q->server->places;
}
