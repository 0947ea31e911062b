/* SPDX-License-Identifier: Apache-2.0
 * Sandboxes that are built before anybody needs them, each for one job. Where the language allows it the interpreter is
 * started in it, behind its limits and its filter, and waits for its program; no two programs ever share one, nor its
 * random seeds. The clock starts with the program. Such a one is for the very limits that it was started with. One
 * without an interpreter is for all jobs of its language with a folder of that size: forge-init hears the other limits
 * with the job. So there is always one of these as well.
 * They are built when nobody waits, for what was asked for twice in a row: who asks for something else each time costs
 * nobody what is there.
 */
#include "runner.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHANNEL_FD 3    /* in a launcher */
#define PAUSE_MS   5000 /* after one that ended by itself */

static const forge_runner_profile_t *fitting(const forge_run_job_t *job)
{
    const forge_runner_profile_t *profile = forge_runner_profile(job->language);
    return profile && !profile->missing && !profile->tool ? profile : NULL;
}

/* An interpreter that waits was told its whole command already. */
static forge_runner_warm_kind_t kind_of(const forge_run_job_t *job)
{
    const forge_runner_profile_t *profile = fitting(job);
    return (forge_runner_warm_kind_t){.profile = profile,
                                      .limits = job->limits,
                                      .waits = profile && profile->fences & FORGE_RUN_WAITS && !job->args.len &&
                                               !forge_runner_goes_back(job->code)};
}

/* Jobs of the same kind can have each other's sandbox. */
static bool same(const forge_runner_warm_kind_t *a, const forge_runner_warm_kind_t *b)
{
    return a->profile == b->profile && a->waits == b->waits &&
           (a->waits ? memcmp(&a->limits, &b->limits, sizeof(a->limits)) == 0
                     : a->limits.file_bytes == b->limits.file_bytes);
}

static forge_runner_warm_kind_t without_interpreter(const forge_runner_warm_kind_t *kind)
{
    return (forge_runner_warm_kind_t){.profile = kind->profile, .limits = kind->limits, .waits = false};
}

static void forget(forge_runner_warm_t *w, int i)
{
    close(w->ready[i].channel);
    w->ready[i] = w->ready[--w->count];
}

void forge_runner_warm_start(forge_runner_warm_t *w)
{
    const forge_run_job_t usual = {.language = {"python", 6}, .limits = FORGE_RUN_DEFAULTS};
    *w = (forge_runner_warm_t){.wanted = kind_of(&usual)};
}

/* --- giving --- */

/* The index of the sandbox that is best for a job; -1: there is none for it. */
static int ready_for(const forge_runner_warm_t *w, const forge_runner_warm_kind_t *kind)
{
    const forge_runner_warm_kind_t second = without_interpreter(kind);
    int found = -1;
    for (int i = 0; i < w->count; i++) {
        if (same(&w->ready[i].kind, kind))
            return i;
        if (same(&w->ready[i].kind, &second))
            found = i;
    }
    return found;
}

pid_t forge_runner_warm_give(forge_runner_warm_t *w, const forge_runner_gift_t *gift, const forge_run_job_t *job,
                             forge_run_bytes_t members, int client)
{
    const forge_runner_warm_kind_t kind = kind_of(job);
    if (!kind.profile || members.len > FORGE_RUNNER_GIFT_MAX)
        return 0;
    if (!w->wanted.profile || same(&kind, &w->last))
        w->wanted = kind;
    w->last = kind;
    const int i = ready_for(w, &kind);
    if (i < 0)
        return 0;
    const pid_t pid = w->ready[i].pid;
    const bool given = forge_runner_gift_give(w->ready[i].channel, gift, members, client);
    forget(w, i); /* used, or broken: it ends by itself then */
    return given ? pid : 0;
}

/* --- building --- */

static void __attribute__((noreturn))
be_launcher(const forge_runner_t *runner, const forge_runner_warm_kind_t *kind, int cpu, int channel)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (channel != CHANNEL_FD)
        dup2(channel, CHANNEL_FD);
    syscall(SYS_close_range, CHANNEL_FD + 1, ~0U, 0);
    forge_runner_launch_warm(runner, kind, cpu, CHANNEL_FD);
    exit(0);
}

static int count_of(const forge_runner_warm_t *w, const forge_runner_warm_kind_t *kind)
{
    int n = 0;
    for (int i = 0; i < w->count; i++)
        n += same(&w->ready[i].kind, kind);
    return n;
}

/* What to build next, if anything: what is wanted comes first. */
static bool lacks(const forge_runner_warm_t *w, int most, forge_runner_warm_kind_t *next)
{
    *next = w->wanted;
    if (count_of(w, next) < most)
        return true;
    *next = without_interpreter(&w->wanted);
    return most > 0 && count_of(w, next) < 1;
}

/* What nobody asks for any longer gives way. */
static void forget_unwanted(forge_runner_warm_t *w)
{
    const forge_runner_warm_kind_t second = without_interpreter(&w->wanted);
    for (int i = w->count; i--;)
        if (!same(&w->ready[i].kind, &w->wanted) && (!same(&w->ready[i].kind, &second) || count_of(w, &second) > 1))
            forget(w, i);
}

bool forge_runner_warm_fill(forge_runner_warm_t *w, const forge_runner_t *runner, int cpu, int most)
{
    int ends[2];
    forge_runner_warm_kind_t next;
    if (forge_runner_now_ms() < w->pause_until || !w->wanted.profile || w->wanted.profile->missing)
        return false;
    forget_unwanted(w);
    if (!lacks(w, most, &next) || w->count >= FORGE_RUNNER_WARM_MAX + 1 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    pid_t pid = forge_runner_child();
    if (!pid)
        be_launcher(runner, &next, cpu, ends[1]);
    close(ends[1]);
    if (pid > 0)
        w->ready[w->count++] = (forge_runner_warm_one_t){next, pid, ends[0]};
    else
        close(ends[0]);
    return pid > 0;
}

void forge_runner_warm_buried(forge_runner_warm_t *w, pid_t pid)
{
    for (int i = 0; i < w->count; i++)
        if (w->ready[i].pid == pid) {
            forget(w, i);
            w->pause_until = forge_runner_now_ms() + PAUSE_MS;
            return;
        }
}
