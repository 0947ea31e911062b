-- SPDX-License-Identifier: Apache-2.0
-- A course of the account :owner with :students students, 20 exercises with :submissions judged submissions, and 10 assignments with as many
-- submissions, half of them graded. Triggers are off, for they take longer than the rest; what they keep is filled in. Run as superuser.
SET session_replication_role = replica;
SET maintenance_work_mem = '512MB';
INSERT INTO forge.courses (title, instructor_id) VALUES ('At size', :owner) RETURNING id AS course \gset
INSERT INTO forge.users (email, email_key, username, password_hash)
SELECT 's' || n || '@example.org', 's' || n || '@example.org', 'student_' || n, '$2b$12$' || repeat('a', 53) FROM generate_series(1, :students) n;
INSERT INTO forge.enrollments (course_id, user_id) SELECT :course, id FROM forge.users WHERE username LIKE 'student\_%';
INSERT INTO forge.learners (course_id, user_id, last_active_at, score)
SELECT :course, user_id, now() - user_id % 60 * interval '1 day', CASE WHEN user_id % 5 > 0 THEN user_id * 7 % 101 END FROM forge.enrollments
WHERE course_id = :course;
INSERT INTO forge.course_completions (course_id, user_id) SELECT :course, user_id FROM forge.enrollments WHERE course_id = :course AND user_id % 3 = 0;
INSERT INTO forge.exercises (course_id, author_id, title) SELECT :course, :owner, 'Exercise ' || n FROM generate_series(1, 20) n;
INSERT INTO forge.assignments (course_id, title, due_at, max_points) SELECT :course, 'Assignment ' || n, now() + (n - 5) * interval '1 week', 20
FROM generate_series(1, 10) n;
CREATE TEMP TABLE student AS SELECT user_id, row_number() OVER (ORDER BY user_id) - 1 AS n FROM forge.enrollments WHERE course_id = :course;
CREATE TEMP TABLE exercise AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM forge.exercises WHERE course_id = :course;
INSERT INTO forge.exercise_submissions (exercise_id, user_id, code, status, passed, score, results, judged_at)
SELECT x.id, s.user_id, 'print(1)', 'done', s.n % 20 >= x.n, CASE WHEN s.n % 20 >= x.n THEN 100 ELSE 0 END, '[]', now()
FROM (SELECT i, i / :students + i AS n FROM generate_series(0, :submissions - 1) i) g
JOIN student s ON s.n = g.i % :students JOIN exercise x ON x.n = g.n % 20;
INSERT INTO forge.exercise_stats (exercise_id, attempts, passed)
SELECT exercise_id, count(*), count(*) FILTER (WHERE passed) FROM forge.exercise_submissions GROUP BY 1;
INSERT INTO forge.assignment_submissions (assignment_id, user_id, content)
SELECT a.id, s.user_id, 'text' FROM student s CROSS JOIN forge.assignments a WHERE a.course_id = :course LIMIT :submissions;
INSERT INTO forge.grades (submission_id, points) SELECT id, id % 21 FROM forge.assignment_submissions WHERE id % 2 = 0;
VACUUM (ANALYZE);
SELECT :course;
