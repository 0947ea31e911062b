/* SPDX-License-Identifier: Apache-2.0
 * The groups of operations in the document that several files belong to.
 */
#include "shared.h"

const forge_tag_t forge_api_tag_auth = {
    "auth", "Registration, login, sessions, second factors, passwords, addresses and API keys: what one does for one's own account."};
const forge_tag_t forge_api_tag_users = {
    "users", "Accounts: one's own profile, what administrators do with others, and two paths that older clients use."};
const forge_tag_t forge_api_tag_organizations = {"organizations", "Organisations, their members and invitations."};
const forge_tag_t forge_api_tag_courses = {"courses", "The catalogue of courses, and who takes them."};
