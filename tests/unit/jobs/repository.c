/* SPDX-License-Identifier: Apache-2.0
 * Tests of jobs/repository: what the end of its run means. The whole job is tried with a Git server in
 * tests/api/analysis.
 */
#include "jobs/jobs.h"
#include "unit.h"

typedef struct met_t {
    int status;
    const char *errors, *why;
    int outcome;
    const char *code;
} met_t;

static const met_t all[] = {
    {FORGE_RUN_OK, "", "", FORGE_JOB_DONE, NULL},
    {FORGE_RUN_RUNTIME_ERROR,
     "warning: Could not find remote branch x to clone.\nfatal: Remote branch x not found in upstream origin\n", "",
     FORGE_JOB_FAILED, "ref_not_found"},
    {FORGE_RUN_RUNTIME_ERROR, "fatal: repository 'https://github.com/o/n/' not found\n", "", FORGE_JOB_FAILED,
     "repository_not_found"},
    {FORGE_RUN_RUNTIME_ERROR, "fatal: could not read Username for 'https://github.com': terminal prompts disabled\n",
     "", FORGE_JOB_FAILED, "repository_not_found"},
    {FORGE_RUN_RUNTIME_ERROR, "fatal: unable to access 'https://h/o/n/': The requested URL returned error: 403\n", "",
     FORGE_JOB_FAILED, "repository_not_found"},
    {FORGE_RUN_RUNTIME_ERROR, "fatal: unable to access 'https://h/o/n/': The requested URL returned error: 301\n", "",
     FORGE_JOB_FAILED, "repository_moved"},
    {FORGE_RUN_RUNTIME_ERROR, "fatal: unable to access 'https://h/o/n/': The requested URL returned error: 502\n", "",
     FORGE_JOB_LATER, "repository_unreachable"},
    {FORGE_RUN_RUNTIME_ERROR, "fatal: unable to access 'https://h/o/n/': Failed to connect to h port 443\n", "",
     FORGE_JOB_LATER, "repository_unreachable"},
    {FORGE_RUN_RUNTIME_ERROR, "fatal: write error: No space left on device\n", "", FORGE_JOB_FAILED,
     "repository_too_large"},
    {FORGE_RUN_RUNTIME_ERROR, "error: unable to write file blob\nfatal: unable to checkout working tree\n", "",
     FORGE_JOB_FAILED, "repository_too_large"},
    {FORGE_RUN_RUNTIME_ERROR, "fatal: early EOF\n", "", FORGE_JOB_LATER, "repository_unreachable"},
    {FORGE_RUN_RUNTIME_ERROR, "", "", FORGE_JOB_LATER, "repository_unreachable"},
    {FORGE_RUN_TIMEOUT, "", "", FORGE_JOB_FAILED, "repository_too_large"},
    {FORGE_RUN_MEMORY_LIMIT, "", "", FORGE_JOB_FAILED, "repository_too_large"},
    {FORGE_RUN_OUTPUT_LIMIT, "", "", FORGE_JOB_FAILED, "repository_too_large"},
    {FORGE_RUN_UNAVAILABLE, "", "the host has an address that is not public", FORGE_JOB_LATER,
     "repository_unreachable"},
    {FORGE_RUN_UNAVAILABLE, "", "its program is not installed", FORGE_JOB_LATER, NULL},
    {FORGE_RUN_SANDBOX_ERROR, "", "", FORGE_JOB_LATER, NULL},
    {FORGE_RUN_QUEUE_FULL, "", "", FORGE_JOB_LATER, NULL},
};

static forge_run_bytes_t bytes(const char *text)
{
    return (forge_run_bytes_t){text, strlen(text)};
}

START_TEST(test_verdicts)
{
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const forge_run_result_t result = {
            .status = all[i].status, .errors = bytes(all[i].errors), .why = bytes(all[i].why)};
        forge_job_end_t end = {NULL, NULL};
        const int outcome = forge_job_repository_verdict(&result, &end);
        ck_assert_msg(outcome == all[i].outcome, "%d: %s%s", (int)i, all[i].errors, all[i].why);
        ck_assert_msg(!end.code == !all[i].code && (!end.code || strcmp(end.code, all[i].code) == 0), "%d: %s", (int)i,
                      end.code);
        ck_assert(!end.code || end.detail);
    }
}
END_TEST

START_TEST(test_a_killed_program_is_too_complex)
{
    const forge_run_result_t result = {.status = FORGE_RUN_RUNTIME_ERROR, .signal = 6};
    forge_job_end_t end = {NULL, NULL};
    ck_assert_int_eq(forge_job_repository_verdict(&result, &end), FORGE_JOB_FAILED);
    ck_assert_str_eq(end.code, "too_complex");
}
END_TEST

Suite *forge_test_jobs_repository(void)
{
    Suite *s = suite_create("jobs_repository");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_add_test(tc, test_verdicts);
    tcase_add_test(tc, test_a_killed_program_is_too_complex);
    suite_add_tcase(s, tc);
    return s;
}
