/* SPDX-License-Identifier: Apache-2.0
 * Registration and one's own account: what the paths under /auth and the older ones under /users have in common.
 */
#include "api/shared.h"
#include "identity.h"
#include "core/texts/texts.h"
#include "core/wire/wire.h"
#include "store/identity/identity.h"

#include <string.h>

#define USERNAME_TRIES 5 /* a made-up username, then with random ends */
#define IDENTIFIER_MAX 254

/* --- fields --- */

/* clang-format off */
/* Every table of an account's members is made of these, so that each has one set of bounds. */
static const forge_field_t username_field[] = {
    {"username", FORGE_T_TEXT, 0, 3, 30, .format = "username", .example = "ada",
     .help = "letters, digits or underscores, unique without regard to case"},
    {.name = NULL},
};
static const forge_field_t full_name_field[] = {
    {"full_name", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = FORGE_API_FULL_NAME_MAX, .format = "line",
     .example = "Ada Lovelace", .help = "name"},
    {.name = NULL},
};
const forge_field_t forge_api_device_field[] = {
    {"device_name", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = FORGE_DEVICE_NAME_MAX, .example = "laptop",
     .help = "name of the device, for the list of sessions"},
    {.name = NULL},
};

const forge_field_t forge_api_proof_field[] = {
    {"password", FORGE_T_TEXT, FORGE_F_NULLABLE | FORGE_F_WRITEONLY, .max = 1024, .format = "password",
     .example = "correct-Horse7-battery",
     .help = "the password of the account; needed if the login is longer ago than ForgeFreshLogin (5 minutes)"},
    {.name = NULL},
};

const forge_field_t forge_api_profile_fields[] = {
    {"id", FORGE_T_INT, FORGE_F_READONLY, .min = 1, .example = "7", .help = "number of the account"},
    {.type = FORGE_T_INCLUDE, .fields = username_field},
    {.type = FORGE_T_INCLUDE, .fields = full_name_field},
    {"bio", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = 5000, .example = "Analyst", .help = "short text about the person"},
    {"avatar_url", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = 2048, .format = "uri",
     .example = "https://example.org/ada.png", .help = "a picture"},
    {"role", FORGE_T_TEXT, FORGE_F_READONLY, .format = "enum:guest|student|instructor|admin", .named = "AccountRole",
     .example = "student",
     .help = "role on this platform"},
    {"created_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when the account was created"},
    {.name = NULL},
};

static const forge_field_t locale_field[] = {
    {"locale", FORGE_T_TEXT, FORGE_F_NULLABLE, 2, FORGE_LANGUAGE_TAG_MAX, .example = "en-GB",
     .help = "language tag (BCP 47), also of mails: en, de, fr, es and tr, with or without a region; others are sent "
             "in English. A registration without one takes it from Accept-Language"},
    {.name = NULL},
};

const forge_field_t forge_api_private_fields[] = {
    {"is_active", FORGE_T_BOOL, FORGE_F_READONLY, .example = "true", .help = "false: the account cannot log in"},
    {"email_verified", FORGE_T_BOOL, FORGE_F_READONLY, .example = "true",
     .help = "true: the e-mail address is verified"},
    {.type = FORGE_T_INCLUDE, .fields = locale_field},
    {"timezone", FORGE_T_TEXT, FORGE_F_NULLABLE, 1, 64, .example = "Europe/London", .help = "IANA time zone"},
    {"updated_at", FORGE_T_TIME, FORGE_F_READONLY, .example = FORGE_API_TIME, .help = "when it was last changed"},
    {.name = NULL},
};

const forge_field_t forge_api_email_field[] = {
    {"email", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = FORGE_API_EMAIL_MAX, .format = "email",
     .example = "ada@example.org", .help = "address as typed; null for a guest"},
    {.name = NULL},
};

static const forge_field_t user_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = forge_api_profile_fields},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_email_field},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_private_fields},
    {.name = NULL},
};
const forge_shape_t forge_api_user = {"User", user_fields};

static const forge_field_t sessions_fields[] = {
    {"active", FORGE_T_INT, .example = "1", .help = "number of active sessions"},
    {"last_login_at", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME, .help = "last login"},
    {"last_login_ip", FORGE_T_TEXT, FORGE_F_NULLABLE, .max = 64, .example = "192.0.2.7",
     .help = "IP address of the last login"},
    {.name = NULL},
};

static const forge_field_t me_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = user_fields},
    {"sessions", FORGE_T_OBJECT, .fields = sessions_fields, .named = "SessionCount",
     .help = "sessions of this account"},
    {"mfa_enabled", FORGE_T_BOOL, .example = "false", .help = "login asks for a second factor"},
    {"profile_completion", FORGE_T_INT, .max = 100, .example = "40",
     .help = "percentage of the profile that is filled in"},
    {"password_changed_at", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME,
     .help = "when the password was last changed"},
    {.name = NULL},
};
const forge_shape_t forge_api_me = {"Me", me_fields};

const forge_field_t forge_api_token_fields[] = {
    {"user", FORGE_T_OBJECT, .fields = user_fields, .named = "User", .help = "the account"},
    {"access_token", FORGE_T_TEXT, .example = "eyJhbGciOi…", .help = "JWT for the Authorization header"},
    {"refresh_token", FORGE_T_TEXT, .example = "q0Zk…", .help = "opaque; gets new access tokens; keep it secret"},
    {"token_type", FORGE_T_TEXT, .format = "enum:bearer", .example = "bearer", .help = "how to send the access token"},
    {.name = NULL},
};
static const forge_field_t tokens_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = forge_api_token_fields},
    {"expires_in", FORGE_T_INT, .min = 1, .example = "900", .help = "seconds until the access token expires"},
    {.name = NULL},
};
const forge_shape_t forge_api_tokens_reply = {"Tokens", tokens_fields};

static const forge_field_t new_user_fields[] = {
    {"email", FORGE_T_TEXT, FORGE_F_REQUIRED, .max = FORGE_API_EMAIL_MAX, .format = "email",
     .example = "ada@example.org", .help = "unique without regard to case"},
    {"password", FORGE_T_TEXT, FORGE_F_REQUIRED | FORGE_F_WRITEONLY, .max = 1024, .format = "password",
     .example = "correct-Horse7-battery", .help = "8 to 128 characters that meet the password rules"},
    {.type = FORGE_T_INCLUDE, .fields = full_name_field},
    {.type = FORGE_T_INCLUDE, .fields = locale_field},
    {"role", FORGE_T_TEXT, .format = "enum:student|instructor|admin", .named = "AssignableRole", .preset = "student",
     .example = "student",
     .help = "must be a role that the site allows at registration"},
    {"accept_terms", FORGE_T_BOOL, FORGE_F_WRITEONLY, .example = "true",
     .help = "must be true where the site requires it"},
    {"accept_privacy", FORGE_T_BOOL, FORGE_F_WRITEONLY, .example = "true",
     .help = "must be true where the site requires it"},
    {.name = NULL},
};
static const forge_field_t register_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = new_user_fields},
    {.type = FORGE_T_INCLUDE, .fields = username_field},
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_WRITEONLY, .fields = forge_api_device_field},
    {.name = NULL},
};
const forge_shape_t forge_api_register_body = {.fields = register_fields};

static const forge_field_t user_new_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = new_user_fields},
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_REQUIRED, .fields = username_field},
    {.name = NULL},
};
const forge_shape_t forge_api_user_new_body = {.fields = user_new_fields};

static const forge_field_t login_fields[] = {
    {"email", FORGE_T_TEXT, .max = IDENTIFIER_MAX, .example = "ada@example.org",
     .help = "e-mail address; send this or username"},
    {"username", FORGE_T_TEXT, .max = IDENTIFIER_MAX, .example = "ada",
     .help = "username; an e-mail address is accepted too"},
    {"password", FORGE_T_TEXT, FORGE_F_REQUIRED | FORGE_F_WRITEONLY, .max = 1024, .format = "password",
     .example = "correct-Horse7-battery", .help = "the password"},
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_WRITEONLY, .fields = forge_api_device_field},
    {.name = NULL},
};
const forge_shape_t forge_api_login_body = {.fields = login_fields};

/* What can be done with tokens. The access token goes into a header, which no link can fill. */
const forge_next_t forge_api_token_next[] = {
    {"auth_me", .help = "the account that has logged in, with access_token as a bearer token"},
    {"auth_refresh", "refresh_token", .help = "new tokens, once the access token has expired"},
    {"auth_logout", .help = "ends the session, with access_token as a bearer token"},
    {.operation = NULL},
};
/* clang-format on */

const forge_status_t forge_api_register_errors[] = {
    FORGE_E_ROLE_NOT_ALLOWED, FORGE_E_EMAIL_TAKEN, FORGE_E_USERNAME_TAKEN, FORGE_E_BUSY, FORGE_OK,
};
const forge_status_t forge_api_login_errors[] = {FORGE_E_BAD_CREDENTIALS, FORGE_E_ACCOUNT_LOCKED, FORGE_E_BUSY,
                                                 FORGE_OK};

/* --- registration --- */

/* Where this site asks for consent, both must be given; the moment is kept. */
static void read_consent(forge_req_t *q, forge_new_user_t *user)
{
    bool terms = forge_core_input_bool(q->body, "accept_terms", false),
         privacy = forge_core_input_bool(q->body, "accept_privacy", false);
    const char *now = forge_util_time(q->pool, q->now, 6);
    user->terms_at = terms ? now : NULL;
    user->privacy_at = privacy ? now : NULL;
    if (!forge_config_terms_required(q->config))
        return;
    if (!terms)
        forge_core_fault(q->faults, "/accept_terms", "required", "the terms must be accepted");
    if (!privacy)
        forge_core_fault(q->faults, "/accept_privacy", "required", "the privacy notice must be accepted");
}

/* Who does not say a language is taken to want that of the browser, if it is one of ours. */
static void read_locale(forge_req_t *q, forge_new_user_t *user)
{
    user->locale = forge_core_input_text(q->body, "locale");
    if (!user->locale)
        forge_http_language(q, &user->locale);
    else if (!forge_core_language_tag_valid(user->locale))
        forge_core_fault(q->faults, "/locale", "format", FORGE_API_LOCALE_FORM);
}

/* Reads the new account from the body, and all of its faults at once. The password is judged but not yet hashed. */
static forge_status_t read_user(forge_req_t *q, forge_new_user_t *user)
{
    const forge_input_t *in = q->body;
    const char *email = forge_core_input_text(in, "email"), *password = forge_core_input_text(in, "password"),
               *why = NULL;
    user->username = forge_core_input_text(in, "username");
    user->full_name = forge_core_input_text(in, "full_name");
    user->role = forge_core_input_text(in, "role");
    if (email && !forge_core_email_normalize(q->pool, email, strlen(email), &user->email, &user->email_key, &why))
        forge_core_fault(q->faults, "/email", "format", why);
    if (password)
        forge_core_password_check(q->pool, forge_config_password_rules(q->config),
                                  &(forge_password_t){password, strlen(password), email, user->username}, "/password",
                                  q->faults);
    read_locale(q, user);
    read_consent(q, user);
    if (forge_core_faults_count(q->faults) > 0)
        return forge_fail_faults(q, FORGE_E_VALIDATION, q->faults);
    forge_role_t role = forge_core_role_parse(user->role);
    if (role == FORGE_ROLE_ADMIN || !forge_config_self_role(q->config, role))
        return FORGE_E_ROLE_NOT_ALLOWED;
    return FORGE_OK;
}

/* Stores the account, or makes one of the guest who asks. A username that was not given is made from the e-mail
 * address, with a random end if that one is taken. */
static forge_status_t store_user(forge_req_t *q, forge_new_user_t *user, const forge_new_session_t *session,
                                 forge_rows_t **rows)
{
    forge_db_t *db;
    if (q->who.role == FORGE_ROLE_GUEST) {
        user->guest_id = forge_util_itoa(q->pool, q->who.user_id);
        user->guest_session = forge_util_itoa(q->pool, q->who.session_id);
    }
    forge_api_mail_verify(q, user);
    FORGE_TRY(forge_http_db(q, &db));
    if (user->username)
        return forge_store_user_create(db, q->pool, user, session, rows);
    forge_status_t status = FORGE_E_USERNAME_TAKEN;
    const char *end = "";
    for (int i = 0; i < USERNAME_TRIES && status == FORGE_E_USERNAME_TAKEN; i++) {
        unsigned char random[2];
        user->username = forge_core_username_from_email(q->pool, user->email, end);
        status = forge_store_user_create(db, q->pool, user, session, rows);
        forge_util_random(random, sizeof(random));
        end = forge_util_hex(q->pool, random, sizeof(random));
    }
    return status;
}

forge_status_t forge_api_account_prepare(forge_req_t *q)
{
    forge_new_user_t *user = q->prepared = apr_pcalloc(q->pool, sizeof(*user));
    FORGE_TRY(read_user(q, user));
    return forge_http_password_hash(q, forge_core_input_text(q->body, "password"), &user->password_hash);
}

forge_status_t forge_api_account_register(forge_req_t *q)
{
    forge_rows_t *rows;
    const char *refresh;
    forge_new_session_t session = forge_api_session_begin(q, "pwd", &refresh);
    FORGE_TRY(store_user(q, q->prepared, &session, &rows));
    forge_reply_location(q, "/api/v1/auth/me");
    return forge_api_tokens(q, rows, refresh, "pwd");
}

forge_status_t forge_api_account_create(forge_req_t *q)
{
    forge_rows_t *rows;
    const forge_new_session_t origin = {.ip = q->client_ip,
                                        .request_id = q->request_id}; /* no token, no session: only for the audit */
    FORGE_TRY(store_user(q, q->prepared, &origin, &rows));
    return forge_reply_created(q, rows, "/api/v1/users");
}

/* --- me --- */

forge_status_t forge_api_account_me(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_user_me(db, q->pool, &by, &rows));
    if (forge_store_rows_count(rows) == 0) /* the session ended, or the account was closed, after the token was given */
        return FORGE_E_INVALID_TOKEN;
    return forge_reply_row(q, rows);
}
