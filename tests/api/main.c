/* SPDX-License-Identifier: Apache-2.0
 * Runs the API tests: the suites of suites.def, side by side, each worker with a PostgreSQL and an httpd of its own.
 * CK_RUN_SUITE, CK_RUN_CASE and FORGE_TEST_ONLY choose; FORGE_TEST_MPM names the MPM.
 */
#include "harness.h"
#include "shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SUITE(name, seconds, marks) {#name, seconds, marks, suite_##name},
static const shard_suite_t suites[] = {
#include "suites.def"
};
#undef SUITE

static int worker_number;

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

static void begin(int worker)
{
    worker_number = worker;
    env_start(worker);
    documents_load();
}

static void end(bool failed)
{
    coverage_report(worker_number);
    watchdog(60);
    env_stop(failed);
}

static void clean(void)
{
    env_stop(false);
}

/* Most cases wait more than they compute: more workers than processors. */
int main(void)
{
    const shard_program_t program = {.name = "api",
                                     .suites = suites,
                                     .count = sizeof(suites) / sizeof(suites[0]),
                                     .jobs = 2 * (int)sysconf(_SC_NPROCESSORS_ONLN),
                                     .isolated = CK_NOFORK,
                                     .prepare = env_prepare,
                                     .begin = begin,
                                     .end = end,
                                     .clean = clean};
    coverage_begin();
    optional_begin();
    int failed = shards_run(&program);
    if (shards_all())
        failed += !coverage_complete() + !optional_judge();
    return failed > 0;
}
