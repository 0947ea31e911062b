/* SPDX-License-Identifier: Apache-2.0
 * What handlers hand to the store of a request: who asks, and which change they ask for.
 */
#include "api/shared.h"
#include <apr_strings.h>

forge_actor_t forge_api_actor(const forge_req_t *q)
{
    return (forge_actor_t){.id = q->who.user_id,
                           .session_id = q->who.session_id,
                           .admin = q->who.role == FORGE_ROLE_ADMIN,
                           .ip = q->client_ip,
                           .request_id = q->request_id};
}

/* Values go as text: jsonb_populate_record reads them by the type of their column. */
forge_patch_t forge_api_patch(const forge_req_t *q, const char *const *names)
{
    forge_json_t *members = forge_util_json_object(q->pool);
    for (; *names; names++) {
        const char *value = forge_core_input_text(q->body, *names);
        if (value)
            forge_util_json_put_text(members, *names, value);
        else if (q->route->method == FORGE_PUT || forge_core_input_null(q->body, *names))
            forge_util_json_put_null(members, *names);
    }
    forge_buf_t *b = forge_util_buf_make(q->pool, 256, 256 * 1024);
    forge_util_json_write(b, members);
    return (forge_patch_t){apr_pstrmemdup(q->pool, b->data, b->len), q->if_version};
}
