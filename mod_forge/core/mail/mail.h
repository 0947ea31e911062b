/* SPDX-License-Identifier: Apache-2.0
 * Interface of core/mail: the text of each kind of mail, the message around it (RFC 5322, MIME), and its sender.
 */
#ifndef FORGE_CORE_MAIL_H
#define FORGE_CORE_MAIL_H

#include "core/core.h"
#include "core/texts/texts.h"

/* --- templates.c --- */

typedef struct forge_letter_t {
    const char *subject, *text, *html; /* UTF-8; text with \n */
} forge_letter_t;

/* Paths below ForgePublicURL that the links of the mails lead to; "?token=…" follows. */
#define FORGE_LINK_VERIFY "/verify-email"
#define FORGE_LINK_RESET  "/reset-password"
#define FORGE_LINK_UNDO   "/undo-email-change"
#define FORGE_LINK_ACCEPT "/accept-invitation"

/* How mails are worded. Zero: with our texts, in English, without the name of a site. */
typedef struct forge_letters_t forge_letters_t;
typedef struct forge_wording_t {
    const forge_letters_t *letters; /* of ForgeMailTemplates; NULL: ours */
    forge_language_t language;
    const char *site;       /* ForgeSiteName; NULL: none. Then a paragraph that is {site} alone is left out */
    const char *public_url; /* where the links begin */
} forge_wording_t;

/* Writes the mail of a kind; `facts` is an object of texts. The link and the token are each on a separate line.
 * False: the kind is unknown, or one of its facts is missing. The mailer adds the username of the account. The kinds:
 *
 *   verify                   token                    to the address of a new account
 *   reset                    token, username
 *   email_change             token, username          to the new address
 *   email_changed_notice     token, username, email, at, ip  to the old address; email is the new one
 *   email_restored_notice    username, at, ip
 *   password_changed_notice  username, at, ip
 *   mfa_enabled_notice       username, at, ip
 *   mfa_disabled_notice      username, at, ip
 *   mfa_reset_notice         username, at             by an administrator
 *   backup_codes_notice      username, at, ip
 *   api_key_notice           username, prefix, at, ip
 *   invitation               token, organization, inviter, role
 *   alert                    name, state, value, threshold, at, node, environment  to an operator, beside the outbox
 */
bool forge_core_letter_write(apr_pool_t *p, const char *kind, const forge_wording_t *wording, const forge_json_t *facts,
                             forge_letter_t *letter);

/* --- letters.c: the texts --- */

/* Reads <language>/<kind>.txt of a directory; a text that is not there is ours. NULL and *why, which names the file and
 * what to write, if the directory or one of its texts cannot be used. */
const forge_letters_t *forge_core_letters_read(apr_pool_t *p, const char *directory, const char **why);
/* A sentence on the texts that the directory does not have; NULL: it has each. */
const char *forge_core_letters_missing(const forge_letters_t *letters);
/* Why this cannot be the text of a kind, or NULL. A text begins with "Subject: …" and an empty line; paragraphs have
 * empty lines between them. In braces stand facts of the kind (letters.def), {link}, {site} or {url}. */
const char *forge_core_letter_problem(apr_pool_t *p, const char *kind, const char *text);
/* All kinds by their number from 0, and their own texts. */
int forge_core_letter_kinds(void);
const char *forge_core_letter_kind_at(int i);
const char *forge_core_letter_built_in(forge_language_t language, const char *kind);

/* --- message.c --- */

typedef struct forge_mail_message_t {
    const char *from, *to; /* bare addresses */
    const char *name;      /* that is shown instead of the sender's address, UTF-8; NULL: none */
    const forge_letter_t *letter;
    const char *id; /* left side of Message-ID: letters, digits, '-'; the right side is the domain of from */
    apr_time_t date;
} forge_mail_message_t;

/* The complete message, with lines that end in CRLF. It has a text and an HTML part: 7bit if all is ASCII in lines of
 * at most 998 bytes, else quoted-printable. A non-ASCII subject becomes encoded words (RFC 2047). An address with
 * non-ASCII letters before the @ is written as UTF-8 (RFC 6532) and needs a mail server with SMTPUTF8. NULL if an
 * address or the id has a character that could end a header. */
const char *forge_core_message_make(apr_pool_t *p, const forge_mail_message_t *message, apr_size_t *len);

/* --- senders --- */

/* An address in the form to show, with its domain as A-labels; NULL and *why in lower case if it is not an address. */
const char *forge_core_mail_address(apr_pool_t *p, const char *typed, const char **why);
/* "no-reply@" and the host of a ForgePublicURL; "localhost" if the host is an address and not a name. */
const char *forge_core_mail_from(apr_pool_t *p, const char *public_url);

#endif
