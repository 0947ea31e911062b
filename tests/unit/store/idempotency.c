/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/idempotency.c and housekeeping.c: claims, replays, and what is swept away.
 */
#include "pg.h"
#include "store/operations/operations.h"
#include "unit.h"
#include <pthread.h>

static const char *where;
static forge_db_t *db;
static const forge_stored_answer_t created = {201, "{\"Location\": \"/x/1\"}", "{\"id\":\0 1}\xff", 10};

static void setup(void)
{
    forge_test_begin();
    where = forge_test_pg_database(forge_test_pool, "store_idempotency", true);
    db = forge_test_pg_attach(forge_test_pool, forge_test_pg_connect(forge_test_pool, where));
    forge_test_pg_do(db, forge_test_pool,
                     "CREATE TABLE idempotency_keys (scope text, key text, fingerprint text NOT NULL, status int, "
                     "headers jsonb, body bytea,"
                     " created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (scope, key));"
                     "CREATE TABLE work (id bigserial)");
}

/* Claim in a transaction; the caller ends it. */
static forge_status_t claim(forge_db_t *d, const char *fingerprint, bool *found, forge_stored_answer_t *answer)
{
    ck_assert_int_eq(forge_store_begin(d, forge_test_pool), FORGE_OK);
    return forge_store_idempotency_claim(
        d, forge_test_pool, &(forge_idempotency_key_t){"POST /x 7", "key-1", fingerprint, NULL}, found, answer);
}

static void finish(const forge_stored_answer_t *answer)
{
    if (answer)
        ck_assert_int_eq(forge_store_idempotency_keep(
                             db, forge_test_pool, &(forge_idempotency_key_t){"POST /x 7", "key-1", NULL, NULL}, answer),
                         FORGE_OK);
    ck_assert_int_eq(forge_store_commit(db, forge_test_pool), FORGE_OK);
}

static void claim_is_ours(void)
{
    bool found = true;
    forge_stored_answer_t answer;
    ck_assert_int_eq(claim(db, "f1", &found, &answer), FORGE_OK);
    ck_assert(!found);
}

START_TEST(claimed_then_replayed)
{
    bool found;
    forge_stored_answer_t answer;
    claim_is_ours();
    finish(&created);
    ck_assert_int_eq(claim(db, "f1", &found, &answer), FORGE_OK);
    ck_assert(found);
    ck_assert_int_eq(answer.status, 201);
    ck_assert_str_eq(answer.headers_json, created.headers_json);
    ck_assert_uint_eq(answer.body_len, created.body_len);
    ck_assert_mem_eq(answer.body, created.body, created.body_len);
    forge_store_rollback(db);
    ck_assert_int_eq(claim(db, "f2", &found, &answer), FORGE_E_IDEMPOTENCY_MISMATCH);
    forge_store_rollback(db);
}
END_TEST

START_TEST(no_body_no_headers)
{
    bool found;
    forge_stored_answer_t answer = {.status = 204};
    claim_is_ours();
    finish(&answer);
    ck_assert_int_eq(claim(db, "f1", &found, &answer), FORGE_OK);
    ck_assert(found && answer.status == 204 && !answer.body && !answer.headers_json);
    forge_store_rollback(db);
}
END_TEST

START_TEST(a_failed_request_leaves_the_key_free)
{
    claim_is_ours();
    forge_store_rollback(db);
    claim_is_ours();
    finish(NULL); /* committed without an answer: free as well */
    claim_is_ours();
    finish(&created);
}
END_TEST

START_TEST(running_elsewhere)
{
    bool found;
    forge_stored_answer_t answer;
    forge_db_t *other = forge_test_pg_attach(forge_test_pool, forge_test_pg_connect(forge_test_pool, where));
    claim_is_ours();
    ck_assert_int_eq(claim(other, "f1", &found, &answer), FORGE_E_IDEMPOTENCY_RUNNING);
    forge_store_rollback(other);
    finish(&created);
    ck_assert_int_eq(claim(other, "f1", &found, &answer), FORGE_OK);
    ck_assert(found);
    forge_store_rollback(other);
}
END_TEST

/* What waits for others between its claim and its work holds no connection, and still nobody else takes the key. */
START_TEST(marked_while_it_waits)
{
    static const forge_idempotency_key_t mine = {"POST /x 7", "key-1", "f1", "owner"};
    static const forge_idempotency_key_t theirs = {"POST /x 7", "key-1", "f1", "another"};
    forge_stored_answer_t answer;
    forge_db_t *other = forge_test_pg_attach(forge_test_pool, forge_test_pg_connect(forge_test_pool, where));
    bool found = false;
    claim_is_ours();
    ck_assert_int_eq(forge_store_idempotency_mark(db, forge_test_pool, &mine, 60 * APR_USEC_PER_SEC), FORGE_OK);
    ck_assert_int_eq(forge_store_commit(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(claim(other, "f1", &found, &answer), FORGE_E_IDEMPOTENCY_RUNNING);
    forge_store_rollback(other);
    ck_assert_int_eq(claim(other, "f2", &found, &answer), FORGE_E_IDEMPOTENCY_MISMATCH);
    forge_store_rollback(other);
    ck_assert_int_eq(forge_store_idempotency_unmark(other, forge_test_pool, &theirs), FORGE_OK);
    ck_assert_int_eq(claim(other, "f1", &found, &answer), FORGE_E_IDEMPOTENCY_RUNNING);
    forge_store_rollback(other);
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(forge_store_idempotency_claim(db, forge_test_pool, &mine, &found, &answer), FORGE_OK);
    ck_assert(!found);
    finish(&created);
    ck_assert_int_eq(claim(other, "f1", &found, &answer), FORGE_OK);
    ck_assert(found);
    forge_store_rollback(other);
}
END_TEST

/* The mark is taken away, or its time is over because nobody is there who could. */
START_TEST(a_mark_ends)
{
    static const forge_idempotency_key_t mine = {"POST /x 7", "key-1", "f1", "owner"};
    forge_stored_answer_t answer;
    forge_db_t *other = forge_test_pg_attach(forge_test_pool, forge_test_pg_connect(forge_test_pool, where));
    bool found = false;
    for (int late = 0; late < 2; late++) {
        claim_is_ours();
        ck_assert_int_eq(forge_store_idempotency_mark(db, forge_test_pool, &mine, late ? 0 : 60 * APR_USEC_PER_SEC),
                         FORGE_OK);
        ck_assert_int_eq(forge_store_commit(db, forge_test_pool), FORGE_OK);
        if (!late)
            ck_assert_int_eq(forge_store_idempotency_unmark(db, forge_test_pool, &mine), FORGE_OK);
        ck_assert_int_eq(claim(other, "f2", &found, &answer), FORGE_OK);
        ck_assert(!found);
        forge_store_rollback(other);
    }
}
END_TEST

START_TEST(a_day_later)
{
    claim_is_ours();
    finish(&created);
    forge_test_pg_do(db, forge_test_pool, "UPDATE idempotency_keys SET created_at = now() - interval '25 hours'");
    claim_is_ours();
    finish(&created);
    ck_assert_str_eq(
        forge_test_pg_ask(db, forge_test_pool, "SELECT created_at > now() - interval '1 hour' FROM idempotency_keys"),
        "true");
}
END_TEST

/* A client that sends the same request until it gets an answer. */
static void *client(void *baton)
{
    static const forge_db_settings_t settings = {.statement_timeout = 5 * APR_USEC_PER_SEC,
                                                 .answer_timeout = 9 * APR_USEC_PER_SEC,
                                                 .idle_timeout = 9 * APR_USEC_PER_SEC};
    static const forge_stmt_t work = {"test_work", "INSERT INTO work DEFAULT VALUES"};
    forge_stored_answer_t answer;
    apr_pool_t *p;
    forge_db_t *mine;
    bool found = false;
    apr_pool_create(&p, NULL);
    PGconn *conn = PQconnectdb(where);
    if (forge_store_db_attach(p, conn, &settings, &(forge_db_use_t){NULL, NULL, NULL}, &mine) == FORGE_OK)
        for (int i = 0; i < 200 && !found; i++) {
            if (forge_store_begin(mine, p) == FORGE_OK &&
                forge_store_idempotency_claim(mine, p, &(forge_idempotency_key_t){"s", "k", "f", NULL}, &found,
                                              &answer) == FORGE_OK &&
                !found && forge_store_run(mine, p, &work, FORGE_NO_ARGS, NULL) == FORGE_OK &&
                forge_store_idempotency_keep(mine, p, &(forge_idempotency_key_t){"s", "k", NULL, NULL}, &created) ==
                    FORGE_OK)
                forge_store_commit(mine, p);
            forge_store_rollback(mine);
        }
    forge_store_db_detach(mine);
    apr_pool_destroy(p);
    PQfinish(conn);
    *(bool *)baton = found;
    return NULL;
}

START_TEST(many_at_once_work_once)
{
    pthread_t threads[6];
    bool found[6];
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, client, &found[i]), 0);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 6; i++)
        ck_assert(found[i]);
    ck_assert_str_eq(forge_test_pg_ask(db, forge_test_pool, "SELECT count(*) FROM work"), "1");
}
END_TEST

Suite *forge_test_store_idempotency(void)
{
    Suite *s = suite_create("store_idempotency");
    TCase *tc = tcase_create("keys");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, forge_test_pg_start, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_add_test(tc, claimed_then_replayed);
    tcase_add_test(tc, no_body_no_headers);
    tcase_add_test(tc, a_failed_request_leaves_the_key_free);
    tcase_add_test(tc, running_elsewhere);
    tcase_add_test(tc, marked_while_it_waits);
    tcase_add_test(tc, a_mark_ends);
    tcase_add_test(tc, a_day_later);
    tcase_add_test(tc, many_at_once_work_once);
    suite_add_tcase(s, tc);
    return s;
}
