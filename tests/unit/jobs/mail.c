/* SPDX-License-Identifier: Apache-2.0
 * Tests of jobs/mail.c: a batch of the outbox, against a real database and a directory, without httpd.
 */
#include "../store/schema.h"
#include "core/identity/identity.h"
#include "store/identity/identity.h"
#include "store/mail/mail.h"
#include "jobs/jobs.h"
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <stdlib.h>

#define P      forge_test_pool
#define SENDER "https://learn.example.org"
#define NOTICE "password_changed_notice"

static const char *directory, *told;
static forge_keys_t *keys;
static forge_mail_t mail;
static forge_status_t refusal;
static bool stopping;

static void begin(void)
{
    schema_begin("jobs_mail");
}

static forge_status_t lend(void *baton, apr_pool_t *p, forge_db_fn use, void *data)
{
    (void)baton;
    return refusal != FORGE_OK ? refusal : use(db, p, data);
}

static bool stopped(const void *unused)
{
    (void)unused;
    return stopping;
}

static void tell(void *baton, forge_mail_event_t event, const char *text)
{
    static const char *const names[] = {"sent", "given up", "stuck"};
    (void)baton;
    told = apr_pstrcat(P, told, names[event], *text ? ": " : "", text, "\n", NULL);
}

static forge_mail_job_t job_of(void)
{
    return (forge_mail_job_t){.db = {lend, NULL},
                              .keys = keys,
                              .public_url = SENDER,
                              .mail = &mail,
                              .stop = stopped,
                              .tell = tell,
                              .baton = NULL};
}

static void setup(void)
{
    char path[] = "/tmp/forge-jobs-XXXXXX";
    schema_setup();
    sql("TRUNCATE forge.mail_outbox, forge.jobs RESTART IDENTITY CASCADE");
    sql("INSERT INTO forge.users (email, email_key, username, password_hash) VALUES"
        " ('ada@example.org', 'ada@example.org', 'ada', '" FORGE_TEST_HASH "')");
    directory = apr_pstrdup(P, mkdtemp(path));
    keys = forge_core_keys_make(P, "0f1e2d3c4b5a69788796a5b4c3d2e1f0", 32);
    mail = (forge_mail_t){.directory = directory, .from = "learn@example.org"};
    told = "";
    refusal = FORGE_OK;
    stopping = false;
}

/* Removes what was sent, too. */
static void teardown(void)
{
    apr_dir_t *dir;
    apr_finfo_t file;
    ck_assert_int_eq(apr_dir_open(&dir, directory, P), APR_SUCCESS);
    while (apr_dir_read(&file, APR_FINFO_NAME | APR_FINFO_TYPE, dir) == APR_SUCCESS)
        if (file.filetype == APR_REG)
            apr_file_remove(apr_pstrcat(P, directory, "/", file.name, NULL), P);
    apr_dir_close(dir);
    apr_dir_remove(directory, P);
    forge_test_end();
}

/* A mail of account 1 in the outbox, with these facts. */
static void queue(const char *kind, const char *facts, const forge_keys_t *under)
{
    const char *sealed = forge_core_seal(P, under, "mail", facts, strlen(facts));
    sql(apr_psprintf(P,
                     "INSERT INTO forge.mail_outbox (kind, sender, recipient, user_id, payload)"
                     " VALUES ('%s', '" SENDER "', 'ada@example.org', 1, '%s')",
                     kind, sealed));
}

/* All that was sent, one message after the other. */
static const char *sent(void)
{
    apr_dir_t *dir;
    apr_finfo_t info;
    const char *all = "";
    ck_assert_int_eq(apr_dir_open(&dir, directory, P), APR_SUCCESS);
    while (apr_dir_read(&info, APR_FINFO_NAME | APR_FINFO_TYPE, dir) == APR_SUCCESS) {
        char *text = apr_pcalloc(P, 65536);
        apr_size_t len = 65535;
        apr_file_t *file;
        if (info.filetype != APR_REG)
            continue;
        ck_assert_int_eq(apr_file_open(&file, apr_pstrcat(P, directory, "/", info.name, NULL), APR_FOPEN_READ, 0, P),
                         APR_SUCCESS);
        apr_file_read(file, text, &len);
        apr_file_close(file);
        all = apr_pstrcat(P, all, text, NULL);
    }
    apr_dir_close(dir);
    return all;
}

START_TEST(batch_is_sent)
{
    const forge_mail_job_t job = job_of();
    bool more;
    queue(NOTICE, "{\"at\":\"first time\",\"ip\":\"192.0.2.7\"}", keys);
    queue(NOTICE, "{\"at\":\"second time\",\"ip\":\"192.0.2.7\"}", keys);
    ck_assert_int_eq(forge_job_mail(P, &job, &more), FORGE_OK);
    ck_assert(more);
    ck_assert_str_eq(told, "sent\nsent\n");
    ck_assert_msg(strstr(sent(), "first time") && strstr(sent(), "second time") &&
                      strstr(sent(), "To: <ada@example.org>"),
                  "%s", sent());
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "0");
    ck_assert_int_eq(forge_job_mail(P, &job, &more), FORGE_OK);
    ck_assert(!more);
}
END_TEST

static const char *left_for; /* how long the third mail stays claimed, in seconds */

/* Before the first mail the claims are almost over, and time passes. */
static bool slow(const void *unused)
{
    static int calls;
    calls++;
    if (calls == 1)
        sql("UPDATE forge.mail_outbox SET next_try_at = now() + interval '1 second'");
    if (calls == 1)
        apr_sleep(apr_time_from_msec(3100));
    if (calls == 3)
        left_for = ask("SELECT extract(epoch FROM next_try_at - now()) FROM forge.mail_outbox");
    return stopped(unused);
}

/* Who is slow keeps its mails; who dies leaves them soon. */
START_TEST(claims_are_renewed_while_mails_are_sent)
{
    forge_mail_job_t job = job_of();
    bool more;
    job.stop = slow;
    for (int i = 0; i < 3; i++)
        queue(NOTICE, "{\"at\":\"a time\",\"ip\":\"192.0.2.7\"}", keys);
    ck_assert_int_eq(forge_job_mail(P, &job, &more), FORGE_OK);
    ck_assert_str_eq(told, "sent\nsent\nsent\n");
    ck_assert_msg(atof(left_for) > 1 && atof(left_for) <= 15, "%s", left_for);
}
END_TEST

/* The log names a mail by number and kind, never by its address. */
START_TEST(unreadable_is_given_up)
{
    const forge_mail_job_t job = job_of();
    bool more;
    queue(NOTICE, "{\"at\":\"x\",\"ip\":\"192.0.2.7\"}",
          forge_core_keys_make(P, "a-different-9f8e7d6c5b4a39281706f", 32));
    queue(NOTICE, "{}", keys);
    ck_assert_int_eq(forge_job_mail(P, &job, &more), FORGE_OK);
    ck_assert(strstr(told, "given up: mail 1 (" NOTICE ")") && strstr(told, "another ForgeSecret"));
    ck_assert(strstr(told, "given up: mail 2 (" NOTICE ")") && strstr(told, "a fact is missing"));
    ck_assert_ptr_null(strstr(told, "ada@"));
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "0");
    ck_assert_str_eq(sent(), "");
}
END_TEST

/* A reset for an address without an account ends here, and nothing tells it from one that was sent. */
START_TEST(reset_is_resolved)
{
    const forge_mail_job_t job = job_of();
    forge_one_time_t in = {
        .email = "ada@example.org", .email_key = "ada@example.org", .ip = "192.0.2.7", .request_id = "r-1"};
    bool more;
    for (int i = 0; i < 2; i++) {
        const char *facts =
            apr_psprintf(P, "{\"email_key\":\"%s\",\"ip\":\"192.0.2.7\",\"request_id\":\"r-1\"}", in.email_key);
        in.mail = (forge_new_mail_t){SENDER, forge_core_seal(P, keys, "mail", facts, strlen(facts))};
        ck_assert_int_eq(forge_store_reset_ask(db, P, &in), FORGE_OK);
        in.email = in.email_key = "nobody@example.org";
    }
    ck_assert_int_eq(forge_job_mail(P, &job, &more), FORGE_OK);
    ck_assert_str_eq(told, "sent\n");
    ck_assert(strstr(sent(), "ada@example.org"));
    ck_assert_ptr_null(strstr(sent(), "nobody@example.org"));
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "0");
    ck_assert_str_eq(ask("SELECT kind FROM forge.one_time_tokens"), "reset");
}
END_TEST

/* Whatever stops one mail stops all: they wait, each for a time of its own, and the log hears of it once. */
START_TEST(all_wait_when_none_goes)
{
    const forge_mail_job_t job = job_of();
    bool more;
    queue(NOTICE, "{\"at\":\"one\",\"ip\":\"192.0.2.7\"}", keys);
    queue(NOTICE, "{\"at\":\"two\",\"ip\":\"192.0.2.7\"}", keys);
    mail.directory = "/nonexistent";
    ck_assert_int_eq(forge_job_mail(P, &job, &more), FORGE_OK);
    ck_assert(!more);
    ck_assert(strncmp(told, "stuck: /nonexistent", 19) == 0 && strchr(told, '\n')[1] == '\0');
    ck_assert_str_eq(ask("SELECT string_agg((tries = 1 AND next_try_at BETWEEN now() + interval '20 s' AND now() + "
                         "interval '40 s')::text, ' ')"
                         " FROM forge.mail_outbox"),
                     "true true");
}
END_TEST

START_TEST(stopped_puts_back)
{
    const forge_mail_job_t job = job_of();
    bool more;
    queue(NOTICE, "{\"at\":\"one\",\"ip\":\"192.0.2.7\"}", keys);
    stopping = true;
    ck_assert_int_eq(forge_job_mail(P, &job, &more), FORGE_OK);
    ck_assert_str_eq(told, "");
    ck_assert_str_eq(ask("SELECT next_try_at <= now() FROM forge.mail_outbox"), "true");
    stopping = false;
    ck_assert_int_eq(forge_job_mail(P, &job, &more), FORGE_OK);
    ck_assert_str_eq(told, "sent\n");
}
END_TEST

START_TEST(no_connection)
{
    const forge_mail_job_t job = job_of();
    bool more = true;
    refusal = FORGE_E_POOL_EXHAUSTED;
    ck_assert_int_eq(forge_job_mail(P, &job, &more), FORGE_E_POOL_EXHAUSTED);
    ck_assert(!more);
}
END_TEST

/* --- in its turn of the queue --- */

static const forge_job_worker_t worker = {
    .name = "here", .kind = FORGE_JOB_KIND_MAIL, .key = SENDER, .kinds = forge_job_kinds};

/* One turn of the mailer: makes the job when a mail is due, and does it. */
static bool take_turn(const forge_mail_job_t *mails)
{
    const forge_job_with_t with = {.db = {lend, NULL}, .stop = stopped, .mail = mails};
    bool due, ran;
    ck_assert_int_eq(forge_store_mail_job(db, P, SENDER, &due), FORGE_OK);
    ck_assert_int_eq(forge_job_next(P, &with, &worker, &ran), FORGE_OK);
    ck_assert_int_eq(ran, due);
    return ran;
}

/* More than one batch, and then no job until another mail is due. */
START_TEST(a_job_for_what_is_due)
{
    const forge_mail_job_t job = job_of();
    for (int i = 0; i < FORGE_MAILS_AT_ONCE + 3; i++)
        queue(NOTICE, "{\"at\":\"x\",\"ip\":\"192.0.2.7\"}", keys);
    ck_assert(take_turn(&job));
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "0");
    ck_assert_str_eq(ask("SELECT string_agg(concat_ws(' ', kind, key, status), ', ') FROM forge.jobs"),
                     "mail " SENDER " done");
    ck_assert(!take_turn(&job));
    queue(NOTICE, "{\"at\":\"x\",\"ip\":\"192.0.2.7\"}", keys);
    sql("UPDATE forge.mail_outbox SET next_try_at = now() + interval '1 hour'");
    ck_assert(!take_turn(&job));
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.jobs"), "1");
}
END_TEST

/* Two nodes that see the same mail make one job. */
START_TEST(one_job_for_a_sender)
{
    bool due;
    queue(NOTICE, "{\"at\":\"x\",\"ip\":\"192.0.2.7\"}", keys);
    ck_assert_int_eq(forge_store_mail_job(db, P, SENDER, &due), FORGE_OK);
    ck_assert_int_eq(forge_store_mail_job(schema_attach(), P, SENDER, &due), FORGE_OK);
    ck_assert(due);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.jobs"), "1");
}
END_TEST

static void cancel_it(void *baton, forge_mail_event_t event, const char *text)
{
    tell(baton, event, text);
    sql("UPDATE forge.jobs SET status = 'cancelled', finished_at = now(), lease_until = NULL");
    usleep(1100000); /* until the job asks again */
}

/* What a cancelled job has not sent waits for the next one, at once. */
START_TEST(cancelled_between_two_mails)
{
    forge_mail_job_t job = job_of();
    job.tell = cancel_it;
    queue(NOTICE, "{\"at\":\"first time\",\"ip\":\"192.0.2.7\"}", keys);
    queue(NOTICE, "{\"at\":\"second time\",\"ip\":\"192.0.2.7\"}", keys);
    ck_assert(take_turn(&job));
    ck_assert_str_eq(told, "sent\n");
    ck_assert_str_eq(ask("SELECT string_agg(status, ' ') FROM forge.jobs"), "cancelled");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox WHERE next_try_at <= now()"), "1");
    job.tell = tell;
    ck_assert(take_turn(&job));
    ck_assert_str_eq(told, "sent\nsent\n");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.mail_outbox"), "0");
}
END_TEST

Suite *forge_test_jobs_mail(void)
{
    Suite *s = suite_create("jobs_mail");
    TCase *tc = tcase_create("all");
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, batch_is_sent);
    tcase_add_test(tc, claims_are_renewed_while_mails_are_sent);
    tcase_add_test(tc, unreadable_is_given_up);
    tcase_add_test(tc, reset_is_resolved);
    tcase_add_test(tc, all_wait_when_none_goes);
    tcase_add_test(tc, stopped_puts_back);
    tcase_add_test(tc, no_connection);
    tcase_add_test(tc, a_job_for_what_is_due);
    tcase_add_test(tc, one_job_for_a_sender);
    tcase_add_test(tc, cancelled_between_two_mails);
    suite_add_tcase(s, tc);
    return s;
}
