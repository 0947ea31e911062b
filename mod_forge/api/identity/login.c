/* SPDX-License-Identifier: Apache-2.0
 * Login, under /auth and under the older /users: one answer for unknown, inactive and wrong, after the same work.
 */
#include "api/shared.h"
#include "identity.h"
#include "core/wire/wire.h"
#include "store/identity/identity.h"

#include <apr_strings.h>
#include <string.h>

/* Looks up the account of an e-mail address or username; what can be neither is looked up like a name that nobody has.
 * *name: the unique form, by which guesses are counted. No connection is held afterwards. */
static forge_status_t find_account(forge_req_t *q, const char *identifier, const char **name, bool *by_email,
                                   forge_rows_t **rows)
{
    const char *shown, *key = NULL, *why;
    apr_size_t len = strlen(identifier);
    forge_db_t *db;
    char *lower = apr_pstrdup(q->pool, identifier);
    for (char *c = lower; *c; c++)
        *c = forge_util_lower(*c);
    if (!memchr(identifier, '@', len) || !forge_core_email_normalize(q->pool, identifier, len, &shown, &key, &why))
        key = NULL;
    *name = key ? key : lower;
    *by_email = key != NULL;
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_user_for_login(db, q->pool, key, lower, rows);
    forge_http_db_done(q);
    return status;
}

static bool has_fault(const forge_faults_t *faults, const char *pointer)
{
    for (int i = 0; i < forge_core_faults_count(faults); i++)
        if (strcmp(forge_core_faults_at(faults, i)->pointer, pointer) == 0)
            return true;
    return false;
}

/* As registration takes it: blanks at the edges come from forms and phones. */
static const char *username_typed(forge_req_t *q)
{
    const char *name = forge_core_input_text(q->body, "username");
    return name ? forge_core_trimmed(q->pool, name, strlen(name)) : NULL;
}

/* The name that logs in, and every fault of the body at once. */
static forge_status_t read_identifier(forge_req_t *q, const char **identifier)
{
    *identifier = forge_core_input_text(q->body, "email");
    if (!*identifier)
        *identifier = username_typed(q);
    if (!*identifier && !has_fault(q->faults, "/email") && !has_fault(q->faults, "/username"))
        forge_core_fault(q->faults, "/email", "required", "send email or username");
    return forge_core_faults_count(q->faults) > 0 ? forge_fail_faults(q, FORGE_E_VALIDATION, q->faults) : FORGE_OK;
}

/* One answer for unknown, inactive and wrong, after the same work. */
static forge_status_t refuse_login(forge_req_t *q, const forge_guess_t *g)
{
    forge_live_count(q->live, FORGE_C_LOGIN_FAILED);
    FORGE_TRY(forge_api_guess_failed(q, g, "user.login_failed", "login"));
    return FORGE_E_BAD_CREDENTIALS;
}

/* Answers an mfa_token instead of tokens. It opens nothing but /auth/mfa/verify, and only its digest is stored. */
static forge_status_t challenge(forge_req_t *q, const forge_guess_t *g, apr_int64_t epoch, const char *new_hash)
{
    forge_challenge_t c = {
        .device_name = forge_core_input_text(q->body, "device_name"), .new_hash = new_hash, .epoch = epoch};
    const char *token = forge_core_secret_make(q->pool, &c.sha256);
    forge_rows_t *rows;
    forge_db_t *db;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_challenge_make(db, q->pool, &c, g, &rows));
    if (forge_store_rows_count(rows) == 0)
        return refuse_login(q, g);
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_util_json_put_bool(answer, "mfa_required", true);
    forge_util_json_put_text(answer, "mfa_token", token);
    forge_util_json_put_int(answer, "expires_in", FORGE_CHALLENGE_SECONDS);
    return forge_reply_json(q, answer);
}

/* The password is right: tokens, or the second step. */
static forge_status_t let_in(forge_req_t *q, const forge_guess_t *g, forge_rows_t *account, const char *new_hash)
{
    const char *refresh;
    apr_int64_t epoch = forge_store_rows_int(account, 0, "_epoch", -1);
    forge_rows_t *rows;
    forge_db_t *db;
    if (forge_store_rows_bool(account, 0, "_mfa"))
        return challenge(q, g, epoch, new_hash);
    forge_login_t login = {g->user_id, epoch, new_hash, forge_api_session_begin(q, "pwd", &refresh)};
    login.session.guess = g;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_login(db, q->pool, &login, &rows));
    if (forge_store_rows_count(rows) == 0)
        return refuse_login(q, g);
    forge_live_count(q->live, FORGE_C_LOGIN_OK);
    return forge_api_tokens(q, rows, refresh, "pwd");
}

/* Only a hash that matches is made anew: a refused login takes the same work whatever is stored. */
static forge_status_t check_password(forge_req_t *q, const forge_rows_t *account, bool *good, const char **new_hash)
{
    const char *password = forge_core_input_text(q->body, "password");
    const char *stored =
        forge_store_rows_count(account) > 0 ? forge_store_rows_text(account, 0, "_password_hash") : NULL;
    *new_hash = NULL;
    if (stored && forge_store_rows_bool(account, 0, "is_active"))
        return forge_http_password_login(q, password, stored, good, new_hash);
    FORGE_TRY(forge_http_password_verify(q, password, stored, good));
    *good = false;
    return FORGE_OK;
}

forge_status_t forge_api_account_login(forge_req_t *q)
{
    const char *identifier, *name, *new_hash;
    forge_rows_t *rows;
    bool good = false, by_email;
    FORGE_TRY(read_identifier(q, &identifier));
    FORGE_TRY(find_account(q, identifier, &name, &by_email, &rows));
    bool known = forge_store_rows_count(rows) > 0;
    forge_guess_t g = forge_api_guess_of(q, known ? forge_store_rows_int(rows, 0, "id", 0) : 0, name, by_email);
    g.set_at = known ? forge_store_rows_text(rows, 0, "_password_set_at") : NULL;
    FORGE_TRY(forge_api_guess_begin(q, &g));
    forge_status_t status = check_password(q, rows, &good, &new_hash);
    if (status != FORGE_OK) {
        forge_api_guess_settle(q, &g, false);
        return status;
    }
    return good ? let_in(q, &g, rows, new_hash) : refuse_login(q, &g);
}
