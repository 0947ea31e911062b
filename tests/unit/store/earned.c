/* SPDX-License-Identifier: Apache-2.0
 * Tests of what progress earns by itself (migration 0020): completed courses, achievements and streaks; and of
 * store/learning: earned.c and awards.c.
 */
#include "learners.h"

static void begin(void)
{
    schema_begin("store_earned");
}

/* "1:2 2:2": courses and who completed them. */
static const char *completions(void)
{
    return ask("SELECT coalesce(string_agg(course_id || ':' || user_id, ' ' ORDER BY course_id, user_id), '') FROM "
               "forge.course_completions");
}

/* "2:First 3:First": who has what. */
static const char *awards(void)
{
    return ask("SELECT coalesce(string_agg(w.user_id || ':' || a.name, ' ' ORDER BY w.user_id, a.name), '') FROM "
               "forge.user_achievements w JOIN forge.achievements a ON a.id = w.achievement_id");
}

static void rule(const char *name, const char *event, int count, const char *course)
{
    sql(apr_psprintf(forge_test_pool,
                     "INSERT INTO forge.achievements (name, rule_event, rule_count, rule_course_id) VALUES "
                     "('%s', '%s', %d, %s)",
                     name, event, count, course));
}

/* What was noted since the last time: "exercise.solved:2 course.completed:2". */
static const char *told(void)
{
    const apr_array_header_t *events = forge_store_effects_take(db, forge_test_pool).events;
    const char *all = "";
    for (int i = 0; i < events->nelts; i++) {
        const forge_event_t *event = &APR_ARRAY_IDX(events, i, forge_event_t);
        all = apr_psprintf(forge_test_pool, "%s%s%s:%d", all, i ? " " : "", event->name, (int)event->user_id);
    }
    return all;
}

/* --- completions --- */

START_TEST(a_course_is_completed_when_all_of_it_is)
{
    MUST(LEARNER, .lesson_id = "1", DONE);
    MUST(LEARNER, .lesson_id = "2", DONE);
    ck_assert_str_eq(completions(), "");
    ck_assert_int_eq(submit(LEARNER, 1, 50), FORGE_OK);
    ck_assert_str_eq(completions(), "");
    ck_assert_int_eq(submit(LEARNER, 1, 100), FORGE_OK);
    ck_assert_str_eq(completions(), "1:2");
    MUST(OTHER, .lesson_id = "3", DONE);
    ck_assert_str_eq(completions(), "1:2 2:3");
}
END_TEST

/* What comes later takes nothing back; what goes completes the course for who has done the rest. */
START_TEST(completions_follow_what_is_published)
{
    rule("Whole", "course_completed", 1, "1");
    MUST(LEARNER, .lesson_id = "3", DONE);
    sql("INSERT INTO forge.lessons (course_id, module_id, title) VALUES (2, 2, 'D')");
    ck_assert_str_eq(completions(), "2:2");
    MUST(OTHER, .lesson_id = "3", DONE);
    ck_assert_str_eq(completions(), "2:2");
    sql("UPDATE forge.lessons SET published = false WHERE title = 'D'");
    ck_assert_str_eq(completions(), "2:2 2:3");
    MUST(LEARNER, .lesson_id = "1", DONE);
    MUST(OTHER, .lesson_id = "2", DONE);
    sql("UPDATE forge.exercises SET published = false WHERE id = 1");
    ck_assert_str_eq(completions(), "2:2 2:3");
    sql("DELETE FROM forge.lessons WHERE id = 2");
    ck_assert_str_eq(completions(), "1:2 2:2 2:3");
    ck_assert_str_eq(awards(), "2:Whole");
    sql("UPDATE forge.lessons SET published = false WHERE id = 1"); /* nothing is left: nobody completes nothing */
    ck_assert_str_eq(completions(), "1:2 2:2 2:3");
}
END_TEST

/* Of many learners the first are looked at with what is taken out, the others by housekeeping, each once. */
START_TEST(many_complete_step_by_step)
{
    rule("Whole", "course_completed", 1, "2");
    sql("INSERT INTO forge.users (email, username, password_hash) SELECT n || '@many.org', 'many_' || n,"
        " '" FORGE_TEST_HASH "' FROM generate_series(1, 1500) n;"
        "INSERT INTO forge.lessons (course_id, module_id, title) VALUES (2, 2, 'D');"
        "INSERT INTO forge.progress (user_id, lesson_id, status) SELECT u.id, 3, 'completed' FROM forge.users u"
        " WHERE u.username LIKE 'many%'");
    sql("UPDATE forge.lessons SET published = false WHERE title = 'D'");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.course_completions"), "1000");
    MUST(LEARNER, .lesson_id = "3", DONE); /* who comes now needs no housekeeping */
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.course_completions"), "1001");
    ck_assert_int_eq(forge_store_housekeeping(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(ask("SELECT (SELECT count(*) FROM forge.course_completions) || ' ' || (SELECT count(*) FROM "
                         "forge.user_achievements) || ' ' || (SELECT count(*) FROM forge.shrunk_courses)"),
                     "1501 1501 0");
}
END_TEST

START_TEST(a_module_that_goes_takes_its_lessons_out)
{
    sql("INSERT INTO forge.modules (course_id, title) VALUES (2, 'P'), (2, 'Q');"
        "INSERT INTO forge.lessons (course_id, module_id, title) VALUES (2, 3, 'D'), (2, 4, 'E')");
    MUST(LEARNER, .lesson_id = "3", DONE);
    sql("UPDATE forge.modules SET published = false WHERE id = 3");
    ck_assert_str_eq(completions(), "");
    sql("DELETE FROM forge.modules WHERE id = 4");
    ck_assert_str_eq(completions(), "2:2");
    sql("INSERT INTO forge.lessons (course_id, module_id, title) VALUES (2, 2, 'F')");
    MUST(OTHER, .lesson_id = "3", DONE);
    sql("UPDATE forge.lessons SET module_id = 3 WHERE title = 'F'"); /* into a module that is not published */
    ck_assert_str_eq(completions(), "2:2 2:3");
    sql("DELETE FROM forge.courses WHERE id = 2");
    ck_assert_str_eq(completions(), "");
}
END_TEST

/* One of three writers completes the last third of course 1; the fourth takes an exercise out of it. */
static forge_status_t third(int i)
{
    static const forge_progress_in_t parts[] = {{.lesson_id = "1", DONE}, {.lesson_id = "2", DONE}};
    forge_db_t *mine = schema_attach();
    if (i < 2)
        return put_on(mine, LEARNER, parts[i]);
    forge_test_pg_do(mine, forge_test_pool, "UPDATE forge.exercises SET published = false WHERE id = 1");
    return FORGE_OK;
}

/* Whoever comes last sees what the others have done, and the award is there once. */
START_TEST(who_completes_at_once_completes)
{
    rule("Both", "course_completed", 1, "NULL");
    for (int round = 0; round < 10; round++) {
        sql("DELETE FROM forge.progress; DELETE FROM forge.course_completions; DELETE FROM forge.user_achievements;"
            "UPDATE forge.exercises SET published = true WHERE id = 1");
        ck_assert_int_eq(at_once(3, third, FORGE_OK), 3);
        ck_assert_str_eq(completions(), "1:2");
        ck_assert_str_eq(awards(), "2:Both");
    }
}
END_TEST

/* --- awards --- */

START_TEST(rules_are_met_once)
{
    rule("First", "exercise_completed", 1, "NULL");
    rule("Second", "exercise_completed", 2, "NULL");
    rule("Here", "exercise_completed", 1, "1");
    rule("There", "exercise_completed", 1, "2");
    rule("Ten", "points", 10, "NULL");
    rule("Three here", "points", 3, "1");
    ck_assert_int_eq(submit(LEARNER, 2, 95), FORGE_OK);
    ck_assert_str_eq(awards(), "2:Ten"); /* 9.5 points are 10 */
    ck_assert_int_eq(submit(LEARNER, 2, 100), FORGE_OK);
    ck_assert_str_eq(awards(), "2:First 2:Ten");
    MUST(LEARNER, .exercise_id = "1", DONE, .score = "100");
    ck_assert_str_eq(awards(), "2:First 2:Here 2:Second 2:Ten 2:Three here");
    sql("UPDATE forge.user_achievements SET awarded_at = '2026-01-01'");
    ck_assert_int_eq(submit(LEARNER, 2, 100), FORGE_OK);
    ck_assert_str_eq(
        ask("SELECT count(*) FROM forge.user_achievements WHERE awarded_at < '2026-01-02' AND awarded_by IS "
            "NULL"),
        "5");
}
END_TEST

START_TEST(what_is_undone_awards_nothing)
{
    rule("First", "exercise_completed", 1, "NULL");
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(submit(LEARNER, 2, 100), FORGE_OK);
    forge_store_rollback(db);
    ck_assert_str_eq(awards(), "");
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.progress"), "0");
}
END_TEST

/* The points of one award may earn the next, whoever gave it. */
START_TEST(points_of_awards_count)
{
    bool already;
    rule("Rich", "points", 150, "NULL");
    rule("Richer", "points", 200, "NULL");
    sql("UPDATE forge.achievements SET points = 60; INSERT INTO forge.achievements (name, points) VALUES ('Gift', "
        "145)");
    ck_assert_int_eq(forge_store_award(db, forge_test_pool, by(TEACHER), 3, LEARNER, &already, &rows), FORGE_OK);
    ck_assert(!already);
    ck_assert_str_eq(awards(), "2:Gift");
    ck_assert_int_eq(submit(LEARNER, 2, 50), FORGE_OK);
    ck_assert_str_eq(awards(), "2:Gift 2:Rich 2:Richer"); /* 145 + 5, + 60 */
    ck_assert_int_eq(submit(OTHER, 2, 50), FORGE_OK);
    ck_assert_int_eq(forge_store_award(db, forge_test_pool, by(TEACHER), 3, OTHER, &already, &rows), FORGE_OK);
    ck_assert_str_eq(awards(), "2:Gift 2:Rich 2:Richer 3:Gift 3:Rich 3:Richer");
    ck_assert_int_eq(forge_store_progress_summary(db, forge_test_pool, by(OTHER), &rows), FORGE_OK);
    ck_assert_str_eq(column("points"), "270");
}
END_TEST

START_TEST(awarded_by_hand_once)
{
    bool already;
    sql("INSERT INTO forge.achievements (name) VALUES ('Gift');"
        "INSERT INTO forge.users (username, role) VALUES ('guest_1', 'guest');"
        "UPDATE forge.users SET is_active = false WHERE id = 3");
    ck_assert_int_eq(forge_store_award(db, forge_test_pool, by(TEACHER), 77, LEARNER, &already, &rows),
                     FORGE_E_NOT_FOUND);
    for (int id = 77; id >= OTHER; id -= 74) /* unknown, closed */
        ck_assert_int_eq(forge_store_award(db, forge_test_pool, by(TEACHER), 1, id, &already, &rows),
                         FORGE_E_BAD_REFERENCE);
    ck_assert_int_eq(forge_store_award(db, forge_test_pool, by(TEACHER), 1, 5, &already, &rows), FORGE_E_BAD_REFERENCE);
    ck_assert_int_eq(forge_store_award(db, forge_test_pool, by(TEACHER), 1, LEARNER, &already, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_award(db, forge_test_pool, by(ROOT), 1, LEARNER, &already, &rows), FORGE_OK);
    ck_assert(already);
    ck_assert_str_eq(column("awarded_by"), "1");
    ck_assert_str_eq(
        ask("SELECT string_agg(event || ':' || actor_id || ':' || subject_id, ' ') FROM forge.audit_events"),
        "achievement.awarded:1:2");
}
END_TEST

/* Sixteen at once complete sixteen exercises: the sixteenth earns it, whichever that is. */
static forge_status_t sixteenth(int i)
{
    forge_db_t *mine = schema_attach();
    const forge_judged_t judged = {.code = "x", .passed = true, .score = 100, .results = "[]", .version = 1};
    return forge_store_submission_judged(mine, forge_test_pool, by(LEARNER), 3 + i, &judged, &rows);
}

START_TEST(the_last_of_parallel_writers_earns_it)
{
    rule("Sixteen", "exercise_completed", 16, "NULL");
    rule("Sixteen points", "points", 16, "NULL");
    sql("INSERT INTO forge.exercises (author_id, title, tests) SELECT 1, 'E', (SELECT jsonb_set(tests, '{0,points}', "
        "'1') FROM forge.exercises WHERE id = 2) FROM generate_series(1, 16)");
    for (int round = 0; round < 3; round++) {
        sql("DELETE FROM forge.progress; DELETE FROM forge.user_achievements");
        ck_assert_int_eq(at_once(16, sixteenth, FORGE_OK), 16);
        ck_assert_str_eq(awards(), "2:Sixteen 2:Sixteen points");
    }
}
END_TEST

START_TEST(an_achievement_that_goes_fails_nobody)
{
    rule("First", "exercise_completed", 1, "NULL");
    forge_db_t *other = schema_attach();
    ck_assert_int_eq(forge_store_begin(other, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(forge_store_achievement_delete(other, forge_test_pool, by(ROOT), 1, NULL), FORGE_OK);
    pid_t learner = fork();
    if (learner == 0) {
        db = schema_attach();
        _exit(submit(LEARNER, 2, 100));
    }
    for (int tries = 0; tries < 200; tries++) { /* until it waits for the one that goes */
        if (strcmp(ask("SELECT count(*) FROM pg_locks WHERE NOT granted"), "0") != 0)
            break;
        usleep(10000);
    }
    ck_assert_int_eq(forge_store_commit(other, forge_test_pool), FORGE_OK);
    int status;
    ck_assert_int_eq(waitpid(learner, &status, 0), learner);
    ck_assert_int_eq(WEXITSTATUS(status), FORGE_OK);
    ck_assert_str_eq(awards(), "");
    ck_assert_str_eq(ask("SELECT status FROM forge.progress"), "completed");
}
END_TEST

/* --- streaks --- */

static const char *streak(const char *at, const char *zone)
{
    sql(apr_psprintf(forge_test_pool, "UPDATE forge.users SET timezone = '%s' WHERE id = 2", zone));
    return ask(apr_psprintf(forge_test_pool, "SELECT forge.streak_days(2, '%s')", at));
}

START_TEST(streaks_end_at_a_gap_and_last_through_today)
{
    ck_assert_str_eq(streak("2026-05-10T12:00Z", "UTC"), "0");
    sql("INSERT INTO forge.learning_days SELECT 2, d::date FROM unnest('{2026-05-01,2026-05-02,2026-05-05,2026-05-06,"
        "2026-05-07}'::date[]) d");
    ck_assert_str_eq(streak("2026-05-07T23:59Z", "UTC"), "3");
    ck_assert_str_eq(streak("2026-05-08T23:59Z", "UTC"), "3"); /* today is not over yet */
    ck_assert_str_eq(streak("2026-05-09T00:00Z", "UTC"), "0");
    ck_assert_str_eq(streak("2026-05-09T00:00Z", "America/New_York"), "3");   /* still the 8th there */
    ck_assert_str_eq(streak("2026-05-08T10:00Z", "Pacific/Kiritimati"), "0"); /* the 9th already */
    ck_assert_str_eq(ask("SELECT forge.streak_days(3, now())"), "0");
}
END_TEST

/* Learning at times of the account's days, each the last or first minute, over both changes of the clock. */
START_TEST(streaks_run_through_changes_of_the_clock)
{
    static const struct {
        const char *zone, *times, *at;
    } cases[] = {
        /* 28 March 23:59, 29 March 01:59 (a day of 23 hours), 30 March 00:00 */
        {"Europe/Vienna", "2026-03-28T22:59Z,2026-03-29T00:59Z,2026-03-29T22:00Z", "2026-03-30T21:00Z"},
        /* 24 October 23:59, 25 October 02:30 for the second time (25 hours), 26 October 00:00 */
        {"Europe/Vienna", "2026-10-24T21:59Z,2026-10-25T01:30Z,2026-10-25T23:00Z", "2026-10-26T12:00Z"},
        /* 7 March 23:59, 8 March 23:59 (23 hours), 9 March 23:59 */
        {"America/New_York", "2026-03-08T04:59Z,2026-03-09T03:59Z,2026-03-10T03:59Z", "2026-03-11T03:00Z"},
        /* half an hour of summer time: 3, 4 and 5 October */
        {"Australia/Lord_Howe", "2026-10-03T13:00Z,2026-10-03T14:00Z,2026-10-04T13:00Z", "2026-10-05T13:00Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        sql(apr_psprintf(forge_test_pool,
                         "DELETE FROM forge.learning_days; INSERT INTO forge.learning_days SELECT DISTINCT 2, "
                         "forge.local_day(t, '%s') FROM unnest('{%s}'::timestamptz[]) t",
                         cases[i].zone, cases[i].times));
        ck_assert_msg(strcmp(streak(cases[i].at, cases[i].zone), "3") == 0, "case %d: %s", (int)i,
                      streak(cases[i].at, cases[i].zone));
    }
}
END_TEST

/* Today by the clock of the account: in one of these zones it is a later day than in the other, whenever this runs. */
START_TEST(a_streak_awards_by_the_accounts_own_days)
{
    rule("Three days", "streak", 3, "NULL");
    sql("UPDATE forge.users SET timezone = CASE id WHEN 2 THEN 'Pacific/Kiritimati' ELSE 'Etc/GMT+12' END;"
        "INSERT INTO forge.learning_days SELECT u.id, forge.local_day(now(), 'Pacific/Kiritimati') - n"
        " FROM forge.users u, generate_series(1, 2) n WHERE u.id IN (2, 3)");
    MUST(LEARNER, .lesson_id = "1");
    MUST(OTHER, .lesson_id = "1");
    ck_assert_str_eq(ask("SELECT max(day) FROM forge.learning_days WHERE user_id = 2"),
                     ask("SELECT (now() AT TIME ZONE 'Pacific/Kiritimati')::date"));
    ck_assert_str_eq(awards(), "2:Three days");
    sql("UPDATE forge.learning_days SET day = day - 10 WHERE user_id = 3");
    MUST(OTHER, .lesson_id = "1", .status = "not_started"); /* which is no learning */
    ck_assert_str_eq(awards(), "2:Three days");
}
END_TEST

/* Handing in an assignment makes a streak whole too. */
START_TEST(handing_in_awards_a_streak)
{
    const apr_int64_t ids[2] = {1, 1};
    rule("Three days", "streak", 3, "NULL");
    sql("INSERT INTO forge.assignments (course_id, title) VALUES (1, 'A');"
        "INSERT INTO forge.enrollments (course_id, user_id) VALUES (1, 2);"
        "INSERT INTO forge.learning_days SELECT 2, forge.local_day(now(), NULL) - n FROM generate_series(1, 2) n");
    forge_store_events_want(db);
    ck_assert_int_eq(forge_store_submission_create(db, forge_test_pool, by(LEARNER), ids, "mine", &rows), FORGE_OK);
    ck_assert_str_eq(awards(), "2:Three days");
    ck_assert_str_eq(told(), "assignment.submitted:2 achievement.awarded:2");
}
END_TEST

/* The time of the last activity, the days of learning and the version of the progress. */
static const char *activity(void)
{
    return ask("SELECT concat_ws(' ', l.last_active_at::date, (SELECT count(*) FROM forge.learning_days), p.version, "
               "p.score, l.score) FROM forge.learners l, forge.progress p");
}

static void judge_anew(int score)
{
    const forge_judged_t judged = {.passed = score == 100, .score = score, .results = "[]", .version = 2};
    ck_assert_int_eq(forge_store_submission_rejudged(db, forge_test_pool, 1, &judged, &rows), FORGE_OK);
}

/* A job that judges again is nobody's learning of today, better or not; what is better counts. */
START_TEST(judging_again_is_no_learning)
{
    rule("One day", "streak", 1, "NULL");
    rule("Whole", "exercise_completed", 1, "NULL");
    sql("INSERT INTO forge.enrollments (course_id, user_id) VALUES (1, 2)");
    ck_assert_int_eq(submit(LEARNER, 1, 50), FORGE_OK);
    ck_assert_str_eq(awards(), "2:One day");
    sql("DELETE FROM forge.learning_days; DELETE FROM forge.user_achievements;"
        "UPDATE forge.learners SET last_active_at = '2026-01-02'");
    judge_anew(50);
    ck_assert_str_eq(activity(), "2026-01-02 0 1 50 50");
    judge_anew(100);
    ck_assert_str_eq(activity(), "2026-01-02 0 2 100 100");
    ck_assert_str_eq(awards(), "2:Whole");
    judge_anew(0); /* the best stays */
    ck_assert_str_eq(activity(), "2026-01-02 0 2 100 100");
    ck_assert_int_eq(submit(LEARNER, 1, 100), FORGE_OK); /* which is learning, though nothing is better */
    ck_assert_str_eq(ask("SELECT (l.last_active_at > '2026-01-03') || ' ' || (SELECT count(*) FROM "
                         "forge.learning_days) FROM forge.learners l"),
                     "true 1");
    ck_assert_str_eq(awards(), "2:One day 2:Whole");
}
END_TEST

/* --- what is told --- */

/* Nothing is asked for where nobody wants events; else what a statement earned is told with it, and what a rollback
 * undid is not. */
START_TEST(what_is_earned_is_told)
{
    rule("Course", "course_completed", 1, "NULL");
    rule("Points", "points", 10, "NULL");
    MUST(OTHER, .lesson_id = "3", DONE);
    ck_assert_str_eq(told(), "");
    forge_store_events_want(db);
    MUST(LEARNER, .lesson_id = "3", .status = "in_progress");
    ck_assert_str_eq(told(), "");
    MUST(LEARNER, .lesson_id = "3", DONE);
    ck_assert_str_eq(told(), "lesson.completed:2 course.completed:2 achievement.awarded:2");
    MUST(LEARNER, .lesson_id = "3", DONE);
    ck_assert_str_eq(told(), "");
    ck_assert_int_eq(submit(LEARNER, 2, 50), FORGE_OK);
    ck_assert_str_eq(told(), "exercise.attempted:2");
    ck_assert_int_eq(submit(LEARNER, 2, 100), FORGE_OK);
    ck_assert_str_eq(told(), "exercise.solved:2 achievement.awarded:2");
    ck_assert_int_eq(submit(LEARNER, 2, 100), FORGE_OK);
    ck_assert_str_eq(told(), "exercise.attempted:2");
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(submit(OTHER, 2, 100), FORGE_OK);
    forge_store_rollback(db);
    ck_assert_str_eq(told(), "");
    ck_assert_int_eq(forge_store_begin(db, forge_test_pool), FORGE_OK);
    ck_assert_int_eq(submit(OTHER, 2, 100), FORGE_OK);
    ck_assert_int_eq(forge_store_commit(db, forge_test_pool), FORGE_OK);
    ck_assert_str_eq(told(), "exercise.solved:3 achievement.awarded:3");
}
END_TEST

Suite *forge_test_store_earned(void)
{
    Suite *s = suite_create("store_earned");
    TCase *tc = tcase_create("earned");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, learners_setup, forge_test_end);
    tcase_add_test(tc, a_course_is_completed_when_all_of_it_is);
    tcase_add_test(tc, completions_follow_what_is_published);
    tcase_add_test(tc, many_complete_step_by_step);
    tcase_add_test(tc, a_module_that_goes_takes_its_lessons_out);
    tcase_add_test(tc, who_completes_at_once_completes);
    tcase_add_test(tc, rules_are_met_once);
    tcase_add_test(tc, what_is_undone_awards_nothing);
    tcase_add_test(tc, points_of_awards_count);
    tcase_add_test(tc, awarded_by_hand_once);
    tcase_add_test(tc, the_last_of_parallel_writers_earns_it);
    tcase_add_test(tc, an_achievement_that_goes_fails_nobody);
    tcase_add_test(tc, streaks_end_at_a_gap_and_last_through_today);
    tcase_add_test(tc, streaks_run_through_changes_of_the_clock);
    tcase_add_test(tc, a_streak_awards_by_the_accounts_own_days);
    tcase_add_test(tc, handing_in_awards_a_streak);
    tcase_add_test(tc, judging_again_is_no_learning);
    tcase_add_test(tc, what_is_earned_is_told);
    suite_add_tcase(s, tc);
    return s;
}
