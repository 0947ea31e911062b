-- SPDX-License-Identifier: Apache-2.0
-- Takes the audit log away again.

DELETE FROM forge.app_rights WHERE relation = 'audit_events';
DROP TABLE forge.audit_events;
DROP FUNCTION forge.audit_append_only();
