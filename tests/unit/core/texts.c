/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/analysis/pages.c, words.c and passages.c: a text by its pages, its words and its passages.
 */
#include "core/analysis/analysis.h"
#include "unit.h"
#include <apr_strings.h>
#include <string.h>

#define P forge_test_pool

static forge_text_page_t page(const char *text)
{
    return forge_core_text_page(P, text, strlen(text));
}

static const char *clean(const char *text)
{
    const forge_text_page_t made = page(text);
    return apr_pstrmemdup(P, made.text, made.len);
}

/* `n` times the same text. */
static char *times(const char *text, int n)
{
    const apr_size_t len = strlen(text);
    char *all = apr_palloc(P, len * (apr_size_t)n + 1);
    for (int i = 0; i < n; i++)
        memcpy(all + len * (apr_size_t)i, text, len);
    all[len * (apr_size_t)n] = '\0';
    return all;
}

START_TEST(form_feeds_part_pages)
{
    static const char text[] = "one two\n\f\f three\f";
    const apr_array_header_t *pages = forge_core_text_pages(P, text, strlen(text));
    ck_assert_int_eq(pages->nelts, 3);
    ck_assert_int_eq(APR_ARRAY_IDX(pages, 0, forge_text_page_t).words, 2);
    ck_assert_int_eq(APR_ARRAY_IDX(pages, 0, forge_text_page_t).characters, 7);
    ck_assert_int_eq(APR_ARRAY_IDX(pages, 1, forge_text_page_t).words, 0);
    ck_assert_int_eq(APR_ARRAY_IDX(pages, 2, forge_text_page_t).words, 1);
    ck_assert_int_eq(forge_core_text_pages(P, "", 0)->nelts, 0);
    ck_assert_int_eq(forge_core_text_pages(P, "\f", 1)->nelts, 1);
}
END_TEST

START_TEST(texts_are_cleaned)
{
    ck_assert_str_eq(clean("  a\tb  \nc \n\n"), "a b\nc");
    ck_assert_str_eq(clean("e\xef\xac\x83"
                           "cient \xef\xac\x81le"),
                     "efficient file");
    ck_assert_str_eq(clean("soft\xc2\xadly \xef\xbb\xbf"
                           "bom\x01\x1b\x7f \xc2\x85x\xc2\xa0y"),
                     "softly bom x y");
    ck_assert_str_eq(clean("bad \xff\xc0\xaf byte"), "bad \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd byte");
    ck_assert_str_eq(clean("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    ck_assert_str_eq(clean(""), "");
    const forge_text_page_t nul = forge_core_text_page(P, "a\0b", 3);
    ck_assert_int_eq(nul.len, 2);
    ck_assert(memcmp(nul.text, "ab", 2) == 0);
}
END_TEST

START_TEST(words_are_counted_as_unicode_says)
{
    ck_assert_int_eq(page("").words, 0);
    ck_assert_int_eq(page("... -- !!").words, 0);
    ck_assert_int_eq(page("don't stop, it's 3.14 o'clock").words, 5);
    ck_assert_int_eq(page("well-known Bäume überall").words, 4);
    ck_assert_int_eq(page("人人生而自由").words, 6);
    ck_assert_int_eq(page("мир и труд").words, 3);
}
END_TEST

START_TEST(words_know_what_parts_them)
{
    forge_word_t word;
    static const char text[] = "one two, three\nfour. Five";
    static const bool follows[] = {true, true, false, true, false};
    forge_words_t *words = forge_core_words(P, text, strlen(text));
    for (int i = 0; i < 5; i++) {
        ck_assert(forge_core_words_next(words, &word));
        ck_assert_int_eq(word.follows, follows[i]);
    }
    ck_assert_int_eq(word.len, 4);
    ck_assert(!forge_core_words_next(words, &word));
    ck_assert(!forge_core_words_next(words, &word));
}
END_TEST

/* A text is looked at in slices; no word is lost or cut where one ends. */
START_TEST(long_texts_lose_no_word)
{
    ck_assert_int_eq(page(times("wörter sind da ", 20000)).words, 60000);
    ck_assert_int_eq(page(times("人", 50000)).words, 50000);
    ck_assert_int_ge(page(times("x", 300000)).words, 1);
}
END_TEST

START_TEST(reading_takes_whole_minutes)
{
    ck_assert_int_eq(forge_core_reading_minutes(0), 0);
    ck_assert_int_eq(forge_core_reading_minutes(1), 1);
    ck_assert_int_eq(forge_core_reading_minutes(238), 1);
    ck_assert_int_eq(forge_core_reading_minutes(239), 2);
}
END_TEST

/* --- passages --- */

static apr_array_header_t *passages(const char *text)
{
    apr_array_header_t *all = apr_array_make(P, 4, sizeof(forge_passage_t));
    const forge_text_page_t made = page(text);
    forge_core_passages(P, 7, &made, all);
    return all;
}

static const char *body(const apr_array_header_t *all, int i)
{
    return APR_ARRAY_IDX(all, i, forge_passage_t).body;
}

static apr_size_t characters(const char *text)
{
    apr_size_t n = 0;
    ck_assert(forge_util_utf8(text, strlen(text), &n));
    return n;
}

START_TEST(short_pages_are_one_passage)
{
    const apr_array_header_t *all = passages("A title\n\nThe first line\nand the second.\n\n\nThe end.");
    ck_assert_int_eq(all->nelts, 1);
    ck_assert_str_eq(body(all, 0), "A title\nThe first line and the second.\nThe end.");
    ck_assert_int_eq(APR_ARRAY_IDX(all, 0, forge_passage_t).page, 7);
    ck_assert_int_eq(passages("")->nelts, 0);
    ck_assert_str_eq(body(passages("人人生\n而自由"), 0), "人人生而自由");
    ck_assert_str_eq(body(passages("한국\n사람"), 0), "한국 사람");
}
END_TEST

START_TEST(paragraphs_stay_whole_where_they_fit)
{
    const char *paragraph = times("Twenty characters so. ", 40); /* 880 characters */
    const apr_array_header_t *all = passages(apr_pstrcat(P, paragraph, "\n\n", paragraph, "\n\nEnd.", NULL));
    ck_assert_int_eq(all->nelts, 2);
    ck_assert_int_eq(characters(body(all, 0)), 879);
    ck_assert(apr_strnatcmp(body(all, 1) + strlen(body(all, 1)) - 5, "\nEnd.") == 0);
}
END_TEST

/* Nothing is lost, nothing is longer than it may be, and each piece ends where a sentence does. */
START_TEST(long_paragraphs_are_cut_behind_sentences)
{
    const char *text = times("Bäume wachsen langsam. ", 500);
    const apr_array_header_t *all = passages(text);
    const char *joined = "";
    for (int i = 0; i < all->nelts; i++) {
        const char *piece = body(all, i);
        ck_assert_uint_le(characters(piece), FORGE_PASSAGE_CHARACTERS);
        ck_assert_int_eq(piece[strlen(piece) - 1], '.');
        ck_assert_int_eq(strncmp(piece, "Bäume", 6), 0);
        joined = apr_pstrcat(P, joined, piece, " ", NULL);
    }
    ck_assert_int_gt(all->nelts, 7);
    ck_assert_str_eq(joined, text);
}
END_TEST

START_TEST(endless_words_are_cut_between_characters)
{
    const apr_array_header_t *all = passages(times("ä", 4000));
    ck_assert_int_eq(all->nelts, 3);
    ck_assert_uint_eq(characters(body(all, 0)), FORGE_PASSAGE_CHARACTERS);
    ck_assert_uint_eq(characters(body(all, 2)), 1000);
    ck_assert_int_eq(passages(times("word ", 400))->nelts, 2);
}
END_TEST

Suite *forge_test_core_texts(void)
{
    Suite *s = suite_create("core_texts");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, form_feeds_part_pages);
    tcase_add_test(tc, texts_are_cleaned);
    tcase_add_test(tc, words_are_counted_as_unicode_says);
    tcase_add_test(tc, words_know_what_parts_them);
    tcase_add_test(tc, long_texts_lose_no_word);
    tcase_add_test(tc, reading_takes_whole_minutes);
    tcase_add_test(tc, short_pages_are_one_passage);
    tcase_add_test(tc, paragraphs_stay_whole_where_they_fit);
    tcase_add_test(tc, long_paragraphs_are_cut_behind_sentences);
    tcase_add_test(tc, endless_words_are_cut_between_characters);
    suite_add_tcase(s, tc);
    return s;
}
