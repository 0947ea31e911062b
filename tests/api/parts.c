/* SPDX-License-Identifier: Apache-2.0
 * A back end that answers as the last segment of its path says: well, with rubbish, too late, with too much. Each
 * connection has a thread, so that one that hangs holds up no other.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BIG     (3 * 1024 * 1024)
#define HANG_MS 5000
#define MEET_MS 1500

static const struct {
    const char *name, *head, *body;
} answers[] = {
    {"json", "200 OK\r\nContent-Type: application/json", " {\"a\": 1.50, \"b\":[1234567890123456789]}\n"},
    {"list",
     "200 OK\r\nContent-Type: application/json\r\nETag: \"abc\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT",
     "[{\"id\":1,\"user\":{\"fullName\":\"Ada\",\"password\":\"x\"}},{\"id\":2,\"user\":{\"fullName\":\"Bob\","
     "\"p\\u0061ssword\":\"y\"}},7]"},
    {"wrapped", "200 OK\r\nContent-Type: application/vnd.lab+json\r\nETag: W/\"w\"",
     "{\"data\":{\"x\":1e400},\"n\":null}"},
    {"problem", "409 Conflict\r\nContent-Type: application/problem+json", "{\"id\":1,\"title\":\"no\"}"},
    {"failed", "422 Unprocessable Content\r\nContent-Type: application/json", "{\"id\":1}"},
    {"text", "200 OK\r\nContent-Type: text/plain", "one\n\"two\"\n"},
    {"latin", "200 OK\r\nContent-Type: text/plain; charset=iso-8859-1", "caf\xe9"},
    {"binary", "200 OK\r\nContent-Type: image/png", "\x89PNG"},
    {"events", "200 OK\r\nContent-Type: text/event-stream", "data: x\n\n"},
    {"download", "200 OK\r\nContent-Type: application/json\r\nContent-Disposition: attachment; filename=a", "{}"},
    {"packed", "200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip", "\x1f\x8b"},
    {"garbage", "200 OK\r\nContent-Type: application/json", "{\"a\":1,}"},
    {"deep", "200 OK\r\nContent-Type: application/json", NULL},
    {"moved", "302 Found\r\nContent-Type: text/plain\r\nLocation: https://evil.example/", "moved"},
    {"nothing", "204 No Content", ""},
    {"cookie", "200 OK\r\nContent-Type: application/json\r\nSet-Cookie: a=b", "{}"},
    {"untyped", "200 OK", "plain"},
};

static void say(int fd, const char *head, const char *body, size_t length, size_t promised)
{
    char top[1024];
    int n =
        snprintf(top, sizeof(top), "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", head, promised);
    if (send(fd, top, (size_t)n, MSG_NOSIGNAL) < 0)
        return;
    while (length > 0) {
        ssize_t sent = send(fd, body, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        body += sent;
        length -= (size_t)sent;
    }
}

/* The whole request, as a JSON string of its head. */
static void echo(int fd, const char *head)
{
    char *text = malloc(65536);
    size_t n = 1;
    text[0] = '"';
    for (; *head && n < 65000; head++)
        n += (size_t)snprintf(text + n, 8,
                              *head == '\r'   ? ""
                              : *head == '\n' ? "\\n"
                              : *head == '"'  ? "\\\""
                                              : "%c",
                              *head);
    text[n++] = '"';
    say(fd, "200 OK\r\nContent-Type: application/json", text, n, n);
    free(text);
}

static void big(int fd, bool json)
{
    char *text = malloc(BIG);
    memset(text, json ? '1' : 'x', BIG);
    say(fd, json ? "200 OK\r\nContent-Type: application/json" : "200 OK\r\nContent-Type: text/plain", text, BIG, BIG);
    free(text);
}

/* Two that are asked at the same time; one that stays alone says so. */
static void meet(int fd)
{
    static int here;
    const int mine = __atomic_add_fetch(&here, 1, __ATOMIC_ACQ_REL);
    for (int i = 0; i < MEET_MS / 10 && __atomic_load_n(&here, __ATOMIC_ACQUIRE) <= mine && mine % 2; i++)
        usleep(10000);
    const bool met = mine % 2 == 0 || __atomic_load_n(&here, __ATOMIC_ACQUIRE) > mine;
    if (!met)
        __atomic_sub_fetch(&here, 1, __ATOMIC_ACQ_REL);
    say(fd, met ? "200 OK\r\nContent-Type: text/plain" : "409 Conflict\r\nContent-Type: text/plain", "", 0, 0);
}

static void answer(int fd, const char *head)
{
    char name[32] = "";
    const char *path = strchr(head, ' '), *end = path ? strpbrk(path + 1, " ?") : NULL, *at = end;
    bool bare = strncmp(head, "HEAD ", 5) == 0;
    while (at && at > head && at[-1] != '/')
        at--;
    if (at)
        snprintf(name, sizeof(name), "%.*s", (int)(end - at), at);
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
        if (strcmp(answers[i].name, name) == 0 && answers[i].body) {
            const char *none = strstr(head, "If-None-Match: \"abc\"");
            if (none && strcmp(name, "list") == 0)
                say(fd, "304 Not Modified\r\nETag: \"abc\"", "", 0, 0);
            else
                say(fd, answers[i].head, answers[i].body, bare ? 0 : strlen(answers[i].body), strlen(answers[i].body));
        }
    if (strcmp(name, "deep") == 0) {
        char text[201];
        memset(text, '[', 100);
        memset(text + 100, ']', 100);
        say(fd, "200 OK\r\nContent-Type: application/json", text, 200, 200);
    }
    if (strcmp(name, "echo") == 0)
        echo(fd, head);
    if (strcmp(name, "big") == 0 || strcmp(name, "number") == 0)
        big(fd, name[0] == 'n');
    if (strcmp(name, "short") == 0)
        say(fd, "200 OK\r\nContent-Type: application/json", "{\"a\":", 5, 50);
    if (strcmp(name, "slow") == 0)
        usleep(1000 * 300);
    if (strcmp(name, "slow") == 0)
        say(fd, "200 OK\r\nContent-Type: application/json", "1", 1, 1);
    if (strcmp(name, "meet") == 0)
        meet(fd);
    if (strcmp(name, "hang") == 0)
        usleep(1000 * HANG_MS);
}

static void *serve_one(void *baton)
{
    int fd = (int)(long)baton;
    char head[16384] = "";
    size_t length = 0;
    for (ssize_t n; length < sizeof(head) - 1 && (n = recv(fd, head + length, sizeof(head) - 1 - length, 0)) > 0;) {
        length += (size_t)n;
        head[length] = 0;
        if (strstr(head, "\r\n\r\n"))
            break;
    }
    if (length > 8)
        answer(fd, head);
    shutdown(fd, SHUT_WR);
    close(fd);
    return NULL;
}

static void *serve(void *baton)
{
    int listener = *(int *)baton;
    pthread_t thread;
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;)
        if (pthread_create(&thread, NULL, serve_one, (void *)(long)fd) == 0)
            pthread_detach(thread);
    return NULL;
}

char *parts_lines(void)
{
    static int port, listener;
    if (!port)
        port = back_end_start(serve, &listener);
    return F(
        "ForgeAggregateTimeout 2s\nProxyPass \"/api/v1/parts/\" \"http://127.0.0.1:%d/\"\n"
        "ProxyPass \"/api/v1/guarded/\" \"http://127.0.0.1:%d/\"\n"
        "<Location \"/api/v1/parts\">\nRequire all granted\n</Location>\n"
        "<Location \"/api/v1/guarded\">\nAuthType Forge\nRequire forge-role instructor\nForgeRateLimit user 3/1h "
        "user\n</Location>\n"
        "ProxyPass \"/api/v1/shaped/\" \"http://127.0.0.1:%d/\"\nProxyPass \"/api/v1/told/\" \"http://127.0.0.1:%d/\"\n"
        "<Location \"/api/v1/shaped\">\nRequire all granted\nForgeTransform rename user.fullName full_name\n"
        "ForgeTransform drop user.password\nForgeTransform unwrap data\n</Location>\n"
        "<Location \"/api/v1/shaped/as-it-is\">\nForgeTransform off\n</Location>\n"
        "<Location \"/api/v1/told\">\nRequire all granted\nForgeTransform rename title message\n"
        "ForgeTransform problems\n</Location>\n"
        "<Location \"/api/v1/exercises\">\nForgeTransform rename title name\nForgeTransform drop version\n"
        "ForgeTransform wrap author_id author\n</Location>\n",
        port, port, port, port);
}
