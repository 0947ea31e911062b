/* SPDX-License-Identifier: Apache-2.0
 * What the harness itself decides: which lines of the error log fail a case.
 */
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define STAMP  "[Mon Jan 05 10:00:00.000000 2026] "
#define LOADED " - may result in undefined or erroneous behavior\n"

static const char *judged(const char *line)
{
    return log_surprise(F("%s", line), 0);
}

START_TEST(remarks_on_httpds_build_are_no_surprise)
{
    ck_assert_ptr_null(judged(
        STAMP
        "[ssl:warn] [pid 7:tid 8] AH01882: Init: this version of mod_ssl was compiled against a newer library" LOADED));
    ck_assert_ptr_null(judged(
        STAMP
        "[core:warn] [pid 7:tid 8] (92)Protocol not available: AH00076: Failed to enable APR_TCP_DEFER_ACCEPT\n"));
    ck_assert_ptr_null(
        judged(STAMP "[mpm_event:error] [pid 7:tid 8] AH00484: server reached MaxRequestWorkers setting\n"));
    ck_assert_ptr_null(judged(STAMP "[forge:info] [pid 7:tid 8] FG0001: below warn\n"));
}
END_TEST

START_TEST(faults_are_surprises)
{
    static const char *const lines[] = {
        STAMP "[ssl:warn] [pid 7:tid 8] AH01909: localhost:443:0 server certificate does NOT include an ID which "
              "matches the server name",
        STAMP "[forge:warn] [pid 7:tid 8] FG0001: quotes AH01882: and is ours all the same",
        STAMP "[core:notice] [pid 7:tid 8] AH00051: child pid 9 exit signal Segmentation fault (11)",
        "==9==ERROR: AddressSanitizer: heap-use-after-free", "reply.c:12:3: runtime error: signed integer overflow"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *found = judged(F(STAMP "[ssl:warn] [pid 7:tid 8] AH01882: Init\n%s\n", lines[i]));
        ck_assert_msg(found, "%s", lines[i]);
        ck_assert_str_eq(found, lines[i]);
    }
}
END_TEST

START_TEST(what_a_case_announces_is_no_surprise)
{
    static const char line[] = STAMP "[forge:warn] [pid 7:tid 8] FG0001: announced\n";
    ck_assert_ptr_nonnull(judged(line));
    expect_log("FG0001");
    ck_assert_ptr_null(judged(line));
}
END_TEST

/* httpd closes the sockets under its threads when it stops; at another time somebody closed one twice. */
START_TEST(last_words_are_no_surprise_while_a_node_stops)
{
    static const char line[] =
        STAMP "[mpm_event:error] [pid 7:tid 8] (9)Bad file descriptor: AH03092: process_lingering_close: failure\n";
    long end = file_size(F("%s/logs/error.log", env.dir));
    ck_assert_ptr_nonnull(judged(line));
    log_stopped(0);
    ck_assert_ptr_null(judged(line));
    ck_assert_ptr_nonnull(log_surprise(F("%s", line), end + 1000));
}
END_TEST

START_TEST(a_crash_of_httpds_own_end_is_no_surprise)
{
    static const char ours[] = "process 9 crashes, exit signal 11 at address 0x7f02: crash_frames.so+0x14c2() "
                               "libapr-1.so.0+0x28180(apr_os_sock_get) mod_forge.so+0x606c()\n";
    static const char theirs[] = "process 9 crashes, exit signal 11 at address 0x7f02: crash_frames.so+0x14c2() "
                                 "libapr-1.so.0+0x28180(apr_os_sock_get) mod_mpm_event.so+0x606c()\n";
    static const char ended[] = STAMP "[core:notice] [pid 7:tid 8] AH00052: child pid 9 exit signal Segmentation "
                                      "fault (11)\n";
    ck_assert_ptr_nonnull(judged(theirs));
    log_stopped(0);
    ck_assert_ptr_nonnull(judged(ours));
    ck_assert_ptr_nonnull(judged(ended));
    ck_assert_ptr_null(judged(theirs));
    ck_assert_ptr_null(judged(ended));
    ck_assert_ptr_nonnull(judged(STAMP "[core:notice] [pid 7:tid 8] AH00052: child pid 10 exit signal Segmentation "
                                       "fault (11)\n"));
}
END_TEST

/* What passes by the client is found again, the secret part of a token too; words and short codes are none. */
START_TEST(canaries_are_found)
{
    const call_t sent = {.token = "eyJhbGciOi.eyJzdWIi.Signature-0f-a-token",
                         .json = "{\"user\":{\"password\":\"Selftest7-Walrus!\"},\"name\":\"Nobody-4711-knows\"}",
                         .headers = {"Cookie: theme=dark; sid=Cookie-0f-selftest"}};
    const reply_t got = {.head = (char *)"HTTP/1.1 200 OK\r\nSet-Cookie: id=Given-0f-selftest; Path=/\r\n",
                         .json = json_pack("{s[s]ss}", "backup_codes", "bk-0f-selftest", "code", "some_lower_word")};
    static const char *const secrets[] = {"x Signature-0f-a-token x", "\"Selftest7-Walrus!\"", "=Cookie-0f-selftest",
                                          "Given-0f-selftest;", "bk-0f-selftest"};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
        ck_assert_ptr_null(canary_in(secrets[i]));
    canaries_of(&sent, &got);
    json_decref(got.json);
    for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
        ck_assert_ptr_nonnull(canary_in(secrets[i]));
    ck_assert_ptr_null(canary_in("eyJhbGciOi.eyJzdWIi Nobody-4711-knows some_lower_word dark Selftest7-Walrus"));
    ck_assert_ptr_null(canaries_found());
    const char *path = F("%s/logs/readers.log", env.dir);
    file_write(path, F("%s\na line with bk-0f-selftest in it\n", file_read(path, 0)));
    const char *found = canaries_found();
    ck_assert_msg(found && strstr(found, "readers.log: bk-0f-selftest: a line with"), "%s", found);
    ck_assert_ptr_null(canaries_found());
}
END_TEST

/* Who asks for the end of a process by itself crashed; whom another process ends did not. */
START_TEST(a_crash_is_a_surprise_that_says_where)
{
    char *said;
    const char *preload = strstr(env_preload(), "crash_frames.so") ? F("LD_PRELOAD=%s", env_preload()) : NULL;
    if (!preload) /* a sanitizer says it */
        return;
    ck_assert_int_eq(process_run(NULL, (const char *[]){"env", preload, "bash", "-c", "kill -SEGV $$", NULL}, &said),
                     128 + SIGSEGV);
    const char *found = log_surprise(said, 0);
    ck_assert_msg(found && strstr(found, "exit signal 11 at address") && strstr(found, "libc.so.6+0x"), "%s", said);
    ck_assert_int_eq(
        process_run(NULL,
                    (const char *[]){"env", preload, "bash", "-c", "sleep 60 & kill -SEGV $!; wait $!; exit 0", NULL},
                    &said),
        0);
    ck_assert_ptr_null(strstr(said, "exit signal"));
}
END_TEST

Suite *suite_selftest(void)
{
    Suite *suite = suite_create("selftest");
    TCase *logs = case_make(suite, "logs");
    tcase_add_test(logs, remarks_on_httpds_build_are_no_surprise);
    tcase_add_test(logs, faults_are_surprises);
    tcase_add_test(logs, what_a_case_announces_is_no_surprise);
    tcase_add_test(logs, last_words_are_no_surprise_while_a_node_stops);
    tcase_add_test(logs, a_crash_of_httpds_own_end_is_no_surprise);
    tcase_add_test(logs, canaries_are_found);
    tcase_add_test(logs, a_crash_is_a_surprise_that_says_where);
    return suite;
}
