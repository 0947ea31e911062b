/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: bodies bound by a field table. The first byte chooses the mode; what is bound keeps its field's rules, and faults never hold
 * broken text.
 */
#include "core/wire/wire.h"
#include "fuzz.h"

static const forge_field_t item_fields[] = {
    {.name = "email", .type = FORGE_T_TEXT, .flags = FORGE_F_REQUIRED, .format = "email"},
    {.name = "n", .type = FORGE_T_INT, .min = 1, .max = 3, .preset = "2"},
    {.name = NULL},
};

static const forge_field_t fields[] = {
    {.name = "t", .type = FORGE_T_TEXT, .flags = FORGE_F_REQUIRED, .min = 1, .max = 5},
    {.name = "o", .type = FORGE_T_TEXT, .flags = FORGE_F_NULLABLE},
    {.name = "i", .type = FORGE_T_INT, .min = -3, .max = 3, .preset = "0"},
    {.name = "d", .type = FORGE_T_NUMBER, .max = 1},
    {.name = "b", .type = FORGE_T_BOOL},
    {.name = "w", .type = FORGE_T_TIME},
    {.name = "e", .type = FORGE_T_TEXT, .format = "enum:a|bb|ccc"},
    {.name = "m", .type = FORGE_T_TEXT, .format = "email"},
    {.name = "u", .type = FORGE_T_TEXT, .format = "username"},
    {.name = "p", .type = FORGE_T_TEXT, .format = "password"},
    {.name = "l", .type = FORGE_T_TEXT, .max = 200, .format = "uri"},
    {.name = "c", .type = FORGE_T_TEXT, .max = 200, .format = "line"},
    {.name = "f", .type = FORGE_T_OBJECT},
    {.name = "s", .type = FORGE_T_OBJECT, .fields = item_fields},
    {.name = "a", .type = FORGE_T_ARRAY, .max = 4, .fields = item_fields},
    {.name = "n", .type = FORGE_T_ARRAY, .format = "int"},
    {.name = "x", .type = FORGE_T_ARRAY, .format = "text"},
    {.name = NULL},
};

static void check_text(const forge_input_t *in, const forge_field_t *f)
{
    const char *text = forge_core_input_text(in, f->name);
    apr_size_t points;
    if (!text)
        return;
    FORGE_PROMISE(forge_util_utf8(text, strlen(text), &points));
    FORGE_PROMISE(f->type != FORGE_T_TEXT || !f->max || (apr_int64_t)points <= f->max);
    FORGE_PROMISE(!f->format || strcmp(f->format, "line") != 0 || forge_util_line(text));
    FORGE_PROMISE(!forge_core_input_null(in, f->name) && forge_core_input_has(in, f->name));
}

static void check_input(const forge_input_t *in, const forge_faults_t *faults)
{
    apr_time_t t;
    const char *when = forge_core_input_text(in, "w");
    apr_int64_t i = forge_core_input_int(in, "i", 0);
    for (const forge_field_t *f = fields; f->name; f++)
        check_text(in, f);
    FORGE_PROMISE(i >= -3 && i <= 3);
    FORGE_PROMISE(!when || forge_util_time_parse(when, strlen(when), &t));
    for (int n = 0; n < forge_core_faults_count(faults); n++) {
        const forge_fault_t *fault = forge_core_faults_at(faults, n);
        FORGE_PROMISE(forge_util_utf8(fault->pointer, strlen(fault->pointer), NULL) && *fault->code && *fault->detail);
    }
}

int forge_fuzz_input(const uint8_t *data, size_t size)
{
    apr_pool_t *p = forge_fuzz_pool();
    const char *why;
    forge_json_t *body = size ? forge_util_json_parse(p, (const char *)data + 1, size - 1, &why) : NULL;
    if (body) {
        forge_faults_t *faults = forge_core_faults_make(p);
        check_input(forge_core_input_json(p, fields, data[0] & 1 ? FORGE_INPUT_PATCH : FORGE_INPUT_CREATE, body, faults), faults);
    }
    apr_pool_destroy(p);
    return 0;
}
