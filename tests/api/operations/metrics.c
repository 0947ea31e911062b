/* SPDX-License-Identifier: Apache-2.0
 * Metrics tell the truth: counters equal what was sent, over all children and across a graceful restart (SPEC 12,
 * SECURITY 1 and 58).
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

/* The value of one sample, by the text before it; -1 when there is no such line. */
static double sample(const char *text, const char *name)
{
    char *line = strstr(text, F("\n%s ", name));
    return line ? atof(line + strlen(name) + 2) : -1;
}

/* Sum of all samples whose line begins so. */
static double total(const char *text, const char *begin)
{
    double sum = 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, begin, strlen(begin)) == 0 && strrchr(F("%.*s", (int)strcspn(line, "\n"), line), ' '))
            sum += atof(strrchr(F("%.*s", (int)strcspn(line, "\n"), line), ' ') + 1);
        if (!strchr(line, '\n'))
            break;
    }
    return sum;
}

/* Requests whose status begins so. */
static double with_status(const char *text, const char *status)
{
    static const char family[] = "forge_http_requests_total{";
    char *wanted = F("status=\"%s", status);
    double sum = 0;
    for (const char *line = strstr(text, family); line; line = strstr(line + 1, family)) {
        char *one = F("%.*s", (int)strcspn(line, "\n"), line);
        if (strstr(one, wanted))
            sum += atof(strrchr(one, ' ') + 1);
    }
    return sum;
}

static char *metrics(void)
{
    reply_t *reply = CALL("GET", "/metrics");
    expect_status(reply, 200);
    return reply->body;
}

START_TEST(formats)
{
    expect_status(CALL("GET", "/api/v1/courses"), 200);
    reply_t *plain = CALL("GET", "/metrics");
    ck_assert_msg(strncmp(header(plain, "Content-Type"), "text/plain; version=0.0.4", 25) == 0, "%s",
                  header(plain, "Content-Type"));
    reply_t *open = CALL("GET", "/metrics", .headers = {"Accept: application/openmetrics-text; version=1.0.0"});
    ck_assert_msg(strncmp(header(open, "Content-Type"), "application/openmetrics-text; version=1.0.0", 42) == 0, "%s",
                  header(open, "Content-Type"));
    reply_t *refused =
        CALL("GET", "/metrics", .headers = {"Accept: application/openmetrics-text;q=0, text/plain, */*;q=0.1"});
    ck_assert_int_eq(strncmp(header(refused, "Content-Type"), "text/plain", 10), 0);
    reply_t *prometheus =
        CALL("GET", "/metrics",
             .headers = {"Accept: application/openmetrics-text;version=1.0.0,application/"
                         "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"});
    ck_assert_str_eq(header(prometheus, "Content-Type"), header(open, "Content-Type"));
    ck_assert_msg(open->length > 6 && strcmp(open->body + open->length - 6, "# EOF\n") == 0,
                  "OpenMetrics ends with # EOF");
    static const char *const names[] = {"forge_http_requests_total{",
                                        "forge_http_request_duration_seconds_bucket{",
                                        "forge_http_request_duration_seconds_count{",
                                        "forge_http_requests_in_flight",
                                        "forge_build_info{",
                                        "forge_db_",
                                        "forge_password_hash_",
                                        "forge_rate_limited_total",
                                        NULL};
    for (const char *const *name = names; *name; name++)
        ck_assert_msg(strstr(plain->body, F("\n%s", *name)) != NULL, "%s is missing", *name);
    char *out, *path = F("%s/metrics.txt", env.dir), *openpath = F("%s/openmetrics.txt", env.dir);
    file_write(path, plain->body);
    file_write(openpath, open->body);
    int code = process_run(NULL, (const char *[]){"sh", "-c", F("promtool check metrics < %s", path), NULL}, &out);
    ck_assert_msg(code == 0, "promtool: %s", out);
    const char *reader = F("%s/tests/api/openmetrics.py", env.source);
    code = process_run(NULL, (const char *[]){"/usr/bin/python3", reader, path, openpath, NULL}, &out);
    ck_assert_msg(code == 0, "%s", out);
}
END_TEST

/* An exemplar leads to the request: its trace id is the one that the client sent, and that the log has. */
START_TEST(exemplars_lead_to_the_request)
{
    static const char path[] = "/api/v1/courses/987654321/modules";
    static const char trace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
    CALL("GET", path, .headers = {F("traceparent: 00-%s-00f067aa0ba902b7-01", trace)}); /* the first one of its route */
    const char *text = CALL("GET", "/metrics", .headers = {"Accept: application/openmetrics-text"})->body;
    const char *exemplar = strstr(text, F(" # {trace_id=\"%s\"} ", trace));
    ck_assert_ptr_nonnull(exemplar);
    while (exemplar[-1] != '\n')
        exemplar--;
    static const char begin[] = "forge_http_request_duration_seconds_bucket{method=\"GET\","
                                "route=\"/api/v1/courses/{id}/modules\",status=\"4xx\",le=\"";
    ck_assert_msg(strncmp(exemplar, begin, strlen(begin)) == 0, "%.300s", exemplar);
    ck_assert_ptr_nonnull(strstr(log_since("access.json"), trace));
}
END_TEST

/* Sampled by a background task, so that no scrape asks the database. */
START_TEST(sessions_are_counted)
{
    watchdog(90);
    long open = -1, guests = -1;
    person("student");
    expect_status(CALL("POST", "/api/v1/auth/guest", .json = "{}"), 201);
    long wanted = atol(sql("SELECT count(*) FROM forge.sessions WHERE NOT amr @> '{guest}'"));
    ck_assert_int_ge(wanted, 1);
    for (int i = 0; i < 600 && (open != wanted || guests != 1); i++) {
        pause_ms(100);
        char *text = metrics();
        open = (long)sample(text, "forge_sessions{kind=\"account\"}");
        guests = (long)sample(text, "forge_sessions{kind=\"guest\"}");
    }
    ck_assert_int_eq(open, wanted);
    ck_assert_int_eq(guests, 1);
}
END_TEST

START_TEST(a_database_that_is_away_is_seen)
{
    watchdog(120);
    env_outage();
    expect_outage();
    person_t me = person("student"); /* whose account no cache has */
    expect_status(CALL("GET", "/api/v1/auth/me", .token = me.access), 200);
    ck_assert_double_eq(sample(metrics(), "forge_db_up"), 1);
    double refused = sample(metrics(), "forge_db_unavailable_total");
    env_postgres_stop(true);
    expect_status(CALL("GET", "/api/v1/auth/me", .token = me.access), 503);
    ck_assert_double_eq(sample(metrics(), "forge_db_up"), 0);
    ck_assert_double_gt(sample(metrics(), "forge_db_unavailable_total"), refused);
    env_postgres_start();
    for (int i = 0; i < 300 && sample(metrics(), "forge_db_up") != 1; i++)
        pause_ms(100);
    ck_assert_double_eq(sample(metrics(), "forge_db_up"), 1);
}
END_TEST

/* As the last sample has it, which /monitor shows too. */
START_TEST(the_machine_is_measured)
{
    static const char *const names[] = {
        "forge_machine_cpu_ratio",    "forge_machine_memory_ratio", "forge_machine_disk_ratio",
        "forge_machine_memory_bytes", "forge_machine_load1",        "forge_machine_processors",
        "forge_httpd_processes",      "forge_httpd_memory_bytes",   NULL};
    watchdog(60);
    char *text = metrics();
    for (int i = 0; i < 300 && sample(text, names[0]) < 0; i++, text = metrics())
        pause_ms(100);
    for (const char *const *name = names; *name; name++)
        ck_assert_msg(sample(text, *name) >= 0, "%s is %f", *name, sample(text, *name));
    for (int i = 0; i < 3; i++)
        ck_assert_double_le(sample(text, names[i]), 1);
    ck_assert_double_ge(sample(text, "forge_httpd_processes"), 2);
    json_t *memory = at(CALL("GET", "/api/v1/monitor")->json, "/memory/total_bytes");
    ck_assert_double_eq(sample(text, "forge_machine_memory_bytes"), json_number_value(memory));
}
END_TEST

typedef struct count_t {
    const char *path;
    int each, status;
} count_t;

static void get_many(int i, void *baton)
{
    count_t *count = baton;
    (void)i;
    for (int n = 0; n < count->each; n++) {
        reply_t *reply = CALL("GET", count->path, .lenient = true);
        if (reply->status != count->status)
            fail_later("%s: %d", count->path, reply->status);
    }
}

START_TEST(counters_are_exact)
{
    static const char courses[] = "forge_http_requests_total{method=\"GET\",route=\"/api/v1/courses\",status=\"200\"}";
    static const char missing[] =
        "forge_http_requests_total{method=\"GET\",route=\"/api/v1/courses/{id}\",status=\"404\"}";
    static const char counted[] =
        "forge_http_request_duration_seconds_count{method=\"GET\",route=\"/api/v1/courses\",status=\"2xx\"}";
    char *before = metrics();
    double at_first = sample(before, courses), misses = sample(before, missing), timed = sample(before, counted);
    parallel(8, get_many, &(count_t){"/api/v1/courses", 50, 200});
    parallel(4, get_many, &(count_t){"/api/v1/courses/12345", 25, 404});
    char *after = metrics();
    ck_assert_double_eq(sample(after, courses) - (at_first > 0 ? at_first : 0), 400);
    ck_assert_double_eq(sample(after, missing) - (misses > 0 ? misses : 0), 100);
    ck_assert_double_eq(sample(after, counted) - (timed > 0 ? timed : 0), 400);
    env_httpd_graceful();
    pause_ms(1500);
    ck_assert(env_wait_ready(10));
    ck_assert_double_eq(sample(metrics(), courses), sample(after, courses));
}
END_TEST

START_TEST(random_paths_add_no_series)
{
    metrics();
    static const char weird[] = "WEIRD /api/v1/courses HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    CALL("GET", "/api/v1/first-of-its-kind");
    raw_text(PORT_MAIN, weird);
    size_t lines = 0, more = 0;
    for (const char *c = metrics(); *c; c++)
        lines += *c == '\n';
    for (int i = 0; i < 50; i++)
        CALL("GET", F("/api/v1/random-%d/%d", i, i));
    raw_text(PORT_MAIN, weird);
    for (const char *c = metrics(); *c; c++)
        more += *c == '\n';
    ck_assert_msg(more <= lines + 4, "%zu lines, then %zu", lines, more);
    ck_assert_ptr_null(strstr(metrics(), "random-"));
    ck_assert_ptr_null(strstr(metrics(), "WEIRD"));
}
END_TEST

/* The one that asks. Of those before it a thread may still be leaving, whose answer its client has already. */
/* Requests that ask no database: a child that has just started may be refused one for a moment, on a busy machine. */
START_TEST(in_flight_comes_back_to_one)
{
    parallel(8, get_many, &(count_t){"/health/live", 10, 200});
    double in_flight = 0;
    for (int i = 0; i < 600 && (in_flight = sample(metrics(), "forge_http_requests_in_flight")) != 1; i++)
        pause_ms(50);
    ck_assert_double_eq(in_flight, 1);
}
END_TEST

/* Histograms are cumulative and end in +Inf = count. */
START_TEST(histograms_add_up)
{
    for (int i = 0; i < 5; i++)
        CALL("GET", "/api/v1/courses");
    char *text = metrics();
    static const char labels[] = "method=\"GET\",route=\"/api/v1/courses\",status=\"2xx\"";
    double last = 0;
    int buckets = 0;
    for (char *line = strstr(text, F("forge_http_request_duration_seconds_bucket{%s", labels)); line;
         line = strstr(line + 1, F("forge_http_request_duration_seconds_bucket{%s", labels)), buckets++) {
        double value = atof(strchr(line, '}') + 2);
        ck_assert_msg(value >= last, "a bucket is smaller than the one before");
        last = value;
    }
    ck_assert_int_gt(buckets, 5);
    ck_assert_double_eq(last, sample(text, F("forge_http_request_duration_seconds_count{%s}", labels)));
    ck_assert_double_gt(sample(text, F("forge_http_request_duration_seconds_sum{%s}", labels)), 0);
    ck_assert_double_gt(total(text, "forge_http_requests_total{"), 4);
}
END_TEST

START_TEST(performance)
{
    for (int i = 0; i < 10; i++)
        CALL("GET", "/api/v1/courses");
    pause_ms(100);
    reply_t *reply = CALL("GET", "/api/v1/performance");
    expect_status(reply, 200);
    static const char *const summary[] = {"total_requests", "avg_response_time", "error_rate",
                                          "endpoint_count", "p95_response_time", NULL};
    static const char *const figures[] = {"count", "avg_response_time", "p95_response_time", "error_rate", NULL};
    static const char *const system[] = {"cpu_avg", "memory_avg", "disk_avg", NULL};
    for (const char *const *name = summary; *name; name++)
        ck_assert(json_is_number(at(reply->json, F("/summary/%s", *name))));
    for (const char *const *name = system; *name; name++)
        ck_assert(json_is_number(at(reply->json, F("/system/%s", *name))));
    json_t *courses = json_object_get(at(reply->json, "/endpoints"), "GET /api/v1/courses");
    ck_assert_ptr_nonnull(courses);
    for (const char *const *name = figures; *name; name++)
        ck_assert(json_is_number(json_object_get(courses, *name)));
    ck_assert_int_ge(json_integer_value(json_object_get(courses, "count")), 10);
    ck_assert_uint_eq(json_object_size(reply->json), 3);
    ck_assert_uint_eq(json_object_size(at(reply->json, "/summary")), 5);
}
END_TEST

/* A word that is no method is the client's mistake: it is 405 in the figures too, and no error of ours. */
START_TEST(unknown_methods_are_no_errors_of_ours)
{
    static const char *const words[] = {"FOO", "PROPFIND", "MKCOL", "PURGE", "get", "X-", NULL};
    static const char *const paths[] = {"/api/v1/courses", "/api/v1/auth/me", "/health", "/openapi.json", NULL};
    char *before = metrics();
    double errors = json_number_value(at(CALL("GET", "/api/v1/performance")->json, "/summary/error_rate"));
    double total = int_at(CALL("GET", "/api/v1/performance")->json, "/summary/total_requests");
    int sent = 0;
    for (const char *const *path = paths; *path; path++)
        for (const char *const *word = words; *word; word++, sent++) {
            reply_t *reply =
                raw_text(PORT_MAIN, F("%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", *word, *path));
            expect_problem(reply, "method_not_allowed");
            ck_assert_ptr_nonnull(header(reply, "Allow"));
        }
    char *after = metrics();
    ck_assert_double_eq(with_status(after, "5") - with_status(before, "5"), 0);
    ck_assert_double_eq(with_status(after, "405") - with_status(before, "405"), sent);
    reply_t *now = CALL("GET", "/api/v1/performance");
    ck_assert_double_eq_tol(json_number_value(at(now->json, "/summary/error_rate")) *
                                (double)int_at(now->json, "/summary/total_requests"),
                            errors * total, 0.5);
    ck_assert_ptr_null(strstr(log_since("access.json"), "\"status\":501"));
}
END_TEST

/* /health tells what is left of the figure that /performance tells as used. */
START_TEST(health_and_performance_agree)
{
    double used = json_number_value(at(CALL("GET", "/api/v1/performance")->json, "/system/disk_avg"));
    double left = json_number_value(at(CALL("GET", "/health")->json, "/checks/disk/free_percent"));
    ck_assert_double_eq_tol(used + left, 100, 1.0);
}
END_TEST

/* SECURITY 58: who may read the figures is Apache's to say, and its refusal is a problem document too */
START_TEST(access_is_apaches)
{
    expect_log("AH01630");
    person_t admin = person("admin");
    static const char *const paths[] = {"/metrics",
                                        "/metrics/",
                                        "/api/v1/performance",
                                        "/api/v1/performance/",
                                        "/api/v1/monitor/identity",
                                        "/api/v1/monitor/identity/",
                                        NULL};
    for (const char *const *path = paths; *path; path++) {
        expect_problem(CALL("GET", *path, .port = PORT_STRICT), "insufficient_scope");
        expect_status(CALL("GET", *path, .port = PORT_STRICT, .token = admin.access), 403);
        expect_status(CALL("GET", *path), 200);
    }
    expect_status(CALL("GET", "/api/v1/monitor/health", .port = PORT_STRICT), 200);
    ck_assert_ptr_null(strstr(metrics(), admin.username));
}
END_TEST

/* How a Prometheus of another host comes in: with the API key of an administrator, which may only read. */
START_TEST(prometheus_has_an_api_key)
{
    expect_log("AH01631"); /* the student is refused */
    static const char body[] = "{\"name\":\"prometheus\",\"scopes\":[\"read\"]}";
    person_t admin = person("admin"), student = person("student");
    const char *good =
        text_at(CALL("POST", "/api/v1/auth/api-keys", .token = admin.access, .json = body)->json, "/key");
    const char *poor =
        text_at(CALL("POST", "/api/v1/auth/api-keys", .token = student.access, .json = body)->json, "/key");
    reply_t *reply = CALL("GET", "/metrics", .port = PORT_QUICK, .token = good,
                          .headers = {"Accept: application/openmetrics-text; version=1.0.0"});
    expect_status(reply, 200);
    ck_assert_ptr_nonnull(strstr(reply->body, "\nforge_uptime_seconds "));
    expect_status(CALL("GET", "/metrics", .port = PORT_QUICK, .token = admin.access), 200);
    expect_status(CALL("GET", "/metrics", .port = PORT_QUICK, .token = poor), 403);
    expect_status(CALL("GET", "/metrics", .port = PORT_QUICK), 401);
}
END_TEST

Suite *suite_metrics(void)
{
    Suite *suite = suite_create("metrics");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, formats);
    tcase_add_test(all, exemplars_lead_to_the_request);
    tcase_add_test(all, sessions_are_counted);
    tcase_add_test(all, a_database_that_is_away_is_seen);
    tcase_add_test(all, the_machine_is_measured);
    tcase_add_test(all, counters_are_exact);
    tcase_add_test(all, random_paths_add_no_series);
    tcase_add_test(all, in_flight_comes_back_to_one);
    tcase_add_test(all, histograms_add_up);
    tcase_add_test(all, performance);
    tcase_add_test(all, unknown_methods_are_no_errors_of_ours);
    tcase_add_test(all, health_and_performance_agree);
    tcase_add_test(all, access_is_apaches);
    tcase_add_test(all, prometheus_has_an_api_key);
    return suite;
}
