/* SPDX-License-Identifier: Apache-2.0
 * What travels between the client of the sandbox and forge-runner: jobs, results, states, and the frames they travel
 * in. Plain C without APR, because forge-runner is built from it too; it is the one file of this room that runner/
 * includes.
 *
 * A frame is a head of FORGE_RUN_HEAD bytes (the mark "FRG1", its kind, the length of what follows) and members, each a
 * tag, a length and bytes. Numbers are big-endian. Lengths are bounded before anything is kept; what is not known,
 * comes twice, is too long or is cut off makes the whole frame bad.
 */
#ifndef FORGE_RUN_FRAMES_H
#define FORGE_RUN_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORGE_RUN_HEAD         12         /* bytes of a frame before its members */
#define FORGE_RUN_LANGUAGE_MAX 32         /* characters of a language's name */
#define FORGE_RUN_CODE_MAX     (1 << 20)  /* bytes of a program */
#define FORGE_RUN_STDIN_MAX    (11 << 20) /* bytes of a standard input: a file of 10 MB is one */
#define FORGE_RUN_ARGS_MAX     (32 << 10) /* bytes of all arguments, their ends included */
#define FORGE_RUN_ARGS_COUNT   64         /* arguments */
#define FORGE_RUN_OUTPUT_MAX   (10 << 20) /* bytes of one output, whatever the limits of a job say */
#define FORGE_RUN_WHY_MAX      1024       /* bytes of a reason */
#define FORGE_RUN_FRAME_MAX    (24 << 20) /* bytes of the members of one frame */

/* Bytes, not ended by a NUL; {NULL, 0} is empty. */
typedef struct forge_run_bytes_t {
    const char *data;
    size_t len;
} forge_run_bytes_t;

/* What a run may use. Each is at least 1. */
typedef struct forge_run_limits_t {
    int64_t wall_ms;      /* from the start of the program; waiting for a place does not count */
    int64_t cpu_ms;       /* rounded up to whole seconds where the kernel counts those */
    int64_t memory_kb;    /* address space beyond what the language itself takes */
    int64_t processes;    /* threads and processes at once */
    int64_t output_bytes; /* of each output; the run ends when one is over it */
    int64_t file_bytes;   /* of one file and of all files together */
} forge_run_limits_t;

#define FORGE_RUN_WALL_MS      10000
#define FORGE_RUN_CPU_MS       5000
#define FORGE_RUN_MEMORY_KB    (128 << 10)
#define FORGE_RUN_PROCESSES    64
#define FORGE_RUN_OUTPUT_BYTES (64 << 10)
#define FORGE_RUN_FILE_BYTES   (10 << 20)
#define FORGE_RUN_DEFAULTS \
    { \
        FORGE_RUN_WALL_MS, FORGE_RUN_CPU_MS, FORGE_RUN_MEMORY_KB, FORGE_RUN_PROCESSES, FORGE_RUN_OUTPUT_BYTES, \
            FORGE_RUN_FILE_BYTES \
    }
/* The most for a program that reads a document (tools.def): a page that needs more is too complex. Address space is all
 * that it gets, with what the program itself takes. */
#define FORGE_RUN_DOCUMENT \
    { \
        30000, 10000, 512 << 10, 8, FORGE_RUN_OUTPUT_MAX, 1 << 20 \
    }
/* The most for a clone of a repository and the look at it. The bytes of all files are those of the transfer too. */
#define FORGE_RUN_CLONE \
    { \
        120000, 60000, 512 << 10, 32, FORGE_RUN_OUTPUT_MAX, 256 << 20 \
    }
/* The most that each of them may be: a job that asks for more is a bad frame. */
#define FORGE_RUN_LIMIT_MAX_wall_ms      600000
#define FORGE_RUN_LIMIT_MAX_cpu_ms       600000
#define FORGE_RUN_LIMIT_MAX_memory_kb    (8 << 20)
#define FORGE_RUN_LIMIT_MAX_processes    1024
#define FORGE_RUN_LIMIT_MAX_output_bytes FORGE_RUN_OUTPUT_MAX
#define FORGE_RUN_LIMIT_MAX_file_bytes   (1 << 30)

typedef struct forge_run_job_t {
    forge_run_bytes_t language; /* a name of profiles.def or tools.def */
    forge_run_bytes_t code;
    forge_run_bytes_t input; /* the standard input */
    forge_run_bytes_t args;  /* each ended by a NUL: forge_run_args */
    int64_t account;         /* who has it run: places are shared out between accounts */
    int64_t own_host;        /* 1: the host that a tool reaches may have an address that is not public */
    forge_run_limits_t limits;
} forge_run_job_t;

/* How a run ended, or why it never began. The names are those of the API's "status". */
#define FORGE_RUN_STATUSES(row) \
    row(OK, "ok") row(RUNTIME_ERROR, "runtime_error") row(TIMEOUT, "timeout") row(MEMORY_LIMIT, "memory_limit") \
        row(OUTPUT_LIMIT, "output_limit") \
            row(SANDBOX_ERROR, "sandbox_error") /* the sandbox itself failed: why says how, for the log */ \
        row(QUEUE_FULL, "queue_full")           /* too many wait already: later */ \
        row(SHARE_USED_UP, "share_used_up")     /* too many of this account wait or run already */ \
        row(UNAVAILABLE, "unavailable")         /* a layer of the sandbox or the language is missing: why says which */

typedef enum forge_run_status_t {
#define FORGE_RUN_ROW(name, text) FORGE_RUN_##name,
    FORGE_RUN_STATUSES(FORGE_RUN_ROW)
#undef FORGE_RUN_ROW
        FORGE_RUN_STATUS_COUNT
} forge_run_status_t;

/* FORGE_RUN_OK to FORGE_RUN_OUTPUT_LIMIT: the program ran, and what it wrote until its end is here. */
typedef struct forge_run_result_t {
    int64_t status;                   /* forge_run_status_t */
    forge_run_bytes_t output, errors; /* standard output and standard error */
    int64_t exit_code;                /* 0 to 255; -1 when a signal ended the program or it never began */
    int64_t signal;                   /* its number, or 0 */
    int64_t duration_ms;              /* of the program, without the building of its sandbox */
    int64_t cpu_ms;
    int64_t memory_kb;     /* the most memory in use by one process at once */
    int64_t truncated;     /* 1: an output was longer than what is here */
    int64_t waited_ms;     /* in the queue */
    forge_run_bytes_t why; /* for the log, never for the caller; empty when the program ran */
} forge_run_result_t;

/* What forge-runner says of itself. */
typedef struct forge_run_state_t {
    int64_t available;           /* 1: its self-test passed */
    forge_run_bytes_t why;       /* which layer is missing; empty when none is */
    forge_run_bytes_t languages; /* the names that can be run, a blank between two */
    int64_t running, runs_max;   /* runs now, and at once */
    int64_t waiting, queue_max;
    int64_t share_max;                /* runs and waiting ones of one account */
    int64_t memory_kb, memory_max_kb; /* promised to the runs of now, and at most */
    int64_t done;                     /* runs since its start */
    int64_t refused;                  /* jobs that were told queue_full or share_used_up */
    forge_run_bytes_t tools;          /* the names of tools.def that can be run, a blank between two */
} forge_run_state_t;

typedef enum forge_run_kind_t {
    FORGE_RUN_BAD = 0,
    FORGE_RUN_JOB,    /* client: forge_run_job_t; answered by one RESULT */
    FORGE_RUN_PROBE,  /* client: no members; answered by one STATE */
    FORGE_RUN_RESULT, /* forge-runner: forge_run_result_t */
    FORGE_RUN_STATE   /* forge-runner: forge_run_state_t */
} forge_run_kind_t;

/* The name of a status in the API; "sandbox_error" for a number out of range. */
const char *forge_run_status_name(int64_t status);

/* The bytes of the whole frame of `what` (the struct of its kind, NULL for a probe). 0: a member is longer than it may
 * be. */
size_t forge_run_frame_size(forge_run_kind_t kind, const void *what);
/* Writes that frame, which has forge_run_frame_size bytes. */
void forge_run_frame_write(forge_run_kind_t kind, const void *what, char *to);
/* Reads the head of a frame: its kind and the length of its members. FORGE_RUN_BAD when it is none of ours or too
 * long. */
forge_run_kind_t forge_run_frame_head(const char head[FORGE_RUN_HEAD], size_t *len);
/* Reads the members into the struct of `kind`; its bytes point into `members`. Members that are missing stay empty or
 * 0. False: the frame is bad. */
bool forge_run_frame_read(forge_run_kind_t kind, const char *members, size_t len, void *what);

#endif
