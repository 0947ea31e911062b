/* SPDX-License-Identifier: Apache-2.0
 * /auth/mfa: the second factor.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/identity/identity.h"
#include "api/shared.h"
#include "identity.h"

#include <apr_strings.h>
#include <string.h>

/* --- fields --- */

/* clang-format off */
static const forge_field_t code_field[] = {
    {"code", FORGE_T_TEXT, FORGE_F_REQUIRED | FORGE_F_WRITEONLY, 1, FORGE_CODE_TEXT_MAX, .example = "123456",
     .help = "six digits from the authenticator app, or a backup code"},
    {.name = NULL},
};
static const forge_field_t password_field[] = {
    {"password", FORGE_T_TEXT, FORGE_F_WRITEONLY, .max = 1024, .format = "password",
     .example = "correct-Horse7-battery", .help = "the password of the account"},
    {.name = NULL},
};
static const forge_field_t codes_fields[] = {
    {"backup_codes", FORGE_T_ARRAY, .format = "text", .example = "[\"k3m9x-7w2qd\",\"04tzp-vb8ha\"]",
     .help = "ten codes, each valid once; shown only here"},
    {.name = NULL},
};
static const forge_shape_t codes = {"BackupCodes", codes_fields};

static const forge_field_t login_reply_fields[] = {
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_OPTIONAL, .fields = forge_api_token_fields},
    {"mfa_required", FORGE_T_BOOL, FORGE_F_OPTIONAL, .example = "true",
     .help = "true: no tokens yet; a code of the second factor is needed"},
    {"mfa_token", FORGE_T_TEXT, FORGE_F_OPTIONAL, .example = "mE1p…",
     .help = "with mfa_required: send it to /auth/mfa/verify with the code"},
    {"expires_in", FORGE_T_INT, .min = 1, .example = "900",
     .help = "seconds until the access token or mfa_token expires"},
    {.name = NULL},
};
/* Flat, with members that are there or not: alternatives would be classes of their own in some clients. */
const forge_named_sample_t forge_api_login_samples[] = {
    {"logged_in", "Logged in", "mfa_required|mfa_token"},
    {"second_factor", "A code of the second factor is needed", "user|access_token|refresh_token|token_type"},
    {.name = NULL},
};
const forge_shape_t forge_api_login_reply = {"Login", login_reply_fields};
const forge_next_t forge_api_login_next[] = {
    {"mfa_verify", "mfa_token", .help = "with mfa_required: the second step, with a code"},
    {"auth_me", .help = "the account that has logged in, with access_token as a bearer token"},
    {"auth_refresh", "refresh_token", .help = "new tokens, once the access token has expired"},
    {"auth_logout", .help = "ends the session, with access_token as a bearer token"},
    {.operation = NULL},
};

static const forge_field_t setup_body_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = forge_api_proof_field},
    {.name = NULL},
};
static const forge_shape_t setup_body = {.fields = setup_body_fields};

static const forge_field_t setup_fields[] = {
    {"factor_id", FORGE_T_INT, .min = 1, .example = "3", .help = "number of the factor"},
    {"secret", FORGE_T_TEXT, .example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
     .help = "the shared secret in base32, to type in; shown only here"},
    {"otpauth_uri", FORGE_T_TEXT, .example = "otpauth://totp/…",
     .help = "the secret as a URI for authenticator apps"},
    {"qr_svg", FORGE_T_TEXT, .example = "<svg …", .help = "that URI as a QR code, an SVG image"},
    {.name = NULL},
};
static const forge_shape_t setup = {"MfaSetup", setup_fields};

static const forge_field_t verify_body_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = code_field},
    {"mfa_token", FORGE_T_TEXT, FORGE_F_NULLABLE | FORGE_F_WRITEONLY, .max = 128, .example = "mE1p…",
     .help = "from a login that asks for the second factor; without it the caller must be logged in"},
    {"factor_id", FORGE_T_INT, FORGE_F_NULLABLE, .min = 1, .example = "3",
     .help = "from /auth/mfa/setup; default: the newest factor"},
    {.name = NULL},
};
static const forge_shape_t verify_body = {.fields = verify_body_fields};

static const forge_field_t verified_fields[] = {
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_OPTIONAL, .fields = forge_api_token_fields},
    {"expires_in", FORGE_T_INT, FORGE_F_OPTIONAL, .min = 1, .example = "900",
     .help = "seconds until the access token expires"},
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_OPTIONAL, .fields = codes_fields},
    {.name = NULL},
};
static const forge_named_sample_t verified_samples[] = {
    {"logged_in", "The second step of a login", "backup_codes"},
    {"stepped_up", "The session has used the second factor", "user|refresh_token|backup_codes"},
    {"activated", "The factor of this code is active from now on", "user|refresh_token"},
    {.name = NULL},
};
static const forge_shape_t verified = {"MfaVerified", verified_fields};

static const forge_field_t confirm_body_fields[] = {
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_REQUIRED, .fields = password_field},
    {.type = FORGE_T_INCLUDE, .fields = code_field},
    {.name = NULL},
};
static const forge_shape_t confirm_body = {.fields = confirm_body_fields};
/* clang-format on */

/* --- backup codes --- */

/* Ten new backup codes into `shown`; their MACs as a PostgreSQL array. */
static const char *make_codes(forge_req_t *q, forge_json_t *shown)
{
    const char *macs = "{";
    for (int i = 0; i < FORGE_BACKUP_CODES; i++) {
        char text[FORGE_BACKUP_CHARS + 1];
        const char *code = forge_core_backup_make(q->pool);
        forge_core_code_read(code, text);
        forge_util_json_add_text(shown, code);
        macs = apr_pstrcat(q->pool, macs, i ? "," : "", forge_core_backup_mac(q->pool, q->keys, q->who.user_id, text),
                           NULL);
    }
    return apr_pstrcat(q->pool, macs, "}", NULL);
}

/* --- set up --- */

static forge_status_t mfa_setup(forge_req_t *q)
{
    const forge_actor_t by = forge_api_actor(q);
    unsigned char secret[FORGE_TOTP_SECRET_BYTES];
    forge_rows_t *account, *rows;
    forge_db_t *db;
    FORGE_TRY(forge_api_proof(q, forge_core_input_text(q->body, "password")));
    forge_core_totp_secret(secret);
    const char *context = apr_psprintf(q->pool, "mfa:%" APR_INT64_T_FMT, by.id);
    const char *sealed = forge_core_seal(q->pool, q->keys, context, secret, sizeof(secret));
    const char *text = forge_core_base32(q->pool, secret, sizeof(secret));
    memset(secret, 0, sizeof(secret));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_credentials(db, q->pool, by.id, 0, &account));
    if (forge_store_rows_count(account) == 0)
        return FORGE_E_INVALID_TOKEN;
    FORGE_TRY(forge_store_mfa_setup(db, q->pool, &by, sealed, &rows));
    if (!forge_store_rows_text(rows, 0, "factor_id"))
        return FORGE_E_MFA_ENABLED;
    const char *uri = forge_core_totp_uri(q->pool, forge_config_mfa_issuer(q->config),
                                          forge_store_rows_text(account, 0, "email"), text);
    const char *svg = forge_core_qr_svg(q->pool, uri);
    if (!svg)
        return FORGE_E_INTERNAL;
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_util_json_put_int(answer, "factor_id", forge_store_rows_int(rows, 0, "factor_id", 0));
    forge_util_json_put_text(answer, "secret", text);
    forge_util_json_put_text(answer, "otpauth_uri", uri);
    forge_util_json_put_text(answer, "qr_svg", svg);
    return forge_reply_json(q, answer);
}

/* --- verify --- */

/* A new access token of the same session, which says how its owner has proven to be it. */
static forge_status_t put_token(forge_req_t *q, forge_json_t *answer, const char *amr)
{
    const forge_token_rules_t *rules = forge_config_token_rules(q->config);
    forge_who_t who = q->who;
    who.amr = amr;
    const char *access = forge_core_token_sign(q->pool, q->keys, rules, &who, q->now);
    if (!access)
        return FORGE_E_INTERNAL;
    forge_util_json_put_text(answer, "access_token", access);
    forge_util_json_put_text(answer, "token_type", "bearer");
    forge_util_json_put_int(answer, "expires_in", apr_time_sec(rules->access_ttl));
    if (q->by_cookie)
        forge_reply_cookie(q, &who);
    return FORGE_OK;
}

/* The first code of a factor makes it active. Guessing gains nothing here: who may try has seen the secret. */
static forge_status_t activate(forge_req_t *q, const forge_rows_t *account, const char *typed)
{
    const forge_actor_t by = forge_api_actor(q);
    char digits[FORGE_BACKUP_CHARS + 1];
    apr_int64_t step = -1;
    forge_rows_t *rows;
    forge_db_t *db;
    if (forge_core_code_read(typed, digits) == FORGE_CODE_TOTP)
        step = forge_api_code_step(q, by.id, forge_store_rows_text(account, 0, "_pending_secret"), digits);
    if (step < 0)
        return FORGE_E_MFA_CODE_INVALID;
    forge_json_t *answer = forge_util_json_object(q->pool);
    const forge_enable_t enable = {.factor_id = forge_store_rows_text(account, 0, "_pending"),
                                   .step = forge_util_itoa(q->pool, step),
                                   .macs = make_codes(q, forge_util_json_put_array(answer, "backup_codes")),
                                   .mail = forge_api_mail(q, forge_api_mail_notice(q))};
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_mfa_enable(db, q->pool, &by, &enable, &rows));
    if (forge_store_rows_count(rows) == 0) /* another request was faster */
        return FORGE_E_MFA_CODE_INVALID;
    const char *amr = forge_store_rows_text(rows, 0, "amr");
    if (amr)
        FORGE_TRY(put_token(q, answer, amr));
    return forge_reply_json(q, answer);
}

/* The session of the caller gets the second factor (RFC 9470). */
static forge_status_t step_up(forge_req_t *q, const forge_rows_t *account, const char *typed)
{
    const forge_guess_t g = forge_api_guess_of(q, q->who.user_id, NULL, false);
    const char *amr = NULL;
    FORGE_TRY(forge_api_guess_begin(q, &g));
    FORGE_TRY(forge_api_code_spend(q, &g, account, typed, q->who.session_id, &amr));
    if (!amr) /* the session ended meanwhile */
        return FORGE_E_INVALID_TOKEN;
    forge_json_t *answer = forge_util_json_object(q->pool);
    FORGE_TRY(put_token(q, answer, amr));
    return forge_reply_json(q, answer);
}

static forge_status_t verify_session(forge_req_t *q, const char *typed)
{
    apr_int64_t factor_id = forge_core_input_int(q->body, "factor_id", 0);
    forge_rows_t *account;
    forge_db_t *db;
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_credentials(db, q->pool, q->who.user_id, factor_id, &account);
    forge_http_db_done(q);
    FORGE_TRY(status);
    if (forge_store_rows_count(account) == 0)
        return FORGE_E_INVALID_TOKEN;
    apr_int64_t active = forge_store_rows_int(account, 0, "_factor", 0);
    if (active && (!factor_id || factor_id == active))
        return step_up(q, account, typed);
    if (!active && forge_store_rows_text(account, 0, "_pending"))
        return activate(q, account, typed);
    return factor_id ? FORGE_E_NOT_FOUND : FORGE_E_MFA_NOT_ENABLED;
}

static forge_status_t refuse_login(forge_req_t *q, const forge_guess_t *g)
{
    forge_live_count(q->live, FORGE_C_LOGIN_FAILED);
    return forge_api_code_refuse(q, g, "login");
}

/* The second step of a login. A try is spent before the code is looked at, so that parallel ones are no more than five.
 */
static forge_status_t verify_login(forge_req_t *q, const char *token, const char *typed)
{
    const char *refresh;
    forge_second_t second;
    forge_rows_t *account, *rows;
    forge_db_t *db;
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status =
        forge_store_challenge_try(db, q->pool, forge_core_sha256_hex(q->pool, token, strlen(token)), &account);
    forge_http_db_done(q);
    FORGE_TRY(status);
    if (forge_store_rows_count(account) == 0)
        return FORGE_E_MFA_TOKEN_INVALID;
    const forge_guess_t g = forge_api_guess_of(q, forge_store_rows_int(account, 0, "id", 0), NULL, false);
    FORGE_TRY(forge_api_guess_begin(q, &g));
    if (!forge_api_code_read(q, account, typed, &second.code))
        return refuse_login(q, &g);
    second.challenge_id = forge_store_rows_text(account, 0, "_challenge");
    second.session = forge_api_session_begin(q, "pwd otp", &refresh);
    second.session.guess = &g;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_login_second(db, q->pool, &second, &rows));
    if (!forge_store_rows_bool(rows, 0, "_spent"))
        return refuse_login(q, &g);
    if (!forge_store_rows_text(rows, 0, "id")) {
        FORGE_TRY(forge_api_guess_settle(q, &g, false));
        return FORGE_E_MFA_TOKEN_INVALID;
    }
    forge_live_count(q->live, FORGE_C_LOGIN_OK);
    return forge_api_tokens(q, rows, refresh, "pwd otp");
}

static forge_status_t mfa_verify(forge_req_t *q)
{
    const char *token = forge_core_input_text(q->body, "mfa_token"), *code = forge_core_input_text(q->body, "code");
    if (token)
        return verify_login(q, token, code);
    if (q->who.role == FORGE_ROLE_NONE)
        return q->stale ? FORGE_E_INVALID_TOKEN : FORGE_E_UNAUTHENTICATED;
    if (q->who.role < FORGE_ROLE_STUDENT)
        return FORGE_E_FORBIDDEN;
    if (q->who.session_id == 0)
        return FORGE_E_SESSION_REQUIRED;
    return verify_session(q, code);
}

/* --- change --- */

static forge_status_t confirm(forge_req_t *q)
{
    return forge_api_identity_confirm(q, forge_core_input_text(q->body, "password"),
                                      forge_core_input_text(q->body, "code"));
}

static forge_status_t mfa_disable(forge_req_t *q)
{
    const forge_actor_t by = forge_api_actor(q);
    const forge_new_mail_t notice = forge_api_mail(q, forge_api_mail_notice(q));
    forge_rows_t *rows;
    forge_db_t *db;
    FORGE_TRY(confirm(q));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_mfa_disable(db, q->pool, &by, &notice, &rows));
    return forge_store_rows_count(rows) > 0 ? forge_reply_none(q) : FORGE_E_MFA_NOT_ENABLED;
}

static forge_status_t mfa_backup_codes(forge_req_t *q)
{
    const forge_actor_t by = forge_api_actor(q);
    const forge_new_mail_t notice = forge_api_mail(q, forge_api_mail_notice(q));
    forge_rows_t *rows;
    forge_db_t *db;
    FORGE_TRY(confirm(q));
    forge_json_t *answer = forge_util_json_object(q->pool);
    const char *macs = make_codes(q, forge_util_json_put_array(answer, "backup_codes"));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_mfa_codes(db, q->pool, &by, macs, &notice, &rows));
    return forge_store_rows_count(rows) > 0 ? forge_reply_json(q, answer) : FORGE_E_MFA_NOT_ENABLED;
}

/* --- routes --- */

static const forge_status_t setup_errors[] = {FORGE_E_BAD_CREDENTIALS, FORGE_E_STEP_UP, FORGE_E_MFA_ENABLED,
                                              FORGE_E_ACCOUNT_LOCKED,  FORGE_E_BUSY,    FORGE_OK};
static const forge_status_t verify_errors[] = {
    FORGE_E_UNAUTHENTICATED,
    FORGE_E_MFA_CODE_INVALID,
    FORGE_E_MFA_TOKEN_INVALID,
    FORGE_E_FORBIDDEN,
    FORGE_E_SESSION_REQUIRED,
    FORGE_E_NOT_FOUND,
    FORGE_E_MFA_NOT_ENABLED,
    FORGE_E_MFA_ENABLED,
    FORGE_E_ACCOUNT_LOCKED,
    FORGE_E_BUSY,
    FORGE_OK,
};
static const forge_status_t change_errors[] = {
    FORGE_E_BAD_CREDENTIALS,
    FORGE_E_MFA_CODE_INVALID,
    FORGE_E_MFA_NOT_ENABLED,
    FORGE_E_ACCOUNT_LOCKED,
    FORGE_E_BUSY,
    FORGE_OK,
};

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/auth/mfa/setup", FORGE_ROLE_STUDENT, .flags = FORGE_R_TOKENS | FORGE_R_SESSION | FORGE_R_HASHES,
     .limit = FORGE_LIMIT_AUTH, .body = &setup_body, .reply = &setup, .errors = setup_errors, .handle = mfa_setup,
     .operation = "mfa_setup", .summary = "Set up a second factor",
     .description = "Creates the secret for an authenticator app (TOTP, RFC 6238) and shows it once, also as a QR "
         "code. Login asks for the factor only after a first code was sent to /auth/mfa/verify. Another setup "
         "replaces a factor that is not verified yet. Open to every account, in a session from a login. Needs the "
         "password, or a login of the last few minutes (ForgeFreshLogin): else 401 with max_age (RFC 9470). Refreshing "
         "tokens is no login."},
    {FORGE_POST, "/auth/mfa/verify", FORGE_ROLE_NONE, .flags = FORGE_R_TOKENS | FORGE_R_WAY_IN,
     .limit = FORGE_LIMIT_AUTH, .body = &verify_body, .reply = &verified,
     .samples = verified_samples, .errors = verify_errors,
     .handle = mfa_verify, .operation = "mfa_verify", .summary = "Verify a code",
     .description = "With an mfa_token: completes a login; the answer has the account and tokens. Logged in, with a "
         "factor that was set up: activates it, ends the other sessions and shows ten backup codes once; a notice goes "
         "to the account's address. Logged in, "
         "with an active factor: returns a new access token whose amr shows the second factor (step-up). A code is "
         "valid once. An mfa_token ends at its fifth wrong code or after five minutes."},
    {FORGE_POST, "/auth/mfa/disable", FORGE_ROLE_STUDENT, .flags = FORGE_R_SESSION | FORGE_R_HASHES,
     .limit = FORGE_LIMIT_AUTH, .success = 204, .body = &confirm_body, .errors = change_errors, .handle = mfa_disable,
     .operation = "mfa_disable", .summary = "Turn the second factor off",
     .description = "Needs the password and a code. Deletes the factor and its backup codes, and ends the other "
         "sessions of the account. A notice goes to the account's address."},
    {FORGE_POST, "/auth/mfa/backup-codes", FORGE_ROLE_STUDENT,
     .flags = FORGE_R_TOKENS | FORGE_R_SESSION | FORGE_R_HASHES,
     .limit = FORGE_LIMIT_AUTH, .body = &confirm_body, .reply = &codes, .errors = change_errors,
     .handle = mfa_backup_codes, .operation = "mfa_backup_codes", .summary = "Create new backup codes",
     .description = "Needs the password and a code. Returns ten new codes and shows them once. All earlier codes "
         "become void. A notice goes to the account's address."},
};
/* clang-format on */

const forge_routes_t forge_api_mfa = FORGE_API_ROUTES(routes, &forge_api_tag_auth);
