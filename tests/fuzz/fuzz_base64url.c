/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: base64url. What decodes encodes to the same text (one spelling only), and what was encoded decodes to the same bytes.
 */
#include "util/util.h"
#include "fuzz.h"

int forge_fuzz_base64url(const uint8_t *data, size_t size)
{
    unsigned char *bytes;
    const char *text;
    apr_size_t len;
    apr_pool_t *p = forge_fuzz_pool();

    bytes = forge_util_b64url_decode(p, (const char *)data, size, &len);
    if (bytes != NULL) {
        text = forge_util_b64url(p, bytes, len);
        if (strlen(text) != size || memcmp(text, data, size) != 0)
            abort();
    }
    text = forge_util_b64url(p, data, size);
    bytes = forge_util_b64url_decode(p, text, strlen(text), &len);
    if (bytes == NULL || len != size || (size > 0 && memcmp(bytes, data, size) != 0))
        abort();
    apr_pool_destroy(p);
    return 0;
}
