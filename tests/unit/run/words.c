/* SPDX-License-Identifier: Apache-2.0
 * Tests of runner/words.c: what the arguments of a job can put into the command of a tool.
 */
#include "runner/runner.h"
#include "unit.h"

#define WORDS(text) \
    { \
        (char *)(uintptr_t)text, sizeof(text) \
    }

static const forge_runner_profile_t two = {.tool = true, .words = WORDS("/p\0-f\0%1n\0x%2n-%1n.\0-")},
                                    none = {.tool = true, .words = WORDS("/p\0-")},
                                    clone = {.tool = true, .words = WORDS("/g\0%1h:%2p/%3r\0%4n\0%5b")},
                                    spoken = {.tool = true, .words = WORDS("/t\0-l\0%1l")},
                                    language = {.tool = false, .words = WORDS("/p\0%1n")};

/* A text and the NUL at its end; nothing at all. */
#define LINE(text) \
    { \
        text, sizeof(text) \
    }
#define NONE \
    { \
        NULL, 0 \
    }

static const struct {
    const forge_runner_profile_t *profile;
    forge_run_bytes_t args, line; /* no line: refused */
} rows[] = {
    {&two, LINE("1\0007"), LINE("/p\0-f\0001\0x7-1.\0-")},
    {&two, LINE("99999\00020"), LINE("/p\0-f\00099999\0x20-99999.\0-")},
    {&two, NONE, NONE},
    {&two, LINE("1"), NONE},
    {&two, LINE("1\0"), NONE},
    {&two, LINE("1\0002\0003"), NONE},
    {&two, LINE("1\0-o"), NONE},
    {&two, LINE("1\0000"), NONE},
    {&two, LINE("1\00007"), NONE},
    {&two, LINE("1\000100000"), NONE},
    {&two, LINE("1\0002 -o"), NONE},
    {&two, LINE("1\0002\n"), NONE},
    {&two, LINE("/etc/passwd\0002"), NONE},
    {&none, NONE, LINE("/p\0-")},
    {&none, LINE(""), NONE},
    {&none, LINE("1"), NONE},
    {&spoken, LINE("deu+eng"), LINE("/t\0-l\0deu+eng")},
    {&spoken, LINE("chi_sim"), LINE("/t\0-l\0chi_sim")},
    {&spoken, LINE("--psm"), NONE},
    {&spoken, LINE("../eng"), NONE},
    {&spoken, LINE("+eng"), NONE},
    {&spoken, LINE("ENG"), NONE},
    {&spoken, LINE(""), NONE},
    {&spoken, LINE("aaaaaaaaaabbbbbbbbbbccccccccccdd"), NONE},
    {&clone, LINE("git.example.org\000443\000a/b\0007\000"), LINE("/g\0git.example.org:443/a/b\0007\000")},
    {&clone, LINE("a\0001\000o-1/n.a_m-e.git\0001\000v1.0/x+y"), LINE("/g\0a:1/o-1/n.a_m-e.git\0001\000v1.0/x+y")},
    {&clone, LINE("a\0001\000o/.github\0001\000"), LINE("/g\0a:1/o/.github\0001\000")},
    {&clone, LINE("-a\0001\000o/n\0001\000"), NONE},
    {&clone, LINE("a@b\0001\000o/n\0001\000"), NONE},
    {&clone, LINE("a:b\0001\000o/n\0001\000"), NONE},
    {&clone, LINE("::1\0001\000o/n\0001\000"), NONE},
    {&clone, LINE("\0001\000o/n\0001\000"), NONE},
    {&clone, LINE("a\00065536\000o/n\0001\000"), NONE},
    {&clone, LINE("a\0001\000../n\0001\000"), NONE},
    {&clone, LINE("a\0001\000o/..\0001\000"), NONE},
    {&clone, LINE("a\0001\000o/./n\0001\000"), NONE},
    {&clone, LINE("a\0001\000o//n\0001\000"), NONE},
    {&clone, LINE("a\0001\000o/\0001\000"), NONE},
    {&clone, LINE("a\0001\000o/-n\0001\000"), NONE},
    {&clone, LINE("a\0001\000/o/n\0001\000"), NONE},
    {&clone, LINE("a\0001\000o/n?x\0001\000"), NONE},
    {&clone, LINE("a\0001\000o/n%2e\0001\000"), NONE},
    {&clone, LINE("a\0001\000o/$(n)\0001\000"), NONE},
    {&clone, LINE("a\0001\000o/n\n\0001\000"), NONE},
    {&clone, LINE("a\0001\000o/n\0001\000--upload-pack=x"), NONE},
    {&clone, LINE("a\0001\000o/n\0001\000a..b"), NONE},
    {&clone, LINE("a\0001\000o/n\0001\000a b"), NONE},
    {&clone, LINE("a\0001\000o/n\0001"), NONE},
    {&language, LINE("-o\0%1n"), LINE("/p\0%1n\0-o\0%1n")},
    {&language, NONE, LINE("/p\0%1n")},
};

START_TEST(arguments_stay_what_they_are)
{
    char line[INIT_WORDS_MAX];
    size_t len = forge_runner_words(rows[_i].profile, rows[_i].args, line);
    ck_assert_msg(len == rows[_i].line.len, "%d: %d", _i, (int)len);
    if (len)
        ck_assert_mem_eq(line, rows[_i].line.data, len);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    static char args[INIT_WORDS_MAX];
    char line[INIT_WORDS_MAX];
    ck_assert_int_eq((int)forge_runner_words(&language, (forge_run_bytes_t){args, sizeof(args)}, line), 0);
    ck_assert_int_eq((int)forge_runner_words(&language, (forge_run_bytes_t){args, sizeof(args) - 7}, line),
                     (int)sizeof(line));
}
END_TEST

Suite *forge_test_run_words(void)
{
    Suite *s = suite_create("run_words");
    TCase *tc = tcase_create("words");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_loop_test(tc, arguments_stay_what_they_are, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tc, what_does_not_fit_is_refused);
    suite_add_tcase(s, tc);
    return s;
}
