/* SPDX-License-Identifier: Apache-2.0
 * Whether a program has passed the tests of an exercise (SPEC 7). What is compared is told at same().
 */
#include "learning.h"

#include <apr_strings.h>
#include <string.h>

#define SHOWN_MAX   4096 /* bytes of one text in a result */
#define RESULTS_MAX (8 << 20)

const char *forge_core_test_text(const forge_json_t *test, const char *name)
{
    const char *text = forge_util_json_text(forge_util_json_get(test, name), NULL);
    return text ? text : "";
}

typedef struct reader_t {
    const char *at, *end;
    const char *sure; /* up to here blanks are not at the end of a line */
} reader_t;

static reader_t reader_of(const char *text, apr_size_t len)
{
    while (len > 0 && forge_util_is_space(text[len - 1]))
        len--;
    return (reader_t){text, text + len, text};
}

/* The next character, or -1 at the end: blanks before the end of a line, the carriage return of another system, and
 * empty lines at the end of all count as nothing. */
static int next(reader_t *r)
{
    const char *after = r->at;
    if (r->at == r->end)
        return -1;
    if (r->at >= r->sure) {
        while (*after == ' ' || *after == '\t' || *after == '\r')
            after++; /* the last character is none of them */
        if (*after == '\n') {
            r->at = after + 1;
            return '\n';
        }
        r->sure = after + 1;
    }
    return (unsigned char)*r->at++;
}

/* Whether two outputs say the same to a person. */
static bool same(const char *output, apr_size_t len, const char *expected)
{
    reader_t a = reader_of(output, len), b = reader_of(expected, strlen(expected));
    for (;;) {
        int one = next(&a), other = next(&b);
        if (one != other)
            return false;
        if (one < 0)
            return true;
    }
}

static bool passes(const forge_ran_t *run, const forge_json_t *test)
{
    return strcmp(run->status, "ok") == 0 &&
           same(run->output_len ? run->output : "", run->output_len, forge_core_test_text(test, "expected_stdout"));
}

/* As much as is kept; a character that is cut in two is left out. U+0000 cannot be kept as jsonb: U+FFFD stands for it.
 */
static void put_shown(forge_buf_t *b, const char *name, const char *text, apr_size_t len)
{
    char shown[SHOWN_MAX + 3];
    apr_size_t n = 0;
    for (apr_size_t i = 0; i < len && n <= SHOWN_MAX; i++)
        if (text[i])
            shown[n++] = text[i];
        else
            for (const char *c = "\xef\xbf\xbd"; *c; c++)
                shown[n++] = *c;
    if (n > SHOWN_MAX)
        for (n = SHOWN_MAX; n > SHOWN_MAX - 4 && ((unsigned char)shown[n] & 0xc0) == 0x80; n--)
            ;
    forge_util_buf_printf(b, ",\"%s\":", name);
    forge_util_buf_json(b, shown, n);
}

static void put_result(forge_buf_t *b, const forge_ran_t *run, const forge_json_t *test)
{
    bool hidden = true;
    const char *name = forge_core_test_text(test, "name"), *expected = forge_core_test_text(test, "expected_stdout");
    forge_util_json_bool(forge_util_json_get(test, "hidden"), &hidden);
    forge_util_buf_puts(b, "{\"name\":");
    forge_util_buf_json(b, name, strlen(name));
    forge_util_buf_printf(b, ",\"passed\":%s,\"hidden\":%s", passes(run, test) ? "true" : "false",
                          hidden ? "true" : "false");
    if (!hidden) {
        forge_util_buf_printf(b, ",\"status\":\"%s\"", run->status);
        put_shown(b, "stdout", run->output, run->output_len);
        put_shown(b, "expected", expected, strlen(expected));
        put_shown(b, "stderr", run->errors, run->errors_len);
        forge_util_buf_printf(b, ",\"duration_ms\":%" APR_INT64_T_FMT, run->duration_ms);
    }
    forge_util_buf_puts(b, "}");
}

/* Tests that give no points at all count alike. */
static void score(const forge_json_t *tests, const forge_ran_t *runs, forge_core_judged_t *out)
{
    apr_int64_t points = 0, all = 0, passed = 0, count = (apr_int64_t)forge_util_json_size(tests);
    for (apr_int64_t i = 0; i < count; i++) {
        apr_int64_t n = 0;
        const forge_json_t *test = forge_util_json_at(tests, (apr_size_t)i);
        bool good = passes(&runs[i], test);
        forge_util_json_int(forge_util_json_get(test, "points"), &n);
        all += n;
        points += good ? n : 0;
        passed += good;
    }
    out->passed = passed == count;
    out->score = (int)(out->passed ? 100 : all ? points * 100 / all : passed * 100 / count);
}

bool forge_core_judge(apr_pool_t *p, const forge_json_t *tests, const forge_ran_t *runs, forge_core_judged_t *out)
{
    forge_buf_t *b = forge_util_buf_make(p, 4096, RESULTS_MAX);
    for (apr_size_t i = 0; i < forge_util_json_size(tests); i++) {
        forge_util_buf_puts(b, i ? "," : "[");
        put_result(b, &runs[i], forge_util_json_at(tests, i));
    }
    forge_util_buf_puts(b, "]");
    if (b->failed)
        return false;
    out->results = apr_pstrmemdup(p, b->data, b->len);
    score(tests, runs, out);
    return true;
}
