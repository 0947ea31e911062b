/* SPDX-License-Identifier: Apache-2.0
 * Text that the statements about accounts and sessions have in common; for the .c files of store/ alone.
 */
#ifndef FORGE_STORE_ACCOUNT_SQL_H
#define FORGE_STORE_ACCOUNT_SQL_H

#include "store/engine/store_private.h"
#include <apr_strings.h>
#include <string.h>

/* clang-format off */

/* A session and its first refresh token for the account in the CTE `who`; nothing when there is no token (`hash` NULL). A session lives
 * FORGE_SESSION_HOURS at most, whatever the token's own life (SECURITY 36; CHECK sessions_absolute_life). */
#define OPEN_SESSION(hash, expires, device, agent, ip, amr)                                                       \
    "opened AS ("                                                                                                 \
    " INSERT INTO forge.sessions (user_id, device_name, user_agent, ip, amr, expires_at)"                         \
    " SELECT id, " device ", " agent ", " ip "::inet, string_to_array(coalesce(" amr ", 'pwd'), ' '),"            \
    "  least(" expires "::timestamptz, now() + " FORGE_SESSION_LIFE ")"                                           \
    " FROM who WHERE " hash "::text IS NOT NULL RETURNING id, expires_at), "                                      \
    "token AS ("                                                                                                  \
    " INSERT INTO forge.refresh_tokens (session_id, sha256, expires_at)"                                          \
    " SELECT id, decode(" hash ", 'hex'), expires_at FROM opened)"

/* clang-format on */

#endif
