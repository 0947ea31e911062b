/* SPDX-License-Identifier: Apache-2.0
 * The launcher: one process for one run. It builds the pipes, starts the sandbox, moves bytes, watches the clock, and
 * answers the client itself. Its own death ends the run, and forge-runner's death ends it.
 *
 * It never stops reading an output: a program that writes too much is ended at once, because a reader that discards
 * would drain gigabytes, and one that waits would let the program sit until its time is over.
 */
#include "runner.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FD  16    /* descriptors of ours are above those that a sandbox gets */
#define BUILD_MS  30000 /* until the program starts: runs come last, so that a busy machine may take ten seconds */
#define REPORT_MS 500   /* after which a sandbox that was told to end is killed from outside */
#define BURY_MS   10000 /* for the kernel to take its namespaces down */
#define ANSWER_MS 5000  /* for the client to take its answer */
#define FOREVER_S 60    /* beyond all of the above: the launcher's own end */
#define CHUNK     16384
#define LOOK_MS   20                     /* between two looks at a tree */
#define CANCELLED FORGE_RUN_STATUS_COUNT /* nobody is there to be answered */

#define FOLDER_FILES 1024
#define CLONE_FILES  24576 /* of a repository */

enum { IN, OUT, ERR, CONTROL, STATUS, CLIENT, BROKER, GONE, WATCHED };

/* What came on one output. */
typedef struct stream_t {
    char *bytes;
    size_t len, max;
    bool over;
} stream_t;

typedef struct launch_t {
    const forge_runner_t *runner;
    const forge_run_job_t *job;
    const forge_runner_profile_t *profile;
    int client, cpu;
    int inside[INIT_FDS], in, out, err, control, status; /* the sandbox's ends, and ours; -1: closed */
    int pidfd;
    pid_t pid;
    size_t fed; /* bytes of the standard input */
    forge_runner_bytes_t word;
    size_t said; /* bytes of the word */
    stream_t output, errors;
    forge_runner_end_t end;
    init_report_t report;
    forge_runner_broker_t broker;
    int64_t deadline, tree_kb;
    const char *why;
} launch_t;

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int lift(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
    close(fd);
    return high;
}

/* A pipe, whose end `ours` does not block. */
static bool make_pipe(int *read_end, int *write_end, int *ours)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    *read_end = lift(fds[0]);
    *write_end = lift(fds[1]);
    return *read_end >= 0 && *write_end >= 0 && fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

/* Bytes that the sandbox reads from their start. */
static int make_file(const char *bytes, size_t len)
{
    int fd = memfd_create("run", MFD_CLOEXEC);
    if (fd < 0 || (len && write(fd, bytes, len) != (ssize_t)len) || lseek(fd, 0, SEEK_SET) != 0)
        return -1;
    return lift(fd);
}

static bool make_ends(launch_t *l)
{
    const unsigned fences = l->profile->fences;
    const forge_runner_bytes_t *filter = &l->runner->filters[fences & FORGE_RUN_REACHES ? 2
                                                             : fences & FORGE_RUN_FORKS ? 1
                                                                                        : 0];
    return make_pipe(&l->inside[0], &l->in, &l->in) && make_pipe(&l->out, &l->inside[1], &l->out) &&
           make_pipe(&l->err, &l->inside[2], &l->err) &&
           make_pipe(&l->inside[INIT_CONTROL], &l->control, &l->control) &&
           make_pipe(&l->status, &l->inside[INIT_STATUS], &l->status) &&
           (l->inside[INIT_OPTIONS] = make_file(l->profile->options.bytes, l->profile->options.len)) >= 0 &&
           (l->inside[INIT_FILTER] = make_file(filter->bytes, filter->len)) >= 0;
}

/* Writes on as far as the pipe takes it. True: all is written, or nobody reads. */
static bool write_on(int fd, const char *bytes, size_t len, size_t *done)
{
    while (*done < len) {
        ssize_t n = write(fd, bytes + *done, len - *done);
        if (n > 0)
            *done += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            return false;
        else if (n == 0 || errno != EINTR)
            return true;
    }
    return true;
}

/* The word to start: limits, command, program, which may come later. It is written as the pipe takes it. */
static bool send_go(launch_t *l, bool later)
{
    const forge_run_limits_t *limits = &l->job->limits;
    const uint64_t bytes = (uint64_t)(limits->memory_kb + l->profile->base_kb) * 1024;
    const bool maps = l->profile->fences & FORGE_RUN_MAPS;
    const bool carries = l->profile->carries;
    const forge_run_bytes_t code = later     ? (forge_run_bytes_t){NULL, 0}
                                   : carries ? (forge_run_bytes_t){l->profile->carried.bytes, l->profile->carried.len}
                                             : l->job->code;
    init_go_t go = {.address_bytes = maps ? 0 : bytes,
                    .data_bytes = maps ? bytes : 0,
                    .cpu_ms = (uint64_t)limits->cpu_ms,
                    .processes = (uint64_t)limits->processes,
                    .file_bytes = (uint64_t)limits->file_bytes,
                    .code = later ? INIT_LATER : code.len,
                    .cpu = l->cpu,
                    .mode = carries ? 0555 : 0444};
    snprintf(go.file, sizeof(go.file), "%s", l->profile->file ? l->profile->file : "");
    char *word = l->word.bytes = malloc(sizeof(go) + INIT_WORDS_MAX + code.len);
    go.words = word ? forge_runner_words(l->profile, l->job->args, word + sizeof(go)) : 0;
    if (!go.words)
        return false;
    l->word.len = sizeof(go) + go.words + code.len;
    memcpy(word, &go, sizeof(go));
    if (code.len)
        memcpy(word + sizeof(go) + go.words, code.data, code.len);
    return true;
}

/* The word to start without the program: its interpreter starts. The pipe is empty and takes it. */
static bool start_interpreter(launch_t *l)
{
    bool good =
        send_go(l, true) && write_on(l->control, l->word.bytes, l->word.len, &l->said) && l->said == l->word.len;
    free(l->word.bytes);
    l->word = (forge_runner_bytes_t){NULL, 0};
    l->said = 0;
    return good;
}

/* The program, for an interpreter that waits. */
static bool send_code(launch_t *l)
{
    const forge_run_bytes_t *code = &l->job->code;
    const init_code_t head = {.code = code->len, .cpu = l->cpu};
    l->word.len = sizeof(head) + code->len;
    l->word.bytes = malloc(l->word.len);
    if (!l->word.bytes)
        return false;
    memcpy(l->word.bytes, &head, sizeof(head));
    if (code->len)
        memcpy(l->word.bytes + sizeof(head), code->data, code->len);
    return true;
}

/* Ends the run for `status`: forge-init kills everything and still reports. */
static void end_run(launch_t *l, int status)
{
    if (l->end.killed >= 0)
        return;
    l->end.killed = status;
    shut(&l->control);
    l->deadline = forge_runner_now_ms() + REPORT_MS;
}

/* Who reaches a host starts when the way there is open. */
static bool open_way(launch_t *l)
{
    const forge_run_job_t *job = l->job;
    const forge_runner_way_t way = {.host = forge_runner_argument(job->args, 1),
                                    .port = forge_runner_argument(job->args, 2),
                                    .own = job->own_host,
                                    .bytes_max = job->limits.file_bytes};
    return way.host && way.port && forge_runner_broker_start(&way, &l->broker);
}

/* What the broker says: the way is open, or there is none. */
static void hear_broker(launch_t *l)
{
    static char why[FORGE_RUNNER_BROKER_WORD];
    switch (forge_runner_broker_hear(&l->broker, why)) {
    case FORGE_RUNNER_BROKER_READY:
        if (!send_go(l, false))
            end_run(l, FORGE_RUN_SANDBOX_ERROR);
        return;
    case FORGE_RUNNER_BROKER_FULL:
        l->output.over = true;
        end_run(l, FORGE_RUN_OUTPUT_LIMIT);
        return;
    default:
        l->why = why;
        end_run(l, FORGE_RUN_UNAVAILABLE);
    }
}

static bool start(launch_t *l)
{
    static char why[128];
    forge_runner_nest_t nest = {.runner = l->runner,
                                .file_bytes = l->job->limits.file_bytes,
                                .files = l->profile->fences & FORGE_RUN_REACHES ? CLONE_FILES : FOLDER_FILES,
                                .cpu = l->cpu,
                                .execs = l->profile->fences & FORGE_RUN_EXECS,
                                .carries = l->profile->carries};
    l->why = "no pipes";
    if ((l->profile->fences & FORGE_RUN_REACHES && !open_way(l)) || !make_ends(l))
        return false;
    memcpy(nest.fds, l->inside, sizeof(nest.fds));
    l->pid = forge_runner_nest(&nest, &l->pidfd);
    snprintf(why, sizeof(why), "the kernel refuses namespaces to this user: %m");
    for (int i = 0; i < INIT_FDS; i++)
        shut(&l->inside[i]);
    l->why = l->pid > 0 ? "the sandbox ended by itself" : why;
    l->deadline = forge_runner_now_ms() + BUILD_MS;
    return l->pid > 0;
}

/* --- bytes --- */

static void feed(launch_t *l)
{
    if (write_on(l->in, l->job->input.data, l->job->input.len, &l->fed))
        shut(&l->in);
}

static bool keep(stream_t *s, const char *bytes, size_t n)
{
    size_t room = s->max - s->len, some = n < room ? n : room;
    char *grown = some ? realloc(s->bytes, s->len + some) : s->bytes;
    if (!grown && some)
        return false;
    s->bytes = grown;
    if (some)
        memcpy(s->bytes + s->len, bytes, some);
    s->len += some;
    s->over |= n > room;
    return !s->over;
}

/* Reads what is there; at the limit the run ends, and the rest is thrown away. */
static void drain(launch_t *l, int *fd, stream_t *s)
{
    char chunk[CHUNK];
    while (*fd >= 0) {
        ssize_t n = read(*fd, chunk, sizeof(chunk));
        if (n > 0 && keep(s, chunk, (size_t)n))
            continue;
        if (n < 0 && errno == EINTR)
            continue;
        if (n > 0)
            end_run(l, FORGE_RUN_OUTPUT_LIMIT);
        if (n >= 0)
            shut(fd);
        return;
    }
}

/* Reports are shorter than a pipe keeps whole. */
static void hear(launch_t *l)
{
    init_report_t said;
    ssize_t n;
    while ((n = read(l->status, &said, sizeof(said))) == sizeof(said)) {
        if (said.what == INIT_READY) {
            if (l->broker.pid > 0)
                forge_runner_broker_enter(&l->broker, l->pid);
        } else if (said.what == INIT_STARTED) {
            l->end.started = true;
            if (l->end.killed < 0)
                l->deadline = forge_runner_now_ms() + l->job->limits.wall_ms;
        } else if (!l->end.ended) {
            l->report = said;
            l->end.ended = true;
        }
    }
    if (n == 0)
        shut(&l->status);
}

/* --- time --- */

static void kill_all(launch_t *l)
{
    if (l->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, l->pidfd, SIGKILL, NULL, 0);
}

/* A deadline is over: of the program, of the sandbox's building, or of its ending. False: wait no more. */
static bool out_of_time(launch_t *l)
{
    if (l->end.killed < 0 && l->end.started)
        end_run(l, FORGE_RUN_TIMEOUT);
    else if (l->end.killed < 0 && l->broker.pid > 0) {
        l->why = "the host's name was not resolved in time";
        end_run(l, FORGE_RUN_UNAVAILABLE);
    } else if (l->end.killed < 0) {
        l->why = "the sandbox was not built in time";
        end_run(l, FORGE_RUN_SANDBOX_ERROR);
    } else {
        kill_all(l);
        return false;
    }
    return true;
}

/* The sum of all processes, where no limit of one of them holds it. */
static void watch_tree(launch_t *l)
{
    if (!(l->profile->fences & (FORGE_RUN_FORKS | FORGE_RUN_MAPS)) || l->end.killed >= 0 || !l->end.started)
        return;
    const forge_runner_tree_t sum = forge_runner_tree(l->pid);
    l->tree_kb = sum.kb > l->tree_kb ? sum.kb : l->tree_kb;
    if (sum.kb > l->job->limits.memory_kb + l->profile->base_kb)
        end_run(l, FORGE_RUN_MEMORY_LIMIT);
    else if (sum.cpu_ms > l->job->limits.cpu_ms)
        end_run(l, FORGE_RUN_TIMEOUT);
}

static int nap_ms(const launch_t *l)
{
    int64_t left = l->deadline - forge_runner_now_ms();
    if (l->profile->fences & (FORGE_RUN_FORKS | FORGE_RUN_MAPS) && left > LOOK_MS)
        return LOOK_MS;
    return left > 0 ? (int)left : 0;
}

static void take_events(launch_t *l, const struct pollfd on[WATCHED])
{
    if (on[IN].revents)
        feed(l);
    if (on[CONTROL].revents && write_on(l->control, l->word.bytes, l->word.len, &l->said))
        l->said = l->word.len;
    drain(l, &l->out, &l->output);
    drain(l, &l->err, &l->errors);
    if (on[STATUS].revents)
        hear(l);
    if (on[BROKER].revents)
        hear_broker(l);
    if (on[CLIENT].revents & (POLLRDHUP | POLLHUP | POLLERR))
        end_run(l, CANCELLED);
}

/* Until forge-init has reported the end, or is gone without. */
static void attend(launch_t *l)
{
    while (!l->end.ended) {
        struct pollfd on[WATCHED] = {
            [IN] = {l->in, POLLOUT, 0},
            [OUT] = {l->out, POLLIN, 0},
            [ERR] = {l->err, POLLIN, 0},
            [CONTROL] = {l->said < l->word.len ? l->control : -1, POLLOUT, 0},
            [STATUS] = {l->status, POLLIN, 0},
            [CLIENT] = {l->end.killed == CANCELLED ? -1 : l->client, POLLRDHUP, 0},
            [BROKER] = {l->broker.channel, POLLIN, 0},
            [GONE] = {l->pidfd, POLLIN, 0},
        };
        int n = poll(on, WATCHED, nap_ms(l));
        if (n > 0)
            take_events(l, on);
        watch_tree(l);
        if (n > 0 && on[GONE].revents && !l->end.ended && l->status < 0)
            return;
        if (!l->end.ended && forge_runner_now_ms() >= l->deadline && !out_of_time(l))
            return;
    }
}

/* --- the answer --- */

static void put(launch_t *l, const char *frame, size_t size)
{
    const int64_t deadline = forge_runner_now_ms() + ANSWER_MS;
    for (size_t sent = 0; sent < size;) {
        struct pollfd on = {l->client, POLLOUT, 0};
        ssize_t n = send(l->client, frame + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            sent += (size_t)n;
        else if (errno != EINTR && (errno != EAGAIN || poll(&on, 1, (int)(deadline - forge_runner_now_ms())) <= 0))
            return;
    }
}

/* The reason goes to the log; what the sandbox said on standard error was not the program's. */
static void explain(launch_t *l, forge_run_result_t *result, char why[FORGE_RUN_WHY_MAX])
{
    static const char *const stages[] = {"", "the filter", "fork", "the limits", "the program", "the program's file"};
    const init_report_t *r = &l->report;
    if (l->end.ended && r->what == INIT_FAILED)
        snprintf(why, FORGE_RUN_WHY_MAX, "forge-init failed at %s: %s", r->stage < 6 ? stages[r->stage] : "",
                 strerror(r->status));
    else if (l->pid > 0 && l->errors.len && !l->end.started)
        snprintf(why, FORGE_RUN_WHY_MAX, "%.*s", (int)(l->errors.len < 500 ? l->errors.len : 500), l->errors.bytes);
    else
        snprintf(why, FORGE_RUN_WHY_MAX, "%s", l->why);
    result->why = (forge_run_bytes_t){why, strlen(why)};
    forge_runner_say("FG1001 a run failed in the sandbox: %s", why);
}

/* What took any time took one at least. */
static int64_t milliseconds(uint64_t us)
{
    return (int64_t)((us + 999) / 1000);
}

static void answer(launch_t *l, int64_t waited_ms)
{
    char why[FORGE_RUN_WHY_MAX];
    const bool failed = l->end.ended && l->report.what == INIT_FAILED;
    forge_run_result_t result = {.output = {l->output.bytes, l->output.len},
                                 .errors = {l->errors.bytes, l->errors.len},
                                 .duration_ms = milliseconds(l->report.wall_us),
                                 .cpu_ms = milliseconds(l->report.cpu_us),
                                 .memory_kb = (int64_t)l->report.memory_kb > l->tree_kb ? (int64_t)l->report.memory_kb
                                                                                        : l->tree_kb,
                                 .truncated = l->output.over || l->errors.over,
                                 .waited_ms = waited_ms};
    l->end.errors = result.errors;
    l->end.wait_status = l->report.status;
    l->end.over_cpu = l->report.over_cpu;
    l->end.cpu_ms = result.cpu_ms;
    l->end.peak_kb = result.memory_kb;
    l->end.cpu_limit_ms = l->job->limits.cpu_ms;
    l->end.memory_limit_kb = l->job->limits.memory_kb;
    l->end.ended &= !failed;
    forge_runner_verdict(&l->end, &result);
    l->end.ended |= failed;
    if (result.status == FORGE_RUN_SANDBOX_ERROR)
        explain(l, &result, why);
    else if (result.status == FORGE_RUN_UNAVAILABLE)
        result.why = (forge_run_bytes_t){l->why, strlen(l->why)};
    if (!l->end.started)
        result.errors.len = 0; /* the sandbox's, not the program's */
    size_t size = forge_run_frame_size(FORGE_RUN_RESULT, &result);
    char *frame = size ? malloc(size) : NULL;
    if (!frame)
        return;
    forge_run_frame_write(FORGE_RUN_RESULT, &result, frame);
    put(l, frame, size);
    free(frame);
}

/* The place is free when the kernel has taken the namespaces down, and not before. */
static void bury(launch_t *l)
{
    struct pollfd on = {l->pidfd, POLLIN, 0};
    if (l->pid <= 0)
        return;
    if (poll(&on, 1, REPORT_MS) == 0) {
        kill_all(l);
        poll(&on, 1, BURY_MS);
    }
    waitpid(l->pid, NULL, WNOHANG);
}

int64_t forge_runner_cost_kb(const forge_run_job_t *job)
{
    const forge_runner_profile_t *profile = forge_runner_profile(job->language);
    return job->limits.memory_kb + (profile ? profile->base_kb : 0) + job->limits.file_bytes / 1024 +
           2 * job->limits.output_bytes / 1024 + FORGE_RUNNER_OVERHEAD_KB;
}

static launch_t new_launch(const forge_runner_t *runner, const forge_run_job_t *job, int cpu)
{
    launch_t l = {.runner = runner,
                  .job = job,
                  .profile = forge_runner_profile(job->language),
                  .client = -1,
                  .cpu = cpu,
                  .in = -1,
                  .out = -1,
                  .err = -1,
                  .control = -1,
                  .status = -1,
                  .pidfd = -1,
                  .broker = {0, -1},
                  .output = {.max = (size_t)job->limits.output_bytes},
                  .errors = {.max = (size_t)job->limits.output_bytes},
                  .end = {.killed = -1}};
    for (int i = 0; i < INIT_FDS; i++)
        l.inside[i] = -1;
    signal(SIGPIPE, SIG_IGN);
    return l;
}

/* What was begun has come to its end. */
static void finish(launch_t *l, int64_t waited_ms)
{
    forge_runner_broker_stop(&l->broker);
    drain(l, &l->out, &l->output);
    drain(l, &l->err, &l->errors);
    if (l->end.killed != CANCELLED)
        answer(l, waited_ms);
    close(l->client);
    shut(&l->control);
    free(l->output.bytes);
    free(l->errors.bytes);
    free(l->word.bytes);
    bury(l);
}

static void set_alarm(const forge_run_job_t *job)
{
    alarm((unsigned)(job->limits.wall_ms / 1000) + FOREVER_S);
}

void forge_runner_launch(const forge_runner_t *runner, const forge_run_job_t *job, int64_t waited_ms, int cpu,
                         int client)
{
    launch_t l = new_launch(runner, job, cpu);
    l.client = client;
    set_alarm(job);
    if (start(&l) && (l.broker.pid > 0 || send_go(&l, false)))
        attend(&l);
    finish(&l, waited_ms);
}

/* Whether a job came before the sandbox ended or nobody was left to send one. */
static bool wait_for_job(const launch_t *l, int channel)
{
    struct pollfd on[] = {{channel, POLLIN, 0}, {l->pidfd, POLLIN, 0}};
    while (poll(on, 2, -1) < 0)
        ;
    return on[0].revents & POLLIN;
}

/* Ends a sandbox that no program has started in. */
static void abandon(launch_t *l)
{
    shut(&l->control);
    kill_all(l);
    free(l->word.bytes);
    bury(l);
}

/* The job has come: what it is about holds from now on. */
static void take_over(launch_t *l, int64_t cpu)
{
    l->cpu = (int)cpu;
    l->output.max = l->errors.max = (size_t)l->job->limits.output_bytes;
    l->deadline = forge_runner_now_ms() + BUILD_MS;
    set_alarm(l->job);
}

/* A sandbox can break while it is built or waits: its job has another one built then. */
void forge_runner_launch_warm(const forge_runner_t *runner, const forge_runner_warm_kind_t *kind, int cpu, int channel)
{
    forge_run_job_t job = {.language = {kind->profile->name, strlen(kind->profile->name)}, .limits = kind->limits};
    forge_runner_gift_t gift;
    launch_t l = new_launch(runner, &job, cpu);
    const bool ready = start(&l) && (!kind->waits || start_interpreter(&l)) && wait_for_job(&l, channel);
    if (!forge_runner_gift_take(channel, &gift, &job, &l.client)) {
        abandon(&l);
        return;
    }
    take_over(&l, gift.cpu);
    if (ready && (kind->waits ? send_code(&l) : send_go(&l, false)))
        attend(&l);
    if (l.end.started || l.end.killed >= 0) {
        finish(&l, gift.waited_ms);
        return;
    }
    abandon(&l);
    forge_runner_launch(runner, &job, gift.waited_ms, l.cpu, l.client);
}
