-- SPDX-License-Identifier: Apache-2.0
-- What the administration of accounts needs (SPEC 4): search, farewell and erasure, and the rule that an administrator is always left.

-- The names that erasure gives are nobody else's.
UPDATE forge.users SET username = left('was_' || username, 30) WHERE username ~* '^deleted_[0-9]+$';
ALTER TABLE forge.users
    ADD COLUMN erase_at      timestamptz,                   -- the owner has left; after this everything personal goes
    ADD COLUMN anonymized_at timestamptz,                   -- it has gone
    ADD COLUMN search        text NOT NULL GENERATED ALWAYS AS (
        lower(username || E'\n' || coalesce(full_name, '') || E'\n' || coalesce(email, ''))) STORED,
    ADD CONSTRAINT users_erase_at_agrees        CHECK (erase_at IS NULL OR (NOT is_active AND anonymized_at IS NULL)),
    ADD CONSTRAINT users_anonymized_at_inactive CHECK (anonymized_at IS NULL OR NOT is_active),
    ADD CONSTRAINT users_username_reserved      CHECK (anonymized_at IS NOT NULL OR lower(username COLLATE "C") !~ '^deleted_[0-9]+$'),
    ADD CONSTRAINT users_email_reserved         CHECK (anonymized_at IS NOT NULL OR email_key !~ '^deleted-[0-9]+@invalid$');
CREATE INDEX users_created_at ON forge.users (created_at, id);
CREATE INDEX users_username ON forge.users (username, id);
CREATE INDEX users_erase_at ON forge.users (erase_at) WHERE erase_at IS NOT NULL;

-- Only pg_trgm can index "contains". A site that has it gets the index; without it the search reads the table, which is an
-- administrator's to wait for. Installing it later: CREATE INDEX users_search ON forge.users USING gin (search gin_trgm_ops).
DO $$
DECLARE
    home name := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm');
BEGIN
    IF home IS NOT NULL THEN
        EXECUTE format('CREATE INDEX users_search ON forge.users USING gin (search %I.gin_trgm_ops)', home);
    END IF;
END $$;

-- Who comes back is not erased.
CREATE FUNCTION forge.users_comeback() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    NEW.erase_at := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER comeback BEFORE UPDATE OF is_active ON forge.users
    FOR EACH ROW WHEN (NEW.is_active AND OLD.erase_at IS NOT NULL) EXECUTE FUNCTION forge.users_comeback();

-- One active administrator is always left, whoever writes. The lock makes those who remove one wait for each other: whoever comes second
-- sees what the first has committed. A snapshot that stands still (REPEATABLE READ) cannot see it, so there the rows that are counted on
-- are locked, which fails when somebody has changed them since. TRUNCATE is the owner's word and not asked about.
CREATE FUNCTION forge.users_last_admin() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.role = 'admin' AND NEW.is_active THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('forge.users_last_admin', 0));
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM FROM forge.users WHERE role = 'admin' AND is_active ORDER BY id FOR SHARE;
    END IF;
    IF NOT EXISTS (SELECT FROM forge.users WHERE role = 'admin' AND is_active) THEN
        RAISE EXCEPTION 'the last active administrator can be neither removed nor demoted'
            USING ERRCODE = 'FG001', SCHEMA = 'forge', TABLE = 'users', CONSTRAINT = 'users_last_admin',
                  HINT = 'make another account an administrator first';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER last_admin AFTER UPDATE OR DELETE ON forge.users DEFERRABLE INITIALLY IMMEDIATE
    FOR EACH ROW WHEN (OLD.role = 'admin' AND OLD.is_active) EXECUTE FUNCTION forge.users_last_admin();

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
