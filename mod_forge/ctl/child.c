/* SPDX-License-Identifier: Apache-2.0
 * Runs pg_dump and pg_restore. No password gets onto their command lines, which everybody on the machine can read.
 */
#include "ctl.h"
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MAX = 4096 };

static volatile pid_t child_pid;           /* 0: none runs */
static volatile sig_atomic_t asked_to_end; /* a signal came for this process */
static int ended_by;                       /* the signal that ended the last child; 0: none */

static void pass_on(int signal)
{
    (void)signal;
    asked_to_end = 1;
    if (child_pid > 0)
        kill(child_pid, SIGTERM);
}

/* What would end this process ends the child first, so that no half file stays. */
static void signals_take(void)
{
    struct sigaction action = {.sa_handler = pass_on};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

/* Up to a page of what the child says. The rest is read too: it may not find its pipe shut. */
static const char *output_of(forge_ctl_t *ctl, int fd)
{
    char *text = apr_pcalloc(ctl->pool, OUTPUT_MAX + 1), rest[OUTPUT_MAX];
    apr_size_t len = 0;
    ssize_t n;
    do {
        const bool room = len < OUTPUT_MAX;
        n = read(fd, room ? text + len : rest, room ? OUTPUT_MAX - len : sizeof(rest));
        len += room && n > 0 ? (apr_size_t)n : 0;
    } while (n > 0 || (n < 0 && errno == EINTR));
    return text;
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -2;
    child_pid = 0;
    ended_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return asked_to_end || !WIFEXITED(status) ? -2 : WEXITSTATUS(status);
}

int forge_ctl_child(forge_ctl_t *ctl, const char *const *argv, const char **out)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int pipes[2] = {-1, -1};
    signals_take();
    posix_spawn_file_actions_init(&actions);
    if (out) {
        if (pipe2(pipes, O_CLOEXEC) != 0)
            return -2;
        posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    } else
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO); /* ours carries the result alone */
    int failed = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed == 0)
        child_pid = pid;
    if (asked_to_end && failed == 0)
        kill(pid, SIGTERM); /* it came before the number was known */
    if (out) {
        close(pipes[1]);
        *out = failed == 0 ? output_of(ctl, pipes[0]) : "";
        close(pipes[0]);
    }
    return failed == 0 ? wait_for(pid) : -1;
}

bool forge_ctl_interrupted(void)
{
    return asked_to_end;
}

const char *forge_ctl_child_end(forge_ctl_t *ctl, const char *name, int code)
{
    if (asked_to_end)
        return apr_pstrcat(ctl->pool, name, " was interrupted", NULL);
    if (code < 0 && ended_by)
        return apr_psprintf(ctl->pool, "%s was ended by signal %d (%s)", name, ended_by, strsignal(ended_by));
    return apr_pstrcat(ctl->pool, name, " failed for the reason above", NULL);
}

const char *forge_ctl_program(forge_ctl_t *ctl, const char *name, int *major)
{
    const char *dir = forge_ctl_option(ctl, "bin"), *said = "";
    const char *path = dir ? apr_pstrcat(ctl->pool, dir, "/", name, NULL) : name;
    const int code = forge_ctl_child(ctl, (const char *const[]){path, "--version", NULL}, &said);
    const char *version = strstr(said, "(PostgreSQL) ");
    if (code == -1) {
        forge_ctl_error(dir ? "there is no program %s in \"%s\"; --bin names another directory"
                            : "there is no program %s on PATH%.0s; install the client of PostgreSQL (Debian: "
                              "postgresql-client), or name its directory with --bin",
                        name, dir ? dir : "");
        return NULL;
    }
    if (code < 0) {
        forge_ctl_error("%s; nothing was changed", forge_ctl_child_end(ctl, name, code));
        return NULL;
    }
    if (code != 0 || !version) {
        forge_ctl_error("\"%s\" does not say its version; is it PostgreSQL's?", path);
        return NULL;
    }
    *major = atoi(version + strlen("(PostgreSQL) "));
    return path;
}

const char *forge_ctl_child_conninfo(forge_ctl_t *ctl)
{
    const char *password, *why, *dsn = forge_ctl_conninfo(ctl);
    const char *open = dsn ? forge_store_conninfo_public(ctl->pool, dsn, &password, &why) : NULL;
    if (!dsn)
        return NULL;
    if (!open) {
        forge_ctl_error("the connection string cannot be read: %.*s", (int)strcspn(why, "\n"), why);
        return NULL;
    }
    if (password)
        setenv("PGPASSWORD", password, 1);
    return open;
}
