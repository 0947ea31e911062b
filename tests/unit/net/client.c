/* SPDX-License-Identifier: Apache-2.0
 * net/client.c against a service that is sick in every way: each call ends, says how, and is bounded in time and bytes.
 */
#include "net/net.h"
#include "unit.h"
#include <apr_strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define P       forge_test_pool
#define PATIENT apr_time_from_sec(20)   /* nothing here takes that long, but what hangs */
#define SHORT   apr_time_from_msec(700) /* for what hangs */
#define LONGEST (60 * 1000)             /* milliseconds until the test itself gives up */
#define CEILING 10000
#define OK_TWO  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static pid_t services[2];
static int doors[2], count;
static int door; /* of the service that is begun */

/* --- the service: one way to be sick, for each connection --- */

static void say(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        _exit(0);
}

static void hear(int fd)
{
    char request[4096];
    if (recv(fd, request, sizeof(request), 0) <= 0)
        _exit(0);
}

static void hang(int fd)
{
    (void)fd;
    for (;;)
        pause();
}

static void hang_after_head(int fd)
{
    hear(fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    hang(fd);
}

static void drip(int fd)
{
    hear(fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    for (;; usleep(100000))
        say(fd, "x");
}

static void drip_head(int fd)
{
    hear(fd);
    say(fd, "HTTP/1.1 200 OK\r\nX-Long: ");
    for (;; usleep(100000))
        say(fd, "x");
}

static void never_end(int fd)
{
    hear(fd);
    say(fd, "HTTP/1.1 200 OK\r\n\r\n");
    for (;;)
        say(fd, "0123456789012345678901234567890123456789");
}

static void never_end_head(int fd)
{
    hear(fd);
    say(fd, "HTTP/1.1 200 OK\r\n");
    for (;;)
        say(fd, "X-Again: 0123456789012345678901234567890123456789\r\n");
}

static void hint_for_ever(int fd)
{
    hear(fd);
    for (;;)
        say(fd, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
}

static void reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    hear(fd);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
}

static void garbage(int fd)
{
    hear(fd);
    say(fd, "\x16\x03\x01 not HTTP at all\r\n\r\n");
}

static void nothing(int fd)
{
    hear(fd);
}

static void half(int fd)
{
    hear(fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
}

static void elsewhere(int fd)
{
    hear(fd);
    say(fd, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
}

static void well(int fd)
{
    for (;;) {
        hear(fd);
        say(fd, OK_TWO);
    }
}

static void overloaded(int fd)
{
    hear(fd);
    say(fd, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
}

typedef void (*sickness_fn)(int fd);

/* Each connection is served by a process of its own. */
static void serve(sickness_fn be)
{
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int fd = accept(door, NULL, NULL);
        if (fd >= 0 && fork() == 0) {
            be(fd);
            _exit(0);
        }
        close(fd);
    }
}

/* NULL: nobody listens at the address. */
static const char *begin_service(sickness_fn be)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = 0, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    door = doors[count] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(door, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert_int_eq(getsockname(door, (struct sockaddr *)&at, &len), 0);
    if (be) {
        ck_assert_int_eq(listen(door, 64), 0);
        pid_t service = services[count] = fork();
        ck_assert_int_ge(service, 0);
        if (service == 0) {
            setpgid(0, 0);
            serve(be);
        }
        setpgid(service, service);
    }
    count++;
    return apr_psprintf(P, "http://127.0.0.1:%d/x", ntohs(at.sin_port));
}

static void end_services(void)
{
    for (int i = 0; i < count; i++) {
        if (services[i]) {
            kill(-services[i], SIGKILL);
            waitpid(services[i], NULL, 0);
        }
        close(doors[i]);
    }
}

static void begin(void)
{
    forge_test_begin();
}

static void end(void)
{
    end_services();
    forge_test_end();
}

/* --- calls --- */

static forge_call_t *call_of(const char *url, apr_interval_time_t total)
{
    const forge_call_spec_t spec = {
        .url = url, .body = "{}", .len = 2, .connect = PATIENT, .total = total, .ceiling = CEILING};
    forge_call_t *call = forge_net_call(&spec);
    ck_assert_ptr_nonnull(call);
    return call;
}

static forge_call_result_t end_of(forge_call_t *call)
{
    forge_call_result_t result;
    struct pollfd fd = {.fd = forge_net_call_fd(call), .events = POLLIN};
    ck_assert_int_eq(poll(&fd, 1, LONGEST), 1);
    ck_assert(forge_net_call_ended(call, &result));
    return result;
}

/* Drops the call; its result says only what outlives it. */
static forge_call_result_t ask(const char *url, apr_interval_time_t total)
{
    forge_call_t *call = call_of(url, total);
    forge_call_result_t result = end_of(call);
    result.body = apr_pstrmemdup(P, result.body, result.len);
    forge_net_call_drop(call);
    return result;
}

static const struct {
    const char *name;
    sickness_fn be;
    forge_call_outcome_t outcome;
    apr_interval_time_t total;
} sick[] = {
    {"it refuses", NULL, FORGE_CALL_UNSENT, PATIENT},
    {"it hangs", hang, FORGE_CALL_LATE, SHORT},
    {"it hangs after its headers", hang_after_head, FORGE_CALL_LATE, SHORT},
    {"a byte now and then", drip, FORGE_CALL_LATE, SHORT},
    {"a byte of a header now and then", drip_head, FORGE_CALL_LATE, SHORT},
    {"an answer without end", never_end, FORGE_CALL_BROKEN, PATIENT},
    {"headers without end", never_end_head, FORGE_CALL_BROKEN, PATIENT},
    {"hints without end", hint_for_ever, FORGE_CALL_BROKEN, PATIENT},
    {"it resets", reset, FORGE_CALL_BROKEN, PATIENT},
    {"it speaks something else", garbage, FORGE_CALL_BROKEN, PATIENT},
    {"it says nothing", nothing, FORGE_CALL_BROKEN, PATIENT},
    {"it breaks off", half, FORGE_CALL_BROKEN, PATIENT},
};

START_TEST(a_sick_service_is_told_apart)
{
    const forge_call_result_t result = ask(begin_service(sick[_i].be), sick[_i].total);
    ck_assert_msg(result.outcome == sick[_i].outcome, "%s: %d (%s)", sick[_i].name, result.outcome, result.why);
    ck_assert_uint_le(result.len, CEILING);
    ck_assert_str_ne(result.why, "");
}
END_TEST

START_TEST(a_redirect_is_an_answer)
{
    ck_assert_int_eq(ask(begin_service(elsewhere), PATIENT).status, 302);
}
END_TEST

START_TEST(what_it_asks_for_is_passed_on)
{
    const forge_call_result_t result = ask(begin_service(overloaded), PATIENT);
    ck_assert_int_eq(result.outcome, FORGE_CALL_ANSWERED);
    ck_assert_int_eq(result.status, 503);
    ck_assert_int_eq(result.retry_after, 7);
}
END_TEST

/* Nobody accepts a second connection. */
static void serve_no_other(int fd)
{
    kill(getppid(), SIGSTOP);
    well(fd);
}

START_TEST(a_connection_is_used_again)
{
    const char *url = begin_service(serve_no_other);
    ck_assert_str_eq(ask(url, PATIENT).body, "ok");
    ck_assert_str_eq(ask(url, PATIENT).body, "ok");
}
END_TEST

START_TEST(the_proxies_of_the_environment_are_not_asked)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    ck_assert_str_eq(ask(begin_service(well), PATIENT).body, "ok");
}
END_TEST

/* Calls that hang hold up no other, and those that nobody waits for end with the rest. */
START_TEST(calls_do_not_wait_for_each_other)
{
    forge_call_t *hanging[20];
    const char *sick_one = begin_service(hang);
    for (int i = 0; i < 20; i++)
        hanging[i] = call_of(sick_one, PATIENT);
    ck_assert_str_eq(ask(begin_service(well), PATIENT).body, "ok");
    for (int i = 0; i < 20; i++)
        forge_net_call_drop(hanging[i]);
    forge_net_calls_end();
    ck_assert_ptr_null(forge_net_call(&(forge_call_spec_t){.url = sick_one, .body = "", .total = SHORT}));
}
END_TEST

Suite *forge_test_net_client(void)
{
    Suite *suite = suite_create("net_client");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, begin, end);
    tcase_add_loop_test(tc, a_sick_service_is_told_apart, 0, sizeof(sick) / sizeof(*sick));
    tcase_add_test(tc, a_redirect_is_an_answer);
    tcase_add_test(tc, what_it_asks_for_is_passed_on);
    tcase_add_test(tc, a_connection_is_used_again);
    tcase_add_test(tc, the_proxies_of_the_environment_are_not_asked);
    tcase_add_test(tc, calls_do_not_wait_for_each_other);
    suite_add_tcase(suite, tc);
    return suite;
}
