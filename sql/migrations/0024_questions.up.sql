-- SPDX-License-Identifier: Apache-2.0
-- Questions about what was analysed (SPEC 10): the conversation of each session, what the language model has cost, and embeddings.

CREATE TABLE forge.messages (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id bigint NOT NULL REFERENCES forge.analysis_sessions ON DELETE CASCADE,
    user_id    bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,     -- who asked: the session's
    question   text NOT NULL,
    answered   boolean NOT NULL,
    answer     text,                                        -- NULL: there was too little to answer from
    sources    jsonb NOT NULL DEFAULT '[]',
    model      text NOT NULL,                               -- "extractive", or the language model
    degraded   boolean NOT NULL DEFAULT false,              -- the language model should have answered and could not
    tokens     integer NOT NULL DEFAULT 0,                  -- of the language model, both ways
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT messages_question_length CHECK (char_length(question) BETWEEN 1 AND 2000),
    CONSTRAINT messages_answer_length   CHECK (char_length(answer) <= 20000),
    CONSTRAINT messages_answered        CHECK (answered = (answer IS NOT NULL)),
    CONSTRAINT messages_model_length    CHECK (char_length(model) BETWEEN 1 AND 200),
    CONSTRAINT messages_tokens_range    CHECK (tokens >= 0)
);
CREATE INDEX messages_session_id ON forge.messages (session_id, id);
CREATE INDEX messages_user_id ON forge.messages (user_id, id);
COMMENT ON TABLE forge.messages IS 'questions that were asked about an analysis, and their answers';

CREATE TRIGGER weighed AFTER INSERT ON forge.messages REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('user_id', 'question', 'answer');
CREATE TRIGGER unweighed AFTER DELETE ON forge.messages REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION forge.usage_count('user_id', 'question', 'answer');

-- What calls of the language model have cost, by account and month. A call is charged with the most that it may take before it is
-- made, and settled afterwards: calls at once cannot exceed a limit together.
CREATE TABLE forge.llm_usage (
    user_id  bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    month    date NOT NULL,                                 -- its first day, in UTC
    requests bigint NOT NULL DEFAULT 0,
    tokens   bigint NOT NULL DEFAULT 0,
    cost     numeric(14, 6) NOT NULL DEFAULT 0,             -- in the currency of ForgeLLM's prices
    PRIMARY KEY (user_id, month),
    CONSTRAINT llm_usage_month_first CHECK (extract(day FROM month) = 1),
    CONSTRAINT llm_usage_counts      CHECK (requests >= 0 AND tokens >= 0 AND cost >= 0)
) WITH (fillfactor = 70);
COMMENT ON TABLE forge.llm_usage IS 'what the language model has cost, by account and month';

-- One vector a passage, of length one, so that the inner product is the cosine.
CREATE TABLE forge.embeddings (
    passage_id bigint PRIMARY KEY REFERENCES forge.passages ON DELETE CASCADE,
    model      text NOT NULL,
    numbers    real[] NOT NULL,
    CONSTRAINT embeddings_model_length  CHECK (char_length(model) BETWEEN 1 AND 200),
    CONSTRAINT embeddings_numbers_count CHECK (cardinality(numbers) BETWEEN 1 AND 4096 AND array_ndims(numbers) = 1)
);
COMMENT ON TABLE forge.embeddings IS 'what passages mean, as a language model says';

-- The passages of a session that are nearest to a vector. With pgvector its own operator reads them all; without it the sum of
-- products does, as long as passages times numbers stay below `most`: beyond that there is no row, and words alone find passages.
CREATE FUNCTION forge.nearest_passages(session bigint, named text, asked real[], most bigint, count integer)
    RETURNS TABLE (passage_id bigint, score double precision)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    home name := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector');
BEGIN
    IF home IS NOT NULL THEN
        RETURN QUERY EXECUTE format($q$
            SELECT e.passage_id, -(e.numbers::%1$I.vector OPERATOR(%1$I.<#>) $3::%1$I.vector) AS score
            FROM forge.passages p JOIN forge.embeddings e ON e.passage_id = p.id
            WHERE p.session_id = $1 AND e.model = $2 AND cardinality(e.numbers) = cardinality($3)
            ORDER BY 2 DESC, 1 LIMIT $4$q$, home) USING session, named, asked, count;
        RETURN;
    END IF;
    IF (SELECT count(*) FROM forge.passages p JOIN forge.embeddings e ON e.passage_id = p.id
        WHERE p.session_id = session AND e.model = named) * cardinality(asked) > most THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT e.passage_id, (SELECT sum(x::float8 * y::float8) FROM unnest(e.numbers, asked) AS t(x, y)) AS score
        FROM forge.passages p JOIN forge.embeddings e ON e.passage_id = p.id
        WHERE p.session_id = session AND e.model = named AND cardinality(e.numbers) = cardinality(asked)
        ORDER BY 2 DESC, 1 LIMIT nearest_passages.count;
END $$;
COMMENT ON FUNCTION forge.nearest_passages(bigint, text, real[], bigint, integer) IS 'the passages of a session nearest to a vector';

INSERT INTO forge.personal
    (relation, account_column, whose, on_erase, erase_only, erase_set, export_as, export_select, reason) VALUES
    ('messages', 'user_id', NULL, 'delete', NULL, NULL, 'questions', $$
        SELECT id, session_id, question, answered, answer, sources, model, degraded, tokens AS spent, forge.instant(created_at) AS created_at
        FROM forge.messages WHERE user_id = $1 ORDER BY id $$, NULL),
    ('llm_usage', 'user_id', NULL, 'delete', NULL, NULL, 'llm_usage', $$
        SELECT month, requests, tokens AS spent, cost FROM forge.llm_usage WHERE user_id = $1 ORDER BY month $$, NULL);

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
INSERT INTO forge.app_rights VALUES
    ('messages',         '{SELECT,INSERT,DELETE}'),
    ('llm_usage',        '{SELECT,INSERT,UPDATE,DELETE}'),
    ('embeddings',       '{SELECT,INSERT,UPDATE,DELETE}'),
    ('nearest_passages', '{EXECUTE}');
