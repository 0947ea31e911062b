/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: queries and forms, decoded and bound to the paging parameters. Whatever is bound lies within its range.
 */
#include "core/wire/wire.h"
#include "fuzz.h"

#define PAIRS_MAX 64

int forge_fuzz_query(const uint8_t *data, size_t size)
{
    apr_pool_t *p = forge_fuzz_pool();
    apr_table_t *pairs;
    const char *why = NULL;
    bool good = forge_util_form(p, (const char *)data, size, PAIRS_MAX, &pairs, &why);
    FORGE_PROMISE(good == (why == NULL));
    if (good) {
        forge_faults_t *faults = forge_core_faults_make(p);
        forge_input_t *in = forge_core_input_pairs(p, forge_core_page_fields, FORGE_INPUT_QUERY, pairs, faults);
        apr_int64_t limit = forge_core_input_int(in, "limit", FORGE_PAGE_LIMIT);
        FORGE_PROMISE(apr_table_elts(pairs)->nelts <= PAIRS_MAX);
        FORGE_PROMISE(limit >= 1 && limit <= FORGE_PAGE_LIMIT && forge_core_input_int(in, "skip", 0) >= 0);
    }
    apr_pool_destroy(p);
    return 0;
}
