/* SPDX-License-Identifier: Apache-2.0
 * The OpenAPI document and the pages that show it (SPEC 13).
 */
#include "harness.h"

#include <string.h>

START_TEST(document_at_its_paths)
{
    reply_t *one = CALL("GET", "/openapi.json"), *two = CALL("GET", "/api/v1/openapi.json");
    expect_status(one, 200);
    ck_assert(json_equal(one->json, two->json));
    ck_assert_msg(strncmp(text_at(one->json, "/openapi"), "3.1", 3) == 0, "%s", text_at(one->json, "/openapi"));
    reply_t *old = CALL("GET", "/openapi.json?version=3.0");
    expect_status(old, 200);
    ck_assert_msg(strncmp(text_at(old->json, "/openapi"), "3.0", 3) == 0, "%s", text_at(old->json, "/openapi"));
    ck_assert_uint_eq(json_object_size(at(old->json, "/paths")), json_object_size(at(one->json, "/paths")));
    ck_assert_msg(!strstr(old->body, "[\"string\",\"null\"]"), "3.0 has no lists of types");
    ck_assert_ptr_nonnull(header(one, "ETag"));
    expect_problem(CALL("GET", "/openapi.json?version=2.0"), "validation_failed");
}
END_TEST

/* It is packed once; a client that takes no gzip gets it plain, and each form has a tag of its own. */
START_TEST(document_is_sent_packed)
{
    reply_t *plain = CALL("GET", "/openapi.json"),
            *packed = CALL("GET", "/openapi.json", .headers = {"Accept-Encoding: br;q=0, gzip"});
    ck_assert_ptr_null(header(plain, "Content-Encoding"));
    ck_assert_str_eq(header(packed, "Content-Encoding"), "gzip");
    ck_assert(strstr(header(plain, "Vary"), "Accept-Encoding") && strstr(header(packed, "Vary"), "Accept-Encoding"));
    ck_assert_str_ne(header(plain, "ETag"), header(packed, "ETag"));
    ck_assert(packed->length > 1000 && memcmp(packed->body, "\x1f\x8b", 2) == 0);
    ck_assert_uint_lt(packed->length * 4, plain->length);
    reply_t *again = CALL("GET", "/openapi.json",
                          .headers = {"Accept-Encoding: gzip", F("If-None-Match: %s", header(packed, "ETag"))});
    expect_status(again, 304);
    ck_assert_str_eq(header(again, "ETag"), header(packed, "ETag"));
    ck_assert_ptr_null(
        header(CALL("GET", "/openapi.json", .headers = {"Accept-Encoding: gzip;q=0"}), "Content-Encoding"));
}
END_TEST

/* Documents are large: they count in the quota of the address like everything else. */
START_TEST(documents_are_limited)
{
    reply_t *reply = NULL;
    for (int i = 0; i < 6; i++)
        reply =
            CALL("GET", i % 2 ? "/openapi.json" : "/docs", .port = PORT_LIMITS, .from = "127.0.9.77", .lenient = true);
    expect_problem(reply, "rate_limited");
}
END_TEST

/* Every operation is described, and its id is its own. */
START_TEST(every_operation_is_described)
{
    const char *path, *method;
    json_t *item, *operation, *ids = keep_json(json_object());
    json_object_foreach(at(schema_document(), "/paths"), path, item)
    {
        json_object_foreach(item, method, operation)
        {
            if (strcmp(method, "parameters") == 0)
                continue;
            static const char *const texts[] = {"operationId", "summary", "description", NULL};
            for (const char *const *text = texts; *text; text++) {
                const char *value = json_string_value(json_object_get(operation, *text));
                ck_assert_msg(value && *value, "%s %s has no %s", method, path, *text);
            }
            const char *id = json_string_value(json_object_get(operation, "operationId"));
            ck_assert_msg(!json_object_get(ids, id), "operationId %s comes twice", id);
            json_object_set_new(ids, id, json_true());
            ck_assert_msg(json_object_size(json_object_get(operation, "responses")) > 0, "%s has no responses", id);
            ck_assert_msg(json_object_get(operation, "tags") != NULL, "%s has no tag", id);
        }
    }
    ck_assert_uint_gt(json_object_size(ids), 20);
}
END_TEST

/* Request bodies in the document are what the server takes: each example is accepted by its own schema. */
START_TEST(examples_match_their_schemas)
{
    const char *name;
    json_t *schema;
    json_object_foreach(at(schema_document(), "/components/schemas"), name, schema)
    {
        const char *member;
        json_t *property;
        json_object_foreach(json_object_get(schema, "properties"), member, property)
        {
            json_t *list = json_object_get(property, "examples"), *one = json_object_get(property, "example");
            one = one ? one : json_array_get(list, 0);
            char *wrong = one ? schema_validate(property, one) : NULL;
            ck_assert_msg(!wrong, "%s.%s: %s", name, member, wrong);
        }
    }
    at(schema_document(), "/components/schemas/Problem");
    at(schema_document(), "/components/securitySchemes");
}
END_TEST

/* The first quoted value after a text in a page. */
static char *quoted_after(const char *page, const char *text)
{
    const char *found = strstr(page, text);
    return found ? F("%.*s", (int)strcspn(found + strlen(text), "\""), found + strlen(text)) : NULL;
}

/* Pages work under the CSP: no inline script or style, everything from this server. */
START_TEST(pages)
{
    static const char *const paths[] = {"/docs", "/api/docs", "/redoc", "/api/redoc", NULL};
    if (!env.assets)
        return;
    for (const char *const *path = paths; *path; path++) {
        reply_t *page = CALL("GET", *path);
        expect_status(page, 200);
        ck_assert_msg(strncmp(header(page, "Content-Type"), "text/html", 9) == 0, "%s", header(page, "Content-Type"));
        ck_assert_msg(!strstr(page->body, "<script>") && !strstr(page->body, "onload=") &&
                          !strstr(page->body, "<style"),
                      "%s has inline script or style", *path);
        ck_assert_msg(!strstr(page->body, "//cdn") && !strstr(page->body, "src=\"http") &&
                          !strstr(page->body, "href=\"http"),
                      "%s loads from elsewhere", *path);
        char *script = quoted_after(page->body, "src=\"");
        ck_assert_msg(script != NULL, "%s has no script", *path);
        reply_t *asset = CALL("GET", *script == '/' ? script : F("%s/%s", *path, script));
        expect_status(asset, 200);
        ck_assert_msg(strstr(header(asset, "Content-Type"), "javascript") != NULL, "%s", header(asset, "Content-Type"));
        expect_status(CALL("GET", F("%s/", *path)), 200);
    }
}
END_TEST

START_TEST(assets_stay_inside)
{
    static const char *const paths[] = {"/docs/../../etc/passwd",
                                        "/docs/%2e%2e/%2e%2e/etc/passwd",
                                        "/docs/..%2f..%2fetc%2fpasswd",
                                        "/docs/.hidden",
                                        "/docs/nothing.js",
                                        "/docs//etc/passwd",
                                        "/docs/swagger-ui.css%00.js",
                                        "/docs/..",
                                        NULL};
    expect_log("AH10244");
    for (const char *const *path = paths; *path; path++) {
        reply_t *reply = CALL("GET", *path, .lenient = true);
        ck_assert_msg(reply->status == 404 || reply->status == 400 || reply->status == 403, "%s: %d", *path,
                      reply->status);
        ck_assert_msg(!strstr(reply->body, "root:"), "%s shows a file of the system", *path);
    }
}
END_TEST

Suite *suite_docs(void)
{
    Suite *suite = suite_create("docs");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, document_at_its_paths);
    tcase_add_test(all, document_is_sent_packed);
    tcase_add_test(all, documents_are_limited);
    tcase_add_test(all, every_operation_is_described);
    tcase_add_test(all, examples_match_their_schemas);
    tcase_add_test(all, pages);
    tcase_add_test(all, assets_stay_inside);
    return suite;
}
