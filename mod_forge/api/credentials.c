/* SPDX-License-Identifier: Apache-2.0
 * The password of the one who asks, checked once more before something grave; with the lockout of logins.
 */
#include "shared.h"

/* wip: without the lockout. */
forge_status_t forge_api_password_confirm(forge_req_t *q, const char *password)
{
    forge_db_t *db;
    forge_rows_t *rows;
    bool good = false;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_password_owner(db, q->pool, q->who.user_id, &rows));
    forge_http_db_done(q);
    if (forge_store_rows_count(rows) == 0)
        return FORGE_E_INVALID_TOKEN;
    const char *username = forge_store_rows_text(rows, 0, "username");
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_user_for_login(db, q->pool, NULL, username, &rows));
    forge_http_db_done(q);
    const char *stored = forge_store_rows_count(rows) > 0 ? forge_store_rows_text(rows, 0, "_password_hash") : NULL;
    FORGE_TRY(forge_http_password_verify(q, password, stored, &good));
    return good ? FORGE_OK : FORGE_E_BAD_CREDENTIALS;
}
