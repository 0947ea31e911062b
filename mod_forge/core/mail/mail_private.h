/* SPDX-License-Identifier: Apache-2.0
 * What the files of core/mail share: the kinds of mails, and how one finds its text.
 */
#ifndef FORGE_CORE_MAIL_PRIVATE_H
#define FORGE_CORE_MAIL_PRIVATE_H

#include "mail.h"

#define FORGE_LETTER_BYTES_MAX (64 * 1024) /* of one text, and of one mail made of it */
#define FORGE_LETTER_SUBJECT   "Subject: " /* how a text begins */

enum {
#define FORGE_LETTER(name, kind, link, facts) FORGE_LETTER_##name,
#include "letters.def"
#undef FORGE_LETTER
    FORGE_LETTERS
};

typedef struct forge_letter_row_t {
    const char *kind;
    const char *path;  /* of the link; NULL: none */
    const char *facts; /* with blanks between them */
} forge_letter_row_t;
extern const forge_letter_row_t forge_letter_rows[FORGE_LETTERS];

/* --- letters.c --- */

/* The number of a kind, or -1. */
int forge_core_letter_kind(const char *kind);
/* The text of a kind: from the directory of `letters` (which may be NULL), else ours in this language. */
const char *forge_core_letter_text(const forge_letters_t *letters, forge_language_t language, int kind);

#endif
