/* SPDX-License-Identifier: Apache-2.0
 * Looks up who is behind the balancers of ForgeDiscover: one child at a time asks the DNS again when an answer is old,
 * and watches files. What it finds goes into the balancers' shared memory (discovered.c), where all children see it,
 * and into ours, from where a graceful restart takes it before the first request. A lookup that finds nobody changes
 * nothing.
 */
#include "work_private.h"

#include <httpd.h>
#include <http_log.h>
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <string.h>

APLOG_USE_MODULE(forge);

#define EVERY    apr_time_from_sec(1)
#define SOON     apr_time_from_sec(5) /* the soonest that an answer is asked for again, where interval= is not less */
#define FILE_MAX 65536

typedef struct source_t {
    struct source_t *next;
    server_rec *s;
    forge_live_t *live;
    const forge_service_t *service;
    int place; /* in live/ */
    apr_array_header_t
        *balancers; /* of forge_balancer_t *: a balancer of the main server is one of each virtual host */
    /* of the child that looks */
    apr_int64_t due;
    bool seen;           /* the file below was looked at */
    apr_finfo_t file;    /* as it was then; all 0: it was not there */
    forge_lookup_t last; /* result of the last lookup */
    bool told;
} source_t;

static void apply(source_t *source, apr_pool_t *p, const forge_members_t *members)
{
    bool enough = members->left_out == 0;
    for (int i = 0; i < source->balancers->nelts; i++)
        enough &= forge_work_balancer_apply(APR_ARRAY_IDX(source->balancers, i, forge_balancer_t *), p, source->service,
                                            members);
    forge_live_discovery_room(source->live, source->place, enough);
}

/* The log hears of each change, not of each lookup. */
static void say(source_t *source, forge_lookup_t result, const char *why)
{
    bool changed = !source->told || source->last != result;
    if (result != FORGE_FOUND && changed)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, source->s,
                     "FG1152: could not look up the members of %s in %s: %s; the last known ones stay",
                     source->service->balancer, source->service->text, why);
    else if (source->told && changed)
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, source->s, "FG1153: the members of %s are found again in %s",
                     source->service->balancer, source->service->text);
    source->told = true;
    source->last = result;
}

static void found(source_t *source, apr_pool_t *p, forge_lookup_t result, const forge_members_t *members,
                  const char *why)
{
    if (result == FORGE_FOUND)
        apply(source, p, members);
    forge_live_discovery_told(source->live, source->place, result, members);
    say(source, result, why);
}

/* --- a file --- */

/* Whether it is another file than at the last look, or another content: whoever writes a new one and renames it
 * changes the inode. */
static bool file_changed(source_t *source, const apr_finfo_t *now)
{
    const apr_finfo_t *was = &source->file;
    bool same = source->seen && was->inode == now->inode && was->device == now->device && was->mtime == now->mtime &&
                was->ctime == now->ctime && was->size == now->size;
    source->seen = true;
    source->file = *now;
    return !same;
}

static apr_status_t file_text(apr_pool_t *p, apr_file_t *file, char **text)
{
    apr_size_t len = 0;
    *text = apr_palloc(p, FILE_MAX + 1);
    apr_status_t rv = apr_file_read_full(file, *text, FILE_MAX, &len);
    (*text)[len] = '\0';
    return APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv == APR_SUCCESS ? APR_ENOSPC : rv;
}

static void look_file(source_t *source, apr_pool_t *p, forge_members_t *members)
{
    const char *why = "";
    char *text = NULL, reason[120];
    apr_file_t *file = NULL;
    apr_finfo_t info = {.pool = NULL};
    apr_status_t rv = apr_file_open(&file, source->service->name, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, p);
    if (rv == APR_SUCCESS)
        rv = apr_file_info_get(&info,
                               APR_FINFO_INODE | APR_FINFO_DEV | APR_FINFO_MTIME | APR_FINFO_CTIME | APR_FINFO_SIZE |
                                   APR_FINFO_TYPE,
                               file);
    info.pool = NULL;
    info.filehand = NULL;
    info.fname = NULL;
    if (!file_changed(source, &info))
        return;
    if (rv == APR_SUCCESS)
        rv = info.filetype == APR_REG ? file_text(p, file, &text) : APR_EINVAL;
    if (rv != APR_SUCCESS)
        found(source, p, FORGE_FOUND_FAILURE, members, apr_strerror(rv, reason, sizeof(reason)));
    else
        found(source, p, forge_net_members_read(p, text, members, &why), members, why);
}

/* --- the DNS --- */

/* A short TTL makes it sooner, but neither a TTL of 0 nor a failure makes it a flood. */
static apr_interval_time_t pause_after(const forge_service_t *service, forge_lookup_t result, apr_interval_time_t ttl)
{
    apr_interval_time_t least = service->interval < SOON ? service->interval : SOON;
    if (result != FORGE_FOUND)
        return least;
    return !ttl || ttl > service->interval ? service->interval : ttl < least ? least : ttl;
}

static void look_dns(source_t *source, apr_pool_t *p, forge_members_t *members)
{
    const char *why = "";
    if (forge_util_monotonic() < source->due)
        return;
    forge_lookup_t result = forge_net_dns(p, source->service, members, forge_work_background_stopping, &why);
    source->due = forge_util_monotonic() + pause_after(source->service, result, members->ttl);
    if (!forge_work_background_stopping())
        found(source, p, result, members, why);
}

/* --- the task --- */

static void step(void *data, apr_pool_t *p)
{
    forge_members_t *members = apr_pcalloc(p, sizeof(*members));
    for (source_t *source = data; source && !forge_work_background_stopping(); source = source->next) {
        if (source->service->source == FORGE_SOURCE_FILE)
            look_file(source, p, members);
        else
            look_dns(source, p, members);
        for (int i = 0; i < source->balancers->nelts; i++)
            forge_work_balancer_age(APR_ARRAY_IDX(source->balancers, i, forge_balancer_t *), source->service->drain);
    }
}

/* The source of a directive; virtual hosts that inherit it share it. */
static source_t *source_of(apr_pool_t *pconf, source_t **list, const forge_server_t *server,
                           const forge_service_t *service)
{
    for (source_t *at = *list; at; at = at->next)
        if (at->service == service)
            return at;
    source_t *source = apr_pcalloc(pconf, sizeof(*source));
    const char *name = apr_pstrcat(pconf, service->balancer, " ", service->text, NULL);
    source->s = server->s;
    source->live = server->live;
    source->service = service;
    source->place = forge_live_discovery(server->live, name);
    source->balancers = apr_array_make(pconf, 1, sizeof(forge_balancer_t *));
    source->next = *list;
    return *list = source;
}

static void collect(apr_pool_t *pconf, source_t **list, server_rec *s)
{
    const forge_server_t *server = forge_server_of(s);
    const apr_array_header_t *services = server ? forge_config_services(server->config) : NULL;
    for (int i = 0; services && i < services->nelts; i++) {
        const forge_service_t *service = &APR_ARRAY_IDX(services, i, forge_service_t);
        forge_balancer_t *balancer = forge_work_balancer(pconf, s, service->balancer);
        if (balancer)
            APR_ARRAY_PUSH(source_of(pconf, list, server, service)->balancers, forge_balancer_t *) = balancer;
    }
}

/* In the parent, before children are made: members of before a graceful restart are there for the first request. */
static void restore(apr_pool_t *pconf, source_t *list)
{
    apr_pool_t *p;
    apr_pool_create(&p, pconf);
    forge_members_t *members = apr_pcalloc(p, sizeof(*members));
    for (source_t *source = list; source; source = source->next)
        if (forge_live_discovery_last(source->live, source->place, members))
            apply(source, p, members);
    apr_pool_destroy(p);
}

int forge_work_discover_register(apr_pool_t *pconf, server_rec *main_server)
{
    source_t *list = NULL;
    bool begun = false;
    for (server_rec *s = main_server; s; s = s->next) {
        const forge_server_t *server = forge_server_of(s);
        if (server && !begun)
            forge_live_discovery_begin(server->live);
        begun |= server != NULL;
        collect(pconf, &list, s);
    }
    if (!list)
        return OK;
    restore(pconf, list);
    const forge_background_t task = {
        .thread = "_forge_discover_", .one_child = true, .every = EVERY, .step = step, .data = list};
    return forge_work_background_register(pconf, main_server, &task);
}

const char *forge_work_discover_problem(apr_pool_t *p, server_rec *s, const forge_config_t *config)
{
    const apr_array_header_t *services = forge_config_services(config);
    const char *problem = NULL;
    for (int i = 0; services && i < services->nelts && !problem; i++)
        problem = forge_work_balancer_problem(p, s, APR_ARRAY_IDX(services, i, forge_service_t).balancer);
    return problem;
}
