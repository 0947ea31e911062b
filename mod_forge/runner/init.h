/* SPDX-License-Identifier: Apache-2.0
 * What forge-runner's launcher and forge-init, the first process inside a sandbox, say to each other.
 */
#ifndef FORGE_RUNNER_INIT_H
#define FORGE_RUNNER_INIT_H

#include <stdint.h>

/* Descriptors of forge-init beside 0, 1 and 2, which become the program's. */
enum {
    INIT_CONTROL = 3, /* read: one init_go_t, the words and the program, which may come later, behind an init_code_t;
                       * then its end means: kill everything */
    INIT_STATUS = 4,  /* write: init_report_t */
    INIT_OPTIONS = 5, /* bubblewrap's options; it closes it */
    INIT_CODE = 6,    /* the folder in which the program is put; opened inside, it is no end of the launcher's */
    INIT_FILTER = 7,  /* read: the seccomp filter */
    INIT_FDS
};

#define INIT_WORDS_MAX  (64 << 10) /* bytes of the command and its arguments, their ends included */
#define INIT_FILTER_MAX (64 << 10) /* bytes of the filter */
#define INIT_SELF_MAX   (8 << 20)  /* bytes of forge-init */
#define INIT_FILE_MAX   32         /* bytes of the name of the program's file, its end included */
#define INIT_LATER      UINT64_MAX /* in place of the program's bytes: it comes later */
#define INIT_LATER_MAX  (96 << 10) /* bytes of a program that comes later */

/* The word to start. Nothing runs before it has come whole. */
typedef struct init_go_t {
    uint64_t address_bytes, data_bytes; /* 0: no limit */
    uint64_t cpu_ms;
    uint64_t processes;
    uint64_t file_bytes;
    uint64_t words; /* bytes of the words that follow, each ended by a NUL */
    uint64_t code;  /* bytes of the program, which follows the words; or INIT_LATER */
    int64_t cpu;    /* the processor to run on; -1: any */
    uint64_t mode;  /* of the program's file */
    char file[INIT_FILE_MAX];
} init_go_t;

/* The word that follows later. The interpreter is started meanwhile, and waits at its file, which is a pipe. */
typedef struct init_code_t {
    uint64_t code; /* bytes of the program, which follows */
    int64_t cpu;
} init_code_t;

enum {
    INIT_READY = 1, /* everything is built; it waits for the word to start */
    INIT_STARTED,
    INIT_FAILED, /* status is the errno, stage says at what */
    INIT_ENDED   /* status is that of waitpid; nothing is left inside but forge-init */
};

enum { INIT_AT_FILTER = 1, INIT_AT_FORK, INIT_AT_LIMITS, INIT_AT_EXEC, INIT_AT_CODE };

typedef struct init_report_t {
    uint32_t what, stage;
    int32_t status;
    uint32_t over_cpu; /* 1: it was ended for its CPU time */
    uint64_t cpu_us, wall_us;
    uint64_t memory_kb; /* the largest peak of one process */
} init_report_t;

#endif
