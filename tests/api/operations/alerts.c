/* SPDX-License-Identifier: Apache-2.0
 * Alerts: those without any configuration, and one that fires, is told of once by webhook and mail, and ends.
 */
#include "harness.h"

#include <signal.h>
#include <string.h>

#define THERE_MS 30000

/* The alert of this name as a node shows it; NULL when it is not watched. */
static json_t *alert(port_t port, const char *name)
{
    size_t i;
    json_t *one;
    reply_t *reply = CALL("GET", "/api/v1/monitor", .port = port);
    expect_status(reply, 200);
    json_array_foreach(at(reply->json, "/alerts"), i, one) if (strcmp(text_at(one, "/name"), name) == 0) return one;
    return NULL;
}

START_TEST(five_are_watched_without_a_word_of_configuration)
{
    static const struct {
        const char *name;
        double threshold;
    } usual[] = {{"cpu", 70}, {"memory", 80}, {"error_rate", 0.01}, {"p95", 0.2}, {"database_p95", 0.1}};
    for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++) {
        json_t *one = alert(PORT_MAIN, usual[i].name);
        ck_assert_msg(one != NULL, "%s", usual[i].name);
        ck_assert_double_eq_tol(json_number_value(at(one, "/threshold")), usual[i].threshold, 1e-9);
    }
    ck_assert_uint_eq(json_array_size(at(CALL("GET", "/api/v1/monitor")->json, "/alerts")), 5);
    char *metrics = CALL("GET", "/metrics")->body;
    static const char *const names[] = {
        "cpu",  "memory", "disk",      "load",      "error_rate",           "p95",
        "pool", "queue",  "jobs_late", "mail_late", "containers_unhealthy", "database_p95"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        ck_assert_msg(strstr(metrics, F("\nforge_alert_firing{name=\"%s\"} ", names[i])) != NULL, "%s", names[i]);
}
END_TEST

/* Whether the second node shows the alert on its memory in this state, within half a minute. */
static bool becomes(const char *state)
{
    for (int waited = 0; waited < THERE_MS; waited += 200, pause_ms(200)) {
        reply_t *reply = CALL("GET", "/health/live", .port = PORT_SECOND, .lenient = true);
        if (reply->status == 200 && strcmp(text_at(alert(PORT_SECOND, "memory"), "/state"), state) == 0)
            return true;
    }
    return false;
}

/* The lines that the sink has got, once there are so many; else what there is after half a minute. */
static char *told(const char *path, int lines)
{
    char *text = file_read(path, 0);
    for (int waited = 0; waited < THERE_MS; waited += 200, pause_ms(200)) {
        int n = 0;
        text = file_read(path, 0);
        for (const char *c = text; *c; c++)
            n += *c == '\n';
        if (n >= lines)
            break;
    }
    return text;
}

static json_t *body_of_line(const char *text, int line)
{
    for (; line > 0; line--)
        text = strchr(text, '\n') + 1;
    ck_assert_msg(strstr(text, " /hook application/json {") != NULL, "%s", text);
    return keep_json(json_loads(strchr(text, '{'), JSON_DISABLE_EOF_CHECK, NULL));
}

#define LINES(threshold, port) \
    F("ForgeAlert memory %s http://127.0.0.1:%d/hook mailto:operator@example.org\nForgeAlert cpu off\n", threshold, \
      port)

/* More than nothing of the memory is in use; less than all of it is. */
START_TEST(an_alert_fires_is_told_and_ends)
{
    int port = port_free();
    char *path = F("%s/webhook.txt", env.dir);
    watchdog(180);
    int sink = process_start(
        NULL, (const char *[]){"python3", F("%s/tests/api/webhook_sink.py", env.source), F("%d", port), path, NULL},
        F("%s/webhook.log", env.dir));
    pause_ms(500);
    env_second_launch(LINES("0.001%", port));
    ck_assert(env_second_ready(20));
    ck_assert(becomes("firing"));
    ck_assert_ptr_null(alert(PORT_SECOND, "cpu"));
    reply_t *seen = CALL("GET", "/api/v1/monitor", .port = PORT_SECOND);
    ck_assert_str_eq(text_at(seen->json, "/status"), "warn");
    text_at(alert(PORT_SECOND, "memory"), "/since");
    ck_assert_ptr_nonnull(
        strstr(CALL("GET", "/metrics", .port = PORT_SECOND)->body, "\nforge_alert_firing{name=\"memory\"} 1\n"));
    char *text = told(path, 2); /* the first try was answered 503 */
    ck_assert_msg(strncmp(text, "503 ", 4) == 0 && strncmp(strchr(text, '\n') + 1, "204 ", 4) == 0, "%s", text);
    json_t *body = body_of_line(text, 1);
    ck_assert_str_eq(text_at(body, "/name"), "memory");
    ck_assert_str_eq(text_at(body, "/state"), "firing");
    ck_assert_str_eq(text_at(body, "/unit"), "percent");
    ck_assert_str_eq(text_at(body, "/environment"), "test");
    ck_assert_double_gt(json_number_value(at(body, "/value")), json_number_value(at(body, "/threshold")));
    ck_assert_ptr_nonnull(strstr(text_at(body, "/text"), "Alert memory is firing on "));
    char *mail = mail_wait("operator@example.org", "memory is firing");
    ck_assert_ptr_nonnull(strstr(mail, "Threshold: 0.001 percent"));
    env_second_change(LINES("99.999%", port));
    ck_assert(becomes("inactive"));
    text = told(path, 3);
    ck_assert_str_eq(text_at(body_of_line(text, 2), "/state"), "resolved");
    mail_wait("operator@example.org", "memory is resolved");
    pause_ms(6000); /* another sample, and more turns of whoever tells */
    ck_assert_int_eq(mail_count("operator@example.org", "memory is firing"), 1);
    ck_assert_int_eq(mail_count("operator@example.org", "memory is resolved"), 1);
    text = file_read(path, 0);
    ck_assert_msg(!strstr(strchr(strchr(strchr(text, '\n') + 1, '\n') + 1, '\n') + 1, "\n"), "told again: %s", text);
    process_kill(sink, SIGTERM);
    env_second_stop();
}
END_TEST

Suite *suite_alerts(void)
{
    Suite *suite = suite_create("alerts");
    TCase *all = case_make(suite, "all");
    tcase_add_test(all, five_are_watched_without_a_word_of_configuration);
    tcase_add_test(all, an_alert_fires_is_told_and_ends);
    return suite;
}
