/* SPDX-License-Identifier: Apache-2.0
 * Every kind of job, a row each: its name, its priority (higher ones first; those of accounts share one), how often it
 * is tried, its lease, its function, and who does it. A worker that dies is found out after the lease.
 */
#include "jobs.h"

/* clang-format off */
const forge_job_kind_t forge_job_kinds[] = {
    {{NULL, 0, 0, 0}, NULL, 0},
};
/* clang-format on */
