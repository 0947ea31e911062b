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
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT analysis_sessions_kind_known CHECK (kind IN ('pdf', 'github')),
    CONSTRAINT analysis_sessions_subject    CHECK ((kind = 'pdf') = (file_id IS NOT NULL) AND (kind = 'github') = (url IS NOT NULL)),
    CONSTRAINT analysis_sessions_url_length CHECK (char_length(url) <= 500 AND char_length(ref) <= 200),
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

INSERT INTO forge.personal
    (relation, account_column, whose, on_erase, erase_only, erase_set, export_as, export_select, reason) VALUES
    ('analysis_sessions', 'user_id', NULL, 'delete', NULL, NULL, 'analyses', $$
        SELECT id, kind, file_id, url, ref, result, forge.instant(created_at) AS created_at
        FROM forge.analysis_sessions WHERE user_id = $1 ORDER BY id $$, NULL);

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
INSERT INTO forge.app_rights VALUES
    ('analysis_sessions', '{SELECT,INSERT,UPDATE,DELETE}'),
    ('passages',          '{SELECT,INSERT,DELETE}');
