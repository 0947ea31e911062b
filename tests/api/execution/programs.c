/* SPDX-License-Identifier: Apache-2.0
 * For the tests of execution: programs to have run, and clients that wait for them.
 */
#include "programs.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

char *quoted(const char *text)
{
    return keep(json_dumps(keep_json(json_string(text)), JSON_ENCODE_ANY));
}

person_t guest_person(void)
{
    reply_t *reply = CALL("POST", "/api/v1/auth/guest");
    expect_status(reply, 201);
    return (person_t){.access = text_at(reply->json, "/access_token")};
}

reply_t *execute(person_t who, const char *code)
{
    return CALL("POST", "/api/v1/execute", .token = who.access, .json = F("{\"code\":%s}", quoted(code)));
}

reply_t *execute_with(person_t who, const char *code, const char *limits)
{
    return CALL("POST", "/api/v1/execute", .token = who.access,
                .json = F("{\"code\":%s,\"limits\":%s}", quoted(code), limits));
}

int request_sent(port_t port, const char *token, const char *path, const char *body)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)env.ports[port]), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    char *text = F("POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: "
                   "application/json\r\nContent-Length: %d\r\n\r\n%s",
                   path, token, (int)strlen(body), body);
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return fd;
}

int program_sent(port_t port, const char *token, const char *code)
{
    return request_sent(port, token, "/api/v1/execute", F("{\"code\":%s}", quoted(code)));
}

long metric_of(port_t port, const char *name)
{
    const reply_t *reply = CALL("GET", "/metrics", .port = port);
    expect_status(reply, 200);
    const char *line = strstr(reply->body, F("\n%s ", name));
    ck_assert_msg(line != NULL, "there is no %s", name);
    return atol(line + strlen(name) + 2);
}

void metric_wait(port_t port, const char *name, long wanted)
{
    long now = -1;
    for (int i = 0; i < 400 && now != wanted; i++) {
        now = metric_of(port, name);
        if (now != wanted)
            pause_ms(50);
    }
    ck_assert_msg(now == wanted, "%s is %ld, not %ld", name, now, wanted);
}

/* The pid of a process when this is a living child of `parent`, with its name. */
static int child_of(int parent, const char *pid, char name[32])
{
    int its = 0;
    char state;
    char *stat = file_read(F("/proc/%s/stat", pid), 0);
    bool read = sscanf(stat, "%*d (%31[^)]) %c %d", name, &state, &its) == 3;
    return read && its == parent && state != 'Z' ? atoi(pid) : 0;
}

int children_of(int parent, const char *called, int *pids, int max)
{
    int found = 0, pid;
    char name[32];
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if ((pid = child_of(parent, entry->d_name, name)) && found < max && strncmp(name, called, strlen(called)) == 0)
            pids[found++] = pid;
    if (dir)
        closedir(dir);
    return found;
}

int runner_pid(int httpd)
{
    int pid = 0;
    return children_of(httpd, "forge-runner", &pid, 1) ? pid : 0;
}
