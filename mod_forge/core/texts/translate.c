/* SPDX-License-Identifier: Apache-2.0
 * Our sentences in other languages. The English sentence is the key, so that whoever says something writes it where it
 * belongs, and an answer in English is what was written there.
 *
 * A table per language, german.def and so on: FORGE_SAYS(name, text), with E_NAME for a row of errors.def and NAME for
 * one of said.def. A row that is missing, twice or of no sentence does not compile.
 */
#include "texts.h"
#include <apr_strings.h>
#include <string.h>

#define TEXT_MAX   2048
#define PLACES_MAX 3 /* {1}, {2} and {*} */

enum {
#define FORGE_ERROR(name, http, code, detail) SAYS_E_##name,
#include "errors.def"
#undef FORGE_ERROR
#define FORGE_SAID(name, text) SAYS_##name,
#include "said.def"
#undef FORGE_SAID
    SAYS_COUNT
};

/* Each row of a language is a constant here, and there must be as many as sentences. */
#define FORGE_SAYS(name, text) DE_##name,
enum {
#include "german.def"
    DE_COUNT
};
#undef FORGE_SAYS
#define FORGE_SAYS(name, text) FR_##name,
enum {
#include "french.def"
    FR_COUNT
};
#undef FORGE_SAYS
#define FORGE_SAYS(name, text) ES_##name,
enum {
#include "spanish.def"
    ES_COUNT
};
#undef FORGE_SAYS
#define FORGE_SAYS(name, text) TR_##name,
enum {
#include "turkish.def"
    TR_COUNT
};
#undef FORGE_SAYS
_Static_assert((int)DE_COUNT == (int)SAYS_COUNT, "german.def lacks a sentence");
_Static_assert((int)FR_COUNT == (int)SAYS_COUNT, "french.def lacks a sentence");
_Static_assert((int)ES_COUNT == (int)SAYS_COUNT, "spanish.def lacks a sentence");
_Static_assert((int)TR_COUNT == (int)SAYS_COUNT, "turkish.def lacks a sentence");

#define FORGE_SAYS(name, text) [SAYS_##name] = (text),
static const char *const says[FORGE_LANGUAGES][SAYS_COUNT] = {
    [FORGE_LANGUAGE_EN] =
        {
#define FORGE_ERROR(name, http, code, detail) [SAYS_E_##name] = (detail),
#include "errors.def"
#undef FORGE_ERROR
#define FORGE_SAID(name, text) [SAYS_##name] = (text),
#include "said.def"
#undef FORGE_SAID
        },
    [FORGE_LANGUAGE_DE] =
        {
#include "german.def"
        },
    [FORGE_LANGUAGE_FR] =
        {
#include "french.def"
        },
    [FORGE_LANGUAGE_ES] =
        {
#include "spanish.def"
        },
    [FORGE_LANGUAGE_TR] =
        {
#include "turkish.def"
        },
};
#undef FORGE_SAYS

int forge_core_texts_count(void)
{
    return SAYS_COUNT;
}

const char *forge_core_text_at(forge_language_t language, int i)
{
    return says[language][i];
}

/* What stands at the places of a sentence. */
typedef struct place_t {
    const char *text;
    apr_size_t len;
} place_t;

static bool is_place(const char *c)
{
    return c[0] == '{' && c[1] && c[2] == '}';
}

static int place_of(const char *c)
{
    return c[1] == '*' ? PLACES_MAX - 1 : c[1] - '1';
}

/* Whether a text is the sentence with something at its places. */
static bool fits(const char *sentence, const char *text, place_t *places)
{
    while (*sentence) {
        if (!is_place(sentence)) {
            if (*sentence++ != *text++)
                return false;
            continue;
        }
        apr_size_t len = sentence[1] == '*' ? strlen(text) : strspn(text, "-0123456789");
        if (len == 0)
            return false;
        places[place_of(sentence)] = (place_t){text, len};
        sentence += 3;
        text += len;
    }
    return !*text;
}

/* The sentence with its places filled in; the rest of one may be a sentence itself. */
static const char *filled(apr_pool_t *p, forge_language_t language, const char *sentence, const place_t *places)
{
    forge_buf_t *b = forge_util_buf_make(p, 128, TEXT_MAX);
    while (*sentence) {
        apr_size_t plain = strcspn(sentence, "{");
        forge_util_buf_add(b, sentence, plain);
        sentence += plain;
        if (!*sentence)
            break;
        const place_t *place = &places[place_of(sentence)];
        const char *rest = sentence[1] == '*' ? forge_core_text(p, language, place->text) : NULL;
        forge_util_buf_add(b, rest ? rest : place->text, rest ? strlen(rest) : place->len);
        sentence += 3;
    }
    return b->failed ? NULL : apr_pstrmemdup(p, b->data, b->len);
}

const char *forge_core_text(apr_pool_t *p, forge_language_t language, const char *english)
{
    place_t places[PLACES_MAX];
    if (language == FORGE_LANGUAGE_EN)
        return english;
    for (int i = 0; i < SAYS_COUNT; i++)
        if (fits(says[FORGE_LANGUAGE_EN][i], english, places))
            return strchr(says[language][i], '{') ? filled(p, language, says[language][i], places) : says[language][i];
    return NULL;
}
