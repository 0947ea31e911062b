/* SPDX-License-Identifier: Apache-2.0
 * Reads what poppler's programs say of a PDF. What they quote was written by strangers: it is bounded and made one
 * clean line before it goes further.
 */
#include "analysis.h"

#include <apr_strings.h>
#include <string.h>

#define LINE_MAX_CHARACTERS 300

/* A clean line of at most LINE_MAX_CHARACTERS; NULL when nothing is left. */
static const char *clean_line(apr_pool_t *p, const char *text, apr_size_t len)
{
    forge_text_page_t clean = forge_core_text_page(p, text, len < 16384 ? len : 16384);
    char *line = apr_pstrmemdup(p, clean.text, clean.len);
    apr_size_t at = 0;
    for (int n = 0; line[at] && n < LINE_MAX_CHARACTERS; n++) {
        if (line[at] == '\n')
            line[at] = ' ';
        at += forge_util_utf8_next(line + at, clean.len - at);
    }
    line[at] = '\0';
    return *line ? line : NULL;
}

/* The value of "Name:   value" when the line is one of that name. */
static bool value_of(const char *line, apr_size_t len, const char *name, const char **value, apr_size_t *size)
{
    const apr_size_t named = strlen(name);
    if (len < named || memcmp(line, name, named) != 0)
        return false;
    *value = line + named;
    *size = len - named;
    while (*size > 0 && **value == ' ') {
        ++*value;
        --*size;
    }
    return true;
}

/* A title may itself have lines that look like pdfinfo's. Title and author come first and are the first lines of their
 * name, the number of pages comes behind all that is quoted and is the last of its name. */
forge_pdf_info_t forge_core_pdf_info(apr_pool_t *p, const char *said, apr_size_t len)
{
    forge_pdf_info_t info = {.pages = -1};
    for (apr_size_t at = 0; at < len;) {
        const char *value, *end = memchr(said + at, '\n', len - at);
        apr_size_t size, line = (end ? (apr_size_t)(end - said) : len) - at;
        apr_int64_t n;
        if (!info.title && value_of(said + at, line, "Title:", &value, &size))
            info.title = clean_line(p, value, size);
        else if (!info.author && value_of(said + at, line, "Author:", &value, &size))
            info.author = clean_line(p, value, size);
        else if (value_of(said + at, line, "Pages:", &value, &size) && forge_util_atoi(value, size, &n))
            info.pages = n;
        at += line + 1;
    }
    return info;
}

/* --- outline --- */

/* The character that an entity of XML stands for; NULL for none that pdftohtml writes. */
static const char *entity(const char *at, apr_size_t left, apr_size_t *size)
{
    static const struct {
        const char *name, *text;
    } known[] = {{"&amp;", "&"},  {"&lt;", "<"},  {"&gt;", ">"},  {"&quot;", "\""},
                 {"&#34;", "\""}, {"&#39;", "'"}, {"&#160;", " "}};
    for (apr_size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        *size = strlen(known[i].name);
        if (*size <= left && memcmp(at, known[i].name, *size) == 0)
            return known[i].text;
    }
    return NULL;
}

static const char *unescaped(apr_pool_t *p, const char *text, apr_size_t len)
{
    char *out = apr_palloc(p, len + 1), *to = out;
    for (apr_size_t at = 0; at < len;) {
        apr_size_t size = 1;
        const char *plain = entity(text + at, len - at, &size);
        *to++ = plain ? *plain : text[at];
        at += plain ? size : 1;
    }
    return clean_line(p, out, (apr_size_t)(to - out));
}

/* Adds the entry of an <item> whose tag ends at `open`. Returns what follows its title. */
static const char *add_item(apr_pool_t *p, apr_array_header_t *outline, int level, const char *tag, const char *open)
{
    forge_outline_t entry = {.level = level};
    apr_int64_t page;
    const char *end = strchr(open, '<'), *number = strstr(tag, "page=\"");
    if (!end)
        end = open + strlen(open);
    if (number && number < open) {
        number += strlen("page=\"");
        if (forge_util_atoi(number, strcspn(number, "\""), &page) && page > 0 && page <= 1000000)
            entry.page = (int)page;
    }
    entry.title = unescaped(p, open + 1, (apr_size_t)(end - open) - 1);
    if (entry.title && level > 0)
        APR_ARRAY_PUSH(outline, forge_outline_t) = entry;
    return end;
}

/* Words of pages may look like tags only as entities, so that the first <outline> is the outline. */
apr_array_header_t *forge_core_pdf_outline(apr_pool_t *p, const char *said, apr_size_t len)
{
    apr_array_header_t *outline = apr_array_make(p, 16, sizeof(forge_outline_t));
    const char *start = memmem(said, len, "<outline>", 9);
    int level = 0;
    const char *at = start ? apr_pstrmemdup(p, start, (apr_size_t)(said + len - start)) : "";
    while ((at = strchr(at, '<')) && outline->nelts < FORGE_OUTLINE_MAX) {
        const char *open = strchr(at, '>');
        if (!open)
            break;
        if (strncmp(at, "<outline>", 9) == 0)
            level++;
        else if (strncmp(at, "</outline>", 10) == 0 && --level == 0)
            break;
        at = strncmp(at, "<item", 5) == 0 ? add_item(p, outline, level, at, open) : open + 1;
    }
    return outline;
}

/* --- pictures --- */

bool forge_core_png(const char *png, apr_size_t len)
{
    return len > 33 && memcmp(png, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16) == 0;
}

static apr_uint64_t number_at(const char *at)
{
    const unsigned char *u = (const unsigned char *)at;
    return (apr_uint64_t)u[0] << 24 | (apr_uint64_t)u[1] << 16 | (apr_uint64_t)u[2] << 8 | u[3];
}

/* One colour is packed to a thousandth; a page with a line of text, or the noise of a scanner, never is. */
bool forge_core_png_blank(const char *png, apr_size_t len)
{
    return forge_core_png(png, len) && len < 3 * number_at(png + 16) * number_at(png + 20) / 500 + 300;
}
