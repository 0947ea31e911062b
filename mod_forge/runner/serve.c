/* SPDX-License-Identifier: Apache-2.0
 * forge-runner's loop: clients that hand over a job, jobs that wait, launchers that run. It never waits for any of
 * them, and reads nothing that a program wrote: the launchers answer their clients themselves.
 */
#include "runner.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define READERS_MAX    64          /* clients that have not handed over their job yet */
#define READ_MS        10000       /* for a client to hand it over */
#define HELD_BYTES_MAX (256 << 20) /* of all jobs that wait */
#define AGAIN_MS       10000       /* between two self-tests while a layer is missing */
#define BUILD_NEXT_MS  50          /* between two that are built ahead */
#define CLIENT_FD      3           /* in a launcher */

/* One client, and later its run. Its entry of the queue has the same index. */
typedef struct guest_t {
    int fd; /* -1: its launcher has it */
    char head[FORGE_RUN_HEAD];
    char *members;
    size_t have, len;
    forge_run_kind_t kind;
    int64_t since; /* it came, or it waits */
    forge_run_job_t job;
    pid_t launcher;
    int place;
    bool gone; /* it leaves at the end of this turn */
} guest_t;

typedef struct server_t {
    forge_runner_t *runner;
    int listening, signals;
    forge_runner_queue_t queue;
    guest_t *guests;
    struct pollfd *on;
    size_t room, held;
    bool taken[FORGE_RUNNER_RUNS_MAX]; /* places */
    forge_runner_warm_t warm;
    int64_t done, refused, tested;
    bool building; /* one ahead */
    bool stop;
} server_t;

/* The client's frame is no longer needed, or the client is gone. */
static void let_go(server_t *s, guest_t *g)
{
    if (g->fd >= 0)
        close(g->fd);
    g->fd = -1;
    if (g->members)
        s->held -= g->len;
    free(g->members);
    g->members = NULL;
}

/* Its entry and its guest: the last takes the free index. */
static void drop(server_t *s, size_t i)
{
    let_go(s, &s->guests[i]);
    size_t last = --s->queue.count;
    s->guests[i] = s->guests[last];
    s->queue.entries[i] = s->queue.entries[last];
}

/* Such answers fit into an empty socket's buffer; a client that does not take one loses it. */
static void answer(guest_t *g, forge_run_kind_t kind, const void *what)
{
    char frame[4096];
    size_t size = forge_run_frame_size(kind, what);
    if (!size || size > sizeof(frame))
        return;
    forge_run_frame_write(kind, what, frame);
    if (send(g->fd, frame, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
}

static void refuse(server_t *s, guest_t *g, forge_run_status_t status, const char *why)
{
    const forge_run_result_t result = {.status = status, .exit_code = -1, .why = {why, strlen(why)}};
    s->refused += status == FORGE_RUN_QUEUE_FULL || status == FORGE_RUN_SHARE_USED_UP;
    answer(g, FORGE_RUN_RESULT, &result);
}

static void tell_state(server_t *s, guest_t *g)
{
    char languages[FORGE_RUN_WHY_MAX] = "", tools[FORGE_RUN_WHY_MAX] = "";
    const forge_runner_profile_t *profile;
    forge_run_state_t state = {.available = !*s->runner->why,
                               .why = {s->runner->why, strlen(s->runner->why)},
                               .runs_max = s->runner->options.runs,
                               .queue_max = s->queue.queue_max,
                               .share_max = s->queue.share_max,
                               .memory_max_kb = s->queue.memory_max_kb,
                               .done = s->done,
                               .refused = s->refused};
    for (size_t i = 0; (profile = forge_runner_profile_at(i)); i++) {
        char *names = profile->tool ? tools : languages;
        if (!profile->missing)
            snprintf(names + strlen(names), FORGE_RUN_WHY_MAX - strlen(names), "%s%s", *names ? " " : "",
                     profile->name);
    }
    state.languages = (forge_run_bytes_t){languages, strlen(languages)};
    state.tools = (forge_run_bytes_t){tools, strlen(tools)};
    state.running = forge_runner_queue_count(&s->queue, FORGE_RUNNER_RUNNING, &state.memory_kb);
    state.waiting = forge_runner_queue_count(&s->queue, FORGE_RUNNER_WAITING, NULL);
    answer(g, FORGE_RUN_STATE, &state);
}

static bool args_good(const forge_run_bytes_t *args)
{
    size_t n = 0;
    for (size_t i = 0; i < args->len; i++)
        n += !args->data[i];
    return n <= FORGE_RUN_ARGS_COUNT && (!args->len || !args->data[args->len - 1]);
}

/* A tool's job gets what it asks for and the tool may have. */
static void cap(forge_run_limits_t *asked, const forge_run_limits_t *most)
{
    int64_t *const limits[] = {&asked->wall_ms,   &asked->cpu_ms,       &asked->memory_kb,
                               &asked->processes, &asked->output_bytes, &asked->file_bytes};
    const int64_t tops[] = {most->wall_ms,   most->cpu_ms,       most->memory_kb,
                            most->processes, most->output_bytes, most->file_bytes};
    for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++)
        if (*limits[i] > tops[i])
            *limits[i] = tops[i];
}

/* Whether a job can be run by its profile; else it is told why not. */
static bool can_run(server_t *s, guest_t *g)
{
    char words[INIT_WORDS_MAX];
    const forge_runner_profile_t *profile = forge_runner_profile(g->job.language);
    if (*s->runner->why || !profile || profile->missing) {
        refuse(s, g, FORGE_RUN_UNAVAILABLE,
               *s->runner->why ? s->runner->why
               : profile       ? profile->missing
                               : "there is no such language");
        return false;
    }
    if (!profile->tool)
        return true;
    cap(&g->job.limits, &profile->most);
    if (!g->job.code.len && forge_runner_words(profile, g->job.args, words))
        return true;
    refuse(s, g, FORGE_RUN_SANDBOX_ERROR, "its arguments are not what this program is given");
    return false;
}

/* A whole job is here: it waits, or is told why not. */
static bool take_job(server_t *s, size_t i)
{
    guest_t *g = &s->guests[i];
    forge_runner_entry_t *entry = &s->queue.entries[i];
    if (!forge_run_frame_read(FORGE_RUN_JOB, g->members, g->len, &g->job) || !args_good(&g->job.args))
        return false;
    if (!can_run(s, g))
        return false;
    entry->account = g->job.account;
    entry->cost_kb = forge_runner_cost_kb(&g->job);
    forge_run_status_t status = forge_runner_queue_arrive(&s->queue, entry);
    if (status != FORGE_RUN_OK)
        refuse(s, g, status, status == FORGE_RUN_UNAVAILABLE ? "its limits are more than the memory of all runs" : "");
    g->since = forge_runner_now_ms();
    return status == FORGE_RUN_OK;
}

/* The head is here. False: the client is done with. */
static bool take_head(server_t *s, guest_t *g)
{
    g->kind = forge_run_frame_head(g->head, &g->len);
    if (g->kind == FORGE_RUN_PROBE && !g->len) {
        tell_state(s, g);
        return false;
    }
    if (g->kind != FORGE_RUN_JOB || !g->len)
        return false;
    if (s->held + g->len > HELD_BYTES_MAX) {
        refuse(s, g, FORGE_RUN_QUEUE_FULL, "");
        return false;
    }
    g->members = malloc(g->len);
    s->held += g->members ? g->len : 0;
    return g->members;
}

/* Reads what a client sends. False: it is done with. */
static bool read_some(server_t *s, size_t i)
{
    guest_t *g = &s->guests[i];
    for (;;) {
        const bool in_head = g->have < FORGE_RUN_HEAD;
        char *to = in_head ? g->head + g->have : g->members + (g->have - FORGE_RUN_HEAD);
        size_t want = in_head ? FORGE_RUN_HEAD - g->have : FORGE_RUN_HEAD + g->len - g->have;
        if (!want)
            return take_job(s, i);
        ssize_t n = recv(g->fd, to, want, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        g->have += (size_t)n;
        if (in_head && g->have == FORGE_RUN_HEAD && !take_head(s, g))
            return false;
    }
}

/* --- launchers --- */

/* In the launcher: nothing of the other clients. */
static void be_launcher(server_t *s, guest_t *g)
{
    sigset_t none;
    int64_t waited = forge_runner_now_ms() - g->since;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (g->fd != CLIENT_FD)
        dup2(g->fd, CLIENT_FD);
    syscall(SYS_close_range, CLIENT_FD + 1, ~0U, 0);
    forge_runner_launch(s->runner, &g->job, waited, s->runner->cpus[g->place], CLIENT_FD);
    exit(0);
}

static int free_place(const server_t *s)
{
    for (int i = 0; i < s->runner->options.runs; i++)
        if (!s->taken[i])
            return i;
    return -1;
}

/* To a sandbox that is ready, if there is one. */
static pid_t give(server_t *s, const guest_t *g)
{
    const forge_runner_gift_t gift = {forge_runner_now_ms() - g->since, s->runner->cpus[g->place]};
    return forge_runner_warm_give(&s->warm, &gift, &g->job, (forge_run_bytes_t){g->members, g->len}, g->fd);
}

/* While nobody waits there is time to build one ahead, each where the next one would run. Whether one was begun: then
 * it is soon time for another. */
static bool build_ahead(server_t *s)
{
    const int runs = (int)s->runner->options.runs, place = free_place(s);
    if (place < 0 || *s->runner->why || forge_runner_queue_count(&s->queue, FORGE_RUNNER_WAITING, NULL))
        return false;
    return forge_runner_warm_fill(&s->warm, s->runner, s->runner->cpus[(place + s->warm.count) % runs],
                                  (int)s->runner->options.warm);
}

static void start_waiting(server_t *s)
{
    for (int place, next; (place = free_place(s)) >= 0 && (next = forge_runner_queue_next(&s->queue)) >= 0;) {
        guest_t *g = &s->guests[next];
        g->place = place;
        g->launcher = give(s, g);
        if (!g->launcher && !(g->launcher = forge_runner_child()))
            be_launcher(s, g);
        if (g->launcher < 0) {
            refuse(s, g, FORGE_RUN_SANDBOX_ERROR, "no process is left");
            drop(s, (size_t)next);
            continue;
        }
        s->taken[place] = true;
        let_go(s, g);
    }
}

static void bury_launchers(server_t *s)
{
    for (pid_t dead; (dead = waitpid(-1, NULL, WNOHANG)) > 0; forge_runner_warm_buried(&s->warm, dead))
        for (size_t i = 0; i < s->queue.count; i++)
            if (s->queue.entries[i].stage == FORGE_RUNNER_RUNNING && s->guests[i].launcher == dead) {
                s->taken[s->guests[i].place] = false;
                s->done++;
                drop(s, i);
                break;
            }
}

/* --- the loop --- */

static void take_signals(server_t *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof(info)) == sizeof(info))
        s->stop |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
    bury_launchers(s);
}

static void welcome(server_t *s)
{
    while (s->queue.count < s->room) {
        int fd = accept4(s->listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        size_t i = s->queue.count++;
        s->guests[i] = (guest_t){.fd = fd, .since = forge_runner_now_ms()};
        s->queue.entries[i] = (forge_runner_entry_t){.stage = FORGE_RUNNER_READING};
    }
}

/* A client that waits has nothing more to say: what comes from it is its end. Who goes counts no longer in this turn.
 */
static bool still_here(server_t *s, size_t i, short events)
{
    forge_runner_entry_t *entry = &s->queue.entries[i];
    if (entry->stage == FORGE_RUNNER_READING)
        return events ? read_some(s, i) : forge_runner_now_ms() - s->guests[i].since < READ_MS;
    if (entry->stage == FORGE_RUNNER_WAITING && events)
        entry->stage = FORGE_RUNNER_READING;
    return entry->stage != FORGE_RUNNER_READING;
}

static void turn(server_t *s)
{
    size_t n = s->queue.count;
    s->on[0] = (struct pollfd){s->signals, POLLIN, 0};
    s->on[1] = (struct pollfd){n < s->room ? s->listening : -1, POLLIN, 0};
    for (size_t i = 0; i < n; i++)
        s->on[i + 2] = (struct pollfd){s->guests[i].fd, POLLIN | POLLRDHUP, 0};
    if (poll(s->on, n + 2, s->building ? BUILD_NEXT_MS : 1000) < 0)
        return;
    for (size_t i = 0; i < n; i++) /* in the order in which they came */
        s->guests[i].gone = !still_here(s, i, s->on[i + 2].revents);
    for (size_t i = n; i--;) /* from the end: the last takes the index of one that goes */
        if (s->guests[i].gone)
            drop(s, i);
    take_signals(s);
    welcome(s);
    start_waiting(s);
    s->building = build_ahead(s);
    if (*s->runner->why && forge_runner_now_ms() - s->tested > AGAIN_MS) {
        forge_runner_check(s->runner, NULL);
        s->tested = forge_runner_now_ms();
    }
}

int forge_runner_serve(forge_runner_t *runner, int listening)
{
    const forge_runner_options_t *o = &runner->options;
    server_t s = {.runner = runner,
                  .listening = listening,
                  .room = (size_t)(o->queue + o->runs + READERS_MAX),
                  .queue = {.queue_max = o->queue, .share_max = o->share, .memory_max_kb = o->memory_mb * 1024},
                  .tested = forge_runner_now_ms()};
    sigset_t heard;
    forge_runner_warm_start(&s.warm);
    sigemptyset(&heard);
    sigaddset(&heard, SIGCHLD);
    sigaddset(&heard, SIGTERM);
    sigaddset(&heard, SIGINT);
    sigprocmask(SIG_BLOCK, &heard, NULL);
    s.signals = signalfd(-1, &heard, SFD_CLOEXEC | SFD_NONBLOCK);
    s.guests = calloc(s.room, sizeof(*s.guests));
    s.queue.entries = calloc(s.room, sizeof(*s.queue.entries));
    s.on = calloc(s.room + 2, sizeof(*s.on));
    if (s.signals < 0 || !s.guests || !s.queue.entries || !s.on) {
        forge_runner_say("FG1002 cannot start: no memory or descriptors are left");
        return 1;
    }
    while (!s.stop)
        turn(&s);
    unlink(o->socket);
    while (s.queue.count)
        drop(&s, s.queue.count - 1);
    free(s.guests);
    free(s.queue.entries);
    free(s.on);
    return 0;
}
