/* SPDX-License-Identifier: Apache-2.0
 * What the statements on courses share.
 */
#ifndef FORGE_STORE_LEARNING_PRIVATE_H
#define FORGE_STORE_LEARNING_PRIVATE_H

#include "learning.h"
#include "store/engine/store_private.h"

/* Which courses (called c) somebody with an account sees: of no organisation, and of their own organisations, what is
 * published and their own drafts. Somebody who has left an organisation sees nothing of it any more, not even what they
 * made. The sub-select runs once a statement, not once a row, so that the order's index drives the scan. */
#define FORGE_COURSE_KNOWN(caller) \
    "((c.organization_id IS NULL OR c.organization_id = ANY (ARRAY(" \
    "SELECT m.organization_id FROM forge.memberships m WHERE m.user_id = " caller "::bigint))) " \
    "AND (c.status = 'published' OR c.instructor_id = " caller "::bigint))"

/* What is left of that for somebody without an account. */
#define FORGE_COURSE_OPEN "(c.organization_id IS NULL AND c.status = 'published')"

/* The rule for all callers; administrators see everything. Only statements that change a course use it. PostgreSQL
 * would plan a read anew at each execution, because a plan for one kind of caller costs less than the one that fits
 * them all; so frequent reads have a statement for each kind. */
#define FORGE_COURSE_VISIBLE(caller, admin) "(" FORGE_COURSE_KNOWN(caller) " OR " admin "::boolean)"

/* The course of a request for what its students do: a CTE called course, without a row when the caller does not see it.
 * $1 caller, $2 administrator, $3 course. */
#define FORGE_COURSE_TAKEN \
    "course AS (SELECT c.id, c.timezone, (c.instructor_id IS NOT DISTINCT FROM $1::bigint OR $2::boolean) AS owned," \
    " EXISTS (SELECT FROM forge.enrollments e WHERE e.course_id = c.id AND e.user_id = $1::bigint) AS enrolled" \
    " FROM forge.courses c WHERE c.id = $3::bigint AND " FORGE_COURSE_VISIBLE("$1", "$2") ")"

/* What such a statement decided, in its column _outcome; without rows FORGE_E_NOT_FOUND: assignments.c. */
forge_status_t forge_store_assignment_judged(const forge_rows_t *rows);

#endif
