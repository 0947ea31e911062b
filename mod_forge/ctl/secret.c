/* SPDX-License-Identifier: Apache-2.0
 * forgectl secret: a value for ForgeSecret, 384 random bits.
 */
#include "ctl.h"
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <stdio.h>
#include <string.h>

const char *forge_ctl_secret_spelled(forge_ctl_t *ctl, const char *path)
{
    char *absolute;
    apr_status_t rv = apr_filepath_merge(&absolute, NULL, path, APR_FILEPATH_NATIVE, ctl->pool);
    return apr_pstrcat(ctl->pool, "file:", rv == APR_SUCCESS ? absolute : path, NULL);
}

/* Creates the file so that only its owner can ever read it. An existing file is not changed. */
static int secret_keep(forge_ctl_t *ctl, const char *path, const char *secret)
{
    apr_file_t *file;
    char reason[120];
    const char *line = apr_pstrcat(ctl->pool, secret, "\n", NULL);
    apr_status_t rv =
        apr_file_open(&file, path, APR_WRITE | APR_CREATE | APR_EXCL, APR_FPROT_UREAD | APR_FPROT_UWRITE, ctl->pool);
    if (rv == APR_SUCCESS && (rv = apr_file_write_full(file, line, strlen(line), NULL)) == APR_SUCCESS)
        rv = apr_file_close(file);
    if (rv != APR_SUCCESS) {
        forge_ctl_error("could not write \"%s\": %s", path, apr_strerror(rv, reason, sizeof(reason)));
        return FORGE_CTL_FAILED;
    }
    if (forge_ctl_json(ctl)) {
        forge_json_t *result = forge_util_json_object(ctl->pool);
        forge_util_json_put_text(result, "file", path);
        return forge_ctl_json_print(ctl, result);
    }
    printf("%s written; add to the configuration: ForgeSecret file:%s\n", path, path);
    return FORGE_CTL_OK;
}

static int secret_make(forge_ctl_t *ctl)
{
    unsigned char bytes[48];
    const char *path = forge_ctl_option(ctl, "output");
    forge_util_random(bytes, sizeof(bytes));
    const char *secret = forge_util_b64url(ctl->pool, bytes, sizeof(bytes));
    if (path)
        return secret_keep(ctl, path, secret);
    if (forge_ctl_json(ctl)) {
        forge_json_t *result = forge_util_json_object(ctl->pool);
        forge_util_json_put_text(result, "secret", secret);
        return forge_ctl_json_print(ctl, result);
    }
    puts(secret);
    return FORGE_CTL_OK;
}

static const forge_ctl_option_t options[] = {
    {"output", "FILE", "write it to a new file that only its owner can read"},
    {NULL, NULL, NULL},
};

const forge_ctl_verb_t forge_ctl_secret[] = {
    {NULL, "", 0, FORGE_CTL_APART, options, "print a random key of 64 characters", secret_make},
    {NULL, NULL, 0, FORGE_CTL_APART, NULL, NULL, NULL},
};
