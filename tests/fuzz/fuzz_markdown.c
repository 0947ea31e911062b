/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: Markdown as safe HTML. Whatever is written, no element or attribute runs a script.
 */
#include "core/learning/learning.h"
#include "fuzz.h"
#include <apr_strings.h>
#include <string.h>

/* The only elements that CommonMark makes; each "<" of the page begins one of them, ends one, or is the comment that
 * stands for raw HTML. */
static bool known(const char *tag)
{
    static const char *const names[] = {"p",   "h1", "h2", "h3", "h4", "h5", "h6",  "em",         "strong", "code",
                                        "pre", "a",  "li", "ul", "ol", "br", "img", "blockquote", "hr",     "!--"};
    tag += *tag == '/';
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        size_t n = strlen(names[i]);
        if (strncmp(tag, names[i], n) == 0 && strchr(" >/-", tag[n]))
            return true;
    }
    return false;
}

int forge_fuzz_markdown(const uint8_t *data, size_t size)
{
    static const char *const never[] = {
        "href=\"javascript:", "href=\"vbscript:", "href=\"file:", "src=\"javascript:", "href=\"data:"};
    apr_pool_t *p = forge_fuzz_pool();
    const char *html = forge_core_markdown_html(p, apr_pstrmemdup(p, (const char *)data, size));
    for (const char *tag = html; (tag = strchr(tag, '<'));)
        FORGE_PROMISE(known(++tag));
    for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
        FORGE_PROMISE(!strstr(html, never[i]));
    apr_pool_destroy(p);
    return 0;
}
