/* SPDX-License-Identifier: Apache-2.0
 * Programs that logs are written to. httpd's own piped logs end their program at each graceful restart, together with
 * the lines that it has not read and those that old children still write. Here program and pipe stay as long as the
 * configuration names them: what they are stands in the process pool, while each generation registers anew to hear of
 * an end, because the module's code may have another address by then.
 *
 * A program that ends is started again, on the same pipe. One that is named no more, and all at the end of httpd, read
 * to the end of the pipe, which comes when the last child is gone.
 */
#include "server_private.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <errno.h>
#include <fcntl.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <mpm_common.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

APLOG_USE_MODULE(forge);

#define KEPT_AS      "forge-log-pipes 1"   /* in the process pool; another number when pipe_t changes */
#define LASTS        apr_time_from_sec(10) /* who lives so long has worked */
#define PAUSE_MAX    60                    /* seconds before a next start; they double from 1 */
#define CANNOT_START 127
#define END_TRIES    200 /* times 10 ms that a program may take to read the rest at the end of httpd */

typedef struct pipe_t {
    const char *command;
    int read, write; /* both ends; -1 once the configuration names it no more */
    apr_proc_t proc; /* pid 0: none runs */
    apr_time_t started;
    int pause; /* seconds before the next start */
    bool used; /* by this generation */
} pipe_t;

static apr_array_header_t *kept; /* of pipe_t * */
/* Of this generation. */
static server_rec *watcher;
static apr_pool_t *generation;
static pid_t parent;

/* --- start --- */

/* "|$" asks for a shell, as httpd has it; otherwise the words are those of a program. */
static const char *const *words_of(apr_pool_t *p, const char *command)
{
    char **argv = NULL;
    command += strspn(command, "|");
    if (*command == '$') {
        const char *shell[] = {"/bin/sh", "-c", command + 1, NULL};
        return apr_pmemdup(p, shell, sizeof(shell));
    }
    return apr_tokenize_to_argv(command, &argv, p) == APR_SUCCESS ? (const char *const *)argv : NULL;
}

/* Whether execv would take it: X_OK alone is said of directories too. */
static const char *unable(const char *program, bool *certain)
{
    struct stat st;
    *certain = true;
    if (stat(program, &st) != 0) {
        *certain = errno == ENOENT || errno == ENOTDIR;
        return "is not there";
    }
    errno = EACCES;
    if (!S_ISREG(st.st_mode))
        return "is no file";
    if (access(program, X_OK) == 0)
        return NULL;
    *certain = geteuid() == 0 || !(st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH));
    return "cannot be executed";
}

/* The interpreter that the first line of a script names; NULL: it is no script, or cannot be read. */
static const char *interpreter(apr_pool_t *p, const char *program)
{
    char line[256];
    const int fd = open(program, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n < 2 || line[0] != '#' || line[1] != '!')
        return NULL;
    line[n] = '\0';
    const char *name = line + 2 + strspn(line + 2, " \t");
    return apr_pstrmemdup(p, name, strcspn(name, " \t\n"));
}

/* The same of a program and, of a script, of who reads it. */
static const char *unable_at_all(apr_pool_t *p, const char *program, bool *certain)
{
    const char *why = unable(program, certain), *reader = why ? NULL : interpreter(p, program);
    why = reader ? unable(reader, certain) : why;
    return why && reader ? apr_psprintf(p, "is a script, and its interpreter '%s' %s", reader, why) : why;
}

const char *forge_server_log_pipe_problem(apr_pool_t *p, const char *command)
{
    const char *const *argv = words_of(p, command);
    const char *root, *why;
    bool certain = true;
    if (!argv || !argv[0])
        return "it names no program";
    why = unable_at_all(p, argv[0], &certain);
    if (why && certain && *argv[0] != '/') { /* the server may be in "/" by then, or stay where it was started */
        root = apr_pstrcat(p, "/", argv[0], NULL);
        why = unable_at_all(p, root, &certain);
    }
    return why && certain ? apr_psprintf(p, "'%s' %s", argv[0], why) : NULL;
}

/* In the new process: the pipe is its input, and its messages go where httpd's go. */
static void become(const pipe_t *pipe, const char *const *argv)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(pipe->read, STDIN_FILENO) < 0)
        _exit(CANNOT_START);
    closefrom(3);
    sleep((unsigned)pipe->pause);
    execv(argv[0], (char *const *)argv);
    _exit(CANNOT_START);
}

static bool start(pipe_t *pipe)
{
    const char *const *argv = words_of(generation, pipe->command);
    pid_t pid = argv && argv[0] ? fork() : -1;
    if (pid == 0)
        become(pipe, argv);
    pipe->started = apr_time_now() + apr_time_from_sec(pipe->pause);
    pipe->proc.pid = pid > 0 ? pid : 0;
    return pid > 0;
}

/* A program that is not there is found out before there is a process for it, so that a mistyped name stops the start.
 */
static bool start_first(pipe_t *pipe)
{
    bool certain;
    const char *const *argv = words_of(generation, pipe->command);
    return argv && argv[0] && !unable(argv[0], &certain) && start(pipe);
}

/* --- watching --- */

/* Called by httpd's parent when a program has ended. */
static void heard(int reason, void *data, int status)
{
    pipe_t *pipe = data;
    if (reason != APR_OC_REASON_DEATH && reason != APR_OC_REASON_LOST)
        return;
    apr_proc_other_child_unregister(pipe);
    pipe->proc.pid = 0;
    if (pipe->write < 0 || forge_server_stopping())
        return;
    pipe->pause = apr_time_now() - pipe->started >= LASTS ? 0 : pipe->pause ? pipe->pause * 2 : 1;
    if (pipe->pause > PAUSE_MAX)
        pipe->pause = PAUSE_MAX;
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, watcher,
                 "FG0449: the program of a log ended with exit code or signal %d; it is started again in %d s: '%s'",
                 status, pipe->pause, pipe->command + 1);
    if (start(pipe))
        apr_proc_other_child_register(&pipe->proc, heard, pipe, NULL, generation);
}

int forge_server_log_pipes_look(apr_pool_t *p, server_rec *s)
{
    (void)p, (void)s;
    for (int i = 0; kept && i < kept->nelts && !forge_server_stopping(); i++) {
        pipe_t *pipe = APR_ARRAY_IDX(kept, i, pipe_t *);
        if (pipe->write >= 0 && !pipe->proc.pid && apr_time_now() >= pipe->started && start(pipe))
            apr_proc_other_child_register(&pipe->proc, heard, pipe, NULL, generation);
    }
    return OK;
}

/* --- the end --- */

static void let_go(pipe_t *pipe)
{
    if (pipe->write < 0)
        return;
    close(pipe->write);
    close(pipe->read);
    pipe->write = pipe->read = -1;
}

static bool runs(const pipe_t *pipe)
{
    return pipe->proc.pid > 0 && waitpid(pipe->proc.pid, NULL, WNOHANG) == 0;
}

/* At the end of httpd all children are gone, so that each program comes to the end of its pipe. One that does not read
 * is ended. */
static apr_status_t finish(void *unused)
{
    (void)unused;
    if (getpid() != parent || ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_EXITING)
        return APR_SUCCESS;
    for (int i = 0; i < kept->nelts; i++)
        let_go(APR_ARRAY_IDX(kept, i, pipe_t *));
    for (int i = 0; i < kept->nelts; i++) {
        pipe_t *pipe = APR_ARRAY_IDX(kept, i, pipe_t *);
        for (int n = 0; n < END_TRIES && runs(pipe); n++)
            apr_sleep(apr_time_from_msec(10));
        if (runs(pipe))
            kill(pipe->proc.pid, SIGTERM);
    }
    return APR_SUCCESS;
}

/* --- what this generation has --- */

void forge_server_log_pipes_begin(apr_pool_t *pconf, server_rec *main_server)
{
    apr_pool_t *process = main_server->process->pool;
    apr_pool_userdata_get((void **)&kept, KEPT_AS, process);
    if (!kept) {
        kept = apr_array_make(process, 4, sizeof(pipe_t *));
        apr_pool_userdata_set(kept, KEPT_AS, apr_pool_cleanup_null, process); /* copies the key */
    }
    watcher = main_server;
    generation = pconf;
    parent = getpid();
    for (int i = 0; i < kept->nelts; i++)
        APR_ARRAY_IDX(kept, i, pipe_t *)->used = false;
    apr_pool_cleanup_register(pconf, NULL, finish, apr_pool_cleanup_null);
}

static pipe_t *known(const char *command)
{
    for (int i = 0; i < kept->nelts; i++) {
        pipe_t *pipe = APR_ARRAY_IDX(kept, i, pipe_t *);
        if (pipe->write >= 0 && strcmp(pipe->command, command) == 0)
            return pipe;
    }
    return NULL;
}

/* The end that is written to does not block: its reader may hang. */
static pipe_t *make(const char *command)
{
    int ends[2];
    pipe_t *one = apr_pcalloc(watcher->process->pool, sizeof(*one));
    if (pipe2(ends, O_CLOEXEC) != 0)
        return NULL;
    one->command = apr_pstrdup(watcher->process->pool, command);
    one->read = ends[0];
    one->write = ends[1];
    fcntl(one->write, F_SETFL, O_NONBLOCK);
    APR_ARRAY_PUSH(kept, pipe_t *) = one;
    return one;
}

int forge_server_log_pipe(const char *command)
{
    pipe_t *pipe = known(command);
    if (!pipe)
        pipe = make(command);
    if (!pipe)
        return -1;
    pipe->used = true;
    pipe->pause = 0;
    if (!runs(pipe) && !start_first(pipe))
        let_go(pipe); /* nobody writes to it, and nobody is to be started for it later */
    return pipe->write;
}

void forge_server_log_pipes_end(void)
{
    for (int i = 0; i < kept->nelts; i++) {
        pipe_t *pipe = APR_ARRAY_IDX(kept, i, pipe_t *);
        if (!pipe->used)
            let_go(pipe);
        if (pipe->proc.pid > 0)
            apr_proc_other_child_register(&pipe->proc, heard, pipe, NULL, generation);
    }
}
