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
    int weight;     /* q in thousandths; 0: refused */
} range_t;

static const char *skip_blanks(const char *c)
{
    return c + strspn(c, " \t");
}

/* A weight (RFC 9110 §12.4.2) in thousandths. Above 0 however small it is; what is none counts as 0. */
static int weigh(const char *text)
{
    if (*text == '1')
        return 1000;
    if (text[0] != '0' && text[0] != '.')
        return 0;
    int weight = 0, unit = 100;
    bool some = false;
    for (text += *text == '0', text += *text == '.'; *text >= '0' && *text <= '9'; text++, unit /= 10) {
        weight += (*text - '0') * unit;
        some |= *text != '0';
    }
    return some && weight == 0 ? 1 : weight;
}

/* Reads the range at c; returns where the next one begins. */
static const char *range_read(const char *c, range_t *range)
{
    range->type = c = skip_blanks(c);
    range->len = strcspn(c, ";, \t");
    range->weight = 1000;
    for (c += range->len; *c && *c != ',';) {
        c = skip_blanks(c);
        if (*c == ';')
            c = skip_blanks(c + 1);
        if (apr_cstr_casecmpn(c, "q=", 2) == 0)
            range->weight = weigh(c + 2);
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

/* How much the header wants this type, in thousandths, by the range that fits it most closely: *fits, as of fit(). */
static int wanted(const char *header, const char *media, int *fits)
{
    int best = 0, weight = 0;
    range_t range;
    *fits = 1;
    if (!header || !*skip_blanks(header))
        return 1000;
    for (const char *c = header; *c;) {
        c = range_read(c, &range);
        int how = fit(&range, media, strcspn(media, "; "));
        if (how > best || (how == best && how > 0 && range.weight > weight)) {
            best = how;
            weight = range.weight;
        }
    }
    *fits = best;
    return weight;
}

bool forge_core_accepts(const char *header, const char *media)
{
    int fits;
    return wanted(header, media, &fits) > 0;
}

bool forge_core_prefers(const char *header, const char *media, const char *other)
{
    int fits, ignored;
    const int weight = wanted(header, media, &fits), rival = wanted(header, other, &ignored);
    return weight > rival || (weight == rival && weight > 0 && fits == 3);
}

bool forge_core_accepts_coding(const char *header, const char *coding)
{
    bool any = false;
    range_t range;
    for (const char *c = header ? header : ""; *c;) {
        c = range_read(c, &range);
        if (range.len == strlen(coding) && apr_cstr_casecmpn(range.type, coding, range.len) == 0)
            return range.weight > 0;
        any |= range.len == 1 && *range.type == '*' && range.weight > 0;
    }
    return any;
}
