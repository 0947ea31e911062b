/* SPDX-License-Identifier: Apache-2.0
 * Log files as they grow: what is written arrives once, in order and at everybody, over rotations, restarts and breaks
 * of the connection; who may look, how many, and for how long.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SECONDS = 30, CROWD = 2000, LINES = 3 };

#define STREAMS "forge_sse_streams"
#define PATH    "/api/v1/monitor/logs/stream/"

/* --- the file --- */

static char *path_of(const char *name)
{
    return F("%s/logs/%s", env.dir, name);
}

static void append_to(const char *name, const char *text)
{
    int fd = open(path_of(name), O_WRONLY | O_APPEND | O_CREAT, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}
#define append(text) append_to("frontend.log", text)

static void metric_settles(const char *name, long wanted)
{
    for (int i = 0; i < 600 && metric(name) != wanted; i++)
        pause_ms(50);
    ck_assert_msg(metric(name) == wanted, "%s is %ld, not %ld", name, metric(name), wanted);
}

/* Nobody follows the files any more, in no child. */
static void all_left(void)
{
    metric_settles(STREAMS, 0);
    pause_ms(300);
}

static void set_up(void)
{
    all_left();
    unlink(path_of("frontend.log.1"));
    file_write(path_of("frontend.log"), "{\"msg\":\"before\"}\n");
}

static char *line(const char *level, const char *text)
{
    return F("{\"ts\":\"2026-11-28T10:00:00Z\",\"level\":\"%s\",\"msg\":\"%s\"}\n", level, text);
}

/* As logrotate does it: the file is renamed and a new one made, or it is copied and cut off. */
static void rotate(bool copies)
{
    char *text = file_read(path_of("frontend.log"), 0);
    if (!copies) {
        ck_assert_int_eq(rename(path_of("frontend.log"), path_of("frontend.log.1")), 0);
        file_write(path_of("frontend.log"), "");
        return;
    }
    file_write(path_of("frontend.log.1"), text);
    ck_assert_int_eq(truncate(path_of("frontend.log"), 0), 0);
}

/* --- clients --- */

typedef struct stream_t {
    int fd;
    char *text; /* what has come: the head, then the body without its chunks; malloc'd */
    size_t length, room;
    size_t left; /* of the chunk */
    char size[16];
    bool body, ended;
} stream_t;

typedef struct opening_t {
    port_t port;
    const char *token, *query, *last, *from;
} opening_t;

static stream_t stream_with(const char *service, const opening_t *how)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)env.ports[how->port]),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                       own = {.sin_family = AF_INET};
    stream_t stream = {.fd = socket(AF_INET, SOCK_STREAM, 0), .text = calloc(1, 1024), .room = 1024};
    if (how->from) {
        inet_pton(AF_INET, how->from, &own.sin_addr);
        ck_assert_int_eq(bind(stream.fd, (struct sockaddr *)&own, sizeof(own)), 0);
    }
    ck_assert_int_eq(connect(stream.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    char *text =
        F("GET " PATH "%s?%s HTTP/1.1\r\nHost: localhost\r\n%s%s%s%s%s%s\r\n", service, how->query ? how->query : "",
          how->token ? "Authorization: Bearer " : "", how->token ? how->token : "", how->token ? "\r\n" : "",
          how->last ? "Last-Event-ID: " : "", how->last ? how->last : "", how->last ? "\r\n" : "");
    ck_assert_int_eq(send(stream.fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return stream;
}
#define STREAM(service, ...) stream_with(service, &(opening_t){__VA_ARGS__})

/* One byte of what came. The last chunk is marked in the text, for stream_end. */
static void take_byte(stream_t *stream, char c)
{
    if (!stream->body || stream->left > 0) {
        stream->text[stream->length++] = c;
        stream->text[stream->length] = 0;
        stream->left -= stream->body;
        bool begins = !stream->body && c == '\n' && stream->length > 4 &&
                      strcmp(stream->text + stream->length - 4, "\r\n\r\n") == 0;
        stream->body |= begins;
        if (begins && !strcasestr(stream->text, "\r\nTransfer-Encoding: chunked"))
            stream->left = (size_t)-1; /* no stream */
        return;
    }
    size_t n = strlen(stream->size);
    if (c != '\n') {
        stream->size[n < sizeof(stream->size) - 1 ? n : n - 1] = c;
        return;
    }
    stream->left = strtoul(stream->size, NULL, 16);
    if (stream->left == 0 && stream->size[0] == '0')
        stream->length += (size_t)sprintf(stream->text + stream->length, "[end]");
    memset(stream->size, 0, sizeof(stream->size));
}

static void stream_take(stream_t *stream, int milliseconds)
{
    char part[65536];
    struct pollfd wait = {.fd = stream->fd, .events = POLLIN};
    if (stream->ended || poll(&wait, 1, milliseconds) <= 0)
        return;
    ssize_t n = recv(stream->fd, part, sizeof(part), 0);
    stream->ended = n <= 0;
    if (n > 0 && stream->room < stream->length + (size_t)n + 16)
        stream->text = realloc(stream->text, stream->room = (stream->length + (size_t)n) * 2 + 1024);
    for (ssize_t i = 0; i < n; i++)
        take_byte(stream, part[i]);
}

static void stream_until(stream_t *stream, const char *wanted)
{
    for (int i = 0; i < SECONDS * 10 && !stream->ended && !strstr(stream->text, wanted); i++)
        stream_take(stream, 100);
    ck_assert_msg(strstr(stream->text, wanted) != NULL, "\"%s\" does not come: %s%.3000s", wanted,
                  stream->ended ? "(ended) " : "", stream->text);
}

static void stream_end(stream_t *stream)
{
    stream_until(stream, "[end]");
    close(stream->fd);
}

static void stream_close(stream_t *stream)
{
    close(stream->fd);
    free(stream->text);
    stream->text = NULL;
}

/* Opened, and told where it is. */
static stream_t opened(const char *service, const opening_t *how)
{
    stream_t stream = stream_with(service, how);
    stream_until(&stream, "\nid: ");
    return stream;
}
#define OPENED(service, ...) opened(service, &(opening_t){__VA_ARGS__})

/* What stands behind each of these, parted by '|'. */
static char *all_of(const stream_t *stream, const char *name)
{
    char *all = F("%s", "");
    for (const char *at = stream->text; (at = strstr(at, name));) {
        at += strlen(name);
        all = F("%s%.*s|", all, (int)strcspn(at, "\"\r\n"), at);
    }
    ck_assert_msg(strlen(all) < 2000, "too many: %.2000s", all);
    return all;
}

static char *last_id(const stream_t *stream)
{
    const char *found = NULL;
    for (const char *at = stream->text; (at = strstr(at, "\nid: ")); at++)
        found = at + 5;
    ck_assert_ptr_nonnull(found);
    return F("%.*s", (int)strcspn(found, "\r\n"), found);
}

static bool suspends(void)
{
    return strcmp(env.mpm, "event") == 0;
}

/* --- lines --- */

START_TEST(lines_arrive_as_events)
{
    set_up();
    stream_t all = OPENED("all", .query = "q=tail-line"), warnings = OPENED("frontend", .query = "level=warn&q=tail");
    append(line("info", "tail-line one"));
    append(line("error", "tail-line two"));
    append(line("error", "others"));
    append_to("database.log",
              "2026-11-28 10:00:00.000 UTC [7] ERROR:  tail-line three\n2026-11-28 10:00:00.000 UTC [7] "
              "DETAIL:  why\n");
    stream_until(&all, "two");
    stream_until(&all, "tail-line three\\nDETAIL:  why\"");
    stream_until(&warnings, "two");
    ck_assert_str_eq(all_of(&warnings, "\"msg\":\""), "tail-line two|");
    ck_assert(strcasestr(all.text, "\r\nContent-Type: text/event-stream"));
    ck_assert(strcasestr(all.text, "\r\nCache-Control: no-store\r\n"));
    ck_assert(strstr(all.text, "retry: 3000\n") && strstr(all.text, "\nevent: log\n"));
    const char *data = strstr(warnings.text, "\ndata: ") + 7;
    json_t *one = keep_json(json_loads(F("%.*s", (int)strcspn(data, "\n"), data), 0, NULL));
    ck_assert_str_eq(text_at(one, "/id"), last_id(&warnings));
    ck_assert_str_eq(text_at(one, "/level"), "error");
    ck_assert_str_eq(text_at(one, "/service"), "frontend");
    ck_assert_str_eq(text_at(one, "/ts"), "2026-11-28T10:00:00.000000Z");
    stream_close(&all);
    stream_close(&warnings);
    metric_settles(STREAMS, 0);
}
END_TEST

START_TEST(rotations_are_followed)
{
    set_up();
    stream_t stream = OPENED("frontend", 0);
    for (int i = 0; i < 4; i++) {
        append(line("info", F("line %d", i * 2)));
        stream_until(&stream, F("line %d", i * 2));
        rotate(i % 2);
        append(line("info", F("line %d", i * 2 + 1)));
        stream_until(&stream, F("line %d", i * 2 + 1));
    }
    ck_assert_str_eq(all_of(&stream, "\"msg\":\"line "), "0|1|2|3|4|5|6|7|");
    stream_close(&stream);
}
END_TEST

/* What was written meanwhile, each line once, in whichever child: also where the file was rotated in between. */
static void comes_again(bool copies)
{
    set_up();
    stream_t stream = OPENED("frontend", 0);
    append(line("info", "one"));
    stream_until(&stream, "\"one\"");
    char *last = last_id(&stream);
    stream_close(&stream);
    all_left();
    append(line("info", "two"));
    rotate(copies);
    append(line("info", "three"));
    append(line("info", "four"));
    for (int i = 0; i < 4; i++) {
        stream_t again = OPENED("frontend", .last = last);
        stream_until(&again, "\"four\"");
        append(line("info", F("now %d", i)));
        stream_until(&again, F("now %d", i));
        char *messages = all_of(&again, "\"msg\":\"");
        ck_assert_msg(strncmp(messages, "two|three|four|now 0|", 21) == 0 &&
                          !strstr(strstr(messages, "two") + 1, "two"),
                      "%.2000s", messages);
        stream_close(&again);
    }
}

START_TEST(who_comes_again_misses_nothing)
{
    comes_again(false);
    comes_again(true);
}
END_TEST

/* Nothing waits for a client that does not read: its stream is cut off, before the kernel would give it up, with what
 * it has not read. */
START_TEST(who_does_not_read_is_cut_off)
{
    set_up();
    watchdog(120);
    stream_t deaf = OPENED("frontend", 0);
    char *lines = malloc(600 * 2048), *at = lines; /* more than the kernels of both sides take */
    for (int i = 0; i < 600; i++)
        at += sprintf(at, "{\"level\":\"info\",\"msg\":\"%01500d\"}\n", i);
    append(lines);
    free(lines);
    for (int i = 0; i < 600 && !strstr(log_since("error.log"), "FG0495"); i++)
        pause_ms(100);
    ck_assert_ptr_nonnull(strstr(log_since("error.log"), "FG0495"));
    metric_settles(STREAMS, 0);
    ck_assert(!deaf.ended);
    while (!deaf.ended)
        stream_take(&deaf, 1000);
    ck_assert_ptr_null(strstr(deaf.text, F("%01500d", 599)));
    stream_close(&deaf);
}
END_TEST

/* More than one turn can say, in order. */
START_TEST(a_long_absence_is_caught_up)
{
    set_up();
    stream_t stream = OPENED("frontend", 0);
    char *last = last_id(&stream), *lines = malloc(4000 * 128), *at = lines;
    stream_close(&stream);
    for (int i = 0; i < 4000; i++)
        at += sprintf(at, "{\"level\":\"info\",\"msg\":\"line %04d ..............................\"}\n", i);
    append(keep(lines));
    stream = OPENED("frontend", .last = last);
    stream_until(&stream, "line 3999");
    append(line("info", "and now"));
    stream_until(&stream, "and now");
    const char *found = stream.text;
    for (int i = 0; i < 4000; i++) {
        found = strstr(found, "\"msg\":\"line ");
        ck_assert_msg(found && atoi(found + 12) == i, "line %d is %.20s", i, found ? found : "missing");
        found++;
    }
    ck_assert_ptr_null(strstr(found, "\"msg\":\"line "));
    stream_close(&stream);
}
END_TEST

/* It is the client's word. */
START_TEST(rubbish_for_a_last_id_means_from_now_on)
{
    static const char *const ids[] = {"0_0",   "ffff_1", "1-2-3-4-5-6-7", "../../etc/passwd", "-1",    "--",
                                      "12_ab", "_",      "deleted",       "999999999999",     "a.b_c", NULL};
    set_up();
    stream_t first = OPENED("frontend", 0);
    append(line("info", "old"));
    stream_until(&first, "\"old\"");
    for (const char *const *id = ids; *id; id++) {
        stream_t stream = OPENED("frontend", .last = *id);
        append(line("info", F("new %s", id[0])));
        stream_until(&stream, "\"new ");
        ck_assert_msg(!strstr(stream.text, "\"old\""), "%s: %.2000s", *id, stream.text);
        stream_close(&stream);
    }
    stream_close(&first);
}
END_TEST

/* --- who, how many, how long --- */

START_TEST(unknown_services_have_no_stream)
{
    expect_problem(CALL("GET", PATH "nothing"), "not_found");
    expect_problem(CALL("GET", PATH "frontend.log"), "not_found");
    reply_t *head = CALL("HEAD", PATH "frontend");
    expect_status(head, 200);
    expect_fault(CALL("GET", PATH "frontend?level=loud"), "?level", NULL);
    metric_settles(STREAMS, 0);
}
END_TEST

/* SECURITY 55. Tokens of this host live ten seconds; a session that ends takes its streams along. */
START_TEST(a_stream_ends_with_its_credential)
{
    set_up();
    person_t me = person("admin"), brief = person_again(me, PORT_QUICK);
    stream_t mine = OPENED("frontend", .token = me.access);
    append("{\"msg\":\"first\"}\n");
    stream_until(&mine, "first");
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = me.access), 204);
    append("{\"msg\":\"second\"}\n");
    stream_end(&mine);
    ck_assert_msg(!strstr(mine.text, "second"), "%.2000s", mine.text);
    free(mine.text);
    reply_t *reply = CALL("GET", PATH "frontend", .port = PORT_QUICK, .token = brief.access);
    expect_status(reply, 200);
    expect_says(reply, "retry: 3000");
}
END_TEST

static char *ticket_of(person_t who)
{
    reply_t *reply = CALL("POST", "/api/v1/auth/stream-ticket", .token = who.access);
    expect_status(reply, 201);
    return F("ticket=%s", text_at(reply->json, "/ticket"));
}

/* Where a Require stands before the route, as the shipped configuration has it for whoever comes from elsewhere. */
START_TEST(a_ticket_passes_a_require)
{
    person_t admin = person("admin"), other = person("student");
    expect_log("AH01631"); /* httpd's word on a visitor that a Require refuses */
    env_second_launch("<Location \"/api/v1/monitor/logs\">\nAuthType Forge\nRequire forge-role admin\n</Location>\n");
    ck_assert(env_second_ready(30));
    expect_problem(CALL("GET", PATH "backend", .port = PORT_SECOND), "unauthenticated");
    expect_problem(CALL("GET", F(PATH "backend?%s", ticket_of(other)), .port = PORT_SECOND), "insufficient_scope");
    char *query = ticket_of(admin);
    stream_t stream = OPENED("backend", .port = PORT_SECOND, .query = query);
    expect_problem(CALL("GET", F(PATH "backend?%s", query), .port = PORT_SECOND), "invalid_token");
    expect_problem(CALL("GET", F("/api/v1/monitor/logs/backend?%s", ticket_of(admin)), .port = PORT_SECOND),
                   "unauthenticated");
    stream_close(&stream);
    env_second_stop();
}
END_TEST

START_TEST(a_ticket_opens_one_stream)
{
    set_up();
    person_t me = person("admin");
    char *query = ticket_of(me);
    stream_t stream = OPENED("frontend", .query = query), again = STREAM("frontend", .query = query);
    stream_until(&again, "invalid_token");
    append(line("info", "ticket"));
    stream_until(&stream, "\"ticket\"");
    stream_close(&stream);
    stream_close(&again);
}
END_TEST

START_TEST(only_so_many_are_open)
{
    set_up();
    const char *here = "127.0.2.95";
    stream_t first = OPENED("frontend", .port = PORT_LIMITS, .from = here),
             second = OPENED("all", .port = PORT_LIMITS, .from = here),
             refused = STREAM("frontend", .port = PORT_LIMITS, .from = here);
    stream_until(&refused, "\"rate_limited\"");
    ck_assert_int_eq(answer_status(refused.text), 429);
    stream_close(&first);
    stream_close(&second);
    stream_close(&refused);
    metric_settles(STREAMS, 0);
}
END_TEST

START_TEST(a_graceful_stop_loses_no_line)
{
    set_up();
    stream_t stream = OPENED("frontend", 0);
    append(line("info", "one"));
    stream_until(&stream, "\"one\"");
    env_httpd_graceful();
    stream_end(&stream);
    append(line("info", "two"));
    ck_assert(env_wait_ready(20));
    stream_t again = OPENED("frontend", .last = last_id(&stream));
    append(line("info", "three"));
    stream_until(&again, "\"three\"");
    ck_assert_str_eq(all_of(&again, "\"msg\":\""), "two|three|");
    free(stream.text);
    stream_close(&again);
    metric_settles(STREAMS, 0);
}
END_TEST

typedef struct h2_t {
    person_t me;
    reply_t *reply;
} h2_t;

static void h2_side(int i, void *baton)
{
    h2_t *h2 = baton;
    if (i == 0) {
        h2->reply = CALL("GET", PATH "frontend", .port = PORT_COOKIE, .token = h2->me.access, .http2 = true);
        return;
    }
    metric_settles(STREAMS, 1);
    pause_ms(500);
    append(line("info", "over h2"));
    pause_ms(1500);
    sql("SELECT 1");
    CALL("POST", "/api/v1/auth/logout", .token = h2->me.access);
    append(line("info", "after the end"));
}

START_TEST(over_http2_a_thread_waits)
{
    if (strcmp(env.mpm, "prefork") == 0)
        return;
    expect_log("AH01630"); /* who has logged out and comes again */
    set_up();
    h2_t h2 = {person("admin"), NULL};
    parallel(2, h2_side, &h2);
    fail_now();
    expect_status(h2.reply, 200);
    expect_says(h2.reply, "over h2");
    expect_silent(h2.reply, "after the end");
    metric_settles(STREAMS, 0);
}
END_TEST

/* --- many --- */

/* 2 000 streams on a child of 32 threads: each gets each line, and others are served meanwhile. */
START_TEST(a_crowd_follows_on_few_threads)
{
    if (!suspends())
        return;
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    watchdog(180);
    env_second_launch("ServerLimit 1\nStartServers 1\nThreadsPerChild 32\nMaxRequestWorkers 32\nMinSpareThreads "
                      "1\nMaxSpareThreads 32\nAsyncRequestWorkerFactor 100\n");
    ck_assert(env_second_ready(30));
    set_up();
    person_t reader = person("student");
    stream_t *streams = keep(calloc(CROWD, sizeof(*streams)));
    for (int i = 0; i < CROWD; i++)
        streams[i] = STREAM("frontend", .port = PORT_SECOND, .query = "level=info");
    for (int i = 0; i < CROWD; i++)
        stream_until(&streams[i], "\nid: ");
    for (int n = 0; n < LINES; n++) {
        append(line("info", F("crowd %d", n)));
        append(line("debug", "nobody wants this"));
        expect_status(CALL("GET", "/api/v1/auth/me", .port = PORT_SECOND, .token = reader.access), 200);
    }
    for (int i = 0; i < CROWD; i++) {
        stream_until(&streams[i], F("crowd %d", LINES - 1));
        ck_assert_str_eq(all_of(&streams[i], "\"msg\":\""), "crowd 0|crowd 1|crowd 2|");
    }
    expect_status(CALL("GET", "/api/v1/auth/me", .port = PORT_SECOND, .token = reader.access), 200);
    for (int i = 0; i < CROWD; i++)
        stream_close(&streams[i]);
    env_second_stop();
}
END_TEST

Suite *suite_log_streams(void)
{
    Suite *suite = suite_create("log_streams");
    TCase *tc = case_make(suite, "lines");
    tcase_add_test(tc, lines_arrive_as_events);
    tcase_add_test(tc, rotations_are_followed);
    tcase_add_test(tc, who_comes_again_misses_nothing);
    tcase_add_test(tc, a_long_absence_is_caught_up);
    tcase_add_test(tc, who_does_not_read_is_cut_off);
    tcase_add_test(tc, rubbish_for_a_last_id_means_from_now_on);
    tc = case_make(suite, "callers");
    tcase_add_test(tc, unknown_services_have_no_stream);
    tcase_add_test(tc, a_stream_ends_with_its_credential);
    tcase_add_test(tc, a_ticket_opens_one_stream);
    tcase_add_test(tc, a_ticket_passes_a_require);
    tcase_add_test(tc, only_so_many_are_open);
    tcase_add_test(tc, a_graceful_stop_loses_no_line);
    tcase_add_test(tc, over_http2_a_thread_waits);
    tc = case_make(suite, "crowd");
    tcase_add_test(tc, a_crowd_follows_on_few_threads);
    return suite;
}
