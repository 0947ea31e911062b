/* SPDX-License-Identifier: Apache-2.0
 * The database, for the moments in which a job needs it.
 */
#include "jobs.h"

forge_job_outcome_t forge_job_outcome_of(forge_status_t status, forge_job_end_t *end)
{
    const forge_error_t *error = forge_util_error(status);
    if (status == FORGE_OK)
        return FORGE_JOB_DONE;
    *end = (forge_job_end_t){error->code, error->detail};
    return status == FORGE_E_NOT_FOUND || status == FORGE_E_BAD_REFERENCE || status == FORGE_E_QUOTA_EXCEEDED ||
                   status == FORGE_E_VALIDATION
               ? FORGE_JOB_FAILED
               : FORGE_JOB_LATER;
}

forge_job_outcome_t forge_job_lend(const forge_job_t *job, apr_pool_t *p, forge_db_fn use, void *data,
                                   forge_job_end_t *end)
{
    return forge_job_outcome_of(job->with->db.lend(job->with->db.baton, p, use, data), end);
}
