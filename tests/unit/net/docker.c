/* SPDX-License-Identifier: Apache-2.0
 * net/docker.c: the argument of ForgeDockerSocket; what is read out of the answers of an engine that behaves, and of
 * one that hangs, breaks off, floods, or is something else. Podman's engine is asked where it is installed.
 */
#include "net/docker_private.h"
#include "test_places.h"
#include "unit.h"
#include <apr_strings.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEN       "0123456789"
#define TOO_LONG  ("unix:/" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN) /* the kernel has 108 bytes */
#define P         forge_test_pool
#define PATIENCE  apr_time_from_sec(20) /* nothing here takes that long, but what hangs */
#define IMPATIENT apr_time_from_msec(1500)

static const char *why;

/* --- the argument --- */

START_TEST(arguments_are_read)
{
    const forge_docker_t *docker = forge_net_docker_parse(P, "unix:/var/run/docker.sock", &why);
    ck_assert_str_eq(docker->socket, "/var/run/docker.sock");
    ck_assert_str_eq(docker->name, "unix:/var/run/docker.sock");
    docker = forge_net_docker_parse(P, "tcp://proxy_1.example.org:2375", &why);
    ck_assert_ptr_null(docker->socket);
    ck_assert_str_eq(docker->url, "http://proxy_1.example.org:2375");
    ck_assert_str_eq(forge_net_docker_parse(P, "tcp://[::1]:2375", &why)->url, "http://[::1]:2375");
    ck_assert_ptr_null(forge_net_docker_parse(P, "Off", &why)->name);
}
END_TEST

START_TEST(wrong_arguments_are_refused)
{
    static const char *const words[] = {"on",
                                        "unix:",
                                        "unix:docker.sock",
                                        "unix:/",
                                        "unix:/a\nb",
                                        TOO_LONG,
                                        "tcp://",
                                        "tcp://host",
                                        "tcp://host:0",
                                        "tcp://host:65536",
                                        "tcp://host:+1",
                                        "tcp://host:80/path",
                                        "tcp://user@host:80",
                                        "tcp://ho st:80",
                                        "tcp://-host:80",
                                        "tcp://[::1:80",
                                        "tcp://[host]:80",
                                        "tcp://::1:80",
                                        "http://host:80",
                                        "ssh://host:22"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        why = NULL;
        ck_assert_msg(!forge_net_docker_parse(P, words[i], &why), "%s was taken", words[i]);
        ck_assert_ptr_nonnull(why);
    }
}
END_TEST

/* --- the engine --- */

static char folder[64], place[128];
static pid_t server;

static const char *in_folder(const char *name)
{
    return apr_psprintf(P, "%s/%s", folder, name);
}

static void set_mode(const char *mode)
{
    FILE *file = fopen(in_folder("mode"), "w");
    ck_assert(file && fputs(mode, file) >= 0);
    fclose(file);
}

static void start(const char *where)
{
    int told[2];
    ck_assert_int_eq(pipe(told), 0);
    server = fork();
    if (!server) {
        dup2(told[1], STDOUT_FILENO);
        close(told[0]);
        execlp("python3", "python3", FORGE_SRCDIR "/tests/docker_server.py", where, folder, NULL);
        _exit(127);
    }
    close(told[1]);
    FILE *says = fdopen(told[0], "r");
    ck_assert(says && fgets(place, sizeof(place), says));
    place[strcspn(place, "\n")] = '\0';
    fclose(says);
}

static void set_up(void)
{
    forge_test_begin();
    strcpy(folder, "/tmp/forge-docker-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    start(apr_psprintf(P, "unix:%s/engine.sock", folder));
}

static void stop(void)
{
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

static void tear_down(void)
{
    stop();
    ck_assert_int_eq(system(apr_psprintf(P, "rm -rf %s", folder)), 0);
    forge_test_end();
}

static forge_docker_said_t said;

static forge_docker_end_t ask_within(const char *mode, apr_interval_time_t patience)
{
    set_mode(mode);
    const forge_docker_ask_t ask = {forge_net_docker_parse(P, place, &why), patience, NULL};
    return forge_net_docker_ask(P, &ask, &said, &why);
}

static const forge_container_t *container(const char *name)
{
    for (int i = 0; i < said.count; i++)
        if (strcmp(said.containers[i].name, name) == 0)
            return &said.containers[i];
    ck_abort_msg("there is no %s", name);
}

static const char *requests(void)
{
    char *text = apr_pcalloc(P, 1 << 20);
    FILE *file = fopen(in_folder("requests"), "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_lt(fread(text, 1, 1 << 20, file), 1 << 20);
    fclose(file);
    return text;
}

static void about(double figure, double expected)
{
    ck_assert_msg(fabs(figure - expected) < 1e-6, "%f is not %f", figure, expected);
}

START_TEST(figures_are_those_of_docker_stats)
{
    ck_assert_int_eq(ask_within("good", PATIENCE), FORGE_DOCKER_OK);
    ck_assert_int_eq(said.total, 4);
    ck_assert_int_eq(said.running, 3);
    ck_assert_int_eq(said.unhealthy, 1);
    const forge_container_t *web = container("web"), *old = container("old");
    about(web->cpu_percent, 50); /* half a second of four, on four processors */
    about(web->memory, 500e6);   /* control groups version 2 */
    about(web->memory_limit, 1 << 30);
    about(web->rx, 1001);
    about(web->tx, 22);
    about(web->read, 4196);
    about(web->written, 8192);
    ck_assert_str_eq(web->health, "healthy");
    ck_assert_str_eq(web->image, "portal:1");
    ck_assert_ptr_null(web->error);
    about(old->cpu_percent, 25); /* two processors by their number of figures */
    about(old->memory, 450e6);   /* version 1 */
    about(old->read, 5);
    about(old->written, 7);
    ck_assert_str_eq(old->health, "unhealthy");
}
END_TEST

START_TEST(what_is_unknown_is_not_zero)
{
    ck_assert_int_eq(ask_within("good", PATIENCE), FORGE_DOCKER_OK);
    const forge_container_t *tty = container("tty"), *done = container("done");
    about(tty->cpu_percent, FORGE_UNKNOWN_FIGURE); /* no earlier reading */
    about(tty->read, FORGE_UNKNOWN_FIGURE);
    ck_assert_ptr_null(tty->health); /* "none" */
    ck_assert_str_eq(done->state, "exited");
    about(done->memory, FORGE_UNKNOWN_FIGURE);
    ck_assert_ptr_null(done->error);
    ck_assert_ptr_null(strstr(requests(), apr_pstrcat(P, done->id, "/stats", NULL)));
}
END_TEST

START_TEST(logs_are_lines_of_frames_or_of_a_terminal)
{
    ck_assert_int_eq(ask_within("good", PATIENCE), FORGE_DOCKER_OK);
    const forge_container_t *web = container("web"), *tty = container("tty");
    ck_assert_int_eq(web->log_count, 50);
    ck_assert_str_eq(web->logs[0], "line 11");
    ck_assert_str_eq(web->logs[48], "line 59");
    ck_assert_str_eq(web->logs[49], "last without end");
    ck_assert_int_eq(tty->log_count, 3);
    ck_assert_str_eq(tty->logs[0], "green tab");
    ck_assert_str_eq(tty->logs[1], "after");
    ck_assert_str_eq(tty->logs[2], "sep\xef\xbf\xbd bell");
}
END_TEST

START_TEST(it_is_reached_by_tcp_as_well)
{
    stop();
    start("tcp://127.0.0.1:0");
    ck_assert_int_eq(ask_within("good", PATIENCE), FORGE_DOCKER_OK);
    ck_assert_int_eq(said.count, 4);
    about(container("web")->cpu_percent, 50);
}
END_TEST

START_TEST(nothing_but_get_is_sent)
{
    ck_assert_int_eq(ask_within("good", PATIENCE), FORGE_DOCKER_OK);
    char *state, *all = apr_pstrdup(P, requests());
    int n = 0;
    for (char *line = apr_strtok(all, "\n", &state); line; line = apr_strtok(NULL, "\n", &state), n++)
        ck_assert_msg(strncmp(line, "GET /containers/", 16) == 0, "%s", line);
    ck_assert_int_eq(n, 1 + 4 + 4 + 3); /* list, states, logs, figures of what runs */
}
END_TEST

/* No list, no answer; each with a reason, and none with a word of the engine's. */
static const struct {
    const char *mode;
    forge_docker_end_t end;
} failures[] = {{"hang", FORGE_DOCKER_LATE},          {"hang-list", FORGE_DOCKER_LATE},
                {"error-list", FORGE_DOCKER_BROKEN},  {"cut-list", FORGE_DOCKER_BROKEN},
                {"garbage", FORGE_DOCKER_BROKEN},     {"html", FORGE_DOCKER_BROKEN},
                {"endless-list", FORGE_DOCKER_BROKEN}};

START_TEST(an_engine_without_a_list_has_failed)
{
    ck_assert_int_eq(ask_within(failures[_i].mode, failures[_i].end == FORGE_DOCKER_LATE ? IMPATIENT : PATIENCE),
                     failures[_i].end);
    ck_assert_ptr_nonnull(why);
    ck_assert_ptr_null(strstr(why, "canary"));
}
END_TEST

START_TEST(nobody_listens)
{
    stop();
    ck_assert_int_eq(ask_within("good", PATIENCE), FORGE_DOCKER_BROKEN);
    server = fork();
    if (!server)
        _exit(0);
}
END_TEST

/* What one of the three lacks is told, and the rest is there. */
static const struct {
    const char *mode, *error;
    bool figures, state, log;
} gaps[] = {
    {"hang-stats", "figures: the engine did not answer in time", false, true, true},
    {"error-stats", "figures: the engine answered with status 500", false, true, true},
    {"cut-stats", "figures: the engine broke off its answer", false, true, true},
    {"hang-json", "state: the engine did not answer in time", true, false, true},
    {"error-json", "state: the engine answered with status 500", true, false, true},
    {"hang-logs", "log: the engine did not answer in time", true, true, false},
    {"error-logs", "log: the engine answered with status 500", true, true, false},
    {"endless-logs", "log: the engine answered more than is read", true, true, false},
};

START_TEST(what_is_missing_of_a_container_is_its_error)
{
    bool hangs = strncmp(gaps[_i].mode, "hang", 4) == 0;
    ck_assert_int_eq(ask_within(gaps[_i].mode, hangs ? apr_time_from_sec(5) : PATIENCE), FORGE_DOCKER_OK);
    const forge_container_t *old = container("old");
    ck_assert_ptr_nonnull(old->error);
    ck_assert_str_eq(old->error, gaps[_i].error);
    about(old->memory, gaps[_i].figures ? 450e6 : FORGE_UNKNOWN_FIGURE);
    ck_assert_str_eq(old->health, "unhealthy"); /* the list says it as well */
    ck_assert_int_eq(old->log_count == 50, gaps[_i].log);
}
END_TEST

START_TEST(half_a_log_is_shown)
{
    ck_assert_int_eq(ask_within("cut-logs", PATIENCE), FORGE_DOCKER_OK);
    ck_assert_int_eq(container("web")->log_count, 1);
    ck_assert_str_eq(container("web")->logs[0], "half");
    ck_assert_str_eq(container("web")->error, "log: the engine broke off its answer");
    ck_assert_int_eq(ask_within("stall-logs", IMPATIENT), FORGE_DOCKER_OK);
    ck_assert_int_eq(container("web")->log_count, 1);
    ck_assert_str_eq(container("web")->logs[0], "half");
    ck_assert_str_eq(container("web")->error, "log: the engine did not answer in time");
    ck_assert_int_eq(ask_within("frames", PATIENCE), FORGE_DOCKER_OK);
    ck_assert_int_eq(container("web")->log_count, 1);
    ck_assert_str_eq(container("web")->logs[0], "whole");
    ck_assert_str_eq(container("web")->error, "log: the engine answered something that is no log");
}
END_TEST

START_TEST(long_lines_are_cut_and_the_newest_are_kept)
{
    ck_assert_int_eq(ask_within("flood", PATIENCE), FORGE_DOCKER_OK);
    const forge_container_t *web = container("web");
    ck_assert_int_eq(web->log_count, 50);
    ck_assert_uint_eq(strlen(web->logs[49]), 1000);
    ck_assert_int_eq(strncmp(web->logs[49], "00299 xxx", 9), 0);
    ck_assert_int_eq(strncmp(web->logs[0], "00250 xxx", 9), 0);
}
END_TEST

START_TEST(a_hundred_are_shown_and_all_are_counted)
{
    ck_assert_int_eq(ask_within("many", apr_time_from_sec(60)), FORGE_DOCKER_OK);
    ck_assert_int_eq(said.total, 150);
    ck_assert_int_eq(said.running, 75);
    ck_assert_int_eq(said.count, 100);
    for (int i = 0; i < said.count; i++)
        ck_assert_str_eq(said.containers[i].state, i < 75 ? "running" : "exited");
}
END_TEST

/* A hundred logs are more than what is read of all answers: whatever is missing then is missing for this alone. */
START_TEST(all_answers_share_a_bound)
{
    int errors = 0;
    ck_assert_int_eq(ask_within("flood-many", apr_time_from_sec(60)), FORGE_DOCKER_OK);
    ck_assert_int_eq(said.count, 100);
    for (int i = 0; i < said.count; i++) {
        const char *error = said.containers[i].error;
        errors += error != NULL;
        ck_assert_msg(!error || strstr(error, ": the engine answered more than is read"), "%s", error);
    }
    ck_assert_int_gt(errors, 0);
}
END_TEST

START_TEST(ids_lead_nowhere_else)
{
    ck_assert_int_eq(ask_within("names", PATIENCE), FORGE_DOCKER_OK);
    ck_assert_int_eq(said.total, 1);
    ck_assert_ptr_null(strstr(requests(), "images"));
    ck_assert_ptr_null(strstr(requests(), "aaaaaaaaaaa"));
    ck_assert_uint_le(strlen(said.containers[0].name), 256);
    ck_assert_int_eq(strncmp(said.containers[0].name, "n[31m", 5), 0);
    ck_assert_str_eq(said.containers[0].image, "image");
}
END_TEST

static bool at_once(void)
{
    return true;
}

START_TEST(who_asks_can_be_stopped)
{
    set_mode("hang");
    const forge_docker_ask_t ask = {forge_net_docker_parse(P, place, &why), apr_time_from_sec(3600), at_once};
    ck_assert_int_eq(forge_net_docker_ask(P, &ask, &said, &why), FORGE_DOCKER_LATE);
}
END_TEST

/* --- the log, in pieces of any size --- */

static const char *joined(forge_docker_log_t *log, bool *whole)
{
    int n;
    const char *const *lines, *all = "";
    *whole = forge_net_docker_log_end(log, 1 << 20, &lines, &n);
    for (int i = 0; i < n; i++)
        all = apr_pstrcat(P, all, lines[i], "|", NULL);
    return all;
}

static const char *fed(const char *data, size_t len, size_t piece, bool *whole)
{
    forge_docker_log_t *log = forge_net_docker_log(P);
    for (size_t at = 0; at < len; at += piece)
        forge_net_docker_log_feed(log, data + at, piece < len - at ? piece : len - at);
    return joined(log, whole);
}

START_TEST(pieces_of_any_size_are_the_same_log)
{
    static const char frames[] = "\1\0\0\0\0\0\0\7one\ntwo"
                                 "\2\0\0\0\0\0\0\4err\n"
                                 "\1\0\0\0\0\0\0\0"
                                 "\1\0\0\0\0\0\0\6 more\n";
    static const char text[] = "\x1b[0mplain \x1b(Btext\r\nno end \x1b]8;;never closed\nnext";
    for (size_t piece = 1; piece <= sizeof(frames); piece++) {
        bool whole;
        ck_assert_str_eq(fed(frames, sizeof(frames) - 1, piece, &whole), "one|err|two more|");
        ck_assert(whole);
        ck_assert_str_eq(fed(text, sizeof(text) - 1, piece, &whole), "plain text|no end |next|");
        ck_assert(whole);
        ck_assert_str_eq(fed(frames, sizeof(frames) - 2, piece, &whole), "one|err|two more|");
        ck_assert(!whole);
        ck_assert_str_eq(fed("short", 5, piece, &whole), "short|");
        ck_assert(whole);
        ck_assert_str_eq(fed("", 0, piece, &whole), "");
        ck_assert(whole);
    }
}
END_TEST

START_TEST(the_newest_lines_share_the_room)
{
    int n;
    const char *const *lines;
    forge_docker_log_t *log = forge_net_docker_log(P);
    forge_net_docker_log_feed(log, "aaaaaaaa\nbbbb\ncccc\n", 19);
    ck_assert(forge_net_docker_log_end(log, 8, &lines, &n));
    ck_assert_int_eq(n, 2);
    ck_assert_str_eq(lines[0], "bbbb");
}
END_TEST

/* --- an engine that is not ours --- */

static bool installed(const char *program)
{
    return system(apr_psprintf(P, "command -v %s >/dev/null 2>&1", program)) == 0;
}

static bool listens(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    apr_cpystrn(at.sun_path, path, sizeof(at.sun_path));
    bool good = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
    close(fd);
    return good;
}

/* `podman` with folders of its own, so that nothing of the machine's is touched. */
static const char *podman(const char *words)
{
    return apr_psprintf(P,
                        "exec podman --root %s/root --runroot %s/run --tmpdir %s/tmp --storage-driver vfs "
                        "--cgroup-manager cgroupfs --events-backend file %s >>%s/podman.log 2>&1",
                        folder, folder, folder, words, folder);
}

START_TEST(podman_answers_as_docker_does)
{
    if (!installed("podman") || geteuid() != 0) {
        puts("skipped: podman's engine is asked where podman is installed and the tests are run by root");
        return;
    }
    stop();
    const char *path = in_folder("podman.sock");
    server = fork();
    if (!server) {
        execl("/bin/sh", "sh", "-c", podman(apr_psprintf(P, "system service --time=0 unix://%s", path)), NULL);
        _exit(127);
    }
    for (int i = 0; i < 600 && !listens(path); i++)
        usleep(50000);
    apr_snprintf(place, sizeof(place), "unix:%s", path);
    ck_assert_int_eq(ask_within("good", PATIENCE), FORGE_DOCKER_OK);
    ck_assert_int_eq(said.total, 0);
    ck_assert_int_eq(system(apr_psprintf(P, "mkdir %s/files && echo a >%s/files/a && tar -C %s/files -c . | sh -c '%s'",
                                         folder, folder, folder, podman("import - local/nothing:1"))),
                     0);
    ck_assert_int_eq(system(podman("create --name idle --network none local/nothing:1 /a")), 0);
    ck_assert_int_eq(ask_within("good", PATIENCE), FORGE_DOCKER_OK);
    ck_assert_int_eq(said.total, 1);
    const forge_container_t *idle = container("idle");
    ck_assert_str_eq(idle->state, "created");
    ck_assert_ptr_nonnull(strstr(idle->image, "local/nothing:1"));
    ck_assert_uint_eq(strlen(idle->id), 64);
    ck_assert_ptr_null(idle->health);
    about(idle->memory, FORGE_UNKNOWN_FIGURE);
}
END_TEST

Suite *forge_test_net_docker(void)
{
    Suite *s = suite_create("net_docker");
    TCase *pure = tcase_create("read"), *asked = tcase_create("ask");
    tcase_add_checked_fixture(pure, forge_test_begin, forge_test_end);
    tcase_add_test(pure, arguments_are_read);
    tcase_add_test(pure, wrong_arguments_are_refused);
    tcase_add_test(pure, pieces_of_any_size_are_the_same_log);
    tcase_add_test(pure, the_newest_lines_share_the_room);
    suite_add_tcase(s, pure);
    tcase_add_checked_fixture(asked, set_up, tear_down);
    tcase_set_timeout(asked, 120);
    tcase_add_test(asked, figures_are_those_of_docker_stats);
    tcase_add_test(asked, what_is_unknown_is_not_zero);
    tcase_add_test(asked, logs_are_lines_of_frames_or_of_a_terminal);
    tcase_add_test(asked, it_is_reached_by_tcp_as_well);
    tcase_add_test(asked, nothing_but_get_is_sent);
    tcase_add_loop_test(asked, an_engine_without_a_list_has_failed, 0, sizeof(failures) / sizeof(*failures));
    tcase_add_test(asked, nobody_listens);
    tcase_add_loop_test(asked, what_is_missing_of_a_container_is_its_error, 0, sizeof(gaps) / sizeof(*gaps));
    tcase_add_test(asked, half_a_log_is_shown);
    tcase_add_test(asked, long_lines_are_cut_and_the_newest_are_kept);
    tcase_add_test(asked, a_hundred_are_shown_and_all_are_counted);
    tcase_add_test(asked, all_answers_share_a_bound);
    tcase_add_test(asked, ids_lead_nowhere_else);
    tcase_add_test(asked, who_asks_can_be_stopped);
    tcase_add_test(asked, podman_answers_as_docker_does);
    suite_add_tcase(s, asked);
    return s;
}
