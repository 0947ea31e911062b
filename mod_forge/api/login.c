/* SPDX-License-Identifier: Apache-2.0
 * Login, under /auth and under the older /users: one answer for unknown, inactive and wrong, after the same work.
 */
#include "shared.h"

#include <string.h>

/* The account of an e-mail address or username; what can be neither has no rows. No connection is held afterwards. */
static forge_status_t find_account(forge_req_t *q, const char *identifier, forge_rows_t **rows)
{
    const char *shown, *key = NULL, *username = NULL, *why;
    apr_size_t len = strlen(identifier);
    forge_db_t *db;
    if (memchr(identifier, '@', len)) {
        if (!forge_core_email_normalize(q->pool, identifier, len, &shown, &key, &why))
            key = NULL;
    } else if (forge_core_username_valid(identifier, len)) {
        username = identifier;
    }
    *rows = NULL;
    if (!key && !username)
        return FORGE_OK;
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_user_for_login(db, q->pool, key, username, rows);
    forge_http_db_done(q);
    return status;
}

/* One answer for unknown, inactive and wrong, after the same work. */
static forge_status_t refuse_login(forge_req_t *q, apr_int64_t user_id, const char *identifier)
{
    forge_db_t *db;
    forge_live_count(q->live, FORGE_C_LOGIN_FAILED);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_login_failed(db, q->pool, user_id, identifier, q->client_ip, q->request_id));
    return forge_fail(q, FORGE_E_BAD_CREDENTIALS);
}

static bool has_fault(const forge_faults_t *faults, const char *pointer)
{
    for (int i = 0; i < forge_core_faults_count(faults); i++)
        if (strcmp(forge_core_faults_at(faults, i)->pointer, pointer) == 0)
            return true;
    return false;
}

/* The name that logs in, and every fault of the body at once. */
static forge_status_t read_identifier(forge_req_t *q, const char **identifier)
{
    *identifier = forge_core_input_text(q->body, "email");
    if (!*identifier)
        *identifier = forge_core_input_text(q->body, "username");
    if (!*identifier && !has_fault(q->faults, "/email") && !has_fault(q->faults, "/username"))
        forge_core_fault(q->faults, "/email", "required", "send email or username");
    return forge_core_faults_count(q->faults) > 0 ? forge_fail_faults(q, FORGE_E_VALIDATION, q->faults) : FORGE_OK;
}

forge_status_t forge_api_account_login(forge_req_t *q)
{
    const char *identifier, *refresh, *password = forge_core_input_text(q->body, "password"), *new_hash = NULL;
    forge_rows_t *rows;
    forge_db_t *db;
    bool good = false;
    FORGE_TRY(read_identifier(q, &identifier));
    FORGE_TRY(find_account(q, identifier, &rows));
    bool known = rows && forge_store_rows_count(rows) > 0;
    apr_int64_t user_id = known ? forge_store_rows_int(rows, 0, "id", 0) : 0;
    const char *stored = known ? forge_store_rows_text(rows, 0, "_password_hash") : NULL;
    FORGE_TRY(forge_http_password_verify(q, password, stored, &good));
    if (!good || !known || !forge_store_rows_bool(rows, 0, "is_active"))
        return refuse_login(q, user_id, identifier);
    if (forge_core_hash_outdated(stored, forge_config_bcrypt_cost(q->config)))
        FORGE_TRY(forge_http_password_hash(q, password, &new_hash));
    forge_new_session_t session = forge_api_session_begin(q, "pwd", &refresh);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_login(db, q->pool, user_id, forge_store_rows_int(rows, 0, "_epoch", -1), new_hash, &session, &rows));
    if (forge_store_rows_count(rows) == 0)
        return refuse_login(q, user_id, identifier);
    forge_live_count(q->live, FORGE_C_LOGIN_OK);
    return forge_api_tokens(q, rows, refresh, "pwd");
}
