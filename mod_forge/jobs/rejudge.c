/* SPDX-License-Identifier: Apache-2.0
 * Kind "rejudge": the submissions of an exercise are judged anew by its tests of today. Each one is written by itself,
 * so that what was done stays done, and a second run finds nothing left to do. When the author changes the exercise
 * meanwhile, what was judged by the former version comes again.
 */
#include "jobs.h"
#include "core/learning/learning.h"
#include "store/learning/learning.h"

#include <apr_strings.h>
#include <string.h>

#define BATCH 8

typedef struct rejudge_t {
    forge_job_t *job;
    forge_job_end_t *end;
    forge_rejudge_t in;
    const char *language;
    const forge_json_t *tests;
    forge_run_limits_t limits;
    apr_int64_t all, left, after; /* submissions; after: the last one of this round */
    forge_rows_t *rows;
} rejudge_t;

static forge_job_outcome_t database_later(rejudge_t *r, forge_status_t status)
{
    *r->end = (forge_job_end_t){forge_util_error(status)->code, forge_util_error(status)->detail};
    return FORGE_JOB_LATER;
}

static forge_status_t lend(const rejudge_t *r, apr_pool_t *p, forge_db_fn use, void *data)
{
    const forge_lender_t *db = &r->job->with->db;
    return db->lend(db->baton, p, use, data);
}

/* --- the exercise --- */

static forge_status_t read_state(forge_db_t *db, apr_pool_t *p, void *data)
{
    rejudge_t *r = data;
    return forge_store_rejudge_state(db, p, &r->in, &r->rows);
}

static const forge_json_t *parsed(apr_pool_t *p, const forge_rows_t *rows, const char *column)
{
    const char *why, *text = forge_store_rows_text(rows, 0, column);
    return text ? forge_util_json_parse(p, text, strlen(text), &why) : NULL;
}

/* What there is to do, by the exercise as it is now. FORGE_JOB_DONE: read. */
static forge_job_outcome_t begin(apr_pool_t *p, rejudge_t *r)
{
    forge_status_t status = lend(r, p, read_state, r);
    if (status == FORGE_E_NOT_FOUND) {
        *r->end = (forge_job_end_t){"not_found", "the exercise was deleted"};
        return FORGE_JOB_FAILED;
    }
    if (status != FORGE_OK)
        return database_later(r, status);
    r->language = forge_store_rows_text(r->rows, 0, "language");
    r->tests = parsed(p, r->rows, "tests");
    r->limits = r->job->with->limits;
    forge_run_limits_clamp(parsed(p, r->rows, "limits"), &r->limits);
    r->in.version = forge_store_rows_int(r->rows, 0, "version", 0);
    r->all = forge_store_rows_int(r->rows, 0, "all", 0);
    r->left = forge_store_rows_int(r->rows, 0, "left", 0);
    r->after = 0;
    if (forge_util_json_size(r->tests) > 0)
        return FORGE_JOB_DONE;
    *r->end = (forge_job_end_t){"conflict", "the exercise has no tests any more"};
    return FORGE_JOB_FAILED;
}

/* --- one submission --- */

typedef struct written_t {
    apr_int64_t id;
    forge_judged_t in;
} written_t;

static forge_status_t write_down(forge_db_t *db, apr_pool_t *p, void *data)
{
    const written_t *w = data;
    forge_rows_t *rows;
    forge_status_t status = forge_store_submission_rejudged(db, p, w->id, &w->in, &rows);
    return status == FORGE_E_NOT_FOUND ? FORGE_OK : status; /* its account was erased meanwhile */
}

/* Runs each test. With the limits of accounts: a guest's program that took too long may pass now. */
static forge_job_outcome_t run_all(apr_pool_t *p, rejudge_t *r, const char *code, forge_ran_t *runs)
{
    for (apr_size_t i = 0; i < forge_util_json_size(r->tests); i++) {
        forge_run_result_t result;
        const char *input = forge_core_test_text(forge_util_json_at(r->tests, i), "stdin");
        const forge_run_job_t what = {.language = {r->language, strlen(r->language)},
                                      .code = {code, strlen(code)},
                                      .input = {input, strlen(input)},
                                      .account = r->job->account,
                                      .limits = r->limits};
        forge_job_outcome_t outcome = forge_job_sandbox(p, r->job, &what, &result, r->end);
        if (outcome != FORGE_JOB_DONE)
            return outcome;
        runs[i] = forge_run_ran(&result);
    }
    return FORGE_JOB_DONE;
}

static forge_job_outcome_t judge(apr_pool_t *p, rejudge_t *r, apr_int64_t id, const char *code)
{
    forge_core_judged_t out;
    forge_ran_t *runs = apr_palloc(p, forge_util_json_size(r->tests) * sizeof(*runs));
    forge_job_outcome_t outcome = run_all(p, r, code, runs);
    if (outcome != FORGE_JOB_DONE)
        return outcome;
    if (!forge_core_judge(p, r->tests, runs, &out)) {
        *r->end = (forge_job_end_t){"internal_error", "the results of a submission are too long"};
        return FORGE_JOB_FAILED;
    }
    written_t w = {id, {.passed = out.passed, .score = out.score, .results = out.results, .version = r->in.version}};
    forge_status_t status = lend(r, p, write_down, &w);
    return status == FORGE_OK ? FORGE_JOB_DONE : database_later(r, status);
}

/* --- all of them --- */

static forge_status_t read_next(forge_db_t *db, apr_pool_t *p, void *data)
{
    rejudge_t *r = data;
    return forge_store_rejudge_next(db, p, &r->in, r->after, &r->rows);
}

static bool tell(apr_pool_t *p, const rejudge_t *r)
{
    apr_int64_t done = r->all - r->left;
    return forge_job_progress(
        r->job, p, r->all > 0 ? (int)(100 * done / r->all) : 0,
        apr_psprintf(p, "%" APR_INT64_T_FMT " of %" APR_INT64_T_FMT " submissions", done, r->all));
}

static forge_job_outcome_t judge_batch(apr_pool_t *p, rejudge_t *r, const forge_rows_t *rows)
{
    forge_job_outcome_t outcome = FORGE_JOB_DONE;
    apr_pool_t *turn;
    apr_pool_create(&turn, p);
    for (int i = 0; i < forge_store_rows_count(rows) && outcome == FORGE_JOB_DONE; i++) {
        r->after = forge_store_rows_int(rows, i, "id", 0);
        outcome = judge(turn, r, r->after, forge_store_rows_text(rows, i, "code"));
        r->left -= outcome == FORGE_JOB_DONE && r->left > 0;
        if (outcome == FORGE_JOB_DONE && !tell(turn, r))
            outcome = FORGE_JOB_STOPPED;
        apr_pool_clear(turn);
    }
    apr_pool_destroy(turn);
    return outcome;
}

/* One way through the submissions; ends early when the exercise has changed. */
static forge_job_outcome_t round_of(apr_pool_t *p, rejudge_t *r)
{
    forge_job_outcome_t outcome = FORGE_JOB_DONE;
    bool more = true;
    apr_pool_t *batch;
    apr_pool_create(&batch, p);
    while (more && outcome == FORGE_JOB_DONE) {
        forge_status_t status = lend(r, batch, read_next, r);
        if (status != FORGE_OK)
            outcome = database_later(r, status);
        else
            outcome = judge_batch(batch, r, r->rows);
        more = status == FORGE_OK && forge_store_rows_count(r->rows) > 0;
        apr_pool_clear(batch);
    }
    apr_pool_destroy(batch);
    return outcome;
}

forge_job_outcome_t forge_job_rejudge(apr_pool_t *p, forge_job_t *job, forge_job_end_t *end)
{
    rejudge_t r = {.job = job, .end = end, .in = {.job = job->id, .limit = BATCH}};
    const char *scope = forge_util_json_text(forge_util_json_get(job->payload, "scope"), NULL);
    forge_job_outcome_t outcome;
    forge_util_json_int(forge_util_json_get(job->payload, "exercise_id"), &r.in.exercise);
    r.in.latest = scope && strcmp(scope, "latest") == 0;
    while ((outcome = begin(p, &r)) == FORGE_JOB_DONE && r.left > 0) {
        if (!tell(p, &r))
            return FORGE_JOB_STOPPED;
        outcome = round_of(p, &r);
        if (outcome != FORGE_JOB_DONE)
            return outcome;
    }
    return outcome;
}
