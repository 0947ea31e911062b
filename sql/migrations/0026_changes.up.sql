-- SPDX-License-Identifier: Apache-2.0
-- Who keeps public answers in memory hears of every change of what they are made of (SPEC 21): other nodes on channel forge_events
-- ("c:courses"), the session that writes by a notice, before its statement ends. Both name a topic, never a row.

CREATE FUNCTION forge.changed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_notify('forge_events', 'c:' || TG_ARGV[0]);
    IF current_setting('forge.session', true) <> '' THEN
        RAISE NOTICE USING MESSAGE = TG_ARGV[0], ERRCODE = 'FGC01';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.changed() IS 'AFTER a table of the named topic was written: tells all nodes, and the session that wrote';

DO $$
DECLARE
    topic text[];
BEGIN
    FOREACH topic SLICE 1 IN ARRAY ARRAY[['courses', 'courses'], ['modules', 'content'], ['lessons', 'content'],
        ['prerequisites', 'content'], ['exercises', 'exercises'], ['achievements', 'achievements']]
    LOOP
        EXECUTE format('CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON forge.%I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION forge.changed(%L)', topic[1], topic[2]);
    END LOOP;
END $$;

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
