-- SPDX-License-Identifier: Apache-2.0
-- Takes learning away again; courses, enrolments and achievements stay.

DELETE FROM forge.app_rights WHERE relation IN ('modules', 'lessons', 'prerequisites', 'assignments', 'assignment_submissions', 'grades',
    'exercises', 'exercise_submissions', 'exercise_stats', 'progress', 'learning_days', 'learners', 'course_completions', 'local_day',
    'is_tests', 'is_limits');
UPDATE forge.app_rights SET rights = '{SELECT}' WHERE relation = 'user_achievements';
DELETE FROM forge.personal WHERE relation IN ('modules', 'lessons', 'assignments', 'assignment_submissions', 'grades', 'exercises',
    'exercise_submissions', 'progress', 'learning_days', 'learners', 'course_completions');

DROP TRIGGER rules ON forge.courses;
ALTER TABLE forge.achievements DROP COLUMN rule_event, DROP COLUMN rule_count, DROP COLUMN rule_course_id;
DROP TRIGGER learner ON forge.enrollments;
-- Their bytes leave the accounts' counts one by one.
DELETE FROM forge.progress;
DELETE FROM forge.exercise_submissions;
DELETE FROM forge.exercises;
DELETE FROM forge.grades;
DELETE FROM forge.assignment_submissions;
DELETE FROM forge.assignments;
DELETE FROM forge.modules;
DROP TABLE forge.course_completions, forge.learners, forge.learning_days, forge.progress, forge.exercise_stats, forge.exercise_submissions,
    forge.exercises, forge.grades, forge.assignment_submissions, forge.assignments, forge.prerequisites, forge.lessons, forge.modules;
DROP FUNCTION forge.courses_rules();
DROP FUNCTION forge.enrollments_learner();
DROP FUNCTION forge.progress_learned();
DROP FUNCTION forge.progress_monotone();
DROP FUNCTION forge.exercise_stats_count();
DROP FUNCTION forge.is_limits(jsonb);
DROP FUNCTION forge.is_tests(jsonb);
DROP FUNCTION forge.assignments_points();
DROP FUNCTION forge.grades_points();
DROP FUNCTION forge.prerequisites_acyclic();
DROP FUNCTION forge.in_order_again();
DROP FUNCTION forge.in_order();
DROP TRIGGER timezone_known ON forge.courses;
DROP FUNCTION forge.courses_timezone();
DROP FUNCTION forge.local_day(timestamptz, text);
ALTER TABLE forge.courses DROP COLUMN timezone;
DROP FUNCTION forge.fixed();

CREATE OR REPLACE FUNCTION forge.usage_count() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    texts   text := (SELECT string_agg(format('coalesce(octet_length(x.%I), 0)', a), ' + ') FROM unnest(TG_ARGV[1:]) a);
    part    text := 'SELECT x.%I AS account, %s AS n, %s * (%s) AS size FROM %s x';
    came    text := format(part, TG_ARGV[0], '1', '1', texts, 'came');
    went    text := format(part, TG_ARGV[0], '-1', '-1', texts, 'went');
    account bigint;
    n       bigint;
    size    bigint;
BEGIN
    FOR account, n, size IN EXECUTE format(
        'SELECT s.account, sum(s.n), sum(s.size) FROM (%s) s WHERE s.account IS NOT NULL GROUP BY 1 ORDER BY 1',
        CASE TG_OP WHEN 'INSERT' THEN came WHEN 'DELETE' THEN went ELSE came || ' UNION ALL ' || went END)
    LOOP
        CONTINUE WHEN n = 0 AND size = 0;
        INSERT INTO forge.usage AS g (user_id, rows, bytes) SELECT u.id, n, size FROM forge.users u WHERE u.id = account
            ON CONFLICT (user_id) DO UPDATE SET rows = g.rows + n, bytes = g.bytes + size;
    END LOOP;
    RETURN NULL;
END $$;
