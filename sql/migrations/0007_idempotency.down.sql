-- SPDX-License-Identifier: Apache-2.0
-- Takes the kept answers away again.

DELETE FROM forge.app_rights WHERE relation = 'idempotency_keys';
DROP TABLE forge.idempotency_keys;
