/* SPDX-License-Identifier: Apache-2.0
 * Reads the arguments of ForgeRateLimitStore: where Redis is, and how to log in. No message repeats a password.
 */
#include "redis_private.h"
#include <apr_strings.h>
#include <string.h>
#include <sys/un.h>

#define PORT        6379
#define PATIENCE    apr_time_from_msec(50)
#define PATIENCE_MS 1000 /* at most */
#define DB_MAX      65535

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool elsewhere(const char *text)
{
    return begins(text, "file:") || begins(text, "env:");
}

static int digit_of(char c)
{
    return forge_util_is_digit(c) ? c - '0' : forge_util_is_xdigit(c) ? forge_util_lower(c) - 'a' + 10 : -1;
}

/* Undoes percent escapes. NULL: one is wrong, or stands for a control character. */
static const char *decoded(apr_pool_t *p, const char *text, apr_size_t len)
{
    char *out = apr_palloc(p, len + 1), *to = out;
    for (apr_size_t i = 0; i < len; i++) {
        int c = (unsigned char)text[i];
        if (c == '%') {
            if (i + 2 >= len || digit_of(text[i + 1]) < 0 || digit_of(text[i + 2]) < 0)
                return NULL;
            c = digit_of(text[i + 1]) * 16 + digit_of(text[i + 2]);
            i += 2;
        }
        if (c < ' ' || c == 0x7f)
            return NULL;
        *to++ = (char)c;
    }
    *to = '\0';
    return out;
}

/* "user:password", ":password" or "user", whose password is another argument. */
static const char *read_login(apr_pool_t *p, const char *text, apr_size_t len, forge_redis_t *redis)
{
    const char *colon = memchr(text, ':', len);
    apr_size_t user = colon ? (apr_size_t)(colon - text) : len;
    if (user && !(redis->user = decoded(p, text, user)))
        return "an escape in the user is wrong";
    if (colon && !(redis->password = decoded(p, colon + 1, len - user - 1)))
        return "an escape in the password is wrong; in an address '@', '/' and '%' of a password are written %40, %2F "
               "and %25";
    return colon && !*redis->password ? "the password is empty" : NULL;
}

static const char *read_db(const char *text, forge_redis_t *redis)
{
    apr_int64_t db = 0;
    if (*text && (!forge_util_atoi(text, strlen(text), &db) || db < 0 || db > DB_MAX))
        return "the database is not a number of 0 to " APR_STRINGIFY(DB_MAX);
    redis->db = (int)db;
    return NULL;
}

/* "host[:port][/db]" */
static const char *read_host(apr_pool_t *p, const char *text, forge_redis_t *redis)
{
    apr_size_t len = strcspn(text, "/?#");
    const char *where = apr_pstrmemdup(p, text, len);
    const char *close = *where == '[' ? strchr(where, ']') : where, *colon = close ? strchr(close, ':') : NULL;
    apr_int64_t port = PORT;
    if (colon && (!forge_util_atoi(colon + 1, strlen(colon + 1), &port) || port < 1 || port > 65535))
        return "the port is not 1 to 65535";
    const char *host = colon ? apr_pstrmemdup(p, where, (apr_size_t)(colon - where)) : where;
    if (!forge_net_host_good(host))
        return "the host is not a name or an address";
    if (text[len] == '?' || text[len] == '#' || strchr(text + len, '?'))
        return "the address has more than host, port and database";
    redis->host = *host == '[' ? apr_pstrmemdup(p, host + 1, strlen(host) - 2) : host;
    redis->port = (int)port;
    redis->name = apr_psprintf(p, "%s:%d", host, (int)port);
    return read_db(text[len] == '/' ? text + len + 1 : "", redis);
}

/* "/path[?db=N]" */
static const char *read_path(apr_pool_t *p, const char *text, forge_redis_t *redis)
{
    apr_size_t len = strcspn(text, "?");
    struct sockaddr_un limits;
    redis->path = decoded(p, text, len);
    if (*text != '/' || !redis->path || len < 2)
        return "the path of the socket is not absolute";
    if (strlen(redis->path) >= sizeof(limits.sun_path))
        return "the path of the socket is too long";
    redis->name = redis->path;
    if (text[len] && !begins(text + len, "?db="))
        return "the address has more than a path and ?db=";
    return read_db(text[len] ? text + len + 4 : "", redis);
}

static const char *read_address(apr_pool_t *p, const char *url, forge_redis_t *redis)
{
    static const char *const schemes[] = {"redis://", "rediss://", "redis+unix://"};
    int scheme = 0;
    while (scheme < 3 && apr_cstr_casecmpn(url, schemes[scheme], strlen(schemes[scheme])) != 0)
        scheme++;
    if (scheme == 3)
        return "it begins with none of redis://, rediss:// and redis+unix://";
    const char *rest = url + strlen(schemes[scheme]), *at = NULL;
    for (const char *c = rest; *c && *c != '/' && *c != '?'; c++)
        at = *c == '@' ? c : at;
    const char *why = at ? read_login(p, rest, (apr_size_t)(at - rest), redis) : NULL;
    redis->tls = scheme == 1;
    rest = at ? at + 1 : rest;
    return why ? why : scheme == 2 ? read_path(p, rest, redis) : read_host(p, rest, redis);
}

static const char *read_option(apr_pool_t *p, const char *word, forge_redis_t *redis)
{
    apr_int64_t ms;
    const char *value = strchr(word, '=');
    if (!value || !*++value)
        return "an argument is none of password=, ca= and timeout=";
    if (begins(word, "password="))
        redis->word = value;
    else if (begins(word, "ca=/"))
        redis->ca = value;
    else if (begins(word, "timeout=") && strlen(value) > 2 && strcmp(value + strlen(value) - 2, "ms") == 0 &&
             forge_util_atoi(value, strlen(value) - 2, &ms) && ms >= 1 && ms <= PATIENCE_MS)
        redis->patience = apr_time_from_msec(ms);
    else if (begins(word, "timeout="))
        return "timeout= is not 1ms to " APR_STRINGIFY(PATIENCE_MS) "ms";
    else
        return apr_psprintf(p, "'%.*s' is none of password=, ca=/path and timeout=", (int)(value - word), word);
    return NULL;
}

/* Two ways to say one password are a mistake, and so is a user without any. */
static const char *judge(const forge_redis_t *redis)
{
    if (redis->word && redis->password)
        return "the password is there twice";
    if (redis->user && !redis->password && !redis->word)
        return "a user needs a password: user:password@ in the address, or password=";
    if (redis->ca && !redis->tls && redis->host)
        return "ca= is for rediss:// alone";
    return redis->ca && redis->path ? "ca= is for rediss:// alone" : NULL;
}

const forge_redis_t *forge_net_redis_parse(apr_pool_t *p, int n, const char *const *words, const char **why)
{
    forge_redis_t *redis = apr_pcalloc(p, sizeof(*redis));
    redis->patience = PATIENCE;
    *why = NULL;
    if (n == 1 && apr_cstr_casecmp(words[0], "shm") == 0)
        return redis;
    redis->url = words[0];
    for (int i = 1; i < n && !*why; i++)
        *why = read_option(p, words[i], redis);
    if (!*why && !elsewhere(redis->url)) {
        forge_redis_t tried = *redis;
        *why = read_address(p, redis->url, &tried);
        *why = *why ? *why : judge(&tried);
    }
    if (!*why && !forge_net_redis_built())
        *why = "this build knows no Redis: install hiredis (Debian: libhiredis-dev) and build it again";
    return *why ? NULL : redis;
}

bool forge_net_redis_open(apr_pool_t *p, forge_redis_t *redis, const char *url, const char *password, const char **why)
{
    *why = read_address(p, url, redis);
    *why = *why ? *why : judge(redis);
    if (!*why && password)
        redis->password = password;
    if (!*why && redis->tls)
        redis->trust = forge_net_redis_trust(p, redis->ca, why);
    return !*why;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool forge_net_redis_same(const forge_redis_t *a, const forge_redis_t *b)
{
    return strcmp(a->name, b->name) == 0 && a->tls == b->tls && a->db == b->db && a->patience == b->patience &&
           same(a->user, b->user) && same(a->password, b->password) && same(a->ca, b->ca);
}
