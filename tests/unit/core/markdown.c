/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/learning/markdown.c: what becomes of Markdown, what never gets through, and what it may cost.
 */
#include "core/learning/learning.h"
#include "unit.h"
#include <apr_strings.h>
#include <pthread.h>
#include <string.h>

static const char *html(const char *text)
{
    return forge_core_markdown_html(forge_test_pool, text);
}

/* `n` times the same text. */
static char *times(const char *text, int n)
{
    apr_size_t len = strlen(text);
    char *all = apr_palloc(forge_test_pool, len * (apr_size_t)n + 1);
    for (int i = 0; i < n; i++)
        memcpy(all + len * (apr_size_t)i, text, len);
    all[len * (apr_size_t)n] = '\0';
    return all;
}

START_TEST(markdown_becomes_html)
{
    ck_assert_str_eq(html(""), "");
    ck_assert_str_eq(html("# Graphs\n\n*n* **nodes**, `a < b`\n"),
                     "<h1>Graphs</h1>\n<p><em>n</em> <strong>nodes</strong>, <code>a &lt; b</code></p>\n");
    ck_assert_str_eq(html("- one\n- two\n"), "<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n");
    ck_assert_str_eq(html("```python\nprint(1)\n```\n"),
                     "<pre><code class=\"language-python\">print(1)\n</code></pre>\n");
    ck_assert_str_eq(html("[there](https://example.org/?a=1&b=2)"),
                     "<p><a href=\"https://example.org/?a=1&amp;b=2\">there</a></p>\n");
    ck_assert_str_eq(html("Bäume 🌳"), "<p>Bäume 🌳</p>\n");
}
END_TEST

START_TEST(no_script_gets_through)
{
    static const char *const texts[] = {
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "<svg/onload=alert(1)>\n\ntext",
        "<iframe src=\"https://example.org\"></iframe>",
        "<!-- --><a href=\"javascript:alert(1)\">x</a>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](<javascript:alert(1)>)",
        "[x](&#106;avascript:alert(1))",
        "[x](&#x6A;avascript&colon;alert(1))",
        "[x](vbscript:msgbox(1))",
        "[x](file:///etc/passwd)",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](javascript:alert(1))",
        "<javascript:alert(1)>",
        "[x]: javascript:alert(1)\n\n[x]",
        "[a](https://example.org \"\\\" onmouseover=\\\"alert(1)\")",
        "```\"><script>alert(1)</script>\nx\n```",
        "![\"><script>alert(1)</script>](x)",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        const char *made = html(texts[i]);
        static const char *const never[] = {"<script",           "<img src=x",     "<svg",        "<iframe",
                                            "href=\"javascript", "vbscript:",      "href=\"file", "href=\"data",
                                            "src=\"javascript",  "\" onmouseover", NULL};
        for (int n = 0; never[n]; n++)
            ck_assert_msg(!strcasestr(made, never[n]), "%s: %s", texts[i], made);
    }
}
END_TEST

/* What asks for too much memory is shown as it was typed. */
START_TEST(a_bomb_stays_text)
{
    const char *bomb = apr_pstrcat(forge_test_pool, times("> ", 99990), "<script>&\"", NULL), *made = html(bomb);
    ck_assert(strncmp(made, "<pre>&gt; &gt; ", 15) == 0);
    ck_assert_str_eq(made + strlen(made) - 37, "&gt; &lt;script&gt;&amp;&quot;</pre>\n");
    ck_assert_str_eq(html("*after*"), "<p><em>after</em></p>\n");
}
END_TEST

/* An address of 100 KB behind a short name, used 25 000 times, would be 2.5 GB. */
START_TEST(names_of_addresses_do_not_multiply)
{
    const char *text = apr_pstrcat(forge_test_pool, "[a]: https://example.org/", times("x", 100000), "\n\n",
                                   times("[a] ", 25000), NULL);
    ck_assert_uint_lt(strlen(html(text)), 4 * 1024 * 1024 + 1);
}
END_TEST

/* The largest lesson in an alphabet of three bytes a letter is no bomb. */
START_TEST(a_long_lesson_is_rendered)
{
    static const char item[] = "- **図** `理論` と [木](https://example.org)\n\n"
                               "  長い段落の文章です。\n";
    const char *made = html(times(item, 4000));
    ck_assert(strncmp(made, "<ul>\n<li>\n<p><strong>", 21) == 0);
}
END_TEST

/* What is nested or left open as deep as a lesson can: it ends, in bounds. */
START_TEST(depth_has_an_end)
{
    static const char *const pieces[] = {"> ", "- ", "[", "*a ",          "![",  "((",
                                         "`",  "<",  "&", "**x [a](b) _", "\\[", "1. "};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        const char *made = html(times(pieces[i], (int)(200000 / strlen(pieces[i]))));
        ck_assert_uint_gt(strlen(made), 0);
        ck_assert_uint_lt(strlen(made), 4 * 1024 * 1024 + 1);
    }
    ck_assert_str_eq(html("after *all*"), "<p>after <em>all</em></p>\n");
}
END_TEST

START_TEST(the_same_text_gives_the_same_page)
{
    char *first = apr_pstrdup(forge_test_pool, html("*one*"));
    for (int i = 0; i < 2000; i++) /* more than are remembered */
        ck_assert_str_eq(html(apr_psprintf(forge_test_pool, "*%d*", i)),
                         apr_psprintf(forge_test_pool, "<p><em>%d</em></p>\n", i));
    ck_assert_str_eq(html("*one*"), first);
    ck_assert_str_eq(html("*one*"), first);
}
END_TEST

static void *reader(void *baton)
{
    apr_pool_t *p;
    apr_pool_create(&p, NULL);
    for (int i = 0; i < 300; i++) {
        const char *wanted = apr_psprintf(p, "<p><em>%d</em></p>\n", i % 7),
                   *made = forge_core_markdown_html(p, apr_psprintf(p, "*%d*", i % 7));
        if (strcmp(made, wanted) != 0)
            *(int *)baton += 1;
    }
    apr_pool_destroy(p);
    return NULL;
}

START_TEST(many_at_once)
{
    pthread_t threads[8];
    int wrong[8] = {0};
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, reader, &wrong[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(wrong[i], 0);
    }
}
END_TEST

Suite *forge_test_core_markdown(void)
{
    Suite *s = suite_create("core_markdown");
    TCase *tc = tcase_create("markdown");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, markdown_becomes_html);
    tcase_add_test(tc, no_script_gets_through);
    tcase_add_test(tc, a_bomb_stays_text);
    tcase_add_test(tc, names_of_addresses_do_not_multiply);
    tcase_add_test(tc, a_long_lesson_is_rendered);
    tcase_add_test(tc, depth_has_an_end);
    tcase_add_test(tc, the_same_text_gives_the_same_page);
    tcase_add_test(tc, many_at_once);
    suite_add_tcase(s, tc);
    return s;
}
