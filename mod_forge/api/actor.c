/* SPDX-License-Identifier: Apache-2.0
 * What handlers hand to the store of a request: who asks, and which change they ask for.
 */
#include "api/shared.h"
#include "core/wire/wire.h"
#include "store/store.h"

forge_actor_t forge_api_actor(const forge_req_t *q)
{
    return (forge_actor_t){.id = q->who.user_id,
                           .session_id = q->who.session_id,
                           .admin = q->who.role == FORGE_ROLE_ADMIN,
                           .ip = q->client_ip,
                           .request_id = q->request_id};
}

forge_patch_t forge_api_patch(const forge_req_t *q, const char *const *names)
{
    const bool whole = q->route->method == FORGE_PUT;
    return (forge_patch_t){forge_core_input_members(q->pool, q->body, names, whole), q->if_version, whole};
}
