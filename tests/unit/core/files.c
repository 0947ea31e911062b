/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/wire/files.h: multipart bodies cut anywhere, names of files, ranges.
 */
#include "core/wire/wire.h"
#include "unit.h"
#include <apr_strings.h>

/* What a sink heard: "name|filename|media:data;" for each part. */
typedef struct heard_t {
    forge_buf_t *b;
    int stop_at; /* parts; 0: never */
    int parts;
} heard_t;

static bool hear_part(void *baton, const forge_part_t *part)
{
    heard_t *heard = baton;
    forge_util_buf_printf(heard->b, "%s%s|%s|%s:", heard->parts ? ";" : "", part->name,
                          part->filename ? part->filename : "-", part->media);
    return ++heard->parts != heard->stop_at;
}

static bool hear_data(void *baton, const char *data, apr_size_t len)
{
    forge_util_buf_add(((heard_t *)baton)->b, data, len);
    return true;
}

/* Feeds it in pieces of so many bytes. */
static forge_multipart_state_t feed(const char *body, apr_size_t len, apr_size_t piece, heard_t *heard)
{
    heard->b = forge_util_buf_make(forge_test_pool, 256, 1 << 20);
    heard->parts = 0;
    const forge_part_sink_t sink = {hear_part, hear_data, heard};
    forge_multipart_t *m = forge_core_multipart_make(forge_test_pool, "B", &sink);
    forge_multipart_state_t state = FORGE_MULTIPART_MORE;
    for (apr_size_t at = 0; at < len; at += piece)
        state = forge_core_multipart_feed(m, body + at, len - at < piece ? len - at : piece);
    ck_assert_int_eq(state == FORGE_MULTIPART_BROKEN, *forge_core_multipart_why(m) != '\0');
    return state;
}

static void expect_heard(const char *body, apr_size_t len, const char *wanted)
{
    for (apr_size_t piece = 1; piece <= len; piece++) {
        heard_t heard = {0};
        ck_assert_int_eq(feed(body, len, piece, &heard), FORGE_MULTIPART_END);
        forge_util_buf_add(heard.b, "", 1);
        ck_assert_str_eq(heard.b->data, wanted);
    }
}
#define HEARD(body, wanted) expect_heard(body, sizeof(body) - 1, wanted)

static forge_multipart_state_t state_of(const char *body)
{
    heard_t heard = {0};
    return feed(body, strlen(body), strlen(body), &heard);
}

#define PART(disposition) "--B\r\nContent-Disposition: " disposition "\r\n\r\n"
#define FILE_PART         PART("form-data; name=\"f\"; filename=\"a.pdf\"")

START_TEST(parts_are_heard_however_they_are_cut)
{
    HEARD(FILE_PART "one\r\n--B--\r\n", "f|a.pdf|text/plain:one");
    HEARD(FILE_PART "one\r\n--B--", "f|a.pdf|text/plain:one");
    HEARD("\r\n" FILE_PART "\r\n--B--", "f|a.pdf|text/plain:");
    HEARD("preamble\r\n" FILE_PART "one\r\n--B-- epilogue --B", "f|a.pdf|text/plain:one");
    HEARD(PART("form-data; name=a") "1\r\n" PART("form-data; name=\"b c\"") "2\r\n--B--",
          "a|-|text/plain:1;b c|-|text/plain:2");
    HEARD("--B \t\r\ncontent-type:  Application/PDF ; x=1 \r\nCONTENT-DISPOSITION:form-data;name=f;filename=x"
          "\r\nX-Other: y\r\n\r\n1\r\n--B--",
          "f|x|application/pdf:1");
}
END_TEST

/* What only looks like a boundary is content. */
START_TEST(near_boundaries_are_data)
{
    HEARD(FILE_PART "\r\n-\r\r\n--\r\n--A\r\r\n\n--B\r\n--B--", "f|a.pdf|text/plain:\r\n-\r\r\n--\r\n--A\r\r\n\n--B");
    HEARD(FILE_PART "x\r\r\n--B--", "f|a.pdf|text/plain:x\r");
    HEARD(FILE_PART "--B\r\n--B--", "f|a.pdf|text/plain:--B");
    HEARD("--A\r\n--\r\n" FILE_PART "x\r\n--B--", "f|a.pdf|text/plain:x");
}
END_TEST

START_TEST(names_in_parts)
{
    HEARD(PART("form-data; name=\"f\"; filename=\"a\\\"b\\\\c\\d.pdf\"") "\r\n--B--", "f|a\"b\\c\\d.pdf|text/plain:");
    HEARD(PART("form-data; name=\"f\"; filename=\"a%22%0d%0A%41.pdf\"") "\r\n--B--", "f|a\"\r\n%41.pdf|text/plain:");
    HEARD(PART("form-data; name=f; filename=\"x\"; filename*=utf-8'en'%e2%82%ac%00.pdf") "\r\n--B--",
          "f|€%00.pdf|text/plain:");
    HEARD(PART("form-data; name=f; filename=\"x\"; filename*=latin1''%e4.pdf") "\r\n--B--", "f|x|text/plain:");
    HEARD(PART("form-data; name=f; filename=\"\"") "\r\n--B--", "f||text/plain:");
    HEARD(PART("form-data; name=f; filename=\"a\0b\x01\x7f.pdf\"") "\r\n--B--", "f|a_b__.pdf|text/plain:");
    HEARD(PART("form-data") "\r\n--B--", "|-|text/plain:");
}
END_TEST

START_TEST(bodies_that_are_none)
{
    static const char *const bodies[] = {
        "--Bx\r\n",
        "--B-\r\n",
        "--B-x",
        "--B\n",
        "--B\r\r\n",
        "--B\r\n\r\n",
        "--B\r\nContent-Disposition: form-data; name=f\n\r\n\r\n",
        "--B\r\nContent-Type: text/plain\r\n\r\n",
        "--B\r\nContent-Disposition: attachment; name=f\r\n\r\n",
        "--B\r\nContent-Disposition : form-data\r\n\r\n",
        "--B\r\nContent-Disposition: form-data;\r\n name=f\r\n\r\n",
        "--B\r\nno header\r\n\r\n",
        "--B\r\n: empty\r\n\r\n",
        PART("form-data; name=f; name=g"),
        PART("form-data; name=f; filename=a; filename=b"),
        PART("form-data; name=\"f"),
        PART("form-data; name=\"f\"x"),
        PART("form-data; =x"),
        "--B\r\nContent-Disposition: form-data; name=f\r\nContent-Disposition: form-data; name=g\r\n\r\n",
        "--B\r\nContent-Type: a/b\r\nContent-Type: c/d\r\nContent-Disposition: form-data; name=f\r\n\r\n",
        "--B\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=f\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        ck_assert_msg(state_of(bodies[i]) == FORGE_MULTIPART_BROKEN, "taken: %s", bodies[i]);
    ck_assert_int_eq(state_of(FILE_PART "cut off\r\n--B"), FORGE_MULTIPART_MORE);
    ck_assert_int_eq(state_of("--B--"), FORGE_MULTIPART_END);
}
END_TEST

START_TEST(bodies_are_bounded)
{
    heard_t heard = {0};
    char *long_line = apr_palloc(forge_test_pool, FORGE_MULTIPART_HEAD_MAX + 2);
    memset(long_line, 'x', FORGE_MULTIPART_HEAD_MAX + 1);
    long_line[FORGE_MULTIPART_HEAD_MAX + 1] = '\0';
    ck_assert_int_eq(state_of(apr_pstrcat(forge_test_pool, "--B\r\n", long_line, NULL)), FORGE_MULTIPART_BROKEN);
    ck_assert_int_eq(state_of(long_line), FORGE_MULTIPART_BROKEN);
    ck_assert_int_eq(
        state_of(apr_pstrcat(forge_test_pool, "--B", apr_psprintf(forge_test_pool, "%80s", ""), "\r\n", NULL)),
        FORGE_MULTIPART_BROKEN);
    const char *parts = "";
    for (int i = 0; i <= FORGE_MULTIPART_PARTS_MAX; i++) {
        ck_assert_int_eq(state_of(apr_pstrcat(forge_test_pool, parts, "--B--", NULL)), FORGE_MULTIPART_END);
        parts = apr_pstrcat(forge_test_pool, parts, PART("form-data; name=f") "\r\n", NULL);
    }
    ck_assert_int_eq(state_of(parts), FORGE_MULTIPART_BROKEN);
    heard.stop_at = 1;
    ck_assert_int_eq(feed(FILE_PART "x", sizeof(FILE_PART), 1, &heard), FORGE_MULTIPART_STOPPED);
}
END_TEST

START_TEST(boundaries)
{
    static const struct {
        const char *type, *boundary;
        bool multipart;
    } cases[] = {
        {"multipart/form-data; boundary=abc", "abc", true},
        {"Multipart/Form-Data;charset=utf-8; BOUNDARY=\"a b'()+_,-./:=?\"", "a b'()+_,-./:=?", true},
        {"multipart/form-data", NULL, true},
        {"multipart/form-data; boundary=", NULL, true},
        {"multipart/form-data; boundary=\"a \"", NULL, true},
        {"multipart/form-data; boundary=a;boundary=b", NULL, true},
        {"multipart/form-data; boundary=\"a\\\"b\"", NULL, true},
        {"multipart/form-data; boundary=1234567890123456789012345678901234567890123456789012345678901234567890",
         "1234567890123456789012345678901234567890123456789012345678901234567890", true},
        {"multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901", NULL,
         true},
        {"multipart/mixed; boundary=abc", NULL, false},
        {"application/json", NULL, false},
        {NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *boundary = "?";
        ck_assert_int_eq(forge_core_multipart_type(forge_test_pool, cases[i].type, &boundary), cases[i].multipart);
        ck_assert_msg(boundary && cases[i].boundary ? strcmp(boundary, cases[i].boundary) == 0
                                                    : boundary == cases[i].boundary,
                      "%s: %s", cases[i].type, boundary);
    }
}
END_TEST

START_TEST(names_are_made_harmless)
{
    static const char *const cases[][2] = {
        {"a.pdf", "a.pdf"},
        {"../../etc/passwd", "passwd"},
        {"C:\\temp\\Übung 1.pdf", "Übung 1.pdf"},
        {"x\r\nSet-Cookie: a.pdf", "xSet-Cookie: a.pdf"},
        {"gpj\xe2\x80\xae.pdf", "gpj.pdf"},
        {"\xef\xbb\xbf"
         "a\xe2\x80\x8b\xe2\x81\xa6.pdf",
         "a.pdf"},
        {"a\xff\xfe.pdf", "a__.pdf"},
        {"\xc2\x85"
         "a\x7f.pdf",
         "a.pdf"},
        {" ..a.pdf. ", "a.pdf"},
        {"", ""},
        {"..", ""},
        {"/", ""},
        {"🌳.pdf", "🌳.pdf"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_str_eq(forge_core_file_name(forge_test_pool, cases[i][0]), cases[i][1]);
    const char *shown = forge_core_file_name(forge_test_pool, apr_psprintf(forge_test_pool, "%0300d.pdf", 7));
    ck_assert_uint_eq(strlen(shown), FORGE_FILE_NAME_MAX);
    ck_assert_str_eq(shown + FORGE_FILE_NAME_MAX - 5, "0.pdf");
    apr_size_t points = 0;
    shown = forge_core_file_name(forge_test_pool,
                                 apr_pstrcat(forge_test_pool, "ü.", apr_psprintf(forge_test_pool, "%0300d", 7), NULL));
    ck_assert(forge_util_utf8(shown, strlen(shown), &points) && points == FORGE_FILE_NAME_MAX);
}
END_TEST

START_TEST(dispositions)
{
    static const char *const cases[][2] = {
        {"a b.pdf", "attachment; filename=\"a b.pdf\""},
        {"Übung €.pdf", "attachment; filename=\"_bung _.pdf\"; filename*=UTF-8''%C3%9Cbung%20%E2%82%AC.pdf"},
        {"a\"b\\c%d.pdf", "attachment; filename=\"a_b_c_d.pdf\"; filename*=UTF-8''a%22b%5Cc%25d.pdf"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_str_eq(forge_core_disposition(forge_test_pool, cases[i][0]), cases[i][1]);
}
END_TEST

START_TEST(ranges)
{
    static const struct {
        const char *header;
        forge_ranges_t kind;
        apr_int64_t from, length;
    } cases[] = {
        {NULL, FORGE_RANGES_NONE, 0, 0},
        {"bytes=0-9", FORGE_RANGES_ONE, 0, 10},
        {"Bytes=5-", FORGE_RANGES_ONE, 5, 95},
        {"bytes=-5", FORGE_RANGES_ONE, 95, 5},
        {"bytes=-500", FORGE_RANGES_ONE, 0, 100},
        {"bytes=90-500", FORGE_RANGES_ONE, 90, 10},
        {"bytes=99-99999999999999999999", FORGE_RANGES_ONE, 99, 1},
        {"bytes= 0-0 , 100-", FORGE_RANGES_ONE, 0, 1},
        {"bytes=0-0,-1", FORGE_RANGES_SEVERAL, 0, 1},
        {"bytes=100-", FORGE_RANGES_BEYOND, 0, 0},
        {"bytes=99999999999999999999-", FORGE_RANGES_BEYOND, 0, 0},
        {"bytes=-0", FORGE_RANGES_BEYOND, 0, 0},
        {"bytes=", FORGE_RANGES_NONE, 0, 0},
        {"bytes=-", FORGE_RANGES_NONE, 0, 0},
        {"bytes=5-4", FORGE_RANGES_NONE, 0, 0},
        {"bytes=5", FORGE_RANGES_NONE, 0, 0},
        {"bytes=a-b", FORGE_RANGES_NONE, 0, 0},
        {"bytes=0-1,", FORGE_RANGES_NONE, 0, 0},
        {"bytes=0-1;2-3", FORGE_RANGES_NONE, 0, 0},
        {"lines=0-1", FORGE_RANGES_NONE, 0, 0},
        {"bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-14,15-15,16-16", FORGE_RANGES_NONE,
         0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        apr_int64_t from = 0, length = 0;
        forge_ranges_t kind = forge_core_ranges(cases[i].header, 100, &from, &length);
        ck_assert_msg(kind == cases[i].kind, "%s: %d", cases[i].header, (int)kind);
        if (kind == FORGE_RANGES_ONE) {
            ck_assert_int_eq(from, cases[i].from);
            ck_assert_int_eq(length, cases[i].length);
        }
    }
}
END_TEST

Suite *forge_test_core_files(void)
{
    Suite *s = suite_create("core_files");
    TCase *tc = tcase_create("files");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, parts_are_heard_however_they_are_cut);
    tcase_add_test(tc, near_boundaries_are_data);
    tcase_add_test(tc, names_in_parts);
    tcase_add_test(tc, bodies_that_are_none);
    tcase_add_test(tc, bodies_are_bounded);
    tcase_add_test(tc, boundaries);
    tcase_add_test(tc, names_are_made_harmless);
    tcase_add_test(tc, dispositions);
    tcase_add_test(tc, ranges);
    suite_add_tcase(s, tc);
    return s;
}
