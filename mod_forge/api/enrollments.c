/* SPDX-License-Identifier: Apache-2.0
 * /courses/{id}/enrollment: who takes a course.
 */
#include "api.h"
#include "shared.h"

const forge_routes_t forge_api_enrollments = {NULL, 0};
