/* SPDX-License-Identifier: Apache-2.0
 * /analysis/sessions: the list with its filters and pages, one of them in each state, and its end, which stops the
 * work.
 */
#include "harness.h"

#include <string.h>

#define BASE "/api/v1/analysis/sessions"

static char *path_of(json_int_t id)
{
    return F(BASE "/%lld", (long long)id);
}

static size_t listed(person_t who, const char *query)
{
    reply_t *reply = CALL("GET", F(BASE "%s", query), .token = who.access);
    expect_status(reply, 200);
    return json_array_size(reply->json);
}

/* --- one --- */

START_TEST(its_state_is_that_of_its_job)
{
    static const char *const states[] = {"queued", "running", "done", "failed", "cancelled", NULL};
    person_t me = person("student");
    for (const char *const *state = states; *state; state++) {
        bool over = strcmp(*state, "queued") && strcmp(*state, "running");
        reply_t *reply = CALL("GET", path_of(analysis_of(me, *state)), .token = me.access);
        expect_status(reply, 200);
        ck_assert_str_eq(text_at(reply->json, "/status"), *state);
        ck_assert_str_eq(text_at(reply->json, "/kind"), "github");
        ck_assert_int_eq(json_is_null(at(reply->json, "/finished_at")), !over);
        ck_assert_int_eq(json_is_object(at(reply->json, "/error")), strcmp(*state, "failed") == 0);
        ck_assert_int_eq(json_is_object(at(reply->json, "/result")), strcmp(*state, "done") == 0);
    }
}
END_TEST

/* What a job that is tried again failed with the last time is not told. */
START_TEST(an_error_is_told_when_it_is_for_good)
{
    person_t me = person("student");
    json_int_t id = analysis_of(me, "queued");
    sql("UPDATE forge.jobs SET error_code = 'upstream', error_detail = 'it did not answer', progress = 30, stage = "
        "'clone'");
    reply_t *reply = CALL("GET", path_of(id), .token = me.access);
    ck_assert(json_is_null(at(reply->json, "/error")));
    ck_assert_int_eq(int_at(reply->json, "/progress"), 30);
    ck_assert_str_eq(text_at(reply->json, "/stage"), "clone");
    sql("UPDATE forge.jobs SET status = 'failed', lease_until = NULL, finished_at = now()");
    reply = CALL("GET", path_of(id), .token = me.access);
    ck_assert_str_eq(text_at(reply->json, "/error/code"), "upstream");
    ck_assert_str_eq(text_at(reply->json, "/error/detail"), "it did not answer");
}
END_TEST

START_TEST(others_do_not_see_it)
{
    person_t me = person("student"), other = person("instructor"), admin = person("admin");
    char *path = path_of(analysis_of(me, "done"));
    expect_problem(CALL("GET", path, .token = other.access), "not_found");
    expect_problem(CALL("DELETE", path, .token = other.access), "not_found");
    expect_problem(CALL("GET", path), "unauthenticated");
    expect_status(CALL("GET", path, .token = me.access), 200);
    ck_assert_int_eq(listed(other, ""), 0);
    ck_assert_int_eq(listed(admin, ""), 0);
    expect_status(CALL("GET", path, .token = admin.access), 200);
    expect_status(CALL("DELETE", path, .token = admin.access), 204);
    expect_problem(CALL("GET", path, .token = me.access), "not_found");
}
END_TEST

/* It has no version: what is answered is what the tag stands for. */
START_TEST(its_tag_is_of_what_is_answered)
{
    person_t me = person("student");
    char *path = path_of(analysis_of(me, "done"));
    const char *etag = header(CALL("GET", path, .token = me.access), "ETag");
    expect_status(CALL("GET", path, .token = me.access, .headers = {F("If-None-Match: %s", etag)}), 304);
    expect_status(CALL("GET", path, .token = me.access, .headers = {F("If-Match: %s", etag)}), 200);
    expect_problem(CALL("DELETE", path, .token = me.access, .headers = {"If-Match: \"v99\""}), "precondition_failed");
    sql("UPDATE forge.analysis_sessions SET result = '{\"other\":1}' RETURNING 1");
    expect_status(CALL("GET", path, .token = me.access, .headers = {F("If-None-Match: %s", etag)}), 200);
    expect_problem(CALL("DELETE", path, .token = me.access, .headers = {F("If-Match: %s", etag)}),
                   "precondition_failed");
    etag = header(CALL("GET", path, .token = me.access), "ETag");
    expect_status(CALL("DELETE", path, .token = me.access, .headers = {F("If-Match: %s", etag)}), 204);
}
END_TEST

/* --- the list --- */

START_TEST(the_list_is_the_callers_newest_first)
{
    person_t me = person("student");
    json_int_t first = analysis_of(me, "done"), second = analysis_of(me, "queued");
    reply_t *reply = CALL("GET", BASE "?count=true", .token = me.access);
    expect_status(reply, 200);
    ck_assert_int_eq(int_at(reply->json, "/0/id"), second);
    ck_assert_int_eq(int_at(reply->json, "/1/id"), first);
    ck_assert_str_eq(header(reply, "X-Total-Count"), "2");
    ck_assert_ptr_null(maybe_at(reply->json, "/1/result"));
}
END_TEST

START_TEST(filters_choose)
{
    person_t me = person("student");
    analysis_of(me, "done");
    analysis_of(me, "done");
    analysis_of(me, "failed");
    ck_assert_int_eq(listed(me, "?status=done"), 2);
    ck_assert_int_eq(listed(me, "?status=failed&kind=github"), 1);
    ck_assert_int_eq(listed(me, "?status=queued"), 0);
    ck_assert_int_eq(listed(me, "?kind=pdf"), 0);
    expect_fault(CALL("GET", BASE "?status=lost", .token = me.access), "?status", "enum");
    expect_fault(CALL("GET", BASE "?kind=zip", .token = me.access), "?kind", "enum");
}
END_TEST

/* The address of the next page, or NULL. */
static char *next_page(const reply_t *reply)
{
    const char *link = header(reply, "Link"), *end = link ? strstr(link, ">; rel=\"next\"") : NULL, *from = end;
    while (from && *from != '<')
        from--;
    return from ? F("%.*s", (int)(end - from - 1), from + 1) : NULL;
}

START_TEST(pages_follow_each_other)
{
    person_t me = person("student");
    json_int_t ids[5];
    for (int i = 0; i < 5; i++)
        ids[i] = analysis_of(me, "done");
    const char *next = F("%s", BASE "?limit=2");
    int seen = 0;
    while (next) {
        reply_t *reply = CALL("GET", next, .token = me.access);
        expect_status(reply, 200);
        for (size_t i = 0; i < json_array_size(reply->json); i++, seen++)
            ck_assert_int_eq(int_at(json_array_get(reply->json, i), "/id"), ids[4 - seen]);
        next = next_page(reply);
    }
    ck_assert_int_eq(seen, 5);
}
END_TEST

/* --- its end --- */

START_TEST(deleting_stops_the_work)
{
    static const char *const states[] = {"queued", "running", "done", NULL};
    person_t me = person("student");
    for (const char *const *state = states; *state; state++) {
        json_int_t id = analysis_of(me, *state);
        char *job = sql("SELECT job_id FROM forge.analysis_sessions WHERE id = %lld", (long long)id);
        sql("INSERT INTO forge.passages (session_id, position, path, body) VALUES (%lld, 1, 'a', 'words')",
            (long long)id);
        expect_status(CALL("DELETE", path_of(id), .token = me.access), 204);
        expect_problem(CALL("GET", path_of(id), .token = me.access), "not_found");
        expect_problem(CALL("DELETE", path_of(id), .token = me.access), "not_found");
        ck_assert_str_eq(sql("SELECT status FROM forge.jobs WHERE id = %s", job),
                         strcmp(*state, "done") ? "cancelled" : "done");
    }
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.passages"), "0");
}
END_TEST

Suite *suite_analyses(void)
{
    Suite *suite = suite_create("analyses");
    TCase *tc = case_make(suite, "one");
    tcase_add_test(tc, its_state_is_that_of_its_job);
    tcase_add_test(tc, an_error_is_told_when_it_is_for_good);
    tcase_add_test(tc, others_do_not_see_it);
    tcase_add_test(tc, its_tag_is_of_what_is_answered);
    tc = case_make(suite, "list");
    tcase_add_test(tc, the_list_is_the_callers_newest_first);
    tcase_add_test(tc, filters_choose);
    tcase_add_test(tc, pages_follow_each_other);
    tc = case_make(suite, "end");
    tcase_add_test(tc, deleting_stops_the_work);
    return suite;
}
