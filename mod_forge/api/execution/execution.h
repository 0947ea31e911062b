/* SPDX-License-Identifier: Apache-2.0
 * Door of api/execution: what routes that have programs run share (SPEC 7).
 */
#ifndef FORGE_API_EXECUTION_H
#define FORGE_API_EXECUTION_H

#include "api/shared.h"

/* --- limits.c: what a run may use --- */

extern const forge_field_t forge_api_run_limit_fields[]; /* members of "limits", in bodies and answers */

/* What the caller's runs may use at most: ForgeExecLimits, and half of it for a guest. */
forge_run_limits_t forge_api_run_ceilings(const forge_req_t *q);
/* Lowers *limits to what `wanted` says, a JSON object of forge_api_run_limit_fields or NULL. Members that ask for more
 * are added to q->faults under `pointer`. */
void forge_api_run_limits_lower(forge_req_t *q, const forge_json_t *wanted, const char *pointer,
                                forge_run_limits_t *limits);
/* Whether this server runs programs of that language; else a fault of `pointer`. */
bool forge_api_run_language(forge_req_t *q, const char *language, const char *pointer);

/* --- result.c: how a run ended, as JSON --- */

extern const forge_field_t forge_api_run_result_fields[];
/* Appends the object of forge_api_run_result_fields. */
void forge_api_run_result_write(forge_buf_t *b, const forge_run_result_t *result);

#endif
