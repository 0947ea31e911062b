-- SPDX-License-Identifier: Apache-2.0
-- Indexes for the figures on who is here and for the list of locked accounts (SPEC 12): each look ends after a bounded number of rows.

-- The sessions seen last come first; expiry and kind are read from the index.
CREATE INDEX sessions_seen ON forge.sessions (last_seen_at DESC) INCLUDE (expires_at, amr) WHERE revoked_at IS NULL;

-- Locks of accounts, not of names that nobody has, which a flood of guesses makes.
CREATE INDEX login_failures_locked ON forge.login_failures (locked_until, subject) WHERE locked_until IS NOT NULL AND subject LIKE 'user:%';

CREATE INDEX users_inactive ON forge.users (id) WHERE NOT is_active AND role <> 'guest';
