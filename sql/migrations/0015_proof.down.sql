-- SPDX-License-Identifier: Apache-2.0
-- Changes of address can no longer be undone, and mails of the new kinds that wait are lost.

DELETE FROM forge.app_rights WHERE relation = 'email_undos';
UPDATE forge.personal SET export_select = $$
        SELECT kind, email, forge.instant(created_at) AS created_at, forge.instant(expires_at) AS expires_at,
               forge.instant(used_at) AS used_at
        FROM forge.one_time_tokens WHERE user_id = $1 ORDER BY kind $$
    WHERE relation = 'one_time_tokens';
DELETE FROM forge.personal WHERE relation = 'email_undos';
DELETE FROM forge.mail_outbox WHERE kind IN ('email_restored_notice', 'mfa_enabled_notice', 'mfa_disabled_notice',
    'mfa_reset_notice', 'backup_codes_notice', 'api_key_notice');
ALTER TABLE forge.mail_outbox
    DROP CONSTRAINT mail_outbox_kind_known,
    ADD CONSTRAINT mail_outbox_kind_known CHECK (kind IN ('verify', 'reset', 'email_change', 'email_changed_notice',
        'password_changed_notice', 'invitation'));
ALTER TABLE forge.mfa_factors DROP COLUMN email_proven;
DROP TRIGGER email_kept_on_change ON forge.users;
DROP TRIGGER email_kept ON forge.users;
DROP FUNCTION forge.users_email_kept();
DROP TABLE forge.email_undos;
