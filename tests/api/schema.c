/* SPDX-License-Identifier: Apache-2.0
 * The OpenAPI document as judge of every answer: a small JSON Schema validator (the words that field tables can
 * produce) and the list of what was called.
 */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 40 /* schemas inside schemas */

static json_t *document; /* owned, for the whole run */
static json_t *called;   /* operationId → true, owned */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void schema_load(const json_t *loaded)
{
    document = json_deep_copy(loaded);
    called = json_object();
    optional_load(document);
}

const json_t *schema_document(void)
{
    return document;
}

const json_t *schema_resolve(const json_t *value)
{
    for (int i = 0; value && i < 10; i++) {
        const char *ref = json_string_value(json_object_get(value, "$ref"));
        if (!ref)
            return value;
        value = *ref == '#' ? maybe_at(document, ref + 1) : NULL;
    }
    return value;
}

/* --- validation --- */

static char *validate(const json_t *schema, const json_t *value, const char *where, int depth);

static bool type_is(const char *type, const json_t *value)
{
    if (strcmp(type, "integer") == 0)
        return json_is_integer(value) ||
               (json_is_real(value) && floor(json_real_value(value)) == json_real_value(value));
    return (strcmp(type, "object") == 0 && json_is_object(value)) ||
           (strcmp(type, "array") == 0 && json_is_array(value)) ||
           (strcmp(type, "string") == 0 && json_is_string(value)) ||
           (strcmp(type, "number") == 0 && json_is_number(value)) ||
           (strcmp(type, "boolean") == 0 && json_is_boolean(value)) ||
           (strcmp(type, "null") == 0 && json_is_null(value));
}

/* "type" may be one name or a list of them. */
static bool types_allow(const json_t *types, const json_t *value)
{
    size_t i;
    json_t *type;
    if (json_is_string(types))
        return type_is(json_string_value(types), value);
    json_array_foreach(types, i, type) if (type_is(json_string_value(type), value)) return true;
    return !types;
}

static bool enum_allows(const json_t *list, const json_t *value)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) if (json_equal(one, value)) return true;
    return !list;
}

static char *number_wrong(const json_t *schema, const json_t *value, const char *where)
{
    double n = json_number_value(value);
    const json_t *least = json_object_get(schema, "minimum"), *most = json_object_get(schema, "maximum");
    if (least && n < json_number_value(least))
        return F("%s is less than its minimum", where);
    return most && n > json_number_value(most) ? F("%s is more than its maximum", where) : NULL;
}

/* Code points of valid UTF-8. */
static json_int_t points(const json_t *text)
{
    json_int_t n = 0;
    const char *s = json_string_value(text);
    for (size_t i = 0; i < json_string_length(text); i++)
        n += ((unsigned char)s[i] & 0xC0) != 0x80;
    return n;
}

/* Times of ours are in UTC and end with Z, all of them: a client may compare them as texts. */
static bool time_wrong(const json_t *schema, const json_t *value)
{
    const char *format = json_string_value(json_object_get(schema, "format")), *text = json_string_value(value);
    size_t length = json_string_length(value);
    return format && strcmp(format, "date-time") == 0 && (length < 20 || text[10] != 'T' || text[length - 1] != 'Z');
}

static char *string_wrong(const json_t *schema, const json_t *value, const char *where)
{
    const json_t *least = json_object_get(schema, "minLength"), *most = json_object_get(schema, "maxLength");
    if (least && points(value) < json_integer_value(least))
        return F("%s is shorter than its minLength", where);
    if (time_wrong(schema, value))
        return F("%s is no time in UTC", where);
    return most && points(value) > json_integer_value(most) ? F("%s is longer than its maxLength", where) : NULL;
}

static char *array_wrong(const json_t *schema, const json_t *value, const char *where, int depth)
{
    size_t i;
    json_t *item;
    char *wrong;
    const json_t *items = json_object_get(schema, "items"), *least = json_object_get(schema, "minItems"),
                 *most = json_object_get(schema, "maxItems");
    if (least && (json_int_t)json_array_size(value) < json_integer_value(least))
        return F("%s has fewer than minItems", where);
    if (most && (json_int_t)json_array_size(value) > json_integer_value(most))
        return F("%s has more than maxItems", where);
    json_array_foreach(value, i,
                       item) if (items && (wrong = validate(items, item, F("%s/%zu", where, i), depth))) return wrong;
    return NULL;
}

/* A member that the schema does not name is wrong too, unless it says that others may come: documents tell the whole
 * truth. */
static char *object_wrong(const json_t *schema, const json_t *value, const char *where, int depth)
{
    size_t i;
    const char *name;
    json_t *item, *properties = json_object_get(schema, "properties"),
                  *more = json_object_get(schema, "additionalProperties");
    char *wrong;
    json_array_foreach(
        json_object_get(schema, "required"), i,
        item) if (!json_object_get(value, json_string_value(item))) return F("%s/%s is required and missing", where,
                                                                             json_string_value(item));
    json_object_foreach((json_t *)value, name, item)
    {
        const json_t *rule = json_object_get(properties, name);
        rule = rule ? rule : json_is_object(more) ? more : NULL;
        if (!rule && (json_is_false(more) || (properties && !more)))
            return F("%s/%s is not in the schema", where, name);
        if (rule && (wrong = validate(rule, item, F("%s/%s", where, name), depth)))
            return wrong;
    }
    return NULL;
}

/* allOf, oneOf and anyOf. */
static char *composed_wrong(const json_t *schema, const json_t *value, const char *where, int depth)
{
    size_t i;
    json_t *one;
    char *wrong;
    json_array_foreach(json_object_get(schema, "allOf"), i,
                       one) if ((wrong = validate(one, value, where, depth))) return wrong;
    const json_t *any = json_object_get(schema, "oneOf");
    any = any ? any : json_object_get(schema, "anyOf");
    json_array_foreach(any, i, one) if (!validate(one, value, where, depth)) return NULL;
    return any ? F("%s matches none of the alternatives", where) : NULL;
}

static char *validate(const json_t *schema, const json_t *value, const char *where, int depth)
{
    const json_t *fixed;
    schema = schema_resolve(schema);
    if (!schema || depth > DEPTH_MAX)
        return F("%s: its schema leads nowhere", where);
    if (json_is_true(schema))
        return NULL;
    if (json_is_null(value) && json_is_true(json_object_get(schema, "nullable")))
        return NULL;
    if (!types_allow(json_object_get(schema, "type"), value))
        return F("%s is not of type %s", where,
                 (char *)keep(json_dumps(json_object_get(schema, "type"), JSON_ENCODE_ANY)));
    if (!enum_allows(json_object_get(schema, "enum"), value))
        return F("%s is none of its enum", where);
    if ((fixed = json_object_get(schema, "const")) && !json_equal(fixed, value))
        return F("%s is not its const", where);
    char *wrong = composed_wrong(schema, value, where, depth + 1);
    if (wrong)
        return wrong;
    if (json_is_number(value))
        return number_wrong(schema, value, where);
    if (json_is_string(value))
        return string_wrong(schema, value, where);
    if (json_is_array(value))
        return array_wrong(schema, value, where, depth + 1);
    return json_is_object(value) ? object_wrong(schema, value, where, depth + 1) : NULL;
}

char *schema_validate(const json_t *schema, const json_t *value)
{
    return validate(schema, value, "", 0);
}

/* --- answers --- */

/* Does a path (no query) match a template? A closing slash does not count. */
static bool path_matches(const char *template, const char *path, size_t length)
{
    const char *end = path + length;
    if (length > 1 && end[-1] == '/')
        end--;
    while (*template && path < end) {
        if (*template == '{') {
            const char *from = path;
            template += strcspn(template, "}") + 1;
            while (path < end && *path != '/')
                path++;
            if (path == from)
                return false;
        } else if (*template ++ != *path++) {
            return false;
        }
    }
    return !*template && path == end;
}

/* The path item of a request; templates without parameters win. */
static const json_t *path_item(const char *path)
{
    const char *template;
    const json_t *found = NULL;
    json_t *item;
    json_object_foreach(json_object_get(document, "paths"), template,
                        item) if (path_matches(template, path, strcspn(path, "?#")) &&
                                  (!found || !strchr(template, '{'))) found = item;
    return found;
}

static const json_t *operation_of(const json_t *item, const char *method)
{
    char lower[16];
    size_t n = 0;
    for (; method[n] && n < sizeof(lower) - 1; n++)
        lower[n] = (char)(method[n] | 0x20);
    lower[n] = 0;
    const json_t *operation = json_object_get(item, lower);
    return operation || strcmp(lower, "head") ? operation : json_object_get(item, "get");
}

/* The entry of a media type, whatever its parameters. */
static const json_t *media_entry(const json_t *content, const char *media)
{
    const char *name;
    json_t *entry;
    size_t length = strlen(media);
    json_object_foreach((json_t *)content, name,
                        entry) if (strncmp(name, media, length) == 0 &&
                                   (!name[length] || name[length] == ';' || name[length] == ' ')) return entry;
    return NULL;
}

/* The media type of the answer must be a documented one, and a JSON body must match its schema. */
static const char *content_wrong(const json_t *response, const char *method, const reply_t *reply)
{
    const json_t *content = json_object_get(response, "content");
    const char *type = header(reply, "Content-Type");
    if (strcmp(method, "HEAD") == 0 || reply->status == 304 || reply->status == 204)
        return NULL;
    if (!content)
        return reply->length ? "a body that the document does not know of" : NULL;
    char *media = F("%.*s", (int)strcspn(type ? type : "-", "; "), type ? type : "-");
    const json_t *entry = media_entry(content, media);
    if (!entry)
        return F("media type %s is not documented", media);
    const json_t *schema = json_object_get(entry, "schema");
    bool json = strstr(media, "json") && !strstr(media, "ndjson"); /* lines are the test's own to check */
    if (!schema || !reply->json || !json)
        return NULL;
    const char *wrong = schema_validate(schema, reply->json);
    if (!wrong)
        optional_note(schema, reply->json);
    return wrong;
}

/* Problems say the language of their sentences, good answers where they have any; the document tells of both. */
static const char *language_wrong(const json_t *response, const reply_t *reply)
{
    const char *type = header(reply, "Content-Type");
    bool sent = header(reply, "Content-Language") != NULL,
         told = maybe_at(response, "/headers/Content-Language") != NULL, problem = type && strstr(type, "problem+json");
    if (sent && !told)
        return "Content-Language is not documented";
    return problem && !sent ? "Content-Language is missing" : NULL;
}

static void note_called(const json_t *operation)
{
    pthread_mutex_lock(&lock);
    json_object_set_new(called, json_string_value(json_object_get(operation, "operationId")), json_true());
    pthread_mutex_unlock(&lock);
}

const char *schema_check(const char *method, const char *path, const reply_t *reply)
{
    if (!document || strcmp(method, "OPTIONS") == 0)
        return NULL;
    const json_t *item = path_item(path), *operation = item ? operation_of(item, method) : NULL;
    if (!operation)
        return item && reply->status < 400 ? "the document does not have this method" : NULL;
    const json_t *response =
        schema_resolve(json_object_get(json_object_get(operation, "responses"), F("%d", reply->status)));
    if (!response)
        return F("status %d is not documented for %s", reply->status,
                 json_string_value(json_object_get(operation, "operationId")));
    if (reply->status < 400)
        note_called(operation);
    const char *wrong = language_wrong(response, reply);
    return wrong ? wrong : content_wrong(response, method, reply);
}

char *schema_never_called(void)
{
    const char *path, *method;
    json_t *item, *operation;
    char *text = F("%s", "");
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        json_object_foreach(item, method, operation)
        {
            const char *id = json_string_value(json_object_get(operation, "operationId"));
            if (id && !json_object_get(called, id))
                text = F("%s%s%s", text, *text ? " " : "", id);
        }
    }
    return text;
}
