-- SPDX-License-Identifier: Apache-2.0
-- Takes files away again, with their bytes.

DELETE FROM forge.app_rights WHERE relation IN ('files', 'file_object', 'file_bytes');
DELETE FROM forge.personal WHERE relation = 'files';
DELETE FROM forge.files;
DROP TABLE forge.files;
DROP FUNCTION forge.usage_file();
DROP FUNCTION forge.file_gone();
DROP FUNCTION forge.file_bytes(bigint, bigint, integer);
DROP FUNCTION forge.file_object();
