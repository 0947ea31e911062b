/* SPDX-License-Identifier: Apache-2.0
 * forgectl reseal: re-encrypts second factors from the old ForgeSecret to the new one, so that the old one can be
 * removed.
 */
#include "ctl.h"
#include "core/identity/identity.h"
#include "store/identity/identity.h"
#include <apr_strings.h>
#include <stdio.h>
#include <string.h>

#define PAGE 500

typedef struct reseal_t {
    forge_ctl_t *ctl;
    forge_db_t *db;
    forge_keys_t *now, *both;
    apr_int64_t done, there, lost;
} reseal_t;

/* The secret in the file that an option names. NULL with a message. */
static const char *secret_read(forge_ctl_t *ctl, const char *option, apr_size_t *len)
{
    const char *why, *path = forge_ctl_option(ctl, option);
    const char *text = path ? forge_core_secret_read(ctl->pool, forge_ctl_secret_spelled(ctl, path), len, &why) : NULL;
    if (!path)
        why = "name its file";
    else if (text)
        why = forge_core_secret_problem(text, *len);
    if (why)
        forge_ctl_error("--%s: %s%s%s", option, path && text ? path : "", path && text ? ": " : "", why);
    return why ? NULL : text;
}

static bool keys_read(reseal_t *r)
{
    forge_keyring_spec_t spec = {0};
    const char *why = NULL;
    spec.secret = secret_read(r->ctl, "secret", &spec.secret_len);
    spec.other = spec.secret ? secret_read(r->ctl, "old", &spec.other_len) : NULL;
    if (!spec.other)
        return false;
    r->now = forge_core_keys_make(r->ctl->pool, spec.secret, spec.secret_len);
    r->both = forge_core_keyring_make(r->ctl->pool, &spec, &why);
    if (!r->both)
        forge_ctl_error("--old: %s", why);
    return r->both != NULL;
}

static forge_status_t reseal_one(reseal_t *r, apr_pool_t *p, const forge_rows_t *rows, int i)
{
    const char *sealed = forge_store_rows_text(rows, i, "secret"), *again;
    const char *context = apr_pstrcat(p, "mfa:", forge_store_rows_text(rows, i, "user_id"), NULL);
    forge_rows_t *changed;
    apr_size_t len;
    char *opened;
    if (forge_core_unseal(p, r->now, context, sealed, &len)) {
        r->there++;
        return FORGE_OK;
    }
    opened = forge_core_unseal(p, r->both, context, sealed, &len);
    again = opened ? forge_core_seal(p, r->now, context, opened, len) : NULL;
    if (opened)
        memset(opened, 0, len);
    if (!again) {
        r->lost++;
        return FORGE_OK;
    }
    FORGE_TRY(forge_store_seals_replace(r->db, p, forge_store_rows_text(rows, i, "id"), sealed, again, &changed));
    r->done += forge_store_rows_count(changed);
    return FORGE_OK;
}

static forge_status_t reseal_all(reseal_t *r)
{
    apr_int64_t after = 0;
    apr_pool_t *page;
    int n = PAGE;
    apr_pool_create(&page, r->ctl->pool);
    while (n == PAGE) {
        forge_rows_t *rows;
        FORGE_TRY(forge_store_seals_list(r->db, page, after, PAGE, &rows));
        n = forge_store_rows_count(rows);
        for (int i = 0; i < n; i++)
            FORGE_TRY(reseal_one(r, page, rows, i));
        after = n ? forge_store_rows_int(rows, n - 1, "id", 0) : 0;
        apr_pool_clear(page);
    }
    return FORGE_OK;
}

static int reseal_told(const reseal_t *r)
{
    if (forge_ctl_json(r->ctl)) {
        forge_json_t *result = forge_util_json_object(r->ctl->pool);
        forge_util_json_put_int(result, "reencrypted", r->done);
        forge_util_json_put_int(result, "under_new", r->there);
        forge_util_json_put_int(result, "under_neither", r->lost);
        return forge_ctl_json_print(r->ctl, result);
    }
    printf("second factors: %" APR_INT64_T_FMT " re-encrypted, %" APR_INT64_T_FMT
           " already under the new secret, %" APR_INT64_T_FMT " under neither\n",
           r->done, r->there, r->lost);
    return FORGE_CTL_OK;
}

static int reseal(forge_ctl_t *ctl)
{
    reseal_t r = {.ctl = ctl};
    if (!keys_read(&r))
        return FORGE_CTL_USAGE;
    if (!(r.db = forge_ctl_connect_current(ctl)))
        return FORGE_CTL_FAILED;
    forge_status_t status = reseal_all(&r);
    if (status != FORGE_OK) {
        forge_ctl_error("stopped: %s", forge_ctl_status(status));
        return FORGE_CTL_FAILED;
    }
    return reseal_told(&r);
}

static const forge_ctl_option_t options[] = {
    {"secret", "FILE", "file of the new ForgeSecret, the first argument of the directive"},
    {"old", "FILE", "file of the old ForgeSecret, the second argument"},
    {NULL, NULL, NULL},
};

const forge_ctl_verb_t forge_ctl_reseal[] = {
    {NULL, "", 0, FORGE_CTL_DATABASE, options, "encrypt second factors under a new ForgeSecret", reseal},
    {NULL, NULL, 0, FORGE_CTL_APART, NULL, NULL, NULL},
};
