/* SPDX-License-Identifier: Apache-2.0
 * Tests of jobs/rejudge.c and of the statements under it, without a sandbox: what is left to do, and how a job ends
 * that cannot be done. With a sandbox: tests/api/operations/jobs.c.
 */
#include "../store/schema.h"
#include "jobs/jobs.h"
#include "store/learning/learning.h"

#define P forge_test_pool

static const forge_job_worker_t worker = {.name = "here", .kind = FORGE_JOB_KIND_REJUDGE, .kinds = forge_job_kinds};

static forge_status_t lend(void *baton, apr_pool_t *p, forge_db_fn use, void *data)
{
    (void)baton;
    return use(db, p, data);
}

static void begin(void)
{
    schema_begin("jobs_rejudge");
}

/* Exercise 1 with three submissions that nobody has judged; 1 and 2 are of account 1. */
static void setup(void)
{
    schema_setup();
    sql("TRUNCATE forge.jobs, forge.exercises, forge.exercise_submissions RESTART IDENTITY CASCADE;"
        "INSERT INTO forge.users (email, email_key, username, password_hash) SELECT n || '@example.org',"
        " n || '@example.org', n, '" FORGE_TEST_HASH "' FROM unnest('{ada,bob}'::text[]) n;"
        "INSERT INTO forge.exercises (author_id, title, tests) VALUES (1, 'E',"
        " '[{\"name\":\"t\",\"stdin\":\"\",\"expected_stdout\":\"1\",\"hidden\":false,\"points\":1}]');"
        "INSERT INTO forge.exercise_submissions (exercise_id, user_id, code) VALUES (1, 1, 'a'), (1, 1, 'b'), (1, 2, "
        "'c')");
}

static void add(const char *scope)
{
    const forge_job_new_t in = {.kind = FORGE_JOB_KIND_REJUDGE,
                                .account = 1,
                                .payload = apr_psprintf(P, "{\"exercise_id\":1,\"scope\":\"%s\"}", scope)};
    ck_assert_int_eq(forge_store_job_add(db, P, &in, NULL), FORGE_OK);
}

static const char *done(void)
{
    const forge_job_with_t with = {.db = {lend, NULL}};
    bool ran;
    ck_assert_int_eq(forge_job_next(P, &with, &worker, &ran), FORGE_OK);
    ck_assert(ran);
    return ask("SELECT concat_ws(' ', status, stage, error_code) FROM forge.jobs ORDER BY id DESC LIMIT 1");
}

/* The numbers of those that are left of a job's. */
static const char *left(bool latest)
{
    const char *all = "";
    forge_rows_t *rows;
    const forge_rejudge_t in = {.exercise = 1,
                                .job = 1,
                                .latest = latest,
                                .version = atoll(ask("SELECT version FROM forge.exercises")),
                                .limit = 10};
    ck_assert_int_eq(forge_store_rejudge_next(db, P, &in, 0, &rows), FORGE_OK);
    for (int i = 0; i < forge_store_rows_count(rows); i++)
        all = apr_pstrcat(P, all, forge_store_rows_text(rows, i, "id"), " ", NULL);
    return all;
}

static void judge(const char *ids)
{
    sql(apr_pstrcat(
        P,
        "UPDATE forge.exercise_submissions SET status = 'done', passed = true, score = 100, results = '[]',"
        " judged_at = clock_timestamp(), exercise_version = (SELECT version FROM forge.exercises) WHERE id IN (",
        ids, ")", NULL));
}

/* What was judged since, by the exercise of today, is done; a new version of it brings all back. */
START_TEST(only_what_is_left)
{
    judge("1");
    add("all");
    ck_assert_str_eq(left(false), "1 2 3 ");
    ck_assert_str_eq(left(true), "2 3 ");
    judge("1, 2");
    ck_assert_str_eq(left(false), "3 ");
    ck_assert_str_eq(left(true), "3 ");
    judge("3");
    ck_assert_str_eq(left(false), "");
    sql("UPDATE forge.exercises SET title = 'F'");
    ck_assert_str_eq(left(false), "1 2 3 ");
    judge("1, 2, 3");
    ck_assert_str_eq(done(), "done ");
}
END_TEST

START_TEST(no_sandbox_is_tried_again)
{
    add("all");
    ck_assert_str_eq(done(), "queued 0 of 3 submissions sandbox_unavailable");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.exercise_submissions WHERE judged_at IS NULL"), "3");
}
END_TEST

START_TEST(nothing_to_judge_by)
{
    add("latest");
    sql("UPDATE forge.exercises SET tests = '[]'");
    ck_assert_str_eq(done(), "failed  conflict");
    add("all");
    sql("DELETE FROM forge.exercises");
    ck_assert_str_eq(done(), "failed  not_found");
}
END_TEST

Suite *forge_test_jobs_rejudge(void)
{
    Suite *s = suite_create("jobs_rejudge");
    TCase *tc = tcase_create("all");
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, only_what_is_left);
    tcase_add_test(tc, no_sandbox_is_tried_again);
    tcase_add_test(tc, nothing_to_judge_by);
    suite_add_tcase(s, tc);
    return s;
}
