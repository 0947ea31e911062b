/* SPDX-License-Identifier: Apache-2.0
 * Children of httpd, and forge-runner, that end without a word: httpd's parent notes it in shared memory, and a child
 * that lives reports it (ship.c). The parent itself sends nothing, because nothing may hold up its loop.
 *
 * Of a child's end the hook child_status tells the number of the process alone. Its signal stands only in the line that
 * httpd writes just before (AH00051, AH00052; none for SIGKILL), so that line is read. httpd has a hook in the crashing
 * process too, but it is compiled out where --enable-exception-hook was not given, as in distributions. And a stack
 * that is made readable there would need memory and locks of a process that has just shown that it cannot be trusted
 * with them; from outside nobody may look into it (PR_SET_DUMPABLE, start.c). So a report names signal, process and the
 * routes that were being served.
 */
#include "work_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <ap_mpm.h>
#include <apr_signal.h>
#include <apr_strings.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

APLOG_USE_MODULE(forge);

/* Of this generation, in the parent. */
static forge_live_t *live; /* NULL: nobody is to hear of it */
static pid_t parent;
static struct {
    int pid, signal;
} told; /* by the last line of httpd */

/* --- in the parent --- */

/* "child pid 4711 exit signal Segmentation fault (11)", with its tag in front. Called for each line of any process. */
static void hear_line(const ap_errorlog_info *info, const char *line)
{
    int pid, signal_number;
    if (!live || getpid() != parent || info->r || info->c || (info->level & APLOG_LEVELMASK) != APLOG_NOTICE)
        return;
    const char *at = strstr(line, "child pid "), *end = at ? strstr(at, " exit signal ") : NULL;
    const char *number = end ? strchr(end, '(') : NULL;
    if (number && sscanf(at, "child pid %d", &pid) == 1 && sscanf(number, "(%d)", &signal_number) == 1) {
        told.pid = pid;
        told.signal = signal_number;
    }
}

/* Without a signal that was told of it may have been SIGKILL, of the kernel that ran out of memory above all; while
 * httpd stops that is httpd itself. */
static void hear_end(server_rec *s, pid_t pid, ap_generation_t generation, int slot, mpm_child_status state)
{
    (void)generation;
    (void)slot;
    if (!live || state != MPM_CHILD_EXITED)
        return;
    forge_crash_t crash = {.when = apr_time_now(), .pid = (int)pid, .signal = told.pid == (int)pid ? told.signal : 0};
    bool lost = forge_live_child_lost(live, (int)pid, &crash);
    told.pid = 0;
    if (!crash.signal && (!lost || forge_server_stopping()))
        return;
    if (!crash.signal)
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                     "FG0652: child pid %d ended without a word; it was killed, perhaps because memory ran out",
                     (int)pid);
    forge_live_crash_put(live, &crash);
}

void forge_work_crash_of_runner(int pid, int status)
{
    const forge_crash_t crash = {.when = apr_time_now(), .pid = pid, .signal = status, .runner = true};
    if (live)
        forge_live_crash_put(live, &crash);
}

void forge_work_crash_hooks(void)
{
    ap_hook_error_log(hear_line, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_status(hear_end, NULL, NULL, APR_HOOK_MIDDLE);
}

/* --- in a child --- */

static apr_status_t farewell(void *unused)
{
    (void)unused;
    if (live)
        forge_live_child_ends(live);
    return APR_SUCCESS;
}

void forge_work_crash_child(apr_pool_t *pchild)
{
    if (!live)
        return;
    forge_live_child_begins(live);
    apr_pool_pre_cleanup_register(pchild, NULL, farewell);
}

static const char *fate_of(apr_pool_t *p, const forge_crash_t *crash)
{
    if (crash->runner)
        return apr_psprintf(p, "forge-runner ended with exit code or signal %d", crash->signal);
    if (!crash->signal)
        return "a child of httpd was killed";
    return apr_psprintf(p, "a child of httpd ended by signal %d (%s)", crash->signal,
                        apr_signal_description_get(crash->signal));
}

static const char *routes_of(apr_pool_t *p, const forge_crash_t *crash)
{
    const char *text = NULL;
    for (int i = 0; i < crash->routes; i++)
        text = text ? apr_pstrcat(p, text, ", ", crash->route[i], NULL) : crash->route[i];
    return text;
}

static void report(const forge_server_t *server, apr_pool_t *p, const forge_crash_t *crash)
{
    const char *fate = fate_of(p, crash), *routes = routes_of(p, crash);
    forge_sentry_event_t event = {
        .level = "fatal",
        .when = crash->when,
        .message = routes ? apr_pstrcat(p, fate, "; in flight: ", routes, NULL) : fate,
        .group = apr_psprintf(p, "crash %s %d", crash->runner ? "forge-runner" : "child", crash->signal),
        .transaction = crash->routes == 1 ? crash->route[0] : NULL};
    forge_net_sentry_tag(&event, "kind", "crash");
    forge_net_sentry_tag(&event, "process", crash->runner ? "forge-runner" : "httpd");
    forge_net_sentry_tag(&event, "pid", forge_util_itoa(p, crash->pid));
    forge_net_sentry_tag(&event, "signal", crash->signal ? forge_util_itoa(p, crash->signal) : NULL);
    forge_net_sentry_tag(&event, "in_flight", forge_util_itoa(p, crash->in_flight));
    forge_server_report(server, p, &event);
}

void forge_work_crash_report(const forge_server_t *server, apr_pool_t *p)
{
    forge_crash_t *crash = apr_palloc(p, sizeof(*crash));
    while (forge_live_crash_take(server->live, crash))
        report(server, p, crash);
}

/* --- registration --- */

/* The module may be unloaded with this pool. */
static apr_status_t forget(void *unused)
{
    (void)unused;
    live = NULL;
    return APR_SUCCESS;
}

int forge_work_crash_register(apr_pool_t *pconf, server_rec *main_server)
{
    parent = getpid();
    apr_pool_cleanup_register(pconf, NULL, forget, apr_pool_cleanup_null);
    for (server_rec *s = main_server; s; s = s->next)
        if (forge_server_of(s))
            live = forge_server_of(s)->live;
    return OK;
}
