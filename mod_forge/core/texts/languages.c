/* SPDX-License-Identifier: Apache-2.0
 * Language tags (RFC 5646), and which of our languages a client takes (RFC 9110 §12.5.4, RFC 4647 §3.4).
 *
 * No letter is folded by the process's locale, in which a Turkish I would be no i.
 */
#include "texts.h"
#include <apr_strings.h>
#include <string.h>

#define HEADER_BYTES 1000 /* of Accept-Language that are read; a browser sends about 50 */
#define RANGES_MAX   50
#define WEIGHT_ONE   1000 /* weights in thousandths */

static const char *const tags[FORGE_LANGUAGES] = {
    [FORGE_LANGUAGE_EN] = "en", [FORGE_LANGUAGE_DE] = "de", [FORGE_LANGUAGE_FR] = "fr",
    [FORGE_LANGUAGE_ES] = "es", [FORGE_LANGUAGE_TR] = "tr",
};

const char *forge_core_language_tag(forge_language_t language)
{
    return tags[language];
}

static bool language_of(const char *tag, apr_size_t len, forge_language_t *language)
{
    apr_size_t first = 0;
    while (first < len && tag[first] != '-')
        first++;
    for (int i = 0; i < FORGE_LANGUAGES; i++)
        if (strlen(tags[i]) == first && apr_cstr_casecmpn(tags[i], tag, first) == 0) {
            *language = (forge_language_t)i;
            return true;
        }
    return false;
}

bool forge_core_language_of(const char *tag, forge_language_t *language)
{
    return tag && language_of(tag, strlen(tag), language);
}

bool forge_core_language_tag_valid(const char *tag)
{
    if (strlen(tag) > FORGE_LANGUAGE_TAG_MAX)
        return false;
    for (bool first = true;; first = false) {
        apr_size_t len = 0;
        for (; forge_util_is_alnum(tag[len]); len++)
            if (first && !forge_util_is_alpha(tag[len]))
                return false;
        if (len < (first ? 2 : 1) || len > 8)
            return false;
        tag += len;
        if (!*tag)
            return true;
        if (*tag++ != '-')
            return false;
    }
}

/* "de-at" as "de-AT", "zh-hant-tw" as "zh-Hant-TW" (RFC 5646 §2.1.1). What follows a singleton stays small. */
static const char *tag_shown(apr_pool_t *p, const char *text, apr_size_t len)
{
    char *tag = apr_pstrmemdup(p, text, len);
    if (!forge_core_language_tag_valid(tag))
        return NULL;
    bool singleton = false;
    forge_util_lower_all(tag);
    for (char *at = strchr(tag, '-'); at; at = strchr(at, '-')) {
        apr_size_t n = strcspn(++at, "-");
        for (apr_size_t i = 0; !singleton && i < n && (n == 2 || (n == 4 && i == 0)); i++)
            at[i] = forge_util_upper(at[i]);
        singleton = singleton || n == 1;
    }
    return tag;
}

/* --- Accept-Language --- */

typedef struct range_t {
    const char *tag;
    apr_size_t len;
    int weight; /* in thousandths; -1: it cannot be read */
} range_t;

static const char *skip_blanks(const char *c)
{
    return c + strspn(c, " \t");
}

/* qvalue of RFC 9110 §12.4.2: 0 to 1 with up to three digits. */
static int weight_read(const char *c, const char **end)
{
    int weight = *c == '1' ? WEIGHT_ONE : 0;
    if (*c != '0' && *c != '1')
        return -1;
    if (*++c == '.') {
        int place = WEIGHT_ONE / 10;
        for (c++; *c >= '0' && *c <= '9' && place > 0; c++, place /= 10)
            weight += (*c - '0') * place;
    }
    *end = c;
    return weight <= WEIGHT_ONE ? weight : -1;
}

/* Reads the range at c; returns where the next one begins, or the end. */
static const char *range_read(const char *c, range_t *range)
{
    range->tag = c = skip_blanks(c);
    range->len = strspn(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-*");
    range->weight = range->len > 0 ? WEIGHT_ONE : -1;
    c = skip_blanks(c + range->len);
    if (*c == ';') {
        c = skip_blanks(c + 1);
        const bool named = (*c == 'q' || *c == 'Q') && c[1] == '=';
        range->weight = named ? weight_read(c + 2, &c) : -1;
        c = skip_blanks(c);
    }
    if (*c && *c != ',')
        range->weight = -1;
    c += strcspn(c, ",");
    return *c ? c + 1 : c;
}

static bool is_any(const range_t *range)
{
    return range->len == 1 && *range->tag == '*';
}

/* What "*" stands for: the first of our languages that no other range names. */
static forge_language_t any_of(const bool *named)
{
    for (int i = 0; i < FORGE_LANGUAGES; i++)
        if (!named[i])
            return (forge_language_t)i;
    return FORGE_LANGUAGE_EN;
}

forge_language_t forge_core_language_accepted(apr_pool_t *p, const char *header, const char **range)
{
    bool named[FORGE_LANGUAGES] = {false};
    range_t best = {.weight = 0}, one;
    int any = 0;
    forge_language_t language = FORGE_LANGUAGE_EN, its;
    const char *text = apr_pstrndup(p, header ? header : "", HEADER_BYTES);
    for (int i = 0; *text && i < RANGES_MAX; i++) {
        text = range_read(text, &one);
        if (one.weight < 0)
            continue;
        if (is_any(&one)) {
            any = one.weight;
        } else if (language_of(one.tag, one.len, &its)) {
            named[its] = true;
            if (one.weight > best.weight) {
                best = one;
                language = its;
            }
        }
    }
    if (any > best.weight)
        language = any_of(named);
    if (range)
        *range = best.weight > 0 && any <= best.weight ? tag_shown(p, best.tag, best.len) : NULL;
    return language;
}
