/* SPDX-License-Identifier: Apache-2.0
 * A rush of logins beside somebody who reads: LOGINS clients come within SPREAD seconds, each with one try, while GET
 * /auth/me is asked every few milliseconds; the same reading is measured before, alone. One thread for each of the two,
 * so that the client weighs little. usage: rush PORT TOKEN LOGIN-BODY LOGINS SPREAD IDLE-SECONDS Prints "idle p50 p99
 * rush p50 p99 (microseconds) granted refused other seconds": up to the last answer, from the first login on.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LOGINS_MAX = 5000, READS_MAX = 1 << 18, PAUSE_US = 4000, ANSWER_MAX = 16384, LONGEST_MS = 120000 };

static int port;
static const char *token;
static atomic_bool over;

static long now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

static void give_up(const char *why)
{
    fprintf(stderr, "rush: %s\n", why);
    exit(1);
}

static int connected(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        give_up("cannot connect");
    return fd;
}

static void send_all(int fd, const char *text, size_t len)
{
    if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
        give_up("cannot send");
}

/* --- who reads --- */

typedef struct reading_t {
    long took[READS_MAX];
    int n;
} reading_t;

static reading_t idle, rushed;

/* One answer of a connection that is kept alive; the body is as long as its header says. */
static void read_answer(int fd)
{
    char text[ANSWER_MAX + 1];
    size_t have = 0;
    for (;;) {
        ssize_t n = recv(fd, text + have, ANSWER_MAX - have, 0);
        if (n <= 0)
            give_up("the connection of the reader ended");
        have += (size_t)n;
        text[have] = 0;
        char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "\r\nContent-Length: ");
        if (end && length && (size_t)(end + 4 - text) + strtoul(length + 18, NULL, 10) <= have)
            break;
    }
    if (strncmp(text, "HTTP/1.1 200", 12) != 0)
        give_up("a read was not answered with 200");
}

static void *reads(void *baton)
{
    static char request[10000];
    reading_t *reading = baton;
    int len = snprintf(request, sizeof(request),
                       "GET /api/v1/auth/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", token);
    int fd = connected();
    for (int i = 0; i < READS_MAX && !over; i++) {
        long begun = now_us();
        send_all(fd, request, (size_t)len);
        read_answer(fd);
        reading->took[reading->n++] = now_us() - begun;
        usleep(PAUSE_US);
    }
    close(fd);
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

static long quantile(reading_t *reading, double q)
{
    qsort(reading->took, (size_t)reading->n, sizeof(reading->took[0]), by_size);
    return reading->n ? reading->took[(int)((double)(reading->n - 1) * q)] : 0;
}

/* --- who logs in --- */

static struct pollfd logins[LOGINS_MAX];
static int granted, refused, other;

static void take_answers(int n, int *open)
{
    for (int i = 0; i < n; i++) {
        char text[ANSWER_MAX + 1];
        if (logins[i].fd < 0 || !logins[i].revents)
            continue;
        ssize_t got = recv(logins[i].fd, text, ANSWER_MAX, 0);
        text[got > 0 ? got : 0] = 0;
        granted += strncmp(text, "HTTP/1.1 200", 12) == 0;
        refused += strncmp(text, "HTTP/1.1 503", 12) == 0 || strncmp(text, "HTTP/1.1 429", 12) == 0;
        other += strncmp(text, "HTTP/1.1 200", 12) != 0 && strncmp(text, "HTTP/1.1 503", 12) != 0 &&
                 strncmp(text, "HTTP/1.1 429", 12) != 0;
        close(logins[i].fd);
        logins[i].fd = -1;
        --*open;
    }
}

/* Seconds from the first login to the last answer. */
static double rush(const char *body, int n, double spread)
{
    char request[4096];
    int len = snprintf(request, sizeof(request),
                       "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                       "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                       strlen(body), body);
    long begun = now_us();
    int sent = 0, open = 0;
    while (sent < n || open > 0) {
        long due = begun + (long)(1e6 * spread * sent / n), left = due - now_us();
        if (sent < n && left <= 0) {
            logins[sent] = (struct pollfd){.fd = connected(), .events = POLLIN};
            send_all(logins[sent++].fd, request, (size_t)len);
            open++;
            continue;
        }
        if (now_us() - begun > LONGEST_MS * 1000L)
            give_up("the logins do not end");
        if (poll(logins, (nfds_t)sent, sent < n ? (int)(left / 1000) + 1 : 1000) > 0)
            take_answers(sent, &open);
    }
    return (double)(now_us() - begun) / 1e6;
}

int main(int argc, char **argv)
{
    pthread_t reader;
    int n = argc == 7 ? atoi(argv[4]) : 0;
    if (n < 1 || n > LOGINS_MAX) {
        fprintf(stderr, "usage: rush PORT TOKEN LOGIN-BODY LOGINS SPREAD IDLE-SECONDS\n");
        return 2;
    }
    port = atoi(argv[1]);
    token = argv[2];
    pthread_create(&reader, NULL, reads, &idle);
    sleep((unsigned)atoi(argv[6]));
    over = true;
    pthread_join(reader, NULL);
    over = false;
    pthread_create(&reader, NULL, reads, &rushed);
    double took = rush(argv[3], n, atof(argv[5]));
    over = true;
    pthread_join(reader, NULL);
    printf("%ld %ld %ld %ld %d %d %d %.3f\n", quantile(&idle, 0.5), quantile(&idle, 0.99), quantile(&rushed, 0.5),
           quantile(&rushed, 0.99), granted, refused, other, took);
    return 0;
}
