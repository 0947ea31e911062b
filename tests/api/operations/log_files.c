/* SPDX-License-Identifier: Apache-2.0
 * Where the lines of the logs go: rotated by rotatelogs and by logrotate, under load, no line is lost or torn; a disk
 * that is full and a program that hangs cost lines, but no request; each host writes its own format.
 */
#include "harness.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES     (20 * env_patience(20)) /* of 50 ms; a generous end, not a promise about time */
#define WRITERS   4
#define EACH      120
#define LOGROTATE "/usr/sbin/logrotate"

static const char live[] = "/health/live";
static int answered[WRITERS * EACH];

static char *folder(void)
{
    return F("%s/rotated", env.dir);
}

static void begin(void)
{
    process_run(NULL, (const char *[]){"rm", "-rf", folder(), NULL}, NULL);
    ck_assert_int_eq(mkdir(folder(), 0755), 0);
    memset(answered, 0, sizeof(answered));
    watchdog(180);
}

static void end(void)
{
    env_second_stop();
}

static void second(const char *lines)
{
    env_second_launch(lines);
    ck_assert(env_second_ready(30));
}

/* --- lines and requests --- */

/* All lines of all files, each of them JSON, by the number in their request id. */
static void count(int lines[WRITERS * EACH])
{
    DIR *dir = opendir(folder());
    memset(lines, 0, sizeof(int) * WRITERS * EACH);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        const char *path = F("%s/%s", folder(), entry->d_name);
        if (strncmp(entry->d_name, "access", 6) != 0)
            continue;
        char *text = file_read(path, 0), *state;
        ck_assert_msg((long)strlen(text) == file_size(path), "%s has a hole", path);
        for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
            json_error_t why;
            json_t *parsed = json_loads(line, JSON_REJECT_DUPLICATES, &why);
            ck_assert_msg(parsed != NULL, "%s: %s: %s", path, why.text, line);
            const char *id = json_string_value(json_object_get(parsed, "request_id"));
            if (id && strncmp(id, "rot-", 4) == 0)
                lines[atoi(id + 4)]++;
            json_decref(parsed);
        }
    }
    if (dir)
        closedir(dir);
}

/* Every request that was answered has one line, once what is under way has arrived. */
static void expect_lines(void)
{
    int lines[WRITERS * EACH];
    for (int tries = 0; tries < TRIES; tries++, pause_ms(50)) {
        int missing = 0;
        count(lines);
        for (int i = 0; i < WRITERS * EACH; i++)
            missing += answered[i] && !lines[i];
        if (missing == 0)
            break;
    }
    for (int i = 0; i < WRITERS * EACH; i++)
        ck_assert_msg(lines[i] == answered[i], "request %d: %d answers, %d lines", i, answered[i], lines[i]);
}

static void request(int number)
{
    answered[number] =
        CALL("GET", live, .port = PORT_SECOND, .headers = {F("X-Request-ID: rot-%d", number)}, .lenient = true)
            ->status == 200;
}

typedef struct turn_t {
    void (*rotate)(void *baton);
    void *baton;
} turn_t;

/* The last of these rotates, in the middle of what the others ask. */
static void ask(int i, void *baton)
{
    const turn_t *turn = baton;
    for (int n = 0; n < EACH && i < WRITERS; n++)
        request(i * EACH + n);
    for (int n = 0; n < 3 && i == WRITERS; n++, pause_ms(300))
        turn->rotate(turn->baton);
}

static void all_ask(void (*rotate)(void *baton), void *baton)
{
    turn_t turn = {rotate, baton};
    parallel(WRITERS + 1, ask, &turn);
    int sum = 0;
    for (int i = 0; i < WRITERS * EACH; i++)
        sum += answered[i];
    ck_assert_int_gt(sum, WRITERS * EACH / 2);
}

/* --- rotation --- */

static void graceful(void *baton)
{
    env_second_change(baton);
}

static int files(void)
{
    int n = 0;
    DIR *dir = opendir(folder());
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        n += strncmp(entry->d_name, "access", 6) == 0;
    if (dir)
        closedir(dir);
    return n;
}

/* A new file with the first line after 4 KB in another second, and graceful restarts, each of which begins a new
 * rotatelogs while the old children end with the old one. */
START_TEST(rotatelogs_behind_a_pipe)
{
    char *lines = F("ForgeAccessLog \"|/usr/bin/rotatelogs %s/access.%%Y%%m%%d%%H%%M%%S 4K\"\n", folder());
    second(lines);
    all_ask(graceful, lines);
    expect_lines();
    const int before = files();
    pause_ms(1100);
    for (int i = 0; i < TRIES && files() == before; i++) { /* the last file may have had few lines */
        request(0);
        pause_ms(50);
    }
    ck_assert_int_gt(files(), before);
}
END_TEST

/* The last rotatelogs that the second node has, and how many. */
static int reader(int *n)
{
    int found = 0;
    DIR *dir = opendir("/proc");
    *n = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char *after = strrchr(file_read(F("/proc/%s/stat", entry->d_name), 0), ')'), state;
        int parent = 0;
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || !after ||
            sscanf(after + 1, " %c %d", &state, &parent) != 2 || parent != env_second_pid() || state == 'Z' ||
            !strstr(file_read(F("/proc/%s/comm", entry->d_name), 0), "rotatelogs"))
            continue;
        found = atoi(entry->d_name);
        (*n)++;
    }
    if (dir)
        closedir(dir);
    return found;
}

static int readers_become(int wanted, int other_than)
{
    int n = -1, pid = 0;
    for (int i = 0; i < TRIES; i++, pause_ms(50)) {
        pid = reader(&n);
        if (n == wanted && (wanted == 0 || pid != other_than))
            return pid;
    }
    ck_abort_msg("%d programs, process %d", n, pid);
    return 0;
}

/* A request that is answered by a child of the configuration that was given last: its line comes to where that says. */
static void expect_line_in(const char *name)
{
    for (int i = 0; i < TRIES; i++, pause_ms(50)) {
        request(0);
        if (strstr(file_read(F("%s/%s", folder(), name), 0), "\"rot-0\""))
            return;
    }
    ck_abort_msg("no line in %s", name);
}

/* Graceful restarts keep the program; one that dies comes again; one that is named no more ends. */
START_TEST(a_program_lasts_as_long_as_it_is_named)
{
    char *lines = F("ForgeAccessLog \"|/usr/bin/rotatelogs %s/one 1M\"\n", folder());
    second(lines);
    int pid = readers_become(1, 0);
    for (int i = 0; i < 3; i++) {
        env_second_change(lines);
        pause_ms(200);
        ck_assert(env_second_ready(30));
    }
    ck_assert_int_eq(readers_become(1, 0), pid);
    expect_log("FG0449");
    process_kill(pid, SIGKILL);
    readers_become(1, pid);
    ck_assert_ptr_nonnull(strstr(log_since("error.log"), "FG0449"));
    env_second_change(F("ForgeAccessLog \"|$exec cat >>%s/two\"\n", folder()));
    readers_become(0, 0);
    expect_line_in("two");
}
END_TEST

/* The configuration is refused before anything is started, and httpd ends. */
START_TEST(a_program_that_is_not_there_stops_the_start)
{
    env_second_launch("ForgeAccessLog \"|/nowhere/rotatelogs x\"\n");
    for (int i = 0; i < TRIES && process_alive(env_second_pid()); i++)
        pause_ms(50);
    ck_assert(!process_alive(env_second_pid()));
    ck_assert_ptr_nonnull(strstr(file_read(F("%s/logs/start.log", env.dir), 0),
                                 "FG0420: ForgeAccessLog: \"|/nowhere/rotatelogs x\" cannot be started"));
}
END_TEST

static void change_to(const char *generation, const char *lines)
{
    const char *said = NULL;
    env_second_change(F("%s\nHeader always set X-Generation %s\n", lines, generation));
    for (int i = 0; i < TRIES && !(said && strcmp(said, generation) == 0); i++, pause_ms(50))
        said = header(CALL("GET", live, .port = PORT_SECOND, .lenient = true), "X-Generation");
    ck_assert_msg(said && strcmp(said, generation) == 0, "%s: the restart has not come to its end", lines);
}

/* A bare SIGUSR1 asks no configtest. The restart waits for nobody who might read, and what cannot be run costs lines
 * only. */
START_TEST(what_takes_no_lines_ends_no_restart)
{
    const char *fifo = F("%s/fifo", folder()), *got = F("%s/got", folder());
    expect_log("FG0440");
    expect_log("FG0441");
    expect_log("FG0442");
    second(F("ForgeAccessLog %s/access.json", folder()));
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    change_to("fifo", F("ForgeAccessLog %s", fifo));
    change_to("folder", F("ForgeAccessLog \"|%s\"", folder()));
    change_to("program", "ForgeAccessLog \"|/nowhere/rotatelogs x\"");
    ck_assert_ptr_nonnull(strstr(log_since("error.log"), F("FG0441: ForgeAccessLog: could not open '%s'", fifo)));
    ck_assert_ptr_nonnull(strstr(log_since("error.log"), F("FG0440: ForgeAccessLog: could not start '%s'", folder())));
    int reader = process_start(NULL, (const char *[]){"cat", fifo, NULL}, got);
    change_to("reader", F("ForgeAccessLog %s", fifo));
    request(0);
    for (int i = 0; i < TRIES && !strstr(file_read(got, 0), "\"rot-0\""); i++)
        pause_ms(50);
    ck_assert_ptr_nonnull(strstr(file_read(got, 0), "\"rot-0\""));
    process_kill(reader, SIGKILL);
    process_wait(reader, 10);
}
END_TEST

static void logrotate(void)
{
    char *out;
    const char *argv[] = {LOGROTATE, "-f", "-s", F("%s/state", folder()), F("%s/conf", folder()), NULL};
    if (process_run(NULL, argv, &out) != 0)
        fail_later("%s", out);
}

static void logrotate_configure(const char *how)
{
    const char *conf = F("%s/conf", folder());
    file_write(conf, F("%s/access.json {\n  rotate 90\n  nocompress\n  %s\n}\n", folder(), how));
    chmod(conf, 0644);
}

static void logrotate_and_graceful(void *lines)
{
    logrotate();
    env_second_change(lines);
}

/* Children of before go on with the file that has another name by now. */
START_TEST(logrotate_that_creates)
{
    char *lines = F("ForgeAccessLog %s/access.json\n", folder());
    logrotate_configure("create 0644");
    second(lines);
    all_ask(logrotate_and_graceful, lines);
    expect_lines();
    ck_assert_int_ge(file_size(F("%s/access.json.3", folder())), 0);
}
END_TEST

/* What logrotate copies and then cuts goes on at its beginning. (Between the two it may lose lines itself: so says its
 * manual, and so nobody writes meanwhile.) */
START_TEST(logrotate_that_truncates)
{
    logrotate_configure("copytruncate");
    second(F("ForgeAccessLog %s/access.json\n", folder()));
    for (int turn = 0; turn < 3; turn++) {
        for (int n = 0; n < 20; n++)
            request(turn * 20 + n);
        expect_lines();
        logrotate();
    }
    request(60);
    expect_lines();
    ck_assert_int_gt(file_size(F("%s/access.json.3", folder())), 0);
    ck_assert_int_lt(file_size(F("%s/access.json", folder())), 3000);
}
END_TEST

/* --- what cannot be written --- */

static long lost(void)
{
    const char *body = CALL("GET", "/metrics", .port = PORT_SECOND)->body;
    const char *at = strstr(body, "\nforge_log_lines_lost_total ");
    ck_assert_ptr_nonnull(at);
    return atol(at + strlen("\nforge_log_lines_lost_total "));
}

START_TEST(a_full_disk_harms_no_request)
{
    person_t teacher = person("instructor");
    expect_log("FG0442");
    second("ForgeAccessLog /dev/full\nForgeAuditLog /dev/full\nForgeEventLog /dev/full\n");
    for (int i = 0; i < 20; i++) {
        expect_status(CALL("POST", "/api/v1/courses", .port = PORT_SECOND, .token = teacher.access,
                           .json = "{\"title\":\"Course\"}"),
                      201);
        expect_status(CALL("POST", "/api/v1/auth/guest", .port = PORT_SECOND, .json = "{}"), 201);
    }
    ck_assert_int_ge(lost(), 100); /* 40 requests, 20 audit events, 60 events of business */
    ck_assert_ptr_nonnull(strstr(log_since("error.log"), "FG0442: could not write to the log '/dev/full'"));
}
END_TEST

/* A pipe holds 64 KB. */
START_TEST(a_program_that_hangs_harms_no_request)
{
    expect_log("FG0442");
    second("ForgeAccessLog \"|/bin/sleep 600\"\n");
    for (int i = 0; i < WRITERS * EACH; i++) {
        request(i);
        ck_assert_msg(answered[i] == 1, "request %d", i);
    }
    ck_assert_int_gt(lost(), 0);
}
END_TEST

/* --- what is never written --- */

/* Whatever level somebody sets to find a fault: the secrets of these requests are canaries, looked for in all logs when
 * the case ends. */
START_TEST(no_level_writes_secrets)
{
    static const char *const levels[] = {"forge:trace8", "trace8 http:trace3 ssl:trace6"};
    for (int i = 0; i < 2; i++) {
        second(F("LogLevel %s\n", levels[i]));
        person_t me = person_again(person("student"), PORT_SECOND);
        reply_t *key = CALL("POST", "/api/v1/auth/api-keys", .port = PORT_SECOND, .token = me.access,
                            .json = F("{\"name\":\"k\",\"password\":\"%s\",\"scopes\":[\"read\"]}", me.password));
        expect_status(key, 201);
        expect_status(CALL("GET", "/api/v1/auth/me", .port = PORT_SECOND, .token = text_at(key->json, "/key")), 200);
        reply_t *factor = CALL("POST", "/api/v1/auth/mfa/setup", .port = PORT_SECOND, .token = me.access,
                               .json = F("{\"password\":\"%s\"}", me.password));
        expect_status(factor, 200);
        expect_status(CALL("POST", "/api/v1/auth/mfa/verify", .port = PORT_SECOND, .token = me.access,
                           .json = F("{\"code\":\"%s\"}", totp(text_at(factor->json, "/secret"), 0))),
                      200);
        expect_status(CALL("POST", "/api/v1/auth/login", .port = PORT_SECOND,
                           .json = "{\"username\":\"nobody\",\"password\":\"Wrong-4711-Walrus!\"}"),
                      401);
        CALL("POST", "/api/v1/auth/refresh", .port = PORT_SECOND, .json = F("{\"refresh_token\":\"%s\"}", me.refresh));
        CALL("GET", "/api/v1/auth/me?access_token=Query-0f-4711", .port = PORT_SECOND,
             .headers = {"Cookie: __Host-forge_session=Cookie-0f-4711", "X-CSRF-Token: Proof-0f-4711"});
        CALL("POST", "/api/v1/auth/password/reset", .port = PORT_SECOND,
             .json = "{\"token\":\"Reset-0f-4711-Reset\",\"new_password\":\"Newer-4711-Walrus!\"}");
    }
}
END_TEST

/* Above that httpd writes all headers itself, which a start says. */
START_TEST(a_start_warns_of_levels_that_do)
{
    expect_log("FG0447");
    second("LogLevel http:trace3 ssl:trace6\n");
    ck_assert_ptr_null(strstr(log_since("error.log"), "FG0447"));
    second("LogLevel http:trace4 ssl:trace7\n");
    ck_assert_ptr_nonnull(strstr(log_since("error.log"), "FG0447: LogLevel http:trace4 and above write"));
    ck_assert_ptr_nonnull(strstr(log_since("error.log"), "FG0447: LogLevel ssl:trace7 and above write"));
}
END_TEST

/* --- formats --- */

static json_t *only_line(const char *name)
{
    for (int i = 0; i < TRIES && !strchr(file_read(F("%s/%s", folder(), name), 0), '\n'); i++)
        pause_ms(50);
    json_t *line = json_loads(file_read(F("%s/%s", folder(), name), 0), JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(line != NULL, "%s", name);
    return keep_json(line);
}

START_TEST(each_host_has_its_format)
{
    static const char *const formats[] = {"json", "ecs", "otel", "plain"};
    char *lines = F("%s", "");
    for (int i = 0; i < 4; i++)
        lines = F("%s<VirtualHost *:%d>\nServerName %s.example.org\nForgeLogFormat %s\nForgeAccessLog %s/%s\n"
                  "</VirtualHost>\n",
                  lines, env.ports[PORT_SECOND], formats[i], formats[i], folder(), formats[i]);
    second(F("<VirtualHost *:%d>\nServerName first.example.org\n</VirtualHost>\n%s", env.ports[PORT_SECOND], lines));
    for (int i = 0; i < 4; i++)
        expect_status(CALL("GET", live, .port = PORT_SECOND,
                           .headers = {F("Host: %s.example.org", formats[i]), F("X-Request-ID: f-%s", formats[i])},
                           .lenient = true),
                      200);
    ck_assert_str_eq(text_at(only_line("json"), "/msg"), "GET /health/live 200");
    json_t *ecs = only_line("ecs"), *otel = only_line("otel");
    ck_assert_str_eq(text_at(ecs, "/message"), "GET /health/live 200");
    ck_assert_str_eq(text_at(ecs, "/http.request.id"), "f-ecs");
    ck_assert_int_ge(int_at(ecs, "/event.duration"), 1000);
    ck_assert_str_eq(text_at(ecs, "/service.environment"), "test");
    ck_assert_str_eq(text_at(otel, "/Body"), "GET /health/live 200");
    ck_assert_int_eq(int_at(otel, "/SeverityNumber"), 9);
    ck_assert_str_eq(text_at(otel, "/Attributes/http.route"), "/health/live");
    ck_assert_str_eq(text_at(otel, "/Resource/service.name"), "mod_forge");
    for (int i = 0; i < TRIES && !strchr(file_read(F("%s/plain", folder()), 0), '\n'); i++)
        pause_ms(50);
    const char *plain = file_read(F("%s/plain", folder()), 0);
    ck_assert_msg(strstr(plain, "Z info GET /health/live 200 trace_id="), "%s", plain);
    ck_assert_ptr_nonnull(
        strstr(plain, " request_id=f-plain route=/health/live method=GET path=/health/live status=200 "));
}
END_TEST

/* A site's own log in Apache's form names the request, its account and its route. */
START_TEST(notes_for_the_sites_own_log)
{
    person_t me = person("student");
    second(F("LogFormat \"%%{forge-request-id}n|%%{forge-user}n|%%{forge-route}n|%%>s\" forge\n"
             "CustomLog %s/custom forge\n",
             folder()));
    expect_status(
        CALL("GET", "/api/v1/auth/me", .port = PORT_SECOND, .token = me.access, .headers = {"X-Request-ID: custom-1"}),
        200);
    CALL("GET", "/api/v1/courses/999999", .port = PORT_SECOND, .headers = {"X-Request-ID: custom-2"});
    CALL("GET", "/api/v1/nothing", .port = PORT_SECOND, .headers = {"X-Request-ID: custom-3"});
    const char *const lines[] = {F("custom-1|%lld|/api/v1/auth/me|200\n", (long long)me.id),
                                 "custom-2|-|/api/v1/courses/{id}|404\n", "custom-3|-|-|404\n"};
    for (int i = 0; i < 3; i++) {
        for (int n = 0; n < TRIES && !strstr(file_read(F("%s/custom", folder()), 0), lines[i]); n++)
            pause_ms(50);
        const char *text = file_read(F("%s/custom", folder()), 0);
        ck_assert_msg(strstr(text, lines[i]) != NULL, "no %s in %s", lines[i], text);
    }
}
END_TEST

Suite *suite_log_files(void)
{
    Suite *suite = suite_create("log_files");
    TCase *all = case_make(suite, "all");
    tcase_add_checked_fixture(all, begin, end);
    tcase_add_test(all, rotatelogs_behind_a_pipe);
    tcase_add_test(all, a_program_lasts_as_long_as_it_is_named);
    tcase_add_test(all, a_program_that_is_not_there_stops_the_start);
    tcase_add_test(all, what_takes_no_lines_ends_no_restart);
    tcase_add_test(all, logrotate_that_creates);
    tcase_add_test(all, logrotate_that_truncates);
    tcase_add_test(all, a_full_disk_harms_no_request);
    tcase_add_test(all, a_program_that_hangs_harms_no_request);
    tcase_add_test(all, no_level_writes_secrets);
    tcase_add_test(all, a_start_warns_of_levels_that_do);
    tcase_add_test(all, each_host_has_its_format);
    tcase_add_test(all, notes_for_the_sites_own_log);
    return suite;
}
