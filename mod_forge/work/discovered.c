/* SPDX-License-Identifier: Apache-2.0
 * Puts members into a balancer of mod_proxy_balancer while it serves, and takes them out (ForgeDiscover).
 *
 * A balancer has a table in shared memory, one slot a member. Whoever fills a free slot and raises the table's time has
 * added a member: each child takes up new slots at its next request (ap_proxy_sync_balancer), under locks of its own.
 * So the slot is written here directly. The optional function balancer_manage would also change this child's own list
 * and take memory of the configuration's pool, beside requests that use both.
 *
 * No slot is ever free again: httpd 2.4 cannot remove members, because children keep connections by slot. What is gone
 * is drained, then disabled; what comes back is enabled. The flag "draining" marks what was done here: a member that a
 * person disabled in balancer-manager does not have it, and stays disabled.
 */
#include "work_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <mod_proxy.h>
#include <apr_strings.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define GONE PROXY_WORKER_DRAIN

struct forge_balancer_t {
    server_rec *s;
    proxy_balancer *b;
    const proxy_server_conf *conf;
    apr_array_header_t *configured; /* names of its BalancerMember lines */
    bool attempts_set;              /* its parameter maxattempts is somebody's choice */
    bool full;                      /* the log has been told */
    apr_int64_t *gone;              /* by slot: since when, on the monotonic clock; 0: not known in this process */
};

static const proxy_server_conf *proxy_conf(server_rec *s)
{
    const module *proxy = ap_find_linked_module("mod_proxy.c");
    return proxy ? ap_get_module_config(s->module_config, proxy) : NULL;
}

static proxy_balancer *find(const proxy_server_conf *conf, const char *name)
{
    proxy_balancer *balancers = conf ? (proxy_balancer *)conf->balancers->elts : NULL;
    for (int i = 0; balancers && i < conf->balancers->nelts; i++)
        if (strcmp(balancers[i].s->name, name) == 0)
            return &balancers[i];
    return NULL;
}

/* The last line in a block of <Proxy> with this name; NULL: there is none. */
static const ap_directive_t *section_of(apr_pool_t *p, const ap_directive_t *d, const char *name)
{
    const ap_directive_t *found = NULL;
    for (; d; d = d->next) {
        const char *args = d->args ? d->args : "", *word = ap_getword_conf(p, &args);
        word = apr_pstrmemdup(p, word, strcspn(word, ">"));
        if (apr_cstr_casecmp(d->directive, "<Proxy") == 0 && strcmp(word, name) == 0)
            found = d;
    }
    return found;
}

const char *forge_work_balancer_problem(apr_pool_t *p, server_rec *s, const char *name)
{
    if (!ap_find_linked_module("mod_proxy.c") || !ap_find_linked_module("mod_proxy_balancer.c"))
        return "ForgeDiscover: mod_proxy_balancer is not loaded; it needs mod_proxy and mod_slotmem_shm";
    if (find(proxy_conf(s), name))
        return NULL;
    const ap_directive_t *section = section_of(p, forge_config_host_block(s), name);
    if (!section)
        section = section_of(p, ap_conftree, name);
    if (section)
        return apr_psprintf(
            p,
            "ForgeDiscover: <Proxy %s> (line %d of %s) has neither BalancerMember nor ProxySet in it, and without "
            "either httpd makes no balancer of it; write ProxySet growth=8 into it",
            name, section->line_num, section->filename);
    return apr_psprintf(
        p,
        "ForgeDiscover: '%s' is no balancer of this server; it needs <Proxy %s> with a line in it, such as "
        "ProxySet growth=8",
        name, name);
}

/* After mod_proxy_balancer's post_config: the members that are configured stand first, and only those. */
forge_balancer_t *forge_work_balancer(apr_pool_t *pconf, server_rec *s, const char *name)
{
    proxy_balancer *b = find(proxy_conf(s), name);
    if (!b || !b->storage || !b->wslot)
        return NULL;
    forge_balancer_t *at = apr_pcalloc(pconf, sizeof(*at));
    *at = (forge_balancer_t){.s = s, .b = b, .conf = proxy_conf(s), .attempts_set = b->s->max_attempts_set};
    at->configured = apr_array_make(pconf, 4, sizeof(const char *));
    at->gone = apr_pcalloc(pconf, sizeof(*at->gone) * (apr_size_t)(b->max_workers + 1));
    for (int i = 0; i < b->max_workers - b->growth && i < b->workers->nelts; i++)
        APR_ARRAY_PUSH(at->configured, const char *) =
            apr_pstrdup(pconf, APR_ARRAY_IDX(b->workers, i, proxy_worker *)->s->name_ex);
    return at;
}

/* --- slots --- */

/* A slot; NULL: it cannot be had. A slot without a hash is free. */
static proxy_worker_shared *slot_at(const forge_balancer_t *at, int index)
{
    void *slot = NULL;
    return at->b->storage->dptr(at->b->wslot, (unsigned)index, &slot) == APR_SUCCESS ? slot : NULL;
}

static bool slot_used(const proxy_worker_shared *slot)
{
    return slot && __atomic_load_n(&slot->hash.def, __ATOMIC_ACQUIRE) != 0;
}

/* Whether the slot's member came from discovery, not from a line of the configuration. */
static bool slot_ours(const forge_balancer_t *at, const proxy_worker_shared *slot)
{
    if (!slot_used(slot))
        return false;
    for (int i = 0; i < at->configured->nelts; i++)
        if (strcmp(APR_ARRAY_IDX(at->configured, i, const char *), slot->name_ex) == 0)
            return false;
    return true;
}

/* The two hashes by which mod_proxy tells members apart (ap_proxy_hashfunc, SDBM and FNV). */
static proxy_hashes hash_of(const char *name)
{
    proxy_hashes hash = {0, 0};
    for (; *name; name++) {
        hash.def = (unsigned)*name + (hash.def << 6) + (hash.def << 16) - hash.def;
        hash.fnv = (hash.fnv * 0x811C9DC5U) ^ (unsigned)*name;
    }
    hash.def += !hash.def;
    hash.fnv += !hash.fnv;
    return hash;
}

/* What a new member begins with: the parameters of the first configured one, else those of mod_proxy. */
static proxy_worker_shared blank(const forge_balancer_t *at)
{
    proxy_worker_shared fresh = {.lbfactor = 100, .flush_wait = PROXY_FLUSH_WAIT, .smax = -1, .passes = 1, .fails = 1};
    fresh.interval = apr_time_from_sec(HCHECK_WATHCHDOG_DEFAULT_INTERVAL);
    fresh.address_ttl = -1;
    fresh.is_address_reusable = 1;
    fresh.timeout = at->conf->timeout;
    fresh.timeout_set = at->conf->timeout_set;
    fresh.recv_buffer_size = at->conf->recv_buffer_size;
    fresh.recv_buffer_size_set = at->conf->recv_buffer_size_set;
    fresh.io_buffer_size = at->conf->io_buffer_size;
    fresh.io_buffer_size_set = at->conf->io_buffer_size_set;
    if (at->configured->nelts == 0)
        return fresh;
    fresh = *APR_ARRAY_IDX(at->b->workers, 0, proxy_worker *)->s;
    fresh.lbstatus = fresh.retries = fresh.pcount = fresh.fcount = 0;
    fresh.elected = fresh.busy = 0;
    fresh.transferred = fresh.read = 0;
    fresh.error_time = 0;
    fresh.address_expiry = 0;
    fresh.context = NULL;
    fresh.was_malloced = 0;
    fresh.status &= PROXY_WORKER_IGNORE_ERRORS;
    *fresh.uds_path = *fresh.redirect = '\0';
    return fresh;
}

/* The hash is written last: with it the slot counts. */
static void slot_fill(const forge_balancer_t *at, int index, const forge_service_t *service,
                      const forge_member_t *member, const char *url)
{
    proxy_worker_shared *slot = slot_at(at, index), fresh = blank(at);
    const proxy_hashes hash = hash_of(url);
    apr_cpystrn(fresh.name, url, sizeof(fresh.name));
    apr_cpystrn(fresh.name_ex, url, sizeof(fresh.name_ex));
    apr_cpystrn(fresh.scheme, service->scheme, sizeof(fresh.scheme));
    apr_cpystrn(fresh.hostname, member->host, sizeof(fresh.hostname));
    apr_cpystrn(fresh.hostname_ex, member->host, sizeof(fresh.hostname_ex));
    apr_cpystrn(fresh.route, member->route, sizeof(fresh.route));
    fresh.port = (apr_port_t)member->port;
    fresh.lbfactor = member->weight * 100;
    fresh.lbset = member->set;
    fresh.index = index;
    fresh.updated = apr_time_now();
    fresh.hash = (proxy_hashes){0, 0};
    *slot = fresh;
    slot->hash.fnv = hash.fnv;
    __atomic_store_n(&slot->hash.def, hash.def, __ATOMIC_RELEASE);
}

/* The first slot that nobody uses; -1: the balancer's growth is used up. Slots that mod_proxy_balancer restored from
 * disk are used, whatever its own count of them says, so it is told which one is taken. */
static int slot_free(const forge_balancer_t *at)
{
    for (int i = 0; i < at->b->max_workers; i++) {
        const proxy_worker_shared *slot = slot_at(at, i);
        if (slot && !slot_used(slot))
            return at->b->storage->fgrab(at->b->wslot, (unsigned)i) == APR_SUCCESS ? i : -1;
    }
    return -1;
}

static int slot_find(const forge_balancer_t *at, const char *url)
{
    for (int i = 0; i < at->b->max_workers; i++) {
        const proxy_worker_shared *slot = slot_at(at, i);
        if (slot_used(slot) && strcmp(slot->name_ex, url) == 0)
            return i;
    }
    return -1;
}

/* --- changes --- */

static void say(const forge_balancer_t *at, const char *url, const char *what)
{
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, at->s, "FG1150: %s: member %s %s", at->b->s->name, url, what);
}

/* A member that is there: enabled again if it was gone, with its share as of now. */
static bool keep(forge_balancer_t *at, int index, const forge_member_t *member)
{
    proxy_worker_shared *slot = slot_at(at, index);
    bool back = slot->status & GONE;
    if (!slot_ours(at, slot))
        return false;
    slot->lbset = member->set;
    at->gone[index] = 0;
    if (slot->lbfactor != member->weight * 100)
        slot->lbfactor = slot->lbstatus = member->weight * 100;
    if (back) {
        __atomic_fetch_and(&slot->status,
                           ~(unsigned)(GONE | PROXY_WORKER_DISABLED | PROXY_WORKER_IN_ERROR | PROXY_WORKER_HC_FAIL),
                           __ATOMIC_RELAXED);
        say(at, slot->name_ex, "is back and enabled");
    }
    return back;
}

static bool named(apr_pool_t *p, const forge_service_t *service, const forge_members_t *members, const char *name)
{
    for (int i = 0; i < members->count; i++)
        if (strcmp(forge_net_member_url(p, service->scheme, &members->of[i]), name) == 0)
            return true;
    return false;
}

/* Those that nobody names any more get no new requests. */
static bool drain(forge_balancer_t *at, apr_pool_t *p, const forge_service_t *service, const forge_members_t *members)
{
    bool changed = false;
    for (int i = 0; i < at->b->max_workers; i++) {
        proxy_worker_shared *slot = slot_at(at, i);
        if (!slot_ours(at, slot) || slot->status & GONE || named(p, service, members, slot->name_ex))
            continue;
        __atomic_fetch_or(&slot->status, GONE, __ATOMIC_RELAXED);
        at->gone[i] = forge_util_monotonic();
        say(at, slot->name_ex, "is gone and drained");
        changed = true;
    }
    return changed;
}

/* Returns how many found no room. */
static int add(forge_balancer_t *at, apr_pool_t *p, const forge_service_t *service, const forge_members_t *members,
               bool *changed)
{
    int outside = 0;
    for (int i = 0; i < members->count; i++) {
        const char *url = forge_net_member_url(p, service->scheme, &members->of[i]);
        int there = slot_find(at, url), fresh = there < 0 ? slot_free(at) : -1;
        if (there >= 0) {
            *changed |= keep(at, there, &members->of[i]);
        } else if (fresh < 0) {
            outside++;
        } else {
            slot_fill(at, fresh, service, &members->of[i], url);
            at->gone[fresh] = 0;
            *changed = true;
            say(at, url, "is added");
        }
    }
    return outside;
}

static void say_full(forge_balancer_t *at, int outside)
{
    if (outside && !at->full)
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, at->s,
            "FG1151: %s has no room for %d more members: its %d slots are used, also by members that are gone; "
            "raise growth= of its ProxySet. A graceful restart frees those of members that are gone",
            at->b->s->name, outside, at->b->max_workers);
    at->full = outside > 0;
}

/* mod_proxy tries as many others as there are, where nobody chose a number; it counts only at the start. */
static void allow_attempts(forge_balancer_t *at)
{
    int used = 0;
    for (int i = 0; i < at->b->max_workers; i++)
        used += slot_used(slot_at(at, i));
    if (at->attempts_set || used < 2)
        return;
    at->b->s->max_attempts = used - 1;
    at->b->s->max_attempts_set = 1;
}

bool forge_work_balancer_apply(forge_balancer_t *at, apr_pool_t *p, const forge_service_t *service,
                               const forge_members_t *members)
{
    bool changed = false;
    if (PROXY_GLOBAL_LOCK(at->b) != APR_SUCCESS)
        return true; /* the next lookup tries again */
    int outside = add(at, p, service, members, &changed);
    changed |= drain(at, p, service, members);
    if (changed) {
        apr_time_t now = apr_time_now();
        allow_attempts(at);
        at->b->s->need_reset = 1;
        at->b->s->wupdated = now > at->b->s->wupdated ? now : at->b->s->wupdated + 1;
    }
    PROXY_GLOBAL_UNLOCK(at->b);
    say_full(at, outside);
    return outside == 0;
}

void forge_work_balancer_age(forge_balancer_t *at, apr_interval_time_t drained_for)
{
    apr_int64_t now = forge_util_monotonic();
    for (int i = 0; i < at->b->max_workers; i++) {
        proxy_worker_shared *slot = slot_at(at, i);
        if (!slot_ours(at, slot) || !(slot->status & GONE) || slot->status & PROXY_WORKER_DISABLED)
            continue;
        if (!at->gone[i])
            at->gone[i] = now;
        if (now - at->gone[i] < drained_for)
            continue;
        __atomic_fetch_or(&slot->status, PROXY_WORKER_DISABLED, __ATOMIC_RELAXED);
        say(at, slot->name_ex, "is disabled, having been drained");
    }
}
