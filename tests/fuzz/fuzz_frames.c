/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: the frames between the client of the sandbox and forge-runner, in both directions. The first byte
 * chooses the kind; what is read must be written again to the same meaning.
 */
#include "fuzz.h"
#include "run/run.h"

/* Reads what was written of a struct that was read; both must say the same. */
static void again(forge_run_kind_t kind, const void *read, void *second, size_t size)
{
    size_t len, whole = forge_run_frame_size(kind, read);
    FORGE_PROMISE(whole >= FORGE_RUN_HEAD);
    char *frame = malloc(whole);
    forge_run_frame_write(kind, read, frame);
    FORGE_PROMISE(forge_run_frame_head(frame, &len) == kind && len == whole - FORGE_RUN_HEAD);
    FORGE_PROMISE(forge_run_frame_read(kind, frame + FORGE_RUN_HEAD, len, second));
    char *twice = malloc(whole);
    FORGE_PROMISE(forge_run_frame_size(kind, second) == whole);
    forge_run_frame_write(kind, second, twice);
    FORGE_PROMISE(memcmp(frame, twice, whole) == 0);
    memset(second, 0, size); /* its bytes point into what is freed now */
    free(frame);
    free(twice);
}

static void whole_frame(const char *data, size_t size)
{
    size_t len;
    if (size < FORGE_RUN_HEAD || forge_run_frame_head(data, &len) == FORGE_RUN_BAD)
        return;
    FORGE_PROMISE(len <= FORGE_RUN_FRAME_MAX);
}

int forge_fuzz_frames(const uint8_t *data, size_t size)
{
    union {
        forge_run_job_t job;
        forge_run_result_t result;
        forge_run_state_t state;
    } read, second;
    const forge_run_kind_t kinds[] = {FORGE_RUN_JOB, FORGE_RUN_PROBE, FORGE_RUN_RESULT, FORGE_RUN_STATE};
    whole_frame((const char *)data, size);
    if (!size)
        return 0;
    forge_run_kind_t kind = kinds[*data % 4];
    char *exact = malloc(size);
    memcpy(exact, data + 1, size - 1);
    if (forge_run_frame_read(kind, exact, size - 1, &read))
        again(kind, &read, &second, sizeof(second));
    free(exact);
    return 0;
}
