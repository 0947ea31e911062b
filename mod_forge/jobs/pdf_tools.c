/* SPDX-License-Identifier: Apache-2.0
 * Has poppler and tesseract read a document in the sandbox, and says what their ends mean. A file that needs more than
 * the sandbox gives is too complex; a sandbox that is not there or busy is no fault of the file.
 */
#include "pdf.h"

#include <apr_strings.h>
#include <string.h>

#define THUMBNAIL_PIXELS "400" /* of the longer side */
#define SMALLER_PIXELS   "200" /* of a picture that is packed badly */
#define THUMBNAIL_BYTES  262144
#define SCAN_PIXELS      "2400" /* A4 at 200 dots an inch */
#define SCANS_MAX        50     /* pages that OCR reads in one document */
#define LATE_TRIES       3      /* attempts after which a run that is late counts as too complex */
#define LOOKED_AT        3      /* pages that tell a scanned document from an empty one */

typedef struct call_t {
    const char *tool;
    const char *args[2];
    int n_args;
    forge_run_bytes_t input;
} call_t;

forge_job_outcome_t forge_pdf_fails(forge_pdf_t *d, const char *code, const char *detail)
{
    *d->end = (forge_job_end_t){code, detail};
    return FORGE_JOB_FAILED;
}

static forge_job_outcome_t too_complex(forge_pdf_t *d)
{
    return forge_pdf_fails(d, "too_complex", "reading the file takes more time or memory than is allowed");
}

static bool says(const forge_run_result_t *result, const char *text)
{
    return result->errors.len > 0 && memmem(result->errors.data, result->errors.len, text, strlen(text));
}

/* A run that is late without having used its processor time was not given it: the machine is busy, and another try may
 * do better. The last of them is believed. poppler ends by a signal where memory is refused or nesting is endless. */
static forge_job_outcome_t judged(forge_pdf_t *d, const forge_run_job_t *job, const forge_run_result_t *result)
{
    switch (result->status) {
    case FORGE_RUN_OK:
        return FORGE_JOB_DONE;
    case FORGE_RUN_RUNTIME_ERROR:
        return result->signal || says(result, "ut of memory") || says(result, "bad_alloc") ? too_complex(d)
                                                                                           : FORGE_JOB_DONE;
    case FORGE_RUN_TIMEOUT:
        return result->cpu_ms >= job->limits.cpu_ms / 2 || d->job->attempt >= LATE_TRIES ? too_complex(d)
                                                                                         : FORGE_JOB_LATER;
    default:
        return too_complex(d);
    }
}

/* FORGE_JOB_DONE: the program has ended by itself, with whatever exit code. */
static forge_job_outcome_t run(forge_pdf_t *d, apr_pool_t *p, const call_t *call, forge_run_result_t *result)
{
    forge_run_job_t job;
    if (call->input.len > FORGE_RUN_STDIN_MAX)
        return too_complex(d);
    if (!forge_run_tool_job(call->tool, call->input, d->job->account, &job))
        return FORGE_JOB_LATER;
    job.args = forge_run_args(p, call->n_args, call->args);
    FORGE_JOB_TRY(forge_job_sandbox(p, d->job, &job, result, d->end));
    return judged(d, &job, result);
}

static forge_run_bytes_t whole(const forge_pdf_t *d)
{
    return (forge_run_bytes_t){d->bytes->data, d->bytes->len};
}

/* --- what the file is --- */

static forge_job_outcome_t broken(forge_pdf_t *d)
{
    return forge_pdf_fails(d, "pdf_broken", "the file is damaged, or no PDF");
}

static forge_job_outcome_t encrypted(forge_pdf_t *d)
{
    return forge_pdf_fails(d, "pdf_encrypted", "the file cannot be read without its password");
}

static forge_job_outcome_t no_pages(forge_pdf_t *d)
{
    return forge_pdf_fails(d, "pdf_empty", "the document has no pages");
}

static forge_job_outcome_t understood(forge_pdf_t *d, const forge_run_result_t *result)
{
    if (result->exit_code != 0 && says(result, "Invalid page count 0"))
        return no_pages(d);
    if (result->exit_code != 0)
        return says(result, "Incorrect password") ? encrypted(d) : broken(d);
    d->info = forge_core_pdf_info(d->p, result->output.data, result->output.len);
    if (d->info.pages < 0)
        return broken(d);
    if (d->info.pages == 0)
        return no_pages(d);
    if (d->info.pages > FORGE_PDF_PAGES_MAX)
        return forge_pdf_fails(d, "too_complex",
                               "the document has more than " APR_STRINGIFY(FORGE_PDF_PAGES_MAX) " pages");
    return FORGE_JOB_DONE;
}

/* Runs a tool, and has its result taken in before it goes. */
static forge_job_outcome_t run_and(forge_pdf_t *d, const call_t *call,
                                   forge_job_outcome_t (*then)(forge_pdf_t *d, const forge_run_result_t *result))
{
    apr_pool_t *brief;
    forge_run_result_t result;
    apr_pool_create(&brief, d->p);
    forge_job_outcome_t outcome = run(d, brief, call, &result);
    if (outcome == FORGE_JOB_DONE)
        outcome = then(d, &result);
    apr_pool_destroy(brief);
    return outcome;
}

forge_job_outcome_t forge_pdf_inspect(forge_pdf_t *d)
{
    const call_t call = {.tool = "pdfinfo", .input = whole(d)};
    return run_and(d, &call, understood);
}

/* --- its text --- */

/* A page more or less than was said makes no difference to anybody but us: pages are those that were said. */
static forge_job_outcome_t take_text(forge_pdf_t *d, const forge_run_result_t *result)
{
    if (result->exit_code != 0)
        return result->exit_code == 3 ? encrypted(d) : broken(d);
    d->pages = forge_core_text_pages(d->p, result->output.data, result->output.len);
    while (d->pages->nelts < d->info.pages)
        APR_ARRAY_PUSH(d->pages, forge_text_page_t) = (forge_text_page_t){.text = ""};
    if (d->pages->nelts > d->info.pages)
        d->pages->nelts = (int)d->info.pages;
    for (int i = 0; i < d->pages->nelts; i++)
        d->words += APR_ARRAY_IDX(d->pages, i, forge_text_page_t).words;
    return FORGE_JOB_DONE;
}

forge_job_outcome_t forge_pdf_extract(forge_pdf_t *d)
{
    const call_t call = {
        .tool = "pdftotext", .args = {"1", forge_util_itoa(d->p, d->info.pages)}, .n_args = 2, .input = whole(d)};
    return run_and(d, &call, take_text);
}

forge_job_outcome_t forge_pdf_outline(forge_pdf_t *d)
{
    apr_pool_t *brief;
    forge_run_result_t result;
    const call_t call = {.tool = "pdftohtml", .input = whole(d)};
    apr_pool_create(&brief, d->p);
    forge_job_outcome_t outcome = run(d, brief, &call, &result);
    const bool good = outcome == FORGE_JOB_DONE && result.exit_code == 0;
    d->outline = forge_core_pdf_outline(d->p, good ? result.output.data : "", good ? result.output.len : 0);
    apr_pool_destroy(brief);
    return outcome == FORGE_JOB_FAILED ? FORGE_JOB_DONE : outcome;
}

/* --- its pictures --- */

/* The picture of a page, in p; *len 0 when it cannot be drawn. FORGE_JOB_FAILED: drawing it is too much. */
static forge_job_outcome_t draw(forge_pdf_t *d, apr_pool_t *p, int page, const char *pixels, forge_run_bytes_t *png)
{
    forge_run_result_t result;
    const call_t call = {
        .tool = "pdftoppm", .args = {forge_util_itoa(p, page), pixels}, .n_args = 2, .input = whole(d)};
    *png = (forge_run_bytes_t){NULL, 0};
    FORGE_JOB_TRY(run(d, p, &call, &result));
    if (result.exit_code == 0 && forge_core_png(result.output.data, result.output.len))
        *png = result.output;
    return FORGE_JOB_DONE;
}

static forge_job_outcome_t draw_small(forge_pdf_t *d, apr_pool_t *p, forge_run_bytes_t *png)
{
    FORGE_JOB_TRY(draw(d, p, 1, THUMBNAIL_PIXELS, png));
    return png->len > THUMBNAIL_BYTES ? draw(d, p, 1, SMALLER_PIXELS, png) : FORGE_JOB_DONE;
}

forge_job_outcome_t forge_pdf_draw(forge_pdf_t *d)
{
    apr_pool_t *brief;
    forge_run_bytes_t png;
    apr_pool_create(&brief, d->p);
    const forge_job_outcome_t outcome = draw_small(d, brief, &png);
    if (outcome == FORGE_JOB_DONE && png.len > 0 && png.len <= THUMBNAIL_BYTES) {
        d->png = apr_pmemdup(d->p, png.data, png.len);
        d->png_len = png.len;
    }
    apr_pool_destroy(brief);
    return outcome == FORGE_JOB_FAILED ? FORGE_JOB_DONE : outcome;
}

/* --- pages that are pictures --- */

/* Reads one page. FORGE_JOB_FAILED: it is too much. */
static forge_job_outcome_t recognise_page(forge_pdf_t *d, apr_pool_t *p, int page)
{
    forge_run_result_t result;
    call_t call = {.tool = "tesseract", .args = {d->ocr}, .n_args = 1};
    forge_text_page_t *text = &APR_ARRAY_IDX(d->pages, page - 1, forge_text_page_t);
    FORGE_JOB_TRY(draw(d, p, page, SCAN_PIXELS, &call.input));
    if (call.input.len == 0)
        return FORGE_JOB_DONE;
    FORGE_JOB_TRY(run(d, p, &call, &result));
    if (result.exit_code != 0)
        return FORGE_JOB_DONE;
    *text = forge_core_text_page(d->p, result.output.data, result.output.len);
    d->words += text->words;
    d->recognised += text->words > 0;
    return FORGE_JOB_DONE;
}

/* Whether this sandbox has tesseract. */
static bool can_recognise(const forge_pdf_t *d, apr_pool_t *p)
{
    forge_run_state_t state;
    const char *why;
    return d->ocr && d->job->with->runner && forge_run_probe(p, d->job->with->runner, &state, &why) &&
           forge_run_tool_there(&state, "tesseract");
}

/* The first pages without text, as many as are read. What is too much for one page ends this, not the document. */
static forge_job_outcome_t recognise_pages(forge_pdf_t *d, apr_pool_t *turn)
{
    for (int page = 1, n = 0; page <= d->pages->nelts && n < SCANS_MAX; page++) {
        if (APR_ARRAY_IDX(d->pages, page - 1, forge_text_page_t).words > 0)
            continue;
        const forge_job_outcome_t outcome = recognise_page(d, turn, page);
        apr_pool_clear(turn);
        if (outcome != FORGE_JOB_DONE)
            return outcome == FORGE_JOB_FAILED && d->words > 0 ? FORGE_JOB_DONE : outcome;
        n++;
        if (!forge_job_progress(d->job, turn, 30 + 40 * page / d->pages->nelts, "recognising"))
            return FORGE_JOB_STOPPED;
    }
    return FORGE_JOB_DONE;
}

/* Says of a document without a word whether there is something to see. */
static forge_job_outcome_t without_words(forge_pdf_t *d, apr_pool_t *turn)
{
    for (int page = 1; page <= d->pages->nelts && page <= LOOKED_AT; page++) {
        forge_run_bytes_t png;
        FORGE_JOB_TRY(draw(d, turn, page, THUMBNAIL_PIXELS, &png));
        if (png.len > 0 && !forge_core_png_blank(png.data, png.len))
            return forge_pdf_fails(d, "pdf_scanned",
                                   d->ocr ? "the pages are pictures in which no words were recognised"
                                          : "the pages are pictures, without text that could be read");
        apr_pool_clear(turn);
    }
    return forge_pdf_fails(d, "pdf_empty", "the pages are empty");
}

forge_job_outcome_t forge_pdf_recognise(forge_pdf_t *d)
{
    apr_pool_t *turn;
    forge_job_outcome_t outcome = FORGE_JOB_DONE;
    apr_pool_create(&turn, d->p);
    if (can_recognise(d, turn))
        outcome = recognise_pages(d, turn);
    if (outcome == FORGE_JOB_DONE && d->words == 0)
        outcome = without_words(d, turn);
    apr_pool_destroy(turn);
    return outcome;
}
