/* SPDX-License-Identifier: Apache-2.0
 * Starts and watches forge-runner, as mod_cgid does with its daemon: a child of httpd's parent, so that it is no
 * process with threads and secrets that forks the sandboxes (DESIGN 6, 8).
 *
 * There is one for all virtual hosts. It outlives graceful restarts: who it is stands in the process pool, while each
 * generation registers anew to hear of its end, because the module's code may have another address by then. It is
 * started again when it ends, after a pause that grows while it does not last. It ends with httpd: by the process pool
 * (a clean-up of our own would be called after the module was unloaded), or, when the parent is killed, by
 * PR_SET_PDEATHSIG.
 */
#include "work_private.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <mpm_common.h>
#include <unixd.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

APLOG_USE_MODULE(forge);

#define KEPT_AS      "forge-runner 1"      /* in the process pool; another number when kept_t changes */
#define LASTS        apr_time_from_sec(10) /* who lives so long has worked */
#define PAUSE_FIRST  1                     /* seconds before a next start; doubled each time */
#define PAUSE_MAX    60
#define CANNOT_START 127 /* exit code of a process that did not become forge-runner */
#define END_TRIES    100 /* times 20 ms that an old one may take to end */

/* What survives a graceful restart. */
typedef struct kept_t {
    apr_proc_t *proc;  /* NULL: none runs */
    const char *words; /* what it was started with, joined by line ends */
    apr_time_t started;
    int pause; /* seconds before the next start */
} kept_t;

static kept_t *kept;
/* Of this generation. */
static server_rec *watcher;
static apr_pool_t *generation;

/* --- start and end --- */

/* In the new process: nothing of httpd is left in it but its standard error, the error log. */
static void become(const char *const *argv, pid_t parent, int pause)
{
    static char *const nothing[] = {NULL};
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    setsid();
    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        signal(signal_number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (!freopen("/dev/null", "r", stdin) || !freopen("/dev/null", "w", stdout) || chdir("/") != 0)
        _exit(1);
    closefrom(3);
    sleep((unsigned)pause);
    execve(argv[0], (char *const *)argv, nothing);
    _exit(CANNOT_START);
}

static const char **split(apr_pool_t *p, const char *words)
{
    char *copy = apr_pstrdup(p, words), *state = NULL;
    apr_array_header_t *argv = apr_array_make(p, 24, sizeof(const char *));
    for (char *word = apr_strtok(copy, "\n", &state); word; word = apr_strtok(NULL, "\n", &state))
        APR_ARRAY_PUSH(argv, const char *) = word;
    APR_ARRAY_PUSH(argv, const char *) = NULL;
    return (const char **)argv->elts;
}

static void heard(int reason, void *data, int status);

static void start(void)
{
    const char **argv = split(generation, kept->words);
    apr_pool_t *process = watcher->process->pool;
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(argv, parent, kept->pause);
    kept->started = apr_time_now() + apr_time_from_sec(kept->pause);
    kept->proc = NULL;
    if (pid < 0) {
        ap_log_error(APLOG_MARK, APLOG_ERR, errno, watcher, "FG0565: could not start forge-runner; it is tried again");
        return;
    }
    kept->proc = apr_pcalloc(process, sizeof(*kept->proc));
    kept->proc->pid = pid;
    apr_pool_note_subprocess(process, kept->proc, APR_KILL_AFTER_TIMEOUT);
}

/* Whether it runs; who is not our child any more does not. */
static bool runs(void)
{
    int code;
    apr_exit_why_e why;
    return kept->proc && apr_proc_wait(kept->proc, &code, &why, APR_NOWAIT) == APR_CHILD_NOTDONE;
}

static void stop(void)
{
    if (!runs())
        return;
    kill(kept->proc->pid, SIGTERM);
    for (int i = 0; i < END_TRIES && runs(); i++)
        apr_sleep(apr_time_from_msec(20));
    if (runs()) {
        kill(kept->proc->pid, SIGKILL);
        waitpid(kept->proc->pid, NULL, 0);
    }
    kept->proc = NULL;
}

/* --- watching --- */

static void watch(void)
{
    if (kept->proc)
        apr_proc_other_child_register(kept->proc, heard, kept, NULL, generation);
}

int forge_work_runner_look(apr_pool_t *p, server_rec *s)
{
    (void)p, (void)s;
    if (kept && kept->words && !kept->proc && apr_time_now() >= kept->started && !forge_server_stopping()) {
        start();
        watch();
    }
    return OK;
}

/* httpd tells an exit code like the number of a signal. */
static const char *fate(apr_pool_t *p, int code)
{
    return code == CANNOT_START ? "because its program cannot be executed"
                                : apr_psprintf(p, "with exit code or signal %d", code);
}

/* Called by httpd's parent when the process has ended, and when this generation ends. */
static void heard(int reason, void *data, int status)
{
    if (reason != APR_OC_REASON_DEATH && reason != APR_OC_REASON_LOST)
        return;
    apr_proc_other_child_unregister(data);
    const int pid = kept->proc ? (int)kept->proc->pid : 0;
    kept->proc = NULL;
    if (forge_server_stopping())
        return;
    forge_work_crash_of_runner(pid, status);
    bool lasted = apr_time_now() - kept->started >= LASTS;
    kept->pause = lasted ? 0 : kept->pause ? kept->pause * 2 : PAUSE_FIRST;
    if (kept->pause > PAUSE_MAX)
        kept->pause = PAUSE_MAX;
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, watcher, "FG0566: forge-runner ended %s; it is started again in %d s",
                 fate(generation, status), kept->pause);
    start();
    watch();
}

/* --- what it is started with --- */

/* The languages of all hosts: each host asks its own list before it has anything run. */
static const char *languages(apr_pool_t *p, server_rec *main_server)
{
    static const char *const names[] = {"python", "c", "javascript"};
    const char *list = "";
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        bool wanted = false;
        for (server_rec *s = main_server; s; s = s->next)
            wanted |= forge_server_of(s) && forge_config_language(forge_config_of_server(s), names[i]);
        if (wanted)
            list = apr_pstrcat(p, list, *list ? "," : "", names[i], NULL);
    }
    return list;
}

/* Started by root, forge-runner runs programs as an account of its own; its socket belongs to the children's. */
static const char *words_of(apr_pool_t *p, server_rec *main_server, const forge_config_t *c, const char *socket)
{
    const forge_exec_places_t *places = forge_config_exec_places(c);
    const char *program = forge_config_sandbox(c);
    const char *folder = apr_pstrmemdup(p, program, (apr_size_t)(strrchr(program, '/') - program));
    const char *words =
        apr_psprintf(p, "%s\n--socket\n%s\n--init\n%s/forge-init\n--languages\n%s\n--queue\n%d\n--share\n%d", program,
                     socket, folder, languages(p, main_server), places->queue, places->account);
    if (places->runs)
        words = apr_psprintf(p, "%s\n--runs\n%d", words, places->runs);
    return geteuid() == 0 ? apr_psprintf(p, "%s\n--owner\n%s", words, ap_unixd_config.user_name) : words;
}

/* The first host that has a sandbox. */
static const forge_config_t *chosen(server_rec *main_server)
{
    for (server_rec *s = main_server; s; s = s->next)
        if (forge_server_of(s) && forge_config_sandbox(forge_config_of_server(s)))
            return forge_config_of_server(s);
    return NULL;
}

/* A folder that only the children's account can enter, whatever rights the socket in it has at any moment. The file of
 * the parent's number is another one for each httpd. */
static const char *socket_place(apr_pool_t *p, server_rec *s)
{
    const char *name = apr_pstrcat(p, "forge-", apr_filepath_name_get(ap_pid_fname), NULL);
    const char *folder = ap_runtime_dir_relative(p, name);
    bool made = mkdir(folder, 0700) == 0 || errno == EEXIST;
    if (made && geteuid() == 0)
        made = chown(folder, ap_unixd_config.user_id, ap_unixd_config.group_id) == 0;
    if (!made)
        ap_log_error(APLOG_MARK, APLOG_ERR, errno, s, "FG0567: could not make the folder %s for forge-runner", folder);
    return made ? apr_pstrcat(p, folder, "/socket", NULL) : NULL;
}

static void remember(server_rec *s)
{
    apr_pool_t *process = s->process->pool;
    apr_pool_userdata_get((void **)&kept, KEPT_AS, process);
    if (kept)
        return;
    kept = apr_pcalloc(process, sizeof(*kept));
    apr_pool_userdata_set(kept, KEPT_AS, apr_pool_cleanup_null,
                          process); /* copies the key, which goes with the module */
}

int forge_work_runner_register(apr_pool_t *pconf, server_rec *main_server)
{
    const forge_config_t *c = chosen(main_server);
    const char *socket = c ? socket_place(pconf, main_server) : NULL;
    remember(main_server);
    watcher = main_server;
    generation = pconf;
    const char *words = socket ? words_of(pconf, main_server, c, socket) : NULL;
    if (kept->words && (!words || strcmp(words, kept->words) != 0))
        stop();
    kept->words = words ? apr_pstrdup(main_server->process->pool, words) : NULL;
    for (server_rec *s = main_server; s && words; s = s->next)
        if (forge_server_of(s) && forge_config_sandbox(forge_config_of_server(s)))
            forge_server_of(s)->runner = socket;
    if (words && !runs()) {
        kept->pause = 0;
        start();
    }
    watch();
    return OK;
}
