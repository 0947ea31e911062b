/* SPDX-License-Identifier: Apache-2.0
 * The groups of operations in the document that several files belong to.
 */
#include "shared.h"

const forge_tag_t forge_api_tag_auth = {"auth", "Registration, login, sessions, second factors, passwords, addresses "
                                                "and API keys of the caller's own account."};
const forge_tag_t forge_api_tag_users = {
    "users", "Accounts: the caller's own profile, administration of accounts, and paths for older clients."};
const forge_tag_t forge_api_tag_organizations = {"organizations", "Organisations, their members and invitations."};
const forge_tag_t forge_api_tag_courses = {"courses", "The catalogue of courses, and enrolment in them."};
const forge_tag_t forge_api_tag_exercises = {"exercises",
                                             "What learners solve by a program, and what they have submitted."};
const forge_tag_t forge_api_tag_analysis = {"analysis", "What files and repositories hold, and questions about it."};
const forge_tag_t forge_api_tag_achievements = {"achievements", "What learners can earn, and who was awarded what."};
const forge_tag_t forge_api_tag_monitoring = {"monitoring", "Figures about the service."};
