/* SPDX-License-Identifier: Apache-2.0
 * What jobs ask the language model: summaries, reviews, and the vectors of passages. A job waits on its own thread for
 * an answer, without a connection, and asks several times a second whether it is to stop.
 */
#include "jobs.h"
#include "store/analysis/analysis.h"

#include <apr_strings.h>
#include <poll.h>
#include <string.h>

#define LOOK_EVERY    200 /* milliseconds */
#define SLACK         apr_time_from_sec(5)
#define AT_ONCE       32 /* passages of one call */
#define VECTOR_BYTES  8000
#define BYTES_A_TOKEN 3
#define MILLION       1e6

/* --- one call --- */

/* Waits for the end of a call. FORGE_JOB_LATER: it did not come to one. The result lives as long as the call. */
static forge_job_outcome_t await(apr_pool_t *p, forge_job_t *job, forge_call_t *call, apr_interval_time_t total,
                                 forge_call_result_t *result)
{
    apr_int64_t until = forge_util_monotonic() + total + SLACK;
    struct pollfd fd = {.fd = forge_net_call_fd(call), .events = POLLIN};
    while (!forge_net_call_ended(call, result)) {
        if (forge_util_monotonic() > until)
            return FORGE_JOB_LATER;
        if (!forge_job_progress(job, p, FORGE_JOB_AS_BEFORE, NULL))
            return FORGE_JOB_STOPPED;
        poll(&fd, 1, LOOK_EVERY);
    }
    return FORGE_JOB_DONE;
}

/* Reads a result: NULL, or why it is of no use. */
typedef const char *(*read_fn)(apr_pool_t *p, const forge_call_result_t *result, void *baton);

/* What came of a call beside its result. */
typedef struct asked_t {
    const char *why; /* there is none */
    bool spent;      /* it may have cost something: not when nothing was sent, or the answer is a refusal */
} asked_t;

/* Makes a call that its breaker allows, and has its result read. FORGE_JOB_LATER with ->why when that led to nothing.
 */
static forge_job_outcome_t ask(apr_pool_t *p, forge_job_t *job, const forge_call_spec_t *spec, read_fn read,
                               void *baton, asked_t *asked)
{
    forge_call_result_t result;
    const char **why = &asked->why;
    forge_live_t *live = job->with->live;
    forge_pass_t pass = {.which = -1, .trial = 0};
    asked->spent = false;
    *why = "the language model is left alone, because most calls have failed";
    if (live && !forge_live_breaker_allows(live, forge_live_breaker(live, job->with->llm->host), &pass))
        return FORGE_JOB_LATER;
    forge_call_t *call = forge_net_call(spec);
    *why = "the language model could not be asked";
    forge_job_outcome_t outcome = call ? await(p, job, call, spec->connect + spec->total, &result) : FORGE_JOB_LATER;
    bool ended = outcome == FORGE_JOB_DONE;
    asked->spent = call && !(ended && (result.outcome == FORGE_CALL_UNSENT ||
                                       (result.outcome == FORGE_CALL_ANSWERED && result.status != 200)));
    if (ended && (*why = read(p, &result, baton)))
        outcome = FORGE_JOB_LATER;
    if (live && ended)
        forge_live_breaker_told(live, &pass, outcome == FORGE_JOB_DONE);
    else if (live)
        forge_live_breaker_given_up(live, &pass);
    if (call)
        forge_net_call_drop(call);
    return outcome;
}

/* --- what it may cost --- */

/* A charge before a call, or its settlement after it. */
typedef struct bill_t {
    const forge_job_t *job;
    forge_llm_cost_t charged, cost;
} bill_t;

static forge_status_t charge(forge_db_t *db, apr_pool_t *p, void *baton)
{
    bill_t *bill = baton;
    const forge_llm_t *llm = bill->job->with->llm;
    const forge_llm_cost_t limit = {llm->month_tokens, llm->month_cost};
    return forge_store_llm_charge(db, p, bill->job->account, &bill->charged, &limit);
}

static forge_status_t settle(forge_db_t *db, apr_pool_t *p, void *baton)
{
    bill_t *bill = baton;
    return forge_store_llm_settle(db, p, bill->job->account, &bill->charged, &bill->cost);
}

static forge_status_t lend(const forge_job_t *job, apr_pool_t *p, forge_db_fn use, void *baton)
{
    return job->with->db.lend(job->with->db.baton, p, use, baton);
}

static forge_llm_cost_t cost_of(const forge_llm_t *llm, apr_int64_t in, apr_int64_t out)
{
    return (forge_llm_cost_t){in + out, ((double)in * llm->price_in + (double)out * llm->price_out) / MILLION};
}

/* --- summaries and reviews --- */

static const char *read_text(apr_pool_t *p, const forge_call_result_t *result, void *baton)
{
    return forge_net_llm_said(p, result, baton);
}

/* Nothing is kept that repeats what was for the model alone, or that is no text for people. */
static const char *clean(apr_pool_t *p, const char *mark, const char *text)
{
    apr_size_t len = strlen(text);
    if (forge_core_ground_secret(mark, text, len) || len > FORGE_ANSWER_MAX || !forge_util_printable(text, len))
        return NULL;
    text += strspn(text, " \t\r\n");
    return *text ? apr_pstrdup(p, text) : NULL;
}

forge_job_outcome_t forge_job_digest(apr_pool_t *p, forge_job_t *job, forge_digest_kind_t kind, const char *text,
                                     const char **digest)
{
    asked_t asked;
    const char *mark = forge_core_prompt_mark(p);
    const forge_llm_t *llm = job->with->llm;
    forge_llm_said_t said = {0};
    *digest = NULL;
    if (!llm)
        return FORGE_JOB_DONE;
    const forge_prompt_t prompt = forge_core_prompt_digest(p, mark, kind, text);
    const forge_call_spec_t spec = forge_net_llm_chat(p, llm, prompt.system, prompt.user, false);
    apr_int64_t in = (apr_int64_t)(strlen(prompt.system) + strlen(prompt.user)) / BYTES_A_TOKEN;
    bill_t bill = {.job = job, .charged = cost_of(llm, in, llm->answer)};
    if (lend(job, p, charge, &bill) != FORGE_OK)
        return FORGE_JOB_DONE;
    forge_job_outcome_t outcome = ask(p, job, &spec, read_text, &said, &asked);
    if (outcome == FORGE_JOB_STOPPED)
        return outcome;
    if (!asked.spent)
        lend(job, p, settle, &bill);
    if (outcome == FORGE_JOB_DONE) {
        *digest = clean(p, mark, said.text);
        bill.cost = cost_of(llm, said.tokens_in ? said.tokens_in : in,
                            said.tokens_out ? said.tokens_out : (apr_int64_t)strlen(said.text) / BYTES_A_TOKEN);
        lend(job, p, settle, &bill); /* else it stays charged with the most */
    }
    return FORGE_JOB_DONE;
}

/* --- vectors --- */

/* Some passages of a session and their vectors. */
typedef struct batch_t {
    const forge_job_t *job;
    apr_int64_t session;
    int n;
    const char *ids, *vectors; /* arrays of PostgreSQL's */
    const char *texts[AT_ONCE];
    apr_int64_t bytes;
} batch_t;

/* As much of a passage as every model for vectors takes; whole characters. */
static const char *shortened(apr_pool_t *p, const char *text)
{
    apr_size_t len = strlen(text);
    if (len <= VECTOR_BYTES)
        return apr_pstrdup(p, text);
    for (len = VECTOR_BYTES; ((unsigned char)text[len] & 0xc0) == 0x80; len--)
        ;
    return apr_pstrmemdup(p, text, len);
}

static forge_status_t take(forge_db_t *db, apr_pool_t *p, void *baton)
{
    forge_rows_t *rows;
    batch_t *batch = baton;
    const char *ids = "{";
    FORGE_TRY(forge_store_embeddings_missing(db, p, batch->session, batch->job->with->llm->vectors, AT_ONCE, &rows));
    batch->n = forge_store_rows_count(rows);
    for (int i = 0; i < batch->n; i++) {
        ids = apr_pstrcat(p, ids, i ? "," : "", forge_store_rows_text(rows, i, "id"), NULL);
        batch->texts[i] = shortened(p, forge_store_rows_text(rows, i, "body"));
        batch->bytes += (apr_int64_t)strlen(batch->texts[i]);
    }
    batch->ids = apr_pstrcat(p, ids, "}", NULL);
    return FORGE_OK;
}

static forge_status_t put(forge_db_t *db, apr_pool_t *p, void *baton)
{
    const batch_t *batch = baton;
    return forge_store_embeddings_put(db, p, batch->job->with->llm->vectors, batch->ids, batch->vectors);
}

static const char *read_vectors(apr_pool_t *p, const forge_call_result_t *result, void *baton)
{
    int count;
    const char *why = NULL, *all = "{";
    batch_t *batch = baton;
    double *numbers = forge_net_llm_vectors(p, result, batch->n, &count, &why);
    for (int i = 0; numbers && i < batch->n; i++) {
        if (!forge_core_vector_unit(numbers + (apr_size_t)i * (apr_size_t)count, count))
            return "a vector has no direction";
        all = apr_pstrcat(p, all, i ? ",\"" : "\"",
                          forge_core_vector_text(p, numbers + (apr_size_t)i * (apr_size_t)count, count), "\"", NULL);
    }
    batch->vectors = apr_pstrcat(p, all, "}", NULL);
    return numbers ? NULL : why;
}

/* One call's worth. *more: there may be others. */
static forge_job_outcome_t embed_some(apr_pool_t *p, forge_job_t *job, apr_int64_t session, bool *more,
                                      forge_job_end_t *end)
{
    batch_t batch = {.job = job, .session = session};
    *end = (forge_job_end_t){"database_unavailable", "passages could not be read or written"};
    *more = false;
    if (lend(job, p, take, &batch) != FORGE_OK)
        return FORGE_JOB_LATER;
    if (batch.n == 0)
        return FORGE_JOB_DONE;
    *more = true;
    bill_t bill = {.job = job, .charged = {batch.bytes / BYTES_A_TOKEN, 0}};
    forge_status_t status = lend(job, p, charge, &bill);
    if (status == FORGE_E_QUOTA_EXCEEDED) {
        *end = (forge_job_end_t){"quota_exceeded", "the month's allowance for the language model is used up"};
        return FORGE_JOB_FAILED;
    }
    if (status != FORGE_OK)
        return FORGE_JOB_LATER;
    const forge_call_spec_t spec = forge_net_llm_embed(p, job->with->llm, batch.texts, batch.n);
    end->code = "llm_unavailable";
    asked_t asked;
    forge_job_outcome_t outcome = ask(p, job, &spec, read_vectors, &batch, &asked);
    end->detail = asked.why;
    if (!asked.spent)
        lend(job, p, settle, &bill);
    if (outcome != FORGE_JOB_DONE)
        return outcome;
    *end = (forge_job_end_t){"database_unavailable", "vectors could not be written"};
    return lend(job, p, put, &batch) == FORGE_OK ? FORGE_JOB_DONE : FORGE_JOB_LATER;
}

forge_job_outcome_t forge_job_embed(apr_pool_t *p, forge_job_t *job, forge_job_end_t *end)
{
    bool more = true;
    apr_pool_t *turn;
    apr_int64_t session = 0;
    forge_job_outcome_t outcome = FORGE_JOB_DONE;
    forge_util_json_int(forge_util_json_get(job->payload, "session_id"), &session);
    if (!job->with->llm || !job->with->llm->vectors)
        return FORGE_JOB_DONE; /* it was switched off meanwhile */
    apr_pool_create(&turn, p);
    while (outcome == FORGE_JOB_DONE && more) {
        apr_pool_clear(turn);
        outcome = embed_some(turn, job, session, &more, end);
        if (outcome == FORGE_JOB_DONE && more && !forge_job_progress(job, turn, FORGE_JOB_AS_BEFORE, NULL))
            outcome = FORGE_JOB_STOPPED;
    }
    if (outcome != FORGE_JOB_DONE)
        end->detail = apr_pstrdup(p, end->detail);
    return outcome;
}

forge_status_t forge_job_embed_add(forge_db_t *db, apr_pool_t *p, const forge_job_t *job, apr_int64_t session)
{
    const char *number = forge_util_itoa(p, session);
    const forge_job_new_t in = {.kind = FORGE_JOB_KIND_EMBED,
                                .account = job->account,
                                .key = number,
                                .payload = apr_pstrcat(p, "{\"session_id\":", number, "}", NULL)};
    return job->with->llm && job->with->llm->vectors ? forge_store_job_add(db, p, &in, NULL) : FORGE_OK;
}
