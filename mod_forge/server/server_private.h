/* SPDX-License-Identifier: Apache-2.0
 * What the files of server/ share among themselves.
 */
#ifndef FORGE_SERVER_PRIVATE_H
#define FORGE_SERVER_PRIVATE_H

#include "server.h"
#include "store/store.h"

/* --- lease.c --- */

struct forge_pool_t *forge_server_pool_make(apr_pool_t *p, struct server_rec *s, int size);
/* Servers with the same text share one pool of mod_dbd's, and so need one gate before it. */
const char *forge_server_pool_identity(apr_pool_t *p, struct server_rec *s);

/* --- effects.c --- */

/* Of everything a connection has committed. */
void forge_server_effects_apply(const forge_server_t *server, const forge_effects_t *effects);

/* --- limit.c --- */

/* For a credential that costs a look into the database before anybody is counted: FORGE_OK while the address has quota left in class
 * default, else what forge_server_limit says. Takes nothing from it, unless the request would not be `counted` there later. */
forge_status_t forge_server_limit_peek(struct request_rec *r, const forge_server_t *server, bool counted);

/* --- log.c: logs of one JSON line an event --- */

#define FORGE_LOG_LINE_MAX 4096 /* PIPE_BUF on Linux: longer writes to a pipe may be mixed with those of others */
/* Opened in the parent; virtual hosts and directives that name the same one share it. NULL, and a line in the error log, when it cannot be
 * opened. */
struct forge_log_t *forge_server_log_open(apr_pool_t *p, struct server_rec *s, const char *directive, const char *name);
/* One line, its end included, at once; a failure is told once a minute. */
void forge_server_log_write(const struct forge_log_t *log, struct server_rec *s, const forge_buf_t *line);

/* --- audit_log.c --- */

/* The table is written by the statements themselves; this is ForgeAuditLog. */
void forge_server_audit_write(const forge_server_t *server, const forge_effects_t *effects);

#endif
