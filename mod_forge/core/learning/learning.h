/* SPDX-License-Identifier: Apache-2.0
 * Interface of core/learning: rules of what is taught, without SQL and without httpd.
 */
#ifndef FORGE_CORE_LEARNING_H
#define FORGE_CORE_LEARNING_H

#include "core/core.h"

/* --- bundle.c --- */

#define FORGE_PROGRAM_BYTES 65536 /* of a program, an input or an output of an exercise, as in the database */

/* What field tables cannot say of the exercises of a bundle: bytes of their programs, names of languages, two tests of
 * one name. `exercises` is their array, whose members have their types. */
void forge_core_bundle_check(apr_pool_t *p, const forge_json_t *exercises, forge_faults_t *faults);

/* --- judge.c --- */

typedef struct forge_core_judged_t {
    bool passed;         /* all tests */
    int score;           /* per cent of the points; 100 when all passed */
    const char *results; /* JSON array, an object for each test; of a hidden one only whether it passed */
} forge_core_judged_t;
/* Judges a program by its runs, one for each of the exercise's tests in their order. False: the results are too long.
 */
bool forge_core_judge(apr_pool_t *p, const forge_json_t *tests, const forge_ran_t *runs, forge_core_judged_t *out);
/* A text of a test; "" where it has none. */
const char *forge_core_test_text(const forge_json_t *test, const char *name);

/* --- markdown.c --- */

/* CommonMark as HTML that is safe to put into a page: raw HTML is left out, and so are addresses that would run a
 * script (libcmark's safe mode). What would need more than 16 MiB to be rendered, or gives more than 4 MiB, is given as
 * plain text in <pre>. What was
 * rendered a moment ago in this process is not rendered again. `text` is UTF-8 without NUL. */
const char *forge_core_markdown_html(apr_pool_t *p, const char *text);

#endif
