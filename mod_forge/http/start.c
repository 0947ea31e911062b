/* SPDX-License-Identifier: Apache-2.0
 * Start and restart: what configtest checks, what the parent makes once, what each child makes for itself.
 * post_config runs twice at start and once at a graceful restart; only its real pass makes anything.
 */
#include "http.h"

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <ap_mpm.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

APLOG_USE_MODULE(forge);

#define OPENAPI_MAX (8 * 1024 * 1024)

static const forge_routes_t *route_tables;
static int route_tables_count;
static apr_hash_t *servers; /* server_rec * → forge_server_t *; written in post_config only */

void forge_http_tables(const forge_routes_t *tables, int count)
{
    route_tables = tables;
    route_tables_count = count;
}

forge_server_t *forge_http_server(server_rec *s)
{
    return servers ? apr_hash_get(servers, &s, sizeof(s)) : NULL;
}

/* Two databases number their accounts alike: a token of one must not be good at the other. */
static const char *clash(apr_pool_t *p, server_rec *a, server_rec *b)
{
    const forge_config_t *mine = forge_config_of_server(a), *theirs = forge_config_of_server(b);
    const forge_token_rules_t *my = forge_config_token_rules(mine), *their = forge_config_token_rules(theirs);
    if (!forge_config_enabled(mine) || !forge_config_enabled(theirs) || forge_config_tenant(mine) != forge_config_tenant(theirs) ||
        strcmp(my->issuer, their->issuer) != 0 || strcmp(my->audience, their->audience) != 0 ||
        forge_store_same_database(forge_http_pool_database(p, a), forge_http_pool_database(p, b)))
        return NULL;
    return "two virtual hosts use different databases but the same ForgeSecret, issuer and audience, so that tokens of one would be good "
           "at the other; "
           "give each a ForgeSecret of its own";
}

int forge_http_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)plog;
    for (server_rec *first = s; s; s = s->next) {
        const char *problem = forge_config_finish(pconf, s, forge_config_of_server(s));
        for (server_rec *other = first; other != s && !problem; other = other->next)
            problem = clash(ptemp, s, other);
        if (problem) {
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, s, "FG0420: %s", problem);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
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

/* A connection for every thread of every child at once must be less than PostgreSQL allows; say the sum where it can be compared. */
static void tell_connections(server_rec *s, int dbd_max)
{
    int children = 1;
    ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &children);
    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &children);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, s,
                 "FG0421: up to %d database connections: DBDMax %d in each of %d children; max_connections of PostgreSQL must be larger",
                 dbd_max * children, dbd_max, children);
}

static forge_server_t *server_make(apr_pool_t *p, server_rec *s, forge_live_t *live, forge_router_t *router, const int *slots)
{
    apr_size_t len;
    forge_server_t *server = apr_pcalloc(p, sizeof(*server));
    server->s = s;
    server->config = forge_config_of_server(s);
    const char *secret = forge_config_secret(server->config, &len);
    server->keys = forge_core_keys_make(p, secret, len);
    server->router = router;
    server->live = live;
    server->slots = slots;
    return server;
}

static int make_servers(apr_pool_t *pconf, server_rec *main_server, forge_live_t *live, forge_router_t *router)
{
    const int *slots = forge_live_metrics_routes(live, pconf, labels_of(pconf, router), forge_core_router_count(router));
    servers = apr_hash_make(pconf);
    for (server_rec *s = main_server; s; s = s->next) {
        if (!forge_config_enabled(forge_config_of_server(s)))
            continue;
        forge_server_t *server = server_make(pconf, s, live, router, slots);
        server_rec **key = apr_pmemdup(pconf, &s, sizeof(s));
        if (!server->keys || forge_http_access_open(pconf, s, server) != OK)
            return HTTP_INTERNAL_SERVER_ERROR;
        apr_hash_set(servers, key, sizeof(*key), server);
        tell_connections(s, forge_http_pool_dbd_max(s));
    }
    return OK;
}

static apr_status_t forget_servers(void *unused)
{
    (void)unused;
    servers = NULL;
    return APR_SUCCESS;
}

int forge_http_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const char *why = NULL;
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK;
    forge_util_json_init();
    forge_router_t *router = forge_core_router_make(pconf, route_tables, route_tables_count, &why);
    forge_live_t *live = router ? forge_live_open(s->process->pool, &why) : NULL;
    if (!live) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "FG0422: cannot start: %s", why);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    apr_pool_cleanup_register(pconf, NULL, forget_servers, apr_pool_cleanup_null);
    if (make_servers(pconf, s, live, router) != OK)
        return HTTP_INTERNAL_SERVER_ERROR;
    return forge_http_tasks_register(pconf, s);
}

void forge_http_child_init(apr_pool_t *p, server_rec *s)
{
    (void)s;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* no core file and no ptrace of a process that holds keys */
    forge_http_probe_init(p);
    apr_hash_t *pools = apr_hash_make(p);
    for (apr_hash_index_t *i = servers ? apr_hash_first(p, servers) : NULL; i; i = apr_hash_next(i)) {
        forge_server_t *server = apr_hash_this_val(i);
        const char *identity = forge_http_pool_identity(p, server->s);
        server->db_pool = apr_hash_get(pools, identity, APR_HASH_KEY_STRING);
        if (!server->db_pool)
            server->db_pool = forge_http_pool_make(p, server->s, forge_http_pool_dbd_max(server->s));
        apr_hash_set(pools, identity, APR_HASH_KEY_STRING, server->db_pool);
    }
}

void forge_http_test_config(apr_pool_t *pconf, server_rec *s)
{
    const char *why = NULL;
    if (!ap_exists_config_define("FORGE_OPENAPI"))
        return;
    forge_router_t *router = forge_core_router_make(pconf, route_tables, route_tables_count, &why);
    if (!router) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, s, "FG0423: cannot describe the routes: %s", why);
        return;
    }
    forge_buf_t *b = forge_util_buf_make(pconf, 65536, OPENAPI_MAX);
    forge_core_openapi_write(b, pconf, router, FORGE_VERSION, ap_exists_config_define("FORGE_OPENAPI_3_0"));
    fwrite(b->data, 1, b->len, stdout);
    fputc('\n', stdout);
}
