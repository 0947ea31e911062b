/* SPDX-License-Identifier: Apache-2.0
 * Another program, whose output is read: git and python3, where the sandbox shows them.
 */
#include "survey.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct pipes_t {
    int in[2], out[2]; /* of the child: its standard input and output */
} pipes_t;

static void close_all(const pipes_t *pipes)
{
    for (int i = 0; i < 2; i++) {
        if (pipes->in[i] >= 0)
            close(pipes->in[i]);
        if (pipes->out[i] >= 0)
            close(pipes->out[i]);
    }
}

static void become(const forge_survey_t *survey, const pipes_t *pipes, const char *const *argv)
{
    char *const environment[] = {"PATH=/usr/bin",
                                 "HOME=/nonexistent",
                                 "LANG=C.UTF-8",
                                 "GIT_CONFIG_NOSYSTEM=1",
                                 "GIT_CONFIG_GLOBAL=/dev/null",
                                 "GIT_TERMINAL_PROMPT=0",
                                 NULL};
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (dup2(pipes->in[0], 0) < 0 || dup2(pipes->out[1], 1) < 0 || quiet < 0 || dup2(quiet, 2) < 0 ||
        fchdir(survey->folder) != 0)
        _exit(127);
    execve(argv[0], (char *const *)(intptr_t)argv, environment);
    _exit(127);
}

static int64_t now_ms(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Gives the child some of its input; closes its end when all is given or the child wants no more. */
static void feed(pipes_t *pipes, forge_survey_span_t *input)
{
    ssize_t n = input->len ? write(pipes->in[1], input->at, input->len) : 0;
    if (n > 0) {
        input->at += n;
        input->len -= (size_t)n;
    }
    if (!input->len || n < 0) {
        close(pipes->in[1]);
        pipes->in[1] = -1;
    }
}

/* Reads and feeds until the child closes its output. False: it says too much, or takes too long. */
static bool converse(pipes_t *pipes, forge_survey_span_t input, char *to, size_t max, size_t *len, int64_t until)
{
    for (int64_t left; (left = until - now_ms()) > 0;) {
        struct pollfd on[2] = {{.fd = pipes->out[0], .events = POLLIN}, {.fd = pipes->in[1], .events = POLLOUT}};
        if (poll(on, 2, (int)left) <= 0)
            continue;
        if (on[1].revents)
            feed(pipes, &input);
        if (!on[0].revents)
            continue;
        ssize_t n = read(pipes->out[0], to + *len, max - *len);
        if (n <= 0)
            return n == 0;
        *len += (size_t)n;
        if (*len == max)
            return false;
    }
    return false;
}

const char *forge_survey_child(forge_survey_t *survey, const char *const *argv, forge_survey_span_t input, size_t max,
                               unsigned seconds, size_t *len)
{
    pipes_t pipes = {{-1, -1}, {-1, -1}};
    int status = 0;
    *len = 0;
    if (access(argv[0], X_OK) != 0)
        return NULL;
    if (pipe2(pipes.in, O_CLOEXEC) != 0 || pipe2(pipes.out, O_CLOEXEC) != 0) {
        close_all(&pipes);
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN);
    pid_t pid = fork();
    if (!pid)
        become(survey, &pipes, argv);
    close(pipes.in[0]);
    close(pipes.out[1]);
    pipes.in[0] = pipes.out[1] = -1;
    fcntl(pipes.in[1], F_SETFL, O_NONBLOCK);
    char *to = forge_survey_keep(max);
    bool whole = pid > 0 && converse(&pipes, input, to, max, len, now_ms() + (int64_t)seconds * 1000);
    close_all(&pipes);
    if (pid > 0 && !whole)
        kill(pid, SIGKILL);
    if (pid > 0)
        waitpid(pid, &status, 0);
    return whole && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? to : NULL;
}
