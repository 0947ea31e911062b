/* SPDX-License-Identifier: Apache-2.0
 * Tests of jobs/queue.c: a worker's turn with kinds of the test's own, against a real database, without httpd.
 */
#include "../store/schema.h"
#include "jobs/jobs.h"

#define P     forge_test_pool
#define LEASE apr_time_from_sec(60)

static forge_job_outcome_t outcome;
static forge_job_end_t ends;
static forge_status_t refusal;
static int refusals, runs; /* how often the lender still refuses; how often a job was run */
static bool stopping, went_on, warned;
static const char *logged, *interrupt; /* a statement of the owner's between two steps of a job */

static forge_status_t lend(void *baton, apr_pool_t *p, forge_db_fn use, void *data)
{
    (void)baton;
    return refusals > 0 && runs > 0 && refusals-- ? refusal : use(db, p, data);
}

static bool stopped(const void *unused)
{
    (void)unused;
    return stopping;
}

static void said(void *baton, bool warning, const char *text)
{
    (void)baton;
    warned = warning;
    logged = text;
}

/* The last end that was told, in one word after the other. */
static const char *told;

static void ended(void *baton, apr_pool_t *p, const forge_job_said_t *said_of)
{
    (void)baton;
    ck_assert(said_of->begun > 0 && said_of->begun <= apr_time_now());
    told = apr_psprintf(p, "%s %s %s%s", said_of->job->kind, said_of->outcome, said_of->code ? said_of->code : "-",
                        said_of->fault ? " fault" : "");
}

/* Two steps of progress, and something that happens in between. */
static forge_job_outcome_t work(apr_pool_t *p, forge_job_t *job, forge_job_end_t *end)
{
    apr_int64_t n = 0;
    runs++;
    ck_assert(forge_util_json_int(forge_util_json_get(job->payload, "n"), &n) && n == 7);
    ck_assert(forge_job_progress(job, p, 30, "first"));
    if (interrupt)
        sql(interrupt);
    went_on = forge_job_progress(job, p, 60, "second");
    *end = ends;
    return went_on ? outcome : FORGE_JOB_STOPPED;
}

static const forge_job_kind_t kinds[] = {
    {{"plain", 0, 2, LEASE}, work, 0},
    {{"boxed", 9, 2, LEASE}, work, FORGE_JOB_SANDBOX},
    {{"own", 9, 2, LEASE}, work, FORGE_JOB_APART},
    {{NULL, 0, 0, 0}, NULL, 0},
};
static const forge_job_worker_t worker = {.name = "here", .kinds = kinds};
static forge_job_with_t with;

static void begin(void)
{
    schema_begin("jobs_queue");
}

static void setup(void)
{
    const char *why;
    schema_setup();
    sql("TRUNCATE forge.jobs RESTART IDENTITY CASCADE;"
        "INSERT INTO forge.users (email, email_key, username, password_hash) VALUES"
        " ('ada@example.org', 'ada@example.org', 'ada', '" FORGE_TEST_HASH "')");
    with =
        (forge_job_with_t){.db = {lend, NULL}, .stop = stopped, .live = forge_live_open_private(P, &why), .log = said};
    outcome = FORGE_JOB_DONE;
    ends = (forge_job_end_t){NULL, NULL};
    refusals = runs = 0;
    stopping = warned = false;
    logged = interrupt = told = NULL;
    with.ended = ended;
}

static void add(const char *kind)
{
    const forge_job_new_t in = {.kind = kind, .account = 1, .payload = "{\"n\":7}"};
    ck_assert_int_eq(forge_store_job_add(db, P, &in, NULL), FORGE_OK);
}

/* One turn: whether there was a job. */
static bool turn(void)
{
    bool ran;
    ck_assert_int_eq(forge_job_next(P, &with, &worker, &ran), FORGE_OK);
    return ran;
}

static const char *state(void)
{
    return ask("SELECT concat_ws(' ', status, progress, stage, attempts, error_code, error_detail) FROM forge.jobs"
               " WHERE id = 1");
}

START_TEST(done)
{
    add("plain");
    ck_assert(turn());
    ck_assert_str_eq(state(), "done 100 second 1");
    ck_assert(!turn());
    ck_assert_str_eq(ask("SELECT worker ~ '^here/[0-9a-f]{16}$' FROM forge.jobs"), "true");
    ck_assert_int_eq(forge_live_counter(with.live, FORGE_C_JOB_DONE), 1);
    ck_assert_ptr_null(logged);
    ck_assert_str_eq(told, "plain done -");
}
END_TEST

/* What the caller did wrong is no news for the operator. */
START_TEST(failed_for_good)
{
    outcome = FORGE_JOB_FAILED;
    ends = (forge_job_end_t){"pdf_encrypted", "the file needs a password"};
    add("plain");
    ck_assert(turn());
    ck_assert_str_eq(state(), "failed 60 second 1 pdf_encrypted the file needs a password");
    ck_assert(logged && !warned);
    ck_assert_str_eq(told, "plain failed pdf_encrypted");
    ck_assert_int_eq(forge_live_counter(with.live, FORGE_C_JOB_FAILED), 1);
}
END_TEST

START_TEST(later_and_then_never)
{
    outcome = FORGE_JOB_LATER;
    add("plain");
    ck_assert(turn());
    ck_assert_str_eq(state(), "queued 60 second 1 failed ");
    ck_assert(!turn());
    ck_assert_str_eq(ask("SELECT due_at - started_at >= interval '10 seconds' FROM forge.jobs"), "true");
    ck_assert_int_eq(forge_live_counter(with.live, FORGE_C_JOB_LATER), 1);
    ck_assert_ptr_null(logged);
    ck_assert_str_eq(told, "plain later failed");
    sql("UPDATE forge.jobs SET due_at = now()");
    ck_assert(turn());
    ck_assert_str_eq(state(), "failed 60 second 2 failed ");
    ck_assert(logged && warned && strstr(logged, "job 1 (plain) failed in attempt 2"));
    ck_assert_str_eq(told, "plain failed failed fault");
    ck_assert_int_eq(forge_live_counter(with.live, FORGE_C_JOB_FAILED), 1);
}
END_TEST

START_TEST(cancelled_between_two_steps)
{
    interrupt = "UPDATE forge.jobs SET status = 'cancelled', finished_at = now(), lease_until = NULL";
    add("plain");
    ck_assert(turn());
    ck_assert(!went_on);
    ck_assert_str_eq(state(), "cancelled 30 first 1");
    ck_assert_int_eq(forge_live_counter(with.live, FORGE_C_JOB_STOPPED), 0);
}
END_TEST

/* Another one has the job by now: nothing of the first one's is written. */
START_TEST(taken_over_between_two_steps)
{
    interrupt = "UPDATE forge.jobs SET worker = 'elsewhere/1', attempts = 2";
    add("plain");
    ck_assert(turn());
    ck_assert(!went_on);
    ck_assert_str_eq(state(), "running 30 first 2");
    ck_assert_ptr_null(told);
}
END_TEST

START_TEST(account_erased_between_two_steps)
{
    interrupt = "DELETE FROM forge.users";
    add("plain");
    ck_assert(turn());
    ck_assert(!went_on);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.jobs"), "0");
}
END_TEST

static forge_job_outcome_t interrupted(apr_pool_t *p, forge_job_t *job, forge_job_end_t *end)
{
    (void)end;
    ck_assert(forge_job_progress(job, p, 30, "first"));
    stopping = true;
    ck_assert(!forge_job_progress(job, p, 40, "second"));
    return FORGE_JOB_STOPPED;
}

START_TEST(handed_on_when_the_process_ends)
{
    static const forge_job_kind_t own[] = {{{"plain", 0, 2, LEASE}, interrupted, 0}, {{NULL, 0, 0, 0}, NULL, 0}};
    const forge_job_worker_t here = {.name = "here", .kinds = own};
    bool ran;
    add("plain");
    ck_assert_int_eq(forge_job_next(P, &with, &here, &ran), FORGE_OK);
    ck_assert(ran);
    ck_assert_str_eq(state(), "queued 30 first 0");
    ck_assert_int_eq(forge_live_counter(with.live, FORGE_C_JOB_STOPPED), 1);
    ck_assert_int_eq(forge_job_next(P, &with, &here, &ran), FORGE_OK);
    ck_assert(!ran);
    stopping = false;
    ck_assert(turn());
    ck_assert_str_eq(state(), "done 100 second 1");
}
END_TEST

/* A database that is away while a job works costs nothing as long as the lease holds. */
START_TEST(outage_within_the_lease)
{
    refusal = FORGE_E_DATABASE_DOWN;
    refusals = 3; /* both steps, and the first try to write the outcome */
    add("plain");
    ck_assert(turn());
    ck_assert(went_on);
    ck_assert_int_eq(refusals, 0);
    ck_assert_str_eq(state(), "done 100  1");
}
END_TEST

static forge_status_t nobody(void *baton, apr_pool_t *p, forge_db_fn use, void *data)
{
    (void)baton, (void)p, (void)use, (void)data;
    return FORGE_E_POOL_EXHAUSTED;
}

START_TEST(no_connection)
{
    bool ran = true;
    with.db.lend = nobody;
    ck_assert_int_eq(forge_job_next(P, &with, &worker, &ran), FORGE_E_POOL_EXHAUSTED);
    ck_assert(!ran);
}
END_TEST

/* What this node cannot do is left to others. */
START_TEST(kinds_of_a_worker)
{
    const forge_job_worker_t own = {.name = "mail", .kind = "own", .kinds = kinds};
    bool ran;
    add("boxed");
    add("own");
    add("plain");
    ck_assert(turn());
    ck_assert(!turn());
    ck_assert_str_eq(ask("SELECT string_agg(kind || ' ' || status, ', ' ORDER BY id) FROM forge.jobs"),
                     "boxed queued, own queued, plain done");
    with.runner = "/run/forge-runner";
    ck_assert(turn());
    ck_assert_str_eq(state(), "done 100 second 1");
    ck_assert_int_eq(forge_job_next(P, &with, &own, &ran), FORGE_OK);
    ck_assert(ran);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.jobs WHERE status = 'done'"), "3");
}
END_TEST

/* --- what an analysis leaves behind --- */

#define WRITES \
    "INSERT INTO forge.passages (session_id, position, body) SELECT s.id, 1 + count(p.id), 'text'" \
    " FROM forge.analysis_sessions s LEFT JOIN forge.passages p ON p.session_id = s.id GROUP BY s.id;"
#define CANCELLED "UPDATE forge.jobs SET status = 'cancelled', finished_at = now(), lease_until = NULL;"

/* The job of an analysis, alone. */
static void add_analysis(void)
{
    sql("TRUNCATE forge.jobs RESTART IDENTITY CASCADE");
    add("plain");
    sql("INSERT INTO forge.analysis_sessions (user_id, kind, url, job_id) VALUES (1, 'github', 'https://h/o/n', 1)");
}

/* Its state, how many passages there are, and how many bytes of them count. */
static const char *left_behind(void)
{
    return ask("SELECT concat_ws(' ', j.status, (SELECT count(*) FROM forge.passages), s.kept)"
               " FROM forge.analysis_sessions s JOIN forge.jobs j ON j.id = s.job_id");
}

START_TEST(an_analysis_that_failed_keeps_nothing)
{
    interrupt = WRITES;
    add_analysis();
    ck_assert(turn());
    ck_assert_str_eq(left_behind(), "done 1 4");
    outcome = FORGE_JOB_FAILED;
    add_analysis();
    ck_assert(turn());
    ck_assert_str_eq(left_behind(), "failed 0 0");
    outcome = FORGE_JOB_LATER;
    add_analysis();
    ck_assert(turn());
    ck_assert_str_eq(left_behind(), "queued 1 4"); /* the next attempt does with it what it likes */
    sql("UPDATE forge.jobs SET due_at = now()");
    ck_assert(turn());
    ck_assert_str_eq(left_behind(), "failed 0 0");
}
END_TEST

START_TEST(an_analysis_that_was_cancelled_keeps_nothing)
{
    const forge_actor_t ada = {.id = 1};
    forge_rows_t *rows;
    interrupt = WRITES CANCELLED WRITES; /* a worker hears of it at its next step */
    for (outcome = FORGE_JOB_DONE; outcome <= FORGE_JOB_LATER; outcome++) {
        add_analysis();
        ck_assert(turn());
        ck_assert_str_eq(left_behind(), "cancelled 0 0");
    }
    add_analysis();
    sql(WRITES);
    ck_assert_int_eq(forge_store_job_cancel(db, P, &ada, 1, &rows), FORGE_OK);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "status"), "cancelled");
    ck_assert_str_eq(left_behind(), "cancelled 0 0");
}
END_TEST

/* Who comes too late to write how a job ended, because it was cancelled with the last step behind. */
START_TEST(an_analysis_cancelled_at_its_end_keeps_nothing)
{
    const forge_job_held_t gone = {1, "gone"};
    const forge_job_failure_t failure = {.code = "failed", .detail = ""};
    forge_rows_t *rows;
    bool ours = true;
    add_analysis();
    sql(WRITES CANCELLED);
    ck_assert_int_eq(forge_store_job_done(db, P, &gone, &ours), FORGE_OK);
    ck_assert(!ours);
    ck_assert_str_eq(left_behind(), "cancelled 0 0");
    sql(WRITES);
    ck_assert_int_eq(forge_store_job_failed(db, P, &gone, &failure, &rows), FORGE_OK);
    ck_assert_str_eq(left_behind(), "cancelled 0 0");
    sql("UPDATE forge.jobs SET status = 'running', finished_at = NULL, lease_until = now(), worker = "
        "'another';" WRITES);
    ck_assert_int_eq(forge_store_job_back(db, P, &gone, &ours), FORGE_OK);
    ck_assert_str_eq(left_behind(), "running 1 4"); /* what the other one writes is its own */
}
END_TEST

START_TEST(an_analysis_whose_workers_died_keeps_nothing)
{
    int lost = 0, given_up = 0;
    add_analysis();
    sql(WRITES "UPDATE forge.jobs SET status = 'running', lease_until = now(), worker = 'dead', attempts = 1,"
               " attempts_max = 2");
    ck_assert_int_eq(forge_store_jobs_lost(db, P, &lost, &given_up), FORGE_OK);
    ck_assert_str_eq(left_behind(), "queued 1 4");
    sql("UPDATE forge.jobs SET status = 'running', lease_until = now(), attempts = 2");
    ck_assert_int_eq(forge_store_jobs_lost(db, P, &lost, &given_up), FORGE_OK);
    ck_assert(lost == 1 && given_up == 1);
    ck_assert_str_eq(left_behind(), "failed 0 0");
}
END_TEST

/* Each wait is twice the one before, up to the most, and at most a quarter longer; two are seldom the same. */
START_TEST(back_off_with_jitter)
{
    static const apr_int64_t seconds[] = {10, 20, 40, 80, 160, 300, 300};
    int same = 0;
    for (int tries = 1; tries <= 7; tries++)
        for (int i = 0; i < 100; i++) {
            apr_interval_time_t low = apr_time_from_sec(seconds[tries - 1]),
                                delay = forge_job_delay(apr_time_from_sec(10), apr_time_from_sec(300), tries);
            ck_assert_msg(delay >= low && delay <= low + low / 4, "try %d: %" APR_INT64_T_FMT, tries, delay);
            same += delay == forge_job_delay(apr_time_from_sec(10), apr_time_from_sec(300), tries);
        }
    ck_assert_int_lt(same, 100);
}
END_TEST

/* A job that a test makes by hand asks nobody. */
START_TEST(without_a_queue)
{
    forge_job_t job = {.kind = "plain", .with = &with};
    ck_assert(forge_job_progress(&job, P, 10, "first"));
    ck_assert(forge_job_progress(&job, P, FORGE_JOB_AS_BEFORE, NULL));
    stopping = true;
    ck_assert(!forge_job_progress(&job, P, 20, "second"));
}
END_TEST

Suite *forge_test_jobs_queue(void)
{
    Suite *s = suite_create("jobs_queue");
    TCase *tc = tcase_create("all");
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, done);
    tcase_add_test(tc, failed_for_good);
    tcase_add_test(tc, later_and_then_never);
    tcase_add_test(tc, cancelled_between_two_steps);
    tcase_add_test(tc, taken_over_between_two_steps);
    tcase_add_test(tc, account_erased_between_two_steps);
    tcase_add_test(tc, handed_on_when_the_process_ends);
    tcase_add_test(tc, outage_within_the_lease);
    tcase_add_test(tc, no_connection);
    tcase_add_test(tc, kinds_of_a_worker);
    tcase_add_test(tc, an_analysis_that_failed_keeps_nothing);
    tcase_add_test(tc, an_analysis_that_was_cancelled_keeps_nothing);
    tcase_add_test(tc, an_analysis_cancelled_at_its_end_keeps_nothing);
    tcase_add_test(tc, an_analysis_whose_workers_died_keeps_nothing);
    tcase_add_test(tc, back_off_with_jitter);
    tcase_add_test(tc, without_a_queue);
    suite_add_tcase(s, tc);
    return s;
}
