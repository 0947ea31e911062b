-- SPDX-License-Identifier: Apache-2.0
-- All as before 0029.

DELETE FROM forge.app_rights WHERE relation = 'export_piece';
DROP FUNCTION forge.export_piece(bigint, name, bigint, bigint);
ALTER TABLE forge.personal DROP CONSTRAINT personal_key_agrees;
ALTER TABLE forge.personal DROP COLUMN export_key;
UPDATE forge.personal SET export_select = replace(export_select, 'SELECT id, course_id,', 'SELECT course_id,')
    WHERE export_as = 'progress' AND export_select IS NOT NULL;
UPDATE forge.personal SET export_select = $$
        SELECT c.id, CASE WHEN k.told THEN c.title END AS title, CASE WHEN k.told THEN c.status END AS status,
               forge.instant(c.created_at) AS created_at, forge.instant(c.updated_at) AS updated_at
        FROM forge.courses c, forge.course_told(c.organization_id, $1) k(told) WHERE c.instructor_id = $1 ORDER BY c.id $$
    WHERE export_as = 'courses' AND export_select IS NOT NULL;
UPDATE forge.personal SET export_select = $$
        SELECT x.id, x.course_id, CASE WHEN k.told THEN x.title END AS title, CASE WHEN k.told THEN x.description END AS description,
               forge.instant(x.created_at) AS created_at
        FROM forge.assignments x LEFT JOIN forge.courses c ON c.id = x.course_id, forge.course_told(c.organization_id, $1) k(told)
        WHERE x.created_by = $1 ORDER BY x.id $$
    WHERE export_as = 'assignments' AND export_select IS NOT NULL;
UPDATE forge.personal SET export_select = $$
        SELECT x.id, x.course_id, CASE WHEN k.told THEN x.title END AS title, CASE WHEN k.told THEN x.instructions END AS instructions,
               forge.instant(x.created_at) AS created_at
        FROM forge.exercises x LEFT JOIN forge.courses c ON c.id = x.course_id, forge.course_told(c.organization_id, $1) k(told)
        WHERE x.author_id = $1 ORDER BY x.id $$
    WHERE export_as = 'exercises' AND export_select IS NOT NULL;
UPDATE forge.personal SET export_select = $$
        SELECT id, name, forge.instant(created_at) AS created_at FROM forge.achievements WHERE created_by = $1 ORDER BY id $$
    WHERE export_as = 'created_achievements' AND export_select IS NOT NULL;
UPDATE forge.personal SET export_select = replace(export_select,
    $$CASE WHEN (c.status = 'published' OR c.instructor_id = $1) AND forge.course_told(c.organization_id, $1) THEN c.title END$$,
    $$CASE WHEN forge.course_told(c.organization_id, $1) THEN c.title END$$)
    WHERE export_as IN ('enrollments', 'course_completions') AND export_select IS NOT NULL;
