/* SPDX-License-Identifier: Apache-2.0
 * Private to config/: the kinds of values that directives take, one reader each.
 */
#ifndef FORGE_CONFIG_KINDS_H
#define FORGE_CONFIG_KINDS_H

#include "table.h"

/* One use of a directive. */
typedef struct forge_setting_t {
    apr_pool_t *p;
    const forge_directive_t *row;
    void *member;      /* apr_int64_t * or a pointer to a pointer, as the kind has it */
    const char *place; /* the <Location> it stands in; NULL: none */
    int n;
    char *const *words;
} forge_setting_t;

typedef struct forge_value_kind_t {
    const char *(*read)(const forge_setting_t *s); /* NULL, or the sentence that stops the start */
    bool number;
    int least, most;  /* words; most 0: any number */
    const char *form; /* the accepted form, for messages */
    const char *(*secret_in)(
        int i, const char *word); /* where a secret begins in word i, NULL: none there; NULL for kinds without */
} forge_value_kind_t;

extern const forge_value_kind_t forge_config_kinds[FORGE_KINDS];

#endif
