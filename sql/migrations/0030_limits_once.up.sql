-- SPDX-License-Identifier: Apache-2.0
-- What is too old for a limit is looked up once for each new row. IN (SELECT …) may be looked up for each row of the table, and is where
-- statistics say that the table is empty: 300 sessions that began at once took eleven seconds.

CREATE OR REPLACE FUNCTION forge.usage_key() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    scoped text := CASE WHEN TG_OP = 'DELETE' THEN OLD.scope ELSE NEW.scope END;
    n      bigint := CASE WHEN TG_OP = 'DELETE' THEN -1 ELSE 1 END;
    kept   bigint;
BEGIN
    INSERT INTO forge.usage AS g (user_id, keys) SELECT u.id, n FROM forge.users u WHERE u.id = substr(scoped, 6)::bigint
        ON CONFLICT (user_id) DO UPDATE SET keys = g.keys + n RETURNING keys INTO kept;
    IF n > 0 AND kept > 10000 THEN
        DELETE FROM forge.idempotency_keys k WHERE k.scope = scoped AND k.key = ANY (ARRAY(
            SELECT o.key FROM forge.idempotency_keys o WHERE o.scope = scoped AND o.status IS NOT NULL
            ORDER BY o.created_at LIMIT 1000));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION forge.sessions_limit() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'too_many' WHERE s.id = ANY (ARRAY(
        SELECT o.id FROM forge.sessions o WHERE o.user_id = NEW.user_id AND o.revoked_at IS NULL AND o.expires_at > now()
        ORDER BY o.id DESC OFFSET 200));
    DELETE FROM forge.sessions s WHERE s.id = ANY (ARRAY(
        SELECT o.id FROM forge.sessions o WHERE o.user_id = NEW.user_id AND (o.revoked_at IS NOT NULL OR o.expires_at <= now())
        ORDER BY o.id DESC OFFSET 200));
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION forge.refresh_tokens_limit() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM forge.refresh_tokens t WHERE t.session_id = NEW.session_id AND t.used_at IS NOT NULL AND t.id = ANY (ARRAY(
        SELECT o.id FROM forge.refresh_tokens o WHERE o.session_id = NEW.session_id ORDER BY o.id DESC OFFSET 1000));
    RETURN NULL;
END $$;
