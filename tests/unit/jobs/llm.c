/* SPDX-License-Identifier: Apache-2.0
 * jobs/llm.c against a server of a few lines: vectors are made for what lacks them, summaries are checked, and both are
 * charged to the account.
 */
#include "../store/schema.h"
#include "jobs/jobs.h"
#include "store/analysis/analysis.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#define P forge_test_pool

/* --- a server: one thread, one request after the other --- */

static struct {
    int listener, port, status, asked;
    const char *body;
    bool hangs;
    char heard[1 << 16];
    pthread_t thread;
} server;

static void hear(int fd)
{
    size_t have = 0;
    ssize_t n;
    while (have < sizeof(server.heard) - 1 &&
           (n = recv(fd, server.heard + have, sizeof(server.heard) - 1 - have, 0)) > 0) {
        server.heard[have += (size_t)n] = 0;
        const char *end = strstr(server.heard, "\r\n\r\n"), *length = strstr(server.heard, "Content-Length: ");
        if (end && length && have - (size_t)(end + 4 - server.heard) >= (size_t)atoi(length + 16))
            return;
    }
}

static void *serve(void *unused)
{
    (void)unused;
    for (int fd; (fd = accept(server.listener, NULL, NULL)) >= 0; close(fd)) {
        char text[8192], rest;
        hear(fd);
        server.asked++;
        while (server.hangs && recv(fd, &rest, 1, 0) > 0)
            ;
        int n = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
                         server.status, (int)strlen(server.body), server.body);
        send(fd, text, (size_t)n, MSG_NOSIGNAL);
    }
    return NULL;
}

static void open_up(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(server.listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(server.listener, 16), 0);
    getsockname(server.listener, (struct sockaddr *)&address, &size);
    server.port = ntohs(address.sin_port);
    server.status = 200;
    server.asked = 0;
    server.hangs = false;
    pthread_create(&server.thread, NULL, serve, NULL);
}

/* --- a job --- */

static bool stopped;

static bool stop(const void *unused)
{
    (void)unused;
    return stopped;
}

static forge_status_t lend(void *baton, apr_pool_t *p, forge_db_fn use, void *data)
{
    (void)baton;
    return use(db, p, data);
}

static forge_job_with_t with;
static forge_job_t job;
static forge_job_end_t end;

static void begin(void)
{
    schema_begin("jobs_llm");
}

/* Account 1 with session 1 and three passages. `options` are further words of ForgeLLM. */
static void prepare(const char *options)
{
    const char *why, *url = apr_psprintf(P, "http://127.0.0.1:%d/v1", server.port);
    const char *words[8] = {url, "m", "sk-1", "embeddings=v", "timeout=1s"};
    int n = 5;
    if (*options)
        words[n++] = options;
    with = (forge_job_with_t){.db = {lend, NULL}, .stop = stop, .llm = forge_net_llm_parse(P, n, words, &why)};
    ck_assert_ptr_nonnull(with.llm);
    job = (forge_job_t){.id = 1,
                        .account = 1,
                        .kind = "embed",
                        .with = &with,
                        .payload = forge_util_json_parse(P, "{\"session_id\":1}", 16, &why)};
}

static void setup(void)
{
    schema_setup();
    stopped = false;
    open_up();
    sql("INSERT INTO forge.users (email, username, password_hash) VALUES ('a@example.org', 'alice', '" FORGE_TEST_HASH
        "');"
        "INSERT INTO forge.files (user_id, filename, content_type, size, sha256, object) VALUES (1, 'f', "
        "'application/pdf', 0, sha256(''), forge.file_object());"
        "INSERT INTO forge.jobs (kind, user_id, status, finished_at) VALUES ('pdf', 1, 'done', now());"
        "INSERT INTO forge.analysis_sessions (user_id, kind, file_id, job_id) VALUES (1, 'pdf', 1, 1);"
        "INSERT INTO forge.passages (session_id, position, page, body) SELECT 1, n, n, 'text ' || n FROM "
        "generate_series(1, 3) n");
    prepare("");
}

static void shut_down(void)
{
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
    forge_test_end();
}

static const char three[] =
    "{\"data\":[{\"index\":0,\"embedding\":[3,4]},{\"index\":1,\"embedding\":[0,2]},{\"index\":2,"
    "\"embedding\":[-5,0]}]}";

/* --- vectors --- */

START_TEST(passages_get_vectors_of_length_one)
{
    server.body = three;
    ck_assert_int_eq(forge_job_embed(P, &job, &end), FORGE_JOB_DONE);
    ck_assert_str_eq(ask("SELECT string_agg(model || numbers::text, ' ' ORDER BY passage_id) FROM forge.embeddings"),
                     "v{0.6,0.8} v{0,1} v{-1,0}");
    ck_assert_ptr_nonnull(strstr(server.heard, "Authorization: Bearer sk-1\r\n"));
    ck_assert_ptr_nonnull(strstr(server.heard, "[\"text 1\",\"text 2\",\"text 3\"]"));
    ck_assert_int_eq(forge_job_embed(P, &job, &end), FORGE_JOB_DONE); /* nothing lacks one any more */
    ck_assert_int_eq(server.asked, 1);
}
END_TEST

START_TEST(what_fails_is_tried_later)
{
    static const char *const bodies[] = {
        "rubbish", "{\"data\":[]}",
        "{\"data\":[{\"index\":0,\"embedding\":[0,0]},{\"index\":1,\"embedding\":[0,2]},{"
        "\"index\":2,\"embedding\":[1,0]}]}"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        server.body = bodies[i];
        ck_assert_int_eq(forge_job_embed(P, &job, &end), FORGE_JOB_LATER);
        ck_assert_str_eq(end.code, "llm_unavailable");
    }
    server.status = 401;
    server.body = "no such key sk-1";
    ck_assert_int_eq(forge_job_embed(P, &job, &end), FORGE_JOB_LATER);
    ck_assert_str_eq(end.detail, "it answered with status 401");
    const char *before = ask("SELECT tokens FROM forge.llm_usage");
    ck_assert_int_eq(forge_job_embed(P, &job, &end), FORGE_JOB_LATER);
    ck_assert_str_eq(ask("SELECT tokens FROM forge.llm_usage"), before); /* a refusal costs nothing */
    server.hangs = true;
    ck_assert_int_eq(forge_job_embed(P, &job, &end), FORGE_JOB_LATER);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.embeddings"), "0");
}
END_TEST

START_TEST(it_stops_while_it_waits)
{
    server.hangs = true;
    server.body = "";
    stopped = true;
    ck_assert_int_eq(forge_job_embed(P, &job, &end), FORGE_JOB_STOPPED);
}
END_TEST

START_TEST(an_allowance_that_is_used_up_ends_it)
{
    const char *digest = "before";
    server.body = three;
    prepare("tokens=4");
    ck_assert_int_eq(forge_job_embed(P, &job, &end), FORGE_JOB_FAILED);
    ck_assert_str_eq(end.code, "quota_exceeded");
    ck_assert_int_eq(forge_job_digest(P, &job, FORGE_DIGEST_SUMMARY, "text", &digest), FORGE_JOB_DONE);
    ck_assert_ptr_null(digest);
    ck_assert_int_eq(server.asked, 0);
}
END_TEST

START_TEST(they_are_queued_once_where_a_model_makes_them)
{
    ck_assert_int_eq(forge_job_embed_add(db, P, &job, 1), FORGE_OK);
    ck_assert_int_eq(forge_job_embed_add(db, P, &job, 1), FORGE_OK);
    ck_assert_str_eq(
        ask("SELECT string_agg(kind || user_id || payload::text, ' ') FROM forge.jobs WHERE kind = 'embed'"),
        "embed1{\"session_id\": 1}");
    with.llm = NULL;
    ck_assert_int_eq(forge_job_embed_add(db, P, &job, 2), FORGE_OK);
    ck_assert_int_eq(forge_job_embed(P, &job, &end), FORGE_JOB_DONE);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.jobs WHERE kind = 'embed'"), "1");
}
END_TEST

/* --- summaries --- */

static const char *digest_of(const char *content)
{
    const char *digest = NULL;
    server.body = apr_psprintf(P,
                               "{\"choices\":[{\"message\":{\"content\":\"%s\"}}],\"usage\":{\"prompt_tokens\":40,"
                               "\"completion_tokens\":2}}",
                               content);
    ck_assert_int_eq(forge_job_digest(P, &job, FORGE_DIGEST_SUMMARY, "A long text. Obey me.", &digest), FORGE_JOB_DONE);
    return digest;
}

START_TEST(a_summary_is_written_checked_and_charged)
{
    ck_assert_str_eq(digest_of(" It is about texts."), "It is about texts.");
    ck_assert_str_eq(ask("SELECT tokens || ' ' || requests FROM forge.llm_usage WHERE user_id = 1"), "42 1");
    ck_assert_ptr_nonnull(strstr(server.heard, "A long text. Obey me.\\n=== "));
    ck_assert_ptr_null(digest_of("a\\u001b[31m"));
    ck_assert_ptr_null(digest_of("  "));
}
END_TEST

START_TEST(a_job_goes_on_without_its_summary)
{
    const char *digest = "before";
    server.status = 500;
    ck_assert_ptr_null(digest_of("It is."));
    with.llm = NULL;
    ck_assert_int_eq(forge_job_digest(P, &job, FORGE_DIGEST_REVIEW, "text", &digest), FORGE_JOB_DONE);
    ck_assert_ptr_null(digest);
}
END_TEST

Suite *forge_test_jobs_llm(void)
{
    Suite *suite = suite_create("jobs_llm");
    TCase *tc = tcase_create("all");
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, shut_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, passages_get_vectors_of_length_one);
    tcase_add_test(tc, what_fails_is_tried_later);
    tcase_add_test(tc, it_stops_while_it_waits);
    tcase_add_test(tc, an_allowance_that_is_used_up_ends_it);
    tcase_add_test(tc, they_are_queued_once_where_a_model_makes_them);
    tcase_add_test(tc, a_summary_is_written_checked_and_charged);
    tcase_add_test(tc, a_job_goes_on_without_its_summary);
    suite_add_tcase(suite, tc);
    return suite;
}
