/* SPDX-License-Identifier: Apache-2.0
 * /monitor/docker: the containers beside this server, looked at for minutes at a time. The engine is asked by one
 * request for all (http/containers.c), and never told anything. The Require lines of httpd decide who may look.
 */
#include "api/api.h"
#include "api/shared.h"

#include <string.h>

#define RETRY_SECONDS 5
#define BYTES         "1843200"
#define BODY_MAX      (8 << 20)

/* clang-format off */
static const forge_field_t enable_fields[] = {
    {"minutes", FORGE_T_INT, FORGE_F_REQUIRED, 1, 60, .example = "10", .help = "for how long; it ends by itself"},
    {.name = NULL},
};
static const forge_shape_t enable = {"ContainersEnable", enable_fields};

static const forge_field_t enabled_fields[] = {
    {"enabled_until", FORGE_T_TIME, .example = FORGE_API_TIME, .help = "when it ends by itself"},
    {.name = NULL},
};
static const forge_shape_t enabled = {"ContainersEnabled", enabled_fields};

static const forge_field_t network_fields[] = {
    {"rx_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = BYTES, .help = "received since it was started"},
    {"tx_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = BYTES, .help = "sent since it was started"},
    {.name = NULL},
};
static const forge_field_t block_fields[] = {
    {"read_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = BYTES, .help = "read from disks"},
    {"write_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = BYTES, .help = "written to disks"},
    {.name = NULL},
};
static const forge_field_t container_fields[] = {
    {"id", FORGE_T_TEXT, .example = "4f0c2d1e9a7b", .help = "as the engine calls it: 12 to 64 hexadecimal digits"},
    {"name", FORGE_T_TEXT, .example = "portal", .help = "its first name"},
    {"image", FORGE_T_TEXT, .example = "nginx:1.27", .help = "what it was made of"},
    {"state", FORGE_T_TEXT, .example = "running",
     .help = "running, created, paused, restarting, exited, dead, or another word of the engine"},
    {"health", FORGE_T_TEXT, FORGE_F_NULLABLE, .format = "enum:healthy|unhealthy|starting",
     .named = "ContainerHealth", .example = "healthy",
     .help = "what its own check says; null: it has none"},
    {"cpu_percent", FORGE_T_NUMBER, FORGE_F_NULLABLE, .example = "12.5",
     .help = "of one processor, as docker stats shows it: two busy ones are 200"},
    {"memory_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = "94371840", .help = "without the cache of files"},
    {"memory_limit_bytes", FORGE_T_INT, FORGE_F_NULLABLE, .example = "536870912",
     .help = "its limit, or the memory of the machine"},
    {"network", FORGE_T_OBJECT, .fields = network_fields, .named = "ContainerNetwork", .help = "all its networks"},
    {"block", FORGE_T_OBJECT, .fields = block_fields, .named = "ContainerBlock", .help = "all its disks"},
    {"logs", FORGE_T_ARRAY, .format = "text", .example = "[\"ready\"]",
     .help = "its last 50 lines, oldest first; of a long line the first 1000 bytes"},
    {"error", FORGE_T_TEXT, FORGE_F_NULLABLE,
     .help = "what is missing here, and why; null: nothing"},
    {.name = NULL},
};
static const forge_field_t containers_fields[] = {
    {"enabled", FORGE_T_BOOL, .example = "true", .help = "whether the engine may be asked at the moment"},
    {"enabled_until", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME, .help = "when that ends by itself"},
    {"taken_at", FORGE_T_TIME, FORGE_F_NULLABLE, .example = FORGE_API_TIME,
     .help = "when the engine said this; it is asked once in five seconds at most"},
    {"total", FORGE_T_INT, FORGE_F_NULLABLE, .example = "3", .help = "containers that it has"},
    {"containers", FORGE_T_ARRAY, .fields = container_fields, .named = "Container",
     .help = "the first hundred; those that run come first"},
    {.name = NULL},
};
static const forge_shape_t containers = {"Containers", containers_fields};
/* clang-format on */

/* --- what the engine said, as JSON --- */

static void put_text(forge_buf_t *b, const char *name, const char *text)
{
    forge_util_buf_printf(b, ",\"%s\":", name);
    if (text)
        forge_util_buf_json(b, text, strlen(text));
    else
        forge_util_buf_puts(b, "null");
}

/* Beyond 2^53 a number that JSON readers keep exactly ends; no count of bytes does. */
static void put_count(forge_buf_t *b, const char *name, double n)
{
    forge_util_buf_printf(b, "\"%s\":", name);
    if (n < 0 || n > 9e15)
        forge_util_buf_puts(b, "null");
    else
        forge_util_buf_int(b, (apr_int64_t)n);
}

static void put_percent(forge_buf_t *b, double percent)
{
    if (percent < 0 || percent > 9e9)
        forge_util_buf_puts(b, ",\"cpu_percent\":null,");
    else
        forge_util_buf_printf(b, ",\"cpu_percent\":%.2f,", percent);
}

static void put_figures(forge_buf_t *b, const forge_container_t *container)
{
    put_percent(b, container->cpu_percent);
    put_count(b, "memory_bytes", container->memory);
    forge_util_buf_puts(b, ",");
    put_count(b, "memory_limit_bytes", container->memory_limit);
    forge_util_buf_puts(b, ",\"network\":{");
    put_count(b, "rx_bytes", container->rx);
    forge_util_buf_puts(b, ",");
    put_count(b, "tx_bytes", container->tx);
    forge_util_buf_puts(b, "},\"block\":{");
    put_count(b, "read_bytes", container->read);
    forge_util_buf_puts(b, ",");
    put_count(b, "write_bytes", container->written);
    forge_util_buf_puts(b, "}");
}

static void put_container(forge_buf_t *b, const forge_container_t *container)
{
    forge_util_buf_printf(b, "{\"id\":\"%s\"", container->id);
    put_text(b, "name", container->name);
    put_text(b, "image", container->image);
    put_text(b, "state", container->state);
    put_text(b, "health", container->health);
    put_figures(b, container);
    forge_util_buf_puts(b, ",\"logs\":[");
    for (int i = 0; i < container->log_count; i++) {
        forge_util_buf_puts(b, i ? "," : "");
        forge_util_buf_json(b, container->logs[i], strlen(container->logs[i]));
    }
    forge_util_buf_puts(b, "]");
    put_text(b, "error", container->error);
    forge_util_buf_puts(b, "}");
}

static void write_all(forge_buf_t *b, const forge_docker_said_t *said)
{
    for (int i = 0; i < said->count; i++) {
        forge_util_buf_puts(b, i ? "," : "[");
        put_container(b, &said->containers[i]);
    }
    forge_util_buf_puts(b, said->count ? "]" : "[]");
}

/* --- handlers --- */

static forge_status_t enable_post(forge_req_t *q)
{
    const apr_int64_t minutes = forge_core_input_int(q->body, "minutes", 0);
    const char *name = forge_config_docker(q->config)->name;
    if (!name)
        return FORGE_E_CONTAINERS_OFF;
    if (!forge_live_engine_enable(q->live, name, apr_time_from_sec(minutes * 60))) {
        forge_http_retry_after(q, RETRY_SECONDS);
        return forge_fail_detail(q, FORGE_E_UNAVAILABLE, "as many container engines as possible are looked at already");
    }
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_util_json_put_text(answer, "enabled_until",
                             forge_util_time(q->pool, forge_live_engine_enabled(q->live, name), 3));
    forge_reply_header(q, "Cache-Control", "no-store");
    return forge_reply_json(q, answer);
}

static forge_status_t ask(forge_req_t *q)
{
    forge_http_containers(q, write_all);
    return FORGE_OK;
}

static forge_status_t failed(forge_req_t *q, forge_status_t outcome)
{
    switch (outcome) {
    case FORGE_E_BAD_GATEWAY:
        return forge_fail_detail(q, outcome, "the container engine cannot be reached, or is none");
    case FORGE_E_TIMEOUT:
        return forge_fail_detail(q, outcome, "the container engine did not answer in time");
    default:
        forge_http_retry_after(q, RETRY_SECONDS);
        return outcome;
    }
}

static forge_status_t data_off(forge_req_t *q)
{
    forge_json_t *answer = forge_util_json_object(q->pool);
    forge_util_json_put_bool(answer, "enabled", false);
    forge_util_json_put_null(answer, "enabled_until");
    forge_util_json_put_null(answer, "taken_at");
    forge_util_json_put_null(answer, "total");
    forge_util_json_put_array(answer, "containers");
    return forge_reply_json(q, answer);
}

static forge_status_t data_get(forge_req_t *q)
{
    forge_engine_said_t said;
    const char *name = forge_config_docker(q->config)->name;
    apr_time_t until = name ? forge_live_engine_enabled(q->live, name) : 0;
    forge_reply_header(q, "Cache-Control", "no-store");
    if (!until)
        return data_off(q);
    if (!forge_live_engine_said(q->live, name, q->pool, &said))
        return failed(q, FORGE_E_UNAVAILABLE);
    if (said.outcome != FORGE_OK)
        return failed(q, said.outcome);
    forge_buf_t *b = forge_util_buf_make(q->pool, said.len + 256, BODY_MAX);
    forge_util_buf_printf(b, "{\"enabled\":true,\"enabled_until\":\"%s\",\"taken_at\":\"%s\",\"total\":%d,",
                          forge_util_time(q->pool, until, 3), forge_util_time(q->pool, said.at, 3), said.total);
    forge_util_buf_puts(b, "\"containers\":");
    forge_util_buf_add(b, said.text, said.len);
    forge_util_buf_puts(b, "}");
    return forge_reply_buf(q, b, NULL);
}

static const forge_status_t enable_errors[] = {FORGE_E_FORBIDDEN, FORGE_E_CONTAINERS_OFF, FORGE_E_UNAVAILABLE,
                                               FORGE_OK};
static const forge_status_t data_errors[] = {FORGE_E_FORBIDDEN, FORGE_E_BAD_GATEWAY, FORGE_E_UNAVAILABLE,
                                             FORGE_E_TIMEOUT, FORGE_OK};

/* clang-format off */
static const forge_route_t routes[] = {
    {FORGE_POST, "/monitor/docker/enable-temp", FORGE_ROLE_NONE, .body = &enable, .reply = &enabled,
     .errors = enable_errors, .handle = enable_post,
     .operation = "containers_enable", .summary = "Look at containers for a while",
     .description = "From now on the container engine may be asked for so many minutes; then that ends by itself. A "
         "later call sets the time anew. It is true for all processes of this node. The server's configuration "
         "says who may do it."},
    {FORGE_GET, "/monitor/docker/temp-data", FORGE_ROLE_NONE, .reply = &containers, .errors = data_errors,
     .prepare = ask, .handle = data_get,
     .operation = "containers", .summary = "Containers, their figures and their last lines",
     .description = "What the container engine says: state, health, figures and the last 50 lines of each "
         "container. It is asked once in five seconds at most, for all who want to know, within five seconds. What is "
         "missing of a container is null and told in its error. Nothing is known while it is not enabled. The "
         "server's configuration says who may read it."},
};
/* clang-format on */

const forge_routes_t forge_api_containers = FORGE_API_ROUTES(routes, &forge_api_tag_monitoring);
