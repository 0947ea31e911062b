-- SPDX-License-Identifier: Apache-2.0
-- One-use tokens and the mails that carry them (SPEC 3, SECURITY 33).

-- One row for each account and kind: a newer token takes the place of the older one, whose text then opens nothing.
-- The row stays when it is spent, for it also counts the mails of this kind.
CREATE TABLE forge.one_time_tokens (
    user_id     bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    kind        text NOT NULL,
    sha256      bytea NOT NULL,                             -- of the token's text; the text itself is only in the mail
    email       text NOT NULL,                              -- the address it was sent to, which it proves
    email_key   text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,                                -- spent, or void since the password or the address was changed
    mails       integer NOT NULL DEFAULT 1,                 -- how many were sent since mails_since
    mails_since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, kind),
    CONSTRAINT one_time_tokens_sha256_unique UNIQUE (sha256),
    CONSTRAINT one_time_tokens_kind_known    CHECK (kind IN ('verify', 'reset', 'email_change')),
    CONSTRAINT one_time_tokens_sha256_length CHECK (octet_length(sha256) = 32),
    CONSTRAINT one_time_tokens_email_length  CHECK (octet_length(email) BETWEEN 3 AND 254 AND octet_length(email_key) BETWEEN 3 AND 762),
    CONSTRAINT one_time_tokens_mails_range   CHECK (mails BETWEEN 1 AND 1000),
    CONSTRAINT one_time_tokens_life          CHECK (expires_at <= created_at +
                                             CASE kind WHEN 'reset' THEN interval '1 hour' ELSE interval '24 hours' END)
);
CREATE INDEX one_time_tokens_expires_at ON forge.one_time_tokens (expires_at);

-- What waits to be sent. A mail is claimed by moving next_try_at into the future: a sender that dies is followed by another one.
CREATE TABLE forge.mail_outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL,
    sender      text NOT NULL,                              -- ForgePublicURL of the server that wants it sent
    recipient   text NOT NULL,
    user_id     bigint REFERENCES forge.users ON DELETE CASCADE, -- NULL: no account, or it is still to be looked for (reset)
    payload     text NOT NULL,                              -- sealed (AES-256-GCM): holds the token
    message_id  uuid NOT NULL DEFAULT gen_random_uuid(),    -- the same at every try, so that doubles can be known
    created_at  timestamptz NOT NULL DEFAULT now(),
    next_try_at timestamptz NOT NULL DEFAULT now(),
    tries       integer NOT NULL DEFAULT 0,
    last_error  text,
    CONSTRAINT mail_outbox_kind_known       CHECK (kind IN ('verify', 'reset', 'email_change', 'email_changed_notice',
                                                   'password_changed_notice', 'invitation')),
    CONSTRAINT mail_outbox_sender_length    CHECK (octet_length(sender) BETWEEN 1 AND 2048),
    CONSTRAINT mail_outbox_recipient_form   CHECK (octet_length(recipient) BETWEEN 3 AND 254 AND
                                            recipient ~ '^[^@[:space:]\u0001-\u001f\u007f]+@[^@[:space:]\u0001-\u001f\u007f]+$'),
    CONSTRAINT mail_outbox_payload_length   CHECK (octet_length(payload) BETWEEN 38 AND 16384),
    CONSTRAINT mail_outbox_tries_range      CHECK (tries >= 0),
    CONSTRAINT mail_outbox_last_error_length CHECK (char_length(last_error) <= 500)
) WITH (fillfactor = 80);
CREATE INDEX mail_outbox_due ON forge.mail_outbox (sender, next_try_at, id);
CREATE INDEX mail_outbox_user_id ON forge.mail_outbox (user_id, kind) WHERE user_id IS NOT NULL;

INSERT INTO forge.app_rights VALUES
    ('one_time_tokens', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('mail_outbox',     '{SELECT,INSERT,UPDATE,DELETE}');
