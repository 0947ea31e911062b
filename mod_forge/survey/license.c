/* SPDX-License-Identifier: Apache-2.0
 * Which licence a text is, by phrases that only its text has (licenses.def).
 */
#include "survey.h"
#include <string.h>

#define TEXT_MAX 65536 /* bytes of a text that are looked at: the longest licence has 35 KB */

static const struct {
    const char *spdx, *phrases[3], *without;
} licenses[] = {
#define FORGE_LICENSE(spdx, one, two, three, without) {spdx, {one, two, three}, without},
#include "survey/licenses.def"
#undef FORGE_LICENSE
};

/* Letters and digits in lower case, with one blank between words. */
static void words_of(char *to, const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len && i < TEXT_MAX; i++) {
        const char c = forge_survey_lower(text[i]);
        if (forge_survey_is_word(c) && c != '_')
            to[n++] = c;
        else if (n && to[n - 1] != ' ')
            to[n++] = ' ';
    }
    to[n] = '\0';
}

/* "SPDX-License-Identifier: MIT" in the text says it. An identifier is of letters, digits, '.', '-', '+'. */
static const char *identifier(const char *text, size_t len)
{
    static const char mark[] = "SPDX-License-Identifier:";
    const char *at = len ? memmem(text, len, mark, sizeof(mark) - 1) : NULL;
    if (!at)
        return NULL;
    const char *end = text + len;
    for (at += sizeof(mark) - 1; at < end && *at == ' '; at++)
        ;
    size_t n = 0;
    while (at + n < end && n < 64 && at[n] != '_' && (forge_survey_is_word(at[n]) || (at[n] && strchr(".-+", at[n]))))
        n++;
    return n ? forge_survey_keep_text(at, n) : NULL;
}

const char *forge_survey_license(const char *text, size_t len)
{
    static char words[TEXT_MAX + 2];
    words_of(words, text, len);
    for (size_t i = 0; i < sizeof(licenses) / sizeof(licenses[0]); i++) {
        bool fits = !licenses[i].without || !strstr(words, licenses[i].without);
        for (size_t k = 0; k < 3 && fits && licenses[i].phrases[k]; k++)
            fits = strstr(words, licenses[i].phrases[k]);
        if (fits)
            return licenses[i].spdx;
    }
    return identifier(text, len);
}
