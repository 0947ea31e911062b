/* SPDX-License-Identifier: Apache-2.0
 * One turn of a worker: claims a job, has it done by the function of its kind, and writes how it ended.
 */
#include "jobs.h"

#include <apr_strings.h>
#include <string.h>

#define RETRY_FIRST apr_time_from_sec(10)
#define RETRY_MOST  apr_time_from_sec(3600)
#define ASK_EVERY   apr_time_from_sec(1)    /* progress that says nothing new */
#define NAP         apr_time_from_msec(200) /* between two tries to write an outcome */

struct forge_job_hold_t {
    forge_job_held_t held;
    apr_interval_time_t lease;
    apr_int64_t renewed, asked; /* by forge_util_monotonic */
    apr_time_t begun;
    int percent;
    char stage[101 * 4]; /* 100 characters */
    bool lost;
};

apr_interval_time_t forge_job_delay(apr_interval_time_t first, apr_interval_time_t most, apr_int64_t tries)
{
    unsigned char dice;
    apr_interval_time_t delay = first;
    for (apr_int64_t i = 1; i < tries && delay < most; i++)
        delay *= 2;
    if (delay > most)
        delay = most;
    forge_util_random(&dice, sizeof(dice));
    return delay + delay / 4 * dice / 255;
}

static forge_status_t lend(const forge_job_with_t *with, apr_pool_t *p, forge_db_fn use, void *data)
{
    return with->db.lend(with->db.baton, p, use, data);
}

static bool stopped(const forge_job_with_t *with)
{
    return with->stop && with->stop(NULL);
}

/* --- progress --- */

typedef struct telling_t {
    const forge_job_held_t *held;
    forge_job_progress_t in;
    bool ours;
} telling_t;

static forge_status_t tell(forge_db_t *db, apr_pool_t *p, void *data)
{
    telling_t *t = data;
    return forge_store_job_progress(db, p, t->held, &t->in, &t->ours);
}

static bool nothing_new(const forge_job_hold_t *hold, int percent, const char *stage)
{
    return percent == hold->percent && strcmp(stage, hold->stage) == 0;
}

bool forge_job_progress(forge_job_t *job, apr_pool_t *p, int percent, const char *stage)
{
    forge_job_hold_t *hold = job->hold;
    const apr_int64_t now = forge_util_monotonic();
    if (stopped(job->with))
        return false;
    if (hold && percent == FORGE_JOB_AS_BEFORE)
        percent = hold->percent;
    if (hold && !stage)
        stage = hold->stage;
    if (!hold || hold->lost || (nothing_new(hold, percent, stage) && now - hold->asked < ASK_EVERY))
        return !hold || !hold->lost;
    percent = percent < 0 ? 0 : percent > 100 ? 100 : percent;
    telling_t t = {&hold->held, {percent, stage, hold->lease}, false};
    if (lend(job->with, p, tell, &t) != FORGE_OK)
        return now - hold->renewed < hold->lease;
    hold->lost = !t.ours;
    hold->renewed = hold->asked = now;
    hold->percent = percent;
    apr_cpystrn(hold->stage, stage, sizeof(hold->stage));
    return t.ours;
}

/* --- the claim --- */

typedef struct claiming_t {
    forge_job_claim_t in;
    forge_rows_t *rows;
} claiming_t;

static forge_status_t claim(forge_db_t *db, apr_pool_t *p, void *data)
{
    claiming_t *c = data;
    return forge_store_job_claim(db, p, &c->in, &c->rows);
}

/* Whether this worker does such jobs here. */
static bool takes(const forge_job_worker_t *worker, const forge_job_with_t *with, const forge_job_kind_t *kind)
{
    if (worker->kind)
        return strcmp(worker->kind, kind->terms.name) == 0;
    return !(kind->flags & FORGE_JOB_APART) && (with->runner || !(kind->flags & FORGE_JOB_SANDBOX));
}

static const forge_job_kind_t *kind_of(const forge_job_worker_t *worker, const char *name)
{
    const forge_job_kind_t *kind = worker->kinds;
    while (strcmp(kind->terms.name, name) != 0)
        kind++;
    return kind; /* only such kinds were asked for */
}

static forge_job_claim_t wanted(apr_pool_t *p, const forge_job_with_t *with, const forge_job_worker_t *worker)
{
    unsigned char dice[8];
    int n = 0, all = 0;
    while (worker->kinds[all].terms.name)
        all++;
    forge_job_terms_t *kinds = apr_palloc(p, ((apr_size_t)all + 1) * sizeof(*kinds));
    for (int i = 0; i < all; i++)
        if (takes(worker, with, &worker->kinds[i]))
            kinds[n++] = worker->kinds[i].terms;
    forge_util_random(dice, sizeof(dice));
    return (forge_job_claim_t){.kinds = kinds,
                               .n_kinds = n,
                               .key = worker->key,
                               .worker =
                                   apr_pstrcat(p, worker->name, "/", forge_util_hex(p, dice, sizeof(dice)), NULL)};
}

static forge_job_t job_of(apr_pool_t *p, const forge_rows_t *rows)
{
    const char *why, *payload = forge_store_rows_text(rows, 0, "payload");
    return (forge_job_t){.id = forge_store_rows_int(rows, 0, "id", 0),
                         .account = forge_store_rows_int(rows, 0, "user_id", 0),
                         .kind = forge_store_rows_text(rows, 0, "kind"),
                         .key = forge_store_rows_text(rows, 0, "key"),
                         .payload = forge_util_json_parse(p, payload, strlen(payload), &why),
                         .attempt = (int)forge_store_rows_int(rows, 0, "attempts", 1)};
}

/* --- the end --- */

typedef struct ending_t {
    const forge_job_t *job;
    forge_job_outcome_t outcome;
    forge_job_failure_t failure;
    bool ours, failed; /* what the database made of it */
} ending_t;

static forge_status_t put_aside(forge_db_t *db, apr_pool_t *p, ending_t *e)
{
    forge_rows_t *rows;
    FORGE_TRY(forge_store_job_failed(db, p, &e->job->hold->held, &e->failure, &rows));
    e->ours = forge_store_rows_count(rows) > 0;
    e->failed = e->ours && strcmp(forge_store_rows_text(rows, 0, "status"), "failed") == 0;
    return FORGE_OK;
}

static forge_status_t write_end(forge_db_t *db, apr_pool_t *p, void *data)
{
    ending_t *e = data;
    switch (e->outcome) {
    case FORGE_JOB_DONE:
        return forge_store_job_done(db, p, &e->job->hold->held, &e->ours);
    case FORGE_JOB_STOPPED:
        return forge_store_job_back(db, p, &e->job->hold->held, &e->ours);
    default:
        return put_aside(db, p, e);
    }
}

static void count(const ending_t *e)
{
    forge_live_t *live = e->job->with->live;
    if (!live || !e->ours)
        return;
    forge_live_count(live, e->outcome == FORGE_JOB_DONE      ? FORGE_C_JOB_DONE
                           : e->outcome == FORGE_JOB_STOPPED ? FORGE_C_JOB_STOPPED
                           : e->failed                       ? FORGE_C_JOB_FAILED
                                                             : FORGE_C_JOB_LATER);
}

/* What a caller did wrong is for the caller; that all tries were in vain is for the operator. */
static void say(apr_pool_t *p, const ending_t *e)
{
    const forge_job_t *job = e->job;
    if (job->with->log && e->failed)
        job->with->log(job->with->baton, e->outcome == FORGE_JOB_LATER,
                       apr_psprintf(p, "job %" APR_INT64_T_FMT " (%s) failed in attempt %d: %s: %s", job->id, job->kind,
                                    job->attempt, e->failure.code, e->failure.detail));
}

static void tell_end(apr_pool_t *p, const ending_t *e)
{
    const forge_job_t *job = e->job;
    const bool done = e->outcome == FORGE_JOB_DONE, stopped_it = e->outcome == FORGE_JOB_STOPPED;
    const forge_job_said_t said = {.job = job,
                                   .outcome = done         ? "done"
                                              : stopped_it ? "stopped"
                                              : e->failed  ? "failed"
                                                           : "later",
                                   .code = done || stopped_it ? NULL : e->failure.code,
                                   .fault = e->failed && e->outcome == FORGE_JOB_LATER,
                                   .begun = job->hold->begun};
    if (job->with->ended && e->ours)
        job->with->ended(job->with->baton, p, &said);
}

static bool transient(forge_status_t status)
{
    return forge_util_error(status)->http == 503 || status == FORGE_E_TIMEOUT;
}

/* Writes the outcome. Whoever cannot leaves the job to its lease. */
static void finish(apr_pool_t *p, const forge_job_t *job, forge_job_outcome_t outcome, const forge_job_end_t *end)
{
    const forge_job_hold_t *hold = job->hold;
    ending_t e = {.job = job,
                  .outcome = outcome,
                  .failure = {.code = end->code ? end->code : "failed",
                              .detail = end->detail ? end->detail : "",
                              .again = outcome == FORGE_JOB_LATER,
                              .delay = forge_job_delay(RETRY_FIRST, RETRY_MOST, job->attempt)}};
    forge_status_t status;
    while ((status = lend(job->with, p, write_end, &e)) != FORGE_OK) {
        if (!transient(status) || stopped(job->with) || forge_util_monotonic() - hold->renewed > hold->lease)
            return;
        apr_sleep(NAP);
    }
    count(&e);
    say(p, &e);
    tell_end(p, &e);
}

forge_status_t forge_job_next(apr_pool_t *p, const forge_job_with_t *with, const forge_job_worker_t *worker, bool *ran)
{
    claiming_t c = {.in = wanted(p, with, worker)};
    forge_job_end_t end = {NULL, NULL};
    apr_int64_t now = forge_util_monotonic();
    *ran = false;
    if (c.in.n_kinds == 0 || stopped(with))
        return FORGE_OK;
    FORGE_TRY(lend(with, p, claim, &c));
    *ran = forge_store_rows_count(c.rows) > 0;
    if (!*ran)
        return FORGE_OK;
    forge_job_t job = job_of(p, c.rows);
    const forge_job_kind_t *kind = kind_of(worker, job.kind);
    forge_job_hold_t hold = {.held = {job.id, c.in.worker},
                             .lease = kind->terms.lease,
                             .renewed = now,
                             .begun = apr_time_now(),
                             .asked = now,
                             .percent = (int)forge_store_rows_int(c.rows, 0, "progress", 0)};
    apr_cpystrn(hold.stage, forge_store_rows_text(c.rows, 0, "stage"), sizeof(hold.stage));
    job.with = with;
    job.hold = &hold;
    if (with->claimed)
        with->claimed(with->baton);
    forge_job_outcome_t outcome = kind->run(p, &job, &end);
    finish(p, &job, outcome, &end);
    return FORGE_OK;
}
