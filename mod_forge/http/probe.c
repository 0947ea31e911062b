/* SPDX-License-Identifier: Apache-2.0
 * What /health asks: is there a working database? One real question a second in each child; everyone else gets the last answer.
 */
#include "http.h"

#include <apr_thread_mutex.h>

#define ASK_EVERY apr_time_from_sec(1)

typedef struct probe_t {
    const forge_server_t *server;
    apr_time_t asked;
    forge_status_t status;
    int found;
    apr_interval_time_t took;
} probe_t;

#define PROBES_MAX 64 /* virtual hosts whose answers are kept; more are asked each time */
static probe_t probes[PROBES_MAX];
static apr_thread_mutex_t *lock;

void forge_http_probe_init(apr_pool_t *p)
{
    apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, p);
}

/* The place of this server, or NULL when all are taken. Call with the lock held. */
static probe_t *place(const forge_server_t *server)
{
    for (int i = 0; i < PROBES_MAX; i++) {
        if (!probes[i].server)
            probes[i].server = server;
        if (probes[i].server == server)
            return &probes[i];
    }
    return NULL;
}

static probe_t ask(forge_req_t *q)
{
    probe_t answer = {.server = q->server, .found = -1};
    forge_lease_t *lease;
    forge_db_t *db;
    int connections;
    apr_time_t begun = apr_time_now();
    answer.status = forge_http_lease_take(q->pool, q->server, "forge health", &lease, &db);
    if (answer.status == FORGE_OK) {
        answer.status = forge_store_schema_check(db, q->pool, &answer.found, &connections);
        forge_http_lease_return(lease);
    }
    answer.asked = apr_time_now();
    answer.took = answer.asked - begun;
    return answer;
}

forge_status_t forge_http_db_probe(forge_req_t *q, int *found, apr_interval_time_t *took)
{
    probe_t answer = {0};
    bool ours = true;
    apr_thread_mutex_lock(lock);
    probe_t *kept = place(q->server);
    if (kept) {
        answer = *kept;
        ours = apr_time_now() - kept->asked >= ASK_EVERY || apr_time_now() < kept->asked;
        if (ours && kept->asked)
            kept->asked = apr_time_now(); /* others take the last answer while we ask */
    }
    apr_thread_mutex_unlock(lock);
    if (ours) {
        answer = ask(q);
        apr_thread_mutex_lock(lock);
        if (kept)
            *kept = answer;
        apr_thread_mutex_unlock(lock);
    }
    *found = answer.found;
    *took = answer.took;
    return answer.status;
}
