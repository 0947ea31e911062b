/* SPDX-License-Identifier: Apache-2.0
 * Rules that change the shape of JSON answers (ForgeTransform); included by wire.h.
 */
#ifndef FORGE_CORE_WIRE_TRANSFORM_H
#define FORGE_CORE_WIRE_TRANSFORM_H

#include "util/util.h"

#define FORGE_TRANSFORM_RULES 32                /* of one location */
#define FORGE_TRANSFORM_DEPTH 8                 /* members in one path */
#define FORGE_TRANSFORM_NAME  64                /* bytes of a member's name */
#define FORGE_TRANSFORM_BYTES (2 * 1024 * 1024) /* of an answer that is changed, before and after */
#define FORGE_TRANSFORM_FORM \
    "rename path name, drop path, wrap [path] name, unwrap path, problems, or off alone; a path is members parted by " \
    "dots (user.name), a name is 1 to 64 bytes without dots, quotes, backslashes, blanks and controls"

typedef enum forge_transform_verb_t {
    FORGE_TRANSFORM_RENAME,
    FORGE_TRANSFORM_DROP,
    FORGE_TRANSFORM_WRAP,
    FORGE_TRANSFORM_UNWRAP
} forge_transform_verb_t;
typedef struct forge_transform_rule_t {
    forge_transform_verb_t verb;
    int depth;                               /* 0: WRAP of the answer as a whole */
    const char *path[FORGE_TRANSFORM_DEPTH]; /* from the outside in */
    const char *name;                        /* of RENAME and WRAP */
} forge_transform_rule_t;
/* What a location says. */
typedef struct forge_transform_t {
    apr_array_header_t *rules; /* of forge_transform_rule_t; none: answers stay as they are */
    bool problems;             /* problem documents are changed too */
    const char *mark;          /* what the tags of changed answers end in: "-t0123456789abcdef" */
    apr_uint64_t hash;         /* of all lines */
} forge_transform_t;
/* Reads the words of one line. The word that makes them no rule, or all of them where their number does; NULL: none. */
const char *forge_core_transform_read(apr_pool_t *p, int n, char *const *words, forge_transform_rule_t *rule);
/* Applies all rules, each to what the one before has made. An array on the way stands for all its elements. All that no
 * rule names keeps its bytes. NULL: the text is no JSON, or too large before, in between or after. */
forge_buf_t *forge_core_transform(apr_pool_t *p, const apr_array_header_t *rules, const char *text, apr_size_t len);

#endif
