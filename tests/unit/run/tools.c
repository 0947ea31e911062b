/* SPDX-License-Identifier: Apache-2.0
 * Tests of the programs that read documents in the sandbox: what they say of a plain one, and what becomes of those
 * that were written to break them.
 */
#include "runner.h"
#include <apr_strings.h>
#include <unistd.h>
#include <zlib.h>

#define ON(status)   (1u << FORGE_RUN_##status)
#define SOMEHOW      (ON(OK) | ON(RUNTIME_ERROR) | ON(TIMEOUT) | ON(MEMORY_LIMIT) | ON(OUTPUT_LIMIT))
#define BROKEN       (ON(OK) | ON(RUNTIME_ERROR))
#define TOO_MUCH     (ON(TIMEOUT) | ON(MEMORY_LIMIT) | ON(OUTPUT_LIMIT))
#define UNPACKED_MAX (64 << 20)
#define CPU_MS       500 /* less than a tool may have, so that the tests end */

/* --- documents --- */

#define FONT  "5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>endobj\n"
#define FRONT "%PDF-1.5\n1 0 obj<</Type/Catalog/Pages 2 0 R/Outlines 6 0 R>>endobj\n"
#define ONE   "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
#define PAGE \
    "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>/XObject<</X " \
    "8 0 R>>>>>>endobj\n"
#define OUTLINE \
    "6 0 obj<</Type/Outlines/First 7 0 R/Last 7 0 R/Count 1>>endobj\n" \
    "7 0 obj<</Title(Chapter one)/Parent 6 0 R/Dest[3 0 R/Fit]>>endobj\n"
#define WORDS "4 0 obj<</Length 37>>stream\nBT /F 24 Tf 20 100 Td (Gr\\374n) Tj ET  \nendstream endobj\n"
#define END   "trailer<</Root 1 0 R/Info 9 0 R>>\n"
#define INFO  "9 0 obj<</Title(A plain one)/Author(Nobody)/CreationDate(D:20260102030405Z)>>endobj\n"
#define PLAIN FRONT ONE PAGE WORDS FONT OUTLINE INFO END

static forge_run_bytes_t text(const char *bytes)
{
    return (forge_run_bytes_t){bytes, strlen(bytes)};
}

static forge_run_bytes_t packed(const char *bytes, size_t len)
{
    uLongf size = compressBound(len);
    Bytef *to = apr_palloc(forge_test_pool, size);
    ck_assert_int_eq(compress2(to, &size, (const Bytef *)bytes, len, 1), Z_OK);
    return (forge_run_bytes_t){(const char *)to, size};
}

/* A character, and `unit` again and again, as long as a bomb is when it is unpacked: packed. */
static forge_run_bytes_t bomb(char first, const char *unit)
{
    static char all[UNPACKED_MAX];
    const size_t len = strlen(unit);
    all[0] = first;
    for (size_t at = 1; at + len <= sizeof(all); at += len)
        memcpy(all + at, unit, len);
    return packed(all, sizeof(all) / len * len);
}

/* A page whose words are a packed stream. */
static forge_run_bytes_t page_of(const char *filter, forge_run_bytes_t stream)
{
    char *head = apr_pstrcat(forge_test_pool, FRONT ONE PAGE FONT "4 0 obj<</Filter", filter, "/Length ",
                             apr_itoa(forge_test_pool, (int)stream.len), ">>stream\n", NULL);
    static const char tail[] = "\nendstream endobj\n" END;
    const size_t before = strlen(head), len = before + stream.len + sizeof(tail) - 1;
    char *all = apr_palloc(forge_test_pool, len);
    memcpy(all, head, before);
    memcpy(all + before, stream.data, stream.len);
    memcpy(all + before + stream.len, tail, sizeof(tail) - 1);
    return (forge_run_bytes_t){all, len};
}

static forge_run_bytes_t one_long_array(void)
{
    return page_of("/FlateDecode", bomb('[', "0 "));
}

static forge_run_bytes_t packed_twice(void)
{
    const forge_run_bytes_t once = bomb(' ', "BT /F 1 Tf (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) Tj ET\n");
    return page_of("[/FlateDecode/FlateDecode]", packed(once.data, once.len));
}

static forge_run_bytes_t empty_space(void)
{
    return page_of("/FlateDecode", bomb(' ', "q Q "));
}

/* Arrays in arrays. */
static forge_run_bytes_t deep(void)
{
    const size_t n = 200000;
    char *brackets = apr_pcalloc(forge_test_pool, n + 1);
    memset(brackets, '[', n);
    return text(apr_pstrcat(forge_test_pool, FRONT ONE PAGE WORDS FONT "6 0 obj", brackets, "endobj\n" END, NULL));
}

/* Forms that say the next one ten times, fifteen deep. */
static forge_run_bytes_t laughs(void)
{
    const char *all = FRONT ONE PAGE FONT "4 0 obj<</Length 5>>stream\n/X Do\nendstream endobj\n";
    for (int i = 8; i < 23; i++)
        all =
            apr_psprintf(forge_test_pool,
                         "%s%d 0 obj<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X %d 0 R>>>>"
                         "/Length 60>>stream\n/X Do /X Do /X Do /X Do /X Do /X Do /X Do /X Do /X Do /X Do \nendstream "
                         "endobj\n",
                         all, i, i + 1);
    return text(apr_pstrcat(forge_test_pool, all, END, NULL));
}

static forge_run_bytes_t garbage(void)
{
    char *bytes = apr_palloc(forge_test_pool, 100000);
    unsigned seed = 7;
    for (int i = 0; i < 100000; i++)
        bytes[i] = (char)((seed = seed * 1103515245 + 12345) >> 16);
    memcpy(bytes, "%PDF-1.7\n", 9);
    return (forge_run_bytes_t){bytes, 100000};
}

static const struct {
    const char *name;
    forge_run_bytes_t (*make)(void);
    const char *text;
    unsigned statuses; /* of pdftotext */
} documents[] = {
    {"one long array", one_long_array, NULL, TOO_MUCH},
    {"packed twice", packed_twice, NULL, TOO_MUCH},
    {"nothing, at length", empty_space, NULL, ON(OK) | TOO_MUCH},
    {"arrays in arrays", deep, NULL, BROKEN},
    {"forms in forms", laughs, NULL, BROKEN | TOO_MUCH},
    {"garbage", garbage, NULL, ON(RUNTIME_ERROR)},
    {"empty", NULL, "", ON(RUNTIME_ERROR)},
    {"cut off", NULL, "%PDF-1.4\n1 0 obj<</Type/Catalog/Pa", ON(RUNTIME_ERROR)},
    {"pages of themselves", NULL, FRONT "2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>endobj\n" END, BROKEN},
    {"two thousand million pages", NULL,
     FRONT "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 2000000000>>endobj\n" PAGE WORDS FONT END, BROKEN | TOO_MUCH},
    {"a form of itself", NULL,
     FRONT ONE PAGE FONT "4 0 obj<</Length 5>>stream\n/X Do\nendstream endobj\n"
                         "8 0 obj<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 8 0 R>>>>/Length "
                         "5>>stream\n/X Do\nendstream endobj\n" END,
     BROKEN},
    {"an outline of itself", NULL,
     FRONT ONE PAGE WORDS FONT "6 0 obj<</Type/Outlines/First 7 0 R>>endobj\n"
                               "7 0 obj<</Title(x)/First 7 0 R/Next 7 0 R/Parent 6 0 R>>endobj\n" END,
     BROKEN},
    {"a picture without end", NULL,
     FRONT ONE PAGE FONT "4 0 obj<</Length 22>>stream\n9 0 0 9 0 0 cm /X Do \nendstream endobj\n"
                         "8 0 obj<</Type/XObject/Subtype/Image/Width 2000000000/Height 2000000000/BitsPerComponent 8"
                         "/ColorSpace/DeviceRGB/Length 3>>stream\nxyz\nendstream endobj\n" END,
     BROKEN},
    {"a page without end", NULL,
     FRONT ONE "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 2000000000 2000000000]/Contents 4 0 "
               "R/Resources<</Font<</F 5 0 R>>>>>>endobj\n" WORDS FONT END,
     BROKEN},
    {"an index of itself", NULL,
     FRONT ONE PAGE WORDS FONT
     "xref\n0 1\n0000000000 65535 f \ntrailer<</Root 1 0 R/Size 9/Prev 500>>\nstartxref\n500\n%%EOF\n",
     BROKEN},
};
#define DOCUMENTS (int)(sizeof(documents) / sizeof(documents[0]))

/* --- runs --- */

static void set_up(void)
{
    forge_test_runner_start(NULL);
}

static forge_run_job_t job_of(const char *tool, forge_run_bytes_t file, int n, const char *const *args)
{
    forge_run_job_t job;
    ck_assert_msg(forge_run_tool_job(tool, file, 1, &job), "%s", tool);
    job.args = forge_run_args(forge_test_pool, n, args);
    return job;
}

static forge_run_result_t result_of(const char *tool, forge_run_bytes_t file, int n, const char *const *args)
{
    const forge_run_job_t job = job_of(tool, file, n, args);
    return forge_test_run(forge_test_pool, &job);
}

static const char *const pages[] = {"1", "9"};

START_TEST(tools_say_what_is_in_a_document)
{
    const forge_run_bytes_t plain = text(PLAIN);
    forge_run_result_t r = result_of("pdftotext", plain, 2, pages);
    ck_assert_msg(r.status == FORGE_RUN_OK && forge_test_has(r.output, "Gr\xc3\xbcn\n"), "%.*s", (int)r.errors.len,
                  r.errors.data);
    ck_assert_int_eq(r.output.data[r.output.len - 1], '\f');
    r = result_of("pdfinfo", plain, 0, NULL);
    ck_assert(forge_test_has(r.output, "Title:           A plain one\n"));
    ck_assert(forge_test_has(r.output, "Pages:           1\n"));
    ck_assert(forge_test_has(r.output, "2026-01-02T03:04:05Z\n"));
    r = result_of("pdftohtml", plain, 0, NULL);
    ck_assert(forge_test_has(r.output, "<item page=\"1\">Chapter one</item>"));
    const char *const picture[] = {"1", "300"};
    r = result_of("pdftoppm", plain, 2, picture);
    ck_assert_int_eq(r.status, FORGE_RUN_OK);
    ck_assert(r.output.len > 100 &&
              memcmp(r.output.data, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\x2c\0\0\1\x2c", 24) == 0);
}
END_TEST

START_TEST(words_are_read_from_a_picture)
{
    const forge_run_state_t state = forge_test_state(forge_test_pool);
    const char *const picture[] = {"1", "1200"}, *const english[] = {"eng"};
    forge_run_result_t page = result_of("pdftoppm", text(PLAIN), 2, picture);
    forge_run_job_t job = job_of("tesseract", page.output, 1, english);
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    if (!forge_run_tool_there(&state, "tesseract")) {
        ck_assert_int_eq(r.status, FORGE_RUN_UNAVAILABLE);
        return;
    }
    ck_assert_msg(r.status == FORGE_RUN_OK && forge_test_has(r.output, "Gr"), "%.*s", (int)r.errors.len, r.errors.data);
}
END_TEST

/* Whatever a document does to its reader, it ends within its limits and is no fault of the sandbox. */
START_TEST(bombs_are_held)
{
    static const char *const tools[] = {"pdftotext", "pdfinfo", "pdftohtml", "pdftoppm"};
    static const int counts[] = {2, 0, 0, 2};
    const forge_run_bytes_t file = documents[_i].make ? documents[_i].make() : text(documents[_i].text);
    ck_assert_int_le((int)file.len, FORGE_RUN_STDIN_MAX);
    for (size_t t = 0; t < sizeof(tools) / sizeof(tools[0]); t++) {
        forge_run_job_t job = job_of(tools[t], file, counts[t], pages);
        job.limits.cpu_ms = CPU_MS;
        job.limits.memory_kb = 4 << 20; /* more than it may have */
        forge_run_result_t r = forge_test_run(forge_test_pool, &job);
        ck_assert_msg(1u << r.status & (t ? SOMEHOW : documents[_i].statuses), "%s, %s: %s\n%.*s\n%.*s", tools[t],
                      documents[_i].name, forge_run_status_name(r.status), (int)r.errors.len, r.errors.data,
                      (int)r.why.len, r.why.data);
        ck_assert_int_le(r.memory_kb, 512 << 10);
        ck_assert_int_le((int)r.output.len, FORGE_RUN_OUTPUT_MAX);
    }
    ck_assert_ptr_null(strstr(forge_test_runner_log(), "FG1001"));
}
END_TEST

START_TEST(a_tool_takes_its_own_arguments_only)
{
    static const char *const wrong[][2] = {{"1", "-"},           {"-opw", "x"}, {"1", "/etc/passwd"},
                                           {"1", "2\n-listenc"}, {"01", "2"},   {"1", "123456"}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        forge_run_result_t r = result_of("pdftotext", text(PLAIN), 2, wrong[i]);
        ck_assert_int_eq(r.status, FORGE_RUN_SANDBOX_ERROR);
        ck_assert(forge_test_has(r.why, "arguments"));
    }
    ck_assert_int_eq(result_of("pdftotext", text(PLAIN), 1, pages).status, FORGE_RUN_SANDBOX_ERROR);
    ck_assert_int_eq(result_of("pdfinfo", text(PLAIN), 1, pages).status, FORGE_RUN_SANDBOX_ERROR);
    forge_run_job_t job = job_of("pdfinfo", text(PLAIN), 0, NULL);
    job.code = text("print(1)");
    ck_assert_int_eq(forge_test_run(forge_test_pool, &job).status, FORGE_RUN_SANDBOX_ERROR);
}
END_TEST

/* A tool that is not installed lacks alone; this machine has those of poppler. */
START_TEST(tools_are_no_languages)
{
    static const char *const tools[] = {"pdftotext", "pdfinfo", "pdftohtml", "pdftoppm", "tesseract"};
    const forge_run_state_t state = forge_test_state(forge_test_pool);
    ck_assert_int_eq((int)state.available, 1);
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
        const char *program = apr_pstrcat(forge_test_pool, "/usr/bin/", tools[i], NULL);
        ck_assert(!forge_run_language_known(tools[i]));
        ck_assert(!forge_test_has(state.languages, tools[i]));
        ck_assert_int_eq(forge_run_tool_there(&state, tools[i]), access(program, X_OK) == 0);
    }
    ck_assert(!forge_run_tool_there(&state, "pdf"));
    ck_assert(!forge_run_tool_there(&state, "python"));
    forge_run_job_t job;
    ck_assert(!forge_run_tool_job("python", text(""), 1, &job));
}
END_TEST

Suite *forge_test_run_tools(void)
{
    Suite *s = suite_create("run_tools");
    TCase *tc = tcase_create("documents");
    tcase_add_unchecked_fixture(tc, set_up, forge_test_runner_stop);
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 240);
    tcase_add_test(tc, tools_say_what_is_in_a_document);
    tcase_add_test(tc, words_are_read_from_a_picture);
    tcase_add_loop_test(tc, bombs_are_held, 0, DOCUMENTS);
    tcase_add_test(tc, a_tool_takes_its_own_arguments_only);
    tcase_add_test(tc, tools_are_no_languages);
    suite_add_tcase(s, tc);
    return s;
}
