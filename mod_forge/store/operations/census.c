/* SPDX-License-Identifier: Apache-2.0
 * The figures that /metrics takes from the database.
 */
#include "operations.h"

/* clang-format off */

/* A mail that is due later because it failed has waited since it was made. */
static const forge_stmt_t census = {
    "census",
    "SELECT s.sessions, s.guests, m.mails, m.oldest FROM"
    " (SELECT count(*) FILTER (WHERE NOT amr @> '{guest}') AS sessions,"
    " count(*) FILTER (WHERE amr @> '{guest}') AS guests"
    " FROM forge.sessions WHERE revoked_at IS NULL AND expires_at > now()) AS s,"
    " (SELECT count(*) AS mails,"
    " coalesce(greatest(extract(epoch FROM now() - min(created_at)), 0), 0)::bigint AS oldest"
    " FROM forge.mail_outbox) AS m"};

/* clang-format on */

forge_status_t forge_store_census(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows)
{
    return forge_store_run(db, p, &census, FORGE_NO_ARGS, rows);
}
