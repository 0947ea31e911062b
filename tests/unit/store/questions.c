/* SPDX-License-Identifier: Apache-2.0
 * Tests of what questions are answered from: whose passages are found and in which order, conversations, the month's
 * allowance, and vectors.
 */
#include "schema.h"
#include "store/analysis/analysis.h"

#define P forge_test_pool

static forge_rows_t *rows;

static void begin(void)
{
    schema_begin("store_questions");
}

/* Accounts 1 and 2; session 1 (file 1) is of 1, session 2 (file 2) of 2. */
static void setup(void)
{
    schema_setup();
    sql("INSERT INTO forge.users (email, username, password_hash) SELECT n || '@example.org', 'user_' || n, "
        "'" FORGE_TEST_HASH "' FROM generate_series(1, 2) n;"
        "INSERT INTO forge.files (user_id, filename, content_type, size, sha256, object) SELECT n, 'f', "
        "'application/pdf', 0, sha256(n::text::bytea), forge.file_object() FROM generate_series(1, 2) n;"
        "INSERT INTO forge.jobs (kind, user_id, status, finished_at) SELECT 'pdf', n, 'done', now() FROM "
        "generate_series(1, 2) n;"
        "INSERT INTO forge.analysis_sessions (user_id, kind, file_id, job_id) SELECT n, 'pdf', n, n FROM "
        "generate_series(1, 2) n;"
        "INSERT INTO forge.passages (session_id, position, page, body, language) VALUES "
        "(1, 1, 1, 'Rivers carry water to the sea. The longest rivers are ten times as long as the others.', "
        "'english'),"
        "(1, 2, 2, 'Water boils. Much later the sea was far away, and rivers were dry; the water was gone.', "
        "'english'),"
        "(1, 3, 3, 'A mountain is higher than a hill.', 'english'),"
        "(2, 1, 1, 'Rivers of the other account carry water to the sea.', 'english')");
}

static forge_status_t scope(apr_int64_t user, apr_int64_t session, apr_int64_t file)
{
    return forge_store_question_scope(db, P, user, session, file, NULL, &rows);
}

START_TEST(only_ones_own_sessions_are_asked)
{
    ck_assert_int_eq(scope(1, 1, 0), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "file_id", 0), 1);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "passages", 0), 3);
    ck_assert_int_eq(scope(1, 2, 0), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(scope(1, 0, 2), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(scope(1, 9, 0), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(scope(2, 0, 2), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "id", 0), 2);
}
END_TEST

START_TEST(the_newest_that_is_done_speaks_for_a_file)
{
    sql("INSERT INTO forge.jobs (kind, user_id, status, finished_at) VALUES ('pdf', 1, 'done', now()), ('pdf', 1, "
        "'failed', now());"
        "INSERT INTO forge.analysis_sessions (user_id, kind, file_id, job_id) VALUES (1, 'pdf', 1, 3), (1, 'pdf', 1, "
        "4)");
    ck_assert_int_eq(scope(1, 0, 1), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "id", 0), 3);
    ck_assert_int_eq(scope(1, 4, 0), FORGE_E_NOT_READY);
    sql("UPDATE forge.jobs SET status = 'cancelled'");
    ck_assert_int_eq(scope(1, 0, 1), FORGE_E_NOT_READY);
    sql("DELETE FROM forge.analysis_sessions");
    ck_assert_int_eq(scope(1, 0, 1), FORGE_E_NOT_READY);
}
END_TEST

/* Pages in their order: "1 2". */
static const char *found(apr_int64_t session, const char *question)
{
    const char *pages = "";
    ck_assert_int_eq(forge_store_question_search(db, P, session, question, &rows), FORGE_OK);
    for (int i = 0; i < forge_store_rows_count(rows); i++)
        pages = apr_pstrcat(P, pages, i ? " " : "", forge_store_rows_text(rows, i, "page"), NULL);
    return pages;
}

/* Words that are near to each other, and the question as a phrase, count more. */
START_TEST(the_best_passage_comes_first)
{
    ck_assert_str_eq(found(1, "Do rivers carry water to the sea?"), "1 2");
    ck_assert_int_gt(forge_store_rows_int(rows, 0, "score", 0), forge_store_rows_int(rows, 1, "score", 0));
    ck_assert_ptr_nonnull(strstr(forge_store_rows_text(rows, 0, "excerpt"), "Rivers carry water"));
    ck_assert_str_eq(found(1, "water gone"), "2 1");
    ck_assert_str_eq(found(1, "mountains"), "3");
    ck_assert_str_eq(found(1, "of the and"), "");
    ck_assert_str_eq(found(1, ""), "");
    ck_assert_str_eq(found(1, "zebra"), "");
    ck_assert_str_eq(found(2, "rivers account"), "1");
    ck_assert_str_eq(found(1, "account"), "");
    ck_assert_str_eq(found(99, "rivers"), "");
}
END_TEST

/* What the dictionary does not bring together is found by its beginning. */
START_TEST(a_word_that_is_nowhere_is_looked_for_by_its_beginning)
{
    sql("UPDATE forge.passages SET language = 'simple'");
    ck_assert_str_eq(found(1, "mountainside"), "3");
    ck_assert_str_eq(found(1, "hi"), "");
}
END_TEST

/* Mistakes at the beginning of a word, which no dictionary and no beginning bridges. */
START_TEST(words_that_look_alike_are_found_where_pg_trgm_is_there)
{
    ck_assert_int_eq(forge_store_question_search(db, P, 1, "Xountain?", &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 0);
    sql("CREATE EXTENSION pg_trgm SCHEMA public");
    forge_status_t found = forge_store_question_search(db, P, 1, "Xountain?", &rows);
    sql("DROP EXTENSION pg_trgm");
    ck_assert_int_eq(found, FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "page", 0), 3);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "excerpt"), "A mountain is higher than a hill.");
}
END_TEST

START_TEST(no_question_breaks_the_query)
{
    static const char *const questions[] = {"'",
                                            "\\",
                                            "a'b\\c",
                                            "& | !",
                                            "<->",
                                            ":*",
                                            "rivers:* & !water",
                                            "''''",
                                            "$1",
                                            "ri\\'vers \\\\ water",
                                            "(((",
                                            "日本語 ?",
                                            "a-b/c.d@e.f"};
    for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
        found(1, questions[i]);
        ck_assert_int_eq(forge_store_question_terms(db, P, 1, questions[i], &rows), FORGE_OK);
    }
}
END_TEST

START_TEST(rare_words_weigh_more_and_missing_ones_most)
{
    ck_assert_int_eq(forge_store_question_terms(db, P, 1, "the mountain, the water, the zebra", &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 3);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "lexeme"), "mountain");
    ck_assert_str_eq(forge_store_rows_text(rows, 1, "lexeme"), "water");
    apr_int64_t mountain = forge_store_rows_int(rows, 0, "weight", 0),
                water = forge_store_rows_int(rows, 1, "weight", 0), zebra = forge_store_rows_int(rows, 2, "weight", 0);
    ck_assert(water > 0 && mountain > water && zebra > mountain);
}
END_TEST

static forge_status_t say(apr_int64_t user, const char *question, const char *answer)
{
    const forge_message_t message = {
        .session = 1, .user = user, .question = question, .answer = answer, .sources = "[]", .model = "extractive"};
    return forge_store_message_add(db, P, &message, &rows);
}

START_TEST(a_conversation_belongs_to_its_session)
{
    ck_assert_int_eq(say(1, "one?", "first"), FORGE_OK);
    ck_assert_int_eq(say(1, "two?", NULL), FORGE_OK);
    ck_assert_int_eq(say(1, "three?", "third"), FORGE_OK);
    ck_assert_int_eq(say(2, "mine?", "no"), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_store_messages_last(db, P, 1, 5, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 2);
    ck_assert_str_eq(forge_store_rows_text(rows, 0, "question"), "three?");
    apr_int64_t total;
    forge_list_query_t query = {.base = FORGE_ARGS("1", "1"), .limit = 10, .count = true};
    ck_assert_int_eq(forge_store_list(db, P, &forge_store_messages_list, &query, &rows, &total), FORGE_OK);
    ck_assert_int_eq(total, 3);
    query.base = FORGE_ARGS("1", "2");
    ck_assert_int_eq(forge_store_list(db, P, &forge_store_messages_list, &query, &rows, &total), FORGE_OK);
    ck_assert_int_eq(total, 0);
}
END_TEST

static forge_status_t charge(apr_int64_t tokens, double money)
{
    const forge_llm_cost_t most = {tokens, money}, limit = {1000, 2};
    return forge_store_llm_charge(db, P, 1, &most, &limit);
}

START_TEST(a_month_has_its_allowance)
{
    ck_assert_int_eq(charge(1001, 0), FORGE_E_QUOTA_EXCEEDED);
    ck_assert_int_eq(charge(1, 2.01), FORGE_E_QUOTA_EXCEEDED);
    ck_assert_ptr_null(ask("SELECT tokens FROM forge.llm_usage"));
    ck_assert_int_eq(charge(600, 0.5), FORGE_OK);
    ck_assert_int_eq(charge(600, 0.5), FORGE_E_QUOTA_EXCEEDED);
    ck_assert_int_eq(charge(400, 1.6), FORGE_E_QUOTA_EXCEEDED);
    ck_assert_int_eq(forge_store_llm_settle(db, P, 1, &(forge_llm_cost_t){600, 0.5}, &(forge_llm_cost_t){100, 0.125}),
                     FORGE_OK);
    ck_assert_str_eq(ask("SELECT tokens || ' ' || cost || ' ' || requests FROM forge.llm_usage"), "100 0.125000 1");
    ck_assert_int_eq(charge(900, 1.875), FORGE_OK); /* to the last */
    ck_assert_int_eq(charge(1, 0), FORGE_E_QUOTA_EXCEEDED);
    const forge_llm_cost_t much = {100000, 1000}, none = {0, 0};
    ck_assert_int_eq(forge_store_llm_charge(db, P, 1, &much, &none), FORGE_OK); /* no limit */
}
END_TEST

static forge_status_t charge_alone(int i)
{
    const forge_llm_cost_t most = {100, 0}, limit = {1000, 0};
    (void)i;
    return forge_store_llm_charge(schema_attach(), P, 2, &most, &limit);
}

START_TEST(calls_at_once_cannot_exceed_it_together)
{
    ck_assert_int_eq(at_once(20, charge_alone, FORGE_OK), 10);
    ck_assert_str_eq(ask("SELECT tokens FROM forge.llm_usage WHERE user_id = 2"), "1000");
}
END_TEST

static const char *nearest(const char *model, const char *vector)
{
    const char *pages = "";
    const forge_vector_t asked = {model, vector};
    ck_assert_int_eq(forge_store_question_nearest(db, P, 1, &asked, "water", &rows), FORGE_OK);
    for (int i = 0; i < forge_store_rows_count(rows); i++)
        pages = apr_psprintf(P, "%s%s%s=%" APR_INT64_T_FMT, pages, i ? " " : "", forge_store_rows_text(rows, i, "page"),
                             forge_store_rows_int(rows, i, "score", 0));
    return pages;
}

START_TEST(vectors_say_what_is_near)
{
    ck_assert_int_eq(forge_store_embeddings_missing(db, P, 1, "m", 10, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 3);
    const char *first = forge_store_rows_text(rows, 0, "id");
    const char *ids = apr_psprintf(P, "{%s,%d,%d,999}", first, atoi(first) + 1, atoi(first) + 3);
    ck_assert_int_eq(
        forge_store_embeddings_put(db, P, "m", ids, "{\"{1,0}\",\"{60000000e-8,0.8}\",\"{1,0}\",\"{1,0}\"}"), FORGE_OK);
    ck_assert_str_eq(nearest("m", "{1,0}"), "1=1000000 2=600000");
    ck_assert_str_eq(nearest("m", "{0,1}"), "2=800000 1=0");
    ck_assert_str_eq(nearest("other", "{1,0}"), "");
    ck_assert_str_eq(nearest("m", "{1,0,0}"), ""); /* of another length */
    ck_assert_int_eq(forge_store_embeddings_missing(db, P, 1, "m", 10, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_count(rows), 1);
    ck_assert_int_eq(forge_store_question_scope(db, P, 1, 1, 0, "m", &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_rows_int(rows, 0, "embedded", 0), 2);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.nearest_passages(1, 'm', '{1,0}', 3, 8)"), "0"); /* too many */
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.nearest_passages(1, 'm', '{1,0}', 4, 8)"), "2");
    sql("DELETE FROM forge.passages");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.embeddings"), "0");
}
END_TEST

/* Something that looks like pgvector, in a schema of its own, whose operator says 42. */
START_TEST(pgvector_compares_where_it_is_there)
{
    sql("CREATE SCHEMA ext; GRANT USAGE ON SCHEMA ext TO forge_app; CREATE DOMAIN ext.vector AS real[];"
        "CREATE FUNCTION ext.negative(real[], real[]) RETURNS float8 LANGUAGE sql AS 'SELECT -42.0::float8';"
        "CREATE OPERATOR ext.<#> (LEFTARG = real[], RIGHTARG = real[], FUNCTION = ext.negative);"
        "SET allow_system_table_mods = on; INSERT INTO pg_extension (oid, extname, extowner, extnamespace, "
        "extrelocatable, extversion) VALUES (99999, 'vector', 10, 'ext'::regnamespace, false, '0')");
    sql("INSERT INTO forge.embeddings SELECT min(id), 'm', '{1,0}' FROM forge.passages WHERE session_id = 1");
    const char *pages = nearest("m", "{1,0}"),
               *many = ask("SELECT count(*) FROM forge.nearest_passages(1, 'm', '{1,0}', 0, 8)");
    sql("DELETE FROM pg_extension WHERE oid = 99999; DROP SCHEMA ext CASCADE");
    ck_assert_str_eq(pages, "1=42000000");
    ck_assert_str_eq(many, "1"); /* it has no bound */
}
END_TEST

/* The extension itself, where the server has it, finds what is found without it. */
START_TEST(pgvector_agrees_with_what_is_done_without_it)
{
    sql("INSERT INTO forge.embeddings SELECT id, 'm', CASE row_number() OVER (ORDER BY id) WHEN 1 THEN '{1,0}' ELSE"
        " '{0.6,0.8}' END::real[] FROM forge.passages WHERE session_id = 1 ORDER BY id LIMIT 2");
    const char *without = nearest("m", "{1,0}");
    if (strcmp(ask("SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"), "1") != 0)
        return;
    sql("CREATE SCHEMA ext; GRANT USAGE ON SCHEMA ext TO forge_app; CREATE EXTENSION vector SCHEMA ext");
    const char *with = nearest("m", "{1,0}"),
               *many = ask("SELECT count(*) FROM forge.nearest_passages(1, 'm', '{1,0}', 0, 8)");
    sql("DROP EXTENSION vector; DROP SCHEMA ext");
    ck_assert_str_eq(with, without);
    ck_assert_str_eq(many, "2");
}
END_TEST

/* The constraint that a statement of the application breaks; "" when it works. */
static const char *broken(const char *text)
{
    const forge_stmt_t stmt = {"", text};
    return forge_store_run(db, P, &stmt, FORGE_NO_ARGS, NULL) == FORGE_OK ? ""
                                                                          : apr_pstrdup(P, forge_store_constraint(db));
}

#define MESSAGE "INSERT INTO forge.messages (session_id, user_id, question, answered, answer, model, tokens) VALUES "
#define USAGE   "INSERT INTO forge.llm_usage (user_id, month, tokens) VALUES "
#define VECTOR  "INSERT INTO forge.embeddings SELECT min(id), "

START_TEST(rules_of_questions)
{
    static const char *const rules[][2] = {
        {MESSAGE "(1, 1, 'q', true, 'a', 'm', 0)", ""},
        {MESSAGE "(1, 1, '', true, 'a', 'm', 0)", "messages_question_length"},
        {MESSAGE "(1, 1, 'q', true, NULL, 'm', 0)", "messages_answered"},
        {MESSAGE "(1, 1, 'q', false, 'a', 'm', 0)", "messages_answered"},
        {MESSAGE "(1, 1, 'q', true, repeat('a', 20001), 'm', 0)", "messages_answer_length"},
        {MESSAGE "(1, 1, 'q', true, 'a', '', 0)", "messages_model_length"},
        {MESSAGE "(1, 1, 'q', true, 'a', 'm', -1)", "messages_tokens_range"},
        {MESSAGE "(9, 1, 'q', true, 'a', 'm', 0)", "messages_session_id_fkey"},
        {USAGE "(1, '2026-01-02', 0)", "llm_usage_month_first"},
        {USAGE "(1, '2026-01-01', -1)", "llm_usage_counts"},
        {VECTOR "'', '{1}' FROM forge.passages", "embeddings_model_length"},
        {VECTOR "'m', '{}' FROM forge.passages", "embeddings_numbers_count"},
        {VECTOR "'m', '{{1},{2}}' FROM forge.passages", "embeddings_numbers_count"},
        {VECTOR "'m', array_fill(1::real, '{4097}') FROM forge.passages", "embeddings_numbers_count"},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
        ck_assert_msg(strcmp(broken(rules[i][0]), rules[i][1]) == 0, "%s: %s", rules[i][0], broken(rules[i][0]));
}
END_TEST

Suite *forge_test_store_questions(void)
{
    Suite *suite = suite_create("store_questions");
    TCase *tc = tcase_create("all");
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, setup, forge_test_end);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, rules_of_questions);
    tcase_add_test(tc, only_ones_own_sessions_are_asked);
    tcase_add_test(tc, the_newest_that_is_done_speaks_for_a_file);
    tcase_add_test(tc, the_best_passage_comes_first);
    tcase_add_test(tc, a_word_that_is_nowhere_is_looked_for_by_its_beginning);
    tcase_add_test(tc, words_that_look_alike_are_found_where_pg_trgm_is_there);
    tcase_add_test(tc, no_question_breaks_the_query);
    tcase_add_test(tc, rare_words_weigh_more_and_missing_ones_most);
    tcase_add_test(tc, a_conversation_belongs_to_its_session);
    tcase_add_test(tc, a_month_has_its_allowance);
    tcase_add_test(tc, calls_at_once_cannot_exceed_it_together);
    tcase_add_test(tc, vectors_say_what_is_near);
    tcase_add_test(tc, pgvector_compares_where_it_is_there);
    tcase_add_test(tc, pgvector_agrees_with_what_is_done_without_it);
    suite_add_tcase(suite, tc);
    return suite;
}
