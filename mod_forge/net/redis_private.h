/* SPDX-License-Identifier: Apache-2.0
 * What the files about Redis share: redis_socket.c moves bytes until a deadline, redis_wire.c knows the protocol,
 * redis.c keeps connections. Deadlines are moments of forge_util_monotonic.
 */
#ifndef FORGE_NET_REDIS_PRIVATE_H
#define FORGE_NET_REDIS_PRIVATE_H

#include "net.h"

/* --- redis_socket.c: one connection, by TCP, TLS or a Unix socket. libssl is known here alone --- */

typedef struct forge_redis_socket_t {
    int fd;     /* -1: none */
    void *tls;  /* NULL: none */
    bool spent; /* nothing more can be said: it has failed */
} forge_redis_socket_t;
/* What certificates are checked by, freed with p. NULL and *why. */
void *forge_net_redis_trust(apr_pool_t *p, const char *ca, const char **why);
/* Each returns FORGE_REDIS_OK; FORGE_REDIS_LATE; or FORGE_REDIS_BROKEN. Except when it is OK, *why says why. Only _open
 * may take longer than the deadline, while a name is looked up. */
forge_redis_end_t forge_net_redis_open_socket(const forge_redis_t *redis, apr_int64_t deadline,
                                              forge_redis_socket_t *socket, const char **why);
forge_redis_end_t forge_net_redis_send(forge_redis_socket_t *socket, const char *data, apr_size_t len,
                                       apr_int64_t deadline, const char **why);
/* At least one byte. */
forge_redis_end_t forge_net_redis_receive(forge_redis_socket_t *socket, char *data, apr_size_t *len,
                                          apr_int64_t deadline, const char **why);
/* Whether the other end has closed it, as far as is known here. */
bool forge_net_redis_gone(const forge_redis_socket_t *socket);
void forge_net_redis_close_socket(forge_redis_socket_t *socket);

/* --- redis_wire.c: commands and answers. hiredis is known here alone --- */

#define FORGE_REDIS_TEXT 256 /* bytes of an answer that are kept */
typedef enum forge_redis_kind_t {
    FORGE_REDIS_TEXT_REPLY, /* a text or a status */
    FORGE_REDIS_ERROR,      /* an error of the server's */
    FORGE_REDIS_MORE,       /* it has not come whole */
    FORGE_REDIS_GARBAGE     /* this is not Redis's protocol, or no answer of a script of ours */
} forge_redis_kind_t;
typedef struct forge_redis_reply_t {
    forge_redis_kind_t kind;
    char text[FORGE_REDIS_TEXT]; /* printable; of an error its words */
} forge_redis_reply_t;
void forge_net_redis_command(forge_buf_t *b, int n, const char *const *words);
void *forge_net_redis_reader(void); /* NULL: out of memory */
void forge_net_redis_reader_free(void *reader);
void forge_net_redis_feed(void *reader, const char *data, apr_size_t len);
void forge_net_redis_take(void *reader, forge_redis_reply_t *reply);

/* --- redis_script.c --- */

extern const char forge_net_redis_script[];
/* Reads what the script answers: "1 59000000". False: that is nothing of the kind. */
bool forge_net_redis_answer(const char *text, forge_redis_run_t *run);

#endif
