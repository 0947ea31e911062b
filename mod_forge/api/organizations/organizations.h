/* SPDX-License-Identifier: Apache-2.0
 * Interface of api/organizations: what its files share.
 */
#ifndef FORGE_API_ORGANIZATIONS_H
#define FORGE_API_ORGANIZATIONS_H

#include "api/shared.h"

/* --- organizations.c --- */

#define FORGE_API_MEMBER_ROLES "enum:owner|admin|member"
extern const forge_field_t forge_api_member_role_field[]; /* what role somebody is to have, in a body */
extern const forge_shape_t forge_api_organization;        /* also what accepting an invitation answers */
/* A page of what belongs to organisation {id}: as forge_api_list, with id and rights as arguments. An organisation that
 * the caller is not in is 404, a plain member 403 when `admins` is true. */
forge_status_t forge_api_organization_list(forge_req_t *q, bool admins);
/* Whether the caller may still do in organisation {id} what the body asks for: let in or invite somebody with its
 * `role`. FORGE_E_NOT_FOUND for somebody who is not a member, FORGE_E_FORBIDDEN for a plain member, and for an admin
 * who would make an owner. */
forge_status_t forge_api_organization_grants(forge_req_t *q);

#endif
