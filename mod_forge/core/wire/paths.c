/* SPDX-License-Identifier: Apache-2.0
 * The list of paths that one request asks together. It is narrow on purpose: what is accepted here is given to httpd as
 * the target of a request, and must mean one thing only.
 */
#include "wire.h"

#include <apr_strings.h>
#include <string.h>

#define PLAIN    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
#define SEGMENT  PLAIN ":@+" /* no ';', which some servers cut away, and no '%' */
#define IN_QUERY PLAIN ":@+!$&'()*;=/?"

/* One or two dots lead elsewhere, and an empty segment is dropped by some and kept by others. */
static const char *segment_problem(const char *at, apr_size_t len)
{
    if (len == 0)
        return "has an empty segment";
    if (len <= 2 && strspn(at, ".") >= len)
        return "has a segment of dots";
    return strspn(at, SEGMENT) < len ? "has a character that no path here has: A-Z a-z 0-9 - . _ ~ : @ + and /" : NULL;
}

/* The path without its query: "/a/b", with or without one slash at its end. */
static const char *route_problem(const char *path, apr_size_t len)
{
    apr_size_t at = 1;
    if (len < 2 || path[0] != '/')
        return "does not begin with a slash and a name";
    while (at < len) {
        const apr_size_t rest = len - at;
        const char *slash = memchr(path + at, '/', rest);
        const apr_size_t segment = slash ? (apr_size_t)(slash - path) - at : rest;
        const char *why = segment_problem(path + at, segment);
        if (why)
            return why;
        at += segment + 1;
    }
    return NULL;
}

static const char *query_problem(const char *query)
{
    while (*query) {
        query += strspn(query, IN_QUERY);
        if (!*query)
            return NULL;
        if (*query != '%' || !forge_util_is_xdigit(query[1]) || !forge_util_is_xdigit(query[2]))
            return "has a query with a character that must be escaped";
        query += 3;
    }
    return NULL;
}

/* An aggregate within an aggregate would be a way around the number of paths. */
static bool is_aggregate(const char *path, apr_size_t len)
{
    const apr_size_t name = sizeof(FORGE_AGGREGATE_ROUTE) - 1;
    return len >= name && strncmp(path, FORGE_AGGREGATE_ROUTE, name) == 0 &&
           (len == name || (len == name + 1 && path[name] == '/'));
}

static const char *problem_of(const char *path)
{
    const apr_size_t len = strcspn(path, "?");
    const char *why = route_problem(path, len);
    if (strlen(path) > FORGE_AGGREGATE_PATH)
        return "is too long";
    if (!why && is_aggregate(path, len))
        return "is an aggregate itself";
    return why || !path[len] ? why : query_problem(path + len + 1);
}

bool forge_core_paths_read(apr_pool_t *p, const char *text, forge_paths_t *paths, const char **why)
{
    *paths = (forge_paths_t){.count = 0};
    for (const char *at = text;; at++) {
        const apr_size_t len = strcspn(at, ",");
        const char *path = apr_pstrmemdup(p, at, len);
        if (paths->count == FORGE_AGGREGATE_MAX) {
            *why = "has more than " APR_STRINGIFY(FORGE_AGGREGATE_MAX) " paths";
            return false;
        }
        *why = problem_of(path);
        if (*why) {
            *why = apr_psprintf(p, "path %d %s", paths->count + 1, *why);
            return false;
        }
        paths->path[paths->count++] = path;
        at += len;
        if (!*at)
            return true;
    }
}
