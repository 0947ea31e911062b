/* SPDX-License-Identifier: Apache-2.0
 * Tests of runner/encoding.c: which programs Python cannot read from a pipe.
 */
#include "runner/runner.h"
#include "unit.h"

#define ROW(goes_back, text) \
    { \
        {text, sizeof(text) - 1}, goes_back \
    }

static const struct {
    forge_run_bytes_t code;
    bool goes_back;
} rows[] = {
    ROW(false, ""),
    ROW(false, "\n"),
    ROW(false, "print(1)"),
    ROW(true, "# -*- coding: latin-1 -*-"),
    ROW(true, " \t\f# vim: set fileencoding=cp1252 :\n"),
    ROW(true, "#coding=x"),
    ROW(true, "#!/usr/bin/python3\n#coding:ascii\n"),
    ROW(true, "\n#coding:ascii"),
    ROW(true, "\r\n#coding:ascii"),
    ROW(true, "\r#coding:ascii"),
    ROW(false, "\n\n#coding:ascii"),
    ROW(false, "\r\n\r\n#coding:ascii"),
    ROW(false, "\n\r#coding:ascii"),
    ROW(false, "# -*- coding: utf-8 -*-\nprint(1)"),
    ROW(false, "# coding: UTF-8"),
    ROW(false, "# encoding=Utf-8\r\n"),
    ROW(true, "# coding: utf-8-sig"),
    ROW(true, "# coding: utf8"),
    ROW(true, "# coding: utf-80"),
    ROW(false, "# coding:"),
    ROW(false, "# coding"),
    ROW(false, "#coding is fun: yes"),
    ROW(true, "# decoding=1, but it looks like one"),
    ROW(false, "x = open('x', encoding='latin-1')"),
    ROW(false, "import os\nf = dict(encoding=1) # coding"),
    ROW(true, "print(1)\0"),
    ROW(true, "PK\3\4\n\0"),
};

START_TEST(comments_of_two_lines_and_what_is_no_text)
{
    ck_assert_msg(forge_runner_goes_back(rows[_i].code) == rows[_i].goes_back, "%s", rows[_i].code.data);
}
END_TEST

Suite *forge_test_run_encoding(void)
{
    Suite *s = suite_create("run_encoding");
    TCase *tc = tcase_create("rows");
    tcase_add_loop_test(tc, comments_of_two_lines_and_what_is_no_text, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    suite_add_tcase(s, tc);
    return s;
}
