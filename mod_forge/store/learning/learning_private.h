/* SPDX-License-Identifier: Apache-2.0
 * What the statements on courses share.
 */
#ifndef FORGE_STORE_LEARNING_PRIVATE_H
#define FORGE_STORE_LEARNING_PRIVATE_H

#include "learning.h"
#include "store/engine/store_private.h"

/* --- earned.c --- */

/* Notes as events which courses this account has completed, and which achievements it was awarded by their rules, in
 * the transaction in which `written` was: its column _at is now(). */
forge_status_t forge_store_earned(forge_db_t *db, apr_pool_t *p, apr_int64_t user_id, const forge_rows_t *written);

/* The members of SPEC 6; the table is called c in every statement here. */
#define FORGE_COURSE \
    "c.id, c.title, c.description, c.difficulty, c.instructor_id, c.organization_id, c.status, c.timezone, c.version," \
    " c.created_at, c.updated_at"

/* Which courses (called c) somebody with an account sees: of no organisation, and of their own organisations, what is
 * published and their own drafts. Somebody who has left an organisation sees nothing of it any more, not even what they
 * made. The sub-select runs once a statement, not once a row, so that the order's index drives the scan. */
#define FORGE_COURSE_KNOWN(caller) \
    "((c.organization_id IS NULL OR c.organization_id = ANY (ARRAY(" \
    "SELECT m.organization_id FROM forge.memberships m WHERE m.user_id = " caller "::bigint))) " \
    "AND (c.status = 'published' OR c.instructor_id = " caller "::bigint))"

/* What is left of that for somebody without an account. */
#define FORGE_COURSE_OPEN "(c.organization_id IS NULL AND c.status = 'published')"

/* The rule for all callers; administrators see everything. For statements that change a course or look into one by its
 * number. PostgreSQL would plan the most frequent reads, of courses themselves, anew at each execution, because a plan
 * for one kind of caller costs less than the one that fits them all; so these have a statement for each kind. */
#define FORGE_COURSE_VISIBLE(caller, admin) "(" FORGE_COURSE_KNOWN(caller) " OR " admin "::boolean)"

/* The course of a request as a CTE called course: no row when the caller does not see it. `owned`: its instructor or an
 * administrator asks. Whoever changes what a course is made of holds its row first, so that two writers of one course
 * wait for each other and never block each other. $1 caller, $2 administrator, $3 course. */
#define FORGE_COURSE_OWNED(caller, admin) \
    "(coalesce(c.instructor_id = " caller "::bigint, false) OR " admin "::boolean)"
/* clang-format off */
#define FORGE_COURSE_CTE(lock) \
    "course AS (SELECT c.id, c.organization_id, c.version, " FORGE_COURSE_OWNED("$1", "$2") " AS owned" \
    " FROM forge.courses c WHERE c.id = $3::bigint AND " FORGE_COURSE_VISIBLE("$1", "$2") lock ")"
/* clang-format on */
#define FORGE_COURSE_SEEN FORGE_COURSE_CTE("")
#define FORGE_COURSE_HELD FORGE_COURSE_CTE(" FOR NO KEY UPDATE")
/* Whoever takes something out of it holds it against those who learn in it too, before what is taken out: triggers
 * complete the course for who has done all the rest (migration 0020), and learners come from above (0027). */
#define FORGE_COURSE_ALONE FORGE_COURSE_CTE(" FOR UPDATE")

/* The same for what its students do: also whether the caller takes it, and its time zone. */
/* clang-format off */
#define FORGE_COURSE_TAKEN \
    "course AS (SELECT c.id, c.timezone, " FORGE_COURSE_OWNED("$1", "$2") " AS owned," \
    " EXISTS (SELECT FROM forge.enrollments e WHERE e.course_id = c.id AND e.user_id = $1::bigint) AS enrolled" \
    " FROM forge.courses c WHERE c.id = $3::bigint AND " FORGE_COURSE_VISIBLE("$1", "$2") ")"
/* clang-format on */

/* The members of a submission to an exercise; it is called s in every statement. */
#define FORGE_SUBMISSION \
    "s.id, s.exercise_id, s.user_id, s.status, s.passed, s.score, s.results, s.exercise_version, s.created_at," \
    " s.judged_at"

/* What a course (called c) has to complete: its published lessons and exercises. `columns` are those of the lessons (l)
 * or of the exercises (x). */
#define FORGE_LESSONS_OPEN(columns, course) \
    "SELECT " columns " FROM forge.lessons l JOIN forge.modules lm ON lm.id = l.module_id" \
    " WHERE l.course_id = " course " AND l.published AND lm.published"
#define FORGE_EXERCISES_OPEN(columns, course) \
    "SELECT " columns " FROM forge.exercises x WHERE x.course_id = " course " AND x.published"

/* --- parameters and verdicts that all of them share: courses.c --- */

/* Reads that are frequent have a statement for each kind of caller (see FORGE_COURSE_VISIBLE). */
typedef enum forge_kind_t { FORGE_KIND_OPEN, FORGE_KIND_KNOWN, FORGE_KIND_ALL, FORGE_KINDS } forge_kind_t;
forge_kind_t forge_store_caller_kind(const forge_actor_t *by); /* without an account; with one; administrators */
/* Runs that of the caller: $1 is the number; for FORGE_KIND_KNOWN $2 is the caller. FORGE_E_NOT_FOUND without a row. */
forge_status_t forge_store_kind_read(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                     const forge_stmt_t *const stmts[], apr_int64_t id, forge_rows_t **rows);

/* The caller's id and rights as the first two parameters of a statement; an anonymous caller is NULL. */
const char *forge_store_course_caller(apr_pool_t *p, const forge_actor_t *by);
const char *forge_store_course_admin(const forge_actor_t *by);
/* What a statement about a course decided, in its column _outcome, as a status; without rows FORGE_E_NOT_FOUND. */
forge_status_t forge_store_course_judged(const forge_rows_t *rows);

/* Each word of the text as a prefix, split at the same blanks as in the generated column. A text without a word is
 * NULL, which matches nothing. Quotes and operators do no harm: plainto_tsquery writes them as plain lexemes, or drops
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

/* clang-format off */
/* As the CHECKs want them: every test with all of its members, whole numbers without a point ("1.0" is one). */
#define FORGE_EXERCISE_TESTS(of) \
    "(SELECT coalesce(jsonb_agg(jsonb_build_object('name', t.test ->> 'name'," \
    "  'stdin', coalesce(t.test ->> 'stdin', ''), 'expected_stdout', coalesce(t.test ->> 'expected_stdout', '')," \
    "  'hidden', coalesce((t.test ->> 'hidden')::boolean, false)," \
    "  'points', coalesce((t.test ->> 'points')::numeric::integer, 1)) ORDER BY t.n), '[]')" \
    " FROM jsonb_array_elements(coalesce(" of ", '[]')) WITH ORDINALITY t(test, n))"
#define FORGE_EXERCISE_LIMITS(of) \
    "(SELECT coalesce(jsonb_object_agg(l.key, (l.value #>> '{}')::numeric::bigint), '{}')" \
    " FROM jsonb_each(coalesce(" of ", '{}')) l WHERE jsonb_typeof(l.value) = 'number')"
/* clang-format on */

#endif
