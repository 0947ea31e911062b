/* SPDX-License-Identifier: Apache-2.0
 * forgectl user import: accounts from a CSV file, each judged by itself. No reason of a refusal quotes a field: columns
 * may have been mixed up, and then the field is a password.
 */
#include "ctl.h"
#include "core/identity/identity.h"
#include "core/wire/wire.h"
#include "store/identity/identity.h"
#include <apr_strings.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROWS_MAX = 100000, NAME_TRIES = 4, FULL_NAME_MAX = 200, HASH_COST_MIN = 4 };

typedef struct import_t {
    forge_ctl_t *ctl;
    forge_db_t *db;
    const forge_csv_t *csv;
    forge_json_t *refused; /* of line and reason */
    const char *unknown;   /* hash of a password that nobody knows, for accounts without one */
    int cost, created;
} import_t;

/* An empty field is one that was not given. */
static const char *cell(const import_t *m, const forge_csv_row_t *row, const char *name)
{
    int column = forge_core_csv_column(m->csv, name);
    return column >= 0 && *row->fields[column] ? row->fields[column] : NULL;
}

/* Spreadsheets of many countries write semicolons. */
static bool otherwise_separated(const char *text)
{
    const apr_size_t header = strcspn(text, "\r\n");
    return strcspn(text, ",") >= header && strcspn(text, ";\t") < header;
}

/* Reads the file; NULL with a message if it is no such table: then nothing is imported. */
static const forge_csv_t *table_read(forge_ctl_t *ctl, const char *path)
{
    static const char *const known[] = {"email", "username", "full_name", "role", "password", "password_hash"};
    bool too_many = false;
    apr_size_t len = 0, points;
    const char *why = NULL, *text = forge_ctl_file_read(ctl->pool, path, &len, &why);
    if (text && (strlen(text) != len || !forge_util_utf8(text, len, &points)))
        why = "it is not text in UTF-8";
    forge_csv_t *csv = why ? NULL : forge_core_csv_parse(ctl->pool, text, ROWS_MAX, &too_many, &why);
    if (csv && too_many)
        why = "it has more than 100000 lines";
    else if (csv && forge_core_csv_column(csv, "email") < 0)
        why = otherwise_separated(text) ? "the header line has semicolons or tabs between its columns, and needs commas"
                                        : "the header line must have a column named email";
    int found = 0;
    for (size_t i = 0; csv && i < sizeof(known) / sizeof(*known); i++)
        found += forge_core_csv_column(csv, known[i]) >= 0;
    if (csv && !why && found < csv->columns)
        why = "the header line may name email, username, full_name, role, password and password_hash only";
    if (why)
        forge_ctl_error("%s: %s", path, why);
    return why ? NULL : csv;
}

bool forge_ctl_full_name_good(const char *name)
{
    apr_size_t points = 0;
    for (const char *c = name; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == '\177')
            return false;
    return !name || (forge_util_utf8(name, strlen(name), &points) && points <= FULL_NAME_MAX);
}

/* The hash of the account's password, which may come as one; NULL with *why. */
static const char *hash_of(const import_t *m, apr_pool_t *p, const forge_csv_row_t *row, const forge_new_user_t *user,
                           const char **why)
{
    const char *password = cell(m, row, "password"), *hash = cell(m, row, "password_hash");
    int cost = hash && *hash == '$' ? forge_core_hash_cost(hash) : 0;
    if (password && hash)
        *why = "it has a password and a password_hash";
    else if (hash && (cost < HASH_COST_MIN || cost > m->cost))
        *why = "the password_hash is not bcrypt of a cost from 4 to that of --cost";
    else if (password)
        *why = forge_ctl_password_fault(p, password, user->email, user->username);
    if (*why)
        return NULL;
    if (password && !(hash = forge_core_hash_make(p, password, strlen(password), m->cost)))
        *why = "the password could not be hashed";
    return hash ? hash : m->unknown;
}

/* Reads one line into an account; false with *why. */
static bool line_read(const import_t *m, apr_pool_t *p, const forge_csv_row_t *row, forge_new_user_t *user,
                      const char **why)
{
    const char *email = cell(m, row, "email"), *role = cell(m, row, "role"), *name = cell(m, row, "username");
    *user = (forge_new_user_t){.role = role ? role : "student", .full_name = cell(m, row, "full_name")};
    forge_role_t parsed = forge_core_role_parse(user->role);
    if (!email || !forge_core_email_normalize(p, email, strlen(email), &user->email, &user->email_key, why)) {
        *why = email ? "the email is no e-mail address" : "it has no email";
        return false;
    }
    user->username =
        name ? forge_core_trimmed(p, name, strlen(name)) : forge_core_username_from_email(p, user->email, "");
    if (parsed != FORGE_ROLE_STUDENT && parsed != FORGE_ROLE_INSTRUCTOR && parsed != FORGE_ROLE_ADMIN)
        *why = "the role is not student, instructor or admin";
    else if (!forge_core_username_valid(user->username, strlen(user->username)))
        *why = "the username is not 3 to 30 letters, digits or _";
    else if (!forge_ctl_full_name_good(user->full_name))
        *why = "the full_name has more than 200 characters, or control characters";
    else
        user->password_hash = hash_of(m, p, row, user, why);
    return !*why;
}

/* A username that was made up gets another end while it is taken. */
static forge_status_t account_make(const import_t *m, apr_pool_t *p, forge_new_user_t *user, bool made_up)
{
    forge_rows_t *rows;
    unsigned char random[3];
    forge_status_t status = forge_store_user_create(m->db, p, user, NULL, &rows);
    for (int i = 1; status == FORGE_E_USERNAME_TAKEN && made_up && i < NAME_TRIES; i++) {
        forge_util_random(random, sizeof(random));
        user->username = forge_core_username_from_email(p, user->email, forge_util_hex(p, random, sizeof(random)));
        status = forge_store_user_create(m->db, p, user, NULL, &rows);
    }
    return status;
}

/* One line becomes an account or a refusal; false, with a message, if the database fails. */
static bool line_import(import_t *m, apr_pool_t *p, const forge_csv_row_t *row)
{
    forge_new_user_t user;
    const char *why = NULL;
    if (line_read(m, p, row, &user, &why)) {
        forge_status_t status = account_make(m, p, &user, !cell(m, row, "username"));
        if (status == FORGE_E_EMAIL_TAKEN || status == FORGE_E_USERNAME_TAKEN)
            why = forge_ctl_status(status);
        else if (status != FORGE_OK) {
            forge_ctl_error("stopped at line %d: %s", row->line, forge_ctl_status(status));
            return false;
        }
    }
    m->created += !why;
    if (why) {
        forge_json_t *entry = forge_util_json_add_object(m->refused);
        forge_util_json_put_int(entry, "line", row->line);
        forge_util_json_put_text(entry, "reason", why);
    }
    return true;
}

static bool lines_import(import_t *m)
{
    const int lines = m->csv->rows->nelts;
    const bool terminal = isatty(STDERR_FILENO);
    bool good = true;
    apr_pool_t *page;
    apr_pool_create(&page, m->ctl->pool);
    for (int i = 0; good && i < lines; i++) {
        good = line_import(m, page, &APR_ARRAY_IDX(m->csv->rows, i, forge_csv_row_t));
        if (terminal)
            fprintf(stderr, "\r%d of %d", i + 1, lines);
        apr_pool_clear(page);
    }
    if (terminal && lines)
        fputc('\n', stderr);
    return good;
}

static int told(import_t *m)
{
    const int refused = (int)forge_util_json_size(m->refused);
    if (forge_ctl_json(m->ctl)) {
        forge_json_t *result = forge_util_json_object(m->ctl->pool);
        forge_util_json_put_int(result, "created", m->created);
        forge_util_json_put_copy(result, "refused", m->refused);
        return forge_ctl_json_print(m->ctl, result) == FORGE_CTL_OK && !refused ? FORGE_CTL_OK : FORGE_CTL_FAILED;
    }
    for (int i = 0; i < refused; i++) {
        apr_int64_t line = 0;
        const forge_json_t *entry = forge_util_json_at(m->refused, (apr_size_t)i);
        forge_util_json_int(forge_util_json_get(entry, "line"), &line);
        printf("line %" APR_INT64_T_FMT ": %s\n", line,
               forge_util_json_text(forge_util_json_get(entry, "reason"), NULL));
    }
    printf("%d created, %d refused\n", m->created, refused);
    return refused ? FORGE_CTL_FAILED : FORGE_CTL_OK;
}

int forge_ctl_user_import(forge_ctl_t *ctl)
{
    import_t m = {.ctl = ctl, .refused = forge_util_json_array(ctl->pool)};
    if (!forge_ctl_password_options(ctl, &m.cost))
        return FORGE_CTL_USAGE;
    m.csv = table_read(ctl, ctl->args[0]);
    m.db = m.csv ? forge_ctl_connect_current(ctl) : NULL;
    if (m.db)
        m.unknown = forge_ctl_password_hash(ctl, forge_ctl_password_generate(ctl->pool), m.cost);
    if (!m.unknown)
        return FORGE_CTL_FAILED;
    const bool good = lines_import(&m);
    const int status = told(&m);
    return good ? status : FORGE_CTL_FAILED;
}
