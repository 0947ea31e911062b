/* SPDX-License-Identifier: Apache-2.0
 * Starts and stops a real forge-runner for the tests of run/ and runner/.
 */
#include "runner.h"
#include "test_places.h"
#include <apr_strings.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX  32
#define PATIENCE  60000 /* milliseconds for one result on a busy machine */
#define STARTS_MS 60000

static char folder[64], socket_path[96];
static pid_t owner, runner;

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void forge_test_runner_stop(void)
{
    if (owner != getpid())
        return;
    if (runner > 0 && kill(runner, SIGTERM) == 0)
        waitpid(runner, NULL, 0);
    runner = 0;
    if (*folder && !getenv("FORGE_TEST_KEEP"))
        nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    *folder = '\0';
}

pid_t forge_test_runner_pid(void)
{
    return runner;
}

const char *forge_test_runner_socket(void)
{
    return socket_path;
}

const char *forge_test_runner_file(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

const char *forge_test_runner_log(void)
{
    static char text[65536];
    FILE *log = fopen(forge_test_runner_file("log"), "r");
    text[log ? fread(text, 1, sizeof(text) - 1, log) : 0] = '\0';
    if (log)
        fclose(log);
    return text;
}

/* The environment has a secret that no program may see. */
static void become_runner(const char *const *more)
{
    const char *argv[ARGS_MAX] = {FORGE_BUILDDIR "/forge-runner", "--init", FORGE_BUILDDIR "/forge-init", "--socket",
                                  socket_path};
    int n = 5, log = open(forge_test_runner_file("log"), O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (getuid() == 0) {
        argv[n++] = "--user";
        argv[n++] = "nobody";
    }
    while (more && *more && n < ARGS_MAX - 1)
        argv[n++] = *more++;
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    setenv("FORGE_CANARY", "FORGE_CANARY", 1);
    execv(argv[0], (char *const *)(void *)argv);
    _exit(127);
}

void forge_test_runner_begin(const char *const *more)
{
    forge_test_runner_stop();
    if (owner != getpid())
        atexit(forge_test_runner_stop);
    owner = getpid();
    strcpy(folder, "/tmp/forge-run-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chmod(folder, 0755), 0);
    snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
    /* Check ends the whole group of a process that is told to end, and until it is forge-runner our child is one. */
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    runner = fork();
    if (!runner)
        signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (!runner)
        become_runner(more);
}

void forge_test_runner_start(const char *const *more)
{
    forge_run_state_t state;
    const char *why = "";
    apr_pool_t *p;
    forge_test_runner_begin(more);
    apr_initialize();
    apr_pool_create(&p, NULL);
    for (int ms = 0; ms < STARTS_MS && !forge_run_probe(p, socket_path, &state, &why) && !state.why.len; ms += 20)
        usleep(20000);
    apr_pool_destroy(p);
}

/* --- its processes --- */

int forge_test_runner_alive(pid_t session, pid_t *pick)
{
    int n = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
        char path[300], line[1024], state = 'Z';
        int parent = 0, group = 0, its_session = 0;
        snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
        FILE *stat = *entry->d_name >= '1' && *entry->d_name <= '9' ? fopen(path, "r") : NULL;
        if (!stat)
            continue;
        const char *end = fgets(line, sizeof(line), stat) ? strrchr(line, ')') : NULL;
        fclose(stat);
        if (!end || sscanf(end + 1, " %c %d %d %d", &state, &parent, &group, &its_session) != 4)
            continue;
        if (its_session != session || state == 'Z' || state == 'X')
            continue;
        n++;
        if (pick && parent == session)
            *pick = atoi(entry->d_name);
    }
    closedir(proc);
    return n;
}

int forge_test_runner_settle(pid_t session, int wanted)
{
    int n = forge_test_runner_alive(session, NULL);
    for (int ms = 0; ms < FORGE_TEST_SETTLE_MS && n != wanted; ms += 10, n = forge_test_runner_alive(session, NULL))
        usleep(10000);
    return n;
}

/* --- jobs --- */

static forge_run_bytes_t bytes(const char *text)
{
    return (forge_run_bytes_t){text, strlen(text)};
}

forge_run_job_t forge_test_job(const char *code)
{
    return (forge_run_job_t){
        .language = bytes("python"), .code = bytes(code), .account = 1, .limits = FORGE_RUN_DEFAULTS};
}

forge_run_t *forge_test_submit(apr_pool_t *p, const forge_run_job_t *job)
{
    const char *why = "";
    forge_run_t *run = forge_run_submit(p, socket_path, job, &why);
    ck_assert_msg(run, "not taken: %s", why);
    return run;
}

forge_run_result_t forge_test_collect(forge_run_t *run)
{
    forge_run_result_t result;
    struct pollfd on = {.fd = forge_run_fd(run), .events = POLLIN, .revents = 0};
    while (forge_run_collect(run, &result) == FORGE_RUN_WAITING)
        ck_assert_msg(poll(&on, 1, PATIENCE) > 0, "no result came");
    return result;
}

forge_run_result_t forge_test_run(apr_pool_t *p, const forge_run_job_t *job)
{
    return forge_test_collect(forge_test_submit(p, job));
}

bool forge_test_has(forge_run_bytes_t in, const char *text)
{
    return !*text || (in.len && memmem(in.data, in.len, text, strlen(text)));
}

forge_run_state_t forge_test_state(apr_pool_t *p)
{
    forge_run_state_t state;
    const char *why = "";
    ck_assert_msg(forge_run_probe(p, socket_path, &state, &why), "no state: %s", why);
    return state;
}

void forge_test_idle(apr_pool_t *p)
{
    forge_run_state_t state = forge_test_state(p);
    for (int ms = 0; ms < PATIENCE && (state.running || state.waiting); ms += 10) {
        usleep(10000);
        state = forge_test_state(p);
    }
    ck_assert_int_eq(state.running + state.waiting, 0);
}
