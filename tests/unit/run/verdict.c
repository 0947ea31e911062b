/* SPDX-License-Identifier: Apache-2.0
 * Tests of runner/verdict.c: how a run ended, by what the launcher and forge-init saw.
 */
#include "runner/runner.h"
#include "unit.h"
#include <signal.h>

#define EXIT(code) ((code) << 8)

static const struct {
    const char *errors;
    int killed, wait_status;
    int64_t cpu_ms, peak_kb;
    bool started, ended, over_cpu;
    int64_t status, exit_code, signal;
} rows[] = {
    {"", -1, EXIT(0), 10, 10, true, true, false, FORGE_RUN_OK, 0, 0},
    {"MemoryError\n", -1, EXIT(0), 10, 10, true, true, false, FORGE_RUN_OK, 0, 0},
    {"", -1, EXIT(7), 10, 10, true, true, false, FORGE_RUN_RUNTIME_ERROR, 7, 0},
    {"x\nMemoryError\n", -1, EXIT(1), 10, 10, true, true, false, FORGE_RUN_MEMORY_LIMIT, 1, 0},
    {"MemoryError\nlater\n", -1, EXIT(1), 10, 10, true, true, false, FORGE_RUN_RUNTIME_ERROR, 1, 0},
    {"OSError: [Errno 12] Cannot allocate memory", -1, EXIT(1), 10, 10, true, true, false, FORGE_RUN_MEMORY_LIMIT, 1,
     0},
    {"MemoryError: too much\n", -1, EXIT(1), 10, 10, true, true, false, FORGE_RUN_MEMORY_LIMIT, 1, 0},
    {"  what():  std::bad_alloc\n", -1, SIGABRT, 10, 10, true, true, false, FORGE_RUN_MEMORY_LIMIT, -1, SIGABRT},
    {"MyMemoryError\n", -1, EXIT(1), 10, 10, true, true, false, FORGE_RUN_RUNTIME_ERROR, 1, 0},
    {"MemoryErrors\n", -1, EXIT(1), 10, 10, true, true, false, FORGE_RUN_RUNTIME_ERROR, 1, 0},
    {"ValueError: MemoryError\n", -1, EXIT(1), 10, 10, true, true, false, FORGE_RUN_RUNTIME_ERROR, 1, 0},
    {"[Errno 12] my text\n", -1, EXIT(2), 10, 10, true, true, false, FORGE_RUN_RUNTIME_ERROR, 2, 0},
    {"ValueError: std::bad_alloc\n", -1, EXIT(1), 10, 10, true, true, false, FORGE_RUN_RUNTIME_ERROR, 1, 0},
    {"\n\n", -1, EXIT(1), 10, 10, true, true, false, FORGE_RUN_RUNTIME_ERROR, 1, 0},
    {"", -1, SIGABRT, 10, 95, true, true, false, FORGE_RUN_MEMORY_LIMIT, -1, SIGABRT},
    {"", -1, SIGABRT, 10, 50, true, true, false, FORGE_RUN_RUNTIME_ERROR, -1, SIGABRT},
    {"", -1, SIGXCPU, 1000, 10, true, true, false, FORGE_RUN_TIMEOUT, -1, SIGXCPU},
    {"", -1, SIGKILL, 1000, 10, true, true, false, FORGE_RUN_TIMEOUT, -1, SIGKILL},
    {"", -1, SIGKILL, 10, 10, true, true, false, FORGE_RUN_RUNTIME_ERROR, -1, SIGKILL},
    {"", -1, SIGKILL, 999, 10, true, true, true, FORGE_RUN_TIMEOUT, -1, SIGKILL},
    {"", FORGE_RUN_TIMEOUT, SIGKILL, 10, 10, true, true, false, FORGE_RUN_TIMEOUT, -1, SIGKILL},
    {"", FORGE_RUN_OUTPUT_LIMIT, EXIT(0), 10, 10, true, true, false, FORGE_RUN_OUTPUT_LIMIT, 0, 0},
    {"", FORGE_RUN_TIMEOUT, 0, 0, 0, true, false, false, FORGE_RUN_TIMEOUT, -1, 0},
    {"", -1, 0, 0, 0, false, false, false, FORGE_RUN_SANDBOX_ERROR, -1, 0},
    {"", -1, 0, 0, 0, true, false, false, FORGE_RUN_SANDBOX_ERROR, -1, 0},
};

START_TEST(follows_the_rules)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        forge_run_result_t result = {.status = -1};
        const forge_runner_end_t end = {.killed = rows[i].killed,
                                        .started = rows[i].started,
                                        .ended = rows[i].ended,
                                        .wait_status = rows[i].wait_status,
                                        .over_cpu = rows[i].over_cpu,
                                        .cpu_ms = rows[i].cpu_ms,
                                        .peak_kb = rows[i].peak_kb,
                                        .cpu_limit_ms = 1000,
                                        .memory_limit_kb = 100,
                                        .errors = {rows[i].errors, strlen(rows[i].errors)}};
        forge_runner_verdict(&end, &result);
        ck_assert_msg(result.status == rows[i].status && result.exit_code == rows[i].exit_code &&
                          result.signal == rows[i].signal,
                      "row %d: %s %d %d", (int)i, forge_run_status_name(result.status), (int)result.exit_code,
                      (int)result.signal);
    }
}
END_TEST

Suite *forge_test_run_verdict(void)
{
    Suite *s = suite_create("run_verdict");
    TCase *tc = tcase_create("verdict");
    tcase_add_test(tc, follows_the_rules);
    suite_add_tcase(s, tc);
    return s;
}
