/* SPDX-License-Identifier: Apache-2.0
 * Interface of store/learning: courses, who takes them, exercises, progress and achievements (SPEC 6, 7, 8).
 */
#ifndef FORGE_STORE_LEARNING_H
#define FORGE_STORE_LEARNING_H

#include "store/store.h"

/* --- courses.c: rows have the members of SPEC 6 --- */

typedef struct forge_course_in_t {
    const char *title, *description, *difficulty, *status, *organization_id, *timezone; /* NULL: the default */
} forge_course_in_t;
/* The list by kind of caller; all have the same filters and orders. */
extern const forge_list_t forge_store_courses_list; /* of an account; base args: the caller's id */
extern const forge_list_t forge_store_courses_open; /* of somebody without an account; no base args */
extern const forge_list_t forge_store_courses_all;  /* of a platform administrator; no base args */
const forge_list_t *forge_store_courses_seen(const forge_actor_t *by);
forge_status_t forge_store_course_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                      forge_rows_t **rows);
/* FORGE_E_BAD_REFERENCE: no such organisation, or the caller is not a member of it. FORGE_E_VALIDATION by constraint
 * courses_timezone_…: no time zone. */
forge_status_t forge_store_course_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const forge_course_in_t *in, forge_rows_t **rows);
/* One statement decides and changes: FORGE_E_NOT_FOUND (or not visible), FORGE_E_NOT_OWNER,
 * FORGE_E_PRECONDITION_FAILED, FORGE_E_BAD_REFERENCE as above. Rows: the course as changed. */
forge_status_t forge_store_course_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                         const forge_patch_t *patch, forge_rows_t **rows);
/* if_version: as in forge_patch_t. */
forge_status_t forge_store_course_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                         const char *if_version);

/* --- modules.c, lessons.c: what a course is made of. Rows have the members of SPEC 6; FORGE_E_NOT_FOUND where the
 * caller sees no such course, module or lesson, FORGE_E_NOT_OWNER where they do not own the course. --- */

typedef struct forge_module_in_t {
    const char *title, *position, *published; /* NULL: the default; the end */
} forge_module_in_t;
extern const forge_list_t forge_store_modules_list; /* base args: caller, administrator, course */
forge_status_t forge_store_module_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const apr_int64_t ids[2],
                                      forge_rows_t **rows);
forge_status_t forge_store_module_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t course_id,
                                         const forge_module_in_t *in, forge_rows_t **rows);
/* ids: course and module. FORGE_E_PRECONDITION_FAILED. */
forge_status_t forge_store_module_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const apr_int64_t ids[2], const forge_patch_t *patch, forge_rows_t **rows);
/* With its lessons. */
forge_status_t forge_store_module_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const apr_int64_t ids[2], const char *if_version);

typedef struct forge_lesson_in_t {
    const char *title, *content, *position, *published; /* NULL: the default; the end */
} forge_lesson_in_t;
/* Without their content. Base args: caller, administrator, course, module. */
extern const forge_list_t forge_store_lessons_list;
/* ids: course and lesson. FORGE_E_NOT_ENROLLED: it is there, but for those who are enrolled. */
forge_status_t forge_store_lesson_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const apr_int64_t ids[2],
                                      forge_rows_t **rows);
/* The same for who renders the content: it stands in _content, and neither content nor content_type are members. */
forge_status_t forge_store_lesson_source(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const apr_int64_t ids[2], forge_rows_t **rows);
/* ids: course and module. */
forge_status_t forge_store_lesson_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const apr_int64_t ids[2], const forge_lesson_in_t *in, forge_rows_t **rows);
/* ids: course and lesson. FORGE_E_PRECONDITION_FAILED; FORGE_E_BAD_REFERENCE: the course has no such module. */
forge_status_t forge_store_lesson_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const apr_int64_t ids[2], const forge_patch_t *patch, forge_rows_t **rows);
forge_status_t forge_store_lesson_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const apr_int64_t ids[2], const char *if_version);

/* --- prerequisites.c --- */

/* Rows: course_ids, _version. Only those that the caller sees are named. */
forge_status_t forge_store_prerequisites_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                             forge_rows_t **rows);
typedef struct forge_prerequisites_in_t {
    const char *course_ids; /* a PostgreSQL array */
    const char *if_version; /* as in forge_patch_t */
} forge_prerequisites_in_t;
/* Replaces them. FORGE_E_NOT_FOUND, FORGE_E_NOT_OWNER, FORGE_E_PRECONDITION_FAILED, FORGE_E_BAD_REFERENCE (not a course
 * that the caller sees), FORGE_E_PREREQUISITE_CYCLE. */
forge_status_t forge_store_prerequisites_put(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                             const forge_prerequisites_in_t *in, forge_rows_t **rows);
/* The courses to complete before this one, each after its own prerequisites: all of them, and of more than 500 the
 * nearest. Base args: caller, administrator, course. */
extern const forge_list_t forge_store_path_list;

/* --- bundle.c: a course as one document --- */

/* The place of a row in the document: 0 the course, 1 its modules and their lessons, 2 exercises, 3 assignments. */
typedef struct forge_bundle_at_t {
    apr_int64_t section; /* -1: before everything */
    apr_int64_t a, b;    /* in section 1, b is 0 for a module and the position of a lesson in it */
} forge_bundle_at_t;
/* The next rows of the document. Rows: section, a, b, content (JSON), remaining (how many there are from here on), mark
 * (another one once anything of the course has changed). One row with section NULL: there are no more.
 * FORGE_E_NOT_FOUND, FORGE_E_NOT_OWNER. */
forge_status_t forge_store_bundle_read(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                       const forge_bundle_at_t *after, forge_rows_t **rows);
typedef struct forge_bundle_in_t {
    forge_course_in_t course;
    const char *modules, *exercises, *assignments; /* JSON arrays, whose members are valid */
} forge_bundle_in_t;
/* For forgectl: whether the account has a course of this title. */
forge_status_t forge_store_bundle_known(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const char *title,
                                        bool *known);
/* All of it or nothing. Rows: the course. As forge_store_course_create. */
forge_status_t forge_store_bundle_import(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                         const forge_bundle_in_t *in, forge_rows_t **rows);

/* --- students.c --- */

/* Base args of these: caller, administrator, course. Ask first whether the caller owns the course: whoever does not
 * gets an empty list, but may have to wait for a look at all students. */
extern const forge_list_t forge_store_students_list;
extern const forge_list_t forge_store_course_progress_list;
extern const forge_list_t forge_store_course_progress_own; /* the caller's own, at most one; for everybody */
/* `accounts`: a JSON array of {ord, user_id} and {ord, email, email_key}. Rows: results. FORGE_E_NOT_FOUND,
 * FORGE_E_NOT_OWNER. */
forge_status_t forge_store_students_enroll(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                           const char *accounts, forge_rows_t **rows);

/* --- achievements.c --- */

typedef struct forge_achievement_in_t {
    const char *name, *description, *points, *icon;
    const char *rule; /* JSON {event, count, course_id}, or NULL */
} forge_achievement_in_t;
extern const forge_list_t forge_store_achievements_list; /* no base args */
forge_status_t forge_store_achievement_get(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_rows_t **rows);
/* It belongs to the caller. FORGE_E_NAME_TAKEN; FORGE_E_BAD_REFERENCE: the caller sees no such course as its rule
 * names. */
forge_status_t forge_store_achievement_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                              const forge_achievement_in_t *in, forge_rows_t **rows);
/* By who made it, or an administrator: FORGE_E_NOT_FOUND, FORGE_E_NOT_OWNER, FORGE_E_PRECONDITION_FAILED;
 * FORGE_E_NAME_TAKEN, FORGE_E_BAD_REFERENCE */
forge_status_t forge_store_achievement_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                              const forge_patch_t *patch, forge_rows_t **rows);
forge_status_t forge_store_achievement_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                              const char *if_version);

/* --- enrollments.c --- */

/* Rows: course_id, user_id, enrolled_at. *already: it was so before. FORGE_E_NOT_FOUND: no course that the caller sees.
 * FORGE_E_PREREQUISITES_UNMET: rows say in _unmet which courses come first; neither its owner nor administrators are
 * asked for them. */
forge_status_t forge_store_enroll(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t course_id,
                                  bool *already, forge_rows_t **rows);
/* Row: course_id, user_id, enrolled_at of the caller. FORGE_E_NOT_FOUND also for a course that the caller does not see.
 */
forge_status_t forge_store_enrollment_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t course_id,
                                          forge_rows_t **rows);
/* Also when the caller was not enrolled, as long as the course can be seen. */
forge_status_t forge_store_unenroll(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t course_id);
/* Does this account take the course? Only while it may see it; its instructor and platform administrators count as
 * enrolled. */
forge_status_t forge_store_enrolled(forge_db_t *db, apr_pool_t *p, const forge_who_t *by, apr_int64_t course_id,
                                    bool *enrolled);

/* --- assignments.c: the caller's rights are part of each statement --- */

/* May the caller use what belongs to those who take the course, or (owners) to its owner? ids: the course, and an
 * assignment of it or 0. FORGE_E_NOT_FOUND: they do not see it; FORGE_E_NOT_OWNER; FORGE_E_NOT_ENROLLED: they neither
 * take nor own it. *owned may be NULL. */
forge_status_t forge_store_course_may(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const apr_int64_t ids[2],
                                      bool owners, bool *owned);

/* When an assignment is due: a time, or what clocks in the course's time zone show. Neither of them: never. */
typedef struct forge_due_t {
    bool sent; /* a change speaks of it */
    const char *at, *local;
} forge_due_t;
typedef struct forge_assignment_in_t {
    const char *title, *description, *max_points; /* NULL: the default */
    forge_due_t due;
} forge_assignment_in_t;
typedef struct forge_assignment_patch_t {
    forge_patch_t patch; /* of all members but due_at */
    forge_due_t due;
} forge_assignment_patch_t;
extern const forge_list_t forge_store_assignments_list; /* base args: the course */
/* ids here and below: course, assignment, submission. FORGE_E_NOT_ENROLLED as above. */
forge_status_t forge_store_assignment_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                          const apr_int64_t ids[2], forge_rows_t **rows);
/* By the owner: FORGE_E_NOT_FOUND, FORGE_E_NOT_OWNER. */
forge_status_t forge_store_assignment_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             apr_int64_t course_id, const forge_assignment_in_t *in,
                                             forge_rows_t **rows);
/* Also FORGE_E_PRECONDITION_FAILED; FORGE_E_VALIDATION by constraint assignments_max_points_given: a grade has more. */
forge_status_t forge_store_assignment_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             const apr_int64_t ids[2], const forge_assignment_patch_t *change,
                                             forge_rows_t **rows);
/* With all that was handed in. */
forge_status_t forge_store_assignment_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             const apr_int64_t ids[2], const char *if_version);

/* --- submissions.c --- */

extern const forge_list_t forge_store_submissions_list; /* all of an assignment; base args: the assignment */
extern const forge_list_t forge_store_submissions_own;  /* base args: assignment, account */
/* One's own, or any for the owner. FORGE_E_NOT_FOUND, FORGE_E_NOT_ENROLLED. */
forge_status_t forge_store_submission_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                          const apr_int64_t ids[3], forge_rows_t **rows);
/* By those who are enrolled, also after the due date: FORGE_E_NOT_FOUND, FORGE_E_NOT_ENROLLED. */
forge_status_t forge_store_submission_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             const apr_int64_t ids[2], const char *content, forge_rows_t **rows);
typedef struct forge_grade_in_t {
    const char *points, *feedback; /* feedback may be NULL */
    const char *if_version;        /* as in forge_patch_t, of the submission */
} forge_grade_in_t;
/* Rows: the submission with its grade. FORGE_E_NOT_FOUND, FORGE_E_NOT_OWNER, FORGE_E_PRECONDITION_FAILED;
 * FORGE_E_VALIDATION by constraint grades_points_range: more than the assignment gives. */
forge_status_t forge_store_grade_put(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, const apr_int64_t ids[3],
                                     const forge_grade_in_t *in, forge_rows_t **rows);

/* --- gradebook.c --- */

extern const forge_list_t forge_store_gradebook_list; /* all students; base args: the course */
extern const forge_list_t forge_store_gradebook_own;  /* base args: course, account */
/* The columns of its table: the assignments of the course with id, title and max_points, in their order. */
forge_status_t forge_store_gradebook_columns(forge_db_t *db, apr_pool_t *p, apr_int64_t course_id, forge_rows_t **rows);
typedef struct forge_gradebook_part_t {
    apr_int64_t course_id, after; /* after the account with this number */
    const char *user_id;          /* NULL: all */
    const char *assignments;      /* a PostgreSQL array of numbers */
} forge_gradebook_part_t;
/* Some of its lines: user_id, username, full_name, cells (points, parted by commas; empty without a grade),
 * exercise_score, points, max_points, percent. No rows: that was all. */
forge_status_t forge_store_gradebook_lines(forge_db_t *db, apr_pool_t *p, const forge_gradebook_part_t *part,
                                           forge_rows_t **rows);

/* --- analytics.c --- */

/* Rows: enrolled, active_7d, active_30d, completion_rate, median_score, hardest_exercises. No rights are asked. */
forge_status_t forge_store_analytics(forge_db_t *db, apr_pool_t *p, apr_int64_t course_id, forge_rows_t **rows);
/* --- exercises.c --- */

/* The list by kind of caller, as with courses. Rows leave out starter_code, solution, tests and limits. */
extern const forge_list_t forge_store_exercises_list; /* of an account; base args: the caller's id */
extern const forge_list_t forge_store_exercises_open; /* of somebody without an account; no base args */
extern const forge_list_t forge_store_exercises_all;  /* of a platform administrator; no base args */
const forge_list_t *forge_store_exercises_seen(const forge_actor_t *by);
/* The author, the instructor of its course and administrators get all of it (_whole); others neither the solution nor
 * hidden tests. FORGE_E_NOT_FOUND also when the caller does not see it. */
forge_status_t forge_store_exercise_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                        forge_rows_t **rows);
/* members: JSON object as of a PUT. An exercise of a course is made by the course's instructor or an administrator
 * (FORGE_E_NOT_OWNER), one of no course by those who teach (FORGE_E_FORBIDDEN). FORGE_E_BAD_REFERENCE: the caller sees
 * no such course. */
forge_status_t forge_store_exercise_create(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, bool teaches,
                                           const char *members, forge_rows_t **rows);
/* By its author, the instructor of its course, or an administrator: FORGE_E_NOT_FOUND, FORGE_E_NOT_OWNER,
 * FORGE_E_PRECONDITION_FAILED. */
forge_status_t forge_store_exercise_update(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                           const forge_patch_t *patch, forge_rows_t **rows);
forge_status_t forge_store_exercise_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                           const char *if_version);
/* All that running it needs, whoever sees it: id, course_id, language, tests (hidden ones too), limits, version,
 * _own (may the caller see the hidden tests). FORGE_E_NOT_FOUND also when the caller does not see it. */
forge_status_t forge_store_exercise_to_run(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                           forge_rows_t **rows);

/* --- judged.c: what was judged, with the progress, completions and awards that it earns, in one statement --- */

typedef struct forge_judged_t {
    const char *code;    /* what was submitted; judging again leaves it out */
    bool passed;         /* all tests */
    int score;           /* per cent of the points, 0..100; 100 when all passed */
    const char *results; /* JSON array [{name, passed, …}] in the order of the tests */
    apr_int64_t version; /* of the exercise whose tests were run */
} forge_judged_t;
/* A new submission of the caller. Row: id, exercise_id, user_id, status, passed, score, results, exercise_version,
 * created_at, judged_at. FORGE_E_NOT_FOUND: the exercise is gone; FORGE_E_INVALID_TOKEN: the account is. */
forge_status_t forge_store_submission_judged(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                             apr_int64_t exercise_id, const forge_judged_t *judged,
                                             forge_rows_t **rows);
/* One that was there, judged again: the best score stays in progress. Row as above. FORGE_E_NOT_FOUND. */
forge_status_t forge_store_submission_rejudged(forge_db_t *db, apr_pool_t *p, apr_int64_t id,
                                               const forge_judged_t *judged, forge_rows_t **rows);

/* --- rejudge.c: what a job has still to judge again --- */

typedef struct forge_rejudge_t {
    apr_int64_t exercise, job;
    bool latest;         /* of each account only the latest submission */
    apr_int64_t version; /* of the exercise, as _state has read it */
    int limit;           /* submissions of one _next */
} forge_rejudge_t;
/* Row: language, tests, limits, version of the exercise; all, left (submissions). FORGE_E_NOT_FOUND: it is gone. */
forge_status_t forge_store_rejudge_state(forge_db_t *db, apr_pool_t *p, const forge_rejudge_t *in, forge_rows_t **rows);
/* Rows: id, code of those that are left, after that one. None either when the exercise has another version by now. */
forge_status_t forge_store_rejudge_next(forge_db_t *db, apr_pool_t *p, const forge_rejudge_t *in, apr_int64_t after,
                                        forge_rows_t **rows);

/* --- exercise_submissions.c: whoever does not see the exercise gets FORGE_E_NOT_FOUND --- */

/* One's own, or any for whoever owns the exercise. Rows: the submission with its code. */
forge_status_t forge_store_exercise_submission_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                                   apr_int64_t exercise, apr_int64_t id, forge_rows_t **rows);
/* Whether the caller may have the list of all; else it is the list of their own. */
forge_status_t forge_store_exercise_submissions_whose(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                                      apr_int64_t exercise, bool *every);
extern const forge_list_t forge_store_exercise_submissions_list; /* base args: exercise */
extern const forge_list_t forge_store_exercise_submissions_own;  /* base args: exercise, caller */

/* --- progress.c --- */

typedef struct forge_progress_in_t {
    const char *lesson_id, *exercise_id; /* one of them */
    const char *status, *score;          /* NULL: as it is; a new one is in_progress, without a score */
    bool data_sent;
    const char *data; /* JSON of the client's own; NULL takes it away */
} forge_progress_in_t;
extern const forge_list_t forge_store_progress_list; /* one's own; base args: the caller's id */
/* Made, or changed by the rules: completed and the best score stay. Completions and awards come with it. Row: id,
 * course_id, lesson_id, exercise_id, status, score, data, completed_at, version, created_at, updated_at.
 * FORGE_E_BAD_REFERENCE: the caller sees no such lesson or exercise. */
forge_status_t forge_store_progress_put(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                        const forge_progress_in_t *in, forge_rows_t **rows);
/* Row: courses (JSON), completed_exercises, points, streak_days. */
forge_status_t forge_store_progress_summary(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                            forge_rows_t **rows);

/* --- awards.c --- */

extern const forge_list_t forge_store_awards_list; /* of an account; base args: its id */
/* By hand. Row: achievement_id, user_id, awarded_by, awarded_at. *already: it was so before. FORGE_E_NOT_FOUND: no such
 * achievement; FORGE_E_BAD_REFERENCE: no such account, or not an active one. */
forge_status_t forge_store_award(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t achievement_id,
                                 apr_int64_t user_id, bool *already, forge_rows_t **rows);

#endif
