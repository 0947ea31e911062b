/* SPDX-License-Identifier: Apache-2.0
 * forgectl user: accounts without the API.
 */
#include "ctl.h"
#include "core/identity/identity.h"
#include "store/identity/identity.h"
#include <apr_strings.h>
#include <stdio.h>
#include <string.h>

enum { PAGE = 500 }; /* rows fetched at once */

/* Reads an e-mail address: the form to show and the form to look up. False with a message. */
static bool email_read(forge_ctl_t *ctl, const char *typed, const char **shown, const char **key)
{
    const char *why = "it is malformed";
    if (forge_core_email_normalize(ctl->pool, typed, strlen(typed), shown, key, &why))
        return true;
    forge_ctl_error("\"%s\" is not an e-mail address: %s", typed, why);
    return false;
}

static bool role_read(const char *role)
{
    forge_role_t parsed = forge_core_role_parse(role);
    if (parsed == FORGE_ROLE_STUDENT || parsed == FORGE_ROLE_INSTRUCTOR || parsed == FORGE_ROLE_ADMIN)
        return true;
    forge_ctl_error("the role \"%s\" is not student, instructor or admin", role);
    return false;
}

static int failed(forge_status_t status)
{
    forge_ctl_error("%s", forge_ctl_status(status));
    return FORGE_CTL_FAILED;
}

static int unknown(const char *email)
{
    forge_ctl_error("there is no account with the address \"%s\"", email);
    return FORGE_CTL_FAILED;
}

static int created(forge_ctl_t *ctl, const forge_new_user_t *user, const forge_rows_t *rows, const char *password)
{
    if (forge_ctl_json(ctl)) {
        forge_json_t *result = forge_util_json_object(ctl->pool);
        forge_util_json_put_int(result, "id", forge_store_rows_int(rows, 0, "id", 0));
        forge_util_json_put_text(result, "email", user->email);
        forge_util_json_put_text(result, "username", user->username);
        forge_util_json_put_text(result, "role", user->role);
        forge_util_json_put_text(result, "password", password);
        return forge_ctl_json_print(ctl, result);
    }
    printf("account %s: %s, username %s, role %s\n", forge_store_rows_text(rows, 0, "id"), user->email, user->username,
           user->role);
    if (password)
        printf("password: %s\n", password);
    return FORGE_CTL_OK;
}

/* Checks everything else before the password is hashed, because hashing is slow. */
static int user_create(forge_ctl_t *ctl)
{
    const char *role = forge_ctl_option(ctl, "role"), *username = forge_ctl_option(ctl, "username");
    forge_new_user_t user = {.role = role ? role : "student", .full_name = forge_ctl_option(ctl, "full-name")};
    bool generated;
    int cost;
    if (!email_read(ctl, ctl->args[0], &user.email, &user.email_key) || !role_read(user.role) ||
        !forge_ctl_password_options(ctl, &cost))
        return FORGE_CTL_USAGE;
    if (!forge_ctl_full_name_good(user.full_name)) {
        forge_ctl_error("--full-name has more than 200 characters, or control characters, or is not UTF-8");
        return FORGE_CTL_USAGE;
    }
    user.username = username ? forge_core_trimmed(ctl->pool, username, strlen(username))
                             : forge_core_username_from_email(ctl->pool, user.email, "");
    if (!forge_core_username_valid(user.username, strlen(user.username))) {
        forge_ctl_error("the username \"%s\" is not 3 to 30 letters, digits or _", user.username);
        return FORGE_CTL_USAGE;
    }
    forge_db_t *db = forge_ctl_connect_current(ctl);
    const char *password = db ? forge_ctl_password(ctl, user.email, user.username, &generated) : NULL;
    user.password_hash = password ? forge_ctl_password_hash(ctl, password, cost) : NULL;
    if (!user.password_hash)
        return FORGE_CTL_FAILED;
    forge_rows_t *rows;
    forge_status_t status = forge_store_user_create(db, ctl->pool, &user, NULL, &rows);
    if (status != FORGE_OK)
        return failed(status);
    return created(ctl, &user, rows, generated ? password : NULL);
}

/* Anybody can register an address; the operator may have meant the person. */
static int role_changed(forge_ctl_t *ctl, const char *shown, const forge_rows_t *rows)
{
    const bool verified = forge_store_rows_bool(rows, 0, "email_verified");
    if (!verified)
        fprintf(stderr, "note: nobody has verified this address; make sure that account %s (%s) is who you mean\n",
                forge_store_rows_text(rows, 0, "id"), forge_store_rows_text(rows, 0, "username"));
    if (forge_ctl_json(ctl)) {
        forge_json_t *result = forge_util_json_object(ctl->pool);
        forge_util_json_put_int(result, "id", forge_store_rows_int(rows, 0, "id", 0));
        forge_util_json_put_text(result, "email", shown);
        forge_util_json_put_text(result, "role", ctl->args[1]);
        forge_util_json_put_text(result, "old_role", forge_store_rows_text(rows, 0, "_old_role"));
        forge_util_json_put_bool(result, "email_verified", verified);
        return forge_ctl_json_print(ctl, result);
    }
    printf("%s: %s, was %s\n", shown, ctl->args[1], forge_store_rows_text(rows, 0, "_old_role"));
    return FORGE_CTL_OK;
}

static int user_set_role(forge_ctl_t *ctl)
{
    const char *shown, *key;
    forge_rows_t *rows;
    if (!email_read(ctl, ctl->args[0], &shown, &key) || !role_read(ctl->args[1]))
        return FORGE_CTL_USAGE;
    forge_db_t *db = forge_ctl_connect_current(ctl);
    if (!db)
        return FORGE_CTL_FAILED;
    forge_status_t status = forge_store_user_set_role(db, ctl->pool, key, ctl->args[1], &rows);
    if (status != FORGE_OK)
        return failed(status);
    if (forge_store_rows_count(rows) == 0)
        return unknown(shown);
    return role_changed(ctl, shown, rows);
}

static int password_changed(forge_ctl_t *ctl, const char *shown, const forge_rows_t *rows, const char *password)
{
    if (forge_ctl_json(ctl)) {
        forge_json_t *result = forge_util_json_object(ctl->pool);
        forge_util_json_put_text(result, "email", shown);
        forge_util_json_put_int(result, "sessions_ended", forge_store_rows_int(rows, 0, "_ended", 0));
        forge_util_json_put_text(result, "password", password);
        return forge_ctl_json_print(ctl, result);
    }
    printf("%s: new password set, %s sessions ended\n", shown, forge_store_rows_text(rows, 0, "_ended"));
    if (password)
        printf("password: %s\n", password);
    return FORGE_CTL_OK;
}

static int user_reset_password(forge_ctl_t *ctl)
{
    const char *shown, *key;
    forge_rows_t *rows;
    bool generated;
    int cost;
    if (!email_read(ctl, ctl->args[0], &shown, &key) || !forge_ctl_password_options(ctl, &cost))
        return FORGE_CTL_USAGE;
    forge_db_t *db = forge_ctl_connect_current(ctl);
    if (!db)
        return FORGE_CTL_FAILED;
    forge_status_t status = forge_store_user_for_login(db, ctl->pool, key, NULL, &rows);
    if (status != FORGE_OK)
        return failed(status);
    if (forge_store_rows_count(rows) == 0)
        return unknown(shown);
    const char *password = forge_ctl_password(ctl, shown, forge_store_rows_text(rows, 0, "username"), &generated);
    const char *hash = password ? forge_ctl_password_hash(ctl, password, cost) : NULL;
    if (!hash)
        return FORGE_CTL_FAILED;
    if ((status = forge_store_user_set_password(db, ctl->pool, key, hash, &rows)) != FORGE_OK)
        return failed(status);
    if (forge_store_rows_count(rows) == 0)
        return unknown(shown);
    return password_changed(ctl, shown, rows, generated ? password : NULL);
}

/* Lets an account in again after too many failed logins. */
static int user_unlock(forge_ctl_t *ctl)
{
    const char *shown = forge_core_trimmed(ctl->pool, ctl->args[0], strlen(ctl->args[0])), *key = NULL;
    forge_rows_t *rows, *none;
    if (strchr(shown, '@') ? !email_read(ctl, ctl->args[0], &shown, &key)
                           : !forge_core_username_valid(shown, strlen(shown))) {
        if (!strchr(shown, '@'))
            forge_ctl_error("\"%s\" is neither an e-mail address nor a username", shown);
        return FORGE_CTL_USAGE;
    }
    forge_db_t *db = forge_ctl_connect_current(ctl);
    if (!db)
        return FORGE_CTL_FAILED;
    forge_status_t status = forge_store_user_for_login(db, ctl->pool, key, shown, &rows);
    if (status == FORGE_OK && forge_store_rows_count(rows) == 0) {
        forge_ctl_error("there is no account \"%s\"", shown);
        return FORGE_CTL_FAILED;
    }
    if (status == FORGE_OK)
        status =
            forge_store_unlock(db, ctl->pool, &(forge_actor_t){.id = 0}, forge_store_rows_int(rows, 0, "id", 0), &none);
    if (status != FORGE_OK)
        return failed(status);
    if (forge_ctl_json(ctl)) {
        forge_json_t *result = forge_util_json_object(ctl->pool);
        forge_util_json_put_int(result, "id", forge_store_rows_int(rows, 0, "id", 0));
        forge_util_json_put_text(result, "account", shown);
        return forge_ctl_json_print(ctl, result);
    }
    printf("%s: failed logins cleared\n", shown);
    return FORGE_CTL_OK;
}

static void user_print(const forge_rows_t *rows, int i)
{
    const char *seen = forge_store_rows_text(rows, i, "last_login_at"),
               *email = forge_store_rows_text(rows, i, "email"); /* guests: none */
    printf("%8s  %-32s  %-20s  %-10s  %-8s  %.19s\n", forge_store_rows_text(rows, i, "id"), email ? email : "-",
           forge_store_rows_text(rows, i, "username"), forge_store_rows_text(rows, i, "role"),
           forge_store_rows_bool(rows, i, "is_active") ? "active" : "inactive", seen ? seen : "never");
}

/* A page of rows as they come: a list of any length needs the memory of one page. */
static bool page_json(apr_pool_t *page, const forge_rows_t *rows, bool first)
{
    forge_buf_t *b = forge_ctl_json_buf(page);
    forge_util_buf_puts(b, first ? "[" : "");
    for (int i = 0; i < forge_store_rows_count(rows); i++) {
        forge_util_buf_puts(b, first && !i ? "" : ",");
        forge_store_render_row(b, rows, i);
    }
    return forge_ctl_json_flush(b);
}

static bool page_print(forge_ctl_t *ctl, apr_pool_t *page, const forge_rows_t *rows, bool first)
{
    if (forge_ctl_json(ctl))
        return page_json(page, rows, first);
    if (first)
        printf("%8s  %-32s  %-20s  %-10s  %-8s  %s\n", "id", "e-mail", "username", "role", "state", "last login (UTC)");
    for (int i = 0; i < forge_store_rows_count(rows); i++)
        user_print(rows, i);
    return true;
}

static int user_list(forge_ctl_t *ctl)
{
    forge_db_t *db = forge_ctl_connect_current(ctl);
    apr_int64_t after = 0, total = 0;
    int n = PAGE;
    apr_pool_t *page;
    if (!db)
        return FORGE_CTL_FAILED;
    apr_pool_create(&page, ctl->pool);
    while (n == PAGE) {
        forge_rows_t *rows;
        forge_status_t status = forge_store_user_list(db, page, after, PAGE, &rows);
        if (status != FORGE_OK)
            return failed(status);
        if (!page_print(ctl, page, rows, after == 0))
            return FORGE_CTL_FAILED;
        n = forge_store_rows_count(rows);
        after = n ? forge_store_rows_int(rows, n - 1, "id", 0) : 0;
        total += n;
        apr_pool_clear(page);
    }
    if (forge_ctl_json(ctl))
        puts("]");
    else
        printf("%" APR_INT64_T_FMT " accounts\n", total);
    return FORGE_CTL_OK;
}

static const forge_ctl_option_t create_options[] = {
    {"role", "ROLE", "student (default), instructor or admin"},
    {"username", "NAME", "3 to 30 letters, digits or _ (default: from the e-mail address)"},
    {"full-name", "NAME", "name to show"},
    FORGE_CTL_PASSWORD_OPTIONS,
    {NULL, NULL, NULL},
};
static const forge_ctl_option_t import_options[] = {{"cost", "N", "bcrypt cost, 10 to 15 (12)"}, {NULL, NULL, NULL}};
static const forge_ctl_option_t reset_options[] = {FORGE_CTL_PASSWORD_OPTIONS, {NULL, NULL, NULL}};

const forge_ctl_verb_t forge_ctl_user[] = {
    {"create", "EMAIL", 1, FORGE_CTL_DATABASE, create_options, "create an account", user_create},
    {"import", "FILE", 1, FORGE_CTL_DATABASE, import_options, "create the accounts of a CSV file",
     forge_ctl_user_import},
    {"set-role", "EMAIL ROLE", 2, FORGE_CTL_DATABASE, NULL, "change the role of an account", user_set_role},
    {"reset-password", "EMAIL", 1, FORGE_CTL_DATABASE, reset_options, "set a new password and end all sessions",
     user_reset_password},
    {"unlock", "EMAIL|USERNAME", 1, FORGE_CTL_DATABASE, NULL,
     "clear the failed logins of an account, so that its user can log in again", user_unlock},
    {"list", "", 0, FORGE_CTL_DATABASE, NULL, "list all accounts", user_list},
    {NULL, NULL, 0, FORGE_CTL_APART, NULL, NULL, NULL},
};
