/* SPDX-License-Identifier: Apache-2.0
 * Organisations, their members and invitations, and who is enrolled in a course (SPEC 5, 6).
 *
 * Every statement carries the caller's membership: what one may not know of is FORGE_E_NOT_FOUND, whether it exists or
 * not. A member whose role is not enough gets FORGE_E_FORBIDDEN. Platform administrators may do what owners may.
 * Deciding, changing and the audit event are one statement.
 */
#ifndef FORGE_STORE_ORGANIZATIONS_H
#define FORGE_STORE_ORGANIZATIONS_H

#include "store/mail/mail.h"

/* --- organizations.c: rows id, name, slug, role (the caller's own, NULL: none), version, created_at, updated_at --- */

extern const forge_list_t forge_store_organizations_mine; /* base args: the caller's id */
extern const forge_list_t forge_store_organizations_all;  /* the same; for platform administrators */
/* slug NULL: made from the name, and another one when that is taken. The caller becomes the owner. FORGE_E_SLUG_TAKEN.
 */
forge_status_t forge_store_organization_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const char *name,
                                               const char *slug, forge_rows_t **rows);
/* Also _username of the caller, as invitations name it. */
forge_status_t forge_store_organization_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                            forge_rows_t **rows);
/* For owners and admins. FORGE_E_PRECONDITION_FAILED, FORGE_E_SLUG_TAKEN, FORGE_E_LIMIT_REACHED (a hundred slugs). */
forge_status_t forge_store_organization_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                               const forge_patch_t *patch, forge_rows_t **rows);
/* For owners. FORGE_E_CONFLICT: it has courses, which would no longer be for its members only. With `release` these go
 * back to their instructors instead, as drafts. */
forge_status_t forge_store_organization_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                               const char *if_version, bool release);
/* For owners: a member whose account is active becomes owner, the caller admin; where the caller is no owner (a
 * platform administrator), all owners become admins. Rows: the organisation. FORGE_E_BAD_REFERENCE: no such member. */
forge_status_t forge_store_organization_transfer(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                                 apr_int64_t user_id, forge_rows_t **rows);

/* --- members.c: rows user_id, username, role, joined_at --- */

/* base args: caller's id, is platform administrator "t"/"f", organisation */
extern const forge_list_t forge_store_members_list;
typedef struct forge_new_member_t {
    const char *user_id, *username, *email_key; /* one of them; the others NULL */
    const char *role;
} forge_new_member_t;
/* For owners and admins; nobody grants a role above the own. FORGE_E_BAD_REFERENCE: no active account,
 * FORGE_E_INVITE_INSTEAD: none that has proven this address, FORGE_E_ALREADY_MEMBER. */
forge_status_t forge_store_member_add(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                      const forge_new_member_t *in, forge_rows_t **rows);
typedef struct forge_member_in_t {
    apr_int64_t user_id;
    const char *role; /* the new one */
} forge_member_in_t;
/* For owners, and for admins where neither the old nor the new role is owner. FORGE_E_LAST_OWNER. */
forge_status_t forge_store_member_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                         const forge_member_in_t *in, forge_rows_t **rows);
/* As above. Pending invitations that the member sent or was sent end too. */
forge_status_t forge_store_member_remove(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                         apr_int64_t user_id);
/* The caller's own membership. FORGE_E_LAST_OWNER. */
forge_status_t forge_store_member_leave(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id);

/* --- invitations.c: rows id, email, role, state (pending, accepted, expired, revoked), expires_at, created_at,
 * invited_by --- */

#define FORGE_INVITATIONS_SENT_MAX     500 /* invitations of one account in a day */
#define FORGE_INVITATIONS_RECEIVED_MAX 10  /* … and to one address, from whomever: nobody's mailbox is flooded */

typedef struct forge_new_invitation_t {
    const char *email, *email_key, *role;
    const char *sha256_hex; /* of the token */
    forge_new_mail_t mail;
} forge_new_invitation_t;
extern const forge_list_t forge_store_invitations_list; /* base args: as of members; nothing for plain members */
/* For owners and admins whose address is proven. The mail is put into the outbox with it. FORGE_E_EMAIL_UNPROVEN,
 * FORGE_E_ALREADY_MEMBER, FORGE_E_INVITATION_PENDING, FORGE_E_RATE_LIMITED. */
forge_status_t forge_store_invitation_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                             const forge_new_invitation_t *in, forge_rows_t **rows);
/* Admins may not revoke what makes an owner. FORGE_E_INVITATION_GONE: it is not pending any more. */
forge_status_t forge_store_invitation_revoke(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                             apr_int64_t invitation_id);
/* Rows: the organisation that the caller is a member of now. FORGE_E_TOKEN_INVALID: unknown;
 * FORGE_E_INVITATION_FOREIGN: for another e-mail address, nothing is spent; FORGE_E_INVITATION_GONE;
 * FORGE_E_ALREADY_MEMBER; FORGE_E_INVALID_TOKEN: the caller's account is closed. */
forge_status_t forge_store_invitation_accept(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             const char *sha256_hex, forge_rows_t **rows);
/* The same organisation once more, for who accepted this invitation and is still a member; else
 * FORGE_E_INVITATION_GONE. */
forge_status_t forge_store_invitation_accepted(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                               const char *sha256_hex, forge_rows_t **rows);

#endif
