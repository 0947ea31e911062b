/* SPDX-License-Identifier: Apache-2.0
 * What /health asks of the database and of forge-runner. One real question a second in each child; everyone else gets
 * the last answer.
 */
#include "http_private.h"
#include "store/mail/mail.h"
#include "store/operations/operations.h"

#include <apr_atomic.h>
#include <apr_file_info.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>

#define ASK_EVERY apr_time_from_sec(1)
#define JOBS_LATE 300 /* seconds */
#define KEPT_MAX  256 /* answers that are kept, four for each virtual host; what has no place is asked each time */

typedef struct answer_t {
    forge_status_t status;
    char why[120]; /* what is missing; "" when nothing is */
    apr_interval_time_t took;
    int found; /* the schema's version */
    bool late; /* mail or jobs wait */
} answer_t;

typedef answer_t (*question_fn)(forge_req_t *q);

typedef struct kept_t {
    const forge_server_t *server;
    question_fn question;
    apr_time_t asked; /* 0: never */
    answer_t answer;
} kept_t;

static kept_t all_kept[KEPT_MAX];
static apr_thread_mutex_t *lock;

void forge_http_probe_init(apr_pool_t *p)
{
    apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, p);
}

/* The place of this server's answer, or NULL when all are taken. Call with the lock held. */
static kept_t *place(const forge_server_t *server, question_fn question)
{
    for (int i = 0; i < KEPT_MAX; i++) {
        kept_t *kept = &all_kept[i];
        if (!kept->server)
            *kept = (kept_t){.server = server, .question = question};
        if (kept->server == server && kept->question == question)
            return kept;
    }
    return NULL;
}

/* The last answer when it is young enough, else a new one. While one caller asks, the others take the last answer. */
static answer_t ask(forge_req_t *q, question_fn question)
{
    answer_t answer = {0};
    bool ours = true;
    apr_time_t now = apr_time_now();
    apr_thread_mutex_lock(lock);
    kept_t *kept = place(q->server, question);
    if (kept && kept->asked) {
        answer = kept->answer;
        ours = now - kept->asked >= ASK_EVERY || now < kept->asked;
        if (ours)
            kept->asked = now;
    }
    apr_thread_mutex_unlock(lock);
    if (!ours)
        return answer;
    answer = question(q);
    apr_thread_mutex_lock(lock);
    if (kept) {
        kept->answer = answer;
        kept->asked = apr_time_now();
    }
    apr_thread_mutex_unlock(lock);
    return answer;
}

/* A file below a folder that is not there is not there either; whatever else is wrong hides it. It costs one call of
 * the kernel, and an operator waits for what it tells: nothing is kept. */
forge_drain_t forge_http_drain_probe(forge_req_t *q)
{
    static apr_uint32_t said; /* configtest and the start have warned of each host's; here one line is enough */
    apr_finfo_t is;
    char why[120];
    const char *file = forge_config_drain_file(q->config);
    const apr_status_t rv = apr_stat(&is, file, APR_FINFO_TYPE, q->pool);
    if (rv == APR_SUCCESS)
        return FORGE_DRAIN_YES;
    if (APR_STATUS_IS_ENOENT(rv) || APR_STATUS_IS_ENOTDIR(rv))
        return FORGE_DRAIN_NO;
    if (apr_atomic_xchg32(&said, 1) == 0)
        forge_http_warn(q, "FG0568",
                        "nobody can tell whether ForgeDrainFile '%s' is there, so that it cannot take this node out: "
                        "%s; let the user of httpd's children enter its folder, or name a file elsewhere",
                        file, apr_strerror(rv, why, sizeof(why)));
    return FORGE_DRAIN_UNKNOWN;
}

typedef struct look_t {
    forge_req_t *q;
    answer_t answer;
} look_t;

static forge_status_t look_schema(forge_db_t *db, apr_pool_t *p, void *data)
{
    look_t *look = data;
    int connections;
    return forge_store_schema_check(db, p, &look->answer.found, &connections);
}

/* Asks the database; bounded, so that a question about its health does not hang with it. */
static answer_t look_into(forge_req_t *q, forge_db_fn use)
{
    look_t look = {.q = q, .answer = {.found = -1}};
    apr_int64_t begun = forge_util_monotonic();
    forge_status_t status = forge_server_lease_probe(q->pool, q->server, FORGE_ACTIVITY("forge health"), use, &look);
    look.answer.status = status;
    look.answer.took = forge_util_monotonic() - begun;
    return look.answer;
}

static answer_t ask_database(forge_req_t *q)
{
    return look_into(q, look_schema);
}

forge_status_t forge_http_db_probe(forge_req_t *q, int *found, apr_interval_time_t *took)
{
    answer_t answer = ask(q, ask_database);
    *found = answer.found;
    *took = answer.took;
    return answer.status;
}

static forge_status_t look_outbox(forge_db_t *db, apr_pool_t *p, void *data)
{
    look_t *look = data;
    forge_rows_t *rows;
    FORGE_TRY(forge_store_mail_state(db, p, forge_config_public_url(look->q->config), &rows));
    look->answer.late = forge_store_rows_bool(rows, 0, "late");
    return FORGE_OK;
}

static answer_t ask_outbox(forge_req_t *q)
{
    return look_into(q, look_outbox);
}

bool forge_http_redis_away(const forge_req_t *q)
{
    return forge_server_limit_store_away(q->server);
}

bool forge_http_llm_sick(const forge_req_t *q)
{
    int breaker = forge_live_breaker(q->live, forge_config_llm(q->config)->host);
    return forge_live_breaker_state(q->live, breaker) != FORGE_BREAKER_CLOSED;
}

static forge_status_t look_jobs(forge_db_t *db, apr_pool_t *p, void *data)
{
    look_t *look = data;
    forge_rows_t *rows;
    FORGE_TRY(forge_store_jobs_state(db, p, &rows));
    look->answer.late = forge_store_rows_int(rows, 0, "oldest", 0) > JOBS_LATE;
    return FORGE_OK;
}

static answer_t ask_jobs(forge_req_t *q)
{
    return look_into(q, look_jobs);
}

forge_status_t forge_http_jobs_probe(forge_req_t *q, bool *late)
{
    answer_t answer = ask(q, ask_jobs);
    *late = answer.late;
    return answer.status;
}

bool forge_http_executor_sick(const forge_req_t *q)
{
    return forge_live_breaker_state(q->live, forge_http_executor_breaker(q)) != FORGE_BREAKER_CLOSED;
}

/* The figures of /metrics are those of the last question. */
static answer_t ask_sandbox(forge_req_t *q)
{
    answer_t answer = {0};
    forge_run_state_t state = {0};
    const char *why = "";
    if (!forge_run_probe(q->pool, q->server->runner, &state, &why)) {
        answer.status = FORGE_E_SANDBOX_UNAVAILABLE;
        /* What the client says names the socket; forge-runner itself names the layer. */
        const char *layer = apr_pstrmemdup(q->pool, state.why.len ? state.why.data : "", state.why.len);
        apr_cpystrn(answer.why, *layer ? layer : "forge-runner does not answer", sizeof(answer.why));
    }
    forge_live_runs_set(q->live, state.running, state.waiting);
    forge_live_sandbox_set(q->live, answer.status == FORGE_OK);
    return answer;
}

bool forge_http_sandbox_probe(forge_req_t *q, const char **why)
{
    answer_t answer = ask(q, ask_sandbox);
    *why = apr_pstrdup(q->pool, answer.why);
    return answer.status == FORGE_OK;
}

forge_status_t forge_http_mail_probe(forge_req_t *q, bool *late)
{
    answer_t answer = ask(q, ask_outbox);
    *late = answer.late;
    return answer.status;
}

const forge_upstream_t *forge_http_members(const forge_req_t *q, int *n)
{
    return forge_server_members(q->pool, n);
}

bool forge_http_has_members(void)
{
    return forge_server_has_members();
}

void forge_http_members_write(const forge_req_t *q, forge_buf_t *b, bool openmetrics)
{
    int n;
    const forge_upstream_t *members = forge_server_members(q->pool, &n);
    forge_live_members_write(b, openmetrics, members, n);
}
