/* SPDX-License-Identifier: Apache-2.0
 * The paths that one request asks together (SPEC 11); included by wire.h.
 */
#ifndef FORGE_CORE_WIRE_PATHS_H
#define FORGE_CORE_WIRE_PATHS_H

#include "forge.h"

#define FORGE_AGGREGATE_MAX   8    /* paths of one request */
#define FORGE_AGGREGATE_PATH  2048 /* bytes of one of them */
#define FORGE_AGGREGATE_TEXT  8000 /* bytes of all of them */
#define FORGE_AGGREGATE_ROUTE "/aggregate"

typedef struct forge_paths_t {
    int count;
    const char *path[FORGE_AGGREGATE_MAX]; /* "/courses?limit=5" */
} forge_paths_t;
/* Reads "/users/me,/courses?limit=5", as it is after one decoding. A path begins with a slash, below the base path; it
 * has no empty segment, none of dots alone, and no escape. What is behind its first '?' is a query as it would be sent:
 * only there a '%' may stand, before two hex digits. False: *why says in lower case what is wrong, without quoting
 * it. */
bool forge_core_paths_read(apr_pool_t *p, const char *text, forge_paths_t *paths, const char **why);

#endif
