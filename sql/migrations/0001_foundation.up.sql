-- SPDX-License-Identifier: Apache-2.0
-- The ground every later migration stands on: the schema, the row-version trigger, and the rights of the application role.

CREATE SCHEMA IF NOT EXISTS forge;
COMMENT ON SCHEMA forge IS 'mod_forge';
REVOKE ALL ON SCHEMA forge FROM PUBLIC;

-- version and updated_at of every table that has them: bumped by each UPDATE, whoever runs it and whatever it says.
CREATE FUNCTION forge.touch() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.created_at := OLD.created_at;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION forge.touch() IS 'BEFORE UPDATE: version + 1, updated_at now, created_at as it was';

-- What the application role may do, one row a table. A migration that adds a table adds its row; forge.grant_app() carries the rows out.
CREATE TABLE forge.app_rights (
    relation name PRIMARY KEY,
    rights   text[] NOT NULL,
    CONSTRAINT app_rights_rights_known CHECK (rights <@ ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] AND cardinality(rights) > 0)
);
COMMENT ON TABLE forge.app_rights IS 'rights of the application role, table by table; see forge.grant_app()';

INSERT INTO forge.app_rights VALUES
    ('migrations', '{SELECT}'),
    ('app_rights', '{SELECT}');

-- Gives a role exactly the rights of forge.app_rights and takes every other right in the schema away.
-- Refuses a role that could do more by itself: a superuser, the owner of the schema or a member of it, the owner of anything in the schema.
CREATE FUNCTION forge.grant_app(app text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
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
COMMENT ON FUNCTION forge.grant_app(text) IS 'gives a role the rights of forge.app_rights and no other';

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
