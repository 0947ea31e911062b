-- SPDX-License-Identifier: Apache-2.0
-- Functions look up no name among temporary ones; the figures of learners are right after rejudging, enrolling at once and deleting an
-- exercise; handing in an assignment earns what its day does; the export shows of a course what its owner may see.

-- --- names are never looked up among the temporary ones of a session ---

-- Where a search path does not name pg_temp, PostgreSQL looks there first for types and tables, also for functions that run with the
-- rights of the owner: those that say so, and triggers of rows that a foreign key takes along.
CREATE OR REPLACE FUNCTION forge.file_object() RETURNS oid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    object pg_catalog.oid := pg_catalog.lo_create(0);
BEGIN
    EXECUTE format('GRANT SELECT, UPDATE ON LARGE OBJECT %s TO %I', object, session_user);
    RETURN object;
END $$;

-- --- rejudging is no learning ---

-- Whoever hands in a program inserts a submission; one that is judged later is updated. Until the end of the transaction progress is not
-- an account's own doing.
CREATE FUNCTION forge.submission_judged_anew() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('forge.judged_anew', 'on', true);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION forge.submission_judged_anew() IS 'BEFORE a submission is judged again: its progress is no learning of today';
CREATE TRIGGER judged_anew BEFORE UPDATE OF judged_at ON forge.exercise_submissions
    FOR EACH ROW EXECUTE FUNCTION forge.submission_judged_anew();

-- As before; and what judging again does not better stays as it is.
CREATE OR REPLACE FUNCTION forge.progress_monotone() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.course_id := CASE WHEN NEW.lesson_id IS NOT NULL THEN (SELECT l.course_id FROM forge.lessons l WHERE l.id = NEW.lesson_id)
                              ELSE (SELECT e.course_id FROM forge.exercises e WHERE e.id = NEW.exercise_id) END;
    ELSE
        NEW.course_id := OLD.course_id;
        NEW.status := CASE WHEN OLD.status = 'completed' THEN 'completed' ELSE NEW.status END;
        NEW.score := greatest(OLD.score, NEW.score);
        IF current_setting('forge.judged_anew', true) = 'on'
            AND (NEW.status, NEW.score, NEW.data) IS NOT DISTINCT FROM (OLD.status, OLD.score, OLD.data) THEN
            RETURN NULL;
        END IF;
    END IF;
    NEW.completed_at := CASE WHEN NEW.status <> 'completed' THEN NULL WHEN TG_OP = 'UPDATE' AND OLD.completed_at IS NOT NULL
                             THEN OLD.completed_at ELSE coalesce(NEW.completed_at, now()) END;
    RETURN NEW;
END $$;

-- As before; judging again changes the score alone.
CREATE OR REPLACE FUNCTION forge.progress_learned() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    learns boolean := current_setting('forge.judged_anew', true) IS DISTINCT FROM 'on';
BEGIN
    IF learns THEN
        INSERT INTO forge.learning_days (user_id, day)
            SELECT u.id, forge.local_day(now(), u.timezone) FROM forge.users u WHERE u.id = NEW.user_id ON CONFLICT DO NOTHING;
    END IF;
    UPDATE forge.learners l SET last_active_at = CASE WHEN learns THEN greatest(l.last_active_at, now()) ELSE l.last_active_at END,
        score = (SELECT round(avg(p.score)) FROM forge.progress p
                 WHERE p.course_id = NEW.course_id AND p.user_id = NEW.user_id AND p.exercise_id IS NOT NULL)
        WHERE l.course_id = NEW.course_id AND l.user_id = NEW.user_id;
    RETURN NULL;
END $$;

-- --- handing in an assignment earns what the day does ---

CREATE OR REPLACE FUNCTION forge.submission_learned() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM forge.users u WHERE u.id = NEW.user_id FOR NO KEY UPDATE;
    INSERT INTO forge.learning_days (user_id, day)
        SELECT u.id, forge.local_day(now(), u.timezone) FROM forge.users u WHERE u.id = NEW.user_id ON CONFLICT DO NOTHING;
    UPDATE forge.learners l SET last_active_at = greatest(l.last_active_at, now()) FROM forge.assignments a
        WHERE a.id = NEW.assignment_id AND l.course_id = a.course_id AND l.user_id = NEW.user_id;
    PERFORM forge.award(ARRAY[NEW.user_id]);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.submission_learned() IS 'AFTER an assignment was handed in: the day, what it earns, and the learner is active';

-- --- figures of learners ---

-- Whoever enrols and whoever writes progress of one account take turns, so that the second sees what the first has written. The account
-- is locked by a statement of its own: the next one reads what was committed while it waited.
CREATE OR REPLACE FUNCTION forge.enrollments_learner() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM forge.users u WHERE u.id = NEW.user_id FOR NO KEY UPDATE;
    INSERT INTO forge.learners (course_id, user_id, last_active_at, score)
        SELECT NEW.course_id, NEW.user_id, max(p.updated_at) FILTER (WHERE p.status <> 'not_started'),
               round(avg(p.score) FILTER (WHERE p.exercise_id IS NOT NULL))
        FROM forge.progress p WHERE p.course_id = NEW.course_id AND p.user_id = NEW.user_id;
    RETURN NULL;
END $$;

-- What goes with its exercise counts no more. Courses and accounts that go themselves need no figures: no row of theirs is found.
CREATE FUNCTION forge.progress_gone() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    courses bigint[] := ARRAY(SELECT DISTINCT w.course_id FROM went w JOIN forge.users u ON u.id = w.user_id
        WHERE w.exercise_id IS NOT NULL AND w.score IS NOT NULL AND w.course_id IS NOT NULL);
BEGIN
    -- The statement after this one sees what those have written who learned in the course meanwhile.
    PERFORM FROM forge.courses c WHERE c.id = ANY (courses) ORDER BY c.id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE forge.learners l SET score = (
            SELECT round(avg(p.score)) FROM forge.progress p
            WHERE p.course_id = l.course_id AND p.user_id = l.user_id AND p.exercise_id IS NOT NULL)
        FROM (SELECT DISTINCT w.course_id, w.user_id FROM went w WHERE w.exercise_id IS NOT NULL AND w.score IS NOT NULL) s
        WHERE l.course_id = s.course_id AND l.user_id = s.user_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.progress_gone() IS 'AFTER progress went with its exercise: the scores of the learners';
CREATE TRIGGER gone AFTER DELETE ON forge.progress REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.progress_gone();

-- What was lost before.
UPDATE forge.learners l SET score = n.score, last_active_at = coalesce(l.last_active_at, n.active)
    FROM (SELECT g.course_id, g.user_id, round(avg(p.score) FILTER (WHERE p.exercise_id IS NOT NULL)) AS score,
                 max(p.updated_at) FILTER (WHERE p.status <> 'not_started') AS active
          FROM forge.learners g LEFT JOIN forge.progress p ON p.course_id = g.course_id AND p.user_id = g.user_id
          GROUP BY g.course_id, g.user_id) n
    WHERE n.course_id = l.course_id AND n.user_id = l.user_id
        AND (l.score IS DISTINCT FROM n.score OR (l.last_active_at IS NULL AND n.active IS NOT NULL));

-- --- the export shows of a course what its owner may see ---

-- Whoever has left an organisation sees nothing of its courses any more but that they took part, and when. Inlined, so without a setting.
CREATE FUNCTION forge.course_told(organization bigint, account bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT $1 IS NULL OR EXISTS (SELECT FROM forge.memberships m WHERE m.organization_id = $1 AND m.user_id = $2) $$;
COMMENT ON FUNCTION forge.course_told(bigint, bigint) IS 'whether the export of an account shows the words of a course';
INSERT INTO forge.app_rights VALUES ('course_told', '{EXECUTE}');

UPDATE forge.personal SET export_select = $$
        SELECT c.id, CASE WHEN k.told THEN c.title END AS title, CASE WHEN k.told THEN c.status END AS status,
               forge.instant(c.created_at) AS created_at, forge.instant(c.updated_at) AS updated_at
        FROM forge.courses c, forge.course_told(c.organization_id, $1) k(told) WHERE c.instructor_id = $1 ORDER BY c.id $$
    WHERE relation = 'courses' AND account_column = 'instructor_id';
UPDATE forge.personal SET export_select = $$
        SELECT e.course_id, CASE WHEN forge.course_told(c.organization_id, $1) THEN c.title END AS title,
               forge.instant(e.enrolled_at) AS enrolled_at
        FROM forge.enrollments e JOIN forge.courses c ON c.id = e.course_id WHERE e.user_id = $1 ORDER BY c.id $$
    WHERE relation = 'enrollments' AND account_column = 'user_id';
UPDATE forge.personal SET export_select = $$
        SELECT d.course_id, CASE WHEN forge.course_told(c.organization_id, $1) THEN c.title END AS title,
               forge.instant(d.completed_at) AS completed_at
        FROM forge.course_completions d JOIN forge.courses c ON c.id = d.course_id WHERE d.user_id = $1 ORDER BY c.id $$
    WHERE relation = 'course_completions' AND account_column = 'user_id';
-- What one has written oneself, and others may have changed since.
UPDATE forge.personal p SET export_select = format($$
        SELECT x.id, x.course_id, CASE WHEN k.told THEN x.title END AS title, CASE WHEN k.told THEN x.%1$I END AS %1$I,
               forge.instant(x.created_at) AS created_at
        FROM forge.%2$I x LEFT JOIN forge.courses c ON c.id = x.course_id, forge.course_told(c.organization_id, $1) k(told)
        WHERE x.%3$I = $1 ORDER BY x.id $$, w.words, p.relation, p.account_column)
    FROM (VALUES ('lessons', 'created_by', 'content'), ('assignments', 'created_by', 'description'), ('exercises', 'author_id', 'instructions'))
        AS w(relation, account_column, words)
    WHERE p.relation = w.relation::name AND p.account_column = w.account_column::name;

-- --- all functions of before ---

-- Those in plain SQL without a setting are inlined, and name all that they use in full.
DO $$
DECLARE
    routine regprocedure;
BEGIN
    FOR routine IN SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'forge'::regnamespace AND (p.proconfig = '{search_path=pg_catalog}' OR p.proname = 'job_told') ORDER BY p.oid
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', routine);
    END LOOP;
END $$;

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
