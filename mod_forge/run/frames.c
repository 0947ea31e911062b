/* SPDX-License-Identifier: Apache-2.0
 * Frames between the client of the sandbox and forge-runner, by one table of members for each kind. Plain C, in both
 * programs.
 */
#include "frames.h"
#include <string.h>

#define MARK        "FRG1"
#define MEMBER_HEAD 5 /* tag and length of a member */
#define NUMBER      8 /* bytes of a number */

/* One member: where it is in its struct, and what is accepted. Its tag is its place in the table, from 1. */
typedef struct member_t {
    bool bytes;       /* else a number */
    size_t at;        /* offset in the struct */
    int64_t min, max; /* of a number; max is that of the length of bytes */
} member_t;

#define BYTES(type, name, max) \
    { \
        true, offsetof(type, name), 0, max \
    }
#define INT(type, name, min, max) \
    { \
        false, offsetof(type, name), min, max \
    }
#define LIMIT(name) INT(forge_run_job_t, limits.name, 1, FORGE_RUN_LIMIT_MAX_##name)

static const member_t job_members[] = {
    BYTES(forge_run_job_t, language, FORGE_RUN_LANGUAGE_MAX),
    BYTES(forge_run_job_t, code, FORGE_RUN_CODE_MAX),
    BYTES(forge_run_job_t, input, FORGE_RUN_STDIN_MAX),
    BYTES(forge_run_job_t, args, FORGE_RUN_ARGS_MAX),
    INT(forge_run_job_t, account, 0, INT64_MAX),
    INT(forge_run_job_t, own_host, 0, 1),
    LIMIT(wall_ms),
    LIMIT(cpu_ms),
    LIMIT(memory_kb),
    LIMIT(processes),
    LIMIT(output_bytes),
    LIMIT(file_bytes),
};

static const member_t result_members[] = {
    INT(forge_run_result_t, status, 0, FORGE_RUN_STATUS_COUNT - 1),
    BYTES(forge_run_result_t, output, FORGE_RUN_OUTPUT_MAX),
    BYTES(forge_run_result_t, errors, FORGE_RUN_OUTPUT_MAX),
    INT(forge_run_result_t, exit_code, -1, 255),
    INT(forge_run_result_t, signal, 0, 255),
    INT(forge_run_result_t, duration_ms, 0, INT64_MAX),
    INT(forge_run_result_t, cpu_ms, 0, INT64_MAX),
    INT(forge_run_result_t, memory_kb, 0, INT64_MAX),
    INT(forge_run_result_t, truncated, 0, 1),
    INT(forge_run_result_t, waited_ms, 0, INT64_MAX),
    BYTES(forge_run_result_t, why, FORGE_RUN_WHY_MAX),
};

static const member_t state_members[] = {
    INT(forge_run_state_t, available, 0, 1),
    BYTES(forge_run_state_t, why, FORGE_RUN_WHY_MAX),
    BYTES(forge_run_state_t, languages, FORGE_RUN_WHY_MAX),
    INT(forge_run_state_t, running, 0, INT64_MAX),
    INT(forge_run_state_t, runs_max, 0, INT64_MAX),
    INT(forge_run_state_t, waiting, 0, INT64_MAX),
    INT(forge_run_state_t, queue_max, 0, INT64_MAX),
    INT(forge_run_state_t, share_max, 0, INT64_MAX),
    INT(forge_run_state_t, memory_kb, 0, INT64_MAX),
    INT(forge_run_state_t, memory_max_kb, 0, INT64_MAX),
    INT(forge_run_state_t, done, 0, INT64_MAX),
    INT(forge_run_state_t, refused, 0, INT64_MAX),
    BYTES(forge_run_state_t, tools, FORGE_RUN_WHY_MAX),
};

#define KIND(members, type) \
    { \
        members, sizeof(members) / sizeof(members[0]), sizeof(type) \
    }

/* By forge_run_kind_t. */
static const struct {
    const member_t *members;
    size_t count, size;
} kinds[] = {
    {NULL, 0, 0},
    KIND(job_members, forge_run_job_t),
    {NULL, 0, 0},
    KIND(result_members, forge_run_result_t),
    KIND(state_members, forge_run_state_t),
};

const char *forge_run_status_name(int64_t status)
{
    static const char *const names[] = {
#define FORGE_RUN_ROW(name, text) text,
        FORGE_RUN_STATUSES(FORGE_RUN_ROW)
#undef FORGE_RUN_ROW
    };
    return names[status >= 0 && status < FORGE_RUN_STATUS_COUNT ? status : FORGE_RUN_SANDBOX_ERROR];
}

static uint64_t get(const char *from, int bytes)
{
    uint64_t n = 0;
    for (int i = 0; i < bytes; i++)
        n = n << 8 | (unsigned char)from[i];
    return n;
}

static char *put(char *to, uint64_t n, int bytes)
{
    for (int i = bytes; i--; n >>= 8)
        to[i] = (char)(n & 0xff);
    return to + bytes;
}

static const forge_run_bytes_t *bytes_of(const member_t *m, const void *what)
{
    return (const forge_run_bytes_t *)(const void *)((const char *)what + m->at);
}

static int64_t number_of(const member_t *m, const void *what)
{
    int64_t n;
    memcpy(&n, (const char *)what + m->at, sizeof(n));
    return n;
}

static bool in_range(const member_t *m, const void *what)
{
    if (m->bytes)
        return bytes_of(m, what)->len <= (size_t)m->max;
    return number_of(m, what) >= m->min && number_of(m, what) <= m->max;
}

size_t forge_run_frame_size(forge_run_kind_t kind, const void *what)
{
    size_t size = FORGE_RUN_HEAD;
    for (size_t i = 0; i < kinds[kind].count; i++) {
        const member_t *m = &kinds[kind].members[i];
        if (!in_range(m, what))
            return 0;
        size += MEMBER_HEAD + (m->bytes ? bytes_of(m, what)->len : NUMBER);
    }
    return size;
}

void forge_run_frame_write(forge_run_kind_t kind, const void *what, char *to)
{
    size_t size = forge_run_frame_size(kind, what);
    memcpy(to, MARK, 4);
    to = put(put(to + 4, kind, 4), size - FORGE_RUN_HEAD, 4);
    for (size_t i = 0; i < kinds[kind].count; i++) {
        const member_t *m = &kinds[kind].members[i];
        size_t len = m->bytes ? bytes_of(m, what)->len : NUMBER;
        to = put(put(to, i + 1, 1), len, 4);
        if (!m->bytes)
            put(to, (uint64_t)number_of(m, what), NUMBER);
        else if (len)
            memcpy(to, bytes_of(m, what)->data, len);
        to += len;
    }
}

forge_run_kind_t forge_run_frame_head(const char head[FORGE_RUN_HEAD], size_t *len)
{
    uint64_t kind = get(head + 4, 4);
    *len = get(head + 8, 4);
    if (memcmp(head, MARK, 4) != 0 || kind == FORGE_RUN_BAD || kind > FORGE_RUN_STATE || *len > FORGE_RUN_FRAME_MAX)
        return FORGE_RUN_BAD;
    return (forge_run_kind_t)kind;
}

/* The value of one member; its length was compared with what is there. */
static bool read_member(const member_t *m, const char *from, size_t len, void *what)
{
    const forge_run_bytes_t bytes = {from, len};
    const int64_t number = m->bytes || len != NUMBER ? 0 : (int64_t)get(from, NUMBER);
    if (m->bytes)
        memcpy((char *)what + m->at, &bytes, sizeof(bytes));
    else
        memcpy((char *)what + m->at, &number, sizeof(number));
    return m->bytes || len == NUMBER;
}

bool forge_run_frame_read(forge_run_kind_t kind, const char *members, size_t len, void *what)
{
    uint64_t seen = 0;
    if (kinds[kind].size)
        memset(what, 0, kinds[kind].size);
    for (const char *end = members + len; members < end;) {
        size_t left = (size_t)(end - members), tag = (unsigned char)*members;
        if (left < MEMBER_HEAD || tag < 1 || tag > kinds[kind].count || seen & UINT64_C(1) << tag)
            return false;
        size_t size = get(members + 1, 4);
        if (size > left - MEMBER_HEAD || !read_member(&kinds[kind].members[tag - 1], members + MEMBER_HEAD, size, what))
            return false;
        seen |= UINT64_C(1) << tag;
        members += MEMBER_HEAD + size;
    }
    for (size_t i = 0; i < kinds[kind].count; i++)
        if (!in_range(&kinds[kind].members[i], what))
            return false;
    return true;
}
