/* SPDX-License-Identifier: Apache-2.0
 * POST /analysis/qa without a language model: answers out of the account's own passages, with their pages, or none.
 */
#include "questions.h"

#include <string.h>

START_TEST(an_answer_names_its_page)
{
    person_t me = person("student");
    json_int_t session = analysed(me, fables);
    reply_t *reply = ask_about(me, session, "What did the crow drop into the pitcher?");
    expect_status(reply, 200);
    ck_assert(json_is_true(at(reply->json, "/answered")));
    ck_assert_msg(strstr(text_at(reply->json, "/answer"), "She dropped pebbles into the pitcher"), "%s", reply->body);
    ck_assert_str_eq(text_at(reply->json, "/model"), "extractive");
    ck_assert(json_is_false(at(reply->json, "/degraded")));
    ck_assert_int_eq(int_at(reply->json, "/sources/0/page"), 3);
    ck_assert_int_eq(int_at(reply->json, "/sources/0/file_id"), file_of(session));
    ck_assert_msg(strstr(text_at(reply->json, "/sources/0/excerpt"), "pebbles"), "%s", reply->body);
    ck_assert_ptr_null(maybe_at(reply->json, "/sources/0/path"));
    double score = json_real_value(at(reply->json, "/sources/0/score"));
    ck_assert_msg(score >= 0.58 && score <= 1, "%s", reply->body);
    ck_assert_str_eq(header(reply, "Cache-Control"), "no-store");
}
END_TEST

START_TEST(a_file_is_asked_like_its_session)
{
    person_t me = person("student");
    json_int_t session = analysed(me, fables);
    reply_t *reply = CALL("POST", "/api/v1/analysis/qa", .token = me.access,
                          .json = F("{\"file_id\":%lld,\"question\":\"When was the race of the tortoise?\"}",
                                    (long long)file_of(session)));
    expect_status(reply, 200);
    ck_assert_int_eq(int_at(reply->json, "/session_id"), session);
    ck_assert_msg(strstr(text_at(reply->json, "/answer"), "1806"), "%s", reply->body);
    ck_assert_int_eq(int_at(reply->json, "/sources/0/page"), 2);
}
END_TEST

START_TEST(what_is_not_there_is_not_answered)
{
    static const char *const questions[] = {"Who invented the telephone?", "How deep is the ocean near Japan?",
                                            "What did the fox say about inflation?", "the of and", "???"};
    person_t me = person("student");
    json_int_t session = analysed(me, fables);
    for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
        reply_t *reply = ask_about(me, session, questions[i]);
        expect_status(reply, 200);
        ck_assert_msg(json_is_false(at(reply->json, "/answered")), "%s: %s", questions[i], reply->body);
        ck_assert(json_is_null(at(reply->json, "/answer")));
        ck_assert_int_eq((int)json_array_size(at(reply->json, "/sources")), 0);
    }
}
END_TEST

/* Neither by their session, nor by their file, nor in the answer to a question about one's own. */
START_TEST(passages_of_others_never_appear)
{
    person_t me = person("student"), other = person("student"), admin = person("admin");
    json_int_t mine = analysed(me, fables),
               theirs = analysed(other, "(1, 'The zebra hid the emerald under the bridge.')");
    static const char question[] = "Where did the zebra hide the emerald?";
    expect_status(ask_about(other, theirs, question), 200);
    expect_problem(ask_about(me, theirs, question), "not_found");
    expect_problem(ask_about(admin, theirs, question), "not_found");
    const char *messages = F("/api/v1/analysis/sessions/%lld/messages", (long long)theirs);
    expect_problem(CALL("GET", messages, .token = me.access), "not_found");
    ck_assert_str_eq(text_at(CALL("GET", messages, .token = admin.access)->json, "/0/question"), question);
    expect_problem(CALL("POST", "/api/v1/analysis/qa", .token = me.access,
                        .json = F("{\"file_id\":%lld,\"question\":\"%s\"}", (long long)file_of(theirs), question)),
                   "not_found");
    reply_t *reply = ask_about(me, mine, question);
    ck_assert(json_is_false(at(reply->json, "/answered")));
    expect_silent(reply, "bridge");
    expect_problem(ask_about(me, 999999, question), "not_found");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.messages WHERE session_id = %lld", (long long)theirs), "1");
}
END_TEST

START_TEST(an_analysis_that_is_not_done_is_told)
{
    static const char *const states[] = {"status = 'queued', finished_at = NULL, due_at = now() + interval '1 hour'",
                                         "status = 'failed', error_code = 'x'"};
    person_t me = person("student");
    json_int_t session = analysed(me, fables);
    const char *mine = F("WHERE id = (SELECT job_id FROM forge.analysis_sessions WHERE id = %lld)", (long long)session);
    for (int i = 0; i < 2; i++) {
        sql("UPDATE forge.jobs SET %s %s", states[i], mine);
        expect_problem(ask_about(me, session, "fox?"), "analysis_not_ready");
        sql("UPDATE forge.jobs SET status = 'done', finished_at = now() %s", mine);
    }
    char *bare =
        sql("INSERT INTO forge.files (user_id, filename, content_type, size, sha256, object) VALUES (%lld, 'b', "
            "'application/pdf', 1, sha256('b'), forge.file_object()) RETURNING id",
            (long long)me.id);
    expect_problem(CALL("POST", "/api/v1/analysis/qa", .token = me.access,
                        .json = F("{\"file_id\":%s,\"question\":\"fox?\"}", bare)),
                   "analysis_not_ready");
}
END_TEST

START_TEST(a_question_is_checked)
{
    person_t me = person("student");
    json_int_t session = analysed(me, fables);
    char *both = F("{\"session_id\":%lld,\"file_id\":1,\"question\":\"q\"}", (long long)session);
    expect_fault(CALL("POST", "/api/v1/analysis/qa", .token = me.access, .json = both), "/session_id", NULL);
    expect_fault(CALL("POST", "/api/v1/analysis/qa", .token = me.access, .json = "{\"question\":\"q\"}"), "/session_id",
                 NULL);
    expect_fault(
        CALL("POST", "/api/v1/analysis/qa", .token = me.access, .json = "{\"session_id\":1,\"question\":\"\"}"),
        "/question", NULL);
    char *text = F("%*s", 1001, "x");
    memset(text, 'x', 1001);
    expect_fault(ask_about(me, session, text), "/question", NULL);
    expect_status(ask_about(me, session, "'); DROP TABLE forge.messages; -- \\ & | ! <-> :* ''"), 200);
}
END_TEST

START_TEST(the_conversation_is_kept)
{
    person_t me = person("student");
    json_int_t session = analysed(me, fables);
    ask_about(me, session, "What did the crow drop into the pitcher?");
    ask_about(me, session, "Who invented the telephone?");
    ck_assert_str_eq(sql("SELECT string_agg(question || '|' || answered || '|' || model || '|' || "
                         "jsonb_array_length(sources), ' ' ORDER BY id) FROM forge.messages WHERE session_id = %lld",
                         (long long)session),
                     "What did the crow drop into the pitcher?|true|extractive|1 Who invented the "
                     "telephone?|false|extractive|0");
    reply_t *list = CALL("GET", F("/api/v1/analysis/sessions/%lld/messages", (long long)session), .token = me.access);
    expect_status(list, 200);
    ck_assert_int_eq((int)json_array_size(list->json), 2);
    ck_assert_int_eq(int_at(list->json, "/0/sources/0/page"), 3);
    ck_assert(json_is_null(at(list->json, "/1/answer")));
    person_t other = person("student");
    expect_problem(CALL("GET", F("/api/v1/analysis/sessions/%lld/messages", (long long)session), .token = other.access),
                   "not_found");
    json_int_t silent = analysed(me, fables);
    ck_assert_str_eq(
        CALL("GET", F("/api/v1/analysis/sessions/%lld/messages", (long long)silent), .token = me.access)->body, "[]");
    reply_t *mine = CALL("GET", "/api/v1/users/me/export", .token = me.access);
    ck_assert_str_eq(text_at(mine->json, "/questions/0/question"), "What did the crow drop into the pitcher?");
    sql("DELETE FROM forge.analysis_sessions WHERE id = %lld", (long long)session);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.messages"), "0");
}
END_TEST

START_TEST(the_same_key_asks_once)
{
    person_t me = person("student");
    json_int_t session = analysed(me, fables);
    reply_t *replies[2];
    for (int i = 0; i < 2; i++)
        replies[i] =
            CALL("POST", "/api/v1/analysis/qa", .token = me.access, .headers = {"Idempotency-Key: once"},
                 .json = F("{\"session_id\":%lld,\"question\":\"What did the fox say?\"}", (long long)session));
    ck_assert_str_eq(replies[0]->body, replies[1]->body);
    ck_assert_str_eq(header(replies[1], "Idempotent-Replayed"), "true");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.messages"), "1");
}
END_TEST

START_TEST(it_can_come_as_events)
{
    person_t me = person("student");
    json_int_t session = analysed(me, fables);
    char *body =
        F("{\"session_id\":%lld,\"question\":\"What did the crow drop into the pitcher?\"}", (long long)session);
    reply_t *reply =
        CALL("POST", "/api/v1/analysis/qa", .token = me.access, .json = body, .headers = {"Accept: text/event-stream"});
    expect_status(reply, 200);
    ck_assert_msg(strncmp(header(reply, "Content-Type"), "text/event-stream", 17) == 0, "%s", reply->head);
    expect_says(reply, "event: answer\ndata: {");
    expect_says(reply, "She dropped pebbles");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.messages"), "1");
    expect_fault(CALL("POST", "/api/v1/analysis/qa", .token = me.access, .json = body,
                      .headers = {"Accept: text/event-stream", "Idempotency-Key: k"}),
                 "#Idempotency-Key", NULL);
}
END_TEST

Suite *suite_questions(void)
{
    Suite *suite = suite_create("questions");
    TCase *tc = case_make(suite, "all");
    tcase_add_test(tc, an_answer_names_its_page);
    tcase_add_test(tc, a_file_is_asked_like_its_session);
    tcase_add_test(tc, what_is_not_there_is_not_answered);
    tcase_add_test(tc, passages_of_others_never_appear);
    tcase_add_test(tc, an_analysis_that_is_not_done_is_told);
    tcase_add_test(tc, a_question_is_checked);
    tcase_add_test(tc, the_conversation_is_kept);
    tcase_add_test(tc, the_same_key_asks_once);
    tcase_add_test(tc, it_can_come_as_events);
    return suite;
}
