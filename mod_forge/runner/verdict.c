/* SPDX-License-Identifier: Apache-2.0
 * How a run ended, from what the launcher and forge-init saw. A program can claim to have run out of memory, to
 * nobody's harm; it cannot claim anything else, since nothing it writes is read for another status.
 */
#include "runner.h"
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* The start of the last line that is not empty. */
static const char *last_line(const forge_run_bytes_t *text, size_t *len)
{
    const char *end = text->data + text->len, *from;
    while (end > text->data && end[-1] == '\n')
        end--;
    for (from = end; from > text->data && from[-1] != '\n'; from--)
        ;
    *len = (size_t)(end - from);
    return from;
}

/* Whether a line is `text`, or goes on with a colon or a blank behind it. */
static bool begins(const char *line, size_t len, const char *text)
{
    const size_t n = strlen(text);
    return len >= n && memcmp(line, text, n) == 0 && (len == n || line[n] == ':' || line[n] == ' ');
}

/* An allocation that failed: the language says so in its last line, or the program was ended by a signal close to its
 * limit. */
static bool out_of_memory(const forge_runner_end_t *end)
{
    static const char *const says[] = {"MemoryError", "OSError: [Errno 12]", "  what():  std::bad_alloc",
                                       "Out of memory"};
    size_t len = 0;
    const char *line = end->errors.len ? last_line(&end->errors, &len) : "";
    if (WIFSIGNALED(end->wait_status) && end->peak_kb > end->memory_limit_kb / 10 * 9)
        return true;
    for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++)
        if (begins(line, len, says[i]))
            return true;
    return false;
}

static bool out_of_time(const forge_runner_end_t *end)
{
    if (end->over_cpu)
        return true;
    if (!WIFSIGNALED(end->wait_status))
        return false;
    int signal = WTERMSIG(end->wait_status);
    return (signal == SIGXCPU || signal == SIGKILL) && end->cpu_ms >= end->cpu_limit_ms;
}

static int64_t status_of(const forge_runner_end_t *end)
{
    if (end->killed >= 0)
        return end->killed;
    if (!end->started || !end->ended)
        return FORGE_RUN_SANDBOX_ERROR;
    if (out_of_time(end))
        return FORGE_RUN_TIMEOUT;
    if (WIFEXITED(end->wait_status) && WEXITSTATUS(end->wait_status) == 0)
        return FORGE_RUN_OK;
    return out_of_memory(end) ? FORGE_RUN_MEMORY_LIMIT : FORGE_RUN_RUNTIME_ERROR;
}

void forge_runner_verdict(const forge_runner_end_t *end, forge_run_result_t *result)
{
    const bool exited = end->ended && WIFEXITED(end->wait_status);
    result->status = status_of(end);
    result->exit_code = exited ? WEXITSTATUS(end->wait_status) : -1;
    result->signal = end->ended && WIFSIGNALED(end->wait_status) ? WTERMSIG(end->wait_status) : 0;
}
