/* SPDX-License-Identifier: Apache-2.0
 * The run-time state of each virtual host: keys, router, shared segment, and the pool of its database connections.
 */
#include "server_private.h"
#include "core/wire/wire.h"
#include "store/store.h"

#include <httpd.h>
#include <http_config.h>
#include <ap_mpm.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <string.h>

static apr_hash_t *servers; /* server_rec * → forge_server_t *; written in post_config only */

forge_server_t *forge_server_of(server_rec *s)
{
    return servers ? apr_hash_get(servers, &s, sizeof(s)) : NULL;
}

static const forge_live_label_t *labels_of(apr_pool_t *p, const forge_router_t *router)
{
    static const char *const names[FORGE_METHODS] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    int n = forge_core_router_count(router);
    forge_live_label_t *labels = apr_pcalloc(p, sizeof(*labels) * (apr_size_t)(n + 1));
    for (int i = 0; i < n; i++) {
        labels[i].method = names[forge_core_router_at(router, i)->method];
        labels[i].route = forge_core_router_template(router, i);
    }
    return labels;
}

/* A number for the database, never 0 and the same after every restart. If two databases had the same number,
 * too many tokens would be refused, never too few. */
static apr_uint64_t realm_of(apr_pool_t *p, const char *conninfo)
{
    apr_uint64_t hash = forge_util_hash(FORGE_HASH_START, forge_store_database_name(p, conninfo));
    return hash ? hash : 1;
}

/* At most half of a child's database connections are for requests that check passwords, so that the others can still
 * read. A prefork child serves one request at a time and may use all. */
static int places_of(server_rec *s, const forge_config_t *c)
{
    int threads = 1, places = forge_config_bcrypt_concurrency(c), half = forge_server_pool_dbd_max(s) / 2;
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    if (threads > 1 && places > half)
        places = half;
    return places < 1 ? 1 : places;
}

/* What may wait in a child. */
#define ERRORS_WAITING 100
#define ERRORS_BYTES   (1 << 20)
#define SPANS_WAITING  4096
#define SPANS_BYTES    (4 << 20)

/* Hosts of one receiver and environment share a queue. */
static forge_outgoing_t *traces_of(apr_pool_t *p, const forge_config_t *c)
{
    const forge_traces_t *mine = forge_config_traces(c);
    for (apr_hash_index_t *i = mine ? apr_hash_first(p, servers) : NULL; i; i = apr_hash_next(i)) {
        const forge_server_t *other = apr_hash_this_val(i);
        const forge_traces_t *theirs = forge_config_traces(other->config);
        if (theirs && strcmp(theirs->url, mine->url) == 0 &&
            strcmp(forge_config_environment(other->config), forge_config_environment(c)) == 0)
            return other->traces;
    }
    return mine ? forge_server_outgoing_make(p, SPANS_WAITING, SPANS_BYTES) : NULL;
}

static forge_outgoing_t *errors_of(apr_pool_t *p, const forge_config_t *c)
{
    const forge_sentry_t *mine = forge_config_sentry(c);
    for (apr_hash_index_t *i = mine ? apr_hash_first(p, servers) : NULL; i; i = apr_hash_next(i)) {
        const forge_server_t *other = apr_hash_this_val(i);
        const forge_sentry_t *theirs = forge_config_sentry(other->config);
        if (theirs && strcmp(theirs->url, mine->url) == 0 && strcmp(theirs->authorization, mine->authorization) == 0)
            return other->errors;
    }
    return mine ? forge_server_outgoing_make(p, ERRORS_WAITING, ERRORS_BYTES) : NULL;
}

/* Of two servers with the same number each answers as the other would: cursors in links are signed. */
static apr_uint64_t seed_of(const forge_server_t *server)
{
    unsigned char mac[32];
    apr_uint64_t seed;
    forge_core_mac(server->keys, "cache", FORGE_VERSION, sizeof(FORGE_VERSION), mac);
    memcpy(&seed, mac, sizeof(seed));
    return seed ^ server->realm;
}

/* The same for all who name the replica by the same string. */
static apr_uint64_t replica_id_of(const forge_config_t *c)
{
    const forge_replica_t *replica = forge_config_replica(c);
    apr_uint64_t hash = replica ? forge_util_hash(FORGE_HASH_START, replica->conninfo) : 0;
    return replica && !hash ? 1 : hash;
}

/* Of another server with the same Redis, or its own. */
static struct forge_limit_store_t *limits_of(apr_pool_t *p, const forge_server_t *server)
{
    struct forge_limit_store_t *store = NULL;
    for (apr_hash_index_t *i = apr_hash_first(p, servers); i && !store; i = apr_hash_next(i))
        store = forge_server_limit_store_shared(server, apr_hash_this_val(i));
    return store ? store : forge_server_limit_store_make(p, server);
}

static forge_server_t *server_make(apr_pool_t *p, server_rec *s, forge_live_t *live, forge_router_t *router,
                                   const int *slots)
{
    forge_server_t *server = apr_pcalloc(p, sizeof(*server));
    server->s = s;
    server->config = forge_config_of_server(s);
    server->keys = forge_config_keys(server->config);
    server->router = router;
    server->live = live;
    server->slots = slots;
    server->traces = traces_of(p, server->config);
    server->errors = errors_of(p, server->config);
    server->places = places_of(s, server->config);
    server->realm = realm_of(p, forge_server_pool_database(p, s));
    server->replica_id = replica_id_of(server->config);
    server->seed = server->keys ? seed_of(server) : 0;
    if (server->keys)
        forge_core_mac(server->keys, "limits", "", 0, server->limits_key);
    server->limits = limits_of(p, server);
    server->longest = forge_config_token_rules(server->config)->access_ttl;
    return server;
}

/* Shares the longest token lifetime within a realm. A token may come from any server of the realm, so its revocation
 * must be kept for that long. */
static void longest_share(apr_pool_t *p)
{
    for (apr_hash_index_t *i = apr_hash_first(p, servers); i; i = apr_hash_next(i))
        for (apr_hash_index_t *j = apr_hash_first(p, servers); j; j = apr_hash_next(j)) {
            forge_server_t *one = apr_hash_this_val(i);
            const forge_server_t *other = apr_hash_this_val(j);
            if (one->realm == other->realm && one->longest < other->longest)
                one->longest = other->longest;
        }
}

/* The module may be unloaded with this pool, so no pointer into the pool may remain. */
static apr_status_t forget(void *unused)
{
    (void)unused;
    servers = NULL;
    return APR_SUCCESS;
}

int forge_server_all_make(apr_pool_t *pconf, server_rec *main_server, forge_live_t *live, forge_router_t *router)
{
    const int *slots =
        forge_live_metrics_routes(live, pconf, labels_of(pconf, router), forge_core_router_count(router));
    servers = apr_hash_make(pconf);
    apr_pool_cleanup_register(pconf, NULL, forget, apr_pool_cleanup_null);
    for (server_rec *s = main_server; s; s = s->next) {
        if (!forge_config_enabled(forge_config_of_server(s)))
            continue;
        forge_server_t *server = server_make(pconf, s, live, router, slots);
        server_rec **key = apr_pmemdup(pconf, &s, sizeof(s));
        if (!server->keys)
            return HTTP_INTERNAL_SERVER_ERROR;
        apr_hash_set(servers, key, sizeof(*key), server);
    }
    longest_share(pconf);
    return OK;
}

int forge_server_bell(void)
{
    apr_hash_index_t *first = servers ? apr_hash_first(NULL, servers) : NULL;
    const forge_server_t *any = first ? apr_hash_this_val(first) : NULL;
    return any ? forge_live_gate_fd(any->live) : -1; /* all share one segment */
}

bool forge_server_stopping(void)
{
    int state = AP_MPMQ_STOPPING;
    return ap_mpm_query(AP_MPMQ_MPM_STATE, &state) == APR_SUCCESS && state == AP_MPMQ_STOPPING;
}

#define PART_LOGINS 2 /* one connection in so many */
#define PART_FILES  4

/* What virtual hosts with the same settings have in common. */
static void use_pool_of(forge_server_t *server, const forge_server_t *first)
{
    server->db_pool = first->db_pool;
    server->share = first->share;
    server->files = first->files;
}

static void make_pool(apr_pool_t *p, forge_server_t *server)
{
    int most = forge_server_pool_dbd_max(server->s);
    server->db_pool = forge_server_pool_make(p, server);
    server->share = forge_server_share_make(p, server->s, most / PART_LOGINS);
    server->files = forge_server_share_make(p, server->s, most / PART_FILES);
}

/* Servers of one database, replica and number of connections share a pool of the latter. */
static void use_replica(apr_pool_t *p, apr_hash_t *pools, forge_server_t *server)
{
    if (!forge_config_replica(server->config))
        return;
    const char *identity = forge_server_replica_identity(p, server->s);
    const forge_server_t *first = apr_hash_get(pools, identity, APR_HASH_KEY_STRING);
    server->replica = first ? first->replica : forge_server_pool_make_replica(p, server);
    if (!first)
        apr_hash_set(pools, identity, APR_HASH_KEY_STRING, server);
}

void forge_server_all_limits(apr_pool_t *p)
{
    for (apr_hash_index_t *i = servers ? apr_hash_first(p, servers) : NULL; i; i = apr_hash_next(i)) {
        const forge_server_t *server = apr_hash_this_val(i);
        forge_server_limit_store_child(p, server);
    }
}

void forge_server_all_pools(apr_pool_t *p)
{
    apr_hash_t *pools = apr_hash_make(p);
    for (apr_hash_index_t *i = servers ? apr_hash_first(p, servers) : NULL; i; i = apr_hash_next(i)) {
        forge_server_t *server = apr_hash_this_val(i);
        const char *identity = forge_server_pool_identity(p, server->s);
        const forge_server_t *first = apr_hash_get(pools, identity, APR_HASH_KEY_STRING);
        if (first) {
            use_pool_of(server, first);
        } else {
            make_pool(p, server);
            apr_hash_set(pools, identity, APR_HASH_KEY_STRING, server);
        }
        use_replica(p, pools, server);
    }
}
