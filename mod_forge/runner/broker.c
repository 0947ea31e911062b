/* SPDX-License-Identifier: Apache-2.0
 * The one way out of a sandbox, for runs that must reach one host. The network namespace of such a run is as empty as
 * that of any other; a process outside listens in it on 127.0.0.1 and joins what comes to that host, whose name it has
 * resolved once. So a program inside can speak to nobody else, whatever it does, and cannot ask for names.
 */
#include "runner.h"
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHANNEL_FD   3   /* in the broker */
#define END_PATIENCE 200 /* milliseconds, until it is killed; a name server may be slow */

/* A word of the broker: what, and why. */
static void tell(forge_runner_broker_said_t what, const char *why)
{
    char word[FORGE_RUNNER_BROKER_WORD];
    word[0] = (char)what;
    snprintf(word + 1, sizeof(word) - 1, "%s", why);
    if (send(CHANNEL_FD, word, strlen(word + 1) + 2, MSG_NOSIGNAL) < 0)
        _exit(1); /* the launcher is gone */
}

static void __attribute__((noreturn)) refuse(const char *why)
{
    tell(FORGE_RUNNER_BROKER_REFUSED, why);
    exit(0);
}

/* One address that is not public makes the whole name suspect. */
static void resolve(const forge_runner_way_t *way, forge_runner_host_t *host)
{
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *all = NULL;
    if (getaddrinfo(way->host, way->port, &wanted, &all) != 0 || !all)
        refuse("the host has no address");
    for (const struct addrinfo *a = all; a && host->count < FORGE_RUNNER_ADDRESSES; a = a->ai_next) {
        if (!way->own && !forge_runner_address_public(a->ai_addr))
            refuse("the host has an address that is not public");
        memcpy(&host->addresses[host->count], a->ai_addr, a->ai_addrlen);
        host->lengths[host->count++] = a->ai_addrlen;
    }
    freeaddrinfo(all);
}

static void __attribute__((noreturn)) be_broker(const forge_runner_way_t *way)
{
    static forge_runner_host_t host;
    pid_t bubblewrap = 0;
    resolve(way, &host);
    if (recv(CHANNEL_FD, &bubblewrap, sizeof(bubblewrap), 0) != sizeof(bubblewrap))
        _exit(1);
    int listening = forge_runner_listen_inside(bubblewrap, (uint16_t)atoi(way->port));
    if (listening < 0)
        refuse("the sandbox's network cannot be entered");
    tell(FORGE_RUNNER_BROKER_READY, "");
    if (forge_runner_join(listening, CHANNEL_FD, &host, way->bytes_max))
        tell(FORGE_RUNNER_BROKER_FULL, "");
    exit(0);
}

bool forge_runner_broker_start(const forge_runner_way_t *way, forge_runner_broker_t *broker)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    broker->pid = forge_runner_child();
    if (!broker->pid) {
        dup2(ends[1], CHANNEL_FD);
        syscall(SYS_close_range, CHANNEL_FD + 1, ~0U, 0);
        be_broker(way);
    }
    close(ends[1]);
    broker->channel = ends[0];
    return broker->pid > 0;
}

void forge_runner_broker_enter(const forge_runner_broker_t *broker, pid_t bubblewrap)
{
    if (send(broker->channel, &bubblewrap, sizeof(bubblewrap), MSG_NOSIGNAL) < 0)
        return; /* it has ended, and is heard to have */
}

forge_runner_broker_said_t forge_runner_broker_hear(forge_runner_broker_t *broker, char why[FORGE_RUNNER_BROKER_WORD])
{
    char word[FORGE_RUNNER_BROKER_WORD];
    ssize_t n = recv(broker->channel, word, sizeof(word), MSG_DONTWAIT);
    const forge_runner_broker_said_t said = n < 2 ? FORGE_RUNNER_BROKER_REFUSED : (forge_runner_broker_said_t)word[0];
    static const char broke[] = "the way to the host broke";
    snprintf(why, FORGE_RUNNER_BROKER_WORD, "%.*s", n < 2 ? (int)sizeof(broke) : (int)n - 1, n < 2 ? broke : word + 1);
    if (said != FORGE_RUNNER_BROKER_READY) { /* its last word */
        close(broker->channel);
        broker->channel = -1;
    }
    return said;
}

void forge_runner_broker_stop(forge_runner_broker_t *broker)
{
    if (broker->channel >= 0)
        close(broker->channel);
    for (int i = 0; broker->pid > 0 && waitpid(broker->pid, NULL, WNOHANG) == 0; i++) {
        if (i == END_PATIENCE)
            kill(broker->pid, SIGKILL);
        usleep(1000);
    }
    *broker = (forge_runner_broker_t){0, -1};
}
