/* SPDX-License-Identifier: Apache-2.0
 * Interface of store/users: accounts as administrators and their owners manage them, and the audit log (SPEC 4).
 *
 * Whoever takes the role or the activity of an administrator away locks all active ones first, in the order of their
 * ids, and counts: two who do so at once see each other. The trigger users_last_admin holds the same for psql.
 */
#ifndef FORGE_STORE_ACCOUNTS_ADMIN_H
#define FORGE_STORE_ACCOUNTS_ADMIN_H

#include "store/store.h"

/* --- accounts.c --- */

#define FORGE_LOCKED_MOST 10000 /* locks that one list of locked accounts looks at; an account has a few */
extern const forge_list_t forge_store_accounts_list; /* no base args; filters q, role, is_active, locked ("true") */
/* The whole account: id, email, username, full_name, bio, avatar_url, role, is_active, email_verified, locale,
 * timezone, mfa_enabled, last_login_at, deactivated_at, created_at, updated_at, _version. FORGE_E_NOT_FOUND. */
forge_status_t forge_store_account_get(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_rows_t **rows);
/* What everybody may know: id, username, full_name, bio, avatar_url, role, created_at, _version. FORGE_E_NOT_FOUND also
 * for guests and inactive accounts. */
forge_status_t forge_store_account_profile(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_rows_t **rows);
/* One's own: members of username, full_name, bio, avatar_url, locale, timezone. Row: the bare user, _version,
 * _email_key. FORGE_E_INVALID_TOKEN (gone or inactive), FORGE_E_PRECONDITION_FAILED, FORGE_E_USERNAME_TAKEN,
 * FORGE_E_LIMIT_REACHED (a hundred names). */
forge_status_t forge_store_profile_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                          const forge_patch_t *patch, forge_rows_t **rows);
/* Is this a time zone by its IANA name, spelled as there? */
forge_status_t forge_store_timezone_known(forge_db_t *db, apr_pool_t *p, const char *name, bool *known);
/* By an administrator: members of role, is_active, email_verified. Row: the whole account. FORGE_E_NOT_FOUND,
 * FORGE_E_PRECONDITION_FAILED, FORGE_E_GONE (anonymised), FORGE_E_CONFLICT (a guest has no other role),
 * FORGE_E_LAST_ADMIN. */
forge_status_t forge_store_account_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                          const forge_patch_t *patch, forge_rows_t **rows);
/* All sessions and all access tokens of an account. FORGE_E_NOT_FOUND. */
forge_status_t forge_store_account_end_sessions(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id);

/* --- erasure.c --- */

#define FORGE_ERASE_DAYS 30 /* from departure to erasure: time to come back */

/* What the export of the caller consists of; audited. A row for each member of the document, in its order: member, and
 * content (its JSON), or NULL for an array, whose rows come by the call below; _newest for them. FORGE_E_INVALID_TOKEN.
 */
forge_status_t forge_store_account_export(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, forge_rows_t **rows);
#define FORGE_EXPORT_BYTES  262144 /* after which a piece of the document ends, and the rows of one statement */
#define FORGE_EXPORT_EVENTS 1000   /* audit events in a piece */
typedef struct forge_export_piece_t {
    const char *member;
    apr_int64_t newest, after; /* the piece before ended there; 0: this is the first */
    int count;                 /* its rows */
    bool over;                 /* it is the last of its member */
} forge_export_piece_t;
/* The next rows of one member: content. Sets after, count and over. */
forge_status_t forge_store_account_export_rows(forge_db_t *db, apr_pool_t *p, apr_int64_t id,
                                               forge_export_piece_t *piece, forge_rows_t **rows);
/* The caller leaves: inactive at once, erased after FORGE_ERASE_DAYS unless an administrator activates it again.
 * FORGE_E_INVALID_TOKEN, FORGE_E_LAST_ADMIN, FORGE_E_LAST_OWNER. */
forge_status_t forge_store_account_leave(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by);
/* By an administrator: erased at once. The row stays, as others refer to it, with nothing personal in it.
 * FORGE_E_NOT_FOUND, FORGE_E_PRECONDITION_FAILED, FORGE_E_LAST_ADMIN; FORGE_E_LAST_OWNER when the other owner goes at
 * this very moment. */
forge_status_t forge_store_account_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                          const char *if_version);
/* Housekeeping: those whose time is over, in batches; smaller ones where a statement would take too long.
 * FORGE_E_TIMEOUT when it does for one account. */
forge_status_t forge_store_accounts_erase(forge_db_t *db, apr_pool_t *p);
/* One of them, whichever: one that takes too long even so must not hold up the others. */
forge_status_t forge_store_accounts_erase_any(forge_db_t *db, apr_pool_t *p);

/* --- bulk.c --- */

typedef enum forge_bulk_action_t {
    FORGE_BULK_ACTIVATE,
    FORGE_BULK_DEACTIVATE,
    FORGE_BULK_DELETE,
    FORGE_BULK_SET_ROLE,
    FORGE_BULK_REVOKE_SESSIONS
} forge_bulk_action_t;

typedef struct forge_bulk_t {
    forge_bulk_action_t action;
    const char *ids;  /* "{7,3}", no id twice */
    const char *role; /* with SET_ROLE */
    bool dry_run;     /* says the same and changes nothing */
} forge_bulk_t;
/* One statement for all ids. Row: results, a JSON array in the order of the ids, {id, status: ok, unchanged,
 * not_found or failed, code with failed}. The administrator who would be the last one to go fails and stays. */
forge_status_t forge_store_accounts_bulk(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const forge_bulk_t *bulk, forge_rows_t **rows);
/* Creates the accounts of a JSON array [{row, email, email_key, username, full_name, role, password_hash}], where
 * everything is valid by itself. `first` writes the audit event of the whole. One row each, in order: row, id (NULL:
 * not created), code (NULL: created). */
forge_status_t forge_store_accounts_import(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const char *accounts,
                                           bool first, forge_rows_t **rows);

/* --- audit.c --- */

/* The filters of forge_store_audit_list, by their place in it. */
enum {
    FORGE_AUDIT_ACTOR,
    FORGE_AUDIT_SUBJECT,
    FORGE_AUDIT_EVENT,
    FORGE_AUDIT_PREFIX,
    FORGE_AUDIT_SINCE,
    FORGE_AUDIT_UNTIL,
    FORGE_AUDIT_FILTERS
};
typedef struct forge_audit_filter_t {
    const char *values[FORGE_AUDIT_FILTERS]; /* text forms; NULL: any */
} forge_audit_filter_t;
extern const forge_list_t forge_store_audit_list; /* no base args */
/* Where to begin and to end reading: ids from *newest down to *oldest; 0, 0 when there is nothing. */
forge_status_t forge_store_audit_bounds(forge_db_t *db, apr_pool_t *p, apr_int64_t *newest, apr_int64_t *oldest);
/* The next events with ids below *before, newest first, by a bounded piece of work: perhaps none. Moves *before to
 * where to go on. */
forge_status_t forge_store_audit_batch(forge_db_t *db, apr_pool_t *p, const forge_audit_filter_t *filter,
                                       apr_int64_t *before, forge_rows_t **rows);

#endif
