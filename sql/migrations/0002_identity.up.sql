-- SPDX-License-Identifier: Apache-2.0
-- Accounts, their sessions, refresh tokens and second factors (SPEC 3, 4).

CREATE TABLE forge.users (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email               text NOT NULL,                      -- as typed, for display
    email_key           text NOT NULL,                      -- domain as A-labels, local part case-folded: the unique form
    username            text NOT NULL,
    full_name           text,
    bio                 text,
    avatar_url          text,
    locale              text,
    timezone            text,
    role                text NOT NULL DEFAULT 'student',
    password_hash       text NOT NULL,
    is_active           boolean NOT NULL DEFAULT true,
    email_verified      boolean NOT NULL DEFAULT false,
    password_changed_at timestamptz NOT NULL DEFAULT now(),
    terms_accepted_at   timestamptz,
    privacy_accepted_at timestamptz,
    last_login_at       timestamptz,
    last_login_ip       inet,
    epoch               integer NOT NULL DEFAULT 0,         -- access tokens made before its last change are void
    deactivated_at      timestamptz,
    version             bigint NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_email_key_unique      UNIQUE (email_key),
    CONSTRAINT users_email_form            CHECK (octet_length(email) BETWEEN 3 AND 254 AND
                                           email ~ '^[^@[:space:]\u0001-\u001f\u007f]+@[^@[:space:]\u0001-\u001f\u007f]+$'),
    CONSTRAINT users_email_key_form        CHECK (octet_length(email_key) BETWEEN 3 AND 762 AND
                                           email_key ~ '^[^@[:space:]A-Z\u0001-\u001f\u007f]+@[^@[:space:]A-Z\u0001-\u001f\u007f]+$'),
    CONSTRAINT users_username_form         CHECK (username ~ '^[A-Za-z0-9_]{3,30}$'),
    CONSTRAINT users_full_name_form        CHECK (char_length(full_name) <= 200 AND full_name !~ '[\u0001-\u001f\u007f]'),
    CONSTRAINT users_bio_length            CHECK (char_length(bio) <= 5000),
    CONSTRAINT users_avatar_url_form       CHECK (char_length(avatar_url) <= 2048 AND avatar_url !~ '[[:space:]\u0001-\u001f\u007f]'),
    CONSTRAINT users_locale_form           CHECK (locale ~ '^[A-Za-z0-9_-]{1,35}$'),
    CONSTRAINT users_timezone_form         CHECK (timezone ~ '^[A-Za-z0-9_+/-]{1,64}$'),
    CONSTRAINT users_role_known            CHECK (role IN ('guest', 'student', 'instructor', 'admin')),
    CONSTRAINT users_password_hash_bcrypt  CHECK (password_hash ~ '^([{]sha256[}])?[$]2[aby][$][0-9]{2}[$][./A-Za-z0-9]{53}$'),
    CONSTRAINT users_deactivated_at_agrees CHECK (is_active = (deactivated_at IS NULL))
) WITH (fillfactor = 90);
-- "C": ASCII folding, the same in every locale (a Turkish one would let "Iris" and "iris" both in).
CREATE UNIQUE INDEX users_username_unique ON forge.users (lower(username COLLATE "C"));
CREATE INDEX users_role_id ON forge.users (role, id);

-- A change of role or activity voids the tokens that were given under the old one, also when psql made it.
CREATE FUNCTION forge.users_state() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.role, NEW.is_active) IS DISTINCT FROM (OLD.role, OLD.is_active) THEN
        NEW.epoch := greatest(NEW.epoch, OLD.epoch + 1);
    END IF;
    NEW.deactivated_at := CASE WHEN NOT NEW.is_active THEN coalesce(NEW.deactivated_at, now()) END;
    RETURN NEW;
END $$;
CREATE TRIGGER state BEFORE INSERT OR UPDATE OF role, is_active, deactivated_at ON forge.users
    FOR EACH ROW EXECUTE FUNCTION forge.users_state();
CREATE TRIGGER touch BEFORE UPDATE ON forge.users FOR EACH ROW EXECUTE FUNCTION forge.touch();

CREATE TABLE forge.sessions (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id       bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    device_name   text,
    user_agent    text,
    ip            inet,
    amr           text[] NOT NULL DEFAULT '{pwd}',
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_seen_at  timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,                     -- end of idle life; moves with each refresh
    revoked_at    timestamptz,
    revoke_reason text,
    CONSTRAINT sessions_device_name_length CHECK (char_length(device_name) <= 200),
    CONSTRAINT sessions_user_agent_length  CHECK (octet_length(user_agent) <= 2048),
    CONSTRAINT sessions_amr_known          CHECK (cardinality(amr) > 0 AND amr <@ ARRAY['pwd', 'otp', 'mfa', 'guest']),
    CONSTRAINT sessions_absolute_life      CHECK (expires_at <= created_at + interval '720 hours'),
    CONSTRAINT sessions_revoked_agrees     CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL))
) WITH (fillfactor = 90);
CREATE INDEX sessions_user_id ON forge.sessions (user_id, id);
CREATE INDEX sessions_live ON forge.sessions (user_id, expires_at) WHERE revoked_at IS NULL;
CREATE INDEX sessions_expires_at ON forge.sessions (expires_at);

-- Only the SHA-256 of a token is stored. One live token a session and one successor a token: a chain cannot fork.
CREATE TABLE forge.refresh_tokens (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id     bigint NOT NULL REFERENCES forge.sessions ON DELETE CASCADE,
    predecessor_id bigint REFERENCES forge.refresh_tokens ON DELETE SET NULL,
    sha256         bytea NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    used_at        timestamptz,
    CONSTRAINT refresh_tokens_sha256_unique  UNIQUE (sha256),
    CONSTRAINT refresh_tokens_one_successor  UNIQUE (predecessor_id),
    CONSTRAINT refresh_tokens_sha256_length  CHECK (octet_length(sha256) = 32),
    CONSTRAINT refresh_tokens_not_own_parent CHECK (predecessor_id <> id)
);
CREATE INDEX refresh_tokens_session_id ON forge.refresh_tokens (session_id);
CREATE UNIQUE INDEX refresh_tokens_one_live ON forge.refresh_tokens (session_id) WHERE used_at IS NULL;
CREATE INDEX refresh_tokens_expires_at ON forge.refresh_tokens (expires_at);

CREATE TABLE forge.mfa_factors (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    kind         text NOT NULL DEFAULT 'totp',
    secret       text NOT NULL,                             -- sealed (AES-256-GCM), never plain
    confirmed_at timestamptz,                               -- NULL: set up, not yet verified
    last_step    bigint NOT NULL DEFAULT 0,                 -- newest time step accepted; lower ones and this one are refused
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT mfa_factors_kind_known    CHECK (kind IN ('totp')),
    CONSTRAINT mfa_factors_secret_length CHECK (octet_length(secret) BETWEEN 32 AND 1024),
    CONSTRAINT mfa_factors_last_step     CHECK (last_step >= 0)
);
CREATE INDEX mfa_factors_user_id ON forge.mfa_factors (user_id);
CREATE UNIQUE INDEX mfa_factors_one_confirmed ON forge.mfa_factors (user_id, kind) WHERE confirmed_at IS NOT NULL;
CREATE TRIGGER touch BEFORE UPDATE ON forge.mfa_factors FOR EACH ROW EXECUTE FUNCTION forge.touch();

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
INSERT INTO forge.app_rights VALUES
    ('users',          '{SELECT,INSERT,UPDATE}'),
    ('sessions',       '{SELECT,INSERT,UPDATE,DELETE}'),
    ('refresh_tokens', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('mfa_factors',    '{SELECT}');
