/* SPDX-License-Identifier: Apache-2.0
 * Private to core/: what fields.c (objects, arrays, tables) and scalar.c (texts, numbers, times) share.
 */
#ifndef FORGE_CORE_FIELDS_H
#define FORGE_CORE_FIELDS_H

#include "core/core.h"

typedef enum slot_state_t { ABSENT, NONE /* sent as null */, SET } slot_state_t;

typedef struct slot_t {
    slot_state_t state;
    const char *text;
    apr_int64_t n;
    bool b;
    const forge_json_t *json;
} slot_t;

/* What one walk through a body carries along. */
typedef struct check_t {
    apr_pool_t *pool;
    forge_faults_t *faults;
    const char *pointer; /* of the value under scrutiny */
    bool ignored;        /* it is not kept: only U+0000 is refused in it */
    bool patch;          /* objects in it are patches too (RFC 7396); what an array has is always whole */
} check_t;

/* Notes a fault of the value under scrutiny; always false, so that a check can return it. */
bool forge_core_scalar_fault(const check_t *c, const char *code, const char *detail);

/* Each checks one value by its row and fills the slot; false when it was refused and faulted. */
bool forge_core_scalar_text(const check_t *c, const forge_field_t *f, slot_t *slot, const char *text, apr_size_t len);
bool forge_core_scalar_time(const check_t *c, slot_t *slot, const char *text, apr_size_t len);
bool forge_core_scalar_int(const check_t *c, const forge_field_t *f, slot_t *slot, apr_int64_t n);
bool forge_core_scalar_number(const check_t *c, const forge_field_t *f, slot_t *slot, const forge_json_t *v);
bool forge_core_scalar_bool(slot_t *slot, bool b);

#endif
