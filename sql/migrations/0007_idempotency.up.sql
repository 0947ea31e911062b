-- SPDX-License-Identifier: Apache-2.0
-- Answers kept for 24 h under the Idempotency-Key of their request (SPEC 1).
-- A row without status is a claim that its transaction has not answered yet.

CREATE TABLE forge.idempotency_keys (
    scope       text NOT NULL,
    key         text NOT NULL,
    fingerprint text NOT NULL,
    status      integer,
    headers     jsonb,
    body        bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key),
    CONSTRAINT idempotency_keys_scope_length       CHECK (char_length(scope) BETWEEN 1 AND 512),
    CONSTRAINT idempotency_keys_key_length         CHECK (char_length(key) BETWEEN 1 AND 255),
    CONSTRAINT idempotency_keys_fingerprint_length CHECK (char_length(fingerprint) BETWEEN 1 AND 128),
    CONSTRAINT idempotency_keys_status_range       CHECK (status BETWEEN 100 AND 599)
);
CREATE INDEX idempotency_keys_created_at ON forge.idempotency_keys (created_at);

INSERT INTO forge.app_rights VALUES ('idempotency_keys', '{SELECT,INSERT,UPDATE,DELETE}');
