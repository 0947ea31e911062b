/* SPDX-License-Identifier: Apache-2.0
 * The outer namespaces of one run. bubblewrap is the first process of a PID namespace that we make: killing it ends
 * everything, in whatever phase it is, which its own --die-with-parent does not. The mount namespace around it holds
 * the writable folder, whose number of files is limited too; bubblewrap cannot limit that.
 */
#include "runner.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CODE_MORE 16384 /* what the file system takes itself */

static void must(bool good, const char *what)
{
    if (good)
        return;
    dprintf(STDERR_FILENO, "%s: %m\n", what);
    _exit(1);
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && dprintf(fd, "%s", text) > 0;
    if (fd >= 0)
        close(fd);
    return good;
}

/* The one user that we are. */
static void map_ids(uid_t uid, gid_t gid)
{
    char line[64];
    must(write_file("/proc/self/setgroups", "deny"), "setgroups");
    snprintf(line, sizeof(line), "%u %u 1\n", uid, uid);
    must(write_file("/proc/self/uid_map", line), "uid_map");
    snprintf(line, sizeof(line), "%u %u 1\n", gid, gid);
    must(write_file("/proc/self/gid_map", line), "gid_map");
}

/* bubblewrap looks for its first process by the number that this has here. In a /proc of the namespace outside that is
 * somebody else, or nobody, as in a container. Where it may not be mounted things stay as they are. */
static void mount_proc(void)
{
    (void)!mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static void mount_folder(const forge_runner_nest_t *nest)
{
    char options[96];
    unsigned long flags = MS_NOSUID | MS_NODEV | (nest->execs ? 0 : MS_NOEXEC);
    snprintf(options, sizeof(options), "size=%lld,nr_inodes=%d,mode=0700", (long long)nest->file_bytes, nest->files);
    must(mount("tmpfs", FORGE_RUNNER_FOLDER, "tmpfs", flags, options) == 0, "tmpfs");
}

/* It can be executed and not read. */
static bool copy_init(const forge_runner_t *runner)
{
    int fd = open(FORGE_RUNNER_INIT, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0100);
    bool good = fd >= 0 && write(fd, runner->init.bytes, runner->init.len) == (ssize_t)runner->init.len &&
                fchmod(fd, 0111) == 0;
    close(fd);
    return good;
}

/* Where the program comes to lie, in a small file system of its own. Inside it is bound read-only; the descriptor of
 * its folder alone writes it, and the program does not get that. */
static void mount_code(const forge_runner_nest_t *nest)
{
    char options[96];
    snprintf(options, sizeof(options), "size=%zu,nr_inodes=8,mode=0700",
             (nest->carries ? INIT_SELF_MAX : FORGE_RUN_CODE_MAX) + nest->runner->init.len + CODE_MORE);
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "mounts cannot be made private");
    must(mount("tmpfs", FORGE_RUNNER_PLACE, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0, "tmpfs");
    must(mkdir(FORGE_RUNNER_FOLDER, 0700) == 0, "mkdir");
    must(copy_init(nest->runner), FORGE_RUNNER_INIT);
    must(mkdir(FORGE_RUNNER_CODE, 0700) == 0, "mkdir");
    must(open(FORGE_RUNNER_CODE, O_RDONLY | O_DIRECTORY) == INIT_CODE, "open");
}

static void pin(int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    sched_setaffinity(0, sizeof(one), &one); /* a place on a processor that is gone is a place all the same */
}

static void plain_signals(void)
{
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The descriptors of init.h at their numbers, and no other. All of them are above these numbers. */
static void place(const int fds[INIT_FDS])
{
    for (int i = 0; i < INIT_FDS; i++)
        must(i == INIT_CODE || dup2(fds[i], i) == i, "dup2");
    close(INIT_CODE);
    syscall(SYS_close_range, INIT_FDS, ~0U, 0);
}

/* Does the launcher still live? The death signal tells only from now on, and getppid says 0 across a PID namespace; the
 * launcher's end of the control pipe tells. */
static void end_with_launcher(int control)
{
    struct pollfd watched = {.fd = control, .events = POLLIN, .revents = 0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    must(poll(&watched, 1, 0) >= 0 && !(watched.revents & POLLHUP), "the launcher has ended");
}

static void inside(const forge_runner_nest_t *nest, uid_t uid, gid_t gid)
{
    static char *const empty[] = {NULL};
    char *argv[] = {"bwrap", "--args", "5", "--", "/i", NULL};
    place(nest->fds);
    end_with_launcher(INIT_CONTROL);
    plain_signals();
    umask(077);
    must(chdir("/") == 0, "chdir");
    write_file("/proc/self/oom_score_adj", "1000");
    if (nest->cpu >= 0)
        pin(nest->cpu);
    map_ids(uid, gid);
    mount_code(nest);
    mount_proc();
    mount_folder(nest);
    execve(nest->runner->options.bwrap, argv, empty);
    must(false, nest->runner->options.bwrap);
}

pid_t forge_runner_nest(const forge_runner_nest_t *nest, int *pidfd)
{
    const uid_t uid = getuid();
    const gid_t gid = getgid();
    const unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_PIDFD | SIGCHLD;
    prctl(PR_SET_DUMPABLE, 1); /* else /proc/self is root's, and the map cannot be written */
    pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, pidfd, NULL, NULL);
    if (!pid)
        inside(nest, uid, gid);
    return pid;
}
