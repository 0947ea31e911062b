/* SPDX-License-Identifier: Apache-2.0
 * Interface of store/operations: what keeps the database and those who run it well.
 */
#ifndef FORGE_STORE_OPERATIONS_H
#define FORGE_STORE_OPERATIONS_H

#include "store/store.h"

/* --- inspect.c: what forgectl check asks --- */

/* Row: server_version, server_number (150003), database, role, max_connections, connections, encoding, clock
 * (microseconds since the epoch). */
forge_status_t forge_store_inspect_server(forge_db_t *db, apr_pool_t *p, forge_rows_t **rows);
/* Row, when the role exists: super, strong (may create roles or databases, or passes row security), can_login, is_owner
 * (of the schema, or a member), owned (tables it owns), usage, creates (where it could: text, "" is good), missing and
 * excess (rights against forge.app_rights: text, NULL is good). */
forge_status_t forge_store_inspect_role(forge_db_t *db, apr_pool_t *p, const char *role, forge_rows_t **rows);

/* How many connections a child of httpd does best with on this host, and the variable that says so to its
 * configuration. */
#define FORGE_CONNECTIONS_VARIABLE "FORGE_DB_CONNECTIONS"
int forge_store_connections_usual(void);

/* --- idempotency.c --- */

#define FORGE_IDEMPOTENCY_HOURS 24 /* an answer is kept so long under its key */

typedef struct forge_stored_answer_t {
    int status;
    const char *headers_json, *body;
    apr_size_t body_len;
} forge_stored_answer_t;
typedef struct forge_idempotency_key_t {
    const char *scope, *key;
    const char *fingerprint; /* of the request; not asked when the answer is kept */
    const char *owner;       /* of a mark, a random name; NULL: none is ours */
} forge_idempotency_key_t;
/* Inside an open transaction: claims (scope, key). FORGE_OK with found=false: ours to execute; found=true: *answer is
 * what was said before. FORGE_E_IDEMPOTENCY_RUNNING when another transaction holds it (advisory try-lock) or has marked
 * it, FORGE_E_IDEMPOTENCY_MISMATCH when the fingerprint differs. */
forge_status_t forge_store_idempotency_claim(forge_db_t *db, apr_pool_t *p, const forge_idempotency_key_t *key,
                                             bool *found, forge_stored_answer_t *answer);
forge_status_t forge_store_idempotency_keep(forge_db_t *db, apr_pool_t *p, const forge_idempotency_key_t *key,
                                            const forge_stored_answer_t *answer);
/* Inside the transaction of a claim: marks the key as in use by `owner` for at most `life`, so that others are told
 * FORGE_E_IDEMPOTENCY_RUNNING after its commit too. A claim by the owner takes the key over. */
forge_status_t forge_store_idempotency_mark(forge_db_t *db, apr_pool_t *p, const forge_idempotency_key_t *key,
                                            apr_interval_time_t life);
forge_status_t forge_store_idempotency_unmark(forge_db_t *db, apr_pool_t *p, const forge_idempotency_key_t *key);
/* --- housekeeping.c --- */

/* Deletes keys past their time, ended sessions and spent tokens, in batches. */
forge_status_t forge_store_housekeeping(forge_db_t *db, apr_pool_t *p);

#endif
