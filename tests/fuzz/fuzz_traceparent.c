/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: traceparent and X-Request-ID. What goes on is always well-formed, and continues itself.
 */
#include "core/wire/wire.h"
#include "fuzz.h"
#include <apr_strings.h>

int forge_fuzz_traceparent(const uint8_t *data, size_t size)
{
    apr_pool_t *p = forge_fuzz_pool();
    const char *text = apr_pstrmemdup(p, (const char *)data, size);
    forge_trace_t first, second;
    forge_core_trace_start(&first, text);
    const char *header = forge_core_trace_header(p, &first);
    FORGE_PROMISE(strlen(header) == 55 && strspn(header, "0123456789abcdef-") == 55);
    forge_core_trace_start(&second, header);
    FORGE_PROMISE(!strcmp(first.trace_id, second.trace_id) && !strcmp(first.span_id, second.parent_id));
    FORGE_PROMISE(first.sampled == second.sampled);
    const char *id = forge_core_request_id(p, text);
    FORGE_PROMISE(*id && strlen(id) <= FORGE_REQUEST_ID_MAX && !strcmp(id, forge_core_request_id(p, id)));
    apr_pool_destroy(p);
    return 0;
}
