/* SPDX-License-Identifier: Apache-2.0
 * Interface of run/: the client of the sandbox. Code that is not ours runs in forge-runner and nowhere else; this room
 * asks for a run and takes its result. No call waits for a run: a run is a descriptor that an event loop can watch.
 *
 *     forge_run_t *run = forge_run_submit(p, socket, &job, &why);   NULL: no runner, say 503 sandbox_unavailable
 *     … watch forge_run_fd(run) for reading, as long as FORGE_RUN_WAITING …
 *     forge_run_collect(run, &result);
 *
 * Several inputs for one program are several jobs.
 */
#ifndef FORGE_RUN_H
#define FORGE_RUN_H

#include "forge.h"
#include "run/frames.h"
#include <apr_pools.h>

/* --- client.c --- */

typedef struct forge_run_t forge_run_t; /* one run, or one that waits for its place */

typedef enum forge_run_progress_t {
    FORGE_RUN_WAITING,   /* not yet: watch the descriptor */
    FORGE_RUN_COLLECTED, /* the result is here */
    FORGE_RUN_GONE       /* forge-runner ended without a result (it was killed or broke): sandbox_error */
} forge_run_progress_t;

/* Whether profiles.def has that language; forge-runner may still lack its interpreter. A tool is none. */
bool forge_run_language_known(const char *name);

/* Fills in a job that has a program of tools.def read a file, with its limits, for an account; arguments and lower
 * limits may be set afterwards. No code goes with it. False: tools.def has no such name. */
bool forge_run_tool_job(const char *tool, forge_run_bytes_t file, int64_t account, forge_run_job_t *job);

/* Whether a state names that tool as one that can be run. */
bool forge_run_tool_there(const forge_run_state_t *state, const char *tool);

/* Arguments of a program in the form of forge_run_job_t. */
forge_run_bytes_t forge_run_args(apr_pool_t *p, int n, const char *const *args);

/* Hands a job to the forge-runner that listens on `socket`. Waits for no run; it takes at most FORGE_RUN_PATIENCE_MS,
 * and that only when forge-runner does not read. NULL with *why in lower case when there is none or it does not take
 * the job; a job that is refused (queue full, share used up) gets that as its result. The job is not used afterwards.
 * Destroying p, like forge_run_cancel, ends the run. */
forge_run_t *forge_run_submit(apr_pool_t *p, const char *socket, const forge_run_job_t *job, const char **why);
#define FORGE_RUN_PATIENCE_MS 1000

/* The descriptor, non-blocking; it can be read when there may be something to collect. Do not read or close it. */
int forge_run_fd(const forge_run_t *run);

/* Reads what has come, without waiting. After FORGE_RUN_COLLECTED the result's bytes live as long as the pool of the
 * run, and the descriptor is closed; so it is after FORGE_RUN_GONE, where the result has the status sandbox_error and
 * says why. Call it no more after either. */
forge_run_progress_t forge_run_collect(forge_run_t *run, forge_run_result_t *result);

/* What is judged of a result; its bytes are those of the result. */
forge_ran_t forge_run_ran(const forge_run_result_t *result);

/* Ends a run that nobody waits for any more: its processes are killed, its place is free. */
void forge_run_cancel(forge_run_t *run);

/* Asks forge-runner for its state; waits at most FORGE_RUN_PATIENCE_MS. False with *why when it does not answer, or
 * when it says itself that a layer is missing (then *state is filled in). */
bool forge_run_probe(apr_pool_t *p, const char *socket, forge_run_state_t *state, const char **why);

/* --- limits.c --- */

struct forge_json_t;
/* The limit of that name ("wall_ms"); NULL: there is none. */
int64_t *forge_run_limit(forge_run_limits_t *limits, const char *name);
/* Lowers *limits to what `own` says, a JSON object or NULL, where that is less. */
void forge_run_limits_clamp(const struct forge_json_t *own, forge_run_limits_t *limits);

/* --- check.c --- */

/* Starts `program` (forge-runner) to try its sandbox, and waits for it. False with the first layer that is missing in
 * *says; true with the languages and tools that do not work, a comma between two. As root it tries as the user that it
 * would run as. */
bool forge_run_check(apr_pool_t *p, const char *program, const char **says);

#endif
