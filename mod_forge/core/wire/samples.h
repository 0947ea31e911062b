/* SPDX-License-Identifier: Apache-2.0
 * For the OpenAPI document alone: what it says of problems, and examples of what is not one JSON object.
 */
#ifndef FORGE_CORE_SAMPLES_H
#define FORGE_CORE_SAMPLES_H

#include "core/core.h"


extern const forge_field_t forge_core_problem_fields[];

/* The problem document of one row of errors.def; with the failing members only where the code names them (validation_failed). */
forge_json_t *forge_core_problem_example(apr_pool_t *p, const forge_error_t *error);

/* The first list among the fields as CSV: a header line with the names of its members and one line of their examples. */
const char *forge_core_csv_example(apr_pool_t *p, const forge_field_t *fields);

/* One value as a line of JSON with its line feed. */
const char *forge_core_line_example(apr_pool_t *p, const forge_json_t *value);

#endif
