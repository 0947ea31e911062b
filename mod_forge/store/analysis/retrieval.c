/* SPDX-License-Identifier: Apache-2.0
 * Where an answer is looked for: in the passages of one session, which is the asking account's own. Every statement
 * here takes the session that forge_store_question_scope has found for that account.
 */
#include "analysis.h"
#include "store/engine/store_private.h"

/* clang-format off */

/* The latest session of a file that is done, else the latest of all. A file without one is not ready either.
 * $1 account, $2 session, $3 file, $4 model. */
static const forge_stmt_t scope = {
    "question_scope",
    "SELECT s.id, coalesce(s.file_id, f.id) AS file_id, s.kind, j.status,"
    " (SELECT count(*) FROM forge.passages p WHERE p.session_id = s.id) AS passages,"
    " (SELECT count(*) FROM forge.passages p JOIN forge.embeddings e ON e.passage_id = p.id"
    "  WHERE p.session_id = s.id AND e.model = $4) AS embedded,"
    " CASE WHEN j.status = 'done' THEN 'ok' ELSE 'not_ready' END AS _outcome"
    " FROM (SELECT $2::bigint AS session_id, $3::bigint AS file_id) q"
    " LEFT JOIN forge.files f ON f.id = q.file_id AND f.user_id = $1::bigint"
    " LEFT JOIN (forge.analysis_sessions s JOIN forge.jobs j ON j.id = s.job_id)"
    "  ON s.user_id = $1::bigint AND (s.id = q.session_id OR s.file_id = f.id)"
    " WHERE s.id IS NOT NULL OR f.id IS NOT NULL"
    " ORDER BY j.status = 'done' DESC NULLS LAST, s.id DESC LIMIT 1"};

/* The session's language is that of most of its passages. What no passage has is looked up by its beginning, two thirds
 * of it: that bridges endings that the language's dictionary does not know. $1 session, $2 question. */
#define QUOTED(word) "'''' || replace(replace(" word ", '\\', '\\\\'), '''', '''''') || ''''"
#define ASKED \
    "language AS (SELECT p.language AS name FROM forge.passages p WHERE p.session_id = $1::bigint" \
    " GROUP BY 1 ORDER BY count(*) DESC LIMIT 1)," \
    " size AS (SELECT count(*)::float8 AS n FROM forge.passages p WHERE p.session_id = $1::bigint)," \
    " words AS (SELECT t.lexeme, " QUOTED("t.lexeme") " AS whole, CASE WHEN char_length(t.lexeme) >= 5" \
    "  THEN " QUOTED("left(t.lexeme, char_length(t.lexeme) * 2 / 3)") " || ':*' END AS begins" \
    "  FROM language l, unnest(to_tsvector(l.name, $2)) t ORDER BY t.positions[1] LIMIT 32)," \
    " hits AS (SELECT w.lexeme, w.whole, w.begins, (SELECT count(*) FROM forge.passages p" \
    "  WHERE p.session_id = $1::bigint AND p.words @@ w.whole::tsquery) AS n FROM words w)," \
    " asked AS (SELECT h.lexeme, CASE WHEN h.n > 0 OR h.begins IS NULL THEN h.whole ELSE h.begins END AS text," \
    "  ln(1 + (s.n + 0.5) / (h.n + 0.5)) AS weight FROM hits h, size s)"

static const forge_stmt_t terms = {
    "question_terms",
    "WITH " ASKED " SELECT a.lexeme, round(a.weight::numeric * 1000000)::bigint AS weight FROM asked a"
    " ORDER BY a.lexeme"};

#define EXCERPT(body) \
    "ts_headline(l.name, " body ", coalesce(o.query, ''::tsquery)," \
    " 'StartSel=\"\", StopSel=\"\", MaxFragments=2, MinWords=12, MaxWords=40, FragmentDelimiter=\" … \"') AS excerpt"

/* Of a passage's score the words that it has are most, then how often and how near to each other they stand; the whole
 * question as a phrase comes on top. $1 session, $2 question, $3 how many. */
static const forge_stmt_t search = {
    "question_search",
    "WITH " ASKED ", one AS (SELECT string_agg(a.text, ' | ')::tsquery AS query, sum(a.weight) AS weight FROM asked a),"
    " found AS (SELECT p.id, sum(a.weight) AS weight FROM asked a JOIN forge.passages p"
    "  ON p.session_id = $1::bigint AND p.words @@ a.text::tsquery GROUP BY p.id),"
    " ranked AS (SELECT p.id, p.page, p.path, p.body, p.position,"
    "  (f.weight / o.weight) + 0.5 * ts_rank(p.words, o.query, 1 | 32) + 0.3 * ts_rank_cd(p.words, o.query, 4 | 32)"
    "   + CASE WHEN p.words @@ phraseto_tsquery(l.name, $2) THEN 0.2 ELSE 0 END AS score"
    "  FROM found f JOIN forge.passages p ON p.id = f.id, one o, language l"
    "  ORDER BY score DESC, p.position LIMIT $3::integer)"
    " SELECT r.id, r.page, r.path, r.body, round(r.score::numeric * 1000000)::bigint AS score, " EXCERPT("r.body")
    " FROM ranked r, one o, language l ORDER BY r.score DESC, r.position"};

/* $1 session, $2 question, $3 how many, $4 model, $5 vector, $6 numbers to multiply at most. */
static const forge_stmt_t nearest = {
    "question_nearest",
    "WITH " ASKED ", one AS (SELECT string_agg(a.text, ' | ')::tsquery AS query FROM asked a)"
    " SELECT p.id, p.page, p.path, p.body, round(n.score::numeric * 1000000)::bigint AS score, " EXCERPT("p.body")
    " FROM forge.nearest_passages($1::bigint, $4, $5::real[], $6::bigint, $3::integer) n"
    " JOIN forge.passages p ON p.id = n.passage_id, one o, language l ORDER BY n.score DESC, p.position"};

static const forge_stmt_t missing = {
    "embeddings_missing",
    "SELECT p.id, p.body FROM forge.passages p LEFT JOIN forge.embeddings e ON e.passage_id = p.id AND e.model = $2"
    " WHERE p.session_id = $1::bigint AND e.passage_id IS NULL ORDER BY p.id LIMIT $3::integer"};

static const forge_stmt_t put = {
    "embeddings_put",
    "INSERT INTO forge.embeddings (passage_id, model, numbers)"
    " SELECT p.id, $1, v.numbers::real[] FROM unnest($2::bigint[], $3::text[]) AS v(id, numbers)"
    " JOIN forge.passages p ON p.id = v.id"
    " ON CONFLICT (passage_id) DO UPDATE SET model = excluded.model, numbers = excluded.numbers"};

/* clang-format on */

static const char *number(apr_pool_t *p, apr_int64_t n)
{
    return n ? forge_util_itoa(p, n) : NULL;
}

forge_status_t forge_store_question_scope(forge_db_t *db, apr_pool_t *p, apr_int64_t user, apr_int64_t session,
                                          apr_int64_t file, const char *model, forge_rows_t **rows)
{
    static const forge_outcome_t outcomes[] = {{"ok", FORGE_OK}, {"not_ready", FORGE_E_NOT_READY}, {NULL, FORGE_OK}};
    FORGE_TRY(forge_store_run(db, p, &scope,
                              FORGE_ARGS(forge_util_itoa(p, user), number(p, session), number(p, file), model), rows));
    return forge_store_rows_judge(*rows, outcomes, FORGE_E_NOT_FOUND);
}

forge_status_t forge_store_question_terms(forge_db_t *db, apr_pool_t *p, apr_int64_t session, const char *question,
                                          forge_rows_t **rows)
{
    return forge_store_run(db, p, &terms, FORGE_ARGS(forge_util_itoa(p, session), question), rows);
}

forge_status_t forge_store_question_search(forge_db_t *db, apr_pool_t *p, apr_int64_t session, const char *question,
                                           forge_rows_t **rows)
{
    return forge_store_run(
        db, p, &search, FORGE_ARGS(forge_util_itoa(p, session), question, APR_STRINGIFY(FORGE_PASSAGES_FOUND)), rows);
}

forge_status_t forge_store_question_nearest(forge_db_t *db, apr_pool_t *p, apr_int64_t session,
                                            const forge_vector_t *asked, const char *question, forge_rows_t **rows)
{
    return forge_store_run(db, p, &nearest,
                           FORGE_ARGS(forge_util_itoa(p, session), question, APR_STRINGIFY(FORGE_PASSAGES_FOUND),
                                      asked->model, asked->numbers, APR_STRINGIFY(FORGE_NEAREST_MOST)),
                           rows);
}

forge_status_t forge_store_embeddings_missing(forge_db_t *db, apr_pool_t *p, apr_int64_t session, const char *model,
                                              int most, forge_rows_t **rows)
{
    return forge_store_run(db, p, &missing, FORGE_ARGS(forge_util_itoa(p, session), model, forge_util_itoa(p, most)),
                           rows);
}

forge_status_t forge_store_embeddings_put(forge_db_t *db, apr_pool_t *p, const char *model, const char *ids,
                                          const char *vectors)
{
    return forge_store_run(db, p, &put, FORGE_ARGS(model, ids, vectors), NULL);
}
