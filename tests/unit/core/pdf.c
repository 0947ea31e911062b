/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/analysis/pdf.c: what poppler's programs say, and what strangers make them say.
 */
#include "core/analysis/analysis.h"
#include "unit.h"
#include <apr_strings.h>
#include <string.h>

#define P forge_test_pool

static forge_pdf_info_t info(const char *said)
{
    return forge_core_pdf_info(P, said, strlen(said));
}

START_TEST(title_author_and_pages_are_read)
{
    const forge_pdf_info_t got =
        info("Title:           Graphs and trees\nKeywords:        x\nAuthor:          M\xc3\xbcller\n"
             "Tagged:          no\nPages:           12\nEncrypted:       no\n");
    ck_assert_str_eq(got.title, "Graphs and trees");
    ck_assert_str_eq(got.author, "Müller");
    ck_assert_int_eq(got.pages, 12);
}
END_TEST

START_TEST(what_is_missing_is_said_to_be)
{
    forge_pdf_info_t got = info("Title:           \nPages:           0");
    ck_assert_ptr_null(got.title);
    ck_assert_ptr_null(got.author);
    ck_assert_int_eq(got.pages, 0);
    got = info("");
    ck_assert_int_eq(got.pages, -1);
    ck_assert_int_eq(info("Pages: many\n").pages, -1);
}
END_TEST

/* A title with line ends cannot say how many pages there are or who wrote it, unless there is nobody else. */
START_TEST(quoted_lines_do_not_count)
{
    const forge_pdf_info_t got =
        info("Title:           a\nPages:           99999\nAuthor:          Ada\nPages:           3\n");
    ck_assert_str_eq(got.title, "a");
    ck_assert_int_eq(got.pages, 3);
}
END_TEST

START_TEST(titles_are_clean_lines_of_bounded_length)
{
    char *longest = apr_palloc(P, 5001);
    memset(longest, 'x', 5000);
    longest[5000] = '\0';
    ck_assert_uint_eq(strlen(info(apr_pstrcat(P, "Title: ", longest, "\n", NULL)).title), 300);
    ck_assert_str_eq(info("Title: a\x1b[31mb\x07\n").title, "a[31mb");
    ck_assert_str_eq(info("Title: \xff\xfe\n").title, "\xef\xbf\xbd\xef\xbf\xbd");
}
END_TEST

/* The outline as "level page title" lines. */
static const char *outline(const char *said)
{
    const char *all = "";
    const apr_array_header_t *entries = forge_core_pdf_outline(P, said, strlen(said));
    for (int i = 0; i < entries->nelts; i++) {
        const forge_outline_t *entry = &APR_ARRAY_IDX(entries, i, forge_outline_t);
        all = apr_psprintf(P, "%s%d %d %s\n", all, entry->level, entry->page, entry->title);
    }
    return all;
}

START_TEST(outlines_are_read_with_their_levels)
{
    ck_assert_str_eq(
        outline("<pdf2xml>\n<page number=\"1\">\n<text>x</text>\n</page>\n<outline>\n"
                "<item page=\"1\">First &amp; &lt;b&gt;</item>\n<outline>\n<item page=\"2\">Inner</item>\n"
                "</outline>\n<item>Nowhere</item>\n<item page=\"3\">Last</item>\n</outline>\n</pdf2xml>\n"),
        "1 1 First & <b>\n2 2 Inner\n1 0 Nowhere\n1 3 Last\n");
    ck_assert_str_eq(outline("<pdf2xml>\n<page number=\"1\">\n</page>\n</pdf2xml>\n"), "");
    ck_assert_str_eq(outline(""), "");
}
END_TEST

START_TEST(broken_outlines_are_read_as_far_as_they_go)
{
    ck_assert_str_eq(outline("<outline>\n<item page=\"1\">One</item>\n<item page=\"2"), "1 1 One\n");
    ck_assert_str_eq(outline("<outline>\n<item page=\"-4\">One</item>\n<item page=\"9999999999\">Two"),
                     "1 0 One\n1 0 Two\n");
    ck_assert_str_eq(outline("<outline>\n<item page=\"1\"></item></outline><outline><item>No</item></outline>"), "");
    ck_assert_str_eq(outline("<outline>\n<item page=\"1\">&amp;lt; &bogus; a\x01\xff</item></outline>"),
                     "1 1 &lt; &bogus; a\xef\xbf\xbd\n");
}
END_TEST

START_TEST(outlines_without_end_are_bounded)
{
    forge_buf_t *b = forge_util_buf_make(P, 1 << 16, 4 << 20);
    for (int i = 0; i < 3000; i++)
        forge_util_buf_puts(b, "<outline><item page=\"1\">x</item>");
    ck_assert_int_eq(forge_core_pdf_outline(P, b->data, b->len)->nelts, FORGE_OUTLINE_MAX);
}
END_TEST

/* The head of a PNG of that size. */
static const char *png(int width, int height)
{
    char *head = apr_pcalloc(P, 65536);
    memcpy(head, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
    head[18] = (char)(width >> 8);
    head[19] = (char)width;
    head[22] = (char)(height >> 8);
    head[23] = (char)height;
    return head;
}

START_TEST(pictures_of_one_colour_are_blank)
{
    ck_assert(forge_core_png_blank(png(309, 400), 918));
    ck_assert(!forge_core_png_blank(png(309, 400), 1128));
    ck_assert(!forge_core_png_blank(png(309, 400), 60000));
    ck_assert(!forge_core_png_blank("", 0));
    ck_assert(!forge_core_png_blank("%PDF-1.4", 8));
    ck_assert(forge_core_png(png(1, 1), 70));
    ck_assert(!forge_core_png(png(1, 1), 20));
}
END_TEST

Suite *forge_test_core_pdf(void)
{
    Suite *s = suite_create("core_pdf");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, title_author_and_pages_are_read);
    tcase_add_test(tc, what_is_missing_is_said_to_be);
    tcase_add_test(tc, quoted_lines_do_not_count);
    tcase_add_test(tc, titles_are_clean_lines_of_bounded_length);
    tcase_add_test(tc, outlines_are_read_with_their_levels);
    tcase_add_test(tc, broken_outlines_are_read_as_far_as_they_go);
    tcase_add_test(tc, outlines_without_end_are_bounded);
    tcase_add_test(tc, pictures_of_one_colour_are_blank);
    suite_add_tcase(s, tc);
    return s;
}
