/* SPDX-License-Identifier: Apache-2.0
 * Runs the API tests: starts the servers, every suite in order, stops them. CK_RUN_SUITE and CK_RUN_CASE choose; FORGE_TEST_MPM names the
 * MPM.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

static Suite *(*const suites[])(void) = {
    suite_wire,          suite_json,        suite_tokens,      suite_accounts,    suite_courses,  suite_achievements, suite_paging,
    suite_conditional,   suite_idempotency, suite_limits,      suite_health,      suite_metrics,  suite_docs,         suite_access_log,
    suite_sessions,      suite_refresh,     suite_revocation,  suite_guests,      suite_api_keys, suite_jwks,         suite_passwords,
    suite_mail,          suite_lockout,     suite_mfa,         suite_profile,     suite_users,    suite_bulk,         suite_audit,
    suite_organizations, suite_members,     suite_invitations, suite_enrollments, suite_access,   suite_doors,        suite_content,
    suite_cookie,        suite_races,       suite_queue,  suite_faults,      suite_coverage};

/* The document every answer is judged by, from the server itself. */
static void documents_load(void)
{
    reply_t *reply = CALL("GET", "/openapi.json", .lenient = true);
    if (reply->status != 200 || !reply->json) {
        fprintf(stderr, "api tests: /openapi.json answers %d: %.200s\n", reply->status, reply->body);
        env_stop(true);
        exit(2);
    }
    schema_load(reply->json);
}

int main(void)
{
    env_start();
    documents_load();
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        srunner_add_suite(runner, suites[i]());
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    watchdog(60);
    env_stop(failed > 0);
    return failed > 0;
}
