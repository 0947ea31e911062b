/* SPDX-License-Identifier: Apache-2.0
 * core/accept.c: which Accept headers allow a media type.
 */
#include "unit.h"

#include "core/wire/wire.h"

static const struct {
    const char *header;
    bool json;
} cases[] = {
    {NULL, true},
    {"", true},
    {"*/*", true},
    {"application/json", true},
    {"APPLICATION/JSON;charset=utf-8", true},
    {"application/*", true},
    {"text/html, */*;q=0.1", true},
    {"text/html,application/json;q=0.5", true},
    {"text/html", false},
    {"application/xml", false},
    {"application/json;q=0", false},
    {"*/*, application/json;q=0", false},
    {"application/json;q=0.000, text/html", false},
    {"application/jsonx", false},
    {"application", false},
    {"*/*;q=0", false},
    {", ,application/json", true},
    {"text/html;q=1;x=y, application/*;q=0.2", true},
};

START_TEST(accept_decides)
{
    ck_assert_int_eq(forge_core_accepts(cases[_i].header, "application/json; charset=utf-8"), cases[_i].json);
}
END_TEST

START_TEST(codings)
{
    static const struct {
        const char *header;
        bool gzip;
    } rows[] = {{NULL, false},        {"", false},         {"gzip", true},         {"br, GZIP;q=0.5", true},
                {"gzip;q=0", false},  {"*", true},         {"*;q=0", false},       {"gzip;q=0, *", false},
                {"gzipx, br", false}, {"identity", false}, {"deflate, gzip", true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_msg(forge_core_accepts_coding(rows[i].header, "gzip") == rows[i].gzip, "%s", rows[i].header);
}
END_TEST

START_TEST(weights_choose)
{
    static const struct {
        const char *header;
        bool lines;
    } rows[] = {
        {"application/x-ndjson", true},
        {"application/x-ndjson, application/json", true},
        {"application/json, application/x-ndjson;q=0.5", false},
        {"application/json;q=0.4, application/x-ndjson;q=0.5", true},
        {"application/x-ndjson;q=0.001, text/html", true},
        {"application/x-ndjson;q=0.0009, application/json;q=0.001", true}, /* more than three digits are no weight */
        {"application/x-ndjson;q=0.25, */*;q=0.3", false},
        {"application/x-ndjson;q=.9, */*;q=0.8", true},
        {"application/x-ndjson;q=0, */*", false},
        {"APPLICATION/X-NDJSON, */*", true},
        {"application/*", false},
        {"text/html, */*;q=0.1", false},
        {"", false},
        {"*/*", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_msg(forge_core_prefers(rows[i].header, "application/x-ndjson", "application/json") == rows[i].lines,
                      "%s", rows[i].header);
}
END_TEST

Suite *forge_test_core_accept(void)
{
    Suite *suite = suite_create("core_accept");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, accept_decides, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tcase, codings);
    tcase_add_test(tcase, weights_choose);
    suite_add_tcase(suite, tcase);
    return suite;
}
