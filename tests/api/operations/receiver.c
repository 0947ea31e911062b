/* SPDX-License-Identifier: Apache-2.0
 * The receiver of the tests, and what it got.
 */
#include "receiver.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int server, port;

static char *file_of(const char *name)
{
    return F("%s/receiver/%s", env.dir, name);
}

void receiver_mode(const char *mode)
{
    file_write(file_of("mode.part"), mode);
    rename(file_of("mode.part"), file_of("mode"));
}

void receiver_stop(void)
{
    if (server > 0) {
        process_kill(server, SIGKILL);
        process_wait(server, 5);
    }
    server = 0;
}

static void launch(void)
{
    server = process_start(NULL,
                           (const char *[]){"python3", F("%s/tests/api/receiver.py", env.source), F("%d", port),
                                            F("%s/receiver", env.dir), NULL},
                           F("%s/logs/receiver.log", env.dir));
    for (int i = 0; i < 400 && !strstr(file_read(file_of("ready"), 0), "ready"); i++)
        pause_ms(50);
}

void receiver_start(const char *mode, const char *directives)
{
    char address[64];
    receiver_stop();
    process_run(NULL, (const char *[]){"rm", "-rf", F("%s/receiver", env.dir), NULL}, NULL);
    mkdir(F("%s/receiver", env.dir), 0755);
    receiver_mode(mode);
    port = port_free();
    launch();
    snprintf(address, sizeof(address), "127.0.0.1:%d", port);
    char *lines = F("%s", "");
    for (const char *at = directives; *at; at += *at == '%' ? 2 : 1)
        lines = *at == '%' ? F("%s%s", lines, address) : F("%s%c", lines, *at);
    env_second_launch(lines);
    ck_assert(env_second_ready(20));
}

char *receiver_text(void)
{
    return file_read(file_of("requests"), 0);
}

json_t *receiver_posts(void)
{
    json_t *posts = keep_json(json_array());
    char *state, *text = receiver_text();
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        json_t *post = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (post) /* the last line may be half written */
            json_array_append_new(posts, post);
    }
    return posts;
}

double receiver_metric(const char *sample)
{
    const char *found = strstr(ON_SECOND("GET", "/metrics", .lenient = true)->body, F("\n%s ", sample));
    return found ? atof(found + strlen(sample) + 2) : -1;
}

void receiver_metric_wait(const char *sample, double least)
{
    double value = -1;
    for (int i = 0; i < 300 && (value = receiver_metric(sample)) < least; i++)
        pause_ms(100);
    ck_assert_msg(value >= least, "%s is %g, not %g", sample, value, least);
}
