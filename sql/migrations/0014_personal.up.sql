-- SPDX-License-Identifier: Apache-2.0
-- What is personal is a table: erasure and export walk it, and know no other table by name (SPEC 4).

-- One row for each column that says whose a row is: every foreign key to forge.users, and what names an account in
-- another way. A migration that adds such a column adds its row here. The SQL in the rows is written by migrations alone
-- (the application may only read it) and runs with the rights of the caller. In it u is the account, t the row, and $1
-- the accounts that are erased.
CREATE TABLE forge.personal (
    number         integer GENERATED ALWAYS AS IDENTITY, -- order of erasure, and of the members of the export
    relation       name NOT NULL,
    account_column name NOT NULL,
    whose          text,          -- condition: t is a row of u; NULL: the column is the account's id
    on_erase       text NOT NULL,
    erase_only     text,          -- condition: other rows stay as they are
    erase_set      text,          -- what `update` sets
    export_as      name,          -- member of the export that shows it; NULL: none does
    export_select  text,          -- its rows, of account $1; NULL: another row has it, or the statement of the export
    reason         text,          -- why it stays, or why it is not shown
    PRIMARY KEY (relation, account_column),
    CONSTRAINT personal_number_unique   UNIQUE (number),
    CONSTRAINT personal_on_erase_known  CHECK (on_erase IN ('delete', 'update', 'keep')),
    CONSTRAINT personal_erase_agrees    CHECK ((on_erase = 'update') = (erase_set IS NOT NULL) AND
                                               (on_erase <> 'keep' OR erase_only IS NULL)),
    CONSTRAINT personal_export_agrees   CHECK (export_select IS NULL OR export_as IS NOT NULL),
    CONSTRAINT personal_has_reason      CHECK (reason IS NOT NULL OR (on_erase = 'delete' AND export_as IS NOT NULL))
);
CREATE UNIQUE INDEX personal_one_select ON forge.personal (export_as) WHERE export_select IS NOT NULL;
COMMENT ON TABLE forge.personal IS 'whose a row is, what erasure does with it, how the export shows it';

-- A time as the API writes it. Plain SQL without settings of its own, so that it is inlined.
CREATE FUNCTION forge.instant(at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.to_char(pg_catalog.timezone('UTC', at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;
COMMENT ON FUNCTION forge.instant(timestamptz) IS 'RFC 3339, in UTC';

-- Hashes, sealed secrets and digests are no data about a person: no select names them.
INSERT INTO forge.personal
    (relation, account_column, whose, on_erase, erase_only, erase_set, export_as, export_select, reason) VALUES
    ('sessions', 'user_id', NULL, 'delete', NULL, NULL, 'sessions', $$
        SELECT id, device_name, user_agent, host(ip) AS ip, amr, forge.instant(created_at) AS created_at,
               forge.instant(last_seen_at) AS last_seen_at, forge.instant(expires_at) AS expires_at,
               forge.instant(revoked_at) AS revoked_at, revoke_reason
        FROM forge.sessions WHERE user_id = $1 ORDER BY id $$, NULL),
    ('mfa_factors', 'user_id', NULL, 'delete', NULL, NULL, 'mfa_factors', $$
        SELECT id, kind, forge.instant(created_at) AS created_at, forge.instant(confirmed_at) AS confirmed_at
        FROM forge.mfa_factors WHERE user_id = $1 ORDER BY id $$, NULL),
    ('memberships', 'user_id', NULL, 'delete', $$ t.role <> 'owner' OR EXISTS (
        SELECT FROM forge.memberships o JOIN forge.users ou ON ou.id = o.user_id
        WHERE o.organization_id = t.organization_id AND o.role = 'owner' AND ou.is_active AND o.user_id <> ALL ($1)) $$, NULL, 'memberships', $$
        SELECT m.organization_id, o.name AS organization_name, m.role, forge.instant(m.joined_at) AS joined_at
        FROM forge.memberships m JOIN forge.organizations o ON o.id = m.organization_id
        WHERE m.user_id = $1 ORDER BY o.id $$,
        'the membership of a last owner stays, so that the organisation is not lost to whoever transfers it'),
    ('courses', 'instructor_id', NULL, 'keep', NULL, NULL, 'courses', $$
        SELECT id, title, status, forge.instant(created_at) AS created_at, forge.instant(updated_at) AS updated_at
        FROM forge.courses WHERE instructor_id = $1 ORDER BY id $$, 'others learn from it'),
    ('user_achievements', 'user_id', NULL, 'keep', NULL, NULL, 'achievements', $$
        SELECT a.achievement_id, n.name, forge.instant(a.awarded_at) AS awarded_at
        FROM forge.user_achievements a JOIN forge.achievements n ON n.id = a.achievement_id
        WHERE a.user_id = $1 ORDER BY n.id $$,
        'a count of awards, which names nobody once the account does not'),
    ('enrollments', 'user_id', NULL, 'keep', NULL, NULL, 'enrollments', $$
        SELECT e.course_id, n.title, forge.instant(e.enrolled_at) AS enrolled_at
        FROM forge.enrollments e JOIN forge.courses n ON n.id = e.course_id WHERE e.user_id = $1 ORDER BY n.id $$,
        'a count of participants, which names nobody once the account does not'),
    ('api_keys', 'user_id', NULL, 'delete', NULL, NULL, 'api_keys', $$
        SELECT id, name, prefix, scopes, forge.instant(created_at) AS created_at,
               forge.instant(expires_at) AS expires_at, forge.instant(last_used_at) AS last_used_at
        FROM forge.api_keys WHERE user_id = $1 ORDER BY id $$, NULL),
    ('one_time_tokens', 'user_id', NULL, 'delete', NULL, NULL, 'mail_links', $$
        SELECT kind, email, forge.instant(created_at) AS created_at, forge.instant(expires_at) AS expires_at,
               forge.instant(used_at) AS used_at
        FROM forge.one_time_tokens WHERE user_id = $1 ORDER BY kind $$, NULL),
    ('invitations', 'email_key', 't.email_key = u.email_key', 'delete', NULL, NULL, 'invitations', $$
        SELECT i.organization_id, i.email, i.role, i.state, forge.instant(i.created_at) AS created_at
        FROM forge.invitations i JOIN forge.users u ON u.id = $1
        WHERE i.email_key = u.email_key OR i.accepted_by = u.id ORDER BY i.id $$, NULL),
    ('invitations', 'accepted_by', NULL, 'keep', NULL, NULL, 'invitations', NULL,
        'the address is another one by now, and the number names nobody once the account does not'),
    ('invitations', 'invited_by', NULL, 'update', 't.state = ''pending''', 'state = ''revoked'', closed_at = now()',
        NULL, NULL, 'it is about the one who was invited; nobody who has gone still invites'),
    ('mfa_backup_codes', 'user_id', NULL, 'delete', NULL, NULL, 'backup_codes_left', NULL, NULL),
    ('login_challenges', 'user_id', NULL, 'delete', NULL, NULL, NULL, NULL, 'half a login, for minutes'),
    ('login_failures', 'subject', '''user:'' || u.id = t.subject', 'delete', NULL, NULL, NULL, NULL,
        'counters, for a day'),
    ('idempotency_keys', 'scope', '''user:'' || u.id = t.scope', 'delete', NULL, NULL, NULL, NULL,
        'answers that were given, for a day'),
    ('mail_outbox', 'user_id', NULL, 'delete', NULL, NULL, NULL, NULL, 'sealed, and on its way to its reader'),
    ('mail_outbox', 'recipient', 't.user_id IS NULL AND lower(t.recipient) = lower(u.email)', 'delete', NULL, NULL,
        NULL, NULL, 'sealed, and on its way to its reader'),
    ('user_achievements', 'awarded_by', NULL, 'keep', NULL, NULL, NULL, NULL, 'it is about the one who was awarded'),
    ('audit_events', 'actor_id', NULL, 'keep', NULL, NULL, 'audit_events', NULL, 'the log is append-only'),
    ('audit_events', 'subject_id', NULL, 'keep', NULL, NULL, 'audit_events', NULL, 'the log is append-only'),
    ('revocations', 'user_id', NULL, 'keep', NULL, NULL, NULL, NULL, 'a number that refuses old tokens, for a day');

-- Takes everything personal from accounts. However many there are, it is one statement for each row above that does not
-- keep, and one for the accounts themselves: they are last, for until then they say which address was theirs. What others
-- refer to stays. A hash of zeros is no password's.
CREATE FUNCTION forge.erase_accounts(accounts bigint[]) RETURNS TABLE (id bigint, epoch integer)
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    entry forge.personal;
BEGIN
    IF cardinality(accounts) = 0 THEN
        RETURN;
    END IF;
    FOR entry IN SELECT * FROM forge.personal WHERE on_erase <> 'keep' ORDER BY number LOOP
        EXECUTE format(CASE entry.on_erase WHEN 'delete' THEN 'DELETE FROM forge.%1$I t USING forge.users u'
                                           ELSE 'UPDATE forge.%1$I t SET %4$s FROM forge.users u' END
                       || ' WHERE u.id = ANY ($1) AND (%2$s) AND (%3$s)',
                       entry.relation, coalesce(entry.whose, format('t.%I = u.id', entry.account_column)),
                       coalesce(entry.erase_only, 'true'), entry.erase_set) USING accounts;
    END LOOP;
    RETURN QUERY UPDATE forge.users u SET
            email = 'deleted-' || u.id || '@invalid', email_key = 'deleted-' || u.id || '@invalid',
            username = 'deleted_' || u.id, full_name = NULL, bio = NULL, avatar_url = NULL, locale = NULL,
            timezone = NULL, password_hash = '{sha256}$2y$12$' || repeat('.', 53), email_verified = false,
            last_login_at = NULL, last_login_ip = NULL, is_active = false, erase_at = NULL, anonymized_at = now(),
            epoch = u.epoch + 1
        WHERE u.id = ANY (accounts) RETURNING u.id, u.epoch;
END $$;
COMMENT ON FUNCTION forge.erase_accounts(bigint[]) IS 'erases accounts as forge.personal says; gives their new epochs';

-- Everything that forge.personal knows to show of an account, one row a member, as the caller may see it.
CREATE FUNCTION forge.export_account(account bigint) RETURNS TABLE (number integer, member name, content json)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    entry forge.personal;
BEGIN
    FOR entry IN SELECT * FROM forge.personal WHERE export_select IS NOT NULL LOOP
        number := entry.number;
        member := entry.export_as;
        EXECUTE format('SELECT coalesce(json_agg(x), ''[]'') FROM (%s) x', entry.export_select)
            INTO content USING account;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION forge.export_account(bigint) IS 'rows of an account as forge.personal says';

-- Functions that the application calls are rights of their own.
ALTER TABLE forge.app_rights
    DROP CONSTRAINT app_rights_rights_known,
    ADD CONSTRAINT app_rights_rights_known CHECK (cardinality(rights) > 0 AND
        (rights <@ ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] OR rights = ARRAY['EXECUTE']));
COMMENT ON TABLE forge.app_rights IS
    'rights of the application role, table by table and function by function; see forge.grant_app()';
-- As before, and functions too.
CREATE OR REPLACE FUNCTION forge.grant_app(app text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    found_role pg_roles%ROWTYPE;
    owner      oid := (SELECT nspowner FROM pg_namespace WHERE nspname = 'forge');
    entry      record;
BEGIN
    SELECT * INTO found_role FROM pg_roles WHERE rolname = app;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'role "%" does not exist', app
            USING ERRCODE = 'undefined_object', HINT = format('create it first: CREATE ROLE %I LOGIN', app);
    END IF;
    IF found_role.rolsuper OR found_role.rolbypassrls OR found_role.rolcreaterole OR found_role.rolcreatedb THEN
        RAISE EXCEPTION 'role "%" is a superuser or may create roles or databases: it cannot be the application role', app
            USING ERRCODE = 'invalid_grant_operation', HINT = 'use a plain LOGIN role that owns nothing';
    END IF;
    IF pg_has_role(found_role.oid, owner, 'MEMBER') THEN
        RAISE EXCEPTION 'role "%" is the owner of schema forge or a member of it: it cannot be the application role', app
            USING ERRCODE = 'invalid_grant_operation', HINT = 'run migrations as one role and the application as another';
    END IF;
    IF EXISTS (SELECT FROM pg_class WHERE relnamespace = 'forge'::regnamespace AND relowner = found_role.oid) THEN
        RAISE EXCEPTION 'role "%" owns tables in schema forge: it cannot be the application role', app
            USING ERRCODE = 'invalid_grant_operation', HINT = format('REASSIGN OWNED BY %I TO the role that runs migrations', app);
    END IF;
    EXECUTE format('REVOKE ALL ON SCHEMA forge FROM %I', app);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA forge FROM %I', app);
    EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA forge FROM %I', app);
    EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM %I', app);
    EXECUTE format('GRANT USAGE ON SCHEMA forge TO %I', app);
    FOR entry IN SELECT relation, array_to_string(rights, ', ') AS rights FROM forge.app_rights ORDER BY relation LOOP
        EXECUTE format('GRANT %s ON %s forge.%I TO %I', entry.rights,
                       CASE entry.rights WHEN 'EXECUTE' THEN 'ROUTINE' ELSE 'TABLE' END, entry.relation, app);
    END LOOP;
END $$;

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
INSERT INTO forge.app_rights VALUES
    ('personal',       '{SELECT}'),
    ('instant',        '{EXECUTE}'),
    ('erase_accounts', '{EXECUTE}'),
    ('export_account', '{EXECUTE}');
