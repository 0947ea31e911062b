/* SPDX-License-Identifier: Apache-2.0
 * One-use tokens and what they change (SPEC 3). A token is 43 random base64url characters; the database has its
 * SHA-256, the mail has its text.
 */
#ifndef FORGE_STORE_ONE_TIME_H
#define FORGE_STORE_ONE_TIME_H

#include "store/mail/mail.h"

#define FORGE_PROOF_HOURS 24 /* life of a token that proves an address */
#define FORGE_RESET_HOURS 1  /* … and of one that sets a new password */
#define FORGE_UNDO_HOURS  72 /* … and of one that brings the old address back */

/* What a statement on a token or a password needs; what it does not need stays NULL. */
typedef struct forge_one_time_t {
    apr_int64_t user_id, session_id;
    const char *sha256;            /* of the token, hex */
    const char *undo_sha256;       /* of the token that undoes a change of address */
    const char *email, *email_key; /* an address that is to be proven */
    const char *password_hash,
        *set_at; /* the new one; when the old one that was checked had been set (NULL: not asked) */
    forge_new_mail_t mail;
    const char *ip, *request_id;
} forge_one_time_t;

/* --- one_time.c --- */

/* Asks for a password reset. The account is not looked for, so that the answer takes as long whether there is one or
 * not: the mailer does that (forge_store_reset_resolve). in: email, mail. */
forge_status_t forge_store_reset_ask(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in);
/* For the mailer: looks for the account of email_key, makes its token and readies mail `mail_id` for it, with audit
 * event. Row: recipient, username; recipient NULL when there is no such account, it is inactive, or it got as many
 * mails as it may in this hour; then the mail is gone. in: email_key, sha256, mail.payload, ip, request_id. */
forge_status_t forge_store_reset_resolve(forge_db_t *db, apr_pool_t *p, apr_int64_t mail_id, const forge_one_time_t *in,
                                         forge_rows_t **rows);
/* Whose is this live token: _user_id, _kind, _email (of the account), username, _new_email. No rows: unknown, expired,
 * used or void. */
forge_status_t forge_store_one_time_peek(forge_db_t *db, apr_pool_t *p, const char *sha256, forge_rows_t **rows);
/* A new verification mail for an address that is not verified yet; quietly none when it is, or when there were too many
 * in this hour. in: user_id, sha256, mail. */
forge_status_t forge_store_verify_resend(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in);
/* The address is to become email: a mail goes to it, and the change happens when its token comes back
 * (forge_store_email_verify). Without mail it happens at once and the address counts as not verified. The address that
 * the account has already changes nothing. FORGE_E_EMAIL_TAKEN, FORGE_E_RATE_LIMITED (too many mails in this hour),
 * FORGE_E_NOT_FOUND, also when the session (0: not asked) has ended or the password was changed since set_at. in:
 * user_id, session_id, set_at, sha256, email, email_key, mail, ip, request_id. */
forge_status_t forge_store_email_change_request(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in);
/* Spends a token of kind verify or email_change. The second changes the address, voids the account's other tokens and
 * sends `mail`, which has the token of undo_sha256, to the old address. FORGE_E_TOKEN_INVALID; FORGE_E_EMAIL_TAKEN,
 * then the token is not spent. in: sha256, undo_sha256, mail, ip, request_id. */
forge_status_t forge_store_email_verify(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in);

/* --- email_undo.c --- */

/* Undoes a change of address by the token that went to the old one: that address is the account's again, and proven;
 * all sessions end, API keys and the factors since the change are deleted, all one-use tokens are void, a notice. Until
 * the token expires no other account can take the old address. FORGE_E_TOKEN_INVALID. in: sha256, mail, ip, request_id.
 */
forge_status_t forge_store_email_undo(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in);

/* --- passwords.c --- */

/* Address and username of an active account, for the rules of a new password and a new address: _email, _email_key,
 * username, _set_at; no rows when it is gone. */
forge_status_t forge_store_password_owner(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, forge_rows_t **rows);
/* Spends a reset token: new password, all sessions ended, API keys deleted, factors from before the address was proven
 * deleted, lockout lifted, all other tokens void, a notice. FORGE_E_TOKEN_INVALID. in: sha256, password_hash, mail, ip,
 * request_id. */
forge_status_t forge_store_password_reset(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in);
/* A new password for someone who is logged in: all sessions but this one end, tokens and half logins are void, a
 * notice. FORGE_E_INVALID_TOKEN when the session has ended, or the password was changed, meanwhile. in: user_id,
 * session_id, password_hash, set_at, mail, ip, request_id. */
forge_status_t forge_store_password_change(forge_db_t *db, apr_pool_t *p, const forge_one_time_t *in);

#endif
