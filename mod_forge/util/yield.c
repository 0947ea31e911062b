/* SPDX-License-Identifier: Apache-2.0
 * Long computations that let everybody else go first, on a thread of their own.
 *
 * A lower priority alone is not enough. The scheduler lets whoever computes finish a slice of some milliseconds before
 * it looks at its weight again, above all when the one who waits belongs to another service (a control group of its
 * own), as PostgreSQL does. A request that wakes up several times would wait for several slices. So the thread is
 * interrupted every millisecond, and sleeps for a moment when there are more runnable threads than
 * processors.
 */
#include "slice.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NICENESS    10 /* of 19: enough to let others go first, not so much that a busy machine keeps logins waiting */
#define STACK_BYTES (256 * 1024)
#define LOOK_EVERY  1000000   /* ns */
#define NAP         50000     /* ns: long enough for another thread to be put on the processor */
#define SLICE       100000000 /* ns; who has a long slice may be interrupted by who has a short one (Linux 6.12) */

typedef struct task_t {
    void (*work)(void *);
    void *data;
    volatile int naps;
} task_t;

#if defined(__linux__)

#if !defined(sigev_notify_thread_id)
#define sigev_notify_thread_id _sigev_un._tid
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int look_signal; /* 0: there is none, nobody sleeps */
static int load_file = -1;
static long processors;
static __thread task_t *current;

/* Whether more threads could run than there are processors: the fourth figure of /proc/loadavg, "0.20 0.18 0.12 3/80".
 * Only calls that are allowed in a signal handler. */
static bool crowded(void)
{
    char text[64];
    ssize_t len = pread(load_file, text, sizeof(text) - 1, 0);
    text[len > 0 ? len : 0] = 0;
    const char *at = text;
    for (int i = 0; i < 3 && at; i++)
        at = (at = strchr(at, ' ')) ? at + 1 : NULL;
    long running = 0;
    for (; at && *at >= '0' && *at <= '9'; at++)
        running = running * 10 + (*at - '0');
    return running > processors;
}

static void look(int number)
{
    int before = errno;
    (void)number;
    if (current && crowded()) {
        nanosleep(&(struct timespec){.tv_nsec = NAP}, NULL);
        current->naps++;
    }
    errno = before;
}

/* Takes a real-time signal that nobody else in the process handles, from the upper end: other libraries begin at the
 * lower one, and the very last belongs to debuggers. */
static void prepare(void)
{
    struct sigaction action = {.sa_handler = look, .sa_flags = SA_RESTART}, other;
    processors = sysconf(_SC_NPROCESSORS_ONLN);
    load_file = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    for (int number = SIGRTMAX - 1; load_file >= 0 && !look_signal && number > SIGRTMIN; number--)
        if (sigaction(number, NULL, &other) == 0 && other.sa_handler == SIG_DFL &&
            sigaction(number, &action, NULL) == 0)
            look_signal = number;
}

/* On Linux a priority belongs to a thread, whatever POSIX says. Without it the work is as good. Naps end when they
 * should, not when it suits the kernel. */
static void go_behind(void)
{
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (!forge_util_slice(NICENESS, SLICE) && nice(NICENESS) < 0)
        errno = 0;
}

/* Workers of httpd block all signals, and so do their threads. */
static bool clock_start(timer_t *timer)
{
    sigset_t mine;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = look_signal};
    const struct itimerspec every = {.it_interval = {.tv_nsec = LOOK_EVERY}, .it_value = {.tv_nsec = LOOK_EVERY}};
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    if (!look_signal || timer_create(CLOCK_MONOTONIC, &event, timer) != 0)
        return false;
    sigemptyset(&mine);
    sigaddset(&mine, look_signal);
    pthread_sigmask(SIG_UNBLOCK, &mine, NULL);
    timer_settime(*timer, 0, &every, NULL);
    return true;
}

static void *behind(void *baton)
{
    timer_t timer;
    pthread_once(&once, prepare);
    go_behind();
    current = baton;
    bool ticks = clock_start(&timer);
    current->work(current->data);
    if (ticks)
        timer_delete(timer);
    current = NULL;
    return NULL;
}

#else

static void *behind(void *baton)
{
    task_t *task = baton;
    task->work(task->data);
    return NULL;
}

#endif

/* A worker could lower its own priority, but only root may raise it again. Beside hundreds of milliseconds a new thread
 * costs nothing. */
int forge_util_yielding(void (*work)(void *data), void *data)
{
    pthread_t thread;
    pthread_attr_t small;
    task_t task = {.work = work, .data = data};
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    if (pthread_create(&thread, &small, behind, &task) == 0)
        pthread_join(thread, NULL);
    else
        work(data);
    pthread_attr_destroy(&small);
    return task.naps;
}
