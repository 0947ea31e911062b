/* SPDX-License-Identifier: Apache-2.0
 * Tests of core/logs: files from their end, the formats of lines, what is masked, and places that survive a rotation.
 */
#include "core/logs/logs.h"
#include "unit.h"

#include <apr_strings.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define P forge_test_pool

/* --- files --- */

static int file_of(const char *bytes, apr_size_t len)
{
    FILE *file = tmpfile();
    int fd = dup(fileno(file));
    fclose(file);
    ck_assert_int_eq(pwrite(fd, bytes, len, 0), (ssize_t)len);
    return fd;
}

/* All lines from the end, parted by '|'. */
static const char *backwards(const char *bytes, apr_size_t len)
{
    forge_log_back_t *back = apr_palloc(P, sizeof(*back));
    forge_log_line_t line;
    apr_off_t budget = FORGE_LOG_SCANNED_MAX;
    const char *all = "";
    int fd = file_of(bytes, len);
    forge_core_log_back_open(back, fd, (apr_off_t)len, &budget);
    while (forge_core_log_back(back, &line))
        all = apr_pstrcat(P, all, apr_pstrmemdup(P, line.text, line.len), "|", NULL);
    ck_assert(!back->spent);
    close(fd);
    return all;
}

START_TEST(lines_come_from_the_end)
{
    static const char *const cases[][2] = {{"", ""},
                                           {"\n", "|"},
                                           {"a", ""}, /* its end is not written yet */
                                           {"a\n", "a|"},
                                           {"a\nb\n", "b|a|"},
                                           {"a\nb\nhalf", "b|a|"},
                                           {"\n\na\n\n", "|a|||"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_str_eq(backwards(cases[i][0], strlen(cases[i][0])), cases[i][1]);
}
END_TEST

/* Lines of every length around the size of a block: each one whole or cut, none lost, none twice. */
START_TEST(lines_over_blocks)
{
    for (int first = FORGE_LOG_BLOCK - 3; first < FORGE_LOG_BLOCK + 3; first++)
        for (int second = 0; second < 4; second++) {
            apr_size_t len = (apr_size_t)(first + second + 4);
            char *bytes = apr_palloc(P, len);
            memset(bytes, 'x', len);
            bytes[1] = bytes[first + 2] = bytes[len - 1] = '\n';
            forge_log_back_t *back = apr_palloc(P, sizeof(*back));
            forge_log_line_t line;
            apr_off_t budget = FORGE_LOG_SCANNED_MAX;
            int fd = file_of(bytes, len), n = 0;
            forge_core_log_back_open(back, fd, (apr_off_t)len, &budget);
            apr_off_t end = (apr_off_t)len;
            for (; forge_core_log_back(back, &line); n++) {
                ck_assert_int_eq(line.end, end);
                apr_off_t whole = line.end - line.start - 1;
                ck_assert_uint_eq(line.len, (apr_size_t)(whole < FORGE_LOG_CUT ? whole : FORGE_LOG_CUT));
                ck_assert_int_eq(memcmp(line.text, bytes + line.start, line.len), 0);
                end = line.start;
            }
            ck_assert_int_eq(n, 3);
            ck_assert_int_eq(end, 0);
            close(fd);
        }
}
END_TEST

/* The end of a file of 4 GiB, nearly all of it a hole, costs one block. */
START_TEST(the_end_of_gigabytes_costs_a_block)
{
    forge_log_back_t *back = apr_palloc(P, sizeof(*back));
    forge_log_line_t line;
    apr_off_t budget = FORGE_LOG_SCANNED_MAX, size = (apr_off_t)4 << 30;
    int fd = file_of("first\n", 6);
    ck_assert_int_eq(pwrite(fd, "\nlast but one\nlast\n", 19, size), 19);
    forge_core_log_back_open(back, fd, size + 19, &budget);
    ck_assert(forge_core_log_back(back, &line) && line.len == 4 && memcmp(line.text, "last", 4) == 0);
    ck_assert(forge_core_log_back(back, &line) && line.len == 12);
    ck_assert_int_eq(budget, FORGE_LOG_SCANNED_MAX - FORGE_LOG_BLOCK);
    ck_assert_int_eq(forge_core_log_end(fd), size + 19);
    while (forge_core_log_back(back, &line))
        ck_assert_uint_le(line.len, FORGE_LOG_CUT);
    ck_assert_msg(back->spent && budget < FORGE_LOG_BLOCK, "one line of 4 GiB is given up when the budget is spent");
    close(fd);
}
END_TEST

static forge_log_history_t *history_of(const char *bytes, forge_log_query_t query)
{
    forge_log_history_t *history = apr_pcalloc(P, sizeof(*history));
    const forge_log_source_t source = {.service = "backend", .path = "x", .format = FORGE_LOG_GUESS, .fd = -1};
    *history = (forge_log_history_t){.query = query,
                                     .bytes = FORGE_LOG_SCANNED_MAX,
                                     .ends = forge_util_monotonic() + apr_time_from_sec(60),
                                     .found = apr_array_make(P, 4, sizeof(forge_log_found_t))};
    int fd = file_of(bytes, strlen(bytes));
    forge_core_log_history_turn(history, 1);
    forge_core_log_history(P, &source, 0, fd, history);
    forge_core_log_history_sort(history);
    close(fd);
    return history;
}

/* The messages, parted by '|'. */
static const char *messages(const char *bytes, forge_log_query_t query)
{
    const forge_log_history_t *history = history_of(bytes, query);
    const char *all = "";
    for (int i = 0; i < history->found->nelts; i++)
        all = apr_pstrcat(P, all, APR_ARRAY_IDX(history->found, i, forge_log_found_t).entry.msg, "|", NULL);
    return all;
}
#define MESSAGES(bytes, ...) messages(bytes, (forge_log_query_t){__VA_ARGS__})

/* What one file does not need the others get; one that needs more takes nothing of theirs. */
START_TEST(each_file_has_its_part)
{
    const apr_int64_t now = forge_util_monotonic();
    forge_log_history_t history = {.bytes = 3000, .ends = now + apr_time_from_sec(900)};
    forge_core_log_history_turn(&history, 3);
    ck_assert_int_eq(history.budget, 1000);
    ck_assert_int_ge(history.until, now + apr_time_from_sec(300));
    ck_assert_int_le(history.until, now + apr_time_from_sec(600));
    history.budget = 400;
    forge_core_log_history_turn(&history, 2);
    ck_assert_int_eq(history.budget, 1200);
    ck_assert_int_le(history.until, now + apr_time_from_sec(750));
    history.budget = 0;
    forge_core_log_history_turn(&history, 1);
    ck_assert_int_eq(history.budget, 1200);
    ck_assert_int_eq(history.until, history.ends);
    history.ends = now - 1;
    forge_core_log_history_turn(&history, 1);
    ck_assert_int_ge(history.until, now);
}
END_TEST

START_TEST(a_history_is_filtered)
{
    static const char log[] = "{\"ts\":\"2026-11-28T10:00:00Z\",\"level\":\"info\",\"msg\":\"one\"}\n"
                              "{\"ts\":\"2026-11-28T10:10:00Z\",\"level\":\"error\",\"msg\":\"Two\"}\n"
                              "{\"ts\":\"2026-11-28T10:20:00Z\",\"level\":\"warn\",\"msg\":\"three\","
                              "\"request_id\":\"REQ-3\"}\n"
                              "{\"ts\":\"2026-11-28T10:30:00Z\",\"level\":\"debug\",\"msg\":\"four\"}\n";
    apr_time_t t;
    ck_assert(forge_util_time_parse("2026-11-28T10:10:00Z", 20, &t));
    ck_assert_str_eq(MESSAGES(log, .lines = 100), "one|Two|three|four|");
    ck_assert_str_eq(MESSAGES(log, .lines = 2), "three|four|");
    ck_assert_str_eq(MESSAGES(log, .lines = 100, .level = FORGE_LOG_WARN), "Two|three|");
    ck_assert_str_eq(MESSAGES(log, .lines = 1, .level = FORGE_LOG_ERROR), "Two|");
    ck_assert_str_eq(MESSAGES(log, .lines = 100, .since = t), "Two|three|four|");
    ck_assert_str_eq(MESSAGES(log, .lines = 100, .text = "two"), "Two|");
    ck_assert_str_eq(MESSAGES(log, .lines = 100, .text = "req-3"), "three|");
    ck_assert_str_eq(MESSAGES(log, .lines = 100, .text = ".*"), "");
}
END_TEST

START_TEST(messages_of_several_lines_are_one)
{
    ck_assert_str_eq(MESSAGES("2026-11-28 10:00:00.123 UTC [7] app@forge ERROR:  no such table\n"
                              "2026-11-28 10:00:00.123 UTC [7] app@forge DETAIL:  it is gone\n"
                              "2026-11-28 10:00:00.123 UTC [7] app@forge STATEMENT:  SELECT 1\n"
                              "\t  FROM x\n"
                              "2026-11-28 10:00:01.000 UTC [8] LOG:  ready\n",
                              .lines = 10),
                     "no such table\nDETAIL:  it is gone\nSTATEMENT:  SELECT 1\n  FROM x|ready|");
    ck_assert_str_eq(MESSAGES("Traceback\n  File x\n  File y\nnext\n", .lines = 10),
                     "Traceback\n  File x\n  File y|next|");
    ck_assert_str_eq(MESSAGES("Traceback\n  File x\n", .lines = 1), "Traceback\n  File x|");
}
END_TEST

/* However much goes on, no more is kept than may be shown, and it is the beginning. */
START_TEST(a_long_message_keeps_its_beginning)
{
    const char *log = "head\n";
    for (int i = 0; i < 400; i++)
        log = apr_psprintf(P, "%s\tline %04d of a long one .......................\n", log, i);
    const char *all = MESSAGES(log, .lines = 10);
    ck_assert_int_eq(strncmp(all, "head\nline 0000 of", 17), 0);
    ck_assert(strstr(all, "\nline 0100 of") && !strstr(all, "line 0399"));
    ck_assert_uint_le(strlen(all), FORGE_LOG_CUT + 8);
}
END_TEST

/* --- formats --- */

static forge_log_entry_t parse(forge_log_format_t format, const char *line)
{
    forge_log_entry_t entry;
    forge_core_log_parse(P, format, line, strlen(line), NULL, &entry);
    return entry;
}

static const char *time_of(forge_log_entry_t entry)
{
    return forge_util_time(P, entry.at, 3);
}

START_TEST(our_own_formats)
{
    static const char *const lines[] = {
        "{\"ts\":\"2026-11-28T10:00:00.250Z\",\"level\":\"error\",\"msg\":\"GET /x 500\",\"trace_id\":\"t1\","
        "\"request_id\":\"r1\",\"user_id\":7,\"route\":\"/x\",\"status\":500,\"duration_ms\":1.500}",
        "{\"@timestamp\":\"2026-11-28T10:00:00.250Z\",\"log.level\":\"error\",\"message\":\"GET /x 500\","
        "\"trace.id\":\"t1\",\"http.request.id\":\"r1\",\"user.id\":\"7\",\"labels.route\":\"/x\","
        "\"http.response.status_code\":500,\"event.duration\":1500000}",
        "{\"@timestamp\":\"2026-11-28T10:00:00.250Z\",\"log\":{\"level\":\"ERROR\"},\"message\":\"GET /x 500\","
        "\"trace\":{\"id\":\"t1\"},\"http\":{\"request\":{\"id\":\"r1\"},\"response\":{\"status_code\":500}},"
        "\"user\":{\"id\":\"7\"},\"labels\":{\"route\":\"/x\"},\"event\":{\"duration\":1500000}}",
        "{\"Timestamp\":\"1795860000250000000\",\"SeverityText\":\"ERROR\",\"Body\":\"GET /x 500\",\"TraceId\":\"t1\","
        "\"Attributes\":{\"http.request.id\":\"r1\",\"user.id\":\"7\",\"http.route\":\"/x\","
        "\"http.response.status_code\":500,\"http.server.request.duration\":0.0015}}"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        forge_log_entry_t entry = parse(FORGE_LOG_GUESS, lines[i]);
        ck_assert_str_eq(time_of(entry), "2026-11-28T10:00:00.250Z");
        ck_assert_int_eq(entry.level, FORGE_LOG_ERROR);
        ck_assert_str_eq(entry.msg, "GET /x 500");
        ck_assert_str_eq(entry.trace_id, "t1");
        ck_assert_str_eq(entry.request_id, "r1");
        ck_assert_str_eq(entry.route, "/x");
        ck_assert_int_eq(entry.user_id, 7);
        ck_assert_int_eq(entry.status, 500);
        ck_assert_msg(entry.duration_ms > 1.49 && entry.duration_ms < 1.51, "%f", entry.duration_ms);
    }
}
END_TEST

START_TEST(json_of_others)
{
    forge_log_entry_t entry = parse(FORGE_LOG_GUESS, "{\"level\":50,\"time\":1795860000250,\"msg\":\"pino\"}");
    ck_assert_str_eq(time_of(entry), "2026-11-28T10:00:00.250Z");
    ck_assert_int_eq(entry.level, FORGE_LOG_ERROR);
    entry = parse(FORGE_LOG_JSON, "{\"timestamp\":\"2026-11-28 10:00:00.250 UTC\",\"error_severity\":\"FATAL\","
                                  "\"message\":\"jsonlog\"}");
    ck_assert_str_eq(time_of(entry), "2026-11-28T10:00:00.250Z");
    ck_assert_int_eq(entry.level, FORGE_LOG_ERROR);
    entry = parse(FORGE_LOG_GUESS, "{\"method\":\"GET\",\"path\":\"/x\",\"status\":503}");
    ck_assert_str_eq(entry.msg, "GET /x");
    ck_assert_int_eq(entry.level, FORGE_LOG_ERROR);
    ck_assert_int_eq(entry.at, 0);
    entry = parse(FORGE_LOG_GUESS, "{\"msg\":\"cut of");
    ck_assert_str_eq(entry.msg, "{\"msg\":\"cut of");
}
END_TEST

START_TEST(httpd)
{
    setenv("TZ", "UTC", 1);
    tzset();
    forge_log_entry_t entry =
        parse(FORGE_LOG_GUESS, "[Sat Nov 28 10:00:00.250123 2026] [forge:warn] [pid 7:tid 8] [client 1.2.3.4:5] "
                               "FG0123: it broke [request r-1]");
    ck_assert_str_eq(time_of(entry), "2026-11-28T10:00:00.250Z");
    ck_assert_int_eq(entry.level, FORGE_LOG_WARN);
    ck_assert_str_eq(entry.msg, "[client 1.2.3.4:5] FG0123: it broke [request r-1]");
    ck_assert_str_eq(entry.request_id, "r-1");
    entry = parse(FORGE_LOG_APACHE, "1.2.3.4 - ada [28/Nov/2026:11:00:00 +0100] \"GET / HTTP/1.1\" 503 12 \"-\" \"x\"");
    ck_assert_str_eq(time_of(entry), "2026-11-28T10:00:00.000Z");
    ck_assert_int_eq(entry.level, FORGE_LOG_ERROR);
    ck_assert_int_eq(entry.status, 503);
    ck_assert_str_eq(entry.msg, "1.2.3.4 - ada \"GET / HTTP/1.1\" 503 12 \"-\" \"x\"");
    entry = parse(FORGE_LOG_GUESS, "[notatime] nothing");
    ck_assert_str_eq(entry.msg, "[notatime] nothing");
    ck_assert_int_eq(entry.at, 0);
}
END_TEST

START_TEST(postgres)
{
    static const struct {
        const char *line, *msg;
        forge_log_level_t level;
    } cases[] = {
        {"2026-11-28 10:00:00.250 UTC [7] LOG:  ready", "ready", FORGE_LOG_INFO},
        {"2026-11-28 11:00:00.250 +01 [7] app@forge ERROR:  no:  really", "no:  really", FORGE_LOG_ERROR},
        {"2026-11-28 10:00:00.250 GMT [7] WARNING:  careful", "careful", FORGE_LOG_WARN},
        {"2026-11-28 10:00:00.250 UTC [7] PANIC:  the end", "the end", FORGE_LOG_CRIT},
        {"2026-11-28 10:00:00.250 UTC [7] DEBUG2:  detail", "detail", FORGE_LOG_DEBUG},
        {"2026-11-28 10:00:00.250 UTC [7] no level", "2026-11-28 10:00:00.250 UTC [7] no level", FORGE_LOG_INFO}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        forge_log_entry_t entry = parse(FORGE_LOG_GUESS, cases[i].line);
        ck_assert_str_eq(time_of(entry), "2026-11-28T10:00:00.250Z");
        ck_assert_str_eq(entry.msg, cases[i].msg);
        ck_assert_int_eq(entry.level, cases[i].level);
        ck_assert(!forge_core_log_continues(FORGE_LOG_GUESS, cases[i].line, strlen(cases[i].line)));
    }
}
END_TEST

/* --- what is shown --- */

START_TEST(secrets_are_masked)
{
    static const char *const cases[][2] = {
        {"Authorization: Bearer abc.def, x", "Authorization: ***"},
        {"authorization: Basic dXNlcjpwdw==", "authorization: ***"},
        {"Cookie: a=b; c=d", "Cookie: ***"},
        {"got Bearer abcdefghijklmnop1234 here", "got Bearer *** here"},
        {"Basic dXNlcjpwdw== sent", "Basic *** sent"},
        {"Basic authentication failed", "Basic authentication failed"},
        {"the bearer of news", "the bearer of news"},
        {"password=hunter2 next", "password=*** next"},
        {"PGPASSWORD=hunter2", "PGPASSWORD=***"},
        {"host=db user=app password='hun ter2' port=5432", "host=db user=app password='***' port=5432"},
        {"{\"password\":\"hun\\\"ter2\",\"a\":1}", "{\"password\":\"***\",\"a\":1}"},
        {"{\"msg\":\"{\\\"password\\\":\\\"hunter2\\\",\\\"a\\\":1}\"}",
         "{\"msg\":\"{\\\"password\\\":\\\"***\\\",\\\"a\\\":1}\"}"},
        {"client_secret: hunter2", "client_secret: ***"},
        {"refresh_token=abc&x=1", "refresh_token=***&x=1"},
        {"GET /stream?ticket=abc&level=warn HTTP/1.1", "GET /stream?ticket=***&level=warn HTTP/1.1"},
        {"invalid token: it has expired", "invalid token: it has expired"},
        {"password authentication failed for user", "password authentication failed for user"},
        {"ALTER ROLE x PASSWORD 'hunter2';", "ALTER ROLE x PASSWORD '***';"},
        {"postgres://app:hunter2@db/forge", "postgres://app:***@db/forge"},
        {"redis://:hunter2@cache:6379", "redis://:***@cache:6379"},
        {"https://a:b@c@host/x", "https://a:***@host/x"},
        {"https://host:8443/a@b", "https://host:8443/a@b"},
        {"key fk_0123456789abcdefghij end", "key fk_*** end"},
        {"fk_short stays", "fk_short stays"},
        {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl ok", "*** ok"},
        {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0", "***"},
        {"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n", "-----BEGIN RSA PRIVATE KEY-----***"},
        {"nothing = here: at all", "nothing = here: at all"},
        {"password=", "password="},
        {"", ""}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_str_eq(forge_core_log_clean(P, cases[i][0], strlen(cases[i][0])), cases[i][1]);
}
END_TEST

/* Members of JSON lines are masked after they were read: an escape does not hide a secret. */
START_TEST(secrets_in_json_are_masked)
{
    forge_log_entry_t entry = parse(FORGE_LOG_GUESS, "{\"msg\":\"pass\\u0077ord=hunter2\",\"request_id\":\"fk_"
                                                     "0123456789abcdefghij\"}");
    ck_assert_str_eq(entry.msg, "password=***");
    ck_assert_str_eq(entry.request_id, "fk_***");
}
END_TEST

START_TEST(what_is_shown_is_clean)
{
    static const char *const cases[][2] = {
        {"a\x1b[31mb", "a\\x1b[31mb"}, {"bell\x07", "bell\\x07"}, {"cr\r", "cr\\x0d"},
        {"del\x7f", "del\\x7f"},       {"c1\xc2\x9b", "c1\\x9b"}, {"bad\xff\xfe", "bad\xef\xbf\xbd\xef\xbf\xbd"},
        {"tab\tstays", "tab\tstays"},  {"\xc3\xa4", "\xc3\xa4"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_str_eq(forge_core_log_clean(P, cases[i][0], strlen(cases[i][0])), cases[i][1]);
    ck_assert_str_eq(forge_core_log_clean(P, "nul\0x", 5), "nul\\x00x");
    char *longer = apr_palloc(P, FORGE_LOG_CUT + 10);
    memset(longer, 'x', FORGE_LOG_CUT + 10);
    memcpy(longer + FORGE_LOG_CUT - 1, "\xe2\x82\xac", 3); /* not cut within a character */
    const char *cut = forge_core_log_clean(P, longer, FORGE_LOG_CUT + 10);
    ck_assert_uint_eq(strlen(cut), FORGE_LOG_CUT - 1 + 3);
    ck_assert_str_eq(cut + FORGE_LOG_CUT - 1, "\xe2\x80\xa6");
}
END_TEST

START_TEST(an_entry_is_an_object)
{
    const char *why;
    forge_log_entry_t entry = parse(FORGE_LOG_GUESS, "{\"msg\":\"say \\\"x\\\"\",\"duration_ms\":2.5,\"status\":200}");
    forge_buf_t *b = forge_util_buf_make(P, 64, 4096);
    forge_util_buf_puts(b, "{");
    forge_core_log_write(b, P, "backend", &entry);
    ck_assert_ptr_nonnull(forge_util_json_parse(P, b->data, b->len, &why));
    ck_assert_str_eq(apr_pstrmemdup(P, b->data, b->len),
                     "{\"ts\":null,\"level\":\"info\",\"service\":\"backend\",\"msg\":\"say \\\"x\\\"\",\"status\":200,"
                     "\"duration_ms\":2.500}");
}
END_TEST

/* --- places --- */

START_TEST(a_place_is_found_in_its_file_only)
{
    static const char *const rubbish[] = {
        "",      "_",        "0_0", "5", "-1", "zz", "6_", "6_0", "ffffffffffff_1", "6_123456789", "../etc/passwd",
        "1e_zz", "00000006_"};
    char place[FORGE_LOG_PLACE_MAX];
    int fd = file_of("one\ntwo\nthree\n", 14), copy = file_of("one\ntwo\n", 8),
        other = file_of("uno\ntwo\nthree\n", 14);
    forge_core_log_place_write(place, fd, 8);
    ck_assert_int_eq(forge_core_log_place_find(place, strlen(place), fd), 8);
    ck_assert_int_eq(forge_core_log_place_find(place, strlen(place), copy), 8);
    ck_assert_int_eq(forge_core_log_place_find(place, strlen(place), other), -1);
    forge_core_log_place_write(place, fd, 14);
    ck_assert_int_eq(forge_core_log_place_find(place, strlen(place), copy), -1);
    forge_core_log_place_write(place, fd, 0);
    ck_assert_str_eq(place, "0");
    ck_assert_int_eq(forge_core_log_place_find(place, 1, other), 0);
    for (size_t i = 0; i < sizeof(rubbish) / sizeof(*rubbish); i++)
        ck_assert_int_eq(forge_core_log_place_find(rubbish[i], strlen(rubbish[i]), fd), -1);
    close(fd);
    close(copy);
    close(other);
}
END_TEST

/* --- a file as it grows --- */

static char folder[64], name[96], rotated[96];
static const char *said;
static char reached[FORGE_LOG_PLACE_MAX];

static int open_named(const forge_log_source_t *source)
{
    return open(source->path, O_RDONLY | O_CLOEXEC);
}

static void note(void *baton, apr_pool_t *p, const forge_log_entry_t *entry, apr_off_t end)
{
    forge_log_tail_t *tail = baton;
    (void)p;
    said = apr_pstrcat(P, said, entry->msg, "|", NULL);
    if (end >= 0)
        forge_core_log_place_write(reached, tail->fd, end);
}

static void write_to(const char *path, int flags, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}
#define append(text) write_to(name, O_APPEND, text)

static forge_log_tail_t *tail_of(forge_log_format_t format)
{
    static forge_log_source_t source;
    forge_log_tail_t *tail = apr_pcalloc(P, sizeof(*tail));
    apr_cpystrn(folder, "/tmp/forge-logs-XXXXXX", sizeof(folder));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    apr_snprintf(name, sizeof(name), "%s/x.log", folder);
    apr_snprintf(rotated, sizeof(rotated), "%s/x.log.1", folder);
    source = (forge_log_source_t){.service = "backend", .path = name, .format = format, .fd = -1};
    tail->pool = P;
    tail->source = &source;
    tail->open = open_named;
    tail->say = note;
    tail->baton = tail;
    said = "";
    return tail;
}

static void tail_done(forge_log_tail_t *tail)
{
    forge_core_log_tail_close(tail);
    unlink(name);
    unlink(rotated);
    rmdir(folder);
}

/* What is said next. */
static const char *next(forge_log_tail_t *tail)
{
    said = "";
    forge_core_log_tail_read(tail, true);
    while (forge_core_log_tail_waits(tail)) {
        usleep(5000);
        forge_core_log_tail_read(tail, true);
    }
    return said;
}

START_TEST(what_is_new_is_said_once)
{
    forge_log_tail_t *tail = tail_of(FORGE_LOG_PLAIN);
    append("before\nhalf ");
    forge_core_log_tail_open(tail, -1);
    ck_assert_str_eq(next(tail), "");
    append("a line\n");
    ck_assert_str_eq(next(tail), "half a line|");
    append("one\ntwo\n\tgoes on\n");
    ck_assert_str_eq(next(tail), "one|two\ngoes on|");
    ck_assert_str_eq(next(tail), "");
    tail_done(tail);
}
END_TEST

START_TEST(a_new_file_is_followed)
{
    forge_log_tail_t *tail = tail_of(FORGE_LOG_PLAIN);
    append("before\n");
    forge_core_log_tail_open(tail, -1);
    append("one\n");
    ck_assert_int_eq(rename(name, rotated), 0);
    ck_assert_str_eq(next(tail), "one|");
    write_to(rotated, O_APPEND, "two\n");
    ck_assert_str_eq(next(tail), "two|");
    append("three\n");
    write_to(rotated, O_APPEND, "late\n");
    ck_assert_str_eq(next(tail), "late|three|");
    write_to(rotated, O_APPEND, "later\n"); /* a program that has not opened the new file yet */
    append("four\n");
    ck_assert_str_eq(next(tail), "later|four|");
    ck_assert_int_eq(forge_core_log_place_find(reached, strlen(reached), tail->fd), 11);
    tail_done(tail);
}
END_TEST

START_TEST(a_file_that_was_cut_off_begins_anew)
{
    forge_log_tail_t *tail = tail_of(FORGE_LOG_PLAIN);
    append("before\n");
    forge_core_log_tail_open(tail, -1);
    append("one\n");
    ck_assert_str_eq(next(tail), "one|");
    write_to(name, O_TRUNC, "x\n");
    ck_assert_str_eq(next(tail), "x|");
    write_to(name, O_TRUNC, "it is longer than it was\nbefore it was cut off\n");
    ck_assert_str_eq(next(tail), "it is longer than it was|before it was cut off|");
    tail_done(tail);
}
END_TEST

START_TEST(a_file_that_comes_later_is_read_whole)
{
    forge_log_tail_t *tail = tail_of(FORGE_LOG_GUESS);
    forge_core_log_tail_open(tail, -1);
    ck_assert_str_eq(next(tail), "");
    append("{\"msg\":\"first\"}\n");
    ck_assert_str_eq(next(tail), "first|");
    tail_done(tail);
}
END_TEST

/* A line that no block holds is cut, and the next one is whole. */
START_TEST(a_line_without_end_is_cut)
{
    forge_log_tail_t *tail = tail_of(FORGE_LOG_PLAIN);
    apr_size_t len = FORGE_LOG_BLOCK * 2 + 10;
    char *text = apr_palloc(P, len + 1);
    memset(text, 'x', len);
    text[len] = '\0';
    append("");
    forge_core_log_tail_open(tail, -1);
    append(text);
    next(tail);
    append("\nnext\n");
    const char *all = next(tail);
    ck_assert_msg(strstr(all, "next|") && strlen(all) < FORGE_LOG_CUT + 20, "%.100s", all);
    ck_assert_str_eq(strstr(all, "next|"), "next|");
    tail_done(tail);
}
END_TEST

Suite *forge_test_core_logs(void)
{
    Suite *s = suite_create("core_logs");
    TCase *tc = tcase_create("logs");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, lines_come_from_the_end);
    tcase_add_test(tc, lines_over_blocks);
    tcase_add_test(tc, the_end_of_gigabytes_costs_a_block);
    tcase_add_test(tc, each_file_has_its_part);
    tcase_add_test(tc, a_history_is_filtered);
    tcase_add_test(tc, messages_of_several_lines_are_one);
    tcase_add_test(tc, a_long_message_keeps_its_beginning);
    tcase_add_test(tc, our_own_formats);
    tcase_add_test(tc, json_of_others);
    tcase_add_test(tc, httpd);
    tcase_add_test(tc, postgres);
    tcase_add_test(tc, secrets_are_masked);
    tcase_add_test(tc, secrets_in_json_are_masked);
    tcase_add_test(tc, what_is_shown_is_clean);
    tcase_add_test(tc, an_entry_is_an_object);
    tcase_add_test(tc, a_place_is_found_in_its_file_only);
    tcase_add_test(tc, what_is_new_is_said_once);
    tcase_add_test(tc, a_new_file_is_followed);
    tcase_add_test(tc, a_file_that_was_cut_off_begins_anew);
    tcase_add_test(tc, a_file_that_comes_later_is_read_whole);
    tcase_add_test(tc, a_line_without_end_is_cut);
    suite_add_tcase(s, tc);
    return s;
}
