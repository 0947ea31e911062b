-- SPDX-License-Identifier: Apache-2.0
-- The export is one statement again.

DELETE FROM forge.app_rights WHERE relation = 'export_rows';
DROP FUNCTION forge.export_rows(bigint, name, bigint, bigint);
CREATE FUNCTION forge.export_account(account bigint) RETURNS TABLE (number integer, member name, content json)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    entry forge.personal;
BEGIN
    FOR entry IN SELECT * FROM forge.personal WHERE export_select IS NOT NULL LOOP
        number := entry.number;
        member := entry.export_as;
        EXECUTE format('SELECT coalesce(json_agg(x), ''[]'') FROM (%s) x', entry.export_select)
            INTO content USING account;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION forge.export_account(bigint) IS 'rows of an account as forge.personal says';
REVOKE ALL ON FUNCTION forge.export_account(bigint) FROM PUBLIC;
INSERT INTO forge.app_rights VALUES ('export_account', '{EXECUTE}');
