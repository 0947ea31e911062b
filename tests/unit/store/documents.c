/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/analysis/documents.c and of migration 0023: what passages hold, what an analysis counts for in the
 * quota, and words that look alike.
 */
#include "schema.h"
#include "store/analysis/analysis.h"

#define P forge_test_pool

static void begin(void)
{
    schema_begin("store_documents");
}

static void setup(void)
{
    schema_setup();
    sql("TRUNCATE forge.jobs RESTART IDENTITY CASCADE;"
        "INSERT INTO forge.users (email, email_key, username, password_hash) VALUES"
        " ('ada@example.org', 'ada@example.org', 'ada', '" FORGE_TEST_HASH "');"
        "INSERT INTO forge.jobs (kind, user_id) VALUES ('pdf', 1), ('pdf', 1);"
        "INSERT INTO forge.analysis_sessions (user_id, kind, url, job_id) VALUES (1, 'github', 'a', 1),"
        " (1, 'github', 'b', 2)");
}

static apr_int64_t session(int i)
{
    return atoll(ask(apr_psprintf(P, "SELECT id FROM forge.analysis_sessions ORDER BY id OFFSET %d LIMIT 1", i)));
}

static void add(apr_int64_t to, const char *language, int before, const char *passages)
{
    const forge_passages_new_t in = {language, before, passages};
    ck_assert_int_eq(forge_store_passages_add(db, P, to, &in), FORGE_OK);
}

START_TEST(passages_follow_each_other)
{
    const apr_int64_t id = session(0);
    add(id, "english", 0, "[{\"page\":1,\"body\":\"Two trees\"},{\"page\":1,\"body\":\"and more\"}]");
    add(id, "english", 2, "[{\"page\":4,\"body\":\"The end\"}]");
    ck_assert_str_eq(ask("SELECT string_agg(position || ':' || page || ':' || body, ';' ORDER BY position)"
                         " FROM forge.passages"),
                     "1:1:Two trees;2:1:and more;3:4:The end");
    ck_assert_str_eq(ask("SELECT words FROM forge.passages WHERE position = 1"), "'tree':2 'two':1");
    ck_assert_int_eq(forge_store_passages_clear(db, P, id), FORGE_OK);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.passages"), "0");
}
END_TEST

START_TEST(languages_that_postgresql_lacks_are_searched_word_for_word)
{
    add(session(0), "klingon", 0, "[{\"page\":1,\"body\":\"two trees\"}]");
    add(session(0), "simple'); DROP TABLE forge.passages; --", 1, "[{\"page\":1,\"body\":\"x\"}]");
    ck_assert_str_eq(ask("SELECT string_agg(language || ' ' || words, ';' ORDER BY position) FROM forge.passages"),
                     "simple 'trees':2 'two':1;simple 'x':1");
}
END_TEST

START_TEST(stems_are_those_of_the_language)
{
    forge_rows_t *rows;
    static const char words[] = "[\"the\",\"trees\",\"running\",\"baum\",\"a\"]";
    ck_assert_int_eq(forge_store_stems(db, P, "english", words, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 5);
    ck_assert_ptr_null(forge_store_rows_text(rows, 0, "stem"));
    ck_assert_str_eq(forge_store_rows_text(rows, 1, "stem"), "tree");
    ck_assert_str_eq(forge_store_rows_text(rows, 2, "stem"), "run");
    ck_assert_ptr_null(forge_store_rows_text(rows, 4, "stem"));
    ck_assert_int_eq(forge_store_stems(db, P, "simple", words, &rows), FORGE_OK);
    ck_assert_ptr_null(forge_store_rows_text(rows, 0, "stem"));
    ck_assert_str_eq(forge_store_rows_text(rows, 1, "stem"), "trees");
    ck_assert_str_eq(forge_store_rows_text(rows, 3, "stem"), "baum");
}
END_TEST

static const char *used(void)
{
    return ask("SELECT rows || ' ' || bytes FROM forge.usage WHERE user_id = 1");
}

START_TEST(what_an_analysis_keeps_counts_and_is_given_back)
{
    const apr_int64_t id = session(0);
    ck_assert_str_eq(used(), "2 0");
    add(id, "english", 0, "[{\"page\":1,\"body\":\"ten bytes.\"},{\"page\":2,\"body\":\"five.\"}]");
    ck_assert_str_eq(used(), "2 15");
    sql("UPDATE forge.analysis_sessions SET result = '{}', thumbnail = '\\x0102' WHERE url = 'a'");
    ck_assert_str_eq(used(), "2 19");
    ck_assert_int_eq(forge_store_passages_clear(db, P, id), FORGE_OK);
    ck_assert_str_eq(used(), "2 4");
    add(session(1), "english", 0, "[{\"page\":1,\"body\":\"more\"}]");
    sql("DELETE FROM forge.analysis_sessions WHERE url = 'a'");
    ck_assert_str_eq(used(), "1 4");
    sql("DELETE FROM forge.analysis_sessions");
    ck_assert_str_eq(used(), "0 0");
}
END_TEST

START_TEST(what_exceeds_the_quota_is_refused)
{
    const forge_passages_new_t in = {"english", 0, "[{\"page\":1,\"body\":\"more than ten bytes\"}]"};
    forge_test_pg_do(db, P, "SET forge.user_quota = '100 10'");
    ck_assert_int_eq(forge_store_passages_add(db, P, session(0), &in), FORGE_E_QUOTA_EXCEEDED);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.passages"), "0");
}
END_TEST

static const char *alike(const char *word)
{
    return ask(apr_psprintf(P,
                            "SELECT coalesce(string_agg(p.body, ';' ORDER BY f.score DESC), '') FROM"
                            " forge.similar_passages(%" APR_INT64_T_FMT
                            ", '%s', 3) f JOIN forge.passages p ON p.id = f.passage_id",
                            session(0), word));
}

/* The same call works before and after: nothing has to be told that the extension has come. */
START_TEST(words_with_mistakes_are_found_where_pg_trgm_is_there)
{
    static const char passages[] = "[{\"page\":1,\"body\":\"Dijkstras algorithm\"},{\"page\":2,\"body\":\"a heap\"}]";
    add(session(0), "english", 0, passages);
    add(session(1), "english", 0, passages);
    ck_assert_str_eq(alike("algoritm"), "");
    sql("CREATE EXTENSION pg_trgm SCHEMA public");
    ck_assert_str_eq(alike("algoritm"), "Dijkstras algorithm");
    ck_assert_str_eq(alike("zebra"), "");
    sql("DROP EXTENSION pg_trgm");
    ck_assert_str_eq(alike("algoritm"), "");
}
END_TEST

Suite *forge_test_store_documents(void)
{
    Suite *s = suite_create("store_documents");
    TCase *tc = tcase_create("all");
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, passages_follow_each_other);
    tcase_add_test(tc, languages_that_postgresql_lacks_are_searched_word_for_word);
    tcase_add_test(tc, stems_are_those_of_the_language);
    tcase_add_test(tc, what_an_analysis_keeps_counts_and_is_given_back);
    tcase_add_test(tc, what_exceeds_the_quota_is_refused);
    tcase_add_test(tc, words_with_mistakes_are_found_where_pg_trgm_is_there);
    suite_add_tcase(s, tc);
    return s;
}
