/* SPDX-License-Identifier: Apache-2.0
 * What the files of store/analysis share.
 */
#ifndef FORGE_STORE_ANALYSIS_PRIVATE_H
#define FORGE_STORE_ANALYSIS_PRIVATE_H

#include "analysis.h"
#include "store/engine/store_private.h"

/* A session as everybody shows it: the table is called s, that of its job j. */
#define FORGE_ANALYSIS_FROM "forge.analysis_sessions s JOIN forge.jobs j ON j.id = s.job_id"
#define FORGE_ANALYSIS_SHOWN \
    "s.id, s.kind, s.file_id, s.url, s.ref, j.status, j.progress, j.stage," \
    " CASE WHEN j.status = 'failed' THEN json_build_object('code', j.error_code, 'detail', j.error_detail) END AS " \
    "error," \
    " s.result, s.created_at, j.finished_at"

#endif
