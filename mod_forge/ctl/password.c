/* SPDX-License-Identifier: Apache-2.0
 * Passwords for forgectl: from a file, from the terminal without echo, or generated; never from the command line, where
 * others can see them.
 */
#include "ctl.h"
#include "core/identity/identity.h"
#include <apr_strings.h>
#include <string.h>
#include <unistd.h>

/* The defaults of ForgePasswordPolicy. */
static const forge_password_rules_t rules = {8, 128, true, true, true, true, 2};

static apr_status_t wipe(void *password)
{
    explicit_bzero(password, strlen(password));
    return APR_SUCCESS;
}

/* The first of the lines, in memory that is wiped with the pool; NULL, with a message, if nobody could type it. */
static char *kept(apr_pool_t *p, const char *lines, apr_size_t len)
{
    apr_size_t n = 0;
    while (n < len && lines[n] != '\r' && lines[n] != '\n')
        n++;
    const char *why = forge_core_password_garbled(lines, n);
    if (why) {
        forge_ctl_error("the password %s", why);
        return NULL;
    }
    char *password = apr_pstrmemdup(p, lines, n);
    apr_pool_cleanup_register(p, password, wipe, apr_pool_cleanup_null);
    return password;
}

/* Asks for a password; twice if a person types it. */
static const char *from_terminal(apr_pool_t *p)
{
    apr_size_t len, len_again;
    const char *line = forge_ctl_prompt(p, "Password: ", &len), *again;
    if (!line) {
        forge_ctl_error("no password given");
        return NULL;
    }
    if (isatty(STDIN_FILENO)) {
        again = forge_ctl_prompt(p, "The same again: ", &len_again);
        if (!again || len_again != len || memcmp(line, again, len) != 0) {
            forge_ctl_error("the two passwords differ");
            return NULL;
        }
    }
    return kept(p, line, len);
}

static const char *from_file(apr_pool_t *p, const char *path)
{
    apr_size_t len;
    const char *why, *text = forge_ctl_file_read(p, path, &len, &why);
    if (!text) {
        forge_ctl_error("%s: %s", path, why);
        return NULL;
    }
    apr_pool_cleanup_register(p, text, wipe, apr_pool_cleanup_null);
    return kept(p, text, len);
}

const char *forge_ctl_password_generate(apr_pool_t *p)
{
    /* 54 characters that nobody confuses. A draw that lacks one of the required classes is thrown away. */
    static const char alphabet[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    for (;;) {
        char *password = apr_pcalloc(p, 20);
        for (int i = 0; i < 19;) {
            unsigned char byte;
            forge_util_random(&byte, 1);
            if (i % 5 == 4)
                password[i++] = '-';
            else if (byte < 256 - 256 % (sizeof(alphabet) - 1)) /* all characters are equally likely */
                password[i++] = alphabet[byte % (sizeof(alphabet) - 1)];
        }
        apr_pool_cleanup_register(p, password, wipe, apr_pool_cleanup_null);
        forge_faults_t *faults = forge_core_faults_make(p);
        forge_core_password_check(p, &rules, &(forge_password_t){password, 19, NULL, NULL}, "/password", faults);
        if (forge_core_faults_count(faults) == 0)
            return password;
    }
}

const char *forge_ctl_password_fault(apr_pool_t *p, const char *password, const char *email, const char *username)
{
    forge_faults_t *faults = forge_core_faults_make(p);
    const char *garbled = forge_core_password_garbled(password, strlen(password));
    if (garbled)
        return apr_pstrcat(p, "the password ", garbled, NULL);
    forge_core_password_check(p, &rules, &(forge_password_t){password, strlen(password), email, username}, "/password",
                              faults);
    return forge_core_faults_count(faults)
               ? apr_pstrcat(p, "the password is refused: ", forge_core_faults_at(faults, 0)->detail, NULL)
               : NULL;
}

bool forge_ctl_password_good(apr_pool_t *p, const char *password, const char *email, const char *username)
{
    forge_faults_t *faults = forge_core_faults_make(p);
    forge_core_password_check(p, &rules, &(forge_password_t){password, strlen(password), email, username}, "/password",
                              faults);
    for (int i = 0; i < forge_core_faults_count(faults); i++)
        forge_ctl_error("the password is refused: %s", forge_core_faults_at(faults, i)->detail);
    return forge_core_faults_count(faults) == 0;
}

const char *forge_ctl_password(forge_ctl_t *ctl, const char *email, const char *username, bool *generated)
{
    const char *file = forge_ctl_option(ctl, "password-file");
    *generated = forge_ctl_flag(ctl, "generate");
    if (*generated)
        return forge_ctl_password_generate(ctl->pool);
    const char *password = file ? from_file(ctl->pool, file) : from_terminal(ctl->pool);
    if (!password)
        return NULL;
    return forge_ctl_password_good(ctl->pool, password, email, username) ? password : NULL;
}

bool forge_ctl_password_options(const forge_ctl_t *ctl, int *cost)
{
    if (forge_ctl_option(ctl, "password-file") && forge_ctl_flag(ctl, "generate")) {
        forge_ctl_error("--password-file and --generate cannot be used together");
        return false;
    }
    return forge_ctl_number(ctl, "cost", 10, 15, 12, cost);
}

const char *forge_ctl_password_hash(forge_ctl_t *ctl, const char *password, int cost)
{
    const char *hash = forge_core_hash_make(ctl->pool, password, strlen(password), cost);
    if (!hash)
        forge_ctl_error("could not hash the password: out of memory");
    return hash;
}
