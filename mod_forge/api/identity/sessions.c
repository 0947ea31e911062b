/* SPDX-License-Identifier: Apache-2.0
 * /auth: what follows a login: refresh, validate, the list of sessions, logout.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/identity/identity.h"
#include "api/shared.h"
#include "identity.h"

#include <apr_strings.h>
#include <string.h>

#define REFRESH_LEN 43 /* 256 bits in base64url */

/* clang-format off */
static const forge_field_t refresh_body_fields[] = {
    {"refresh_token", FORGE_T_TEXT, FORGE_F_REQUIRED | FORGE_F_WRITEONLY, .max = FORGE_TOKEN_BYTES_MAX,
     .example = "q0Zk…", .help = "the latest refresh token; the call uses it up"},
    {.name = NULL},
};
static const forge_shape_t refresh_body = {.fields = refresh_body_fields};

static const forge_field_t session_fields[] = {
    {"id", FORGE_T_INT, .min = 1, .example = "12", .help = "number of the session"},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_device_field},
    {"user_agent", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = 2048, .example = "Mozilla/5.0",
     .help = "User-Agent at login"},
    {"ip", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = 64, .example = "192.0.2.7", .help = "IP address at login"},
    {"created_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "login"},
    {"last_seen_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "time of login or of the last refresh"},
    {"current", FORGE_T_BOOL, .example = "true", .help = "true: the session of this request"},
    {.name = NULL},
};
static const forge_shape_t session = {"Session", session_fields};

static const forge_field_t validation_fields[] = {
    {"active", FORGE_T_BOOL, .example = "true", .help = "always true; an inactive credential gets 401"},
    {"sub", FORGE_T_INT, .min = 1, .example = "7", .help = "number of the account"},
    {"role", FORGE_T_TEXT, .format = "enum:guest|student|instructor|admin", .named = "AccountRole",
     .example = "student", .help = "role"},
    {"sid", FORGE_T_INT, FORGE_F_NULLABLE, .min = 1, .example = "12",
     .help = "number of the session; null with an API key"},
    {"exp", FORGE_T_INT, FORGE_F_NULLABLE, .example = "1767225600",
     .help = "when the credential expires, in seconds since 1970; null: an API key that never expires"},
    {"amr", FORGE_T_ARRAY, .format = "text", .example = "[\"pwd\"]",
     .help = "how the caller authenticated: pwd, otp, guest, key"},
    {.name = NULL},
};
static const forge_shape_t validation = {"Validation", validation_fields};
/* clang-format on */

static const forge_status_t refresh_errors[] = {FORGE_E_INVALID_REFRESH, FORGE_E_REFRESH_REUSED, FORGE_OK};

/* --- refresh --- */

/* A text of another form, such as an access token or an API key, costs no look into the database. */
static bool is_refresh_token(forge_req_t *q, const char *token)
{
    apr_size_t ignored;
    return strlen(token) == REFRESH_LEN && forge_util_b64url_decode(q->pool, token, REFRESH_LEN, &ignored);
}

/* The decision stands although the answer is an error, because there is no transaction around it. */
static forge_status_t session_refresh(forge_req_t *q)
{
    const char *token = forge_core_input_text(q->body, "refresh_token"), *next;
    forge_refresh_t refresh = {.ttl = forge_config_refresh_ttl(q->config),
                               .window = forge_config_refresh_window(q->config)};
    const forge_actor_t by = forge_api_actor(q);
    forge_rows_t *rows;
    forge_db_t *db;
    if (!is_refresh_token(q, token))
        return FORGE_E_INVALID_REFRESH;
    refresh.sha256 = forge_core_sha256_hex(q->pool, token, REFRESH_LEN);
    next = forge_core_refresh_next(q->pool, q->keys, token, &refresh.next_sha256);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_session_refresh(db, q->pool, &by, &refresh, &rows));
    return forge_api_tokens(q, rows, next, forge_store_rows_text(rows, 0, "_amr"));
}

/* --- validate --- */

static forge_status_t session_validate(forge_req_t *q)
{
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_util_json_put_bool(answer, "active", true);
    forge_util_json_put_int(answer, "sub", q->who.user_id);
    forge_util_json_put_text(answer, "role", forge_core_role_name(q->who.role));
    if (q->who.session_id)
        forge_util_json_put_int(answer, "sid", q->who.session_id);
    else
        forge_util_json_put_null(answer, "sid");
    if (q->who.expires)
        forge_util_json_put_int(answer, "exp", apr_time_sec(q->who.expires));
    else
        forge_util_json_put_null(answer, "exp");
    forge_json_t *amr = forge_util_json_put_array(answer, "amr");
    char *rest, *copy = apr_pstrdup(q->pool, q->who.amr ? q->who.amr : "");
    for (char *word = apr_strtok(copy, " ", &rest); word; word = apr_strtok(NULL, " ", &rest))
        forge_util_json_add_text(amr, word);
    forge_reply_header(q, "Cache-Control", "no-store"); /* true at this moment only */
    return forge_reply_json(q, answer);
}

/* --- sessions --- */

static forge_status_t session_list(forge_req_t *q)
{
    const forge_args_t base =
        FORGE_ARGS(forge_util_itoa(q->pool, q->who.user_id), forge_util_itoa(q->pool, q->who.session_id));
    return forge_api_list(q, base);
}

static forge_status_t session_revoke(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_session_revoke(db, q->pool, &by, q->ids[0]));
    if (q->ids[0] == q->who.session_id)
        forge_reply_cookie_clear(q);
    return forge_reply_none(q);
}

static forge_status_t logout(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_session_logout(db, q->pool, &by));
    forge_reply_cookie_clear(q);
    return forge_reply_none(q);
}

static forge_status_t logout_all(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_session_logout_all(db, q->pool, &by));
    forge_reply_cookie_clear(q);
    return forge_reply_none(q);
}

/* clang-format off */
/* Refresh is limited as class default, by address: everybody behind one campus address refreshes every few minutes,
 * which class auth (20/1m) would not let through, and 256 random bits cannot be guessed at any rate. */
static const forge_route_t routes[] = {
    {FORGE_POST, "/auth/refresh", FORGE_ROLE_NONE,
     .flags = FORGE_R_OPEN | FORGE_R_TOKENS | FORGE_R_WAY_IN, .body = &refresh_body,
     .reply = &forge_api_tokens_reply, .next = forge_api_token_next, .errors = refresh_errors,
     .handle = session_refresh,
     .operation = "auth_refresh", .summary = "Get new tokens with a refresh token",
     .description = "Uses up the refresh token and returns a new pair of tokens. Open to anyone who has a refresh "
         "token; no access token is needed. The same token sent again within a few seconds (ForgeRefreshReuseWindow) "
         "gets the same successor. Sent later, it revokes the whole session, because two parties must have it."},
    {FORGE_GET, "/auth/validate", FORGE_ROLE_GUEST, .flags = FORGE_R_TICKET, .reply = &validation,
     .handle = session_validate, .operation = "auth_validate", .summary = "Validate a credential",
     .description = "Tells whose access token, API key or ticket the request has. The credential must be neither "
         "expired nor revoked. Open to every account and to guests. The call uses up a ticket."},
    {FORGE_POST, "/auth/logout", FORGE_ROLE_GUEST, .flags = FORGE_R_SESSION, .success = 204, .handle = logout,
     .operation = "auth_logout", .summary = "Log out",
     .description = "Ends the session of the access token. Its tokens are refused from the next request on. The "
         "request body is ignored. Open to every account and to guests."},
    {FORGE_POST, "/auth/logout-all", FORGE_ROLE_GUEST, .flags = FORGE_R_SESSION, .success = 204, .handle = logout_all,
     .operation = "auth_logout_all", .summary = "Log out everywhere",
     .description = "Ends all sessions of the account, including this one, and cancels a requested change of e-mail "
         "address. API keys stay. Open to every account and to guests."},
    {FORGE_GET, "/auth/sessions", FORGE_ROLE_GUEST, .flags = FORGE_R_LIST | FORGE_R_SESSION,
     .list = &forge_store_sessions_list, .reply = &session, .handle = session_list,
     .operation = "session_list", .summary = "List my sessions",
     .description = "Shows where the account is logged in, newest login first. Only the caller's own sessions are "
         "shown. Open to every account and to guests."},
    {FORGE_DELETE, "/auth/sessions/{id}", FORGE_ROLE_GUEST, .flags = FORGE_R_SESSION, .success = 204,
     .handle = session_revoke, .operation = "session_revoke", .summary = "End one of my sessions",
     .description = "Ends one of the caller's own sessions at once. A session of another account, or one that has "
         "ended, is answered as not found."},
};
/* clang-format on */

const forge_routes_t forge_api_sessions = FORGE_API_ROUTES(routes, &forge_api_tag_auth);
