/* SPDX-License-Identifier: Apache-2.0
 * The files of the pages that show the OpenAPI document, which lie in a folder of their own (ForgeDocsAssets).
 */
#include "wire.h"

#include <apr_file_info.h>
#include <apr_strings.h>
#include <string.h>

#define NAMED 3 /* missing files that are named */

static const forge_page_file_t files[] = {
    {"swagger.html", "text/html"},
    {"redoc.html", "text/html"},
    {"swagger-ui-bundle.js", "text/javascript"},
    {"swagger-ui.css", "text/css"},
    {"swagger-init.js", "text/javascript"},
    {"redoc.standalone.js", "text/javascript"},
    {"redoc-init.js", "text/javascript"},
    {"docs.css", "text/css"},
    {"favicon-32x32.png", "image/png"},
};

const forge_page_file_t *forge_core_page_file(const char *name)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        if (strcmp(name, files[i].name) == 0)
            return &files[i];
    return NULL;
}

const char *forge_core_pages_missing(apr_pool_t *p, const char *folder)
{
    const int all = sizeof(files) / sizeof(*files);
    const char *names = "";
    int missing = 0;
    for (int i = 0; i < all; i++) {
        apr_finfo_t info;
        const char *path = apr_pstrcat(p, folder, "/", files[i].name, NULL);
        if (apr_stat(&info, path, APR_FINFO_TYPE, p) == APR_SUCCESS && info.filetype == APR_REG)
            continue;
        if (missing++ < NAMED)
            names = apr_pstrcat(p, names, *names ? ", " : "", files[i].name, NULL);
    }
    return missing ? apr_psprintf(p, "lacks %d of %d files (%s%s)", missing, all, names, missing > NAMED ? ", ..." : "")
                   : NULL;
}
