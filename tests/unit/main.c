/* SPDX-License-Identifier: Apache-2.0
 * Runs the unit tests: the suites of suites.def, side by side. Suites of store/ start a PostgreSQL, one a worker.
 */
#include "shards.h"
#include "unit.h"

#include <unistd.h>

#define SUITE(name, seconds, marks) {#name, seconds, marks, forge_test_##name},
static const shard_suite_t suites[] = {
#include "suites.def"
};
#undef SUITE

int main(void)
{
    const shard_program_t program = {.name = "unit",
                                     .suites = suites,
                                     .count = sizeof(suites) / sizeof(suites[0]),
                                     .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN),
                                     .isolated = CK_FORK};
    return shards_run(&program) ? EXIT_FAILURE : EXIT_SUCCESS;
}
