/* SPDX-License-Identifier: Apache-2.0
 * POST /analysis/qa: a question about what was analysed, answered from the account's own passages (SPEC 10).
 *
 * Without a language model the answer is made of the passages' own sentences. With one (ForgeLLM) it is asked between
 * .prepare and .handle: first for the vector of the question where passages have vectors, then for the answer. Whatever
 * goes wrong there, the sentences of the passages are the answer, and `degraded` says so.
 */
#include "analysis.h"
#include "api/api.h"
#include "api/shared.h"
#include "core/analysis/analysis.h"
#include "store/analysis/analysis.h"

#include <apr_strings.h>
#include <string.h>

#define QUESTION_MAX  1000 /* characters */
#define BEFORE_MAX    4    /* earlier questions that the language model is told */
#define BYTES_A_TOKEN 3    /* at least, for what a call may cost */
#define EXTRACTIVE    "extractive"

/* clang-format off */
static const forge_field_t source_fields[] = {
    {"file_id", FORGE_T_INT, FORGE_F_NULLABLE, .min = 1, .example = "12", .help = "the file; null for a repository"},
    {"page", FORGE_T_INT, FORGE_F_OPTIONAL, .min = 1, .example = "3", .help = "of the file, from 1"},
    {"path", FORGE_T_TEXT, FORGE_F_OPTIONAL | FORGE_F_APART, .example = "src/main.c",
     .help = "of the repository's file"},
    {"excerpt", FORGE_T_TEXT, .example = "An apple falls because the earth draws it.", .help = "where it stands there"},
    {"score", FORGE_T_NUMBER, .example = "0.87", .help = "0 to 1: how much it says about the question"},
    {.name = NULL},
};

static const forge_field_t question_fields[] = {
    {"session_id", FORGE_T_INT, FORGE_F_WRITEONLY, .min = 1, .example = "5", .help = "analysis to ask about"},
    {"file_id", FORGE_T_INT, FORGE_F_WRITEONLY, .min = 1, .example = "12",
     .help = "file to ask about, instead of session_id"},
    {"question", FORGE_T_TEXT, FORGE_F_REQUIRED | FORGE_F_WRITEONLY, 1, QUESTION_MAX, .format = "search",
     .example = "Why does an apple fall?", .help = "the question"},
    {.name = NULL},
};
static const forge_shape_t question = {"Question", question_fields};

static const forge_field_t answer_fields[] = {
    {"id", FORGE_T_INT, .min = 1, .example = "31", .help = "number of the message in the conversation of the session"},
    {"session_id", FORGE_T_INT, .min = 1, .example = "5", .help = "the analysis"},
    {"answered", FORGE_T_BOOL, .example = "true", .help = "false: too little about it was found"},
    {"answer", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "An apple falls because the earth draws it.",
     .help = "null when it is not answered. [1] names the first of sources"},
    {"sources", FORGE_T_ARRAY, .fields = source_fields, .named = "AnswerSource",
     .help = "what the answer was taken from"},
    {"model", FORGE_T_TEXT, .example = "extractive",
     .help = "the language model that has written it, or extractive: sentences of the sources"},
    {"degraded", FORGE_T_BOOL, .example = "false",
     .help = "true: the language model could not be used, or what it said had no source"},
    {.name = NULL},
};
static const forge_shape_t answer = {"Answer", answer_fields};

static const forge_field_t message_fields[] = {
    {"id", FORGE_T_INT, .min = 1, .example = "31", .help = "number of the message"},
    {"question", FORGE_T_TEXT, .example = "Why does an apple fall?", .help = "what was asked"},
    {"answered", FORGE_T_BOOL, .example = "true", .help = "false: too little about it was found"},
    {"answer", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "An apple falls because the earth draws it.",
     .help = "null when it was not answered"},
    {"sources", FORGE_T_ARRAY, .fields = source_fields, .named = "AnswerSource",
     .help = "what the answer was taken from"},
    {"model", FORGE_T_TEXT, .example = "extractive", .help = "the language model, or extractive"},
    {"degraded", FORGE_T_BOOL, .example = "false", .help = "true: the language model could not be used"},
    {"created_at", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when it was asked"},
    {.name = NULL},
};
static const forge_shape_t message = {"Message", message_fields};
/* clang-format on */

/* One question on its way. */
typedef struct work_t {
    apr_int64_t session, file; /* file 0: none */
    const char *text;
    forge_question_t asked;
    forge_ranking_t by_words, given; /* given: after the vectors have had their say */
    forge_exchanges_t before;
    const forge_llm_t *llm; /* NULL: it is not asked */
    const char *mark;
    forge_llm_cost_t charged;
    bool is_charged;
    bool unspent; /* the call has certainly cost nothing */
    apr_int64_t tokens_in, tokens_out;
    const char *said; /* by the language model, checked; NULL: nothing that holds */
    bool *used;       /* which of given it cites */
    bool none;        /* it says that the passages do not hold the answer */
    bool degraded;
    forge_events_source_t source; /* with events: what the answer is heard by */
    forge_ask_t ask;              /* prepared for it; its .host is NULL when the language model is not asked */
    forge_hearing_t *hearing;
    forge_llm_stream_t *stream;
    apr_size_t shown; /* bytes of what is said that were passed on */
    int fd;
} work_t;

/* --- what the store has found --- */

#define MILLION 1e6

static void read_terms(forge_req_t *q, work_t *work, const forge_rows_t *rows)
{
    int n = forge_store_rows_count(rows);
    forge_asked_t *terms = apr_pcalloc(q->pool, sizeof(*terms) * (apr_size_t)(n + 1));
    for (int i = 0; i < n; i++)
        terms[i] = (forge_asked_t){forge_store_rows_text(rows, i, "lexeme"),
                                   (double)forge_store_rows_int(rows, i, "weight", 0) / MILLION};
    work->asked = (forge_question_t){work->text, terms, n};
}

static forge_ranking_t read_ranking(forge_req_t *q, const forge_rows_t *rows)
{
    forge_ranking_t found = {.n = forge_store_rows_count(rows)};
    found.passages = apr_pcalloc(q->pool, sizeof(*found.passages) * (apr_size_t)(found.n + 1));
    for (int i = 0; i < found.n; i++)
        found.passages[i] = (forge_found_t){.id = forge_store_rows_int(rows, i, "id", 0),
                                            .page = forge_store_rows_int(rows, i, "page", 0),
                                            .path = forge_store_rows_text(rows, i, "path"),
                                            .body = forge_store_rows_text(rows, i, "body"),
                                            .excerpt = forge_store_rows_text(rows, i, "excerpt"),
                                            .score = (double)forge_store_rows_int(rows, i, "score", 0) / MILLION};
    return found;
}

/* The latest come first, and are told the other way round. */
static void read_before(forge_req_t *q, work_t *work, const forge_rows_t *rows)
{
    int n = forge_store_rows_count(rows);
    forge_exchange_t *of = apr_pcalloc(q->pool, sizeof(*of) * (apr_size_t)(n + 1));
    for (int i = 0; i < n; i++)
        of[n - 1 - i] =
            (forge_exchange_t){forge_store_rows_text(rows, i, "question"), forge_store_rows_text(rows, i, "answer")};
    work->before = (forge_exchanges_t){of, n};
}

/* --- the language model --- */

static void failed(forge_req_t *q, work_t *work, const char *why)
{
    forge_http_warn(q, "FG0575", "the language model did not answer a question: %s", why);
    work->degraded = true;
}

/* Nothing was sent, or the answer is a refusal. */
static bool cost_nothing(const forge_call_result_t *result)
{
    return result->outcome == FORGE_CALL_UNSENT || (result->outcome == FORGE_CALL_ANSWERED && result->status != 200);
}

static double price(const forge_llm_t *llm, apr_int64_t in, apr_int64_t out)
{
    return ((double)in * llm->price_in + (double)out * llm->price_out) / MILLION;
}

/* The most that an answer to this prompt can cost is taken from the month's allowance first. Without any left it is no
 * fault of anybody: the sentences of the passages are the answer. */
static bool charge(forge_req_t *q, work_t *work, const forge_prompt_t *prompt)
{
    forge_db_t *db;
    const forge_llm_t *llm = work->llm;
    apr_int64_t in = (apr_int64_t)(strlen(prompt->system) + strlen(prompt->user)) / BYTES_A_TOKEN;
    const forge_llm_cost_t limit = {llm->month_tokens, llm->month_cost};
    work->charged = (forge_llm_cost_t){in + llm->answer, price(llm, in, llm->answer)};
    work->is_charged = forge_http_db(q, &db) == FORGE_OK &&
                       forge_store_llm_charge(db, q->pool, q->who.user_id, &work->charged, &limit) == FORGE_OK;
    work->degraded |= !work->is_charged;
    return work->is_charged;
}

/* Checks what was said. Nothing of it is shown that does not hold. */
static void judge(forge_req_t *q, work_t *work, const char *text)
{
    work->used = apr_pcalloc(q->pool, sizeof(*work->used) * (apr_size_t)(work->given.n + 1));
    switch (forge_core_ground(q->pool, work->mark, &work->given, &text, work->used)) {
    case FORGE_GROUNDED:
        work->said = text;
        break;
    case FORGE_GROUNDED_NONE:
        work->none = true;
        break;
    case FORGE_GROUNDED_REFUSED:
        failed(q, work, "what it said names no passage that says so");
        break;
    }
}

/* A server that does not count is counted for. */
static void count(work_t *work, const forge_llm_said_t *said)
{
    work->tokens_in += said->tokens_in ? said->tokens_in : work->charged.tokens - work->llm->answer;
    work->tokens_out += said->tokens_out ? said->tokens_out : (apr_int64_t)strlen(said->text) / BYTES_A_TOKEN;
}

static forge_status_t answer_came(forge_req_t *q, const forge_call_result_t *result, bool *sound)
{
    work_t *work = q->prepared;
    forge_llm_said_t said;
    const char *why = forge_net_llm_said(q->pool, result, &said);
    if (why) {
        work->unspent = cost_nothing(result);
        *sound &= result->status != 200;
        failed(q, work, why);
        return FORGE_OK;
    }
    count(work, &said);
    judge(q, work, said.text);
    return FORGE_OK;
}

static void stream_heard(forge_req_t *q, const char *data, apr_size_t len)
{
    work_t *work = q->prepared;
    forge_net_llm_stream_feed(work->stream, data, len);
}

/* An answer that breaks off is none: what it lacks may be its other half. */
static forge_status_t stream_ended(forge_req_t *q, const forge_call_result_t *result, bool *sound)
{
    work_t *work = q->prepared;
    const forge_llm_stream_t *stream = work->stream;
    const char *why = result->outcome != FORGE_CALL_ANSWERED ? result->why
                      : result->status != 200 ? apr_psprintf(q->pool, "it answered with status %d", result->status)
                      : stream->broken        ? "its answer is no stream of pieces"
                      : !stream->ended        ? "its answer broke off"
                                              : NULL;
    if (why) {
        work->unspent = cost_nothing(result);
        *sound &= result->status != 200;
        failed(q, work, why);
        return FORGE_OK;
    }
    const forge_llm_said_t said = {apr_pstrmemdup(q->pool, stream->text->data, stream->text->len), stream->tokens_in,
                                   stream->tokens_out};
    count(work, &said);
    judge(q, work, said.text);
    return FORGE_OK;
}

static forge_status_t ask_answer(forge_req_t *q, work_t *work)
{
    work->mark = forge_core_prompt_mark(q->pool);
    const forge_prompt_t prompt =
        forge_core_prompt_question(q->pool, work->mark, work->text, &work->given, &work->before);
    if (!charge(q, work, &prompt))
        return FORGE_OK;
    work->ask = (forge_ask_t){.spec = forge_net_llm_chat(q->pool, work->llm, prompt.system, prompt.user, q->events),
                              .host = work->llm->host,
                              .then = q->events ? stream_ended : answer_came,
                              .heard = stream_heard};
    if (!q->events)
        forge_http_call(q, &work->ask);
    return FORGE_OK;
}

/* "{0.1,0.2}" of length one; NULL when it has no direction. */
static const char *vector_text(forge_req_t *q, double *numbers, int n)
{
    if (!forge_core_vector_unit(numbers, n))
        return NULL;
    return forge_core_vector_text(q->pool, numbers, n);
}

/* Without a vector words alone find passages: an answer of its own kind, but no worse one than it would be anyway. */
static forge_status_t vector_came(forge_req_t *q, const forge_call_result_t *result, bool *sound)
{
    int n;
    forge_db_t *db;
    forge_rows_t *rows;
    const char *why, *text;
    work_t *work = q->prepared;
    double *numbers = forge_net_llm_vectors(q->pool, result, 1, &n, &why);
    if (!numbers || !(text = vector_text(q, numbers, n))) {
        *sound &= result->status != 200;
        forge_http_warn(q, "FG0576", "a question has no vector: %s", numbers ? "it has no direction" : why);
    } else {
        const forge_vector_t asked = {work->llm->vectors, text};
        FORGE_TRY(forge_http_db(q, &db));
        FORGE_TRY(forge_store_question_nearest(db, q->pool, work->session, &asked, work->text, &rows));
        const forge_ranking_t rankings[] = {work->by_words, read_ranking(q, rows)};
        if (rankings[1].n)
            work->given = forge_core_fuse(q->pool, rankings, 2, FORGE_PASSAGES_FOUND);
    }
    return work->given.n ? ask_answer(q, work) : FORGE_OK;
}

static void ask_vector(forge_req_t *q, work_t *work)
{
    const forge_ask_t ask = {
        .spec = forge_net_llm_embed(q->pool, work->llm, &work->text, 1), .host = work->llm->host, .then = vector_came};
    forge_http_call(q, &ask);
}

/* --- the stages --- */

static forge_status_t check(forge_req_t *q, work_t *work, apr_int64_t *session, apr_int64_t *file)
{
    *session = forge_core_input_int(q->body, "session_id", 0);
    *file = forge_core_input_int(q->body, "file_id", 0);
    work->text = forge_core_input_text(q->body, "question");
    if (q->events && q->idem)
        forge_core_fault(q->faults, "#Idempotency-Key", "format", "an answer that comes as events cannot be kept");
    if (forge_core_faults_count(q->faults) == 0 && !*session == !*file)
        forge_core_fault(q->faults, "/session_id", "required", "either session_id or file_id is needed, not both");
    return forge_core_faults_count(q->faults) > 0 ? forge_fail_faults(q, FORGE_E_VALIDATION, q->faults) : FORGE_OK;
}

/* Looks for passages, with words; a session of somebody else is none. */
static forge_status_t search(forge_req_t *q, work_t *work)
{
    forge_db_t *db;
    forge_rows_t *rows;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_question_terms(db, q->pool, work->session, work->text, &rows));
    read_terms(q, work, rows);
    FORGE_TRY(forge_store_question_search(db, q->pool, work->session, work->text, &rows));
    work->by_words = work->given = read_ranking(q, rows);
    if (!work->llm)
        return FORGE_OK;
    FORGE_TRY(forge_store_messages_last(db, q->pool, work->session, BEFORE_MAX, &rows));
    read_before(q, work, rows);
    return FORGE_OK;
}

static forge_status_t qa_prepare(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows;
    apr_int64_t session, file;
    work_t *work = q->prepared = apr_pcalloc(q->pool, sizeof(*work));
    FORGE_TRY(check(q, work, &session, &file));
    /* Anybody gets as many guest accounts as they like, so that a month's allowance would not bound them. */
    work->llm = q->who.role > FORGE_ROLE_GUEST ? forge_config_llm(q->config) : NULL;
    const char *vectors = work->llm ? work->llm->vectors : NULL;
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(forge_store_question_scope(db, q->pool, q->who.user_id, session, file, vectors, &rows));
    work->session = forge_store_rows_int(rows, 0, "id", 0);
    work->file = forge_store_rows_int(rows, 0, "file_id", 0);
    FORGE_TRY(search(q, work));
    if (vectors && forge_store_rows_int(rows, 0, "embedded", 0) > 0)
        ask_vector(q, work);
    else if (work->llm && work->given.n)
        FORGE_TRY(ask_answer(q, work));
    forge_http_db_done(q);
    return FORGE_OK;
}

/* --- the answer --- */

static void put_source(const work_t *work, forge_json_t *sources, const forge_found_t *passage, double score)
{
    forge_json_t *source = forge_util_json_add_object(sources);
    if (work->file)
        forge_util_json_put_int(source, "file_id", work->file);
    else
        forge_util_json_put_null(source, "file_id");
    if (passage->page)
        forge_util_json_put_int(source, "page", passage->page);
    if (passage->path)
        forge_util_json_put_text(source, "path", passage->path);
    forge_util_json_put_text(source, "excerpt", passage->excerpt);
    forge_util_json_put_number(source, "score", (double)(long)(score * 1000 + 0.5) / 1000);
}

/* The text of the model names its sources by their place among those that are answered. */
static const char *renumbered(forge_req_t *q, const work_t *work, forge_json_t *sources)
{
    const char *text = work->said;
    double best = work->given.n ? work->given.passages[0].score : 1;
    for (int i = 0; i < work->given.n; i++)
        best = work->given.passages[i].score > best ? work->given.passages[i].score : best;
    int place[FORGE_PASSAGES_FOUND * 2 + 1] = {0}, n = 0;
    for (int i = 0; i < work->given.n; i++)
        if (work->used[i]) {
            place[i] = ++n;
            put_source(work, sources, &work->given.passages[i], work->given.passages[i].score / best);
        }
    return forge_core_ground_renumber(q->pool, text, place, work->given.n);
}

static const char *extract(forge_req_t *q, const work_t *work, forge_json_t *sources)
{
    forge_extract_t found;
    forge_core_answer(q->pool, &work->asked, &work->by_words, &found);
    for (int i = 0; i < found.n_quotes; i++)
        put_source(work, sources, &work->by_words.passages[found.quotes[i].passage], found.quotes[i].score);
    return found.text;
}

static void count_answer(forge_req_t *q, const work_t *work, const char *text)
{
    forge_live_count(q->live, work->degraded ? FORGE_C_QUESTION_DEGRADED
                              : !text        ? FORGE_C_QUESTION_NONE
                              : work->said   ? FORGE_C_QUESTION_GENERATIVE
                                             : FORGE_C_QUESTION_EXTRACTIVE);
}

/* What was charged and not used is given back; a call that broke off may have cost all of it. */
static forge_status_t settle(forge_req_t *q, forge_db_t *db, const work_t *work)
{
    const forge_llm_cost_t cost = {work->tokens_in + work->tokens_out,
                                   work->llm ? price(work->llm, work->tokens_in, work->tokens_out) : 0};
    return work->is_charged && (cost.tokens || work->unspent)
               ? forge_store_llm_settle(db, q->pool, q->who.user_id, &work->charged, &cost)
               : FORGE_OK;
}

static const char *json_text(forge_req_t *q, const forge_json_t *json)
{
    forge_buf_t *b = forge_util_buf_make(q->pool, 1024, 1 << 20);
    forge_util_json_write(b, json);
    return apr_pstrmemdup(q->pool, b->data, b->failed ? 0 : b->len);
}

/* What was answered. It is kept, in a connection that is borrowed for that. */
typedef struct outcome_t {
    const work_t *work;
    forge_req_t *q;
    forge_json_t *body;
} outcome_t;

static forge_status_t keep(forge_db_t *db, apr_pool_t *p, void *baton)
{
    forge_rows_t *rows;
    outcome_t *outcome = baton;
    forge_req_t *q = outcome->q;
    const work_t *work = outcome->work;
    forge_json_t *sources = forge_util_json_array(q->pool);
    const bool by_model = work->said || work->none;
    const char *text = work->said ? renumbered(q, work, sources) : work->none ? NULL : extract(q, work, sources);
    const forge_message_t kept = {.session = work->session,
                                  .user = q->who.user_id,
                                  .question = work->text,
                                  .answer = text,
                                  .sources = json_text(q, sources),
                                  .model = by_model ? work->llm->model : EXTRACTIVE,
                                  .degraded = work->degraded,
                                  .tokens = work->tokens_in + work->tokens_out};
    FORGE_TRY(settle(q, db, work));
    FORGE_TRY(forge_store_message_add(db, p, &kept, &rows));
    count_answer(q, work, text);
    outcome->body = forge_util_json_object(q->pool);
    forge_util_json_put_int(outcome->body, "id", forge_store_rows_int(rows, 0, "id", 0));
    forge_util_json_put_int(outcome->body, "session_id", work->session);
    forge_util_json_put_bool(outcome->body, "answered", text != NULL);
    forge_util_json_put_text(outcome->body, "answer", text);
    forge_util_json_put_copy(outcome->body, "sources", sources);
    forge_util_json_put_text(outcome->body, "model", kept.model);
    forge_util_json_put_bool(outcome->body, "degraded", work->degraded);
    return FORGE_OK;
}

/* --- as events --- */

/* What may be shown of an unfinished answer: not the word for no answer, and no mark of the prompt. As many bytes as
 * these have are held back. */
static apr_size_t showable(const work_t *work)
{
    const forge_buf_t *text = work->stream->text;
    const apr_size_t back = strlen(work->mark) + strlen(FORGE_PROMPT_NONE);
    if (text->failed || text->len <= back || forge_core_ground_secret(work->mark, text->data, text->len))
        return work->shown;
    apr_size_t end = text->len - back;
    while (end > work->shown && ((unsigned char)text->data[end] & 0xc0) == 0x80)
        end--;
    return end > work->shown ? end : work->shown;
}

static void put_delta(forge_req_t *q, apr_pool_t *p, forge_events_t *e, work_t *work)
{
    apr_size_t end = showable(work);
    if (end == work->shown)
        return;
    forge_json_t *delta = forge_util_json_object(p);
    forge_util_json_put_text(delta, "text",
                             apr_pstrmemdup(p, work->stream->text->data + work->shown, end - work->shown));
    const char *data = json_text(q, delta);
    if (forge_events_put(e, NULL, "delta", data, strlen(data)))
        work->shown = end;
}

/* Each turn: what the language model has said meanwhile; at its end the answer as it holds. */
static forge_status_t tell(forge_req_t *q, apr_pool_t *p, forge_events_t *e, void *baton)
{
    work_t *work = baton;
    outcome_t outcome = {.work = work, .q = q};
    if (work->hearing && forge_http_hear_on(work->hearing)) {
        put_delta(q, p, e, work);
        return FORGE_OK;
    }
    work->hearing = NULL;
    work->source.count = 0;
    FORGE_TRY(forge_http_db_lend(q, p, keep, &outcome));
    const char *data = json_text(q, outcome.body);
    forge_events_put(e, NULL, "answer", data, strlen(data));
    forge_events_end(e);
    return FORGE_OK;
}

static void tell_no_more(void *baton)
{
    work_t *work = baton;
    if (work->hearing)
        forge_http_hear_end(work->hearing);
}

static forge_status_t answer_as_events(forge_req_t *q, work_t *work)
{
    const char *why;
    if (work->ask.host) {
        work->stream = forge_net_llm_stream(q->pool);
        work->hearing = forge_http_hear(q, &work->ask, &why);
        work->unspent = !work->hearing;
        if (!work->hearing)
            failed(q, work, why);
    }
    if (work->hearing)
        work->fd = forge_http_hear_fd(work->hearing);
    work->source = (forge_events_source_t){.ask = tell,
                                           .end = tell_no_more,
                                           .baton = work,
                                           .fds = &work->fd,
                                           .count = work->hearing != NULL,
                                           .prompt = true};
    return forge_reply_events(q, &work->source);
}

static forge_status_t qa(forge_req_t *q)
{
    forge_db_t *db;
    outcome_t outcome = {.work = q->prepared, .q = q};
    if (q->events)
        return answer_as_events(q, q->prepared);
    FORGE_TRY(forge_http_db(q, &db));
    FORGE_TRY(keep(db, q->pool, &outcome));
    forge_reply_header(q, "Cache-Control", "no-store");
    return forge_reply_json(q, outcome.body);
}

/* An empty conversation is told from a session that is not the caller's. */
static forge_status_t message_list(forge_req_t *q)
{
    forge_db_t *db;
    forge_rows_t *rows, *seen;
    apr_int64_t total;
    const apr_int64_t whose = forge_api_analysis_whose(q);
    const forge_args_t base = FORGE_ARGS(forge_util_itoa(q->pool, q->ids[0]), forge_util_itoa(q->pool, whose));
    FORGE_TRY(forge_api_list_rows(q, &forge_store_messages_list, base, &rows, &total));
    if (forge_store_rows_count(rows) == 0) {
        FORGE_TRY(forge_http_db(q, &db));
        FORGE_TRY(forge_store_analysis_state(db, q->pool, whose, q->ids[0], &seen));
    }
    return forge_reply_list(q, &forge_store_messages_list, rows, total);
}

static const forge_status_t errors[] = {FORGE_E_NOT_READY, FORGE_E_QUOTA_EXCEEDED, FORGE_OK};

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/analysis/qa", FORGE_ROLE_GUEST, .flags = FORGE_R_IDEMPOTENT | FORGE_R_CHECKS | FORGE_R_EVENTS,
     .limit = FORGE_LIMIT_ANALYSIS, .body = &question, .reply = &answer, .errors = errors,
     .sample = "event: delta\ndata: {\"text\":\"An apple falls\"}\n\n",
     .prepare = qa_prepare, .handle = qa, .again = forge_reply_kept,
     .operation = "question_ask", .summary = "Ask about an analysis",
     .description = "Open to every account, about its own analyses that are done; guests are answered without the "
         "language model. The answer is made of what was found there, with the page or the file that it stands in. "
         "Where that is too little nothing is answered: "
         "answered is false. Question and answer become part of the session's conversation. As events it comes while "
         "the language model writes it: delta {text} is a piece that is not checked yet, answer is the whole as it "
         "holds, and takes the place of all pieces."},
    {FORGE_GET, "/analysis/sessions/{id}/messages", FORGE_ROLE_GUEST, .flags = FORGE_R_LIST,
     .list = &forge_store_messages_list, .reply = &message, .handle = message_list,
     .operation = "message_list", .summary = "List the questions about an analysis",
     .description = "Questions and answers in their order. Open to the account that asked for the analysis and to "
         "administrators."},
};
/* clang-format on */

const forge_routes_t forge_api_qa = FORGE_API_ROUTES(routes, &forge_api_tag_analysis);
