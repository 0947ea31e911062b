/* SPDX-License-Identifier: Apache-2.0
 * Tests of jobs/pdf.c, pdf_tools.c and pdf_result.c: documents are read by the real programs in a real sandbox, and
 * what was found stands in a real database.
 */
#include "../../pdf_kit.h"
#include "test_places.h"
#include "../run/runner.h"
#include "../store/schema.h"
#include "jobs/jobs.h"
#include "model.h"
#include "store/analysis/analysis.h"

#define P forge_test_pool

static forge_job_with_t with;
static const forge_job_worker_t worker = {.name = "here", .kinds = forge_job_kinds};
static bool stopping;
static int loans, stop_at; /* loans so far; the one at which the process is to end */
static const forge_actor_t ada = {.id = 1};

static void begin(void)
{
    schema_begin("jobs_pdf");
    forge_test_runner_start(NULL);
}

static forge_status_t lend(void *baton, apr_pool_t *p, forge_db_fn use, void *data)
{
    (void)baton;
    if (++loans == stop_at)
        stopping = true;
    return use(db, p, data);
}

static bool stopped(const void *unused)
{
    (void)unused;
    return stopping;
}

static void setup(void)
{
    const char *why;
    schema_setup();
    sql("TRUNCATE forge.jobs RESTART IDENTITY CASCADE; TRUNCATE forge.files RESTART IDENTITY CASCADE;"
        "INSERT INTO forge.users (email, email_key, username, password_hash) VALUES"
        " ('ada@example.org', 'ada@example.org', 'ada', '" FORGE_TEST_HASH "'),"
        " ('bob@example.org', 'bob@example.org', 'bob', '" FORGE_TEST_HASH "')");
    with = (forge_job_with_t){.db = {lend, NULL},
                              .stop = stopped,
                              .live = forge_live_open_private(P, &why),
                              .runner = forge_test_runner_socket()};
    stopping = false;
    loans = stop_at = 0;
}

enum { PART = 256 * 1024 }; /* bytes that one statement writes, within its bound of time on any machine */

/* Stores a file of account 1; its number. */
static apr_int64_t store(const char *data, apr_size_t len)
{
    static const forge_stmt_t put = {"", "SELECT lo_put($1::oid, $2::bigint, decode($3, 'hex'))"};
    static const forge_stmt_t add = {
        "", "INSERT INTO forge.files (user_id, filename, content_type, size, sha256, object)"
            " VALUES (1, 'a.pdf', 'application/pdf', length(lo_get($1::oid)), sha256(lo_get($1::oid)), $1::oid)"
            " RETURNING id"};
    forge_rows_t *rows;
    const char *object = forge_test_pg_ask(db, P, "SELECT forge.file_object()");
    for (apr_size_t at = 0; at < len; at += PART) {
        const char *part = forge_util_hex(P, data + at, len - at < PART ? len - at : PART);
        ck_assert_int_eq(forge_store_run(db, P, &put, FORGE_ARGS(object, apr_ltoa(P, (long)at), part), NULL), FORGE_OK);
    }
    ck_assert_int_eq(forge_store_run(db, P, &add, FORGE_ARGS(object), &rows), FORGE_OK);
    return forge_store_rows_int(rows, 0, "id", 0);
}

/* Asks for an analysis; the number of the session. */
static apr_int64_t order(apr_int64_t file)
{
    forge_rows_t *rows;
    ck_assert_int_eq(forge_store_document_ask(db, P, &ada, file, &rows), FORGE_OK);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "status"), "queued");
    return forge_store_rows_int(rows, 0, "id", 0);
}

static bool turn(void)
{
    bool ran;
    ck_assert_int_eq(forge_job_next(P, &with, &worker, &ran), FORGE_OK);
    return ran;
}

static const char *state(void)
{
    return ask("SELECT concat_ws(' ', status, error_code) FROM forge.jobs ORDER BY id DESC LIMIT 1");
}

/* How the analysis of a file ends. */
static const char *ends(const forge_buf_t *file)
{
    order(store(file->data, file->len));
    ck_assert(turn());
    return state();
}

static const char *found(const char *member)
{
    return ask(apr_psprintf(P, "SELECT result -> '%s' FROM forge.analysis_sessions ORDER BY id DESC LIMIT 1", member));
}

/* --- good documents --- */

static const char *const trees[] = {
    "Binary search trees\n \nA binary search tree keeps its keys in order. Every node of the tree has at most two "
    "children,\n"
    "and the keys of the left subtree are smaller than the key of the node itself.",
    "Balanced trees\n \nA search tree that is balanced has a height that grows with the logarithm of its nodes. The\n"
    "rotation is how a tree stays balanced: a rotation changes the height of a node and of its children.",
};
static const pdf_bookmark_t bookmarks[] = {{"Binary search trees", 1}, {"Balanced & more", 2}, {NULL, 0}};

START_TEST(what_is_in_a_document_is_found)
{
    const pdf_text_t text = {trees, 2, "Trees (a script)", "Ada M\xc3\xbcller", bookmarks, false};
    ck_assert_str_eq(ends(pdf_text(P, &text)), "done");
    ck_assert_str_eq(found("title"), "\"Trees (a script)\"");
    ck_assert_str_eq(found("author"), "\"Ada Müller\"");
    ck_assert_str_eq(found("language"), "\"en\"");
    ck_assert_str_eq(found("page_count"), "2");
    ck_assert_str_eq(found("reading_minutes"), "1");
    ck_assert_str_eq(found("pages_without_text"), "0");
    ck_assert_str_eq(found("text_complete"), "true");
    ck_assert_str_eq(found("outline"), "[{\"page\": 1, \"level\": 1, \"title\": \"Binary search trees\"},"
                                       " {\"page\": 2, \"level\": 1, \"title\": \"Balanced & more\"}]");
    ck_assert_str_eq(ask("SELECT result -> 'key_terms' @> '[{\"term\": \"binary search trees\", \"page\": 1}]' AND"
                         " result -> 'key_terms' @> '[{\"term\": \"rotation\", \"page\": 2, \"count\": 2}]' AND"
                         " NOT result::text ~ '\"term\": \"(the|and|that)\"' FROM forge.analysis_sessions"),
                     "true");
    ck_assert_str_eq(ask("SELECT (result ->> 'word_count')::int = (result -> 'pages' -> 0 ->> 'words')::int"
                         " + (result -> 'pages' -> 1 ->> 'words')::int AND (result ->> 'word_count')::int > 60"
                         " FROM forge.analysis_sessions"),
                     "true");
    ck_assert_str_eq(
        ask("SELECT result -> 'pages' -> 1 ->> 'text' LIKE 'Balanced trees%' FROM forge.analysis_sessions"), "true");
    ck_assert_str_eq(ask("SELECT pages FROM forge.files"), "2");
}
END_TEST

START_TEST(passages_can_be_searched)
{
    ck_assert_str_eq(ends(pdf_text(P, &(pdf_text_t){.pages = trees, .n = 2})), "done");
    ck_assert_str_eq(ask("SELECT string_agg(page || ' ' || language, ';' ORDER BY position) FROM forge.passages"),
                     "1 english;2 english");
    ck_assert_str_eq(ask("SELECT page FROM forge.passages WHERE words @@ plainto_tsquery('english', 'rotations')"),
                     "2");
    ck_assert_str_eq(found("passage_count"), "2");
    ck_assert_str_eq(ask("SELECT kept = (SELECT sum(octet_length(body)) FROM forge.passages)"
                         " FROM forge.analysis_sessions"),
                     "true");
}
END_TEST

START_TEST(the_first_page_is_drawn)
{
    ck_assert_str_eq(ends(pdf_page(P, "A page")), "done");
    ck_assert_str_eq(found("thumbnail"), "true");
    ck_assert_str_eq(ask("SELECT substr(encode(thumbnail, 'hex'), 1, 16) = '89504e470d0a1a0a'"
                         " AND octet_length(thumbnail) <= 262144 FROM forge.analysis_sessions"),
                     "true");
}
END_TEST

START_TEST(documents_in_other_languages)
{
    static const char *const german[] = {
        "Suchb\xc3\xa4ume\n \nEin Suchbaum h\xc3\xa4lt seine Schl\xc3\xbcssel in einer Ordnung. Die Schl\xc3\xbcssel "
        "des linken Teilbaums\nsind kleiner als der Schl\xc3\xbcssel des Knotens, und jeder Knoten hat h\xc3\xb6"
        "chstens zwei Kinder.\nDer Suchbaum w\xc3\xa4"
        "chst, wenn neue Knoten dazukommen."};
    ck_assert_str_eq(ends(pdf_text(P, &(pdf_text_t){.pages = german, .n = 1})), "done");
    ck_assert_str_eq(found("language"), "\"de\"");
    ck_assert_str_eq(ask("SELECT language FROM forge.passages"), "german");
    ck_assert_str_eq(ask("SELECT result -> 'key_terms' @> '[{\"term\": \"Schlüssel\", \"count\": 3}]' AND"
                         " NOT result::text ~ '\"term\": \"(der|die|und|ein)\"' FROM forge.analysis_sessions"),
                     "true");
}
END_TEST

START_TEST(two_thousand_pages_work)
{
    ck_assert_str_eq(ends(pdf_many(P, 2000)), "done");
    ck_assert_str_eq(found("page_count"), "2000");
    ck_assert_str_eq(found("text_complete"), "false");
    ck_assert_str_eq(ask("SELECT jsonb_array_length(result -> 'pages') || ' ' || (result -> 'pages' -> 7 ? 'text')"
                         " FROM forge.analysis_sessions"),
                     "2000 false");
    ck_assert_str_eq(ask("SELECT count(DISTINCT page) FROM forge.passages"), "2000");
    ck_assert_str_eq(ask("SELECT string_agg(page::text, ' ') FROM forge.passages"
                         " WHERE words @@ to_tsquery('english', 'number1734')"),
                     "1734");
}
END_TEST

START_TEST(pages_without_text_are_counted)
{
    static const char *const pages[] = {"One page of text", "", "And another"};
    ck_assert_str_eq(ends(pdf_text(P, &(pdf_text_t){.pages = pages, .n = 3})), "done");
    ck_assert_str_eq(found("pages_without_text"), "1");
    ck_assert_str_eq(ask("SELECT string_agg(page::text, ' ' ORDER BY position) FROM forge.passages"), "1 3");
}
END_TEST

/* A file of the demo's, as it stands in the tree. */
static forge_buf_t *demo(const char *name)
{
    static char bytes[65536];
    FILE *file = fopen(apr_pstrcat(P, FORGE_SRCDIR "/sql/demo/pdf/", name, NULL), "r");
    ck_assert_msg(file, "%s", name);
    const apr_size_t len = fread(bytes, 1, sizeof(bytes), file);
    forge_buf_t *b = forge_util_buf_make(P, len, len + 1);
    fclose(file);
    forge_util_buf_add(b, bytes, len);
    return b;
}

START_TEST(the_demos_documents_are_understood)
{
    ck_assert_str_eq(ends(demo("finding-ways.pdf")), "done");
    ck_assert_str_eq(
        ask("SELECT concat_ws(' ', result ->> 'language', result ->> 'page_count', result -> 'outline' -> 3"
            " ->> 'title', result -> 'outline' -> 3 ->> 'page') FROM forge.analysis_sessions"),
        "en 4 Dijkstra's algorithm 3");
    ck_assert_str_eq(ask("SELECT page FROM forge.passages"
                         " WHERE words @@ websearch_to_tsquery('english', 'who published Dijkstra 1959')"),
                     "3");
    ck_assert_str_eq(ends(demo("suchbaeume.pdf")), "done");
    ck_assert_str_eq(found("language"), "\"de\"");
    ck_assert_str_eq(found("title"), "\"Suchbäume\"");
    ck_assert_str_eq(found("page_count"), "3");
}
END_TEST

/* --- what cannot be read --- */

START_TEST(encrypted_documents_say_so)
{
    ck_assert_str_eq(ends(pdf_text(P, &(pdf_text_t){.pages = trees, .n = 2, .encrypted = true})),
                     "failed pdf_encrypted");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.passages"), "0");
}
END_TEST

static forge_buf_t *buf_of(const char *data, apr_size_t len)
{
    forge_buf_t *b = forge_util_buf_make(P, len + 1, len + 1);
    forge_util_buf_add(b, data, len);
    return b;
}

START_TEST(what_is_no_document_is_broken)
{
    const forge_buf_t *good = pdf_page(P, "A page");
    ck_assert_str_eq(ends(buf_of("<html><body>%PDF</body></html>", 30)), "failed pdf_broken");
    ck_assert_str_eq(ends(buf_of("\x7f"
                                 "ELF\2\1\1\0\0\0\0\0",
                                 12)),
                     "failed pdf_broken");
    ck_assert_str_eq(ends(buf_of("%PDF-1.7\n", 9)), "failed pdf_broken");
    ck_assert_str_eq(ends(buf_of("<html>%PDF-1.4 <script>alert(1)</script></html>", 47)), "failed pdf_broken");
    ck_assert_str_eq(ends(buf_of(good->data, 60)), "failed pdf_broken");
    ck_assert_str_eq(ends(pdf_boasts(P)), "failed pdf_broken");
    ck_assert_str_eq(ask("SELECT bool_and(error_detail <> '' AND error_detail !~ '/|[0-9]') FROM forge.jobs"), "true");
}
END_TEST

START_TEST(empty_documents_say_so)
{
    ck_assert_str_eq(ends(buf_of("", 0)), "failed pdf_empty");
    ck_assert_str_eq(ends(pdf_no_pages(P)), "failed pdf_empty");
    ck_assert_str_eq(ends(pdf_page(P, "")), "failed pdf_empty");
}
END_TEST

/* --- what is too much --- */

/* Of a busy machine they may not get the time that they are to use up: then they are tried again, and not for ever. */
START_TEST(bombs_are_too_complex)
{
    const char *how = ends(pdf_bomb(P));
    while (strcmp(how, "queued sandbox_unavailable") == 0) {
        sql("UPDATE forge.jobs SET due_at = now()");
        ck_assert(turn());
        how = state();
    }
    ck_assert_str_eq(how, "failed too_complex");
    ck_assert_str_eq(ask("SELECT attempts <= 3 FROM forge.jobs"), "true");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.passages"), "0");
}
END_TEST

START_TEST(documents_of_too_many_pages_are_too_complex)
{
    ck_assert_str_eq(ends(pdf_many(P, 5001)), "failed too_complex");
}
END_TEST

/* They end in a state of their own, whichever: what poppler makes of them is its affair. */
START_TEST(strange_documents_end)
{
    ck_assert_ptr_nonnull(strstr("failed pdf_empty, failed pdf_broken, failed too_complex", ends(pdf_nested(P))));
    ck_assert_ptr_nonnull(strstr("failed pdf_empty, failed pdf_broken, failed too_complex", ends(pdf_endless(P))));
}
END_TEST

START_TEST(files_larger_than_the_sandbox_takes_are_too_complex)
{
    const apr_int64_t file = store("%PDF-1.4", 8);
    order(file);
    sql("UPDATE forge.files SET size = 20000000");
    ck_assert(turn());
    ck_assert_str_eq(state(), "failed too_complex");
}
END_TEST

/* --- scanned pages --- */

/* A page as a picture, as a scanner makes it. */
static forge_buf_t *scan_of(const char *text)
{
    static const char *const args[] = {"1", "1600"};
    const forge_buf_t *page = pdf_page(P, text);
    forge_run_job_t job;
    ck_assert(forge_run_tool_job("pdftoppm", (forge_run_bytes_t){page->data, page->len}, 1, &job));
    job.args = forge_run_args(P, 2, args);
    const forge_run_result_t drawn = forge_test_run(P, &job);
    ck_assert_int_eq(drawn.status, FORGE_RUN_OK);
    return pdf_scan(P, drawn.output.data, drawn.output.len);
}

START_TEST(scanned_documents_say_so)
{
    ck_assert_str_eq(ends(scan_of("Words in a picture")), "failed pdf_scanned");
}
END_TEST

START_TEST(scanned_documents_are_read_where_ocr_is_on)
{
    forge_run_state_t now = forge_test_state(P);
    ck_assert_msg(forge_run_tool_there(&now, "tesseract"), "tesseract is not installed (Debian: tesseract-ocr)");
    with.ocr = "eng";
    ck_assert_str_eq(ends(scan_of("Words in a picture\nare read by a program\nthat knows letters")), "done");
    ck_assert_str_eq(found("pages_recognised"), "1");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.passages WHERE words @@ plainto_tsquery('simple', 'picture')"),
                     "1");
    ck_assert_str_eq(found("recipe"), "\"1+eng\"");
}
END_TEST

START_TEST(nothing_recognised_is_scanned_still)
{
    with.ocr = "xxx";
    ck_assert_str_eq(ends(scan_of("Words in a picture")), "failed pdf_scanned");
}
END_TEST

/* --- the job --- */

START_TEST(a_file_analysed_before_is_not_read_again)
{
    const forge_buf_t *file = pdf_text(P, &(pdf_text_t){.pages = trees, .n = 2});
    const apr_int64_t id = store(file->data, file->len);
    order(id);
    ck_assert(turn());
    with.runner = "/nonexistent";
    order(id);
    ck_assert(turn());
    ck_assert_str_eq(state(), "done");
    ck_assert_str_eq(ask("SELECT count(DISTINCT result::text) || ' ' || count(DISTINCT thumbnail) || ' ' || count(*)"
                         " FROM forge.analysis_sessions"),
                     "1 1 2");
    ck_assert_str_eq(ask("SELECT count(DISTINCT session_id) || ' ' || count(*) FROM forge.passages"), "2 4");
    with.ocr = "eng"; /* would be done in another way */
    order(id);
    ck_assert(turn());
    ck_assert_str_eq(state(), "queued sandbox_unavailable");
}
END_TEST

/* --- with a language model --- */

static void model_begin(const char *said)
{
    const char *why, *words[] = {"", "m-1", "none", "embeddings=v", "timeout=5s"};
    open_up();
    server.body = said;
    words[0] = apr_psprintf(P, "http://127.0.0.1:%d/v1", server.port);
    with.llm = forge_net_llm_parse(P, 5, words, &why);
    ck_assert_ptr_nonnull(with.llm);
}

/* How the last analysis ended, and for which one vectors are to be made. */
static const char *result_and_vectors(void)
{
    return ask(
        "SELECT concat_ws(' ', j.status, s.result ->> 'recipe', s.result ->> 'summary', e.payload ->> 'session_id')"
        " FROM forge.analysis_sessions s JOIN forge.jobs j ON j.id = s.job_id"
        " LEFT JOIN forge.jobs e ON e.kind = 'embed' AND e.key = s.id::text ORDER BY s.id DESC LIMIT 1");
}

/* Without its answer the document is analysed all the same; a result without a summary is not taken for one with it. */
START_TEST(a_language_model_sums_up)
{
    const pdf_text_t text = {trees, 2, "Trees", "Ada", bookmarks, false};
    const forge_buf_t *file = pdf_text(P, &text);
    model_begin("{\"error\":\"down\"}");
    server.status = 400;
    order(store(file->data, file->len));
    ck_assert(turn());
    ck_assert_str_eq(result_and_vectors(), "done 1 1");
    server.status = 200;
    server.body = "{\"choices\":[{\"message\":{\"content\":\"It is about trees.\"}}],"
                  "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}";
    sql("DELETE FROM forge.jobs WHERE kind = 'embed'");
    order(1);
    ck_assert(turn());
    ck_assert_str_eq(result_and_vectors(), "done 1 m-1 It is about trees. 2");
    ck_assert_msg(strstr(server.heard, "keeps its keys in order") != NULL, "%s", server.heard);
    int asked = server.asked; /* and now it is copied, without a question */
    sql("DELETE FROM forge.jobs WHERE kind = 'embed'");
    order(1);
    ck_assert(turn());
    ck_assert_str_eq(result_and_vectors(), "done 1 m-1 It is about trees. 3");
    ck_assert_int_eq(server.asked, asked);
}
END_TEST

START_TEST(without_a_sandbox_it_waits)
{
    const forge_buf_t *file = pdf_page(P, "A page");
    with.runner = "/nonexistent";
    ck_assert_str_eq(ends(file), "queued sandbox_unavailable");
    with.runner = forge_test_runner_socket();
    sql("UPDATE forge.jobs SET due_at = now()");
    ck_assert(turn());
    ck_assert_str_eq(state(), "done");
    with.runner = NULL; /* this node leaves such jobs to others */
    order(store(pdf_page(P, "Another")->data, file->len));
    ck_assert(!turn());
}
END_TEST

/* A process that ends gives the job back, wherever it is; the next one does all of it, once. */
START_TEST(a_job_that_stops_is_done_by_another)
{
    const forge_buf_t *file = pdf_text(P, &(pdf_text_t){.pages = trees, .n = 2});
    const apr_int64_t id = store(file->data, file->len);
    for (int i = 2; i < 40; i++) {
        stopping = false;
        loans = 0;
        stop_at = i;
        sql("TRUNCATE forge.jobs CASCADE");
        order(id);
        ck_assert(turn());
        if (strcmp(state(), "done") == 0)
            break;
        ck_assert_str_eq(state(), "queued");
        stopping = false;
        stop_at = 0;
        ck_assert(turn());
        ck_assert_str_eq(state(), "done");
        ck_assert_str_eq(ask("SELECT count(*) FROM forge.passages"), "2");
    }
    ck_assert_int_gt(loans, 10);
}
END_TEST

START_TEST(a_session_that_is_gone_leaves_nothing_to_do)
{
    order(store(pdf_page(P, "A page")->data, 400));
    sql("DELETE FROM forge.analysis_sessions");
    ck_assert(turn());
    ck_assert_str_eq(state(), "failed not_found");
}
END_TEST

START_TEST(what_exceeds_the_quota_is_not_kept)
{
    const forge_buf_t *file = pdf_many(P, 400);
    const apr_int64_t id = store(file->data, file->len);
    order(id);
    forge_test_pg_do(db, P, "SET forge.user_quota = '1000 100000'");
    ck_assert(turn());
    ck_assert_str_eq(state(), "failed quota_exceeded");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.passages"), "0");
}
END_TEST

START_TEST(only_own_files_are_analysed)
{
    forge_rows_t *rows;
    const forge_actor_t bob = {.id = 2};
    const apr_int64_t id = store("%PDF-", 5);
    ck_assert_int_eq(forge_store_document_ask(db, P, &bob, id, &rows), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_store_document_ask(db, P, &ada, id + 1, &rows), FORGE_E_NOT_FOUND);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.jobs"), "0");
}
END_TEST

Suite *forge_test_jobs_pdf(void)
{
    Suite *s = suite_create("jobs_pdf");
    TCase *tc = tcase_create("all");
    tcase_add_unchecked_fixture(tc, begin, forge_test_runner_stop);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, what_is_in_a_document_is_found);
    tcase_add_test(tc, passages_can_be_searched);
    tcase_add_test(tc, the_first_page_is_drawn);
    tcase_add_test(tc, documents_in_other_languages);
    tcase_add_test(tc, two_thousand_pages_work);
    tcase_add_test(tc, pages_without_text_are_counted);
    tcase_add_test(tc, the_demos_documents_are_understood);
    tcase_add_test(tc, encrypted_documents_say_so);
    tcase_add_test(tc, what_is_no_document_is_broken);
    tcase_add_test(tc, empty_documents_say_so);
    tcase_add_test(tc, bombs_are_too_complex);
    tcase_add_test(tc, documents_of_too_many_pages_are_too_complex);
    tcase_add_test(tc, strange_documents_end);
    tcase_add_test(tc, files_larger_than_the_sandbox_takes_are_too_complex);
    tcase_add_test(tc, scanned_documents_say_so);
    tcase_add_test(tc, scanned_documents_are_read_where_ocr_is_on);
    tcase_add_test(tc, nothing_recognised_is_scanned_still);
    tcase_add_test(tc, a_file_analysed_before_is_not_read_again);
    tcase_add_test(tc, a_language_model_sums_up);
    tcase_add_test(tc, without_a_sandbox_it_waits);
    tcase_add_test(tc, a_job_that_stops_is_done_by_another);
    tcase_add_test(tc, a_session_that_is_gone_leaves_nothing_to_do);
    tcase_add_test(tc, what_exceeds_the_quota_is_not_kept);
    tcase_add_test(tc, only_own_files_are_analysed);
    suite_add_tcase(s, tc);
    return s;
}
