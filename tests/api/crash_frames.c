/* SPDX-License-Identifier: Apache-2.0
 * Loaded before httpd (LD_PRELOAD): a process that crashes says in the error log where, in one line of objects and
 * offsets, which addr2line makes names of. What httpd itself does at such a signal follows.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAMES   32
#define LINE_MAX 2000

typedef int action_fn(int number, const struct sigaction *action, struct sigaction *before);

static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
static struct sigaction theirs[NSIG]; /* what httpd wants to do */
static action_fn *real;

static int is_crash(int number)
{
    for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
        if (crashes[i] == number)
            return 1;
    return 0;
}

static void say_frames(int number, const void *address)
{
    void *frames[FRAMES];
    char line[LINE_MAX];
    int len = 0;
    dprintf(STDERR_FILENO, "process %d crashes, exit signal %d at address %p:", (int)getpid(), number, address);
    const int count = backtrace(frames, FRAMES); /* may crash itself where the stack is spoilt */
    for (int i = 0; i < count && len < LINE_MAX - 200; i++) {
        Dl_info info;
        const char *slash = dladdr(frames[i], &info) && info.dli_fname ? strrchr(info.dli_fname, '/') : NULL;
        if (slash)
            len += snprintf(line + len, 200, " %.60s+0x%lx(%.60s)", slash + 1,
                            (unsigned long)((char *)frames[i] - (char *)info.dli_fbase),
                            info.dli_sname ? info.dli_sname : "");
    }
    dprintf(STDERR_FILENO, "%.*s\n", len, line);
}

/* A signal that somebody sent is no crash; abort() sends its own. */
static void on_crash(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_code > 0 || info->si_pid == getpid())
        say_frames(number, info->si_code > 0 ? info->si_addr : NULL);
    real(number, &theirs[number], NULL);
    raise(number); /* arrives when this function returns */
}

int sigaction(int number, const struct sigaction *action, struct sigaction *before)
{
    if (!real)
        real = (action_fn *)dlsym(RTLD_NEXT, "sigaction");
    if (!real || !is_crash(number))
        return real ? real(number, action, before) : -1;
    if (before)
        *before = theirs[number];
    if (action)
        theirs[number] = *action;
    return 0;
}

/* The first call of backtrace() loads a library, which a handler must not. Programs that httpd starts go without. */
__attribute__((constructor)) static void begin(void)
{
    void *frame[1];
    struct sigaction ours = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO};
    unsetenv("LD_PRELOAD");
    backtrace(frame, 1);
    real = (action_fn *)dlsym(RTLD_NEXT, "sigaction");
    for (size_t i = 0; real && i < sizeof(crashes) / sizeof(*crashes); i++)
        real(crashes[i], &ours, &theirs[crashes[i]]);
}
