/* SPDX-License-Identifier: Apache-2.0
 * Stand-ins for what other parts bring: to be dropped with them.
 */
#include "shared.h"

forge_status_t forge_api_password_confirm(forge_req_t *q, const char *password)
{
    forge_db_t *db;
    forge_rows_t *rows;
    bool good = false;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_wip_hash(db, q->pool, q->who.user_id, &rows));
    forge_http_db_done(q);
    FORGE_TRY(forge_http_password_verify(q, password, forge_store_rows_text(rows, 0, "_password_hash"), &good));
    return good ? FORGE_OK : forge_fail(q, FORGE_E_BAD_CREDENTIALS);
}

forge_status_t forge_api_email_change(forge_req_t *q, const char *email)
{
    (void)q, (void)email;
    return FORGE_OK;
}
