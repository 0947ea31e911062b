/* SPDX-License-Identifier: Apache-2.0
 * Field tables as JSON Schema 2020-12 and as examples, the schema of problems, and the translation of schemas into the
 * older dialect of OpenAPI 3.0.
 */
#include "wire.h"
#include <apr_strings.h>
#include <string.h>

/* What a description is made with. */
typedef struct describe_t {
    apr_pool_t *pool;
    forge_json_t *schemas; /* where what has a name is put once; NULL: everything is described in place */
    bool for_body;
    bool patch; /* a body of PATCH: nothing must be there, and null puts back what has a default */
} describe_t;

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

static void put_ref(const describe_t *d, forge_json_t *schema, const char *name)
{
    forge_util_json_put_text(schema, "$ref", apr_pstrcat(d->pool, "#/components/schemas/", name, NULL));
}

/* An enum by its name, which is listed once. Where null is a value too, the values stand in place: a reference could
 * say it only by an alternative, which generators of clients make a class of. */
static void put_choice(const describe_t *d, forge_json_t *schema, const forge_field_t *f, const char *list,
                       bool nullable)
{
    if (d->schemas && f->named && !nullable) {
        put_ref(d, schema, f->named);
        if (forge_util_json_get(d->schemas, f->named))
            return;
        schema = forge_util_json_put_object(d->schemas, f->named);
    }
    put_type(schema, "string", nullable);
    put_enum(d->pool, schema, list, nullable);
}

static void put_text(const describe_t *d, forge_json_t *schema, const forge_field_t *f, bool nullable)
{
    const char *format = f->format ? f->format : "";
    if (strncmp(format, "enum:", 5) == 0) {
        put_choice(d, schema, f, format + 5, nullable);
        return;
    }
    put_type(schema, "string", nullable);
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

static void put_members(const describe_t *d, forge_json_t *schema, const forge_field_t *fields);

/* An object of these members, by its name where it has one. What a body takes is not what an answer has, and a patch is
 * another thing again: they have names of their own. */
static void put_part(const describe_t *d, forge_json_t *schema, const forge_field_t *f, bool nullable)
{
    if (d->schemas && f->named && !nullable) {
        const char *name = apr_pstrcat(d->pool, f->named, d->patch ? "Patch" : d->for_body ? "Input" : "", NULL);
        put_ref(d, schema, name);
        if (forge_util_json_get(d->schemas, name))
            return;
        schema = forge_util_json_put_object(d->schemas, name);
    }
    put_type(schema, "object", nullable);
    put_members(d, schema, f->fields);
}

/* Any members: said in so many words, for a bare "object" is one without members to some generators of clients. */
static void put_free(forge_json_t *schema, bool nullable)
{
    put_type(schema, "object", nullable);
    forge_util_json_put_bool(schema, "additionalProperties", true);
}

static void put_object(const describe_t *d, forge_json_t *schema, const forge_field_t *f, bool nullable)
{
    if (!f->fields) {
        put_free(schema, nullable);
        return;
    }
    if (!f->format) {
        put_part(d, schema, f, nullable);
        return;
    }
    put_type(schema, "object", nullable);
    forge_json_t *each = forge_util_json_put_object(schema, "additionalProperties");
    if (strcmp(f->format, "lists") == 0) {
        put_type(each, "array", false);
        each = forge_util_json_put_object(each, "items");
    }
    put_part(d, each, f, false);
}

static void put_items(const describe_t *d, forge_json_t *schema, const forge_field_t *f)
{
    const char *format = f->format ? f->format : "";
    forge_json_t *items = forge_util_json_put_object(schema, "items");
    const describe_t whole = {d->pool, d->schemas, d->for_body, false};
    if (f->fields) {
        put_part(&whole, items, f, false);
    } else if (strcmp(format, "int") == 0) {
        put_type(items, "integer", false);
        forge_util_json_put_text(items, "format", "int64");
    } else if (strcmp(format, "text") == 0) {
        put_type(items, "string", false);
    } else if (strcmp(format, "figure") == 0) {
        put_type(items, "number", true);
    } else if (strcmp(format, "object") == 0) {
        put_free(items, false);
    }
    if (f->min > 0)
        forge_util_json_put_int(schema, "minItems", f->min);
    if (f->max > 0)
        forge_util_json_put_int(schema, "maxItems", f->max);
}

/* The keywords that follow from the type. */
static void put_kind(const describe_t *d, forge_json_t *schema, const forge_field_t *f)
{
    bool nullable = f->flags & FORGE_F_NULLABLE;
    switch (f->type) {
    case FORGE_T_TEXT:
        put_text(d, schema, f, nullable);
        break;
    case FORGE_T_TIME:
        put_type(schema, "string", nullable);
        forge_util_json_put_text(schema, "format", "date-time");
        break;
    case FORGE_T_INT:
        put_type(schema, "integer", nullable);
        forge_util_json_put_text(schema, "format", "int64");
        put_bounds(schema, f, d->for_body);
        break;
    case FORGE_T_NUMBER:
        put_type(schema, "number", nullable);
        put_bounds(schema, f, d->for_body);
        break;
    case FORGE_T_BOOL:
        put_type(schema, "boolean", nullable);
        break;
    case FORGE_T_OBJECT:
        put_object(d, schema, f, nullable);
        break;
    case FORGE_T_ARRAY:
        put_type(schema, "array", nullable);
        put_items(d, schema, f);
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

static void put_field(const describe_t *d, forge_json_t *schema, const forge_field_t *f, bool with_preset)
{
    put_kind(d, schema, f);
    if (f->help)
        forge_util_json_put_text(schema, "description", f->help);
    if (with_preset && f->preset)
        put_value(schema, "default", f, f->preset);
    put_examples(d->pool, schema, f);
}

void forge_core_describe_field(apr_pool_t *p, forge_json_t *schemas, forge_json_t *schema, const forge_field_t *f)
{
    const describe_t d = {p, schemas, true, false};
    put_field(&d, schema, f, true);
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
static void put_members(const describe_t *d, forge_json_t *schema, const forge_field_t *fields)
{
    forge_json_t *names = NULL, *properties;
    forge_walk_t walk = forge_core_walk(fields);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));) {
        if (d->patch || !shown(f, d->for_body) || !required(f, d->for_body))
            continue;
        if (!names)
            names = forge_util_json_put_array(schema, "required");
        forge_util_json_add_text(names, f->name);
    }
    properties = forge_util_json_put_object(schema, "properties");
    walk = forge_core_walk(fields);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));)
        if (shown(f, d->for_body)) {
            forge_field_t field = *f;
            if (d->patch && (f->preset || f->flags & FORGE_F_RESETS)) /* null puts it back */
                field.flags |= FORGE_F_NULLABLE;
            put_field(d, forge_util_json_put_object(properties, f->name), &field, d->for_body && !d->patch);
        }
}

forge_json_t *forge_core_describe(apr_pool_t *p, forge_json_t *schemas, const forge_field_t *fields, bool for_body,
                                  bool all_optional)
{
    const describe_t d = {p, schemas, for_body, all_optional};
    forge_json_t *schema = forge_util_json_object(p);
    put_type(schema, "object", false);
    put_members(&d, schema, fields);
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
        if (shown(f, for_body) && !(f->flags & FORGE_F_APART))
            put_example(p, object, f, for_body);
    return object;
}

/* Is the name one of those joined by "|"? */
static bool among(const char *names, const char *name)
{
    apr_size_t length = strlen(name);
    for (const char *at = names; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, name, length) == 0 && (!at[length] || at[length] == '|'))
            return true;
    }
    return false;
}

void forge_core_describe_samples(apr_pool_t *p, forge_json_t *into, const forge_field_t *fields,
                                 const forge_named_sample_t *samples)
{
    for (const forge_named_sample_t *sample = samples; sample->name; sample++) {
        forge_json_t *named = forge_util_json_put_object(into, sample->name);
        forge_util_json_put_text(named, "summary", sample->summary);
        forge_json_t *value = forge_util_json_put_object(named, "value");
        forge_walk_t walk = forge_core_walk(fields);
        for (const forge_field_t *f; (f = forge_core_walk_next(&walk));)
            if (shown(f, false) && !among(sample->without, f->name))
                put_example(p, value, f, false);
    }
}

/* --- the 3.0 dialect: nullable for a list of types, one example for several, a licence by its address --- */

static bool older_member(void *baton, const char *name, forge_json_t *value);

/* Beside a reference nothing counted before 3.1, and some generators of clients stumble over it. */
static void older_object(forge_json_t *to, const forge_json_t *object)
{
    const forge_json_t *ref = forge_util_json_get(object, "$ref");
    if (forge_util_json_type(ref) == FORGE_JSON_TEXT)
        forge_util_json_put_copy(to, "$ref", ref);
    else
        forge_util_json_each(object, older_member, to);
}

static void older_items(forge_json_t *to, const forge_json_t *array)
{
    for (apr_size_t i = 0; i < forge_util_json_size(array); i++) {
        const forge_json_t *item = forge_util_json_at(array, i);
        if (forge_util_json_type(item) == FORGE_JSON_OBJECT)
            older_object(forge_util_json_add_object(to), item);
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
    } else if (strcmp(name, "requestBody") == 0 && !forge_util_json_get(value, "content")) {
        return true; /* of a link: a common parser of this dialect takes a text alone, and refuses the whole document */
    } else if (strcmp(name, "license") == 0 && forge_util_json_get(value, "identifier")) {
        forge_json_t *license = forge_util_json_put_object(to, name);
        forge_util_json_put_copy(license, "name", forge_util_json_get(value, "name"));
        forge_util_json_put_text(license, "url", "https://www.apache.org/licenses/LICENSE-2.0");
    } else if (strcmp(name, "example") == 0 || (type != FORGE_JSON_OBJECT && type != FORGE_JSON_ARRAY)) {
        forge_util_json_put_copy(to, name, value);
    } else if (type == FORGE_JSON_OBJECT) {
        older_object(forge_util_json_put_object(to, name), value);
    } else {
        older_items(forge_util_json_put_array(to, name), value);
    }
    return true;
}

/* The codes of problems grow. Clients that are generated of this dialect often refuse a value that an enum does not
 * have, and would then lose the error itself: here the list is one that may grow, as several generators know it. */
static void open_codes(apr_pool_t *p, const forge_json_t *document)
{
    forge_json_t *schemas = forge_util_json_get(forge_util_json_get(document, "components"), "schemas");
    const forge_json_t *list = forge_util_json_get(forge_util_json_get(schemas, "ProblemCode"), "enum");
    if (!list)
        return;
    forge_json_t *open = forge_util_json_object(p);
    forge_util_json_put_text(open, "type", "string");
    forge_util_json_put_copy(open, "x-extensible-enum", list);
    forge_util_json_put_copy(schemas, "ProblemCode", open);
}

forge_json_t *forge_core_describe_3_0(apr_pool_t *p, const forge_json_t *document)
{
    static const char *const known[] = {"info", "servers", "tags", "paths", "components"};
    forge_json_t *to = forge_util_json_object(p);
    forge_util_json_put_text(to, "openapi", "3.0.3");
    for (apr_size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        older_member(to, known[i], forge_util_json_get(document, known[i]));
    open_codes(p, to);
    return to;
}
