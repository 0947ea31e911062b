/* SPDX-License-Identifier: Apache-2.0
 * Asks the DNS for the members of a service: A and AAAA records of a host, or SRV records and the addresses of their
 * targets. c-ares sends, receives and reads; we only wait, so that the end of a process need not wait for us.
 */
#include "net.h"

#include <apr_strings.h>
#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <poll.h>
#include <string.h>

#define TRY_MS     1500 /* how long one server has for an answer; twice as long the second time */
#define TRIES      2
#define POLL_MS    200 /* how soon a stop is seen */
#define LOOKUP_MAX apr_time_from_sec(10)
#define TTLS_MAX   FORGE_MEMBERS_MAX

typedef struct lookup_t {
    const forge_service_t *service;
    forge_members_t *members;
    forge_member_t as;          /* port, weight and set of the addresses that are asked for now */
    forge_members_t *targets;   /* of SRV records, by name */
    int waits;                  /* answers that are still to come */
    int empty, failed, invalid; /* answers without records, none, and such as could not be read */
    int refused;                /* addresses that are not allowed */
} lookup_t;

static void note_ttl(forge_members_t *members, int seconds)
{
    apr_interval_time_t ttl = apr_time_from_sec(seconds > 0 ? seconds : 0) + 1; /* 0 means that nothing was said */
    if (!members->ttl || ttl < members->ttl)
        members->ttl = ttl;
}

static void take_address(lookup_t *at, const char *address, int ttl)
{
    if (!forge_net_member_allowed(address, at->service->loopback)) {
        at->refused++;
        return;
    }
    forge_member_t member = at->as;
    apr_cpystrn(member.host, address, sizeof(member.host));
    forge_net_member_add(at->members, &member);
    note_ttl(at->members, ttl);
}

/* Whether there is an answer to read. No such name and no such records are an answer too: an empty one.
 * So is a server that does not know the type AAAA. */
static bool answered(lookup_t *at, int status)
{
    at->waits--;
    if (status == ARES_SUCCESS)
        return true;
    if (status == ARES_ENODATA || status == ARES_ENOTFOUND || status == ARES_ENOTIMP)
        at->empty++;
    else if (status == ARES_EBADRESP || status == ARES_EFORMERR)
        at->invalid++;
    else
        at->failed++;
    return false;
}

static void judge(lookup_t *at, int status)
{
    if (status == ARES_ENODATA)
        at->empty++;
    else if (status != ARES_SUCCESS)
        at->invalid++;
}

static void got_four(void *baton, int status, int timeouts, unsigned char *answer, int len)
{
    lookup_t *at = baton;
    struct ares_addrttl found[TTLS_MAX];
    int count = TTLS_MAX;
    char text[INET_ADDRSTRLEN];
    (void)timeouts;
    if (!answered(at, status))
        return;
    status = ares_parse_a_reply(answer, len, NULL, found, &count);
    judge(at, status);
    for (int i = 0; status == ARES_SUCCESS && i < count; i++)
        take_address(at, inet_ntop(AF_INET, &found[i].ipaddr, text, sizeof(text)), found[i].ttl);
}

static void got_six(void *baton, int status, int timeouts, unsigned char *answer, int len)
{
    lookup_t *at = baton;
    struct ares_addr6ttl found[TTLS_MAX];
    int count = TTLS_MAX;
    char text[INET6_ADDRSTRLEN];
    (void)timeouts;
    if (!answered(at, status))
        return;
    status = ares_parse_aaaa_reply(answer, len, NULL, found, &count);
    judge(at, status);
    for (int i = 0; status == ARES_SUCCESS && i < count; i++)
        take_address(at, inet_ntop(AF_INET6, &found[i].ip6addr, text, sizeof(text)), found[i].ttl);
}

/* A target of "." says that there is no such service (RFC 2782). */
static void got_srv(void *baton, int status, int timeouts, unsigned char *answer, int len)
{
    lookup_t *at = baton;
    struct ares_srv_reply *found = NULL;
    (void)timeouts;
    if (!answered(at, status))
        return;
    status = ares_parse_srv_reply(answer, len, &found);
    judge(at, status);
    for (const struct ares_srv_reply *one = found; one; one = one->next) {
        forge_member_t target = {.port = one->port, .weight = one->weight, .set = one->priority};
        if (!*one->host || strcmp(one->host, ".") == 0 || strlen(one->host) >= sizeof(target.host) || !one->port)
            continue;
        apr_cpystrn(target.host, one->host, sizeof(target.host));
        forge_net_member_add(at->targets, &target);
    }
    ares_free_data(found);
}

/* What a socket of ares_getsock() waits for: the lower half of its bits is for reading, the upper one for writing. The
 * macros of c-ares 1.18 shift a signed 1 into the sign. */
static short awaited(unsigned bits, int i)
{
    return (short)((bits >> i & 1U ? POLLIN : 0) | (bits >> (i + ARES_GETSOCK_MAXNUM) & 1U ? POLLOUT : 0));
}

/* poll() and not select(): a server has descriptors beyond FD_SETSIZE. */
static void wait_once(ares_channel channel)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    struct pollfd polled[ARES_GETSOCK_MAXNUM];
    unsigned bits = (unsigned)ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    int count = 0;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        short events = awaited(bits, i);
        if (events)
            polled[count++] = (struct pollfd){.fd = sockets[i], .events = events, .revents = 0};
    }
    poll(polled, (nfds_t)count, POLL_MS);
    for (int i = 0; i < count; i++)
        ares_process_fd(channel, polled[i].revents & ~POLLOUT ? polled[i].fd : ARES_SOCKET_BAD,
                        polled[i].revents & POLLOUT ? polled[i].fd : ARES_SOCKET_BAD);
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* what is late */
}

/* Until all have answered or are late. False: the process ends, or it took too long altogether. */
static bool wait_all(ares_channel channel, lookup_t *at, apr_int64_t until, forge_stop_fn stop)
{
    while (at->waits > 0) {
        if (stop() || forge_util_monotonic() > until) {
            ares_cancel(channel);
            return false;
        }
        wait_once(channel);
    }
    return true;
}

static void ask_addresses(ares_channel channel, lookup_t *at, const char *name)
{
    at->waits += 2;
    ares_query(channel, name, ns_c_in, ns_t_a, got_four, at);
    ares_query(channel, name, ns_c_in, ns_t_aaaa, got_six, at);
}

/* One target after the other, because the records say which port and weight an address has. */
static bool ask_targets(ares_channel channel, lookup_t *at, apr_int64_t until, forge_stop_fn stop)
{
    for (int i = 0; i < at->targets->count; i++) {
        at->as = at->targets->of[i];
        at->as.route[0] = '\0';
        ask_addresses(channel, at, at->targets->of[i].host);
        if (!wait_all(channel, at, until, stop))
            return false;
    }
    return true;
}

static bool ask(apr_pool_t *p, ares_channel channel, lookup_t *at, forge_stop_fn stop)
{
    const forge_service_t *service = at->service;
    apr_int64_t until = forge_util_monotonic() + LOOKUP_MAX;
    at->targets = apr_pcalloc(p, sizeof(*at->targets));
    at->as = (forge_member_t){.port = service->port, .weight = 1, .set = 0};
    if (service->source == FORGE_SOURCE_DNS) {
        ask_addresses(channel, at, service->name);
        return wait_all(channel, at, until, stop);
    }
    at->waits++;
    ares_query(channel, service->name, ns_c_in, ns_t_srv, got_srv, at);
    return wait_all(channel, at, until, stop) && ask_targets(channel, at, until, stop);
}

static int channel_open(ares_channel *channel, const forge_service_t *service)
{
    struct ares_options options = {.timeout = TRY_MS, .tries = TRIES};
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status == ARES_SUCCESS)
        status = ares_init_options(channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (status != ARES_SUCCESS)
        return status;
    if (service->resolver)
        status = ares_set_servers_ports_csv(*channel, service->resolver);
    if (status != ARES_SUCCESS)
        ares_destroy(*channel);
    return status;
}

/* Half of an answer is none: when one question of several failed, members that it would have named must not go. */
static forge_lookup_t verdict(const lookup_t *at, const char **why)
{
    *why = "the resolver did not answer";
    if (at->failed)
        return FORGE_FOUND_FAILURE;
    *why = "the answer could not be read";
    if (at->invalid)
        return FORGE_FOUND_INVALID;
    *why = "the answer has only addresses that are not allowed";
    if (!at->members->count && at->refused)
        return FORGE_FOUND_INVALID;
    *why = "there are no such records";
    return at->members->count ? FORGE_FOUND : FORGE_FOUND_NONE;
}

forge_lookup_t forge_net_dns(apr_pool_t *p, const forge_service_t *service, forge_members_t *members,
                             forge_stop_fn stop, const char **why)
{
    ares_channel channel;
    lookup_t at = {.service = service, .members = members};
    memset(members, 0, sizeof(*members));
    int status = channel_open(&channel, service);
    if (status != ARES_SUCCESS) {
        *why = ares_strerror(status);
        return FORGE_FOUND_FAILURE;
    }
    bool whole = ask(p, channel, &at, stop);
    ares_destroy(channel);
    forge_net_members_rank(members);
    members->left_out += at.refused + at.targets->left_out;
    if (whole)
        return verdict(&at, why);
    *why = "the resolver took too long";
    return FORGE_FOUND_FAILURE;
}
