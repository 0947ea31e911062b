/* SPDX-License-Identifier: Apache-2.0
 * Every kind of job, a row each: its name, its priority (higher ones first; those of accounts share one), how often it
 * is tried, its lease, its function, and who does it. A worker that dies is found out after the lease.
 */
#include "jobs.h"
#include "store/analysis/analysis.h"

/* clang-format off */
const forge_job_kind_t forge_job_kinds[] = {
    {{FORGE_JOB_KIND_MAIL, 10, 3, apr_time_from_sec(8)}, forge_job_mails, FORGE_JOB_APART},
    {{FORGE_JOB_KIND_EMBED, 0, 6, apr_time_from_sec(20)}, forge_job_embed, 0},
    {{FORGE_JOB_KIND_REJUDGE, 0, 5, apr_time_from_sec(30)}, forge_job_rejudge, FORGE_JOB_SANDBOX},
    {{FORGE_JOB_PDF, 0, 5, apr_time_from_sec(60)}, forge_job_pdf, FORGE_JOB_SANDBOX},
    {{FORGE_JOB_REPOSITORY, 0, 4, apr_time_from_sec(60)}, forge_job_repository, FORGE_JOB_SANDBOX},
    {{NULL, 0, 0, 0}, NULL, 0},
};
/* clang-format on */
