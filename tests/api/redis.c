/* SPDX-License-Identifier: Apache-2.0
 * Starts and stops a redis-server on a port of the loopback, and nodes that count in it.
 */
#include "redis.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define TRIES     400 /* of 50 ms; a generous end, not a promise about time */
#define WORDS_MAX 24

int redis_port;
static int redis_pid;

char *redis_ask(const char *const *words)
{
    const char *argv[WORDS_MAX] = {"redis-cli", "-p", F("%d", redis_port)};
    char *out;
    for (int i = 0; words[i] && i < WORDS_MAX - 4; i++)
        argv[3 + i] = words[i];
    process_run(NULL, argv, &out);
    return out;
}

void redis_launch(const char *const *argv)
{
    redis_pid = process_start(NULL, argv, F("%s/logs/redis.log", env.dir));
}

static bool has(const char *const *words, const char *word)
{
    for (int i = 0; words && words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

void redis_start(const char *const *more)
{
    if (!redis_port)
        redis_port = port_free();
    const char *argv[WORDS_MAX] = {"redis-server", "--bind", "127.0.0.1", "--save",           "", "--appendonly", "no",
                                   "--dir",        env.dir,  "--port",    F("%d", redis_port)};
    int n = 11;
    if (has(more, "--tls-port"))
        argv[10] = "0";
    for (int i = 0; more && more[i] && n < WORDS_MAX - 1; i++)
        argv[n++] = more[i];
    redis_launch(argv);
    for (int i = 0; i < TRIES && !has(more, "--tls-port"); i++) {
        char *says = REDIS("PING");
        if (strstr(says, "PONG") || strstr(says, "NOAUTH"))
            return;
        pause_ms(50);
    }
    ck_assert_msg(process_alive(redis_pid), "redis-server does not start: %s",
                  file_read(F("%s/logs/redis.log", env.dir), 0));
}

void redis_stop(int number)
{
    if (redis_pid <= 0)
        return;
    process_kill(redis_pid, SIGCONT);
    process_kill(redis_pid, number);
    ck_assert(process_wait(redis_pid, 20));
    redis_pid = 0;
}

void redis_freeze(bool still)
{
    process_kill(redis_pid, still ? SIGSTOP : SIGCONT);
    for (int i = 0; i < TRIES; i++) {
        char *after = strrchr(file_read(F("/proc/%d/stat", redis_pid), 0), ')');
        if (after && (after[2] == 'T') == still)
            return;
        pause_ms(50);
    }
}

void redis_node(port_t port, const char *lines)
{
    if (port == PORT_SECOND)
        env_second_launch(lines);
    else
        env_third_launch(lines);
    ck_assert_msg(port == PORT_SECOND ? env_second_ready(30) : env_third_ready(30), "a node does not serve: %s",
                  log_since("error.log"));
}

void redis_health(port_t port, const char *wanted)
{
    const char *found = "-";
    for (int i = 0; i < TRIES; i++) {
        reply_t *reply = CALL("GET", "/health", .port = port);
        json_t *status = maybe_at(reply->json, "/checks/redis/status");
        found = status ? json_string_value(status) : "-";
        if (strcmp(found, wanted) == 0)
            return;
        pause_ms(50);
    }
    ck_abort_msg("Redis stays \"%s\" instead of \"%s\": %s", found, wanted, log_since("error.log"));
}

long redis_metric(port_t port, const char *sample)
{
    char *at = strstr(CALL("GET", "/metrics", .port = port)->body, F("\n%s ", sample));
    ck_assert_msg(at, "no sample %s", sample);
    return strtol(at + strlen(sample) + 2, NULL, 10);
}

int log_count(const char *part)
{
    int n = 0;
    for (char *at = log_since("error.log"); (at = strstr(at, part)); at++)
        n++;
    return n;
}

bool log_waits(const char *part)
{
    for (int i = 0; i < TRIES; i++) {
        if (log_count(part))
            return true;
        pause_ms(50);
    }
    return false;
}

void redis_tidy(void)
{
    env_second_stop();
    env_third_stop();
    redis_stop(SIGKILL);
    redis_port = 0;
}
