-- SPDX-License-Identifier: Apache-2.0
-- Analysis of files and repositories (SPEC 10). The state of a session is that of its job; the result is the session's.

CREATE TABLE forge.analysis_sessions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    kind       text NOT NULL,
    file_id    bigint REFERENCES forge.files ON DELETE CASCADE,     -- kind pdf
    url        text,                                                -- kind github
    ref        text,
    job_id     bigint NOT NULL REFERENCES forge.jobs ON DELETE CASCADE,
    result     jsonb,
    thumbnail  bytea,                                               -- PNG of the first page; kind pdf
    kept       bigint NOT NULL DEFAULT 0,                           -- bytes of its passages; a trigger keeps it
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT analysis_sessions_kind_known CHECK (kind IN ('pdf', 'github')),
    CONSTRAINT analysis_sessions_subject    CHECK ((kind = 'pdf') = (file_id IS NOT NULL) AND (kind = 'github') = (url IS NOT NULL)),
    CONSTRAINT analysis_sessions_url_length CHECK (char_length(url) <= 500 AND char_length(ref) <= 200),
    CONSTRAINT analysis_sessions_result_length    CHECK (octet_length(result::text) <= 2097152),
    CONSTRAINT analysis_sessions_thumbnail_length CHECK (octet_length(thumbnail) <= 262144),
    CONSTRAINT analysis_sessions_job_unique UNIQUE (job_id)
);
CREATE INDEX analysis_sessions_user_id ON forge.analysis_sessions (user_id, id);
CREATE INDEX analysis_sessions_file_id ON forge.analysis_sessions (file_id) WHERE file_id IS NOT NULL;
COMMENT ON TABLE forge.analysis_sessions IS 'analyses that accounts have asked for';

-- What questions are answered from. A passage is of one page or one file of a repository.
CREATE TABLE forge.passages (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id bigint NOT NULL REFERENCES forge.analysis_sessions ON DELETE CASCADE,
    position   integer NOT NULL,                                    -- in reading order, from 1
    page       integer,                                             -- of a PDF, from 1
    path       text,                                                -- of a repository's file
    body       text NOT NULL,
    language   regconfig NOT NULL DEFAULT 'simple',
    words      tsvector GENERATED ALWAYS AS (to_tsvector(language, body)) STORED,
    CONSTRAINT passages_body_length     CHECK (char_length(body) BETWEEN 1 AND 8000),
    CONSTRAINT passages_position_unique UNIQUE (session_id, position)
);
CREATE INDEX passages_words ON forge.passages USING gin (words);
COMMENT ON TABLE forge.passages IS 'pieces of analysed texts, to be searched';

-- Analyses count in the quota of their account: a row, and the bytes of passages, result and thumbnail. Passages come in many
-- statements of many rows, so that each statement is summed up first.
CREATE FUNCTION forge.passages_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    UPDATE forge.analysis_sessions s SET kept = s.kept + CASE TG_OP WHEN 'INSERT' THEN c.size ELSE -c.size END
    FROM (SELECT session_id, sum(octet_length(body)) AS size FROM changed GROUP BY 1) c WHERE s.id = c.session_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.passages_kept() IS 'AFTER passages came or went: their session knows how many bytes they are';
CREATE TRIGGER kept AFTER INSERT ON forge.passages REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION forge.passages_kept();
CREATE TRIGGER gone AFTER DELETE ON forge.passages REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION forge.passages_kept();

CREATE FUNCTION forge.usage_analysis() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    n    bigint := 0;
    size bigint := 0;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        n := 1;
        size := NEW.kept + coalesce(octet_length(NEW.result::text), 0) + coalesce(octet_length(NEW.thumbnail), 0);
    END IF;
    IF TG_OP <> 'INSERT' THEN
        n := n - 1;
        size := size - OLD.kept - coalesce(octet_length(OLD.result::text), 0) - coalesce(octet_length(OLD.thumbnail), 0);
    END IF;
    IF n <> 0 OR size <> 0 THEN
        INSERT INTO forge.usage AS g (user_id, rows, bytes)
            SELECT u.id, n, size FROM forge.users u WHERE u.id = CASE TG_OP WHEN 'DELETE' THEN OLD.user_id ELSE NEW.user_id END
            ON CONFLICT (user_id) DO UPDATE SET rows = g.rows + excluded.rows, bytes = g.bytes + excluded.bytes;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.usage_analysis() IS 'AFTER an analysis came, changed or went';
CREATE TRIGGER counted AFTER INSERT OR UPDATE OF kept, result, thumbnail OR DELETE ON forge.analysis_sessions
    FOR EACH ROW EXECUTE FUNCTION forge.usage_analysis();

-- The passages of a session that have a word like this one, the most alike first: for words that no dictionary brings together
-- (mistakes, compounds, other languages). It needs the extension pg_trgm, wherever it is installed and whenever that was; without
-- it there is no row. A session's passages are read one by one: an index on trigrams would be larger than the passages.
CREATE FUNCTION forge.similar_passages(session bigint, word text, most integer)
    RETURNS TABLE (passage_id bigint, score real) LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    home name := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm');
BEGIN
    IF home IS NOT NULL THEN
        RETURN QUERY EXECUTE format($q$
            SELECT f.id, f.score FROM (SELECT p.id, p.position, %I.word_similarity($2, p.body) AS score
                                       FROM forge.passages p WHERE p.session_id = $1) f
            WHERE f.score >= 0.5 ORDER BY f.score DESC, f.position LIMIT $3$q$, home) USING session, word, most;
    END IF;
END $$;
COMMENT ON FUNCTION forge.similar_passages(bigint, text, integer) IS 'passages of a session with a word that looks like this one; needs pg_trgm';

INSERT INTO forge.personal
    (relation, account_column, whose, on_erase, erase_only, erase_set, export_as, export_select, reason) VALUES
    ('analysis_sessions', 'user_id', NULL, 'delete', NULL, NULL, 'analyses', $$
        SELECT id, kind, file_id, url, ref, result, forge.instant(created_at) AS created_at
        FROM forge.analysis_sessions WHERE user_id = $1 ORDER BY id $$, NULL);

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
INSERT INTO forge.app_rights VALUES
    ('analysis_sessions', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('passages',          '{SELECT,INSERT,DELETE}'),
    ('similar_passages',  '{EXECUTE}');
