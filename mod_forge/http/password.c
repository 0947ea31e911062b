/* SPDX-License-Identifier: Apache-2.0
 * bcrypt behind the gate: so many at a time over all children, so that logins cannot starve the rest (DESIGN 4).
 */
#include "http_private.h"

#include <string.h>

#define PATIENCE      apr_time_from_msec(800)
#define RETRY_SECONDS 2

static forge_status_t enter(forge_req_t *q, int *place)
{
    forge_http_db_done(q); /* no connection is held while waiting and hashing */
    *place = forge_live_gate_enter(q->live, forge_config_bcrypt_concurrency(q->config), PATIENCE);
    if (*place >= 0) {
        forge_live_count(q->live, FORGE_C_HASH_TOTAL);
        return FORGE_OK;
    }
    forge_live_count(q->live, FORGE_C_HASH_REFUSED);
    forge_http_retry_after(q, RETRY_SECONDS);
    return FORGE_E_BUSY;
}

forge_status_t forge_http_password_hash(forge_req_t *q, const char *password, const char **hash)
{
    int place;
    FORGE_TRY(enter(q, &place));
    *hash = forge_core_hash_make(q->pool, password, strlen(password), forge_config_bcrypt_cost(q->config));
    forge_live_gate_leave(q->live, place);
    return *hash ? FORGE_OK : FORGE_E_INTERNAL;
}

forge_status_t forge_http_password_verify(forge_req_t *q, const char *password, const char *stored, bool *good)
{
    int place;
    FORGE_TRY(enter(q, &place));
    const char *against = stored ? stored : forge_core_hash_dummy(q->pool, forge_config_bcrypt_cost(q->config));
    *good = forge_core_hash_verify(q->pool, password, strlen(password), against) && stored;
    forge_live_gate_leave(q->live, place);
    return FORGE_OK;
}
