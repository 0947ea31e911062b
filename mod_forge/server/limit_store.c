/* SPDX-License-Identifier: Apache-2.0
 * Where requests are counted: in shared memory, or in a Redis that all nodes ask (ForgeRateLimitStore).
 *
 * Both count alike (live/limits.c has the arithmetic, net/redis_script.c the same for Redis). What Redis answers is
 * kept in shared memory too: it is looked at there before a credential is looked up, and counting goes on from there
 * while Redis is away.
 */
#include "server_private.h"
#include "core/identity/identity.h"

#include <httpd.h>
#include <http_log.h>
#include <ap_mpm.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

APLOG_USE_MODULE(forge);

#define ASKS_MAX        4
#define CONNECTIONS_MAX 16 /* of a child */
#define NAME_BYTES      16 /* of the digest in a key */

struct forge_limit_store_t {
    const forge_server_t *server; /* the first of those that share it */
    const forge_redis_t *redis;
    const char *name; /* of its breaker */
    int breaker;
    forge_redis_client_t *client; /* of this child; NULL: none could be made */
};
typedef struct forge_limit_store_t store_t;

/* --- what the connections ask, and are told --- */

static bool is_away(void *baton)
{
    const store_t *store = baton;
    return forge_live_breaker_state(store->server->live, store->breaker) != FORGE_BREAKER_CLOSED;
}

static apr_uint32_t era(void *baton)
{
    const store_t *store = baton;
    return forge_live_breaker_trips(store->server->live, store->breaker);
}

static bool may_try(void *baton)
{
    const store_t *store = baton;
    return forge_live_breaker_try(store->server->live, store->breaker);
}

static void is_good(void *baton)
{
    const store_t *store = baton;
    if (forge_live_breaker_mend(store->server->live, store->breaker))
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, store->server->s,
                     "FG1081: Redis at %s can be used again: rate limits are shared by all nodes", store->redis->name);
}

static void is_bad(void *baton, const char *why)
{
    static const char *const meanwhile[] = {"limits are those of this node alone", "requests are not limited",
                                            "limited requests are refused"};
    const store_t *store = baton;
    if (forge_live_breaker_trip(store->server->live, store->breaker))
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, store->server->s,
                     "FG1080: Redis at %s cannot be used for rate limits: %s; until it can, %s", store->redis->name,
                     why, meanwhile[forge_config_limit_on_error(store->server->config)]);
}

static void is_stuck(void *baton)
{
    const store_t *store = baton;
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, store->server->s,
                 "FG1082: the child ends although a connection to Redis is still being made");
    _exit(0);
}

/* --- what is asked --- */

/* No address and no name of an account leaves this node: the key is a digest that nobody can make without the secret
 * of the server. Nodes with the same secret make the same. */
static const char *name_of(apr_pool_t *p, const forge_server_t *server, const forge_limit_ask_t *ask)
{
    unsigned char digest[32];
    apr_uint32_t class = (apr_uint32_t)ask->class;
    forge_digest_t *whole = forge_core_sha256_begin(p);
    forge_core_sha256_add(whole, server->limits_key, sizeof(server->limits_key));
    forge_core_sha256_add(whole, &class, sizeof(class));
    forge_core_sha256_add(whole, ask->key, ask->len);
    forge_core_sha256_end(whole, digest);
    return apr_pstrcat(p, FORGE_REDIS_KEYS, forge_util_b64url(p, digest, NAME_BYTES), NULL);
}

static forge_redis_end_t ask_redis(apr_pool_t *p, const forge_server_t *server, forge_limit_ask_t *asks, int n)
{
    forge_redis_run_t runs[ASKS_MAX];
    forge_limit_plan_t plans[ASKS_MAX];
    const apr_int64_t begun = forge_util_monotonic();
    for (int i = 0; i < n; i++) {
        plans[i] = forge_live_limit_plan(asks[i].limit);
        runs[i] = (forge_redis_run_t){.key = name_of(p, server, &asks[i]),
                                      .interval = plans[i].interval,
                                      .span = plans[i].span,
                                      .take = asks[i].take};
    }
    forge_redis_end_t end =
        server->limits->client ? forge_net_redis_run(server->limits->client, p, runs, n) : FORGE_REDIS_AWAY;
    for (int i = 0; i < n && end == FORGE_REDIS_OK; i++) {
        asks[i].answer = forge_live_limit_answer(plans[i], runs[i].allowed, runs[i].reset);
        forge_live_limit_note(server->live, asks[i].class, asks[i].key, asks[i].len, runs[i].reset);
    }
    if (end != FORGE_REDIS_AWAY)
        forge_live_redis(server->live, (forge_counter_t)(FORGE_C_REDIS_OK + (int)end), forge_util_monotonic() - begun);
    return end;
}

static void ask_here(const forge_server_t *server, forge_limit_ask_t *asks, int n)
{
    for (int i = 0; i < n; i++)
        if (asks[i].take)
            asks[i].answer =
                forge_live_limit_take(server->live, asks[i].class, asks[i].key, asks[i].len, asks[i].limit, 0);
}

forge_counted_t forge_server_limit_ask(apr_pool_t *p, const forge_server_t *server, forge_limit_ask_t *asks, int n)
{
    static const forge_counted_t counted[] = {FORGE_COUNTED, FORGE_UNCOUNTED, FORGE_UNCOUNTABLE};
    if (server->limits && ask_redis(p, server, asks, n) == FORGE_REDIS_OK)
        return FORGE_COUNTED;
    forge_on_error_t otherwise = server->limits ? forge_config_limit_on_error(server->config) : FORGE_ON_ERROR_LOCAL;
    if (server->limits)
        forge_live_count(server->live, (forge_counter_t)(FORGE_C_REDIS_LOCAL + (int)otherwise));
    if (otherwise == FORGE_ON_ERROR_LOCAL)
        ask_here(server, asks, n);
    return counted[otherwise];
}

bool forge_server_limit_store_away(const forge_server_t *server)
{
    return server->limits && (!server->limits->client || is_away(server->limits));
}

/* --- begin --- */

/* "forge@redis.example.org:6379/1": of two hosts that log in otherwise one may be refused and the other not. */
static const char *breaker_name(apr_pool_t *p, const forge_redis_t *redis)
{
    return apr_psprintf(p, "%s%s%s%s", redis->user ? redis->user : "", redis->user ? "@" : "", redis->name,
                        redis->db ? apr_psprintf(p, "/%d", redis->db) : "");
}

store_t *forge_server_limit_store_make(apr_pool_t *p, const forge_server_t *server)
{
    const forge_redis_t *redis = forge_config_redis(server->config);
    if (!redis)
        return NULL;
    store_t *store = apr_pcalloc(p, sizeof(*store));
    store->server = server;
    store->redis = redis;
    store->name = breaker_name(p, redis);
    store->breaker = forge_live_breaker(server->live, store->name);
    return store;
}

store_t *forge_server_limit_store_shared(const forge_server_t *server, const forge_server_t *other)
{
    const forge_redis_t *redis = forge_config_redis(server->config);
    return redis && other->limits && forge_net_redis_same(other->limits->redis, redis) ? other->limits : NULL;
}

void forge_server_limit_store_child(apr_pool_t *p, const forge_server_t *server)
{
    store_t *store = server->limits;
    int threads = 1;
    if (!store || store->server != server)
        return;
    if (store->breaker < 0) /* there was no room then, or a holder of the lock stood still */
        store->breaker = forge_live_breaker(server->live, store->name);
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    const forge_redis_spec_t spec = {
        .redis = store->redis,
        .most = threads < CONNECTIONS_MAX ? threads : CONNECTIONS_MAX,
        .hooks = {is_away, era, may_try, is_good, is_bad, is_stuck, store},
    };
    store->client = forge_net_redis_client(p, &spec);
    if (!store->client)
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, server->s,
                     "FG1083: could not start the thread that connects to Redis; requests are not counted there");
}
