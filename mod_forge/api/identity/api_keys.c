/* SPDX-License-Identifier: Apache-2.0
 * /auth/api-keys: personal keys for programs. The key is shown once and stored as a digest.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/identity/identity.h"
#include "api/shared.h"
#include "identity.h"

#include <apr_strings.h>
#include <string.h>

#define KEY_BITS   32 /* bytes */
#define PREFIX_LEN 8  /* characters after FORGE_API_KEY_PREFIX by which people tell keys apart */
#define ANSWER_MAX 65536

/* clang-format off */
static const forge_field_t name_field[] = {
    {"name", FORGE_T_TEXT, 0, 1, 100, .format = "line", .example = "nightly export", .help = "purpose of the key"},
    {.name = NULL},
};

static const forge_field_t key_body_fields[] = {
    {.type = FORGE_T_INCLUDE, .flags = FORGE_F_REQUIRED, .fields = name_field},
    {"scopes", FORGE_T_ARRAY, 0, 1, 2, .format = "text", .example = "[\"read\"]",
     .help = "read allows GET, write allows all other methods; default: read"},
    {"expires_in_days", FORGE_T_INT, FORGE_F_NULLABLE, 1, 3650, .example = "90",
     .help = "days until the key expires; if absent, it never expires"},
    {.type = FORGE_T_INCLUDE, .fields = forge_api_proof_field},
    {.name = NULL},
};
static const forge_shape_t key_body = {.fields = key_body_fields};

static const forge_field_t key_fields[] = {
    {"id", FORGE_T_INT, .min = 1, .example = "3", .help = "number of the key"},
    {.type = FORGE_T_INCLUDE, .fields = name_field},
    {"prefix", FORGE_T_TEXT, .example = "q0ZkT4Rb", .help = "first characters after fk_, to tell keys apart"},
    {"scopes", FORGE_T_ARRAY, .format = "text", .example = "[\"read\"]", .help = "what the key may do"},
    {"created_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when the key was created"},
    {"last_used_at", FORGE_T_TIME, FORGE_F_NULLABLE, .help = "last use, to the minute; null: never"},
    {"expires_at", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME,
     .help = "when the key expires; null: never"},
    {.name = NULL},
};
static const forge_shape_t api_key = {"ApiKey", key_fields};

static const forge_field_t new_key_fields[] = {
    {"key", FORGE_T_TEXT, .example = "fk_q0ZkT4Rb…", .help = "send it as a bearer token; it is never shown again"},
    {.type = FORGE_T_INCLUDE, .fields = key_fields},
    {.name = NULL},
};
static const forge_shape_t new_key = {"NewApiKey", new_key_fields};
/* clang-format on */

static const forge_status_t key_errors[] = {FORGE_E_BAD_CREDENTIALS, FORGE_E_STEP_UP, FORGE_E_LIMIT_REACHED,
                                            FORGE_E_ACCOUNT_LOCKED,  FORGE_E_BUSY,    FORGE_OK};

/* The scopes as a PostgreSQL array in one order. NULL, and a fault, if one of them does not exist. */
static const char *read_scopes(forge_req_t *q)
{
    static const char *const arrays[] = {"{read}", "{read}", "{write}", "{read,write}"}; /* by FORGE_SCOPE_… */
    const forge_json_t *list = forge_core_input_json_value(q->body, "scopes");
    unsigned scopes = 0;
    for (apr_size_t i = 0; list && i < forge_util_json_size(list); i++) {
        const char *scope = forge_util_json_text(forge_util_json_at(list, i), NULL);
        if (strcmp(scope, "read") == 0)
            scopes |= FORGE_SCOPE_READ;
        else if (strcmp(scope, "write") == 0)
            scopes |= FORGE_SCOPE_WRITE;
        else
            forge_core_fault(q->faults, apr_psprintf(q->pool, "/scopes/%d", (int)i), "enum", "must be read or write");
    }
    return arrays[scopes];
}

/* A new key; only its digest and its prefix go to the database. Its owner hears of it. */
static const char *make_key(forge_req_t *q, forge_new_key_t *key)
{
    unsigned char bits[KEY_BITS];
    forge_util_random(bits, sizeof(bits));
    const char *secret = forge_util_b64url(q->pool, bits, sizeof(bits)),
               *text = apr_pstrcat(q->pool, FORGE_API_KEY_PREFIX, secret, NULL);
    key->prefix = apr_pstrmemdup(q->pool, secret, PREFIX_LEN);
    key->sha256 = forge_core_sha256_hex(q->pool, text, strlen(text));
    forge_json_t *facts = forge_api_mail_notice(q);
    forge_util_json_put_text(facts, "prefix", key->prefix);
    key->mail = forge_api_mail(q, facts);
    return text;
}

/* The row as it is listed, with the key before it. */
static forge_status_t reply_key(forge_req_t *q, const forge_rows_t *rows, const char *text)
{
    forge_buf_t *row = forge_util_buf_make(q->pool, 512, ANSWER_MAX),
                *b = forge_util_buf_make(q->pool, 1024, ANSWER_MAX);
    forge_store_render_row(row, rows, 0);
    if (row->failed || row->len < 2)
        return FORGE_E_INTERNAL;
    forge_util_buf_puts(b, "{\"key\":");
    forge_util_buf_json(b, text, strlen(text));
    forge_util_buf_puts(b, ",");
    forge_util_buf_add(b, row->data + 1, row->len - 1);
    forge_reply_location(q, apr_pstrcat(q->pool, "/api/v1/auth/api-keys/", forge_store_rows_text(rows, 0, "id"), NULL));
    return forge_reply_buf(q, b, NULL);
}

/* A key outlives the token that asks for it, so every key, even one that only reads, needs a proof. The proof comes
 * before the Idempotency-Key, because a repeated request would show the key again. */
static forge_status_t key_prepare(forge_req_t *q)
{
    forge_new_key_t *key = q->prepared = apr_pcalloc(q->pool, sizeof(*key));
    key->name = forge_core_input_text(q->body, "name");
    key->scopes = read_scopes(q);
    key->expires_days = forge_core_input_text(q->body, "expires_in_days");
    if (forge_core_faults_count(q->faults) > 0)
        return forge_fail_faults(q, FORGE_E_VALIDATION, q->faults);
    return forge_api_proof(q, forge_core_input_text(q->body, "password"));
}

static forge_status_t key_create(forge_req_t *q)
{
    forge_new_key_t *key = q->prepared;
    const forge_actor_t by = forge_api_actor(q);
    forge_rows_t *rows;
    forge_db_t *db;
    const char *text = make_key(q, key);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_api_key_create(db, q->pool, &by, key, &rows));
    return reply_key(q, rows, text);
}

/* The key is shown again while it exists. */
static forge_status_t key_again(forge_req_t *q)
{
    const forge_actor_t by = forge_api_actor(q);
    forge_db_t *db;
    FORGE_TRY(forge_http_db(q, &db));
    return forge_store_api_key_exists(db, q->pool, &by, q->made);
}

static forge_status_t key_list(forge_req_t *q)
{
    const forge_args_t base = FORGE_ARGS(forge_util_itoa(q->pool, q->who.user_id));
    return forge_api_list(q, base);
}

static forge_status_t key_delete(forge_req_t *q)
{
    const forge_actor_t by = forge_api_actor(q);
    forge_db_t *db;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_api_key_delete(db, q->pool, &by, q->ids[0]));
    return forge_reply_none(q);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/auth/api-keys", FORGE_ROLE_STUDENT, .flags = FORGE_R_LIST | FORGE_R_SESSION,
     .list = &forge_store_api_keys_list, .reply = &api_key, .handle = key_list,
     .operation = "api_key_list", .summary = "List my API keys",
     .description = "Newest first, without the keys themselves. Expired keys are listed for 30 days. Open to every "
         "account, not to guests."},
    {FORGE_POST, "/auth/api-keys", FORGE_ROLE_STUDENT,
     .flags = FORGE_R_SESSION | FORGE_R_STEP_UP | FORGE_R_TOKENS | FORGE_R_IDEMPOTENT | FORGE_R_CHECKS | FORGE_R_HASHES,
     .success = 201, .body = &key_body, .reply = &new_key, .errors = key_errors, .prepare = key_prepare,
     .handle = key_create, .again = key_again,
     .operation = "api_key_create", .summary = "Create an API key",
     .description = "The key acts for the account with its role. Send it as a bearer token. It may only read unless "
         "scopes say more. It is shown only once. An account can have at most 50 keys. Open to every account, not to "
         "guests. Needs the password, or a login of the last few minutes (ForgeFreshLogin): else 401 with max_age "
         "(RFC 9470). Refreshing tokens is no login. A notice goes to the account's address."},
    {FORGE_DELETE, "/auth/api-keys/{id}", FORGE_ROLE_STUDENT, .flags = FORGE_R_SESSION, .success = 204,
     .handle = key_delete, .operation = "api_key_delete", .summary = "Delete one of my API keys",
     .description = "The key is refused from the next request on. A key of another account is answered as not found."},
};
/* clang-format on */

const forge_routes_t forge_api_api_keys = FORGE_API_ROUTES(routes, &forge_api_tag_auth);
