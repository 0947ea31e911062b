-- SPDX-License-Identifier: Apache-2.0
-- Takes analysis away again.

DELETE FROM forge.app_rights WHERE relation IN ('analysis_sessions', 'passages');
DELETE FROM forge.personal WHERE relation = 'analysis_sessions';
DROP TABLE forge.passages;
DROP TABLE forge.analysis_sessions;
