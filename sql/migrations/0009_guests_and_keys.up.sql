-- SPDX-License-Identifier: Apache-2.0
-- Guests, API keys and tickets (SPEC 3).

-- A guest is a row of users without address and password, so that what it does has an owner; registration fills the row in.
ALTER TABLE forge.users
    ALTER COLUMN email DROP NOT NULL,
    ALTER COLUMN email_key DROP NOT NULL,
    ALTER COLUMN password_hash DROP NOT NULL,
    ADD CONSTRAINT users_account_whole CHECK (num_nulls(email, email_key, password_hash) = 0 OR
                                              (role = 'guest' AND num_nulls(email, email_key, password_hash) = 3));
CREATE INDEX users_guests ON forge.users (created_at) WHERE role = 'guest';

-- The application may delete guests, for housekeeping; every other account is the owner's alone to delete.
CREATE FUNCTION forge.users_delete() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF OLD.role = 'guest' OR pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'account % is no guest: it cannot be deleted', OLD.id USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER keep BEFORE DELETE ON forge.users FOR EACH ROW EXECUTE FUNCTION forge.users_delete();

-- Only the SHA-256 of a key is stored; the prefix is for people to tell their keys apart.
CREATE TABLE forge.api_keys (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    name         text NOT NULL,
    prefix       text NOT NULL,
    sha256       bytea NOT NULL,
    scopes       text[] NOT NULL DEFAULT '{read}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    CONSTRAINT api_keys_sha256_unique  UNIQUE (sha256),
    CONSTRAINT api_keys_sha256_length  CHECK (octet_length(sha256) = 32),
    CONSTRAINT api_keys_name_form      CHECK (char_length(name) BETWEEN 1 AND 100 AND name !~ '[\u0001-\u001f\u007f]'),
    CONSTRAINT api_keys_prefix_form    CHECK (prefix ~ '^[A-Za-z0-9_-]{8}$'),
    CONSTRAINT api_keys_scopes_known   CHECK (cardinality(scopes) BETWEEN 1 AND 2 AND scopes <@ ARRAY['read', 'write']),
    CONSTRAINT api_keys_expires_later  CHECK (expires_at > created_at AND expires_at <= created_at + interval '3651 days')
);
CREATE INDEX api_keys_user_id ON forge.api_keys (user_id, id);
CREATE INDEX api_keys_expires_at ON forge.api_keys (expires_at) WHERE expires_at IS NOT NULL;

-- Fifty live keys an account, also under parallel requests: the account's row is the lock, and the count is taken after it.
CREATE FUNCTION forge.api_keys_limit() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM FROM forge.users WHERE id = NEW.user_id FOR NO KEY UPDATE;
    IF (SELECT count(*) FROM forge.api_keys k WHERE k.user_id = NEW.user_id AND (k.expires_at IS NULL OR k.expires_at > now())) >= 50 THEN
        RAISE EXCEPTION 'account % has 50 API keys', NEW.user_id USING ERRCODE = 'check_violation', CONSTRAINT = 'api_keys_limit';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER at_most BEFORE INSERT ON forge.api_keys FOR EACH ROW EXECUTE FUNCTION forge.api_keys_limit();

-- A ticket opens one stream and is gone. What it opens ends with the access token that bought it.
CREATE TABLE forge.stream_tickets (
    sha256      bytea PRIMARY KEY,
    session_id  bigint NOT NULL REFERENCES forge.sessions ON DELETE CASCADE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL DEFAULT now() + interval '60 seconds',
    valid_until timestamptz NOT NULL,
    CONSTRAINT stream_tickets_sha256_length CHECK (octet_length(sha256) = 32),
    CONSTRAINT stream_tickets_short_life    CHECK (expires_at <= created_at + interval '60 seconds')
);
CREATE INDEX stream_tickets_session_id ON forge.stream_tickets (session_id);
CREATE INDEX stream_tickets_expires_at ON forge.stream_tickets (expires_at);

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
UPDATE forge.app_rights SET rights = '{SELECT,INSERT,UPDATE,DELETE}' WHERE relation = 'users';
INSERT INTO forge.app_rights VALUES
    ('api_keys',       '{SELECT,INSERT,UPDATE,DELETE}'),
    ('stream_tickets', '{SELECT,INSERT,UPDATE,DELETE}');
