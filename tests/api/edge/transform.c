/* SPDX-License-Identifier: Apache-2.0
 * ForgeTransform: the shape of answers in JSON, of back ends and our own, with their tags, lengths and compression.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

/* What is changed is not what the document says. */
#define ASK(method, path, ...) CALL(method, path, .port = PORT_DOORS, .lenient = true, __VA_ARGS__)
#define GET(path, ...)         ASK("GET", path, __VA_ARGS__)

static bool has_length(const reply_t *reply)
{
    const char *said = header(reply, "Content-Length");
    return said && (size_t)atol(said) == reply->length;
}

/* --- back ends --- */

START_TEST(members_of_a_back_end_are_changed)
{
    reply_t *reply = GET("/api/v1/shaped/list");
    expect_status(reply, 200);
    ck_assert_str_eq(reply->body,
                     "[{\"id\":1,\"user\":{\"full_name\":\"Ada\"}},{\"id\":2,\"user\":{\"full_name\":\"Bob\"}},7]");
    ck_assert(has_length(reply));
    ck_assert_ptr_null(header(reply, "Last-Modified"));
    ck_assert(strncmp(header(reply, "ETag"), "\"abc-t", 6) == 0);
    reply = GET("/api/v1/shaped/wrapped");
    ck_assert_str_eq(reply->body, "{\"x\":1e400}");
    ck_assert(strncmp(header(reply, "ETag"), "W/\"w-t", 6) == 0);
    ck_assert_str_eq(header(reply, "Content-Type"), "application/vnd.lab+json");
    expect_status(GET("/api/v1/shaped/failed"), 422);
}
END_TEST

START_TEST(what_is_no_json_passes)
{
    expect_says(GET("/api/v1/shaped/text"), "one\n\"two\"\n");
    ck_assert_int_eq(GET("/api/v1/shaped/binary")->length, 4);
    expect_status(GET("/api/v1/shaped/nothing"), 204);
    expect_status(GET("/api/v1/shaped/moved"), 302);
    expect_says(GET("/api/v1/shaped/problem"), "\"title\":\"no\"");
}
END_TEST

START_TEST(problems_are_changed_where_told)
{
    expect_says(GET("/api/v1/told/problem"), "\"message\":\"no\"");
    expect_log("AH0");
    reply_t *reply = GET("/api/v1/told/nosuch");
    expect_status(reply, 502);
    expect_says(reply, "\"message\":\"Bad Gateway\"");
    ck_assert(has_length(reply));
}
END_TEST

/* What a rule would have dropped must not be seen because the answer is odd. */
START_TEST(what_cannot_be_changed_is_502)
{
    static const char *const paths[] = {"garbage", "deep", "packed", "number"};
    expect_log("FG0692");
    for (int i = 0; i < 4; i++) {
        reply_t *reply = GET(F("/api/v1/shaped/%s", paths[i]));
        expect_problem(reply, "bad_gateway");
        ck_assert(has_length(reply));
        ck_assert_ptr_null(header(reply, "Content-Encoding"));
        ck_assert_ptr_null(header(reply, "ETag"));
    }
    ck_assert_ptr_nonnull(strstr(log_since("error.log"), "FG0692"));
    expect_status(GET("/api/v1/shaped/list"), 200);
}
END_TEST

START_TEST(an_answer_that_breaks_off_is_no_answer)
{
    expect_log("AH0");
    reply_t *reply = GET("/api/v1/shaped/short");
    ck_assert_msg(reply->status == 0 || reply->status == 502, "%d %s", reply->status, reply->body);
    expect_status(GET("/api/v1/shaped/list"), 200);
}
END_TEST

START_TEST(a_changed_answer_has_its_own_tag)
{
    const char *tag = header(GET("/api/v1/shaped/list"), "ETag");
    reply_t *same = GET("/api/v1/shaped/list", .headers = {F("If-None-Match: \"x\", %s", tag)});
    expect_status(same, 304);
    ck_assert_str_eq(header(same, "ETag"), tag);
    ck_assert_int_eq(same->length, 0);
    expect_status(GET("/api/v1/shaped/list", .headers = {"If-None-Match: \"abc\""}), 200); /* of another shape */
    expect_status(GET("/api/v1/shaped/list", .headers = {"If-None-Match: \"abc-t0000000000000000\""}), 200);
    expect_status(GET("/api/v1/shaped/list", .headers = {"If-Modified-Since: Fri, 01 Jan 2027 00:00:00 GMT"}), 200);
    reply_t *part = GET("/api/v1/shaped/list", .headers = {"Range: bytes=0-3"});
    expect_status(part, 200);
    ck_assert_str_ne(tag, header(GET("/api/v1/parts/list"), "ETag"));
}
END_TEST

START_TEST(head_is_right)
{
    reply_t *reply = ASK("HEAD", "/api/v1/shaped/list");
    expect_status(reply, 200);
    ck_assert_ptr_null(header(reply, "Content-Length"));
    ck_assert_str_eq(header(reply, "ETag"), header(GET("/api/v1/shaped/list"), "ETag"));
}
END_TEST

START_TEST(it_is_compressed_afterwards)
{
    static const char gzip[] = "Accept-Encoding: gzip";
    reply_t *echo = GET("/api/v1/shaped/echo", .headers = {gzip});
    ck_assert_str_eq(header(echo, "Content-Encoding"), "gzip");
    ck_assert_ptr_null(strstr(GET("/api/v1/shaped/echo")->body, "gzip"));
    reply_t *reply = GET("/api/v1/shaped/list", .headers = {gzip});
    const char *tag = header(reply, "ETag");
    expect_status(GET("/api/v1/shaped/list", .headers = {gzip, F("If-None-Match: %s", tag)}), 304);
}
END_TEST

START_TEST(an_inner_place_may_turn_it_off)
{
    expect_says(GET("/api/v1/shaped/as-it-is/list"), "fullName");
}
END_TEST

START_TEST(it_holds_within_an_aggregate)
{
    reply_t *reply = GET("/api/v1/aggregate?paths=/shaped/list,/shaped/garbage");
    expect_log("FG0692");
    ck_assert_str_eq(text_at(reply->json, "/results/0/body/1/user/full_name"), "Bob");
    expect_silent(reply, "password");
    ck_assert_int_eq(int_at(reply->json, "/results/1/status"), 502);
}
END_TEST

/* --- our own answers --- */

START_TEST(our_own_answers_are_changed)
{
    person_t ada = person("instructor");
    reply_t *made = CALL("POST", "/api/v1/exercises", .token = ada.access,
                         .json = "{\"title\":\"Sum\",\"description\":\"Add two numbers\"}");
    expect_status(made, 201);
    const char *path = F("/api/v1/exercises/%lld", (long long)int_at(made->json, "/id"));
    for (int i = 0; i < 3; i++) { /* from the database, and from memory */
        reply_t *reply = GET(path);
        ck_assert_str_eq(text_at(reply->json, "/name"), "Sum");
        ck_assert_ptr_null(maybe_at(reply->json, "/title"));
        ck_assert_ptr_null(maybe_at(reply->json, "/version"));
        ck_assert_int_eq(int_at(reply->json, "/author_id/author"), ada.id);
        ck_assert(has_length(reply));
        reply_t *list = GET("/api/v1/exercises");
        ck_assert_str_eq(text_at(list->json, "/0/name"), "Sum");
        expect_status(GET("/api/v1/exercises", .headers = {F("If-None-Match: %s", header(list, "ETag"))}), 304);
        reply_t *same = GET(path, .headers = {F("If-None-Match: %s", header(reply, "ETag"))});
        expect_status(same, 304);
        ck_assert_str_eq(header(same, "ETag"), header(reply, "ETag"));
        reply_t *head = ASK("HEAD", path);
        ck_assert_str_eq(header(head, "Content-Length"), header(reply, "Content-Length"));
        ck_assert_str_eq(header(head, "ETag"), header(reply, "ETag"));
    }
    const char *tag = header(ASK("PATCH", path, .token = ada.access, .json = "{\"title\":\"Add\"}"), "ETag");
    reply_t *changed =
        ASK("PATCH", path, .token = ada.access, .json = "{\"title\":\"Sums\"}", .headers = {F("If-Match: %s", tag)});
    ck_assert_msg(changed->status == 200, "%s: %s", tag, changed->body);
    expect_problem(
        ASK("PATCH", path, .token = ada.access, .json = "{\"title\":\"X\"}", .headers = {F("If-Match: %s", tag)}),
        "precondition_failed");
    ck_assert_str_eq(text_at(GET(path)->json, "/name"), "Sums");
    expect_says(GET("/api/v1/exercises/424242"), "\"title\":\"Not Found\"");
}
END_TEST

Suite *suite_transform(void)
{
    Suite *suite = suite_create("transform");
    TCase *behind = case_make(suite, "back ends");
    tcase_add_test(behind, members_of_a_back_end_are_changed);
    tcase_add_test(behind, what_is_no_json_passes);
    tcase_add_test(behind, problems_are_changed_where_told);
    tcase_add_test(behind, what_cannot_be_changed_is_502);
    tcase_add_test(behind, an_answer_that_breaks_off_is_no_answer);
    tcase_add_test(behind, a_changed_answer_has_its_own_tag);
    tcase_add_test(behind, head_is_right);
    tcase_add_test(behind, it_is_compressed_afterwards);
    tcase_add_test(behind, an_inner_place_may_turn_it_off);
    tcase_add_test(behind, it_holds_within_an_aggregate);
    TCase *own = case_make(suite, "our own");
    tcase_add_test(own, our_own_answers_are_changed);
    return suite;
}
