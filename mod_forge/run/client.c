/* SPDX-License-Identifier: Apache-2.0
 * The client of forge-runner: one connection a run. The answer comes whole at the run's end, so that whoever waits
 * watches one descriptor.
 */
#include "run.h"
#include "util/util.h"
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NAP_MS 5 /* between two tries while forge-runner's backlog is full */

struct forge_run_t {
    apr_pool_t *pool;
    int fd; /* -1: closed */
    char head[FORGE_RUN_HEAD];
    char *members;
    size_t have, len; /* bytes read of head and members; length of the members once the head is known */
};

bool forge_run_language_known(const char *name)
{
    static const char *const names[] = {
#define FORGE_RUN_PROFILE(name, ...) #name,
#include "profiles.def"
#undef FORGE_RUN_PROFILE
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

bool forge_run_tool_job(const char *tool, forge_run_bytes_t file, int64_t account, forge_run_job_t *job)
{
    static const struct {
        const char *name;
        forge_run_limits_t most;
    } tools[] = {
#define FORGE_RUN_TOOL(name, command, most, ...) {#name, most},
#include "tools.def"
#undef FORGE_RUN_TOOL
    };
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
        if (strcmp(tools[i].name, tool) == 0) {
            *job = (forge_run_job_t){.language = {tools[i].name, strlen(tools[i].name)},
                                     .input = file,
                                     .account = account,
                                     .limits = tools[i].most};
            return true;
        }
    return false;
}

bool forge_run_tool_there(const forge_run_state_t *state, const char *tool)
{
    const size_t len = strlen(tool);
    const char *at = state->tools.data, *end = at + state->tools.len;
    while (at && (at = memmem(at, (size_t)(end - at), tool, len))) {
        const bool begins = at == state->tools.data || at[-1] == ' ';
        at += len;
        if (begins && (at == end || *at == ' '))
            return true;
    }
    return false;
}

forge_run_bytes_t forge_run_args(apr_pool_t *p, int n, const char *const *args)
{
    forge_run_bytes_t all = {NULL, 0};
    for (int i = 0; i < n; i++)
        all.len += strlen(args[i]) + 1;
    char *to = apr_palloc(p, all.len + 1);
    all.data = to;
    for (int i = 0; i < n; i++)
        to = apr_cpystrn(to, args[i], strlen(args[i]) + 1) + 1;
    return all;
}

static apr_status_t shut(void *data)
{
    forge_run_t *run = data;
    if (run->fd >= 0)
        close(run->fd);
    run->fd = -1;
    return APR_SUCCESS;
}

static int left_ms(apr_int64_t deadline)
{
    apr_int64_t left = (deadline - forge_util_monotonic()) / 1000;
    return left > 0 ? (int)left : 0;
}

static bool ready(int fd, short events, apr_int64_t deadline)
{
    struct pollfd watched = {.fd = fd, .events = events, .revents = 0};
    int n;
    do
        n = poll(&watched, 1, left_ms(deadline));
    while (n < 0 && errno == EINTR);
    return n > 0;
}

/* A full backlog answers EAGAIN, for which no poll waits. */
static bool reach(int fd, const char *path, apr_int64_t deadline, const char **why)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = ""};
    *why = "the path of the socket is too long";
    if (strlen(path) >= sizeof(to.sun_path))
        return false;
    apr_cpystrn(to.sun_path, path, sizeof(to.sun_path));
    while (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        *why = errno == EAGAIN ? "forge-runner does not answer" : "forge-runner does not run";
        if ((errno != EAGAIN && errno != EINTR) || !left_ms(deadline))
            return false;
        poll(NULL, 0, NAP_MS);
    }
    return true;
}

/* A frame that forge-runner does not want whole is no fault: it has answered by then. */
static bool hand_over(int fd, const char *frame, size_t size, apr_int64_t deadline)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t n = send(fd, frame + sent, size - sent, MSG_NOSIGNAL);
        if (n > 0)
            sent += (size_t)n;
        else if (errno == EPIPE || errno == ECONNRESET)
            return true;
        else if (errno != EINTR && (errno != EAGAIN || !ready(fd, POLLOUT, deadline)))
            return false;
    }
    return true;
}

static bool ask(int fd, forge_run_kind_t kind, const void *what, apr_int64_t deadline)
{
    size_t size = forge_run_frame_size(kind, what);
    char *frame = malloc(size);
    if (!frame)
        return false;
    forge_run_frame_write(kind, what, frame);
    bool taken = hand_over(fd, frame, size, deadline);
    free(frame);
    return taken;
}

static forge_run_t *begin(apr_pool_t *p, const char *path, apr_int64_t deadline, const char **why)
{
    forge_run_t *run = apr_pcalloc(p, sizeof(*run));
    run->pool = p;
    run->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (run->fd < 0) {
        *why = "no descriptor is left";
        return NULL;
    }
    apr_pool_cleanup_register(p, run, shut, apr_pool_cleanup_null);
    if (reach(run->fd, path, deadline, why))
        return run;
    forge_run_cancel(run);
    return NULL;
}

forge_run_t *forge_run_submit(apr_pool_t *p, const char *path, const forge_run_job_t *job, const char **why)
{
    const apr_int64_t deadline = forge_util_monotonic() + FORGE_RUN_PATIENCE_MS * 1000;
    if (!forge_run_frame_size(FORGE_RUN_JOB, job)) {
        *why = "a member of the job is out of its range";
        return NULL;
    }
    forge_run_t *run = begin(p, path, deadline, why);
    if (!run || ask(run->fd, FORGE_RUN_JOB, job, deadline))
        return run;
    *why = "forge-runner does not take the job";
    forge_run_cancel(run);
    return NULL;
}

int forge_run_fd(const forge_run_t *run)
{
    return run->fd;
}

void forge_run_cancel(forge_run_t *run)
{
    apr_pool_cleanup_run(run->pool, run, shut);
}

/* Reads what is there of the frame of `kind`. */
static forge_run_progress_t advance(forge_run_t *run, forge_run_kind_t kind)
{
    for (;;) {
        const bool in_head = run->have < FORGE_RUN_HEAD;
        char *to = in_head ? run->head + run->have : run->members + (run->have - FORGE_RUN_HEAD);
        size_t want = in_head ? FORGE_RUN_HEAD - run->have : FORGE_RUN_HEAD + run->len - run->have;
        if (!want)
            return FORGE_RUN_COLLECTED;
        ssize_t n = recv(run->fd, to, want, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return FORGE_RUN_WAITING;
        if (n <= 0)
            return FORGE_RUN_GONE;
        run->have += (size_t)n;
        if (in_head && run->have == FORGE_RUN_HEAD) {
            if (forge_run_frame_head(run->head, &run->len) != kind)
                return FORGE_RUN_GONE;
            run->members = apr_palloc(run->pool, run->len + 1);
        }
    }
}

forge_run_progress_t forge_run_collect(forge_run_t *run, forge_run_result_t *result)
{
    static const char gone[] = "forge-runner ended without a result";
    forge_run_progress_t progress = advance(run, FORGE_RUN_RESULT);
    if (progress == FORGE_RUN_WAITING)
        return progress;
    if (progress == FORGE_RUN_GONE || !forge_run_frame_read(FORGE_RUN_RESULT, run->members, run->len, result)) {
        *result =
            (forge_run_result_t){.status = FORGE_RUN_SANDBOX_ERROR, .exit_code = -1, .why = {gone, sizeof(gone) - 1}};
        progress = FORGE_RUN_GONE;
    }
    forge_run_cancel(run);
    return progress;
}

bool forge_run_probe(apr_pool_t *p, const char *path, forge_run_state_t *state, const char **why)
{
    const apr_int64_t deadline = forge_util_monotonic() + FORGE_RUN_PATIENCE_MS * 1000;
    forge_run_progress_t progress = FORGE_RUN_WAITING;
    *state = (forge_run_state_t){.available = 0};
    forge_run_t *run = begin(p, path, deadline, why);
    if (!run)
        return false;
    *why = "forge-runner does not answer";
    if (ask(run->fd, FORGE_RUN_PROBE, NULL, deadline))
        while ((progress = advance(run, FORGE_RUN_STATE)) == FORGE_RUN_WAITING && ready(run->fd, POLLIN, deadline))
            ;
    bool told = progress == FORGE_RUN_COLLECTED && forge_run_frame_read(FORGE_RUN_STATE, run->members, run->len, state);
    forge_run_cancel(run);
    if (told && !state->available)
        *why = apr_pstrmemdup(p, state->why.data, state->why.len);
    return told && state->available;
}

forge_ran_t forge_run_ran(const forge_run_result_t *result)
{
    return (forge_ran_t){.status = forge_run_status_name(result->status),
                         .output = result->output.data,
                         .output_len = result->output.len,
                         .errors = result->errors.data,
                         .errors_len = result->errors.len,
                         .duration_ms = result->duration_ms};
}
