/* SPDX-License-Identifier: Apache-2.0
 * What the statements on courses share.
 */
#ifndef FORGE_STORE_LEARNING_PRIVATE_H
#define FORGE_STORE_LEARNING_PRIVATE_H

#include "learning.h"
#include "store/engine/store_private.h"

/* Who sees a course (called c). Courses of no organisation and of one's own organisations: what is published, and one's own drafts;
 * administrators see all. Whoever has left an organisation sees nothing of it any more, not even what they made. The sub-select runs once
 * a statement, not once a row, so that the order's index drives the scan. */
#define FORGE_COURSE_VISIBLE(caller, admin) \
    "(((c.organization_id IS NULL OR c.organization_id = ANY (ARRAY(" \
    "SELECT m.organization_id FROM forge.memberships m WHERE m.user_id = " caller "::bigint))) " \
    "AND (c.status = 'published' OR c.instructor_id = " caller "::bigint)) OR " admin "::boolean)"

#endif
