/* SPDX-License-Identifier: Apache-2.0
 * jansson values that belong to a pool from their creation: a strict reader, small builders and a writer.
 */
#include "util.h"
#include <apr_strings.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTAINERS_MAX \
    20000 /* objects and arrays of one text: jansson needs 300 bytes for an empty one that took two */
#define NUMBER_BYTES_MAX 512 /* characters of one number; a longer one only costs time */

static json_t *in(forge_json_t *v)
{
    return (json_t *)v;
}

static const json_t *in_const(const forge_json_t *v)
{
    return (const json_t *)v;
}

static forge_json_t *out(json_t *v)
{
    return (forge_json_t *)v;
}

static apr_status_t root_free(void *root)
{
    json_decref(root);
    return APR_SUCCESS;
}

static forge_json_t *root_adopt(apr_pool_t *p, json_t *root)
{
    if (root)
        apr_pool_cleanup_register(p, root, root_free, apr_pool_cleanup_null);
    return out(root);
}

/* --- the scan before parsing: jansson itself would accept 2048 levels and any number of members --- */

typedef struct scan_t {
    const char *data;
    apr_size_t len, at;
    int depth, containers;
    struct {
        bool object;
        int commas;
    } levels[FORGE_JSON_DEPTH_MAX];
} scan_t;

/* Leaves `at` on the closing quote. jansson refuses an unclosed string later. */
static void scan_string(scan_t *s)
{
    for (s->at++; s->at < s->len && s->data[s->at] != '"'; s->at++)
        if (s->data[s->at] == '\\')
            s->at++;
}

static bool scan_number(scan_t *s)
{
    apr_size_t start = s->at;
    while (s->at + 1 < s->len && strchr("0123456789+-.eE", s->data[s->at + 1]))
        s->at++;
    return s->at - start < NUMBER_BYTES_MAX;
}

/* NULL, or the limit that is exceeded, with `at` on that place. Zero bytes are refused here, because jansson ignores
 * one after a number. */
static const char *scan(scan_t *s)
{
    const char *zero = s->len ? memchr(s->data, 0, s->len) : NULL;
    if (zero) {
        s->at = (apr_size_t)(zero - s->data);
        return "a zero byte";
    }
    for (; s->at < s->len; s->at++) {
        char c = s->data[s->at];
        if (c == '"') {
            scan_string(s);
        } else if (c == '{' || c == '[') {
            if (s->depth == FORGE_JSON_DEPTH_MAX)
                return "nested too deep";
            if (s->containers++ == CONTAINERS_MAX)
                return "too many objects and arrays";
            s->levels[s->depth].object = c == '{';
            s->levels[s->depth++].commas = 0;
        } else if ((c == '}' || c == ']') && s->depth) {
            s->depth--;
        } else if (c == ',' && s->depth) {
            if (++s->levels[s->depth - 1].commas >= FORGE_JSON_MEMBERS_MAX && s->levels[s->depth - 1].object)
                return "too many members in one object";
        } else if ((c >= '0' && c <= '9') || c == '-') {
            if (!scan_number(s))
                return "a number too long";
        }
    }
    return NULL;
}

static const char *place(apr_pool_t *p, const char *what, const char *data, apr_size_t at)
{
    int line = 1, column = 1;
    for (apr_size_t i = 0; i < at; i++) {
        column = data[i] == '\n' ? 1 : column + 1;
        line += data[i] == '\n';
    }
    return apr_psprintf(p, "%s, at line %d, column %d", what, line, column);
}

/* Our own phrase for each of jansson's codes, because jansson's messages quote the input. */
static const char *reason(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_out_of_memory:
        return "out of memory";
    case json_error_stack_overflow:
        return "nested too deep";
    case json_error_invalid_utf8:
        return "text that is not UTF-8";
    case json_error_premature_end_of_input:
        return "the text ends too early";
    case json_error_end_of_input_expected:
        return "something follows after the value";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a member name with the character U+0000";
    case json_error_duplicate_key:
        return "a member name that is there twice";
    case json_error_numeric_overflow:
        return "a number out of range";
    default:
        return "not well-formed";
    }
}

forge_json_t *forge_util_json_parse(apr_pool_t *p, const char *data, apr_size_t len, const char **why)
{
    scan_t s = {.data = data, .len = len};
    const char *what = scan(&s);
    json_error_t error;
    if (what) {
        *why = place(p, what, data, s.at);
        return NULL;
    }
    json_t *root = json_loadb(len ? data : "", len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!root) {
        apr_size_t at = error.position > 0 ? (apr_size_t)error.position : 0;
        *why = place(p, reason(&error), data, at < len ? at : len);
        return NULL;
    }
    return root_adopt(p, root);
}

/* --- reading --- */

forge_json_type_t forge_util_json_type(const forge_json_t *v)
{
    switch (v ? json_typeof(in_const(v)) : JSON_NULL) {
    case JSON_TRUE:
    case JSON_FALSE:
        return FORGE_JSON_BOOL;
    case JSON_INTEGER:
        return FORGE_JSON_INT;
    case JSON_REAL:
        return FORGE_JSON_NUMBER;
    case JSON_STRING:
        return FORGE_JSON_TEXT;
    case JSON_ARRAY:
        return FORGE_JSON_ARRAY;
    case JSON_OBJECT:
        return FORGE_JSON_OBJECT;
    default:
        return FORGE_JSON_NULL;
    }
}

forge_json_t *forge_util_json_get(const forge_json_t *object, const char *name)
{
    return out(json_object_get(in_const(object), name));
}

const char *forge_util_json_text(const forge_json_t *v, apr_size_t *len)
{
    if (len)
        *len = json_string_length(in_const(v));
    return json_string_value(in_const(v));
}

/* 1.0 is an integer (JSON Schema, core §4.2.3), as long as a double holds every one of its size: up to 2^53. */
static bool whole(double value)
{
    const double most = 9007199254740992.0;
    return value >= -most && value <= most && value == (double)(apr_int64_t)value;
}

bool forge_util_json_int(const forge_json_t *v, apr_int64_t *n)
{
    if (json_is_integer(in_const(v)))
        *n = json_integer_value(in_const(v));
    else if (json_is_real(in_const(v)) && whole(json_real_value(in_const(v))))
        *n = (apr_int64_t)json_real_value(in_const(v));
    else
        return false;
    return true;
}

bool forge_util_json_number(const forge_json_t *v, double *n)
{
    if (!json_is_number(in_const(v)))
        return false;
    *n = json_number_value(in_const(v));
    return true;
}

bool forge_util_json_bool(const forge_json_t *v, bool *b)
{
    if (!json_is_boolean(in_const(v)))
        return false;
    *b = json_is_true(in_const(v));
    return true;
}

apr_size_t forge_util_json_size(const forge_json_t *v)
{
    return json_is_array(in_const(v)) ? json_array_size(in_const(v)) : json_object_size(in_const(v));
}

forge_json_t *forge_util_json_at(const forge_json_t *array, apr_size_t i)
{
    return out(json_array_get(in_const(array), i));
}

void forge_util_json_each(const forge_json_t *object, bool (*fn)(void *baton, const char *name, forge_json_t *value),
                          void *baton)
{
    json_t *o = (json_t *)object; /* iterators are not const in jansson, though nothing changes */
    for (void *at = json_object_iter(o); at; at = json_object_iter_next(o, at))
        if (!fn(baton, json_object_iter_key(at), out(json_object_iter_value(at))))
            return;
}

/* --- building: text is put unchecked; the writer makes it well-formed --- */

forge_json_t *forge_util_json_object(apr_pool_t *p)
{
    return root_adopt(p, json_object());
}

forge_json_t *forge_util_json_array(apr_pool_t *p)
{
    return root_adopt(p, json_array());
}

static json_t *text_make(const char *text)
{
    return text ? json_string_nocheck(text) : json_null();
}

/* Takes the reference even if it fails; leaves out a value that could not be created. */
static forge_json_t *put(forge_json_t *object, const char *name, json_t *value)
{
    return json_object_set_new_nocheck(in(object), name, value) ? NULL : out(value);
}

static forge_json_t *append(forge_json_t *array, json_t *value)
{
    return json_array_append_new(in(array), value) ? NULL : out(value);
}

void forge_util_json_put_text(forge_json_t *object, const char *name, const char *text)
{
    put(object, name, text_make(text));
}

void forge_util_json_put_int(forge_json_t *object, const char *name, apr_int64_t n)
{
    put(object, name, json_integer(n));
}

/* JSON has no infinities and no NaN: they become null. */
void forge_util_json_put_number(forge_json_t *object, const char *name, double n)
{
    put(object, name, isfinite(n) ? json_real(n) : json_null());
}

void forge_util_json_put_bool(forge_json_t *object, const char *name, bool b)
{
    put(object, name, json_boolean(b));
}

void forge_util_json_put_null(forge_json_t *object, const char *name)
{
    put(object, name, json_null());
}

forge_json_t *forge_util_json_put_object(forge_json_t *object, const char *name)
{
    return put(object, name, json_object());
}

forge_json_t *forge_util_json_put_array(forge_json_t *object, const char *name)
{
    return put(object, name, json_array());
}

void forge_util_json_put_copy(forge_json_t *object, const char *name, const forge_json_t *value)
{
    put(object, name, json_deep_copy(in_const(value)));
}

void forge_util_json_put_literal(forge_json_t *object, const char *name, const char *json)
{
    json_t *value = json ? json_loads(json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL) : json_null();
    put(object, name, value ? value : text_make(json));
}

void forge_util_json_add_text(forge_json_t *array, const char *text)
{
    append(array, text_make(text));
}

void forge_util_json_add_number(forge_json_t *array, double n)
{
    append(array, isfinite(n) ? json_real(n) : json_null());
}

forge_json_t *forge_util_json_add_object(forge_json_t *array)
{
    return append(array, json_object());
}

void forge_util_json_add_copy(forge_json_t *array, const forge_json_t *value)
{
    append(array, json_deep_copy(in_const(value)));
}

/* --- writing --- */

/* Uses the shortest of three precisions that reads back the same. Replaces a locale's comma; ".0" marks a whole number
 * as fractional. */
static void write_real(forge_buf_t *b, double n)
{
    char text[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, n);
        if (strtod(text, NULL) == n)
            break;
    }
    bool whole = true;
    for (char *c = text; *c; c++) {
        if (*c == ',')
            *c = '.';
        whole = whole && *c != '.' && *c != 'e';
    }
    forge_util_buf_puts(b, text);
    if (whole)
        forge_util_buf_puts(b, ".0");
}

static void write_value(forge_buf_t *b, const json_t *v);

static void write_array(forge_buf_t *b, const json_t *v)
{
    forge_util_buf_add(b, "[", 1);
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (i)
            forge_util_buf_add(b, ",", 1);
        write_value(b, json_array_get(v, i));
    }
    forge_util_buf_add(b, "]", 1);
}

static void write_object(forge_buf_t *b, json_t *v)
{
    forge_util_buf_add(b, "{", 1);
    bool first = true;
    for (void *at = json_object_iter(v); at; at = json_object_iter_next(v, at)) {
        if (!first)
            forge_util_buf_add(b, ",", 1);
        first = false;
        forge_util_buf_json(b, json_object_iter_key(at), json_object_iter_key_len(at));
        forge_util_buf_add(b, ":", 1);
        write_value(b, json_object_iter_value(at));
    }
    forge_util_buf_add(b, "}", 1);
}

/* The depth of the recursion is limited by the reader, or by the code that built the value. */
static void write_value(forge_buf_t *b, const json_t *v)
{
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_OBJECT:
        write_object(b, (json_t *)v);
        break;
    case JSON_ARRAY:
        write_array(b, v);
        break;
    case JSON_STRING:
        forge_util_buf_json(b, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        forge_util_buf_int(b, json_integer_value(v));
        break;
    case JSON_REAL:
        write_real(b, json_real_value(v));
        break;
    case JSON_TRUE:
        forge_util_buf_puts(b, "true");
        break;
    case JSON_FALSE:
        forge_util_buf_puts(b, "false");
        break;
    default:
        forge_util_buf_puts(b, "null");
        break;
    }
}

void forge_util_json_write(forge_buf_t *b, const forge_json_t *v)
{
    write_value(b, in_const(v));
}

/* Zero asks jansson for a random seed. */
void forge_util_json_init(void)
{
    json_object_seed(0);
}
