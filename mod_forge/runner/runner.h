/* SPDX-License-Identifier: Apache-2.0
 * What the files of forge-runner share. The program is plain C and libseccomp: of libforge it has the frames alone, so
 * that nothing of the server is in the process that starts code that is not ours.
 */
#ifndef FORGE_RUNNER_H
#define FORGE_RUNNER_H

#include "init.h"
#include "run/frames.h"
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

#define FORGE_RUNNER_RUNS_MAX    256
#define FORGE_RUNNER_WARM_MAX    16         /* sandboxes that are built ahead; each takes seven or eight megabytes */
#define FORGE_RUNNER_OVERHEAD_KB (20 << 10) /* pipes, page tables and stacks of a run that no limit of it counts */

/* How a language is fenced: the flags of profiles.def. */
enum {
    FORGE_RUN_FORKS = 1 << 0,   /* it may start processes (a compiler does) */
    FORGE_RUN_EXECS = 1 << 1,   /* what it writes may be executed */
    FORGE_RUN_REACHES = 1 << 3, /* it reaches one host, which is its first argument, at the port which is the second */
    FORGE_RUN_MAPS = 1 << 2,    /* it reserves more address space than it uses: its data is limited instead */
    FORGE_RUN_WAITS = 1 << 4    /* its interpreter can be started ahead: it reads its program from a pipe as well */
};

typedef struct forge_runner_bytes_t {
    char *bytes;
    size_t len;
} forge_runner_bytes_t;

/* What the self-test has a language or a tool run, and what it must say: all of it, or its start. */
typedef struct forge_runner_trial_t {
    forge_run_bytes_t code, args, input;
    const char *says;
    bool start;
} forge_runner_trial_t;

/* One language or tool, made ready at the start. */
typedef struct forge_runner_profile_t {
    const char *name, *command, *reads;
    const char *file; /* under /p; NULL: it has none */
    int64_t base_kb;
    unsigned fences;
    bool tool;
    forge_run_limits_t most;      /* of a tool's jobs */
    const char *carries;          /* a program that lies beside forge-init, in place of the code; NULL: none */
    forge_runner_bytes_t carried; /* it, read at the start */
    forge_runner_trial_t trial;
    forge_runner_bytes_t words, options; /* command and bubblewrap's options, each word ended by a NUL */
    const char *missing;                 /* why it cannot be run, or NULL */
} forge_runner_profile_t;

typedef struct forge_runner_options_t {
    const char *socket, *owner, *user, *languages, *bwrap, *init;
    int64_t runs, queue, share, memory_mb, warm;
    bool check;
} forge_runner_options_t;

typedef struct forge_runner_t {
    forge_runner_options_t options;
    forge_runner_bytes_t init;       /* forge-init, read at the start: its path means nothing to the user of the runs */
    const char *init_why;            /* why it could not be read; NULL: it was */
    forge_runner_bytes_t filters[3]; /* plain; with fork; with fork and the network */
    int cpus[FORGE_RUNNER_RUNS_MAX]; /* one for each place; -1: any */
    char why[FORGE_RUN_WHY_MAX];     /* what is missing; empty: code may be run */
    bool nested_userns;              /* bubblewrap cannot forbid them here; the filter still does */
} forge_runner_t;

/* --- say.c: one line on standard error, which is httpd's error log --- */

void forge_runner_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- child.c --- */

/* fork(2), but the new process is killed when this one ends. What changes its user or namespace clears that. */
pid_t forge_runner_child(void);

/* --- clock.c --- */

int64_t forge_runner_now_ms(void); /* of the monotonic clock */

/* --- filter.c --- */

/* Makes both filters as the kernel takes them. False: libseccomp cannot. */
bool forge_runner_filters(forge_runner_t *runner);

/* --- view.c: what the program of a language sees of the machine --- */

/* The profile of a language; NULL when there is none of that name. */
forge_runner_profile_t *forge_runner_profile(forge_run_bytes_t name);
/* The i-th profile; NULL after the last. */
forge_runner_profile_t *forge_runner_profile_at(size_t i);
/* Makes words and options of every tool and of every language that the runner's options name; the others say why they
 * are missing. */
void forge_runner_views(const forge_runner_t *runner);

/* --- words.c: the command line of a run --- */

/* Writes the command of a profile with the arguments of a job, each word ended by a NUL. Its bytes; 0: the arguments
 * are not what the profile takes, or too long. */
size_t forge_runner_words(const forge_runner_profile_t *profile, forge_run_bytes_t args, char to[INIT_WORDS_MAX]);
/* The i-th argument, counted from 1, as a text; NULL when there are fewer. */
const char *forge_runner_argument(forge_run_bytes_t args, int i);

/* Where bubblewrap finds what is made for a run: the program and the writable folder. Nothing it needs is there. */
#define FORGE_RUNNER_PLACE  "/sys"
#define FORGE_RUNNER_CODE   FORGE_RUNNER_PLACE "/p"
#define FORGE_RUNNER_INIT   FORGE_RUNNER_PLACE "/i"
#define FORGE_RUNNER_FOLDER FORGE_RUNNER_PLACE "/w"

/* --- nest.c: the outer namespaces of one run, in which bubblewrap works --- */

typedef struct forge_runner_nest_t {
    const forge_runner_t *runner;
    int fds[INIT_FDS];   /* by the numbers of init.h */
    int64_t file_bytes;  /* of the writable folder */
    int files;           /* in it */
    int cpu;             /* -1: any */
    bool execs, carries; /* the folder's files may be executed; the program is one that can be */
} forge_runner_nest_t;

/* Starts bubblewrap as the first process of namespaces of its own, so that one SIGKILL ends everything inside, however
 * far it has come. Its pid, and a descriptor of it in *pidfd; -1 with errno. */
pid_t forge_runner_nest(const forge_runner_nest_t *nest, int *pidfd);

/* --- address.c --- */

/* Whether an address is surely one of the open internet. */
bool forge_runner_address_public(const struct sockaddr *at);

/* --- enter.c --- */

/* A socket that listens at 127.0.0.1 and `port` inside the sandbox whose bubblewrap that is; -1: it cannot be had. */
int forge_runner_listen_inside(pid_t bubblewrap, uint16_t port);

/* --- join.c --- */

#define FORGE_RUNNER_ADDRESSES 8

typedef struct forge_runner_host_t {
    struct sockaddr_storage addresses[FORGE_RUNNER_ADDRESSES];
    socklen_t lengths[FORGE_RUNNER_ADDRESSES];
    size_t count;
} forge_runner_host_t;

/* Joins every connection that comes to `listening` to that host, until more than bytes_max were carried, both ways
 * together: true; or until `channel` was closed at its other end: false. */
bool forge_runner_join(int listening, int channel, const forge_runner_host_t *host, int64_t bytes_max);

/* --- broker.c: the way from a run to one host --- */

typedef struct forge_runner_way_t {
    const char *host, *port;
    bool own; /* it may have an address that is not public */
    int64_t bytes_max;
} forge_runner_way_t;

typedef struct forge_runner_broker_t {
    pid_t pid;   /* 0: none */
    int channel; /* -1: none; can be read when it has said something */
} forge_runner_broker_t;

typedef enum forge_runner_broker_said_t {
    FORGE_RUNNER_BROKER_READY = 1, /* the program may start */
    FORGE_RUNNER_BROKER_REFUSED,   /* there is no way to that host */
    FORGE_RUNNER_BROKER_FULL       /* more bytes came than may */
} forge_runner_broker_said_t;
#define FORGE_RUNNER_BROKER_WORD 128 /* bytes of what it says */

/* Starts a process that resolves the host and waits for the sandbox. It ends with its parent. */
bool forge_runner_broker_start(const forge_runner_way_t *way, forge_runner_broker_t *broker);
/* The sandbox is built: the broker enters it. */
void forge_runner_broker_enter(const forge_runner_broker_t *broker, pid_t bubblewrap);
forge_runner_broker_said_t forge_runner_broker_hear(forge_runner_broker_t *broker, char why[FORGE_RUNNER_BROKER_WORD]);
void forge_runner_broker_stop(forge_runner_broker_t *broker);

/* --- tree.c --- */

typedef struct forge_runner_tree_t {
    int64_t kb, cpu_ms;
} forge_runner_tree_t;

/* What bubblewrap and all below it use; the processor time is that of the program alone. */
forge_runner_tree_t forge_runner_tree(pid_t bubblewrap);

/* --- verdict.c --- */

/* What is known of a run at its end. */
typedef struct forge_runner_end_t {
    int killed;          /* the status for which the launcher ended it; -1: it did not */
    bool started, ended; /* what forge-init has reported */
    int wait_status;     /* of waitpid */
    bool over_cpu;
    int64_t cpu_ms, peak_kb;
    int64_t cpu_limit_ms, memory_limit_kb;
    forge_run_bytes_t errors; /* what came on standard error */
} forge_runner_end_t;

/* How the run ended, with exit code and signal. */
void forge_runner_verdict(const forge_runner_end_t *end, forge_run_result_t *result);

/* --- encoding.c --- */

/* Whether Python would go back in the file of a program, which it cannot in a pipe. */
bool forge_runner_goes_back(forge_run_bytes_t code);

/* --- launch.c --- */

/* Runs one job to its end, in a process of its own: answers on `client`, ends the run when the client goes away, and
 * returns when nothing of it is left. */
void forge_runner_launch(const forge_runner_t *runner, const forge_run_job_t *job, int64_t waited_ms, int cpu,
                         int client);
/* What a sandbox is built ahead for. */
typedef struct forge_runner_warm_kind_t {
    const forge_runner_profile_t *profile;
    forge_run_limits_t limits;
    bool waits; /* its interpreter is started and waits for the program */
} forge_runner_warm_kind_t;
/* Builds a sandbox, waits for a job on `channel`, and runs it like the above. Nothing is left when it returns, also
 * when the channel ends without a job. */
void forge_runner_launch_warm(const forge_runner_t *runner, const forge_runner_warm_kind_t *kind, int cpu, int channel);
/* The memory that a run of these limits may take in all. */
int64_t forge_runner_cost_kb(const forge_run_job_t *job);

/* --- check.c --- */

/* Tries every layer, and a hostile program behind all of them; runner->why says what is missing. With `out`, a line for
 * each. */
bool forge_runner_check(forge_runner_t *runner, FILE *out);

/* --- gift.c: a job for a sandbox that waits --- */

/* What comes with a job, before the members of its frame. */
typedef struct forge_runner_gift_t {
    int64_t waited_ms, cpu;
} forge_runner_gift_t;
#define FORGE_RUNNER_GIFT_MAX INIT_LATER_MAX /* bytes of the members: one message takes them */
/* Sends it, with the client's connection, to a launcher. Whether all of it was taken. */
bool forge_runner_gift_give(int channel, const forge_runner_gift_t *gift, forge_run_bytes_t members, int client);
/* In the launcher, once: takes the job that was sent, whose texts stay where they are read to, and closes the channel.
 * False: there was none; whoever sends one later hears that. */
bool forge_runner_gift_take(int channel, forge_runner_gift_t *gift, forge_run_job_t *job, int *client);

/* --- warm.c: sandboxes that are built ahead --- */

typedef struct forge_runner_warm_one_t {
    forge_runner_warm_kind_t kind;
    pid_t pid; /* of its launcher */
    int channel;
} forge_runner_warm_one_t;

typedef struct forge_runner_warm_t {
    forge_runner_warm_kind_t wanted; /* of the last two jobs that were alike */
    forge_runner_warm_kind_t last;
    forge_runner_warm_one_t ready[FORGE_RUNNER_WARM_MAX + 1]; /* one without an interpreter beside them */
    int count;
    int64_t pause_until;
} forge_runner_warm_t;

/* What to build ahead before the first job. */
void forge_runner_warm_start(forge_runner_warm_t *warm);
/* Gives a job and its client to a sandbox that was built for such a one. The pid of its launcher; 0: there is none. */
pid_t forge_runner_warm_give(forge_runner_warm_t *warm, const forge_runner_gift_t *gift, const forge_run_job_t *job,
                             forge_run_bytes_t members, int client);
/* Builds one ahead, on that processor: one of `most` of what is wanted, and then one without an interpreter. Whether it
 * did. */
bool forge_runner_warm_fill(forge_runner_warm_t *warm, const forge_runner_t *runner, int cpu, int most);
/* A child has ended: it may have been one of these. */
void forge_runner_warm_buried(forge_runner_warm_t *warm, pid_t pid);

/* --- queue.c: who is next --- */

typedef enum forge_runner_stage_t {
    FORGE_RUNNER_READING,
    FORGE_RUNNER_WAITING,
    FORGE_RUNNER_RUNNING
} forge_runner_stage_t;

typedef struct forge_runner_entry_t {
    forge_runner_stage_t stage;
    int64_t account, round, number; /* of the account; set by arrive; in order of arrival */
    int64_t cost_kb;
} forge_runner_entry_t;

typedef struct forge_runner_queue_t {
    forge_runner_entry_t *entries;
    size_t count;
    int64_t round, number; /* of the entry that started last; of the one that arrived last */
    int64_t queue_max, share_max, memory_max_kb;
} forge_runner_queue_t;

/* What an entry that has just been read gets: FORGE_RUN_OK, and it waits; or why it may not. */
forge_run_status_t forge_runner_queue_arrive(forge_runner_queue_t *q, forge_runner_entry_t *entry);
/* The index of the entry that starts next, and it runs; -1: nobody waits, or the memory is promised to others. */
int forge_runner_queue_next(forge_runner_queue_t *q);
/* How many are in a stage; their memory in *kb unless it is NULL. */
int64_t forge_runner_queue_count(const forge_runner_queue_t *q, forge_runner_stage_t stage, int64_t *kb);

/* --- serve.c --- */

/* Takes jobs from the listening socket until SIGTERM or SIGINT. The exit code. */
int forge_runner_serve(forge_runner_t *runner, int listening);

#endif
