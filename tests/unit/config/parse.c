/* SPDX-License-Identifier: Apache-2.0
 * config/parse.c: what directives may say and what they may not.
 */
#include "config/parse.h"
#include "core/identity/identity.h"
#include "unit.h"

#define SECOND APR_USEC_PER_SEC

START_TEST(durations)
{
    static const struct {
        const char *text;
        apr_int64_t t;
    } good[] = {
        {"0s", 0},
        {"500ms", SECOND / 2},
        {"10s", 10 * SECOND},
        {"15m", 900 * SECOND},
        {"2h", 7200 * SECOND},
        {"7d", 7 * 86400 * SECOND},
    };
    static const char *const bad[] = {"",
                                      "10",
                                      "s",
                                      "ms",
                                      "-1s",
                                      "+1s",
                                      " 1s",
                                      "1s ",
                                      "1 s",
                                      "300xs",
                                      "1.5s",
                                      "1S",
                                      "1ss",
                                      "1sm",
                                      "0x1s",
                                      "9223372036854775807s",
                                      "9223372036854775808ms",
                                      "99999999999999999999d"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        apr_int64_t t = -7;
        ck_assert_msg(forge_config_parse_duration(good[i].text, &t), "%s", good[i].text);
        ck_assert_int_eq(t, good[i].t);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        apr_int64_t t = -7;
        ck_assert_msg(!forge_config_parse_duration(bad[i], &t), "%s", bad[i]);
        ck_assert_int_eq(t, -7);
    }
}
END_TEST

START_TEST(sizes)
{
    static const struct {
        const char *text;
        apr_int64_t bytes;
    } good[] = {
        {"0", 0},          {"4096", 4096},     {"1K", 1024},
        {"10M", 10485760}, {"2G", 2147483648}, {"9223372036854775807", APR_INT64_MAX},
    };
    static const char *const bad[] = {
        "", "K", "1k", "1KB", "1 K", "-1", "1e3", "300x", "9223372036854775808", "9007199254740992K", "1.5M"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        apr_int64_t bytes = -7;
        ck_assert_msg(forge_config_parse_size(good[i].text, &bytes), "%s", good[i].text);
        ck_assert_int_eq(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        apr_int64_t bytes = -7;
        ck_assert_msg(!forge_config_parse_size(bad[i], &bytes), "%s", bad[i]);
        ck_assert_int_eq(bytes, -7);
    }
}
END_TEST

START_TEST(counts)
{
    apr_int64_t n = -7;
    ck_assert(forge_config_parse_count("12", &n));
    ck_assert_int_eq(n, 12);
    ck_assert(!forge_config_parse_count("", &n));
    ck_assert(!forge_config_parse_count("-1", &n));
    ck_assert(!forge_config_parse_count("1K", &n));
    ck_assert(!forge_config_parse_count("9223372036854775808", &n));
    ck_assert_int_eq(n, 12);
}
END_TEST

START_TEST(rates)
{
    static const char *const bad[] = {
        "",      "1000",     "1000/",   "/15m",    "0/15m",    "-1/15m", "10/0s",
        "10/15", "10/15m/2", "10 /15m", "10/ 15m", "300x/15m", "of",     "99999999999999999999/1s"};
    forge_limit_t rate = {7, 7};
    ck_assert(forge_config_parse_rate("1000/15m", &rate));
    ck_assert_int_eq(rate.limit, 1000);
    ck_assert_int_eq(rate.window, 900 * SECOND);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!forge_config_parse_rate(bad[i], &rate), "%s", bad[i]);
    ck_assert_int_eq(rate.limit, 1000);
    ck_assert(forge_config_parse_rate("Off", &rate));
    ck_assert_int_eq(rate.limit, 0);
}
END_TEST

START_TEST(decimals)
{
    static const struct {
        const char *text;
        double n;
    } good[] = {
        {"0", 0}, {"70", 70}, {"0.5", 0.5}, {"99.999", 99.999}, {"1.000001", 1.000001}, {"999999999999", 999999999999}};
    static const char *const bad[] = {
        "", ".5", "1.", "-1", "+1", "1e3", "0x1", "1,5", " 1", "1 ", "1.0000001", "9999999999999", "nan"};
    double n;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        ck_assert_msg(forge_config_parse_decimal(good[i].text, strlen(good[i].text), &n), "%s", good[i].text);
        ck_assert_double_eq_tol(n, good[i].n, 1e-9);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(!forge_config_parse_decimal(bad[i], strlen(bad[i]), &n), "%s", bad[i]);
    ck_assert(forge_config_parse_decimal("70%", 2, &n)); /* of a text that goes on */
    ck_assert_double_eq(n, 70);
}
END_TEST

START_TEST(choices)
{
    ck_assert_int_eq(forge_config_parse_choice("Off", "Off|On"), 0);
    ck_assert_int_eq(forge_config_parse_choice("on", "Off|On"), 1);
    ck_assert_int_eq(forge_config_parse_choice("", "Off|On"), -1);
    ck_assert_int_eq(forge_config_parse_choice("o", "Off|On"), -1);
    ck_assert_int_eq(forge_config_parse_choice("Off|On", "Off|On"), -1);
    ck_assert_int_eq(forge_config_parse_choice("onn", "Off|On"), -1);
}
END_TEST

START_TEST(names)
{
    ck_assert(forge_config_parse_name("production"));
    ck_assert(forge_config_parse_name("https://learn.example.org:8443/x"));
    ck_assert(forge_config_parse_name("0123456789012345678901234567890123456789012345678901234567890123"));
    ck_assert(!forge_config_parse_name("01234567890123456789012345678901234567890123456789012345678901234"));
    ck_assert(!forge_config_parse_name(""));
    ck_assert(!forge_config_parse_name("-x"));
    ck_assert(!forge_config_parse_name("a b"));
    ck_assert(!forge_config_parse_name("a\"b"));
    ck_assert(!forge_config_parse_name("a\nb"));
}
END_TEST

START_TEST(origins)
{
    static const char *const bad[] = {"",
                                      "*",
                                      "null",
                                      "example.org",
                                      "https://",
                                      "https://*.example.org",
                                      "https://a.example/",
                                      "https://a.example/x",
                                      "https://u@a.example",
                                      "https://a.example:0",
                                      "https://a.example:65536",
                                      "https://a.example:",
                                      "https://a.example:x",
                                      "https://a.example https://b.example",
                                      "://a.example",
                                      "1http://a.example",
                                      "https://bücher.example",
                                      "https://[::1",
                                      "https://-a.example",
                                      "https://.a.example",
                                      "https://a.example?x",
                                      "https://a.example#x"};
    ck_assert_str_eq(forge_config_parse_origin(forge_test_pool, "https://app.example.org"), "https://app.example.org");
    ck_assert_str_eq(forge_config_parse_origin(forge_test_pool, "HTTPS://App.Example.ORG:443"),
                     "https://app.example.org");
    ck_assert_str_eq(forge_config_parse_origin(forge_test_pool, "http://localhost:80"), "http://localhost");
    ck_assert_str_eq(forge_config_parse_origin(forge_test_pool, "http://localhost:443"), "http://localhost:443");
    ck_assert_str_eq(forge_config_parse_origin(forge_test_pool, "http://[::1]:3000"), "http://[::1]:3000");
    ck_assert_str_eq(forge_config_parse_origin(forge_test_pool, "capacitor://localhost"), "capacitor://localhost");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!forge_config_parse_origin(forge_test_pool, bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(pages)
{
    static const char *const bad[] = {"",     "login", "//evil.example",  "/\\evil.example", "/a b", "/a#b",
                                      "/a\n", "/\"",   "ftp://a.example", "http://"};
    ck_assert(forge_config_parse_page("/"));
    ck_assert(forge_config_parse_page("/login"));
    ck_assert(forge_config_parse_page("/login?lang=en&x=%20"));
    ck_assert(forge_config_parse_page("https://login.example.org/x"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        ck_assert_msg(!forge_config_parse_page(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(urls)
{
    static const char *const bad[] = {"",
                                      "ftp://a.example",
                                      "https:/a.example",
                                      "https://",
                                      "https://a.example/",
                                      "https://a.example/x/",
                                      "https://a.example?x",
                                      "https://a.example/x?y",
                                      "https://a.example/x#y",
                                      "https://u@a.example",
                                      "https://a.example:99999",
                                      "https://a.example/\"",
                                      "HTTPS://a.example",
                                      "https://a.examplex:1x"};
    ck_assert(forge_config_parse_url("https://learn.example.org"));
    ck_assert(forge_config_parse_url("http://127.0.0.1:8080"));
    ck_assert(forge_config_parse_url("https://learn.example.org/forge/a-b_c"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!forge_config_parse_url(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(policies)
{
    static const char *const bad[] = {"",        "min",     "min=",     "min=7",     "min=65", "max=63",
                                      "max=257", "score=5", "score=-1", "lowercase", "min=8x", "none"};
    forge_password_rules_t rules = {.min = 8, .max = 128};
    ck_assert(forge_config_parse_policy("min=12", &rules));
    ck_assert(forge_config_parse_policy("max=256", &rules));
    ck_assert(forge_config_parse_policy("score=0", &rules));
    ck_assert(forge_config_parse_policy("digit", &rules));
    ck_assert_int_eq(rules.min, 12);
    ck_assert_int_eq(rules.max, 256);
    ck_assert_int_eq(rules.score, 0);
    ck_assert(rules.digit && !rules.lower && !rules.upper && !rules.symbol);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!forge_config_parse_policy(bad[i], &rules), "%s", bad[i]);
    ck_assert_int_eq(rules.min, 12);
}
END_TEST

START_TEST(limits_of_a_run)
{
    static const char *const bad[] = {
        "",          "wall",      "wall=",       "wall=99ms",      "wall=301s", "cpu=6m",
        "memory=1M", "output=2M", "processes=0", "processes=1025", "files=1K",  "disk=1M",
        "wall=5",    "Wall=5s",   "memory=9G",   "output=1023",    "cpu=1sec",  "processes=-1"};
    forge_exec_limits_t limits = {.wall_ms = 1, .cpu_ms = 2, .memory = 3, .processes = 4, .output = 5, .files = 6};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!forge_config_parse_exec_limit(bad[i], &limits), "%s", bad[i]);
    ck_assert_int_eq(limits.wall_ms + limits.cpu_ms + limits.memory + limits.processes + limits.output + limits.files,
                     21);
    ck_assert(forge_config_parse_exec_limit("wall=1500ms", &limits));
    ck_assert(forge_config_parse_exec_limit("cpu=5m", &limits));
    ck_assert(forge_config_parse_exec_limit("memory=256M", &limits));
    ck_assert(forge_config_parse_exec_limit("processes=1024", &limits));
    ck_assert(forge_config_parse_exec_limit("output=1K", &limits));
    ck_assert(forge_config_parse_exec_limit("files=1G", &limits));
    ck_assert_int_eq(limits.wall_ms, 1500);
    ck_assert_int_eq(limits.cpu_ms, 300000);
    ck_assert_int_eq(limits.memory, 256 << 20);
    ck_assert_int_eq(limits.processes, 1024);
    ck_assert_int_eq(limits.output, 1024);
    ck_assert_int_eq(limits.files, 1 << 30);
}
END_TEST

START_TEST(labels)
{
    static const char *const good[] = {"a", "mod_forge", "Example University", "Universit\xc3\xa4t", NULL};
    static const char *const bad[] = {"", " a", "a ", "a:b", "a\nb", "a\x7f", "\xff", NULL};
    for (const char *const *text = good; *text; text++)
        ck_assert_msg(forge_config_parse_label(*text), "%s", *text);
    for (const char *const *text = bad; *text; text++)
        ck_assert_msg(!forge_config_parse_label(*text), "%s", *text);
    char longest[66];
    memset(longest, 'x', 65);
    longest[65] = 0;
    ck_assert(!forge_config_parse_label(longest));
    ck_assert(forge_config_parse_label(longest + 1));
}
END_TEST

START_TEST(shown_as_written)
{
    ck_assert_str_eq(forge_config_show_duration(forge_test_pool, 100 * 1000), "100ms");
    ck_assert_str_eq(forge_config_show_duration(forge_test_pool, 60 * SECOND), "1m");
    ck_assert_str_eq(forge_config_show_duration(forge_test_pool, 0), "0s");
    ck_assert_str_eq(forge_config_show_duration(forge_test_pool, 90 * SECOND), "90s");
    ck_assert_str_eq(forge_config_show_duration(forge_test_pool, 90 * 86400 * SECOND), "90d");
    ck_assert_str_eq(forge_config_show_size(forge_test_pool, 1 << 20), "1M");
    ck_assert_str_eq(forge_config_show_size(forge_test_pool, 1000), "1000");
    ck_assert_str_eq(forge_config_show_size(forge_test_pool, 0), "0");
}
END_TEST

Suite *forge_test_config_parse(void)
{
    Suite *s = suite_create("config_parse");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, forge_test_begin, forge_test_end);
    tcase_add_test(c, durations);
    tcase_add_test(c, sizes);
    tcase_add_test(c, counts);
    tcase_add_test(c, rates);
    tcase_add_test(c, decimals);
    tcase_add_test(c, choices);
    tcase_add_test(c, names);
    tcase_add_test(c, origins);
    tcase_add_test(c, urls);
    tcase_add_test(c, pages);
    tcase_add_test(c, policies);
    tcase_add_test(c, limits_of_a_run);
    tcase_add_test(c, labels);
    tcase_add_test(c, shown_as_written);
    suite_add_tcase(s, c);
    return s;
}
