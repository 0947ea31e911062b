/* SPDX-License-Identifier: Apache-2.0
 * Tests of store/learning: progress.c and judged.c.
 */
#include "learners.h"

static void begin(void)
{
    schema_begin("store_progress");
}

/* --- progress --- */

START_TEST(completed_and_the_best_score_stay)
{
    MUST(LEARNER, .lesson_id = "1");
    ck_assert_str_eq(column("status"), "in_progress");
    ck_assert_ptr_null(column("score"));
    ck_assert_str_eq(column("course_id"), "1");
    MUST(LEARNER, .lesson_id = "1", .score = "80", .data_sent = true, .data = "{\"page\":3}");
    MUST(LEARNER, .lesson_id = "1", DONE, .score = "60");
    ck_assert_str_eq(column("score"), "80");
    ck_assert_str_eq(column("data"), "{\"page\": 3}");
    ck_assert_ptr_nonnull(column("completed_at"));
    MUST(LEARNER, .lesson_id = "1", .status = "not_started", .score = "90", .data_sent = true);
    ck_assert_str_eq(column("status"), "completed");
    ck_assert_str_eq(column("score"), "90");
    ck_assert_ptr_null(column("data"));
    MUST(LEARNER, .exercise_id = "2", .status = "not_started");
    ck_assert_str_eq(column("status"), "not_started");
    ck_assert_ptr_null(column("course_id"));
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.progress"), "2");
}
END_TEST

START_TEST(only_of_what_one_sees)
{
    sql("UPDATE forge.courses SET status = 'draft' WHERE id = 2; UPDATE forge.lessons SET published = false WHERE id "
        "= 2;"
        "UPDATE forge.exercises SET published = false WHERE id = 2");
    static const forge_progress_in_t hidden[] = {
        {.lesson_id = "3"}, {.lesson_id = "2"}, {.exercise_id = "2"}, {.lesson_id = "77"}, {.exercise_id = "77"}};
    for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++) {
        ck_assert_int_eq(put_on(db, LEARNER, hidden[i]), FORGE_E_BAD_REFERENCE);
        ck_assert_int_eq(put_on(db, TEACHER, hidden[i]), i < 3 ? FORGE_OK : FORGE_E_BAD_REFERENCE);
        ck_assert_int_eq(put_on(db, ROOT, hidden[i]), i < 3 ? FORGE_OK : FORGE_E_BAD_REFERENCE);
    }
    sql("UPDATE forge.modules SET published = false WHERE id = 1");
    ck_assert_int_eq(PUT(LEARNER, .lesson_id = "1"), FORGE_E_BAD_REFERENCE);
}
END_TEST

/* Each of many writers says something else of one lesson, in another order. */
static forge_status_t writer(int i)
{
    static const char *const statuses[] = {"not_started", "in_progress", "completed", NULL};
    forge_db_t *mine = schema_attach();
    for (int n = 0; n < 8; n++) {
        const char *score = apr_itoa(forge_test_pool, (i * 13 + n * 29) % 100);
        forge_status_t status = put_on(
            mine, LEARNER,
            (forge_progress_in_t){.lesson_id = "1", .status = statuses[(i + n) % 4], .score = i == 3 ? NULL : score});
        if (status != FORGE_OK)
            return status;
    }
    return FORGE_OK;
}

START_TEST(the_rules_hold_under_parallel_writers)
{
    ck_assert_int_eq(at_once(8, writer, FORGE_OK), 8);
    ck_assert_str_eq(ask("SELECT string_agg(status || ' ' || score, ' ') FROM forge.progress"),
                     ask("SELECT 'completed ' || max((i * 13 + n * 29) % 100) FROM generate_series(0, 7) i, "
                         "generate_series(0, 7) n WHERE i <> 3"));
}
END_TEST

/* --- submissions, summary --- */

START_TEST(a_submission_and_its_progress_are_one)
{
    ck_assert_int_eq(submit(LEARNER, 1, 40), FORGE_OK);
    ck_assert_str_eq(column("score"), "40");
    ck_assert_str_eq(column("status"), "done");
    ck_assert_str_eq(ask("SELECT status || ' ' || score FROM forge.progress"), "in_progress 40");
    ck_assert_int_eq(submit(LEARNER, 1, 100), FORGE_OK);
    ck_assert_int_eq(submit(LEARNER, 1, 0), FORGE_OK);
    ck_assert_str_eq(ask("SELECT status || ' ' || score FROM forge.progress"), "completed 100");
    const forge_judged_t again = {.passed = true, .score = 100, .results = "[{\"name\":\"t\"}]", .version = 2};
    ck_assert_int_eq(submit(OTHER, 1, 40), FORGE_OK);
    ck_assert_int_eq(forge_store_submission_rejudged(db, forge_test_pool, 4, &again, &rows), FORGE_OK);
    ck_assert_str_eq(column("exercise_version"), "2");
    ck_assert_str_eq(ask("SELECT status || ' ' || score FROM forge.progress WHERE user_id = 3"), "completed 100");
    ck_assert_int_eq(forge_store_submission_rejudged(db, forge_test_pool, 77, &again, &rows), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(submit(LEARNER, 77, 40), FORGE_E_NOT_FOUND);
    sql("DELETE FROM forge.users WHERE id = 3");
    ck_assert_int_eq(submit(OTHER, 1, 40), FORGE_E_INVALID_TOKEN);
    ck_assert_int_eq(PUT(OTHER, .lesson_id = "1"), FORGE_E_INVALID_TOKEN);
}
END_TEST

/* Running one takes hidden tests too, whoever asks; who may be shown them is said beside them. */
START_TEST(what_running_an_exercise_needs)
{
    sql("UPDATE forge.exercises SET tests = jsonb_set(tests, '{0,hidden}', 'true'), limits = '{\"cpu_ms\":7}'");
    for (int who = TEACHER; who <= ROOT; who++) {
        ck_assert_int_eq(forge_store_exercise_to_run(db, forge_test_pool, by(who), 1, &rows), FORGE_OK);
        ck_assert_ptr_nonnull(strstr(column("tests"), "\"hidden\": true"));
        ck_assert_str_eq(column("_own"), who == TEACHER || who == ROOT ? "t" : "f");
        ck_assert_str_eq(column("limits"), "{\"cpu_ms\": 7}");
    }
    sql("UPDATE forge.courses SET status = 'draft'");
    ck_assert_int_eq(forge_store_exercise_to_run(db, forge_test_pool, by(TEACHER), 1, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_exercise_to_run(db, forge_test_pool, by(LEARNER), 1, &rows), FORGE_E_NOT_FOUND);
    ck_assert_int_eq(forge_store_exercise_to_run(db, forge_test_pool, by(LEARNER), 2, &rows), FORGE_OK);
    ck_assert_int_eq(forge_store_exercise_to_run(db, forge_test_pool, by(ROOT), 77, &rows), FORGE_E_NOT_FOUND);
}
END_TEST

/* A lesson goes while somebody completes it for the first time: one waits for the other, and none for each other. */
static forge_status_t meet(int i)
{
    forge_db_t *mine = schema_attach();
    if (i > 0) {
        forge_status_t status = put_on(mine, LEARNER, (forge_progress_in_t){.lesson_id = "3", DONE});
        return status == FORGE_E_BAD_REFERENCE ? FORGE_OK : status;
    }
    const apr_int64_t ids[2] = {2, 3};
    return forge_store_lesson_delete(mine, forge_test_pool, by(TEACHER), ids, NULL);
}

START_TEST(a_lesson_goes_while_it_is_learned)
{
    for (int round = 0; round < 5; round++) {
        ck_assert_int_eq(at_once(4, meet, FORGE_OK), 4);
        ck_assert_str_eq(ask("SELECT count(*) FROM forge.progress"), "0");
        sql("INSERT INTO forge.lessons (id, course_id, module_id, title) OVERRIDING SYSTEM VALUE VALUES (3, 2, 2, "
            "'C')");
    }
}
END_TEST

/* --- turns: what is taken away while somebody learns in it, each in a transaction that is not tried again --- */

typedef enum taken_t { COURSE, MODULE, LESSON, EXERCISE } taken_t;

/* Course 2 has the module and the lesson, course 1 the exercise. */
static forge_status_t take_away(forge_db_t *mine, taken_t what)
{
    static const apr_int64_t module[2] = {2, 2}, lesson[2] = {2, 3};
    switch (what) {
    case COURSE:
        return forge_store_course_delete(mine, forge_test_pool, by(TEACHER), 2, NULL);
    case MODULE:
        return forge_store_module_delete(mine, forge_test_pool, by(TEACHER), module, NULL);
    case LESSON:
        return forge_store_lesson_delete(mine, forge_test_pool, by(TEACHER), lesson, NULL);
    case EXERCISE:
        return forge_store_exercise_delete(mine, forge_test_pool, by(TEACHER), 1, NULL);
    }
    return FORGE_E_INTERNAL;
}

/* In a process of its own: takes it away, or writes the first progress in it. */
static pid_t begin_one(taken_t what, bool learns)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    forge_db_t *mine = schema_attach();
    forge_progress_in_t in = what == EXERCISE ? (forge_progress_in_t){.exercise_id = "1", DONE}
                                              : (forge_progress_in_t){.lesson_id = "3", DONE};
    forge_status_t status = forge_store_begin(mine, forge_test_pool);
    if (status == FORGE_OK)
        status = learns ? put_on(mine, LEARNER, in) : take_away(mine, what);
    if (status != FORGE_OK)
        forge_store_rollback(mine);
    else
        status = forge_store_commit(mine, forge_test_pool);
    _exit(learns && status == FORGE_E_BAD_REFERENCE ? FORGE_OK : (int)status);
}

static void wait_for_waiting(const char *how_many)
{
    for (int i = 0; i < 3000; i++) {
        if (strcmp(ask("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"), how_many) == 0)
            return;
        usleep(10000);
    }
    ck_abort_msg("%s do not wait", how_many);
}

static void must_end_well(pid_t pid)
{
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), FORGE_OK);
}

/* Both wait for a row that somebody else holds, first who takes it away, then who learns: none waits for the other
 * afterwards while the other waits for it. */
START_TEST(what_is_taken_away_meets_who_learns)
{
    static const char *const held[] = {
        [COURSE] = "SELECT FROM forge.courses WHERE id = 2 FOR UPDATE",
        [MODULE] = "SELECT FROM forge.lessons WHERE id = 3 FOR UPDATE",
        [LESSON] = "SELECT FROM forge.lessons WHERE id = 3 FOR UPDATE",
        [EXERCISE] = "SELECT FROM forge.exercises WHERE id = 1 FOR UPDATE",
    };
    const taken_t what = (taken_t)_i;
    ck_assert_int_eq(forge_store_begin(owner, forge_test_pool), FORGE_OK);
    sql(held[what]);
    pid_t taker = begin_one(what, false);
    wait_for_waiting("1");
    pid_t learner = begin_one(what, true);
    wait_for_waiting("2");
    forge_store_rollback(owner);
    must_end_well(taker);
    must_end_well(learner);
    ck_assert_str_eq(ask("SELECT count(*) FROM forge.progress"), "0");
}
END_TEST

/* Whoever comes second, enrolment or progress, waits for the first and sees what it has written. */
START_TEST(enrolling_meets_who_learns)
{
    bool learns_first = _i == 0, already;
    ck_assert_int_eq(forge_store_begin(owner, forge_test_pool), FORGE_OK);
    if (learns_first)
        ck_assert_int_eq(put_on(owner, LEARNER, (forge_progress_in_t){.exercise_id = "1", DONE, .score = "40"}),
                         FORGE_OK);
    else
        ck_assert_int_eq(forge_store_enroll(owner, forge_test_pool, by(LEARNER), 1, &already, &rows), FORGE_OK);
    pid_t second = fork();
    if (second == 0) {
        forge_db_t *mine = schema_attach();
        _exit(learns_first ? forge_store_enroll(mine, forge_test_pool, by(LEARNER), 1, &already, &rows)
                           : put_on(mine, LEARNER, (forge_progress_in_t){.exercise_id = "1", DONE, .score = "40"}));
    }
    wait_for_waiting("1");
    ck_assert_int_eq(forge_store_commit(owner, forge_test_pool), FORGE_OK);
    must_end_well(second);
    ck_assert_str_eq(ask("SELECT score || ' ' || (last_active_at IS NOT NULL) FROM forge.learners"), "40 true");
}
END_TEST

static forge_status_t rejudge_on(forge_db_t *on, apr_int64_t id, const char *results)
{
    const forge_judged_t judged = {.passed = true, .score = 100, .results = results, .version = 1};
    return forge_store_submission_rejudged(on, forge_test_pool, id, &judged, &rows);
}

/* In a process of its own: unpublishes the exercise, or judges its submission anew. */
static pid_t begin_to_change(bool judges)
{
    const forge_patch_t patch = {.members = "{\"published\":false}"};
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    forge_db_t *mine = schema_attach();
    _exit(judges ? rejudge_on(mine, 1, "[]")
                 : forge_store_exercise_update(mine, forge_test_pool, by(TEACHER), 1, &patch, &rows));
}

/* As whoever deletes a course does, who holds it and then wants all that is below it. */
START_TEST(the_course_comes_before_what_is_in_it)
{
    ck_assert_int_eq(submit(LEARNER, 1, 50), FORGE_OK);
    sql("BEGIN; SELECT FROM forge.courses WHERE id = 1 FOR UPDATE");
    pid_t pid = begin_to_change(_i == 1);
    wait_for_waiting("1");
    sql("SELECT FROM forge.exercises FOR UPDATE NOWAIT");
    sql("SELECT FROM forge.users FOR UPDATE NOWAIT");
    sql("SELECT FROM forge.exercise_submissions FOR UPDATE NOWAIT; COMMIT");
    must_end_well(pid);
}
END_TEST

/* The same for what is of no course, and for the account. */
START_TEST(exercise_and_account_come_before_the_submission)
{
    ck_assert_int_eq(submit(LEARNER, 1, 50), FORGE_OK);
    sql(_i ? "BEGIN; SELECT FROM forge.exercises WHERE id = 1 FOR UPDATE"
           : "BEGIN; SELECT FROM forge.users WHERE id = 2 FOR UPDATE");
    pid_t pid = begin_to_change(true);
    wait_for_waiting("1");
    sql("SELECT FROM forge.exercise_submissions FOR UPDATE NOWAIT; COMMIT");
    must_end_well(pid);
}
END_TEST

/* Nobody is asked to have room for what others judge anew; what somebody hands in is still counted. */
START_TEST(a_full_quota_stops_no_rejudging)
{
    ck_assert_int_eq(submit(LEARNER, 1, 50), FORGE_OK);
    forge_test_pg_do(db, forge_test_pool, "SET forge.user_quota = '1000 10'");
    ck_assert_int_eq(rejudge_on(db, 1, "[\"a longer result than the one before\"]"), FORGE_OK);
    ck_assert_str_eq(column("score"), "100");
    ck_assert_int_eq(submit(LEARNER, 1, 50), FORGE_E_QUOTA_EXCEEDED);
    ck_assert_str_eq(ask("SELECT bytes > 40 FROM forge.usage WHERE user_id = 2"), "true");
    ck_assert_int_eq(rejudge_on(db, 77, "[]"), FORGE_E_NOT_FOUND);
}
END_TEST

START_TEST(summary_of_all_courses)
{
    ck_assert_int_eq(forge_store_progress_summary(db, forge_test_pool, by(LEARNER), &rows), FORGE_OK);
    ck_assert_str_eq(column("courses"), "[]");
    ck_assert_str_eq(column("streak_days"), "0");
    sql("INSERT INTO forge.enrollments (course_id, user_id) VALUES (2, 2)");
    MUST(LEARNER, .lesson_id = "1", DONE);
    ck_assert_int_eq(submit(LEARNER, 1, 100), FORGE_OK);
    ck_assert_int_eq(submit(LEARNER, 2, 50), FORGE_OK);
    ck_assert_int_eq(forge_store_progress_summary(db, forge_test_pool, by(LEARNER), &rows), FORGE_OK);
    ck_assert_str_eq(
        column("courses"),
        "[{\"course_id\" : 1, \"title\" : \"One\", \"completed\" : 2, \"total\" : 3, \"percent\" : 66, "
        "\"completed_at\" : null}, {\"course_id\" : 2, \"title\" : \"Two\", \"completed\" : 0, \"total\" : 1, "
        "\"percent\" : 0, \"completed_at\" : null}]");
    ck_assert_str_eq(column("completed_exercises"), "1");
    ck_assert_str_eq(column("points"), "8");
    ck_assert_str_eq(column("streak_days"), "1");
    sql("UPDATE forge.courses SET status = 'draft' WHERE id = 1");
    ck_assert_int_eq(forge_store_progress_summary(db, forge_test_pool, by(LEARNER), &rows), FORGE_OK);
    ck_assert_ptr_null(strstr(column("courses"), "One"));
}
END_TEST

Suite *forge_test_store_progress(void)
{
    Suite *s = suite_create("store_progress");
    TCase *tc = tcase_create("progress");
    tcase_set_timeout(tc, 60);
    tcase_add_unchecked_fixture(tc, begin, NULL);
    tcase_add_checked_fixture(tc, learners_setup, forge_test_end);
    tcase_add_test(tc, completed_and_the_best_score_stay);
    tcase_add_test(tc, only_of_what_one_sees);
    tcase_add_test(tc, the_rules_hold_under_parallel_writers);
    tcase_add_test(tc, a_submission_and_its_progress_are_one);
    tcase_add_test(tc, what_running_an_exercise_needs);
    tcase_add_test(tc, a_lesson_goes_while_it_is_learned);
    tcase_add_loop_test(tc, what_is_taken_away_meets_who_learns, COURSE, EXERCISE + 1);
    tcase_add_loop_test(tc, enrolling_meets_who_learns, 0, 2);
    tcase_add_loop_test(tc, the_course_comes_before_what_is_in_it, 0, 2);
    tcase_add_loop_test(tc, exercise_and_account_come_before_the_submission, 0, 2);
    tcase_add_test(tc, a_full_quota_stops_no_rejudging);
    tcase_add_test(tc, summary_of_all_courses);
    suite_add_tcase(s, tc);
    return s;
}
