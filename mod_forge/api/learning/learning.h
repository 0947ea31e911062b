/* SPDX-License-Identifier: Apache-2.0
 * Interface of api/learning: what its files share.
 */
#ifndef FORGE_API_LEARNING_H
#define FORGE_API_LEARNING_H

#include "api/shared.h"
#include "store/learning/learning.h"

/* The members of a course: courses.c. */
extern const forge_shape_t forge_api_course;
/* Whether this site lets the caller create courses at all: FORGE_E_FORBIDDEN. */
forge_status_t forge_api_course_may_create(forge_req_t *q);

/* What authors write, without what belongs to one site (numbers, people, dates): these rows are part of the tables of
 * the single calls and of a bundle. */
extern const forge_field_t forge_api_course_texts[];
extern const forge_field_t forge_api_module_texts[];
extern const forge_field_t forge_api_lesson_texts[];
extern const forge_field_t forge_api_lesson_content[];
extern const forge_field_t forge_api_exercise_texts[];
extern const forge_field_t forge_api_exercise_parts[];
extern const forge_field_t forge_api_exercise_solution[];
extern const forge_field_t forge_api_assignment_texts[];
extern const forge_field_t forge_api_assignment_points[];

/* --- modules.c --- */

/* The address of a resource of the course in the path: "/api/v1/courses/7/modules". */
const char *forge_api_course_path(forge_req_t *q, const char *name);
/* Answers a list whose arguments are caller, administrator and course (and module, where the path names one). An empty
 * page asks why: FORGE_E_NOT_FOUND where the caller does not see the course or the module. */
forge_status_t forge_api_course_list(forge_req_t *q, const forge_list_t *list);
/* Also for .again: does the caller still see the course of the path, and own it? FORGE_E_NOT_FOUND, FORGE_E_NOT_OWNER.
 */
forge_status_t forge_api_course_owned(forge_req_t *q);

#endif
