/* SPDX-License-Identifier: Apache-2.0
 * Tests of the one tool that reaches a host: it clones from a git server over https, and a program that looks at the
 * clone can reach nothing but that server. In place of forge-survey stands a program that does what the repository
 * says.
 */
#include "runner.h"
#include "test_places.h"
#include <apr_strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUIET_MS 300

static char folder[64], port[8], canary[8];
static pid_t server;
static int tcp = -1, udp = -1;

/* --- the server --- */

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
    char line[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    ck_assert_msg(system(line) == 0, "%s", line);
}

/* A repository whose program `forge-survey` runs: with two commits, a tag, a branch, a submodule and a hook. */
static void make_repository(const char *name, const char *program)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/work/attack.py", folder);
    shell("mkdir -p %s/work %s/forge && cd %s/work && git init -q -b main . 2>/dev/null", folder, folder, folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(program, file);
    fclose(file);
    shell("cd %s/work && export HOME=%s GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a "
          "GIT_COMMITTER_EMAIL=a@example.org && printf '[submodule \"s\"]\\npath = s\\nurl = "
          "https://example.org/s\\n' >.gitmodules && ln -s /etc/passwd link && git add . && git commit -qm one && git "
          "commit -q --allow-empty -m two && git tag v1 && git checkout -qb other && echo other >other && git add . && "
          "git commit -qm three && git checkout -q main && git clone -q --bare . %s/forge/%s && rm -rf %s/work",
          folder, folder, folder, name, folder);
}

static void start_server(void)
{
    char python[256], certificate[96], key[96];
    int told[2];
    snprintf(python, sizeof(python), "%s/tests/unit/run/git_server.py", FORGE_SRCDIR);
    snprintf(certificate, sizeof(certificate), "%s/certificate", folder);
    snprintf(key, sizeof(key), "%s/key", folder);
    shell("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext "
          "subjectAltName=DNS:localhost -keyout %s -out %s 2>/dev/null",
          key, certificate);
    ck_assert_int_eq(pipe(told), 0);
    server = fork();
    if (!server) {
        dup2(told[1], STDOUT_FILENO);
        close(told[0]);
        execlp("python3", "python3", python, folder, certificate, key, NULL);
        _exit(127);
    }
    close(told[1]);
    FILE *says = fdopen(told[0], "r");
    ck_assert(says && fgets(port, sizeof(port), says));
    port[strcspn(port, "\n")] = '\0';
    dup2(told[0], 100); /* where its connections are told */
    fclose(says);
}

static int listen_at(int kind, char name[8])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = 0};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, kind | SOCK_CLOEXEC, 0);
    if (*name)
        at.sin_port = htons((uint16_t)atoi(name));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert(kind != SOCK_STREAM || listen(fd, 8) == 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    snprintf(name, 8, "%u", ntohs(at.sin_port));
    return fd;
}

static void set_up(void)
{
    static char init[96];
    strcpy(folder, "/tmp/forge-git-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    shell("chmod 755 %s && cp %s/forge-init %s && printf '#!/usr/bin/python3 -I\\nimport sys\\n"
          "exec(open(sys.argv[1] + \"/attack.py\").read())\\n' >%s/forge-survey",
          folder, FORGE_BUILDDIR, folder, folder);
    start_server();
    *canary = '\0';
    tcp = listen_at(SOCK_STREAM, canary);
    udp = listen_at(SOCK_DGRAM, canary);
    snprintf(init, sizeof(init), "%s/forge-init", folder);
    forge_test_runner_start((const char *const[]){"--init", init, NULL});
}

static void tear_down(void)
{
    forge_test_runner_stop();
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    close(tcp);
    close(udp);
    close(100);
    shell("rm -rf %s", folder);
}

/* --- jobs --- */

static const char *contents(const char *path)
{
    static char text[65536];
    FILE *file = fopen(path, "r");
    ck_assert_msg(file, "%s", path);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return apr_pstrdup(forge_test_pool, text);
}

static forge_run_job_t clone_of(const char *host, const char *path, const char *reference)
{
    forge_run_job_t job;
    const char *const args[] = {host, port, path, "1", reference};
    const char *authorities = contents(apr_pstrcat(forge_test_pool, folder, "/certificate", NULL));
    ck_assert(forge_run_tool_job("git", (forge_run_bytes_t){authorities, strlen(authorities)}, 1, &job));
    job.args = forge_run_args(forge_test_pool, 5, args);
    job.own_host = 1;
    return job;
}

static forge_run_result_t run(const char *path, const char *reference)
{
    const forge_run_job_t job = clone_of("localhost", path, reference);
    return forge_test_run(forge_test_pool, &job);
}

/* Runs a program in a clone of a repository of its own. */
static forge_run_result_t attack(const char *name, const char *program)
{
    make_repository(name, program);
    return run(apr_pstrcat(forge_test_pool, "forge/", name, NULL), "");
}

static bool heard_nothing(void)
{
    struct pollfd on[] = {{tcp, POLLIN, 0}, {udp, POLLIN, 0}};
    return poll(on, 2, 0) == 0;
}

#define RESULT(r) \
    "%s %d\n%.*s\n%.*s\n%.*s", forge_run_status_name((r).status), (int)(r).exit_code, (int)(r).output.len, \
        (r).output.data, (int)(r).errors.len, (r).errors.data, (int)(r).why.len, (r).why.data

START_TEST(it_clones_and_looks)
{
    static const char looks[] =
        "import os, subprocess\nprint(sorted(os.listdir('/w/tree')), os.listdir('/w'))\n"
        "print(subprocess.run(['git', '-C', '/w/tree', 'log', '--format=%s'], capture_output=True).stdout)\n"
        "print(os.listdir('/w/tree/.git/hooks') if os.path.exists('/w/tree/.git/hooks') else 'no hooks')\n"
        "print(os.listdir('/w/tree/s') if os.path.exists('/w/tree/s') else 'no submodule')\n"
        "print(os.path.exists('/w/tree/link'))\n";
    forge_run_result_t r = attack("plain", looks);
    ck_assert_msg(r.status == FORGE_RUN_OK, RESULT(r));
    ck_assert_msg(forge_test_has(r.output, "['.git', '.gitmodules', 'attack.py', 'link'] ['tree']"), RESULT(r));
    ck_assert_msg(forge_test_has(r.output, "b'two\\n'\n"), RESULT(r));
    ck_assert(forge_test_has(r.output, "no hooks\nno submodule\nFalse\n"));
    ck_assert(forge_test_has(run("forge/plain", "other").output, "'other'"));
    ck_assert(forge_test_has(run("forge/plain", "v1").output, "b'two\\n'\n"));
    r = run("forge/plain", "nowhere");
    ck_assert_msg(r.status == FORGE_RUN_RUNTIME_ERROR && r.exit_code == 128, RESULT(r));
    r = run("forge/none", "");
    ck_assert_msg(r.status == FORGE_RUN_RUNTIME_ERROR && r.exit_code == 128, RESULT(r));
}
END_TEST

START_TEST(it_reaches_nothing_else)
{
    const char *program =
        apr_pstrcat(forge_test_pool, "import sys\nsys.argv = ['', '", port, "', '", canary, "']\n",
                    contents(apr_pstrcat(forge_test_pool, FORGE_SRCDIR, "/tests/sandbox/reach.py", NULL)), NULL);
    forge_run_result_t r = attack("reach", program);
    ck_assert_msg(r.status == FORGE_RUN_OK && forge_test_has(r.output, "reaches the host\n"), RESULT(r));
    ck_assert_msg(forge_test_has(r.output, "\ndone\n") && !forge_test_has(r.output, "ESCAPED"), RESULT(r));
    ck_assert(heard_nothing());
    ck_assert_ptr_null(strstr(forge_test_runner_log(), "FG1001"));
}
END_TEST

START_TEST(it_follows_no_redirect_and_believes_no_stranger)
{
    make_repository("moved", "print('looked')");
    forge_run_result_t r = run("redirect/moved", "");
    ck_assert_msg(r.status == FORGE_RUN_RUNTIME_ERROR && !forge_test_has(r.output, "looked"), RESULT(r));
    forge_run_job_t job = clone_of("localhost", "forge/moved", "");
    job.input = (forge_run_bytes_t){NULL, 0};
    r = forge_test_run(forge_test_pool, &job);
    ck_assert_msg(r.status == FORGE_RUN_RUNTIME_ERROR && forge_test_has(r.errors, "certificate"), RESULT(r));
    job = clone_of("127.0.0.1", "forge/moved", ""); /* whose certificate is another one's */
    r = forge_test_run(forge_test_pool, &job);
    ck_assert_msg(r.status == FORGE_RUN_RUNTIME_ERROR && forge_test_has(r.errors, "certificate"), RESULT(r));
}
END_TEST

START_TEST(hosts_that_are_not_public_are_refused)
{
    static const char *const hosts[] = {"localhost",       "127.0.0.1", "10.0.0.1",
                                        "169.254.169.254", "0x7f.1",    "2130706433"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        forge_run_job_t job = clone_of(hosts[i], "forge/plain", "");
        job.own_host = 0;
        forge_run_result_t r = forge_test_run(forge_test_pool, &job);
        ck_assert_msg(r.status == FORGE_RUN_UNAVAILABLE && forge_test_has(r.why, "not public"), RESULT(r));
    }
}
END_TEST

static int connections(void)
{
    char lines[65536];
    struct pollfd on = {100, POLLIN, 0};
    int n = 0;
    while (poll(&on, 1, QUIET_MS) > 0) {
        ssize_t len = read(100, lines, sizeof(lines));
        if (len <= 0)
            break;
        for (ssize_t i = 0; i < len; i++)
            n += lines[i] == '\n';
    }
    return n;
}

START_TEST(its_bytes_and_connections_are_counted)
{
    static const char floods[] = "import socket, ssl\nc = ssl._create_unverified_context()\n"
                                 "s = c.wrap_socket(socket.create_connection(('127.0.0.1', %s)))\n"
                                 "s.send(b'GET /flood HTTP/1.0\\r\\n\\r\\n')\nprint('reads', flush=True)\nn = 0\n"
                                 "while True: n += len(s.recv(65536))\n",
                      knocks[] =
                          "import socket\nn = 0\nfor i in range(300):\n    s = socket.create_connection(('127.0."
                          "0.1', %s))\n    s.settimeout(.02)\n    try: n += s.recv(1) != b''\n    except OSError: "
                          "n += 1\n    s.close()\nprint('knocked')\n";
    make_repository("floods", apr_psprintf(forge_test_pool, floods, port));
    forge_run_job_t job = clone_of("localhost", "forge/floods", "");
    job.limits.file_bytes = 8 << 20;
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    ck_assert_msg(r.status == FORGE_RUN_OUTPUT_LIMIT && r.truncated && forge_test_has(r.output, "reads"), RESULT(r));
    connections();
    r = attack("knocks", apr_psprintf(forge_test_pool, knocks, port));
    ck_assert_msg(r.status == FORGE_RUN_OK && forge_test_has(r.output, "knocked"), RESULT(r));
    ck_assert_int_le(connections(), 64);
}
END_TEST

/* Who stays behind, with a connection that is open, is gone with the run. */
START_TEST(nothing_connects_after_the_end)
{
    static const char stays[] =
        "import os, socket\nif os.fork(): os._exit(0)\nwhile True:\n    s = socket.create_connection("
        "('127.0.0.1', %s))\n    s.close()\n";
    forge_run_result_t r = attack("stays", apr_psprintf(forge_test_pool, stays, port));
    ck_assert_msg(r.status == FORGE_RUN_OK, RESULT(r));
    forge_test_idle(forge_test_pool);
    connections();
    ck_assert_int_eq(connections(), 0);
}
END_TEST

START_TEST(large_repositories_do_not_fit)
{
    make_repository("large", "print(open('/w/tree/more', 'wb').write(b'x' * (9 << 20)))");
    forge_run_job_t job = clone_of("localhost", "forge/large", "");
    job.limits.file_bytes = 8 << 20;
    forge_run_result_t r = forge_test_run(forge_test_pool, &job);
    ck_assert_msg(r.status == FORGE_RUN_RUNTIME_ERROR, RESULT(r));
    job.limits.file_bytes = 16 << 10;
    r = forge_test_run(forge_test_pool, &job);
    ck_assert_msg(r.status == FORGE_RUN_RUNTIME_ERROR || r.status == FORGE_RUN_OUTPUT_LIMIT, RESULT(r));
}
END_TEST

Suite *forge_test_run_git(void)
{
    Suite *s = suite_create("run_git");
    TCase *tc = tcase_create("clones");
    tcase_add_unchecked_fixture(tc, set_up, tear_down);
    tcase_add_checked_fixture(tc, forge_test_begin, forge_test_end);
    tcase_set_timeout(tc, 240);
    tcase_add_test(tc, it_clones_and_looks);
    tcase_add_test(tc, it_reaches_nothing_else);
    tcase_add_test(tc, it_follows_no_redirect_and_believes_no_stranger);
    tcase_add_test(tc, hosts_that_are_not_public_are_refused);
    tcase_add_test(tc, its_bytes_and_connections_are_counted);
    tcase_add_test(tc, nothing_connects_after_the_end);
    tcase_add_test(tc, large_repositories_do_not_fit);
    suite_add_tcase(s, tc);
    return s;
}
