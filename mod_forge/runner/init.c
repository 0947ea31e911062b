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
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
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
static struct {
    char bytes[INIT_LATER_MAX];
    size_t len, poured;
    int pipe;
} later; /* the program that an interpreter waits for */

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

/* A file of the program's folder, which can be written through this descriptor alone. */
static int create(const char *name)
{
    int fd = openat(INIT_CODE, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, (mode_t)go.mode) != 0)
        fail(INIT_AT_CODE);
    return fd;
}

static void write_code(int fd, const char *bytes, size_t len)
{
    if (write(fd, bytes, len) != (ssize_t)len)
        fail(INIT_AT_CODE);
}

static void read_code(void)
{
    static char chunk[CHUNK_BYTES];
    int fd = create(go.file);
    for (uint64_t left = go.code; left;) {
        const size_t some = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);
        if (read_all(INIT_CONTROL, chunk, some) != some)
            _exit(0);
        write_code(fd, chunk, some);
        left -= some;
    }
    close(fd);
}

static void pin(pid_t pid, int64_t cpu)
{
    cpu_set_t one;
    if (cpu < 0)
        return;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    sched_setaffinity(pid, sizeof(one), &one); /* a place on a processor that is gone is a place all the same */
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
    if (go.code == INIT_LATER && mkfifoat(INIT_CODE, go.file, 0600) != 0)
        fail(INIT_AT_CODE);
    if (go.code != INIT_LATER && *go.file)
        read_code();
    pin(0, go.cpu);
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

/* --- a program that comes later --- */

#define INIT_NEW "new" /* the file that takes the pipe's place */

/* Waits until the launcher says something. An interpreter that ends first is of no use to anybody. */
static void await_word(const struct pollfd on[2])
{
    struct pollfd both[2] = {on[0], on[1]};
    while (poll(both, 2, -1) < 0 && errno == EINTR)
        ;
    if (both[1].revents)
        _exit(0);
}

static int64_t read_later(void)
{
    init_code_t head;
    if (read_all(INIT_CONTROL, &head, sizeof(head)) != sizeof(head) || head.code > sizeof(later.bytes) ||
        read_all(INIT_CONTROL, later.bytes, head.code) != head.code)
        _exit(0);
    int fd = create(INIT_NEW);
    later.len = head.code;
    write_code(fd, later.bytes, later.len);
    close(fd);
    return head.cpu;
}

/* Waits until the interpreter has its file open. Whoever opens it from then on, as a traceback does, gets a file. */
static void replace_pipe(const struct pollfd on[2])
{
    struct pollfd both[2] = {on[0], on[1]};
    while ((later.pipe = openat(INIT_CODE, go.file, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0 && errno == ENXIO)
        if (poll(both, 2, LOOK_MS) > 0)
            _exit(0);
    if (later.pipe < 0 || renameat(INIT_CODE, INIT_NEW, INIT_CODE, go.file) != 0)
        fail(INIT_AT_CODE);
}

/* Until the program is there, and somebody who reads it. Where that cannot be, nothing of it has started. */
static void await_code(pid_t pid)
{
    const struct pollfd on[2] = {{.fd = INIT_CONTROL, .events = POLLIN},
                                 {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN}};
    signal(SIGPIPE, SIG_IGN); /* it may stop reading */
    await_word(on);
    const int64_t cpu = read_later();
    pin(0, cpu);
    pin(pid, cpu);
    replace_pipe(on);
    close(on[1].fd);
}

/* Gives the interpreter as much of it as it takes. True: all, or it reads no more. */
static bool pour(void)
{
    if (go.code != INIT_LATER)
        return true;
    while (later.poured < later.len) {
        ssize_t n = write(later.pipe, later.bytes + later.poured, later.len - later.poured);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n < 0 && errno != EINTR)
            break;
        later.poured += n > 0 ? (size_t)n : 0;
    }
    close(later.pipe);
    return true;
}

/* --- */

/* Waits until the program ends, its CPU time is over that, or the launcher closes the control pipe. */
static bool watch(pid_t pid, const clockid_t *clock, uint64_t most_us)
{
    struct pollfd on[2] = {{.fd = INIT_CONTROL, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    on[1].fd = (int)syscall(SYS_pidfd_open, pid, 0);
    bool poured = pour();
    for (int wait = poured ? FIRST_LOOK_MS : LOOK_MS;; wait = LOOK_MS) {
        int n = poll(on, 2, wait);
        if (n > 0)
            return false;
        poured = poured || pour();
        if (clock && microseconds(*clock) > most_us)
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

/* What an interpreter used before its program came is not the program's. */
static void supervise(pid_t pid)
{
    struct rusage used;
    clockid_t clock;
    init_report_t said = {.what = INIT_STARTED};
    const bool timed = clock_getcpuclockid(pid, &clock) == 0;
    const uint64_t began = microseconds(CLOCK_MONOTONIC), before = timed ? microseconds(clock) : 0;
    report(&said);
    be_quick();
    said.over_cpu = watch(pid, timed ? &clock : NULL, before + go.cpu_ms * 1000);
    said.what = INIT_ENDED;
    said.status = reap(pid);
    said.wall_us = microseconds(CLOCK_MONOTONIC) - began;
    getrusage(RUSAGE_CHILDREN, &used);
    said.cpu_us = (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
                  (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    said.cpu_us -= said.cpu_us > before ? before : said.cpu_us;
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
    if (go.code == INIT_LATER)
        await_code(pid);
    supervise(pid);
    return 0;
}
