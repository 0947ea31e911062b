/* SPDX-License-Identifier: Apache-2.0
 * Sentences and words of a text, without a dictionary.
 */
#include "analysis.h"

#include <string.h>

#define LONGEST 800 /* bytes of a sentence; what goes on without an end (a table, a list) is cut between words */

bool forge_core_word(const char **at, const char *end, const char **word, apr_size_t *len)
{
    const char *c = *at;
    while (c < end && !forge_util_is_alnum(*c) && (unsigned char)*c < 0x80)
        c++;
    *word = c;
    while (c < end && (forge_util_is_alnum(*c) || (unsigned char)*c >= 0x80))
        c++;
    *len = (apr_size_t)(c - *word);
    *at = c;
    return *len > 0;
}

/* The word before a full stop is an abbreviation: one letter ("J."), or one of the common ones. */
static bool abbreviates(const char *begin, const char *stop)
{
    static const char *const known[] = {"Mr",  "Mrs", "Ms",  "Dr", "Prof", "St", "vs",  "etc", "No",
                                        "Fig", "cf",  "Vol", "Nr", "Jr",   "Sr", "bzw", "ca",  "z.B"};
    const char *word = stop;
    while (word > begin && !forge_util_is_space(word[-1]) && word[-1] != '(')
        word--;
    apr_size_t len = (apr_size_t)(stop - word);
    if (len == 1 && forge_util_is_alpha(*word))
        return true;
    if (len == 3 && (strncmp(word, "e.g", 3) == 0 || strncmp(word, "i.e", 3) == 0))
        return true;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strlen(known[i]) == len && strncmp(word, known[i], len) == 0)
            return true;
    return false;
}

/* Whether a sentence ends with the character at c: a mark of an end, closing quotes, and a blank; or an empty line. */
static bool ends(const char *begin, const char *c)
{
    if (*c == '\n')
        return c[1] == '\n' || c[1 + strspn(c + 1, " \t\r")] == '\n';
    if (*c != '.' && *c != '!' && *c != '?')
        return false;
    if (*c == '.' && abbreviates(begin, c))
        return false;
    const char *after = c + 1 + strspn(c + 1, ".!?\"')]");
    while (strncmp(after, "\xe2\x80\x9d", 3) == 0 || strncmp(after, "\xe2\x80\x99", 3) == 0)
        after += 3;
    return !*after || forge_util_is_space(*after);
}

/* Where a text that goes on for too long may be cut: at the last blank. */
static const char *cut(const char *begin)
{
    const char *c = begin + LONGEST;
    while (c > begin + LONGEST / 2 && !forge_util_is_space(*c))
        c--;
    while (((unsigned char)*c & 0xc0) == 0x80)
        c--;
    return c;
}

bool forge_core_sentence(const char **at, const char **sentence, apr_size_t *len)
{
    const char *begin = *at + strspn(*at, " \t\r\n\f\v"), *c = begin;
    if (!*begin)
        return false;
    while (*c && c - begin < LONGEST && !ends(begin, c))
        c++;
    if (*c && c - begin >= LONGEST)
        c = cut(begin);
    else
        c += strspn(c, ".!?\"')]");
    while (c > begin && (strncmp(c, "\xe2\x80\x9d", 3) == 0 || strncmp(c, "\xe2\x80\x99", 3) == 0))
        c += 3;
    if (c == begin)
        c++;
    *at = c;
    while (c > begin && forge_util_is_space(c[-1]))
        c--;
    *sentence = begin;
    *len = (apr_size_t)(c - begin);
    return true;
}
