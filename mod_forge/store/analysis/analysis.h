/* SPDX-License-Identifier: Apache-2.0
 * Interface of store/analysis: files, analyses of them and of repositories, passages, questions (SPEC 9, 10).
 */
#ifndef FORGE_STORE_ANALYSIS_H
#define FORGE_STORE_ANALYSIS_H

#include "store/store.h"

/* --- files.c --- */

extern const forge_list_t forge_store_files_list; /* $1 account */

/* The bytes of a file that is to be stored: `len` of them from `at` on; false when they cannot be read. */
typedef bool (*forge_file_read_fn)(void *baton, apr_int64_t at, void *to, apr_size_t len);
typedef struct forge_file_new_t {
    const char *filename, *content_type;
    apr_int64_t size;
    unsigned char sha256[32]; /* of the bytes */
    forge_file_read_fn read;
    void *baton;
} forge_file_new_t;
/* Stores a file of the caller's: bytes, row and quota in one transaction (within the caller's, if there is one). The
 * same bytes are one file: then *made is false and the row is that of the first. FORGE_E_QUOTA_EXCEEDED,
 * FORGE_E_INVALID_TOKEN (the account is gone), FORGE_E_CONFLICT (the same file was deleted in this moment). */
forge_status_t forge_store_file_add(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                    const forge_file_new_t *file, bool *made, forge_rows_t **rows);
/* For its owner and administrators, else FORGE_E_NOT_FOUND. */
forge_status_t forge_store_file_get(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                    forge_rows_t **rows);
/* Its bytes go with it. FORGE_E_PRECONDITION_FAILED as with a forge_patch_t. */
forge_status_t forge_store_file_delete(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t id,
                                       const char *if_version);

typedef struct forge_file_span_t {
    apr_int64_t from, length;
} forge_file_span_t;
typedef struct forge_file_bytes_t {
    const char *data;
    apr_size_t len;
} forge_file_bytes_t;
/* The first bytes of a span that lies within the file, at most 256 KiB of them, whoever asks; they live as long as p.
 * FORGE_E_NOT_FOUND when the file is gone. */
forge_status_t forge_store_file_piece(forge_db_t *db, apr_pool_t *p, apr_int64_t id, forge_file_span_t span,
                                      forge_file_bytes_t *bytes);

/* --- sessions.c: analyses as their accounts see them; their state is that of their jobs --- */

/* The list of an account's analyses, the latest first, without results; its argument is the account's number. Filters
 * kind and status. */
extern const forge_list_t forge_store_analyses_list;
/* One analysis as the API shows it, with its result. user 0: of any account, for administrators; so below too.
 * FORGE_E_NOT_FOUND: there is none, or it is somebody else's. */
forge_status_t forge_store_analysis_get(forge_db_t *db, apr_pool_t *p, apr_int64_t user, apr_int64_t id,
                                        forge_rows_t **rows);
/* Deletes it with all that was made of it, and cancels its job. FORGE_E_NOT_FOUND as above. */
forge_status_t forge_store_analysis_delete(forge_db_t *db, apr_pool_t *p, apr_int64_t user, apr_int64_t id);
/* How far it is, for those who watch: rows {id, event (progress, done, failed, cancelled), data (JSON), over}, of all
 * in `ids` ("{3,4}"), and of one that is the account's (FORGE_E_NOT_FOUND). */
forge_status_t forge_store_analyses_state(forge_db_t *db, apr_pool_t *p, const char *ids, forge_rows_t **rows);
forge_status_t forge_store_analysis_state(forge_db_t *db, apr_pool_t *p, apr_int64_t user, apr_int64_t id,
                                          forge_rows_t **rows);

#define FORGE_ANALYSES_UNFINISHED 20 /* of one account, files and repositories together */
/* In the transaction that asks for an analysis, before its job: FORGE_E_ANALYSIS_SHARE when the account has as many
 * unfinished ones as it may. Who asks at the same time waits here. */
forge_status_t forge_store_analysis_room(forge_db_t *db, apr_pool_t *p, apr_int64_t account);

/* --- documents.c: analyses of files, and the passages of what was analysed --- */

#define FORGE_JOB_PDF "pdf" /* the kind of their jobs */

/* Asks for the analysis of a file of the caller's own: a session and its job, in one transaction. Row: the session.
 * FORGE_E_NOT_FOUND for a file that is not there or somebody else's; FORGE_E_QUOTA_EXCEEDED, FORGE_E_ANALYSIS_SHARE. */
forge_status_t forge_store_document_ask(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by, apr_int64_t file,
                                        forge_rows_t **rows);
/* Row: png (in base64url), tag (differs when it does). user 0: whoever's it is. FORGE_E_NOT_FOUND also when there is no
 * picture. */
forge_status_t forge_store_document_thumbnail(forge_db_t *db, apr_pool_t *p, apr_int64_t user, apr_int64_t id,
                                              forge_rows_t **rows);
extern const forge_list_t forge_store_document_pages_list; /* $1 session, $2 account; rows: page, text */

/* What the job asks and writes. Row: id (of the session), file_id, user_id, size. FORGE_E_NOT_FOUND when session or
 * file are gone. */
forge_status_t forge_store_document_of_job(forge_db_t *db, apr_pool_t *p, apr_int64_t job, forge_rows_t **rows);
/* Deletes what an earlier attempt has left. */
forge_status_t forge_store_passages_clear(forge_db_t *db, apr_pool_t *p, apr_int64_t session);
typedef struct forge_passages_new_t {
    const char *language; /* a text search configuration of PostgreSQL's; one that it has not is taken for simple */
    apr_int64_t before;   /* how many the session has */
    const char *passages; /* JSON array of {page or path, body} */
} forge_passages_new_t;
forge_status_t forge_store_passages_add(forge_db_t *db, apr_pool_t *p, apr_int64_t session,
                                        const forge_passages_new_t *in);
/* Rows: stem, for each of the words (a JSON array) in their order; NULL for stop words of the language. */
forge_status_t forge_store_stems(forge_db_t *db, apr_pool_t *p, const char *language, const char *words,
                                 forge_rows_t **rows);
typedef struct forge_document_done_t {
    const char *result;    /* JSON object; its page_count becomes the file's pages */
    const char *thumbnail; /* hexadecimal digits; NULL: none */
} forge_document_done_t;
forge_status_t forge_store_document_finish(forge_db_t *db, apr_pool_t *p, apr_int64_t session,
                                           const forge_document_done_t *done);

/* The latest analysis of the same file that is done and whose result has this recipe. Row, when there is one: id,
 * passages (how many). */
forge_status_t forge_store_document_same(forge_db_t *db, apr_pool_t *p, apr_int64_t session, const char *recipe,
                                         forge_rows_t **rows);
typedef struct forge_document_copy_t {
    apr_int64_t from, to; /* sessions */
} forge_document_copy_t;
/* The passages behind a position, at most `most`. */
forge_status_t forge_store_passages_copy(forge_db_t *db, apr_pool_t *p, const forge_document_copy_t *copy,
                                         apr_int64_t after, int most);
/* Result and thumbnail. FORGE_E_NOT_FOUND when one of the two is gone. */
forge_status_t forge_store_document_copy(forge_db_t *db, apr_pool_t *p, const forge_document_copy_t *copy);

/* --- repositories.c: analyses of repositories --- */

#define FORGE_JOB_REPOSITORY "repository" /* the kind of their jobs */

typedef struct forge_repository_new_t {
    const char *url, *ref; /* ref NULL: the repository's default branch */
} forge_repository_new_t;
/* Asks for the analysis of a repository: a session and its job, in one transaction. Row: the session.
 * FORGE_E_ANALYSIS_SHARE. */
forge_status_t forge_store_repository_ask(forge_db_t *db, apr_pool_t *p, const forge_actor_t *by,
                                          const forge_repository_new_t *in, forge_rows_t **rows);
/* For the job; deletes what an earlier attempt has left. Row: id (of the session), url, ref. FORGE_E_NOT_FOUND when the
 * session is gone. */
forge_status_t forge_store_repository_of_job(forge_db_t *db, apr_pool_t *p, apr_int64_t job, forge_rows_t **rows);
/* Writes the result, a JSON object. FORGE_E_NOT_FOUND when the session is gone. */
forge_status_t forge_store_repository_finish(forge_db_t *db, apr_pool_t *p, apr_int64_t session, const char *result);

/* A vector as PostgreSQL writes it, and the model that made it. */
typedef struct forge_vector_t {
    const char *model, *numbers;
} forge_vector_t;

/* --- retrieval.c: where an answer is looked for, in the account's own passages only --- */

#define FORGE_PASSAGES_FOUND 8       /* passages that a search finds at most */
#define FORGE_NEAREST_MOST   1000000 /* numbers that are multiplied for one question where pgvector is missing */
/* The session by its number, or the newest of a file that is done; one of the two is 0. A row {id, file_id, kind,
 * status, passages, embedded (how many passages have a vector of `model`; NULL: none is asked for)}.
 * FORGE_E_NOT_FOUND: there is no such session or file, or it is somebody else's. FORGE_E_NOT_READY: it is not done. */
forge_status_t forge_store_question_scope(forge_db_t *db, apr_pool_t *p, apr_int64_t user, apr_int64_t session,
                                          apr_int64_t file, const char *model, forge_rows_t **rows);
/* What a question asks for: rows {lexeme, weight}, without stop words. The weight is higher the fewer passages of the
 * session have the word, and highest when none has it. */
forge_status_t forge_store_question_terms(forge_db_t *db, apr_pool_t *p, apr_int64_t session, const char *question,
                                          forge_rows_t **rows);
/* The passages of a session that have words of the question, the best ones first: by the weight of those words, their
 * frequency and nearness, and whether the words stand there as a phrase. Rows {id, page, path, body, excerpt, score}.
 * A word that no passage has is looked for by its beginning. Scores are in millionths. */
forge_status_t forge_store_question_search(forge_db_t *db, apr_pool_t *p, apr_int64_t session, const char *question,
                                           forge_rows_t **rows);
/* The passages nearest to a vector ("{0.1,…}", of length one) of `model`. The same rows; the score is the cosine. */
forge_status_t forge_store_question_nearest(forge_db_t *db, apr_pool_t *p, apr_int64_t session,
                                            const forge_vector_t *asked, const char *question, forge_rows_t **rows);
/* Passages without a vector of `model`, by number, at most `most`: rows {id, body}. */
forge_status_t forge_store_embeddings_missing(forge_db_t *db, apr_pool_t *p, apr_int64_t session, const char *model,
                                              int most, forge_rows_t **rows);
/* Keeps vectors: `ids` and `vectors` are arrays of PostgreSQL's ("{1,2}", "{"{0.1,…}","{…}"}" as text[]).
 * Passages that are gone are passed over. */
forge_status_t forge_store_embeddings_put(forge_db_t *db, apr_pool_t *p, const char *model, const char *ids,
                                          const char *vectors);

/* --- messages.c: conversations, and what the language model has cost --- */

/* Who asked what, and what was answered. */
typedef struct forge_message_t {
    apr_int64_t session, user;
    const char *question, *answer; /* answer NULL: not answered */
    const char *sources;           /* JSON array */
    const char *model;
    bool degraded;
    apr_int64_t tokens;
} forge_message_t;
/* Keeps it; a row {id}. FORGE_E_NOT_FOUND: the session is not the account's any more. */
forge_status_t forge_store_message_add(forge_db_t *db, apr_pool_t *p, const forge_message_t *message,
                                       forge_rows_t **rows);
/* The list of a session's messages, in their order; its argument is the session's number, $2 the account's: rows {id,
 * question, answered, answer, sources, model, degraded, created_at}. */
extern const forge_list_t forge_store_messages_list;
/* The last answered questions of a session, the latest first: rows {question, answer}. */
forge_status_t forge_store_messages_last(forge_db_t *db, apr_pool_t *p, apr_int64_t session, int most,
                                         forge_rows_t **rows);

/* What a call may cost, or has cost. */
typedef struct forge_llm_cost_t {
    apr_int64_t tokens;
    double money;
} forge_llm_cost_t;
/* Charges an account with the most that a call may cost, in this month. FORGE_E_QUOTA_EXCEEDED when that is more than
 * `limit` leaves (0: no limit); then nothing is charged. */
forge_status_t forge_store_llm_charge(forge_db_t *db, apr_pool_t *p, apr_int64_t user, const forge_llm_cost_t *most,
                                      const forge_llm_cost_t *limit);
/* Puts what it has cost in the place of what was charged. */
forge_status_t forge_store_llm_settle(forge_db_t *db, apr_pool_t *p, apr_int64_t user, const forge_llm_cost_t *charged,
                                      const forge_llm_cost_t *cost);

#endif
