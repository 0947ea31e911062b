/* SPDX-License-Identifier: Apache-2.0
 * Interface of core/texts: the languages in which people are spoken to, which of them a client takes, and our sentences
 * in each of them.
 */
#ifndef FORGE_CORE_TEXTS_H
#define FORGE_CORE_TEXTS_H

#include "core/core.h"

/* English comes first: it is what is said when no other language was asked for. Another language is a member here, a
 * tag in languages.c, a .def beside it with its lines in translate.c, and a folder in conf/mail. */
typedef enum forge_language_t {
    FORGE_LANGUAGE_EN,
    FORGE_LANGUAGE_DE,
    FORGE_LANGUAGE_FR,
    FORGE_LANGUAGE_ES,
    FORGE_LANGUAGE_TR,
    FORGE_LANGUAGES
} forge_language_t;

#define FORGE_LANGUAGE_TAG_MAX 35 /* characters of a tag (RFC 5646 §4.4.1) */

/* --- languages.c --- */

/* "en", "de", "fr", "es", "tr". */
const char *forge_core_language_tag(forge_language_t language);
/* The language of a tag, by its first subtag: "de-AT" is German (lookup of RFC 4647 §3.4). False if it is none of
 * ours, or NULL. */
bool forge_core_language_of(const char *tag, forge_language_t *language);
/* Whether it has the form of a language tag: subtags of 1 to 8 letters and digits with '-' between them, the first of 2
 * to 8 letters (RFC 5646 §2.1; which subtags are registered is not asked). */
bool forge_core_language_tag_valid(const char *tag);
/* The language of ours that an Accept-Language header prefers (RFC 9110 §12.5.4): the highest weight, among equals the
 * first. English if it is NULL, names none of ours or cannot be read; a range that cannot be read is passed over.
 * *range, unless that is NULL: the range that was decisive, in the letter case of RFC 5646 §2.1.1 ("de-AT"); NULL if
 * none was, or a "*". */
forge_language_t forge_core_language_accepted(apr_pool_t *p, const char *header, const char **range);

/* --- translate.c --- */

/* A sentence of ours in another language, with the numbers it holds; for FORGE_LANGUAGE_EN the sentence itself. NULL if
 * it is not among those that are translated: the sentences of errors.def and said.def. */
const char *forge_core_text(apr_pool_t *p, forge_language_t language, const char *english);
/* How many sentences there are; each by its number, from 0, as it stands in the table, with places such as {1}. */
int forge_core_texts_count(void);
const char *forge_core_text_at(forge_language_t language, int i);

#endif
