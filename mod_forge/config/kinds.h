/* SPDX-License-Identifier: Apache-2.0
 * Private to config/: the kinds of directive values, with one reader each.
 */
#ifndef FORGE_CONFIG_KINDS_H
#define FORGE_CONFIG_KINDS_H

#include "table.h"

/* One use of a directive. */
typedef struct forge_setting_t {
    apr_pool_t *p;
    const forge_directive_t *row;
    void *member;      /* apr_int64_t * or a pointer to a pointer, depending on the kind */
    const char *place; /* the <Location> around it; NULL: none */
    int n;
    char *const *words;
} forge_setting_t;

typedef struct forge_value_kind_t {
    const char *(*read)(const forge_setting_t *s); /* NULL, or the message that stops the start */
    bool number;
    int least, most;  /* words; most 0: any number */
    const char *form; /* the accepted form, for messages */
    /* Where a secret begins in word i; NULL: that word has none. The function is NULL for kinds without secrets. */
    const char *(*secret_in)(int i, const char *word);
} forge_value_kind_t;

extern const forge_value_kind_t forge_config_kinds[FORGE_KINDS];

#endif
