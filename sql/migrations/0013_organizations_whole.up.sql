-- SPDX-License-Identifier: Apache-2.0
-- Invitations, the last owner, and who is enrolled in a course (SPEC 5, 6).

-- An organisation keeps an owner who can act: neither a change of role nor a removal may take the last one, also when psql does it.
-- Asked after the statement, so that handing over in one statement works. The lock makes two removals at once wait for each other; the
-- question after it sees what the first has done only where each statement has a snapshot of its own.
CREATE FUNCTION forge.memberships_last_owner() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.organization_id, NEW.user_id, NEW.role) = (OLD.organization_id, OLD.user_id, OLD.role) THEN
        RETURN NULL;
    END IF;
    PERFORM FROM forge.organizations o WHERE o.id = OLD.organization_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;                                        -- the organisation itself is deleted
    END IF;
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'owners of an organisation are changed in READ COMMITTED transactions only'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF NOT EXISTS (SELECT FROM forge.memberships m JOIN forge.users u ON u.id = m.user_id
                   WHERE m.organization_id = OLD.organization_id AND m.role = 'owner' AND u.is_active) THEN
        RAISE EXCEPTION 'organisation % would have no owner left', OLD.organization_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_last_owner', HINT = 'make another active account an owner first';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.memberships_last_owner() IS 'AFTER UPDATE OR DELETE of an owner: another active one must be left';
CREATE TRIGGER last_owner AFTER UPDATE OR DELETE ON forge.memberships
    FOR EACH ROW WHEN (OLD.role = 'owner') EXECUTE FUNCTION forge.memberships_last_owner();

-- Who leaves the platform by their own will hands their organisations over first. An administrator may close the account of a last owner,
-- for that must be possible at once; the organisation then waits for a transfer.
CREATE FUNCTION forge.users_last_owner() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM FROM forge.organizations o WHERE o.id IN (
        SELECT m.organization_id FROM forge.memberships m WHERE m.user_id = NEW.id AND m.role = 'owner') ORDER BY o.id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM forge.memberships mine WHERE mine.user_id = NEW.id AND mine.role = 'owner' AND NOT EXISTS (
                   SELECT FROM forge.memberships m JOIN forge.users u ON u.id = m.user_id
                   WHERE m.organization_id = mine.organization_id AND m.role = 'owner' AND u.is_active)) THEN
        RAISE EXCEPTION 'account % is the last owner of an organisation', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_last_owner', HINT = 'transfer or delete the organisation first';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.users_last_owner() IS 'AFTER an owner of organisations leaves: each must keep another active one';
CREATE TRIGGER last_owner AFTER UPDATE OF erase_at ON forge.users
    FOR EACH ROW WHEN (OLD.erase_at IS NULL AND NEW.erase_at IS NOT NULL) EXECUTE FUNCTION forge.users_last_owner();
CREATE INDEX memberships_owners ON forge.memberships (organization_id) WHERE role = 'owner';

CREATE TABLE forge.invitations (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES forge.organizations ON DELETE CASCADE,
    email           text NOT NULL,                          -- as typed, for display
    email_key       text NOT NULL,                          -- who may accept
    role            text NOT NULL DEFAULT 'member',
    sha256          bytea NOT NULL,                         -- of the token that was mailed
    state           text NOT NULL DEFAULT 'pending',        -- pending ones past expires_at count as expired
    invited_by      bigint REFERENCES forge.users ON DELETE SET NULL,
    accepted_by     bigint REFERENCES forge.users ON DELETE SET NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL DEFAULT now() + interval '168 hours',
    closed_at       timestamptz,
    CONSTRAINT invitations_email_form      CHECK (octet_length(email) BETWEEN 3 AND 254 AND email ~ '^[^[:space:]]+@[^[:space:]]+$'),
    CONSTRAINT invitations_email_key_form  CHECK (octet_length(email_key) BETWEEN 3 AND 762 AND
                                           email_key ~ '^[^@[:space:]A-Z]+@[^@[:space:]A-Z]+$'),
    CONSTRAINT invitations_role_known      CHECK (role IN ('owner', 'admin', 'member')),
    CONSTRAINT invitations_state_known     CHECK (state IN ('pending', 'accepted', 'expired', 'revoked')),
    CONSTRAINT invitations_closed_agrees   CHECK ((state = 'pending') = (closed_at IS NULL)),
    CONSTRAINT invitations_accepted_agrees CHECK (accepted_by IS NULL OR state = 'accepted'),
    CONSTRAINT invitations_life            CHECK (expires_at <= created_at + interval '168 hours'),
    CONSTRAINT invitations_sha256_length   CHECK (octet_length(sha256) = 32),
    CONSTRAINT invitations_sha256_unique   UNIQUE (sha256)
);
CREATE UNIQUE INDEX invitations_one_pending ON forge.invitations (organization_id, email_key) WHERE state = 'pending';
CREATE INDEX invitations_organization_id ON forge.invitations (organization_id, id);
CREATE INDEX invitations_invited_by ON forge.invitations (invited_by, created_at) WHERE invited_by IS NOT NULL;
CREATE INDEX invitations_accepted_by ON forge.invitations (accepted_by) WHERE accepted_by IS NOT NULL;
CREATE INDEX invitations_email_key ON forge.invitations (email_key, created_at);

-- Whether a member may see the course is asked where it is used: a membership that ends, or a draft, closes it without touching this table.
CREATE TABLE forge.enrollments (
    course_id   bigint NOT NULL REFERENCES forge.courses ON DELETE CASCADE,
    user_id     bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    enrolled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (course_id, user_id)
);
CREATE INDEX enrollments_user_id ON forge.enrollments (user_id, course_id);

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
UPDATE forge.app_rights SET rights = '{SELECT,INSERT,UPDATE,DELETE}' WHERE relation IN ('organizations', 'memberships');
INSERT INTO forge.app_rights VALUES
    ('invitations', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('enrollments', '{SELECT,INSERT,DELETE}');
