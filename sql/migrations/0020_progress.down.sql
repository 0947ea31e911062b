-- SPDX-License-Identifier: Apache-2.0
-- Takes the earning away again; what was earned stays.

DELETE FROM forge.app_rights WHERE relation IN ('course_items', 'tests_points', 'complete_courses', 'streak_days', 'figures', 'award',
    'shrunk_courses', 'settle_course', 'settle_courses');
DROP TRIGGER shrank_deleted ON forge.exercises;
DROP TRIGGER shrank_deleted ON forge.lessons;
DROP TRIGGER shrank ON forge.exercises;
DROP TRIGGER shrank ON forge.modules;
DROP TRIGGER shrank ON forge.lessons;
DROP TRIGGER progress_earned_more ON forge.progress;
DROP TRIGGER progress_earned ON forge.progress;
DROP TRIGGER turn ON forge.progress;
DROP TRIGGER given ON forge.user_achievements;
ALTER TABLE forge.achievements DROP CONSTRAINT achievements_rule_course_once;
DROP FUNCTION forge.course_shrank();
DROP FUNCTION forge.settle_courses(integer);
DROP FUNCTION forge.settle_course(bigint, integer);
DROP TABLE forge.shrunk_courses;
DROP FUNCTION forge.progress_earned();
DROP FUNCTION forge.turn_of_progress();
DROP FUNCTION forge.user_achievements_given();
DROP FUNCTION forge.award(bigint[]);
DROP FUNCTION forge.figures(bigint[]);
DROP FUNCTION forge.streak_days(bigint, timestamptz);
DROP FUNCTION forge.complete_courses(bigint[], bigint[]);
DROP VIEW forge.course_items;
ALTER TABLE forge.exercises DROP COLUMN points;
DROP FUNCTION forge.tests_points(jsonb);
