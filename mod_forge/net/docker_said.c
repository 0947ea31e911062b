/* SPDX-License-Identifier: Apache-2.0
 * What a container engine says about its containers: the list, figures as `docker stats` shows them, and health. The
 * members are those of the Docker Engine API; Podman's API has the same ones.
 */
#include "docker_private.h"

#include <apr_strings.h>
#include <string.h>

#define ID_MIN     12
#define ID_MAX     64
#define NAME_BYTES 256
#define WORD_BYTES 32
#define NO_JSON    "the engine answered something that is not JSON"
#define NO_LIST    "the engine answered something that is no list of containers"

/* --- members --- */

static forge_json_t *at(const forge_json_t *object, const char *a, const char *b)
{
    forge_json_t *inside = object ? forge_util_json_get(object, a) : NULL;
    return inside && b ? forge_util_json_get(inside, b) : inside;
}

static const char *text_at(apr_pool_t *p, const forge_json_t *object, const char *name, apr_size_t most)
{
    apr_size_t len = 0;
    const forge_json_t *value = at(object, name, NULL);
    const char *text = value ? forge_util_json_text(value, &len) : NULL;
    return text ? forge_net_docker_text(p, text, len, most) : "";
}

/* A number that is not negative, FORGE_UNKNOWN_FIGURE when there is none. */
static double number(const forge_json_t *value)
{
    double n;
    return value && forge_util_json_number(value, &n) && n >= 0 ? n : FORGE_UNKNOWN_FIGURE;
}

/* --- the list --- */

/* What goes into an address of the engine is nothing but this. */
static bool id_good(const char *id)
{
    apr_size_t len = strspn(id, "0123456789abcdef");
    return len >= ID_MIN && len <= ID_MAX && !id[len];
}

/* "Up 2 hours (healthy)", "Up 3 seconds (health: starting)" */
static const char *health_in(const char *status)
{
    return strstr(status, "(healthy)")            ? "healthy"
           : strstr(status, "(unhealthy)")        ? "unhealthy"
           : strstr(status, "(health: starting)") ? "starting"
                                                  : NULL;
}

static const char *name_of(apr_pool_t *p, const forge_json_t *item)
{
    apr_size_t len = 0;
    const forge_json_t *names = at(item, "Names", NULL);
    const forge_json_t *first = names && forge_util_json_size(names) ? forge_util_json_at(names, 0) : NULL;
    const char *name = first ? forge_util_json_text(first, &len) : NULL;
    if (!name)
        return "";
    bool slash = *name == '/';
    return forge_net_docker_text(p, name + slash, len - slash, NAME_BYTES);
}

static bool read_item(apr_pool_t *p, const forge_json_t *item, forge_container_t *container)
{
    *container = (forge_container_t){.id = text_at(p, item, "Id", ID_MAX + 1),
                                     .cpu_percent = FORGE_UNKNOWN_FIGURE,
                                     .memory = FORGE_UNKNOWN_FIGURE,
                                     .memory_limit = FORGE_UNKNOWN_FIGURE,
                                     .rx = FORGE_UNKNOWN_FIGURE,
                                     .tx = FORGE_UNKNOWN_FIGURE,
                                     .read = FORGE_UNKNOWN_FIGURE,
                                     .written = FORGE_UNKNOWN_FIGURE};
    if (!id_good(container->id))
        return false;
    container->name = name_of(p, item);
    container->image = text_at(p, item, "Image", NAME_BYTES);
    container->state = text_at(p, item, "State", WORD_BYTES);
    container->health = health_in(text_at(p, item, "Status", NAME_BYTES));
    return true;
}

static bool runs(const forge_container_t *container)
{
    return strcmp(container->state, "running") == 0;
}

/* Takes the containers that run, or those that do not, while there is room. */
static void keep(forge_docker_said_t *said, const forge_container_t *all, int n, bool running)
{
    for (int i = 0; i < n; i++) {
        if (runs(&all[i]) != running)
            continue;
        if (said->count < FORGE_DOCKER_CONTAINERS)
            said->containers[said->count++] = all[i];
        else if (all[i].health && strcmp(all[i].health, "unhealthy") == 0)
            said->unhealthy++;
    }
}

const char *forge_net_docker_read_list(apr_pool_t *p, const forge_call_result_t *answer, forge_docker_said_t *said)
{
    const char *why;
    forge_json_t *list = forge_util_json_parse(p, answer->body, answer->len, &why);
    if (!list)
        return NO_JSON;
    if (forge_util_json_type(list) != FORGE_JSON_ARRAY)
        return NO_LIST;
    const int n = (int)forge_util_json_size(list);
    forge_container_t *all = apr_palloc(p, ((apr_size_t)n + 1) * sizeof(*all));
    *said = (forge_docker_said_t){.containers = apr_palloc(p, FORGE_DOCKER_CONTAINERS * sizeof(*all))};
    for (int i = 0; i < n; i++)
        if (read_item(p, forge_util_json_at(list, (apr_size_t)i), &all[said->total]))
            said->running += runs(&all[said->total++]);
    keep(said, all, said->total, true);
    keep(said, all, said->total, false);
    return n && !said->total ? NO_LIST : NULL;
}

/* --- figures --- */

/* Processor time of the container by that of the machine between two readings of the engine, times the processors: 100
 * is one of them, busy. The first reading of a container has none before it. */
static double cpu_of(const forge_json_t *root)
{
    const forge_json_t *now = at(root, "cpu_stats", NULL), *before = at(root, "precpu_stats", NULL);
    double used = number(at(now, "cpu_usage", "total_usage")), all = number(at(now, "system_cpu_usage", NULL));
    double used_before = number(at(before, "cpu_usage", "total_usage"));
    double all_before = number(at(before, "system_cpu_usage", NULL)), cores = number(at(now, "online_cpus", NULL));
    const forge_json_t *each = at(now, "cpu_usage", "percpu_usage");
    if (cores <= 0)
        cores = each ? (double)forge_util_json_size(each) : 0; /* before API 1.27 */
    if (used < 0 || used_before < 0 || all_before <= 0 || all <= all_before || cores <= 0)
        return FORGE_UNKNOWN_FIGURE;
    return used > used_before ? (used - used_before) / (all - all_before) * cores * 100 : 0;
}

/* Without the pages of files that are not in use: `total_inactive_file` of control groups version 1, `inactive_file` of
 * version 2. */
static double memory_of(const forge_json_t *root)
{
    const forge_json_t *memory = at(root, "memory_stats", NULL);
    double usage = number(at(memory, "usage", NULL)), idle = number(at(memory, "stats", "total_inactive_file"));
    if (idle < 0)
        idle = number(at(memory, "stats", "inactive_file"));
    return usage >= 0 && idle >= 0 && idle < usage ? usage - idle : usage;
}

typedef struct sum_t {
    const char *name;
    double n;
} sum_t;

static bool add_network(void *baton, const char *name, forge_json_t *network)
{
    sum_t *sum = baton;
    double n = number(forge_util_json_get(network, sum->name));
    (void)name;
    sum->n += n > 0 ? n : 0;
    return true;
}

/* Over all networks; a container without any (`--network none`) has moved nothing that is known. */
static double network_of(const forge_json_t *root, const char *name)
{
    sum_t sum = {name, 0};
    const forge_json_t *networks = at(root, "networks", NULL);
    if (!networks || forge_util_json_type(networks) != FORGE_JSON_OBJECT)
        return FORGE_UNKNOWN_FIGURE;
    forge_util_json_each(networks, add_network, &sum);
    return sum.n;
}

/* "Read" in version 1, "read" in version 2. */
static double block_of(const forge_json_t *root, const char *op)
{
    double sum = 0;
    const forge_json_t *list = at(root, "blkio_stats", "io_service_bytes_recursive");
    if (!list || forge_util_json_type(list) != FORGE_JSON_ARRAY)
        return FORGE_UNKNOWN_FIGURE;
    for (apr_size_t i = 0; i < forge_util_json_size(list); i++) {
        const forge_json_t *item = forge_util_json_at(list, i), *word = forge_util_json_get(item, "op");
        const char *text = word ? forge_util_json_text(word, NULL) : NULL;
        double n = number(forge_util_json_get(item, "value"));
        if (text && n > 0 && apr_cstr_casecmp(text, op) == 0)
            sum += n;
    }
    return sum;
}

const char *forge_net_docker_read_figures(apr_pool_t *p, const forge_call_result_t *answer,
                                          forge_container_t *container)
{
    const char *why;
    forge_json_t *root = forge_util_json_parse(p, answer->body, answer->len, &why);
    if (!root || forge_util_json_type(root) != FORGE_JSON_OBJECT)
        return NO_JSON;
    container->cpu_percent = cpu_of(root);
    container->memory = memory_of(root);
    container->memory_limit = number(at(root, "memory_stats", "limit"));
    container->rx = network_of(root, "rx_bytes");
    container->tx = network_of(root, "tx_bytes");
    container->read = block_of(root, "read");
    container->written = block_of(root, "write");
    return NULL;
}

/* --- health --- */

/* A container without a check of its own has no such member, or "none". */
const char *forge_net_docker_read_state(apr_pool_t *p, const forge_call_result_t *answer, forge_container_t *container)
{
    static const char *const words[] = {"healthy", "unhealthy", "starting"};
    const char *why;
    forge_json_t *root = forge_util_json_parse(p, answer->body, answer->len, &why);
    if (!root || forge_util_json_type(root) != FORGE_JSON_OBJECT)
        return NO_JSON;
    const char *health = text_at(p, at(root, "State", "Health"), "Status", WORD_BYTES);
    container->health = NULL;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcmp(words[i], health) == 0)
            container->health = words[i];
    return NULL;
}
