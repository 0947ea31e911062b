-- SPDX-License-Identifier: Apache-2.0
-- Takes the former names, the agreement of addresses and the makers of achievements away again.

DELETE FROM forge.app_rights WHERE relation IN ('former_usernames', 'former_slugs', 'fold', 'username_sha256', 'label_decode',
                                                'address_skeleton', 'email_agrees');
DELETE FROM forge.personal WHERE (relation, account_column) IN (('achievements', 'created_by'), ('former_usernames', 'user_id'));
UPDATE forge.personal SET export_select = $$
        SELECT i.organization_id, i.email, i.role, i.state, forge.instant(i.created_at) AS created_at
        FROM forge.invitations i JOIN forge.users u ON u.id = $1
        WHERE i.email_key = u.email_key OR i.accepted_by = u.id ORDER BY i.id $$
    WHERE relation = 'invitations' AND account_column = 'email_key';
UPDATE forge.personal SET whose = 't.user_id IS NULL AND lower(t.recipient) = lower(u.email)'
    WHERE relation = 'mail_outbox' AND account_column = 'recipient';

ALTER TABLE forge.achievements DROP COLUMN created_by;
DROP TRIGGER email ON forge.one_time_tokens;
DROP TRIGGER email ON forge.invitations;
DROP TRIGGER email ON forge.users;
DROP FUNCTION forge.email_forms();
ALTER TABLE forge.email_undos DROP CONSTRAINT email_undos_email_key_agrees;
ALTER TABLE forge.one_time_tokens DROP CONSTRAINT one_time_tokens_email_key_agrees;
ALTER TABLE forge.invitations DROP CONSTRAINT invitations_email_key_agrees;
ALTER TABLE forge.users DROP CONSTRAINT users_email_key_agrees;
DROP FUNCTION forge.email_agrees(text, text);
DROP FUNCTION forge.address_skeleton(text);
DROP FUNCTION forge.label_decode(text);

DROP TRIGGER former_slugs ON forge.organizations;
DROP TRIGGER former_names ON forge.users;
DROP FUNCTION forge.former_names_forget();
DROP TRIGGER former_slug_update ON forge.organizations;
DROP TRIGGER former_slug ON forge.organizations;
DROP FUNCTION forge.organizations_former_slug();
DROP TRIGGER former_name_update ON forge.users;
DROP TRIGGER former_name ON forge.users;
DROP FUNCTION forge.users_former_name();
DROP FUNCTION forge.username_sha256(text);
DROP TABLE forge.former_slugs;
DROP TABLE forge.former_usernames;

ALTER TABLE forge.courses DROP COLUMN search;
ALTER TABLE forge.courses ADD COLUMN search tsvector GENERATED ALWAYS AS (
    setweight(to_tsvector('simple'::regconfig, translate(title, '-_./:@', '      ')), 'A') ||
    setweight(to_tsvector('simple'::regconfig, translate(description, '-_./:@', '      ')), 'B')) STORED;
CREATE INDEX courses_search ON forge.courses USING gin (search);
DO $$
DECLARE
    home    name := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm');
    indexed boolean := home IS NOT NULL AND to_regclass('forge.users_search') IS NOT NULL;
BEGIN
    ALTER TABLE forge.users DROP COLUMN search;
    ALTER TABLE forge.users ADD COLUMN search text NOT NULL GENERATED ALWAYS AS (
        lower(username || E'\n' || coalesce(full_name, '') || E'\n' || coalesce(email, ''))) STORED;
    IF indexed THEN
        EXECUTE format('CREATE INDEX users_search ON forge.users USING gin (search %I.gin_trgm_ops)', home);
    END IF;
END $$;
DROP FUNCTION forge.fold(text);
