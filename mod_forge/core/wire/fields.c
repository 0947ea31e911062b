/* SPDX-License-Identifier: Apache-2.0
 * Validates a body or a query by its field table and keeps what was accepted: unlisted members never get further than
 * this file.
 */
#include "fields.h"
#include "wire.h"
#include "core/identity/identity.h"
#include <apr_strings.h>
#include <assert.h>
#include <string.h>

#define ITEMS              1000       /* items of an array whose field names no bound */
#define POINTER_NAME_BYTES 128        /* a member name of the client's own is shown up to this length */
#define MEMBERS_BYTES      (64 << 20) /* of what was read already: ForgeMaxBody is its bound */

struct forge_input_t {
    const forge_field_t *fields;
    slot_t *slots; /* one for each row of fields */
};

/* --- JSON values --- */

static void check_object(const check_t *c, const forge_field_t *fields, forge_input_mode_t mode,
                         const forge_json_t *body, slot_t *slots);
static bool clean(const check_t *c, const forge_json_t *v);
static bool holds_bad(const check_t *c, const forge_json_t *v);

/* RFC 6901 §3. A name too long to be shown leaves its parent's pointer. */
static const char *pointer_into(apr_pool_t *p, const char *pointer, const char *name)
{
    apr_size_t len = strlen(name);
    if (len > POINTER_NAME_BYTES)
        return pointer;
    char *escaped = apr_palloc(p, len * 2 + 1), *at = escaped;
    for (; *name; name++) {
        if (*name == '~' || *name == '/') {
            *at++ = '~';
            *at++ = *name == '~' ? '0' : '1';
        } else {
            *at++ = *name;
        }
    }
    *at = '\0';
    return apr_pstrcat(p, pointer, "/", escaped, NULL);
}

/* What no text may hold: U+0000 anywhere, and controls in what is taken. */
static const char *bad_text(const check_t *c, const char *text, apr_size_t len)
{
    if (memchr(text, 0, len))
        return "nul";
    return c->ignored || forge_util_printable(text, len) ? NULL : "control";
}

static bool clean_member(void *baton, const char *name, forge_json_t *value)
{
    check_t c = *(check_t *)baton;
    if (bad_text(&c, name, strlen(name)))
        return forge_core_scalar_fault(&c, "control", "names must not contain control characters");
    if (!holds_bad(&c, value))
        return true;
    c.pointer = pointer_into(c.pool, c.pointer, name);
    return clean(&c, value);
}

typedef struct found_t {
    const check_t *check;
    bool bad;
} found_t;

static bool look_at_member(void *baton, const char *name, forge_json_t *value)
{
    found_t *found = baton;
    found->bad = bad_text(found->check, name, strlen(name)) || holds_bad(found->check, value);
    return !found->bad;
}

/* Is there a bad text anywhere below? Asked before a pointer is made for each of perhaps half a million items. */
static bool holds_bad(const check_t *c, const forge_json_t *v)
{
    apr_size_t len;
    found_t found = {c, false};
    const char *text = forge_util_json_text(v, &len);
    if (text)
        return bad_text(c, text, len) != NULL;
    if (forge_util_json_type(v) == FORGE_JSON_OBJECT)
        forge_util_json_each(v, look_at_member, &found);
    for (apr_size_t i = 0; !found.bad && forge_util_json_type(v) == FORGE_JSON_ARRAY && i < forge_util_json_size(v);
         i++)
        found.bad = holds_bad(c, forge_util_json_at(v, i));
    return found.bad;
}

/* A value that is taken as it is, or not at all, must have no bad text anywhere: neither jsonb nor text can hold
 * U+0000.
 */
static bool clean(const check_t *c, const forge_json_t *v)
{
    int before = forge_core_faults_count(c->faults);
    apr_size_t len;
    const char *text = forge_util_json_text(v, &len), *bad = text ? bad_text(c, text, len) : NULL;
    if (bad)
        return forge_core_scalar_fault(c, bad,
                                       strcmp(bad, "nul") == 0
                                           ? "must not contain the character U+0000"
                                           : "must not contain control characters other than tab, CR and LF");
    if (forge_util_json_type(v) == FORGE_JSON_OBJECT)
        forge_util_json_each(v, clean_member, (void *)c);
    if (forge_util_json_type(v) != FORGE_JSON_ARRAY)
        return forge_core_faults_count(c->faults) == before;
    for (apr_size_t i = 0; i < forge_util_json_size(v); i++) {
        check_t item = *c;
        if (!holds_bad(c, forge_util_json_at(v, i)))
            continue;
        item.pointer = apr_psprintf(c->pool, "%s/%" APR_SIZE_T_FMT, c->pointer, i);
        if (!clean(&item, forge_util_json_at(v, i)))
            return false;
    }
    return forge_core_faults_count(c->faults) == before;
}

/* Members of nested objects are checked and then left in their JSON value. */
static bool check_members(const check_t *c, const forge_field_t *fields, const forge_json_t *v)
{
    int before = forge_core_faults_count(c->faults);
    slot_t *slots = apr_pcalloc(c->pool, sizeof(slot_t) * ((apr_size_t)forge_core_walk_count(fields) + 1));
    check_object(c, fields, c->patch ? FORGE_INPUT_PATCH : FORGE_INPUT_CREATE, v, slots);
    return forge_core_faults_count(c->faults) == before;
}

/* An item by the fields of its row, else by its format. Items without either are JSON of any kind. */
static bool check_item(const check_t *c, const forge_field_t *f, const forge_json_t *v)
{
    const forge_field_t text = {.type = FORGE_T_TEXT};
    slot_t slot;
    apr_size_t len;
    apr_int64_t n;
    if (f->fields) {
        if (forge_util_json_type(v) != FORGE_JSON_OBJECT)
            return forge_core_scalar_fault(c, "type", "must be an object");
        return check_members(c, f->fields, v);
    }
    if (f->format && strcmp(f->format, "int") == 0)
        return forge_util_json_int(v, &n) || forge_core_scalar_fault(c, "type", "must be a whole number");
    if (f->format && strcmp(f->format, "text") == 0) {
        const char *string = forge_util_json_text(v, &len);
        return string ? forge_core_scalar_text(c, &text, &slot, string, len)
                      : forge_core_scalar_fault(c, "type", "must be a string");
    }
    return clean(c, v);
}

/* All items are checked, even after the first bad one, so that all faults are told at once. */
static bool check_array(const check_t *c, const forge_field_t *f, const forge_json_t *v)
{
    apr_int64_t max = f->max ? f->max : ITEMS;
    apr_int64_t size = (apr_int64_t)forge_util_json_size(v);
    bool good = true;
    if (forge_util_json_type(v) != FORGE_JSON_ARRAY)
        return forge_core_scalar_fault(c, "type", "must be an array");
    if (size < f->min || size > max)
        return forge_core_scalar_fault(
            c, size < f->min ? "too_short" : "too_long",
            apr_psprintf(c->pool, "must have %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT " items", f->min, max));
    for (apr_int64_t i = 0; i < size; i++) {
        check_t item = *c;
        item.pointer = apr_psprintf(c->pool, "%s/%" APR_INT64_T_FMT, c->pointer, i);
        item.patch = false;
        good = check_item(&item, f, forge_util_json_at(v, (apr_size_t)i)) && good;
    }
    return good;
}

/* Fills the slot; false when the value was refused. */
static bool check_value(const check_t *c, const forge_field_t *f, slot_t *slot, const forge_json_t *v)
{
    apr_int64_t n;
    apr_size_t len;
    bool b;
    const char *text = forge_util_json_text(v, &len);
    slot->json = v;
    switch (f->type) {
    case FORGE_T_TEXT:
        return text ? forge_core_scalar_text(c, f, slot, text, len)
                    : forge_core_scalar_fault(c, "type", "must be a string");
    case FORGE_T_TIME:
        return text ? forge_core_scalar_time(c, slot, text, len)
                    : forge_core_scalar_fault(c, "type", "must be a string with a time");
    case FORGE_T_INT:
        return forge_util_json_int(v, &n) ? forge_core_scalar_int(c, f, slot, n)
                                          : forge_core_scalar_fault(c, "type", "must be a whole number");
    case FORGE_T_NUMBER:
        return forge_core_scalar_number(c, f, slot, v);
    case FORGE_T_BOOL:
        return forge_util_json_bool(v, &b) ? forge_core_scalar_bool(slot, b)
                                           : forge_core_scalar_fault(c, "type", "must be true or false");
    case FORGE_T_ARRAY:
        return check_array(c, f, v);
    case FORGE_T_OBJECT:
    case FORGE_T_ANY:     /* in answers only */
    case FORGE_T_INCLUDE: /* a walk never yields this row */
        break;
    }
    if (forge_util_json_type(v) != FORGE_JSON_OBJECT)
        return forge_core_scalar_fault(c, "type", "must be an object");
    return f->fields ? check_members(c, f->fields, v) : clean(c, v);
}

/* --- pairs of text --- */

/* A whole number as a body may write it too: "10", "10.0". Nothing stands around it. */
static bool whole_number(const check_t *c, const char *text, apr_size_t len, apr_int64_t *n)
{
    const char *why;
    if (forge_util_atoi(text, len, n))
        return true;
    forge_json_t *v = strspn(text, "-+.eE0123456789") == len ? forge_util_json_parse(c->pool, text, len, &why) : NULL;
    return v && forge_util_json_int(v, n);
}

/* The same from the text of a form or query, where everything is a string. */
static bool check_pair(const check_t *c, const forge_field_t *f, slot_t *slot, const char *text)
{
    const char *why;
    apr_int64_t n;
    apr_size_t len = strlen(text);
    switch (f->type) {
    case FORGE_T_TEXT:
        return forge_core_scalar_text(c, f, slot, text, len);
    case FORGE_T_TIME:
        return forge_core_scalar_time(c, slot, text, len);
    case FORGE_T_INT:
        return whole_number(c, text, len, &n) ? forge_core_scalar_int(c, f, slot, n)
                                              : forge_core_scalar_fault(c, "type", "must be a whole number");
    case FORGE_T_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return forge_core_scalar_fault(c, "type", "must be true or false");
        return forge_core_scalar_bool(slot, *text == 't');
    default:
        break;
    }
    forge_json_t *v = forge_util_json_parse(c->pool, text, len, &why);
    return v ? check_value(c, f, slot, v)
             : forge_core_scalar_fault(c, "type", f->type == FORGE_T_NUMBER ? "must be a number" : "must be JSON");
}

/* --- tables --- */

/* What holds for a member that was not sent. Presets come from our own tables and are as good as checked. */
static void check_absent(const check_t *c, const forge_field_t *f, forge_input_mode_t mode, slot_t *slot)
{
    if (mode == FORGE_INPUT_PATCH)
        return;
    if (f->preset)
        slot->state = check_pair(c, f, slot, f->preset) ? SET : ABSENT;
    else if (f->flags & FORGE_F_REQUIRED)
        forge_core_scalar_fault(c, "required",
                                mode == FORGE_INPUT_QUERY ? "this parameter is needed" : "this member is needed");
}

/* What holds for a member that was sent. In a PATCH null puts one that has a default back to it. */
static void check_sent(const check_t *c, const forge_field_t *f, forge_input_mode_t mode, slot_t *slot,
                       const forge_json_t *v)
{
    if (forge_util_json_type(v) != FORGE_JSON_NULL)
        slot->state = check_value(c, f, slot, v) ? SET : ABSENT;
    else if (f->flags & FORGE_F_NULLABLE || (mode == FORGE_INPUT_PATCH && f->flags & FORGE_F_RESETS))
        slot->state = NONE;
    else if (mode == FORGE_INPUT_PATCH && f->preset)
        slot->state = check_pair(c, f, slot, f->preset) ? SET : ABSENT;
    else
        forge_core_scalar_fault(c, "null", "must not be null");
}

typedef struct ignored_t {
    const check_t *check;
    const forge_field_t *fields;
} ignored_t;

/* Even what is ignored must be free of U+0000: a text that another reader cuts short there says two things at once. */
static bool check_ignored(void *baton, const char *name, forge_json_t *value)
{
    const ignored_t *ignored = baton;
    forge_field_t row;
    check_t c = *ignored->check;
    c.ignored = true;
    if ((forge_core_walk_find(ignored->fields, name, &row) < 0 || row.flags & FORGE_F_READONLY) &&
        holds_bad(&c, value)) {
        c.pointer = pointer_into(c.pool, c.pointer, name);
        clean(&c, value);
    }
    return true;
}

static void check_object(const check_t *c, const forge_field_t *fields, forge_input_mode_t mode,
                         const forge_json_t *body, slot_t *slots)
{
    ignored_t ignored = {c, fields};
    forge_walk_t walk = forge_core_walk(fields);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk)); slots++) {
        check_t member = *c;
        const forge_json_t *v = forge_util_json_get(body, f->name);
        if (f->flags & FORGE_F_READONLY)
            continue;
        member.pointer = apr_pstrcat(c->pool, c->pointer, "/", f->name, NULL);
        if (v)
            check_sent(&member, f, mode, slots, v);
        else
            check_absent(&member, f, mode, slots);
    }
    forge_util_json_each(body, check_ignored, &ignored);
}

/* --- only listed members get on, at any depth --- */

static void prune_items(forge_json_t *to, const forge_field_t *fields, const forge_json_t *array);

/* Copies the members that the table lists and a client may write. */
static void prune_members(forge_json_t *to, const forge_field_t *fields, const forge_json_t *object)
{
    forge_walk_t walk = forge_core_walk(fields);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));) {
        const forge_json_t *v = f->flags & FORGE_F_READONLY ? NULL : forge_util_json_get(object, f->name);
        if (v && f->fields && forge_util_json_type(v) == FORGE_JSON_OBJECT)
            prune_members(forge_util_json_put_object(to, f->name), f->fields, v);
        else if (v && f->fields && forge_util_json_type(v) == FORGE_JSON_ARRAY)
            prune_items(forge_util_json_put_array(to, f->name), f->fields, v);
        else if (v)
            forge_util_json_put_copy(to, f->name, v);
    }
}

static void prune_items(forge_json_t *to, const forge_field_t *fields, const forge_json_t *array)
{
    for (apr_size_t i = 0; i < forge_util_json_size(array); i++)
        prune_members(forge_util_json_add_object(to), fields, forge_util_json_at(array, i));
}

static void prune(apr_pool_t *p, forge_input_t *in)
{
    slot_t *slot = in->slots;
    forge_walk_t walk = forge_core_walk(in->fields);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk)); slot++) {
        const forge_json_t *v = slot->json;
        if (slot->state != SET || !f->fields)
            continue;
        forge_json_t *kept = f->type == FORGE_T_ARRAY ? forge_util_json_array(p) : forge_util_json_object(p);
        if (f->type == FORGE_T_ARRAY)
            prune_items(kept, f->fields, v);
        else
            prune_members(kept, f->fields, v);
        slot->json = kept;
    }
}

static forge_input_t *input_make(apr_pool_t *p, const forge_field_t *fields)
{
    forge_input_t *in = apr_palloc(p, sizeof(*in));
    in->fields = fields;
    in->slots = apr_pcalloc(p, sizeof(slot_t) * ((apr_size_t)forge_core_walk_count(fields) + 1));
    return in;
}

forge_input_t *forge_core_input_json(apr_pool_t *p, const forge_field_t *fields, forge_input_mode_t mode,
                                     const forge_json_t *body, forge_faults_t *faults)
{
    forge_input_t *in = input_make(p, fields);
    const check_t c = {p, faults, "", false, mode == FORGE_INPUT_PATCH};
    if (forge_util_json_type(body) != FORGE_JSON_OBJECT) {
        forge_core_scalar_fault(&c, "type", "must be an object");
        return in;
    }
    check_object(&c, fields, mode, body, in->slots);
    prune(p, in);
    return in;
}

/* The one value of a name; apr_table_get would not tell "Limit" from "limit". *times says how often it is there. */
static const char *pair_get(const apr_table_t *pairs, const char *name, int *times)
{
    const apr_array_header_t *elts = apr_table_elts(pairs);
    const char *text = NULL;
    *times = 0;
    for (int i = 0; i < elts->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(elts, i, apr_table_entry_t).key, name) != 0)
            continue;
        text = APR_ARRAY_IDX(elts, i, apr_table_entry_t).val;
        (*times)++;
    }
    return text;
}

/* "?q=" is what a form with an empty field sends, and blanks alone search for nothing either. */
static bool left_empty(apr_pool_t *p, const forge_field_t *f, const char *text)
{
    bool searches = f->format && strcmp(f->format, "search") == 0;
    return searches ? !*forge_core_trimmed(p, text, strlen(text)) : !*text;
}

forge_input_t *forge_core_input_pairs(apr_pool_t *p, const forge_field_t *fields, forge_input_mode_t mode,
                                      const apr_table_t *pairs, forge_faults_t *faults)
{
    forge_input_t *in = input_make(p, fields);
    slot_t *slot = in->slots;
    forge_walk_t walk = forge_core_walk(fields);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk)); slot++) {
        int times;
        const char *text = pair_get(pairs, f->name, &times);
        const check_t c = {p, faults, apr_pstrcat(p, mode == FORGE_INPUT_QUERY ? "?" : "/", f->name, NULL), false,
                           mode == FORGE_INPUT_PATCH};
        if (f->flags & FORGE_F_READONLY)
            continue;
        if (times > 1)
            forge_core_scalar_fault(&c, "duplicate", "must be given once");
        else if (text && (mode != FORGE_INPUT_QUERY || !left_empty(p, f, text)))
            slot->state = check_pair(&c, f, slot, text) ? SET : ABSENT;
        else
            check_absent(&c, f, mode, slot);
    }
    prune(p, in);
    return in;
}

/* --- reading --- */

/* A name that is in no table is a slip of ours; without asserts it reads as absent. */
static const slot_t *slot_of(const forge_input_t *in, const char *name)
{
    static const slot_t absent;
    int i = forge_core_walk_find(in->fields, name, NULL);
    assert(i >= 0);
    return i >= 0 ? &in->slots[i] : &absent;
}

bool forge_core_input_has(const forge_input_t *in, const char *name)
{
    return slot_of(in, name)->state != ABSENT;
}

bool forge_core_input_null(const forge_input_t *in, const char *name)
{
    return slot_of(in, name)->state == NONE;
}

const char *forge_core_input_text(const forge_input_t *in, const char *name)
{
    const slot_t *slot = slot_of(in, name);
    return slot->state == SET ? slot->text : NULL;
}

apr_int64_t forge_core_input_int(const forge_input_t *in, const char *name, apr_int64_t otherwise)
{
    const slot_t *slot = slot_of(in, name);
    return slot->state == SET ? slot->n : otherwise;
}

bool forge_core_input_bool(const forge_input_t *in, const char *name, bool otherwise)
{
    const slot_t *slot = slot_of(in, name);
    return slot->state == SET ? slot->b : otherwise;
}

const forge_json_t *forge_core_input_json_value(const forge_input_t *in, const char *name)
{
    const slot_t *slot = slot_of(in, name);
    forge_json_type_t type = forge_util_json_type(slot->json);
    return slot->state == SET && (type == FORGE_JSON_OBJECT || type == FORGE_JSON_ARRAY) ? slot->json : NULL;
}

/* A slot as the JSON that was sent; a BOOL that came in a form is one here too. */
static void put_slot(forge_json_t *members, const forge_field_t *field, const slot_t *slot, bool whole)
{
    if (slot->state == NONE || (slot->state == ABSENT && whole))
        forge_util_json_put_null(members, field->name);
    else if (slot->state == SET && field->type == FORGE_T_BOOL)
        forge_util_json_put_bool(members, field->name, slot->b);
    else if (slot->state == SET && field->type == FORGE_T_INT)
        forge_util_json_put_int(members, field->name, slot->n);
    else if (slot->state == SET && (field->type == FORGE_T_ARRAY || field->type == FORGE_T_OBJECT))
        forge_util_json_put_copy(members, field->name, slot->json);
    else if (slot->state == SET && slot->text)
        forge_util_json_put_text(members, field->name, slot->text);
}

const char *forge_core_input_members(apr_pool_t *p, const forge_input_t *in, const char *const *names, bool whole)
{
    forge_json_t *members = forge_util_json_object(p);
    for (; *names; names++) {
        forge_field_t field;
        int i = forge_core_walk_find(in->fields, *names, &field);
        if (i >= 0)
            put_slot(members, &field, &in->slots[i], whole);
    }
    forge_buf_t *b = forge_util_buf_make(p, 256, MEMBERS_BYTES);
    forge_util_json_write(b, members);
    return apr_pstrmemdup(p, b->data, b->len);
}
