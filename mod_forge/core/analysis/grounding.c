/* SPDX-License-Identifier: Apache-2.0
 * What a language model has said is believed as far as it names passages that it was given and that have to do with it.
 */
#include "analysis.h"

#include <apr_strings.h>
#include <string.h>

#define WORD_LEAST 4 /* letters of a word that two texts may have in common */

/* Whether the passage has a word of the text. */
static bool shares_word(const forge_found_t *passage, const char *text, apr_size_t len)
{
    const char *word, *other, *at = text;
    apr_size_t n, m;
    while (forge_core_word(&at, text + len, &word, &n)) {
        const char *there = passage->body, *end = there + strlen(there);
        while (n >= WORD_LEAST && forge_core_word(&there, end, &other, &m))
            if (m >= WORD_LEAST && apr_cstr_casecmpn(word, other, m < n ? m : n) == 0)
                return true; /* one begins with the other: "valve", "valves" */
    }
    return false;
}

/* "[1, 3]" at c: its length; 0 when it is no citation. */
static apr_size_t citation(const char *c)
{
    apr_size_t n = *c == '[' ? 1 + strspn(c + 1, "0123456789, ") : 0;
    return n > 1 && c[n] == ']' && strcspn(c, "0123456789") < n ? n + 1 : 0;
}

/* One answer being read. `from` is where the statement begins that the next citation is for. */
typedef struct reading_t {
    const forge_ranking_t *given;
    bool *used;
    forge_buf_t *kept;
    const char *from;
    bool any;
} reading_t;

/* Keeps the numbers that hold, each in brackets of its own. */
static void read_citation(reading_t *r, const char *c, apr_size_t len)
{
    apr_size_t statement = (apr_size_t)(c - r->from);
    for (const char *at = c, *end = c + len; at < end;) {
        apr_size_t digits = strspn(at, "0123456789");
        apr_int64_t n = 0;
        if (digits && forge_util_atoi(at, digits, &n) && n >= 1 && n <= r->given->n &&
            shares_word(&r->given->passages[n - 1], r->from, statement)) {
            r->used[n - 1] = true;
            r->any = true;
            forge_util_buf_printf(r->kept, "[%d]", (int)n);
        }
        at += digits ? digits : 1;
    }
}

/* A statement goes from the end of the citations before it to its own. */
static void read_all(reading_t *r, const char *text)
{
    bool cited = false;
    r->from = text;
    for (const char *c = text; *c;) {
        apr_size_t len = citation(c);
        if (len) {
            read_citation(r, c, len);
            cited = true;
            c += len;
            continue;
        }
        if (cited && *c != ' ' && *c != '.' && *c != ',') {
            r->from = c;
            cited = false;
        }
        if ((unsigned char)*c >= 0x20 || *c == '\n' || *c == '\t')
            forge_util_buf_add(r->kept, c, 1);
        c++;
    }
}

bool forge_core_ground_secret(const char *mark, const char *text, apr_size_t len)
{
    const char *secret = mark + strlen("=== ");
    apr_size_t n = strlen(secret);
    for (apr_size_t i = 0; i + n <= len; i++)
        if (memcmp(text + i, secret, n) == 0)
            return true;
    return false;
}

forge_grounded_t forge_core_ground(apr_pool_t *p, const char *mark, const forge_ranking_t *given, const char **text,
                                   bool *used)
{
    const char *said = *text + strspn(*text, " \t\r\n");
    memset(used, 0, sizeof(*used) * (apr_size_t)given->n);
    if (strncmp(said, FORGE_PROMPT_NONE, strlen(FORGE_PROMPT_NONE)) == 0)
        return FORGE_GROUNDED_NONE;
    if (forge_core_ground_secret(mark, said, strlen(said)))
        return FORGE_GROUNDED_REFUSED;
    reading_t r = {.given = given, .used = used};
    r.kept = forge_util_buf_make(p, strlen(said) + 1, FORGE_ANSWER_MAX);
    read_all(&r, said);
    if (r.kept->failed || !r.any || !forge_util_utf8(r.kept->data, r.kept->len, NULL))
        return FORGE_GROUNDED_REFUSED;
    *text = apr_pstrmemdup(p, r.kept->data, r.kept->len);
    return FORGE_GROUNDED;
}

const char *forge_core_ground_renumber(apr_pool_t *p, const char *text, const int *place, int n)
{
    forge_buf_t *b = forge_util_buf_make(p, strlen(text) + 64, FORGE_ANSWER_MAX * 2);
    while (*text) {
        apr_int64_t number = 0;
        apr_size_t len = citation(text);
        if (len && forge_util_atoi(text + 1, len - 2, &number) && number >= 1 && number <= n)
            forge_util_buf_printf(b, "[%d]", place[number - 1]);
        else
            forge_util_buf_add(b, text, len = 1);
        text += len;
    }
    return b->failed ? NULL : apr_pstrmemdup(p, b->data, b->len);
}
