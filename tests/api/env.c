/* SPDX-License-Identifier: Apache-2.0
 * The servers of the API tests: each worker has a PostgreSQL cluster and an httpd in a folder of its own, a copy of one
 * that is prepared once; they start once and always stop.
 */
#include "env_private.h"
#include "test_places.h"

#include <curl/curl.h>
#include <dirent.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The build says where things are; the environment may say otherwise. */
#ifndef FORGE_SRCDIR
#define FORGE_SRCDIR "."
#endif
#ifndef FORGE_BUILDDIR
#define FORGE_BUILDDIR "."
#endif
#ifndef FORGE_HTTPD
#define FORGE_HTTPD "/usr/sbin/apache2"
#endif

#define PAUSE_AFTER_FAILURE 300 /* ms; longer than that of mod_forge/server/pool.c */

env_t env;
static int postgres_pid, httpd_pid, second_pid, third_pid, worker_number;
static char template[256]; /* the folder that every worker's own is a copy of */
static bool stopped = true, outage;

void env_give_up(const char *what, const char *why)
{
    fprintf(stderr, "api tests: %s\n%s\n", what, why ? why : "");
    env_stop(true);
    exit(2);
}

const char *env_setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

int env_patience(int time)
{
    double times = strtod(env_setting("CK_TIMEOUT_MULTIPLIER", "1"), NULL);
    return times > 1 ? (int)(time * times) : time;
}

const char *env_path(const char *name)
{
    static char paths[8][512];
    static int turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", env.dir, name);
    return path;
}

const char *env_dsn(void)
{
    static char dsn[400];
    snprintf(dsn, sizeof(dsn), "host=%s/run port=5432 dbname=forge user=forge_owner", env.dir);
    return dsn;
}

/* First line of a program's output. */
static void ask(char *answer, size_t room, const char *const *argv)
{
    char *out;
    if (process_run(NULL, argv, &out))
        env_give_up("a program that the tests need has failed", argv[0]);
    out[strcspn(out, "\n")] = 0;
    snprintf(answer, room, "%s", out);
}

/* --- PostgreSQL --- */

static bool postgres_accepts(void)
{
    return PQping(F("host=%s/run port=5432 dbname=postgres user=postgres", env.dir)) == PQPING_OK;
}

void env_postgres_start(void)
{
    const char *argv[] = {F("%s/postgres", env.bin), "-D", env_path("pgdata"), "-k", env_path("run"), NULL};
    postgres_pid = process_start("postgres", argv, env_path("logs/postgresql.log"));
    for (int i = 0; i < 600; i++) {
        if (postgres_accepts())
            return;
        if (!process_alive(postgres_pid))
            break;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    env_give_up("PostgreSQL does not start", file_read(env_path("logs/postgresql.log"), 0));
}

void env_postgres_stop(bool immediate)
{
    if (postgres_pid <= 0)
        return;
    process_kill(postgres_pid, SIGCONT);
    process_kill(postgres_pid, immediate ? SIGQUIT : SIGINT);
    if (!process_wait(postgres_pid, 20))
        process_kill(postgres_pid, SIGKILL);
    postgres_pid = 0;
    outage = true;
}

/* The cluster, two roles, the database and its schema. */
static void postgres_make(void)
{
    char *out, *conf;
    const char *initdb[] = {F("%s/initdb", env.bin),
                            "-D",
                            env_path("pgdata"),
                            "-U",
                            "postgres",
                            "-A",
                            "trust",
                            "-E",
                            "UTF8",
                            "--locale=C.UTF-8",
                            "-N",
                            NULL};
    if (process_run("postgres", initdb, &out))
        env_give_up("initdb failed", out);
    conf = F("%s\nlisten_addresses = ''\nport = 5432\nfsync = off\nfull_page_writes = off\n"
             "max_connections = 100\nshared_buffers = 32MB\n",
             file_read(env_path("pgdata/postgresql.conf"), 0));
    file_write(env_path("pgdata/postgresql.conf"), conf);
    env_postgres_start();
    const char *psql[] = {F("%s/psql", env.bin),
                          "-Xqv",
                          "ON_ERROR_STOP=1",
                          "-h",
                          env_path("run"),
                          "-U",
                          "postgres",
                          "-d",
                          "postgres",
                          "-c",
                          "CREATE ROLE forge_owner LOGIN",
                          "-c",
                          "CREATE ROLE forge_app LOGIN",
                          "-c",
                          "CREATE DATABASE forge OWNER forge_owner",
                          NULL};
    if (process_run("postgres", psql, &out))
        env_give_up("the roles and the database could not be made", out);
    setenv("FORGE_DSN", env_dsn(), 1);
    setenv("FORGE_MIGRATIONS", F("%s/sql/migrations", env.source), 1);
    const char *migrate[] = {env.ctl, "migrate", "apply", "--app-role", "forge_app", NULL};
    if (process_run(NULL, migrate, &out))
        env_give_up("forgectl migrate apply failed", out);
}

/* --- httpd --- */

/* A sanitizer says itself where a process crashed. */
const char *env_preload(void)
{
    const char *slash = strrchr(env.module, '/');
    const char *frames = F("%.*s/crash_frames.so", slash ? (int)(slash - env.module) : 0, env.module);
    const char *set = getenv("FORGE_TEST_PRELOAD");
    return set ? set : access(frames, R_OK) == 0 && *frames == '/' ? frames : "";
}

static size_t swallow(char *data, size_t size, size_t n, void *baton)
{
    (void)data, (void)baton;
    return size * n;
}

/* Status of a GET, 0 without an answer; used before the documents are known. */
static long peek(port_t port, const char *path)
{
    long status = 0;
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, F("http://127.0.0.1:%d%s", env.ports[port], path));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 3000L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    return status;
}

static bool wait_ready(int pid, port_t port, int seconds)
{
    for (int i = 0; i < env_patience(seconds) * 20; i++) {
        if (peek(port, "/health/ready") == 200)
            return true;
        if (!process_alive(pid))
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return false;
}

bool env_wait_ready(int seconds)
{
    return wait_ready(httpd_pid, PORT_MAIN, seconds);
}

/* Starts the node of this configuration. */
static int node_launch(const char *conf)
{
    const char *preload = env_preload();
    const char *plain[] = {"env", F("LD_PRELOAD=%s", preload), env.httpd, "-f", env_path(conf), "-DFOREGROUND", NULL};
    const char *checked[] = {"valgrind",
                             "-q",
                             "--leak-check=full",
                             "--show-leak-kinds=definite",
                             "--errors-for-leak-kinds=definite",
                             F("--log-file=%s/logs/valgrind.%%p", env.dir),
                             env.httpd,
                             "-f",
                             env_path(conf),
                             "-DFOREGROUND",
                             NULL};
    const char *const *argv = getenv("FORGE_TEST_VALGRIND") ? checked : *preload ? plain : plain + 2;
    return process_start(NULL, argv, env_path("logs/start.log"));
}

/* The same, and waits until it serves at that port. */
static int node_start(const char *conf, port_t port)
{
    int pid = node_launch(conf);
    if (!wait_ready(pid, port, 30))
        env_give_up("httpd does not serve",
                    F("%s\n%s", file_read(env_path("logs/start.log"), 0), file_read(env_path("logs/error.log"), 0)));
    return pid;
}

static void httpd_start(void)
{
    httpd_pid = node_start("httpd.conf", PORT_MAIN);
}

static void node_stop(int *pid)
{
    if (*pid <= 0)
        return;
    long from = file_size(env_path("logs/error.log"));
    process_kill(*pid, SIGTERM);
    if (!process_wait(*pid, 15))
        process_kill(*pid, SIGKILL);
    *pid = 0;
    log_stopped(from);
}

void env_httpd_restart(void)
{
    node_stop(&httpd_pid);
    httpd_start();
}

static void second_conf_write(const char *lines)
{
    mkdir(env_path("run-second"), 0755);
    env_conf_write("second", "run-second", F("Listen 127.0.0.1:%d\n%s", env.ports[PORT_SECOND], lines));
}

void env_second_start(void)
{
    if (process_alive(second_pid))
        return;
    second_conf_write("");
    second_pid = node_start("second.conf", PORT_SECOND);
}

void env_second_launch(const char *lines)
{
    env_second_stop();
    second_conf_write(lines);
    second_pid = node_launch("second.conf");
}

bool env_second_ready(int seconds)
{
    return wait_ready(second_pid, PORT_SECOND, seconds);
}

int env_second_pid(void)
{
    return second_pid;
}

void env_second_change(const char *lines)
{
    second_conf_write(lines);
    process_kill(second_pid, SIGUSR1);
}

void env_second_stop(void)
{
    node_stop(&second_pid);
}

void env_third_launch(const char *lines)
{
    env_third_stop();
    mkdir(env_path("run-third"), 0755);
    env_conf_write("third", "run-third", F("Listen 127.0.0.1:%d\n%s", env.ports[PORT_THIRD], lines));
    third_pid = node_launch("third.conf");
}

bool env_third_ready(int seconds)
{
    return wait_ready(third_pid, PORT_THIRD, seconds);
}

void env_third_stop(void)
{
    node_stop(&third_pid);
}

int env_httpd_pid(void)
{
    return httpd_pid;
}

/* Which socket the daemon of mod_cgid has; "" while it has none that is its user's. */
static char *cgi_socket(void)
{
    const struct passwd *user = env.root ? getpwnam("www-data") : getpwuid(geteuid());
    struct stat st;
    if (stat(F("%s/run/cgisock.%d", env.dir, (int)httpd_pid), &st) != 0 || !user || st.st_uid != user->pw_uid)
        return F("%s", "");
    return F("%lu %ld.%ld", (unsigned long)st.st_ino, (long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

/* Each generation has a daemon of mod_cgid, at a socket of one name. A restart that comes before the daemon of the last
 * one is there would take its socket away, and httpd would say so (AH01243, AH01244): that one is waited for. */
void env_httpd_graceful(void)
{
    static char left[64];
    static pid_t of;
    const bool daemon = strcmp(env.mpm, "prefork") != 0;
    const char *now = cgi_socket();
    for (int i = 0; daemon && i < 200 && (!*now || (of == httpd_pid && strcmp(now, left) == 0)); i++) {
        pause_ms(50);
        now = cgi_socket();
    }
    of = httpd_pid;
    snprintf(left, sizeof(left), "%s", now);
    process_kill(httpd_pid, SIGUSR1);
}

/* The parent of a process, or 0. */
static int parent_of(const char *pid)
{
    char state;
    int parent = 0;
    char *stat = file_read(F("/proc/%s/stat", pid), 0), *after = strrchr(stat, ')');
    return after && sscanf(after + 1, " %c %d", &state, &parent) == 2 && state != 'Z' ? parent : 0;
}

/* The daemon that starts CGI scripts has one thread, like no child that serves under an MPM with threads; and so has
 * forge-runner. */
static bool serves(const char *pid)
{
    if (strncmp(file_read(F("/proc/%s/comm", pid), 0), "forge-runner", 12) == 0)
        return false;
    char *line = strstr(file_read(F("/proc/%s/status", pid), 0), "\nThreads:");
    return strcmp(env.mpm, "prefork") == 0 || (line && atoi(line + 9) > 1);
}

static int children_of(int parent, int *pids, int max)
{
    int found = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && parent_of(entry->d_name) == parent && found < max &&
            serves(entry->d_name))
            pids[found++] = atoi(entry->d_name);
    if (dir)
        closedir(dir);
    return found;
}

int env_children(int *pids, int max)
{
    return children_of(httpd_pid, pids, max);
}

int env_second_children(int *pids, int max)
{
    return children_of(second_pid, pids, max);
}

/* Sends SIGSTOP, or SIGCONT; a process may run on for a moment, so this waits until it stands. */
static void freeze(int pid, bool still)
{
    process_kill(pid, still ? SIGSTOP : SIGCONT);
    for (int i = 0; still && i < 500; i++) {
        char *after = strrchr(file_read(F("/proc/%d/stat", pid), 0), ')');
        if (!after || after[2] == 'T' || after[2] == 'Z')
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
}

void env_processes_freeze(int parent, bool still)
{
    DIR *dir = opendir("/proc");
    if (still)
        freeze(parent, true); /* first: it makes no more of the others */
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && parent_of(entry->d_name) == parent)
            freeze(atoi(entry->d_name), still);
    if (!still)
        freeze(parent, false);
    if (dir)
        closedir(dir);
}

void env_postgres_freeze(bool still)
{
    env_processes_freeze(postgres_pid, still);
}

/* --- all of it --- */

static void on_signal(int number)
{
    static const char note[] = "\napi tests: interrupted or out of time; servers are stopped\n";
    ssize_t ignored = write(2, note, sizeof(note) - 1);
    (void)ignored;
    if (httpd_pid > 0)
        process_kill(httpd_pid, SIGTERM);
    if (second_pid > 0)
        process_kill(second_pid, SIGTERM);
    if (third_pid > 0)
        process_kill(third_pid, SIGTERM);
    if (postgres_pid > 0)
        process_kill(postgres_pid, SIGQUIT);
    _exit(128 + number);
}

static void at_exit(void)
{
    env_stop(false);
}

static void folder_make(void)
{
    struct passwd *postgres = getpwnam("postgres");
    snprintf(env.dir, sizeof(env.dir), "%s/forge-api-XXXXXX", env_setting("TMPDIR", "/tmp"));
    if (!mkdtemp(env.dir))
        env_give_up("a folder could not be made", env.dir);
    chmod(env.dir, 0755);
    static const char *const names[] = {"pgdata", "run", "logs", "mail"};
    for (int i = 0; i < 4; i++) {
        mkdir(env_path(names[i]), i == 0 ? 0700 : 0755);
        if (env.root && i < 2 && (!postgres || chown(env_path(names[i]), postgres->pw_uid, postgres->pw_gid)))
            env_give_up("there is no account postgres", NULL);
    }
    chmod(env_path("mail"), 01777); /* httpd's account writes there */
}

static void settings_read(void)
{
    env.root = geteuid() == 0;
    env.quick = getenv("FORGE_TEST_QUICK") != NULL;
    env.mpm = env_setting("FORGE_TEST_MPM", "event");
    env.module = realpath(env_setting("FORGE_TEST_MODULE", FORGE_BUILDDIR "/.libs/mod_forge.so"), NULL);
    env.ctl = realpath(env_setting("FORGE_TEST_CTL", FORGE_BUILDDIR "/forgectl"), NULL);
    env.source = realpath(env_setting("FORGE_TEST_SOURCE", FORGE_SRCDIR), NULL);
    env.httpd = env_setting("FORGE_TEST_HTTPD", FORGE_HTTPD);
    env.secret = "kV7w-Qz3nT9xLr2yBm5cHd8fJg1sPa6eUo4i-T0tallyR4ndom";
    env.runner = realpath(env_setting("FORGE_TEST_RUNNER", FORGE_BUILDDIR "/forge-runner"), NULL);
    if (!env.module || !env.ctl || !env.source || !env.runner)
        env_give_up(
            "FORGE_TEST_MODULE, FORGE_TEST_CTL, FORGE_TEST_SOURCE or FORGE_TEST_RUNNER name nothing that is there",
            NULL);
    ask(env.bin, sizeof(env.bin), (const char *[]){env_setting("FORGE_TEST_PG_CONFIG", "pg_config"), "--bindir", NULL});
}

/* The folder that workers copy: a migrated cluster that is shut down, certificates and keys. */
void env_prepare(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGABRT, SIGSEGV};
    stopped = false;
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        signal(signals[i], on_signal);
    signal(SIGPIPE, SIG_IGN);
    atexit(at_exit);
    curl_global_init(CURL_GLOBAL_ALL);
    settings_read();
    folder_make();
    postgres_make();
    env_postgres_stop(false);
    env_files_make();
    snprintf(template, sizeof(template), "%s", env.dir);
}

static void folder_copy(void)
{
    env.dir[0] = 0; /* the template is not ours to take away */
    char own[sizeof(env.dir)], *out;
    snprintf(own, sizeof(own), "%s/forge-api-XXXXXX", env_setting("TMPDIR", "/tmp"));
    if (!mkdtemp(own))
        env_give_up("a folder could not be made", own);
    snprintf(env.dir, sizeof(env.dir), "%s", own);
    if (process_run(NULL, (const char *[]){"cp", "-a", F("%s/.", template), env.dir, NULL}, &out))
        env_give_up("the prepared folder could not be copied", out);
    if (env.assets)
        env.assets = strdup(env_path("docs-ui"));
}

void env_start(int worker)
{
    worker_number = worker;
    folder_copy();
    for (int i = 0; i < PORTS; i++)
        env.ports[i] = port_free();
    env.smtp_port = port_free();
    setenv("FORGE_DSN", env_dsn(), 1);
    env_postgres_start();
    env_conf_write("httpd", "run", env_conf_hosts());
    httpd_start();
}

void env_outage(void)
{
    outage = true;
}

/* After a failure each child leaves the database alone for a quarter of a second and answers 503. A child that nobody
 * asks since then would do so in the next case. */
void env_heal(void)
{
    if (!process_alive(postgres_pid))
        env_postgres_start();
    if (!process_alive(httpd_pid))
        httpd_start();
    if (outage)
        pause_ms(PAUSE_AFTER_FAILURE);
    outage = false;
}

void env_stop(bool failed)
{
    if (stopped)
        return;
    stopped = true;
    node_stop(&httpd_pid);
    env_second_stop();
    env_third_stop();
    env_postgres_stop(true);
    if (failed)
        process_run(NULL,
                    (const char *[]){"cp", "-rT", env_path("logs"), F("api-logs-%s-%d", env.mpm, worker_number), NULL},
                    NULL);
    if (strstr(env.dir, "/forge-api-") && !getenv("FORGE_TEST_KEEP"))
        process_run(NULL, (const char *[]){"rm", "-rf", env.dir, NULL}, NULL);
}
