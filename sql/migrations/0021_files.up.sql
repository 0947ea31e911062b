-- SPDX-License-Identifier: Apache-2.0
-- Files of accounts (SPEC 9): the bytes are a large object, made and unlinked in the transaction of their row.

CREATE TABLE forge.files (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    filename     text NOT NULL,                             -- for display; the bytes are found by `object` alone
    content_type text NOT NULL,
    size         bigint NOT NULL,
    sha256       bytea NOT NULL,
    object       oid NOT NULL,                              -- the large object
    pages        integer,                                   -- of a PDF that was looked at
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT files_filename_form     CHECK (char_length(filename) BETWEEN 1 AND 200 AND filename !~ '[\u0001-\u001f\u007f]'),
    CONSTRAINT files_size_range        CHECK (size >= 0),
    CONSTRAINT files_type_form         CHECK (content_type ~ '^[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}$'),
    CONSTRAINT files_sha256_length     CHECK (octet_length(sha256) = 32),
    CONSTRAINT files_pages_range       CHECK (pages >= 0),
    CONSTRAINT files_object_unique     UNIQUE (object),
    CONSTRAINT files_bytes_unique      UNIQUE (user_id, sha256)
);
COMMENT ON TABLE forge.files IS 'files of accounts; the same bytes are one file of theirs';

-- Large objects have an owner of their own. These three run as the owner of the schema, so that whoever may read or delete a row
-- (the application, another role of it later, the owner in psql) reads the bytes and takes them along; to write them is for
-- whoever asked for the object.
CREATE FUNCTION forge.file_object() RETURNS oid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    object oid := lo_create(0);
BEGIN
    EXECUTE format('GRANT SELECT, UPDATE ON LARGE OBJECT %s TO %I', object, session_user);
    RETURN object;
END $$;
COMMENT ON FUNCTION forge.file_object() IS 'a new large object for a row of forge.files';

CREATE FUNCTION forge.file_bytes(file bigint, start bigint, most integer) RETURNS bytea LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog AS $$ SELECT lo_get(f.object, start, most) FROM forge.files f WHERE f.id = file $$;
COMMENT ON FUNCTION forge.file_bytes(bigint, bigint, integer) IS 'bytes of a file; NULL when there is no such file';

CREATE FUNCTION forge.file_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM lo_unlink(f.object) FROM forge.files f;
    ELSE
        PERFORM lo_unlink(OLD.object);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.file_gone() IS 'AFTER a file was deleted, BEFORE all are: the bytes go in the same transaction';
CREATE TRIGGER bytes_go AFTER DELETE ON forge.files FOR EACH ROW EXECUTE FUNCTION forge.file_gone();
CREATE TRIGGER all_bytes_go BEFORE TRUNCATE ON forge.files FOR EACH STATEMENT EXECUTE FUNCTION forge.file_gone();

-- Files count in the quota of their account: a row, and the bytes of file and name. The rule is that of forge.usage_count
-- (migration 0017), which counts texts alone.
CREATE FUNCTION forge.usage_file() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO forge.usage AS g (user_id, rows, bytes)
        SELECT u.id, s.n, s.size FROM (
            SELECT x.account, sum(x.n) AS n, sum(x.size) AS size FROM (VALUES
                (CASE WHEN TG_OP <> 'INSERT' THEN OLD.user_id END, -1, -OLD.size - octet_length(OLD.filename)),
                (CASE WHEN TG_OP <> 'DELETE' THEN NEW.user_id END, 1, NEW.size + octet_length(NEW.filename))) x (account, n, size)
            WHERE x.account IS NOT NULL GROUP BY 1) s
        JOIN forge.users u ON u.id = s.account WHERE s.n <> 0 OR s.size <> 0 ORDER BY 1
        ON CONFLICT (user_id) DO UPDATE SET rows = g.rows + excluded.rows, bytes = g.bytes + excluded.bytes;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.usage_file() IS 'AFTER a file came, changed or went';
CREATE TRIGGER counted AFTER INSERT OR UPDATE OF user_id, size, filename OR DELETE ON forge.files
    FOR EACH ROW EXECUTE FUNCTION forge.usage_file();

INSERT INTO forge.personal
    (relation, account_column, whose, on_erase, erase_only, erase_set, export_as, export_select, reason) VALUES
    ('files', 'user_id', NULL, 'delete', NULL, NULL, 'files', $$
        SELECT id, filename, content_type, size, pages, forge.instant(created_at) AS created_at
        FROM forge.files WHERE user_id = $1 ORDER BY id $$, NULL);

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
INSERT INTO forge.app_rights VALUES
    ('files',       '{SELECT,INSERT,UPDATE,DELETE}'),
    ('file_object', '{EXECUTE}'),
    ('file_bytes',  '{EXECUTE}');
