/* SPDX-License-Identifier: Apache-2.0
 * Clients that are slow, and answers that are large: neither takes the server from the others.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TRICKLES = 48, READERS_MAX = 200, PAGE = 1024 * 1024, COURSES = 100 };

/* A connection with a small window, on which so much of a request has been sent. */
static int opened_from(const char *from, port_t port, const char *text)
{
    struct sockaddr_in own = {.sin_family = AF_INET}, address = {.sin_family = AF_INET,
                                                                 .sin_port = htons((uint16_t)env.ports[port]),
                                                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), small = 4096;
    inet_pton(AF_INET, from, &own.sin_addr);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return fd;
}

static int opened(port_t port, const char *text)
{
    return opened_from("127.0.0.1", port, text);
}

/* What has come so far; "" when nothing has within that time. */
static char *heard(int fd, int milliseconds)
{
    static char text[2048];
    struct pollfd watch = {.fd = fd, .events = POLLIN};
    ssize_t n = poll(&watch, 1, milliseconds) > 0 ? recv(fd, text, sizeof(text) - 1, 0) : 0;
    text[n > 0 ? n : 0] = 0;
    return text;
}

static const char slow_login[] = "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                                 "application/json\r\nContent-Length: 1000\r\n\r\n{\"username\":\"";

/* --- bodies --- */

/* The deadline is the whole body's: a byte now and then does not move it. Nothing else limits bodies on this host. */
START_TEST(a_body_at_a_trickle_ends)
{
    int fd = opened(PORT_POOL, slow_login);
    char *answer = heard(fd, 0);
    for (int i = 0; i < 150 && !*answer; i++) {
        send(fd, "x", 1, MSG_NOSIGNAL);
        answer = heard(fd, 200);
    }
    ck_assert_msg(strstr(answer, " 408 ") && strstr(answer, "\"request_timeout\""), "%s", answer);
    close(fd);
}
END_TEST

/* Those who send slowly from one address wait in a share of the threads. Who comes beyond it is told so, and whoever
 * sends in one go is served, from the same address too. */
START_TEST(trickling_bodies_leave_room)
{
    if (strcmp(env.mpm, "prefork") == 0)
        return; /* a thread a child: httpd's own time-outs are all there is */
    person_t me = person("instructor");
    int fds[TRICKLES], refused = 0;
    for (int i = 0; i < TRICKLES; i++)
        fds[i] = opened(PORT_POOL, slow_login);
    for (int i = 0; i < TRICKLES; i++) {
        char *answer = heard(fds[i], 300);
        ck_assert_msg(!*answer || (strstr(answer, " 503 ") && strcasestr(answer, "\r\nRetry-After:")), "%s", answer);
        refused += *answer != 0;
    }
    ck_assert_msg(refused >= TRICKLES - 16, "%d of %d are told that it is too much", refused, TRICKLES);
    for (int i = 0; i < 5; i++) {
        expect_status(CALL("POST", "/api/v1/auth/login",
                           .json = F("{\"username\":\"%s\",\"password\":\"%s\"}", me.username, me.password)),
                      200);
        expect_status(CALL("POST", "/api/v1/courses", .token = me.access, .json = "{\"title\":\"T\"}"), 201);
        expect_status(CALL("GET", "/health/live"), 200);
    }
    for (int i = 0; i < TRICKLES; i++)
        close(fds[i]);
}
END_TEST

/* The share is that of an address: its neighbour, which differs in the last character, has one of its own. */
START_TEST(neighbours_have_shares_of_their_own)
{
    static const char *const neighbours[] = {"127.0.2.61", "127.0.2.62", "127.0.2.63"};
    if (strcmp(env.mpm, "prefork") == 0)
        return;
    int fds[TRICKLES], refused = 0, few[3];
    for (int i = 0; i < TRICKLES; i++)
        fds[i] = opened_from("127.0.2.60", PORT_POOL, slow_login);
    for (int i = 0; i < TRICKLES; i++)
        refused += *heard(fds[i], 300) != 0;
    ck_assert_int_ge(refused, TRICKLES - 16);
    for (int i = 0; i < 3; i++)
        few[i] = opened_from(neighbours[i], PORT_POOL, slow_login);
    for (int i = 0; i < 3; i++) {
        char *answer = heard(few[i], 1000);
        ck_assert_msg(!*answer, "%s: %s", neighbours[i], answer);
        close(few[i]);
    }
    for (int i = 0; i < TRICKLES; i++)
        close(fds[i]);
}
END_TEST

/* Credentials are short: where anyone may send them, a body of megabytes is not even read. */
START_TEST(bodies_with_credentials_are_small)
{
    char *big = keep(malloc(20001));
    memset(big, 'x', 20000);
    big[20000] = 0;
    static const char *const paths[] = {"/api/v1/auth/login",          "/api/v1/auth/register",
                                        "/api/v1/users/login",         "/api/v1/auth/password/forgot",
                                        "/api/v1/auth/password/reset", NULL};
    for (const char *const *path = paths; *path; path++) {
        expect_problem(CALL("POST", *path, .json = F("{\"x\":\"%s\"}", big)), "body_too_large");
        expect_problem(CALL("POST", *path, .json = F("{\"x\":\"%s\"}", big), .chunked = true), "body_too_large");
    }
    person_t me = person("instructor");
    expect_status(CALL("POST", "/api/v1/courses", .token = me.access,
                       .json = F("{\"title\":\"T\",\"description\":\"%.19000s\"}", big)),
                  201);
}
END_TEST

/* --- lists --- */

/* Straight into the table, as if they had been there before there were rules: every character is six in an answer. */
static void large_courses(person_t owner)
{
    sql("INSERT INTO forge.courses (title, description, instructor_id) SELECT 'Course ' || i, repeat(E'\\x01', 20000), "
        "%lld FROM generate_series(1, %d) i",
        (long long)owner.id, COURSES);
}

static char *next_of(const reply_t *reply)
{
    const char *link = header(reply, "Link"), *end = link ? strstr(link, ">; rel=\"next\"") : NULL;
    if (!end)
        return NULL;
    const char *from = end;
    while (*from != '<')
        from--;
    return F("%.*s", (int)(end - from - 1), from + 1);
}

static void walk_large(const char *path)
{
    bool seen[1000] = {false};
    int rows = 0, pages = 0;
    for (char *at = F("%s", path); at; pages++) {
        reply_t *reply = CALL("GET", at);
        expect_status(reply, 200);
        ck_assert_uint_lt(reply->length, PAGE + 130 * 1024);
        size_t n = json_array_size(reply->json);
        ck_assert_uint_gt(n, 0);
        for (size_t i = 0; i < n; i++, rows++) {
            json_int_t id = int_at(reply->json, F("/%zu/id", i));
            ck_assert_msg(!seen[id], "%lld comes twice", (long long)id);
            seen[id] = true;
        }
        at = next_of(reply);
    }
    ck_assert_int_eq(rows, COURSES);
    ck_assert_int_gt(pages, 10);
}

START_TEST(a_page_ends_with_its_bytes)
{
    large_courses(person("instructor"));
    walk_large("/api/v1/courses");
    walk_large("/api/v1/courses?skip=0");
    walk_large("/api/v1/courses?sort=-created_at&limit=50");
}
END_TEST

/* How often pages of courses were fetched from the database. */
static long fetched(void)
{
    return metric("forge_db_query_duration_seconds_count{statement=\"course_list_open\"}");
}

static reply_t *page_asked(void)
{
    return CALL("GET", "/api/v1/courses", .port = PORT_POOL, .headers = {"Connection: close"}, .lenient = true);
}

/* Readers that take nothing, one after the other, until no child has room: which of them answers is chance. Few
 * requests in all: after half a minute the readers are cut off. */
static int filled(int *fds)
{
    int n = 0;
    for (int in_a_row = 0; in_a_row < 8; n++) {
        ck_assert_int_lt(n, READERS_MAX);
        fds[n] = opened(PORT_POOL, "GET /api/v1/courses HTTP/1.1\r\nHost: localhost\r\n\r\n");
        char *answer = heard(fds[n], 5000);
        bool full = strstr(answer, " 503 ") && strcasestr(answer, "\r\nRetry-After:");
        ck_assert_msg(full || strstr(answer, " 200 "), "%s", answer);
        in_a_row = full ? in_a_row + 1 : 0;
    }
    ck_assert_int_gt(n, 8); /* some were served */
    return n;
}

/* A child that has no room asks the database once, and then remembers. */
static void expect_refusals_without_questions(void)
{
    int children[64], refused = 0, served = 0;
    for (int i = 0; i < 8; i++)
        page_asked();
    long before = fetched();
    for (int i = 0; i < 60 && refused < 10; i++) {
        reply_t *reply = page_asked();
        served += reply->status == 200;
        if (reply->status == 200)
            continue;
        expect_problem(reply, "unavailable");
        ck_assert(header(reply, "Retry-After") != NULL);
        refused++;
    }
    ck_assert_int_gt(refused, env_children(children, 64));
    ck_assert_int_le(fetched() - before, served + env_children(children, 64));
}

/* Bytes that wait for their readers have a budget: beyond it large answers are 503, small ones go on, and it is there
 * again when the readers have gone. What found no room is not fetched again meanwhile. */
START_TEST(slow_readers_cost_the_budget)
{
    if (strcmp(env.mpm, "event") != 0)
        return; /* elsewhere each of them holds a thread, and those are few */
    int fds[READERS_MAX];
    large_courses(person("instructor"));
    int n = filled(fds);
    expect_refusals_without_questions();
    expect_status(CALL("GET", "/api/v1/courses?limit=1&q=x", .port = PORT_POOL), 200);
    expect_status(CALL("GET", "/api/v1/courses?limit=0&q=x"), 422);
    expect_status(CALL("GET", "/health/live"), 200);
    for (int i = 0; i < n; i++)
        close(fds[i]);
    expect_served("/api/v1/courses", NULL);
}
END_TEST

/* --- texts --- */

/* No control characters but tab, CR and LF, whatever the route and the member. */
START_TEST(texts_hold_no_controls)
{
    static const char *const bad[] = {"\\u0001", "\\u0008", "\\u000b", "\\u001b[2J",
                                      "\\u001f", "\\u007f", "\\u009b", NULL};
    person_t teacher = person("instructor"), admin = person("admin");
    for (const char *const *c = bad; *c; c++) {
        reply_t *reply = CALL("POST", "/api/v1/courses", .token = teacher.access,
                              .json = F("{\"title\":\"a%sb\",\"description\":\"%s\"}", *c, *c));
        expect_problem(reply, "validation_failed");
        expect_fault(reply, "/title", NULL);
        expect_fault(reply, "/description", "control");
        reply = CALL("PATCH", "/api/v1/users/me", .token = teacher.access, .json = F("{\"bio\":\"a%s\"}", *c));
        expect_fault(reply, "/bio", NULL);
        reply = CALL("POST", "/api/v1/achievements", .token = admin.access,
                     .json = F("{\"name\":\"n\",\"description\":\"%s\"}", *c));
        expect_fault(reply, "/description", NULL);
        reply = CALL("POST", "/api/v1/organizations", .token = teacher.access, .json = F("{\"name\":\"a%s\"}", *c));
        expect_fault(reply, "/name", NULL);
        expect_problem(CALL("POST", "/api/v1/auth/login", .json = F("{\"username\":\"a%s\",\"password\":\"x\"}", *c)),
                       "validation_failed");
    }
    expect_problem(CALL("GET", "/api/v1/courses?q=a%01b"), "validation_failed");
    expect_status(CALL("POST", "/api/v1/courses", .token = teacher.access,
                       .json = "{\"title\":\"a\",\"description\":\"tab\\tCR\\rLF\\n\"}"),
                  201);
}
END_TEST

Suite *suite_load(void)
{
    Suite *suite = suite_create("load");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, a_body_at_a_trickle_ends);
    tcase_add_test(all, trickling_bodies_leave_room);
    tcase_add_test(all, neighbours_have_shares_of_their_own);
    tcase_add_test(all, bodies_with_credentials_are_small);
    tcase_add_test(all, a_page_ends_with_its_bytes);
    tcase_add_test(all, slow_readers_cost_the_budget);
    tcase_add_test(all, texts_hold_no_controls);
    return suite;
}
