-- SPDX-License-Identifier: Apache-2.0
-- Progress is locked from below again: lesson or exercise, course, account.

CREATE OR REPLACE FUNCTION forge.turn_of_progress() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'progress is written in READ COMMITTED transactions only' USING ERRCODE = 'invalid_transaction_state';
    END IF;
    PERFORM FROM forge.lessons l WHERE l.id = NEW.lesson_id FOR KEY SHARE;
    PERFORM FROM forge.exercises e WHERE e.id = NEW.exercise_id FOR KEY SHARE;
    PERFORM FROM forge.courses c WHERE c.id = NEW.course_id FOR KEY SHARE;
    PERFORM FROM forge.users u WHERE u.id = NEW.user_id FOR NO KEY UPDATE;
    RETURN NEW;
END $$;
