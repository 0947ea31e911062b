-- SPDX-License-Identifier: Apache-2.0
-- What one account may leave behind is bounded: rows and bytes by a quota, sessions and kept answers by number (SPEC 14).

-- The names of an account are guessed at one by one, so that a lock of one does not tell what the other is.
ALTER TABLE forge.login_failures
    DROP CONSTRAINT login_failures_subject_form,
    ADD CONSTRAINT login_failures_subject_form CHECK (
        subject ~ '^(user:[1-9][0-9]{0,18}(:email|:name)?|name:[0-9a-f]{64})$');
UPDATE forge.personal SET whose = $$t.subject IN ('user:' || u.id, 'user:' || u.id || ':email', 'user:' || u.id || ':name')$$
    WHERE relation = 'login_failures';

-- Who made it, and so whose quota it counts in. Rows from before are nobody's.
ALTER TABLE forge.organizations ADD COLUMN created_by bigint REFERENCES forge.users ON DELETE SET NULL;
CREATE INDEX organizations_created_by ON forge.organizations (created_by) WHERE created_by IS NOT NULL;

-- What an account has stored. Only the triggers below write it.
CREATE TABLE forge.usage (
    user_id bigint PRIMARY KEY REFERENCES forge.users ON DELETE CASCADE,
    rows    bigint NOT NULL DEFAULT 0,
    bytes   bigint NOT NULL DEFAULT 0,
    keys    bigint NOT NULL DEFAULT 0,                      -- answers kept under an Idempotency-Key
    day     date NOT NULL DEFAULT current_date,             -- of `events`
    events  bigint NOT NULL DEFAULT 0,                      -- audit events of that day that tell of something made
    CONSTRAINT usage_counts CHECK (events >= 0)
) WITH (fillfactor = 70);
COMMENT ON TABLE forge.usage IS 'what each account has stored; kept by triggers, judged by forge.user_quota';

-- The connection says how much is allowed, as "rows bytes" in the setting forge.user_quota; without it (psql, forgectl)
-- there is no bound. Administrators have none either. The row of the account is locked until the commit, so that
-- requests at once cannot exceed it together.
CREATE FUNCTION forge.usage_judge() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    quota text := coalesce(current_setting('forge.user_quota', true), '');
    most  bigint;
BEGIN
    IF quota = '' THEN
        RETURN NULL;
    END IF;
    most := split_part(quota, ' ', 1)::bigint;
    IF (TG_OP = 'INSERT' AND NEW.rows <= most AND NEW.bytes <= split_part(quota, ' ', 2)::bigint)
       OR (TG_OP = 'UPDATE' AND (NEW.rows <= OLD.rows OR NEW.rows <= most) AND (NEW.events <= OLD.events OR NEW.events <= most)
           AND (NEW.bytes <= OLD.bytes OR NEW.bytes <= split_part(quota, ' ', 2)::bigint)) THEN
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM forge.users u WHERE u.id = NEW.user_id AND u.role = 'admin') THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'account % has stored as much as it may', NEW.user_id
        USING ERRCODE = 'FG002', SCHEMA = 'forge', TABLE = 'usage', CONSTRAINT = 'usage_quota';
END $$;
COMMENT ON FUNCTION forge.usage_judge() IS 'AFTER more was counted: refuses what exceeds forge.user_quota';
CREATE TRIGGER judged AFTER INSERT OR UPDATE ON forge.usage FOR EACH ROW EXECUTE FUNCTION forge.usage_judge();

-- Rows of somebody's: the arguments are the column with the account, then the texts whose bytes count. Once a statement, so that
-- many rows cost little more than one.
CREATE FUNCTION forge.usage_count() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    texts   text := (SELECT string_agg(format('coalesce(octet_length(x.%I), 0)', a), ' + ') FROM unnest(TG_ARGV[1:]) a);
    part    text := 'SELECT x.%I AS account, %s AS n, %s * (%s) AS size FROM %s x';
    came    text := format(part, TG_ARGV[0], '1', '1', texts, 'came');
    went    text := format(part, TG_ARGV[0], '-1', '-1', texts, 'went');
    account bigint;
    n       bigint;
    size    bigint;
BEGIN
    FOR account, n, size IN EXECUTE format(
        'SELECT s.account, sum(s.n), sum(s.size) FROM (%s) s WHERE s.account IS NOT NULL GROUP BY 1 ORDER BY 1',
        CASE TG_OP WHEN 'INSERT' THEN came WHEN 'DELETE' THEN went ELSE came || ' UNION ALL ' || went END)
    LOOP
        CONTINUE WHEN n = 0 AND size = 0;
        INSERT INTO forge.usage AS g (user_id, rows, bytes) SELECT u.id, n, size FROM forge.users u WHERE u.id = account
            ON CONFLICT (user_id) DO UPDATE SET rows = g.rows + n, bytes = g.bytes + size;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.usage_count() IS 'AFTER rows of somebody came, changed or went';

CREATE TRIGGER counted AFTER INSERT ON forge.courses REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('instructor_id', 'title', 'description');
CREATE TRIGGER recounted AFTER UPDATE ON forge.courses REFERENCING NEW TABLE AS came OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('instructor_id', 'title', 'description');
CREATE TRIGGER uncounted AFTER DELETE ON forge.courses REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('instructor_id', 'title', 'description');
CREATE TRIGGER counted AFTER INSERT ON forge.organizations REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('created_by', 'name', 'slug');
CREATE TRIGGER recounted AFTER UPDATE ON forge.organizations REFERENCING NEW TABLE AS came OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('created_by', 'name', 'slug');
CREATE TRIGGER uncounted AFTER DELETE ON forge.organizations REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('created_by', 'name', 'slug');
CREATE TRIGGER counted AFTER INSERT ON forge.achievements REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('created_by', 'name', 'description', 'icon');
CREATE TRIGGER recounted AFTER UPDATE ON forge.achievements REFERENCING NEW TABLE AS came OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('created_by', 'name', 'description', 'icon');
CREATE TRIGGER uncounted AFTER DELETE ON forge.achievements REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('created_by', 'name', 'description', 'icon');
CREATE TRIGGER counted AFTER INSERT ON forge.invitations REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('invited_by', 'email', 'email_key');
CREATE TRIGGER recounted AFTER UPDATE ON forge.invitations REFERENCING NEW TABLE AS came OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('invited_by', 'email', 'email_key');
CREATE TRIGGER uncounted AFTER DELETE ON forge.invitations REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('invited_by', 'email', 'email_key');

-- The log is never cut, so that what fills it is: events of things made, by the account that makes them, as many a day as it
-- may have rows. What protects an account (logins, passwords, ends of sessions) and what takes away is never refused.
CREATE FUNCTION forge.usage_event() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO forge.usage AS g (user_id, events) SELECT u.id, 1 FROM forge.users u WHERE u.id = NEW.actor_id
        ON CONFLICT (user_id) DO UPDATE SET day = current_date,
            events = CASE WHEN g.day = current_date THEN g.events ELSE 0 END + 1;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.usage_event() IS 'AFTER an audit event that tells of something made';
CREATE TRIGGER counted AFTER INSERT ON forge.audit_events FOR EACH ROW
    WHEN (NEW.actor_id IS NOT NULL AND NEW.event ~ '^(organization|member|invitation|enrollment|course|achievement|api_key)[.]'
          AND NEW.event !~ '[.](deleted|removed|left|revoked)$')
    EXECUTE FUNCTION forge.usage_event();

-- Answers under an Idempotency-Key: the last 10 000 of an account; the oldest go first, a tenth at a time.
CREATE INDEX idempotency_keys_scope ON forge.idempotency_keys (scope, created_at);
CREATE FUNCTION forge.usage_key() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    scoped text := CASE WHEN TG_OP = 'DELETE' THEN OLD.scope ELSE NEW.scope END;
    n      bigint := CASE WHEN TG_OP = 'DELETE' THEN -1 ELSE 1 END;
    kept   bigint;
BEGIN
    INSERT INTO forge.usage AS g (user_id, keys) SELECT u.id, n FROM forge.users u WHERE u.id = substr(scoped, 6)::bigint
        ON CONFLICT (user_id) DO UPDATE SET keys = g.keys + n RETURNING keys INTO kept;
    IF n > 0 AND kept > 10000 THEN
        DELETE FROM forge.idempotency_keys k WHERE k.scope = scoped AND k.key IN (
            SELECT o.key FROM forge.idempotency_keys o WHERE o.scope = scoped AND o.status IS NOT NULL
            ORDER BY o.created_at LIMIT 1000);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.usage_key() IS 'AFTER a key of an account came or went: not too many are kept';
CREATE TRIGGER counted AFTER INSERT ON forge.idempotency_keys FOR EACH ROW
    WHEN (NEW.scope ~ '^user:[0-9]{1,18}$') EXECUTE FUNCTION forge.usage_key();
CREATE TRIGGER uncounted AFTER DELETE ON forge.idempotency_keys FOR EACH ROW
    WHEN (OLD.scope ~ '^user:[0-9]{1,18}$') EXECUTE FUNCTION forge.usage_key();

-- An account has at most 200 sessions that live, and as many that have ended: the oldest give way to a new one. A spent refresh
-- token is known as long as it is among the last 1000 of its session, which is looked at now and then.
CREATE FUNCTION forge.sessions_limit() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    UPDATE forge.sessions s SET revoked_at = now(), revoke_reason = 'too_many' WHERE s.id IN (
        SELECT o.id FROM forge.sessions o WHERE o.user_id = NEW.user_id AND o.revoked_at IS NULL AND o.expires_at > now()
        ORDER BY o.id DESC OFFSET 200);
    DELETE FROM forge.sessions s WHERE s.id IN (
        SELECT o.id FROM forge.sessions o WHERE o.user_id = NEW.user_id AND (o.revoked_at IS NOT NULL OR o.expires_at <= now())
        ORDER BY o.id DESC OFFSET 200);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.sessions_limit() IS 'AFTER a session began: the oldest of its account end, and ended ones go';
CREATE TRIGGER at_most AFTER INSERT ON forge.sessions FOR EACH ROW EXECUTE FUNCTION forge.sessions_limit();

CREATE FUNCTION forge.refresh_tokens_limit() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    DELETE FROM forge.refresh_tokens t WHERE t.session_id = NEW.session_id AND t.used_at IS NOT NULL AND t.id IN (
        SELECT o.id FROM forge.refresh_tokens o WHERE o.session_id = NEW.session_id ORDER BY o.id DESC OFFSET 1000);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.refresh_tokens_limit() IS 'AFTER one token in a hundred: the oldest spent ones of its session go';
CREATE TRIGGER at_most AFTER INSERT ON forge.refresh_tokens FOR EACH ROW WHEN (NEW.id % 100 = 0)
    EXECUTE FUNCTION forge.refresh_tokens_limit();

-- What is there already counts.
INSERT INTO forge.usage (user_id, rows, bytes)
    SELECT account, count(*), sum(size) FROM (
        SELECT instructor_id AS account, octet_length(title) + octet_length(description) AS size FROM forge.courses
        UNION ALL SELECT invited_by, octet_length(email) + octet_length(email_key) FROM forge.invitations WHERE invited_by IS NOT NULL) had
    GROUP BY account;
INSERT INTO forge.usage AS g (user_id, keys)
    SELECT u.id, count(*) FROM forge.idempotency_keys k JOIN forge.users u ON k.scope = 'user:' || u.id GROUP BY u.id
    ON CONFLICT (user_id) DO UPDATE SET keys = excluded.keys;

INSERT INTO forge.personal (relation, account_column, whose, on_erase, erase_only, erase_set, export_as, export_select, reason) VALUES
    ('usage', 'user_id', NULL, 'keep', NULL, NULL, NULL, NULL, 'counts of what is left, which name nobody once the account does not'),
    ('organizations', 'created_by', NULL, 'keep', NULL, NULL, NULL, NULL, 'whose quota it counts in; its members need it');

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
INSERT INTO forge.app_rights VALUES ('usage', '{SELECT,INSERT,UPDATE}');
