-- SPDX-License-Identifier: Apache-2.0
-- The export of an account is sent in pieces, so that its size has no bound.

-- Some rows of one member of the export, as forge.personal says, in the order of its select.
CREATE FUNCTION forge.export_rows(account bigint, which name, skip bigint, most bigint) RETURNS SETOF json
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    entry forge.personal;
BEGIN
    FOR entry IN SELECT * FROM forge.personal WHERE export_select IS NOT NULL AND export_as = which LOOP
        RETURN QUERY EXECUTE format('SELECT row_to_json(x) FROM (SELECT * FROM (%s) s OFFSET $2 LIMIT $3) x', entry.export_select)
            USING account, skip, most;
    END LOOP;
END $$;
COMMENT ON FUNCTION forge.export_rows(bigint, name, bigint, bigint) IS 'a piece of one member of an export';
REVOKE ALL ON FUNCTION forge.export_rows(bigint, name, bigint, bigint) FROM PUBLIC;

DELETE FROM forge.app_rights WHERE relation = 'export_account';
INSERT INTO forge.app_rights VALUES ('export_rows', '{EXECUTE}');
DROP FUNCTION forge.export_account(bigint);
