/* SPDX-License-Identifier: Apache-2.0
 * The self-test: every layer of the sandbox by itself, then a program that must work and one that must be held. If
 * anything is missing, nothing is run; code never runs with one layer less.
 */
#include "runner.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 60000 /* for one program and its sandbox */
#define CPU_MS      4000  /* that it may take, */
#define WALL_MS     15000 /* and how long: whoever runs after all others waits on a machine that has much to do */
#define ANSWER_MAX  8192

/* Each line that it prints is something that was not held. */
static const char hostile[] = "import os, socket, sys\n"
                              "def held(name, call):\n"
                              "    try:\n"
                              "        call()\n"
                              "    except (OSError, MemoryError):\n"
                              "        return\n"
                              "    print(name)\n"
                              "held('fork', os.fork)\n"
                              "held('socket', lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))\n"
                              "held('unix socket', lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))\n"
                              "held('netlink', lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))\n"
                              "held('passwd', lambda: open('/etc/passwd'))\n"
                              "held('proc', lambda: os.listdir('/proc'))\n"
                              "held('root', lambda: open('/x', 'w'))\n"
                              "held('program', lambda: open('/p/main.py', 'w'))\n"
                              "held('kill', lambda: os.kill(1, 9))\n"
                              "held('priority', lambda: os.nice(-1))\n"
                              "held('memory', lambda: bytearray(1 << 30))\n"
                              "held('file', lambda: open('/w/x', 'wb').write(b'x' * (32 << 20)))\n"
                              "held('descriptors', lambda: [os.fstat(n) for n in range(3, 64)])\n"
                              "print(os.getuid(), os.getpid(), len(os.environ))\n";
static const char hostile_says[] = "65534 2 6\n";

typedef struct check_t {
    forge_runner_t *runner;
    FILE *out;
} check_t;

/* A line for one layer; the first that is missing is the reason. */
static bool tell(check_t *c, bool good, const char *layer, const char *detail)
{
    if (c->out)
        fprintf(c->out, "%s\t%s\t%s\n", good ? "ok" : "missing", layer, detail);
    if (!good && !*c->runner->why)
        snprintf(c->runner->why, sizeof(c->runner->why), "%s: %s", layer, detail);
    return good;
}

/* Whether this user may make the namespaces that every run needs; a child tries. */
static bool namespaces(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
    if (!pid)
        _exit(0);
    return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

/* A layer whose line says why it is missing, and how it can be had. */
static bool tell_why(check_t *c, bool good, const char *layer, const char *detail, const char *why)
{
    char said[FORGE_RUN_WHY_MAX];
    snprintf(said, sizeof(said), good ? "%s" : "%s: %s", detail, why);
    return tell(c, good, layer, said);
}

/* Reads the one frame that a launcher answers; its length, or 0. */
static size_t collect(int fd, char *frame, size_t room)
{
    size_t have = 0;
    for (struct pollfd on = {fd, POLLIN, 0}; have < room && poll(&on, 1, PATIENCE_MS) > 0;) {
        ssize_t n = read(fd, frame + have, room - have);
        if (n <= 0 && errno != EINTR)
            break;
        have += n > 0 ? (size_t)n : 0;
    }
    return have > FORGE_RUN_HEAD ? have : 0;
}

/* Whether a launcher, if there is one, sends a result to the other end of `fd`. */
static bool answered(pid_t launcher, int fd, char *frame, forge_run_result_t *result)
{
    size_t len = 0, have = launcher > 0 ? collect(fd, frame, ANSWER_MAX) : 0;
    close(fd);
    if (launcher > 0)
        waitpid(launcher, NULL, 0);
    return have && forge_run_frame_head(frame, &len) == FORGE_RUN_RESULT && len == have - FORGE_RUN_HEAD &&
           forge_run_frame_read(FORGE_RUN_RESULT, frame + FORGE_RUN_HEAD, len, result);
}

/* Runs a program as a client's would be run. */
static bool try_program(const forge_runner_t *runner, const forge_run_job_t *job, char *frame,
                        forge_run_result_t *result)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    fflush(NULL); /* what is said so far is said once */
    pid_t launcher = forge_runner_child();
    if (!launcher) {
        close(ends[0]);
        forge_runner_launch(runner, job, 0, runner->cpus[0], ends[1]);
        exit(0);
    }
    close(ends[1]);
    return answered(launcher, ends[0], frame, result);
}

/* The same in a sandbox that is built ahead, as one is for a client's next job. */
static bool try_ahead(const forge_runner_t *runner, const forge_run_job_t *job, char *frame, forge_run_result_t *result)
{
    int ends[2];
    char request[4096];
    forge_runner_warm_t warm = {.count = 0};
    const forge_runner_gift_t gift = {0, runner->cpus[0]};
    const size_t size = forge_run_frame_size(FORGE_RUN_JOB, job);
    if (!size || size > sizeof(request) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    forge_run_frame_write(FORGE_RUN_JOB, job, request);
    fflush(NULL);
    const forge_run_bytes_t members = {request + FORGE_RUN_HEAD, size - FORGE_RUN_HEAD};
    pid_t launcher = forge_runner_warm_give(&warm, &gift, job, members, ends[1]); /* none is there, but it is wanted */
    if (!launcher && forge_runner_warm_fill(&warm, runner, runner->cpus[0], 1))
        launcher = forge_runner_warm_give(&warm, &gift, job, members, ends[1]);
    close(ends[1]);
    return answered(launcher, ends[0], frame, result);
}

static void describe(const forge_run_result_t *r, char detail[200])
{
    snprintf(detail, 200, "%s, says \"%.*s\", %.*s%.*s", forge_run_status_name(r->status), (int)r->output.len,
             r->output.data, (int)r->why.len, r->why.data, r->status == FORGE_RUN_OK ? 0 : (int)r->errors.len,
             r->errors.data);
    for (char *letter = detail; *letter; letter++)
        if (*letter < ' ') /* a line each */
            *letter = ' ';
}

typedef bool (*way_t)(const forge_runner_t *runner, const forge_run_job_t *job, char *frame,
                      forge_run_result_t *result);

/* Whether a program says what it should when it is run that way; else `detail` says what happened instead. */
static bool says_by(way_t way, check_t *c, const forge_runner_profile_t *profile, const forge_runner_trial_t *trial,
                    char detail[200])
{
    char frame[ANSWER_MAX];
    forge_run_result_t r;
    const size_t wanted = strlen(trial->says);
    const int64_t memory_kb = profile->tool ? profile->most.memory_kb : FORGE_RUN_MEMORY_KB;
    const forge_run_job_t job = {.language = {profile->name, strlen(profile->name)},
                                 .code = trial->code,
                                 .args = trial->args,
                                 .input = trial->input,
                                 .limits = {WALL_MS, CPU_MS, memory_kb, 64, 4096, FORGE_RUN_FILE_BYTES}};
    snprintf(detail, 200, "%s", "no answer of the launcher");
    if (!way(c->runner, &job, frame, &r))
        return false;
    describe(&r, detail);
    return r.status == FORGE_RUN_OK && (trial->start ? r.output.len >= wanted : r.output.len == wanted) &&
           memcmp(r.output.data, trial->says, wanted) == 0;
}

static bool says(check_t *c, const forge_runner_profile_t *profile, const forge_runner_trial_t *trial, char detail[200])
{
    return says_by(try_program, c, profile, trial, detail);
}

/* Someone who listens on this machine, and where; -1: nobody can. */
static int listen_here(char port[8])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        close(fd);
        return -1;
    }
    snprintf(port, 8, "%u", ntohs(at.sin_port));
    return fd;
}

/* A process that takes one connection, ends it, and ends well. */
static pid_t take_one(int listening)
{
    pid_t pid = forge_runner_child();
    if (!pid)
        _exit(close(accept(listening, NULL, NULL)) == 0 ? 0 : 1);
    return pid;
}

/* Whether a program that may reach one host reaches it: here that is a process of ours. */
static bool reaches(check_t *c, const forge_runner_profile_t *profile, char detail[200])
{
    char frame[ANSWER_MAX], args[64], port[8];
    forge_run_result_t r = {.status = FORGE_RUN_SANDBOX_ERROR};
    int listening = listen_here(port);
    int len = snprintf(args, sizeof(args), "127.0.0.1%c%s%cself/test%c1%c", 0, port, 0, 0, 0) + 1;
    const forge_run_job_t job = {.language = {profile->name, strlen(profile->name)},
                                 .args = {args, (size_t)len},
                                 .own_host = 1,
                                 .limits = {WALL_MS, CPU_MS, profile->most.memory_kb, 32, 4096, FORGE_RUN_FILE_BYTES}};
    int status = -1;
    pid_t taker = listening >= 0 ? take_one(listening) : -1;
    snprintf(detail, 200, "%s", "no answer of the launcher");
    if (taker > 0 && try_program(c->runner, &job, frame, &r))
        describe(&r, detail);
    close(listening);
    if (taker > 0) {
        kill(taker, SIGKILL);
        waitpid(taker, &status, 0);
    }
    return taker > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* An interpreter that does not take its program from a pipe is started with it. That is slower, and nothing else. */
static void started_ahead(check_t *c)
{
    char detail[200];
    forge_runner_profile_t *profile;
    for (size_t i = 0; (profile = forge_runner_profile_at(i)); i++)
        if (!profile->missing && profile->fences & FORGE_RUN_WAITS &&
            !says_by(try_ahead, c, profile, &profile->trial, detail) &&
            !says_by(try_ahead, c, profile, &profile->trial, detail)) {
            if (c->out)
                fprintf(c->out, "lacking\t%s started ahead\t%s\n", profile->name, detail);
            profile->fences &= ~(unsigned)FORGE_RUN_WAITS;
            forge_runner_say("FG1007 %s cannot be started ahead of its program: %s", profile->name, detail);
        }
}

/* A language or a tool that does not work is missing, and no reason to run nothing. */
static void other_profiles(check_t *c)
{
    char detail[200];
    forge_runner_profile_t *profile;
    for (size_t i = 0; (profile = forge_runner_profile_at(i)); i++) {
        if ((profile->missing && !profile->tool) || strcmp(profile->name, "python") == 0)
            continue;
        snprintf(detail, sizeof(detail), "%s", profile->missing ? profile->missing : "");
        bool good =
            !profile->missing && (profile->fences & FORGE_RUN_REACHES ? reaches(c, profile, detail)
                                                                      : says(c, profile, &profile->trial, detail));
        if (!good && !profile->missing)
            profile->missing = "it does not do what the self-test asks";
        if (c->out)
            fprintf(c->out, "%s\t%s %s\t%s\n", good ? "ok" : "lacking", profile->tool ? "tool" : "language",
                    profile->name, detail);
    }
}

/* Where /proc/sys cannot be written, as in many containers, bubblewrap cannot forbid nested user namespaces; the filter
 * refuses them all the same. */
static bool control(check_t *c, char detail[200])
{
    const forge_runner_profile_t *python = forge_runner_profile((forge_run_bytes_t){"python", 6});
    if (says(c, python, &python->trial, detail))
        return true;
    if (!strstr(detail, "max_user_namespaces"))
        return false;
    c->runner->nested_userns = true;
    forge_runner_views(c->runner);
    return says(c, python, &python->trial, detail);
}

static bool programs(check_t *c)
{
    char detail[200];
    const forge_runner_trial_t trial = {.code = {hostile, sizeof(hostile) - 1}, .says = hostile_says};
    const forge_runner_profile_t *python = forge_runner_profile((forge_run_bytes_t){"python", 6});
    if (!tell(c, control(c, detail), "control program", detail))
        return false;
    return tell(c, says(c, python, &trial, detail), "hostile program", detail);
}

static bool layers(check_t *c)
{
    forge_runner_t *r = c->runner;
    const forge_runner_profile_t *python = forge_runner_profile((forge_run_bytes_t){"python", 6});
    const bool bwrap = access(r->options.bwrap, X_OK) == 0;
    bool good = tell_why(c, bwrap, "bubblewrap", r->options.bwrap, strerror(errno));
    good &= tell_why(c, !r->init_why, "forge-init", r->options.init, r->init_why);
    const bool filters = r->filters[0].bytes || forge_runner_filters(r);
    good &= tell_why(c, filters, "seccomp", "the filter", "libseccomp could not make it");
    const bool inner = namespaces();
    good &= tell_why(c, inner, "user namespaces", "user, mount and PID namespaces for this user", strerror(errno));
    return tell(c, !python->missing, "python", python->missing ? python->missing : python->words.bytes) && good;
}

bool forge_runner_check(forge_runner_t *runner, FILE *out)
{
    check_t c = {.runner = runner, .out = out};
    *runner->why = '\0';
    forge_runner_views(runner);
    if (layers(&c) && programs(&c)) {
        other_profiles(&c);
        started_ahead(&c);
    }
    return !*runner->why;
}
