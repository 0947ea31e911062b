/* SPDX-License-Identifier: Apache-2.0
 * bcrypt, for whoever has a place (queue.c): so many at a time over all children, so that logins cannot starve the rest
 * (DESIGN 4). A hash takes a processor for long; those who read go first all the same (util/yield.c).
 */
#include "http_private.h"
#include "core/identity/identity.h"

#include <string.h>

typedef struct work_t {
    apr_pool_t *p; /* whoever waits does not use it meanwhile */
    const char *password;
    const forge_hash_check_t *check; /* NULL: make a hash */
    int cost;
    const char *made;
    bool good; /* with `check` */
} work_t;

static void compute(void *baton)
{
    work_t *work = baton;
    if (work->check)
        forge_core_hash_check(work->p, work->check, &work->good, &work->made);
    else
        work->made = forge_core_hash_make(work->p, work->password, strlen(work->password), work->cost);
}

/* A route with FORGE_R_HASHES has its place already. Another one that hashes after all waits for it here, on its
 * thread. */
static forge_status_t begin(forge_req_t *q)
{
    forge_http_db_done(q); /* no connection is held while waiting and hashing */
    FORGE_TRY(forge_http_queue_hold(q));
    forge_http_queue_trace(q);
    forge_live_count(q->live, FORGE_C_HASH_TOTAL);
    return FORGE_OK;
}

static void yield(forge_req_t *q, work_t *work)
{
    apr_int64_t begun = forge_util_monotonic();
    forge_util_yielding(compute, work);
    forge_server_span_add(q->spans, "password hash", FORGE_SPAN_INTERNAL, begun);
}

forge_status_t forge_http_password_hash(forge_req_t *q, const char *password, const char **hash)
{
    work_t work = {.p = q->pool, .password = password, .cost = forge_config_bcrypt_cost(q->config)};
    FORGE_TRY(begin(q));
    yield(q, &work);
    *hash = work.made;
    return *hash ? FORGE_OK : FORGE_E_INTERNAL;
}

static forge_status_t check(forge_req_t *q, const forge_hash_check_t *what, bool *good, const char **renewed)
{
    work_t work = {.p = q->pool, .check = what};
    FORGE_TRY(begin(q));
    yield(q, &work);
    *good = work.good;
    *renewed = work.made;
    return FORGE_OK;
}

/* What has two forms is checked twice, also when the first one matches or there is no account: the time tells only what
 * the client knows, how it typed. No text has more than two forms here, so the cost is bounded. A hash that only the
 * decomposed form matches is from before hashes were made of the composed one, and is renewed. */
static forge_status_t check_forms(forge_req_t *q, const char *password, const char *stored, bool *good,
                                  const char **renewed)
{
    apr_size_t len;
    bool typed;
    const char *none;
    const char *composed = forge_core_password_composed(q->pool, password, strlen(password), &len);
    forge_hash_check_t what = {composed, stored, forge_config_bcrypt_cost(q->config), renewed != NULL};
    FORGE_TRY(check(q, &what, good, renewed ? renewed : &none));
    if (composed == password)
        return FORGE_OK;
    what.password = password;
    what.renew = false;
    FORGE_TRY(check(q, &what, &typed, &none));
    *good = *good || typed;
    return typed && renewed ? forge_http_password_hash(q, password, renewed) : FORGE_OK;
}

forge_status_t forge_http_password_verify(forge_req_t *q, const char *password, const char *stored, bool *good)
{
    return check_forms(q, password, stored, good, NULL);
}

forge_status_t forge_http_password_login(forge_req_t *q, const char *password, const char *stored, bool *good,
                                         const char **renewed)
{
    return check_forms(q, password, stored, good, renewed);
}

void forge_http_guess_wrong(forge_req_t *q)
{
    forge_server_guess_wrong(q->r, q->server);
}

int forge_http_password_places(const forge_req_t *q)
{
    return q->server->places;
}
