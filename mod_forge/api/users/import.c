/* SPDX-License-Identifier: Apache-2.0
 * /users/import: accounts from another system, as JSON or CSV, with a result for each.
 */
#include "api/api.h"
#include "core/wire/wire.h"
#include "store/users/users.h"
#include "api/shared.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX      1000
#define PASSWORDS_MAX 20 /* each costs a quarter of a second: more would be too long for one request */
#define NAME_TRIES    4  /* rounds in which made-up usernames that are taken get another end */
#define SHOWN_MAX     254

/* clang-format off */
/* Has no bounds and formats: each account is judged by itself, so that one wrong account does not refuse all. */
static const forge_field_t user_fields[] = {
    {"email", FORGE_T_TEXT, FORGE_F_NULLABLE | FORGE_F_JUDGED, .example = "ada@example.org", .help = "required"},
    {"username", FORGE_T_TEXT, FORGE_F_NULLABLE | FORGE_F_JUDGED, .example = "ada",
     .help = "default: made from the e-mail address"},
    {"full_name", FORGE_T_TEXT, FORGE_F_NULLABLE | FORGE_F_JUDGED, .example = "Ada Lovelace", .help = "name"},
    {"role", FORGE_T_TEXT, FORGE_F_NULLABLE | FORGE_F_JUDGED, .example = "student",
     .help = "student (the default), instructor or admin"},
    {"password", FORGE_T_TEXT, FORGE_F_NULLABLE | FORGE_F_WRITEONLY | FORGE_F_JUDGED,
     .help = "not together with password_hash; at most 20 in one request; without either, the account's owner "
         "requests a password reset by mail"},
    {"password_hash", FORGE_T_TEXT, FORGE_F_NULLABLE | FORGE_F_WRITEONLY | FORGE_F_JUDGED,
     .example = "$2y$12$PGk7vTq0sYc3ZxRj9mWd2u5Zb0dC1eXfGhIjKlMnOpQrStUvWxYz0",
     .help = "bcrypt: $2a$, $2b$ or $2y$, of a cost from 4 to that of this server's own hashes (ForgeBcryptCost)"},
    {.name = NULL},
};

static const forge_field_t import_body_fields[] = {
    {"users", FORGE_T_ARRAY, FORGE_F_REQUIRED, 1, ROWS_MAX, .fields = user_fields, .named = "ImportRow",
     .help = "the accounts; as text/csv, a header line with these names, then one line for each account"},
    {.name = NULL},
};
static const forge_shape_t import_body = {.fields = import_body_fields};

static const forge_field_t result_fields[] = {
    {"row", FORGE_T_INT, .min = 1, .example = "1", .help = "position of the account in the request, from 1"},
    {"email", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "ada@example.org", .help = "e-mail address as it was sent"},
    {"status", FORGE_T_TEXT, .format = "enum:created|failed", .named = "ImportStatus", .example = "created",
     .help = "result for this account"},
    {"id", FORGE_T_INT, FORGE_F_OPTIONAL, .min = 1, .example = "7", .help = "number of the new account"},
    {"code", FORGE_T_TEXT, FORGE_F_OPTIONAL | FORGE_F_APART, .max = 64, .example = "email_taken",
     .help = "why it failed: email_taken, username_taken, or the code of an invalid member"},
    {"detail", FORGE_T_TEXT, FORGE_F_OPTIONAL | FORGE_F_APART, .example = "must be an e-mail address",
     .help = "why it failed, in words"},
    {.name = NULL},
};

static const forge_field_t import_results_fields[] = {
    {"results", FORGE_T_ARRAY, .max = ROWS_MAX, .fields = result_fields, .named = "ImportResult",
     .help = "one result for each account, in the same order"},
    {"created", FORGE_T_INT, .example = "1", .help = "number of accounts that were created"},
    {"failed", FORGE_T_INT, .example = "0", .help = "number of accounts that failed"},
    {.name = NULL},
};
static const forge_shape_t import_results = {"ImportResults", import_results_fields};
/* clang-format on */

static const forge_status_t import_errors[] = {FORGE_E_BUSY, FORGE_OK};

/* One account on its way; texts are NULL where nothing was given. */
typedef struct entry_t {
    const char *email, *username, *full_name, *role, *password, *hash;
    const char *shown, *key; /* of email */
    bool named;              /* the username was given and is not ours to change */
    bool open;               /* valid, and not yet tried or to be tried again */
    apr_int64_t id;
    const char *code, *detail; /* of a failure */
} entry_t;

/* --- reading --- */

static const char *member(const forge_json_t *user, const char *name)
{
    return forge_util_json_text(forge_util_json_get(user, name), NULL);
}

static entry_t *read_json(forge_req_t *q, int *count)
{
    const forge_json_t *users = forge_core_input_json_value(q->body, "users");
    *count = (int)forge_util_json_size(users);
    entry_t *entries = apr_pcalloc(q->pool, sizeof(*entries) * ((apr_size_t)*count + 1));
    for (int i = 0; i < *count; i++) {
        const forge_json_t *user = forge_util_json_at(users, (apr_size_t)i);
        entries[i] = (entry_t){.email = member(user, "email"),
                               .username = member(user, "username"),
                               .full_name = member(user, "full_name"),
                               .role = member(user, "role"),
                               .password = member(user, "password"),
                               .hash = member(user, "password_hash")};
    }
    return entries;
}

/* An empty field is one that was not given. */
static const char *cell(const forge_csv_t *csv, const forge_csv_row_t *row, const char *name)
{
    int column = forge_core_csv_column(csv, name);
    return column >= 0 && *row->fields[column] ? row->fields[column] : NULL;
}

static forge_status_t read_csv(forge_req_t *q, entry_t **entries, int *count)
{
    const char *why = "";
    bool too_many;
    forge_csv_t *csv = forge_core_csv_parse(q->pool, q->csv, ROWS_MAX, &too_many, &why);
    if (!csv)
        return forge_fail_detail(q, FORGE_E_BAD_REQUEST, why);
    if (forge_core_csv_column(csv, "email") < 0)
        return forge_fail_field(q, FORGE_E_VALIDATION, "/email", "required",
                                "the header line must have a column named email");
    if (too_many || csv->rows->nelts == 0)
        return forge_fail_field(q, FORGE_E_VALIDATION, "", too_many ? "too_long" : "too_short",
                                "there must be 1 to " APR_STRINGIFY(ROWS_MAX) " lines after the header");
    *count = csv->rows->nelts;
    *entries = apr_pcalloc(q->pool, sizeof(**entries) * (apr_size_t)*count);
    for (int i = 0; i < *count; i++) {
        const forge_csv_row_t *row = &APR_ARRAY_IDX(csv->rows, i, forge_csv_row_t);
        (*entries)[i] = (entry_t){.email = cell(csv, row, "email"),
                                  .username = cell(csv, row, "username"),
                                  .full_name = cell(csv, row, "full_name"),
                                  .role = cell(csv, row, "role"),
                                  .password = cell(csv, row, "password"),
                                  .hash = cell(csv, row, "password_hash")};
    }
    return FORGE_OK;
}

/* --- judging --- */

static void refuse(entry_t *e, const char *code, const char *detail)
{
    if (!e->code) {
        e->code = code;
        e->detail = detail;
    }
}

/* A plain bcrypt hash. One that costs more than our own is refused, because it would show in the time that its owner's
 * login takes. */
static bool hash_good(const forge_req_t *q, const char *hash)
{
    int cost = *hash == '$' ? forge_core_hash_cost(hash) : 0;
    return cost > 0 && cost <= forge_config_bcrypt_cost(q->config);
}

/* As the table of accounts has it: not too long, and no controls. */
static bool full_name_good(const char *name)
{
    apr_size_t points;
    return forge_util_utf8(name, strlen(name), &points) && points <= FORGE_API_FULL_NAME_MAX && forge_util_line(name);
}

static void judge_password(forge_req_t *q, entry_t *e)
{
    if (e->password && e->hash)
        refuse(e, "format", "send either password or password_hash, not both");
    if (e->hash && !hash_good(q, e->hash))
        refuse(e, "format",
               apr_psprintf(q->pool, "password_hash must be a bcrypt hash of a cost of 4 to %d: $2a$, $2b$ or $2y$",
                            forge_config_bcrypt_cost(q->config)));
    if (e->code || !e->password)
        return;
    forge_faults_t *faults = forge_core_faults_make(q->pool);
    if (strlen(e->password) > 1024)
        refuse(e, "too_long", "password must be at most 1024 bytes long");
    else if (!forge_util_printable(e->password, strlen(e->password)))
        refuse(e, "control", "password must not contain control characters other than tab, CR and LF");
    else
        forge_core_password_check(q->pool, forge_config_password_rules(q->config),
                                  &(forge_password_t){e->password, strlen(e->password), e->shown, e->username},
                                  "/password", faults);
    if (forge_core_faults_count(faults) > 0)
        refuse(e, forge_core_faults_at(faults, 0)->code,
               apr_pstrcat(q->pool, "password ", forge_core_faults_at(faults, 0)->detail, NULL));
}

/* The rules of registration; what is wrong first is told. */
static void judge(forge_req_t *q, entry_t *e)
{
    const char *why = "";
    forge_role_t role = e->role ? forge_core_role_parse(e->role) : FORGE_ROLE_STUDENT;
    if (!e->email)
        refuse(e, "required", "email is needed");
    else if (!forge_core_email_normalize(q->pool, e->email, strlen(e->email), &e->shown, &e->key, &why))
        refuse(e, "format", apr_pstrcat(q->pool, "email must be an e-mail address: ", why, NULL));
    if (e->username)
        e->username = forge_core_trimmed(q->pool, e->username, strlen(e->username));
    if (e->username && !forge_core_username_valid(e->username, strlen(e->username)))
        refuse(e, "format", "username must be 3 to 30 letters of the English alphabet, digits or underscores");
    if (e->full_name && !full_name_good(e->full_name))
        refuse(e, "format", "full_name must be at most 200 characters, without control characters");
    if (role < FORGE_ROLE_STUDENT)
        refuse(e, "enum", "role must be one of: student, instructor, admin");
    judge_password(q, e);
    e->named = e->username != NULL;
    e->open = !e->code;
}

/* Plain passwords become hashes, while no connection is held; an account without any gets a hash that no password has.
 */
static forge_status_t hash_all(forge_req_t *q, entry_t *entries, int count)
{
    int plain = 0;
    for (int i = 0; i < count; i++)
        plain += entries[i].open && entries[i].password;
    if (plain > PASSWORDS_MAX)
        return forge_fail_field(
            q, FORGE_E_VALIDATION, q->csv ? "/password" : "/users", "too_long",
            "at most " APR_STRINGIFY(PASSWORDS_MAX) " plain passwords in one request; send fewer, or password_hash");
    for (int i = 0; i < count; i++) {
        entry_t *e = &entries[i];
        if (e->open && e->password)
            FORGE_TRY(forge_http_password_hash(q, e->password, &e->hash));
        else if (e->open && !e->hash)
            e->hash = forge_core_hash_dummy(q->pool, forge_config_bcrypt_cost(q->config));
    }
    return FORGE_OK;
}

/* --- storing --- */

/* A username from the e-mail address, with a random end when the plain one is not free. */
static const char *make_name(forge_req_t *q, const entry_t *e, bool plain)
{
    unsigned char random[2];
    const char *name = forge_core_username_from_email(q->pool, e->shown, "");
    if (plain)
        return name;
    forge_util_random(random, sizeof(random));
    return forge_core_username_from_email(q->pool, e->shown, forge_util_hex(q->pool, random, sizeof(random)));
}

/* All that are open as the statement takes them; NULL when there are none. */
static const char *compose(forge_req_t *q, entry_t *entries, int count, bool first)
{
    forge_json_t *list = forge_util_json_array(q->pool);
    for (int i = 0; i < count; i++) {
        entry_t *e = &entries[i];
        if (!e->open)
            continue;
        if (!e->named)
            e->username = make_name(q, e, first);
        forge_json_t *row = forge_util_json_add_object(list);
        forge_util_json_put_int(row, "row", i + 1);
        forge_util_json_put_text(row, "email", e->shown);
        forge_util_json_put_text(row, "email_key", e->key);
        forge_util_json_put_text(row, "username", e->username);
        forge_util_json_put_text(row, "full_name", e->full_name);
        forge_util_json_put_text(row, "role", e->role ? e->role : "student");
        forge_util_json_put_text(row, "password_hash", e->hash);
    }
    if (forge_util_json_size(list) == 0)
        return NULL;
    forge_buf_t *b = forge_util_buf_make(q->pool, 64 * 1024, 8 * 1024 * 1024);
    forge_util_json_write(b, list);
    return b->failed ? NULL : apr_pstrmemdup(q->pool, b->data, b->len);
}

/* Reads what the statement said of each account. True if a made-up username was taken and another one may do. */
static bool settle(entry_t *entries, int count, const forge_rows_t *rows, bool again)
{
    bool more = false;
    for (int i = 0; i < forge_store_rows_count(rows); i++) {
        apr_int64_t row = forge_store_rows_int(rows, i, "row", 0);
        if (row < 1 || row > count)
            continue;
        entry_t *e = &entries[row - 1];
        const char *code = forge_store_rows_text(rows, i, "code");
        e->id = forge_store_rows_int(rows, i, "id", 0);
        e->open = code && again && !e->named && strcmp(code, "username_taken") == 0;
        more |= e->open;
        if (code && !e->open)
            refuse(e, code,
                   strcmp(code, "email_taken") == 0      ? forge_util_error(FORGE_E_EMAIL_TAKEN)->detail
                   : strcmp(code, "username_taken") == 0 ? forge_util_error(FORGE_E_USERNAME_TAKEN)->detail
                                                         : forge_util_error(FORGE_E_CONFLICT)->detail);
    }
    return more;
}

static forge_status_t store(forge_req_t *q, entry_t *entries, int count)
{
    forge_db_t *db;
    forge_rows_t *rows;
    const forge_actor_t by = forge_api_actor(q);
    const char *accounts;
    for (int i = 0; i < NAME_TRIES && (accounts = compose(q, entries, count, i == 0)); i++) {
        FORGE_TRY(forge_http_db(q, &db));
        FORGE_TRY(forge_store_accounts_import(db, q->pool, &by, accounts, i == 0, &rows));
        if (!settle(entries, count, rows, i < NAME_TRIES - 1))
            break;
    }
    return FORGE_OK;
}

static forge_status_t answer(forge_req_t *q, const entry_t *entries, int count)
{
    forge_json_t *body = forge_util_json_object(q->pool), *results = forge_util_json_put_array(body, "results");
    int created = 0;
    for (int i = 0; i < count; i++) {
        const entry_t *e = &entries[i];
        forge_json_t *result = forge_util_json_add_object(results);
        forge_util_json_put_int(result, "row", i + 1);
        forge_util_json_put_text(result, "email", e->email && strlen(e->email) <= SHOWN_MAX ? e->email : NULL);
        forge_util_json_put_text(result, "status", e->code ? "failed" : "created");
        if (!e->code)
            forge_util_json_put_int(result, "id", e->id);
        else
            forge_util_json_put_text(result, "code", e->code);
        if (e->code)
            forge_util_json_put_text(result, "detail", e->detail);
        created += !e->code;
    }
    forge_util_json_put_int(body, "created", created);
    forge_util_json_put_int(body, "failed", count - created);
    return forge_reply_json(q, body);
}

typedef struct import_t {
    entry_t *entries;
    int count;
} import_t;

static forge_status_t import_prepare(forge_req_t *q)
{
    import_t *all = q->prepared = apr_pcalloc(q->pool, sizeof(*all));
    if (q->csv)
        FORGE_TRY(read_csv(q, &all->entries, &all->count));
    else
        all->entries = read_json(q, &all->count);
    for (int i = 0; i < all->count; i++)
        judge(q, &all->entries[i]);
    return hash_all(q, all->entries, all->count);
}

static forge_status_t users_import(forge_req_t *q)
{
    const import_t *all = q->prepared;
    FORGE_TRY(store(q, all->entries, all->count));
    return answer(q, all->entries, all->count);
}

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/users/import", FORGE_ROLE_ADMIN,
     .flags = FORGE_R_IDEMPOTENT | FORGE_R_STEP_UP | FORGE_R_CSV | FORGE_R_HASHES, .prepare = import_prepare,
     .body = &import_body, .reply = &import_results, .errors = import_errors, .handle = users_import,
     .again = forge_reply_kept,
     .operation = "users_import", .summary = "Create many accounts",
     .description = "For administrators. Takes at most 1000 accounts as JSON, or as text/csv (RFC 4180) with a "
         "header line that names the same members; other columns are ignored. Each account must meet the rules of "
         "registration. An invalid account does not keep the others out. The addresses count as not verified."},
};
/* clang-format on */

const forge_routes_t forge_api_import = FORGE_API_ROUTES(routes, &forge_api_tag_users);
