/* SPDX-License-Identifier: Apache-2.0
 * The members of mod_proxy's balancers, as they stand in its shared memory. No symbol of mod_proxy is used: this module
 * loads without it.
 */
#include "server_private.h"

#include <httpd.h>
#include <http_config.h>
#include <mod_proxy.h>
#include <apr_strings.h>
#include <string.h>

#define PREFIX "balancer://"

/* What is found of one balancer, and the shared memory that was reported already: hosts inherit balancers. */
typedef struct found_t {
    apr_pool_t *p;
    forge_upstream_t *members;
    const proxy_worker_shared *seen[FORGE_UPSTREAMS_MAX];
    int n;
} found_t;

/* The worst of what mod_proxy says: an operator's word first, then what was found by asking, then what is planned. */
static forge_member_state_t state_of(unsigned int status)
{
    static const struct {
        unsigned int bits;
        forge_member_state_t state;
    } known[] = {{PROXY_WORKER_STOPPED | PROXY_WORKER_IN_SHUTDOWN, FORGE_MEMBER_STOPPED},
                 {PROXY_WORKER_DISABLED, FORGE_MEMBER_DISABLED},
                 {PROXY_WORKER_HC_FAIL, FORGE_MEMBER_UNHEALTHY},
                 {PROXY_WORKER_IN_ERROR, FORGE_MEMBER_ERROR},
                 {PROXY_WORKER_DRAIN, FORGE_MEMBER_DRAINING},
                 {PROXY_WORKER_HOT_STANDBY | PROXY_WORKER_HOT_SPARE, FORGE_MEMBER_STANDBY}};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (status & known[i].bits)
            return known[i].state;
    return FORGE_MEMBER_OK;
}

static bool reported(const found_t *found, const proxy_worker_shared *member)
{
    for (int i = 0; i < found->n; i++)
        if (found->seen[i] == member)
            return true;
    return false;
}

static void add(found_t *found, const server_rec *s, const proxy_balancer *balancer, const proxy_worker_shared *member)
{
    const char *name = balancer->s->name;
    if (found->n == FORGE_UPSTREAMS_MAX || reported(found, member))
        return;
    int number = 1;
    for (int i = 0; i < found->n; i++)
        number += found->members[i].of == balancer;
    found->seen[found->n] = member;
    found->members[found->n++] = (forge_upstream_t){
        .of = balancer,
        .host = apr_psprintf(found->p, "%s:%d", s->server_hostname ? s->server_hostname : "",
                             s->addrs ? s->addrs->host_port : s->port),
        .balancer = strncmp(name, PREFIX, sizeof(PREFIX) - 1) == 0 ? name + sizeof(PREFIX) - 1 : name,
        .name = apr_pstrdup(found->p, *member->name_ex ? member->name_ex : member->name),
        .route = apr_pstrdup(found->p, member->route),
        .number = number,
        .state = state_of(member->status),
        .busy = member->busy,
        .requests = member->elected};
}

static bool listed(const proxy_balancer *balancer, const proxy_worker_shared *member)
{
    for (int i = 0; i < balancer->workers->nelts; i++) {
        const proxy_worker *worker = APR_ARRAY_IDX(balancer->workers, i, proxy_worker *);
        if (worker->hash.def == member->hash.def && worker->hash.fnv == member->hash.fnv)
            return true;
    }
    return false;
}

/* Members that were added while the server runs: this child may not have served a request of their balancer since. */
static void look_at_slots(found_t *found, const server_rec *s, const proxy_balancer *balancer)
{
    for (int i = 0; balancer->wslot && balancer->storage && i < balancer->max_workers; i++) {
        void *slot = NULL;
        if (balancer->storage->dptr(balancer->wslot, (unsigned int)i, &slot) != APR_SUCCESS)
            return;
        const proxy_worker_shared *member = slot;
        if (member->hash.def && member->hash.fnv && !listed(balancer, member))
            add(found, s, balancer, member);
    }
}

/* mod_proxy adds to the list under the same lock. */
static void look_at(found_t *found, const server_rec *s, const proxy_balancer *balancer)
{
    if (!balancer->s || !balancer->workers)
        return;
    if (balancer->tmutex)
        apr_thread_mutex_lock(balancer->tmutex);
    for (int i = 0; i < balancer->workers->nelts; i++)
        add(found, s, balancer, APR_ARRAY_IDX(balancer->workers, i, proxy_worker *)->s);
    look_at_slots(found, s, balancer);
    if (balancer->tmutex)
        apr_thread_mutex_unlock(balancer->tmutex);
}

const forge_upstream_t *forge_server_members(apr_pool_t *p, int *n)
{
    const module *proxy = ap_find_linked_module("mod_proxy.c");
    found_t *found = apr_pcalloc(p, sizeof(*found));
    found->p = p;
    found->members = apr_palloc(p, sizeof(*found->members) * FORGE_UPSTREAMS_MAX);
    for (const server_rec *s = ap_server_conf; proxy && s; s = s->next) {
        const proxy_server_conf *conf = ap_get_module_config(s->module_config, proxy);
        for (int i = 0; conf && conf->balancers && i < conf->balancers->nelts; i++)
            look_at(found, s, &APR_ARRAY_IDX(conf->balancers, i, proxy_balancer));
    }
    *n = found->n;
    return found->members;
}

bool forge_server_has_members(void)
{
    const module *proxy = ap_find_linked_module("mod_proxy.c");
    for (const server_rec *s = ap_server_conf; proxy && s; s = s->next) {
        const proxy_server_conf *conf = ap_get_module_config(s->module_config, proxy);
        if (conf && conf->balancers && conf->balancers->nelts > 0)
            return true;
    }
    return false;
}

/* Whether a worker that is no member is left alone since an earlier request has failed there. */
static bool is_left_alone(request_rec *r, const proxy_worker *worker)
{
    const char *name = worker->s ? worker->s->name_ex : "", *url = r->filename + sizeof("proxy:") - 1;
    return *name && strncmp(url, name, strlen(name)) == 0 && worker->s->status & PROXY_WORKER_NOT_USABLE_BITMAP &&
           worker->s->error_time < r->request_time;
}

/* mod_proxy_balancer names the member that it has chosen; none is chosen while all have failed. */
bool forge_server_upstream_tried(request_rec *r)
{
    const module *proxy = ap_find_linked_module("mod_proxy.c");
    if (apr_table_get(r->subprocess_env, "BALANCER_WORKER_NAME"))
        return true;
    const proxy_server_conf *conf = proxy ? ap_get_module_config(r->server->module_config, proxy) : NULL;
    if (!conf || !r->filename || strncmp(r->filename, "proxy:", 6) != 0 ||
        strncmp(r->filename, "proxy:" PREFIX, sizeof("proxy:" PREFIX) - 1) == 0)
        return false;
    for (int i = 0; i < conf->workers->nelts; i++)
        if (is_left_alone(r, &APR_ARRAY_IDX(conf->workers, i, proxy_worker)))
            return false;
    return true;
}
