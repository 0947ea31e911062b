/* SPDX-License-Identifier: Apache-2.0
 * Accounts and their logins (SPEC 3).
 */
#ifndef FORGE_STORE_USERS_H
#define FORGE_STORE_USERS_H

#include "login.h"
#include "sessions.h"
#include "store/store.h"

/* --- users.c: accounts and their sessions --- */

typedef struct forge_new_user_t {
    const char *email, *email_key, *username, *full_name, *role, *password_hash, *terms_at,
        *privacy_at, *locale; /* NULL where not given; *_at RFC 3339 */
    const char *guest_id,
        *guest_session; /* the guest that becomes this account, and the session it acts in; NULL: none */
    const char *verify_sha256, *mail_sender,
        *mail_payload; /* token and mail that prove the address (mail.h); NULL: none */
} forge_new_user_t;

/* Creates the account, its first session with a refresh token (unless session is NULL) and the audit event in one
 * statement. Row: the bare user (id, email, username, full_name, bio, avatar_url, role, is_active, email_verified,
 * locale, timezone, created_at, updated_at) and _session_id, _version. FORGE_E_EMAIL_TAKEN, FORGE_E_USERNAME_TAKEN.
 * With a guest that one's row becomes the account, its epoch is raised and its sessions end; FORGE_E_INVALID_TOKEN when
 * it is no guest any more. */
forge_status_t forge_store_user_create(forge_db_t *db, apr_pool_t *p, const forge_new_user_t *user,
                                       const forge_new_session_t *session, forge_rows_t **rows);
/* By e-mail key or username (either NULL): the bare user, _password_hash, _password_set_at, _mfa (a second factor is
 * active); no rows when unknown. */
forge_status_t forge_store_user_for_login(forge_db_t *db, apr_pool_t *p, const char *email_key, const char *username,
                                          forge_rows_t **rows);
typedef struct forge_login_t {
    apr_int64_t user_id, epoch;  /* as they were when the password was checked */
    const char *new_hash;        /* of the same password; NULL: the old one stays */
    forge_new_session_t session; /* with its guess */
} forge_login_t;
/* Records a good login: session, refresh token, last_login_at/ip, audit; settles the guess as good. Row: the bare user,
 * _session_id. No rows: inactive, changed, or with a second factor meanwhile; then nothing was settled. */
forge_status_t forge_store_login(forge_db_t *db, apr_pool_t *p, const forge_login_t *in, forge_rows_t **rows);
/* GET /auth/me in one statement: bare user + sessions (json), mfa_enabled, profile_completion, password_changed_at,
 * _version; no rows when the session is revoked or the account inactive. */
forge_status_t forge_store_user_me(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, forge_rows_t **rows);
/* The configured first administrator: created when no account has that e-mail; *created says whether. */
forge_status_t forge_store_first_superuser(forge_db_t *db, apr_pool_t *p, const forge_new_user_t *user, bool *created);
/* forgectl */
forge_status_t forge_store_user_set_role(forge_db_t *db, apr_pool_t *p, const char *email_key, const char *role,
                                         forge_rows_t **rows);
forge_status_t forge_store_user_set_password(forge_db_t *db, apr_pool_t *p, const char *email_key, const char *hash,
                                             forge_rows_t **rows);
forge_status_t forge_store_user_list(forge_db_t *db, apr_pool_t *p, apr_int64_t after_id, int limit,
                                     forge_rows_t **rows);

/* --- seals.c: for forgectl reseal --- */

/* Factors after this id: id, user_id, secret, at most so many. */
forge_status_t forge_store_seals_list(forge_db_t *db, apr_pool_t *p, apr_int64_t after, int limit, forge_rows_t **rows);
/* One row when the factor still had the old seal. */
forge_status_t forge_store_seals_replace(forge_db_t *db, apr_pool_t *p, const char *id, const char *old,
                                         const char *sealed, forge_rows_t **rows);

#endif
