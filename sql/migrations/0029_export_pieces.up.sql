-- SPDX-License-Identifier: Apache-2.0
-- An export is read in pieces of so many bytes, each from where the last one ended: so many rows could be more than one statement may
-- take, in time and in memory. It shows all of what somebody wrote, and no title of a draft of others.

ALTER TABLE forge.personal ADD COLUMN export_key name;
COMMENT ON COLUMN forge.personal.export_key IS
    'column of export_select: a positive bigint that no two rows share, by which they are ordered; NULL: an account has few rows';
UPDATE forge.personal SET export_select = replace(export_select, 'SELECT course_id,', 'SELECT id, course_id,')
    WHERE export_as = 'progress' AND export_select IS NOT NULL;
UPDATE forge.personal SET export_key = CASE
        WHEN export_as IN ('enrollments', 'course_completions') THEN 'course_id'
        WHEN export_as = 'memberships' THEN 'organization_id'
        WHEN export_as = 'achievements' THEN 'achievement_id'
        ELSE 'id' END::name
    WHERE export_select IS NOT NULL AND export_as NOT IN ('invitations', 'mail_links', 'learning_days', 'llm_usage');
ALTER TABLE forge.personal ADD CONSTRAINT personal_key_agrees CHECK (export_key IS NULL OR export_select IS NOT NULL);

-- The loop reads on only while there is room. export_rows stays for the module of before.
CREATE FUNCTION forge.export_piece(account bigint, which name, after bigint, bytes bigint)
RETURNS TABLE (content json, key bigint) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry forge.personal;
    room  bigint := bytes;
BEGIN
    SELECT * INTO entry FROM forge.personal p WHERE p.export_select IS NOT NULL AND p.export_as = which;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    FOR content, key IN EXECUTE CASE WHEN entry.export_key IS NULL
        THEN format('SELECT row_to_json(s), row_number() OVER () FROM (%s) s OFFSET $2', entry.export_select)
        ELSE format('SELECT row_to_json(s), s.%1$I FROM (%2$s) s WHERE s.%1$I > $2 ORDER BY s.%1$I', entry.export_key, entry.export_select)
        END USING account, after
    LOOP
        IF room <= 0 THEN
            RETURN;
        END IF;
        RETURN NEXT;
        room := room - octet_length(content::text);
    END LOOP;
    content := NULL;
    key := NULL;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION forge.export_piece(bigint, name, bigint, bigint) IS
    'rows of one member of an export behind the one with that key (0: the first), as many as take so many bytes; NULLs after the last';
REVOKE ALL ON FUNCTION forge.export_piece(bigint, name, bigint, bigint) FROM PUBLIC;
INSERT INTO forge.app_rights VALUES ('export_piece', '{EXECUTE}');

-- --- all that somebody wrote, and no title of a draft of others ---

UPDATE forge.personal SET export_select = $$
        SELECT c.id, CASE WHEN k.told THEN c.title END AS title, CASE WHEN k.told THEN c.description END AS description,
               CASE WHEN k.told THEN c.difficulty END AS difficulty, CASE WHEN k.told THEN c.status END AS status,
               CASE WHEN k.told THEN c.timezone END AS timezone,
               forge.instant(c.created_at) AS created_at, forge.instant(c.updated_at) AS updated_at
        FROM forge.courses c, forge.course_told(c.organization_id, $1) k(told) WHERE c.instructor_id = $1 ORDER BY c.id $$
    WHERE export_as = 'courses' AND export_select IS NOT NULL;
UPDATE forge.personal SET export_select = $$
        SELECT x.id, x.course_id, CASE WHEN k.told THEN x.title END AS title, CASE WHEN k.told THEN x.description END AS description,
               CASE WHEN k.told THEN forge.instant(x.due_at) END AS due_at, CASE WHEN k.told THEN x.max_points END AS max_points,
               forge.instant(x.created_at) AS created_at
        FROM forge.assignments x LEFT JOIN forge.courses c ON c.id = x.course_id, forge.course_told(c.organization_id, $1) k(told)
        WHERE x.created_by = $1 ORDER BY x.id $$
    WHERE export_as = 'assignments' AND export_select IS NOT NULL;
UPDATE forge.personal SET export_select = $$
        SELECT x.id, x.course_id, CASE WHEN k.told THEN x.title END AS title, CASE WHEN k.told THEN x.instructions END AS instructions,
               CASE WHEN k.told THEN x.difficulty END AS difficulty, CASE WHEN k.told THEN x.language END AS language,
               CASE WHEN k.told THEN x.starter_code END AS starter_code, CASE WHEN k.told THEN x.solution END AS solution,
               CASE WHEN k.told THEN x.tests END AS tests, CASE WHEN k.told THEN x.limits END AS limits,
               forge.instant(x.created_at) AS created_at
        FROM forge.exercises x LEFT JOIN forge.courses c ON c.id = x.course_id, forge.course_told(c.organization_id, $1) k(told)
        WHERE x.author_id = $1 ORDER BY x.id $$
    WHERE export_as = 'exercises' AND export_select IS NOT NULL;
UPDATE forge.personal SET export_select = $$
        SELECT id, name, description, points, icon, CASE WHEN rule_event IS NOT NULL THEN
               jsonb_build_object('event', rule_event, 'count', rule_count, 'course_id', rule_course_id) END AS rule,
               forge.instant(created_at) AS created_at
        FROM forge.achievements WHERE created_by = $1 ORDER BY id $$
    WHERE export_as = 'created_achievements' AND export_select IS NOT NULL;
UPDATE forge.personal SET export_select = replace(export_select,
    $$CASE WHEN forge.course_told(c.organization_id, $1) THEN c.title END$$,
    $$CASE WHEN (c.status = 'published' OR c.instructor_id = $1) AND forge.course_told(c.organization_id, $1) THEN c.title END$$)
    WHERE export_as IN ('enrollments', 'course_completions') AND export_select IS NOT NULL;
