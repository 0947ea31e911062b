-- SPDX-License-Identifier: Apache-2.0
-- All as before 0031.

CREATE OR REPLACE FUNCTION forge.export_piece(account bigint, which name, after bigint, bytes bigint)
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
UPDATE forge.personal SET export_select = replace(export_select,
    ' LEFT JOIN LATERAL (SELECT forge.course_told(c.organization_id, $1) AS told) k ON true',
    ', forge.course_told(c.organization_id, $1) k(told)')
    WHERE export_select IS NOT NULL;
