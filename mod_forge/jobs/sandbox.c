/* SPDX-License-Identifier: Apache-2.0
 * How a job has a program run: it waits without a connection, hears within moments that it is to stop, and keeps its
 * lease.
 */
#include "jobs.h"

#include <poll.h>

#define LOOK_MS  100                    /* between two questions whether to go on */
#define PATIENCE apr_time_from_sec(120) /* with a sandbox that is full; then the job waits in its own queue */

/* Whether to go on; what was said last of the progress stays. */
static bool goes_on(forge_job_t *job, apr_pool_t *p)
{
    return forge_job_progress(job, p, FORGE_JOB_AS_BEFORE, NULL);
}

static void wait_for(const forge_run_t *run)
{
    struct pollfd watched = {.fd = forge_run_fd(run), .events = POLLIN, .revents = 0};
    poll(&watched, 1, LOOK_MS);
}

/* One try. */
static forge_job_outcome_t try_once(apr_pool_t *p, forge_job_t *job, const forge_run_job_t *what,
                                    forge_run_result_t *result, forge_job_end_t *end)
{
    apr_pool_t *turn;
    const char *why;
    forge_run_t *run = job->with->runner ? forge_run_submit(p, job->with->runner, what, &why) : NULL;
    /* Why is for the operator, whom /health tells. */
    const forge_error_t *unavailable = forge_util_error(FORGE_E_SANDBOX_UNAVAILABLE);
    *end = (forge_job_end_t){unavailable->code, unavailable->detail};
    if (!run)
        return FORGE_JOB_LATER;
    apr_pool_create(&turn, p);
    while (forge_run_collect(run, result) == FORGE_RUN_WAITING) {
        wait_for(run);
        if (!goes_on(job, turn)) {
            forge_run_cancel(run);
            return FORGE_JOB_STOPPED;
        }
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
    return result->status <= FORGE_RUN_OUTPUT_LIMIT ? FORGE_JOB_DONE : FORGE_JOB_LATER;
}

static bool full(const forge_run_result_t *result)
{
    return result->status == FORGE_RUN_QUEUE_FULL || result->status == FORGE_RUN_SHARE_USED_UP;
}

/* Others have programs run, too: their turn comes first, then ours. */
forge_job_outcome_t forge_job_sandbox(apr_pool_t *p, forge_job_t *job, const forge_run_job_t *what,
                                      forge_run_result_t *result, forge_job_end_t *end)
{
    const apr_int64_t until = forge_util_monotonic() + PATIENCE;
    for (;;) {
        *result = (forge_run_result_t){.status = FORGE_RUN_OK};
        forge_job_outcome_t outcome = try_once(p, job, what, result, end);
        if (outcome != FORGE_JOB_LATER || !full(result) || forge_util_monotonic() > until)
            return outcome;
        poll(NULL, 0, LOOK_MS);
        if (!goes_on(job, p))
            return FORGE_JOB_STOPPED;
    }
}
