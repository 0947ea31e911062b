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

/* --- list.c --- */

/* Answers one page: filters and order from q->query by the names in `list`, paging from q->page. `base`: the list's arguments or NULL. */
forge_status_t forge_api_list(forge_req_t *q, const forge_list_t *list, const char *const *base);

#endif
