/* SPDX-License-Identifier: Apache-2.0
 * Door of core/mail: mails as text, what each kind says, the message around it (RFC 5322, MIME), and from whom.
 */
#ifndef FORGE_CORE_MAIL_H
#define FORGE_CORE_MAIL_H

#include "core/core.h"

/* --- templates.c --- */

typedef struct forge_letter_t {
    const char *subject, *text, *html; /* UTF-8; text with \n */
} forge_letter_t;

/* Paths below ForgePublicURL that the links of the mails lead to; "?token=…" follows. */
#define FORGE_LINK_VERIFY "/verify-email"
#define FORGE_LINK_RESET  "/reset-password"
#define FORGE_LINK_ACCEPT "/accept-invitation"

/* Writes the mail of a kind; `facts` is an object of texts. Link and bare token stand on lines of their own. False: no such kind, or a fact
 * it needs is missing; the mailer adds the username of the account.
 *   verify                   token                    to the address of a new account
 *   reset                    token, username
 *   email_change             token, username          to the new address
 *   email_changed_notice     username, email, at, ip  to the old address; email is the new one
 *   password_changed_notice  username, at, ip
 *   invitation               token, organization, inviter, role */
bool forge_core_letter_write(apr_pool_t *p, const char *kind, const char *public_url, const forge_json_t *facts, forge_letter_t *letter);

/* --- message.c --- */

typedef struct forge_message_t {
    const char *from, *to; /* bare addresses */
    const forge_letter_t *letter;
    const char *id; /* left side of Message-ID: letters, digits, '-'; its right side is the domain of from */
    apr_time_t date;
} forge_message_t;

/* The message as it travels: lines end in CRLF; a text and an HTML part, 7bit where all is ASCII in lines of at most 998 bytes, else
 * quoted-printable; a subject beyond ASCII as encoded words (RFC 2047). An address with letters beyond ASCII before the @ stands in the
 * header as UTF-8 (RFC 6532) and needs a server with SMTPUTF8. NULL when an address or the id has a character that could end a header. */
const char *forge_core_message_make(apr_pool_t *p, const forge_message_t *message, apr_size_t *len);

/* --- senders --- */

/* An address as it is shown, its domain as A-labels; NULL and *why in lower case when it is none. */
const char *forge_core_mail_address(apr_pool_t *p, const char *typed, const char **why);
/* "no-reply@" and the host of a ForgePublicURL; "localhost" where that is an address and no name. */
const char *forge_core_mail_from(apr_pool_t *p, const char *public_url);

#endif
