/* SPDX-License-Identifier: Apache-2.0
 * Runs every suite of the unit tests in one process.
 */
#include "unit.h"
#include "store/pg.h"

int main(void)
{
    /* A line each, so that branches merge. */
    /* clang-format off */
    static Suite *(*const suites[])(void) = {
        forge_test_util_error,
        forge_test_util_buf,
        forge_test_util_json,
        forge_test_util_text,
        forge_test_util_clock,
        forge_test_util_random,
        forge_test_core_fields,
        forge_test_core_page,
        forge_test_core_accept,
        forge_test_core_etag,
        forge_test_core_trace,
        forge_test_core_router,
        forge_test_core_openapi,
        forge_test_core_keys,
        forge_test_core_digest,
        forge_test_core_token,
        forge_test_core_bearer,
        forge_test_core_hash,
        forge_test_core_password,
        forge_test_core_email,
        forge_test_live_segment,
        forge_test_live_limits,
        forge_test_live_metrics,
        forge_test_live_gate,
        forge_test_store_db,
        forge_test_store_tx,
        forge_test_store_render,
        forge_test_store_list,
        forge_test_store_migrate,
        forge_test_store_idempotency,
        forge_test_store_users,
        forge_test_store_courses,
        forge_test_store_achievements,
        forge_test_store_schema,
        forge_test_config_parse,
        forge_test_live_revocations,
        forge_test_core_jwk,
        forge_test_core_verified,
        forge_test_core_walk,
        forge_test_core_totp,
        forge_test_core_message,
        forge_test_core_csv,
        forge_test_net_mail,
        forge_test_jobs_mail,
        forge_test_store_effects,
        forge_test_store_sessions,
        forge_test_store_revocation,
        forge_test_store_lockout,
        forge_test_store_mfa,
        forge_test_store_mail,
        forge_test_store_accounts,
        forge_test_store_organizations,
        forge_test_store_invitations,
        forge_test_store_housekeeping,
        forge_test_core_late,
        forge_test_store_doors,
    };
    /* clang-format on */
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        srunner_add_suite(runner, suites[i]());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
