/* SPDX-License-Identifier: Apache-2.0
 * The least that telling many streams can cost: a server without requests, credentials, filters or a check whether a
 * client reads. It accepts connections, and when a log file grows it sends one event of the size that mod_forge sends
 * to each of them, from as many threads as there are processors. usage: teller PORT LOG
 * Prints "ready" when it listens, and ends with its standard input.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STREAMS_MAX = 20000, LINE_MAX_BYTES = 1024, BACKLOG = 4096 };

static int streams[STREAMS_MAX], count, threads;
static char event[2 * LINE_MAX_BYTES];
static size_t event_len;
static pthread_barrier_t told, all_told;

static void give_up(const char *why)
{
    fprintf(stderr, "teller: %s\n", why);
    exit(1);
}

/* Tells every n-th stream, beginning with its own number. */
static void *tell_some(void *first)
{
    for (;;) {
        pthread_barrier_wait(&told);
        for (int i = (int)((int *)first - streams); i < count; i += threads)
            if (send(streams[i], event, event_len, MSG_NOSIGNAL) < 0)
                give_up("an event cannot be sent");
        pthread_barrier_wait(&all_told);
    }
    return NULL;
}

static int listen_on(int port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, BACKLOG) != 0)
        give_up("the port cannot be listened on");
    return fd;
}

static void accept_one(int door)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\nid: 0\n\n";
    char request[1024];
    const int fd = accept(door, NULL, NULL);
    if (fd < 0 || count == STREAMS_MAX)
        give_up("a stream cannot be accepted");
    if (recv(fd, request, sizeof(request), 0) <= 0 || send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL) < 0)
        give_up("a stream cannot be begun");
    streams[count++] = fd;
}

/* What mod_forge says of a line, without knowing what is in it. */
static void tell_line(int log)
{
    char line[LINE_MAX_BYTES];
    const ssize_t n = read(log, line, sizeof(line) - 1);
    if (n <= 0)
        return;
    line[n - 1] = '\0';
    const char *id = "17d2f3a-1a2b3c4d5e6f-0123456789ab";
    event_len = (size_t)snprintf(event, sizeof(event),
                                 "10a\r\nid: %s\nevent: log\ndata: {\"id\":\"%s\",\"ts\":\"2026-01-01T00:00:00.000Z\","
                                 "\"service\":\"frontend\",%s\n\n\r\n",
                                 id, id, line);
    pthread_barrier_wait(&told);
    pthread_barrier_wait(&all_told);
}

static void begin_threads(void)
{
    threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    pthread_barrier_init(&told, NULL, (unsigned)threads + 1);
    pthread_barrier_init(&all_told, NULL, (unsigned)threads + 1);
    for (int i = 0; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, tell_some, &streams[i]) != 0)
            give_up("a thread cannot be started");
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        give_up("usage: teller PORT LOG");
    const int log = open(argv[2], O_RDONLY), watch = inotify_init1(IN_NONBLOCK);
    if (log < 0 || lseek(log, 0, SEEK_END) < 0 || inotify_add_watch(watch, argv[2], IN_MODIFY) < 0)
        give_up("the log cannot be watched");
    struct pollfd ears[] = {{.fd = listen_on(atoi(argv[1])), .events = POLLIN},
                            {.fd = watch, .events = POLLIN},
                            {.fd = STDIN_FILENO, .events = POLLIN}};
    begin_threads();
    printf("ready\n");
    fflush(stdout);
    while (!ears[2].revents && poll(ears, 3, -1) >= 0) {
        char news[4096];
        if (ears[0].revents)
            accept_one(ears[0].fd);
        if (ears[1].revents && read(watch, news, sizeof(news)) > 0)
            tell_line(log);
    }
    return 0;
}
