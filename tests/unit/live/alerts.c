/* SPDX-License-Identifier: Apache-2.0
 * Tests of live/alerts.c: when an alert fires and ends, and that each change is told once, in order, whoever dies.
 */
#include "live/live_private.h"
#include "unit.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND APR_USEC_PER_SEC

static forge_live_t *live;
static forge_alert_rule_t rules[FORGE_ALERTS];

static void live_begin(void)
{
    const char *why = NULL;
    forge_test_begin();
    live = forge_live_open_private(forge_test_pool, &why);
    ck_assert_msg(live != NULL, "%s", why ? why : "");
    memset(rules, 0, sizeof(rules));
    rules[FORGE_A_CPU] = (forge_alert_rule_t){true, 70, 60 * SECOND};
}

/* A sample of the processors at so many seconds; what became of the alert. */
static forge_alert_state_t judge(int seconds, double cpu)
{
    forge_sample_t sample;
    for (int i = 0; i < FORGE_FIGURES; i++)
        sample.of[i] = NAN;
    sample.of[FORGE_S_CPU] = cpu;
    forge_live_alerts_judge_at(live, &sample, rules, (1000 + seconds) * SECOND);
    return forge_live_alert(live, FORGE_A_CPU);
}

static bool firing(int seconds, double cpu)
{
    return judge(seconds, cpu).firing;
}

START_TEST(fires_after_its_time_and_not_before)
{
    ck_assert(!firing(0, 70)); /* at the threshold is not over it */
    ck_assert(!judge(0, 70).pending);
    ck_assert(!firing(5, 71));
    ck_assert(judge(5, 71).pending && judge(5, 71).since > 0);
    ck_assert(!firing(60, 99));
    ck_assert(firing(65, 71));
    ck_assert_double_eq(judge(65, 71).value, 71);
}
END_TEST

START_TEST(one_sample_at_ease_begins_the_wait_anew)
{
    judge(0, 90);
    judge(50, 70);
    ck_assert(!judge(50, 70).pending);
    judge(55, 90);
    ck_assert(!firing(110, 90));
    ck_assert(firing(115, 90));
}
END_TEST

START_TEST(ends_at_nine_tenths_of_the_threshold)
{
    judge(0, 90);
    ck_assert(firing(60, 90));
    ck_assert(firing(65, 70));
    ck_assert(firing(70, 63.1));
    ck_assert(!firing(75, 63));
    ck_assert(!judge(80, 69).pending);
    judge(85, 71); /* and it waits again */
    ck_assert(!firing(140, 71));
    ck_assert(firing(145, 71));
}
END_TEST

START_TEST(what_is_unknown_changes_nothing_for_five_minutes)
{
    judge(0, 90);
    ck_assert(!firing(30, NAN));
    ck_assert(judge(30, NAN).pending);
    ck_assert(firing(60, 90));
    ck_assert(firing(360, NAN));
    ck_assert(!firing(361, NAN));
    ck_assert(isnan(judge(361, NAN).value));
}
END_TEST

START_TEST(at_once_and_with_nothing_as_threshold)
{
    rules[FORGE_A_CPU] = (forge_alert_rule_t){true, 0, 0};
    ck_assert(!firing(0, 0));
    ck_assert(firing(5, 0.1));
    ck_assert(!firing(10, 0));
}
END_TEST

START_TEST(an_alert_that_is_turned_off_ends_without_a_word)
{
    forge_alert_change_t change;
    judge(0, 90);
    ck_assert(firing(60, 90));
    ck_assert(forge_live_alert_change(live, &change));
    forge_live_alert_told(live, &change, 0);
    rules[FORGE_A_CPU].on = false;
    ck_assert(!firing(65, 90));
    ck_assert(!forge_live_alert_change(live, &change));
}
END_TEST

START_TEST(each_change_is_told_once_and_in_order)
{
    forge_alert_change_t change, other;
    judge(0, 90);
    ck_assert(!forge_live_alert_change(live, &change));
    judge(60, 91);
    judge(65, 10);
    ck_assert(forge_live_alert_change(live, &change));
    ck_assert(change.firing && change.alert == FORGE_A_CPU && change.tries == 0);
    ck_assert_double_eq(change.value, 91);
    ck_assert_double_eq(change.threshold, 70);
    ck_assert(!forge_live_alert_change(live, &other)); /* the second waits until the first is told */
    change.told = 2;
    forge_live_alert_told(live, &change, 3600 * SECOND);
    ck_assert(!forge_live_alert_change(live, &other)); /* and for its next try */
    live->segment->alerts.told[change.place].due = 0;
    ck_assert(forge_live_alert_change(live, &change));
    ck_assert(change.firing && change.tries == 1 && change.told == 2);
    forge_live_alert_told(live, &change, 0);
    ck_assert(forge_live_alert_change(live, &change));
    ck_assert(!change.firing && change.told == 0);
    forge_live_alert_told(live, &change, 0);
    ck_assert(!forge_live_alert_change(live, &change));
}
END_TEST

START_TEST(what_a_dead_process_was_telling_another_one_tells)
{
    forge_alert_change_t change;
    judge(0, 90);
    judge(60, 90);
    pid_t pid = fork();
    if (pid == 0)
        _exit(!forge_live_alert_change(live, &change));
    int status;
    waitpid(pid, &status, 0);
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    ck_assert(forge_live_alert_change(live, &change));
    ck_assert(!forge_live_alert_change(live, &change)); /* it is ours now */
}
END_TEST

/* More changes than there are places: the newest are kept, and whoever comes late spoils nothing. */
START_TEST(old_news_are_dropped)
{
    forge_alert_change_t first, change;
    int n = 0;
    rules[FORGE_A_CPU].lasting = 0;
    judge(0, 90);
    ck_assert(forge_live_alert_change(live, &first));
    for (int i = 1; i <= FORGE_LIVE_CHANGES; i++)
        judge(i, i % 2 ? 10 : 90);
    forge_live_alert_told(live, &first, 0);
    while (forge_live_alert_change(live, &change)) {
        forge_live_alert_told(live, &change, 0);
        n++;
    }
    ck_assert_int_eq(n, FORGE_LIVE_CHANGES);
}
END_TEST

Suite *forge_test_live_alerts(void)
{
    Suite *s = suite_create("live_alerts");
    TCase *tc = tcase_create("alerts");
    tcase_add_checked_fixture(tc, live_begin, forge_test_end);
    tcase_add_test(tc, fires_after_its_time_and_not_before);
    tcase_add_test(tc, one_sample_at_ease_begins_the_wait_anew);
    tcase_add_test(tc, ends_at_nine_tenths_of_the_threshold);
    tcase_add_test(tc, what_is_unknown_changes_nothing_for_five_minutes);
    tcase_add_test(tc, at_once_and_with_nothing_as_threshold);
    tcase_add_test(tc, an_alert_that_is_turned_off_ends_without_a_word);
    tcase_add_test(tc, each_change_is_told_once_and_in_order);
    tcase_add_test(tc, what_a_dead_process_was_telling_another_one_tells);
    tcase_add_test(tc, old_news_are_dropped);
    suite_add_tcase(s, tc);
    return s;
}
