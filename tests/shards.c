/* SPDX-License-Identifier: Apache-2.0
 * Suites side by side: the list that workers take from, what they print, and the totals.
 */
#include "shards.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define SUITES_MAX 256
#define SLOWEST    12 /* cases shown at the end */

/* What became of a suite; workers write it, the program reads it. */
typedef struct outcome_t {
    atomic_int worker; /* who took it, from 1 */
    atomic_bool done;
    int run, failed;
    double seconds;
} outcome_t;

typedef struct board_t {
    atomic_size_t next; /* the first suite that nobody has taken */
    outcome_t outcomes[SUITES_MAX];
} board_t;

typedef struct slow_t {
    double seconds;
    char name[128];
} slow_t;

static const shard_suite_t *chosen[SUITES_MAX];
static size_t chosen_count;
static bool shown[SUITES_MAX];
static board_t *board;
static char folder[256]; /* what suites print */
static slow_t slowest[SLOWEST];

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* --- the choice --- */

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

bool shards_all(void)
{
    return !setting("CK_RUN_SUITE") && !setting("CK_RUN_CASE") && !setting("FORGE_TEST_ONLY");
}

static bool wanted(const shard_suite_t *suite)
{
    const char *name = setting("CK_RUN_SUITE"), *only = setting("FORGE_TEST_ONLY");
    int mark = !only ? NONE : strcmp(only, "mpm") == 0 ? MPM : strcmp(only, "smoke") == 0 ? SMOKE : -1;
    if (mark < 0) {
        fprintf(stderr, "FORGE_TEST_ONLY is %s, not mpm or smoke\n", only);
        exit(2);
    }
    return (!name || strcmp(name, suite->name) == 0) && (!mark || (suite->marks & mark));
}

static int longer_first(const void *left, const void *right)
{
    const shard_suite_t *a = *(const shard_suite_t *const *)left, *b = *(const shard_suite_t *const *)right;
    return a->seconds != b->seconds ? b->seconds - a->seconds : (a > b) - (a < b);
}

static void choose(const shard_program_t *program)
{
    for (size_t i = 0; i < program->count && chosen_count < SUITES_MAX; i++)
        if (wanted(&program->suites[i]))
            chosen[chosen_count++] = &program->suites[i];
    qsort(chosen, chosen_count, sizeof(chosen[0]), longer_first);
}

/* One case needs one worker; nobody needs more workers than there are suites. */
static int jobs_of(const shard_program_t *program)
{
    int jobs = setting("FORGE_TEST_JOBS") ? atoi(setting("FORGE_TEST_JOBS")) : program->jobs;
    if (setting("CK_RUN_CASE") || jobs < 1)
        jobs = 1;
    if (jobs > SHARDS_MAX)
        jobs = SHARDS_MAX;
    return (size_t)jobs > chosen_count ? (int)chosen_count : jobs;
}

/* --- one worker --- */

static void path_of(char *path, size_t room, size_t suite, const char *ending)
{
    snprintf(path, room, "%s/%s.%s", folder, chosen[suite]->name, ending);
}

/* Both streams into a file; returns a copy of the one that they led to. */
static int redirect(size_t suite)
{
    char path[512];
    path_of(path, sizeof(path), suite, "log");
    fflush(NULL);
    int before = dup(STDOUT_FILENO), file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    fcntl(before, F_SETFD, FD_CLOEXEC);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    close(file);
    return before;
}

static void restore(int before)
{
    fflush(NULL);
    dup2(before, STDOUT_FILENO);
    dup2(before, STDERR_FILENO);
    close(before);
}

static int suite_run(const shard_program_t *program, size_t i)
{
    char xml[512];
    double from = now();
    int before = redirect(i);
    SRunner *runner = srunner_create(chosen[i]->make());
    path_of(xml, sizeof(xml), i, "xml");
    srunner_set_xml(runner, xml);
    if (program->isolated == CK_NOFORK)
        srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    outcome_t *outcome = &board->outcomes[i];
    outcome->run = srunner_ntests_run(runner);
    outcome->failed = srunner_ntests_failed(runner);
    outcome->seconds = now() - from;
    srunner_free(runner);
    restore(before);
    atomic_store(&outcome->done, true);
    return outcome->failed;
}

/* Never returns. The suite is in our list by its own name, which Check need not compare again. */
static void worker_run(const shard_program_t *program, int worker)
{
    int failed = 0;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    unsetenv("CK_RUN_SUITE");
    if (program->begin)
        program->begin(worker);
    for (size_t i = atomic_fetch_add(&board->next, 1); i < chosen_count; i = atomic_fetch_add(&board->next, 1)) {
        atomic_store(&board->outcomes[i].worker, worker + 1);
        failed += suite_run(program, i);
    }
    if (program->end)
        program->end(failed > 0);
    exit(0);
}

/* --- what is shown --- */

static void show_file(const char *path)
{
    char piece[4096];
    FILE *file = fopen(path, "r");
    for (size_t n; file && (n = fread(piece, 1, sizeof(piece), file)) > 0;)
        fwrite(piece, 1, n, stdout);
    if (file)
        fclose(file);
}

static void slow_add(double seconds, const char *suite, const char *name)
{
    size_t at = SLOWEST;
    while (at > 0 && slowest[at - 1].seconds < seconds)
        at--;
    if (at == SLOWEST)
        return;
    memmove(&slowest[at + 1], &slowest[at], (SLOWEST - at - 1) * sizeof(slowest[0]));
    slowest[at].seconds = seconds;
    snprintf(slowest[at].name, sizeof(slowest[at].name), "%s: %s", suite, name);
}

/* The times of single cases are in the XML that Check writes. */
static void slow_read(size_t i)
{
    char path[512], line[4096], name[64] = "";
    path_of(path, sizeof(path), i, "xml");
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        const char *id = strstr(line, "<id>"), *duration = strstr(line, "<duration>");
        if (id)
            snprintf(name, sizeof(name), "%.*s", (int)strcspn(id + 4, "<"), id + 4);
        if (duration && *name)
            slow_add(atof(duration + 10), chosen[i]->name, name);
        if (duration)
            *name = 0; /* the last duration is that of everything */
    }
    if (file)
        fclose(file);
}

static void show_done(void)
{
    char path[512];
    for (size_t i = 0; i < chosen_count; i++)
        if (!shown[i] && atomic_load(&board->outcomes[i].done)) {
            shown[i] = true;
            path_of(path, sizeof(path), i, "log");
            show_file(path);
            printf("%s took %.1f s\n", chosen[i]->name, board->outcomes[i].seconds);
            fflush(stdout);
            slow_read(i);
        }
}

static void complain(int status)
{
    if (WIFSIGNALED(status))
        fprintf(stderr, "a worker was ended by signal %d\n", WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        fprintf(stderr, "a worker ended with code %d\n", WEXITSTATUS(status));
}

/* Waits for all workers, showing what is done. */
static void watch(int workers)
{
    while (workers > 0) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid < 0)
            break;
        if (pid == 0) {
            nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        } else {
            complain(status);
            workers--;
        }
        show_done();
    }
}

/* Suites that no worker finished: one that died has left the words of its last suite. */
static int unfinished(void)
{
    int found = 0;
    for (size_t i = 0; i < chosen_count; i++)
        if (!shown[i]) {
            char path[512];
            path_of(path, sizeof(path), i, "log");
            show_file(path);
            printf("not ok %s: %s\n", chosen[i]->name,
                   atomic_load(&board->outcomes[i].worker) ? "its worker has died" : "no worker was left to run it");
            found++;
        }
    return found;
}

/* Not in the words of Check, which readers of logs add up. */
static int totals(const shard_program_t *program, int workers, double from)
{
    int run = 0, failed = 0, lost = unfinished();
    for (size_t i = 0; i < chosen_count; i++) {
        run += board->outcomes[i].run;
        failed += board->outcomes[i].failed;
    }
    printf("the slowest cases:\n");
    for (int i = 0; i < SLOWEST && slowest[i].seconds > 0; i++)
        printf("  %6.2f s  %s\n", slowest[i].seconds, slowest[i].name);
    printf("%s: %d cases, %d failed, in %zu suites by %d workers, %.1f s\n", program->name, run, failed, chosen_count,
           workers, now() - from);
    if (run == 0)
        printf("not ok %s: no case was chosen\n", program->name);
    return failed + lost + (run == 0);
}

/* --- all of it --- */

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static void board_make(void)
{
    const char *tmp = setting("TMPDIR");
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    snprintf(folder, sizeof(folder), "%.200s/forge-shards-XXXXXX", tmp ? tmp : "/tmp");
    if (board == MAP_FAILED || !mkdtemp(folder)) {
        perror("shards");
        exit(2);
    }
}

int shards_run(const shard_program_t *program)
{
    double from = now();
    choose(program);
    int jobs = jobs_of(program);
    board_make();
    if (program->prepare && chosen_count)
        program->prepare();
    fflush(NULL);
    for (int i = 0; i < jobs; i++)
        if (fork() == 0)
            worker_run(program, i);
    watch(jobs);
    int failed = totals(program, jobs, from);
    if (program->clean)
        program->clean();
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return failed;
}
