/* SPDX-License-Identifier: Apache-2.0
 * Interface of store/analysis: files, analyses of them and of repositories, passages, questions (SPEC 9, 10).
 */
#ifndef FORGE_STORE_ANALYSIS_H
#define FORGE_STORE_ANALYSIS_H

#include "store/store.h"

/* --- files.c --- */

/* --- sessions.c: analyses as their accounts see them; their state is that of their jobs --- */

/* The list of an account's analyses, the latest first, without results; its argument is the account's number. Filters
 * kind and status. */
extern const forge_list_t forge_store_analyses_list;
/* One analysis as the API shows it, with its result. FORGE_E_NOT_FOUND: there is none, or it is somebody else's. */
forge_status_t forge_store_analysis_get(forge_db_t *db, apr_pool_t *p, apr_int64_t user, apr_int64_t id,
                                        forge_rows_t **rows);
/* Deletes it with all that was made of it, and cancels its job. FORGE_E_NOT_FOUND as above. */
forge_status_t forge_store_analysis_delete(forge_db_t *db, apr_pool_t *p, apr_int64_t user, apr_int64_t id);
/* How far it is, for those who watch: rows {id, event (progress, done, failed, cancelled), data (JSON), over}, of all
 * in `ids` ("{3,4}"), and of one that is the account's (FORGE_E_NOT_FOUND). */
forge_status_t forge_store_analyses_state(forge_db_t *db, apr_pool_t *p, const char *ids, forge_rows_t **rows);
forge_status_t forge_store_analysis_state(forge_db_t *db, apr_pool_t *p, apr_int64_t user, apr_int64_t id,
                                          forge_rows_t **rows);

/* --- passages.c --- */

/* --- messages.c --- */

#endif
