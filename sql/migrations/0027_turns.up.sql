-- SPDX-License-Identifier: Apache-2.0
-- Whoever writes progress locks from above, as a course that is deleted takes away what is in it: first the course, then its lesson or
-- exercise, then the account, and then the progress itself. Whoever deletes a module, a lesson or an exercise holds its course before.

CREATE OR REPLACE FUNCTION forge.turn_of_progress() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'progress is written in READ COMMITTED transactions only' USING ERRCODE = 'invalid_transaction_state';
    END IF;
    PERFORM FROM forge.courses c WHERE c.id = NEW.course_id FOR KEY SHARE;
    PERFORM FROM forge.lessons l WHERE l.id = NEW.lesson_id FOR KEY SHARE;
    PERFORM FROM forge.exercises e WHERE e.id = NEW.exercise_id FOR KEY SHARE;
    PERFORM FROM forge.users u WHERE u.id = NEW.user_id FOR NO KEY UPDATE;
    RETURN NEW;
END $$;

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
