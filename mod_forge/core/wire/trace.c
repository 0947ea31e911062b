/* SPDX-License-Identifier: Apache-2.0
 * W3C Trace Context (level 1) and request ids.
 */
#include "wire.h"
#include <apr_strings.h>
#include <string.h>

#define HEX "0123456789abcdef"

/* `bytes` random bytes in hex; never all zero, which would be no id. */
static void id_make(char *text, apr_size_t bytes)
{
    unsigned char random[16];
    forge_util_random(random, bytes);
    random[0] |= !random[0];
    for (apr_size_t i = 0; i < bytes; i++) {
        text[i * 2] = HEX[random[i] >> 4];
        text[i * 2 + 1] = HEX[random[i] & 15];
    }
    text[bytes * 2] = '\0';
}

static bool hex_field(const char *text, apr_size_t len, bool zero_allowed)
{
    return strspn(text, HEX) >= len && (zero_allowed || strspn(text, "0") < len);
}

/* version "-" trace-id "-" parent-id "-" trace-flags, in lower case; a later version may go on after another "-". */
static bool parent_read(forge_trace_t *t, const char *text)
{
    apr_size_t len = strlen(text);
    if (len < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return false;
    if (!hex_field(text, 2, true) || !strncmp(text, "ff", 2) || !hex_field(text + 53, 2, true))
        return false;
    if (!hex_field(text + 3, 32, false) || !hex_field(text + 36, 16, false))
        return false;
    if (len > 55 && (!strncmp(text, "00", 2) || text[55] != '-'))
        return false;
    apr_cpystrn(t->trace_id, text + 3, sizeof(t->trace_id));
    apr_cpystrn(t->parent_id, text + 36, sizeof(t->parent_id));
    t->sampled = strchr("13579bdf", text[54]) != NULL;
    return true;
}

void forge_core_trace_start(forge_trace_t *t, const char *traceparent)
{
    memset(t, 0, sizeof(*t));
    if (!traceparent || !parent_read(t, traceparent)) {
        id_make(t->trace_id, 16);
        t->sampled = true;
    }
    id_make(t->span_id, 8);
}

const char *forge_core_trace_header(apr_pool_t *p, const forge_trace_t *t)
{
    return apr_psprintf(p, "00-%s-%s-%s", t->trace_id, t->span_id, t->sampled ? "01" : "00");
}

const char *forge_core_request_id(apr_pool_t *p, const char *given)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    apr_size_t len = given ? strspn(given, allowed) : 0;
    if (len >= 1 && len <= FORGE_REQUEST_ID_MAX && !given[len])
        return apr_pstrmemdup(p, given, len);
    char *id = apr_palloc(p, 33);
    id_make(id, 16);
    return id;
}
