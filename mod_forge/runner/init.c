/* SPDX-License-Identifier: Apache-2.0
 * forge-init: the first process inside a sandbox. It sets the limits, starts the program behind the system call filter,
 * ends everything when told to or when the program ends, and reports what it was. It is linked statically, so that it
 * needs nothing of the view of files that the program has.
 *
 * The limits are set here because they belong inside: RLIMIT_NPROC counts for a user namespace, and a launcher that
 * dies before it sets them from outside would leave a program without any.
 */
#include "init.h"
#include "util/slice.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_COUNT   128
#define FIRST_LOOK_MS 20     /* a program that is done by then is not disturbed */
#define LOOK_MS       1      /* between two looks at the program's CPU time, and between two choices of the kernel */
#define LOOK_SLICE    100000 /* ns, the shortest there is (Linux 6.12) */
#define NICE_PROGRAM  10     /* below those who watch it: a bomb of processes must not starve them */
#define STACK_BYTES   (8 << 20)
#define FILES_COUNT   64
#define SIGNALS_MAX   64
#define CHUNK_BYTES   65536

static char filter[INIT_FILTER_MAX];
static struct sock_fprog program;
static char words[INIT_WORDS_MAX + 1];
static char *argv[WORDS_COUNT + 1];
static init_go_t go;

static void report(const init_report_t *said)
{
    while (write(INIT_STATUS, said, sizeof(*said)) < 0 && errno == EINTR)
        ;
}

static void fail(uint32_t stage)
{
    const init_report_t said = {.what = INIT_FAILED, .stage = stage, .status = errno};
    report(&said);
    _exit(1);
}

/* Reads until `size` bytes are there or the other side has ended. */
static size_t read_all(int fd, void *to, size_t size)
{
    size_t have = 0;
    while (have < size) {
        ssize_t n = read(fd, (char *)to + have, size - have);
        if (n > 0)
            have += (size_t)n;
        else if (n == 0 || errno != EINTR)
            break;
    }
    return have;
}

static void read_filter(void)
{
    size_t size = read_all(INIT_FILTER, filter, sizeof(filter));
    close(INIT_FILTER);
    if (!size || size % sizeof(struct sock_filter) != 0)
        fail(INIT_AT_FILTER);
    program.len = (unsigned short)(size / sizeof(struct sock_filter));
    program.filter = (struct sock_filter *)(void *)filter;
}

/* Puts the program in its place, which can be written through this descriptor alone. */
static void read_code(void)
{
    static char chunk[CHUNK_BYTES];
    for (uint64_t left = go.code; left;) {
        const size_t some = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);
        if (read_all(INIT_CONTROL, chunk, some) != some)
            _exit(0);
        if (write(INIT_CODE, chunk, some) != (ssize_t)some)
            fail(INIT_AT_CODE);
        left -= some;
    }
    close(INIT_CODE);
}

static void pin(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)go.cpu, &one);
    sched_setaffinity(0, sizeof(one), &one); /* a place on a processor that is gone is a place all the same */
}

/* An end of the control pipe without a whole word is no word: then nothing starts. */
static void read_go(void)
{
    int n = 0;
    if (read_all(INIT_CONTROL, &go, sizeof(go)) != sizeof(go) || !go.words || go.words > INIT_WORDS_MAX ||
        read_all(INIT_CONTROL, words, go.words) != go.words)
        _exit(0);
    for (char *word = words; word < words + go.words && n < WORDS_COUNT; word += strlen(word) + 1)
        argv[n++] = word;
    read_code();
    if (go.cpu >= 0)
        pin();
}

static void limit(int resource, uint64_t soft, uint64_t hard)
{
    const struct rlimit both = {soft, hard};
    if (setrlimit(resource, &both) != 0)
        fail(INIT_AT_LIMITS);
}

/* The exact CPU limit is watched by this process; the kernel's, in whole seconds, is the fence behind it. */
static void set_limits(void)
{
    const uint64_t seconds = (go.cpu_ms + 999) / 1000;
    if (go.address_bytes)
        limit(RLIMIT_AS, go.address_bytes, go.address_bytes);
    if (go.data_bytes)
        limit(RLIMIT_DATA, go.data_bytes, go.data_bytes);
    limit(RLIMIT_CPU, seconds + 1, seconds + 2);
    limit(RLIMIT_NPROC, go.processes + 1, go.processes + 1); /* and this process */
    limit(RLIMIT_FSIZE, go.file_bytes, go.file_bytes);
    limit(RLIMIT_STACK, STACK_BYTES, STACK_BYTES);
    limit(RLIMIT_NOFILE, FILES_COUNT, FILES_COUNT);
    limit(RLIMIT_SIGPENDING, SIGNALS_MAX, SIGNALS_MAX);
    limit(RLIMIT_CORE, 0, 0);
    limit(RLIMIT_MEMLOCK, 0, 0);
    limit(RLIMIT_MSGQUEUE, 0, 0);
    limit(RLIMIT_NICE, 0, 0);
    limit(RLIMIT_RTPRIO, 0, 0);
}

/* The child: after the filter only what the filter allows. The status pipe ends with execve. */
static void become_program(void)
{
    set_limits();
    setpriority(PRIO_PROCESS, 0, NICE_PROGRAM);
    close(INIT_CONTROL);
    syscall(SYS_close_range, INIT_STATUS + 1, ~0U, 0);
    fcntl(INIT_STATUS, F_SETFD, FD_CLOEXEC);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        fail(INIT_AT_FILTER);
    execve(argv[0], argv, environ);
    fail(INIT_AT_EXEC);
}

static uint64_t microseconds(clockid_t clock)
{
    struct timespec now;
    return clock_gettime(clock, &now) == 0 ? (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 : 0;
}

/* Waits until the program ends, uses up its CPU time, or the launcher closes the control pipe. */
static bool watch(pid_t pid)
{
    clockid_t clock;
    bool timed = clock_getcpuclockid(pid, &clock) == 0;
    struct pollfd on[2] = {{.fd = INIT_CONTROL, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    on[1].fd = (int)syscall(SYS_pidfd_open, pid, 0);
    for (int wait = FIRST_LOOK_MS;; wait = LOOK_MS) {
        int n = poll(on, 2, wait);
        if (n > 0)
            return false;
        if (timed && microseconds(clock) > go.cpu_ms * 1000)
            return true;
        siginfo_t ended = {.si_pid = 0};
        if (on[1].fd < 0 && waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT | WNOHANG) == 0 && ended.si_pid)
            return false;
    }
}

/* The status of `pid`; everybody inside is dead and reaped when this returns. */
static int reap(pid_t pid)
{
    int status = 0, of_program = 0;
    kill(-1, SIGKILL);
    for (pid_t dead; (dead = waitpid(-1, &status, 0)) > 0 || errno == EINTR;)
        if (dead == pid)
            of_program = status;
    return of_program;
}

/* A program that computes has the processor until the kernel looks at slices again: at a tick, up to 4 ms later, or
 * when somebody wakes here. Whoever of httpd or the database waits for it then gets it at this process's next look. */
static void be_quick(void)
{
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    forge_util_slice(getpriority(PRIO_PROCESS, 0), LOOK_SLICE);
}

static void supervise(pid_t pid)
{
    struct rusage used;
    init_report_t said = {.what = INIT_STARTED};
    uint64_t began = microseconds(CLOCK_MONOTONIC);
    report(&said);
    be_quick();
    said.over_cpu = watch(pid);
    said.what = INIT_ENDED;
    said.status = reap(pid);
    said.wall_us = microseconds(CLOCK_MONOTONIC) - began;
    getrusage(RUSAGE_CHILDREN, &used);
    said.cpu_us = (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
                  (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    said.memory_kb = (uint64_t)used.ru_maxrss;
    report(&said);
}

int main(void)
{
    prctl(PR_SET_DUMPABLE, 0);
    const init_report_t ready = {.what = INIT_READY};
    read_filter();
    report(&ready);
    read_go();
    pid_t pid = fork();
    if (pid < 0)
        fail(INIT_AT_FORK);
    if (!pid)
        become_program();
    supervise(pid);
    return 0;
}
