/* SPDX-License-Identifier: Apache-2.0
 * Conversations about what was analysed, and what the language model has cost for them.
 */
#include "analysis.h"
#include "store/engine/store_private.h"

#include <apr_strings.h>

/* clang-format off */

static const forge_list_filter_t filters[] = {{NULL, NULL}};
static const forge_list_order_t orders[] = {{"id", "m.id", "m.id > $%d::bigint", NULL}, {NULL, NULL, NULL, NULL}};

/* $1 session, $2 account, 0 for all of them. */
#define FROM "FROM forge.messages m WHERE m.session_id = $1::bigint AND (m.user_id = $2::bigint OR $2::bigint = 0)"

const forge_list_t forge_store_messages_list = {
    "message_list",
    "SELECT m.id, m.question, m.answered, m.answer, m.sources, m.model, m.degraded, m.created_at " FROM,
    "SELECT count(*) " FROM, 2, filters, orders};

/* $1 session, $2 account, $3 question, $4 answer, $5 sources, $6 model, $7 degraded, $8 tokens. */
static const forge_stmt_t add = {
    "message_add",
    "INSERT INTO forge.messages (session_id, user_id, question, answered, answer, sources, model, degraded, tokens)"
    " SELECT s.id, s.user_id, $3, $4::text IS NOT NULL, $4, $5::jsonb, $6, $7::boolean, $8::integer"
    " FROM forge.analysis_sessions s WHERE s.id = $1::bigint AND s.user_id = $2::bigint RETURNING id"};

static const forge_stmt_t last = {
    "message_last",
    "SELECT m.question, m.answer FROM forge.messages m WHERE m.session_id = $1::bigint AND m.answered"
    " ORDER BY m.id DESC LIMIT $2::integer"};

#define MONTH "date_trunc('month', now() AT TIME ZONE 'UTC')::date"

/* A limit of 0 is none. The row is locked until the commit, so that charges at once wait for each other. $1 account,
 * $2 tokens, $3 money, $4 and $5 the limits. */
static const forge_stmt_t charge = {
    "llm_charge",
    "INSERT INTO forge.llm_usage AS u (user_id, month, requests, tokens, cost)"
    " SELECT $1::bigint, " MONTH ", 1, $2::bigint, $3::numeric"
    " WHERE ($4::bigint = 0 OR $2::bigint <= $4::bigint) AND ($5::numeric = 0 OR $3::numeric <= $5::numeric)"
    " ON CONFLICT (user_id, month) DO UPDATE"
    " SET requests = u.requests + 1, tokens = u.tokens + excluded.tokens, cost = u.cost + excluded.cost"
    " WHERE ($4::bigint = 0 OR u.tokens + excluded.tokens <= $4::bigint)"
    " AND ($5::numeric = 0 OR u.cost + excluded.cost <= $5::numeric)"
    " RETURNING u.user_id"};

/* $1 account, $2 and $3 what was charged, $4 and $5 what it has cost. In the month of now: what was charged in the last
 * second of another one stays there. */
static const forge_stmt_t settle = {
    "llm_settle",
    "UPDATE forge.llm_usage SET tokens = greatest(tokens - $2::bigint + $4::bigint, 0),"
    " cost = greatest(cost - $3::numeric + $5::numeric, 0) WHERE user_id = $1::bigint AND month = " MONTH};

/* clang-format on */

static const char *money(apr_pool_t *p, double amount)
{
    return apr_psprintf(p, "%.6f", amount);
}

forge_status_t forge_store_message_add(forge_db_t *db, apr_pool_t *p, const forge_message_t *message,
                                       forge_rows_t **rows)
{
    FORGE_TRY(forge_store_run(db, p, &add,
                              FORGE_ARGS(forge_util_itoa(p, message->session), forge_util_itoa(p, message->user),
                                         message->question, message->answer, message->sources, message->model,
                                         message->degraded ? "true" : "false", forge_util_itoa(p, message->tokens)),
                              rows));
    if (forge_store_rows_count(*rows) == 0)
        return FORGE_E_NOT_FOUND;
    forge_store_event(db, &(forge_event_t){.name = message->answer ? "question.answered" : "question.unanswered",
                                           .user_id = message->user,
                                           .detail = {{.name = "analysis_id", .number = message->session},
                                                      {.name = "model", .text = message->model}}});
    return FORGE_OK;
}

forge_status_t forge_store_messages_last(forge_db_t *db, apr_pool_t *p, apr_int64_t session, int most,
                                         forge_rows_t **rows)
{
    return forge_store_run(db, p, &last, FORGE_ARGS(forge_util_itoa(p, session), forge_util_itoa(p, most)), rows);
}

forge_status_t forge_store_llm_charge(forge_db_t *db, apr_pool_t *p, apr_int64_t user, const forge_llm_cost_t *most,
                                      const forge_llm_cost_t *limit)
{
    forge_rows_t *rows;
    FORGE_TRY(
        forge_store_run(db, p, &charge,
                        FORGE_ARGS(forge_util_itoa(p, user), forge_util_itoa(p, most->tokens), money(p, most->money),
                                   forge_util_itoa(p, limit->tokens), money(p, limit->money)),
                        &rows));
    return forge_store_rows_count(rows) > 0 ? FORGE_OK : FORGE_E_QUOTA_EXCEEDED;
}

forge_status_t forge_store_llm_settle(forge_db_t *db, apr_pool_t *p, apr_int64_t user, const forge_llm_cost_t *charged,
                                      const forge_llm_cost_t *cost)
{
    return forge_store_run(db, p, &settle,
                           FORGE_ARGS(forge_util_itoa(p, user), forge_util_itoa(p, charged->tokens),
                                      money(p, charged->money), forge_util_itoa(p, cost->tokens),
                                      money(p, cost->money)),
                           NULL);
}
