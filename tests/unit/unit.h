/* SPDX-License-Identifier: Apache-2.0
 * Every suite of the unit tests, one line each, and the pool that each test case gets.
 */
#ifndef FORGE_UNIT_H
#define FORGE_UNIT_H

#include <apr_general.h>
#include <apr_pools.h>
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A fixture: tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end), then the test allocates from forge_test_pool. */
static apr_pool_t *forge_test_pool __attribute__((unused));

__attribute__((unused)) static void forge_test_begin(void)
{
    apr_initialize();
    apr_pool_create(&forge_test_pool, NULL);
}

__attribute__((unused)) static void forge_test_end(void)
{
    apr_pool_destroy(forge_test_pool);
    apr_terminate();
}

Suite *forge_test_util_error(void);
Suite *forge_test_util_buf(void);
Suite *forge_test_util_json(void);
Suite *forge_test_util_text(void);
Suite *forge_test_util_clock(void);
Suite *forge_test_util_random(void);
Suite *forge_test_core_fields(void);
Suite *forge_test_core_page(void);
Suite *forge_test_core_accept(void);
Suite *forge_test_core_etag(void);
Suite *forge_test_core_trace(void);
Suite *forge_test_core_router(void);
Suite *forge_test_core_openapi(void);
Suite *forge_test_core_keys(void);
Suite *forge_test_core_digest(void);
Suite *forge_test_core_token(void);
Suite *forge_test_core_bearer(void);
Suite *forge_test_core_hash(void);
Suite *forge_test_core_password(void);
Suite *forge_test_core_email(void);

Suite *forge_test_live_segment(void);
Suite *forge_test_live_limits(void);
Suite *forge_test_live_metrics(void);
Suite *forge_test_live_gate(void);

Suite *forge_test_store_db(void);
Suite *forge_test_store_tx(void);
Suite *forge_test_store_render(void);
Suite *forge_test_store_list(void);
Suite *forge_test_store_migrate(void);
Suite *forge_test_store_idempotency(void);
Suite *forge_test_store_users(void);
Suite *forge_test_store_courses(void);
Suite *forge_test_store_achievements(void);
Suite *forge_test_store_schema(void);
Suite *forge_test_config_parse(void);

Suite *forge_test_live_revocations(void);
Suite *forge_test_core_jwk(void);
Suite *forge_test_core_verified(void);
Suite *forge_test_core_walk(void);
Suite *forge_test_core_totp(void);
Suite *forge_test_core_message(void);
Suite *forge_test_core_csv(void);
Suite *forge_test_net_mail(void);
Suite *forge_test_jobs_mail(void);
Suite *forge_test_store_effects(void);
Suite *forge_test_store_sessions(void);
Suite *forge_test_store_revocation(void);
Suite *forge_test_store_lockout(void);
Suite *forge_test_store_mfa(void);
Suite *forge_test_store_mail(void);
Suite *forge_test_store_accounts(void);
Suite *forge_test_store_organizations(void);
Suite *forge_test_store_invitations(void);
Suite *forge_test_store_housekeeping(void);
Suite *forge_test_core_late(void);
Suite *forge_test_store_doors(void);

#endif
