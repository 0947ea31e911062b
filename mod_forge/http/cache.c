/* SPDX-License-Identifier: Apache-2.0
 * Public answers out of shared memory (SPEC 21): what an anonymous client gets of a route that says what it reads
 * (.reads) is kept as it was rendered, under the generation of those tables. A write of this node is seen by the next
 * request, one of another node within a second; while this node cannot hear of changes, the database is asked.
 *
 * The generation is read before the database. So an answer that was overtaken by a change is never given: it is kept
 * under a number that has passed. Of identical requests that find nothing one asks the database, and the others wait
 * for it, a quarter of a child's threads at most.
 */
#include "http_private.h"
#include "core/wire/wire.h"

#include <httpd.h>
#include <apr_atomic.h>
#include <apr_strings.h>
#include <string.h>

#define KEPT_MAX    (2 * 1024 * 1024)       /* bytes of one kept answer */
#define HEAD_MAX    4096                    /* bytes of its headers */
#define PACKED_FROM 1024                    /* smaller answers are not worth packing (SPEC 1) */
#define WAIT        apr_time_from_msec(500) /* for another who asks the same; then the database is asked */

/* One request on its way past the cache. */
struct forge_cached_t {
    forge_cache_key_t key, packed_key;
    apr_uint64_t generation;
    int fill;       /* of live/cache.c; -1: nobody waits for this request */
    bool elsewhere; /* it was read from a database that nobody listens to */
};

static apr_uint32_t waiting;

static apr_int64_t waiting_in_all(forge_live_t *live)
{
    (void)live;
    return apr_atomic_read32(&waiting);
}

/* --- which requests --- */

static bool eligible(const forge_req_t *q)
{
    return q->server->cache && q->route->reads && q->route->method == FORGE_GET && q->who.user_id == 0 && !q->stale &&
           !q->ndjson && !q->table && !q->events;
}

/* What makes the answer: the server's seed, the path without a slash at its end, the parameters as they were sent. */
static bool make_keys(forge_req_t *q, struct forge_cached_t *c)
{
    const char *path = forge_server_raw_path(q->r), *args = q->r->args ? q->r->args : "";
    apr_size_t len = strlen(path);
    if (len + strlen(args) > FORGE_CACHE_KEY_MAX - 64)
        return false;
    while (len > 1 && path[len - 1] == '/')
        len--;
    const char *text = apr_psprintf(q->pool, "%" APR_UINT64_T_HEX_FMT " %d %.*s?%s", q->server->seed, q->route_index,
                                    (int)len, path, args);
    c->key = forge_live_cache_key(q->server->cache, text, strlen(text));
    const char *packed = apr_pstrcat(q->pool, "gzip ", text, NULL);
    c->packed_key = forge_live_cache_key(q->server->cache, packed, strlen(packed));
    return true;
}

/* --- how an answer is kept: body, headers as lines, and how long these are in eight digits --- */

#define TRAILER 8

static int add_line(void *lines, const char *name, const char *value)
{
    forge_util_buf_printf(lines, "%s: %s\n", name, value);
    return 1;
}

static void keep(forge_req_t *q, const forge_cache_key_t *key, const forge_buf_t *body)
{
    const forge_reply_t *reply = q->reply;
    forge_buf_t *whole = forge_util_buf_make(q->pool, body->len + 512, KEPT_MAX);
    forge_util_buf_add(whole, body->data, body->len);
    forge_util_buf_printf(whole, "%s\n%s\n", reply->media, reply->etag ? reply->etag : "");
    if (reply->headers)
        apr_table_do(add_line, whole, reply->headers, NULL);
    forge_util_buf_printf(whole, "%08d", (int)(whole->len - body->len));
    if (!whole->failed)
        forge_live_cache_put(q->server->cache, key, q->cached->generation, whole->data, whole->len);
}

static char *take_line(char **rest)
{
    char *line = *rest, *end = strchr(line, '\n');
    if (!end)
        return NULL;
    *end = 0;
    *rest = end + 1;
    return line;
}

/* The headers, which stand behind the body, are cut off it. */
static bool unpack(forge_req_t *q, forge_buf_t *whole)
{
    apr_int64_t n = 0;
    char *etag, *media, *line;
    if (whole->len < TRAILER || !forge_util_atoi(whole->data + whole->len - TRAILER, TRAILER, &n) ||
        n + TRAILER > (apr_int64_t)whole->len)
        return false;
    whole->len -= (apr_size_t)n + TRAILER;
    char *lines = apr_pstrmemdup(q->pool, whole->data + whole->len, (apr_size_t)n);
    if (!(media = take_line(&lines)) || !(etag = take_line(&lines)))
        return false;
    q->reply->set = true;
    q->reply->http = HTTP_OK;
    q->reply->media = media;
    q->reply->etag = *etag ? etag : NULL;
    q->reply->body = whole;
    while ((line = take_line(&lines))) {
        char *colon = strstr(line, ": ");
        if (colon) {
            *colon = 0;
            forge_reply_header(q, line, colon + 2);
        }
    }
    return true;
}

static bool look(forge_req_t *q, const forge_cache_key_t *key)
{
    forge_buf_t *whole = forge_util_buf_make(q->pool, 0, KEPT_MAX);
    return forge_live_cache_get(q->server->cache, key, q->cached->generation, whole) && unpack(q, whole);
}

/* --- packed answers --- */

/* The tag of the packed bytes, as mod_deflate calls them. */
static const char *packed_tag(forge_req_t *q, const char *etag)
{
    return etag ? apr_pstrcat(q->pool, apr_pstrmemdup(q->pool, etag, strlen(etag) - 1), "-gzip\"", NULL) : NULL;
}

static bool takes_gzip(forge_req_t *q)
{
    return forge_core_accepts_coding(forge_http_header(q, "Accept-Encoding"), "gzip");
}

/* Packs what is to be answered, and keeps it so as well: the next one who takes gzip gets it as it is. What could not
 * be packed is left to the filters of httpd. */
static void pack(forge_req_t *q)
{
    forge_reply_t *reply = q->reply;
    if (reply->body->len <= PACKED_FROM)
        return;
    if (takes_gzip(q)) {
        forge_buf_t *packed = forge_util_gzip(q->pool, reply->body->data, reply->body->len);
        if (!packed)
            return;
        reply->body = packed;
        reply->etag = packed_tag(q, reply->etag);
        keep(q, &q->cached->packed_key, packed);
    }
    forge_reply_packs(q);
}

/* --- the stage before the handler, and the one after it --- */

static bool found(forge_req_t *q)
{
    if (takes_gzip(q) && look(q, &q->cached->packed_key))
        return forge_reply_packs(q);
    if (!look(q, &q->cached->key))
        return false;
    pack(q);
    return true;
}

/* Lets one of several ask. False: the answer may be there now. */
static bool my_turn(forge_req_t *q)
{
    struct forge_cached_t *c = q->cached;
    bool mine = true;
    if (forge_http_block_begin(q, &waiting, waiting_in_all))
        mine = forge_live_cache_fill(q->live, q->server->cache, &c->key, WAIT, &c->fill);
    forge_http_block_end(&waiting);
    return mine;
}

static void say(forge_req_t *q, forge_counter_t outcome, const char *status)
{
    forge_live_count(q->live, outcome);
    forge_reply_header(q, "Cache-Status", status); /* RFC 9211 */
}

bool forge_http_cache_answers(forge_req_t *q)
{
    if (!eligible(q))
        return false;
    struct forge_cached_t *c = apr_pcalloc(q->pool, sizeof(*c));
    c->fill = -1;
    c->generation = forge_live_generation(q->live, q->server->realm, q->route->reads);
    if (!c->generation || !make_keys(q, c)) {
        say(q, FORGE_C_CACHE_BYPASS, "forge; fwd=bypass");
        return false;
    }
    q->cached = c;
    if (!found(q) && (my_turn(q) || !found(q))) {
        say(q, FORGE_C_CACHE_MISS, "forge; fwd=miss");
        return false;
    }
    say(q, FORGE_C_CACHE_HIT, "forge; hit");
    return true;
}

/* After a fail-over the listener may hear the new server while a connection still leads to the old one. Changes there
 * are told of by nobody. */
void forge_http_cache_source(forge_req_t *q, const char *system)
{
    if (!forge_live_events_from(q->live, q->server->realm, system))
        q->cached->elsewhere = true;
}

void forge_http_cache_keep(forge_req_t *q, forge_status_t status)
{
    struct forge_cached_t *c = q->cached;
    forge_reply_t *reply = q->reply;
    if (!c)
        return;
    bool good = status == FORGE_OK && reply->set && reply->http == HTTP_OK && reply->body && !reply->body->failed &&
                !c->elsewhere;
    if (good) {
        apr_table_unset(reply->headers, "Cache-Status");
        keep(q, &c->key, reply->body);
    }
    forge_live_cache_filled(q->server->cache, c->fill);
    c->fill = -1;
    if (!good)
        return;
    pack(q);
    forge_reply_header(q, "Cache-Status", "forge; fwd=miss; stored");
}
