/* SPDX-License-Identifier: Apache-2.0
 * What the statements on courses share.
 */
#ifndef FORGE_STORE_LEARNING_PRIVATE_H
#define FORGE_STORE_LEARNING_PRIVATE_H

#include "learning.h"
#include "store/engine/store_private.h"

/* Which courses (called c) a known account sees. Courses of no organisation and of one's own organisations: what is
 * published, and one's own drafts. Whoever has left an organisation sees nothing of it any more, not even what they
 * made. The sub-select runs once a statement, not once a row, so that the order's index drives the scan. */
#define FORGE_COURSE_KNOWN(caller) \
    "((c.organization_id IS NULL OR c.organization_id = ANY (ARRAY(" \
    "SELECT m.organization_id FROM forge.memberships m WHERE m.user_id = " caller "::bigint))) " \
    "AND (c.status = 'published' OR c.instructor_id = " caller "::bigint))"

/* What is left of that for somebody without an account. */
#define FORGE_COURSE_OPEN "(c.organization_id IS NULL AND c.status = 'published')"

/* The rule for every caller at once; administrators see all. Only where a course is changed: PostgreSQL would plan a
 * read anew at each execution, since a plan for one kind of caller costs less than the one that fits them all. What is
 * read often has a statement for each kind. */
#define FORGE_COURSE_VISIBLE(caller, admin) "(" FORGE_COURSE_KNOWN(caller) " OR " admin "::boolean)"

/* Each word of the text, as a prefix; the same blanks as in the generated column. Text without a word is NULL:
 * nothing matches. Quotes and operators cannot get through: plainto_tsquery writes them as plain lexemes, or drops
 * them. */
#define FORGE_WORDS(text) \
    "(nullif(replace(plainto_tsquery('simple', translate(forge.fold(" text "), '-_./:@', '      '))::text," \
    " ''' & ''', ''':* & '''), '') || ':*')::tsquery"

/* Exercises are called e, the course of one c. Whose one is: its author's, and the instructor's of its course. */
#define FORGE_EXERCISES "forge.exercises e LEFT JOIN forge.courses c ON c.id = e.course_id"
#define FORGE_EXERCISE_OWN(caller) \
    "coalesce(e.author_id = " caller "::bigint OR c.instructor_id = " caller "::bigint, false)"

/* Which of them a known account sees: those of no course and of courses that it sees, when they are published or its
 * own. Somebody without an account, and every caller at once, as with courses. */
#define FORGE_EXERCISE_KNOWN(caller) \
    "((e.course_id IS NULL OR " FORGE_COURSE_KNOWN(caller) ") AND (e.published OR " FORGE_EXERCISE_OWN(caller) "))"
#define FORGE_EXERCISE_OPEN                   "((e.course_id IS NULL OR " FORGE_COURSE_OPEN ") AND e.published)"
#define FORGE_EXERCISE_VISIBLE(caller, admin) "(" FORGE_EXERCISE_KNOWN(caller) " OR " admin "::boolean)"

#endif
