/* SPDX-License-Identifier: Apache-2.0
 * Analysis of repositories: from a Git server of our own, friendly and hostile ones (SPEC 10).
 */
#include "harness.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Makes a repository below env.dir/git by a script, which runs in its folder. */
static void repository(const char *name, const char *script)
{
    const char *commands = F(
        "set -e; exec 2>&1; rm -rf '%1$s/git/owner/%2$s'; mkdir -p '%1$s/git/owner/%2$s'; cd '%1$s/git/owner/%2$s';"
        "export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org"
        " GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org; git init -q -b main .; git config core.compression 0;"
        "%3$s\ngit config uploadpack.allowAnySHA1InWant false; chmod -R a+rX '%1$s/git'",
        env.dir, name, script);
    char *out;
    ck_assert_msg(process_run(NULL, (const char *[]){"sh", "-c", commands, NULL}, &out) == 0, "%s", out);
}

static const char *address(const char *name)
{
    return F("https://localhost:%d/%s", env.ports[PORT_GIT], name);
}

static reply_t *asked(person_t who, const char *url, const char *ref)
{
    return CALL("POST", "/api/v1/analysis/github", .token = who.access,
                .json = ref ? F("{\"url\":\"%s\",\"ref\":\"%s\"}", url, ref) : F("{\"url\":\"%s\"}", url));
}

/* The analysis when it has ended. */
static reply_t *ended(person_t who, json_int_t id)
{
    reply_t *reply;
    const char *status;
    do {
        pause_ms(100);
        reply = CALL("GET", F("/api/v1/analysis/sessions/%lld", (long long)id), .token = who.access);
        expect_status(reply, 200);
        status = text_at(reply->json, "/status");
    } while (strcmp(status, "queued") == 0 || strcmp(status, "running") == 0);
    return reply;
}

static reply_t *analysed(person_t who, const char *name, const char *ref)
{
    reply_t *reply = asked(who, address(name), ref);
    expect_status(reply, 202);
    ck_assert_str_eq(text_at(reply->json, "/status"), "queued");
    ck_assert_str_eq(text_at(reply->json, "/kind"), "github");
    return ended(who, int_at(reply->json, "/id"));
}

static void expect_done(const reply_t *reply)
{
    ck_assert_msg(strcmp(text_at(reply->json, "/status"), "done") == 0, "%s", reply->body);
}

static void expect_failed(const reply_t *reply, const char *code)
{
    ck_assert_msg(strcmp(text_at(reply->json, "/status"), "failed") == 0, "%s", reply->body);
    ck_assert_str_eq(text_at(reply->json, "/error/code"), code);
    ck_assert_int_gt(strlen(text_at(reply->json, "/error/detail")), 10);
}

/* A passage of a repository has the path of its file, and no page. */
static void expect_source(person_t who, json_int_t session)
{
    reply_t *reply =
        CALL("POST", "/api/v1/analysis/qa", .token = who.access,
             .json = F("{\"session_id\":%lld,\"question\":\"How does a walrus sort numbers?\"}", (long long)session));
    expect_status(reply, 200);
    ck_assert_msg(json_is_true(at(reply->json, "/answered")), "%s", reply->body);
    ck_assert_str_eq(text_at(reply->json, "/sources/0/path"), "README.md");
    ck_assert_ptr_null(maybe_at(reply->json, "/sources/0/page"));
    ck_assert(json_is_null(at(reply->json, "/sources/0/file_id")));
}

#define ORDINARY \
    "printf '# Sorting\\n\\nHow a walrus sorts numbers.\\n\\n## Use\\n' >README.md;" \
    "printf '{\"name\":\"sorting\",\"license\":\"MIT\",\"dependencies\":{\"left-pad\":\"1.3.0\"}}' >package.json;" \
    "printf 'def f(x):\\n    if x:\\n        return 1\\n    return 2\\n' >sort.py; mkdir -p tests .github/workflows;" \
    "echo 'assert True' >tests/test_sort.py; echo 'on: push' >.github/workflows/ci.yml;" \
    "git add .; git commit -qm one; git tag v1; echo 'x = 1' >more.py; git add .; git commit -qm two;"

START_TEST(an_ordinary_one)
{
    person_t me = person("student");
    repository("ordinary", ORDINARY);
    reply_t *reply = analysed(me, "owner/ordinary.git", NULL);
    expect_done(reply);
    const json_t *result = at(reply->json, "/result");
    ck_assert_str_eq(text_at(reply->json, "/url"), address("owner/ordinary"));
    ck_assert_str_eq(text_at(result, "/languages/0/name"), "Python");
    ck_assert_int_eq(int_at(result, "/languages/0/files"), 3);
    ck_assert_str_eq(text_at(result, "/readme/outline/1/title"), "Use");
    ck_assert_str_eq(text_at(result, "/manifests/0/dependencies/0/name"), "left-pad");
    ck_assert_str_eq(text_at(result, "/most_complex_files/0/most_complex_function"), "f");
    ck_assert_str_eq(text_at(result, "/ci/0/system"), "GitHub Actions");
    ck_assert_int_eq(int_at(result, "/tests/files"), 1);
    ck_assert_int_eq(int_at(result, "/history/commits"), 2);
    ck_assert_int_eq(int_at(result, "/files"), 6);
    ck_assert_ptr_null(maybe_at(result, "/texts"));
    ck_assert_str_eq(
        sql("SELECT path FROM forge.passages WHERE session_id = %lld AND body LIKE '%%walrus%%' AND page IS NULL",
            (long long)int_at(reply->json, "/id")),
        "README.md");
    expect_source(me, int_at(reply->json, "/id"));
    reply_t *tagged = analysed(me, "owner/ordinary", "v1");
    expect_done(tagged);
    ck_assert_int_eq(int_at(tagged->json, "/result/history/commits"), 1);
    ck_assert_str_eq(text_at(tagged->json, "/ref"), "v1");
    expect_status(CALL("GET", F("/api/v1/analysis/sessions/%lld", (long long)int_at(reply->json, "/id")),
                       .token = person("student").access),
                  404);
}
END_TEST

START_TEST(addresses_that_are_refused)
{
    static const char *const urls[] = {
        "http://github.com/o/n",       "https://127.0.0.1/o/n",    "https://example.org/o/n",
        "https://github.com",          "https://a@github.com/o/n", "https://github.com:80/o/n",
        "https://github.com/o/..",     "https://github.com/o/-n",  "https://github.com/o/n/tree",
        "file:///etc/passwd",          "https://localhost/o/n",    "ext::sh -c id",
        "https://169.254.169.254/o/n", "https://[::1]/o/n",        "x",
        "https://10.0.0.1/o/n",        "https://127.0.0.1:9/o/n",  "https://[::1]:9/o/n"};
    person_t me = person("student");
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        expect_fault(asked(me, urls[i], NULL), "/url", "format");
    expect_fault(asked(me, "https://github.com/o/n", "--upload-pack=x"), "/ref", "format");
    expect_fault(asked(me, "https://github.com/o/n", "a..b"), "/ref", "format");
    expect_fault(CALL("POST", "/api/v1/analysis/github", .token = me.access, .json = "{}"), "/url", "required");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.jobs WHERE kind = 'repository'"), "0");
}
END_TEST

START_TEST(what_cannot_be_fetched)
{
    person_t me = person("student");
    expect_log("AH01215"); /* what git writes to its error output, as mod_cgi logs it */
    repository("ordinary", ORDINARY);
    expect_failed(analysed(me, "owner/nothing", NULL), "repository_not_found");
    expect_failed(analysed(me, "owner/ordinary", "nothing"), "ref_not_found");
    expect_failed(analysed(me, "moved/ordinary", NULL), "repository_moved");
}
END_TEST

/* Trouble on the way is no reason to give up: the queue tries again. */
START_TEST(a_sick_host_is_tried_again)
{
    person_t me = person("student");
    reply_t *reply = asked(me, address("sick/one"), NULL);
    expect_status(reply, 202);
    const char *job = F("FROM forge.jobs j JOIN forge.analysis_sessions s ON s.job_id = j.id WHERE s.id = %lld",
                        (long long)int_at(reply->json, "/id"));
    while (strcmp(sql("SELECT coalesce(error_code, '') %s", job), "repository_unreachable") != 0)
        pause_ms(100);
    ck_assert_str_eq(sql("SELECT status %s", job), "queued");
    ck_assert_str_eq(sql("SELECT (due_at > now()) %s", job), "t");
    expect_status(
        CALL("DELETE", F("/api/v1/analysis/sessions/%lld", (long long)int_at(reply->json, "/id")), .token = me.access),
        204);
}
END_TEST

/* Of the list, but not as a host of the own network: its name leads to this machine, so nothing is fetched from it. */
START_TEST(a_name_that_leads_inside_is_refused)
{
    expect_log("FG0580"); /* a job that has failed for good is told in the log */
    person_t me = person("student");
    reply_t *reply = asked(me, "https://localhost:9/o/n", NULL);
    expect_status(reply, 202);
    json_int_t id = int_at(reply->json, "/id");
    const char *job = F("id = (SELECT s.job_id FROM forge.analysis_sessions s WHERE s.id = %lld)", (long long)id);
    while (strcmp(sql("SELECT coalesce(error_code, '') FROM forge.jobs WHERE %s", job), "repository_unreachable") != 0)
        pause_ms(100);
    sql("UPDATE forge.jobs SET attempts = attempts_max - 1, due_at = now() WHERE status = 'queued' AND %s", job);
    reply_t *end = ended(me, id);
    expect_failed(end, "repository_unreachable");
    ck_assert_str_eq(text_at(end->json, "/error/detail"), "the host has no address from which this server may fetch");
}
END_TEST

/* --- how many at once --- */

enum { RUSH = 8, TAKEN = 18, MOST = 20 };

typedef struct rush_t {
    person_t who;
    int begun, refused;
    pthread_mutex_t lock;
} rush_t;

static void ask_one(int i, void *baton)
{
    rush_t *rush = baton;
    reply_t *reply = asked(rush->who, address(F("sick/n%d", i)), NULL);
    bool full = reply->status == 429 && strcmp(text_at(reply->json, "/code"), "analysis_share") == 0 &&
                header(reply, "Retry-After");
    if (reply->status != 202 && !full)
        fail_later("%d %s", reply->status, reply->body);
    pthread_mutex_lock(&rush->lock);
    rush->begun += reply->status == 202;
    rush->refused += full;
    pthread_mutex_unlock(&rush->lock);
}

/* However many are asked for at the same time: those that have not ended are counted under the account. */
START_TEST(twenty_of_an_account_are_unfinished_at_most)
{
    rush_t rush = {.who = person("student"), .lock = PTHREAD_MUTEX_INITIALIZER};
    person_t other = person("student");
    sql("INSERT INTO forge.jobs (kind, user_id, due_at) SELECT 'pdf', %lld, now() + interval '1 hour' FROM "
        "generate_series(1, %d)",
        (long long)rush.who.id, TAKEN);
    parallel(RUSH, ask_one, &rush);
    fail_now();
    ck_assert_int_eq(rush.begun, MOST - TAKEN);
    ck_assert_int_eq(rush.refused, RUSH - (MOST - TAKEN));
    expect_status(asked(other, address("sick/other"), NULL), 202);
    sql("UPDATE forge.jobs SET status = 'cancelled', finished_at = now() WHERE user_id = %lld AND id = (SELECT min(id) "
        "FROM forge.jobs WHERE user_id = %lld)",
        (long long)rush.who.id, (long long)rush.who.id);
    expect_status(asked(rush.who, address("sick/again"), NULL), 202);
    expect_problem(asked(rush.who, address("sick/more"), NULL), "analysis_share");
}
END_TEST

/* Nothing of it is run, followed or fetched. */
START_TEST(a_hostile_one)
{
    person_t me = person("student");
    const char *ran = F("%s/ran", env.dir);
    repository("hostile",
               F("ln -s . loop; ln -s /etc/passwd README.md; ln -s ../../../.. up; ln -s loop loop2;"
                 "git config -f .gitmodules submodule.x.path sub; git config -f .gitmodules submodule.x.url '%1$s';"
                 "git config -f .gitmodules submodule.x.update '!touch %2$s'; git add -A;"
                 "git update-index --add --cacheinfo 160000,1234567890123456789012345678901234567890,sub;"
                 "printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%%064d\\nsize 5\\n' 0 >big.bin;"
                 "printf '*.bin filter=lfs diff=lfs\\n*.c filter=evil\\n' >.gitattributes; printf 'int x;\\n' >a.c;"
                 "printf '[filter \"evil\"]\\n\\tsmudge = touch %2$s\\n' >.gitconfig; mkdir -p hooks;"
                 "printf '#!/bin/sh\\ntouch %2$s\\n' >hooks/post-checkout; chmod +x hooks/post-checkout;"
                 "cp hooks/post-checkout .git/hooks/post-checkout; cp hooks/post-checkout .git/hooks/post-upload-pack;"
                 "touch \"$(printf 'new\\nline')\" \"$(printf 'bad\\377name')\" -- --option; mkdir -p tests;"
                 "printf 'x = %%s\\n' \"$(head -c 20000 /dev/zero | tr '\\0' '(')\" >deep.py;"
                 "git -c filter.lfs.clean= add -A; git commit -qm one",
                 address("owner/ordinary"), ran));
    reply_t *reply = analysed(me, "owner/hostile", NULL);
    expect_done(reply);
    const json_t *result = at(reply->json, "/result");
    ck_assert_int_eq(int_at(result, "/links"), 4);
    ck_assert_int_eq(int_at(result, "/lfs_files"), 1);
    ck_assert_str_eq(text_at(result, "/submodules/0"), "sub");
    ck_assert_ptr_null(maybe_at(result, "/readme"));
    expect_silent(reply, "root:");
    ck_assert_int_ne(access(ran, F_OK), 0);
}
END_TEST

START_TEST(a_large_one)
{
    person_t me = person("student");
    watchdog(300);
    repository(
        "many",
        "i=0; while [ $i -lt 100 ]; do mkdir d$i; (cd d$i; seq 100 | while read n; do echo 'if (x) {}' >f$n.c; done);"
        "i=$((i+1)); done; git add .; git commit -qm one");
    reply_t *reply = analysed(me, "owner/many", NULL);
    expect_done(reply);
    ck_assert_int_eq(int_at(reply->json, "/result/files"), 10000);
    repository("blob", "head -c 200000000 /dev/urandom >blob; git add .; git commit -qm one; rm blob");
    expect_failed(analysed(me, "owner/blob", NULL), "repository_too_large");
}
END_TEST

/* The same key asks once. */
START_TEST(asked_twice)
{
    person_t me = person("student");
    const char *url = address("owner/ordinary"), *key = "Idempotency-Key: 0123456789abcdef-repository";
    repository("ordinary", ORDINARY);
    reply_t *first = CALL("POST", "/api/v1/analysis/github", .token = me.access, .json = F("{\"url\":\"%s\"}", url),
                          .headers = {key});
    reply_t *second = CALL("POST", "/api/v1/analysis/github", .token = me.access, .json = F("{\"url\":\"%s\"}", url),
                           .headers = {key});
    expect_status(first, 202);
    expect_status(second, 202);
    ck_assert_int_eq(int_at(first->json, "/id"), int_at(second->json, "/id"));
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.jobs WHERE kind = 'repository'"), "1");
    expect_done(ended(me, int_at(first->json, "/id")));
}
END_TEST

/* What is gone while it is worked on leaves nothing behind. */
START_TEST(deleted_at_once)
{
    person_t me = person("student");
    repository("ordinary", ORDINARY);
    reply_t *reply = asked(me, address("owner/ordinary"), NULL);
    expect_status(reply, 202);
    expect_status(
        CALL("DELETE", F("/api/v1/analysis/sessions/%lld", (long long)int_at(reply->json, "/id")), .token = me.access),
        204);
    while (strcmp(sql("SELECT count(*) FROM forge.jobs WHERE kind = 'repository' AND status IN ('queued', 'running')"),
                  "0") != 0)
        pause_ms(100);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.passages"), "0");
}
END_TEST

Suite *suite_repository(void)
{
    Suite *suite = suite_create("repository");
    TCase *tc = case_make(suite, "all");
    tcase_add_test(tc, an_ordinary_one);
    tcase_add_test(tc, addresses_that_are_refused);
    tcase_add_test(tc, what_cannot_be_fetched);
    tcase_add_test(tc, a_sick_host_is_tried_again);
    tcase_add_test(tc, a_name_that_leads_inside_is_refused);
    tcase_add_test(tc, twenty_of_an_account_are_unfinished_at_most);
    tcase_add_test(tc, a_hostile_one);
    tcase_add_test(tc, a_large_one);
    tcase_add_test(tc, asked_twice);
    tcase_add_test(tc, deleted_at_once);
    return suite;
}
