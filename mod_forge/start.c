/* SPDX-License-Identifier: Apache-2.0
 * Start and restart: what configtest checks, what the parent creates once, and what each child creates for itself.
 * post_config runs twice at start and once at a graceful restart. Only the real pass creates anything.
 */
#include "start.h"
#include "core/wire/wire.h"
#include "store/operations/operations.h"
#include "store/store.h"
#include "http/http.h"
#include "work/work.h"

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <ap_mpm.h>
#include <mpm_common.h>
#include <apr_strings.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

APLOG_USE_MODULE(forge);

#define OPENAPI_MAX (8 * 1024 * 1024)
#define CONNECT_TIMEOUT \
    "2" /* seconds libpq tries one address, where DBDParams does not say; its own default is no end */

static const forge_routes_t *route_tables;
static int route_tables_count;
static const forge_list_names_t lists = {
    .order = forge_store_list_order_name, .filter = forge_store_list_filter_name, .problem = forge_store_list_problem};

void forge_start_tables(const forge_routes_t *tables, int count)
{
    route_tables = tables;
    route_tables_count = count;
}

/* LoadModule runs this, so that the lines after it may say DBDMax ${FORGE_DB_CONNECTIONS}. A Define of that name, or
 * the environment, goes before. */
void forge_start_variables(void)
{
    char number[16];
    snprintf(number, sizeof(number), "%d", forge_store_connections_usual());
    setenv(FORGE_CONNECTIONS_VARIABLE, number, 0);
}

/* A token of one database must not be accepted for another, because both number their accounts from 1. Returns the
 * message if two virtual hosts would allow that. Who serves nothing accepts none. */
static const char *clash(apr_pool_t *p, server_rec *a, server_rec *b)
{
    const forge_config_t *mine = forge_config_of_server(a), *theirs = forge_config_of_server(b);
    const forge_token_rules_t *my = forge_config_token_rules(mine), *their = forge_config_token_rules(theirs);
    if (!forge_config_enabled(mine) || !forge_config_enabled(theirs) ||
        !forge_core_keys_shared(forge_config_keys(mine), forge_config_keys(theirs)) ||
        strcmp(my->issuer, their->issuer) != 0 || strcmp(my->audience, their->audience) != 0 ||
        !forge_server_serves(p, a) || !forge_server_serves(p, b) ||
        forge_store_same_database(p, forge_server_pool_database(p, a), forge_server_pool_database(p, b)))
        return NULL;
    return apr_psprintf(p,
                        "ForgeSecret: this host and the %s use different databases but share a key (ForgeSecret or "
                        "ForgeJWTKey), issuer and audience, so that each would accept tokens of the other; give each "
                        "its own ForgeSecret and ForgeJWTKey",
                        forge_config_host_said(p, b));
}

/* What is wrong with ForgeReadDBD beside DBDParams; NULL: nothing. */
static const char *replica_problem(apr_pool_t *p, server_rec *s)
{
    const forge_replica_t *replica = forge_config_replica(forge_config_of_server(s));
    const char *primary = replica ? forge_server_pool_database(p, s) : "";
    if (!replica)
        return NULL;
    return *primary ? forge_store_replica_problem(p, primary, replica->conninfo)
                    : "ForgeReadDBD needs DBDParams: a replica only serves beside its primary";
}

int forge_start_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)plog;
    forge_config_api_settle(pconf, s);
    for (server_rec *first = s; s; s = s->next) {
        const char *problem = forge_config_finish(pconf, s, forge_config_of_server(s));
        /* A restart goes on without the log, and says so. */
        if (!problem && forge_config_enabled(forge_config_of_server(s)) &&
            !forge_server_log_files_known(s->process->pool))
            problem = forge_server_logs_problem(ptemp, forge_config_of_server(s));
        if (!problem && forge_config_enabled(forge_config_of_server(s)))
            problem = forge_server_dbd_problem(ptemp, s);
        if (!problem && forge_config_enabled(forge_config_of_server(s)))
            problem = replica_problem(ptemp, s);
        if (!problem && forge_config_enabled(forge_config_of_server(s)))
            problem = forge_work_discover_problem(ptemp, s, forge_config_of_server(s));
        for (server_rec *other = first; other != s && !problem; other = other->next)
            problem = clash(ptemp, s, other);
        if (problem) {
            ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, s, "FG0420: %s",
                         forge_config_place_said(ptemp, s, problem));
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

static int logs_open(apr_pool_t *pconf, server_rec *main_server)
{
    forge_server_log_files_begin(main_server->process->pool);
    forge_server_log_pipes_begin(pconf, main_server);
    for (server_rec *s = main_server; s; s = s->next) {
        forge_server_t *server = forge_server_of(s);
        if (server && forge_server_logs_open(pconf, server) != OK)
            return HTTP_INTERNAL_SERVER_ERROR;
        if (server)
            forge_server_sources_open(pconf, server);
    }
    forge_server_log_pipes_end();
    forge_server_log_files_end();
    return OK;
}

/* One piece of memory for all servers that keep answers. */
static bool cache_open(apr_pool_t *process_pool, server_rec *main_server, const char **why)
{
    apr_size_t bytes = 0;
    for (server_rec *s = main_server; s; s = s->next) {
        const forge_server_t *server = forge_server_of(s);
        if (server && forge_config_cache(server->config) > bytes)
            bytes = forge_config_cache(server->config);
    }
    forge_cache_t *cache = bytes ? forge_live_cache_open(process_pool, bytes, why) : NULL;
    for (server_rec *s = main_server; s; s = s->next) {
        forge_server_t *server = forge_server_of(s);
        if (server && forge_config_cache(server->config))
            server->cache = cache;
    }
    return cache || !bytes;
}

int forge_start_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const char *why = NULL;
    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK;
    setenv("PGCONNECT_TIMEOUT", CONNECT_TIMEOUT, 0);
    forge_util_json_init();
    forge_router_t *router = forge_core_router_make(pconf, route_tables, route_tables_count, &lists, &why);
    forge_live_t *live = router ? forge_live_open(s->process->pool, &why) : NULL;
    if (!live) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "FG0422: cannot start, the routes or the shared memory are at fault: %s", why);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (forge_server_all_make(pconf, s, live, router) != OK || logs_open(pconf, s) != OK)
        return HTTP_INTERNAL_SERVER_ERROR;
    if (!cache_open(s->process->pool, s, &why)) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "FG0424: cannot start, the memory for answers (ForgeCache) cannot be had: %s", why);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    forge_http_queue_advise(s);
    forge_server_sources_advise(ptemp, s);
    forge_server_config_advise(ptemp, s, route_tables, route_tables_count);
    return forge_work_register(pconf, s);
}

/* Under prefork a signal may end the child at any moment, and its handler destroys the pool. A thread that had begun
 * and was not yet registered to end before that would go on without it. So the signal waits, and none of these threads
 * ever runs the handler. */
static void signals_wait(sigset_t *before)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    sigaddset(&ending, AP_SIG_GRACEFUL);
    pthread_sigmask(SIG_BLOCK, &ending, before);
}

void forge_start_child_init(apr_pool_t *p, server_rec *s)
{
    sigset_t before;
    signals_wait(&before);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* no core file and no ptrace of a process that holds keys */
    forge_http_flight_child();
    forge_http_executor_child(p);
    forge_http_helpers_child(p);
    forge_http_inner_child(p);
    forge_http_probe_init(p);
    forge_server_all_pools(p);
    forge_server_all_limits(p);
    forge_http_linger_child();
    forge_http_pump_child(p, s);
    forge_http_feeds_child(p); /* whose thread wakes the pump: it ends first */
    forge_http_pump_watch(forge_server_bell());
    forge_work_ship_child(p);
    forge_work_background_child(p);
    forge_work_crash_child(p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void forge_start_test_config(apr_pool_t *pconf, server_rec *s)
{
    const char *why = NULL;
    forge_server_sources_advise(pconf, s);
    forge_server_config_advise(pconf, s, route_tables, route_tables_count);
    if (!ap_exists_config_define("FORGE_OPENAPI"))
        return;
    forge_router_t *router = forge_core_router_make(pconf, route_tables, route_tables_count, &lists, &why);
    if (!router) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, s, "FG0423: cannot describe the routes: %s", why);
        return;
    }
    forge_buf_t *b = forge_util_buf_make(pconf, 65536, OPENAPI_MAX);
    forge_core_openapi_write(b, pconf, router, FORGE_VERSION, ap_exists_config_define("FORGE_OPENAPI_3_0"));
    fwrite(b->data, 1, b->len, stdout);
    fputc('\n', stdout);
}
