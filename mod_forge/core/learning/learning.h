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

/* --- markdown.c --- */

/* CommonMark as HTML that is safe to put into a page: raw HTML is left out, and so are addresses that would run a
 * script (libcmark's safe mode). What would need more than 16 MiB to be rendered, or gives more than 4 MiB, is given as
 * plain text in <pre>. What was
 * rendered a moment ago in this process is not rendered again. `text` is UTF-8 without NUL. */
const char *forge_core_markdown_html(apr_pool_t *p, const char *text);

#endif
