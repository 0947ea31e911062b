/* SPDX-License-Identifier: Apache-2.0
 * How well questions find their passages, and how well the extractive answer knows when to be silent: a set of
 * questions over a text that belongs to everybody (the Constitution of the United States, a page for each of its
 * parts). The same statements and the same code as POST /analysis/qa, on a PostgreSQL of its own; the figures are the
 * same each time.
 *
 * usage: bench_retrieval [-v]   -v: says of each question what came of it
 */
#include "core/analysis/analysis.h"
#include "test_places.h"
#include "store/analysis/analysis.h"
#include "unit/store/schema.h"

#include <stdio.h>

#define FOLDER FORGE_SRCDIR "/tests/bench/retrieval/"
#define FIRST  5

typedef struct tally_t {
    int asked, found, answered, right; /* with an answer in the text */
    double reciprocal;
    int strange, refused; /* without one */

} tally_t;

static char *read_all(const char *name)
{
    static char text[1 << 16];
    FILE *f = fopen(apr_pstrcat(forge_test_pool, FOLDER, name, NULL), "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[n] = 0;
    if (f)
        fclose(f);
    return apr_pstrdup(forge_test_pool, text);
}

static const char *literal(const char *text)
{
    char *out = apr_palloc(forge_test_pool, strlen(text) * 2 + 3), *to = out;
    *to++ = '\'';
    for (; *text; text++) {
        if (*text == '\'')
            *to++ = '\'';
        *to++ = *text;
    }
    *to++ = '\'';
    *to = 0;
    return out;
}

static void load(void)
{
    char *state, *text = read_all("constitution.txt");
    int page = 0;
    sql("INSERT INTO forge.users (email, username, password_hash) VALUES ('a@example.org', 'alice', '" FORGE_TEST_HASH
        "');"
        "INSERT INTO forge.files (user_id, filename, content_type, size, sha256, object) VALUES (1, 'f', "
        "'application/pdf', 0, sha256(''), forge.file_object());"
        "INSERT INTO forge.jobs (kind, user_id, status, finished_at) VALUES ('pdf', 1, 'done', now());"
        "INSERT INTO forge.analysis_sessions (user_id, kind, file_id, job_id) VALUES (1, 'pdf', 1, 1)");
    for (char *part = apr_strtok(text, "%", &state); part; part = apr_strtok(NULL, "%", &state)) {
        const char *number = apr_itoa(forge_test_pool, ++page);
        sql(apr_pstrcat(forge_test_pool,
                        "INSERT INTO forge.passages (session_id, position, page, body, language) VALUES (1, ", number,
                        ", ", number, ", ", literal(part), ", 'english')", NULL));
    }
}

static void ask_one(tally_t *tally, int page, const char *question, bool tells)
{
    forge_rows_t *terms, *rows;
    forge_extract_t extract;
    if (forge_store_question_terms(db, forge_test_pool, 1, question, &terms) != FORGE_OK ||
        forge_store_question_search(db, forge_test_pool, 1, question, &rows) != FORGE_OK)
        exit(1);
    forge_asked_t asked[64];
    forge_found_t found[FORGE_PASSAGES_FOUND];
    int n_terms = forge_store_rows_count(terms), n = forge_store_rows_count(rows), rank = 0;
    for (int i = 0; i < n_terms; i++)
        asked[i] = (forge_asked_t){forge_store_rows_text(terms, i, "lexeme"),
                                   (double)forge_store_rows_int(terms, i, "weight", 0) / 1e6};
    for (int i = 0; i < n; i++) {
        found[i] = (forge_found_t){.id = forge_store_rows_int(rows, i, "id", 0),
                                   .page = forge_store_rows_int(rows, i, "page", 0),
                                   .body = forge_store_rows_text(rows, i, "body")};
        if (!rank && found[i].page == page)
            rank = i + 1;
    }
    const forge_question_t q = {question, asked, n_terms};
    const forge_ranking_t ranking = {found, n};
    forge_core_answer(forge_test_pool, &q, &ranking, &extract);
    bool right = false;
    for (int i = 0; i < extract.n_quotes; i++)
        right |= found[extract.quotes[i].passage].page == page;
    if (page) {
        tally->asked++;
        tally->found += rank >= 1 && rank <= FIRST;
        tally->reciprocal += rank ? 1.0 / rank : 0;
        tally->answered += extract.text != NULL;
        tally->right += right;
    } else {
        tally->strange++;
        tally->refused += !extract.text;
    }
    if (tells)
        printf("%2d rank %d score %.2f %s %s\n", page, rank, extract.score,
               !extract.text ? "-    "
               : right       ? "right"
                             : "WRONG",
               question);
}

static bool verbose;

START_TEST(measure)
{
    tally_t tally = {0};
    char *state;
    schema_setup();
    load();
    for (char *line = apr_strtok(read_all("questions.tsv"), "\n", &state); line; line = apr_strtok(NULL, "\n", &state))
        ask_one(&tally, atoi(line), strchr(line, '\t') + 1, verbose);
    printf(
        "| questions | recall@5 | MRR | answered | of these from the right page | unanswerable | of these refused |\n");
    printf("|---|---|---|---|---|---|---|\n");
    printf("| %d | %.2f | %.2f | %d (%.0f %%) | %d (%.0f %%) | %d | %d (%.0f %%) |\n", tally.asked,
           (double)tally.found / tally.asked, tally.reciprocal / tally.asked, tally.answered,
           100.0 * tally.answered / tally.asked, tally.right, 100.0 * tally.right / tally.answered, tally.strange,
           tally.refused, 100.0 * tally.refused / tally.strange);
    forge_test_end();
}
END_TEST

static void begin(void)
{
    schema_begin("bench_retrieval");
}

/* As a test, because that is what the private PostgreSQL of the unit tests is for. */
int main(int argc, char **argv)
{
    verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    Suite *suite = suite_create("retrieval");
    TCase *tc = tcase_create("all");
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, measure);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
