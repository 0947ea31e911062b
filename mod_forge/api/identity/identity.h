/* SPDX-License-Identifier: Apache-2.0
 * Interface of api/identity: accounts, which answer under /auth and under /users, their tokens, and who proves to be
 * whom.
 */
#ifndef FORGE_API_IDENTITY_H
#define FORGE_API_IDENTITY_H

#include "api/shared.h"
#include "store/identity/identity.h"

/* --- account.c --- */

/* Members of an account, for tables to include: one set of bounds for all that show or take them. READONLY is what its
 * owner does not change. */
extern const forge_field_t forge_api_profile_fields[]; /* what anyone may read */
extern const forge_field_t forge_api_private_fields[]; /* what its owner and administrators read besides */
extern const forge_field_t forge_api_email_field[];    /* as it is answered */
extern const forge_field_t forge_api_device_field[];   /* device_name */
extern const forge_field_t forge_api_proof_field[];    /* password, which a fresh login replaces */
extern const forge_field_t forge_api_token_fields[];   /* account and tokens, without expires_in */

extern const forge_shape_t forge_api_user;          /* the bare account */
extern const forge_shape_t forge_api_me;            /* the account as its owner sees it */
extern const forge_shape_t forge_api_tokens_reply;  /* account and tokens */
extern const forge_next_t forge_api_token_next[];   /* what can be called with them */
extern const forge_shape_t forge_api_register_body; /* username may be absent */
extern const forge_shape_t forge_api_user_new_body; /* username must be there */
extern const forge_shape_t forge_api_login_body;
extern const forge_status_t forge_api_register_errors[];
extern const forge_status_t forge_api_login_errors[];

/* Handlers of one meaning under two paths. */
forge_status_t
forge_api_account_prepare(forge_req_t *q); /* before one of the next two: judges the body, hashes the password */
forge_status_t forge_api_account_register(forge_req_t *q); /* logged in at once: tokens */
forge_status_t forge_api_account_create(forge_req_t *q);   /* the bare account, no session */
forge_status_t forge_api_account_login(forge_req_t *q);
forge_status_t forge_api_account_me(forge_req_t *q);

/* --- tokens.c --- */

/* A session that begins now, with its first refresh token in *refresh; only the digest of it goes to the database. amr:
 * "pwd", "pwd otp", "guest". */
forge_new_session_t forge_api_session_begin(forge_req_t *q, const char *amr, const char **refresh);
/* Answers with account and tokens; `rows` has the bare account, _session_id and _epoch. */
forge_status_t forge_api_tokens(forge_req_t *q, const forge_rows_t *rows, const char *refresh, const char *amr);

/* --- guesses.c --- */

/* A guess at the secret of an account, or of a name that no account has (user_id 0), as the store counts it. At a login
 * `name` is what was typed, in its unique form; NULL elsewhere. */
forge_guess_t forge_api_guess_of(forge_req_t *q, apr_int64_t user_id, const char *name, bool by_email);
/* Call it before anything is checked: FORGE_OK, FORGE_E_ACCOUNT_LOCKED or FORGE_E_BUSY (Retry-After is set). Waits a
 * little while others guess at the same time, and holds no connection. After FORGE_OK the guess must be settled by
 * forge_store_guess_settle, forge_store_guess_failed or a statement that does it. */
forge_status_t forge_api_guess_begin(forge_req_t *q, const forge_guess_t *g);
forge_status_t forge_api_guess_failed(forge_req_t *q, const forge_guess_t *g, const char *event, const char *at);
/* good: it was right, and with it everything that the account asks for at a login. */
forge_status_t forge_api_guess_settle(forge_req_t *q, const forge_guess_t *g, bool good);

/* --- credentials.c --- */

/* The password of the caller's own account, checked under the lockout of logins: FORGE_OK, FORGE_E_BAD_CREDENTIALS,
 * FORGE_E_ACCOUNT_LOCKED (Retry-After is set), FORGE_E_BUSY. Holds no connection while it hashes, and none afterwards:
 * not for routes with FORGE_R_IDEMPOTENT. */
forge_status_t forge_api_password_confirm(forge_req_t *q, const char *password);
/* Asked before what proves identity changes (SPEC 3). With a password it is checked as above. With NULL the login must
 * be within the last ForgeFreshLogin, else FORGE_E_STEP_UP with max_age. An API key has no login, so this is for routes
 * with FORGE_R_SESSION. Call it before anything is claimed. */
forge_status_t forge_api_proof(forge_req_t *q, const char *password);
/* Password, and where a second factor is active a code of it too (TOTP or backup code; NULL: none was sent →
 * FORGE_E_MFA_CODE_INVALID). */
forge_status_t forge_api_identity_confirm(forge_req_t *q, const char *password, const char *code);

/* --- mfa.c --- */

extern const forge_shape_t forge_api_login_reply; /* tokens, or mfa_required and mfa_token */
extern const forge_named_sample_t forge_api_login_samples[];
extern const forge_next_t forge_api_login_next[];

/* --- codes.c --- */

/* What was typed, as the store takes it; false when it is no code of the active factor in `rows` (of
 * forge_store_credentials). */
bool forge_api_code_read(forge_req_t *q, const forge_rows_t *rows, const char *typed, forge_code_t *code);
/* Counts a wrong code and returns FORGE_E_MFA_CODE_INVALID; `at` says where it was asked for, for the audit log. */
forge_status_t forge_api_code_refuse(forge_req_t *q, const forge_guess_t *g, const char *at);
/* The time step of a TOTP as it was typed; -1 when it is none of now. `sealed` is the secret of the factor as the
 * database has it. */
apr_int64_t forge_api_code_step(forge_req_t *q, apr_int64_t user_id, const char *sealed, const char *digits);
/* Spends a code of the caller's second factor, as `rows` of forge_store_credentials have it, under a guess that has
 * begun, and settles the guess: FORGE_OK or FORGE_E_MFA_CODE_INVALID. With a session that session counts as having used
 * it; *amr (may be NULL) is what it has. */
forge_status_t forge_api_code_spend(forge_req_t *q, const forge_guess_t *g, const forge_rows_t *rows, const char *code,
                                    apr_int64_t session_id, const char **amr);

#endif
