-- SPDX-License-Identifier: Apache-2.0
-- Takes the quotas away again.

DELETE FROM forge.app_rights WHERE relation = 'usage';
DELETE FROM forge.personal WHERE relation = 'usage' OR (relation = 'organizations' AND account_column = 'created_by');
UPDATE forge.personal SET whose = '''user:'' || u.id = t.subject' WHERE relation = 'login_failures';
DROP TRIGGER at_most ON forge.refresh_tokens;
DROP TRIGGER at_most ON forge.sessions;
DROP TRIGGER uncounted ON forge.idempotency_keys;
DROP TRIGGER counted ON forge.idempotency_keys;
DROP TRIGGER counted ON forge.audit_events;
DROP TRIGGER uncounted ON forge.courses;
DROP TRIGGER recounted ON forge.courses;
DROP TRIGGER counted ON forge.courses;
DROP TRIGGER uncounted ON forge.organizations;
DROP TRIGGER recounted ON forge.organizations;
DROP TRIGGER counted ON forge.organizations;
DROP TRIGGER uncounted ON forge.achievements;
DROP TRIGGER recounted ON forge.achievements;
DROP TRIGGER counted ON forge.achievements;
DROP TRIGGER uncounted ON forge.invitations;
DROP TRIGGER recounted ON forge.invitations;
DROP TRIGGER counted ON forge.invitations;
DROP FUNCTION forge.refresh_tokens_limit();
DROP FUNCTION forge.sessions_limit();
DROP FUNCTION forge.usage_key();
DROP FUNCTION forge.usage_event();
DROP FUNCTION forge.usage_count();
DROP TABLE forge.usage;
DROP FUNCTION forge.usage_judge();
DROP INDEX forge.idempotency_keys_scope;
ALTER TABLE forge.organizations DROP COLUMN created_by;
DELETE FROM forge.login_failures WHERE subject ~ ':(email|name)$';
ALTER TABLE forge.login_failures
    DROP CONSTRAINT login_failures_subject_form,
    ADD CONSTRAINT login_failures_subject_form CHECK (subject ~ '^(user:[1-9][0-9]{0,18}|name:[0-9a-f]{64})$');
