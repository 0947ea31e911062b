/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: the JSON reader. What it accepts is written, read again and written again: both texts must be the same.
 */
#include "util/util.h"
#include "fuzz.h"

#define OUTPUT_MAX (16 << 20)

int forge_fuzz_json(const uint8_t *data, size_t size)
{
    apr_pool_t *p = forge_fuzz_pool();
    const char *why = NULL;
    forge_json_t *v = forge_util_json_parse(p, (const char *)data, size, &why);
    FORGE_PROMISE((v == NULL) == (why != NULL));
    if (v) {
        forge_buf_t *first = forge_util_buf_make(p, 0, OUTPUT_MAX), *second = forge_util_buf_make(p, 0, OUTPUT_MAX);
        forge_util_json_write(first, v);
        FORGE_PROMISE(!first->failed && forge_util_utf8(first->data, first->len, NULL));
        v = forge_util_json_parse(p, first->data, first->len, &why);
        FORGE_PROMISE(v != NULL);
        forge_util_json_write(second, v);
        FORGE_PROMISE(first->len == second->len && !memcmp(first->data, second->data, first->len));
    }
    apr_pool_destroy(p);
    return 0;
}
