/* SPDX-License-Identifier: Apache-2.0
 * forge-runner: runs code that is not ours, under bubblewrap, for whoever may write to its socket. httpd's parent
 * starts it; it ends when its parent ends.
 *
 *     forge-runner --socket PATH [--owner USER] [--user USER] [--runs N] [--queue N] [--share N] [--memory MB]
 *                  [--warm N] [--languages LIST] [--bwrap PATH] [--init PATH]
 *     forge-runner --check [...]       tries the sandbox, says a line for each layer, exits with 0 or 1
 */
#include "runner.h"
#include "util/standard.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG       512
#define QUEUE_DEFAULT 512
#define SHARE_DEFAULT 32
#define NICE_RUNS     "10" /* of the group of all runs, on machines that group processes by session */

static int usage(const char *wrong)
{
    fprintf(stderr,
            "forge-runner: %s\n"
            "usage: forge-runner --socket PATH [--owner USER] [--user USER] [--runs N] [--queue N] [--share N]\n"
            "                    [--memory MB] [--warm N] [--languages LIST] [--bwrap PATH] [--init PATH]\n"
            "       forge-runner --check [--user USER] [--languages LIST] [--bwrap PATH] [--init PATH]\n",
            wrong);
    return 2;
}

/* A whole number from 1 to `max`; 0 for anything else. */
static int64_t number(const char *text, int64_t max)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    return errno || end == text || *end || n < 1 || n > max ? 0 : n;
}

static const char *read_options(int argc, char **argv, forge_runner_options_t *o)
{
    enum { SOCKET, OWNER, USER, LANGUAGES, BWRAP, INIT, RUNS, QUEUE, SHARE, MEMORY, WARM, CHECK };
    static const struct option known[] = {
        {"socket", 1, NULL, SOCKET}, {"owner", 1, NULL, OWNER},
        {"user", 1, NULL, USER},     {"languages", 1, NULL, LANGUAGES},
        {"bwrap", 1, NULL, BWRAP},   {"init", 1, NULL, INIT},
        {"runs", 1, NULL, RUNS},     {"queue", 1, NULL, QUEUE},
        {"share", 1, NULL, SHARE},   {"memory", 1, NULL, MEMORY},
        {"warm", 1, NULL, WARM},     {"check", 0, NULL, CHECK},
        {NULL, 0, NULL, 0},
    };
    const char **texts[] = {&o->socket, &o->owner, &o->user, &o->languages, &o->bwrap, &o->init};
    int64_t *numbers[] = {&o->runs, &o->queue, &o->share, &o->memory_mb, &o->warm};
    static const int64_t max[] = {FORGE_RUNNER_RUNS_MAX, 10000, 10000, 1 << 20, FORGE_RUNNER_WARM_MAX};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == '?')
            return "an option is not known";
        if (c == CHECK)
            o->check = true;
        else if (c < RUNS)
            *texts[c] = optarg;
        else if (c == WARM && strcmp(optarg, "0") == 0)
            o->warm = 0;
        else if (!(*numbers[c - RUNS] = number(optarg, max[c - RUNS])))
            return "a number is out of its range";
    }
    return optind < argc ? "it takes no arguments" : !o->socket && !o->check ? "--socket is needed" : NULL;
}

/* Runs get a processor each, never the last of several: httpd and the database keep one for themselves whatever the
 * programs do. */
static void choose_places(forge_runner_t *r)
{
    cpu_set_t mine;
    int found[CPU_SETSIZE], n = 0;
    CPU_ZERO(&mine);
    sched_getaffinity(0, sizeof(mine), &mine);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET((size_t)i, &mine))
            found[n++] = i;
    const int64_t places = n > 1 ? n - 1 : 1;
    if (!r->options.runs || r->options.runs > places)
        r->options.runs = places < FORGE_RUNNER_RUNS_MAX ? places : FORGE_RUNNER_RUNS_MAX;
    for (int i = 0; i < FORGE_RUNNER_RUNS_MAX; i++)
        r->cpus[i] = n > 1 ? found[i % (n - 1)] : -1;
}

static void choose_memory(forge_runner_options_t *o)
{
    struct sysinfo machine;
    if (!o->memory_mb && sysinfo(&machine) == 0)
        o->memory_mb = (int64_t)((unsigned long long)machine.totalram * machine.mem_unit >> 20) / 2;
}

/* A session of our own is a group of its own to the scheduler, which all runs share: together they get a small part of
 * a busy machine. The kernel takes one such change every 100 ms from all who are not root. */
static void be_a_small_group(void)
{
    setsid();
    for (int i = 0; i < 10; i++) {
        int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
        bool done = fd < 0 || write(fd, NICE_RUNS, strlen(NICE_RUNS)) > 0 || errno != EAGAIN;
        if (fd >= 0)
            close(fd);
        if (done)
            return;
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
}

static int listen_at(const forge_runner_options_t *o)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = ""};
    const struct passwd *owner = o->owner ? getpwnam(o->owner) : NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (strlen(o->socket) >= sizeof(at.sun_path) || fd < 0)
        return -1;
    strcpy(at.sun_path, o->socket);
    unlink(o->socket);
    umask(0177);
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, BACKLOG) != 0)
        return -1;
    if (o->owner && (!owner || chown(o->socket, owner->pw_uid, owner->pw_gid) != 0))
        return -1;
    umask(077);
    return fd;
}

/* Root is no user to run anybody's code as: it becomes the one of --user, else forge-runner, else nobody. */
static bool drop_root(const forge_runner_options_t *o)
{
    if (getuid() != 0 && geteuid() != 0)
        return true;
    const struct passwd *user = o->user ? getpwnam(o->user) : getpwnam("forge-runner");
    if (!user && !o->user)
        user = getpwnam("nobody");
    return user && user->pw_uid != 0 && setgroups(0, NULL) == 0 &&
           setresgid(user->pw_gid, user->pw_gid, user->pw_gid) == 0 &&
           setresuid(user->pw_uid, user->pw_uid, user->pw_uid) == 0;
}

/* Nothing; or, in a build with AddressSanitizer, what keeps that from tracing a process that may not be traced. */
#ifdef __SANITIZE_ADDRESS__
#define ENVIRONMENT "ASAN_OPTIONS=detect_leaks=0"
#else
#define ENVIRONMENT NULL
#endif

/* What the server has in its environment and its descriptors is not for here: the program starts again without. */
static void forget(char **argv)
{
    static char *const left[] = {ENVIRONMENT, NULL};
    syscall(SYS_close_range, 3, ~0U, 0);
    if (!*environ || (left[0] && strcmp(*environ, left[0]) == 0))
        return;
    execve("/proc/self/exe", argv, left);
}

/* Ends with whoever started it: set after the change of user, which clears it. */
static bool stay_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    return getppid() == parent;
}

static forge_runner_bytes_t contents(const char *path)
{
    struct stat st;
    forge_runner_bytes_t all = {NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= INIT_SELF_MAX &&
        (all.bytes = malloc((size_t)st.st_size + 1)) && read(fd, all.bytes, (size_t)st.st_size) == st.st_size)
        all.len = (size_t)st.st_size;
    if (fd >= 0)
        close(fd);
    return all;
}

/* forge-init lies beside this program, and what tools carry beside forge-init. All is read before root is dropped. */
static void read_programs(forge_runner_t *r)
{
    static char beside[PATH_MAX];
    char path[PATH_MAX];
    forge_runner_profile_t *profile;
    ssize_t len = r->options.init ? 0 : readlink("/proc/self/exe", beside, sizeof(beside) - sizeof("forge-init"));
    if (len > 0) {
        strcpy(strrchr(beside, '/') + 1, "forge-init");
        r->options.init = beside;
    }
    errno = 0;
    r->init = contents(r->options.init);
    r->init_why = r->init.len ? NULL : errno ? strerror(errno) : "it is no program";
    const char *end = strrchr(r->options.init, '/');
    const int folder = end ? (int)(end - r->options.init) + 1 : 0;
    for (size_t i = 0; (profile = forge_runner_profile_at(i)); i++)
        if (profile->carries &&
            snprintf(path, sizeof(path), "%.*s%s", folder, r->options.init, profile->carries) < (int)sizeof(path))
            profile->carried = contents(path);
}

static int serve(forge_runner_t *r, pid_t parent)
{
    int listening = listen_at(&r->options);
    if (listening < 0) {
        forge_runner_say("FG1003 cannot listen on \"%s\": %s", r->options.socket, strerror(errno));
        return 1;
    }
    if (!drop_root(&r->options)) {
        forge_runner_say("FG1004 cannot become another user than root, and runs nothing as root");
        return 1;
    }
    if (!stay_with(parent))
        return 0;
    signal(SIGPIPE, SIG_IGN);
    if (forge_runner_check(r, NULL))
        forge_runner_say("FG1005 ready: %lld at once, as user %u", (long long)r->options.runs, (unsigned)getuid());
    else
        forge_runner_say("FG1006 runs nothing, because a layer of the sandbox is missing: %s", r->why);
    return forge_runner_serve(r, listening);
}

int main(int argc, char **argv)
{
    static forge_runner_t r = {.options = {.languages = "python",
                                           .bwrap = "/usr/bin/bwrap",
                                           .queue = QUEUE_DEFAULT,
                                           .share = SHARE_DEFAULT,
                                           .warm = -1}};
    const pid_t parent = getppid();
    forget(argv); /* before anything is opened: it starts the program again, and what is closed stays closed */
    const bool output = forge_util_standard_open();
    const char *wrong = read_options(argc, argv, &r.options);
    if (wrong)
        return usage(wrong);
    choose_places(&r);
    choose_memory(&r.options);
    if (r.options.warm < 0)
        r.options.warm = r.options.runs < FORGE_RUNNER_WARM_MAX ? r.options.runs : FORGE_RUNNER_WARM_MAX;
    read_programs(&r);
    be_a_small_group();
    if (!r.options.check)
        return serve(&r, parent);
    if (!drop_root(&r.options))
        return usage("cannot become another user than root");
    const bool good = forge_runner_check(&r, stdout);
    if (output && fflush(stdout) == 0 && !ferror(stdout))
        return good ? 0 : 1;
    fputs("forge-runner: could not write the output\n", stderr);
    return 1;
}
