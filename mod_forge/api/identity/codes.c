/* SPDX-License-Identifier: Apache-2.0
 * Codes of a second factor as they were typed: read, compared and spent.
 */
#include "identity.h"
#include "core/identity/identity.h"

#include <apr_strings.h>
#include <string.h>

/* The bytes of a sealed secret. NULL, and a line in the log, if it was sealed under another ForgeSecret. */
static const unsigned char *open_secret(forge_req_t *q, apr_int64_t user_id, const char *sealed, apr_size_t *len)
{
    const char *context = apr_psprintf(q->pool, "mfa:%" APR_INT64_T_FMT, user_id);
    const char *secret = forge_core_unseal(q->pool, q->keys, context, sealed, len);
    if (!secret)
        forge_http_warn(q, "FG0480",
                        "the second factor of account %" APR_INT64_T_FMT
                        " cannot be opened: it was sealed under another ForgeSecret",
                        user_id);
    return (const unsigned char *)secret;
}

/* The time step of a TOTP as it was typed; -1 if it is not a current one. Reads the clock and not the time when the
 * request began, because the body may take long. */
apr_int64_t forge_api_code_step(forge_req_t *q, apr_int64_t user_id, const char *sealed, const char *digits)
{
    apr_size_t len;
    const unsigned char *secret = open_secret(q, user_id, sealed, &len);
    return secret ? forge_core_totp_match(secret, len, apr_time_now(), digits) : -1;
}

/* What was typed, as the store takes it; false when it is no code of the active factor in `rows`. */
bool forge_api_code_read(forge_req_t *q, const forge_rows_t *rows, const char *typed, forge_code_t *code)
{
    char text[FORGE_BACKUP_CHARS + 1];
    apr_int64_t user_id = forge_store_rows_int(rows, 0, "id", 0);
    forge_code_kind_t kind = forge_core_code_read(typed, text);
    memset(code, 0, sizeof(*code));
    code->factor_id = forge_store_rows_text(rows, 0, "_factor");
    if (kind == FORGE_CODE_BACKUP)
        code->mac = forge_core_backup_mac(q->pool, q->keys, user_id, text);
    if (kind != FORGE_CODE_TOTP)
        return kind == FORGE_CODE_BACKUP;
    apr_int64_t step = forge_api_code_step(q, user_id, forge_store_rows_text(rows, 0, "_secret"), text);
    code->step = forge_util_itoa(q->pool, step);
    return step > forge_store_rows_int(rows, 0, "_last_step", 0);
}

forge_status_t forge_api_code_refuse(forge_req_t *q, const forge_guess_t *g, const char *at)
{
    FORGE_TRY(forge_api_guess_failed(q, g, "mfa.failed", at));
    return FORGE_E_MFA_CODE_INVALID;
}

forge_status_t forge_api_code_spend(forge_req_t *q, const forge_guess_t *g, const forge_rows_t *rows, const char *typed,
                                    apr_int64_t session_id, const char **amr)
{
    const forge_actor_t by = {
        .id = g->user_id, .session_id = session_id, .ip = q->client_ip, .request_id = q->request_id};
    forge_code_t code;
    forge_rows_t *used;
    forge_db_t *db;
    if (!forge_api_code_read(q, rows, typed, &code))
        return forge_api_code_refuse(q, g, "confirm");
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_mfa_use(db, q->pool, &by, g, &code, &used);
    forge_http_db_done(q);
    FORGE_TRY(status);
    if (forge_store_rows_count(used) == 0)
        return forge_api_code_refuse(q, g, "confirm");
    if (amr)
        *amr = forge_store_rows_text(used, 0, "amr");
    return FORGE_OK;
}
