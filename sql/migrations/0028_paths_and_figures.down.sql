-- SPDX-License-Identifier: Apache-2.0
-- All as before 0028. Figures that were mended stay.

DROP TRIGGER gone ON forge.progress;
DROP FUNCTION forge.progress_gone();
DROP TRIGGER judged_anew ON forge.exercise_submissions;
DROP FUNCTION forge.submission_judged_anew();

CREATE OR REPLACE FUNCTION forge.progress_monotone() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.course_id := CASE WHEN NEW.lesson_id IS NOT NULL THEN (SELECT l.course_id FROM forge.lessons l WHERE l.id = NEW.lesson_id)
                              ELSE (SELECT e.course_id FROM forge.exercises e WHERE e.id = NEW.exercise_id) END;
    ELSE
        NEW.course_id := OLD.course_id;
        NEW.status := CASE WHEN OLD.status = 'completed' THEN 'completed' ELSE NEW.status END;
        NEW.score := greatest(OLD.score, NEW.score);
    END IF;
    NEW.completed_at := CASE WHEN NEW.status <> 'completed' THEN NULL WHEN TG_OP = 'UPDATE' AND OLD.completed_at IS NOT NULL
                             THEN OLD.completed_at ELSE coalesce(NEW.completed_at, now()) END;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION forge.progress_learned() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO forge.learning_days (user_id, day)
        SELECT u.id, forge.local_day(now(), u.timezone) FROM forge.users u WHERE u.id = NEW.user_id ON CONFLICT DO NOTHING;
    UPDATE forge.learners l SET last_active_at = greatest(l.last_active_at, now()), score = (
            SELECT round(avg(p.score)) FROM forge.progress p
            WHERE p.course_id = NEW.course_id AND p.user_id = NEW.user_id AND p.exercise_id IS NOT NULL)
        WHERE l.course_id = NEW.course_id AND l.user_id = NEW.user_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION forge.submission_learned() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO forge.learning_days (user_id, day)
        SELECT u.id, forge.local_day(now(), u.timezone) FROM forge.users u WHERE u.id = NEW.user_id ON CONFLICT DO NOTHING;
    UPDATE forge.learners l SET last_active_at = greatest(l.last_active_at, now()) FROM forge.assignments a
        WHERE a.id = NEW.assignment_id AND l.course_id = a.course_id AND l.user_id = NEW.user_id;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION forge.submission_learned() IS 'AFTER an assignment was handed in: the day, and the learner is active';

CREATE OR REPLACE FUNCTION forge.enrollments_learner() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO forge.learners (course_id, user_id, last_active_at, score)
        SELECT NEW.course_id, NEW.user_id, max(p.updated_at) FILTER (WHERE p.status <> 'not_started'),
               round(avg(p.score) FILTER (WHERE p.exercise_id IS NOT NULL))
        FROM forge.progress p WHERE p.course_id = NEW.course_id AND p.user_id = NEW.user_id;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION forge.file_object() RETURNS oid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    object oid := lo_create(0);
BEGIN
    EXECUTE format('GRANT SELECT, UPDATE ON LARGE OBJECT %s TO %I', object, session_user);
    RETURN object;
END $$;

UPDATE forge.personal SET export_select = $$
        SELECT id, title, status, forge.instant(created_at) AS created_at, forge.instant(updated_at) AS updated_at
        FROM forge.courses WHERE instructor_id = $1 ORDER BY id $$
    WHERE relation = 'courses' AND account_column = 'instructor_id';
UPDATE forge.personal SET export_select = $$
        SELECT e.course_id, n.title, forge.instant(e.enrolled_at) AS enrolled_at
        FROM forge.enrollments e JOIN forge.courses n ON n.id = e.course_id WHERE e.user_id = $1 ORDER BY n.id $$
    WHERE relation = 'enrollments' AND account_column = 'user_id';
UPDATE forge.personal SET export_select = $$
        SELECT d.course_id, n.title, forge.instant(d.completed_at) AS completed_at
        FROM forge.course_completions d JOIN forge.courses n ON n.id = d.course_id WHERE d.user_id = $1 ORDER BY n.id $$
    WHERE relation = 'course_completions' AND account_column = 'user_id';
UPDATE forge.personal SET export_select = $$
        SELECT id, course_id, title, content, forge.instant(created_at) AS created_at
        FROM forge.lessons WHERE created_by = $1 ORDER BY id $$
    WHERE relation = 'lessons' AND account_column = 'created_by';
UPDATE forge.personal SET export_select = $$
        SELECT id, course_id, title, description, forge.instant(created_at) AS created_at
        FROM forge.assignments WHERE created_by = $1 ORDER BY id $$
    WHERE relation = 'assignments' AND account_column = 'created_by';
UPDATE forge.personal SET export_select = $$
        SELECT id, course_id, title, instructions, forge.instant(created_at) AS created_at
        FROM forge.exercises WHERE author_id = $1 ORDER BY id $$
    WHERE relation = 'exercises' AND account_column = 'author_id';

DELETE FROM forge.app_rights WHERE relation = 'course_told';
DROP FUNCTION forge.course_told(bigint, bigint);

DO $$
DECLARE
    routine regprocedure;
BEGIN
    FOR routine IN SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'forge'::regnamespace AND p.proconfig = '{"search_path=pg_catalog, pg_temp"}' ORDER BY p.oid
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog', routine);
    END LOOP;
END $$;
ALTER FUNCTION forge.job_told() RESET search_path;
