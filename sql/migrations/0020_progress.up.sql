-- SPDX-License-Identifier: Apache-2.0
-- What progress earns: courses are completed and achievements awarded in the transaction that earned them (SPEC 6, 7, 8).

-- --- points ---

CREATE FUNCTION forge.tests_points(tests jsonb) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT coalesce(sum((t ->> 'points')::integer), 0)::integer
    FROM jsonb_array_elements(CASE WHEN forge.is_tests(tests) THEN tests ELSE '[]' END) t
$$;
COMMENT ON FUNCTION forge.tests_points(jsonb) IS 'what all tests of an exercise give together';
ALTER TABLE forge.exercises ADD COLUMN points integer GENERATED ALWAYS AS (forge.tests_points(tests)) STORED;

-- --- what is to be done in a course ---

CREATE VIEW forge.course_items AS
    SELECT l.course_id, l.id AS lesson_id, NULL::bigint AS exercise_id
    FROM forge.lessons l JOIN forge.modules m ON m.id = l.module_id WHERE l.published AND m.published
    UNION ALL
    SELECT e.course_id, NULL, e.id FROM forge.exercises e WHERE e.published AND e.course_id IS NOT NULL;
COMMENT ON VIEW forge.course_items IS 'published lessons and exercises of each course: completed when all are';

-- Courses that these accounts have completed and were not known to have. Callers hold the locks of turn_of_progress(). Whoever completed
-- them now. A course in which nothing is published is not completed.
CREATE FUNCTION forge.complete_courses(courses bigint[], accounts bigint[]) RETURNS bigint[] LANGUAGE sql SET search_path = pg_catalog AS $$
    WITH made AS (
        INSERT INTO forge.course_completions (course_id, user_id)
            SELECT p.course_id, p.user_id FROM forge.progress p
            JOIN (SELECT i.course_id, count(*) AS n FROM forge.course_items i WHERE i.course_id = ANY (courses) GROUP BY i.course_id) t
                ON t.course_id = p.course_id
            LEFT JOIN forge.lessons l ON l.id = p.lesson_id
            LEFT JOIN forge.modules m ON m.id = l.module_id
            LEFT JOIN forge.exercises e ON e.id = p.exercise_id
            WHERE p.course_id = ANY (courses) AND p.user_id = ANY (accounts) AND p.status = 'completed'
                AND (e.published OR (l.published AND m.published))
                AND NOT EXISTS (SELECT FROM forge.course_completions d WHERE d.course_id = p.course_id AND d.user_id = p.user_id)
            GROUP BY p.course_id, p.user_id, t.n HAVING count(*) = t.n
            ON CONFLICT DO NOTHING RETURNING user_id)
    SELECT coalesce(array_agg(DISTINCT user_id), '{}') FROM made
$$;
COMMENT ON FUNCTION forge.complete_courses(bigint[], bigint[]) IS 'notes courses that these accounts have completed';

-- --- what rules count ---

-- Days in a row on which an account learned, up to today or yesterday by its clock: today is not over yet.
CREATE FUNCTION forge.streak_days(account bigint, at timestamptz) RETURNS integer LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT count(*)::integer FROM (
        SELECT d.day, max(d.day) OVER () AS last, row_number() OVER (ORDER BY d.day DESC) AS n
        FROM forge.learning_days d WHERE d.user_id = account) r
    WHERE r.day = r.last - (r.n - 1)::integer
        AND r.last >= forge.local_day(at, (SELECT u.timezone FROM forge.users u WHERE u.id = account)) - 1
$$;
COMMENT ON FUNCTION forge.streak_days(bigint, timestamptz) IS 'days in a row on which an account learned';

-- The figures of accounts, by event: in all courses together (course_id NULL) and in each. Points are those of the tests of exercises, by
-- the best score, and in the total those of achievements too. What rules count and what the summary shows is one and the same.
CREATE FUNCTION forge.figures(accounts bigint[]) RETURNS TABLE (user_id bigint, event text, course_id bigint, n bigint)
    LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT d.user_id, 'course_completed', d.course_id, count(*) FROM forge.course_completions d WHERE d.user_id = ANY (accounts)
        GROUP BY GROUPING SETS ((d.user_id), (d.user_id, d.course_id))
    UNION ALL
    SELECT p.user_id, 'exercise_completed', p.course_id, count(*) FROM forge.progress p
        WHERE p.user_id = ANY (accounts) AND p.exercise_id IS NOT NULL AND p.status = 'completed'
        GROUP BY GROUPING SETS ((p.user_id), (p.user_id, p.course_id)) HAVING grouping(p.course_id) = 1 OR p.course_id IS NOT NULL
    UNION ALL
    SELECT g.user_id, 'points', g.course_id, sum(g.points)::bigint FROM (
            SELECT p.user_id, p.course_id, round(e.points::numeric * p.score / 100) AS points
            FROM forge.progress p JOIN forge.exercises e ON e.id = p.exercise_id WHERE p.user_id = ANY (accounts) AND p.score > 0
            UNION ALL
            SELECT w.user_id, NULL, a.points FROM forge.user_achievements w JOIN forge.achievements a ON a.id = w.achievement_id
            WHERE w.user_id = ANY (accounts)) g
        GROUP BY GROUPING SETS ((g.user_id), (g.user_id, g.course_id)) HAVING grouping(g.course_id) = 1 OR g.course_id IS NOT NULL
    UNION ALL
    SELECT a, 'streak', NULL, forge.streak_days(a, now()) FROM unnest(accounts) a
$$;
COMMENT ON FUNCTION forge.figures(bigint[]) IS 'what rules of achievements count: (account, event, course or all, how often)';

-- --- awards ---

-- Awards what these accounts have earned by now, each once. The points of an award may earn another one: until nothing comes any more.
CREATE FUNCTION forge.award(accounts bigint[]) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF cardinality(accounts) = 0 OR NOT EXISTS (SELECT FROM forge.achievements a WHERE a.rule_event IS NOT NULL) THEN
        RETURN;
    END IF;
    LOOP
        -- Locked, so that an achievement that is being deleted is left out instead of failing who earned it.
        INSERT INTO forge.user_achievements (user_id, achievement_id)
            SELECT f.user_id, a.id FROM forge.figures(accounts) f
            JOIN forge.achievements a ON a.rule_event = f.event AND a.rule_course_id IS NOT DISTINCT FROM f.course_id AND a.rule_count <= f.n
            WHERE NOT EXISTS (SELECT FROM forge.user_achievements w WHERE w.user_id = f.user_id AND w.achievement_id = a.id)
            FOR KEY SHARE OF a
            ON CONFLICT DO NOTHING;
        EXIT WHEN NOT FOUND;
    END LOOP;
END $$;
COMMENT ON FUNCTION forge.award(bigint[]) IS 'awards the achievements whose rules these accounts meet';

-- Points of an award that somebody gives count too. Those that award() gives, it counts itself.
CREATE FUNCTION forge.user_achievements_given() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    accounts bigint[] := ARRAY(SELECT u.id FROM forge.users u WHERE u.id IN (SELECT c.user_id FROM came c) ORDER BY u.id FOR NO KEY UPDATE);
BEGIN
    PERFORM forge.award(accounts);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.user_achievements_given() IS 'AFTER INSERT by hand: its points may earn another one';
CREATE TRIGGER given AFTER INSERT ON forge.user_achievements REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION forge.user_achievements_given();

-- Completing a course once is all there is.
ALTER TABLE forge.achievements ADD CONSTRAINT achievements_rule_course_once
    CHECK (rule_event <> 'course_completed' OR rule_course_id IS NULL OR rule_count = 1);

-- --- progress earns ---

-- Two who write progress of one account take turns, so that the second sees what the first has completed; and so do they with whoever
-- takes lessons out of the course. The order is that in which lessons and exercises are deleted: first they, then the course (course_shrank),
-- then the account, and then the progress itself.
CREATE FUNCTION forge.turn_of_progress() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
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
COMMENT ON FUNCTION forge.turn_of_progress() IS 'BEFORE INSERT, also of one that turns into an update: locks what it is about and the account';
CREATE TRIGGER turn BEFORE INSERT ON forge.progress FOR EACH ROW EXECUTE FUNCTION forge.turn_of_progress();

-- After the days of learning were counted, which is done row by row. Taking the client's own data away, as erasure does, earns nothing.
CREATE FUNCTION forge.progress_earned() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    courses  bigint[];
    accounts bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        accounts := ARRAY(SELECT DISTINCT c.user_id FROM came c WHERE c.status <> 'not_started');
    ELSE
        accounts := ARRAY(SELECT DISTINCT c.user_id FROM came c JOIN went w ON w.id = c.id WHERE c.status <> 'not_started'
            AND (c.data IS NOT NULL OR w.data IS NULL OR (c.status, c.score) IS DISTINCT FROM (w.status, w.score)));
    END IF;
    IF cardinality(accounts) = 0 THEN
        RETURN NULL;
    END IF;
    courses := ARRAY(SELECT x.id FROM forge.courses x WHERE x.id IN (SELECT c.course_id FROM came c WHERE c.status = 'completed')
        ORDER BY x.id FOR KEY SHARE);
    PERFORM FROM forge.users u WHERE u.id = ANY (accounts) ORDER BY u.id FOR NO KEY UPDATE;
    IF cardinality(courses) > 0 THEN
        PERFORM forge.complete_courses(courses, accounts);
    END IF;
    PERFORM forge.award(accounts);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.progress_earned() IS 'AFTER progress: completes courses and awards achievements';
CREATE TRIGGER progress_earned AFTER INSERT ON forge.progress REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION forge.progress_earned();
CREATE TRIGGER progress_earned_more AFTER UPDATE ON forge.progress REFERENCING NEW TABLE AS came OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.progress_earned();

-- --- what is taken out of a course ---

-- Whoever has done all that is left has completed the course by that. (What comes later takes nothing back: completions are only made.)
-- A thousand accounts are looked at in the transaction that takes it out; where there are more, housekeeping goes on.
CREATE TABLE forge.shrunk_courses (
    course_id bigint PRIMARY KEY REFERENCES forge.courses ON DELETE CASCADE,
    after_id  bigint NOT NULL DEFAULT 0                     -- accounts up to this one have been looked at
);
COMMENT ON TABLE forge.shrunk_courses IS 'courses that learners may have completed by what was taken out';

-- The next accounts of such a course, and how many there were; with the last of them the course is settled. Callers hold the row of
-- forge.shrunk_courses, and the course's before it.
CREATE FUNCTION forge.settle_course(course bigint, most integer) RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    accounts bigint[] := ARRAY(SELECT DISTINCT p.user_id FROM forge.shrunk_courses s JOIN forge.progress p ON p.course_id = s.course_id
        WHERE s.course_id = course AND p.course_id = course AND p.user_id > s.after_id AND p.status = 'completed' ORDER BY 1 LIMIT most);
BEGIN
    PERFORM FROM forge.users u WHERE u.id = ANY (accounts) ORDER BY u.id FOR NO KEY UPDATE;
    PERFORM forge.award(forge.complete_courses(ARRAY[course], accounts));
    IF cardinality(accounts) < most THEN
        DELETE FROM forge.shrunk_courses s WHERE s.course_id = course;
    ELSE
        UPDATE forge.shrunk_courses s SET after_id = accounts[most] WHERE s.course_id = course;
    END IF;
    RETURN cardinality(accounts);
END $$;
COMMENT ON FUNCTION forge.settle_course(bigint, integer) IS 'completes a course for those who have done all that is left';

-- One step of that, for housekeeping: fewer than `most` when nothing is left to do. What others are at is left to them.
CREATE FUNCTION forge.settle_courses(most integer) RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    course bigint;
    n      integer := 0;
BEGIN
    FOR course IN SELECT s.course_id FROM forge.shrunk_courses s ORDER BY s.course_id LOOP
        PERFORM FROM forge.courses c WHERE c.id = course FOR KEY SHARE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        PERFORM FROM forge.shrunk_courses s WHERE s.course_id = course FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        n := forge.settle_course(course, most);
        EXIT;
    END LOOP;
    RETURN CASE WHEN n > 0 AND EXISTS (SELECT FROM forge.shrunk_courses) THEN most ELSE least(n, most - 1) END;
END $$;
COMMENT ON FUNCTION forge.settle_courses(integer) IS 'a step of completing courses from which something was taken out';

-- The lock of the course lets those who are learning finish first, and makes those who come later see what was taken out.
CREATE FUNCTION forge.course_shrank() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    courses bigint[];
    course  bigint;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        courses := ARRAY[NEW.course_id];
    ELSE
        courses := ARRAY(SELECT DISTINCT w.course_id FROM went w WHERE w.published);
    END IF;
    FOR course IN SELECT c.id FROM forge.courses c WHERE c.id = ANY (courses) ORDER BY c.id FOR UPDATE LOOP
        INSERT INTO forge.shrunk_courses AS s (course_id) VALUES (course) ON CONFLICT (course_id) DO UPDATE SET after_id = 0;
        PERFORM forge.settle_course(course, 1000);
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.course_shrank() IS 'AFTER something was taken out of a course: who has done all the rest has completed it';
CREATE TRIGGER shrank AFTER UPDATE OF published, module_id ON forge.lessons
    FOR EACH ROW WHEN (OLD.published AND (NOT NEW.published OR OLD.module_id <> NEW.module_id)) EXECUTE FUNCTION forge.course_shrank();
CREATE TRIGGER shrank AFTER UPDATE OF published ON forge.modules
    FOR EACH ROW WHEN (OLD.published AND NOT NEW.published) EXECUTE FUNCTION forge.course_shrank();
CREATE TRIGGER shrank AFTER UPDATE OF published ON forge.exercises
    FOR EACH ROW WHEN (OLD.published AND NOT NEW.published) EXECUTE FUNCTION forge.course_shrank();
CREATE TRIGGER shrank_deleted AFTER DELETE ON forge.lessons REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.course_shrank();
CREATE TRIGGER shrank_deleted AFTER DELETE ON forge.exercises REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.course_shrank();

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
INSERT INTO forge.app_rights VALUES
    ('course_items',     '{SELECT}'),
    ('shrunk_courses',   '{SELECT,INSERT,UPDATE,DELETE}'),
    ('settle_course',    '{EXECUTE}'),
    ('settle_courses',   '{EXECUTE}'),
    ('tests_points',     '{EXECUTE}'),
    ('complete_courses', '{EXECUTE}'),
    ('streak_days',      '{EXECUTE}'),
    ('figures',          '{EXECUTE}'),
    ('award',            '{EXECUTE}');
