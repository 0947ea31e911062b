/* SPDX-License-Identifier: Apache-2.0
 * What protected content (doors/) asks of the database: names and memberships of the one who is let in (SPEC 17).
 */
#ifndef FORGE_STORE_VISITORS_H
#define FORGE_STORE_VISITORS_H

#include "store/store.h"

/* One row: username, email ("" of a guest), email_verified, role, orgs ("slug:role slug:role", by slug), org_ids
 * ("#7:role #9:role", by number). No row when the account is inactive or gone, or its session (session_id 0: none, an
 * API key) has ended. */
forge_status_t forge_store_visitor(forge_db_t *db, apr_pool_t *p, const forge_who_t *by, forge_rows_t **rows);
/* One row when the session is still active: role, _epoch, _amr ("pwd otp") for a new access token; its idle life begins
 * anew. `expires_at` (RFC 3339) never ends it earlier than it would have, nor later than 30 days after it began. */
forge_status_t forge_store_visitor_renew(forge_db_t *db, apr_pool_t *p, const forge_who_t *by, const char *expires_at,
                                         forge_rows_t **rows);

#endif
