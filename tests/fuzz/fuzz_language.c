/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: Accept-Language. Whatever it says, one of our languages is chosen, and a range that decided is a good
 * tag of that language which decides the same alone.
 */
#include "core/texts/texts.h"
#include "fuzz.h"
#include <apr_strings.h>

int forge_fuzz_language(const uint8_t *data, size_t size)
{
    apr_pool_t *p = forge_fuzz_pool();
    const char *header = apr_pstrmemdup(p, (const char *)data, size), *range, *again;
    const forge_language_t language = forge_core_language_accepted(p, header, &range);
    forge_language_t its;
    FORGE_PROMISE((int)language >= 0 && language < FORGE_LANGUAGES);
    if (range) {
        FORGE_PROMISE(forge_core_language_tag_valid(range));
        FORGE_PROMISE(forge_core_language_of(range, &its) && its == language);
        FORGE_PROMISE(forge_core_language_accepted(p, range, &again) == language && strcmp(range, again) == 0);
    }
    apr_pool_destroy(p);
    return 0;
}
