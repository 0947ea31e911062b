/* SPDX-License-Identifier: Apache-2.0
 * Members of a balancer, the DNS that names them, and the node before them.
 */
#include "members.h"
#include "test_places.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int server, port, dns_port;

char *upstreams_file(const char *name)
{
    return F("%s/upstreams/%s", env.dir, name);
}

int upstreams_port(void)
{
    return port;
}

int upstreams_dns_port(void)
{
    return dns_port;
}

void upstreams_write(const char *name, const char *text)
{
    file_write(upstreams_file("part"), text);
    ck_assert_int_eq(rename(upstreams_file("part"), upstreams_file(name)), 0);
}

void upstreams_mode(int member, const char *mode)
{
    upstreams_write(F("mode.%d", member), mode);
}

void upstreams_stop(void)
{
    if (server > 0) {
        process_kill(server, SIGKILL);
        process_wait(server, 5);
    }
    server = 0;
}

void upstreams_start(void)
{
    upstreams_stop();
    process_run(NULL, (const char *[]){"rm", "-rf", F("%s/upstreams", env.dir), NULL}, NULL);
    mkdir(F("%s/upstreams", env.dir), 0755);
    upstreams_write("zone", "");
    port = port_free();
    dns_port = port_free();
    server = process_start(NULL,
                           (const char *[]){"python3", F("%s/tests/api/members.py", env.source), F("%d", port),
                                            F("%d", dns_port), F("%s/upstreams", env.dir), F("%d", UPSTREAMS), NULL},
                           F("%s/logs/upstreams.log", env.dir));
    for (int i = 0; i < 400 && !strstr(file_read(upstreams_file("ready"), 0), "ready"); i++)
        pause_ms(50);
}

int upstreams_hits(int member, const char *method, const char *part)
{
    int hits = 0;
    char *state, *text = file_read(upstreams_file("hits"), 0);
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        char was[16] = "", path[200] = "";
        int who = 0;
        if (sscanf(line, "%d %15s %199s", &who, was, path) == 3)
            hits += (!member || who == member) && strcmp(was, method) == 0 && strstr(path, part);
    }
    return hits;
}

char *upstreams_lines(const char *directives)
{
    static const char *const modules[] = {"slotmem_shm", "proxy_balancer", "lbmethod_byrequests", NULL};
    const char *where = getenv("FORGE_TEST_MODULES");
    char *lines = F("%s", "");
    for (const char *const *name = modules; *name; name++)
        lines = F("%s<IfModule !%s_module>\nLoadModule %s_module \"%s/mod_%s.so\"\n</IfModule>\n", lines, *name, *name,
                  where ? where : FORGE_HTTPD_MODULES, *name);
    return F("%s<Location \"/labs\">\nRequire all granted\n</Location>\nProxyPass /labs/ balancer://labs/\n%s", lines,
             directives);
}

void upstreams_node(const char *directives)
{
    env_second_launch(upstreams_lines(directives));
    ck_assert(env_second_ready(20));
}
