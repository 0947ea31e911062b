/* SPDX-License-Identifier: Apache-2.0
 * Jobs end to end, with the one that judges submissions again: what it writes, and what becomes of it when its process
 * is killed, restarted or stands still, and when it is cancelled.
 */
#include "../execution/programs.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SOON (10 * env_patience(30)) /* of 100 ms; programs run with the least weight on a busy machine */

/* An exercise whose one test wants this output. */
static json_int_t exercise_of(person_t author, const char *expected)
{
    return atoll(sql("INSERT INTO forge.exercises (author_id, title, tests) VALUES (%lld, 'Say',"
                     " '[{\"name\":\"t\",\"stdin\":\"\",\"expected_stdout\":\"%s\",\"hidden\":false,\"points\":1}]')"
                     " RETURNING id",
                     (long long)author.id, expected));
}

static void want(json_int_t exercise, const char *expected)
{
    sql("UPDATE forge.exercises SET tests = jsonb_set(tests, '{0,expected_stdout}', '\"%s\"') WHERE id = %lld",
        expected, (long long)exercise);
}

/* So many programs that were handed in before and never judged; each takes a moment. */
static void handed_in(person_t who, json_int_t exercise, int n)
{
    sql("INSERT INTO forge.exercise_submissions (exercise_id, user_id, code)"
        " SELECT %lld, %lld, 'import time; time.sleep(0.2); print(1)' FROM generate_series(1, %d)",
        (long long)exercise, (long long)who.id, n);
}

static reply_t *rejudge(person_t who, json_int_t exercise, const char *scope)
{
    return CALL("POST", F("/api/v1/exercises/%lld/rejudge", (long long)exercise), .token = who.access,
                .json = *scope ? F("{\"scope\":\"%s\"}", scope) : NULL);
}

/* The job, once it has this status. */
static reply_t *job_wait(person_t who, const char *path, const char *status)
{
    reply_t *reply = NULL;
    for (int i = 0; i < SOON; i++, pause_ms(100)) {
        reply = CALL("GET", path, .token = who.access);
        expect_status(reply, 200);
        if (strcmp(text_at(reply->json, "/status"), status) == 0)
            return reply;
    }
    ck_abort_msg("never %s: %s", status, reply->body);
    return NULL;
}

static int judged(json_int_t exercise)
{
    return atoi(sql("SELECT count(*) FROM forge.exercise_submissions WHERE exercise_id = %lld AND passed",
                    (long long)exercise));
}

static void judged_wait(json_int_t exercise, int n)
{
    for (int i = 0; i < SOON && judged(exercise) < n; i++)
        pause_ms(100);
    ck_assert_int_ge(judged(exercise), n);
}

START_TEST(submissions_are_judged_by_the_tests_of_today)
{
    person_t author = person("instructor"), one = person("student"), other = person("student");
    json_int_t exercise = exercise_of(author, "old");
    const person_t *learners[] = {&one, &one, &other};
    const char *codes[] = {"print('new')", "print('old')", "print('new')"};
    for (int i = 0; i < 3; i++)
        expect_status(CALL("POST", F("/api/v1/exercises/%lld/submissions", (long long)exercise),
                           .token = learners[i]->access, .json = F("{\"code\":%s}", quoted(codes[i]))),
                      201);
    want(exercise, "new");
    reply_t *reply = rejudge(author, exercise, "");
    expect_status(reply, 202);
    const char *path = header(reply, "Location");
    ck_assert_str_eq(path, F("/api/v1/jobs/%lld", (long long)int_at(reply->json, "/id")));
    ck_assert_str_eq(text_at(reply->json, "/kind"), "rejudge");
    reply = job_wait(author, path, "done");
    ck_assert_int_eq(int_at(reply->json, "/progress"), 100);
    ck_assert_int_eq(int_at(reply->json, "/attempts"), 1);
    ck_assert_str_eq(text_at(reply->json, "/stage"), "3 of 3 submissions");
    ck_assert_str_eq(
        sql("SELECT string_agg(concat_ws(' ', passed, score, exercise_version, results #>> '{0,stdout}'), ','"
            " ORDER BY id) FROM forge.exercise_submissions"),
        "t 100 2 new\n,f 0 2 old\n,t 100 2 new\n");
    /* what was completed stays completed, and what passes now completes */
    ck_assert_str_eq(sql("SELECT string_agg(status || score, ' ' ORDER BY user_id) FROM forge.progress"),
                     "completed100 completed100");
    expect_status(CALL("GET", path, .token = person("admin").access), 200);
    expect_problem(CALL("GET", path, .token = one.access), "not_found");
}
END_TEST

START_TEST(the_latest_of_each_account)
{
    person_t author = person("instructor"), one = person("student"), other = person("student");
    json_int_t exercise = exercise_of(author, "1");
    handed_in(one, exercise, 2);
    handed_in(other, exercise, 1);
    reply_t *reply = rejudge(author, exercise, "latest");
    expect_status(reply, 202);
    job_wait(author, header(reply, "Location"), "done");
    ck_assert_str_eq(sql("SELECT string_agg(status, ' ' ORDER BY id) FROM forge.exercise_submissions"),
                     "queued done done");
}
END_TEST

START_TEST(who_may_ask_and_for_what)
{
    person_t author = person("instructor"), other = person("instructor");
    json_int_t exercise = exercise_of(author, "1");
    handed_in(other, exercise, 1);
    expect_problem(rejudge(other, exercise, ""), "not_owner");
    expect_problem(rejudge(author, exercise + 1, ""), "not_found");
    expect_fault(rejudge(author, exercise, "some"), "/scope", "enum");
    expect_status(rejudge(person("admin"), exercise, ""), 202);
    sql("UPDATE forge.exercises SET tests = '[]'");
    expect_problem(rejudge(author, exercise, ""), "conflict");
    sql("UPDATE forge.exercises SET language = 'cobol'");
    expect_problem(rejudge(author, exercise, ""), "sandbox_unavailable");
}
END_TEST

/* Asked for twice it is one job; with an Idempotency-Key the answer is the same, and the second run finds nothing to
 * do. */
START_TEST(asked_for_twice)
{
    person_t author = person("instructor");
    json_int_t exercise = exercise_of(author, "1");
    handed_in(author, exercise, 3);
    const char *path = F("/api/v1/exercises/%lld/rejudge", (long long)exercise);
    reply_t *first = rejudge(author, exercise, "all"), *second = rejudge(author, exercise, "");
    ck_assert_int_eq(int_at(first->json, "/id"), int_at(second->json, "/id"));
    reply_t *keyed = CALL("POST", path, .token = author.access, .json = "{}", .headers = {"Idempotency-Key: r1"});
    expect_status(keyed, 202);
    job_wait(author, header(keyed, "Location"), "done");
    reply_t *again = CALL("POST", path, .token = author.access, .json = "{}", .headers = {"Idempotency-Key: r1"});
    expect_status(again, 202);
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    ck_assert_str_eq(header(again, "Location"), header(keyed, "Location"));
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.jobs WHERE kind = 'rejudge'"), "1");
}
END_TEST

/* Each child is killed in the middle. What was judged stays, the rest follows when the lease has run out, and an
 * attempt is spent. */
START_TEST(killed_in_the_middle)
{
    watchdog(150);
    expect_log("exit signal");
    int pids[64];
    person_t author = person("instructor");
    json_int_t exercise = exercise_of(author, "1");
    handed_in(author, exercise, 12);
    reply_t *reply = rejudge(author, exercise, "");
    expect_status(reply, 202);
    judged_wait(exercise, 3);
    for (int n = env_children(pids, 64); n > 0; n--)
        process_kill(pids[n - 1], SIGKILL);
    ck_assert(env_wait_ready(20));
    const char *before = sql("SELECT max(judged_at)::text FROM forge.exercise_submissions");
    const char *count = sql("SELECT count(judged_at) FROM forge.exercise_submissions");
    ck_assert_str_eq(sql("SELECT status FROM forge.jobs WHERE kind = 'rejudge'"), "running");
    sql("UPDATE forge.jobs SET lease_until = now() WHERE status = 'running'");
    reply = job_wait(author, header(reply, "Location"), "done");
    ck_assert_int_eq(int_at(reply->json, "/attempts"), 2);
    ck_assert_int_eq(judged(exercise), 12);
    ck_assert_str_eq(
        sql("SELECT count(*) FROM forge.exercise_submissions WHERE judged_at <= '%s'::timestamptz", before), count);
}
END_TEST

/* A graceful restart hands the job on at once: no lease runs out, no attempt is spent. */
START_TEST(handed_on_by_a_graceful_restart)
{
    watchdog(150);
    person_t author = person("instructor");
    json_int_t exercise = exercise_of(author, "1");
    handed_in(author, exercise, 12);
    reply_t *reply = rejudge(author, exercise, "");
    judged_wait(exercise, 2);
    const char *first = sql("SELECT worker FROM forge.jobs WHERE kind = 'rejudge'");
    env_httpd_graceful();
    reply = job_wait(author, header(reply, "Location"), "done");
    ck_assert_int_eq(int_at(reply->json, "/attempts"), 1);
    ck_assert_str_ne(sql("SELECT worker FROM forge.jobs WHERE kind = 'rejudge'"), first);
    ck_assert_int_eq(judged(exercise), 12);
    ck_assert(env_wait_ready(20));
}
END_TEST

START_TEST(cancelled_while_it_runs)
{
    person_t author = person("instructor"), other = person("student");
    json_int_t exercise = exercise_of(author, "1");
    handed_in(author, exercise, 60);
    reply_t *reply = rejudge(author, exercise, "");
    const char *path = header(reply, "Location"), *cancel = F("%s/cancel", path);
    judged_wait(exercise, 1);
    expect_problem(CALL("POST", cancel, .token = other.access), "not_found");
    reply = CALL("POST", cancel, .token = author.access);
    expect_status(reply, 200);
    ck_assert_str_eq(text_at(reply->json, "/status"), "cancelled");
    expect_problem(CALL("POST", cancel, .token = author.access), "conflict");
    pause_ms(2500); /* it asks once a second */
    int left = judged(exercise);
    ck_assert_int_lt(left, 60);
    pause_ms(1500);
    ck_assert_int_eq(judged(exercise), left);
    job_wait(author, path, "cancelled");
}
END_TEST

static void signal_all(int signal)
{
    int pids[64];
    for (int n = env_children(pids, 64); n > 0; n--)
        process_kill(pids[n - 1], signal);
}

/* A node that stands still loses its jobs to another one. When it goes on it changes nothing: it has learnt so. */
START_TEST(another_node_takes_over)
{
    watchdog(150);
    expect_outage();
    person_t author = person("instructor");
    json_int_t exercise = exercise_of(author, "1");
    handed_in(author, exercise, 30);
    reply_t *reply = rejudge(author, exercise, "");
    const char *path = header(reply, "Location");
    judged_wait(exercise, 2);
    const char *first = sql("SELECT worker FROM forge.jobs WHERE kind = 'rejudge'");
    env_second_start();
    signal_all(SIGSTOP);
    sql("UPDATE forge.jobs SET lease_until = now() WHERE status = 'running'");
    int tries = 0;
    while (tries++ < SOON &&
           strcmp(sql("SELECT worker FROM forge.jobs WHERE kind = 'rejudge' AND attempts = 2"), "") == 0)
        pause_ms(100);
    signal_all(SIGCONT);
    const char *second = sql("SELECT worker FROM forge.jobs WHERE kind = 'rejudge'");
    ck_assert_str_ne(second, first);
    reply = job_wait(author, path, "done");
    ck_assert_int_eq(int_at(reply->json, "/attempts"), 2);
    ck_assert_str_eq(sql("SELECT worker FROM forge.jobs WHERE kind = 'rejudge'"), second);
    ck_assert_int_eq(judged(exercise), 30);
    env_second_stop();
    ck_assert(env_wait_ready(20));
}
END_TEST

/* Another account's one job is not behind all of the first account's. */
START_TEST(turns_go_round_the_accounts)
{
    person_t author = person("instructor"), other = person("instructor");
    const char *last = NULL;
    for (int i = 0; i < 8; i++) {
        json_int_t exercise = exercise_of(author, "1");
        handed_in(author, exercise, 6);
        last = header(rejudge(author, exercise, ""), "Location");
    }
    json_int_t exercise = exercise_of(other, "1");
    handed_in(other, exercise, 1);
    job_wait(other, header(rejudge(other, exercise, ""), "Location"), "done");
    ck_assert_str_ne(text_at(CALL("GET", last, .token = author.access)->json, "/status"), "done");
}
END_TEST

START_TEST(figures_and_health)
{
    long done = metric("forge_jobs_ended_total{outcome=\"done\"}");
    person_t author = person("instructor");
    json_int_t exercise = exercise_of(author, "1");
    handed_in(author, exercise, 1);
    job_wait(author, header(rejudge(author, exercise, ""), "Location"), "done");
    ck_assert_int_ge(metric("forge_jobs_ended_total{outcome=\"done\"}"), done + 1);
    ck_assert_str_eq(text_at(CALL("GET", "/health")->json, "/checks/jobs/status"), "pass");
    sql("INSERT INTO forge.jobs (kind, due_at) VALUES ('of_another_version', now() - interval '10 minutes')");
    for (int i = 0; i < 150 && metric("forge_jobs_oldest_due_seconds") < 600; i++)
        pause_ms(100);
    ck_assert_int_ge(metric("forge_jobs_oldest_due_seconds"), 600);
    ck_assert_int_eq(metric("forge_jobs{state=\"queued\"}"), 1);
    ck_assert_int_eq(metric("forge_jobs{state=\"running\"}"), 0);
    reply_t *reply = NULL;
    for (int i = 0; i < SOON; i++, pause_ms(100)) { /* each child looks once a second */
        reply = CALL("GET", "/health");
        expect_status(reply, 200);
        if (strcmp(text_at(reply->json, "/checks/jobs/status"), "warn") == 0)
            break;
    }
    ck_assert_str_eq(text_at(reply->json, "/checks/jobs/status"), "warn");
}
END_TEST

Suite *suite_jobs(void)
{
    Suite *suite = suite_create("jobs");
    TCase *tc = case_make(suite, "rejudge");
    tcase_add_test(tc, submissions_are_judged_by_the_tests_of_today);
    tcase_add_test(tc, the_latest_of_each_account);
    tcase_add_test(tc, who_may_ask_and_for_what);
    tcase_add_test(tc, asked_for_twice);
    tc = case_make(suite, "queue");
    tcase_add_test(tc, turns_go_round_the_accounts);
    tcase_add_test(tc, cancelled_while_it_runs);
    tcase_add_test(tc, figures_and_health);
    tc = case_make(suite, "ends");
    tcase_add_test(tc, killed_in_the_middle);
    tcase_add_test(tc, handed_on_by_a_graceful_restart);
    tcase_add_test(tc, another_node_takes_over);
    return suite;
}
