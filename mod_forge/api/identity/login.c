/* SPDX-License-Identifier: Apache-2.0
 * Login, under /auth and under the older /users: one answer for unknown, inactive and wrong, after the same work.
 */
#include "api/shared.h"
#include "identity.h"
#include "core/wire/wire.h"
#include "store/identity/identity.h"

#include <apr_strings.h>
#include <string.h>

enum { ROUNDS_MAX = 5 }; /* how often an account is read for one login */

/* One login: what was typed, and the account as it was read last. */
typedef struct attempt_t {
    const char *identifier, *new_hash; /* new_hash: the stored one is renewed; else NULL */
    forge_rows_t *account;
    forge_guess_t guess;
    bool good; /* the password is the account's */
} attempt_t;

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

/* The password was right when it was checked, and opens nothing any more: the same answer, but no failure that locks
 * the account. */
static forge_status_t refuse_late(forge_req_t *q, forge_guess_t g)
{
    FORGE_TRY(forge_api_guess_settle(q, &g, false));
    g.subject = NULL;
    return refuse_login(q, &g);
}

/* Answers an mfa_token instead of tokens. It opens nothing but /auth/mfa/verify, and only its digest is stored. */
static forge_status_t challenge(forge_req_t *q, const attempt_t *a, bool *late)
{
    forge_challenge_t c = {.device_name = forge_core_input_text(q->body, "device_name"),
                           .new_hash = a->new_hash,
                           .epoch = forge_store_rows_int(a->account, 0, "_epoch", -1)};
    const char *token = forge_core_secret_make(q->pool, &c.sha256);
    forge_rows_t *rows;
    forge_db_t *db;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_challenge_make(db, q->pool, &c, &a->guess, &rows));
    *late = forge_store_rows_count(rows) == 0;
    if (*late)
        return FORGE_OK;
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_util_json_put_bool(answer, "mfa_required", true);
    forge_util_json_put_text(answer, "mfa_token", token);
    forge_util_json_put_int(answer, "expires_in", FORGE_CHALLENGE_SECONDS);
    return forge_reply_json(q, answer);
}

/* The password is right: tokens, or the second step. *late: nothing was done, for the account changed since it was
 * read. */
static forge_status_t let_in(forge_req_t *q, const attempt_t *a, bool *late)
{
    const char *refresh;
    forge_rows_t *rows;
    forge_db_t *db;
    if (forge_store_rows_bool(a->account, 0, "_mfa"))
        return challenge(q, a, late);
    forge_login_t login = {a->guess.user_id, forge_store_rows_int(a->account, 0, "_epoch", -1), a->new_hash,
                           forge_api_session_begin(q, "pwd", &refresh)};
    login.session.guess = &a->guess;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_login(db, q->pool, &login, &rows));
    *late = forge_store_rows_count(rows) == 0;
    if (*late)
        return FORGE_OK;
    forge_live_count(q->live, FORGE_C_LOGIN_OK);
    return forge_api_tokens(q, rows, refresh, "pwd");
}

/* Only a hash that matches is made anew: a refused login takes the same work whatever is stored. */
static forge_status_t check_password(forge_req_t *q, attempt_t *a)
{
    const char *password = forge_core_input_text(q->body, "password");
    const char *stored =
        forge_store_rows_count(a->account) > 0 ? forge_store_rows_text(a->account, 0, "_password_hash") : NULL;
    a->new_hash = NULL;
    if (stored && forge_store_rows_bool(a->account, 0, "is_active"))
        return forge_http_password_login(q, password, stored, &a->good, &a->new_hash);
    FORGE_TRY(forge_http_password_verify(q, password, stored, &a->good));
    a->good = false;
    return FORGE_OK;
}

/* The account once more, after it changed behind a password that was right. The password is checked again only if it
 * is another one now. */
static forge_status_t read_again(forge_req_t *q, attempt_t *a)
{
    const char *name, *was = a->guess.set_at;
    bool by_email;
    a->good = false;
    FORGE_TRY(find_account(q, a->identifier, &name, &by_email, &a->account));
    if (forge_store_rows_count(a->account) == 0 || !forge_store_rows_bool(a->account, 0, "is_active") ||
        forge_store_rows_int(a->account, 0, "id", 0) != a->guess.user_id)
        return FORGE_OK;
    a->guess.set_at = forge_store_rows_text(a->account, 0, "_password_set_at");
    a->good = strcmp(a->guess.set_at, was) == 0;
    return a->good ? FORGE_OK : check_password(q, a);
}

/* Decides anew as long as the account changes while the decision is carried out. */
static forge_status_t let_in_now(forge_req_t *q, attempt_t *a)
{
    for (int round = 1; a->good; round++) {
        bool late = false;
        forge_status_t status = let_in(q, a, &late);
        if (status != FORGE_OK || !late)
            return status;
        status = round < ROUNDS_MAX ? read_again(q, a) : FORGE_E_BUSY;
        if (status != FORGE_OK) {
            forge_api_guess_settle(q, &a->guess, false);
            return status;
        }
    }
    return refuse_late(q, a->guess);
}

forge_status_t forge_api_account_login(forge_req_t *q)
{
    attempt_t a = {0};
    const char *name;
    bool by_email;
    FORGE_TRY(read_identifier(q, &a.identifier));
    FORGE_TRY(find_account(q, a.identifier, &name, &by_email, &a.account));
    bool known = forge_store_rows_count(a.account) > 0;
    a.guess = forge_api_guess_of(q, known ? forge_store_rows_int(a.account, 0, "id", 0) : 0, name, by_email);
    a.guess.set_at = known ? forge_store_rows_text(a.account, 0, "_password_set_at") : NULL;
    FORGE_TRY(forge_api_guess_begin(q, &a.guess));
    forge_status_t status = check_password(q, &a);
    if (status != FORGE_OK) {
        forge_api_guess_settle(q, &a.guess, false);
        return status;
    }
    return a.good ? let_in_now(q, &a) : refuse_login(q, &a.guess);
}
