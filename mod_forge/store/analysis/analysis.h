/* SPDX-License-Identifier: Apache-2.0
 * Interface of store/analysis: files, analyses of them and of repositories, passages, questions (SPEC 9, 10).
 */
#ifndef FORGE_STORE_ANALYSIS_H
#define FORGE_STORE_ANALYSIS_H

#include "store/store.h"

/* --- files.c --- */

extern const forge_list_t forge_store_files_list; /* $1 account */

/* The bytes of a file that is to be stored: `len` of them from `at` on; false when they cannot be read. */
typedef bool (*forge_file_read_fn)(void *baton, apr_int64_t at, void *to, apr_size_t len);
typedef struct forge_file_new_t {
    const char *filename, *content_type;
    apr_int64_t size;
    unsigned char sha256[32]; /* of the bytes */
    forge_file_read_fn read;
    void *baton;
} forge_file_new_t;
/* Stores a file of the caller's: bytes, row and quota in one transaction (within the caller's, if there is one). The
 * same bytes are one file: then *made is false and the row is that of the first. FORGE_E_QUOTA_EXCEEDED,
 * FORGE_E_INVALID_TOKEN (the account is gone), FORGE_E_CONFLICT (the same file was deleted in this moment). */
forge_status_t forge_store_file_add(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                    const forge_file_new_t *file, bool *made, forge_rows_t **rows);
/* For its owner and administrators, else FORGE_E_NOT_FOUND. */
forge_status_t forge_store_file_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                    forge_rows_t **rows);
/* Its bytes go with it. FORGE_E_PRECONDITION_FAILED as with a forge_patch_t. */
forge_status_t forge_store_file_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                       const char *if_version);

typedef struct forge_file_span_t {
    apr_int64_t from, length;
} forge_file_span_t;
typedef struct forge_file_bytes_t {
    const char *data;
    apr_size_t len;
} forge_file_bytes_t;
/* The first bytes of a span that lies within the file, at most 256 KiB of them, whoever asks; they live as long as p.
 * FORGE_E_NOT_FOUND when the file is gone. */
forge_status_t forge_store_file_piece(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_file_span_t span,
                                      forge_file_bytes_t *bytes);

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
