/* SPDX-License-Identifier: Apache-2.0
 * Door of core/learning: rules of what is taught, without SQL and without httpd.
 */
#ifndef FORGE_CORE_LEARNING_H
#define FORGE_CORE_LEARNING_H

#include "core/core.h"

/* --- markdown.c --- */

/* CommonMark as HTML that is safe to put into a page: raw HTML is left out, and so are addresses that would run a
 * script (libcmark's safe mode). What would need more than 16 MiB to be rendered, or gives more than 4 MiB, is given as
 * plain text in <pre>. What was
 * rendered a moment ago in this process is not rendered again. `text` is UTF-8 without NUL. */
const char *forge_core_markdown_html(apr_pool_t *p, const char *text);

#endif
