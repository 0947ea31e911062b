/* SPDX-License-Identifier: Apache-2.0
 * /users/me: one's own profile, export and departure.
 */
#include "api/api.h"
#include "core/texts/texts.h"
#include "core/wire/wire.h"
#include "store/users/users.h"
#include "api/shared.h"
#include "api/identity/identity.h"

#include <apr_strings.h>
#include <string.h>

#define PIECE_MAX (32 * 1024 * 1024) /* bytes of a piece of an export: what makes it end, and its last row */

/* clang-format off */
static const forge_field_t profile_body_fields[] = {
    {.type = FORGE_T_INCLUDE, .fields = forge_api_profile_fields},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_private_fields},
    {"email", FORGE_T_TEXT, .max = FORGE_API_EMAIL_MAX, .format = "email", .example = "ada@example.org",
     .help = "becomes the account's address after the link in a mail to it is followed; needs current_password"},
    {"current_password", FORGE_T_TEXT, FORGE_F_NULLABLE | FORGE_F_WRITEONLY, .max = 1024, .format = "password",
     .example = "correct-Horse7-battery", .help = "the password of the account; only for another e-mail address"},
    {.name = NULL},
};
static const forge_shape_t profile_body = {.fields = profile_body_fields};

static const forge_field_t leave_body_fields[] = {
    {"password", FORGE_T_TEXT, FORGE_F_REQUIRED | FORGE_F_WRITEONLY, .max = 1024, .format = "password",
     .example = "correct-Horse7-battery", .help = "the caller's password"},
    {.name = NULL},
};
static const forge_shape_t leave_body = {.fields = leave_body_fields};

static const forge_field_t export_fields[] = {
    {"account", FORGE_T_OBJECT, .help = "the account itself"},
    {"sessions", FORGE_T_ARRAY, .format = "object", .help = "sessions, with IP addresses and devices"},
    {"mfa_factors", FORGE_T_ARRAY, .format = "object", .help = "second factors, without their secrets"},
    {"memberships", FORGE_T_ARRAY, .format = "object", .help = "organisations that I belong to"},
    {"courses", FORGE_T_ARRAY, .format = "object", .help = "courses that I own"},
    {"achievements", FORGE_T_ARRAY, .format = "object", .help = "achievements that I was awarded"},
    {"created_achievements", FORGE_T_ARRAY, .format = "object", .help = "achievements that I made"},
    {"enrollments", FORGE_T_ARRAY, .format = "object", .help = "courses that I take part in"},
    {"lessons", FORGE_T_ARRAY, .format = "object", .help = "lessons that I wrote"},
    {"assignments", FORGE_T_ARRAY, .format = "object", .help = "assignments that I wrote"},
    {"exercises", FORGE_T_ARRAY, .format = "object", .help = "exercises that I wrote"},
    {"assignment_submissions", FORGE_T_ARRAY, .format = "object", .help = "what I handed in, and its grades"},
    {"exercise_submissions", FORGE_T_ARRAY, .format = "object", .help = "programs that I submitted"},
    {"progress", FORGE_T_ARRAY, .format = "object", .help = "what I have reached in lessons and exercises"},
    {"learning_days", FORGE_T_ARRAY, .format = "object", .help = "days on which I learned"},
    {"course_completions", FORGE_T_ARRAY, .format = "object", .help = "courses that I completed"},
    {"files", FORGE_T_ARRAY, .format = "object", .help = "files that I uploaded, without their bytes"},
    {"analyses", FORGE_T_ARRAY, .format = "object", .help = "what I had analysed, and what came out"},
    {"questions", FORGE_T_ARRAY, .format = "object", .help = "what I asked about analyses, and the answers"},
    {"llm_usage", FORGE_T_ARRAY, .format = "object", .help = "what my questions have cost, by month"},
    {"api_keys", FORGE_T_ARRAY, .format = "object", .help = "my API keys, without their secrets"},
    {"mail_links", FORGE_T_ARRAY, .format = "object", .help = "links that were sent to me by mail"},
    {"invitations", FORGE_T_ARRAY, .format = "object", .help = "invitations to organisations, by my address"},
    {"backup_codes_left", FORGE_T_INT, .example = "8", .help = "unused backup codes of the second factor"},
    {"audit_event_count", FORGE_T_INT, .example = "12",
     .help = "number of audit events by me or about me"},
    {"audit_events", FORGE_T_ARRAY, .format = "object", .help = "the newest ten thousand of these events"},
    {"exported_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when this export was made"},
    {.name = NULL},
};
static const forge_shape_t export = {"Export", export_fields};
/* clang-format on */

static const forge_status_t change_errors[] = {
    FORGE_E_BAD_CREDENTIALS,  FORGE_E_LIMIT_REACHED,  FORGE_E_USERNAME_TAKEN, FORGE_E_EMAIL_TAKEN,
    FORGE_E_SESSION_REQUIRED, FORGE_E_ACCOUNT_LOCKED, FORGE_E_BUSY,           FORGE_OK,
};
static const forge_status_t leave_errors[] = {FORGE_E_BAD_CREDENTIALS, FORGE_E_ACCOUNT_LOCKED, FORGE_E_LAST_ADMIN,
                                              FORGE_E_LAST_OWNER,      FORGE_E_BUSY,           FORGE_OK};

/* What the field table cannot say. */
static forge_status_t check_names(forge_req_t *q)
{
    const char *locale = forge_core_input_text(q->body, "locale");
    if (locale && !forge_core_language_tag_valid(locale))
        forge_core_fault(q->faults, "/locale", "format", FORGE_API_LOCALE_FORM);
    FORGE_TRY(forge_api_zone_check(q, "/timezone", forge_core_input_text(q->body, "timezone")));
    return forge_core_faults_count(q->faults) > 0 ? forge_fail_faults(q, FORGE_E_VALIDATION, q->faults) : FORGE_OK;
}

static forge_status_t change(forge_req_t *q, forge_db_t *db, forge_rows_t **rows)
{
    static const char *const members[] = {"username", "full_name", "bio", "avatar_url", "locale", "timezone", NULL};
    const forge_patch_t patch = forge_api_patch(q, members);
    const forge_actor_t by = forge_api_actor(q);
    forge_status_t status = forge_store_profile_update(db, q->pool, &by, &patch, rows);
    return status == FORGE_E_LIMIT_REACHED
               ? forge_fail_detail(q, status, "this account has changed its username too often")
               : status;
}

/* *differs: `email` is another address than the account's. *set_at: since when it has its password. Sending back the
 * address that was answered changes nothing. */
static forge_status_t compare_email(forge_req_t *q, const char *email, bool *differs, const char **set_at)
{
    const char *shown, *key, *why, *present;
    forge_rows_t *rows;
    forge_db_t *db;
    if (!forge_core_email_normalize(q->pool, email, strlen(email), &shown, &key, &why))
        return forge_fail_field(q, FORGE_E_VALIDATION, "/email", "format", why);
    FORGE_TRY(forge_http_db(q, &db));
    forge_status_t status = forge_store_password_owner(db, q->pool, q->who.user_id, &rows);
    forge_http_db_done(q);
    FORGE_TRY(status);
    if (forge_store_rows_count(rows) == 0)
        return FORGE_E_INVALID_TOKEN;
    present = forge_store_rows_text(rows, 0, "_email_key");
    *differs = !present || strcmp(key, present) != 0;
    *set_at = forge_store_rows_text(rows, 0, "_set_at");
    return FORGE_OK;
}

/* A change of address needs the current password, and nothing less will do: whoever has the address has the account, by
 * a reset, so a stolen key or token must not be enough. *email is NULL if the address does not change. */
static forge_status_t prove_email(forge_req_t *q, const char **email, const char **set_at)
{
    const char *password = forge_core_input_text(q->body, "current_password");
    bool differs = false;
    *email = forge_core_input_text(q->body, "email");
    if (!*email)
        return FORGE_OK;
    if (!q->who.session_id)
        return FORGE_E_SESSION_REQUIRED;
    FORGE_TRY(compare_email(q, *email, &differs, set_at));
    if (!differs) {
        *email = NULL;
        return FORGE_OK;
    }
    return password ? forge_api_password_confirm(q, password)
                    : forge_fail_field(q, FORGE_E_VALIDATION, "/current_password", "required",
                                       "another e-mail address needs the current password");
}

/* A new address is proven first. Until then everything else has changed, but not the address. Where no mail is sent it
 * changes at once, so the account is read again. */
static forge_status_t change_all(forge_req_t *q, forge_db_t *db, const char *email, const char *set_at,
                                 forge_rows_t **rows)
{
    const forge_patch_t nothing = {.members = "{}"};
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(change(q, db, rows));
    if (!email)
        return FORGE_OK;
    FORGE_TRY(forge_api_email_change(q, email, set_at));
    return forge_store_profile_update(db, q->pool, &by, &nothing, rows);
}

static forge_status_t profile_update(forge_req_t *q)
{
    const char *email, *set_at = NULL;
    forge_db_t *db;
    forge_rows_t *rows;
    FORGE_TRY(check_names(q));
    FORGE_TRY(prove_email(q, &email, &set_at));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_begin(db, q->pool));
    forge_status_t status = change_all(q, db, email, set_at, &rows);
    if (status == FORGE_OK)
        status = forge_store_commit(db, q->pool);
    else
        forge_store_rollback(db);
    FORGE_TRY(status);
    return forge_reply_row(q, rows);
}

static forge_status_t profile_leave(forge_req_t *q)
{
    forge_db_t *db;
    const forge_actor_t by = forge_api_actor(q);
    FORGE_TRY(forge_http_if_match(q, forge_api_account_me));
    FORGE_TRY(forge_api_password_confirm(q, forge_core_input_text(q->body, "password")));
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_account_leave(db, q->pool, &by));
    return forge_reply_none(q);
}

/* --- the export, which may be of any size --- */

/* Where an export is. */
typedef struct export_t {
    forge_rows_t *members; /* of the document */
    int at;
    apr_int64_t after;  /* where the present member is; 0: nothing of it is written */
    forge_buf_t *first; /* the first piece, made before it was known that there are more; NULL: written */
} export_t;

/* Some rows of an array. */
static forge_status_t export_array(forge_req_t *q, forge_db_t *db, apr_pool_t *p, export_t *e, forge_buf_t *b)
{
    forge_rows_t *rows;
    forge_export_piece_t piece = {.member = forge_store_rows_text(e->members, e->at, "member"),
                                  .newest = forge_store_rows_int(e->members, e->at, "_newest", 0),
                                  .after = e->after};
    FORGE_TRY(forge_store_account_export_rows(db, p, q->who.user_id, &piece, &rows));
    if (!e->after)
        forge_util_buf_puts(b, "[");
    for (int i = 0; i < piece.count; i++) {
        if (i || e->after)
            forge_util_buf_puts(b, ",");
        forge_util_buf_puts(b, forge_store_rows_text(rows, i, "content"));
    }
    e->after = piece.after;
    if (!piece.over)
        return FORGE_OK;
    forge_util_buf_puts(b, "]");
    e->after = 0;
    e->at++;
    return FORGE_OK;
}

/* One member, or a piece of it. */
static forge_status_t export_member(forge_req_t *q, forge_db_t *db, apr_pool_t *p, export_t *e, forge_buf_t *b)
{
    const char *name = forge_store_rows_text(e->members, e->at, "member");
    const char *content = forge_store_rows_text(e->members, e->at, "content");
    if (!e->after) {
        forge_util_buf_puts(b, e->at ? "," : "{");
        forge_util_buf_json(b, name, strlen(name));
        forge_util_buf_puts(b, ":");
    }
    if (!content)
        return export_array(q, db, p, e, b);
    forge_util_buf_puts(b, content);
    e->at++;
    return FORGE_OK;
}

/* The document from where it is up to a size that is enough for one piece. */
static forge_status_t export_piece(forge_req_t *q, forge_db_t *db, apr_pool_t *p, void *baton, forge_buf_t *b,
                                   bool *more)
{
    export_t *e = baton;
    int count = forge_store_rows_count(e->members);
    *more = true;
    if (e->first) {
        forge_util_buf_add(b, e->first->data, e->first->len);
        e->first = NULL;
        return FORGE_OK;
    }
    while (e->at < count && b->len < FORGE_EXPORT_BYTES)
        FORGE_TRY(export_member(q, db, p, e, b));
    *more = e->at < count;
    if (!*more)
        forge_util_buf_puts(b, "}");
    return FORGE_OK;
}

/* Most fit into one piece and are an answer like others; the rest is made while it is sent. */
static forge_status_t profile_export(forge_req_t *q)
{
    forge_db_t *db;
    bool more;
    export_t *e = apr_pcalloc(q->pool, sizeof(*e));
    const forge_actor_t by = forge_api_actor(q);
    forge_buf_t *b = forge_util_buf_make(q->pool, 16384, PIECE_MAX);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_account_export(db, q->pool, &by, &e->members));
    FORGE_TRY(export_piece(q, db, q->pool, e, b, &more));
    forge_reply_header(q, "Content-Disposition", "attachment; filename=\"my-data.json\"");
    if (!more)
        return forge_reply_buf(q, b, NULL);
    e->first = b;
    return forge_reply_stream(q, "application/json", export_piece, e);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_PATCH, "/users/me", FORGE_ROLE_STUDENT, .flags = FORGE_R_ETAG | FORGE_R_CHECKS | FORGE_R_HASHES,
     .body = &profile_body, .reply = &forge_api_user, .errors = change_errors, .handle = profile_update,
     .operation = "profile_update", .summary = "Change my profile",
     .description = "Only the members that are sent change; null clears a member. Another e-mail address needs "
         "current_password, in a session from a login, and gets a mail. It becomes the account's address after the "
         "link in the mail is followed; until then the answer shows the old one. The old address then gets a notice "
         "with a link that undoes the change."},
    {FORGE_DELETE, "/users/me", FORGE_ROLE_STUDENT,
     .flags = FORGE_R_ETAG | FORGE_R_SESSION | FORGE_R_STEP_UP | FORGE_R_HASHES,
     .limit = FORGE_LIMIT_AUTH, .success = 204, .body = &leave_body, .errors = leave_errors, .handle = profile_leave,
     .operation = "profile_leave", .summary = "Close my account",
     .description = "Needs the password again. The account is closed and logged out everywhere at once. After 30 "
         "days everything personal is removed from it; until then an administrator can open it again. The last owner "
         "of an organisation must transfer or delete it first."},
    {FORGE_GET, "/users/me/export", FORGE_ROLE_GUEST, .flags = FORGE_R_TOKENS | FORGE_R_TICKET, .reply = &export,
     .handle = profile_export, .operation = "profile_export", .summary = "Download what is stored about me",
     .description = "Everything in one document, without hashes and secrets. Each download is recorded in the audit "
         "log. A large one is made while it is sent; if it fails midway, the connection closes without the last "
         "chunk."},
};
/* clang-format on */

const forge_routes_t forge_api_profile = FORGE_API_ROUTES(routes, &forge_api_tag_users);
