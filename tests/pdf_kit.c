/* SPDX-License-Identifier: Apache-2.0
 * Makes PDF files for tests (ISO 32000-1): objects one after the other, a table of where they begin, and a trailer.
 */
#include "pdf_kit.h"

#include <apr_strings.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CATALOG 1
#define PAGES   2
#define FONT    3
#define INFO    4
#define FIRST   5

typedef struct kit_t {
    apr_pool_t *p;
    forge_buf_t *b;
    apr_array_header_t *places; /* of apr_size_t, by number */
} kit_t;

static kit_t begin(apr_pool_t *p)
{
    kit_t k = {p, forge_util_buf_make(p, 65536, 64 << 20), apr_array_make(p, 64, sizeof(apr_size_t))};
    APR_ARRAY_PUSH(k.places, apr_size_t) = 0;
    forge_util_buf_puts(k.b, "%PDF-1.4\n");
    return k;
}

/* Objects come in any order. */
static void object(kit_t *k, int number, const char *format, ...)
{
    va_list args;
    while (k->places->nelts <= number)
        APR_ARRAY_PUSH(k->places, apr_size_t) = 0;
    APR_ARRAY_IDX(k->places, number, apr_size_t) = k->b->len;
    va_start(args, format);
    forge_util_buf_printf(k->b, "%d 0 obj\n%s\nendobj\n", number, apr_pvsprintf(k->p, format, args));
    va_end(args);
}

static void stream(kit_t *k, int number, const char *more, const char *data, apr_size_t len)
{
    while (k->places->nelts <= number)
        APR_ARRAY_PUSH(k->places, apr_size_t) = 0;
    APR_ARRAY_IDX(k->places, number, apr_size_t) = k->b->len;
    forge_util_buf_printf(k->b, "%d 0 obj\n<< /Length %d %s >>\nstream\n", number, (int)len, more);
    forge_util_buf_add(k->b, data, len);
    forge_util_buf_puts(k->b, "\nendstream\nendobj\n");
}

static forge_buf_t *end(kit_t *k, const char *more)
{
    const apr_size_t table = k->b->len;
    forge_util_buf_printf(k->b, "xref\n0 %d\n0000000000 65535 f \n", k->places->nelts);
    for (int i = 1; i < k->places->nelts; i++)
        forge_util_buf_printf(k->b, "%010d 00000 n \n", (int)APR_ARRAY_IDX(k->places, i, apr_size_t));
    forge_util_buf_printf(k->b, "trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", k->places->nelts,
                          more, (int)table);
    return k->b;
}

/* A text as PDF writes it between parentheses, in Latin-1. */
static const char *literal(apr_pool_t *p, const char *text)
{
    char *out = apr_palloc(p, 2 * strlen(text) + 1), *to = out;
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '(' || *at == ')' || *at == '\\')
            *to++ = '\\';
        if ((*at == 0xc2 || *at == 0xc3) && at[1]) {
            *to++ = (char)(at[1] | (*at == 0xc3 ? 0x40 : 0));
            at++;
        } else
            *to++ = (char)*at;
    }
    *to = '\0';
    return out;
}

/* What draws a text, a line each. */
static const char *drawing(apr_pool_t *p, const char *text)
{
    char *last, *copy = apr_pstrdup(p, text);
    forge_buf_t *b = forge_util_buf_make(p, 1024, 16 << 20);
    forge_util_buf_puts(b, "BT /F1 12 Tf 60 780 Td 15 TL");
    for (char *line = apr_strtok(copy, "\n", &last); line; line = apr_strtok(NULL, "\n", &last))
        forge_util_buf_printf(b, " (%s) Tj T*", literal(p, line));
    forge_util_buf_puts(b, " ET");
    return apr_pstrmemdup(p, b->data, b->len);
}

static void page(kit_t *k, int number, const char *resources, const char *contents)
{
    object(k, number, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << %s >> /Contents %s >>",
           resources, contents);
}

static void put_pages(kit_t *k, const pdf_text_t *text)
{
    const char *kids = "";
    forge_buf_t *b = forge_util_buf_make(k->p, 1024, 1 << 20);
    for (int i = 0; i < text->n; i++) {
        const char *drawn = drawing(k->p, text->pages[i]);
        page(k, FIRST + 2 * i, "/Font << /F1 3 0 R >>", apr_psprintf(k->p, "%d 0 R", FIRST + 2 * i + 1));
        stream(k, FIRST + 2 * i + 1, "", drawn, strlen(drawn));
        forge_util_buf_printf(b, "%d 0 R ", FIRST + 2 * i);
    }
    if (b->len)
        kids = apr_pstrmemdup(k->p, b->data, b->len);
    object(k, PAGES, "<< /Type /Pages /Count %d /Kids [%s] >>", text->n, kids);
    object(k, FONT, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>");
}

/* A flat outline. Returns the number of its root; 0 without one. */
static int put_bookmarks(kit_t *k, const pdf_text_t *text)
{
    const int root = FIRST + 2 * text->n;
    int n = 0;
    for (; text->bookmarks && text->bookmarks[n].title; n++)
        object(k, root + 1 + n, "<< /Title (%s) /Parent %d 0 R /Dest [%d 0 R /Fit] %s %s >>",
               literal(k->p, text->bookmarks[n].title), root, FIRST + 2 * (text->bookmarks[n].page - 1),
               n ? apr_psprintf(k->p, "/Prev %d 0 R", root + n) : "",
               text->bookmarks[n + 1].title ? apr_psprintf(k->p, "/Next %d 0 R", root + n + 2) : "");
    if (n)
        object(k, root, "<< /Type /Outlines /First %d 0 R /Last %d 0 R /Count %d >>", root + 1, root + n, n);
    return n ? root : 0;
}

#define NOBODYS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" /* as if made from some password */

forge_buf_t *pdf_text(apr_pool_t *p, const pdf_text_t *text)
{
    kit_t k = begin(p);
    put_pages(&k, text);
    const int outline = put_bookmarks(&k, text);
    object(&k, CATALOG, "<< /Type /Catalog /Pages 2 0 R %s >>",
           outline ? apr_psprintf(p, "/Outlines %d 0 R", outline) : "");
    object(&k, INFO, "<< %s %s >>", text->title ? apr_psprintf(p, "/Title (%s)", literal(p, text->title)) : "",
           text->author ? apr_psprintf(p, "/Author (%s)", literal(p, text->author)) : "");
    return end(&k, text->encrypted ? "/Info 4 0 R /ID [<00> <00>] /Encrypt << /Filter /Standard /V 2 /R 3 /Length 128"
                                     " /P -44 /O <" NOBODYS "> /U <" NOBODYS "> >>"
                                   : "/Info 4 0 R");
}

forge_buf_t *pdf_page(apr_pool_t *p, const char *text)
{
    return pdf_text(p, &(pdf_text_t){.pages = &text, .n = 1});
}

forge_buf_t *pdf_many(apr_pool_t *p, int n)
{
    const char **pages = apr_palloc(p, (apr_size_t)n * sizeof(*pages));
    for (int i = 0; i < n; i++) {
        pages[i] = apr_psprintf(p, "Page number%d begins here.", i + 1);
        for (int line = 0; line < 40; line++)
            pages[i] =
                apr_psprintf(p, "%s\nThe quick brown fox jumps over the lazy dog, as often as it likes.", pages[i]);
    }
    return pdf_text(p, &(pdf_text_t){.pages = pages, .n = n});
}

static apr_size_t number_at(const char *at)
{
    const unsigned char *u = (const unsigned char *)at;
    return (apr_size_t)u[0] << 24 | (apr_size_t)u[1] << 16 | (apr_size_t)u[2] << 8 | u[3];
}

/* The pixels of a PNG are packed as PDF packs them. */
forge_buf_t *pdf_scan(apr_pool_t *p, const char *png, apr_size_t len)
{
    kit_t k = begin(p);
    forge_buf_t *pixels = forge_util_buf_make(p, len, len + 1);
    const int width = (int)number_at(png + 16), height = (int)number_at(png + 20);
    for (apr_size_t at = 8; at + 12 <= len; at += number_at(png + at) + 12)
        if (memcmp(png + at + 4, "IDAT", 4) == 0)
            forge_util_buf_add(pixels, png + at + 8, number_at(png + at));
    const char *drawn = "q 595 0 0 842 0 0 cm /I Do Q";
    object(&k, CATALOG, "<< /Type /Catalog /Pages 2 0 R >>");
    object(&k, PAGES, "<< /Type /Pages /Count 1 /Kids [5 0 R] >>");
    page(&k, FIRST, "/XObject << /I 7 0 R >>", "6 0 R");
    stream(&k, 6, "", drawn, strlen(drawn));
    stream(&k, 7,
           apr_psprintf(p,
                        "/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB"
                        " /BitsPerComponent 8 /Filter /FlateDecode"
                        " /DecodeParms << /Predictor 15 /Colors 3 /BitsPerComponent 8 /Columns %d >>",
                        width, height, width),
           pixels->data, pixels->len);
    return end(&k, "");
}

/* --- hostile ones --- */

/* gzip's format without its head of ten bytes and its end of eight, behind zlib's own head. */
static forge_buf_t *deflated(apr_pool_t *p, const char *data, apr_size_t len)
{
    const forge_buf_t *packed = forge_util_gzip(p, data, len);
    forge_buf_t *b = forge_util_buf_make(p, packed->len, packed->len + 16);
    forge_util_buf_add(b, "\x78\x9c", 2);
    forge_util_buf_add(b, packed->data + 10, packed->len - 18);
    forge_util_buf_add(b, "\0\0\0\0", 4);
    return b;
}

/* One stream of four megabytes of letters, packed, a thousand times over. */
forge_buf_t *pdf_bomb(apr_pool_t *p)
{
    static const char line[] = "(there is no end to what this says) Tj T*\n";
    kit_t k = begin(p);
    forge_buf_t *said = forge_util_buf_make(p, 4 << 20, 5 << 20), *again = forge_util_buf_make(p, 8192, 65536);
    forge_util_buf_puts(said, "BT /F1 12 Tf 60 780 Td 15 TL\n");
    while (said->len < 4 << 20)
        forge_util_buf_add(said, line, sizeof(line) - 1);
    forge_util_buf_puts(said, "ET\n");
    const forge_buf_t *packed = deflated(p, said->data, said->len);
    for (int i = 0; i < 1000; i++)
        forge_util_buf_puts(again, "6 0 R ");
    object(&k, CATALOG, "<< /Type /Catalog /Pages 2 0 R >>");
    object(&k, PAGES, "<< /Type /Pages /Count 1 /Kids [5 0 R] >>");
    object(&k, FONT, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
    page(&k, FIRST, "/Font << /F1 3 0 R >>",
         apr_pstrcat(p, "[", apr_pstrmemdup(p, again->data, again->len), "]", NULL));
    stream(&k, 6, "/Filter /FlateDecode", packed->data, packed->len);
    return end(&k, "");
}

forge_buf_t *pdf_nested(apr_pool_t *p)
{
    kit_t k = begin(p);
    char *deep = apr_palloc(p, 200001);
    memset(deep, '[', 100000);
    memset(deep + 100000, ']', 100000);
    deep[200000] = '\0';
    object(&k, CATALOG, "<< /Type /Catalog /Pages 2 0 R >>");
    object(&k, PAGES, "<< /Type /Pages /Count 1 /Kids [5 0 R] /Nest %s >>", deep);
    page(&k, FIRST, "", deep);
    return end(&k, "");
}

forge_buf_t *pdf_endless(apr_pool_t *p)
{
    static const char drawn[] = "/F Do /F Do";
    kit_t k = begin(p);
    object(&k, CATALOG, "<< /Type /Catalog /Pages 2 0 R >>");
    object(&k, PAGES, "<< /Type /Pages /Count 1 /Kids [5 0 R] >>");
    page(&k, FIRST, "/XObject << /F 7 0 R >>", "6 0 R");
    stream(&k, 6, "", drawn, sizeof(drawn) - 1);
    stream(&k, 7, "/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /F 7 0 R >> >>", drawn,
           sizeof(drawn) - 1);
    return end(&k, "");
}

forge_buf_t *pdf_boasts(apr_pool_t *p)
{
    kit_t k = begin(p);
    object(&k, CATALOG, "<< /Type /Catalog /Pages 2 0 R >>");
    object(&k, PAGES, "<< /Type /Pages /Count 100000000 /Kids [5 0 R] >>");
    page(&k, FIRST, "", "6 0 R");
    stream(&k, 6, "", "", 0);
    return end(&k, "");
}

forge_buf_t *pdf_no_pages(apr_pool_t *p)
{
    return pdf_text(p, &(pdf_text_t){.n = 0});
}
