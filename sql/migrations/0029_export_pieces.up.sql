-- SPDX-License-Identifier: Apache-2.0
-- An export is read in pieces of so many bytes, each from where the last one ended: so many rows could be more than one statement may
-- take, in time and in memory.

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
