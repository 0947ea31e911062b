/* SPDX-License-Identifier: Apache-2.0
 * A language model for the tests of jobs: a server of a few lines, which says what the test wants said.
 */
#ifndef FORGE_TEST_MODEL_H
#define FORGE_TEST_MODEL_H

#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One thread, one request after the other. */

static struct {
    int listener, port, status, asked;
    const char *body;
    bool hangs;
    char heard[1 << 16];
    pthread_t thread;
} server;

static void hear(int fd)
{
    size_t have = 0;
    ssize_t n;
    while (have < sizeof(server.heard) - 1 &&
           (n = recv(fd, server.heard + have, sizeof(server.heard) - 1 - have, 0)) > 0) {
        server.heard[have += (size_t)n] = 0;
        const char *end = strstr(server.heard, "\r\n\r\n"), *length = strstr(server.heard, "Content-Length: ");
        if (end && length && have - (size_t)(end + 4 - server.heard) >= (size_t)atoi(length + 16))
            return;
    }
}

static void *serve(void *unused)
{
    (void)unused;
    for (int fd; (fd = accept(server.listener, NULL, NULL)) >= 0; close(fd)) {
        char text[8192], rest;
        hear(fd);
        server.asked++;
        while (server.hangs && recv(fd, &rest, 1, 0) > 0)
            ;
        int n = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
                         server.status, (int)strlen(server.body), server.body);
        send(fd, text, (size_t)n, MSG_NOSIGNAL);
    }
    return NULL;
}

static void open_up(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(server.listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(server.listener, 16), 0);
    getsockname(server.listener, (struct sockaddr *)&address, &size);
    server.port = ntohs(address.sin_port);
    server.status = 200;
    server.asked = 0;
    server.hangs = false;
    pthread_create(&server.thread, NULL, serve, NULL);
}

#endif
