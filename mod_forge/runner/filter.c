/* SPDX-License-Identifier: Apache-2.0
 * The system calls that a program in the sandbox may make. Whatever is not listed is refused with EPERM; what the C
 * library tries first and can do without says ENOSYS; another architecture's calls end the program.
 *
 * Arguments are compared for equality with what is allowed, never with what is not: a filter compares 64 bits, the
 * kernel reads 32 of some, so that a value with high bits set would slip past a list of refusals.
 */
#include "runner.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#define CLONE_NEW_ANY 0x7E020080u /* every CLONE_NEW… */
#define PROGRAM_PID   2           /* of the program inside: forge-init is 1 */

/* Names rather than numbers: an architecture that lacks one (aarch64 has no open, no fork) simply goes without. */
static const char *const allowed[] = {
    /* files */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "open",
    "openat", "close", "close_range", "lseek", "_llseek", "stat", "fstat", "lstat", "newfstatat", "statx", "access",
    "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd", "chdir", "fchdir", "mkdir", "mkdirat", "rmdir",
    "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "chmod",
    "fchmod", "fchmodat", "utime", "utimes", "utimensat", "futimesat", "truncate", "ftruncate", "fallocate", "fsync",
    "fdatasync", "flock", "dup", "dup2", "dup3", "pipe", "pipe2", "umask", "statfs", "fstatfs", "getdents",
    "getdents64", "fadvise64", "sendfile", "copy_file_range", "getxattr", "lgetxattr", "fgetxattr", "listxattr",
    "llistxattr", "flistxattr",
    /* waiting */
    "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "epoll_pwait2", "eventfd", "eventfd2", "pause", "alarm", "getitimer", "setitimer", "nanosleep", "clock_nanosleep",
    "clock_gettime", "clock_getres", "gettimeofday", "time", "times", "restart_syscall",
    /* memory */
    "mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "msync",
    /* signals and threads */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "rt_sigsuspend",
    "sigaltstack", "futex", "futex_waitv", "set_robust_list", "rseq", "set_tid_address", "arch_prctl", "membarrier",
    "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_get_priority_max",
    "sched_get_priority_min", "getpriority", "getcpu",
    /* what a process is and has */
    "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups",
    "getpgrp", "getpgid", "getsid", "uname", "sysinfo", "getrusage", "getrlimit", "setrlimit", "getrandom", "exit",
    "exit_group", "wait4", "waitid", "execve",
    /* pairs of sockets, which asyncio needs; a socket that reaches anywhere is refused */
    "sendto", "recvfrom", "getsockname", "getpeername", "getsockopt", "setsockopt", "shutdown"};

/* libc and runtimes fall back when these do not exist. */
static const char *const missing[] = {"clone3",
                                      "memfd_create",
                                      "openat2",
                                      "io_uring_setup",
                                      "io_uring_enter",
                                      "io_uring_register",
                                      "splice",
                                      "tee",
                                      "vmsplice",
                                      "pidfd_open",
                                      "pidfd_send_signal",
                                      "pidfd_getfd",
                                      "userfaultfd",
                                      "process_madvise",
                                      "landlock_create_ruleset",
                                      "inotify_init",
                                      "inotify_init1",
                                      "timerfd_create",
                                      "signalfd",
                                      "signalfd4",
                                      "memfd_secret"};

/* A compiler starts its parts. No setsid: a new session would have the full share of the processor again. */
static const char *const allowed_to_fork[] = {"fork", "vfork", "kill", "tgkill", "tkill", "setpgid"};

typedef struct rule_t {
    const char *call;
    unsigned argument;
    uint64_t mask, value; /* mask 0: all bits */
} rule_t;

static const rule_t narrow[] = {
    {"socketpair", 0, 0, AF_UNIX}, {"prlimit64", 0, 0, 0},           {"prctl", 0, 0, PR_SET_NAME},
    {"prctl", 0, 0, PR_GET_NAME},  {"prctl", 0, 0, PR_GET_DUMPABLE}, {"prctl", 0, 0, PR_SET_VMA},
    {"ioctl", 1, 0, TCGETS},       {"ioctl", 1, 0, TIOCGWINSZ},      {"ioctl", 1, 0, FIONBIO},
    {"ioctl", 1, 0, FIONREAD},     {"ioctl", 1, 0, FIOCLEX},         {"ioctl", 1, 0, FIONCLEX},
    {"fcntl", 1, 0, F_DUPFD},      {"fcntl", 1, 0, F_DUPFD_CLOEXEC}, {"fcntl", 1, 0, F_GETFD},
    {"fcntl", 1, 0, F_SETFD},      {"fcntl", 1, 0, F_GETFL},         {"fcntl", 1, 0, F_SETFL},
    {"fcntl", 1, 0, F_GETLK},      {"fcntl", 1, 0, F_SETLK},         {"fcntl", 1, 0, F_SETLKW},
    {"fcntl", 1, 0, F_OFD_GETLK},  {"fcntl", 1, 0, F_OFD_SETLK},     {"fcntl", 1, 0, F_OFD_SETLKW},
    {"fcntl", 1, 0, F_GETPIPE_SZ}, {"fcntl", 1, 0, F_GET_SEALS},
};
static const rule_t threads_only[] = {
    {"clone", 0, CLONE_NEW_ANY | CLONE_THREAD, CLONE_THREAD},
    {"kill", 0, 0, PROGRAM_PID},
    {"tgkill", 0, 0, PROGRAM_PID},
};
static const rule_t forks[] = {{"clone", 0, CLONE_NEW_ANY, 0}};
/* In an empty network namespace, where one port answers. */
static const rule_t network[] = {{"socket", 0, 0, AF_INET}};
static const char *const allowed_to_reach[] = {"connect", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg"};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool add_names(scmp_filter_ctx all, uint32_t action, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int call = seccomp_syscall_resolve_name(names[i]);
        if (call == __NR_SCMP_ERROR)
            continue; /* younger than the library: refused by the default */
        int status = seccomp_rule_add(all, action, call, 0);
        if (status != 0 && status != -EDOM)
            return false;
    }
    return true;
}

static bool add_rules(scmp_filter_ctx all, const rule_t *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const rule_t *r = &rules[i];
        /* with a mask the first datum is the mask, and the second the value */
        struct scmp_arg_cmp is = {.arg = r->argument,
                                  .op = r->mask ? SCMP_CMP_MASKED_EQ : SCMP_CMP_EQ,
                                  .datum_a = r->mask ? r->mask : r->value,
                                  .datum_b = r->value};
        int status = seccomp_rule_add_array(all, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(r->call), 1, &is);
        if (status != 0 && status != -EDOM)
            return false;
    }
    return true;
}

static bool fill(scmp_filter_ctx all, bool may_fork, bool may_reach)
{
    return seccomp_attr_set(all, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
           add_names(all, SCMP_ACT_ALLOW, allowed, COUNT(allowed)) &&
           add_names(all, SCMP_ACT_ERRNO(ENOSYS), missing, COUNT(missing)) && add_rules(all, narrow, COUNT(narrow)) &&
           (may_fork ? add_names(all, SCMP_ACT_ALLOW, allowed_to_fork, COUNT(allowed_to_fork)) &&
                           add_rules(all, forks, COUNT(forks))
                     : add_rules(all, threads_only, COUNT(threads_only))) &&
           (!may_reach || (add_names(all, SCMP_ACT_ALLOW, allowed_to_reach, COUNT(allowed_to_reach)) &&
                           add_rules(all, network, COUNT(network))));
}

/* The filter as the kernel takes it, on the heap for ever; NULL when libseccomp cannot make it. */
static char *compile(bool may_fork, bool may_reach, size_t *len)
{
    scmp_filter_ctx all = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int fd = memfd_create("filter", MFD_CLOEXEC);
    off_t size = -1;
    char *bytes = NULL;
    if (all && fd >= 0 && fill(all, may_fork, may_reach) && seccomp_export_bpf(all, fd) == 0)
        size = lseek(fd, 0, SEEK_END);
    if (size > 0 && (bytes = malloc((size_t)size)) && pread(fd, bytes, (size_t)size, 0) == (ssize_t)size)
        *len = (size_t)size;
    close(fd);
    seccomp_release(all);
    return size > 0 ? bytes : NULL;
}

bool forge_runner_filters(forge_runner_t *runner)
{
    for (int i = 0; i < 3; i++)
        if (!(runner->filters[i].bytes = compile(i > 0, i > 1, &runner->filters[i].len)))
            return false;
    return true;
}
