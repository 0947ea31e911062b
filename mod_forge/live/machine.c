/* SPDX-License-Identifier: Apache-2.0
 * Figures of the machine from /proc and /sys.
 */
#include "machine.h"

#include "util/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES    512
#define TEXT_BYTES    65536  /* of a file that is read; the figures we need are within them */
#define STAT_BYTES    1024   /* of /proc/<pid>/stat */
#define PROCESSES_MAX 100000 /* that one look counts */
#define SECTOR        512    /* bytes, in which the kernel counts whatever the disk's own are */

bool forge_live_machine_text(char *text, size_t size, const char *root, const char *format, ...)
{
    char path[PATH_BYTES];
    va_list words;
    int n = snprintf(path, sizeof(path), "%s", root);
    if (n < 0 || (size_t)n >= sizeof(path))
        return false;
    va_start(words, format);
    int more = vsnprintf(path + n, sizeof(path) - (size_t)n, format, words);
    va_end(words);
    if (more < 0 || (size_t)(n + more) >= sizeof(path))
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t len = 0;
    for (ssize_t got = 1; got > 0 && len<size - 1; len += got> 0 ? (size_t)got : 0)
        got = read(fd, text + len, size - 1 - len);
    close(fd);
    text[len] = '\0';
    return len > 0;
}

/* The number after a name that begins a line; FORGE_UNKNOWN without it. */
static uint64_t after(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0)
            return strtoull(line + len, NULL, 10);
    }
    return FORGE_UNKNOWN;
}

/* --- processors, load, memory --- */

/* The first line: "cpu user nice system idle iowait irq softirq steal …". The time of guests is already in user. */
static void parse_cpu(const char *text, forge_machine_t *m)
{
    enum { IDLE = 3, IOWAIT = 4, FIELDS = 8 };
    char *at = NULL;
    if (strncmp(text, "cpu ", 4) != 0)
        return;
    m->cpu_busy = m->cpu_total = 0;
    for (int i = 0; i < FIELDS; i++) {
        uint64_t ticks = strtoull(at ? at : text + 4, &at, 10);
        m->cpu_total += ticks;
        if (i != IDLE && i != IOWAIT)
            m->cpu_busy += ticks;
    }
}

static void read_stat(const char *root, forge_machine_t *m)
{
    char text[TEXT_BYTES];
    if (!forge_live_machine_text(text, sizeof(text), root, "/proc/stat"))
        return;
    parse_cpu(text, m);
    m->cores = 0;
    for (const char *line = text; (line = strstr(line, "\ncpu")); line++)
        m->cores += forge_util_is_digit(line[4]);
}

/* A number such as 12.05; what setlocale was told does not matter. */
static double decimal(const char *text, char **end)
{
    double n = (double)strtoull(text, end, 10), unit = 1;
    if (**end != '.')
        return n;
    for (*end += 1; forge_util_is_digit(**end); *end += 1) {
        unit /= 10;
        n += (**end - '0') * unit;
    }
    return n;
}

/* "0.20 0.18 0.12 1/80 11206": three averages, then what runs now of all that could. */
static void read_load(const char *root, forge_machine_t *m)
{
    char text[STAT_BYTES], *at = text;
    if (!forge_live_machine_text(text, sizeof(text), root, "/proc/loadavg"))
        return;
    for (int i = 0; i < 3; i++)
        m->load[i] = decimal(at, &at);
    m->running = strtoull(at, NULL, 10);
}

static uint64_t kilobytes(const char *text, const char *name)
{
    uint64_t n = after(text, name);
    return n == FORGE_UNKNOWN ? n : n * 1024;
}

static void read_memory(const char *root, forge_machine_t *m)
{
    char text[TEXT_BYTES];
    if (!forge_live_machine_text(text, sizeof(text), root, "/proc/meminfo"))
        return;
    m->memory = kilobytes(text, "MemTotal:");
    m->available = kilobytes(text, "MemAvailable:");
    m->swap = kilobytes(text, "SwapTotal:");
    m->swap_free = kilobytes(text, "SwapFree:");
}

/* --- network and disks --- */

/* Whether the kernel knows hardware behind a name: then what is built upon it (bridges, tunnels, partitions, volumes)
 * would be counted twice. */
static bool is_hardware(const char *root, const char *class, const char *name)
{
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s/sys/%s/%s/device", root, class, name);
    return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
}

static void add(uint64_t *sum, uint64_t n)
{
    *sum = *sum == FORGE_UNKNOWN ? n : *sum + n;
}

/* A line "  eth0: bytes packets … (8 figures) bytes …"; inside a container no interface has hardware: all
 * count. */
static void read_network(const char *root, forge_machine_t *m)
{
    enum { NAME = 64, SENT = 8 };
    char text[TEXT_BYTES], name[NAME], *state;
    uint64_t hard[2] = {FORGE_UNKNOWN, FORGE_UNKNOWN}, any[2] = {FORGE_UNKNOWN, FORGE_UNKNOWN};
    if (!forge_live_machine_text(text, sizeof(text), root, "/proc/net/dev"))
        return;
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        uint64_t figures[SENT + 1];
        char *at = strchr(line, ':');
        if (!at || sscanf(line, " %63[^:]", name) != 1 || strcmp(name, "lo") == 0)
            continue;
        at++;
        for (int i = 0; i <= SENT; i++)
            figures[i] = strtoull(at, &at, 10);
        bool hardware = is_hardware(root, "class/net", name);
        for (int way = 0; way < 2; way++) {
            add(&any[way], figures[way * SENT]);
            if (hardware)
                add(&hard[way], figures[way * SENT]);
        }
    }
    m->rx = hard[0] == FORGE_UNKNOWN ? any[0] : hard[0];
    m->tx = hard[1] == FORGE_UNKNOWN ? any[1] : hard[1];
}

/* A line "8 0 sda reads merged sectors ms writes merged sectors …". */
static void read_disks(const char *root, forge_machine_t *m)
{
    char text[TEXT_BYTES], name[64], *state;
    if (!forge_live_machine_text(text, sizeof(text), root, "/proc/diskstats"))
        return;
    for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        unsigned long long in, out;
        if (sscanf(line, " %*u %*u %63s %*u %*u %llu %*u %*u %*u %llu", name, &in, &out) != 3 ||
            !is_hardware(root, "block", name))
            continue;
        add(&m->read, in * SECTOR);
        add(&m->written, out * SECTOR);
    }
}

/* --- processes --- */

typedef struct process_t {
    char name[32];
    pid_t parent;
    uint64_t threads, pages;
} process_t;

/* "pid (name) state ppid …": the name may contain anything, so that the fields are counted from the last parenthesis.
 * Field 3 is the state, 4 the parent, 20 the threads, 24 the pages in memory. */
static bool process_parse(char *text, process_t *process)
{
    enum { STATE = 3, PARENT = 4, THREADS = 20, PAGES = 24 };
    const char *from = strchr(text, '(');
    char *at = strrchr(text, ')');
    if (!from || !at)
        return false;
    snprintf(process->name, sizeof(process->name), "%.*s", (int)(at - from - 1), from + 1);
    for (int field = STATE; field <= PAGES; field++) {
        at = strchr(at + 1, ' ');
        if (!at)
            return false;
        if (field == PARENT)
            process->parent = (pid_t)strtol(at + 1, NULL, 10);
        if (field == THREADS)
            process->threads = strtoull(at + 1, NULL, 10);
        if (field == PAGES)
            process->pages = strtoull(at + 1, NULL, 10);
    }
    return true;
}

static bool process_read(const char *root, const char *pid, process_t *process)
{
    char text[STAT_BYTES];
    return forge_live_machine_text(text, sizeof(text), root, "/proc/%s/stat", pid) && process_parse(text, process);
}

/* A child of httpd's parent that has its name; others are its helpers (rotatelogs, forge-runner, CGI). */
static void count_httpd(forge_machine_t *m, const process_t *process)
{
    m->httpd++;
    m->threads += process->threads;
    m->rss += process->pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void read_processes(const char *root, pid_t server, forge_machine_t *m)
{
    char path[PATH_BYTES], number[24];
    process_t parent, one;
    snprintf(number, sizeof(number), "%ld", (long)server);
    bool known = process_read(root, number, &parent);
    snprintf(path, sizeof(path), "%s/proc", root);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    m->processes = 0;
    if (known)
        m->httpd = m->rss = m->threads = 0;
    for (struct dirent *entry; (entry = readdir(dir)) && m->processes < PROCESSES_MAX;) {
        if (!forge_util_is_digit(*entry->d_name))
            continue;
        m->processes++;
        if (!known || !process_read(root, entry->d_name, &one))
            continue;
        if (strcmp(entry->d_name, number) == 0 || (one.parent == server && strcmp(one.name, parent.name) == 0))
            count_httpd(m, &one);
    }
    closedir(dir);
}

void forge_live_machine_read(const char *root, pid_t server, forge_machine_t *m)
{
    char text[STAT_BYTES], *at;
    uint64_t *words[] = {&m->cpu_busy,  &m->cpu_total, &m->cores, &m->memory, &m->available, &m->swap,
                         &m->swap_free, &m->rx,        &m->tx,    &m->read,   &m->written,   &m->processes,
                         &m->running,   &m->httpd,     &m->rss,   &m->threads};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        *words[i] = FORGE_UNKNOWN;
    m->load[0] = m->load[1] = m->load[2] = m->uptime = NAN;
    read_stat(root, m);
    read_load(root, m);
    read_memory(root, m);
    read_network(root, m);
    read_disks(root, m);
    read_processes(root, server, m);
    if (forge_live_machine_text(text, sizeof(text), root, "/proc/uptime"))
        m->uptime = decimal(text, &at);
}
