/* SPDX-License-Identifier: Apache-2.0
 * Life of one case: empty tables before it, and after it an error log without surprises; memory that lasts as long as
 * the case.
 */
#include "harness.h"

#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPECTED_MAX 16
#define STOPS_MAX    32

typedef struct kept_t {
    struct kept_t *next;
    void *data;
    json_t *json;
} kept_t;

static kept_t *kept;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *expected[EXPECTED_MAX];
static long error_from, access_from, events_from;
static long stops[STOPS_MAX][2]; /* of the error log, from the end of one line to the end of another */
static int stops_count;
static pthread_t main_thread;
static char later[4096], overdue[160]; /* the second: what the watchdog says */

/* --- memory --- */

static void *keep_both(void *data, json_t *json)
{
    kept_t *entry = malloc(sizeof(*entry));
    *entry = (kept_t){.data = data, .json = json};
    pthread_mutex_lock(&lock);
    entry->next = kept;
    kept = entry;
    pthread_mutex_unlock(&lock);
    return data;
}

void *keep(void *malloced)
{
    return keep_both(malloced, NULL);
}

json_t *keep_json(json_t *owned)
{
    keep_both(NULL, owned);
    return owned;
}

static void kept_free(void)
{
    while (kept) {
        kept_t *entry = kept;
        kept = entry->next;
        free(entry->data);
        json_decref(entry->json);
        free(entry);
    }
}

char *F(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        abort();
    va_end(args);
    return keep(text);
}

/* --- failures --- */

void fail_later(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&lock);
    if (!*later)
        vsnprintf(later, sizeof(later), format, args);
    pthread_mutex_unlock(&lock);
    va_end(args);
    if (pthread_equal(main_thread, pthread_self()))
        fail_now();
}

void fail_now(void)
{
    if (!*later)
        return;
    char *text = F("%s", later);
    *later = 0;
    ck_abort_msg("%s", text);
}

void pause_ms(int milliseconds)
{
    nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L}, NULL);
}

/* The handler may call nothing that is not safe in one; a copy of the name was made before. */
static void too_late(int number)
{
    (void)number;
    _exit(write(STDERR_FILENO, overdue, strlen(overdue)) < 0 ? 1 : 124);
}

/* Check's own handler ends the whole process group, and who started it, without a word. */
void watchdog(int seconds)
{
    const char *name = tcase_name();
    seconds = env_patience(seconds);
    snprintf(overdue, sizeof(overdue), "api tests: %.100s: a case took longer than its %d s\n", name ? name : "start",
             seconds);
    signal(SIGALRM, too_late);
    alarm((unsigned)seconds);
}

/* --- logs --- */

void expect_log(const char *part)
{
    for (int i = 0; i < EXPECTED_MAX; i++)
        if (!expected[i]) {
            expected[i] = part;
            return;
        }
    ck_abort_msg("more than %d announced log lines", EXPECTED_MAX);
}

void expect_outage(void)
{
    env_outage();
    expect_log("FG");
    expect_log("DBD");
    expect_log("AH006");
}

void log_stopped(long from)
{
    stops[stops_count][0] = from;
    stops[stops_count][1] = file_size(F("%s/logs/error.log", env.dir));
    stops_count += stops_count + 1 < STOPS_MAX;
}

static bool while_it_stopped(long place)
{
    for (int i = 0; i < stops_count; i++)
        if (place >= stops[i][0] && place < stops[i][1])
            return true;
    return false;
}

/* Whole lines only: httpd may be writing the last one. */
char *log_since(const char *name)
{
    long from = strcmp(name, "access.json") == 0   ? access_from
                : strcmp(name, "events.json") == 0 ? events_from
                                                   : error_from;
    char *text = file_read(F("%s/logs/%s", env.dir, name), from);
    char *end = strrchr(text, '\n');
    *(end ? end + 1 : text) = 0;
    return text;
}

/* A line at warn or above, a process that ended by a signal, or a sanitizer's report. */
static bool line_matters(const char *line)
{
    static const char *const marks[] = {":warn]",      ":error]",   ":crit]",         ":alert]", ":emerg]",
                                        "exit signal", "Sanitizer", "runtime error:", NULL};
    for (const char *const *mark = marks; *mark; mark++)
        if (strstr(line, *mark))
            return true;
    return false;
}

/* A crash of httpd's own while it stops, or httpd's word that this process ended by it. */
static bool crash_remark(const char *line)
{
    static const char *const places[] = {
#define LOG_REMARK(id, reason)
#define LOG_REMARK_STOP(id, reason)
#define LOG_REMARK_CRASH(frames, reason) frames,
#include "log_remarks.def"
#undef LOG_REMARK
#undef LOG_REMARK_STOP
#undef LOG_REMARK_CRASH
    };
    static int crashed; /* the process of the newest one */
    int process;
    if (sscanf(line, "process %d crashes, exit signal 11 ", &process) == 1) {
        for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
            if (strstr(line, places[i])) {
                crashed = process;
                return true;
            }
        return false;
    }
    const char *child = strstr(line, ": child pid ");
    return child && sscanf(child, ": child pid %d exit signal Segmentation", &process) == 1 && process == crashed;
}

/* One of httpd's remarks on its own build or size, or on its own end. A line of ours is none, whatever it quotes. */
static bool line_remark(const char *line, long place)
{
    static const struct {
        const char *id;
        bool stop;
    } remarks[] = {
#define LOG_REMARK(id, reason)      {id ": ", false},
#define LOG_REMARK_STOP(id, reason) {id ": ", true},
#define LOG_REMARK_CRASH(frames, reason)
#include "log_remarks.def"
#undef LOG_REMARK
#undef LOG_REMARK_STOP
#undef LOG_REMARK_CRASH
    };
    for (size_t i = 0; i < sizeof(remarks) / sizeof(*remarks); i++)
        if (strstr(line, remarks[i].id))
            return !strstr(line, "[forge:") && (!remarks[i].stop || while_it_stopped(place));
    return while_it_stopped(place) && crash_remark(line);
}

static bool line_expected(const char *line, long place)
{
    for (int i = 0; i < EXPECTED_MAX && expected[i]; i++)
        if (strstr(line, expected[i]))
            return true;
    return line_remark(line, place);
}

char *log_surprise(char *text, long from)
{
    char *state;
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
        if (line_matters(line) && !line_expected(line, from + (line - text)))
            return line;
    return NULL;
}

/* --- before and after --- */

static void before(void)
{
    main_thread = pthread_self();
    watchdog(60);
    env_heal();
    sql_empty_tables();
    error_from = file_size(F("%s/logs/error.log", env.dir));
    access_from = file_size(F("%s/logs/access.json", env.dir));
    events_from = file_size(F("%s/logs/events.json", env.dir));
    memset(expected, 0, sizeof(expected));
    stops_count = 0;
    *later = 0;
}

/* Check runs this again when it fails, so it looks at each part of the log once. */
static void after(void)
{
    static char surprise[1500], secret[1500];
    char *line = log_surprise(log_since("error.log"), error_from);
    snprintf(surprise, sizeof(surprise), "%s", line ? line : "");
    const char *found = canaries_found();
    snprintf(secret, sizeof(secret), "%s", found ? found : "");
    error_from = file_size(F("%s/logs/error.log", env.dir));
    sql_close();
    kept_free();
    watchdog(60);
    ck_assert_msg(!line, "unexpected line in the error log: %s", surprise);
    ck_assert_msg(!*secret, "a secret is in a log: %s", secret);
}

TCase *case_make(Suite *suite, const char *name)
{
    TCase *one = tcase_create(name);
    tcase_add_checked_fixture(one, before, after);
    suite_add_tcase(suite, one);
    return one;
}
