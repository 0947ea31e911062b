/* SPDX-License-Identifier: Apache-2.0
 * Which members of a balancer a request was sent to, and which one is next (ForgeRetry).
 *
 * mod_proxy_balancer chooses for the first attempt, as it is configured to. For a further one it might choose the same
 * member again, so the choice is made here: the usable one that is least busy and that this request has not met. The
 * hook is found by name, because mod_proxy may not be loaded.
 */
#include "doors_private.h"

#include <httpd.h>
#include <http_config.h>
#include <mod_proxy.h>
#include <apr_dso.h>
#include <apr_strings.h>
#include <string.h>

#define KEY "forge_doors_attempts"

forge_attempts_t *forge_doors_attempts(request_rec *r)
{
    void *found = NULL;
    apr_pool_userdata_get(&found, KEY, r->pool);
    forge_attempts_t *at = found;
    return at && at->r == r ? at : NULL; /* an internal redirect has the same pool */
}

forge_attempts_t *forge_doors_attempts_make(request_rec *r)
{
    forge_attempts_t *at = apr_pcalloc(r->pool, sizeof(*at));
    at->r = r;
    apr_pool_userdata_set(at, KEY, NULL, r->pool);
    return at;
}

static void note(forge_attempts_t *at, proxy_worker *worker)
{
    for (int i = 0; i < at->count; i++)
        if (at->met[i] == worker)
            return;
    if (at->count < FORGE_ATTEMPTS_MET)
        at->met[at->count++] = worker;
}

static bool met(const forge_attempts_t *at, const proxy_worker *worker)
{
    for (int i = 0; i < at->count; i++)
        if (at->met[i] == worker)
            return true;
    return false;
}

/* Whether `a` is the better one to send the request to: no stand-by, of a lower set, less busy for its share. */
static bool better(const proxy_worker_shared *a, const proxy_worker_shared *b)
{
    const unsigned reserve = PROXY_WORKER_HOT_STANDBY | PROXY_WORKER_HOT_SPARE;
    if (!(a->status & reserve) != !(b->status & reserve))
        return !(a->status & reserve);
    if (a->lbset != b->lbset)
        return a->lbset < b->lbset;
    return (a->busy + 1) * (apr_size_t)b->lbfactor < (b->busy + 1) * (apr_size_t)a->lbfactor;
}

static proxy_worker *pick(const forge_attempts_t *at)
{
    proxy_balancer *balancer = at->balancer;
    proxy_worker *best = NULL;
    if (!balancer || PROXY_THREAD_LOCK(balancer) != APR_SUCCESS)
        return NULL;
    for (int i = 0; i < balancer->workers->nelts; i++) {
        proxy_worker *worker = APR_ARRAY_IDX(balancer->workers, i, proxy_worker *);
        if (PROXY_WORKER_IS_USABLE(worker) && !PROXY_WORKER_IS_DRAINING(worker) && !met(at, worker) &&
            (!best || better(worker->s, best->s)))
            best = worker;
    }
    PROXY_THREAD_UNLOCK(balancer);
    return best;
}

static proxy_balancer *balancer_named(server_rec *s, const char *name)
{
    const module *proxy = ap_find_linked_module("mod_proxy.c");
    const proxy_server_conf *conf = proxy ? ap_get_module_config(s->module_config, proxy) : NULL;
    for (int i = 0; conf && name && i < conf->balancers->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(conf->balancers, i, proxy_balancer).s->name, name) == 0)
            return &APR_ARRAY_IDX(conf->balancers, i, proxy_balancer);
    return NULL;
}

static proxy_worker *worker_named(proxy_balancer *balancer, const char *name)
{
    proxy_worker *found = NULL;
    if (!balancer || !name || PROXY_THREAD_LOCK(balancer) != APR_SUCCESS)
        return NULL;
    for (int i = 0; i < balancer->workers->nelts && !found; i++) {
        proxy_worker *worker = APR_ARRAY_IDX(balancer->workers, i, proxy_worker *);
        if (strcmp(worker->s->name_ex, name) == 0)
            found = worker;
    }
    PROXY_THREAD_UNLOCK(balancer);
    return found;
}

/* What follows the member's name in the address that mod_proxy made of it is the same for all members. */
static const char *rest_of(const request_rec *r, const proxy_worker *worker)
{
    apr_size_t len = strlen(worker->s->name_ex);
    bool fits = r->filename && strncmp(r->filename, "proxy:", 6) == 0 && !*worker->s->uds_path &&
                strncmp(r->filename + 6, worker->s->name_ex, len) == 0;
    return fits ? apr_pstrdup(r->pool, r->filename + 6 + len) : NULL;
}

/* mod_proxy_balancer names the member that it chose in the request's environment, before it asks it. */
static void learn(forge_attempts_t *at)
{
    if (at->last)
        return;
    request_rec *r = at->r;
    at->balancer = balancer_named(r->server, apr_table_get(r->subprocess_env, "BALANCER_NAME"));
    at->last = worker_named(at->balancer, apr_table_get(r->subprocess_env, "BALANCER_WORKER_NAME"));
    if (!at->last)
        return;
    note(at, at->last);
    if (!at->rest)
        at->rest = rest_of(r, at->last);
}

void forge_doors_attempts_begin(forge_attempts_t *at, bool again)
{
    at->again = again;
    at->last = NULL;
    apr_table_unset(at->r->subprocess_env, "BALANCER_WORKER_NAME");
}

bool forge_doors_attempts_more(forge_attempts_t *at)
{
    learn(at);
    return at->rest && pick(at);
}

const char *forge_doors_attempts_member(forge_attempts_t *at)
{
    learn(at);
    return at->last ? at->last->s->name_ex : NULL;
}

/* As mod_proxy does with a member that refuses: it is left alone until its retry time is over. */
void forge_doors_attempts_eject(forge_attempts_t *at)
{
    proxy_worker *worker = at->last;
    if (!worker || worker->s->status & (PROXY_WORKER_IGNORE_ERRORS | PROXY_WORKER_IN_ERROR))
        return;
    worker->s->error_time = apr_time_now();
    __atomic_fetch_or(&worker->s->status, PROXY_WORKER_IN_ERROR, __ATOMIC_RELEASE);
}

static apr_status_t leave(void *data)
{
    proxy_worker *worker = data;
    if (worker->s->busy)
        worker->s->busy--;
    return APR_SUCCESS;
}

static void enter(request_rec *r, const proxy_balancer *balancer, proxy_worker *worker)
{
    worker->s->busy++;
    worker->s->elected++;
    apr_pool_cleanup_register(r->pool, worker, leave, apr_pool_cleanup_null);
    apr_table_setn(r->subprocess_env, "BALANCER_NAME", balancer->s->name);
    apr_table_setn(r->subprocess_env, "BALANCER_WORKER_NAME", worker->s->name_ex);
    apr_table_setn(r->subprocess_env, "BALANCER_WORKER_ROUTE", worker->s->route);
}

/* mod_proxy asks which member it shall use. Its own second and third try come here too: a member that refused a
 * connection is one that the request has met. */
static int pre_request(proxy_worker **worker, proxy_balancer **balancer, request_rec *r, proxy_server_conf *conf,
                       char **url)
{
    forge_attempts_t *at = forge_doors_attempts(r);
    (void)conf;
    if (!at)
        return DECLINED;
    if (*worker)
        note(at, *worker);
    if (!at->again)
        return DECLINED;
    proxy_worker *next = pick(at);
    if (!next)
        return HTTP_SERVICE_UNAVAILABLE;
    *worker = next;
    *balancer = at->balancer;
    *url = apr_pstrcat(r->pool, next->s->name_ex, at->rest, NULL);
    r->filename = apr_pstrcat(r->pool, "proxy:", *url, NULL);
    enter(r, at->balancer, next);
    return OK;
}

void forge_doors_proxy_hooks(apr_pool_t *pconf)
{
    typedef void (*pre_hook_t)(proxy_HOOK_pre_request_t *, const char *const *, const char *const *, int);
    apr_dso_handle_t *self;
    apr_dso_handle_sym_t pre = NULL;
    if (!ap_find_linked_module("mod_proxy.c") || apr_dso_load(&self, NULL, pconf) != APR_SUCCESS ||
        apr_dso_sym(&pre, self, "proxy_hook_pre_request") != APR_SUCCESS)
        return;
    ((pre_hook_t)pre)(pre_request, NULL, NULL, APR_HOOK_REALLY_FIRST);
}
