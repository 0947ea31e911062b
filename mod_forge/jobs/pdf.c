/* SPDX-License-Identifier: Apache-2.0
 * The job `pdf`: reads a file of somebody's in the sandbox, and writes what it found into the session that asked.
 *
 * The file is in memory while programs of the sandbox read it, its text afterwards. A file that was analysed before in
 * the same way is not read again: its passages and its result are copied.
 */
#include "pdf.h"
#include "store/analysis/analysis.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define PIECE        (256 * 1024) /* bytes of the file that one statement reads */
#define MARK_WITHIN  1024         /* bytes in which "%PDF-" must stand, as readers of PDF files look for it */
#define PASSAGES_ADD 200          /* passages of one statement: some 300 KB, and less than its time limit */

/* --- the database, for moments --- */

static forge_job_outcome_t lend(forge_pdf_t *d, apr_pool_t *p, forge_db_fn use, void *data)
{
    return forge_job_lend(d->job, p, use, data, d->end);
}

static forge_job_outcome_t tell(forge_pdf_t *d, int percent, const char *stage)
{
    return forge_job_progress(d->job, d->p, percent, stage) ? FORGE_JOB_DONE : FORGE_JOB_STOPPED;
}

static forge_status_t find(forge_db_t *db, apr_pool_t *p, void *data)
{
    forge_pdf_t *d = data;
    forge_rows_t *rows;
    FORGE_TRY(forge_store_document_of_job(db, p, d->job->id, &rows));
    d->session = forge_store_rows_int(rows, 0, "id", 0);
    d->file = forge_store_rows_int(rows, 0, "file_id", 0);
    d->size = forge_store_rows_int(rows, 0, "size", 0);
    return forge_store_passages_clear(db, p, d->session);
}

/* --- a file that was analysed before --- */

typedef struct copying_t {
    forge_pdf_t *d;
    forge_document_copy_t copy;
    apr_int64_t passages, at;
} copying_t;

static forge_status_t find_same(forge_db_t *db, apr_pool_t *p, void *data)
{
    copying_t *c = data;
    forge_rows_t *rows;
    const forge_llm_t *llm = c->d->job->with->llm;
    const char *recipe = forge_pdf_recipe(p, c->d->ocr, llm ? llm->model : NULL);
    FORGE_TRY(forge_store_document_same(db, p, c->d->session, recipe, &rows));
    c->copy.from = forge_store_rows_int(rows, 0, "id", 0);
    c->passages = forge_store_rows_int(rows, 0, "passages", 0);
    return FORGE_OK;
}

static forge_status_t copy_some(forge_db_t *db, apr_pool_t *p, void *data)
{
    copying_t *c = data;
    return forge_store_passages_copy(db, p, &c->copy, c->at, PASSAGES_ADD);
}

static forge_status_t copy_rest(forge_db_t *db, apr_pool_t *p, void *data)
{
    const copying_t *c = data;
    FORGE_TRY(forge_store_document_copy(db, p, &c->copy));
    return forge_job_embed_add(db, p, c->d->job, c->d->session);
}

static forge_status_t copy_rest_at_once(forge_db_t *db, apr_pool_t *p, void *data)
{
    return forge_store_tx(db, p, copy_rest, data);
}

/* *copied: there is nothing more to do. */
static forge_job_outcome_t take_over(forge_pdf_t *d, bool *copied)
{
    copying_t c = {.d = d, .copy = {0, d->session}};
    FORGE_JOB_TRY(lend(d, d->p, find_same, &c));
    *copied = c.copy.from != 0;
    for (; *copied && c.at < c.passages; c.at += PASSAGES_ADD) {
        FORGE_JOB_TRY(lend(d, d->p, copy_some, &c));
        FORGE_JOB_TRY(tell(d, (int)(100 * c.at / c.passages), "copying"));
    }
    return *copied ? lend(d, d->p, copy_rest_at_once, &c) : FORGE_JOB_DONE;
}

/* --- the file --- */

static forge_status_t read_piece(forge_db_t *db, apr_pool_t *p, void *data)
{
    forge_pdf_t *d = data;
    forge_file_bytes_t bytes;
    apr_int64_t left = d->size - (apr_int64_t)d->bytes->len;
    const forge_file_span_t span = {(apr_int64_t)d->bytes->len, left < PIECE ? left : PIECE};
    FORGE_TRY(forge_store_file_piece(db, p, d->file, span, &bytes));
    forge_util_buf_add(d->bytes, bytes.data, bytes.len);
    return FORGE_OK;
}

static forge_job_outcome_t read_file(forge_pdf_t *d)
{
    apr_pool_t *turn;
    forge_job_outcome_t outcome = FORGE_JOB_DONE;
    if (d->size > FORGE_RUN_STDIN_MAX)
        return forge_pdf_fails(d, "too_complex", "the file is larger than the sandbox takes");
    d->bytes = forge_util_buf_make(d->p, (apr_size_t)d->size + 1, (apr_size_t)d->size + 1);
    apr_pool_create(&turn, d->p);
    for (apr_size_t before = 1; outcome == FORGE_JOB_DONE && (apr_int64_t)d->bytes->len < d->size;) {
        if (before == d->bytes->len || d->bytes->failed)
            return forge_job_outcome_of(FORGE_E_INTERNAL, d->end); /* fewer bytes than its row says */
        before = d->bytes->len;
        outcome = lend(d, turn, read_piece, d);
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
    return outcome;
}

static bool has_mark(const forge_pdf_t *d)
{
    return d->bytes->len > 0 &&
           memmem(d->bytes->data, d->bytes->len < MARK_WITHIN ? d->bytes->len : MARK_WITHIN, "%PDF-", 5);
}

/* What programs say of the file. Its bytes are not needed afterwards. */
static forge_job_outcome_t read_document(forge_pdf_t *d)
{
    FORGE_JOB_TRY(tell(d, 5, "reading"));
    FORGE_JOB_TRY(read_file(d));
    if (d->bytes->len == 0)
        return forge_pdf_fails(d, "pdf_empty", "the file is empty");
    if (!has_mark(d))
        return forge_pdf_fails(d, "pdf_broken", "the file does not begin like a PDF");
    FORGE_JOB_TRY(tell(d, 10, "inspecting"));
    FORGE_JOB_TRY(forge_pdf_inspect(d));
    FORGE_JOB_TRY(tell(d, 20, "extracting"));
    FORGE_JOB_TRY(forge_pdf_extract(d));
    FORGE_JOB_TRY(forge_pdf_recognise(d));
    FORGE_JOB_TRY(tell(d, 70, "extracting"));
    FORGE_JOB_TRY(forge_pdf_outline(d));
    FORGE_JOB_TRY(forge_pdf_draw(d));
    apr_size_t len;
    free(forge_util_buf_release(d->bytes, &len));
    return FORGE_JOB_DONE;
}

/* --- what it is about --- */

typedef struct terms_t {
    forge_terms_t *terms;
    const char *search, *words;
} terms_t;

static forge_status_t find_stems(forge_db_t *db, apr_pool_t *p, void *data)
{
    terms_t *t = data;
    forge_rows_t *rows;
    FORGE_TRY(forge_store_stems(db, p, t->search, t->words, &rows));
    for (int i = 0; i < forge_store_rows_count(rows); i++)
        forge_core_terms_stem(t->terms, i, forge_store_rows_text(rows, i, "stem"));
    return FORGE_OK;
}

static const char *json_text(apr_pool_t *p, const forge_json_t *json)
{
    forge_buf_t *b = forge_util_buf_make(p, 65536, 16 * 1024 * 1024);
    forge_util_json_write(b, json);
    forge_util_buf_add(b, "", 1);
    return b->failed ? "[]" : b->data;
}

/* PostgreSQL's dictionaries know stop words and stems. */
static forge_job_outcome_t find_terms(forge_pdf_t *d, const char *search, const apr_array_header_t **best)
{
    apr_pool_t *brief;
    const char *word;
    apr_pool_create(&brief, d->p);
    forge_json_t *words = forge_util_json_array(brief);
    terms_t t = {.terms = forge_core_terms(brief, d->pages), .search = search};
    for (int i = 0; (word = forge_core_terms_word(t.terms, i)); i++)
        forge_util_json_add_text(words, word);
    t.words = json_text(brief, words);
    const forge_job_outcome_t outcome = lend(d, brief, find_stems, &t);
    if (outcome == FORGE_JOB_DONE)
        *best = forge_core_terms_best(d->p, t.terms);
    apr_pool_destroy(brief);
    return outcome;
}

/* --- what is written --- */

typedef struct adding_t {
    forge_pdf_t *d;
    forge_passages_new_t in;
} adding_t;

static forge_status_t add_some(forge_db_t *db, apr_pool_t *p, void *data)
{
    const adding_t *adding = data;
    return forge_store_passages_add(db, p, adding->d->session, &adding->in);
}

static const char *some_of(apr_pool_t *p, const apr_array_header_t *passages, int from)
{
    forge_json_t *some = forge_util_json_array(p);
    for (int i = from; i < passages->nelts && i < from + PASSAGES_ADD; i++) {
        const forge_passage_t *passage = &APR_ARRAY_IDX(passages, i, forge_passage_t);
        forge_json_t *one = forge_util_json_add_object(some);
        forge_util_json_put_int(one, "page", passage->page);
        forge_util_json_put_text(one, "body", passage->body);
    }
    return json_text(p, some);
}

static forge_job_outcome_t add_passages(forge_pdf_t *d, const char *search, const apr_array_header_t *passages)
{
    apr_pool_t *turn;
    forge_job_outcome_t outcome = FORGE_JOB_DONE;
    apr_pool_create(&turn, d->p);
    for (int at = 0; at < passages->nelts && outcome == FORGE_JOB_DONE; at += PASSAGES_ADD) {
        adding_t adding = {d, {search, at, some_of(turn, passages, at)}};
        outcome = lend(d, turn, add_some, &adding);
        if (outcome == FORGE_JOB_DONE)
            outcome = tell(d, 80 + (int)(19 * (apr_int64_t)at / passages->nelts), "indexing");
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
    return outcome;
}

static apr_array_header_t *passages_of(const forge_pdf_t *d)
{
    apr_array_header_t *passages = apr_array_make(d->p, 64, sizeof(forge_passage_t));
    for (int i = 0; i < d->pages->nelts; i++)
        forge_core_passages(d->p, i + 1, &APR_ARRAY_IDX(d->pages, i, forge_text_page_t), passages);
    return passages;
}

typedef struct finishing_t {
    forge_pdf_t *d;
    forge_document_done_t done;
} finishing_t;

static forge_status_t write_result(forge_db_t *db, apr_pool_t *p, void *data)
{
    const finishing_t *f = data;
    FORGE_TRY(forge_store_document_finish(db, p, f->d->session, &f->done));
    return forge_job_embed_add(db, p, f->d->job, f->d->session);
}

static forge_status_t write_result_at_once(forge_db_t *db, apr_pool_t *p, void *data)
{
    return forge_store_tx(db, p, write_result, data);
}

/* The first pages: at least as much text as a language model is shown. */
static const char *beginning_of(const forge_pdf_t *d)
{
    apr_size_t len = 0;
    int n = 0;
    while (n < d->pages->nelts && len < FORGE_DIGEST_BYTES)
        len += APR_ARRAY_IDX(d->pages, n++, forge_text_page_t).len;
    forge_buf_t *b = forge_util_buf_make(d->p, len + (apr_size_t)n + 1, len + (apr_size_t)n + 1);
    for (int i = 0; i < n; i++) {
        forge_util_buf_add(b, APR_ARRAY_IDX(d->pages, i, forge_text_page_t).text,
                           APR_ARRAY_IDX(d->pages, i, forge_text_page_t).len);
        forge_util_buf_add(b, "\n", 1);
    }
    forge_util_buf_add(b, "", 1);
    return b->failed ? "" : b->data;
}

static forge_job_outcome_t summarise(forge_pdf_t *d, const char **summary)
{
    if (!d->job->with->llm)
        return FORGE_JOB_DONE;
    FORGE_JOB_TRY(tell(d, 78, "summarising"));
    return forge_job_digest(d->p, d->job, FORGE_DIGEST_SUMMARY, beginning_of(d), summary);
}

static forge_job_outcome_t analyse(forge_pdf_t *d)
{
    forge_pdf_said_t said = {.language = forge_core_language(d->p, d->pages)};
    const char *search = forge_core_language_search(said.language);
    const apr_array_header_t *passages = passages_of(d);
    said.passages = passages->nelts;
    FORGE_JOB_TRY(tell(d, 75, "analysing"));
    FORGE_JOB_TRY(find_terms(d, search, &said.terms));
    FORGE_JOB_TRY(summarise(d, &said.summary));
    FORGE_JOB_TRY(add_passages(d, search, passages));
    finishing_t f = {d, {forge_pdf_result(d, &said), d->png ? forge_util_hex(d->p, d->png, d->png_len) : NULL}};
    return f.done.result ? lend(d, d->p, write_result_at_once, &f) : forge_job_outcome_of(FORGE_E_INTERNAL, d->end);
}

forge_job_outcome_t forge_job_pdf(apr_pool_t *p, forge_job_t *job, forge_job_end_t *end)
{
    bool copied = false;
    forge_pdf_t d = {.p = p, .job = job, .end = end, .ocr = job->with->ocr};
    FORGE_JOB_TRY(lend(&d, p, find, &d));
    FORGE_JOB_TRY(take_over(&d, &copied));
    if (copied)
        return FORGE_JOB_DONE;
    FORGE_JOB_TRY(read_document(&d));
    return analyse(&d);
}
