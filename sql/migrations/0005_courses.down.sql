-- SPDX-License-Identifier: Apache-2.0
-- Takes courses away again.

DELETE FROM forge.app_rights WHERE relation = 'courses';
DROP TABLE forge.courses;
