/* SPDX-License-Identifier: Apache-2.0
 * POST /execute: what it says of programs of every kind, what callers may ask for, and repeated requests (SPEC 7).
 */
#include "harness.h"
#include "programs.h"

#include <string.h>

static void expect_end(const reply_t *reply, const char *status)
{
    expect_status(reply, 200);
    ck_assert_msg(strcmp(text_at(reply->json, "/status"), status) == 0, "%s is not %s: %.2000s",
                  text_at(reply->json, "/status"), status, reply->body);
}

/* --- how programs end --- */

START_TEST(a_program_that_ends_well)
{
    reply_t *reply = execute(person("student"), "print('héllo', 6 * 7)");
    expect_end(reply, "ok");
    ck_assert_str_eq(text_at(reply->json, "/stdout"), "héllo 42\n");
    ck_assert_str_eq(text_at(reply->json, "/stderr"), "");
    ck_assert_int_eq(int_at(reply->json, "/exit_code"), 0);
    ck_assert(json_is_null(at(reply->json, "/signal")));
    ck_assert(json_is_false(at(reply->json, "/truncated")));
    ck_assert_int_ge(int_at(reply->json, "/duration_ms"), 1);
    ck_assert_int_ge(int_at(reply->json, "/memory_kb"), 1000);
    ck_assert_str_eq(header(reply, "Cache-Control"), "no-store");
}
END_TEST

START_TEST(an_error_keeps_what_was_written)
{
    person_t me = person("student");
    reply_t *reply = execute(me, "print('before', flush=True)\nraise SystemExit(3)");
    expect_end(reply, "runtime_error");
    ck_assert_int_eq(int_at(reply->json, "/exit_code"), 3);
    ck_assert_str_eq(text_at(reply->json, "/stdout"), "before\n");
    reply = execute(me, "1 / 0");
    expect_end(reply, "runtime_error");
    ck_assert_msg(strstr(text_at(reply->json, "/stderr"), "ZeroDivisionError"), "%s", reply->body);
    reply = execute(me, "import os\nos.abort()");
    expect_end(reply, "runtime_error");
    ck_assert_int_eq(int_at(reply->json, "/signal"), 6);
    ck_assert(json_is_null(at(reply->json, "/exit_code")));
}
END_TEST

START_TEST(time_and_memory_and_output_have_an_end)
{
    person_t me = person("student");
    reply_t *reply = /* a busy machine needs seconds to start an interpreter */
        execute_with(me, "print('begun', flush=True)\nimport time\ntime.sleep(60)", "{\"wall_ms\":5000}");
    expect_end(reply, "timeout");
    ck_assert_str_eq(text_at(reply->json, "/stdout"), "begun\n");
    ck_assert_int_ge(int_at(reply->json, "/duration_ms"), 5000);
    expect_end(execute_with(me, "while True: pass", "{\"cpu_ms\":1000}"), "timeout");
    expect_end(execute(me, "x = bytearray(400 << 20)"), "memory_limit");
    reply = execute_with(me, "print('a' * 5000)", "{\"output_bytes\":1000}");
    expect_end(reply, "output_limit");
    ck_assert(json_is_true(at(reply->json, "/truncated")));
    ck_assert_int_eq((int)strlen(text_at(reply->json, "/stdout")), 1000);
}
END_TEST

START_TEST(nothing_of_the_host_is_there)
{
    reply_t *reply = execute(person("student"), "import os, socket\n"
                                                "print(sorted(os.environ))\n"
                                                "for path in ('/etc/passwd', '/proc/self', '/var', '/home'):\n"
                                                "    assert not os.path.exists(path), path\n"
                                                "try:\n"
                                                "    socket.create_connection(('127.0.0.1', 80), 1)\n"
                                                "    print('connected')\n"
                                                "except OSError: print('refused')");
    expect_end(reply, "ok");
    ck_assert_msg(strstr(text_at(reply->json, "/stdout"), "refused"), "%s", reply->body);
    expect_silent(reply, "FORGE_");
    expect_silent(reply, "PG");
}
END_TEST

/* What is no UTF-8 is no JSON either; U+0000 is. */
START_TEST(any_byte_may_be_written)
{
    reply_t *reply = execute(person("student"), "import sys\nsys.stdout.buffer.write(b'a\\xff\\x00b\\\\\"\\n')");
    expect_end(reply, "ok");
    const json_t *text = at(reply->json, "/stdout");
    ck_assert_uint_eq(json_string_length(text), 9);
    ck_assert_mem_eq(json_string_value(text), "a\xef\xbf\xbd\0b\\\"\n", 9);
}
END_TEST

START_TEST(input_and_arguments_arrive)
{
    reply_t *reply = CALL("POST", "/api/v1/execute", .token = person("student").access,
                          .json = "{\"language\":\"python\",\"code\":\"import sys\\nprint(sys.argv[1:], "
                                  "sys.stdin.read())\",\"stdin\":\"one\\ntwo\",\"args\":[\"-x\",\"\",\"a b\"]}");
    expect_end(reply, "ok");
    ck_assert_str_eq(text_at(reply->json, "/stdout"), "['-x', '', 'a b'] one\ntwo\n");
}
END_TEST

/* --- what may be asked for --- */

START_TEST(limits_are_only_lowered)
{
    static const struct {
        const char *name;
        long most;
    } limits[] = {{"wall_ms", 10000}, {"cpu_ms", 5000},        {"memory_kb", 131072},
                  {"processes", 64},  {"output_bytes", 65536}, {"file_bytes", 10485760}};
    person_t me = person("student"), guest = guest_person();
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        const char *pointer = F("/limits/%s", limits[i].name);
        expect_end(execute_with(me, "print(1)", F("{\"%s\":%ld}", limits[i].name, limits[i].most)), "ok");
        reply_t *reply = execute_with(me, "print(1)", F("{\"%s\":%ld}", limits[i].name, limits[i].most + 1));
        expect_problem(reply, "validation_failed");
        expect_fault(reply, pointer, "out_of_range");
        reply = execute_with(me, "print(1)", F("{\"%s\":0}", limits[i].name));
        expect_fault(reply, pointer, "out_of_range");
        expect_end(execute_with(guest, "print(1)", F("{\"%s\":%ld}", limits[i].name, limits[i].most / 2)), "ok");
        reply = execute_with(guest, "print(1)", F("{\"%s\":%ld}", limits[i].name, limits[i].most / 2 + 1));
        expect_fault(reply, pointer, "out_of_range");
    }
    reply_t *reply = execute_with(me, "x = bytearray(60 << 20)\nprint(1)", "{\"memory_kb\":32768}");
    expect_end(reply, "memory_limit");
}
END_TEST

START_TEST(members_are_checked_all_at_once)
{
    const char *token = person("student").access;
    reply_t *reply =
        CALL("POST", "/api/v1/execute", .token = token,
             .json = "{\"language\":\"perl\",\"args\":[1],\"limits\":{\"wall_ms\":99999,\"cpu_ms\":99999}}");
    expect_problem(reply, "validation_failed");
    expect_fault(reply, "/language", "enum");
    expect_fault(reply, "/code", "required");
    expect_fault(reply, "/args/0", "type");
    expect_fault(reply, "/limits/wall_ms", "out_of_range");
    expect_fault(reply, "/limits/cpu_ms", "out_of_range");
    reply = CALL("POST", "/api/v1/execute", .token = token, .json = "{\"language\":\"c\",\"code\":\"int main;\"}");
    expect_fault(reply, "/language", "enum");
    reply = CALL("POST", "/api/v1/execute", .token = token, .json = "{\"language\":\"pdftotext\",\"code\":\"x\"}");
    expect_fault(reply, "/language", "enum"); /* a tool of the server's own jobs */
    char *args = F("\"%0*d\"", 20000, 0);
    reply = CALL("POST", "/api/v1/execute", .token = token,
                 .json = F("{\"code\":\"print(1)\",\"args\":[%s,%s]}", args, args));
    expect_fault(reply, "/args", "too_long");
    expect_problem(CALL("POST", "/api/v1/execute", .token = token, .json = "[]"), "validation_failed");
}
END_TEST

START_TEST(who_may_have_programs_run)
{
    expect_problem(CALL("POST", "/api/v1/execute", .json = "{\"code\":\"print(1)\"}"), "unauthenticated");
    expect_end(execute(guest_person(), "print(1)"), "ok");
    person_t me = person("student");
    reply_t *key = CALL("POST", "/api/v1/auth/api-keys", .token = me.access,
                        .json = "{\"name\":\"reader\",\"scopes\":[\"read\"]}");
    expect_status(key, 201);
    expect_problem(
        CALL("POST", "/api/v1/execute", .token = text_at(key->json, "/key"), .json = "{\"code\":\"print(1)\"}"),
        "insufficient_scope");
}
END_TEST

/* --- repeated requests --- */

static reply_t *keyed(person_t who, const char *key, const char *code)
{
    return CALL("POST", "/api/v1/execute", .token = who.access, .json = F("{\"code\":%s}", quoted(code)),
                .headers = {F("Idempotency-Key: %s", key)});
}

START_TEST(a_repeated_request_runs_nothing_again)
{
    person_t me = person("student");
    const char *code = "import os\nprint(os.urandom(8).hex())";
    reply_t *first = keyed(me, "k1", code);
    expect_end(first, "ok");
    long runs = metric("forge_sandbox_runs_total{status=\"ok\"}");
    reply_t *again = keyed(me, "k1", code);
    expect_end(again, "ok");
    ck_assert_str_eq(again->body, first->body);
    ck_assert_str_eq(header(again, "Idempotent-Replayed"), "true");
    expect_problem(keyed(me, "k1", "print(2)"), "idempotency_mismatch");
    ck_assert_int_eq(metric("forge_sandbox_runs_total{status=\"ok\"}"), runs);
    expect_end(keyed(person("student"), "k1", code), "ok");
    ck_assert_int_eq(metric("forge_sandbox_runs_total{status=\"ok\"}"), runs + 1);
}
END_TEST

typedef struct twins_t {
    person_t who;
    int ok, running;
} twins_t;

static void twin(int i, void *baton)
{
    twins_t *twins = baton;
    (void)i;
    reply_t *reply = keyed(twins->who, "twin", "import time\ntime.sleep(2)");
    if (reply->status == 200)
        __atomic_add_fetch(&twins->ok, 1, __ATOMIC_RELAXED);
    else if (reply->status == 409 && strstr(reply->body, "idempotency_running"))
        __atomic_add_fetch(&twins->running, 1, __ATOMIC_RELAXED);
}

START_TEST(at_the_same_time_one_is_told_to_wait)
{
    twins_t twins = {.who = person("student")};
    parallel(2, twin, &twins);
    ck_assert_int_eq(twins.ok, 1);
    ck_assert_int_eq(twins.running, 1);
    expect_end(keyed(twins.who, "twin", "import time\ntime.sleep(2)"), "ok"); /* the answer of the first */
}
END_TEST

/* A key whose program was never run is free. */
START_TEST(a_failure_leaves_the_key_free)
{
    person_t me = person("student");
    expect_problem(CALL("POST", "/api/v1/execute", .token = me.access, .json = "{\"code\":\"\"}",
                        .headers = {"Idempotency-Key: k"}),
                   "validation_failed");
    expect_end(keyed(me, "k", "print(1)"), "ok");
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.idempotency_keys WHERE status IS NULL"), "0");
}
END_TEST

/* --- what is told of it --- */

START_TEST(health_and_metrics_tell_of_the_sandbox)
{
    person_t me = person("student");
    long ok = metric("forge_sandbox_runs_total{status=\"ok\"}");
    long failed = metric("forge_sandbox_runs_total{status=\"runtime_error\"}");
    long took = metric("forge_sandbox_run_duration_seconds_count");
    execute(me, "print(1)");
    execute(me, "raise SystemExit(1)");
    ck_assert_int_eq(metric("forge_sandbox_runs_total{status=\"ok\"}"), ok + 1);
    ck_assert_int_eq(metric("forge_sandbox_runs_total{status=\"runtime_error\"}"), failed + 1);
    ck_assert_int_eq(metric("forge_sandbox_run_duration_seconds_count"), took + 2);
    ck_assert_int_eq(metric("forge_sandbox_requests"), 0);
    reply_t *health = CALL("GET", "/health");
    expect_status(health, 200);
    ck_assert_str_eq(text_at(health->json, "/checks/sandbox/status"), "pass");
}
END_TEST

Suite *suite_execute(void)
{
    Suite *suite = suite_create("execute");
    TCase *tc = case_make(suite, "ends");
    tcase_add_test(tc, a_program_that_ends_well);
    tcase_add_test(tc, an_error_keeps_what_was_written);
    tcase_add_test(tc, time_and_memory_and_output_have_an_end);
    tcase_add_test(tc, nothing_of_the_host_is_there);
    tcase_add_test(tc, any_byte_may_be_written);
    tcase_add_test(tc, input_and_arguments_arrive);
    tc = case_make(suite, "asked");
    tcase_add_test(tc, limits_are_only_lowered);
    tcase_add_test(tc, members_are_checked_all_at_once);
    tcase_add_test(tc, who_may_have_programs_run);
    tc = case_make(suite, "again");
    tcase_add_test(tc, a_repeated_request_runs_nothing_again);
    tcase_add_test(tc, at_the_same_time_one_is_told_to_wait);
    tcase_add_test(tc, a_failure_leaves_the_key_free);
    tc = case_make(suite, "told");
    tcase_add_test(tc, health_and_metrics_tell_of_the_sandbox);
    return suite;
}
