/* SPDX-License-Identifier: Apache-2.0
 * Results for programs: with --json a command prints exactly one JSON document.
 */
#include "ctl.h"
#include <stdio.h>

enum { DOCUMENT_HINT = 4096, DOCUMENT_MAX = 64 << 20 };

bool forge_ctl_json(const forge_ctl_t *ctl)
{
    return forge_ctl_flag(ctl, "json");
}

forge_buf_t *forge_ctl_json_buf(apr_pool_t *p)
{
    return forge_util_buf_make(p, DOCUMENT_HINT, DOCUMENT_MAX);
}

bool forge_ctl_json_flush(forge_buf_t *b)
{
    if (b->failed) {
        forge_ctl_error("the result is too long to be shown");
        return false;
    }
    fwrite(b->data, 1, b->len, stdout);
    b->len = 0;
    return true;
}

int forge_ctl_json_print(forge_ctl_t *ctl, const forge_json_t *document)
{
    forge_buf_t *b = forge_ctl_json_buf(ctl->pool);
    forge_util_json_write(b, document);
    forge_util_buf_puts(b, "\n");
    return forge_ctl_json_flush(b) ? FORGE_CTL_OK : FORGE_CTL_FAILED;
}
