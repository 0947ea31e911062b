/* SPDX-License-Identifier: Apache-2.0
 * Files on their way: what breaks off leaves nothing, what is slow holds nothing that others need, and memory does not
 * grow with their size (SPEC 9, SECURITY 47).
 */
#include "uploads.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* No time-out of httpd's for bodies there, two database connections for each child, one of them for files. */
#define SLOW PORT_POOL

/* --- what breaks off --- */

/* Sent up to each of these points and then closed, hard or softly. */
START_TEST(aborted_uploads_leave_nothing)
{
    person_t me = person("student");
    bytes_t body = body_of_pdf(pdf_of(400000, 1));
    const size_t ends[] = {0, 1, 50, 130, 1200, 8000, 70000, 262300, body.length - 20, body.length - 4};
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        int fd = connected(SLOW);
        const struct linger hard = {.l_onoff = (int)(i % 2), .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        sent(fd, bytes_of_text(upload_head(me, body.length)));
        sent(fd, (bytes_t){body.data, ends[i]});
        pause_ms(30);
        close(fd);
    }
    pause_ms(500);
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.files"), "0");
    ck_assert_str_eq(objects(), "0");
    uploaded(me, pdf_of(400000, 1));
}
END_TEST

typedef struct killing_t {
    person_t who[4];
    int left;
    int made[4];
} killing_t;

/* The first thread kills children, the others upload until it is done. */
static void kill_or_upload(int i, void *baton)
{
    killing_t *k = baton;
    bytes_t body = body_of_pdf(pdf_of(1500000, (unsigned)i));
    for (unsigned n = 0; i > 0 && __atomic_load_n(&k->left, __ATOMIC_SEQ_CST) > 0; n++) {
        memcpy(body.data + 1000, &n, sizeof(n)); /* another file each time */
        reply_t *reply = CALL("POST", "/api/v1/files/upload", .token = k->who[i].access, .type = MULTIPART,
                              .body = body.data, .length = body.length, .lenient = true);
        k->made[i] += reply->status == 201;
        if (reply->status == 201 && n % 3 == 0)
            CALL("DELETE", header(reply, "Location"), .token = k->who[i].access, .lenient = true);
    }
    for (unsigned dice = 7; i == 0 && k->left > 0; __atomic_sub_fetch(&k->left, 1, __ATOMIC_SEQ_CST)) {
        int pids[64], n = env_children(pids, 64);
        dice = dice * 1103515245u + 12345u;
        pause_ms(50 + (int)(dice >> 16) % 250);
        if (n > 0)
            process_kill(pids[(dice >> 8) % (unsigned)n], SIGKILL);
    }
}

/* SECURITY 1: children die at random moments; every row has its bytes, and there are no bytes without a row. The number
 * of kills is FORGE_TEST_KILLS. */
START_TEST(children_killed_while_files_come)
{
    const char *kills = getenv("FORGE_TEST_KILLS");
    killing_t *k = keep(calloc(1, sizeof(*k)));
    k->left = kills ? atoi(kills) : env.quick ? 4 : 12;
    watchdog(60 + k->left);
    expect_log("exit signal Killed");
    expect_log("AH10392");
    expect_log("AH00");
    expect_log("FG");
    for (int i = 1; i < 4; i++)
        k->who[i] = person("student");
    sql("UPDATE forge.users SET role = 'admin' WHERE id IN (%lld, %lld, %lld)", (long long)k->who[1].id,
        (long long)k->who[2].id, (long long)k->who[3].id); /* no quota */
    for (int i = 1; i < 4; i++)
        k->who[i] = person_again(k->who[i], PORT_MAIN);
    parallel(4, kill_or_upload, k);
    fail_now();
    ck_assert(env_wait_ready(15));
    pause_ms(500); /* the database notices that their connections are gone */
    ck_assert_str_eq(remains(), "0 0");
    ck_assert_int_gt(k->made[1] + k->made[2] + k->made[3], 0);
    ck_assert_int_gt(atoi(sql("SELECT count(*) FROM forge.files")), 0);
}
END_TEST

/* --- what is slow --- */

static int half_uploaded(person_t me, port_t port, bytes_t body, size_t part)
{
    int fd = connected(port);
    sent(fd, bytes_of_text(upload_head(me, body.length)));
    ck_assert_uint_eq(sent(fd, (bytes_t){body.data, part}), part);
    return fd;
}

/* More of them than threads, each of another account; the others neither wait for a thread nor for a connection. */
START_TEST(slow_uploads_hold_nothing)
{
    enum { CLIENTS = 60 };
    int fds[CLIENTS];
    if (strcmp(env.mpm, "event") != 0)
        return; /* elsewhere a slow client holds a thread, and a share of them is all that may wait */
    watchdog(100);
    person_t me = person("student");
    bytes_t body = body_of_pdf(pdf_of(300000, 1));
    person_t people[6];
    for (int i = 0; i < 6; i++)
        people[i] = person("student");
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = half_uploaded(people[i % 6], SLOW, body, 200000);
    pause_ms(500);
    for (int i = 0; i < 40; i++) {
        expect_status(CALL("GET", "/health/live", .port = SLOW), 200);
        expect_status(CALL("GET", "/api/v1/auth/me", .port = SLOW, .token = me.access), 200);
    }
    expect_status(upload_body(me, SLOW, body), 201);
    for (int i = 0; i < CLIENTS; i++) { /* they are not forgotten: each is one of its account's, the first makes it */
        sent(fds[i], (bytes_t){body.data + 200000, body.length - 200000});
        char *answer = answer_read(fds[i], 20);
        ck_assert_msg(answer_status(answer) == 201 || answer_status(answer) == 200, "%d: %.200s", i, answer);
    }
    ck_assert_str_eq(sql("SELECT count(*) FROM forge.files"), "7");
    ck_assert_str_eq(remains(), "0 0");
}
END_TEST

/* A byte now and then does not help: what has come must keep up. */
START_TEST(an_upload_at_a_trickle_ends)
{
    watchdog(100);
    person_t me = person("student");
    bytes_t body = body_of_pdf(pdf_of(9000000, 1));
    int fd = half_uploaded(me, SLOW, body, 20000);
    struct pollfd answered = {.fd = fd, .events = POLLIN};
    for (size_t at = 20000; at < 20300 && poll(&answered, 1, 150) == 0; at++)
        sent(fd, (bytes_t){body.data + at, 1});
    char *answer = answer_read(fd, 10);
    ck_assert_int_eq(answer_status(answer), 408);
    ck_assert_ptr_nonnull(strstr(answer, "\"request_timeout\""));
    ck_assert_str_eq(objects(), "0");
}
END_TEST

/* One account cannot take all the places. */
START_TEST(one_account_has_a_share)
{
    enum { CLIENTS = 40 };
    int fds[CLIENTS], refused = 0;
    if (strcmp(env.mpm, "event") != 0)
        return; /* as above */
    person_t me = person("student"), other = person("student");
    bytes_t body = body_of_pdf(pdf_of(300000, 1));
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = half_uploaded(me, SLOW, body, 2000);
    for (int i = 0; i < CLIENTS; i++) {
        struct pollfd answered = {.fd = fds[i], .events = POLLIN};
        if (poll(&answered, 1, 50) == 0)
            continue;
        char *answer = answer_read(fds[i], 5);
        ck_assert_msg(strstr(answer, " 503 ") && strcasestr(answer, "\r\nRetry-After:"), "%.300s", answer);
        fds[i] = -1;
        refused++;
    }
    ck_assert_int_gt(refused, 0);
    ck_assert_int_lt(refused, CLIENTS);
    expect_status(upload_body(other, SLOW, body), 201);
    for (int i = 0; i < CLIENTS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}
END_TEST

/* Clients that have asked for a large file and read nothing. */
START_TEST(slow_downloads_hold_no_connection)
{
    enum { CLIENTS = 24, SIZE = 9000000 };
    int fds[CLIENTS], small = 4096;
    if (strcmp(env.mpm, "prefork") == 0)
        return; /* a child for each connection: nothing is shared */
    watchdog(100);
    person_t me = person("student");
    json_int_t id = uploaded(me, pdf_of(SIZE, 1));
    char *ask = F("GET /api/v1/files/%lld/content HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n",
                  (long long)id, me.access);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = connected(SLOW);
        setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        sent(fds[i], bytes_of_text(ask));
    }
    for (int i = 0; i < CLIENTS; i++) {
        char answer[256] = "";
        ck_assert_int_gt(recv(fds[i], answer, sizeof(answer) - 1, 0), 0);
        ck_assert_msg(strstr(answer, " 200 ") || strstr(answer, " 503 "), "%s", answer);
    }
    for (int i = 0; i < 20; i++)
        expect_status(CALL("GET", "/api/v1/auth/me", .port = SLOW, .token = me.access), 200);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
}
END_TEST

/* --- memory --- */

/* Resident memory of all children, in KiB. */
static long children_rss(void)
{
    int pids[64], n = env_children(pids, 64);
    long sum = 0;
    for (int i = 0; i < n; i++) {
        char *line = strstr(file_read(F("/proc/%d/status", pids[i]), 0), "RssAnon:");
        sum += line ? atol(line + 8) : 0;
    }
    return sum;
}

/* A MiB for each at most, whatever its size: ten that have sent nine of their ten, then all of it written. */
START_TEST(memory_does_not_grow_with_files)
{
    enum { CLIENTS = 10, SIZE = 10 * 1024 * 1024, PART = 9 * 1024 * 1024 };
    int fds[CLIENTS];
    if (strcmp(env.mpm, "event") != 0)
        return; /* children come and go with the connections */
    watchdog(100);
    person_t me = person("admin");
    bytes_t body = body_of_pdf(pdf_of(SIZE, 1));
    expect_status(upload_body(me, SLOW, body), 201); /* what is made once is there */
    long before = children_rss();
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = half_uploaded(me, SLOW, body, PART);
    pause_ms(300);
    ck_assert_int_lt(children_rss() - before, CLIENTS * 1024);
    for (int i = 0; i < CLIENTS; i++) {
        memset(body.data + PART, 'a' + i, 100); /* a file of its own */
        sent(fds[i], (bytes_t){body.data + PART, body.length - PART});
    }
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_int_eq(answer_status(answer_read(fds[i], 20)), 201);
    ck_assert_int_lt(children_rss() - before, CLIENTS * 1024);
}
END_TEST

Suite *suite_transfers(void)
{
    Suite *suite = suite_create("transfers");
    TCase *broken = case_make(suite, "broken"), *slow = case_make(suite, "slow"), *memory = case_make(suite, "memory");
    tcase_add_test(broken, aborted_uploads_leave_nothing);
    tcase_add_test(broken, children_killed_while_files_come);
    tcase_add_test(slow, slow_uploads_hold_nothing);
    tcase_add_test(slow, an_upload_at_a_trickle_ends);
    tcase_add_test(slow, one_account_has_a_share);
    tcase_add_test(slow, slow_downloads_hold_no_connection);
    tcase_add_test(memory, memory_does_not_grow_with_files);
    return suite;
}
