-- SPDX-License-Identifier: Apache-2.0
-- Takes jobs away again.

DELETE FROM forge.app_rights WHERE relation = 'jobs';
DELETE FROM forge.personal WHERE relation = 'jobs';
DROP TABLE forge.jobs;
DROP FUNCTION forge.job_told();
