/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/operations/jobs.c on the real schema: whose turn it is, who holds a job, and how it ends.
 */
#include "schema.h"
#include "store/operations/operations.h"

#define P     forge_test_pool
#define LEASE apr_time_from_sec(60)

static const forge_job_terms_t kinds[] = {{"slow", 0, 3, LEASE}, {"quick", 5, 3, LEASE}, {"brief", 0, 2, 1}};
static const forge_actor_t ada = {.id = 1}, bob = {.id = 2}, root = {.id = 3, .admin = true};

static void begin(void)
{
    schema_begin("store_jobs");
}

static void setup(void)
{
    schema_setup();
    sql("TRUNCATE forge.jobs RESTART IDENTITY CASCADE;"
        "INSERT INTO forge.users (email, email_key, username, password_hash) SELECT n || '@example.org', n || "
        "'@example.org',"
        " n, '" FORGE_TEST_HASH "' FROM unnest('{ada,bob,cyd,dan}'::text[]) n");
}

static apr_int64_t add(const char *kind, apr_int64_t account)
{
    apr_int64_t id = 0;
    const forge_job_new_t in = {.kind = kind, .account = account, .payload = "{\"n\":1}"};
    ck_assert_int_eq(forge_store_job_add(db, P, &in, &id), FORGE_OK);
    return id;
}

/* The row of a claim by this worker, or none. */
static forge_rows_t *claim(forge_db_t *on, const char *worker)
{
    forge_rows_t *rows;
    const forge_job_claim_t in = {.kinds = kinds, .n_kinds = 3, .worker = worker};
    ck_assert_int_eq(forge_store_job_claim(on, P, &in, &rows), FORGE_OK);
    return rows;
}

static apr_int64_t claimed(const char *worker)
{
    return forge_store_rows_int(claim(db, worker), 0, "id", 0);
}

static bool done(apr_int64_t id, const char *worker)
{
    bool ours;
    ck_assert_int_eq(forge_store_job_done(db, P, &(forge_job_held_t){id, worker}, &ours), FORGE_OK);
    return ours;
}

static bool goes_on(apr_int64_t id, const char *worker)
{
    bool ours;
    const forge_job_progress_t in = {40, "reading", LEASE};
    ck_assert_int_eq(forge_store_job_progress(db, P, &(forge_job_held_t){id, worker}, &in, &ours), FORGE_OK);
    return ours;
}

static const char *state_of(apr_int64_t id)
{
    return ask(apr_psprintf(P,
                            "SELECT concat_ws(' ', status, attempts, error_code, due_at > now()) FROM forge.jobs"
                            " WHERE id = %" APR_INT64_T_FMT,
                            id));
}

START_TEST(priority_then_order)
{
    apr_int64_t first = add("slow", 1), second = add("slow", 1), quick = add("quick", 1), other = add("unknown", 1);
    const forge_job_new_t urgent = {.kind = "slow", .account = 1, .priority = 7},
                          later = {.kind = "quick", .delay = APR_USEC_PER_SEC * 60};
    apr_int64_t now, put_off;
    ck_assert_int_eq(forge_store_job_add(db, P, &urgent, &now), FORGE_OK);
    ck_assert_int_eq(forge_store_job_add(db, P, &later, &put_off), FORGE_OK);
    forge_rows_t *rows = claim(db, "w");
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "id", 0), now);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "kind"), "slow");
    ck_assert_int_eq(claimed("w"), quick);
    ck_assert_int_eq(claimed("w"), first);
    ck_assert_int_eq(claimed("w"), second);
    ck_assert_int_eq(claimed("w"), 0);
    ck_assert_str_eq(state_of(other), "queued 0 f");
    ck_assert_str_eq(state_of(put_off), "queued 0 t");
}
END_TEST

/* One worker alone: whoever queued a thousand jobs first is not served twice before another one's turn. */
START_TEST(turns_go_round_the_accounts)
{
    sql("INSERT INTO forge.jobs (kind, user_id) SELECT 'slow', 1 FROM generate_series(1, 1000)");
    apr_int64_t bobs = add("slow", 2), sites = add("slow", 0), bobs_next = add("slow", 2);
    ck_assert_int_eq(claimed("w"), 1);
    ck_assert(done(1, "w"));
    ck_assert_int_eq(claimed("w"), bobs);
    ck_assert(done(bobs, "w"));
    ck_assert_int_eq(claimed("w"), sites);
    ck_assert(done(sites, "w"));
    ck_assert_int_eq(claimed("w"), 2);
    ck_assert(done(2, "w"));
    ck_assert_int_eq(claimed("w"), bobs_next);
    ck_assert(done(bobs_next, "w"));
    ck_assert_int_eq(claimed("w"), 3);
}
END_TEST

/* A thousand accounts wait, each with ten jobs. */
START_TEST(many_accounts_wait)
{
    sql("INSERT INTO forge.users (email, email_key, username, password_hash) SELECT n || '@x.org', n || '@x.org',"
        " 'many_' || n, '" FORGE_TEST_HASH "' FROM generate_series(1, 1000) n;"
        "INSERT INTO forge.jobs (kind, user_id) SELECT 'slow', u.id FROM forge.users u, generate_series(1, 10)"
        " WHERE username ~ '^many_' ORDER BY u.id; ANALYZE forge.jobs");
    for (int i = 0; i < 20; i++)
        ck_assert(done(claimed("w"), "w"));
    ck_assert_str_eq(ask("SELECT count(DISTINCT user_id) FROM forge.jobs WHERE status = 'done'"), "20");
}
END_TEST

/* The account that has fewer running goes first, whoever was served last. */
START_TEST(running_ones_count)
{
    apr_int64_t a = add("slow", 1), b = add("slow", 1), c = add("slow", 2), d = add("slow", 2);
    ck_assert_int_eq(claimed("w1"), a);
    ck_assert_int_eq(claimed("w2"), c);
    ck_assert(done(a, "w1"));
    ck_assert_int_eq(claimed("w1"), b);
    ck_assert(done(c, "w2"));
    ck_assert(goes_on(b, "w1"));
    ck_assert_int_eq(claimed("w2"), d);
}
END_TEST

/* Ten jobs by a worker of its own. */
static forge_status_t work(int i)
{
    forge_db_t *own = schema_attach();
    for (int n = 0; n < 10; n++) {
        bool ours = false;
        const char *worker = apr_psprintf(P, "w%d.%d", i, n);
        apr_int64_t id = forge_store_rows_int(claim(own, worker), 0, "id", 0);
        if (id && (forge_store_job_done(own, P, &(forge_job_held_t){id, worker}, &ours) != FORGE_OK || !ours))
            return FORGE_E_CONFLICT;
    }
    return FORGE_OK;
}

/* Four workers do forty jobs: the fifteen of three small accounts are among them, though the large one came first. */
START_TEST(fair_with_workers_in_parallel)
{
    sql("INSERT INTO forge.jobs (kind, user_id) SELECT 'slow', 1 FROM generate_series(1, 500);"
        "INSERT INTO forge.jobs (kind, user_id) SELECT 'slow', 2 + n % 3 FROM generate_series(1, 15) n");
    ck_assert_int_eq(at_once(4, work, FORGE_OK), 4);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.jobs WHERE user_id > 1 AND status = 'done'"), "15");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.jobs WHERE status = 'done'"), "40");
    ck_assert_str_eq(ask("SELECT count(DISTINCT worker) FROM forge.jobs WHERE status = 'done'"), "40");
}
END_TEST

START_TEST(lease_that_ran_out)
{
    int lost, given_up;
    apr_int64_t id = add("brief", 1), held = add("slow", 2);
    ck_assert_int_eq(claimed("first"), id);
    ck_assert_int_eq(claimed("other"), held);
    ck_assert_int_eq(forge_store_jobs_lost(db, P, &lost, &given_up), FORGE_OK);
    ck_assert_int_eq(lost, 1);
    ck_assert_int_eq(given_up, 0);
    ck_assert_str_eq(state_of(id), "queued 1 worker_lost f");
    ck_assert_int_eq(claimed("second"), id);
    ck_assert(!goes_on(id, "first"));
    ck_assert(!done(id, "first"));
    ck_assert(goes_on(id, "second"));
    ck_assert_str_eq(state_of(id), "running 2 worker_lost f");
    ck_assert(done(id, "second"));
    ck_assert_str_eq(state_of(id), "done 2 f");
    ck_assert_str_eq(state_of(held), "running 1 f");
}
END_TEST

/* A job that kills whoever runs it comes to an end. */
START_TEST(attempts_of_dead_workers_are_spent)
{
    int lost, given_up = 0;
    apr_int64_t id = add("brief", 1);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(claimed("w"), id);
        ck_assert_int_eq(given_up, 0);
        ck_assert_int_eq(forge_store_jobs_lost(db, P, &lost, &given_up), FORGE_OK);
    }
    ck_assert_int_eq(given_up, 1);
    ck_assert_str_eq(state_of(id), "failed 2 worker_lost f");
    ck_assert_int_eq(claimed("w"), 0);
}
END_TEST

START_TEST(given_back_without_an_attempt)
{
    bool ours;
    apr_int64_t id = add("slow", 1);
    ck_assert_int_eq(claimed("w"), id);
    ck_assert_int_eq(forge_store_job_back(db, P, &(forge_job_held_t){id, "w"}, &ours), FORGE_OK);
    ck_assert(ours);
    ck_assert_str_eq(state_of(id), "queued 0 f");
    ck_assert_int_eq(forge_store_job_back(db, P, &(forge_job_held_t){id, "w"}, &ours), FORGE_OK);
    ck_assert(!ours);
    ck_assert_int_eq(claimed("v"), id);
}
END_TEST

static const char *fails(apr_int64_t id, bool again)
{
    forge_rows_t *rows;
    const forge_job_failure_t in = {"too_complex", "it has 2000 pages", again, APR_USEC_PER_SEC * 60};
    ck_assert_int_eq(forge_store_job_failed(db, P, &(forge_job_held_t){id, "w"}, &in, &rows), FORGE_OK);
    return forge_store_rows_text(rows, 0, "status");
}

START_TEST(tried_again_until_no_attempt_is_left)
{
    apr_int64_t id = add("brief", 1), wrong = add("slow", 1);
    ck_assert_int_eq(claimed("w"), id);
    ck_assert_str_eq(fails(id, true), "queued");
    ck_assert_str_eq(state_of(id), "queued 1 too_complex t");
    ck_assert_int_eq(claimed("w"), wrong);
    ck_assert_str_eq(fails(wrong, false), "failed");
    ck_assert_int_eq(claimed("w"), 0);
    sql("UPDATE forge.jobs SET due_at = now()");
    ck_assert_int_eq(claimed("w"), id);
    ck_assert_str_eq(fails(id, true), "failed");
    ck_assert_str_eq(ask("SELECT error_detail FROM forge.jobs WHERE id = 1"), "it has 2000 pages");
    ck_assert_ptr_null(fails(id, true));
}
END_TEST

START_TEST(cancelled_by_whose_it_is)
{
    forge_rows_t *rows;
    apr_int64_t queued = add("slow", 1), running = add("quick", 1), sites = add("slow", 0);
    ck_assert_int_eq(claimed("w"), running);
    ck_assert_int_eq(forge_store_job_cancel(db, P, &bob, running, &rows), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_store_job_cancel(db, P, &ada, sites, &rows), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_store_job_cancel(db, P, &ada, running, &rows), FORGE_OK);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "status"), "cancelled");
    ck_assert(!goes_on(running, "w"));
    ck_assert_int_eq(forge_store_job_cancel(db, P, &root, queued, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_job_cancel(db, P, &root, queued, &rows), FORGE_E_CONFLICT);
    ck_assert_int_eq(claimed("w"), sites);
    ck_assert_int_eq(forge_store_job_get(db, P, &bob, queued, &rows), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_store_job_get(db, P, &ada, queued, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_job_get(db, P, &root, sites, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_job_retry(db, P, queued, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_job_retry(db, P, queued, &rows), FORGE_E_CONFLICT);
    ck_assert_int_eq(forge_store_job_retry(db, P, 4711, &rows), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(claimed("w"), queued);
}
END_TEST

START_TEST(one_unfinished_of_a_key)
{
    const forge_job_new_t in = {.kind = "slow", .account = 1, .key = "exercise:7"};
    apr_int64_t first, second, third;
    forge_rows_t *rows;
    ck_assert_int_eq(forge_store_job_add(db, P, &in, &first), FORGE_OK);
    ck_assert_int_eq(forge_store_job_add(db, P, &in, &second), FORGE_OK);
    ck_assert_int_eq(second, first);
    ck_assert_int_eq(claimed("w"), first);
    ck_assert_int_eq(forge_store_job_add(db, P, &in, &second), FORGE_OK);
    ck_assert_int_eq(second, first);
    ck_assert(done(first, "w"));
    ck_assert_str_eq(state_of(first), "queued 0 f"); /* asked for while it ran: once more, and no further */
    ck_assert_int_eq(claimed("w"), first);
    ck_assert(done(first, "w"));
    ck_assert_str_eq(state_of(first), "done 1 f");
    ck_assert_int_eq(forge_store_job_add(db, P, &in, &second), FORGE_OK);
    ck_assert_int_ne(second, first);
    first = second;
    ck_assert_int_eq(forge_store_job_cancel(db, P, &ada, first, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_job_add(db, P, &in, &third), FORGE_OK);
    ck_assert_int_ne(third, first);
    ck_assert_int_eq(forge_store_job_retry(db, P, first, &rows), FORGE_E_CONFLICT);
}
END_TEST

START_TEST(only_those_of_a_key_are_claimed)
{
    const forge_job_new_t in = {.kind = "slow", .key = "here"}, other = {.kind = "slow", .key = "there"};
    const forge_job_claim_t wanted = {.kinds = kinds, .n_kinds = 1, .key = "here", .worker = "w"};
    forge_rows_t *rows;
    apr_int64_t there, here;
    ck_assert_int_eq(forge_store_job_add(db, P, &other, &there), FORGE_OK);
    ck_assert_int_eq(forge_store_job_add(db, P, &in, &here), FORGE_OK);
    ck_assert_int_eq(forge_store_job_claim(db, P, &wanted, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "id", 0), here);
    ck_assert_int_eq(forge_store_job_claim(db, P, &wanted, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
}
END_TEST

static forge_status_t add_and_fail(forge_db_t *on, apr_pool_t *p, void *unused)
{
    const forge_job_new_t in = {.kind = "slow", .account = 1};
    (void)unused;
    FORGE_TRY(forge_store_job_add(on, p, &in, NULL));
    return FORGE_E_CONFLICT;
}

START_TEST(queued_with_the_transaction_that_asks)
{
    ck_assert_int_eq(forge_store_tx(db, P, add_and_fail, NULL), FORGE_E_CONFLICT);
    ck_assert_int_eq(claimed("w"), 0);
    apr_int64_t id = add("slow", 1);
    ck_assert_int_eq(claimed("w"), id);
    sql("DELETE FROM forge.users WHERE id = 1"); /* an account that is erased takes its jobs along */
    ck_assert(!goes_on(id, "w"));
}
END_TEST

START_TEST(figures_and_list)
{
    forge_rows_t *rows;
    apr_int64_t first = add("slow", 1), second = add("quick", 2);
    add("slow", 0);
    ck_assert_int_eq(claimed("w"), second);
    sql("UPDATE forge.jobs SET due_at = now() - interval '90 seconds' WHERE id = 1");
    ck_assert_int_eq(forge_store_jobs_state(db, P, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "queued", 0), 2);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "running", 0), 1);
    ck_assert_int_ge(forge_store_rows_int(rows, 0, "oldest", 0), 90);
    ck_assert_int_lt(forge_store_rows_int(rows, 0, "oldest", 0), 600);
    const forge_job_filter_t queued = {.status = "queued", .before = INT64_MAX, .limit = 10},
                             page = {.kind = "slow", .before = 3, .limit = 10};
    ck_assert_int_eq(forge_store_job_list(db, P, &queued, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 2);
    ck_assert_int_eq(forge_store_job_list(db, P, &page, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "id", 0), first);
}
END_TEST

Suite *forge_test_store_jobs(void)
{
    Suite *s = suite_create("store_jobs");
    TCase *tc = tcase_create("jobs");
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, priority_then_order);
    tcase_add_test(tc, turns_go_round_the_accounts);
    tcase_add_test(tc, many_accounts_wait);
    tcase_add_test(tc, running_ones_count);
    tcase_add_test(tc, fair_with_workers_in_parallel);
    tcase_add_test(tc, lease_that_ran_out);
    tcase_add_test(tc, attempts_of_dead_workers_are_spent);
    tcase_add_test(tc, given_back_without_an_attempt);
    tcase_add_test(tc, tried_again_until_no_attempt_is_left);
    tcase_add_test(tc, cancelled_by_whose_it_is);
    tcase_add_test(tc, one_unfinished_of_a_key);
    tcase_add_test(tc, only_those_of_a_key_are_claimed);
    tcase_add_test(tc, queued_with_the_transaction_that_asks);
    tcase_add_test(tc, figures_and_list);
    suite_add_tcase(s, tc);
    return s;
}
