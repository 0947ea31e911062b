/* SPDX-License-Identifier: Apache-2.0
 * Public reads from a replica (ForgeReadDBD): what an anonymous client gets of a route that says what it reads (.reads)
 * may come from there, once the replica has all writes of those tables that this node knows of (live/replicas.c).
 *
 * Accounts are asked of the primary: what they may see depends on more tables than .reads names. Whatever goes wrong on
 * the replica, the handler runs once more on the primary, and the client sees nothing of it.
 */
#include "http_private.h"

#include <httpd.h>

static bool eligible(const forge_req_t *q)
{
    return q->server->replica && q->route->reads && q->route->method == FORGE_GET && q->who.user_id == 0 && !q->stale &&
           !q->ndjson && !q->table && !q->events;
}

/* What the service could not do, and what a replica alone may not have; the client's own mistakes stay what they are.
 */
static bool failed(const forge_req_t *q, forge_status_t status)
{
    return status != FORGE_OK && status != FORGE_ANSWERED && forge_server_lease_of_replica(q->lease) &&
           forge_util_error(status)->http >= HTTP_INTERNAL_SERVER_ERROR;
}

forge_status_t forge_http_replica_work(forge_req_t *q, forge_handler_fn work)
{
    q->replica = eligible(q);
    if (!q->replica)
        return work(q);
    const forge_reply_t before = forge_http_reply_copy(q);
    forge_status_t status = work(q);
    bool asked = forge_server_lease_of_replica(q->lease), vain = failed(q, status);
    q->replica = false;
    if (asked)
        forge_live_count(q->live, vain ? FORGE_C_READ_FAILED : FORGE_C_READ_REPLICA);
    if (!vain)
        return status;
    forge_http_db_done(q);
    q->lease = NULL;
    *q->reply = before;
    return work(q);
}
