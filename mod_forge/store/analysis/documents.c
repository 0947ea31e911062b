/* SPDX-License-Identifier: Apache-2.0
 * Analyses of documents: asked for, worked on, read page by page. What is read page by page stands in the passages, so
 * that a text is kept once.
 */
#include "analysis.h"
#include "store/engine/store_private.h"
#include "store/operations/operations.h"

#include <apr_strings.h>
#include <string.h>

/* clang-format off */

static const forge_stmt_t own_file = {
    "document_own_file",
    "SELECT f.id FROM forge.files f WHERE f.id = $1::bigint AND f.user_id = $2::bigint FOR KEY SHARE"};

/* $1 account, $2 file, $3 job. */
static const forge_stmt_t document_add = {
    "document_add",
    "INSERT INTO forge.analysis_sessions (user_id, kind, file_id, job_id)"
    " VALUES ($1::bigint, 'pdf', $2::bigint, $3::bigint) RETURNING id"};

/* --- for the job --- */

static const forge_stmt_t document_of_job = {
    "document_of_job",
    "SELECT s.id, s.file_id, s.user_id, f.size FROM forge.analysis_sessions s JOIN forge.files f ON f.id = s.file_id"
    " WHERE s.job_id = $1::bigint"};

static const forge_stmt_t passages_clear = {
    "passages_clear", "DELETE FROM forge.passages WHERE session_id = $1::bigint"};

/* The latest one of the same file that was made in the same way. $1 session, $2 recipe. */
static const forge_stmt_t document_same = {
    "document_same",
    "SELECT o.id, (SELECT coalesce(max(p.position), 0) FROM forge.passages p WHERE p.session_id = o.id) AS passages"
    " FROM forge.analysis_sessions s JOIN forge.analysis_sessions o ON o.file_id = s.file_id AND o.id <> s.id"
    " AND o.user_id = s.user_id JOIN forge.jobs j ON j.id = o.job_id"
    " WHERE s.id = $1::bigint AND j.status = 'done' AND o.result ->> 'recipe' = $2 ORDER BY o.id DESC LIMIT 1"};

/* $1 from this session, $2 to this one, $3 behind this position, $4 how many. */
static const forge_stmt_t passages_copy = {
    "passages_copy",
    "INSERT INTO forge.passages (session_id, position, page, path, body, language)"
    " SELECT $2::bigint, p.position, p.page, p.path, p.body, p.language FROM forge.passages p"
    " WHERE p.session_id = $1::bigint AND p.position > $3::integer AND p.position <= $3::integer + $4::integer"};

static const forge_stmt_t document_copy = {
    "document_copy",
    "WITH file AS (UPDATE forge.files f SET pages = (o.result ->> 'page_count')::integer"
    " FROM forge.analysis_sessions o WHERE o.id = $1::bigint AND f.id = o.file_id RETURNING f.id)"
    " UPDATE forge.analysis_sessions s SET result = o.result, thumbnail = o.thumbnail"
    " FROM forge.analysis_sessions o WHERE o.id = $1::bigint AND s.id = $2::bigint"
    " RETURNING (SELECT count(*) FROM file) AS n"};

/* $1 session, $2 language, $3 passages so far, $4 the next ones. */
static const forge_stmt_t passages_add = {
    "passages_add",
    "INSERT INTO forge.passages (session_id, position, page, path, body, language)"
    " SELECT $1::bigint, $3::integer + i.n, (i.item ->> 'page')::integer, i.item ->> 'path', i.item ->> 'body',"
    " coalesce((SELECT c.oid::regconfig FROM pg_catalog.pg_ts_config c WHERE c.cfgname = $2"
    "  AND c.cfgnamespace = 'pg_catalog'::regnamespace), 'pg_catalog.simple'::regconfig)"
    " FROM jsonb_array_elements($4::jsonb) WITH ORDINALITY i(item, n)"};

/* A stop word has the stem NULL. Where PostgreSQL has no dictionary of the language, short words are stop words.
 * $1 language, $2 words. */
static const forge_stmt_t stems = {
    "word_stems",
    "SELECT CASE WHEN d.oid IS NOT NULL THEN (ts_lexize(d.oid::regdictionary, w.word))[1]"
    " WHEN char_length(w.word) > 3 THEN w.word END AS stem"
    " FROM jsonb_array_elements_text($2::jsonb) WITH ORDINALITY w(word, n)"
    " LEFT JOIN pg_catalog.pg_ts_dict d ON d.dictname = $1 || '_stem' AND d.dictnamespace = 'pg_catalog'::regnamespace"
    " ORDER BY w.n"};

/* $1 session, $2 result, $3 thumbnail in hexadecimal digits or NULL. */
static const forge_stmt_t document_finish = {
    "document_finish",
    "WITH done AS (UPDATE forge.analysis_sessions s SET result = $2::jsonb, thumbnail = decode($3, 'hex')"
    " WHERE s.id = $1::bigint RETURNING s.file_id)"
    " UPDATE forge.files f SET pages = ($2::jsonb ->> 'page_count')::integer FROM done WHERE f.id = done.file_id"
    " RETURNING f.id"};

/* --- for readers --- */

/* $1 session, $2 account, 0 for all of them. */
#define SEEN "s.id = $1::bigint AND (s.user_id = $2::bigint OR $2::bigint = 0) AND s.kind = 'pdf'"

static const forge_stmt_t thumbnail = {
    "document_thumbnail",
    "SELECT translate(encode(s.thumbnail, 'base64'), E'+/=\\n', '-_') AS png, md5(s.thumbnail) AS tag"
    " FROM forge.analysis_sessions s WHERE " SEEN " AND s.thumbnail IS NOT NULL"};

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {
    {"page", "v.page", "v.page > $%d::bigint", NULL},
    {NULL, NULL, NULL, NULL},
};

#define PAGES \
    " FROM (SELECT p.page, p.page AS id, string_agg(p.body, E'\\n' ORDER BY p.position) AS text" \
    " FROM forge.analysis_sessions s JOIN forge.passages p ON p.session_id = s.id WHERE " SEEN " GROUP BY p.page) v" \
    " WHERE true"

const forge_list_t forge_store_document_pages_list = {
    "document_pages", "SELECT v.page, v.text, v.id AS _id" PAGES, "SELECT count(*)" PAGES, 2, filters, orders};

/* clang-format on */

/* --- asking --- */

typedef struct asked_t {
    const forge_actor_t *by;
    apr_int64_t file;
    forge_rows_t **rows;
} asked_t;

static forge_status_t ask(forge_db_t *db, apr_pool_t *p, void *baton)
{
    const asked_t *asked = baton;
    const char *file = forge_util_itoa(p, asked->file), *account = forge_util_itoa(p, asked->by->id);
    const forge_job_new_t job = {.kind = FORGE_JOB_PDF, .account = asked->by->id};
    apr_int64_t id;
    FORGE_TRY(forge_store_run(db, p, &own_file, FORGE_ARGS(file, account), asked->rows));
    if (forge_store_rows_count(*asked->rows) == 0)
        return FORGE_E_NOT_FOUND;
    FORGE_TRY(forge_store_analysis_room(db, p, asked->by->id));
    FORGE_TRY(forge_store_job_add(db, p, &job, &id));
    FORGE_TRY(forge_store_run(db, p, &document_add, FORGE_ARGS(account, file, forge_util_itoa(p, id)), asked->rows));
    id = forge_store_rows_int(*asked->rows, 0, "id", 0);
    forge_store_event(
        db, &(forge_event_t){.name = "analysis.requested",
                             .user_id = asked->by->id,
                             .detail = {{.name = "analysis_id", .number = id}, {.name = "kind", .text = "pdf"}}});
    return forge_store_analysis_get(db, p, asked->by->id, id, asked->rows);
}

forge_status_t forge_store_document_ask(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t file,
                                        forge_rows_t **rows)
{
    asked_t asked = {by, file, rows};
    return forge_store_tx(db, p, ask, &asked);
}

forge_status_t forge_store_document_thumbnail(forge_db_t *db, apr_pool_t *p, apr_int64_t user, apr_int64_t id,
                                              forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(db, p, &thumbnail, FORGE_ARGS(forge_util_itoa(p, id), forge_util_itoa(p, user)), rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

/* --- the work --- */

forge_status_t forge_store_document_of_job(forge_db_t *db, apr_pool_t *p, apr_int64_t job, forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(db, p, &document_of_job, FORGE_ARGS(forge_util_itoa(p, job)), rows));
    return forge_store_rows_count(*rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}

forge_status_t forge_store_passages_clear(forge_db_t *db, apr_pool_t *p, apr_int64_t session)
{
    return forge_store_run(db, p, &passages_clear, FORGE_ARGS(forge_util_itoa(p, session)), NULL);
}

forge_status_t forge_store_passages_add(forge_db_t *db, apr_pool_t *p, apr_int64_t session,
                                        const forge_passages_new_t *in)
{
    return forge_store_run(
        db, p, &passages_add,
        FORGE_ARGS(forge_util_itoa(p, session), in->language, forge_util_itoa(p, in->before), in->passages), NULL);
}

forge_status_t forge_store_stems(forge_db_t *db, apr_pool_t *p, const char *language, const char *words,
                                 forge_rows_t **rows)
{
    return forge_store_run(db, p, &stems, FORGE_ARGS(language, words), rows);
}

forge_status_t forge_store_document_finish(forge_db_t *db, apr_pool_t *p, apr_int64_t session,
                                           const forge_document_done_t *done)
{
    return forge_store_run(db, p, &document_finish,
                           FORGE_ARGS(forge_util_itoa(p, session), done->result, done->thumbnail), NULL);
}

forge_status_t forge_store_document_same(forge_db_t *db, apr_pool_t *p, apr_int64_t session, const char *recipe,
                                         forge_rows_t **rows)
{
    return forge_store_run(db, p, &document_same, FORGE_ARGS(forge_util_itoa(p, session), recipe), rows);
}

forge_status_t forge_store_passages_copy(forge_db_t *db, apr_pool_t *p, const forge_document_copy_t *copy,
                                         apr_int64_t after, int most)
{
    return forge_store_run(db, p, &passages_copy,
                           FORGE_ARGS(forge_util_itoa(p, copy->from), forge_util_itoa(p, copy->to),
                                      forge_util_itoa(p, after), forge_util_itoa(p, most)),
                           NULL);
}

forge_status_t forge_store_document_copy(forge_db_t *db, apr_pool_t *p, const forge_document_copy_t *copy)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_run(db, p, &document_copy,
                              FORGE_ARGS(forge_util_itoa(p, copy->from), forge_util_itoa(p, copy->to)), &rows));
    return forge_store_rows_count(rows) ? FORGE_OK : FORGE_E_NOT_FOUND;
}
