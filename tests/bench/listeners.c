/* SPDX-License-Identifier: Apache-2.0
 * Many clients that each read one stream of a log, in one thread with epoll, so that what is measured is the server's
 * delay and little of the client's own work. usage: listeners PORT STREAMS LINES LOG
 * Opens the streams, prints "open" when each has begun, waits for a line on its standard input, then writes LINES lines
 * to LOG one by one, each when all streams have the one before. Prints "p50 p99 longest" in milliseconds: from the
 * moment a line is written to the moment a stream has it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STREAMS_MAX = 20000, LINES_MAX = 100, TEXT_MAX = 2048, AT_ONCE = 256, OPEN_SECONDS = 120, PAUSE_MS = 300 };

typedef struct stream_t {
    int fd, len;
    bool has; /* what is waited for */
    char text[TEXT_MAX + 1];
} stream_t;

static stream_t streams[STREAMS_MAX];
static float delays[(size_t)STREAMS_MAX * LINES_MAX]; /* ms */
static size_t measured;
static int port, count, ring;

static void give_up(const char *why)
{
    fprintf(stderr, "listeners: %s\n", why);
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static void open_stream(stream_t *s)
{
    static const char request[] = "GET /api/v1/monitor/logs/stream/frontend HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (s->fd < 0 || connect(s->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        send(s->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1 ||
        fcntl(s->fd, F_SETFL, O_NONBLOCK) != 0 || epoll_ctl(ring, EPOLL_CTL_ADD, s->fd, &event) != 0)
        give_up("a stream cannot be opened");
}

/* Reads what is there; true: now it has what is waited for. */
static bool read_stream(stream_t *s, const char *wanted)
{
    const ssize_t n = recv(s->fd, s->text + s->len, (size_t)(TEXT_MAX - s->len), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        give_up("a stream has ended, or sends more than it should");
    s->len += n > 0 ? (int)n : 0;
    s->text[s->len] = '\0';
    if (s->has || !strstr(s->text, wanted))
        return false;
    return s->has = true;
}

/* Until each stream has `wanted`; the delays since `written` are kept unless that is 0. */
static void read_all(const char *wanted, double written)
{
    struct epoll_event events[AT_ONCE];
    const double until = now_ms() + OPEN_SECONDS * 1e3;
    for (int left = count; left;) {
        if (now_ms() > until)
            give_up("some streams got too little");
        const int n = epoll_wait(ring, events, AT_ONCE, 1000);
        for (int i = 0; i < n; i++) {
            if (!read_stream(events[i].data.ptr, wanted))
                continue;
            left--;
            if (written > 0)
                delays[measured++] = (float)(now_ms() - written);
        }
    }
}

static void forget_all(void)
{
    for (int i = 0; i < count; i++) {
        streams[i].len = 0;
        streams[i].has = false;
    }
}

static void tell(int log, int line)
{
    char text[200], wanted[64];
    snprintf(wanted, sizeof(wanted), "line %d of %d.", line, count);
    const int len = snprintf(text, sizeof(text), "{\"level\": \"info\", \"msg\": \"%s\"}\n", wanted);
    forget_all();
    const double written = now_ms();
    if (write(log, text, (size_t)len) != len)
        give_up("the log cannot be written");
    read_all(wanted, written);
    pause_ms(PAUSE_MS);
}

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double quantile(double q)
{
    return (double)delays[(size_t)((double)(measured - 1) * q)];
}

int main(int argc, char **argv)
{
    char line[8];
    const int lines = argc == 5 ? atoi(argv[3]) : 0;
    port = argc == 5 ? atoi(argv[1]) : 0;
    count = argc == 5 ? atoi(argv[2]) : 0;
    const int log = argc == 5 ? open(argv[4], O_WRONLY | O_APPEND) : -1;
    if (port < 1 || count < 1 || count > STREAMS_MAX || lines < 1 || lines > LINES_MAX || log < 0)
        give_up("usage: listeners PORT STREAMS LINES LOG");
    ring = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        open_stream(&streams[i]);
        if (i % 200 == 199)
            pause_ms(50);
    }
    read_all("\nid: ", 0);
    printf("open\n");
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        give_up("nobody says to begin");
    for (int n = 0; n < lines; n++)
        tell(log, n);
    qsort(delays, measured, sizeof(delays[0]), by_size);
    printf("%.1f %.1f %.1f\n", quantile(0.5), quantile(0.99), quantile(1));
    return 0;
}
