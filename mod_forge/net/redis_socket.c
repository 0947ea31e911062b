/* SPDX-License-Identifier: Apache-2.0
 * A connection to Redis that never waits past a deadline: a socket that does not block, and TLS over it. hiredis' own
 * connections bound each read, not all of them together, and those of Debian 12 know no TLS.
 */
#include "redis_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char late[] = "it did not answer in time", unreachable[] = "no connection could be made",
                  ended[] = "the connection was ended";

/* Waits until the socket can be read or written. False: the deadline has passed. */
static bool wait_for(int fd, short events, apr_int64_t deadline)
{
    struct pollfd one = {.fd = fd, .events = events};
    for (;;) {
        apr_int64_t left = deadline - forge_util_monotonic();
        left = left > 0 ? left : 0; /* what is there already is in time: this thread may have been kept from running */
        const struct timespec span = {.tv_sec = (time_t)(left / APR_USEC_PER_SEC),
                                      .tv_nsec = (long)(left % APR_USEC_PER_SEC) * 1000};
        int n = ppoll(&one, 1, &span, NULL);
        if (n >= 0 || errno != EINTR)
            return n > 0;
    }
}

static forge_redis_end_t fail(forge_redis_socket_t *s, forge_redis_end_t how, const char *words, const char **why)
{
    s->spent = true;
    *why = words;
    return how;
}

/* --- TLS --- */

static apr_status_t trust_free(void *trust)
{
    SSL_CTX_free(trust);
    return APR_SUCCESS;
}

void *forge_net_redis_trust(apr_pool_t *p, const char *ca, const char **why)
{
    SSL_CTX *trust = SSL_CTX_new(TLS_client_method());
    *why = "out of memory";
    if (!trust)
        return NULL;
    apr_pool_cleanup_register(p, trust, trust_free, apr_pool_cleanup_null);
    SSL_CTX_set_min_proto_version(trust, TLS1_2_VERSION);
    SSL_CTX_set_verify(trust, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(trust, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    *why = "ca= names no file with certificates in PEM";
    int good = ca ? SSL_CTX_load_verify_locations(trust, ca, NULL) : SSL_CTX_set_default_verify_paths(trust);
    if (good != 1)
        return NULL;
    *why = NULL;
    return trust;
}

/* The certificate must be of this host: of its name, or of its address. */
static SSL *tls_make(const forge_redis_t *redis, int fd)
{
    SSL *tls = SSL_new(redis->trust);
    unsigned char address[sizeof(struct in6_addr)];
    if (!tls)
        return NULL;
    bool numeric = inet_pton(AF_INET, redis->host, address) == 1 || inet_pton(AF_INET6, redis->host, address) == 1;
    bool good = numeric ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), redis->host) == 1
                        : SSL_set1_host(tls, redis->host) == 1 && SSL_set_tlsext_host_name(tls, redis->host) == 1;
    if (good && SSL_set_fd(tls, fd) == 1)
        return tls;
    SSL_free(tls);
    return NULL;
}

/* What a call of libssl that did not succeed waits for; 0: it has failed. Whoever calls has emptied this thread's queue
 * of errors before, because those of others would be taken for its own. */
static short tls_wants(SSL *tls, int result)
{
    int error = SSL_get_error(tls, result);
    return error == SSL_ERROR_WANT_READ ? POLLIN : error == SSL_ERROR_WANT_WRITE ? POLLOUT : 0;
}

static forge_redis_end_t tls_begin(const forge_redis_t *redis, forge_redis_socket_t *s, apr_int64_t deadline,
                                   const char **why)
{
    s->tls = tls_make(redis, s->fd);
    if (!s->tls)
        return fail(s, FORGE_REDIS_BROKEN, "out of memory", why);
    ERR_clear_error();
    for (int result; (result = SSL_connect(s->tls)) != 1; ERR_clear_error()) {
        short wants = tls_wants(s->tls, result);
        long verdict = SSL_get_verify_result(s->tls);
        if (!wants)
            return fail(s, FORGE_REDIS_BROKEN,
                        verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : "TLS could not be begun", why);
        if (!wait_for(s->fd, wants, deadline))
            return fail(s, FORGE_REDIS_LATE, late, why);
    }
    return FORGE_REDIS_OK;
}

/* --- the socket --- */

static int socket_make(int family)
{
    int on = 1, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    return fd;
}

static forge_redis_end_t connect_to(forge_redis_socket_t *s, const struct sockaddr *address, socklen_t len,
                                    apr_int64_t deadline)
{
    int error = 0;
    socklen_t size = sizeof(error);
    s->fd = socket_make(address->sa_family);
    if (s->fd < 0)
        return FORGE_REDIS_BROKEN;
    if (connect(s->fd, address, len) == 0)
        return FORGE_REDIS_OK;
    if (errno != EINPROGRESS)
        return FORGE_REDIS_BROKEN; /* a Unix socket whose queue is full (EAGAIN) too */
    if (!wait_for(s->fd, POLLOUT, deadline))
        return FORGE_REDIS_LATE;
    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error ? FORGE_REDIS_BROKEN : FORGE_REDIS_OK;
}

static forge_redis_end_t connect_path(const forge_redis_t *redis, forge_redis_socket_t *s, apr_int64_t deadline)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", redis->path);
    return connect_to(s, (const struct sockaddr *)&address, sizeof(address), deadline);
}

/* The addresses of a name one after the other, until the deadline. */
static forge_redis_end_t connect_host(const forge_redis_t *redis, forge_redis_socket_t *s, apr_int64_t deadline)
{
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[16];
    forge_redis_end_t end = FORGE_REDIS_BROKEN;
    snprintf(port, sizeof(port), "%d", redis->port);
    if (getaddrinfo(redis->host, port, &wanted, &found) != 0)
        return FORGE_REDIS_BROKEN;
    for (const struct addrinfo *at = found; at && end == FORGE_REDIS_BROKEN; at = at->ai_next) {
        forge_net_redis_close_socket(s);
        end = connect_to(s, at->ai_addr, at->ai_addrlen, deadline);
    }
    freeaddrinfo(found);
    return end;
}

forge_redis_end_t forge_net_redis_open_socket(const forge_redis_t *redis, apr_int64_t deadline, forge_redis_socket_t *s,
                                              const char **why)
{
    *s = (forge_redis_socket_t){.fd = -1};
    forge_redis_end_t end = redis->path ? connect_path(redis, s, deadline) : connect_host(redis, s, deadline);
    if (end != FORGE_REDIS_OK)
        return fail(s, end, end == FORGE_REDIS_LATE ? late : unreachable, why);
    return redis->tls ? tls_begin(redis, s, deadline, why) : FORGE_REDIS_OK;
}

/* One try to write, or to read where `out` is NULL. Returns the number of bytes; 0 and what it waits for; or -1. */
static ssize_t move(forge_redis_socket_t *s, const char *out, char *in, apr_size_t len, short *wants)
{
    *wants = 0;
    if (s->tls) {
        ERR_clear_error();
        int n = out ? SSL_write(s->tls, out, (int)len) : SSL_read(s->tls, in, (int)len);
        *wants = n > 0 ? 0 : tls_wants(s->tls, n);
        return n > 0 ? n : *wants ? 0 : -1;
    }
    ssize_t n = out ? send(s->fd, out, len, MSG_NOSIGNAL) : recv(s->fd, in, len, 0);
    if (n > 0)
        return n;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        *wants = out ? POLLOUT : POLLIN;
    return *wants ? 0 : -1;
}

static forge_redis_end_t move_some(forge_redis_socket_t *s, const char *out, char *in, apr_size_t *len,
                                   apr_int64_t deadline, const char **why)
{
    short wants;
    ssize_t n;
    while ((n = move(s, out, in, *len, &wants)) <= 0) {
        if (n < 0)
            return fail(s, FORGE_REDIS_BROKEN, ended, why);
        if (!wait_for(s->fd, wants, deadline))
            return fail(s, FORGE_REDIS_LATE, late, why);
    }
    *len = (apr_size_t)n;
    return FORGE_REDIS_OK;
}

forge_redis_end_t forge_net_redis_send(forge_redis_socket_t *s, const char *data, apr_size_t len, apr_int64_t deadline,
                                       const char **why)
{
    for (apr_size_t done = 0; done < len;) {
        apr_size_t n = len - done;
        forge_redis_end_t end = move_some(s, data + done, NULL, &n, deadline, why);
        if (end != FORGE_REDIS_OK)
            return end;
        done += n;
    }
    return FORGE_REDIS_OK;
}

forge_redis_end_t forge_net_redis_receive(forge_redis_socket_t *s, char *data, apr_size_t *len, apr_int64_t deadline,
                                          const char **why)
{
    return move_some(s, NULL, data, len, deadline, why);
}

/* Nothing is under way on a connection that lies idle, but for what TLS says by itself. */
bool forge_net_redis_gone(const forge_redis_socket_t *s)
{
    char byte;
    if (s->spent)
        return true;
    if (s->tls) {
        ERR_clear_error();
        int n = SSL_peek(s->tls, &byte, 1);
        return n > 0 || !tls_wants(s->tls, n);
    }
    return recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EINTR);
}

void forge_net_redis_close_socket(forge_redis_socket_t *s)
{
    SSL_free(s->tls);
    s->tls = NULL;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}
