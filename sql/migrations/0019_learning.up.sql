-- SPDX-License-Identifier: Apache-2.0
-- Learning: what courses are made of, what learners hand in, what they have reached (SPEC 6, 7, 8, 16).

-- A column that says where a row belongs stays as it was made: progress, grades and counts are kept beside it.
CREATE FUNCTION forge.fixed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'a row of % stays where it was made', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', SCHEMA = 'forge', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_TABLE_NAME || '_' || TG_NAME;
END $$;
COMMENT ON FUNCTION forge.fixed() IS 'BEFORE UPDATE, WHEN a column changes that must not';

-- --- time zones ---

-- Dates of a course (due_at of assignments) are given and shown in its zone. Whether a name is one, only the server knows.
ALTER TABLE forge.courses
    ADD COLUMN timezone text NOT NULL DEFAULT 'UTC',
    ADD CONSTRAINT courses_timezone_form CHECK (timezone ~ '^[A-Za-z0-9_+/-]{1,64}$');

-- A name that is no zone (any more) counts as UTC: no date is lost for it.
CREATE FUNCTION forge.local_day(at timestamptz, zone text) RETURNS date LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
BEGIN
    RETURN (at AT TIME ZONE coalesce(zone, 'UTC'))::date;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN (at AT TIME ZONE 'UTC')::date;
END $$;
COMMENT ON FUNCTION forge.local_day(timestamptz, text) IS 'the date that a time has in a zone; UTC for what is no zone';

CREATE FUNCTION forge.courses_timezone() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM now() AT TIME ZONE NEW.timezone;
    RETURN NEW;
EXCEPTION WHEN invalid_parameter_value THEN
    RAISE EXCEPTION '"%" is no time zone', NEW.timezone
        USING ERRCODE = 'check_violation', SCHEMA = 'forge', TABLE = 'courses', CONSTRAINT = 'courses_timezone_known';
END $$;
COMMENT ON FUNCTION forge.courses_timezone() IS 'BEFORE a zone is written: it must be one';
CREATE TRIGGER timezone_known BEFORE INSERT OR UPDATE OF timezone ON forge.courses
    FOR EACH ROW WHEN (NEW.timezone <> 'UTC') EXECUTE FUNCTION forge.courses_timezone();

-- --- order ---

-- Rows of one parent have the positions 1, 2, 3 …, whoever writes: a row that comes or moves pushes the others aside, rows that go let them
-- close up. Position NULL is the end; what is out of range is brought into it. The parent's row is the lock; what is asked after it sees
-- what others have committed. Statements lock the parent before they touch a row: then no two of them wait for each other. The arguments
-- are the parent's table and the column that names it. What these functions change themselves does not call them again.
CREATE FUNCTION forge.in_order() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    whole  text := format('forge.%I', TG_TABLE_NAME);
    parent bigint;
    before bigint;
    last   integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'rows of % are put in order in READ COMMITTED transactions only', TG_TABLE_NAME
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    EXECUTE format('SELECT ($1).%I', TG_ARGV[1]) INTO parent USING NEW;
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format('SELECT ($1).%I', TG_ARGV[1]) INTO before USING OLD;
    END IF;
    EXECUTE format('SELECT FROM forge.%I p WHERE p.id IN ($1, $2) ORDER BY p.id FOR NO KEY UPDATE', TG_ARGV[0]) USING parent, before;
    EXECUTE format('SELECT coalesce(max(position), 0) FROM %s WHERE %I = $1', whole, TG_ARGV[1]) INTO last USING parent;
    IF before = parent THEN
        NEW.position := least(greatest(coalesce(NEW.position, last), 1), last);
        EXECUTE format('UPDATE %s SET position = position + CASE WHEN $2 < $3 THEN 1 ELSE -1 END'
                       ' WHERE %I = $1 AND position BETWEEN least($2, $3) AND greatest($2, $3) AND id <> $4', whole, TG_ARGV[1])
            USING parent, NEW.position, OLD.position, OLD.id;
    ELSE
        NEW.position := least(greatest(coalesce(NEW.position, last + 1), 1), last + 1);
        EXECUTE format('UPDATE %s SET position = position + 1 WHERE %I = $1 AND position >= $2', whole, TG_ARGV[1])
            USING parent, NEW.position;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION forge.in_order() IS 'BEFORE INSERT OR UPDATE OF position: 1, 2, 3 … without gaps';

-- After rows went, or moved to another parent.
CREATE FUNCTION forge.in_order_again() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    parents bigint[];
BEGIN
    EXECUTE format('SELECT array_agg(l.id) FROM (SELECT p.id FROM forge.%1$I p WHERE p.id IN (SELECT w.%2$I FROM went w' || CASE TG_OP
                       WHEN 'UPDATE' THEN ' JOIN came c ON c.id = w.id WHERE c.%2$I <> w.%2$I' ELSE '' END || ')'
                   ' ORDER BY p.id FOR NO KEY UPDATE) l', TG_ARGV[0], TG_ARGV[1]) INTO parents;
    IF parents IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('UPDATE forge.%1$I t SET position = r.n FROM ('
                   ' SELECT o.id, row_number() OVER (PARTITION BY o.%2$I ORDER BY o.position) AS n FROM forge.%1$I o WHERE o.%2$I = ANY ($1)) r'
                   ' WHERE t.id = r.id AND t.position <> r.n', TG_TABLE_NAME, TG_ARGV[1]) USING parents;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.in_order_again() IS 'AFTER rows went: the others close up';

-- --- modules and lessons ---

CREATE TABLE forge.modules (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    course_id  bigint NOT NULL REFERENCES forge.courses ON DELETE CASCADE,
    title      text NOT NULL,
    position   integer NOT NULL,                            -- in the course, from 1
    published  boolean NOT NULL DEFAULT true,
    created_by bigint REFERENCES forge.users ON DELETE SET NULL,
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT modules_title_form      CHECK (char_length(title) BETWEEN 1 AND 200 AND title !~ '[\u0001-\u001f\u007f]'),
    CONSTRAINT modules_position_range  CHECK (position >= 1),
    CONSTRAINT modules_position_unique UNIQUE (course_id, position) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT modules_of_course       UNIQUE (course_id, id)
);
CREATE INDEX modules_created_by ON forge.modules (created_by) WHERE created_by IS NOT NULL;
CREATE TRIGGER in_order BEFORE INSERT OR UPDATE OF position ON forge.modules
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION forge.in_order('courses', 'course_id');
CREATE TRIGGER in_order_deleted AFTER DELETE ON forge.modules REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION forge.in_order_again('courses', 'course_id');
CREATE TRIGGER course_fixed BEFORE UPDATE OF course_id ON forge.modules
    FOR EACH ROW WHEN (OLD.course_id <> NEW.course_id) EXECUTE FUNCTION forge.fixed();
CREATE TRIGGER touch BEFORE UPDATE ON forge.modules FOR EACH ROW EXECUTE FUNCTION forge.touch();

-- A lesson is there for learners when it, its module and its course are published. It may move to another module of its course.
CREATE TABLE forge.lessons (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    course_id  bigint NOT NULL,
    module_id  bigint NOT NULL,
    title      text NOT NULL,
    content    text NOT NULL DEFAULT '',                    -- Markdown
    position   integer NOT NULL,                            -- in the module, from 1
    published  boolean NOT NULL DEFAULT true,
    created_by bigint REFERENCES forge.users ON DELETE SET NULL,
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT lessons_title_form      CHECK (char_length(title) BETWEEN 1 AND 200 AND title !~ '[\u0001-\u001f\u007f]'),
    CONSTRAINT lessons_content_length  CHECK (char_length(content) <= 200000),
    CONSTRAINT lessons_position_range  CHECK (position >= 1),
    CONSTRAINT lessons_position_unique UNIQUE (module_id, position) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT lessons_of_course       UNIQUE (course_id, id),
    CONSTRAINT lessons_module_of_course FOREIGN KEY (course_id, module_id) REFERENCES forge.modules (course_id, id) ON DELETE CASCADE
);
CREATE INDEX lessons_created_by ON forge.lessons (created_by) WHERE created_by IS NOT NULL;
CREATE TRIGGER in_order BEFORE INSERT OR UPDATE OF position, module_id ON forge.lessons
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION forge.in_order('modules', 'module_id');
CREATE TRIGGER in_order_deleted AFTER DELETE ON forge.lessons REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION forge.in_order_again('modules', 'module_id');
CREATE TRIGGER in_order_moved AFTER UPDATE ON forge.lessons REFERENCING OLD TABLE AS went NEW TABLE AS came
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION forge.in_order_again('modules', 'module_id');
CREATE TRIGGER course_fixed BEFORE UPDATE OF course_id ON forge.lessons
    FOR EACH ROW WHEN (OLD.course_id <> NEW.course_id) EXECUTE FUNCTION forge.fixed();
CREATE TRIGGER touch BEFORE UPDATE ON forge.lessons FOR EACH ROW EXECUTE FUNCTION forge.touch();

-- --- prerequisites ---

CREATE TABLE forge.prerequisites (
    course_id       bigint NOT NULL REFERENCES forge.courses ON DELETE CASCADE,
    prerequisite_id bigint NOT NULL REFERENCES forge.courses ON DELETE CASCADE,     -- to be completed before
    PRIMARY KEY (course_id, prerequisite_id)
);
CREATE INDEX prerequisites_prerequisite_id ON forge.prerequisites (prerequisite_id, course_id);

-- No course comes before itself, over any number of steps. One lock for all makes writers wait for each other, so that two of them cannot
-- close a circle together; what is asked after it sees what the other has committed.
CREATE FUNCTION forge.prerequisites_acyclic() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('forge.prerequisites', 0));
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'prerequisites are changed in READ COMMITTED transactions only' USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF EXISTS (WITH RECURSIVE before AS (
                   SELECT c.course_id AS start, c.prerequisite_id AS id FROM came c
                   UNION SELECT b.start, p.prerequisite_id FROM before b JOIN forge.prerequisites p ON p.course_id = b.id)
               SELECT FROM before b WHERE b.id = b.start) THEN
        RAISE EXCEPTION 'a course would come before itself'
            USING ERRCODE = 'check_violation', SCHEMA = 'forge', TABLE = 'prerequisites', CONSTRAINT = 'prerequisites_acyclic';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.prerequisites_acyclic() IS 'AFTER prerequisites came: none leads back to its course';
CREATE TRIGGER acyclic AFTER INSERT ON forge.prerequisites REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION forge.prerequisites_acyclic();
CREATE TRIGGER acyclic_update AFTER UPDATE ON forge.prerequisites REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION forge.prerequisites_acyclic();

-- --- assignments ---

CREATE TABLE forge.assignments (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    course_id   bigint NOT NULL REFERENCES forge.courses ON DELETE CASCADE,
    title       text NOT NULL,
    description text NOT NULL DEFAULT '',
    due_at      timestamptz,                                -- NULL: never
    max_points  integer NOT NULL DEFAULT 100,
    created_by  bigint REFERENCES forge.users ON DELETE SET NULL,
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT assignments_title_form         CHECK (char_length(title) BETWEEN 1 AND 200 AND title !~ '[\u0001-\u001f\u007f]'),
    CONSTRAINT assignments_description_length CHECK (char_length(description) <= 20000),
    CONSTRAINT assignments_max_points_range   CHECK (max_points BETWEEN 0 AND 1000000)
);
CREATE INDEX assignments_course_id ON forge.assignments (course_id, id);
CREATE INDEX assignments_due_at ON forge.assignments (course_id, due_at);
CREATE INDEX assignments_created_by ON forge.assignments (created_by) WHERE created_by IS NOT NULL;
CREATE TRIGGER course_fixed BEFORE UPDATE OF course_id ON forge.assignments
    FOR EACH ROW WHEN (OLD.course_id <> NEW.course_id) EXECUTE FUNCTION forge.fixed();
CREATE TRIGGER touch BEFORE UPDATE ON forge.assignments FOR EACH ROW EXECUTE FUNCTION forge.touch();

-- A history: what was handed in is not changed, a later one counts instead.
CREATE TABLE forge.assignment_submissions (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    assignment_id bigint NOT NULL REFERENCES forge.assignments ON DELETE CASCADE,
    user_id       bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    content       text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT assignment_submissions_content_length CHECK (char_length(content) BETWEEN 1 AND 200000)
);
CREATE INDEX assignment_submissions_assignment_id ON forge.assignment_submissions (assignment_id, id);
CREATE INDEX assignment_submissions_latest ON forge.assignment_submissions (assignment_id, user_id, id);
CREATE INDEX assignment_submissions_user_id ON forge.assignment_submissions (user_id, id);

-- One grade a submission; changing it changes the row.
CREATE TABLE forge.grades (
    submission_id bigint PRIMARY KEY REFERENCES forge.assignment_submissions ON DELETE CASCADE,
    points        integer NOT NULL,
    feedback      text NOT NULL DEFAULT '',
    graded_by     bigint REFERENCES forge.users ON DELETE SET NULL,
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT grades_points_range    CHECK (points >= 0),
    CONSTRAINT grades_feedback_length CHECK (char_length(feedback) <= 20000)
);
CREATE INDEX grades_graded_by ON forge.grades (graded_by) WHERE graded_by IS NOT NULL;
CREATE TRIGGER touch BEFORE UPDATE ON forge.grades FOR EACH ROW EXECUTE FUNCTION forge.touch();

-- A grade has at most the points of its assignment, also when these change: the assignment's row is the lock.
CREATE FUNCTION forge.grades_points() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    most integer := (SELECT a.max_points FROM forge.assignments a JOIN forge.assignment_submissions s ON s.assignment_id = a.id
                     WHERE s.id = NEW.submission_id FOR SHARE OF a);
BEGIN
    IF NEW.points > most THEN
        RAISE EXCEPTION '% points, where % are the most', NEW.points, most
            USING ERRCODE = 'check_violation', SCHEMA = 'forge', TABLE = 'grades', CONSTRAINT = 'grades_points_range';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION forge.grades_points() IS 'BEFORE a grade is written: not more than the assignment gives';
CREATE TRIGGER points BEFORE INSERT OR UPDATE OF points, submission_id ON forge.grades
    FOR EACH ROW EXECUTE FUNCTION forge.grades_points();

CREATE FUNCTION forge.assignments_points() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF EXISTS (SELECT FROM forge.assignment_submissions s JOIN forge.grades g ON g.submission_id = s.id
               WHERE s.assignment_id = NEW.id AND g.points > NEW.max_points) THEN
        RAISE EXCEPTION 'a grade of assignment % has more than % points', NEW.id, NEW.max_points
            USING ERRCODE = 'check_violation', SCHEMA = 'forge', TABLE = 'assignments', CONSTRAINT = 'assignments_max_points_given';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.assignments_points() IS 'AFTER max_points fell: no grade has more';
CREATE TRIGGER points AFTER UPDATE OF max_points ON forge.assignments
    FOR EACH ROW WHEN (NEW.max_points < OLD.max_points) EXECUTE FUNCTION forge.assignments_points();

-- --- exercises ---

-- [{name, stdin, expected_stdout, hidden, points}], in their order, no name twice.
CREATE FUNCTION forge.is_tests(tests jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT CASE WHEN jsonb_typeof(tests) IS DISTINCT FROM 'array' THEN false ELSE jsonb_array_length(tests) <= 100 AND coalesce((
        SELECT bool_and(coalesce(CASE WHEN jsonb_typeof(t) = 'object' THEN
                   t ?& ARRAY['name', 'stdin', 'expected_stdout', 'hidden', 'points']
                   AND t - ARRAY['name', 'stdin', 'expected_stdout', 'hidden', 'points'] = '{}'
                   AND jsonb_typeof(t -> 'name') = 'string' AND char_length(t ->> 'name') BETWEEN 1 AND 200
                   AND t ->> 'name' !~ '[\u0001-\u001f\u007f]'
                   AND jsonb_typeof(t -> 'stdin') = 'string' AND octet_length(t ->> 'stdin') <= 65536
                   AND jsonb_typeof(t -> 'expected_stdout') = 'string' AND octet_length(t ->> 'expected_stdout') <= 65536
                   AND jsonb_typeof(t -> 'hidden') = 'boolean'
                   AND jsonb_typeof(t -> 'points') = 'number' AND t ->> 'points' ~ '^[0-9]{1,4}$' END, false))
               AND count(DISTINCT t ->> 'name') = count(*)
        FROM jsonb_array_elements(tests) t), true) END
$$;
COMMENT ON FUNCTION forge.is_tests(jsonb) IS 'an array of tests of an exercise';

-- Bounds of a run; what is not named has the default.
CREATE FUNCTION forge.is_limits(limits jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT CASE WHEN jsonb_typeof(limits) IS DISTINCT FROM 'object' THEN false ELSE coalesce((
        SELECT bool_and(key IN ('wall_ms', 'cpu_ms', 'memory_kb', 'processes', 'output_bytes', 'file_bytes')
                        AND jsonb_typeof(value) = 'number' AND value #>> '{}' ~ '^[1-9][0-9]{0,9}$')
        FROM jsonb_each(limits)), true) END
$$;
COMMENT ON FUNCTION forge.is_limits(jsonb) IS 'an object of positive limits of a run';

-- Of a course, or of none: then it is everybody's. Tests stand in the row, so that its version speaks of them too.
CREATE TABLE forge.exercises (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    course_id    bigint REFERENCES forge.courses ON DELETE CASCADE,
    author_id    bigint NOT NULL REFERENCES forge.users,
    title        text NOT NULL,
    instructions text NOT NULL DEFAULT '',                  -- Markdown
    difficulty   text NOT NULL DEFAULT 'beginner',
    language     text NOT NULL DEFAULT 'python',
    starter_code text NOT NULL DEFAULT '',
    solution     text,
    tests        jsonb NOT NULL DEFAULT '[]',
    limits       jsonb NOT NULL DEFAULT '{}',
    published    boolean NOT NULL DEFAULT true,
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    search       tsvector GENERATED ALWAYS AS (
                     setweight(to_tsvector('simple'::regconfig, translate(forge.fold(title), '-_./:@', '      ')), 'A') ||
                     setweight(to_tsvector('simple'::regconfig, translate(forge.fold(instructions), '-_./:@', '      ')), 'B')) STORED,
    CONSTRAINT exercises_title_form          CHECK (char_length(title) BETWEEN 1 AND 200 AND title !~ '[\u0001-\u001f\u007f]'),
    CONSTRAINT exercises_instructions_length CHECK (char_length(instructions) <= 50000),
    CONSTRAINT exercises_difficulty_known    CHECK (difficulty IN ('beginner', 'intermediate', 'advanced')),
    CONSTRAINT exercises_language_form       CHECK (language ~ '^[a-z][a-z0-9_+#-]{0,31}$'),
    CONSTRAINT exercises_starter_code_length CHECK (octet_length(starter_code) <= 65536),
    CONSTRAINT exercises_solution_length     CHECK (octet_length(solution) <= 65536),
    CONSTRAINT exercises_tests_form          CHECK (forge.is_tests(tests)),
    CONSTRAINT exercises_limits_form         CHECK (forge.is_limits(limits))
);
CREATE INDEX exercises_course_id ON forge.exercises (course_id, id);
CREATE INDEX exercises_author_id ON forge.exercises (author_id, id);
CREATE INDEX exercises_difficulty ON forge.exercises (difficulty, id);
CREATE INDEX exercises_search ON forge.exercises USING gin (search);
CREATE TRIGGER course_fixed BEFORE UPDATE OF course_id ON forge.exercises
    FOR EACH ROW WHEN (OLD.course_id IS DISTINCT FROM NEW.course_id) EXECUTE FUNCTION forge.fixed();
CREATE TRIGGER touch BEFORE UPDATE ON forge.exercises FOR EACH ROW EXECUTE FUNCTION forge.touch();

-- What was submitted and how it was judged. Rejudging puts a row back to `queued`; what it said before stays until it is done again.
CREATE TABLE forge.exercise_submissions (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exercise_id      bigint NOT NULL REFERENCES forge.exercises ON DELETE CASCADE,
    user_id          bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    code             text NOT NULL,
    status           text NOT NULL DEFAULT 'queued',
    passed           boolean,
    score            integer,                               -- per cent of the points
    results          jsonb,                                 -- [{name, passed, …}] in the order of the tests
    exercise_version bigint,                                -- by which it was judged
    created_at       timestamptz NOT NULL DEFAULT now(),
    judged_at        timestamptz,
    CONSTRAINT exercise_submissions_code_length   CHECK (octet_length(code) BETWEEN 1 AND 262144),
    CONSTRAINT exercise_submissions_status_known  CHECK (status IN ('queued', 'running', 'done')),
    CONSTRAINT exercise_submissions_score_range   CHECK (score BETWEEN 0 AND 100),
    CONSTRAINT exercise_submissions_results_form  CHECK (jsonb_typeof(results) = 'array'),
    CONSTRAINT exercise_submissions_judged_whole  CHECK (num_nulls(passed, score, results, judged_at) IN (0, 4)),
    CONSTRAINT exercise_submissions_done_judged   CHECK (status <> 'done' OR judged_at IS NOT NULL),
    CONSTRAINT exercise_submissions_passed_agrees CHECK (NOT passed OR score = 100)
);
CREATE INDEX exercise_submissions_exercise_id ON forge.exercise_submissions (exercise_id, id);
CREATE INDEX exercise_submissions_own ON forge.exercise_submissions (exercise_id, user_id, id);
CREATE INDEX exercise_submissions_user_id ON forge.exercise_submissions (user_id, id);
CREATE INDEX exercise_submissions_waiting ON forge.exercise_submissions (id) WHERE status <> 'done';

-- How often an exercise was tried and passed, so that nobody counts a million submissions to know. Only the triggers below write it.
CREATE TABLE forge.exercise_stats (
    exercise_id bigint PRIMARY KEY REFERENCES forge.exercises ON DELETE CASCADE,
    attempts    bigint NOT NULL DEFAULT 0,                  -- submissions that were judged
    passed      bigint NOT NULL DEFAULT 0,
    CONSTRAINT exercise_stats_counts CHECK (passed BETWEEN 0 AND attempts)
) WITH (fillfactor = 70);
COMMENT ON TABLE forge.exercise_stats IS 'judged submissions of each exercise, kept by triggers';

CREATE FUNCTION forge.exercise_stats_count() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    part text := 'SELECT x.exercise_id, %1$s1 AS attempts, CASE WHEN x.passed THEN %1$s1 ELSE 0 END AS passed FROM %2$s x WHERE x.judged_at IS NOT NULL';
    came text := format(part, '', 'came');
    went text := format(part, '-', 'went');
    tale record;
BEGIN
    FOR tale IN EXECUTE format(
        'SELECT s.exercise_id, sum(s.attempts) AS attempts, sum(s.passed) AS passed FROM (%s) s GROUP BY 1 ORDER BY 1',
        CASE TG_OP WHEN 'INSERT' THEN came WHEN 'DELETE' THEN went ELSE came || ' UNION ALL ' || went END)
    LOOP
        CONTINUE WHEN tale.attempts = 0 AND tale.passed = 0;
        UPDATE forge.exercise_stats g SET attempts = g.attempts + tale.attempts, passed = g.passed + tale.passed
            WHERE g.exercise_id = tale.exercise_id;
        IF NOT FOUND AND tale.attempts > 0 THEN
            INSERT INTO forge.exercise_stats AS g (exercise_id, attempts, passed) VALUES (tale.exercise_id, tale.attempts, tale.passed)
                ON CONFLICT (exercise_id) DO UPDATE SET attempts = g.attempts + tale.attempts, passed = g.passed + tale.passed;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.exercise_stats_count() IS 'AFTER submissions were judged, or went';
CREATE TRIGGER stats AFTER INSERT ON forge.exercise_submissions REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION forge.exercise_stats_count();
CREATE TRIGGER stats_update AFTER UPDATE ON forge.exercise_submissions REFERENCING NEW TABLE AS came OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.exercise_stats_count();
CREATE TRIGGER stats_delete AFTER DELETE ON forge.exercise_submissions REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.exercise_stats_count();

-- --- progress ---

-- One row for an account and a lesson or an exercise. course_id is that of the lesson or exercise; a trigger fills it in.
CREATE TABLE forge.progress (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    course_id    bigint REFERENCES forge.courses ON DELETE CASCADE,
    lesson_id    bigint REFERENCES forge.lessons ON DELETE CASCADE,
    exercise_id  bigint REFERENCES forge.exercises ON DELETE CASCADE,
    status       text NOT NULL DEFAULT 'not_started',
    score        integer,                                   -- the best
    data         jsonb,                                     -- the client's own
    completed_at timestamptz,                               -- the first time
    version      bigint NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT progress_of_one           CHECK (num_nonnulls(lesson_id, exercise_id) = 1),
    CONSTRAINT progress_status_known     CHECK (status IN ('not_started', 'in_progress', 'completed')),
    CONSTRAINT progress_score_range      CHECK (score BETWEEN 0 AND 100),
    CONSTRAINT progress_data_length      CHECK (octet_length(data::text) <= 16384),
    CONSTRAINT progress_completed_agrees CHECK ((status = 'completed') = (completed_at IS NOT NULL))
);
CREATE UNIQUE INDEX progress_lesson ON forge.progress (user_id, lesson_id) WHERE lesson_id IS NOT NULL;
CREATE UNIQUE INDEX progress_exercise ON forge.progress (user_id, exercise_id) WHERE exercise_id IS NOT NULL;
CREATE INDEX progress_user_id ON forge.progress (user_id, id);
CREATE INDEX progress_course_id ON forge.progress (course_id, user_id);
CREATE INDEX progress_lesson_id ON forge.progress (lesson_id) WHERE lesson_id IS NOT NULL;
CREATE INDEX progress_exercise_id ON forge.progress (exercise_id) WHERE exercise_id IS NOT NULL;

-- Completed never falls back and the best score stays, in whatever order writers come.
CREATE FUNCTION forge.progress_monotone() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
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
COMMENT ON FUNCTION forge.progress_monotone() IS 'BEFORE INSERT OR UPDATE: completed stays, and so does the best score';
CREATE TRIGGER monotone BEFORE INSERT OR UPDATE ON forge.progress FOR EACH ROW EXECUTE FUNCTION forge.progress_monotone();
CREATE TRIGGER owner_fixed BEFORE UPDATE OF user_id, lesson_id, exercise_id ON forge.progress
    FOR EACH ROW WHEN ((OLD.user_id, OLD.lesson_id, OLD.exercise_id) IS DISTINCT FROM (NEW.user_id, NEW.lesson_id, NEW.exercise_id))
    EXECUTE FUNCTION forge.fixed();
CREATE TRIGGER touch BEFORE UPDATE ON forge.progress FOR EACH ROW EXECUTE FUNCTION forge.touch();

-- Days on which an account learned, in its time zone of that moment: streaks are counted from them.
CREATE TABLE forge.learning_days (
    user_id bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    day     date NOT NULL,
    PRIMARY KEY (user_id, day)
);

-- What the figures of a course need of each enrolled learner, so that they are read without a look at all progress. Only triggers write it.
CREATE TABLE forge.learners (
    course_id      bigint NOT NULL,
    user_id        bigint NOT NULL,
    last_active_at timestamptz,
    score          integer,                                 -- mean of the best scores of the exercises done; NULL: none yet
    PRIMARY KEY (course_id, user_id),
    CONSTRAINT learners_enrolled    FOREIGN KEY (course_id, user_id) REFERENCES forge.enrollments ON DELETE CASCADE,
    CONSTRAINT learners_score_range CHECK (score BETWEEN 0 AND 100)
);
CREATE INDEX learners_active ON forge.learners (course_id, last_active_at) WHERE last_active_at IS NOT NULL;
CREATE INDEX learners_score ON forge.learners (course_id, score) WHERE score IS NOT NULL;
COMMENT ON TABLE forge.learners IS 'figures beside each enrolment, kept by triggers';

CREATE FUNCTION forge.progress_learned() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO forge.learning_days (user_id, day)
        SELECT u.id, forge.local_day(now(), u.timezone) FROM forge.users u WHERE u.id = NEW.user_id ON CONFLICT DO NOTHING;
    UPDATE forge.learners l SET last_active_at = greatest(l.last_active_at, now()), score = (
            SELECT round(avg(p.score)) FROM forge.progress p
            WHERE p.course_id = NEW.course_id AND p.user_id = NEW.user_id AND p.exercise_id IS NOT NULL)
        WHERE l.course_id = NEW.course_id AND l.user_id = NEW.user_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.progress_learned() IS 'AFTER progress: the day, and the figures of the learner';
CREATE TRIGGER learned AFTER INSERT ON forge.progress
    FOR EACH ROW WHEN (NEW.status <> 'not_started') EXECUTE FUNCTION forge.progress_learned();
-- Taking the client's own data away, as erasure does, is no learning.
CREATE TRIGGER learned_more AFTER UPDATE OF status, score, data ON forge.progress
    FOR EACH ROW WHEN (NEW.status <> 'not_started' AND (NEW.data IS NOT NULL OR OLD.data IS NULL
                       OR (NEW.status, NEW.score) IS DISTINCT FROM (OLD.status, OLD.score))) EXECUTE FUNCTION forge.progress_learned();

-- Who learned before enrolling brings the figures along.
CREATE FUNCTION forge.enrollments_learner() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO forge.learners (course_id, user_id, last_active_at, score)
        SELECT NEW.course_id, NEW.user_id, max(p.updated_at) FILTER (WHERE p.status <> 'not_started'),
               round(avg(p.score) FILTER (WHERE p.exercise_id IS NOT NULL))
        FROM forge.progress p WHERE p.course_id = NEW.course_id AND p.user_id = NEW.user_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.enrollments_learner() IS 'AFTER INSERT: the figures of what was learned before';
CREATE TRIGGER learner AFTER INSERT ON forge.enrollments FOR EACH ROW EXECUTE FUNCTION forge.enrollments_learner();
INSERT INTO forge.learners (course_id, user_id) SELECT course_id, user_id FROM forge.enrollments;

-- Who completed a course. What was completed stays completed, also when lessons come later or the enrolment ends: rows are only made.
CREATE TABLE forge.course_completions (
    course_id    bigint NOT NULL REFERENCES forge.courses ON DELETE CASCADE,
    user_id      bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    completed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (course_id, user_id)
);
CREATE INDEX course_completions_user_id ON forge.course_completions (user_id, course_id);

-- --- achievements ---

-- The rule that awards it by itself: after how many events of a kind, in one course or in all. The primary key of user_achievements makes
-- an award happen once.
ALTER TABLE forge.achievements
    ADD COLUMN rule_event     text,
    ADD COLUMN rule_count     integer,
    ADD COLUMN rule_course_id bigint REFERENCES forge.courses,
    ADD CONSTRAINT achievements_rule_event_known  CHECK (rule_event IN ('course_completed', 'exercise_completed', 'points', 'streak')),
    ADD CONSTRAINT achievements_rule_count_range  CHECK (rule_count BETWEEN 1 AND 1000000000),
    ADD CONSTRAINT achievements_rule_whole        CHECK ((rule_event IS NULL) = (rule_count IS NULL)),
    ADD CONSTRAINT achievements_rule_course_apt   CHECK (rule_course_id IS NULL OR (rule_event IS NOT NULL AND rule_event <> 'streak'));
CREATE INDEX achievements_rule ON forge.achievements (rule_event, rule_count) WHERE rule_event IS NOT NULL;
CREATE INDEX achievements_rule_course_id ON forge.achievements (rule_course_id) WHERE rule_course_id IS NOT NULL;

-- A rule about a course that goes can never be met again: it goes too, and must not become one about all courses.
CREATE FUNCTION forge.courses_rules() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    UPDATE forge.achievements a SET rule_event = NULL, rule_count = NULL, rule_course_id = NULL WHERE a.rule_course_id = OLD.id;
    RETURN OLD;
END $$;
COMMENT ON FUNCTION forge.courses_rules() IS 'BEFORE DELETE: achievements keep no rule about the course';
CREATE TRIGGER rules BEFORE DELETE ON forge.courses FOR EACH ROW EXECUTE FUNCTION forge.courses_rules();

-- --- quota ---

-- As before, and members of any type; triggers named `…weighed` count bytes alone: nobody has to stop learning for a number of rows.
CREATE OR REPLACE FUNCTION forge.usage_count() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    texts   text := (SELECT string_agg(format('coalesce(octet_length(x.%I::text), 0)', a), ' + ') FROM unnest(TG_ARGV[1:]) a);
    part    text := 'SELECT x.%I AS account, %s AS n, %s * (%s) AS size FROM %s x';
    one     text := CASE WHEN TG_NAME LIKE '%weighed' THEN '0' ELSE '1' END;
    came    text := format(part, TG_ARGV[0], one, '1', texts, 'came');
    went    text := format(part, TG_ARGV[0], '-' || one, '-1', texts, 'went');
    account bigint;
    n       bigint;
    size    bigint;
BEGIN
    FOR account, n, size IN EXECUTE format(
        'SELECT s.account, sum(s.n), sum(s.size) FROM (%s) s WHERE s.account IS NOT NULL GROUP BY 1 ORDER BY 1',
        CASE TG_OP WHEN 'INSERT' THEN came WHEN 'DELETE' THEN went ELSE came || ' UNION ALL ' || went END)
    LOOP
        CONTINUE WHEN n = 0 AND size = 0;
        INSERT INTO forge.usage AS g (user_id, rows, bytes) SELECT u.id, n, size FROM forge.users u WHERE u.id = account
            ON CONFLICT (user_id) DO UPDATE SET rows = g.rows + n, bytes = g.bytes + size;
    END LOOP;
    RETURN NULL;
END $$;

-- Where others only make room (forge.in_order) no bytes change, and nobody reads all contents to see that.
DO $$
DECLARE
    entry record;
BEGIN
    FOR entry IN SELECT * FROM (VALUES
        ('modules', 'counted', '''created_by'', ''title'''),
        ('lessons', 'counted', '''created_by'', ''title'', ''content'''),
        ('assignments', 'counted', '''created_by'', ''title'', ''description'''),
        ('exercises', 'counted', '''author_id'', ''title'', ''instructions'', ''starter_code'', ''solution'', ''tests'''),
        ('grades', 'weighed', '''graded_by'', ''feedback'''),
        ('assignment_submissions', 'weighed', '''user_id'', ''content'''),
        ('exercise_submissions', 'weighed', '''user_id'', ''code'', ''results'''),
        ('progress', 'weighed', '''user_id'', ''data''')) v (relation, verb, arguments)
    LOOP
        EXECUTE format('CREATE TRIGGER %2$s AFTER INSERT ON forge.%1$I REFERENCING NEW TABLE AS came'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count(%3$s)', entry.relation, entry.verb, entry.arguments);
        EXECUTE format('CREATE TRIGGER re%2$s AFTER UPDATE ON forge.%1$I REFERENCING NEW TABLE AS came OLD TABLE AS went'
                       ' FOR EACH STATEMENT %4$s EXECUTE FUNCTION forge.usage_count(%3$s)', entry.relation, entry.verb, entry.arguments,
                       CASE WHEN entry.relation IN ('modules', 'lessons') THEN 'WHEN (pg_trigger_depth() = 0)' ELSE '' END);
        EXECUTE format('CREATE TRIGGER un%2$s AFTER DELETE ON forge.%1$I REFERENCING OLD TABLE AS went'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count(%3$s)', entry.relation, entry.verb, entry.arguments);
    END LOOP;
END $$;

-- --- personal data ---

INSERT INTO forge.personal
    (relation, account_column, whose, on_erase, erase_only, erase_set, export_as, export_select, reason) VALUES
    ('modules', 'created_by', NULL, 'keep', NULL, NULL, NULL, NULL, 'whose quota it counts in; part of a course'),
    ('lessons', 'created_by', NULL, 'keep', NULL, NULL, 'lessons', $$
        SELECT id, course_id, title, content, forge.instant(created_at) AS created_at
        FROM forge.lessons WHERE created_by = $1 ORDER BY id $$, 'others learn from it'),
    ('assignments', 'created_by', NULL, 'keep', NULL, NULL, 'assignments', $$
        SELECT id, course_id, title, description, forge.instant(created_at) AS created_at
        FROM forge.assignments WHERE created_by = $1 ORDER BY id $$, 'others learn from it'),
    ('exercises', 'author_id', NULL, 'keep', NULL, NULL, 'exercises', $$
        SELECT id, course_id, title, instructions, forge.instant(created_at) AS created_at
        FROM forge.exercises WHERE author_id = $1 ORDER BY id $$, 'others learn from it'),
    ('assignment_submissions', 'user_id', NULL, 'delete', NULL, NULL, 'assignment_submissions', $$
        SELECT s.id, s.assignment_id, s.content, forge.instant(s.created_at) AS created_at, g.points, g.feedback,
               forge.instant(g.updated_at) AS graded_at
        FROM forge.assignment_submissions s LEFT JOIN forge.grades g ON g.submission_id = s.id
        WHERE s.user_id = $1 ORDER BY s.id $$, NULL),
    ('grades', 'graded_by', NULL, 'keep', NULL, NULL, NULL, NULL, 'it is about the one who was graded'),
    ('exercise_submissions', 'user_id', NULL, 'delete', NULL, NULL, 'exercise_submissions', $$
        SELECT id, exercise_id, code, status, passed, score, forge.instant(created_at) AS created_at,
               forge.instant(judged_at) AS judged_at
        FROM forge.exercise_submissions WHERE user_id = $1 ORDER BY id $$, NULL),
    ('progress', 'user_id', NULL, 'update', 't.data IS NOT NULL', 'data = NULL', 'progress', $$
        SELECT course_id, lesson_id, exercise_id, status, score, data, forge.instant(created_at) AS created_at,
               forge.instant(updated_at) AS updated_at, forge.instant(completed_at) AS completed_at
        FROM forge.progress WHERE user_id = $1 ORDER BY id $$,
        'figures of a course, which name nobody once the account does not'),
    ('learning_days', 'user_id', NULL, 'delete', NULL, NULL, 'learning_days', $$
        SELECT day FROM forge.learning_days WHERE user_id = $1 ORDER BY day $$, NULL),
    ('learners', 'user_id', NULL, 'keep', NULL, NULL, NULL, NULL, 'figures of a course, which name nobody once the account does not'),
    ('course_completions', 'user_id', NULL, 'keep', NULL, NULL, 'course_completions', $$
        SELECT d.course_id, n.title, forge.instant(d.completed_at) AS completed_at
        FROM forge.course_completions d JOIN forge.courses n ON n.id = d.course_id WHERE d.user_id = $1 ORDER BY n.id $$,
        'a count of completions, which names nobody once the account does not');

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
UPDATE forge.app_rights SET rights = '{SELECT,INSERT}' WHERE relation = 'user_achievements';
INSERT INTO forge.app_rights VALUES
    ('modules',                '{SELECT,INSERT,UPDATE,DELETE}'),
    ('lessons',                '{SELECT,INSERT,UPDATE,DELETE}'),
    ('prerequisites',          '{SELECT,INSERT,DELETE}'),
    ('assignments',            '{SELECT,INSERT,UPDATE,DELETE}'),
    ('assignment_submissions', '{SELECT,INSERT,DELETE}'),
    ('grades',                 '{SELECT,INSERT,UPDATE}'),
    ('exercises',              '{SELECT,INSERT,UPDATE,DELETE}'),
    ('exercise_submissions',   '{SELECT,INSERT,UPDATE,DELETE}'),
    ('exercise_stats',         '{SELECT,INSERT,UPDATE}'),
    ('progress',               '{SELECT,INSERT,UPDATE}'),
    ('learning_days',          '{SELECT,INSERT,DELETE}'),
    ('learners',               '{SELECT,INSERT,UPDATE}'),
    ('course_completions',     '{SELECT,INSERT}'),
    ('local_day',              '{EXECUTE}'),
    ('is_tests',               '{EXECUTE}'),
    ('is_limits',              '{EXECUTE}');
