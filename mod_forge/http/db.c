/* SPDX-License-Identifier: Apache-2.0
 * The database connection of a request: taken when it is first needed, given back before the answer is sent.
 */
#include "http_private.h"
#include "store/store.h"

forge_status_t forge_http_db(forge_req_t *q, forge_db_t **db)
{
    if (!forge_server_lease_db(q->lease)) {
        if (q->claimed) /* a slip of the handler's: it gave the transaction away in the middle of its work */
            return FORGE_E_INTERNAL;
        FORGE_TRY(forge_server_lease_take(q->pool, q->server, forge_server_activity(q->r), &q->lease, db));
    }
    *db = forge_server_lease_db(q->lease);
    return FORGE_OK;
}

void forge_http_db_done(forge_req_t *q)
{
    if (q->lease)
        forge_server_lease_return(q->lease);
}

const char *forge_http_db_constraint(const forge_req_t *q)
{
    forge_db_t *db = forge_server_lease_db(q->lease);
    return db ? forge_store_constraint(db) : "";
}
