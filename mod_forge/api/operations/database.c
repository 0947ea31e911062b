/* SPDX-License-Identifier: Apache-2.0
 * The database under the eyes of an operator: GET /monitor/database/pool. The Require lines of httpd decide who may
 * read it.
 */
#include "api/api.h"
#include "api/shared.h"

#include <apr_strings.h>
#include <string.h>

#define LEAKS_MAX 100 /* shown at once; the longest ones */

/* --- /monitor/database/pool: from shared memory, the database is not asked --- */

/* clang-format off */
static const forge_field_t child_fields[] = {
    {"pid", FORGE_T_INT, .example = "4711", .help = "process of httpd"},
    {"size", FORGE_T_INT, .example = "8", .help = "connections that it may have"},
    {"busy", FORGE_T_INT, .example = "2", .help = "connections in use"},
    {"waiting", FORGE_T_INT, .example = "0", .help = "requests that wait for one"},
    {"replica_size", FORGE_T_INT, .example = "8", .help = "connections to replicas that it may have"},
    {"replica_busy", FORGE_T_INT, .example = "1", .help = "those in use; no request waits for one"},
    {.name = NULL},
};
static const forge_field_t leak_fields[] = {
    {"pid", FORGE_T_INT, .example = "4711", .help = "process of httpd"},
    {"route", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "GET /api/v1/courses",
     .help = "method and route template of the request that holds it; null without one"},
    {"request_id", FORGE_T_TEXT, FORGE_F_NULLABLE, .example = "4f1c2d",
     .help = "request that holds it; null for background work"},
    {"activity", FORGE_T_TEXT, .example = "forge 4f1c2d", .help = "application_name of the connection"},
    {"held_seconds", FORGE_T_NUMBER, .example = "31.5", .help = "seconds since it was lent"},
    {.name = NULL},
};
static const forge_field_t pool_fields[] = {
    {"size", FORGE_T_INT, .example = "16", .help = "connections that all processes of this node may have"},
    {"busy", FORGE_T_INT, .example = "3", .help = "connections in use"},
    {"waiting", FORGE_T_INT, .example = "0", .help = "requests that wait for one"},
    {"replica_size", FORGE_T_INT, .example = "16", .help = "connections to replicas (ForgeReadDBD) that they may have"},
    {"replica_busy", FORGE_T_INT, .example = "1", .help = "those in use"},
    {"timeouts_total", FORGE_T_INT, .example = "0", .help = "requests that got none in time, since counting began"},
    {"held_long", FORGE_T_INT, .example = "0", .help = "connections that are out for longer than held_long_seconds"},
    {"held_long_seconds", FORGE_T_INT, .example = "30", .help = "when a connection counts as leaked"},
    {"children", FORGE_T_ARRAY, .fields = child_fields, .named = "PoolOfChild", .help = "the pool of each process"},
    {"leaks", FORGE_T_ARRAY, .fields = leak_fields, .named = "PoolLeak",
     .help = "who holds these connections, the longest first, at most 100"},
    {.name = NULL},
};
static const forge_shape_t pool_shape = {"DatabasePool", pool_fields};
/* clang-format on */

/* Rounds to milliseconds. */
static double seconds_of(apr_interval_time_t time)
{
    return (double)apr_time_as_msec(time) / 1000;
}

static void put_children(forge_req_t *q, forge_json_t *answer)
{
    forge_live_pool_t *pools = apr_palloc(q->pool, sizeof(*pools) * FORGE_LIVE_POOLS_MAX), sum = {0};
    int count = forge_live_pools(q->live, pools, FORGE_LIVE_POOLS_MAX);
    for (int i = 0; i < count; i++) {
        sum.size += pools[i].size;
        sum.busy += pools[i].busy;
        sum.waiting += pools[i].waiting;
        sum.replica_size += pools[i].replica_size;
        sum.replica_busy += pools[i].replica_busy;
    }
    forge_util_json_put_int(answer, "size", sum.size);
    forge_util_json_put_int(answer, "busy", sum.busy);
    forge_util_json_put_int(answer, "waiting", sum.waiting);
    forge_util_json_put_int(answer, "replica_size", sum.replica_size);
    forge_util_json_put_int(answer, "replica_busy", sum.replica_busy);
    forge_util_json_put_int(answer, "timeouts_total", forge_live_counter(q->live, FORGE_C_DB_WAIT_TIMEOUT));
    forge_json_t *children = forge_util_json_put_array(answer, "children");
    for (int i = 0; i < count; i++) {
        forge_json_t *child = forge_util_json_add_object(children);
        forge_util_json_put_int(child, "pid", pools[i].pid);
        forge_util_json_put_int(child, "size", pools[i].size);
        forge_util_json_put_int(child, "busy", pools[i].busy);
        forge_util_json_put_int(child, "waiting", pools[i].waiting);
        forge_util_json_put_int(child, "replica_size", pools[i].replica_size);
        forge_util_json_put_int(child, "replica_busy", pools[i].replica_busy);
    }
}

/* The request id is the last word of what the connection was lent for: it has no blanks. */
static void put_leak(forge_req_t *q, forge_json_t *leaks, const forge_held_t *held)
{
    const char *blank = strrchr(held->activity, ' ');
    forge_json_t *leak = forge_util_json_add_object(leaks);
    forge_util_json_put_int(leak, "pid", held->pid);
    forge_util_json_put_text(leak, "route",
                             held->route ? apr_pstrcat(q->pool, held->method, " ", held->route, NULL) : NULL);
    forge_util_json_put_text(leak, "request_id", held->request && blank ? blank + 1 : NULL);
    forge_util_json_put_text(leak, "activity", held->activity);
    forge_util_json_put_number(leak, "held_seconds", seconds_of(held->took));
}

static forge_status_t pool_get(forge_req_t *q)
{
    forge_held_t *held = apr_palloc(q->pool, sizeof(*held) * LEAKS_MAX);
    int count = forge_live_leases_long(q->live, held, LEAKS_MAX);
    forge_json_t *answer = forge_util_json_object(q->pool);
    put_children(q, answer);
    forge_util_json_put_int(answer, "held_long", count);
    forge_util_json_put_int(answer, "held_long_seconds", apr_time_sec(FORGE_LIVE_HELD_LONG));
    forge_json_t *leaks = forge_util_json_put_array(answer, "leaks");
    for (int i = 0; i < count && i < LEAKS_MAX; i++)
        put_leak(q, leaks, &held[i]);
    forge_reply_header(q, "Cache-Control", "no-store");
    return forge_reply_json(q, answer);
}

static const forge_status_t errors[] = {FORGE_E_FORBIDDEN, FORGE_OK};

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_GET, "/monitor/database/pool", FORGE_ROLE_NONE, .reply = &pool_shape, .errors = errors, .handle = pool_get,
     .operation = "monitor_database_pool", .summary = "Database connections of this node",
     .description = "The pool of each process and of all together, from shared memory: the database is not asked. A "
         "connection that was lent more than 30 seconds ago counts as leaked, and is shown with the request that holds "
         "it. The server's configuration says who may read this."},
};
/* clang-format on */

const forge_routes_t forge_api_database = FORGE_API_ROUTES(routes, &forge_api_tag_monitoring);
