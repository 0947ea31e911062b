-- SPDX-License-Identifier: Apache-2.0
-- What proves identity: the way back from a change of address, and factors from before an address was proven (SPEC 3).

-- A row for each change of address. Its token, which only the mail to the old address has, brings that address back. Rows
-- of one account do not replace each other: whoever changes the address twice must not void the first way back.
CREATE TABLE forge.email_undos (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    sha256     bytea NOT NULL,                              -- of the token's text; the text itself is only in the mail
    email      text NOT NULL,                               -- the address before the change, where the token was sent
    email_key  text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,                                 -- spent, or void since an earlier change was undone
    CONSTRAINT email_undos_sha256_unique UNIQUE (sha256),
    CONSTRAINT email_undos_sha256_length CHECK (octet_length(sha256) = 32),
    CONSTRAINT email_undos_email_length  CHECK (octet_length(email) BETWEEN 3 AND 254 AND octet_length(email_key) BETWEEN 3 AND 762),
    CONSTRAINT email_undos_life          CHECK (expires_at <= created_at + interval '72 hours')
);
CREATE INDEX email_undos_user_id ON forge.email_undos (user_id, id);
CREATE INDEX email_undos_email_key ON forge.email_undos (email_key) WHERE used_at IS NULL;
CREATE INDEX email_undos_expires_at ON forge.email_undos (expires_at);

-- As long as a change can be undone, nobody else takes the old address, whoever writes. AFTER: an insert that waited for the
-- change to be committed looks here with a snapshot that has it.
CREATE FUNCTION forge.users_email_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF EXISTS (SELECT FROM forge.email_undos k WHERE k.email_key = NEW.email_key AND k.user_id <> NEW.id
               AND k.used_at IS NULL AND k.expires_at > now()) THEN
        RAISE EXCEPTION 'the address was another account''s until lately, which may take it back'
            USING ERRCODE = 'unique_violation', SCHEMA = 'forge', TABLE = 'users', CONSTRAINT = 'users_email_key_unique';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER email_kept AFTER INSERT ON forge.users
    FOR EACH ROW EXECUTE FUNCTION forge.users_email_kept();
-- Not "UPDATE OF email_key": another trigger may set it.
CREATE TRIGGER email_kept_on_change AFTER UPDATE ON forge.users
    FOR EACH ROW WHEN (NEW.email_key IS DISTINCT FROM OLD.email_key) EXECUTE FUNCTION forge.users_email_kept();

-- A factor does not outlive a reset by mail when the address was not proven while it was enrolled: it may be a stranger's.
ALTER TABLE forge.mfa_factors ADD COLUMN email_proven boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN forge.mfa_factors.email_proven IS 'the address was proven when the factor was set up and when it was verified';
UPDATE forge.mfa_factors f SET email_proven = true FROM forge.users u WHERE u.id = f.user_id AND u.email_verified;

ALTER TABLE forge.mail_outbox
    DROP CONSTRAINT mail_outbox_kind_known,
    ADD CONSTRAINT mail_outbox_kind_known CHECK (kind IN ('verify', 'reset', 'email_change', 'email_changed_notice',
        'email_restored_notice', 'password_changed_notice', 'mfa_enabled_notice', 'mfa_disabled_notice', 'mfa_reset_notice',
        'backup_codes_notice', 'api_key_notice', 'invitation'));

INSERT INTO forge.personal (relation, account_column, on_erase, export_as) VALUES ('email_undos', 'user_id', 'delete', 'mail_links');
UPDATE forge.personal SET export_select = $$
        SELECT kind, email, forge.instant(created_at) AS created_at, forge.instant(expires_at) AS expires_at,
               forge.instant(used_at) AS used_at
        FROM (SELECT user_id, kind, email, created_at, expires_at, used_at FROM forge.one_time_tokens
              UNION ALL SELECT user_id, 'email_undo', email, created_at, expires_at, used_at FROM forge.email_undos) l
        WHERE user_id = $1 ORDER BY kind, l.created_at $$
    WHERE relation = 'one_time_tokens';

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
INSERT INTO forge.app_rights VALUES ('email_undos', '{SELECT,INSERT,UPDATE,DELETE}');
