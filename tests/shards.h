/* SPDX-License-Identifier: Apache-2.0
 * Runs the suites of a test program side by side.
 *
 * Each worker is a process with servers of its own. It takes the next suite off one list, the longest first, until the
 * list is empty; so no worker is idle while another has a queue, and a new suite needs no plan. What a suite prints is
 * kept and shown in one piece when it ends.
 *
 * CK_RUN_SUITE and CK_RUN_CASE choose as in every program of Check. FORGE_TEST_ONLY=mpm|smoke takes the suites with
 * that mark, FORGE_TEST_JOBS says how many workers there are.
 */
#ifndef FORGE_TESTS_SHARDS_H
#define FORGE_TESTS_SHARDS_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

/* The third column of suites.def. */
enum {
    NONE = 0,
    MPM = 1,  /* depends on httpd's MPM: runs under the others too */
    SMOKE = 2 /* one of the few that show that a build works at all */
};

/* A row of suites.def. */
typedef struct shard_suite_t {
    const char *name;
    int seconds; /* about how long it takes alone: the longest begin first */
    int marks;
    Suite *(*make)(void);
} shard_suite_t;

typedef struct shard_program_t {
    const char *name; /* "api" */
    const shard_suite_t *suites;
    size_t count;
    int jobs;                  /* workers, unless FORGE_TEST_JOBS says otherwise */
    enum fork_status isolated; /* CK_FORK: each case in a process of its own */
    void (*prepare)(void);     /* once, before the workers begin; may be NULL, as the next two */
    void (*begin)(int worker); /* in each worker: its servers; exits when it cannot */
    void (*end)(bool failed);  /* in each worker, after its last suite */
    void (*clean)(void);       /* once, after all of them */
} shard_program_t;

#define SHARDS_MAX 32 /* workers */

/* All suites that were chosen; returns the number of checks that failed, of suites that nobody finished, or 1 for none
 * at all. */
int shards_run(const shard_program_t *program);
bool shards_all(void); /* nothing was chosen: every suite runs */

#endif
