/* SPDX-License-Identifier: Apache-2.0
 * The password of the one who asks, checked once more before something grave; with the lockout of logins.
 */
#include "api/shared.h"
#include "identity.h"
#include "store/identity/identity.h"

/* The account of the caller with its secrets; FORGE_E_INVALID_TOKEN when it is no more. */
static forge_status_t own_credentials(forge_req_t *q, forge_rows_t **rows)
{
    forge_db_t *db;
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_credentials(db, q->pool, q->who.user_id, 0, rows);
    forge_http_db_done(q);
    FORGE_TRY(status);
    return forge_store_rows_count(*rows) > 0 ? FORGE_OK : FORGE_E_INVALID_TOKEN;
}

/* The password of `rows` under a guess that has begun; a wrong one is counted. */
static forge_status_t check_password(forge_req_t *q, const forge_guess_t *g, const forge_rows_t *rows,
                                     const char *password)
{
    bool good;
    forge_status_t status =
        forge_http_password_verify(q, password, forge_store_rows_text(rows, 0, "_password_hash"), &good, NULL);
    if (status != FORGE_OK) { /* not checked */
        forge_api_guess_settle(q, g, false);
        return status;
    }
    if (good)
        return FORGE_OK;
    FORGE_TRY(forge_api_guess_failed(q, g, "user.login_failed", "confirm"));
    return FORGE_E_BAD_CREDENTIALS;
}

/* With a second factor the right password alone forgets no failures: codes could be guessed for ever by someone who
 * knows it. */
forge_status_t forge_api_password_confirm(forge_req_t *q, const char *password)
{
    forge_rows_t *rows;
    FORGE_TRY(own_credentials(q, &rows));
    forge_guess_t g = forge_api_guess_of(q, q->who.user_id, NULL);
    FORGE_TRY(forge_api_guess_begin(q, &g));
    FORGE_TRY(check_password(q, &g, rows, password));
    return forge_api_guess_settle(q, &g, !forge_store_rows_text(rows, 0, "_factor"));
}

/* A stolen token can be refreshed for weeks, but it has neither the password nor a new login. */
forge_status_t forge_api_proof(forge_req_t *q, const char *password)
{
    const apr_interval_time_t fresh = forge_config_fresh_login(q->config);
    const forge_actor_t by = forge_api_actor(q);
    forge_db_t *db;
    if (password)
        return forge_api_password_confirm(q, password);
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_session_fresh(db, q->pool, &by, fresh);
    forge_http_db_done(q);
    return status == FORGE_E_STEP_UP ? forge_fail_old_login(q, fresh) : status;
}

forge_status_t forge_api_identity_confirm(forge_req_t *q, const char *password, const char *code)
{
    forge_rows_t *rows;
    FORGE_TRY(own_credentials(q, &rows));
    bool second = forge_store_rows_text(rows, 0, "_factor") != NULL;
    if (second && !code)
        return FORGE_E_MFA_CODE_INVALID;
    forge_guess_t g = forge_api_guess_of(q, q->who.user_id, NULL);
    FORGE_TRY(forge_api_guess_begin(q, &g));
    FORGE_TRY(check_password(q, &g, rows, password));
    return second ? forge_api_code_spend(q, &g, rows, code, 0, NULL) : forge_api_guess_settle(q, &g, true);
}
