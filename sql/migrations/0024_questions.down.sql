-- SPDX-License-Identifier: Apache-2.0
-- Takes questions and what they have cost away again.

DELETE FROM forge.app_rights WHERE relation IN ('messages', 'llm_usage', 'embeddings', 'nearest_passages');
DELETE FROM forge.personal WHERE relation IN ('messages', 'llm_usage');
DROP FUNCTION forge.nearest_passages(bigint, text, real[], bigint, integer);
DROP TABLE forge.embeddings;
DROP TABLE forge.llm_usage;
DROP TABLE forge.messages;
