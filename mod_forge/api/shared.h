/* SPDX-License-Identifier: Apache-2.0
 * What the files of api/ share among themselves: accounts, which answer under /auth and under /users, and lists.
 */
#ifndef FORGE_API_SHARED_H
#define FORGE_API_SHARED_H

#include "../http/http.h"

/* The table of a resource file from its array of rows. */
#define FORGE_API_ROUTES(rows) \
    { \
        (rows), (int)(sizeof(rows) / sizeof(*(rows))) \
    }

#define FORGE_API_TIME "\"2026-01-31T12:00:00.000000Z\"" /* example of a time */

/* --- account.c --- */

extern const forge_field_t forge_api_user_fields[];     /* the bare account */
extern const forge_field_t forge_api_me_fields[];       /* the account as its owner sees it */
extern const forge_field_t forge_api_tokens_fields[];   /* account and tokens */
extern const forge_field_t forge_api_register_fields[]; /* username may be absent */
extern const forge_field_t forge_api_user_new_fields[]; /* username must be there */
extern const forge_field_t forge_api_login_fields[];
extern const forge_status_t forge_api_register_errors[];
extern const forge_status_t forge_api_login_errors[];

/* Handlers of one meaning under two paths. */
forge_status_t forge_api_account_register(forge_req_t *q); /* logged in at once: tokens */
forge_status_t forge_api_account_create(forge_req_t *q);   /* the bare account, no session */
forge_status_t forge_api_account_login(forge_req_t *q);
forge_status_t forge_api_account_me(forge_req_t *q);

/* --- tokens.c --- */

/* A session that begins now, with its first refresh token in *refresh; only the digest of it goes to the database. amr: "pwd", "pwd otp",
 * "guest". */
forge_new_session_t forge_api_session_begin(forge_req_t *q, const char *amr, const char **refresh);
/* Answers with account and tokens; `rows` has the bare account, _session_id and _epoch. */
forge_status_t forge_api_tokens(forge_req_t *q, const forge_rows_t *rows, const char *refresh, const char *amr);

/* --- credentials.c --- */

/* The password of the caller's own account, checked under the lockout of logins: FORGE_OK, FORGE_E_BAD_CREDENTIALS, FORGE_E_ACCOUNT_LOCKED
 * (Retry-After is set), FORGE_E_BUSY. Holds no connection while it hashes, and none afterwards. */
forge_status_t forge_api_password_confirm(forge_req_t *q, const char *password);
/* Password, and where a second factor is active a code of it too (TOTP or backup code; NULL: none was sent → FORGE_E_MFA_CODE_INVALID). */
forge_status_t forge_api_identity_confirm(forge_req_t *q, const char *password, const char *code);

forge_status_t forge_api_email_change(forge_req_t *q, const char *email); /* wip.c */

/* --- accounts.c --- */

/* Who asks, for the audit log. */
forge_actor_t forge_api_actor(forge_req_t *q);
/* The members of the body that were sent, of those in `names` (ended by NULL), as the text of a JSON object; null for those taken away. */
const char *forge_api_patch_text(forge_req_t *q, const char *const *names);

/* --- list.c --- */

/* Answers one page: filters and order from q->query by the names in `list`, paging from q->page. `base`: the list's arguments or NULL. */
forge_status_t forge_api_list(forge_req_t *q, const forge_list_t *list, const char *const *base);

#endif
