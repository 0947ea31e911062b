/* SPDX-License-Identifier: Apache-2.0
 * Back ends behind the gateway that are sick, well, or both (upstreams.py): what clients are answered, what is counted,
 * and what is told of the members of balancers (SPEC 11, SECURITY 1 and 54). All of it on the second node.
 */
#include "harness.h"
#include "test_places.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef FORGE_HTTPD_MODULES
#define FORGE_HTTPD_MODULES "/usr/lib/apache2/modules"
#endif
#define ASK(method, path, ...) CALL(method, path, .port = PORT_SECOND, .lenient = true, .patience = 20000, __VA_ARGS__)
#define GET(path, ...)         ASK("GET", path, __VA_ARGS__)

static int servers[2];
static int late_port, closed_port; /* of a member that starts late; of one that never does */

/* --- the back ends and the node before them --- */

static int port_of(const char *name)
{
    char *text = "";
    for (int i = 0; i < 400 && !*(text = file_read(F("%s/upstreams/%s.port", env.dir, name), 0)); i++)
        pause_ms(50);
    ck_assert_msg(*text, "the back end %s does not start", name);
    return atoi(text);
}

static void back_ends_stop(void)
{
    for (int i = 0; i < 2; i++) {
        if (servers[i] > 0) {
            process_kill(servers[i], SIGKILL);
            process_wait(servers[i], 5);
        }
        servers[i] = 0;
    }
}

static int launch(const char *one, const char *two, const char *three, const char *four)
{
    return process_start(NULL,
                         (const char *[]){"python3", F("%s/tests/api/upstreams.py", env.source),
                                          F("%s/upstreams", env.dir), one, two, three, four, NULL},
                         F("%s/logs/upstreams.log", env.dir));
}

static void back_ends_start(void)
{
    back_ends_stop();
    process_run(NULL, (const char *[]){"rm", "-rf", F("%s/upstreams", env.dir), NULL}, NULL);
    mkdir(F("%s/upstreams", env.dir), 0755);
    servers[0] = launch("solo", "app", "first", "second");
    late_port = port_free();
    closed_port = port_free();
}

static char *modules(void)
{
    static const char *const names[] = {"slotmem_shm", "lbmethod_byrequests", "proxy_balancer", "proxy_hcheck"};
    const char *dir = getenv("FORGE_TEST_MODULES");
    char *text = F("%s", "");
    for (int i = 0; i < 4; i++)
        text = F("%s<IfModule !mod_%s.c>\nLoadModule %s_module \"%s/mod_%s.so\"\n</IfModule>\n", text, names[i],
                 names[i], dir && *dir ? dir : FORGE_HTTPD_MODULES, names[i]);
    return text;
}

static const char lines[] =
    "<Location \"/api/v1/one\">\nAuthType Forge\nRequire forge-role student\n"
    "ProxyPass \"http://127.0.0.1:%1$d\" timeout=2 retry=0 upgrade=websocket\n"
    "ProxyPassReverse \"http://127.0.0.1:%1$d\"\n"
    "ForgeUpstreamHeaderTimeout 1500ms\nForgeUpstreamTimeout 3s\n</Location>\n"
    "<Location \"/app\">\nAuthType Forge\nRequire forge-role student\nProxyPass \"http://127.0.0.1:%2$d\"\n"
    "ErrorDocument 403 \"<p>page of the site</p>\"\n</Location>\n"
    "<Location \"/free\">\nAuthType Forge\nRequire all granted\nForgeRateLimit default 3/1h ip\n"
    "ProxyPass \"http://127.0.0.1:%2$d/echo\"\n</Location>\n"
    "<Location \"/api/v1/gone\">\nRequire all granted\nProxyPass \"http://127.0.0.1:%5$d\" "
    "connectiontimeout=1\n</Location>\n"
    "<Proxy \"balancer://labs\">\nBalancerMember \"http://127.0.0.1:%3$d\" route=first\n"
    "BalancerMember \"http://127.0.0.1:%4$d\"\nBalancerMember \"http://127.0.0.1:%6$d\" retry=1\n</Proxy>\n"
    "<Location \"/api/v1/labs\">\nAuthType Forge\nRequire forge-role student\nProxyPass \"balancer://labs\"\n"
    "</Location>\n";

static const char sick_lines[] =
    "<Proxy \"balancer://none\">\nBalancerMember \"http://127.0.0.1:%1$d\" retry=3600\nProxySet "
    "forcerecovery=Off\n</Proxy>\n"
    "<Location \"/api/v1/none\">\nAuthType Forge\nRequire all granted\nProxyPass \"balancer://none\"\n</Location>\n"
    "<Proxy \"balancer://checked\">\n"
    "BalancerMember \"http://127.0.0.1:%1$d/\" hcmethod=TCP hcinterval=2 hcfails=1 hcpasses=1\n"
    "BalancerMember \"http://127.0.0.1:%2$d/\" status=+D\n</Proxy>\n";

/* more: members that have failed for good. */
static void gateway_start(bool more)
{
    back_ends_start();
    char *text = F(lines, port_of("solo"), port_of("app"), port_of("first"), port_of("second"), closed_port, late_port);
    env_second_launch(F("%s%s%s", modules(), text, more ? F(sick_lines, closed_port, port_of("first")) : ""));
    ck_assert(env_second_ready(30));
}

static void gateway_stop(void)
{
    env_second_stop();
    back_ends_stop();
}

static char *metrics(void)
{
    reply_t *reply = GET("/metrics");
    expect_status(reply, 200);
    return reply->body;
}

static void await_metric(const char *line)
{
    for (int i = 0; i < 200 && !strstr(metrics(), line); i++)
        pause_ms(100);
    ck_assert_msg(strstr(metrics(), line), "%s is missing: %.2000s", line, strstr(metrics(), "forge_upstream"));
}

/* --- what the back end did wrong is said, and in time: it would go on for minutes --- */

START_TEST(sick_back_ends_are_answered_for)
{
    static const struct {
        const char *mode, *code;
    } cases[] = {{"silent", "upstream_timeout"}, {"headers", "upstream_timeout"}, {"drip", "upstream_timeout"},
                 {"reset", "upstream_failed"},   {"garbage", "upstream_failed"},  {"lines", "upstream_failed"},
                 {"large", "upstream_failed"}};
    person_t ada = person("student");
    expect_log("AH");
    gateway_start(false);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        expect_problem(GET(F("/api/v1/one/%s", cases[i].mode), .token = ada.access), cases[i].code);
    expect_problem(GET("/api/v1/gone/x"), "upstream_failed");
    expect_status(GET("/api/v1/one/echo", .token = ada.access), 200);
}
END_TEST

START_TEST(bodies_that_stop_or_do_not_end_are_cut)
{
    static const char *const modes[] = {"body", "cut", "dripbody", "endless"};
    person_t ada = person("student");
    expect_log("AH");
    gateway_start(false);
    for (int i = 0; i < 4; i++) {
        reply_t *reply = raw_text(
            PORT_SECOND, F("GET /api/v1/one/%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n",
                           modes[i], ada.access));
        ck_assert_msg(strncmp(reply->head, "HTTP/1.1 200", 12) == 0, "%s: %s%.500s", modes[i], reply->head,
                      reply->body);
        ck_assert_msg(!strstr(reply->body, "\r\n0\r\n\r\n"), "%s looks complete", modes[i]);
    }
    expect_status(GET("/api/v1/one/echo", .token = ada.access), 200);
}
END_TEST

/* mod_proxy by itself ends such a connection without a word. */
START_TEST(a_kept_connection_hears_of_resets_too)
{
    person_t ada = person("student");
    expect_log("AH");
    gateway_start(false);
    char *one = F("GET /api/v1/one/reset HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n", ada.access);
    reply_t *reply = raw_text(PORT_SECOND, F("%s\r\n%sConnection: close\r\n\r\n", one, one));
    char *second = strstr(reply->body, "HTTP/1.1 502");
    ck_assert_msg(strncmp(reply->head, "HTTP/1.1 502", 12) == 0 && second, "%.500s%.2000s", reply->head, reply->body);
    ck_assert(strstr(second, "upstream_failed"));
}
END_TEST

START_TEST(errors_of_the_back_end_are_its_own)
{
    person_t ada = person("student");
    expect_log("AH");
    gateway_start(false);
    for (int status = 500; status <= 503; status += 3) {
        reply_t *reply = GET(F("/api/v1/one/err%d", status), .token = ada.access);
        expect_status(reply, status);
        ck_assert_str_eq(reply->body, "<p>its own page</p>");
    }
}
END_TEST

/* --- what passes, and what does not --- */

START_TEST(headers_of_one_hop_stay_here)
{
    person_t ada = person("student");
    gateway_start(false);
    reply_t *reply = raw_text(
        PORT_SECOND, F("GET /api/v1/one/echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                       "Connection: close, X-Hop, X-Forge-User, X-Forge-Role, X-Request-ID\r\nX-Hop: "
                       "hopped\r\nKeep-Alive: hopped\r\n"
                       "Proxy-Authorization: hopped\r\nProxy-Connection: hopped\r\nTE: hopped\r\nTrailer: hopped\r\n"
                       "X-Forwarded-For: 192.0.2.66\r\nX-Forge-User: 1\r\nX_Forge_Role: admin\r\n"
                       "Cookie: __Host-forge_session=secret; lab=mine\r\n\r\n",
                       ada.access));
    ck_assert_msg(strncmp(reply->head, "HTTP/1.1 200", 12) == 0, "%s", reply->head);
    expect_silent(reply, "hopped");
    expect_silent(reply, "secret");
    expect_silent(reply, ada.access);
    expect_silent(reply, "192.0.2.66");
    expect_silent(reply, "admin");
    expect_says(reply, F("\r\nX-Forge-User: %lld\r\n", (long long)ada.id));
    expect_says(reply, "\r\nX-Forge-Role: student\r\n");
    expect_says(reply, "\r\nX-Request-ID: ");
    expect_says(reply, "lab=mine");
}
END_TEST

START_TEST(answers_pass_without_our_cookies_and_its_address)
{
    person_t ada = person("student");
    gateway_start(false);
    reply_t *cookie = GET("/api/v1/one/cookie", .token = ada.access);
    expect_status(cookie, 200);
    ck_assert_int_eq(header_count(cookie, "Set-Cookie"), 1);
    ck_assert_str_eq(header(cookie, "Set-Cookie"), "lab=1; Path=/");
    reply_t *moved = GET("/api/v1/one/moved", .token = ada.access);
    expect_status(moved, 302);
    ck_assert_msg(strstr(header(moved, "Location"), "/api/v1/one/echo/there"), "%s", header(moved, "Location"));
    ck_assert(!strstr(header(moved, "Location"), F(":%d", port_of("solo"))));
    reply_t *early = GET("/api/v1/one/early", .token = ada.access);
    expect_status(early, 200);
    ck_assert_str_eq(early->body, "at last");
}
END_TEST

START_TEST(no_path_leads_out_of_the_location)
{
    static const char *const paths[] = {
        "/api/v1/one/echo/../../../secret",    "/api/v1/one/echo/%2e%2e/%2e%2e/%2e%2e/secret",
        "/api/v1/one/echo/..%2f..%2f/secret",  "/api/v1/one//echo//secret",
        "/api/v1/one/echo/;/..;/../../secret", "/api/v1/one/echo/.%2e/%2e./../secret",
        "/api/v1/one@evil.example/echo",       "/api/v1/one:80@evil.example/echo"};
    person_t ada = person("student");
    expect_log("AH");
    gateway_start(false);
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        reply_t *reply = raw_text(PORT_SECOND, F("GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                                                 "Connection: close\r\n\r\n",
                                                 paths[i], ada.access));
        char *line = strstr(reply->body, "\nGET /");
        if (!line)
            ck_assert_msg(strstr(reply->head, " 40"), "%s: %s", paths[i], reply->head);
        else
            ck_assert_msg(strncmp(line, "\nGET /echo/", 11) == 0 && !strstr(line, "..") && !strstr(line, "//"),
                          "%s: %s", paths[i], line);
    }
}
END_TEST

/* --- what is known of requests: limits, counts, lines, problems --- */

START_TEST(a_quota_of_the_location_holds)
{
    gateway_start(false);
    for (int i = 0; i < 3; i++)
        expect_status(GET("/free/x", .from = "127.0.7.1"), 200);
    reply_t *refused = GET("/free/x", .from = "127.0.7.1");
    expect_problem(refused, "rate_limited");
    ck_assert(atoi(header(refused, "Retry-After")) > 0);
    expect_status(GET("/free/x", .from = "127.0.7.2"), 200);
}
END_TEST

START_TEST(requests_are_counted_and_logged_by_their_location)
{
    person_t ada = person("student");
    expect_log("AH");
    gateway_start(false);
    for (int i = 0; i < 3; i++)
        expect_status(GET(F("/app/echo/%d", i), .token = ada.access, .headers = {"X-Request-ID: seen"}), 200);
    expect_status(GET("/api/v1/one/echo/7", .token = ada.access), 200);
    expect_problem(GET("/app/x"), "unauthenticated");
    reply_t *page = GET("/app/x", .headers = {"Accept: text/html"});
    expect_status(page, 401);
    ck_assert(!strstr(header(page, "Content-Type"), "json"));
    char *figures = metrics();
    ck_assert(strstr(figures, "forge_http_requests_total{method=\"GET\",route=\"/app\",status=\"200\"} 3\n"));
    ck_assert(strstr(figures, "forge_http_requests_total{method=\"GET\",route=\"/app\",status=\"401\"} 2\n"));
    ck_assert(strstr(figures, "forge_http_requests_total{method=\"GET\",route=\"/api/v1/one\",status=\"200\"} 1\n"));
    ck_assert(!strstr(figures, "echo"));
    char *log = log_since("access.json");
    char *line = strstr(log, "\"GET /app 200\"");
    ck_assert_msg(line && strstr(line, "\"seen\"") && strstr(line, F("%lld", (long long)ada.id)), "%.3000s", log);
}
END_TEST

/* --- members of balancers --- */

static void ask_often(int i, void *baton)
{
    const person_t *ada = baton;
    for (int n = 0; n < 12; n++) {
        reply_t *reply = GET("/api/v1/labs/echo", .token = ada->access);
        if (reply->status != 200)
            fail_later("request %d of %d: %d %s", n, i, reply->status, reply->body);
    }
}

static char *state_line(const char *balancer, int port, const char *slash, const char *state)
{
    return F("balancer=\"%s\",member=\"http://127.0.0.1:%d%s\",state=\"%s\"} 1\n", balancer, port, slash, state);
}

START_TEST(a_member_that_refuses_is_left_alone_and_comes_back)
{
    person_t ada = person("student");
    expect_log("AH");
    expect_log("FG0790");
    gateway_start(false);
    parallel(4, ask_often, &ada);
    fail_now();
    await_metric(state_line("labs", late_port, "", "in_error"));
    reply_t *health = GET("/health");
    expect_status(health, 200);
    ck_assert_str_eq(text_at(health->json, "/checks/upstreams/status"), "warn");
    ck_assert_str_eq(text_at(health->json, "/checks/upstreams/members/0/route"), "first");
    ck_assert_str_eq(text_at(health->json, "/checks/upstreams/members/0/state"), "ok");
    ck_assert_str_eq(text_at(health->json, "/checks/upstreams/members/2/state"), "in_error");
    expect_silent(health, "127.0.0.1");
    servers[1] = launch(F("late=%d", late_port), NULL, NULL, NULL);
    port_of("late");
    for (int i = 0; i < 100 && !strstr(metrics(), state_line("labs", late_port, "", "ok")); i++) {
        expect_status(GET("/api/v1/labs/echo", .token = ada.access), 200);
        pause_ms(100);
    }
    await_metric(state_line("labs", late_port, "", "ok"));
    ck_assert_str_eq(text_at(GET("/health")->json, "/checks/upstreams/status"), "pass");
    char *log = "";
    for (int i = 0; i < 50 && !strstr(log = log_since("error.log"), ": ok, was in_error"); i++)
        pause_ms(100);
    ck_assert_msg(strstr(log, ": ok, was in_error"), "%.3000s", log);
}
END_TEST

START_TEST(health_says_what_no_member_serves)
{
    expect_log("AH");
    expect_log("FG0790");
    gateway_start(true);
    expect_problem(GET("/api/v1/none/x"), "upstream_failed");
    reply_t *left = NULL; /* alone */
    for (int i = 0; i < 5; i++)
        expect_problem(left = GET("/api/v1/none/x"), "upstream_unavailable");
    ck_assert(header(left, "Retry-After"));
    await_metric(state_line("none", closed_port, "", "in_error"));
    await_metric(state_line("checked", closed_port, "/", "unhealthy"));
    await_metric(state_line("checked", port_of("first"), "/", "disabled"));
    reply_t *health = GET("/health");
    expect_status(health, 200); /* the rest serves */
    ck_assert_str_eq(text_at(health->json, "/status"), "warn");
    ck_assert_str_eq(text_at(health->json, "/checks/upstreams/status"), "fail");
    char *log = "";
    for (int i = 0; i < 50 && !strstr(log = log_since("error.log"), "balancer://none"); i++)
        pause_ms(100);
    char *told = strstr(log_since("error.log"), "of balancer://none");
    ck_assert_msg(told && strstr(told, ": in_error, was ok"), "%.3000s", log);
    ck_assert_msg(!strstr(told + 5, "of balancer://none"), "it is told of twice: %.3000s", told);
}
END_TEST

/* --- WebSockets --- */

static int socket_open(const char *path, const char *token)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)env.ports[PORT_SECOND]),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = 15};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    char *text = F("GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                   path, token ? F("Authorization: Bearer %s\r\n", token) : "");
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    return fd;
}

/* The header block of the answer. */
static char *head_read(int fd)
{
    static char head[8192];
    size_t length = 0;
    while (length < sizeof(head) - 1 && recv(fd, head + length, 1, 0) == 1) {
        head[++length] = 0;
        if (length > 4 && strcmp(head + length - 4, "\r\n\r\n") == 0)
            break;
    }
    head[length] = 0;
    return head;
}

/* Sends "ping" masked with zeroes, and expects it back. */
static void echo(int fd)
{
    static const char sent[] = "\x81\x84\0\0\0\0ping", wanted[] = "\x81\x04ping";
    char got[sizeof(wanted)] = "";
    ck_assert_int_eq(send(fd, sent, sizeof(sent) - 1, MSG_NOSIGNAL), sizeof(sent) - 1);
    ck_assert_int_eq(recv(fd, got, sizeof(wanted) - 1, MSG_WAITALL), sizeof(wanted) - 1);
    ck_assert_mem_eq(got, wanted, sizeof(wanted) - 1);
}

START_TEST(web_sockets_are_guarded_counted_and_end_with_their_session)
{
    person_t ada = person("student"), bea = person("student");
    static const char echoes[] = "/api/v1/one/socket";
    char rest[64];
    expect_log("AH");
    gateway_start(false);
    int refused = socket_open(echoes, NULL), first = socket_open(echoes, ada.access),
        other = socket_open(echoes, bea.access);
    ck_assert(strstr(head_read(refused), "401"));
    ck_assert(strstr(head_read(first), "HTTP/1.1 101"));
    ck_assert(strstr(head_read(other), "HTTP/1.1 101"));
    close(refused);
    echo(first);
    await_metric("\nforge_websockets 2\n");
    pause_ms(3500); /* longer than ForgeUpstreamTimeout, which is for answers */
    echo(first);
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = ada.access, .json = "{}"), 204);
    ck_assert_int_eq(recv(first, rest, sizeof(rest), 0), 0); /* its session has ended */
    await_metric("\nforge_websockets 1\n");
    echo(other);
    close(first);
    close(other);
    await_metric("\nforge_websockets 0\n");
    ck_assert(strstr(metrics(), "forge_http_requests_total{method=\"GET\",route=\"/api/v1/one\",status=\"101\"} 2\n"));
    ck_assert(strstr(log_since("access.json"), "\"GET /api/v1/one 101\""));
}
END_TEST

/* --- conf/examples/gateway, with Express itself --- */

/* Express and its companions in the versions of the lock file; no package scripts run. False: there is no npm. */
static bool express_install(void)
{
    char *out, *dir = F("%s/express", env.dir);
    if (process_run(NULL, (const char *[]){"sh", "-c", "command -v npm && command -v node", NULL}, NULL) != 0) {
        printf("upstreams: there is no npm, so that Express does not stand behind the gateway in this run\n");
        return false;
    }
    process_run(NULL, (const char *[]){"rm", "-rf", dir, NULL}, NULL);
    process_run(NULL, (const char *[]){"cp", "-r", F("%s/conf/examples/gateway/express", env.source), dir, NULL}, NULL);
    int code = process_run(NULL,
                           (const char *[]){"npm", "ci", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund",
                                            "--loglevel=error", NULL},
                           &out);
    ck_assert_msg(code == 0, "npm: %.2000s", out);
    return true;
}

static int express_start(int port)
{
    char *log = F("%s/logs/express-%d.log", env.dir, port);
    int pid = process_start(
        NULL, (const char *[]){"env", F("PORT=%d", port), "node", F("%s/express/server.js", env.dir), NULL}, log);
    for (int i = 0; i < 600 && !strstr(file_read(log, 0), "listening"); i++)
        pause_ms(50);
    ck_assert_msg(strstr(file_read(log, 0), "listening"), "%.2000s", file_read(log, 0));
    return pid;
}

/* The text with each `from` replaced by `to`. */
static char *replaced(const char *text, const char *from, const char *to)
{
    char *result = F("%s", "");
    for (const char *at; (at = strstr(text, from)); text = at + strlen(from))
        result = F("%s%.*s%s", result, (int)(at - text), text, to);
    return F("%s%s", result, text);
}

static void example_start(int first, int second)
{
    servers[0] = express_start(first);
    servers[1] = express_start(second);
    char *conf = file_read(F("%s/conf/examples/gateway/gateway.conf", env.source), 0);
    conf = replaced(replaced(conf, "127.0.0.1:3001", F("127.0.0.1:%d", first)), "127.0.0.1:3002",
                    F("127.0.0.1:%d", second));
    env_second_launch(F("%s%s", modules(), conf));
    ck_assert(env_second_ready(30));
}

START_TEST(express_behind_the_example_knows_its_visitors)
{
    person_t ada = person("student"), eve = person("student");
    int first = port_free(), second = port_free();
    watchdog(240);
    expect_log("AH");
    expect_log("FG0790");
    if (!express_install())
        return;
    example_start(first, second);
    reply_t *who = GET("/api/v1/labs/whoami", .token = ada.access, .headers = {"X-Forge-Role: admin"});
    expect_status(who, 200);
    ck_assert_int_eq(int_at(who->json, "/id"), ada.id);
    ck_assert_str_eq(text_at(who->json, "/name"), ada.username);
    ck_assert_str_eq(text_at(who->json, "/role"), "student");
    ck_assert_str_eq(text_at(who->json, "/request_id"), header(who, "X-Request-ID"));
    ck_assert_msg(json_is_false(at(who->json, "/credentials")), "%s", who->body);
    ck_assert(header(who, "RateLimit"));
    expect_status(ASK("POST", "/api/v1/labs/notes", .token = ada.access, .json = "{\"text\":\"mine\"}"), 201);
    expect_status(GET(F("/api/v1/labs/notes/%lld", (long long)ada.id), .token = eve.access), 403);
    expect_problem(GET("/api/v1/labs/whoami"), "unauthenticated");
    int fd = socket_open("/api/v1/labs/echo", ada.access);
    ck_assert(strstr(head_read(fd), "HTTP/1.1 101"));
    echo(fd);
    close(fd);
    process_kill(servers[1], SIGKILL);
    process_wait(servers[1], 5);
    servers[1] = 0;
    for (int i = 0; i < 10; i++)
        expect_status(GET("/api/v1/labs/whoami", .token = ada.access), 200);
    await_metric(state_line("labs", second, "", "in_error"));
    ck_assert_str_eq(text_at(GET("/health")->json, "/checks/upstreams/status"), "warn");
    servers[1] = express_start(second);
    for (int i = 0; i < 200 && !strstr(metrics(), state_line("labs", second, "", "ok")); i++) {
        expect_status(GET("/api/v1/labs/whoami", .token = ada.access), 200); /* mod_proxy tries it by a request */
        pause_ms(100);
    }
    await_metric(state_line("labs", second, "", "ok"));
}
END_TEST

Suite *suite_upstreams(void)
{
    Suite *suite = suite_create("upstreams");
    TCase *sick = case_make(suite, "sick back ends");
    tcase_add_checked_fixture(sick, NULL, gateway_stop);
    tcase_add_test(sick, sick_back_ends_are_answered_for);
    tcase_add_test(sick, bodies_that_stop_or_do_not_end_are_cut);
    tcase_add_test(sick, a_kept_connection_hears_of_resets_too);
    tcase_add_test(sick, errors_of_the_back_end_are_its_own);
    TCase *hop = case_make(suite, "what passes");
    tcase_add_checked_fixture(hop, NULL, gateway_stop);
    tcase_add_test(hop, headers_of_one_hop_stay_here);
    tcase_add_test(hop, answers_pass_without_our_cookies_and_its_address);
    tcase_add_test(hop, no_path_leads_out_of_the_location);
    TCase *known = case_make(suite, "what is known of requests");
    tcase_add_checked_fixture(known, NULL, gateway_stop);
    tcase_add_test(known, a_quota_of_the_location_holds);
    tcase_add_test(known, requests_are_counted_and_logged_by_their_location);
    TCase *members = case_make(suite, "members");
    tcase_add_checked_fixture(members, NULL, gateway_stop);
    tcase_add_test(members, a_member_that_refuses_is_left_alone_and_comes_back);
    tcase_add_test(members, health_says_what_no_member_serves);
    TCase *sockets = case_make(suite, "upgrades");
    tcase_add_checked_fixture(sockets, NULL, gateway_stop);
    tcase_add_test(sockets, web_sockets_are_guarded_counted_and_end_with_their_session);
    TCase *example = case_make(suite, "the example");
    tcase_add_checked_fixture(example, NULL, gateway_stop);
    tcase_add_test(example, express_behind_the_example_knows_its_visitors);
    return suite;
}
