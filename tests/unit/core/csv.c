/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/csv: what RFC 4180 lets through, and what is told about the rest.
 */
#include "core/wire/wire.h"
#include "unit.h"
#include <apr_strings.h>

static const char *why;
static bool too_many;

static forge_csv_t *parse(const char *text)
{
    why = "";
    return forge_core_csv_parse(forge_test_pool, text, 3, &too_many, &why);
}

static const char *cell(const forge_csv_t *csv, int row, int column)
{
    return APR_ARRAY_IDX(csv->rows, row, forge_csv_row_t).fields[column];
}

/* All rows as text, fields parted by '|' and rows by '/'. */
static const char *flat(const char *text)
{
    forge_csv_t *csv = parse(text);
    const char *out = "";
    ck_assert_msg(csv != NULL, "%s: %s", text, why);
    for (int r = 0; r < csv->rows->nelts; r++)
        for (int c = 0; c < csv->columns; c++)
            out = apr_pstrcat(forge_test_pool, out, r && !c ? "/" : "", c ? "|" : "", cell(csv, r, c), NULL);
    return out;
}

START_TEST(well_formed)
{
    static const char *const cases[][2] = {
        {"a,b\r\n1,2\r\n", "1|2"},
        {"a,b\n1,2", "1|2"},
        {"a,b\n1,2\n3,4\n", "1|2/3|4"},
        {"\xef\xbb\xbf"
         "a,b\n1,2\n",
         "1|2"},
        {"a,b\n\"x,y\",\"he said \"\"no\"\"\"\n", "x,y|he said \"no\""},
        {"a,b\n\"two\r\nlines\",2\r\n3,4\r\n", "two\r\nlines|2/3|4"},
        {"a,b\n,\n", "|"},
        {"a,b\n1,", "1|"},
        {"a,b\n\"\",\"\"\n", "|"},
        {"a,b\n\n1,2\n\r\n\n3,4\n\n", "1|2/3|4"},
        {"a\nx\n", "x"},
        {"a\n\"\"\n", ""},
        {"a,b\n 1 , 2 \n", " 1 | 2 "},
        {"a,b\nÄ,日本\n", "Ä|日本"},
        {"a,b\n\"\"\"\",\"\"\"\"\n", "\"|\""},
        {"a,b", ""},
        {"a,b\r\n\"1\",2\r\n", "1|2"},
        {"a,b\n1,\"2\"", "1|2"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_msg(strcmp(flat(cases[i][0]), cases[i][1]) == 0, "%s gives %s", cases[i][0], flat(cases[i][0]));
}
END_TEST

/* What a spreadsheet would run, or another program would take for the beginning of a cell, is text. */
START_TEST(no_cell_runs)
{
    static const char *const cases[][2] = {
        {NULL, "\"\""},
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a\"b", "\"a\"\"b\""},
        {"=1", "\"'=1\""},
        {"+1", "\"'+1\""},
        {"-1", "\"'-1\""},
        {"@a", "\"'@a\""},
        {"\t=1", "\"'\t'=1\""},
        {"\r1", "\"'\r1\""},
        {" =1", "\" '=1\""},
        {"\"=1", "\"\"\"'=1\""},
        {"a;=1", "\"a;'=1\""},
        {"a,-1", "\"a,'-1\""},
        {"a\n@b", "\"a\n'@b\""},
        {"a=b-c", "\"a=b-c\""},
        {"\xef\xbc\x9d"
         "1",
         "\"'\xef\xbc\x9d"
         "1\""},
        {"\xef\xbc\x9e"
         "1",
         "\"\xef\xbc\x9e"
         "1\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        forge_buf_t *b = forge_util_buf_make(forge_test_pool, 64, 1024);
        forge_core_csv_cell(b, true, cases[i][0]);
        const char *out = apr_pstrmemdup(forge_test_pool, b->data, b->len);
        ck_assert_msg(strcmp(out, cases[i][1]) == 0, "%s gives %s", cases[i][0], out);
        forge_core_csv_cell(b, false, "x");
        ck_assert_str_eq(apr_pstrmemdup(forge_test_pool, b->data, b->len),
                         apr_pstrcat(forge_test_pool, cases[i][1], ",\"x\"", NULL));
    }
}
END_TEST

START_TEST(ill_formed)
{
    static const char *const cases[][2] = {
        {"", "line 1: there is no header line"},
        {"\xef\xbb\xbf", "line 1: there is no header line"},
        {"a,,b\n", "line 1: a column has no name"},
        {"a, A\n", "line 1: a column name comes twice"},
        {"\n1,2\n", "line 1: a column has no name"},
        {"a,b\n1\n", "line 2: there are 1 fields, but 2 columns"},
        {"a,b\n1,2\n1,2,3\n", "line 3: there are 3 fields, but 2 columns"},
        {"a,b\n1,\"2\n3,4\n", "line 2: a quoted field has no end"},
        {"a,b\n1,\"2\"x\n", "line 2: something follows a closing quote"},
        {"a,b\n\"x\ny\"z,1\n", "line 3: something follows a closing quote"},
        {"a,b\n1,x\"y\"\n", "line 2: a quote stands inside a field that has none around it"},
        {"a,b\n\"1\" ,2\n", "line 2: something follows a closing quote"},
        {"a,b\n\"x\ny\",1\n2\n", "line 4: there are 1 fields, but 2 columns"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ck_assert_msg(parse(cases[i][0]) == NULL, "%s", cases[i][0]);
        ck_assert_str_eq(why, cases[i][1]);
    }
}
END_TEST

START_TEST(names_and_lines)
{
    forge_csv_t *csv = parse(" E-Mail ,\"Role\"\nx,\"y\nz\"\n1,2\n");
    ck_assert_ptr_nonnull(csv);
    ck_assert_int_eq(forge_core_csv_column(csv, "e-mail"), 0);
    ck_assert_int_eq(forge_core_csv_column(csv, "role"), 1);
    ck_assert_int_eq(forge_core_csv_column(csv, "Role"), -1);
    ck_assert_int_eq(APR_ARRAY_IDX(csv->rows, 0, forge_csv_row_t).line, 2);
    ck_assert_int_eq(APR_ARRAY_IDX(csv->rows, 1, forge_csv_row_t).line, 4);
}
END_TEST

START_TEST(ceilings)
{
    ck_assert_int_eq(parse("a\n1\n2\n3\n\n")->rows->nelts, 3);
    ck_assert(!too_many);
    ck_assert_int_eq(parse("a\n1\n2\n3\n4\n")->rows->nelts, 3);
    ck_assert(too_many);
    char *wide = apr_pcalloc(forge_test_pool, 4 * (FORGE_CSV_COLUMNS_MAX + 1) + 1);
    for (int i = 0; i <= FORGE_CSV_COLUMNS_MAX; i++)
        apr_snprintf(wide + 4 * i, 5, "c%02d,", i);
    ck_assert_ptr_null(parse(wide));
    ck_assert_str_eq(why, "line 1: there are more than 64 columns");
    wide[4 * FORGE_CSV_COLUMNS_MAX - 1] = '\0';
    ck_assert_int_eq(parse(wide)->columns, FORGE_CSV_COLUMNS_MAX);
}
END_TEST

/* Whatever the bytes are, nothing is read or written outside the text (for the sanitizers to see). */
START_TEST(every_prefix)
{
    static const char text[] = "a,\"b\"\r\n\"x \"\"y\"\"\r\n\",2\r\n,\"\"\n\n\"z\",3";
    for (size_t n = 0; n < sizeof(text); n++)
        parse(apr_pstrmemdup(forge_test_pool, text, n));
}
END_TEST

Suite *forge_test_core_csv(void)
{
    Suite *s = suite_create("core_csv");
    TCase *tc = tcase_create("csv");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, well_formed);
    tcase_add_test(tc, no_cell_runs);
    tcase_add_test(tc, ill_formed);
    tcase_add_test(tc, names_and_lines);
    tcase_add_test(tc, ceilings);
    tcase_add_test(tc, every_prefix);
    suite_add_tcase(s, tc);
    return s;
}
