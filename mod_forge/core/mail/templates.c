/* SPDX-License-Identifier: Apache-2.0
 * Writes a mail out of its text. One source produces text and HTML: a mail is a list of paragraphs with {facts} in
 * them.
 */
#include "mail_private.h"
#include <apr_strings.h>
#include <string.h>

#define LETTER_MAX     FORGE_LETTER_BYTES_MAX
#define FACT_BYTES_MAX 1000 /* of one fact */
#define NAME_MAX_CHARS 40   /* of a name that a stranger chose */

/* A mail that anybody can trigger holds only our own text, so that a stranger cannot send words of his own from this
 * server. What a stranger named stands in quotes and is short (foreign). */
typedef struct writer_t {
    apr_pool_t *p;
    const forge_wording_t *wording;
    const forge_json_t *facts;
    const char *subject, *link;
    bool html, missing;
} writer_t;

static void put_escaped(forge_buf_t *b, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '<')
            forge_util_buf_puts(b, "&lt;");
        else if (*c == '>')
            forge_util_buf_puts(b, "&gt;");
        else if (*c == '&')
            forge_util_buf_puts(b, "&amp;");
        else if (*c == '"')
            forge_util_buf_puts(b, "&quot;");
        else
            forge_util_buf_add(b, c, 1);
    }
}

/* Facts that the one who triggers the mail has worded. */
static bool foreign(const char *name)
{
    return strcmp(name, "organization") == 0 || strcmp(name, "inviter") == 0;
}

/* Marks that change how other characters read: zero-width ones, line separators, and those of direction (U+200B to
 * 200F, 2028 to 202E, 2060 to 206F). */
static bool is_invisible(const char *c)
{
    const unsigned char *u = (const unsigned char *)c;
    return u[0] == 0xe2 && ((u[1] == 0x80 && ((u[2] >= 0x8b && u[2] <= 0x8f) || (u[2] >= 0xa8 && u[2] <= 0xae))) ||
                            (u[1] == 0x81 && u[2] >= 0xa0 && u[2] <= 0xaf));
}

/* A stranger's name: in quotes, which it cannot end, short, and with a blank wherever a mail program would see an
 * address to link to. */
static const char *quoted(apr_pool_t *p, const char *name)
{
    forge_buf_t *b = forge_util_buf_make(p, 64, FACT_BYTES_MAX);
    int chars = 0;
    apr_size_t n;
    forge_util_buf_puts(b, "\"");
    for (apr_size_t len = strlen(name); len > 0 && chars < NAME_MAX_CHARS; name += n, len -= n) {
        n = forge_util_utf8_next(name, len);
        n = n ? n : 1;
        if (n == 3 && is_invisible(name))
            continue;
        forge_util_buf_add(b, *name == '"' ? "'" : name, n);
        if (strchr(".:/@", *name) && len > n && name[n] != ' ')
            forge_util_buf_puts(b, " ");
        chars++;
    }
    forge_util_buf_puts(b, *name ? "...\"" : "\"");
    return b->failed ? "\"\"" : apr_pstrmemdup(p, b->data, b->len);
}

/* What comes from the configuration, and not from who triggers the mail. */
static const char *of_site(const writer_t *w, const char *key)
{
    if (strcmp(key, "link") == 0)
        return w->link;
    if (strcmp(key, "url") == 0)
        return w->wording->public_url;
    if (strcmp(key, "site") == 0) {
        const char *host = strstr(w->wording->public_url, "://");
        return w->wording->site ? w->wording->site : host ? host + 3 : w->wording->public_url;
    }
    return NULL;
}

/* The value of {name} as one line. Without one: "", and the mail counts as incomplete. */
static const char *fact(writer_t *w, const char *name, apr_size_t len)
{
    const char *key = apr_pstrmemdup(w->p, name, len), *ours = of_site(w, key);
    const char *value = ours ? ours : forge_util_json_text(forge_util_json_get(w->facts, key), NULL);
    if (!value || strlen(value) > (ours ? LETTER_MAX : FACT_BYTES_MAX)) {
        w->missing = true;
        return "";
    }
    char *line = apr_pstrdup(w->p, value);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    return foreign(key) ? quoted(w->p, line) : line;
}

/* The address is on a line of its own there too. */
static void put_link(forge_buf_t *b, const char *address)
{
    forge_util_buf_puts(b, "<a href=\"");
    put_escaped(b, address);
    forge_util_buf_puts(b, "\">\n");
    put_escaped(b, address);
    forge_util_buf_puts(b, "\n</a>");
}

/* Writes a text with its {facts} filled in. The value of a fact is never read as a template. */
static void put_filled(writer_t *w, forge_buf_t *b, const char *text)
{
    while (*text) {
        apr_size_t plain = strcspn(text, "{");
        forge_util_buf_add(b, text, plain);
        text += plain;
        if (*text == '{') {
            apr_size_t len = strcspn(++text, "}");
            const char *value = fact(w, text, len);
            if (w->html && len == 4 && strncmp(text, "link", len) == 0)
                put_link(b, value);
            else if (w->html)
                put_escaped(b, value);
            else
                forge_util_buf_puts(b, value);
            text += len + (text[len] == '}');
        }
    }
}

static void put_paragraph(writer_t *w, forge_buf_t *b, const char *text)
{
    if (strcmp(text, "{site}") == 0 && !w->wording->site)
        return;
    if (!w->html) {
        put_filled(w, b, text);
        forge_util_buf_puts(b, "\n\n");
    } else if (strcmp(text, "{token}") == 0) {
        forge_util_buf_puts(b, "<p><code>\n");
        put_filled(w, b, text);
        forge_util_buf_puts(b, "\n</code></p>\n");
    } else {
        forge_util_buf_puts(b, "<p>");
        put_filled(w, b, text);
        forge_util_buf_puts(b, "</p>\n");
    }
}

static const char *text_of(writer_t *w, forge_buf_t *b)
{
    if (b->failed)
        w->missing = true;
    return b->failed || !b->data ? "" : apr_pstrmemdup(w->p, b->data, b->len);
}

/* Paragraphs are what stands between empty lines. */
static void put_paragraphs(writer_t *w, forge_buf_t *b, const char *text)
{
    for (text += strspn(text, "\n"); *text; text += strspn(text, "\n")) {
        const char *end = strstr(text, "\n\n");
        apr_size_t len = end ? (apr_size_t)(end - text) : strlen(text), trimmed = len;
        while (trimmed > 0 && text[trimmed - 1] == '\n')
            trimmed--;
        put_paragraph(w, b, apr_pstrmemdup(w->p, text, trimmed));
        text += len;
    }
}

static const char *write_body(writer_t *w, const char *text, bool html)
{
    forge_buf_t *b = forge_util_buf_make(w->p, 2048, LETTER_MAX);
    w->html = html;
    if (html) {
        forge_util_buf_printf(b, "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\"><title>",
                              forge_core_language_tag(w->wording->language));
        put_escaped(b, w->subject);
        forge_util_buf_puts(b, "</title></head>\n<body>\n");
    }
    put_paragraphs(w, b, text);
    if (html)
        forge_util_buf_puts(b, "</body></html>\n");
    return text_of(w, b);
}

bool forge_core_letter_write(apr_pool_t *p, const char *kind, const forge_wording_t *wording, const forge_json_t *facts,
                             forge_letter_t *letter)
{
    writer_t w = {.p = p, .wording = wording, .facts = facts};
    const int i = forge_core_letter_kind(kind);
    if (i < 0)
        return false;
    const char *text = forge_core_letter_text(wording->letters, wording->language, i);
    const char *about = text + strlen(FORGE_LETTER_SUBJECT), *path = forge_letter_rows[i].path;
    const apr_size_t len = strcspn(about, "\n");
    if (path)
        w.link =
            apr_pstrcat(p, wording->public_url, path, "?token=", forge_util_urlencode(p, fact(&w, "token", 5)), NULL);
    forge_buf_t *subject = forge_util_buf_make(p, 128, LETTER_MAX);
    put_filled(&w, subject, apr_pstrmemdup(p, about, len));
    letter->subject = w.subject = text_of(&w, subject);
    letter->text = write_body(&w, about + len, false);
    letter->html = write_body(&w, about + len, true);
    return !w.missing;
}
