/* SPDX-License-Identifier: Apache-2.0
 * Method and path to row: a tree of path segments, built once and only read afterwards.
 */
#include "lists.h"
#include "wire.h"
#include <apr_hash.h>
#include <apr_strings.h>
#include <string.h>

#define SEGMENTS_MAX    16 /* of a path; no template has as many */
#define TAIL_MAX        64 /* characters of a FORGE_R_TAIL segment */
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-"

typedef struct segment_t {
    const char *text;
    apr_size_t len;
} segment_t;

typedef struct node_t node_t;
struct node_t {
    segment_t segment;       /* of a fixed child */
    node_t *fixed;           /* first of the children with a text of their own */
    node_t *next;            /* next fixed child of the parent */
    node_t *id, *tail;       /* the child that is an id, or a text at the end */
    int rows[FORGE_METHODS]; /* index, or -1 */
    unsigned allowed;
    const char *path; /* the template that ends here; NULL: none */
};

/* A row with what is made of it at start. */
typedef struct entry_t {
    const forge_route_t *route;
    const char *path; /* the full template */
    const forge_tag_t *tag;
    const forge_field_t *sort; /* the parameter, or NULL */
} entry_t;

struct forge_router_t {
    node_t root;
    entry_t entries[FORGE_ROUTES_MAX];
    int count;
};

/* --- building --- */

typedef struct build_t {
    apr_pool_t *pool;
    forge_router_t *router;
    const forge_list_names_t *lists;
    apr_hash_t *operations; /* operation id → route */
    apr_hash_t *schemas;    /* name → table of fields, or words of an enum */
    apr_hash_t *tags;       /* name → tag */
    const char *why;
} build_t;

static bool refuse(build_t *b, const forge_route_t *route, const char *problem)
{
    b->why = apr_psprintf(b->pool, "route \"%s\" (operation \"%s\"): %s", route->path ? route->path : "",
                          route->operation ? route->operation : "", problem);
    return false;
}

static node_t *node_make(apr_pool_t *p, const char *text, apr_size_t len)
{
    node_t *node = apr_pcalloc(p, sizeof(*node));
    node->segment.text = text;
    node->segment.len = len;
    for (int i = 0; i < FORGE_METHODS; i++)
        node->rows[i] = -1;
    return node;
}

static node_t *fixed_child(const node_t *node, const char *text, apr_size_t len)
{
    for (node_t *child = node->fixed; child; child = child->next)
        if (child->segment.len == len && memcmp(child->segment.text, text, len) == 0)
            return child;
    return NULL;
}

/* The child for one segment of a template, made when it is not there. */
static node_t *grow(apr_pool_t *p, node_t *node, const char *text, apr_size_t len, bool tail)
{
    if (*text == '{') {
        node_t **slot = tail ? &node->tail : &node->id;
        if (!*slot)
            *slot = node_make(p, text, len);
        return *slot;
    }
    node_t *child = fixed_child(node, text, len);
    if (child)
        return child;
    child = node_make(p, text, len);
    child->next = node->fixed;
    node->fixed = child;
    return child;
}

/* "{name}" or plain characters. */
static bool segment_good(const char *text, apr_size_t len)
{
    if (*text == '{')
        return len > 2 && text[len - 1] == '}' && strspn(text + 1, "abcdefghijklmnopqrstuvwxyz_") == len - 2;
    return len > 0 && strspn(text, NAME_CHARACTERS) >= len;
}

/* Two parameters of one name could not be told apart in the documentation. */
static bool name_taken(const char *path, const char *text, apr_size_t len)
{
    for (const char *at = strchr(path, '{'); at && at < text; at = strchr(at + 1, '{'))
        if (strncmp(at, text, len) == 0)
            return true;
    return false;
}

/* Walks and grows the tree along `path`; NULL, with why, when the template is no good. */
static node_t *plant(build_t *b, const forge_route_t *route, const char *path)
{
    node_t *node = &b->router->root;
    int ids = 0, segments = 0;
    for (const char *at = path; at[0] == '/' && at[1];) {
        const char *text = at + 1;
        apr_size_t len = strcspn(text, "/");
        bool tail = route->flags & FORGE_R_TAIL && !text[len] && *text == '{';
        at = text + len;
        if (!segment_good(text, len) || (at[0] == '/' && !at[1]) || ++segments > SEGMENTS_MAX)
            return refuse(b, route, "the template is not well-formed"), NULL;
        if (*text == '{' && name_taken(path, text, len))
            return refuse(b, route, "two parameters of the template have the same name"), NULL;
        if (*text == '{' && !tail && ++ids > FORGE_PATH_IDS_MAX)
            return refuse(b, route, "the template has too many ids"), NULL;
        node = grow(b->pool, node, text, len, tail);
    }
    return node;
}

int forge_core_success(const forge_route_t *route)
{
    return route->success ? route->success : 200;
}

bool forge_core_reads_body(const forge_route_t *route)
{
    return route->body || route->method == FORGE_POST;
}

static bool valid_success(const forge_route_t *route)
{
    int http = forge_core_success(route);
    return http == 200 || http == 201 || http == 202 || http == 204;
}

/* What a row must have whatever its path. NULL when all is there. */
static const char *row_problem(const forge_route_t *route)
{
    if (!route->path || route->path[0] != '/')
        return "the template does not begin with a slash";
    if ((unsigned)route->method >= FORGE_METHODS)
        return "the method is none";
    if (!route->handle)
        return "there is no handler";
    if (!route->operation || !*route->operation)
        return "there is no operation id";
    if (!route->summary || !*route->summary)
        return "there is no summary";
    if (!valid_success(route))
        return "the success status is not 200, 201, 202 or 204";
    if (!(route->flags & FORGE_R_ROOT) != (route->part == FORGE_PART_API))
        return "a route that is not under /api/v1, and no other, has a .part, so that ForgeAPI hands it over";
    if (route->body && route->limit == FORGE_LIMIT_NONE)
        return "a route that takes a body needs a limit class";
    if (route->flags & FORGE_R_TAIL && route->path[strlen(route->path) - 1] != '}')
        return "the template does not end in a parameter";
    if (route->flags & FORGE_R_RAW && !route->media)
        return "an answer that is no JSON needs a media type";
    if (route->flags & FORGE_R_FOLLOW && !(route->flags & FORGE_R_RAW))
        return "a stream of events is no JSON";
    if (route->flags & FORGE_R_IDEMPOTENT && route->flags & FORGE_R_HASHES && !route->prepare)
        return "an idempotent route hashes in .prepare, before its transaction begins";
    if (route->flags & FORGE_R_IDEMPOTENT && !route->again)
        return "an idempotent route needs .again, which asks whether the caller may still have the answer";
    if (route->flags & FORGE_R_IDEMPOTENT && route->flags & FORGE_R_TOKENS && route->role == FORGE_ROLE_NONE)
        return "secrets are not given a second time to whoever comes: no Idempotency-Key here";
    if (route->reply && (!route->reply->name || !*route->reply->name))
        return "the answer has no schema name";
    return NULL;
}

/* The fields of what it reads and answers. */
static const char *shapes_problem(apr_pool_t *p, const forge_route_t *route)
{
    const forge_shape_t *const shapes[] = {route->query, route->body, route->reply};
    const char *problem = NULL;
    for (size_t i = 0; !problem && i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if (shapes[i])
            problem = shapes[i]->fields ? forge_core_walk_problem(p, shapes[i]->fields) : "a shape has no fields";
    return problem;
}

/* Takes a name for one thing; false when another one has it. */
static bool take_name(apr_hash_t *names, const char *name, const void *owner)
{
    const void *other = apr_hash_get(names, name, APR_HASH_KEY_STRING);
    apr_hash_set(names, name, APR_HASH_KEY_STRING, owner);
    return !other || other == owner;
}

/* An enum has no table: the one that took the name first stands for all with the same words. */
static bool take_enum(build_t *b, const char *name, const char *format)
{
    const char *taken = apr_hash_get(b->schemas, name, APR_HASH_KEY_STRING);
    return take_name(b->schemas, name, taken && strcmp(taken, format) == 0 ? taken : format);
}

/* The names that the rows of a table give to enums and parts, to any depth. */
static bool take_parts(build_t *b, const forge_field_t *fields)
{
    forge_walk_t walk = forge_core_walk(fields);
    for (const forge_field_t *f; (f = forge_core_walk_next(&walk));) {
        if (f->named && !f->fields && (!f->format || !take_enum(b, f->named, f->format)))
            return false;
        if (f->fields && ((f->named && !take_name(b->schemas, f->named, f->fields)) || !take_parts(b, f->fields)))
            return false;
    }
    return true;
}

/* Names that the documentation must be able to tell apart: of tags, operations and schemas. */
static const char *name_problem(build_t *b, const forge_route_t *route, const forge_tag_t *tag)
{
    if (!tag || !tag->name || !*tag->name || !tag->text)
        return "its table has no tag";
    if (!take_name(b->tags, tag->name, tag))
        return "two tags have the same name";
    if (apr_hash_get(b->operations, route->operation, APR_HASH_KEY_STRING))
        return "the operation id is used twice";
    apr_hash_set(b->operations, route->operation, APR_HASH_KEY_STRING, route);
    const forge_shape_t *const shapes[] = {route->query, route->body, route->reply, route->draft};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if (shapes[i] && ((i > 1 && !take_name(b->schemas, shapes[i]->name, shapes[i]->fields)) ||
                          !take_parts(b, shapes[i]->fields)))
            return "the schema name is used for two shapes";
    return NULL;
}

/* Why a start must refuse this row by itself; NULL when it is good. */
static const char *problem_of(build_t *b, const forge_route_t *route, const forge_tag_t *tag)
{
    const char *problem = row_problem(route);
    if (!problem)
        problem = shapes_problem(b->pool, route);
    if (!problem)
        problem = name_problem(b, route, tag);
    if (!problem)
        problem = forge_core_list_problem(b->pool, b->lists, route);
    return problem || b->router->count < FORGE_ROUTES_MAX ? problem : "there are too many routes";
}

/* Puts a row into the tree. Two rows may share a path, but not the method, and must name the parameters alike. */
static bool add(build_t *b, const forge_route_t *route, const forge_tag_t *tag)
{
    forge_router_t *router = b->router;
    const char *problem = problem_of(b, route, tag);
    if (problem)
        return refuse(b, route, problem);
    const char *path = forge_core_route_path(b->pool, route);
    node_t *node = plant(b, route, path);
    if (!node)
        return false;
    if (node->rows[route->method] >= 0)
        return refuse(b, route, "another row has the same method and path");
    if (node->path && strcmp(node->path, path) != 0)
        return refuse(b, route, "another row names the parameters of this path differently");
    node->path = path;
    node->rows[route->method] = router->count;
    node->allowed |= 1u << route->method;
    const forge_field_t *sort = route->list ? forge_core_list_sort(b->pool, b->lists, route) : NULL;
    if (sort && sort->named && !take_enum(b, sort->named, sort->format))
        return refuse(b, route, "another list of the same shape has other orders");
    router->entries[router->count++] = (entry_t){route, path, tag, sort};
    return true;
}

forge_router_t *forge_core_router_make(apr_pool_t *p, const forge_routes_t *tables, int n_tables,
                                       const forge_list_names_t *lists, const char **why)
{
    build_t b = {.pool = p,
                 .router = apr_pcalloc(p, sizeof(forge_router_t)),
                 .lists = lists,
                 .operations = apr_hash_make(p),
                 .schemas = apr_hash_make(p),
                 .tags = apr_hash_make(p)};
    b.router->root = *node_make(p, "", 0);
    for (int i = 0; i < n_tables; i++) {
        for (int j = 0; j < tables[i].count; j++) {
            if (!add(&b, &tables[i].rows[j], tables[i].tag)) {
                *why = b.why;
                return NULL;
            }
        }
    }
    return b.router;
}

/* --- finding --- */

/* The segments of a path, or -1 when it is none that could match. */
static int split(const char *path, segment_t *segments)
{
    int n = 0;
    if (*path != '/')
        return -1;
    while (*++path) {
        apr_size_t len = strspn(path, NAME_CHARACTERS);
        if (!len || n == SEGMENTS_MAX || (path[len] && path[len] != '/') ||
            (*path == '.' && (len == 1 || (len == 2 && path[1] == '.'))))
            return -1;
        segments[n].text = path;
        segments[n++].len = len;
        path += len;
        if (!*path)
            break;
    }
    return n;
}

/* 1..2^63-1 in its one spelling. */
static bool id_read(const segment_t *segment, apr_int64_t *id)
{
    return segment->text[0] >= '1' && segment->text[0] <= '9' && forge_util_atoi(segment->text, segment->len, id);
}

/* Searches depth first: fixed text before ids before tails. Goes back where a path ends nowhere. */
static const node_t *walk(const node_t *node, const segment_t *segments, int n, forge_match_t *match,
                          const segment_t **tail)
{
    const node_t *found;
    apr_int64_t id;
    if (!n)
        return node->allowed ? node : NULL;
    const node_t *child = fixed_child(node, segments->text, segments->len);
    if (child && (found = walk(child, segments + 1, n - 1, match, tail)))
        return found;
    if (node->id && id_read(segments, &id)) {
        int at = match->n_ids++;
        match->ids[at] = id;
        if ((found = walk(node->id, segments + 1, n - 1, match, tail)))
            return found;
        match->n_ids = at;
    }
    if (node->tail && n == 1 && segments->len <= TAIL_MAX && !memchr(segments->text, '~', segments->len)) {
        *tail = segments;
        return node->tail;
    }
    return NULL;
}

void forge_core_router_find(const forge_router_t *router, apr_pool_t *p, forge_method_t method, const char *path,
                            forge_match_t *match)
{
    segment_t segments[SEGMENTS_MAX];
    const segment_t *tail = NULL;
    memset(match, 0, sizeof(*match));
    match->index = -1;
    int n = split(path, segments);
    const node_t *node = n < 0 ? NULL : walk(&router->root, segments, n, match, &tail);
    if (!node)
        return;
    match->allowed = node->allowed;
    if ((unsigned)method >= FORGE_METHODS || node->rows[method] < 0)
        return;
    match->index = node->rows[method];
    match->route = router->entries[match->index].route;
    if (tail)
        match->tail = apr_pstrmemdup(p, tail->text, tail->len);
}

int forge_core_router_count(const forge_router_t *router)
{
    return router->count;
}

const forge_route_t *forge_core_router_at(const forge_router_t *router, int index)
{
    return router->entries[index].route;
}

const char *forge_core_router_template(const forge_router_t *router, int index)
{
    return router->entries[index].path;
}

const forge_tag_t *forge_core_router_tag(const forge_router_t *router, int index)
{
    return router->entries[index].tag;
}

const forge_field_t *forge_core_router_sort(const forge_router_t *router, int index)
{
    return router->entries[index].sort;
}
