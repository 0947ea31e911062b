/* SPDX-License-Identifier: Apache-2.0
 * What the files of api/ share among themselves: accounts, which answer under /auth and under /users, and lists.
 */
#ifndef FORGE_API_SHARED_H
#define FORGE_API_SHARED_H

#include "http/http.h"

/* The table of a resource file from its array of rows and the group they belong to in OpenAPI. */
#define FORGE_API_ROUTES(rows, tag) \
    { \
        (rows), (int)(sizeof(rows) / sizeof(*(rows))), (tag) \
    }

#define FORGE_API_TIME          "2026-01-31T12:00:00.000000Z" /* example of a time */
#define FORGE_API_EMAIL_MAX     254                           /* octets (RFC 5321) */
#define FORGE_API_FULL_NAME_MAX 200                           /* characters */

/* --- tables.c: the groups that several files belong to --- */

extern const forge_tag_t forge_api_tag_auth;
extern const forge_tag_t forge_api_tag_users;
extern const forge_tag_t forge_api_tag_organizations;
extern const forge_tag_t forge_api_tag_courses;

/* --- account.c --- */

/* Members of an account, to be included: one set of bounds for all who show or take them. READONLY is what its owner does not change. */
extern const forge_field_t forge_api_profile_fields[]; /* what anyone may read */
extern const forge_field_t forge_api_private_fields[]; /* what its owner and administrators read besides */
extern const forge_field_t forge_api_email_field[];    /* as it is answered */
extern const forge_field_t forge_api_device_field[];   /* device_name */
extern const forge_field_t forge_api_token_fields[];   /* account and tokens, without expires_in */

extern const forge_shape_t forge_api_user;          /* the bare account */
extern const forge_shape_t forge_api_me;            /* the account as its owner sees it */
extern const forge_shape_t forge_api_tokens_reply;  /* account and tokens */
extern const forge_shape_t forge_api_register_body; /* username may be absent */
extern const forge_shape_t forge_api_user_new_body; /* username must be there */
extern const forge_shape_t forge_api_login_body;
extern const forge_status_t forge_api_register_errors[];
extern const forge_status_t forge_api_login_errors[];

/* Handlers of one meaning under two paths. */
forge_status_t forge_api_account_prepare(forge_req_t *q);  /* before one of the next two: judges the body, hashes the password */
forge_status_t forge_api_account_register(forge_req_t *q); /* logged in at once: tokens */
forge_status_t forge_api_account_create(forge_req_t *q);   /* the bare account, no session */
forge_status_t forge_api_account_login(forge_req_t *q);
forge_status_t forge_api_account_me(forge_req_t *q);

/* --- organizations.c --- */

#define FORGE_API_MEMBER_ROLES "enum:owner|admin|member"
extern const forge_field_t forge_api_member_role_field[]; /* what role somebody is to have, in a body */
extern const forge_shape_t forge_api_organization;        /* also what accepting an invitation answers */
/* A page of what belongs to organisation {id}: as forge_api_list, with id and rights as arguments. An organisation that the caller is not
 * in is 404, a plain member 403 when `admins` is true. */
forge_status_t forge_api_organization_list(forge_req_t *q, bool admins);

/* --- tokens.c --- */

/* A session that begins now, with its first refresh token in *refresh; only the digest of it goes to the database. amr: "pwd", "pwd otp",
 * "guest". */
forge_new_session_t forge_api_session_begin(forge_req_t *q, const char *amr, const char **refresh);
/* Answers with account and tokens; `rows` has the bare account, _session_id and _epoch. */
forge_status_t forge_api_tokens(forge_req_t *q, const forge_rows_t *rows, const char *refresh, const char *amr);

/* --- credentials.c --- */

/* A guess at the secret of an account, or of a name that no account has (user_id 0), as the store counts it. */
forge_guess_t forge_api_guess_of(forge_req_t *q, apr_int64_t user_id, const char *name);
/* To be asked before anything is checked: FORGE_OK, FORGE_E_ACCOUNT_LOCKED or FORGE_E_BUSY (Retry-After is set). Waits a little while
 * others guess at the same time; holds no connection. After FORGE_OK the guess is settled by forge_store_guess_settle,
 * forge_store_guess_failed or a statement that does it. */
forge_status_t forge_api_guess_begin(forge_req_t *q, const forge_guess_t *g);
forge_status_t forge_api_guess_failed(forge_req_t *q, const forge_guess_t *g, const char *event, const char *at);
/* good: it was right, and with it everything that the account asks for at a login. */
forge_status_t forge_api_guess_settle(forge_req_t *q, const forge_guess_t *g, bool good);

/* The password of the caller's own account, checked under the lockout of logins: FORGE_OK, FORGE_E_BAD_CREDENTIALS, FORGE_E_ACCOUNT_LOCKED
 * (Retry-After is set), FORGE_E_BUSY. Holds no connection while it hashes, and none afterwards: not for routes with FORGE_R_IDEMPOTENT. */
forge_status_t forge_api_password_confirm(forge_req_t *q, const char *password);
/* Password, and where a second factor is active a code of it too (TOTP or backup code; NULL: none was sent → FORGE_E_MFA_CODE_INVALID). */
forge_status_t forge_api_identity_confirm(forge_req_t *q, const char *password, const char *code);

/* --- mfa.c --- */

extern const forge_shape_t forge_api_login_reply; /* tokens, or mfa_required and mfa_token */
/* Spends a code of the caller's second factor, as `rows` of forge_store_credentials have it, under a guess that has begun, and settles the
 * guess: FORGE_OK or FORGE_E_MFA_CODE_INVALID. With a session that session counts as having used it; *amr (may be NULL) is what it has. */
forge_status_t forge_api_code_spend(forge_req_t *q, const forge_guess_t *g, const forge_rows_t *rows, const char *code,
                                    apr_int64_t session_id, const char **amr);
/* --- mail.c --- */

extern const forge_shape_t forge_api_accepted_reply;
forge_status_t forge_api_accepted(forge_req_t *q); /* {"status":"accepted"}: it is taken up, whatever comes of it */
/* The mail of a change, with the facts of its template (core/message.h); its sender is NULL when ForgeMail is off. */
forge_new_mail_t forge_api_mail(forge_req_t *q, const forge_json_t *facts);
/* An object with one fact, to which others may be added. */
forge_json_t *forge_api_mail_facts(forge_req_t *q, const char *name, const char *value);
/* The facts of a notice: when and from where it happened. */
forge_json_t *forge_api_mail_notice(forge_req_t *q);
/* A new account is to prove its address: token and mail for forge_store_user_create. */
void forge_api_mail_verify(forge_req_t *q, forge_new_user_t *user);
/* The caller's address is to become `email` (PATCH /users/me): a mail goes there, and the account changes when its token comes back to
 * /auth/email/verify; with ForgeMail off it changes at once and counts as not verified. Fails with its faults: FORGE_E_VALIDATION,
 * FORGE_E_EMAIL_TAKEN, FORGE_E_RATE_LIMITED. */
forge_status_t forge_api_email_change(forge_req_t *q, const char *email);

/* --- actor.c --- */

/* Who asks, for the rights and for the audit log. */
forge_actor_t forge_api_actor(const forge_req_t *q);
/* The change that the body asks for, of the members in `names` (ended by NULL): those that were sent, and with PUT all
 * of them, null where one was not sent. */
forge_patch_t forge_api_patch(const forge_req_t *q, const char *const *names);

/* --- list.c --- */

/* Answers one page of the route's list: filters from q->query by their names, order and paging from q->page. `base`:
 * the list's arguments. */
forge_status_t forge_api_list(forge_req_t *q, forge_args_t base);
/* The same of another list than the row says, with the same filters and orders. */
forge_status_t forge_api_list_other(forge_req_t *q, const forge_list_t *list, forge_args_t base);
/* Its first half, for lists that must tell an empty page from one that is not the caller's to see; forge_reply_list is the second. */
forge_status_t forge_api_list_rows(forge_req_t *q, const forge_list_t *list, forge_args_t base, forge_rows_t **rows,
                                   apr_int64_t *total);

#endif
