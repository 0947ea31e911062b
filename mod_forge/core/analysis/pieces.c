/* SPDX-License-Identifier: Apache-2.0
 * Passages of the files of a repository. In source text and lists the lines matter, so they stay as they are.
 */
#include "analysis.h"

#include <apr_strings.h>

/* Where the text is cut: behind the last empty line of its second half, else behind the last line, else not within a
 * character. */
static apr_size_t cut_at(const char *text, apr_size_t len)
{
    apr_size_t line = 0, at = FORGE_PASSAGE_CHARACTERS;
    if (len <= at)
        return len;
    for (apr_size_t i = at; i > at / 2; i--) {
        if (text[i - 1] != '\n')
            continue;
        line = line ? line : i;
        if (i > 1 && text[i - 2] == '\n')
            return i;
    }
    while (!line && at > 1 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    return line ? line : at;
}

/* Letters of other scripts begin beyond ASCII. */
static bool says_something(const char *text, apr_size_t len)
{
    for (apr_size_t i = 0; i < len; i++)
        if (forge_util_is_alnum(text[i]) || (unsigned char)text[i] >= 0x80)
            return true;
    return false;
}

const char *forge_core_piece(apr_pool_t *p, const char **text, apr_size_t *len)
{
    while (*len > 0) {
        const char *start = *text;
        apr_size_t n = cut_at(start, *len);
        *text += n;
        *len -= n;
        while (n && (start[n - 1] == '\n' || start[n - 1] == ' '))
            n--;
        while (n && *start == '\n') {
            start++;
            n--;
        }
        if (says_something(start, n))
            return apr_pstrmemdup(p, start, n);
    }
    return NULL;
}
