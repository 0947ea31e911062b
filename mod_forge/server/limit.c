/* SPDX-License-Identifier: Apache-2.0
 * Rate limits of requests: who is counted, in which quota, and the headers that report it (limit_store.c has it
 * counted).
 */
#include "server_private.h"

#include <apr_strings.h>
#include <httpd.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX             64  /* bytes of a key before the place's name */
#define PLACE_MAX           192 /* bytes of the place's name that are used */
#define GUESSES_PER_FAILURE 200
#define STORE_RETRY         1                   /* seconds in Retry-After while Redis is away */
#define STREAM_RETRY        5                   /* seconds in Retry-After: when a stream ends is not known */
#define GUESSES_CLASS       FORGE_LIMIT_CLASSES /* of the counters in live/: beside those of requests */
#define V6_PREFIX           8                   /* bytes: one client controls a whole /64 (SECURITY 31) */

/* A key under construction: tenant, then who, then the place. */
typedef struct limit_key_t {
    unsigned char bytes[KEY_MAX + PLACE_MAX];
    apr_size_t len;
} limit_key_t;

static void key_add(limit_key_t *k, const void *data, apr_size_t len)
{
    memcpy(k->bytes + k->len, data, len);
    k->len += len;
}

/* Whether the last four bytes of an IPv6 address are a client's IPv4 address: ::ffff:0:0/96 (mapped by the socket) and
 * 64:ff9b::/96 (translated by NAT64, RFC 6052). All clients behind such a translator share one /64. */
static bool embeds_v4(const unsigned char *ip)
{
    static const unsigned char prefixes[][12] = {{[10] = 0xff, [11] = 0xff}, {[1] = 0x64, [2] = 0xff, [3] = 0x9b}};
    return memcmp(ip, prefixes[0], sizeof(prefixes[0])) == 0 || memcmp(ip, prefixes[1], sizeof(prefixes[1])) == 0;
}

/* Adds the client's address as httpd sees it (mod_remoteip handles proxies): a whole IPv4 address, even if it comes
 * inside an IPv6 one, or the /64 of an IPv6 address. */
static void key_add_address(limit_key_t *k, const apr_sockaddr_t *address)
{
    const unsigned char *ip = address->ipaddr_ptr;
    if (address->ipaddr_len == 16 && embeds_v4(ip))
        key_add(k, ip + 12, 4);
    else if (address->ipaddr_len == 16)
        key_add(k, ip, V6_PREFIX);
    else
        key_add(k, ip, address->ipaddr_len < V6_PREFIX ? (apr_size_t)address->ipaddr_len : V6_PREFIX);
}

const char *forge_server_limit_address(const request_rec *r)
{
    limit_key_t k = {.len = 0};
    const unsigned char *b = k.bytes;
    key_add_address(&k, r->useragent_addr);
    if (k.len == 4)
        return apr_psprintf(r->pool, "%d.%d.%d.%d", b[0], b[1], b[2], b[3]);
    if (k.len == V6_PREFIX)
        return apr_psprintf(r->pool, "%x:%x:%x:%x::/64", b[0] << 8 | b[1], b[2] << 8 | b[3], b[4] << 8 | b[5],
                            b[6] << 8 | b[7]);
    return "local"; /* a Unix socket */
}

/* The key of the quota: by account if user_id names one, else by address. */
static limit_key_t key_make(request_rec *r, const forge_server_t *server, forge_limit_class_t class,
                            apr_int64_t user_id)
{
    limit_key_t k = {.len = 0};
    apr_uint64_t tenant = forge_config_tenant(server->config);
    const char *place = forge_config_limit_place(forge_config_of_request(r), class);
    bool account = user_id > 0;
    key_add(&k, &tenant, sizeof(tenant));
    key_add(&k, account ? "u" : "a", 1);
    if (account)
        key_add(&k, &user_id, sizeof(user_id));
    else
        key_add_address(&k, r->useragent_addr);
    if (place)
        key_add(&k, place, strnlen(place, PLACE_MAX));
    return k;
}

/* Whole seconds, rounded up. */
static apr_int64_t seconds(apr_interval_time_t t)
{
    return (t + APR_USEC_PER_SEC - 1) / APR_USEC_PER_SEC;
}

/* Sets the rate-limit headers. If several quotas apply to a request, they report the one with the least left
 * (draft-ietf-httpapi-ratelimit-headers, and the older X-RateLimit-*). */
static void tell(request_rec *r, forge_limit_class_t class, forge_limit_t limit, const forge_limit_answer_t *answer,
                 apr_time_t now)
{
    apr_table_t *h = r->err_headers_out;
    apr_pool_t *p = r->pool;
    const char *name = forge_config_limit_name(class), *told = apr_table_get(h, "X-RateLimit-Remaining");
    apr_int64_t remaining = answer->allowed ? answer->remaining : 0;
    if (told && answer->allowed && apr_atoi64(told) <= remaining)
        return;
    apr_table_setn(
        h, "RateLimit-Policy",
        apr_psprintf(p, "\"%s\";q=%" APR_INT64_T_FMT ";w=%" APR_INT64_T_FMT, name, limit.limit, seconds(limit.window)));
    apr_table_setn(
        h, "RateLimit",
        apr_psprintf(p, "\"%s\";r=%" APR_INT64_T_FMT ";t=%" APR_INT64_T_FMT, name, remaining, seconds(answer->reset)));
    apr_table_setn(h, "X-RateLimit-Limit", forge_util_itoa(p, limit.limit));
    apr_table_setn(h, "X-RateLimit-Remaining", forge_util_itoa(p, remaining));
    apr_table_setn(h, "X-RateLimit-Reset", forge_util_itoa(p, seconds(now + answer->reset)));
}

apr_int64_t forge_server_limit_account(const forge_who_t *who)
{
    return who->role > FORGE_ROLE_GUEST ? who->user_id : 0;
}

/* Wrong guesses of one network: twenty times as many as lock a name for all. Many people may share an address, and
 * mistype. Somebody who tries one name after another gets no further, and leaves no more rows behind than this. */
static forge_limit_t guesses_limit(const forge_server_t *server)
{
    const forge_lockout_t *rule = forge_config_lockout(server->config);
    return (forge_limit_t){(apr_int64_t)rule->failures * GUESSES_PER_FAILURE, rule->duration};
}

static forge_limit_ask_t ask_make(int class, const limit_key_t *key, forge_limit_t limit, bool take)
{
    return (forge_limit_ask_t){.class = class, .key = key->bytes, .len = key->len, .limit = limit, .take = take};
}

/* Where guesses are counted in Redis, it is asked for them together with class auth: forge_server_guesses_allowed then
 * looks at what is known here. */
static int guesses_add(request_rec *r, const forge_server_t *server, limit_key_t *key, forge_limit_ask_t *ask)
{
    forge_limit_t limit = guesses_limit(server);
    if (!server->limits || limit.limit == 0)
        return 0;
    *key = key_make(r, server, FORGE_LIMIT_AUTH, 0);
    *ask = ask_make(GUESSES_CLASS, key, limit, false);
    return 1;
}

static forge_status_t refuse(request_rec *r, const forge_server_t *server, forge_limit_class_t class,
                             const forge_limit_answer_t *answer)
{
    forge_live_count(server->live, (forge_counter_t)(FORGE_C_RATE_LIMITED + (int)class));
    forge_server_note(r)->retry_after = answer->retry > 0 ? (int)seconds(answer->retry) : 1;
    return FORGE_E_RATE_LIMITED;
}

forge_status_t forge_server_limit(request_rec *r, const forge_server_t *server, forge_limit_class_t class,
                                  apr_int64_t user_id)
{
    bool by_account;
    limit_key_t keys[2];
    forge_limit_ask_t asks[2];
    forge_limit_t limit = forge_config_limit(server->config, forge_config_of_request(r), class, &by_account);
    bool limited = limit.limit > 0 && limit.window > 0; /* else off, or a limit of open streams: counted elsewhere */
    if (limited) {
        keys[0] = key_make(r, server, class, by_account ? user_id : 0);
        asks[0] = ask_make((int)class, &keys[0], limit, true);
    }
    int n = limited + (class == FORGE_LIMIT_AUTH ? guesses_add(r, server, &keys[limited], &asks[limited]) : 0);
    forge_counted_t counted = n ? forge_server_limit_ask(r->pool, server, asks, n) : FORGE_UNCOUNTED;
    if (limited && counted == FORGE_UNCOUNTABLE) {
        forge_server_note(r)->retry_after = STORE_RETRY;
        return FORGE_E_UNAVAILABLE;
    }
    if (!limited || counted != FORGE_COUNTED)
        return FORGE_OK;
    tell(r, class, limit, &asks[0].answer, apr_time_now());
    return asks[0].answer.allowed ? FORGE_OK : refuse(r, server, class, &asks[0].answer);
}

forge_status_t forge_server_guesses_allowed(request_rec *r, const forge_server_t *server)
{
    forge_limit_t limit = guesses_limit(server);
    limit_key_t key = key_make(r, server, FORGE_LIMIT_AUTH, 0);
    if (limit.limit == 0 || forge_live_limit_peek(server->live, GUESSES_CLASS, key.bytes, key.len, limit))
        return FORGE_OK;
    return refuse(r, server, FORGE_LIMIT_AUTH, &(forge_limit_answer_t){.retry = limit.window / limit.limit});
}

/* Counted here while Redis is away, whatever ForgeRateLimitOnError says: nobody gains guesses by an outage. */
void forge_server_guess_wrong(request_rec *r, const forge_server_t *server)
{
    forge_limit_t limit = guesses_limit(server);
    limit_key_t key = key_make(r, server, FORGE_LIMIT_AUTH, 0);
    forge_limit_ask_t ask = ask_make(GUESSES_CLASS, &key, limit, true);
    if (limit.limit > 0 && forge_server_limit_ask(r->pool, server, &ask, 1) != FORGE_COUNTED)
        forge_live_limit_take(server->live, GUESSES_CLASS, key.bytes, key.len, limit, 0);
}

/* Redis is away, and that is no reason to refuse anybody. */
static bool unlimited(const forge_server_t *server)
{
    return forge_config_limit_on_error(server->config) == FORGE_ON_ERROR_OPEN && forge_server_limit_store_away(server);
}

/* Looks at what is known here, also where Redis counts: what it has answered this node is. A look-up too many on
 * another node costs less than a round trip for each. */
forge_status_t forge_server_limit_peek(request_rec *r, const forge_server_t *server, bool counted)
{
    bool by_account;
    forge_limit_t limit =
        forge_config_limit(server->config, forge_config_of_request(r), FORGE_LIMIT_DEFAULT, &by_account);
    if (limit.limit == 0 || limit.window == 0 || unlimited(server))
        return FORGE_OK;
    limit_key_t key = key_make(r, server, FORGE_LIMIT_DEFAULT, 0);
    if (forge_live_limit_peek(server->live, FORGE_LIMIT_DEFAULT, key.bytes, key.len, limit))
        return FORGE_OK;
    if (!counted)
        return forge_server_limit(r, server, FORGE_LIMIT_DEFAULT, 0);
    forge_server_note(r)->retry_after = 1; /* the later pass counts this refusal in the same quota and sets the time */
    return FORGE_E_RATE_LIMITED;
}

forge_status_t forge_server_limit_miss(request_rec *r, const forge_server_t *server, bool counted)
{
    if (!counted)
        FORGE_TRY(forge_server_limit(r, server, FORGE_LIMIT_DEFAULT, 0));
    return FORGE_E_INVALID_TOKEN;
}

forge_status_t forge_server_stream_open(request_rec *r, const forge_server_t *server, apr_int64_t user_id, int *place)
{
    bool by_account;
    forge_limit_t limit =
        forge_config_limit(server->config, forge_config_of_request(r), FORGE_LIMIT_STREAM, &by_account);
    limit_key_t key = key_make(r, server, FORGE_LIMIT_STREAM, by_account ? user_id : 0);
    *place = forge_live_stream_open(server->live, key.bytes, key.len, limit.limit);
    if (*place >= 0)
        return FORGE_OK;
    forge_server_note(r)->retry_after = STREAM_RETRY;
    if (*place == FORGE_STREAM_FULL)
        return FORGE_E_UNAVAILABLE;
    forge_live_count(server->live, (forge_counter_t)(FORGE_C_RATE_LIMITED + FORGE_LIMIT_STREAM));
    return FORGE_E_RATE_LIMITED;
}
