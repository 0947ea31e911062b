/* SPDX-License-Identifier: Apache-2.0
 * Private to config/: the kinds of directive values, with one reader each.
 */
#ifndef FORGE_CONFIG_KINDS_H
#define FORGE_CONFIG_KINDS_H

#include "table.h"

#include <apr_strings.h>

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

/* Every refusal has the same form and names what is accepted, so that nobody has to look it up. */
static inline const char *forge_config_refuse(const forge_setting_t *s, const char *word, const char *accepted)
{
    return apr_psprintf(s->p, "%s: '%s' is refused; accepted: %s", s->row->name, word, accepted);
}

/* --- upstreams.c --- */

#define FORGE_DISCOVER_FORM \
    "balancer://name " FORGE_SERVICE_FORM \
    " [interval=1s..1d] [drain=0s..1d] [scheme=http|https] [resolver=address[:port]] [loopback]"
#define FORGE_RETRY_FORM "off, or on [budget=0%..100%] [min=0/s..1000/s] [attempts=2..5] [idempotent]"
const char *forge_config_read_discover(const forge_setting_t *s);
const char *forge_config_read_retry(const forge_setting_t *s);

extern const forge_value_kind_t forge_config_kinds[FORGE_KINDS];

#endif
