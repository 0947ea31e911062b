/* SPDX-License-Identifier: Apache-2.0
 * forgectl openapi: prints the document that was made from the module's tables when this version was built.
 */
#include "ctl.h"
#include "places.h"
#include <stdio.h>

static int openapi_print(forge_ctl_t *ctl)
{
    apr_size_t len;
    const char *why, *path = forge_ctl_option(ctl, "file");
    if (!path)
        path = FORGE_PKGDATADIR "/openapi.json";
    const char *text = forge_ctl_file_read(ctl->pool, path, &len, &why);
    if (!text) {
        forge_ctl_error("could not read \"%s\": %s", path, why);
        return FORGE_CTL_FAILED;
    }
    if (!forge_util_json_parse(ctl->pool, text, len, &why)) {
        forge_ctl_error("\"%s\" is not JSON: %s", path, why);
        return FORGE_CTL_FAILED;
    }
    fwrite(text, 1, len, stdout);
    return FORGE_CTL_OK;
}

static const forge_ctl_option_t options[] = {
    {"file", "FILE", "print this document instead of " FORGE_PKGDATADIR "/openapi.json"},
    {NULL, NULL, NULL},
};

const forge_ctl_verb_t forge_ctl_openapi[] = {
    {NULL, "", 0, FORGE_CTL_APART, options, "print the OpenAPI document of this build", openapi_print},
    {NULL, NULL, 0, FORGE_CTL_APART, NULL, NULL, NULL},
};
