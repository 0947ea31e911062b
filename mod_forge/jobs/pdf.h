/* SPDX-License-Identifier: Apache-2.0
 * What the files of the job `pdf` share: the document that is worked on, and the programs that read it.
 */
#ifndef FORGE_JOBS_PDF_H
#define FORGE_JOBS_PDF_H

#include "core/analysis/analysis.h"
#include "jobs.h"

#define FORGE_PDF_PAGES_MAX 5000 /* of one document */

typedef struct forge_pdf_t {
    apr_pool_t *p;
    forge_job_t *job;
    forge_job_end_t *end;
    apr_int64_t session, file, size;
    forge_buf_t *bytes; /* of the file */
    const char *ocr;    /* languages for tesseract; NULL: pictures stay pictures */
    forge_pdf_info_t info;
    apr_array_header_t *pages;     /* of forge_text_page_t */
    apr_array_header_t *outline;   /* of forge_outline_t */
    apr_int64_t words, recognised; /* of all pages; pages that OCR has read */
    const char *png;               /* the first page; NULL: it cannot be drawn */
    apr_size_t png_len;
} forge_pdf_t;

/* --- pdf_tools.c: poppler and tesseract in the sandbox --- */

/* Ends the job for good, with a code that clients know. */
forge_job_outcome_t forge_pdf_fails(forge_pdf_t *d, const char *code, const char *detail);
/* Title, author, number of pages. Ends with pdf_encrypted, pdf_broken, pdf_empty, too_complex. */
forge_job_outcome_t forge_pdf_inspect(forge_pdf_t *d);
/* The text of all pages. */
forge_job_outcome_t forge_pdf_extract(forge_pdf_t *d);
/* The outline, none where there is trouble with it. */
forge_job_outcome_t forge_pdf_outline(forge_pdf_t *d);
/* The picture of the first page, none where it cannot be drawn. */
forge_job_outcome_t forge_pdf_draw(forge_pdf_t *d);
/* Reads pages without text, where OCR is on. A document without any text ends with pdf_scanned, pdf_empty or
 * too_complex. */
forge_job_outcome_t forge_pdf_recognise(forge_pdf_t *d);

/* --- pdf_result.c: what the session shows --- */

/* How results are made: another text, and an earlier result is not taken over. `model`: of the summary; NULL: none. */
const char *forge_pdf_recipe(apr_pool_t *p, const char *ocr, const char *model);
typedef struct forge_pdf_said_t {
    const char *language;            /* ISO 639-1; NULL: none that is known */
    const apr_array_header_t *terms; /* of forge_term_t */
    int passages;
    const char *summary; /* by a language model; NULL: none */
} forge_pdf_said_t;
/* The result as a JSON text; NULL: out of memory. */
const char *forge_pdf_result(const forge_pdf_t *d, const forge_pdf_said_t *said);

#endif
