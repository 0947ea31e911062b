/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/metrics.c, live/exposition.c and live/performance.c: slots by name, both text formats, the performance
 * object.
 */
#include "live/live_private.h"
#include "unit.h"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static forge_live_t *live;

static void live_begin(void)
{
    const char *why = NULL;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_msg(live != NULL, "%s", why ? why : "");
}

/* The whole exposition as a string. */
static const char *exposition(bool openmetrics)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 4096, FORGE_LIVE_TEXT_MAX);
    forge_live_metrics_write(live, b, openmetrics, "1.2\"3\\\n");
    ck_assert(!b->failed);
    forge_util_buf_add(b, "", 1);
    return b->data;
}

static void has(const char *text, const char *line)
{
    char framed[400];
    snprintf(framed, sizeof(framed), "\n%s\n", line);
    ck_assert_msg(strstr(text, framed) != NULL, "no line \"%s\" in:\n%.6000s", line, text);
}

static const forge_live_label_t LABELS[] = {
    {"GET", "/api/v1/courses"}, {"POST", "/api/v1/courses"}, {"GET", "/api/v1/courses/{id}"}};

START_TEST(slots_follow_their_names)
{
    const forge_live_label_t later[] = {{"GET", "/new"}, LABELS[2], LABELS[0], {"PUT", "/new"}};
    const int *a = forge_live_metrics_routes(live, forge_test_pool, LABELS, 3);
    const int *b = forge_live_metrics_routes(live, forge_test_pool, later, 4);
    ck_assert_int_eq(a[0], 1);
    ck_assert_int_eq(a[1], 2);
    ck_assert_int_eq(a[2], 3);
    ck_assert_int_eq(b[0], 4);
    ck_assert_int_eq(b[1], a[2]);
    ck_assert_int_eq(b[2], a[0]);
    ck_assert_int_eq(b[3], 5);
    ck_assert_mem_eq(forge_live_metrics_routes(live, forge_test_pool, LABELS, 3), a, 3 * sizeof(*a));
    ck_assert_ptr_nonnull(forge_live_metrics_routes(live, forge_test_pool, NULL, 0));
}
END_TEST

START_TEST(slots_end_and_long_names_are_other)
{
    char long_route[FORGE_LIVE_ROUTE_BYTES + 1];
    memset(long_route, 'x', FORGE_LIVE_ROUTE_BYTES);
    long_route[FORGE_LIVE_ROUTE_BYTES] = '\0';
    const forge_live_label_t odd[] = {{"GET", long_route}, {"PROPPATCH", "/x"}, {"GET", long_route + 1}};
    const int *map = forge_live_metrics_routes(live, forge_test_pool, odd, 3);
    ck_assert_int_eq(map[0], FORGE_LIVE_SLOT_OTHER);
    ck_assert_int_eq(map[1], FORGE_LIVE_SLOT_OTHER);
    ck_assert_int_eq(map[2], 1);
    for (int i = 2; i < FORGE_LIVE_SLOTS + 5; i++) {
        char route[20];
        snprintf(route, sizeof(route), "/r%d", i);
        map = forge_live_metrics_routes(live, forge_test_pool, &(forge_live_label_t){"GET", route}, 1);
        ck_assert_int_eq(map[0], i < FORGE_LIVE_SLOTS ? i : FORGE_LIVE_SLOT_OTHER);
    }
    forge_live_request_end(live, FORGE_LIVE_SLOTS, 200, 1);
    forge_live_request_end(live, -1, 200, 1);
    ck_assert_uint_eq(live->segment->slots[0].statuses[100], 2);
}
END_TEST

START_TEST(request_is_counted_once_everywhere)
{
    const int *map = forge_live_metrics_routes(live, forge_test_pool, LABELS, 3);
    for (int i = 0; i < 3; i++) {
        forge_live_request_begin(live);
        forge_live_request_end(live, map[0], 200, 1000); /* on the bound: in the first bucket */
    }
    forge_live_request_begin(live);
    forge_live_request_end(live, map[0], 204, 1001);
    forge_live_request_begin(live);
    forge_live_request_end(live, map[0], 503, APR_TIME_C(11000000));
    forge_live_request_begin(live);
    forge_live_request_end(live, FORGE_LIVE_SLOT_OTHER, 404, -5);
    forge_live_request_begin(live);
    forge_live_request_end(live, map[1], 7, 1);
    forge_live_request_begin(live);
    const char *text = exposition(false);
    has(text, "forge_http_requests_total{method=\"GET\",route=\"/api/v1/courses\",status=\"200\"} 3");
    has(text, "forge_http_requests_total{method=\"GET\",route=\"/api/v1/courses\",status=\"204\"} 1");
    has(text, "forge_http_requests_total{method=\"GET\",route=\"/api/v1/courses\",status=\"503\"} 1");
    has(text, "forge_http_requests_total{method=\"other\",route=\"other\",status=\"404\"} 1");
    has(text, "forge_http_requests_total{method=\"POST\",route=\"/api/v1/courses\",status=\"500\"} 1");
    has(text, "forge_http_request_duration_seconds_bucket{method=\"GET\",route=\"/api/v1/"
              "courses\",status=\"2xx\",le=\"0.001\"} 3");
    has(text, "forge_http_request_duration_seconds_bucket{method=\"GET\",route=\"/api/v1/"
              "courses\",status=\"2xx\",le=\"0.0025\"} 4");
    has(text, "forge_http_request_duration_seconds_bucket{method=\"GET\",route=\"/api/v1/"
              "courses\",status=\"2xx\",le=\"+Inf\"} 4");
    has(text,
        "forge_http_request_duration_seconds_sum{method=\"GET\",route=\"/api/v1/courses\",status=\"2xx\"} 0.004001");
    has(text, "forge_http_request_duration_seconds_count{method=\"GET\",route=\"/api/v1/courses\",status=\"2xx\"} 4");
    has(text, "forge_http_request_duration_seconds_bucket{method=\"GET\",route=\"/api/v1/"
              "courses\",status=\"5xx\",le=\"10.0\"} 0");
    has(text,
        "forge_http_request_duration_seconds_sum{method=\"GET\",route=\"/api/v1/courses\",status=\"5xx\"} 11.000000");
    has(text, "forge_http_requests_in_flight 1");
    ck_assert_ptr_null(strstr(text, "{id}")); /* never called: no series */
}
END_TEST

START_TEST(older_format)
{
    forge_live_count(live, FORGE_C_RATE_LIMITED + FORGE_LIMIT_AUTH);
    forge_live_count(live, FORGE_COUNTERS);
    forge_live_pool_add(live, 5, 2, 2); /* two pools of one child */
    forge_live_pool_add(live, 3, 1, 0);
    forge_live_query(live, "course_get", 1500);
    const char *text = exposition(false);
    ck_assert_int_eq(strncmp(text, "# HELP forge_http_requests_total ", 33), 0);
    has(text, "# TYPE forge_http_requests_total counter");
    has(text, "# TYPE forge_http_request_duration_seconds histogram");
    has(text, "# TYPE forge_build_info gauge");
    has(text, "forge_build_info{version=\"1.2\\\"3\\\\\\n\"} 1");
    has(text, "forge_rate_limited_total{class=\"auth\"} 1");
    has(text, "forge_rate_limited_total{class=\"stream\"} 0");
    has(text, "forge_db_pool_connections{state=\"size\"} 8");
    has(text, "forge_db_pool_connections{state=\"busy\"} 3");
    has(text, "forge_db_pool_connections{state=\"waiting\"} 2");
    has(text, "forge_db_query_duration_seconds_bucket{statement=\"course_get\",le=\"0.0025\"} 1");
    has(text, "forge_db_query_duration_seconds_sum{statement=\"course_get\"} 0.001500");
    has(text, "forge_logins_total{outcome=\"failed\"} 0");
    has(text, "forge_rate_limit_keys 0");
    ck_assert_ptr_null(strstr(text, "# EOF"));
}
END_TEST

START_TEST(openmetrics)
{
    forge_live_request_end(live, 0, 200, 1);
    const char *text = exposition(true);
    has(text, "# TYPE forge_http_requests counter");
    has(text, "# TYPE forge_rate_limited counter");
    has(text, "forge_rate_limited_total{class=\"default\"} 0");
    has(text, "# TYPE forge_build info");
    ck_assert_ptr_null(strstr(text, "_total counter"));
    ck_assert_str_eq(text + strlen(text) - 7, "\n# EOF\n");
}
END_TEST

/* The judge of the format, where it is installed; 127 is the shell's word for a command that is not there. */
START_TEST(promtool_finds_no_fault)
{
    forge_live_metrics_routes(live, forge_test_pool, LABELS, 3);
    forge_live_request_end(live, 1, 200, 1);
    forge_live_query(live, "a", 1);
    FILE *promtool = popen("promtool check metrics >&2", "w");
    ck_assert_ptr_nonnull(promtool);
    fputs(exposition(false), promtool);
    int status = pclose(promtool);
    ck_assert(WIFEXITED(status));
    ck_assert(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 127);
}
END_TEST

START_TEST(statements_are_kept_by_name)
{
    char name[80], line[200];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < FORGE_LIVE_STATEMENTS; i++) {
            snprintf(name, sizeof(name), "statement_%d", i);
            forge_live_query(live, name, 10);
        }
    }
    forge_live_query(live, "one_too_many", 10);
    memset(name, 'n', 70);
    name[70] = '\0';
    forge_live_query(live, name, 10);
    const char *text = exposition(false);
    for (int i = 0; i < FORGE_LIVE_STATEMENTS; i++) {
        snprintf(line, sizeof(line), "forge_db_query_duration_seconds_count{statement=\"statement_%d\"} 2", i);
        has(text, line);
    }
    has(text, "forge_db_query_duration_seconds_count{statement=\"other\"} 2");
    ck_assert_ptr_null(strstr(text, "one_too_many"));
}
END_TEST

START_TEST(statement_whose_author_died)
{
    forge_live_query(live, "half_written", 10);
    for (int i = 0; i < FORGE_LIVE_STATEMENTS; i++) {
        live->segment->statements[i].spelt = 0;
        memset(live->segment->statements[i].name, 0, sizeof(live->segment->statements[i].name));
    }
    ck_assert_ptr_null(strstr(exposition(false), "statement="));
    forge_live_query(live, "half_written", 10);
    has(exposition(false), "forge_db_query_duration_seconds_count{statement=\"half_written\"} 2");
}
END_TEST

START_TEST(quantile_interpolates)
{
    forge_live_histogram_t h = {{0}, 0};
    ck_assert(forge_live_histogram_quantile(&h, 0.95) == 0);
    for (int i = 0; i < 100; i++)
        forge_live_histogram_add(&h, 60000); /* all between 50 and 100 ms */
    ck_assert_double_eq_tol(forge_live_histogram_quantile(&h, 0.95), 97500, 0.001);
    for (int i = 0; i < 900; i++)
        forge_live_histogram_add(&h, 500);
    ck_assert_double_eq_tol(forge_live_histogram_quantile(&h, 0.95), 75000, 0.001);
    for (int i = 0; i < 9000; i++)
        forge_live_histogram_add(&h, APR_TIME_C(60000000));
    ck_assert_double_eq_tol(forge_live_histogram_quantile(&h, 0.95), 10000000, 0.001);
}
END_TEST

/* The object up to "system", which is of the day. */
static const char *performance(void)
{
    forge_buf_t *b = forge_util_buf_make(forge_test_pool, 0, FORGE_LIVE_TEXT_MAX);
    const char *why;
    forge_live_performance_write(live, b);
    ck_assert(!b->failed);
    forge_json_t *root = forge_util_json_parse(forge_test_pool, b->data, b->len, &why);
    ck_assert_ptr_nonnull(root);
    static const char *const names[] = {"cpu_avg", "memory_avg", "disk_avg"};
    for (int i = 0; i < 3; i++) {
        double percent = -1;
        ck_assert(forge_util_json_number(forge_util_json_get(forge_util_json_get(root, "system"), names[i]), &percent));
        ck_assert(percent >= 0 && percent <= 100);
    }
    forge_util_buf_add(b, "", 1);
    char *system = strstr(b->data, ",\"system\"");
    ck_assert_ptr_nonnull(system);
    *system = '\0';
    return b->data;
}

START_TEST(performance_object)
{
    ck_assert_str_eq(performance(),
                     "{\"summary\":{\"total_requests\":0,\"avg_response_time\":0.000000,\"error_rate\":0.000000,"
                     "\"endpoint_count\":0,\"p95_response_time\":0.000000},\"endpoints\":{}");
    const int *map = forge_live_metrics_routes(live, forge_test_pool, LABELS, 3);
    for (int i = 0; i < 3; i++)
        forge_live_request_end(live, map[0], i ? 200 : 500, 750);
    forge_live_request_end(live, FORGE_LIVE_SLOT_OTHER, 404, 750);
    ck_assert_str_eq(
        performance(),
        "{\"summary\":{\"total_requests\":4,\"avg_response_time\":0.000750,\"error_rate\":0.250000,"
        "\"endpoint_count\":1,\"p95_response_time\":0.000950},\"endpoints\":{\"GET /api/v1/courses\":"
        "{\"count\":3,\"avg_response_time\":0.000750,\"p95_response_time\":0.000950,\"error_rate\":0.333333}}");
}
END_TEST

START_TEST(no_count_is_lost_over_processes)
{
    pid_t children[4];
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            for (int n = 0; n < 5000; n++) {
                forge_live_request_begin(live);
                forge_live_request_end(live, 0, 200, n);
                forge_live_query(live, n & 1 ? "odd" : "even", n);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(waitpid(children[i], NULL, 0), children[i]);
    const char *text = exposition(false);
    has(text, "forge_http_requests_total{method=\"other\",route=\"other\",status=\"200\"} 20000");
    has(text, "forge_http_request_duration_seconds_count{method=\"other\",route=\"other\",status=\"2xx\"} 20000");
    has(text, "forge_db_query_duration_seconds_count{statement=\"odd\"} 10000");
    has(text, "forge_http_requests_in_flight 0");
}
END_TEST

Suite *forge_test_live_metrics(void)
{
    Suite *s = suite_create("live_metrics");
    TCase *tc = tcase_create("metrics");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, live_begin, forge_test_end);
    tcase_add_test(tc, slots_follow_their_names);
    tcase_add_test(tc, slots_end_and_long_names_are_other);
    tcase_add_test(tc, request_is_counted_once_everywhere);
    tcase_add_test(tc, older_format);
    tcase_add_test(tc, openmetrics);
    tcase_add_test(tc, promtool_finds_no_fault);
    tcase_add_test(tc, statements_are_kept_by_name);
    tcase_add_test(tc, statement_whose_author_died);
    tcase_add_test(tc, quantile_interpolates);
    tcase_add_test(tc, performance_object);
    tcase_add_test(tc, no_count_is_lost_over_processes);
    suite_add_tcase(s, tc);
    return s;
}
