-- SPDX-License-Identifier: Apache-2.0
-- Takes analysis away again.

DELETE FROM forge.app_rights WHERE relation IN ('analysis_sessions', 'passages', 'similar_passages');
DELETE FROM forge.personal WHERE relation = 'analysis_sessions';
DROP TABLE forge.passages;
DELETE FROM forge.analysis_sessions;
DROP TABLE forge.analysis_sessions;
DROP FUNCTION forge.similar_passages(bigint, text, integer);
DROP FUNCTION forge.usage_analysis();
DROP FUNCTION forge.passages_kept();
