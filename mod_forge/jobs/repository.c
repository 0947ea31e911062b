/* SPDX-License-Identifier: Apache-2.0
 * The job `repository`: has a repository cloned and looked through in the sandbox, in one run, and writes what was
 * found into the session that asked. The sandbox reaches the one host that the address names. What it prints was made
 * next to somebody else's files, and is taken for no more than that: bounded texts.
 */
#include "jobs.h"
#include "core/analysis/analysis.h"
#include "store/analysis/analysis.h"

#include <apr_strings.h>
#include <string.h>

#define DEPTH        "500"       /* commits that are fetched of the branch */
#define RESULT_MAX   (1 << 20)   /* bytes of the result */
#define PASSAGES_MAX 2000        /* of one repository */
#define BATCH_BYTES  (96 * 1024) /* of passages that one statement writes: less than its time limit */

typedef struct work_t {
    apr_pool_t *p;
    forge_job_t *job;
    forge_job_end_t *end;
    apr_int64_t session;
    const char *url, *ref, *language;
    const forge_json_t *document;
    forge_json_t *batch; /* of passages; NULL: none */
    apr_size_t bytes;    /* in it */
    apr_int64_t written; /* passages before it */
    const char *result;
} work_t;

static forge_job_outcome_t fails(forge_job_end_t *end, const char *code, const char *detail)
{
    *end = (forge_job_end_t){code, detail};
    return FORGE_JOB_FAILED;
}

static forge_job_outcome_t later(forge_job_end_t *end, const char *code, const char *detail)
{
    *end = (forge_job_end_t){code, detail};
    return FORGE_JOB_LATER;
}

static forge_job_outcome_t lend(work_t *w, forge_db_fn use)
{
    return forge_job_lend(w->job, w->p, use, w, w->end);
}

static forge_job_outcome_t tell(work_t *w, int percent, const char *stage)
{
    return forge_job_progress(w->job, w->p, percent, stage) ? FORGE_JOB_DONE : FORGE_JOB_STOPPED;
}

/* --- the run --- */

static bool says(const forge_run_bytes_t *errors, const char *text)
{
    return errors->len && memmem(errors->data, errors->len, text, strlen(text));
}

static forge_job_outcome_t too_large(forge_job_end_t *end)
{
    return fails(end, "repository_too_large",
                 "fetching the repository takes more bytes, files, memory or time than is allowed");
}

/* What git says of a clone that failed, in its own words (LANG=C.UTF-8). A host that asks for a password has no such
 * repository for everybody. */
static forge_job_outcome_t git_failed(const forge_run_bytes_t *errors, forge_job_end_t *end)
{
    if (says(errors, "Remote branch"))
        return fails(end, "ref_not_found", "the repository has no such branch or tag");
    if (says(errors, "not found") || says(errors, "could not read Username") || says(errors, "Authentication failed") ||
        says(errors, "returned error: 403") || says(errors, "returned error: 401"))
        return fails(end, "repository_not_found", "the host has no such repository, or does not show it to everybody");
    if (says(errors, "returned error: 30") || says(errors, "redirect"))
        return fails(end, "repository_moved",
                     "the host says that the repository is elsewhere; ask for its new address");
    if (says(errors, "No space left") || says(errors, "File too large") || says(errors, "ut of memory") ||
        says(errors, "unable to write") || says(errors, "unable to create"))
        return too_large(end);
    return later(end, "repository_unreachable", "the repository could not be fetched from its host");
}

forge_job_outcome_t forge_job_repository_verdict(const forge_run_result_t *result, forge_job_end_t *end)
{
    switch (result->status) {
    case FORGE_RUN_OK:
        return FORGE_JOB_DONE;
    case FORGE_RUN_RUNTIME_ERROR:
        return result->signal
                   ? fails(end, "too_complex", "looking through the repository takes more memory than is allowed")
                   : git_failed(&result->errors, end);
    case FORGE_RUN_TIMEOUT:
    case FORGE_RUN_MEMORY_LIMIT:
    case FORGE_RUN_OUTPUT_LIMIT:
        return too_large(end);
    case FORGE_RUN_UNAVAILABLE:
        if (result->why.len && memmem(result->why.data, result->why.len, "host", 4))
            return later(end, "repository_unreachable", "the host has no address from which this server may fetch");
        return FORGE_JOB_LATER;
    default:
        return FORGE_JOB_LATER;
    }
}

/* The list of hosts is asked again: it may be another one than when the session was asked for. */
static forge_job_outcome_t run(work_t *w, forge_run_result_t *result)
{
    const forge_job_with_t *with = w->job->with;
    const forge_run_bytes_t authorities = {with->git_authorities,
                                           with->git_authorities ? strlen(with->git_authorities) : 0};
    forge_repository_t of;
    forge_run_job_t job;
    if (!with->git_hosts || forge_core_repository_url(w->p, w->url, with->git_hosts, &of))
        return fails(w->end, "repository_not_allowed", "this server does not fetch repositories from that host");
    if (!forge_run_tool_job("git", authorities, w->job->account, &job))
        return FORGE_JOB_LATER;
    const char *const args[] = {of.host->name, apr_itoa(w->p, of.host->port), of.path, DEPTH, w->ref ? w->ref : ""};
    job.args = forge_run_args(w->p, sizeof(args) / sizeof(args[0]), args);
    job.own_host = of.host->own;
    const forge_job_outcome_t outcome = forge_job_sandbox(w->p, w->job, &job, result, w->end);
    return outcome == FORGE_JOB_STOPPED ? outcome : forge_job_repository_verdict(result, w->end);
}

/* --- what it found --- */

static forge_job_outcome_t read_document(work_t *w, const forge_run_result_t *result)
{
    const char *why;
    w->document = forge_util_json_parse(w->p, result->output.data, result->output.len, &why);
    if (!w->document || forge_util_json_type(w->document) != FORGE_JSON_OBJECT)
        return fails(w->end, "too_complex", "what is in the repository could not be summed up");
    return FORGE_JOB_DONE;
}

static bool copy_member(void *baton, const char *name, forge_json_t *value)
{
    if (strcmp(name, "texts") != 0)
        forge_util_json_put_copy(baton, name, value);
    return true;
}

static forge_job_outcome_t result_text(work_t *w, const forge_json_t *result)
{
    forge_buf_t *b = forge_util_buf_make(w->p, 16384, RESULT_MAX);
    forge_util_json_write(b, result);
    if (b->failed)
        return fails(w->end, "too_complex", "what is in the repository could not be summed up");
    w->result = apr_pstrmemdup(w->p, b->data, b->len);
    return FORGE_JOB_DONE;
}

/* All but the texts, which become passages. What was found is what a language model is asked to review. */
static forge_job_outcome_t make_result(work_t *w)
{
    const char *review = NULL;
    forge_json_t *result = forge_util_json_object(w->p);
    forge_util_json_each(w->document, copy_member, result);
    forge_util_json_put_int(result, "passages", w->written);
    FORGE_JOB_TRY(result_text(w, result));
    if (w->job->with->llm) {
        FORGE_JOB_TRY(tell(w, 95, "reviewing"));
        FORGE_JOB_TRY(forge_job_digest(w->p, w->job, FORGE_DIGEST_REVIEW, w->result, &review));
    }
    forge_util_json_put_text(result, "review", review);
    return result_text(w, result);
}

/* The language of its texts, by those that come first: README files and documents. */
static const char *language_of(work_t *w)
{
    apr_array_header_t *pages = apr_array_make(w->p, 4, sizeof(forge_text_page_t));
    const forge_json_t *texts = forge_util_json_get(w->document, "texts");
    for (apr_size_t i = 0; i < 4 && i < forge_util_json_size(texts); i++) {
        apr_size_t len = 0;
        const char *text = forge_util_json_text(forge_util_json_get(forge_util_json_at(texts, i), "text"), &len);
        if (text)
            APR_ARRAY_PUSH(pages, forge_text_page_t) = forge_core_text_page(w->p, text, len);
    }
    return forge_core_language_search(pages->nelts ? forge_core_language(w->p, pages) : NULL);
}

static forge_status_t write_batch(forge_db_t *db, apr_pool_t *p, void *data)
{
    work_t *w = data;
    forge_buf_t *b = forge_util_buf_make(p, BATCH_BYTES, 8 * BATCH_BYTES);
    forge_util_json_write(b, w->batch);
    if (b->failed)
        return FORGE_E_INTERNAL;
    const forge_passages_new_t in = {w->language, w->written, apr_pstrmemdup(p, b->data, b->len)};
    return forge_store_passages_add(db, p, w->session, &in);
}

static forge_job_outcome_t flush(work_t *w)
{
    if (!w->batch)
        return FORGE_JOB_DONE;
    FORGE_JOB_TRY(lend(w, write_batch));
    w->written += (apr_int64_t)forge_util_json_size(w->batch);
    w->batch = NULL;
    w->bytes = 0;
    return tell(w, w->written < PASSAGES_MAX / 2 ? 80 : 90, "indexing");
}

static forge_job_outcome_t add_passage(work_t *w, const char *path, const char *body)
{
    if (!w->batch)
        w->batch = forge_util_json_array(w->p);
    forge_json_t *passage = forge_util_json_add_object(w->batch);
    forge_util_json_put_text(passage, "path", path);
    forge_util_json_put_text(passage, "body", body);
    w->bytes += strlen(path) + strlen(body);
    return w->bytes > BATCH_BYTES ? flush(w) : FORGE_JOB_DONE;
}

static forge_job_outcome_t add_text(work_t *w, const forge_json_t *item)
{
    apr_size_t len = 0;
    const char *path = forge_util_json_text(forge_util_json_get(item, "path"), NULL), *piece;
    const char *text = forge_util_json_text(forge_util_json_get(item, "text"), &len);
    if (!path || !*path || !text)
        return FORGE_JOB_DONE;
    while ((piece = forge_core_piece(w->p, &text, &len)) &&
           w->written + (apr_int64_t)forge_util_json_size(w->batch) < PASSAGES_MAX)
        FORGE_JOB_TRY(add_passage(w, path, piece));
    return FORGE_JOB_DONE;
}

static forge_job_outcome_t write_passages(work_t *w)
{
    const forge_json_t *texts = forge_util_json_get(w->document, "texts");
    w->language = language_of(w);
    for (apr_size_t i = 0; i < forge_util_json_size(texts); i++)
        FORGE_JOB_TRY(add_text(w, forge_util_json_at(texts, i)));
    return flush(w);
}

/* --- from the first to the last step --- */

static forge_status_t find(forge_db_t *db, apr_pool_t *p, void *data)
{
    work_t *w = data;
    forge_rows_t *rows;
    FORGE_TRY(forge_store_repository_of_job(db, p, w->job->id, &rows));
    w->session = forge_store_rows_int(rows, 0, "id", 0);
    w->url = apr_pstrdup(w->p, forge_store_rows_text(rows, 0, "url"));
    w->ref = apr_pstrdup(w->p, forge_store_rows_text(rows, 0, "ref"));
    return FORGE_OK;
}

static forge_status_t finish(forge_db_t *db, apr_pool_t *p, void *data)
{
    const work_t *w = data;
    FORGE_TRY(forge_store_repository_finish(db, p, w->session, w->result));
    return forge_job_embed_add(db, p, w->job, w->session);
}

static forge_status_t finish_at_once(forge_db_t *db, apr_pool_t *p, void *data)
{
    return forge_store_tx(db, p, finish, data);
}

forge_job_outcome_t forge_job_repository(apr_pool_t *p, forge_job_t *job, forge_job_end_t *end)
{
    work_t w = {.p = p, .job = job, .end = end};
    forge_run_result_t result = {.status = FORGE_RUN_OK};
    FORGE_JOB_TRY(lend(&w, find));
    FORGE_JOB_TRY(tell(&w, 5, "fetching"));
    FORGE_JOB_TRY(run(&w, &result));
    FORGE_JOB_TRY(tell(&w, 70, "indexing"));
    FORGE_JOB_TRY(read_document(&w, &result));
    FORGE_JOB_TRY(write_passages(&w));
    FORGE_JOB_TRY(make_result(&w));
    return lend(&w, finish_at_once);
}
