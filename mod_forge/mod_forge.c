/* SPDX-License-Identifier: Apache-2.0
 * The entry point: the module record and the list of hooks. No logic lives here; mod_forge/README.md is the tour.
 */
#include "api/api.h"
#include "config/config.h"
#include "doors/doors.h"
#include "http/http.h"
#include "server/server.h"
#include "start.h"
#include "work/work.h"

#include <httpd.h>
#include "config/commands.h"
#include <http_config.h>
#include <http_connection.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mpm_common.h>

static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    int count;
    (void)plog;
    forge_server_driver_advise(ptemp);
    forge_doors_proxy_hooks(pconf);
    const forge_routes_t *tables = forge_api_tables(&count);
    forge_start_tables(tables, count);
    forge_config_surface(pconf, tables, count);
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    static const char *const dbd[] = {"mod_dbd.c", "mod_proxy_balancer.c", NULL};
    /* The post_config of the first makes the locks of what is registered by then; that of the second starts a process,
     * which must not hold pipes that we have let go. */
    static const char *const before[] = {"mod_watchdog.c", "mod_cgid.c", NULL};
    static const char *const redirects[] = {"mod_alias.c", "mod_rewrite.c",
                                            NULL}; /* a site's own redirects to HTTPS go before */
    forge_start_variables();
    /* Start: configtest runs check_config and test_config, a real start the rest. Children need mod_dbd's pools first,
     * discovery the balancers' shared memory.
     */
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(forge_start_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_test_config(forge_start_test_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(forge_start_post_config, dbd, before, APR_HOOK_MIDDLE);
    ap_hook_child_init(forge_start_child_init, dbd, before, APR_HOOK_MIDDLE);
    /* A request: id and trace first, then the claim, so that httpd looks for no file; the handler; the
     * counters as the answer leaves; the access line last.
     */
    ap_hook_pre_translate_name(forge_http_begin, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_translate_name(forge_server_claim_translate, redirects, NULL, APR_HOOK_MIDDLE);
    ap_hook_map_to_storage(forge_server_claim_map, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_type_checker(forge_server_claim_type, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_handler(forge_http_upstream, NULL, NULL, APR_HOOK_REALLY_FIRST); /* mod_proxy comes first */
    ap_hook_handler(forge_http_handler, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_insert_filter(forge_http_count_insert, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_insert_error_filter(forge_http_count_insert, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(forge_http_transform_fixups, NULL, NULL, APR_HOOK_LAST);
    ap_hook_insert_filter(forge_http_transform_insert, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_insert_error_filter(forge_http_transform_insert_error, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(forge_http_count, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(forge_server_access_write, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(forge_server_trace_write, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(forge_server_report_write, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(forge_http_linger, NULL, NULL, APR_HOOK_REALLY_LAST);
    /* A request that waits without a thread: httpd lets go of its connection, and the child stops. */
    ap_hook_suspend_connection(forge_http_pump_suspended, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_child_stopping(forge_http_pump_stopping, NULL, NULL, APR_HOOK_MIDDLE);
    forge_work_crash_hooks();
    /* The parent looks after the programs that it has started. */
    ap_hook_monitor(forge_server_log_pipes_look, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_monitor(forge_work_runner_look, NULL, NULL, APR_HOOK_MIDDLE);
    /* Content that is not ours: AuthType Forge, Require forge-…, X-Forge-…. */
    forge_doors_register(p);
    /* Apache's own errors under our paths become problem documents. */
    forge_http_die_register();
    forge_http_count_register();
    forge_http_inner_register();
    forge_http_transform_register();
    forge_http_send_register();
    forge_http_upstream_register();
    ap_hook_pre_connection(forge_http_upstream_connection, NULL, NULL, APR_HOOK_MIDDLE);
    forge_server_override_register(); /* Header lines of the site win over our headers */
    ap_hook_insert_error_filter(forge_http_die_insert, NULL, NULL, APR_HOOK_LAST);
}

/* The one symbol this module exports. */
AP_DECLARE_MODULE(forge) = {STANDARD20_MODULE_STUFF,  forge_config_dir_make,     forge_config_dir_merge,
                            forge_config_server_make, forge_config_server_merge, forge_config_commands,
                            register_hooks,           AP_MODULE_FLAG_NONE};
