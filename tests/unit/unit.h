/* SPDX-License-Identifier: Apache-2.0
 * Every suite of the unit tests, by suites.def, and the pool that each test case gets.
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

#define SUITE(name, seconds, marks) Suite *forge_test_##name(void);
#include "suites.def"
#undef SUITE

#endif
