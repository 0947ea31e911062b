/* SPDX-License-Identifier: Apache-2.0
 * Which media types and codings a client takes, by its Accept and Accept-Encoding headers.
 */
#include "wire.h"

#include <stdlib.h>
#include <string.h>

/* One range of the header, as far as it matters here. */
typedef struct range_t {
    const char *type;
    apr_size_t len; /* of type/subtype without parameters */
    bool refused;   /* q=0 */
} range_t;

static const char *skip_blanks(const char *c)
{
    return c + strspn(c, " \t");
}

/* Whether a weight (RFC 9110 §12.4.2) is above zero. */
static bool weighs(const char *text)
{
    text += strspn(text, "0.");
    return *text >= '1' && *text <= '9';
}

/* Reads the range at c; returns where the next one begins. */
static const char *range_read(const char *c, range_t *range)
{
    range->type = c = skip_blanks(c);
    range->len = strcspn(c, ";, \t");
    range->refused = false;
    for (c += range->len; *c && *c != ',';) {
        c = skip_blanks(c);
        if (*c == ';')
            c = skip_blanks(c + 1);
        if (apr_cstr_casecmpn(c, "q=", 2) == 0)
            range->refused = !weighs(c + 2);
        c += strcspn(c, ";,");
    }
    return *c ? c + 1 : c;
}

/* How closely a range fits: 0 not at all, 1 everything, 2 the type, 3 exactly. */
static int fit(const range_t *range, const char *media, apr_size_t len)
{
    apr_size_t slash = strcspn(media, "/");
    if (range->len == 3 && strncmp(range->type, "*/*", 3) == 0)
        return 1;
    if (range->len == slash + 2 && apr_cstr_casecmpn(range->type, media, slash + 1) == 0 &&
        range->type[slash + 1] == '*')
        return 2;
    return range->len == len && apr_cstr_casecmpn(range->type, media, len) == 0 ? 3 : 0;
}

bool forge_core_accepts(const char *header, const char *media)
{
    int best = 0;
    bool accepted = false;
    range_t range;
    if (!header || !*skip_blanks(header))
        return true;
    for (const char *c = header; *c;) {
        c = range_read(c, &range);
        int how = fit(&range, media, strcspn(media, "; "));
        if (how > best || (how == best && how > 0 && !range.refused)) {
            best = how;
            accepted = !range.refused;
        }
    }
    return accepted;
}

bool forge_core_accepts_coding(const char *header, const char *coding)
{
    bool any = false;
    range_t range;
    for (const char *c = header ? header : ""; *c;) {
        c = range_read(c, &range);
        if (range.len == strlen(coding) && apr_cstr_casecmpn(range.type, coding, range.len) == 0)
            return !range.refused;
        any |= range.len == 1 && *range.type == '*' && !range.refused;
    }
    return any;
}
