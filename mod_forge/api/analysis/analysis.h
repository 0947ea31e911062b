/* SPDX-License-Identifier: Apache-2.0
 * Door of api/analysis: what its files share.
 */
#ifndef FORGE_API_ANALYSIS_H
#define FORGE_API_ANALYSIS_H

#include "api/shared.h"

/* --- sessions.c --- */

/* An analysis as forge_store_analysis_get gives it; whoever has one made answers it with 202. */
extern const forge_field_t forge_api_analysis_fields[];
extern const forge_shape_t forge_api_analysis;
extern const forge_next_t forge_api_analysis_next[];

/* Whose analyses the caller may see, for the statements of store/analysis: 0, those of all, for administrators. */
apr_int64_t forge_api_analysis_whose(const forge_req_t *q);
/* What an account has asked for: 202 with the session, or why not. */
forge_status_t forge_api_analysis_begun(forge_req_t *q, forge_status_t status, const forge_rows_t *rows);

#endif
