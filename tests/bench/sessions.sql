-- SPDX-License-Identifier: Apache-2.0
-- :n sessions of the account :owner: as logins make them, with the first refresh token of each; run as superuser, without the referential checks.
SET session_replication_role = replica;
WITH made AS (
    INSERT INTO forge.sessions (user_id, device_name, user_agent, ip, amr, expires_at)
    SELECT :owner, 'Laptop', 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', inet '192.0.2.0' + i % 256, '{pwd}', now() + interval '7 days'
    FROM generate_series(1, :n) AS i
    RETURNING id, expires_at
)
INSERT INTO forge.refresh_tokens (session_id, sha256, expires_at) SELECT id, sha256(convert_to('bench ' || id, 'UTF8')), expires_at FROM made;
