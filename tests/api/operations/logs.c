/* SPDX-License-Identifier: Apache-2.0
 * Log files through the API: their last lines, what is asked for, and what is never shown.
 *
 * The files of frontend and postgres are written by the cases; that of the backend are the server's own logs.
 */
#include "harness.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRONTEND "logs/frontend.log"
#define DATABASE "logs/database.log"

static char *path_of(const char *name)
{
    return F("%s/%s", env.dir, name);
}

static void append(const char *name, const char *text)
{
    int fd = open(path_of(name), O_WRONLY | O_APPEND);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void set_up(const char *frontend, const char *database)
{
    file_write(path_of(FRONTEND), frontend);
    file_write(path_of(DATABASE), database);
}

/* The messages of an answer, parted by '|'. */
static char *messages(const char *path)
{
    size_t i;
    json_t *one;
    reply_t *reply = CALL("GET", path);
    char *all = F("%s", "");
    expect_status(reply, 200);
    json_array_foreach(reply->json, i, one) all = F("%s%s|", all, text_at(one, "/msg"));
    return all;
}

START_TEST(the_last_lines_are_read)
{
    char *text = F("%s", "");
    for (int i = 1; i <= 150; i++)
        text = F("%sline %d\n", text, i);
    set_up(F("%shalf", text), "");
    reply_t *reply = CALL("GET", "/api/v1/monitor/logs/frontend");
    expect_status(reply, 200);
    ck_assert_uint_eq(json_array_size(reply->json), 100);
    ck_assert_str_eq(text_at(reply->json, "/0/msg"), "line 51");
    ck_assert_str_eq(text_at(reply->json, "/99/msg"), "line 150");
    ck_assert_str_eq(text_at(reply->json, "/99/service"), "frontend");
    ck_assert_str_eq(header(reply, "Cache-Control"), "no-store");
    ck_assert_ptr_null(header(reply, "X-Truncated"));
    ck_assert_str_eq(messages("/api/v1/monitor/logs/frontend?lines=2"), "line 149|line 150|");
    expect_fault(CALL("GET", "/api/v1/monitor/logs/frontend?lines=1001"), "?lines", NULL);
    expect_fault(CALL("GET", "/api/v1/monitor/logs/frontend?level=loud"), "?level", NULL);
    expect_fault(CALL("GET", "/api/v1/monitor/logs/frontend?since=yesterday"), "?since", NULL);
}
END_TEST

START_TEST(lines_are_chosen)
{
    set_up("{\"ts\":\"2026-11-28T10:00:00Z\",\"level\":\"info\",\"msg\":\"one\",\"request_id\":\"r-1\"}\n"
           "{\"ts\":\"2026-11-28T10:10:00Z\",\"level\":\"error\",\"msg\":\"Two (50%)\",\"status\":500,"
           "\"duration_ms\":1.5,\"user_id\":7}\n"
           "{\"ts\":\"2026-11-28T10:20:00Z\",\"level\":\"warn\",\"msg\":\"three\"}\n",
           "");
    ck_assert_str_eq(messages("/api/v1/monitor/logs/frontend?level=warn"), "Two (50%)|three|");
    ck_assert_str_eq(messages("/api/v1/monitor/logs/frontend?q=TWO%20(50%25"), "Two (50%)|");
    ck_assert_str_eq(messages("/api/v1/monitor/logs/frontend?q=R-1"), "one|");
    ck_assert_str_eq(messages("/api/v1/monitor/logs/frontend?q=t.o"), "");
    ck_assert_str_eq(messages("/api/v1/monitor/logs/frontend?since=2026-11-28T11:10:00%2B01:00&level=error"),
                     "Two (50%)|");
    reply_t *reply = CALL("GET", "/api/v1/monitor/logs/frontend?level=error");
    ck_assert_int_eq(int_at(reply->json, "/0/status"), 500);
    ck_assert_int_eq(int_at(reply->json, "/0/user_id"), 7);
    ck_assert_str_eq(text_at(reply->json, "/0/ts"), "2026-11-28T10:10:00.000000Z");
}
END_TEST

/* A word of its own finds these lines among all that the server has written since it was started. */
START_TEST(all_services_are_merged_by_time)
{
    set_up("{\"ts\":\"2020-01-01T10:00:00Z\",\"msg\":\"front 1 merge-7\"}\n"
           "{\"ts\":\"2020-01-01T10:00:02Z\",\"msg\":\"front 2 merge-7\"}\n",
           "2020-01-01 10:00:01.000 UTC [7] app@forge ERROR:  data 1 merge-7\n"
           "2020-01-01 10:00:01.000 UTC [7] app@forge DETAIL:  why\n"
           "2020-01-01 10:00:03.000 UTC [7] LOG:  data 2 merge-7\n");
    ck_assert_str_eq(messages("/api/v1/monitor/logs/postgres"), "data 1 merge-7\nDETAIL:  why|data 2 merge-7|");
    CALL("GET", "/api/v1/nothing", .headers = {"X-Request-ID: merge-7"});
    const char *wanted = "front 1 merge-7|data 1 merge-7\nDETAIL:  why|front 2 merge-7|data 2 merge-7|";
    char *all = F("%s", "");
    for (int i = 0; i < 100 && strlen(all) <= strlen(wanted); i++) { /* the server's own line comes behind its answer */
        pause_ms(i ? 50 : 0);
        all = messages("/api/v1/monitor/logs/all?lines=1000&q=merge-7");
        ck_assert_msg(strncmp(all, wanted, strlen(wanted)) == 0, "%.300s", all);
    }
    ck_assert_msg(strstr(all + strlen(wanted), "GET"), "the server's own lines are missing: %s", all);
}
END_TEST

/* What the server itself writes, read by the default sources. */
START_TEST(the_backend_reads_its_own_logs)
{
    CALL("GET", "/api/v1/nothing", .headers = {"X-Request-ID: tail-1"});
    char *all = F("%s", "");
    for (int i = 0; i < 100 && !*all; i++) {
        pause_ms(i ? 50 : 0);
        all = messages("/api/v1/monitor/logs/backend?q=tail-1");
    }
    ck_assert_msg(strstr(all, "GET"), "%s", all);
    reply_t *reply = CALL("GET", "/api/v1/monitor/logs/backend?q=tail-1");
    ck_assert_int_eq(int_at(reply->json, "/0/status"), 404);
    ck_assert_str_eq(text_at(reply->json, "/0/request_id"), "tail-1");
}
END_TEST

/* A client names a service; whatever else it sends is no path. */
START_TEST(no_client_names_a_file)
{
    static const char *const names[] = {"frontend.log",    "..",    "...",         "%2e%2e", "..%2f..%2fetc%2fpasswd",
                                        "frontend%00",     "files", "FRONTEND",    "error",  "frontend/../../secret",
                                        "%2fetc%2fpasswd", "-",     "logs.secret", NULL};
    set_up("line\n", "");
    for (const char *const *name = names; *name; name++) {
        reply_t *reply = CALL("GET", F("/api/v1/monitor/logs/%s", *name), .lenient = true);
        ck_assert_msg(reply->status == 404 || reply->status == 400, "%s: %d %s", *name, reply->status, reply->body);
        expect_silent(reply, env.dir);
        expect_silent(reply, "root:");
    }
}
END_TEST

START_TEST(secrets_of_other_programs_are_masked)
{
    static const char *const secrets[] = {"hunter2", "c2lnbmF0dXJl", "abcdefghij0123456789", NULL};
    set_up("GET /x?token=hunter2 HTTP/1.1\n"
           "Authorization: Bearer abcdefghij0123456789\n"
           "{\"msg\":\"connect postgres://app:hunter2@db/forge\",\"password\":\"hunter2\"}\n"
           "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl, key fk_abcdefghij0123456789\n"
           "\x1b[31mred\x1b[0m \xff\xfe\n",
           "2020-01-01 10:00:01.000 UTC [7] LOG:  statement: ALTER ROLE x PASSWORD 'hunter2'\n");
    reply_t *reply = CALL("GET", "/api/v1/monitor/logs/all?lines=1000");
    expect_status(reply, 200);
    for (const char *const *secret = secrets; *secret; secret++)
        expect_silent(reply, *secret);
    expect_says(reply, "postgres://app:***@db/forge");
    expect_says(reply, "\\\\x1b[31mred\\\\x1b[0m \xef\xbf\xbd\xef\xbf\xbd");
}
END_TEST

/* A line that is searched for in a file of more than 16 MiB: the answer says that it has not seen all of it. Most of
 * the file is a hole. */
START_TEST(gigabytes_are_read_from_their_end)
{
    const char *last = "\nlast but one\nlast\n";
    set_up("first\n", "");
    int fd = open(path_of(FRONTEND), O_WRONLY);
    ck_assert_int_eq(pwrite(fd, last, strlen(last), (off_t)2 << 30), (ssize_t)strlen(last));
    close(fd);
    ck_assert_str_eq(messages("/api/v1/monitor/logs/frontend?lines=2"), "last but one|last|");
    reply_t *reply = CALL("GET", "/api/v1/monitor/logs/frontend?q=first");
    expect_status(reply, 200);
    ck_assert_uint_eq(json_array_size(reply->json), 0);
    ck_assert_str_eq(header(reply, "X-Truncated"), "true");
    ck_assert_int_eq(truncate(path_of(FRONTEND), 0), 0);
}
END_TEST

/* Where the file is too short for what is wanted, the one of before the rotation is read too. */
START_TEST(the_file_before_the_last_rotation_is_read)
{
    set_up("three\n", "");
    file_write(path_of(FRONTEND ".1"), "one\ntwo\n");
    ck_assert_str_eq(messages("/api/v1/monitor/logs/frontend?lines=2"), "two|three|");
    ck_assert_str_eq(messages("/api/v1/monitor/logs/frontend?lines=1"), "three|");
    append(FRONTEND, "four\n");
    ck_assert_str_eq(messages("/api/v1/monitor/logs/frontend"), "one|two|three|four|");
    unlink(path_of(FRONTEND ".1"));
}
END_TEST

START_TEST(a_file_that_is_missing_is_a_problem)
{
    unlink(path_of(FRONTEND));
    reply_t *reply = CALL("GET", "/api/v1/monitor/logs/frontend");
    expect_problem(reply, "log_unreadable");
    expect_silent(reply, "frontend.log");
    set_up("back\n", "");
    ck_assert_str_eq(messages("/api/v1/monitor/logs/frontend"), "back|");
}
END_TEST

/* Apache's Require decides, as for all of /monitor. */
START_TEST(access_is_apaches)
{
    expect_log("AH01630");
    person_t admin = person("admin");
    expect_problem(CALL("GET", "/api/v1/monitor/logs/all", .port = PORT_STRICT), "insufficient_scope");
    expect_status(CALL("GET", "/api/v1/monitor/logs/all", .port = PORT_STRICT, .token = admin.access), 403);
}
END_TEST

Suite *suite_logs(void)
{
    Suite *suite = suite_create("logs");
    TCase *tc = case_make(suite, "history");
    tcase_add_test(tc, the_last_lines_are_read);
    tcase_add_test(tc, lines_are_chosen);
    tcase_add_test(tc, all_services_are_merged_by_time);
    tcase_add_test(tc, the_backend_reads_its_own_logs);
    tcase_add_test(tc, no_client_names_a_file);
    tcase_add_test(tc, secrets_of_other_programs_are_masked);
    tcase_add_test(tc, gigabytes_are_read_from_their_end);
    tcase_add_test(tc, the_file_before_the_last_rotation_is_read);
    tcase_add_test(tc, a_file_that_is_missing_is_a_problem);
    tcase_add_test(tc, access_is_apaches);
    return suite;
}
