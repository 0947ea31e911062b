/* SPDX-License-Identifier: Apache-2.0
 * Streams of events: what is on the wire, that an open stream holds no thread, who is cut off and when, how many may be
 * open, and that nobody is forgotten when a child stops or dies.
 *
 * The streams follow analyses, whose state the cases change in the database.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CROWD = 300, FEW = 3, MANY = 24, SECONDS = 30 };

#define STREAMS "forge_sse_streams"

static bool suspends(void)
{
    return strcmp(env.mpm, "event") == 0;
}

/* As many as can be open everywhere: where threads wait, FEW may all meet in one child. */
static int crowd(void)
{
    return suspends() ? CROWD : FEW;
}

static bool metric_becomes(const char *name, long wanted)
{
    for (int i = 0; i < 600 && metric(name) != wanted; i++)
        pause_ms(50);
    return metric(name) == wanted;
}

static void metric_settles(const char *name, long wanted)
{
    ck_assert_msg(metric_becomes(name, wanted), "%s is %ld, not %ld", name, metric(name), wanted);
}

/* --- clients --- */

typedef struct stream_t {
    int fd;
    char *text; /* what has come */
    bool ended;
} stream_t;

typedef struct opening_t {
    port_t port;
    const char *token, *ticket, *last; /* last: Last-Event-ID */
    const char *from;                  /* source address */
    int window;                        /* bytes that the kernel takes for us; 0: as many as it likes */
} opening_t;

static int connect_from(const opening_t *how)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)env.ports[how->port]),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                       own = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (how->from) {
        inet_pton(AF_INET, how->from, &own.sin_addr);
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
    }
    if (how->window)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &how->window, sizeof(how->window));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static stream_t stream_with(json_int_t id, const opening_t *how)
{
    stream_t stream = {.fd = connect_from(how), .text = F("%s", "")};
    char *text = F("GET /api/v1/analysis/sessions/%lld/events%s%s HTTP/1.1\r\nHost: localhost\r\nAccept: "
                   "text/event-stream\r\nAccept-Encoding: gzip\r\n%s%s%s%s%s%s\r\n",
                   (long long)id, how->ticket ? "?ticket=" : "", how->ticket ? how->ticket : "",
                   how->token ? "Authorization: Bearer " : "", how->token ? how->token : "", how->token ? "\r\n" : "",
                   how->last ? "Last-Event-ID: " : "", how->last ? how->last : "", how->last ? "\r\n" : "");
    ck_assert_int_eq(send(stream.fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return stream;
}
#define STREAM(id, ...) stream_with(id, &(opening_t){__VA_ARGS__})

/* Takes what has come, after a wait of at most so long. */
static void stream_take(stream_t *stream, int milliseconds)
{
    char part[8193];
    struct pollfd wait = {.fd = stream->fd, .events = POLLIN};
    if (stream->ended || poll(&wait, 1, milliseconds) <= 0)
        return;
    ssize_t n = recv(stream->fd, part, sizeof(part) - 1, 0);
    stream->ended = n <= 0;
    part[n > 0 ? n : 0] = 0;
    stream->text = F("%s%s", stream->text, part);
}

static void stream_until(stream_t *stream, const char *wanted)
{
    for (int i = 0; i < SECONDS * 10 && !stream->ended && !strstr(stream->text, wanted); i++)
        stream_take(stream, 100);
    ck_assert_msg(strstr(stream->text, wanted) != NULL, "\"%s\" does not come: %s%.3000s", wanted,
                  stream->ended ? "(ended) " : "", stream->text);
}

static bool stream_finished(const stream_t *stream)
{
    size_t n = strlen(stream->text);
    return stream->ended || (n >= 5 && strcmp(stream->text + n - 5, "0\r\n\r\n") == 0);
}

/* To its end, as the server says it (the last chunk); the connection is closed. */
static void stream_end(stream_t *stream)
{
    for (int i = 0; i < SECONDS * 10 && !stream_finished(stream); i++)
        stream_take(stream, 100);
    ck_assert_msg(stream_finished(stream) && strstr(stream->text, "0\r\n\r\n"), "it does not end: %.3000s",
                  stream->text);
    close(stream->fd);
}

static int count_of(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

/* --- what they follow --- */

static void analysis_is(json_int_t id, const char *status, int progress, const char *stage)
{
    bool over = strcmp(status, "queued") && strcmp(status, "running");
    sql("UPDATE forge.jobs SET status = '%s', progress = %d, stage = '%s', lease_until = %s, finished_at = %s"
        " WHERE id = (SELECT job_id FROM forge.analysis_sessions WHERE id = %lld)",
        status, progress, stage, strcmp(status, "running") ? "NULL" : "now() + interval '1 hour'",
        over ? "now()" : "NULL", (long long)id);
}

/* The value of the last line that begins so. */
static char *last_line(const stream_t *stream, const char *name)
{
    const char *found = NULL;
    for (const char *at = stream->text; (at = strstr(at, name)); at++)
        found = at + strlen(name);
    ck_assert_msg(found != NULL, "there is no %s: %.2000s", name, stream->text);
    return F("%.*s", (int)strcspn(found, "\r\n"), found);
}

/* --- on the wire --- */

START_TEST(what_changes_is_told_until_the_end)
{
    person_t me = person("student");
    json_int_t id = analysis_of(me, "queued");
    stream_t stream = STREAM(id, .token = me.access);
    stream_until(&stream, "\"queued\"");
    ck_assert_msg(strcasestr(stream.text, "\r\nContent-Type: text/event-stream") &&
                      strcasestr(stream.text, "\r\nCache-Control: no-store\r\n") &&
                      strcasestr(stream.text, "\r\nX-Accel-Buffering: no\r\n") &&
                      strcasestr(stream.text, "\r\nX-Content-Type-Options: nosniff\r\n"),
                  "%s", stream.text);
    ck_assert(!strcasestr(stream.text, "\r\nContent-Encoding:") && !strcasestr(stream.text, "\r\nContent-Length:"));
    ck_assert(strstr(stream.text, "retry: 3000\n\n"));
    ck_assert_str_eq(last_line(&stream, "\nevent: "), "progress");
    metric_settles(STREAMS, 1);
    analysis_is(id, "running", 40, "text of \"pages\"\n");
    stream_until(&stream, "\"progress\" : 40");
    json_t *data = keep_json(json_loads(last_line(&stream, "\ndata: "), 0, NULL));
    ck_assert_str_eq(text_at(data, "/stage"), "text of \"pages\"\n");
    ck_assert_str_eq(text_at(data, "/status"), "running");
    ck_assert_int_eq(int_at(data, "/id"), id);
    analysis_is(id, "done", 100, "");
    stream_end(&stream);
    ck_assert_str_eq(last_line(&stream, "\nevent: "), "done");
    ck_assert_int_eq(count_of(stream.text, "\nevent: "), 3);
    ck_assert_int_eq(count_of(stream.text, "\nid: "), 3);
    metric_settles(STREAMS, 0);
}
END_TEST

START_TEST(a_failure_says_why)
{
    person_t me = person("student");
    json_int_t id = analysis_of(me, "queued");
    sql("UPDATE forge.jobs SET status = 'failed', lease_until = NULL, finished_at = now(), error_code = "
        "'pdf_encrypted',"
        " error_detail = 'it is protected'");
    reply_t *reply = CALL("GET", F("/api/v1/analysis/sessions/%lld/events", (long long)id), .token = me.access);
    expect_status(reply, 200);
    expect_says(reply, "\nevent: failed\n");
    expect_says(reply, "\"error\" : {\"code\": \"pdf_encrypted\", \"detail\": \"it is protected\"}");
}
END_TEST

START_TEST(what_is_deleted_ends_its_streams)
{
    person_t me = person("student");
    json_int_t id = analysis_of(me, "queued");
    stream_t stream = STREAM(id, .token = me.access);
    stream_until(&stream, "\"queued\"");
    expect_status(CALL("DELETE", F("/api/v1/analysis/sessions/%lld", (long long)id), .token = me.access), 204);
    stream_end(&stream);
    ck_assert_str_eq(last_line(&stream, "\nevent: "), "deleted");
}
END_TEST

START_TEST(a_head_opens_nothing)
{
    person_t me = person("student");
    char *path = F("/api/v1/analysis/sessions/%lld/events", (long long)analysis_of(me, "queued"));
    reply_t *reply = CALL("HEAD", path, .token = me.access);
    expect_status(reply, 200);
    ck_assert_int_eq(strncmp(header(reply, "Content-Type"), "text/event-stream", 17), 0);
    metric_settles(STREAMS, 0);
}
END_TEST

/* A client that comes again gets what it does not know, and at the end is told not to come any more. */
START_TEST(the_last_id_is_honoured)
{
    person_t me = person("student");
    json_int_t id = analysis_of(me, "queued");
    stream_t stream = STREAM(id, .token = me.access);
    stream_until(&stream, "\"queued\"");
    char *last = last_line(&stream, "\nid: ");
    close(stream.fd);
    stream = STREAM(id, .token = me.access, .last = last);
    stream_until(&stream, "retry:");
    analysis_is(id, "done", 100, "");
    stream_end(&stream);
    ck_assert_msg(!strstr(stream.text, "queued"), "%s", stream.text);
    char *path = F("/api/v1/analysis/sessions/%lld/events", (long long)id);
    expect_status(
        CALL("GET", path, .token = me.access, .headers = {F("Last-Event-ID: %s", last_line(&stream, "\nid: "))}), 204);
    expect_status(CALL("GET", path, .token = me.access, .headers = {F("Last-Event-ID: %s", last)}), 200);
}
END_TEST

/* It is the client's word. */
START_TEST(rubbish_for_a_last_id_is_ignored)
{
    static const char *const ids[] = {"",
                                      "0",
                                      "-1",
                                      "' OR 1=1 --",
                                      "../../etc/passwd",
                                      "%00",
                                      "\xff\xfe",
                                      "{}",
                                      "deleted",
                                      "9223372036854775808",
                                      "a b",
                                      "\t",
                                      "\xf0\x9f\x92\xa9",
                                      NULL};
    person_t me = person("student");
    json_int_t id = analysis_of(me, "done");
    char *path = F("/api/v1/analysis/sessions/%lld/events", (long long)id);
    for (const char *const *last = ids; *last; last++) {
        reply_t *reply = CALL("GET", path, .token = me.access, .headers = {F("Last-Event-ID: %s", *last)});
        expect_status(reply, 200);
        expect_says(reply, "\nevent: done\n");
    }
    reply_t *reply = CALL("GET", path, .token = me.access, .headers = {F("Last-Event-ID: %05000d", 7)});
    expect_status(reply, 200);
}
END_TEST

/* --- who may --- */

START_TEST(others_and_nobody_are_refused)
{
    person_t me = person("student"), other = person("student"), admin = person("admin");
    char *path = F("/api/v1/analysis/sessions/%lld/events", (long long)analysis_of(me, "done"));
    expect_problem(CALL("GET", path), "unauthenticated");
    expect_problem(CALL("GET", path, .token = other.access), "not_found");
    expect_status(CALL("GET", path, .token = admin.access), 200);
    expect_problem(CALL("GET", "/api/v1/analysis/sessions/999999/events", .token = me.access), "not_found");
    metric_settles(STREAMS, 0);
}
END_TEST

static char *ticket_of(person_t who)
{
    reply_t *reply = CALL("POST", "/api/v1/auth/stream-ticket", .token = who.access);
    expect_status(reply, 201);
    return F("%s", text_at(reply->json, "/ticket"));
}

START_TEST(a_ticket_opens_one_stream)
{
    person_t me = person("student"), other = person("student");
    json_int_t id = analysis_of(me, "queued");
    char *ticket = ticket_of(me);
    stream_t stream = STREAM(id, .ticket = ticket);
    stream_until(&stream, "\"queued\"");
    stream_t again = STREAM(id, .ticket = ticket), foreign = STREAM(id, .ticket = ticket_of(other));
    stream_until(&again, "invalid_token");
    stream_until(&foreign, "not_found");
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = me.access), 204);
    analysis_is(id, "running", 77, "");
    stream_end(&stream);
    ck_assert_msg(!strstr(stream.text, "\"progress\" : 77"), "%s", stream.text);
    close(again.fd);
    close(foreign.fd);
}
END_TEST

START_TEST(a_stream_ends_with_its_session)
{
    person_t me = person("student"), same = person_again(me, PORT_MAIN);
    json_int_t id = analysis_of(me, "queued");
    stream_t ends = STREAM(id, .token = me.access), stays = STREAM(id, .token = same.access);
    stream_until(&ends, "\"queued\"");
    stream_until(&stays, "\"queued\"");
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = me.access), 204);
    analysis_is(id, "running", 77, "");
    stream_end(&ends);
    ck_assert_msg(!strstr(ends.text, "\"progress\" : 77"), "%s", ends.text);
    stream_until(&stays, "\"progress\" : 77");
    ck_assert(!stays.ended);
    close(stays.fd);
}
END_TEST

/* Tokens of this host live ten seconds. */
START_TEST(a_stream_ends_with_its_token)
{
    person_t me = person("student"), brief = person_again(me, PORT_QUICK);
    stream_t stream = STREAM(analysis_of(me, "queued"), .port = PORT_QUICK, .token = brief.access);
    stream_until(&stream, "\"queued\"");
    stream_end(&stream);
    ck_assert_str_eq(last_line(&stream, "\nevent: "), "progress");
}
END_TEST

/* --- many --- */

/* No stream keeps a connection to the database; else it is told what the database last heard of each. */
static void no_connection_is_out(void)
{
    ck_assert_msg(metric_becomes("forge_db_pool_connections{state=\"busy\"}", 0), "connections are out: %s",
                  sql("SELECT string_agg(concat_ws(' ', state, now() - state_change, left(query, 60)), '; ') FROM "
                      "pg_stat_activity WHERE usename = 'forge_app'"));
}

/* Many times more than there are threads; each gets each event, and one question serves all. */
START_TEST(reads_go_on_while_hundreds_follow)
{
    person_t me = person("student"), reader = person("student");
    json_int_t id = analysis_of(me, "queued"), other = analysis_of(me, "queued");
    int n = crowd();
    stream_t *streams = keep(calloc((size_t)n, sizeof(*streams)));
    watchdog(180);
    for (int i = 0; i < n; i++)
        streams[i] = STREAM(i % 2 ? id : other, .token = me.access);
    for (int i = 0; i < n; i++)
        stream_until(&streams[i], "\"queued\"");
    metric_settles(STREAMS, n);
    expect_served("/api/v1/auth/me", reader.access);
    no_connection_is_out();
    analysis_is(id, "running", 50, "half");
    analysis_is(other, "running", 50, "half");
    for (int i = 0; i < n; i++)
        stream_until(&streams[i], "\"half\"");
    long before = metric("forge_db_query_duration_seconds_count{statement=\"analyses_state\"}");
    ck_assert_int_gt(before, 0);
    ck_assert_msg(!suspends() || before < n, "%ld questions for %d streams", before, n);
    analysis_is(id, "done", 100, "");
    analysis_is(other, "done", 100, "");
    for (int i = 0; i < n; i++)
        stream_end(&streams[i]);
    metric_settles(STREAMS, 0);
}
END_TEST

/* More than may hold a thread are told to come again. */
START_TEST(where_nothing_is_suspended_few_are_open)
{
    stream_t streams[MANY];
    int refused = 0;
    person_t me = person("student");
    json_int_t id = analysis_of(me, "queued");
    if (suspends())
        return;
    for (int i = 0; i < MANY; i++)
        streams[i] = STREAM(id, .token = me.access);
    expect_served("/api/v1/auth/me", me.access);
    analysis_is(id, "done", 100, "");
    for (int i = 0; i < MANY; i++) {
        stream_until(&streams[i], "\r\n\r\n");
        if (answer_status(streams[i].text) == 200) {
            stream_end(&streams[i]);
            continue;
        }
        ck_assert_int_eq(answer_status(streams[i].text), 503);
        ck_assert(strcasestr(streams[i].text, "\r\nRetry-After:"));
        refused++;
        close(streams[i].fd);
    }
    ck_assert_int_ge(refused, 4);
    ck_assert_int_lt(refused, MANY);
}
END_TEST

START_TEST(only_so_many_are_open_from_one_address)
{
    person_t me = person("student"), second = person("student");
    json_int_t id = analysis_of(me, "queued"), its = analysis_of(second, "queued");
    const char *here = "127.0.2.91", *there = "127.0.2.92";
    stream_t first = STREAM(id, .port = PORT_LIMITS, .token = me.access, .from = here),
             next = STREAM(its, .port = PORT_LIMITS, .token = second.access, .from = here);
    stream_until(&first, "\"queued\"");
    stream_until(&next, "\"queued\"");
    stream_t refused = STREAM(id, .port = PORT_LIMITS, .token = me.access, .from = here);
    stream_until(&refused, "\"rate_limited\"");
    ck_assert_int_eq(answer_status(refused.text), 429);
    ck_assert(strcasestr(refused.text, "\r\nRetry-After: 5\r\n"));
    stream_t elsewhere = STREAM(id, .port = PORT_LIMITS, .token = me.access, .from = there);
    stream_until(&elsewhere, "\"queued\"");
    close(first.fd);
    metric_settles(STREAMS, 2);
    first = STREAM(id, .port = PORT_LIMITS, .token = me.access, .from = here);
    stream_until(&first, "\"queued\"");
    ck_assert_int_ge(metric("forge_rate_limited_total{class=\"stream\"}"), 1);
    close(first.fd);
    close(next.fd);
    close(refused.fd);
    close(elsewhere.fd);
    metric_settles(STREAMS, 0);
}
END_TEST

/* --- time --- */

/* All that takes a while, at once: a sign of life on a stream that has nothing to say, the end of one whose session has
 * ended although nothing happens, the end of one whose key is gone, and the end of a client that does not read: the
 * kernel holds the first bytes of its answer, and waits. */
START_TEST(silence_is_filled_and_ended)
{
    person_t me = person("student"), gone = person_again(me, PORT_MAIN);
    json_int_t id = analysis_of(me, "queued");
    watchdog(180);
    reply_t *key = CALL("POST", "/api/v1/auth/api-keys", .token = me.access, .json = "{\"name\":\"k\"}");
    expect_status(key, 201);
    stream_t stays = STREAM(id, .token = me.access), ends = STREAM(id, .token = gone.access),
             keyed = STREAM(id, .token = text_at(key->json, "/key")),
             deaf = STREAM(id, .token = me.access, .window = 1);
    stream_until(&stays, "\"queued\"");
    stream_until(&ends, "\"queued\"");
    stream_until(&keyed, "\"queued\"");
    expect_status(CALL("POST", "/api/v1/auth/logout", .token = gone.access), 204);
    stream_until(&stays, "\n:\n\n");
    stream_end(&ends);
    for (int i = 0; i < 8; i++) { /* more than the kernel takes for somebody who does not read */
        analysis_is(id, "running", i, F("%0100d", i));
        stream_until(&stays, F("%0100d", i));
    }
    metric_settles(STREAMS, 2);
    char *path = F("/api/v1/auth/api-keys/%lld", (long long)int_at(key->json, "/id"));
    expect_status(CALL("DELETE", path, .token = me.access), 204);
    for (int i = 0; i < 100 && !stream_finished(&keyed); i++)
        stream_take(&keyed, 1000);
    stream_end(&keyed);
    ck_assert(!strstr(deaf.text, "queued"));
    stream_take(&stays, 100);
    ck_assert(!stays.ended);
    close(stays.fd);
    close(deaf.fd);
}
END_TEST

/* --- restarts and deaths --- */

START_TEST(a_graceful_stop_sends_its_clients_away)
{
    person_t me = person("student");
    json_int_t id = analysis_of(me, "queued");
    stream_t streams[FEW];
    for (int i = 0; i < FEW; i++)
        streams[i] = STREAM(id, .token = me.access);
    for (int i = 0; i < FEW; i++)
        stream_until(&streams[i], "\"queued\"");
    env_httpd_graceful();
    for (int i = 0; i < FEW; i++) {
        stream_end(&streams[i]);
        ck_assert_msg(count_of(streams[i].text, "retry: ") == 2, "%s", streams[i].text);
    }
    ck_assert(env_wait_ready(20));
    stream_t again = STREAM(id, .token = me.access, .last = last_line(&streams[0], "\nid: "));
    stream_until(&again, "retry: 3000");
    analysis_is(id, "done", 100, "");
    stream_end(&again);
    ck_assert(!strstr(again.text, "queued"));
    metric_settles(STREAMS, 0);
}
END_TEST

START_TEST(a_killed_child_gives_its_places_back)
{
    int children[64];
    person_t me = person("student");
    json_int_t id = analysis_of(me, "queued");
    stream_t streams[2];
    expect_log("AH00052");
    for (int i = 0; i < 2; i++)
        streams[i] = STREAM(id, .port = PORT_LIMITS, .token = me.access, .from = "127.0.2.93");
    for (int i = 0; i < 2; i++)
        stream_until(&streams[i], "\"queued\"");
    int n = env_children(children, 64);
    for (int i = 0; i < n; i++)
        process_kill(children[i], SIGKILL);
    ck_assert(env_wait_ready(30));
    for (int i = 0; i < 2; i++) {
        close(streams[i].fd);
        streams[i] = STREAM(id, .port = PORT_LIMITS, .token = me.access, .from = "127.0.2.93");
        stream_until(&streams[i], "\"queued\"");
    }
    metric_settles(STREAMS, 2);
    close(streams[0].fd);
    close(streams[1].fd);
    metric_settles(STREAMS, 0);
}
END_TEST

/* --- HTTP/2 --- */

typedef struct h2_t {
    person_t me;
    json_int_t id;
    reply_t *reply;
} h2_t;

static void h2_side(int i, void *baton)
{
    h2_t *h2 = baton;
    if (i == 0) {
        h2->reply = CALL("GET", F("/api/v1/analysis/sessions/%lld/events", (long long)h2->id), .port = PORT_COOKIE,
                         .token = h2->me.access, .http2 = true);
        return;
    }
    metric_settles(STREAMS, 1);
    analysis_is(h2->id, "running", 60, "");
    pause_ms(2500);
    analysis_is(h2->id, "done", 100, "");
}

START_TEST(over_http2_a_thread_waits)
{
    person_t me = person("student");
    if (strcmp(env.mpm, "prefork") == 0)
        return;
    h2_t h2 = {me, analysis_of(me, "queued"), NULL};
    parallel(2, h2_side, &h2);
    fail_now();
    expect_status(h2.reply, 200);
    expect_says(h2.reply, "\"queued\"");
    expect_says(h2.reply, "\"progress\" : 60");
    expect_says(h2.reply, "\nevent: done\n");
    call_t leaves = {.port = PORT_COOKIE, .token = me.access, .http2 = true, .patience = 1000, .lenient = true};
    char *path = F("/api/v1/analysis/sessions/%lld/events", (long long)analysis_of(me, "queued"));
    ck_assert_int_eq(call_with("GET", path, &leaves)->status, 0);
    metric_settles(STREAMS, 0);
}
END_TEST

Suite *suite_events(void)
{
    Suite *suite = suite_create("events");
    TCase *tc = case_make(suite, "wire");
    tcase_add_test(tc, what_changes_is_told_until_the_end);
    tcase_add_test(tc, a_failure_says_why);
    tcase_add_test(tc, what_is_deleted_ends_its_streams);
    tcase_add_test(tc, a_head_opens_nothing);
    tcase_add_test(tc, the_last_id_is_honoured);
    tcase_add_test(tc, rubbish_for_a_last_id_is_ignored);
    tc = case_make(suite, "callers");
    tcase_add_test(tc, others_and_nobody_are_refused);
    tcase_add_test(tc, a_ticket_opens_one_stream);
    tcase_add_test(tc, a_stream_ends_with_its_session);
    tcase_add_test(tc, a_stream_ends_with_its_token);
    tc = case_make(suite, "crowd");
    tcase_add_test(tc, reads_go_on_while_hundreds_follow);
    tcase_add_test(tc, where_nothing_is_suspended_few_are_open);
    tcase_add_test(tc, only_so_many_are_open_from_one_address);
    tc = case_make(suite, "time");
    tcase_add_test(tc, silence_is_filled_and_ended);
    tc = case_make(suite, "deaths");
    tcase_add_test(tc, a_graceful_stop_sends_its_clients_away);
    tcase_add_test(tc, a_killed_child_gives_its_places_back);
    tc = case_make(suite, "http2");
    tcase_add_test(tc, over_http2_a_thread_waits);
    return suite;
}
