/* SPDX-License-Identifier: Apache-2.0
 * forgectl seed demo: creates three accounts with generated passwords and loads demo.sql and the bundles in demo/.
 * Running it again changes nothing.
 */
#include "ctl.h"
#include "places.h"
#include "core/identity/identity.h"
#include "store/identity/identity.h"
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct account_t {
    const char *email, *username, *full_name, *role;
} account_t;

static const account_t accounts[] = {
    {"admin@example.org", "admin", "Alex Admin", "admin"},
    {"instructor@example.org", "instructor", "Ines Instructor", "instructor"},
    {"student@example.org", "student", "Sam Student", "student"},
};
enum { ACCOUNTS = sizeof(accounts) / sizeof(*accounts) };

/* One password per account: from the lines of --password-file (a single line applies to all), or generated. False with
 * a message. */
static bool passwords_take(forge_ctl_t *ctl, const char *passwords[ACCOUNTS])
{
    apr_size_t len = 0;
    const char *why = NULL, *path = forge_ctl_option(ctl, "password-file");
    char *state, *text = path ? (char *)forge_ctl_file_read(ctl->pool, path, &len, &why) : NULL;
    if (!why && text)
        why = forge_core_password_garbled(text, len);
    if (why) {
        forge_ctl_error("%s: %s%s", path, text ? "it " : "", why);
        return false;
    }
    for (int i = 0; i < ACCOUNTS; i++) {
        char *line = text ? apr_strtok(i ? NULL : text, "\r\n", &state) : NULL;
        passwords[i] = line ? line : i && text ? passwords[i - 1] : text ? "" : forge_ctl_password_generate(ctl->pool);
        if (text && !forge_ctl_password_good(ctl->pool, passwords[i], accounts[i].email, accounts[i].username))
            return false;
    }
    return true;
}

/* The courses of the instructor that teach: bundles in demo/, beside demo.sql. */
static const char *const bundles[] = {"first-steps-in-python", "algorithms-and-data-structures",
                                      "text-and-data-with-python"};
enum { BUNDLES = sizeof(bundles) / sizeof(*bundles) };

/* Creates the account, or sets its password if --reset-passwords asks for it. *fresh: the account now has the given
 * password. */
static forge_status_t account_make(forge_ctl_t *ctl, forge_db_t *db, const account_t *account, const char *password,
                                   int cost, bool *fresh)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_user_for_login(db, ctl->pool, account->email, NULL, &rows));
    bool known = forge_store_rows_count(rows) > 0;
    *fresh = !known || forge_ctl_flag(ctl, "reset-passwords");
    const char *hash = *fresh ? forge_ctl_password_hash(ctl, password, cost) : NULL;
    if (!*fresh)
        return FORGE_OK;
    if (!hash)
        return FORGE_E_INTERNAL;
    if (known)
        return forge_store_user_set_password(db, ctl->pool, account->email, hash, &rows);
    const forge_new_user_t user = {.email = account->email,
                                   .email_key = account->email,
                                   .username = account->username,
                                   .full_name = account->full_name,
                                   .role = account->role,
                                   .password_hash = hash};
    return forge_store_user_create(db, ctl->pool, &user, NULL, &rows);
}

/* Prints the accounts as JSON or for a person. A password that was not set here is unknown. */
static int accounts_print(forge_ctl_t *ctl, const char *const passwords[ACCOUNTS], const bool fresh[ACCOUNTS])
{
    forge_json_t *list = forge_util_json_array(ctl->pool);
    for (int i = 0; i < ACCOUNTS; i++) {
        const char *password = fresh[i] ? passwords[i] : NULL;
        if (!forge_ctl_json(ctl))
            printf("%-24s  %-12s  %-12s  %s\n", accounts[i].email, accounts[i].username, accounts[i].role,
                   password ? password : "(password unchanged)");
        forge_json_t *entry = forge_util_json_add_object(list);
        forge_util_json_put_text(entry, "email", accounts[i].email);
        forge_util_json_put_text(entry, "username", accounts[i].username);
        forge_util_json_put_text(entry, "password", password);
        forge_util_json_put_text(entry, "role", accounts[i].role);
    }
    return forge_ctl_json(ctl) ? forge_ctl_json_print(ctl, list) : FORGE_CTL_OK;
}

static int failed(const char *what, const char *why)
{
    forge_ctl_error("could not load %s: %s", what, why);
    return FORGE_CTL_FAILED;
}

/* Prints what went wrong. */
static bool bundles_load(forge_ctl_t *ctl, forge_db_t *db, const char *dir)
{
    forge_rows_t *rows;
    if (forge_store_user_for_login(db, ctl->pool, accounts[1].email, NULL, &rows) != FORGE_OK)
        return false;
    for (int i = 0; i < BUNDLES; i++) {
        const char *why = NULL, *path = apr_pstrcat(ctl->pool, dir, "/demo/", bundles[i], ".json", NULL);
        fprintf(stderr, "course %d of %d: %s\n", i + 1, BUNDLES, bundles[i]);
        forge_status_t status = forge_ctl_bundle_load(ctl, db, forge_store_rows_int(rows, 0, "id", 0), path, &why);
        if (status != FORGE_OK) {
            failed(path, why ? why : forge_ctl_status(status));
            return false;
        }
    }
    return true;
}

/* Where demo.sql and demo/ are. */
static const char *directory(const forge_ctl_t *ctl)
{
    const char *dir = forge_ctl_option(ctl, "sql");
    if (!dir)
        dir = getenv("FORGE_SQL");
    return dir && *dir ? dir : FORGE_PKGDATADIR;
}

static int seed_demo(forge_ctl_t *ctl)
{
    const char *why = NULL, *dir = directory(ctl), *passwords[ACCOUNTS];
    bool fresh[ACCOUNTS];
    int cost;
    if (!forge_ctl_password_options(ctl, &cost))
        return FORGE_CTL_USAGE;
    const char *path = apr_pstrcat(ctl->pool, dir, "/demo.sql", NULL);
    const char *sql = forge_ctl_file_read(ctl->pool, path, NULL, &why);
    if (!sql)
        return failed(path, why);
    forge_db_t *db = passwords_take(ctl, passwords) ? forge_ctl_connect_current(ctl) : NULL;
    if (!db)
        return FORGE_CTL_FAILED;
    for (int i = 0; i < ACCOUNTS; i++) {
        fprintf(stderr, "account %d of %d: %s\n", i + 1, ACCOUNTS, accounts[i].email);
        forge_status_t status = account_make(ctl, db, &accounts[i], passwords[i], cost, &fresh[i]);
        if (status != FORGE_OK)
            return failed(accounts[i].email, forge_ctl_status(status));
    }
    fputs("courses and achievements\n", stderr);
    forge_status_t status = forge_store_script(db, ctl->pool, sql, &why);
    if (status != FORGE_OK)
        return failed(path, why ? why : forge_ctl_status(status));
    if (!bundles_load(ctl, db, dir))
        return FORGE_CTL_FAILED;
    return accounts_print(ctl, passwords, fresh);
}

static const forge_ctl_option_t options[] = {
    {"sql", "DIR", "where demo.sql and demo/ are (FORGE_SQL, else " FORGE_PKGDATADIR ")"},
    {"password-file", "FILE", "passwords for admin, instructor and student, one per line, or one for all"},
    {"reset-passwords", NULL, "also set the passwords of existing accounts"},
    {"cost", "N", "bcrypt cost, 10 to 15 (12)"},
    {NULL, NULL, NULL},
};

const forge_ctl_verb_t forge_ctl_seed[] = {
    {"demo", "", 0, FORGE_CTL_DATABASE, options,
     "load 3 accounts, 43 courses (3 with lessons and exercises) and 10 achievements", seed_demo},
    {NULL, NULL, 0, FORGE_CTL_APART, NULL, NULL, NULL},
};
