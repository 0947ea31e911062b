-- SPDX-License-Identifier: Apache-2.0
-- All as before 0029.

DELETE FROM forge.app_rights WHERE relation = 'export_piece';
DROP FUNCTION forge.export_piece(bigint, name, bigint, bigint);
ALTER TABLE forge.personal DROP CONSTRAINT personal_key_agrees;
ALTER TABLE forge.personal DROP COLUMN export_key;
UPDATE forge.personal SET export_select = replace(export_select, 'SELECT id, course_id,', 'SELECT course_id,')
    WHERE export_as = 'progress' AND export_select IS NOT NULL;
