/* SPDX-License-Identifier: Apache-2.0
 * Field tables as JSON Schema 2020-12 and as examples, the schema of problems, and the translation of schemas into the
 * older dialect of OpenAPI 3.0.
 */
#include "wire.h"
#include <apr_strings.h>
#include <string.h>

/* The values of these types stand in tables as they are, those of all others as JSON. */
static bool plain_text(const forge_field_t *f)
{
    return f->type == FORGE_T_TEXT || f->type == FORGE_T_TIME;
}

/* A preset or an example as a member of an object. */
static void put_value(forge_json_t *object, const char *name, const forge_field_t *f, const char *value)
{
    if (plain_text(f))
        forge_util_json_put_text(object, name, value);
    else
        forge_util_json_put_literal(object, name, value);
}

static void put_type(forge_json_t *schema, const char *type, bool nullable)
{
    if (!nullable) {
        forge_util_json_put_text(schema, "type", type);
        return;
    }
    forge_json_t *types = forge_util_json_put_array(schema, "type");
    forge_util_json_add_text(types, type);
    forge_util_json_add_text(types, "null");
}

static void put_enum(apr_pool_t *p, forge_json_t *schema, const char *list, bool nullable)
{
    forge_json_t *values = forge_util_json_put_array(schema, "enum");
    char *state, *copy = apr_pstrdup(p, list);
    for (char *value = apr_strtok(copy, "|", &state); value; value = apr_strtok(NULL, "|", &state))
        forge_util_json_add_text(values, value);
    if (nullable)
        forge_util_json_add_text(values, NULL);
}

static void put_text(apr_pool_t *p, forge_json_t *schema, const forge_field_t *f, bool nullable)
{
    const char *format = f->format ? f->format : "";
    put_type(schema, "string", nullable);
    if (strncmp(format, "enum:", 5) == 0) {
        put_enum(p, schema, format + 5, nullable);
        return;
    }
    if (strcmp(format, "username") == 0)
        forge_util_json_put_text(schema, "pattern", "^[A-Za-z0-9_]+$");
    else if (strcmp(format, "line") == 0)
        forge_util_json_put_text(schema, "pattern", "^[^\\u0000-\\u001f\\u007f]*$");
    else if (*format && strcmp(format, "search") != 0)
        forge_util_json_put_text(schema, "format", format);
    if (strcmp(format, "binary") == 0) /* as 2020-12 says it; the older dialect knows `format` alone */
        forge_util_json_put_text(schema, "contentMediaType", "application/octet-stream");
    if (f->min > 0)
        forge_util_json_put_int(schema, "minLength", f->min);
    if (f->max > 0)
        forge_util_json_put_int(schema, "maxLength", f->max);
}

/* Answers are not checked against bounds that their table leaves open. */
static void put_bounds(forge_json_t *schema, const forge_field_t *f, bool for_body)
{
    if (for_body || f->min || f->max)
        forge_util_json_put_int(schema, "minimum", f->min);
    if (f->max)
        forge_util_json_put_int(schema, "maximum", f->max);
}

static void put_members(apr_pool_t *p, forge_json_t *schema, const forge_field_t *fields, bool for_body,
                        bool all_optional);

static void put_items(apr_pool_t *p, forge_json_t *schema, const forge_field_t *f, bool for_body)
{
    forge_json_t *items = forge_util_json_put_object(schema, "items");
    if (f->fields) {
        put_type(items, "object", false);
        put_members(p, items, f->fields, for_body, false);
    } else if (f->format && strcmp(f->format, "int") == 0) {
        put_type(items, "integer", false);
        forge_util_json_put_text(items, "format", "int64");
    } else if (f->format && strcmp(f->format, "text") == 0) {
        put_type(items, "string", false);
    } else if (f->format && strcmp(f->format, "figure") == 0) {
        put_type(items, "number", true);
    }
    if (f->min > 0)
        forge_util_json_put_int(schema, "minItems", f->min);
    if (f->max > 0)
        forge_util_json_put_int(schema, "maxItems", f->max);
}

/* The keywords that follow from the type. */
static void put_kind(apr_pool_t *p, forge_json_t *schema, const forge_field_t *f, bool for_body)
{
    bool nullable = f->flags & FORGE_F_NULLABLE;
    switch (f->type) {
    case FORGE_T_TEXT:
        put_text(p, schema, f, nullable);
        break;
    case FORGE_T_TIME:
        put_type(schema, "string", nullable);
        forge_util_json_put_text(schema, "format", "date-time");
        break;
    case FORGE_T_INT:
        put_type(schema, "integer", nullable);
        forge_util_json_put_text(schema, "format", "int64");
        put_bounds(schema, f, for_body);
        break;
    case FORGE_T_NUMBER:
        put_type(schema, "number", nullable);
        put_bounds(schema, f, for_body);
        break;
    case FORGE_T_BOOL:
        put_type(schema, "boolean", nullable);
        break;
    case FORGE_T_OBJECT:
        put_type(schema, "object", nullable);
        if (f->fields)
            put_members(p, schema, f->fields, for_body, false);
        break;
    case FORGE_T_ARRAY:
        put_type(schema, "array", nullable);
        put_items(p, schema, f, for_body);
        break;
    case FORGE_T_ANY: /* whatever is JSON: a schema without a type */
        break;
    case FORGE_T_INCLUDE: /* a walk never yields this row */
        break;
    }
}

/* What a row has as its example; a member that may be null and has neither example nor default is shown as null. */
static void put_examples(apr_pool_t *p, forge_json_t *schema, const forge_field_t *f)
{
    if (!f->example && (f->preset || !(f->flags & FORGE_F_NULLABLE)))
        return;
    forge_json_t *one = forge_util_json_object(p);
    if (f->example)
        put_value(one, "v", f, f->example);
    else
        forge_util_json_put_null(one, "v");
    forge_util_json_add_copy(forge_util_json_put_array(schema, "examples"), forge_util_json_get(one, "v"));
}

void forge_core_describe_field(apr_pool_t *p, forge_json_t *schema, const forge_field_t *f, bool for_body,
                               bool with_preset)
{
    put_kind(p, schema, f, for_body);
    if (f->help)
        forge_util_json_put_text(schema, "description", f->help);
    if (with_preset && f->preset)
        put_value(schema, "default", f, f->preset);
    put_examples(p, schema, f);
}

static bool shown(const forge_field_t *f, bool for_body)
{
    return !(f->flags & (for_body ? FORGE_F_READONLY : FORGE_F_WRITEONLY));
}

/* In bodies what must be sent, in answers what is always there. */
static bool required(const forge_field_t *f, bool for_body)
{
    if (for_body)
        return f->flags & FORGE_F_REQUIRED && !f->preset;
    return !(f->flags & FORGE_F_OPTIONAL);
}

/* An empty "required" was no schema before 2020-12 (and OpenAPI 3.0), so it is left out. */
static void put_members(apr_pool_t *p, forge_json_t *schema, const forge_field_t *fields, bool for_body,
                        bool all_optional)
{
    forge_json_t *names = NULL, *properties;
    forge_walk_t walk = forge_core_walk(fields);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));) {
        if (all_optional || !shown(f, for_body) || !required(f, for_body))
            continue;
        if (!names)
            names = forge_util_json_put_array(schema, "required");
        forge_util_json_add_text(names, f->name);
    }
    properties = forge_util_json_put_object(schema, "properties");
    walk = forge_core_walk(fields);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));)
        if (shown(f, for_body)) {
            forge_field_t field = *f;
            if (all_optional && f->preset) /* null puts it back to its preset */
                field.flags |= FORGE_F_NULLABLE;
            forge_core_describe_field(p, forge_util_json_put_object(properties, f->name), &field, for_body,
                                      for_body && !all_optional);
        }
}

forge_json_t *forge_core_describe(apr_pool_t *p, const forge_field_t *fields, bool for_body, bool all_optional)
{
    forge_json_t *schema = forge_util_json_object(p);
    put_type(schema, "object", false);
    put_members(p, schema, fields, for_body, all_optional);
    return schema;
}

/* An example is always shown, so that every member can be tried: the one of the row, else of its members, else null,
 * its preset, or a usual value of the type. */
static void put_example(apr_pool_t *p, forge_json_t *object, const forge_field_t *f, bool for_body)
{
    static const char *const usual[] = {
        [FORGE_T_TEXT] = "text",
        [FORGE_T_INT] = "1",
        [FORGE_T_NUMBER] = "0.5",
        [FORGE_T_BOOL] = "true",
        [FORGE_T_TIME] = "2026-01-31T12:00:00Z",
        [FORGE_T_OBJECT] = "{}",
        [FORGE_T_ARRAY] = "[]",
        [FORGE_T_ANY] = "null",
    };
    if (f->example) {
        put_value(object, f->name, f, f->example);
    } else if (f->fields && f->type == FORGE_T_OBJECT) {
        forge_util_json_put_copy(object, f->name, forge_core_describe_example(p, f->fields, for_body));
    } else if (f->fields) {
        forge_util_json_add_copy(forge_util_json_put_array(object, f->name),
                                 forge_core_describe_example(p, f->fields, for_body));
    } else if (!f->preset && f->flags & FORGE_F_NULLABLE) {
        forge_util_json_put_null(object, f->name);
    } else {
        put_value(object, f->name, f, f->preset ? f->preset : usual[f->type]);
    }
}

forge_json_t *forge_core_describe_example(apr_pool_t *p, const forge_field_t *fields, bool for_body)
{
    forge_json_t *object = forge_util_json_object(p);
    forge_walk_t walk = forge_core_walk(fields);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));)
        if (shown(f, for_body))
            put_example(p, object, f, for_body);
    return object;
}

/* --- the 3.0 dialect: nullable for a list of types, one example for several, a licence by its address --- */

static bool older_member(void *baton, const char *name, forge_json_t *value);

static void older_items(forge_json_t *to, const forge_json_t *array)
{
    for (apr_size_t i = 0; i < forge_util_json_size(array); i++) {
        const forge_json_t *item = forge_util_json_at(array, i);
        if (forge_util_json_type(item) == FORGE_JSON_OBJECT)
            forge_util_json_each(item, older_member, forge_util_json_add_object(to));
        else
            forge_util_json_add_copy(to, item);
    }
}

/* A field may have the name "type" or "examples" too, but then its value is a schema and no array. */
static bool older_member(void *baton, const char *name, forge_json_t *value)
{
    forge_json_t *to = baton;
    forge_json_type_t type = forge_util_json_type(value);
    if (type == FORGE_JSON_ARRAY && strcmp(name, "type") == 0) {
        forge_util_json_put_text(to, "type", forge_util_json_text(forge_util_json_at(value, 0), NULL));
        forge_util_json_put_bool(to, "nullable", true);
    } else if (type == FORGE_JSON_ARRAY && strcmp(name, "examples") == 0) {
        forge_util_json_put_copy(to, "example", forge_util_json_at(value, 0));
    } else if (strcmp(name, "contentMediaType") == 0 && type == FORGE_JSON_TEXT) {
        return true; /* `format` says it */
    } else if (strcmp(name, "license") == 0 && forge_util_json_get(value, "identifier")) {
        forge_json_t *license = forge_util_json_put_object(to, name);
        forge_util_json_put_copy(license, "name", forge_util_json_get(value, "name"));
        forge_util_json_put_text(license, "url", "https://www.apache.org/licenses/LICENSE-2.0");
    } else if (strcmp(name, "example") == 0 || (type != FORGE_JSON_OBJECT && type != FORGE_JSON_ARRAY)) {
        forge_util_json_put_copy(to, name, value);
    } else if (type == FORGE_JSON_OBJECT) {
        forge_util_json_each(value, older_member, forge_util_json_put_object(to, name));
    } else {
        older_items(forge_util_json_put_array(to, name), value);
    }
    return true;
}

forge_json_t *forge_core_describe_3_0(apr_pool_t *p, const forge_json_t *document)
{
    static const char *const known[] = {"info", "servers", "tags", "paths", "components"};
    forge_json_t *to = forge_util_json_object(p);
    forge_util_json_put_text(to, "openapi", "3.0.3");
    for (apr_size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        older_member(to, known[i], forge_util_json_get(document, known[i]));
    return to;
}
