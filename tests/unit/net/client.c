/* SPDX-License-Identifier: Apache-2.0
 * net/client.c against a service that is sick in every way: each call ends, says how, and is bounded in time and bytes.
 */
#include "net/net.h"
#include "unit.h"
#include <apr_strings.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define P        forge_test_pool
#define PATIENT  apr_time_from_sec(20)   /* nothing here takes that long, but what hangs */
#define SHORT    apr_time_from_msec(700) /* for what hangs */
#define LONGEST  (60 * 1000)             /* milliseconds until the test itself gives up */
#define CEILING  10000
#define OK_TWO   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define SERVICES 3
#define CROWD    60
#define KEPT     16 /* connections of a crowd, at most */

static pid_t services[SERVICES];
static int doors[SERVICES], count;
static int door;         /* of the service that is begun */
static char folder[64];  /* of Unix sockets */
static const char *word; /* that such a service says */

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

static void well_later(int fd)
{
    for (;;) {
        hear(fd);
        usleep(300000);
        say(fd, OK_TWO);
    }
}

/* Its answer is the request. */
static void mirror(int fd)
{
    char request[4096];
    ssize_t len = recv(fd, request, sizeof(request) - 1, 0);
    if (len <= 0)
        _exit(0);
    request[len] = '\0';
    say(fd, apr_psprintf(P, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", (int)len, request));
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

/* At the door, in a group of processes. */
static void let_in(sickness_fn be)
{
    ck_assert_int_lt(count, SERVICES);
    doors[count] = door;
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
}

/* NULL: nobody listens at the address. */
static const char *begin_service(sickness_fn be)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = 0, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(door, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert_int_eq(getsockname(door, (struct sockaddr *)&at, &len), 0);
    let_in(be);
    return apr_psprintf(P, "http://127.0.0.1:%d/x", ntohs(at.sin_port));
}

/* At a Unix socket; returns its path. */
static const char *begin_beside(const char *name, sickness_fn be)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    apr_snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", folder, name);
    door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(door, (struct sockaddr *)&at, sizeof(at)), 0);
    word = name;
    let_in(be);
    return apr_pstrdup(P, at.sun_path);
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
    memset(services, 0, sizeof(services));
    count = 0;
}

static void begin(void)
{
    forge_test_begin();
    strcpy(folder, "/tmp/forge-client-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void end(void)
{
    end_services();
    ck_assert_int_eq(system(apr_psprintf(P, "rm -rf %s", folder)), 0);
    forge_test_end();
}

/* --- calls --- */

static forge_call_t *call_by(const forge_call_spec_t *spec)
{
    forge_call_t *call = forge_net_call(spec);
    ck_assert_ptr_nonnull(call);
    return call;
}

static forge_call_t *call_of(const char *url, apr_interval_time_t total)
{
    return call_by(&(forge_call_spec_t){
        .url = url, .body = "{}", .len = 2, .connect = PATIENT, .total = total, .ceiling = CEILING});
}

static forge_call_spec_t get_of(const char *url, const char *socket)
{
    return (forge_call_spec_t){.url = url, .socket = socket, .connect = PATIENT, .total = PATIENT, .ceiling = CEILING};
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
static forge_call_result_t answer_of(forge_call_t *call)
{
    forge_call_result_t result = end_of(call);
    result.body = apr_pstrmemdup(P, result.body, result.len);
    forge_net_call_drop(call);
    return result;
}

static forge_call_result_t ask(const char *url, apr_interval_time_t total)
{
    return answer_of(call_of(url, total));
}

static const char *got(const char *url, const char *socket)
{
    const forge_call_spec_t spec = get_of(url, socket);
    return answer_of(call_by(&spec)).body;
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

START_TEST(what_it_was_that_broke_is_said)
{
    const forge_call_result_t halved = ask(begin_service(half), PATIENT);
    ck_assert(halved.cut && !halved.too_long);
    ck_assert_str_eq(halved.body, "half");
    const forge_call_result_t endless = ask(begin_service(never_end), PATIENT);
    ck_assert(endless.too_long && !endless.cut);
}
END_TEST

/* --- a GET --- */

START_TEST(a_call_without_a_body_is_a_get)
{
    const char *request = got(begin_service(mirror), NULL);
    ck_assert_int_eq(strncmp(request, "GET /x HTTP/1.1\r\n", 17), 0);
    ck_assert_ptr_null(strstr(request, "Content-"));
    ck_assert_ptr_null(strstr(request, "Expect"));
    ck_assert_ptr_nonnull(strstr(request, "Accept: */*\r\n"));
}
END_TEST

START_TEST(a_call_with_a_body_is_a_post)
{
    const char *request = ask(begin_service(mirror), PATIENT).body;
    ck_assert_int_eq(strncmp(request, "POST /x HTTP/1.1\r\n", 18), 0);
    ck_assert_ptr_nonnull(strstr(request, "Content-Type: application/json\r\n"));
    ck_assert_ptr_nonnull(strstr(request, "Content-Length: 2\r\n"));
    ck_assert_ptr_nonnull(strstr(request, "Accept: application/json\r\n"));
}
END_TEST

/* --- an answer in pieces --- */

/* What has come when the call has ended, piece by piece. */
static const char *pieces_of(forge_call_t *call, forge_call_result_t *result)
{
    bool ended;
    struct pollfd fd = {.fd = forge_net_call_fd(call), .events = POLLIN};
    forge_buf_t *b = forge_util_buf_make(P, 0, 1 << 20);
    do {
        ck_assert_int_eq(poll(&fd, 1, LONGEST), 1);
        ended = forge_net_call_ended(call, result);
        forge_net_call_more(call, b);
    } while (!ended);
    ck_assert(!b->failed);
    return apr_pstrmemdup(P, b->data ? b->data : "", b->len);
}

static const struct {
    sickness_fn be;
    forge_call_outcome_t outcome;
    size_t least, most; /* bytes */
} in_pieces[] = {
    {well, FORGE_CALL_ANSWERED, 2, 2},
    {half, FORGE_CALL_BROKEN, 4, 4},
    {drip, FORGE_CALL_LATE, 1, 99},
    {hang, FORGE_CALL_LATE, 0, 0},
    {never_end, FORGE_CALL_BROKEN, 0, CEILING}, /* one piece may be too long by itself */
};

START_TEST(what_came_before_the_end_is_there)
{
    forge_call_result_t result;
    forge_call_spec_t spec = get_of(begin_service(in_pieces[_i].be), NULL);
    spec.streams = true;
    spec.total = in_pieces[_i].outcome == FORGE_CALL_LATE ? SHORT : PATIENT;
    forge_call_t *call = call_by(&spec);
    const char *all = pieces_of(call, &result);
    ck_assert_int_eq(result.outcome, in_pieces[_i].outcome);
    ck_assert_uint_ge(strlen(all), in_pieces[_i].least);
    ck_assert_uint_le(strlen(all), in_pieces[_i].most);
    forge_net_call_drop(call);
}
END_TEST

/* --- connections --- */

/* Nobody accepts a second connection. */
static void serve_no_other(int fd)
{
    kill(getppid(), SIGSTOP);
    well(fd);
}

static void say_word_no_other(int fd)
{
    kill(getppid(), SIGSTOP);
    for (;;) {
        hear(fd);
        say(fd, apr_psprintf(P, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", (int)strlen(word), word));
    }
}

START_TEST(a_connection_is_used_again)
{
    const char *url = begin_service(serve_no_other);
    ck_assert_str_eq(ask(url, PATIENT).body, "ok");
    ck_assert_str_eq(ask(url, PATIENT).body, "ok");
}
END_TEST

/* One address, three ways to it: each has its own connection, which is used again. */
START_TEST(sockets_are_not_taken_for_each_other)
{
    const char *url = begin_service(serve_no_other);
    const char *one = begin_beside("one", say_word_no_other), *two = begin_beside("two", say_word_no_other);
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(got(url, one), "one");
        ck_assert_str_eq(got(url, two), "two");
        ck_assert_str_eq(got(url, NULL), "ok");
    }
}
END_TEST

START_TEST(nobody_listens_at_a_socket)
{
    const forge_call_spec_t nowhere = get_of("http://localhost/", apr_pstrcat(P, folder, "/none", NULL)),
                            closed = get_of("http://localhost/", begin_beside("closed", NULL));
    ck_assert_int_eq(answer_of(call_by(&nowhere)).outcome, FORGE_CALL_UNSENT);
    ck_assert_int_eq(answer_of(call_by(&closed)).outcome, FORGE_CALL_UNSENT);
}
END_TEST

/* --- crowds --- */

/* An answer of 40 bytes, its headers counted. */
START_TEST(a_crowd_shares_a_sum_of_bytes)
{
    forge_crowd_t crowd = {100};
    forge_call_spec_t spec = get_of(begin_service(well), NULL);
    spec.crowd = &crowd;
    ck_assert_str_eq(answer_of(call_by(&spec)).body, "ok");
    ck_assert_str_eq(answer_of(call_by(&spec)).body, "ok");
    ck_assert_uint_eq(crowd.left, 100 - 2 * strlen(OK_TWO));
    const forge_call_result_t third = answer_of(call_by(&spec));
    ck_assert_int_eq(third.outcome, FORGE_CALL_BROKEN);
    ck_assert(third.too_long);
}
END_TEST

START_TEST(a_crowd_leaves_places_to_others)
{
    forge_call_t *calls[1000], *call;
    int n = 0;
    forge_crowd_t crowd = {CEILING}, another = {CEILING};
    forge_call_spec_t spec = get_of(begin_service(hang), NULL);
    for (spec.crowd = &crowd; n < 1000 && (call = forge_net_call(&spec)); n++)
        calls[n] = call;
    ck_assert_int_gt(n, 100);
    ck_assert_int_lt(n, 1000);
    spec.crowd = &another;
    ck_assert_ptr_null(forge_net_call(&spec)); /* for all crowds together */
    ck_assert_str_eq(ask(begin_service(well), PATIENT).body, "ok");
    for (int i = 0; i < n; i++)
        forge_net_call_drop(calls[i]);
    for (int i = 0; i < 1000 && !(call = forge_net_call(&spec)); i++)
        usleep(10000);
    ck_assert_ptr_nonnull(call);
    forge_net_call_drop(call);
}
END_TEST

static int sockets_open(void)
{
    int n = 0;
    char to[64];
    DIR *all = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(all);
    for (struct dirent *each; (each = readdir(all));) {
        ssize_t len = readlink(apr_pstrcat(P, "/proc/self/fd/", each->d_name, NULL), to, sizeof(to));
        n += len > 7 && strncmp(to, "socket:", 7) == 0;
    }
    closedir(all);
    return n;
}

START_TEST(a_crowd_leaves_few_connections_open)
{
    forge_call_t *calls[CROWD];
    forge_crowd_t crowd = {CEILING};
    forge_call_spec_t spec = get_of("http://localhost/", begin_beside("later", well_later));
    spec.crowd = &crowd;
    ck_assert_str_eq(answer_of(call_by(&spec)).body, "ok"); /* the client has its own by now */
    const int before = sockets_open();
    for (int i = 0; i < CROWD; i++)
        calls[i] = call_by(&spec);
    for (int i = 0; i < CROWD; i++)
        ck_assert_str_eq(answer_of(calls[i]).body, "ok");
    ck_assert_int_lt(sockets_open(), before + KEPT);
}
END_TEST

/* --- whose calls they are --- */

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
    tcase_add_test(tc, what_it_was_that_broke_is_said);
    tcase_add_test(tc, a_call_without_a_body_is_a_get);
    tcase_add_test(tc, a_call_with_a_body_is_a_post);
    tcase_add_loop_test(tc, what_came_before_the_end_is_there, 0, sizeof(in_pieces) / sizeof(*in_pieces));
    tcase_add_test(tc, a_connection_is_used_again);
    tcase_add_test(tc, sockets_are_not_taken_for_each_other);
    tcase_add_test(tc, nobody_listens_at_a_socket);
    tcase_add_test(tc, a_crowd_shares_a_sum_of_bytes);
    tcase_add_test(tc, a_crowd_leaves_places_to_others);
    tcase_add_test(tc, a_crowd_leaves_few_connections_open);
    tcase_add_test(tc, the_proxies_of_the_environment_are_not_asked);
    tcase_add_test(tc, calls_do_not_wait_for_each_other);
    suite_add_tcase(suite, tc);
    return suite;
}
