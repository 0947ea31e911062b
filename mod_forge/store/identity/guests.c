/* SPDX-License-Identifier: Apache-2.0
 * Guests: accounts without address and password. What they become at registration is in users.c.
 */
#include "identity_private.h"

/* clang-format off */

/* $1 username, $2 refresh token's sha256, $3 its end, $4 device, $5 user agent, $6 ip, $7 amr, $8 request id. */
static const forge_stmt_t guest_create = {
    "guest_create",
    "WITH who AS ("
    " INSERT INTO forge.users (username, role, last_login_at, last_login_ip) VALUES ($1, 'guest', now(), $6::inet)"
    " ON CONFLICT DO NOTHING RETURNING *), "
    OPEN_SESSION("$2", "$3", "$4", "$5", "$6", "$7") ", "
    FORGE_AUDIT("SELECT 'guest.created', id, id, $6::inet, $8, jsonb_build_object('session_id', (SELECT id FROM opened)) FROM who") " "
    "SELECT " BARE_USER ", o.id AS _session_id, u.epoch AS _epoch, u.version AS _version, " FORGE_AUDITED
    " FROM who u JOIN opened o ON true"};

/* clang-format on */

forge_status_t forge_store_guest_create(forge_db_t *db, apr_pool_t *p, const char *username, const forge_new_session_t *session,
                                        forge_rows_t **rows)
{
    const forge_args_t args =
        FORGE_ARGS(username, session->refresh_sha256, session->expires_at, session->device_name, session->user_agent,
                   forge_store_ip(p, session->ip), session->amr, session->request_id);
    FORGE_TRY(forge_store_run(db, p, &guest_create, args, rows));
    return forge_store_rows_count(*rows) > 0 ? FORGE_OK : FORGE_E_USERNAME_TAKEN;
}
