/* SPDX-License-Identifier: Apache-2.0
 * Starts and stops a real forge-runner for the tests of run/ and runner/.
 */
#ifndef FORGE_TEST_RUNNER_H
#define FORGE_TEST_RUNNER_H

#include "run/run.h"
#include "unit.h"
#include <sys/types.h>

/* Starts forge-runner with these arguments besides its socket and user, ended by NULL, and waits until it serves. When
 * we are root it becomes the user nobody. It is stopped at the end of the program at the latest. */
void forge_test_runner_start(const char *const *more);
void forge_test_runner_begin(const char *const *more); /* the same, but does not wait */
void forge_test_runner_stop(void);
pid_t forge_test_runner_pid(void);
const char *forge_test_runner_socket(void);
/* A file in its folder. */
const char *forge_test_runner_file(const char *name);
/* Live processes of its session, which all runs share; zombies are dead. `pick` gets one of them whose parent is
 * forge-runner itself (a launcher), unless it is NULL. */
int forge_test_runner_alive(pid_t session, pid_t *pick);
/* The same when they are `wanted`, or when the kernel had time enough to take killed sandboxes down, on a busy machine.
 */
int forge_test_runner_settle(pid_t session, int wanted);
#define FORGE_TEST_SETTLE_MS 30000
/* What it has said on standard error so far. */
const char *forge_test_runner_log(void);

/* A job of a program with the default limits, for account 1. */
forge_run_job_t forge_test_job(const char *code);
forge_run_t *forge_test_submit(apr_pool_t *p, const forge_run_job_t *job);
/* Waits for the result; the test fails when none comes within a minute. */
forge_run_result_t forge_test_collect(forge_run_t *run);
forge_run_result_t forge_test_run(apr_pool_t *p, const forge_run_job_t *job);
bool forge_test_has(forge_run_bytes_t bytes, const char *text);
forge_run_state_t forge_test_state(apr_pool_t *p);
/* Waits until forge-runner has nothing that runs or waits. */
void forge_test_idle(apr_pool_t *p);

#endif
