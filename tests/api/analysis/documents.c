/* SPDX-License-Identifier: Apache-2.0
 * /analysis/pdf end to end: a file is analysed by the server's own workers and sandbox, and its session, its pages and
 * its picture are read.
 */
#include "../../pdf_kit.h"
#include "harness.h"

#include <string.h>

#define SESSIONS "/api/v1/analysis/sessions"
#define PATIENCE 120 /* seconds for one analysis on a busy machine */

static apr_pool_t *pool;

static void set_up(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
}

static void tear_down(void)
{
    apr_pool_destroy(pool);
    apr_terminate();
}

/* A file of this person's, as an upload leaves it: the server's role may read its bytes. Its number. */
static json_int_t stored(person_t owner, const forge_buf_t *file)
{
    const char *hex = forge_util_hex(pool, file->data, file->len), *object = sql("SELECT forge.file_object()");
    sql("SELECT lo_put(%s, 0, decode('%s', 'hex'))", object, hex);
    sql("GRANT SELECT ON LARGE OBJECT %s TO forge_app", object);
    return atoll(sql("INSERT INTO forge.files (user_id, filename, content_type, size, sha256, object) VALUES (%lld,"
                     " 'a.pdf', 'application/pdf', %lld, sha256(decode('%s', 'hex')), %s) RETURNING id",
                     (long long)owner.id, (long long)file->len, hex, object));
}

static reply_t *ask_for(person_t who, json_int_t file)
{
    return CALL("POST", "/api/v1/analysis/pdf", .token = who.access, .json = F("{\"file_id\":%lld}", (long long)file));
}

/* The session once it has ended. */
static reply_t *ended(person_t who, const char *path)
{
    for (int i = 0; i < PATIENCE * 10; i++) {
        reply_t *reply = CALL("GET", path, .token = who.access);
        expect_status(reply, 200);
        if (!json_is_null(at(reply->json, "/finished_at")))
            return reply;
        pause_ms(100);
    }
    ck_abort_msg("%s has not ended", path);
    return NULL;
}

/* Asks for an analysis and waits for its end. */
static reply_t *analysed(person_t who, json_int_t file)
{
    reply_t *reply = ask_for(who, file);
    expect_status(reply, 202);
    ck_assert_str_eq(text_at(reply->json, "/kind"), "pdf");
    ck_assert_int_eq(int_at(reply->json, "/file_id"), file);
    const char *location = header(reply, "Location");
    ck_assert_str_eq(location, F(SESSIONS "/%lld", (long long)int_at(reply->json, "/id")));
    return ended(who, location);
}

static const char *const trees[] = {
    "Binary search trees\n \nA binary search tree keeps its keys in order. Every node of the tree has at most two "
    "children.",
    "Balanced trees\n \nA rotation is how a tree stays balanced: a rotation changes the height of a node.",
};
static const pdf_bookmark_t bookmarks[] = {{"Trees", 1}, {NULL, 0}};

/* The line of ForgeEventLog that tells how an analysis ended. */
static char *told(const char *event, const reply_t *session)
{
    const char *number = F("\"analysis_id\":%lld", (long long)int_at(session->json, "/id"));
    char *text = log_since("events.json"), *state; /* cases before have had the same numbers */
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
        if (strstr(line, F("\"event\":\"%s\"", event)) && strstr(line, number))
            return line;
    return NULL;
}

/* A job's events are told when its connection goes back, a moment after its session says that it has ended. */
static void expect_told(const char *event, const reply_t *session, const char *part)
{
    for (int i = 0; i < 100 && !told(event, session); i++)
        pause_ms(50);
    char *line = told(event, session);
    ck_assert_msg(line && strstr(line, part), "%s %s", event, line ? line : "is not told");
}

START_TEST(a_document_is_analysed)
{
    const person_t me = person("student");
    const pdf_text_t text = {trees, 2, "All about trees", "Ada", bookmarks, false};
    reply_t *reply = analysed(me, stored(me, pdf_text(pool, &text)));
    ck_assert_msg(strcmp(text_at(reply->json, "/status"), "done") == 0, "%s", reply->body);
    ck_assert_int_eq(int_at(reply->json, "/progress"), 100);
    ck_assert(json_is_null(at(reply->json, "/error")));
    ck_assert_str_eq(text_at(reply->json, "/result/title"), "All about trees");
    ck_assert_str_eq(text_at(reply->json, "/result/language"), "en");
    ck_assert_int_eq(int_at(reply->json, "/result/page_count"), 2);
    ck_assert_int_eq(int_at(reply->json, "/result/outline/0/page"), 1);
    ck_assert_ptr_nonnull(strstr(text_at(reply->json, "/result/pages/1/text"), "rotation"));
    ck_assert_int_gt(json_array_size(at(reply->json, "/result/key_terms")), 2);
    ck_assert_str_eq(sql("SELECT pages FROM forge.files"), "2");
    expect_told("analysis.requested", reply, "\"kind\":\"pdf\"");
    expect_told("analysis.finished", reply, F("\"user_id\":%lld", (long long)me.id));
}
END_TEST

START_TEST(its_pages_and_its_picture_are_read)
{
    const person_t me = person("student"), other = person("instructor"), admin = person("admin");
    const pdf_text_t text = {.pages = trees, .n = 2};
    reply_t *reply = analysed(me, stored(me, pdf_text(pool, &text)));
    const char *path = F(SESSIONS "/%lld", (long long)int_at(reply->json, "/id"));
    reply = CALL("GET", F("%s/pages?limit=1", path), .token = me.access);
    expect_status(reply, 200);
    ck_assert_int_eq(int_at(reply->json, "/0/page"), 1);
    ck_assert_ptr_nonnull(strstr(header(reply, "Link"), "rel=\"next\""));
    reply = CALL("GET", F("%s/pages", path), .token = me.access);
    ck_assert_int_eq(json_array_size(reply->json), 2);
    ck_assert_ptr_nonnull(strstr(text_at(reply->json, "/1/text"), "A rotation is how a tree stays balanced"));
    reply = CALL("GET", F("%s/thumbnail", path), .token = me.access);
    expect_status(reply, 200);
    ck_assert_str_eq(header(reply, "Content-Type"), "image/png");
    ck_assert(reply->length > 100 && memcmp(reply->body, "\x89PNG", 4) == 0);
    const char *known = F("If-None-Match: %s", header(reply, "ETag"));
    expect_status(CALL("GET", F("%s/thumbnail", path), .token = me.access, .headers = {known}), 304);
    expect_problem(CALL("GET", F("%s/thumbnail", path), .token = other.access), "not_found");
    expect_problem(CALL("GET", F("%s/pages", path), .token = other.access), "not_found");
    expect_problem(CALL("GET", F("%s/pages", path)), "unauthenticated");
    expect_status(CALL("GET", F("%s/thumbnail", path), .token = admin.access), 200);
    ck_assert_int_eq(json_array_size(CALL("GET", F("%s/pages", path), .token = admin.access)->json), 2);
}
END_TEST

START_TEST(what_cannot_be_read_ends_as_failed)
{
    const person_t me = person("student");
    const pdf_text_t text = {.pages = trees, .n = 2, .encrypted = true};
    reply_t *reply = analysed(me, stored(me, pdf_text(pool, &text)));
    ck_assert_str_eq(text_at(reply->json, "/status"), "failed");
    ck_assert_str_eq(text_at(reply->json, "/error/code"), "pdf_encrypted");
    expect_told("analysis.failed", reply, "\"code\":\"pdf_encrypted\"");
    ck_assert(json_is_null(at(reply->json, "/result")));
    const char *path = F(SESSIONS "/%lld", (long long)int_at(reply->json, "/id"));
    expect_problem(CALL("GET", F("%s/thumbnail", path), .token = me.access), "not_found");
    reply = CALL("GET", F("%s/pages", path), .token = me.access);
    ck_assert_int_eq(json_array_size(reply->json), 0);
    expect_status(CALL("GET", "/health/live"), 200);
}
END_TEST

START_TEST(only_own_files_are_taken)
{
    const person_t me = person("student"), other = person("admin");
    const json_int_t file = stored(me, pdf_page(pool, "A page"));
    expect_problem(ask_for(other, file), "not_found");
    expect_problem(ask_for(me, file + 1), "not_found");
    expect_problem(CALL("POST", "/api/v1/analysis/pdf", .json = "{\"file_id\":1}"), "unauthenticated");
    expect_fault(CALL("POST", "/api/v1/analysis/pdf", .token = me.access, .json = "{}"), "/file_id", "required");
    expect_fault(CALL("POST", "/api/v1/analysis/pdf", .token = me.access, .json = "{\"file_id\":0}"), "/file_id", NULL);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.analysis_sessions"), "0");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.jobs WHERE kind = 'pdf'"), "0");
}
END_TEST

START_TEST(the_same_key_asks_once)
{
    const person_t me = person("student");
    const json_int_t file = stored(me, pdf_page(pool, "A page of words"));
    const char *body = F("{\"file_id\":%lld}", (long long)file);
    reply_t *first =
        CALL("POST", "/api/v1/analysis/pdf", .token = me.access, .json = body, .headers = {"Idempotency-Key: once"});
    reply_t *again =
        CALL("POST", "/api/v1/analysis/pdf", .token = me.access, .json = body, .headers = {"Idempotency-Key: once"});
    expect_status(first, 202);
    expect_status(again, 202);
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    ck_assert_str_eq(header(again, "Location"), header(first, "Location"));
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.analysis_sessions"), "1");
    expect_problem(CALL("POST", "/api/v1/analysis/pdf", .token = me.access, .json = "{\"file_id\":99}",
                        .headers = {"Idempotency-Key: once"}),
                   "idempotency_mismatch");
    ended(me, header(first, "Location"));
}
END_TEST

START_TEST(asking_is_limited)
{
    const person_t me = person("student");
    reply_t *reply = ask_for(me, 1);
    ck_assert_str_eq(header(reply, "X-RateLimit-Limit"), "30");
}
END_TEST

/* A file that goes takes its analyses with it, whatever they are doing. */
START_TEST(a_file_takes_its_analyses_along)
{
    const person_t me = person("student");
    analysed(me, stored(me, pdf_page(pool, "A page of words")));
    sql("DELETE FROM forge.files");
    reply_t *reply = CALL("GET", SESSIONS, .token = me.access);
    ck_assert_int_eq(json_array_size(reply->json), 0);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.passages"), "0");
}
END_TEST

Suite *suite_documents(void)
{
    Suite *s = suite_create("documents");
    TCase *tc = case_make(s, "documents");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, a_document_is_analysed);
    tcase_add_test(tc, its_pages_and_its_picture_are_read);
    tcase_add_test(tc, what_cannot_be_read_ends_as_failed);
    tcase_add_test(tc, only_own_files_are_taken);
    tcase_add_test(tc, the_same_key_asks_once);
    tcase_add_test(tc, asking_is_limited);
    tcase_add_test(tc, a_file_takes_its_analyses_along);
    return s;
}
