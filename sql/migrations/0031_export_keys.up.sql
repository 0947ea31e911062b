-- SPDX-License-Identifier: Apache-2.0
-- The keys of a piece of an export are looked up before its rows. Where statistics called a table empty, all rows of an account were made
-- for each piece, and sorted: a piece of 60 000 courses took seconds, an export right after a bulk load was cut off.

-- What nobody reads is not asked, as it is with a function in FROM: the keys are looked up without it.
UPDATE forge.personal SET export_select = replace(export_select, ', forge.course_told(c.organization_id, $1) k(told)',
    ' LEFT JOIN LATERAL (SELECT forge.course_told(c.organization_id, $1) AS told) k ON true')
    WHERE export_select IS NOT NULL;

CREATE OR REPLACE FUNCTION forge.export_piece(account bigint, which name, after bigint, bytes bigint)
RETURNS TABLE (content json, key bigint) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry forge.personal;
    most  CONSTANT integer := 1000; -- rows of one piece
    keys  bigint[];
    page  refcursor; -- a loop over the query would make ten rows and more at a time, however large
    room  bigint := bytes;
    more  boolean;
BEGIN
    SELECT * INTO entry FROM forge.personal p WHERE p.export_select IS NOT NULL AND p.export_as = which;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF entry.export_key IS NOT NULL THEN
        EXECUTE format('SELECT array_agg(k.%1$I) FROM (SELECT s.%1$I FROM (%2$s) s WHERE s.%1$I > $2 ORDER BY s.%1$I LIMIT $3) k',
            entry.export_key, entry.export_select) INTO keys USING account, after, most;
    END IF;
    OPEN page FOR EXECUTE CASE WHEN entry.export_key IS NULL
        THEN format('SELECT row_to_json(s), row_number() OVER () FROM (%s) s OFFSET $2', entry.export_select)
        ELSE format('SELECT row_to_json(s), s.%1$I FROM (%2$s) s WHERE s.%1$I = ANY ($3) ORDER BY s.%1$I', entry.export_key, entry.export_select)
        END USING account, after, keys;
    LOOP
        FETCH page INTO content, key;
        EXIT WHEN NOT FOUND OR room <= 0;
        RETURN NEXT;
        room := room - octet_length(content::text);
    END LOOP;
    more := FOUND OR cardinality(keys) = most;
    CLOSE page;
    IF more THEN
        RETURN;
    END IF;
    content := NULL;
    key := NULL;
    RETURN NEXT;
END $$;
