-- SPDX-License-Identifier: Apache-2.0
-- The audit log: who did what to whom, from where (SPEC 3). Rows are added and never changed.

CREATE TABLE forge.audit_events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    event      text NOT NULL,
    actor_id   bigint,                                      -- no foreign keys: the log outlives the accounts it speaks of
    subject_id bigint,
    ip         inet,
    request_id text,
    detail     jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT audit_events_event_form        CHECK (event ~ '^[a-z][a-z0-9_]*([.][a-z0-9_]+)+$' AND char_length(event) <= 64),
    CONSTRAINT audit_events_request_id_length CHECK (char_length(request_id) <= 128),
    CONSTRAINT audit_events_detail_form       CHECK (jsonb_typeof(detail) = 'object' AND octet_length(detail::text) <= 16384)
);
CREATE INDEX audit_events_at ON forge.audit_events (at);
CREATE INDEX audit_events_event ON forge.audit_events (event, id);
CREATE INDEX audit_events_actor_id ON forge.audit_events (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_events_subject_id ON forge.audit_events (subject_id, id) WHERE subject_id IS NOT NULL;

-- The one way past it is retention: the owner of the table, having said SET LOCAL forge.retention = 'on'.
CREATE FUNCTION forge.audit_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF coalesce(current_setting('forge.retention', true), '') = 'on'
       AND pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION 'forge.audit_events is append-only: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'for retention, the owner runs SET LOCAL forge.retention = ''on'' first';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON forge.audit_events FOR EACH ROW EXECUTE FUNCTION forge.audit_append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON forge.audit_events FOR EACH STATEMENT EXECUTE FUNCTION forge.audit_append_only();

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
INSERT INTO forge.app_rights VALUES ('audit_events', '{SELECT,INSERT}');
