-- SPDX-License-Identifier: Apache-2.0
-- Lockout, backup codes and the second step of a login (SPEC 3).

-- Guesses at a secret, per account and client network. Unknown accounts count too, under a digest of what was typed.
CREATE TABLE forge.login_failures (
    subject       text NOT NULL,                            -- 'user:7', or 'name:' and a keyed digest
    address       text NOT NULL,                            -- network of the client; '': all of them together
    failures      integer NOT NULL DEFAULT 0,
    pending       integer NOT NULL DEFAULT 0,               -- guesses whose outcome is not known yet
    pending_until timestamptz NOT NULL DEFAULT now(),       -- then they are given up: their process died
    locked_until  timestamptz,
    last_at       timestamptz NOT NULL DEFAULT now(),       -- of the last failure
    PRIMARY KEY (subject, address),
    CONSTRAINT login_failures_subject_form  CHECK (subject ~ '^(user:[1-9][0-9]{0,18}|name:[0-9a-f]{64})$'),
    CONSTRAINT login_failures_address_form  CHECK (address ~ '^[0-9A-Za-z:./_-]{0,64}$'),
    CONSTRAINT login_failures_counts        CHECK (failures >= 0 AND pending >= 0)
) WITH (fillfactor = 80);
CREATE INDEX login_failures_last_at ON forge.login_failures (last_at);

-- The time between the right password and the code. Only the SHA-256 of the mfa_token is stored.
CREATE TABLE forge.login_challenges (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256      bytea NOT NULL,
    user_id     bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    epoch       integer NOT NULL,                           -- of the account then; a later one voids the challenge
    device_name text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    tries       integer NOT NULL DEFAULT 0,
    used_at     timestamptz,
    CONSTRAINT login_challenges_sha256_unique      UNIQUE (sha256),
    CONSTRAINT login_challenges_sha256_length      CHECK (octet_length(sha256) = 32),
    CONSTRAINT login_challenges_device_name_length CHECK (char_length(device_name) <= 200),
    CONSTRAINT login_challenges_short              CHECK (expires_at <= created_at + interval '5 minutes'),
    CONSTRAINT login_challenges_tries              CHECK (tries BETWEEN 0 AND 5)
);
CREATE INDEX login_challenges_user_id ON forge.login_challenges (user_id);
CREATE INDEX login_challenges_expires_at ON forge.login_challenges (expires_at);

CREATE TABLE forge.mfa_backup_codes (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    mac        bytea NOT NULL,                              -- HMAC-SHA-256 of account and code; the code itself is nowhere
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz,
    CONSTRAINT mfa_backup_codes_unique     UNIQUE (user_id, mac),
    CONSTRAINT mfa_backup_codes_mac_length CHECK (octet_length(mac) = 32)
);

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
UPDATE forge.app_rights SET rights = '{SELECT,INSERT,UPDATE,DELETE}' WHERE relation = 'mfa_factors';
INSERT INTO forge.app_rights VALUES
    ('login_failures',   '{SELECT,INSERT,UPDATE,DELETE}'),
    ('login_challenges', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('mfa_backup_codes', '{SELECT,INSERT,UPDATE,DELETE}');
