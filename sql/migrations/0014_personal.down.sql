-- SPDX-License-Identifier: Apache-2.0
-- Takes the table of what is personal away again, and the rights to call functions.

DELETE FROM forge.app_rights WHERE relation IN ('personal', 'instant', 'erase_accounts', 'export_account');
DROP FUNCTION forge.export_account(bigint);
DROP FUNCTION forge.erase_accounts(bigint[]);
DROP FUNCTION forge.instant(timestamptz);
DROP TABLE forge.personal;
ALTER TABLE forge.app_rights
    DROP CONSTRAINT app_rights_rights_known,
    ADD CONSTRAINT app_rights_rights_known CHECK (
        rights <@ ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] AND cardinality(rights) > 0);
COMMENT ON TABLE forge.app_rights IS 'rights of the application role, table by table; see forge.grant_app()';
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
        EXECUTE format('GRANT %s ON forge.%I TO %I', entry.rights, entry.relation, app);
    END LOOP;
END $$;
