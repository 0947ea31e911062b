/* SPDX-License-Identifier: Apache-2.0
 * The OpenAPI document as generators of clients and tools that try an API by it read it: names, references, samples,
 * links. What the answers themselves are is judged by schema.c at every call.
 */
#include "harness.h"

#include <string.h>

typedef void (*look_t)(const char *where, const json_t *value);

/* Calls `look` for every object below a value. */
static void each_object(const char *where, const json_t *value, look_t look)
{
    const char *name;
    size_t i;
    json_t *inner;
    if (json_is_object(value))
        look(where, value);
    json_object_foreach((json_t *)value, name, inner) each_object(F("%s/%s", where, name), inner, look);
    json_array_foreach(value, i, inner) each_object(F("%s/%zu", where, i), inner, look);
}

/* Calls `look` for every operation, with its method and path. */
static void each_operation(look_t look)
{
    const char *path, *method;
    json_t *item, *operation;
    json_object_foreach(at(schema_document(), "/paths"), path, item)
    {
        json_object_foreach(item, method, operation) look(F("%s %s", method, path), operation);
    }
}

static const json_t *behind(const json_t *value)
{
    const char *ref = json_string_value(json_object_get(value, "$ref"));
    return ref ? at(schema_document(), ref + 1) : value;
}

/* Generators make types of schemas, responses and schemes, in one folder that may know no upper and lower case. */
START_TEST(names_are_short_and_differ)
{
    static const char *const kinds[] = {"schemas", "responses", "securitySchemes", NULL};
    json_t *taken = keep_json(json_object()), *part;
    const char *name;
    for (const char *const *kind = kinds; *kind; kind++) {
        json_object_foreach(at(schema_document(), F("/components/%s", *kind)), name, part)
        {
            char *lower = F("%s", name);
            for (char *c = lower; *c; c++)
                *c |= 0x20;
            ck_assert_msg(!json_object_get(taken, lower), "%s %s: the name is taken", *kind, name);
            json_object_set_new(taken, lower, json_true());
            ck_assert_msg(strlen(name) <= 40 &&
                              strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == strlen(name),
                          "%s %s is no good name for a type", *kind, name);
        }
    }
}
END_TEST

static bool is_component(const char *where)
{
    int depth = 0;
    for (const char *c = where; *c; c++)
        depth += *c == '/';
    return strncmp(where, "/components/schemas/", 20) == 0 && depth == 3;
}

static bool allows_null(const json_t *schema)
{
    return json_is_array(json_object_get(schema, "type"));
}

/* A value that is one of several, and the members of an object, are described once, under a name. Where null is a value
 * too they stand in place. */
static void look_for_unnamed(const char *where, const json_t *value)
{
    const json_t *list = json_object_get(value, "enum"), *members = json_object_get(value, "properties"), *type;
    if (is_component(where) || allows_null(value) || !(type = json_object_get(value, "type")) || json_is_object(type))
        return;
    ck_assert_msg(!json_is_array(list) || json_array_size(list) < 2, "%s: the enum has no name", where);
    if (!json_is_object(members))
        return;
    const char *name;
    json_t *schema;
    json_object_foreach(at(schema_document(), "/components/schemas"), name, schema)
    {
        ck_assert_msg(!json_equal(json_object_get(schema, "properties"), members), "%s is %s without reference", where,
                      name);
    }
}

START_TEST(what_is_shared_has_a_name)
{
    each_object("", schema_document(), look_for_unnamed);
    static const char *const users[] = {"Tokens", "Login", "MfaVerified", NULL};
    for (const char *const *name = users; *name; name++)
        ck_assert_str_eq(text_at(schema_document(), F("/components/schemas/%s/properties/user/$ref", *name)),
                         "#/components/schemas/User");
}
END_TEST

/* "object" alone is one without members to some generators. And an alternative becomes a class of its own in them. */
static void look_for_vague(const char *where, const json_t *value)
{
    const json_t *type = json_object_get(value, "type"), *one = json_is_array(type) ? json_array_get(type, 0) : type;
    ck_assert_msg(!json_object_get(value, "oneOf") && !json_object_get(value, "anyOf"), "%s has alternatives", where);
    if (!json_is_string(one) || strcmp(json_string_value(one), "object") != 0 || strstr(where, "/example"))
        return;
    ck_assert_msg(json_object_get(value, "properties") || json_object_get(value, "additionalProperties"),
                  "%s does not say what its members are", where);
}

START_TEST(objects_say_their_members)
{
    each_object("", schema_document(), look_for_vague);
    at(schema_document(), "/components/schemas/Performance/properties/endpoints/additionalProperties/$ref");
    at(schema_document(), "/components/schemas/HealthDraft/properties/checks/additionalProperties/items/$ref");
}
END_TEST

/* Headers of limits are where a request was counted or refused for them; any request may have too long a target. */
static void look_at_answers(const char *where, const json_t *operation)
{
    const char *status;
    json_t *response;
    json_object_foreach(json_object_get(operation, "responses"), status, response)
    {
        bool told = json_object_get(json_object_get(behind(response), "headers"), "RateLimit");
        ck_assert_msg(!told || *status == '2' || strcmp(status, "429") == 0, "%s %s tells limits", where, status);
        ck_assert_msg(told || strcmp(status, "429") != 0, "%s 429 tells no limits", where);
    }
    ck_assert_msg(maybe_at(operation, "/responses/414") != NULL, "%s has no 414", where);
}

START_TEST(answers_have_their_headers)
{
    each_operation(look_at_answers);
}
END_TEST

/* Every example of a body, whether it is the only one or has a name, fits its schema. */
static void look_at_examples(const char *where, const json_t *value)
{
    const json_t *schema = json_object_get(value, "schema"), *one = json_object_get(value, "example"),
                 *several = json_object_get(value, "examples");
    const char *name;
    json_t *sample;
    if (!json_is_object(schema) || !strstr(where, "/content/"))
        return;
    char *wrong = one ? schema_validate(schema, one) : NULL;
    ck_assert_msg(!wrong, "%s: %s", where, wrong);
    json_object_foreach((json_t *)several, name, sample)
    {
        wrong = schema_validate(schema, json_object_get(sample, "value"));
        ck_assert_msg(!wrong, "%s: %s: %s", where, name, wrong);
    }
}

START_TEST(examples_of_bodies_can_happen)
{
    each_object("", schema_document(), look_at_examples);
    const json_t *login = maybe_at(
        schema_document(), "/paths/~1api~1v1~1auth~1login/post/responses/200/content/application~1json/examples");
    ck_assert_uint_eq(json_object_size(login), 2);
    ck_assert(maybe_at(login, "/logged_in/value/access_token") && !maybe_at(login, "/logged_in/value/mfa_token"));
    ck_assert(maybe_at(login, "/second_factor/value/mfa_token") && !maybe_at(login, "/second_factor/value/user"));
}
END_TEST

static const json_t *operation_named(const char *id)
{
    const char *path, *method;
    json_t *item, *operation;
    json_object_foreach(at(schema_document(), "/paths"), path, item)
    {
        json_object_foreach(item, method,
                            operation) if (strcmp(json_string_value(json_object_get(operation, "operationId")), id) ==
                                           0) return operation;
    }
    return NULL;
}

static bool takes_in_path(const json_t *operation, const char *parameter)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(operation, "parameters"), i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        if (name && strcmp(name, parameter) == 0 && strcmp(text_at(one, "/in"), "path") == 0)
            return true;
    }
    return false;
}

/* A link leads to an operation that takes what it hands over. */
static void look_at_link(const char *where, const json_t *link)
{
    const char *id = text_at(link, "/operationId"), *name;
    const json_t *operation = operation_named(id);
    json_t *value;
    ck_assert_msg(operation != NULL, "%s: there is no %s", where, id);
    json_object_foreach(json_object_get(link, "parameters"), name, value)
    {
        ck_assert_msg(takes_in_path(operation, name), "%s: %s has no %s in its path", where, id, name);
    }
    json_object_foreach(json_object_get(link, "requestBody"), name, value)
    {
        const json_t *body = behind(at(operation, "/requestBody/content/application~1json/schema"));
        ck_assert_msg(maybe_at(body, F("/properties/%s", name)) != NULL, "%s: %s has no %s in its body", where, id,
                      name);
    }
}

static void look_at_links(const char *where, const json_t *operation)
{
    const char *status, *name;
    json_t *response, *link;
    json_object_foreach(json_object_get(operation, "responses"), status, response)
    {
        json_object_foreach(json_object_get(response, "links"), name, link)
            look_at_link(F("%s %s %s", where, status, name), link);
    }
}

START_TEST(links_lead_to_what_takes_them)
{
    each_operation(look_at_links);
    static const char *const after[] = {"course_get", "course_update", "course_replace", "course_delete", NULL};
    for (const char *const *id = after; *id; id++)
        at(schema_document(), F("/paths/~1api~1v1~1courses/post/responses/201/links/%s", *id));
    at(schema_document(), "/paths/~1api~1v1~1auth~1register/post/responses/201/links/auth_me");
    at(schema_document(), "/paths/~1api~1v1~1auth~1login/post/responses/200/links/auth_refresh");
}
END_TEST

/* Clients can switch over the codes; generators of the older dialect must not refuse one that is new to them. */
START_TEST(codes_of_problems_are_listed)
{
    const json_t *codes = at(schema_document(), "/components/schemas/ProblemCode/enum");
    ck_assert_uint_gt(json_array_size(codes), 50);
    reply_t *old = CALL("GET", "/openapi.json?version=3.0");
    ck_assert_ptr_null(maybe_at(old->json, "/components/schemas/ProblemCode/enum"));
    ck_assert(json_equal(codes, at(old->json, "/components/schemas/ProblemCode/x-extensible-enum")));
}
END_TEST

static int languages; /* operations with the parameter */

/* Problems speak everywhere, so that a parameter of every operation would say nothing. */
static void look_at_languages(const char *where, const json_t *operation)
{
    size_t i;
    const char *status;
    json_t *parameter, *response;
    bool taken = false;
    json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
    {
        const char *ref = json_string_value(json_object_get(parameter, "$ref"));
        taken |= ref && strcmp(ref, "#/components/parameters/Accept-Language") == 0;
    }
    languages += taken;
    json_object_foreach(json_object_get(operation, "responses"), status, response)
    {
        const json_t *headers = json_object_get(behind(response), "headers");
        bool told = json_object_get(headers, "Content-Language");
        ck_assert_msg(told || *status < '4', "%s %s: the language of its problem is not told", where, status);
        ck_assert_msg(!told || *status >= '4' || (taken && json_object_get(headers, "Vary")),
                      "%s %s has sentences, but takes no language", where, status);
    }
}

START_TEST(languages_are_taken_and_told)
{
    languages = 0;
    each_operation(look_at_languages);
    ck_assert_int_eq(languages, 5);
    at(schema_document(),
       "/paths/~1api~1v1~1auth~1password~1strength/post/responses/200/headers/Content-Language/$ref");
    at(schema_document(), "/components/parameters/Accept-Language/schema/examples/0");
}
END_TEST

Suite *suite_document(void)
{
    Suite *suite = suite_create("document");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, names_are_short_and_differ);
    tcase_add_test(all, what_is_shared_has_a_name);
    tcase_add_test(all, objects_say_their_members);
    tcase_add_test(all, answers_have_their_headers);
    tcase_add_test(all, examples_of_bodies_can_happen);
    tcase_add_test(all, links_lead_to_what_takes_them);
    tcase_add_test(all, codes_of_problems_are_listed);
    tcase_add_test(all, languages_are_taken_and_told);
    return suite;
}
