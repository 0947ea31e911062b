/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/analysis/terms.c and language.c: what a text is about, and in which language.
 */
#include "core/analysis/analysis.h"
#include "unit.h"
#include <apr_strings.h>
#include <string.h>

#define P forge_test_pool

static apr_array_header_t *pages(const char *text)
{
    return forge_core_text_pages(P, text, strlen(text));
}

/* --- language --- */

static const struct {
    const char *code, *search, *text;
} samples[] = {
    {"en", "english",
     "A tree is a set of nodes that are joined by edges, so that there is exactly one way between any two of them."},
    {"en", "english", "A rotation is how a tree stays balanced: a rotation changes the height of a node."},
    {"de", "german",
     "Ein Baum ist eine Menge von Knoten, die so durch Kanten verbunden sind, dass es zwischen je zweien genau einen "
     "Weg gibt."},
    {"fr", "french",
     "Un arbre est un ensemble de nœuds reliés par des arêtes, de "
     "sorte qu'il existe un seul chemin entre deux d'entre "
     "eux."},
    {"es", "spanish",
     "Un árbol es un conjunto de nodos unidos por aristas, de manera que existe exactamente un camino entre dos de "
     "ellos."},
    {"it", "italian",
     "Un albero è un insieme di nodi uniti da archi, in modo che tra due nodi qualsiasi ci sia esattamente un "
     "cammino."},
    {"nl", "dutch",
     "Een boom is een verzameling knopen die door kanten verbonden zijn, zodat er tussen elke twee precies één pad "
     "is."},
    {"pl", "simple",
     "Drzewo jest zbiorem wierzchołków połączonych krawędziami w "
     "taki sposób, że między każdymi dwoma istnieje "
     "dokładnie jedna droga."},
    {"ru", "russian",
     "Дерево есть множество вершин, соединённых рёбрами так, что "
     "между любыми двумя из них существует ровно один "
     "путь."},
    {"el", "greek",
     "Ένα δέντρο είναι ένα σύνολο κόμβων που συνδέονται με ακμές "
     "έτσι ώστε να υπάρχει ακριβώς ένας δρόμος μεταξύ "
     "δύο κόμβων."},
    {"tr", "turkish",
     "Bir ağaç, herhangi iki düğüm arasında tam olarak bir yol olacak şekilde kenarlarla birbirine bağlanmış "
     "düğümlerin kümesidir."},
};

START_TEST(languages_are_told)
{
    const char *code = forge_core_language(P, pages(samples[_i].text));
    ck_assert_msg(code && strcmp(code, samples[_i].code) == 0, "%s is taken for %s", samples[_i].code,
                  code ? code : "nothing");
    ck_assert_str_eq(forge_core_language_search(code), samples[_i].search);
}
END_TEST

START_TEST(what_is_no_language_is_none)
{
    static const char *const texts[] = {"", "Hello", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24",
                                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd ### *** ---"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        ck_assert_msg(!forge_core_language(P, pages(texts[i])), "%s", texts[i]);
    ck_assert_str_eq(forge_core_language_search(NULL), "simple");
    ck_assert_str_eq(forge_core_language_search("xx"), "simple");
}
END_TEST

/* A cover in another language says nothing of a book. */
START_TEST(the_middle_of_a_text_speaks_for_it)
{
    const char *text = "Table of contents of the book\f";
    for (int i = 0; i < 9; i++)
        text = apr_pstrcat(P, text, samples[2].text, "\f", NULL);
    ck_assert_str_eq(forge_core_language(P, pages(text)), "de");
}
END_TEST

/* --- terms --- */

/* What the dictionary of a language would say, for the texts here. */
static const char *stem_of(const char *word)
{
    static const char *const stops[] = {"the", "and", "are", "was", "its", "each", "with", "that", "every",
                                        "has", "der", "die", "das", "und", "ist",  "ein",  "von"};
    const apr_size_t len = strlen(word);
    for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++)
        if (strcmp(word, stops[i]) == 0)
            return NULL;
    return word[len - 1] == 's' ? apr_pstrmemdup(P, word, len - 1) : word;
}

/* The best terms, as "term 3 p1; …". */
static const char *terms(const char *text)
{
    const char *word, *all = "";
    forge_terms_t *counted = forge_core_terms(P, pages(text));
    for (int i = 0; (word = forge_core_terms_word(counted, i)); i++)
        forge_core_terms_stem(counted, i, stem_of(word));
    const apr_array_header_t *best = forge_core_terms_best(P, counted);
    for (int i = 0; i < best->nelts; i++) {
        const forge_term_t *term = &APR_ARRAY_IDX(best, i, forge_term_t);
        all =
            apr_psprintf(P, "%s%s%s %" APR_INT64_T_FMT " p%d", all, i ? "; " : "", term->text, term->count, term->page);
    }
    return all;
}

START_TEST(longer_terms_explain_their_parts)
{
    ck_assert_str_eq(terms("The search tree and the search tree. Every search tree has nodes.\f"
                           "Nodes and nodes. A node with nodes."),
                     "nodes 5 p1; search tree 3 p1");
}
END_TEST

START_TEST(inflections_are_one_term)
{
    ck_assert_str_eq(terms("Graph and graphs: the graph was the graphs."), "graph 4 p1");
}
END_TEST

START_TEST(what_is_always_large_stays_large)
{
    ck_assert_str_eq(terms("Der Baum und der Baum. Suche ist das Suche; suche."), "suche 3 p1; Baum 2 p1");
    ck_assert_str_eq(terms("BFS and DFS, BFS and DFS, BFS."), "BFS 3 p1; DFS 2 p1");
}
END_TEST

START_TEST(punctuation_ends_a_term)
{
    ck_assert_str_eq(terms("stack. queue stack. queue stack, queue"), "queue stack 2 p1; stack 3 p1; queue 3 p1");
}
END_TEST

START_TEST(short_texts_have_terms_that_stand_there_once)
{
    ck_assert_str_eq(terms("Binary numbers"), "Binary 1 p1; numbers 1 p1");
    ck_assert_str_eq(terms("the and 12 345 xy"), "");
    ck_assert_str_eq(terms(""), "");
}
END_TEST

START_TEST(as_many_as_are_asked_for_in_the_same_order)
{
    const char *text = "";
    for (int i = 0; i < 60; i++)
        text = apr_psprintf(P, "%s word%c%c. word%c%c.", text, 'a' + i / 8, 'a' + i % 8, 'a' + i / 8, 'a' + i % 8);
    const char *once = terms(text);
    int semicolons = 0;
    for (const char *at = once; (at = strchr(at, ';')); at++)
        semicolons++;
    ck_assert_int_eq(semicolons, FORGE_TERMS_MAX - 1);
    ck_assert_str_eq(terms(text), once);
}
END_TEST

/* What a hostile text costs stays bounded: words without end, and more different ones than are counted. */
START_TEST(hostile_texts_are_bounded)
{
    forge_buf_t *b = forge_util_buf_make(P, 1 << 20, 8 << 20);
    for (int i = 0; i < 300000; i++)
        forge_util_buf_printf(b, "w%c%c%c%c ", 'a' + i % 26, 'a' + i / 26 % 26, 'a' + i / 676 % 26, 'a' + i / 17576);
    forge_util_buf_add(b, "", 1);
    forge_terms_t *counted = forge_core_terms(P, pages(b->data));
    ck_assert_ptr_nonnull(forge_core_terms_word(counted, FORGE_TERMS_WORDS_MAX - 1));
    ck_assert_ptr_null(forge_core_terms_word(counted, FORGE_TERMS_WORDS_MAX));
    for (int i = 0; i < FORGE_TERMS_WORDS_MAX; i++)
        forge_core_terms_stem(counted, i, forge_core_terms_word(counted, i));
    ck_assert_int_le(forge_core_terms_best(P, counted)->nelts, FORGE_TERMS_MAX);
    char *endless = apr_palloc(P, 500001);
    memset(endless, 'x', 500000);
    endless[500000] = '\0';
    ck_assert_str_eq(terms(endless), "");
}
END_TEST

Suite *forge_test_core_terms(void)
{
    Suite *s = suite_create("core_terms");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_loop_test(tc, languages_are_told, 0, (int)(sizeof(samples) / sizeof(*samples)));
    tcase_add_test(tc, what_is_no_language_is_none);
    tcase_add_test(tc, the_middle_of_a_text_speaks_for_it);
    tcase_add_test(tc, longer_terms_explain_their_parts);
    tcase_add_test(tc, inflections_are_one_term);
    tcase_add_test(tc, what_is_always_large_stays_large);
    tcase_add_test(tc, punctuation_ends_a_term);
    tcase_add_test(tc, short_texts_have_terms_that_stand_there_once);
    tcase_add_test(tc, as_many_as_are_asked_for_in_the_same_order);
    tcase_add_test(tc, hostile_texts_are_bounded);
    suite_add_tcase(s, tc);
    return s;
}
