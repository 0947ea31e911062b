-- SPDX-License-Identifier: Apache-2.0
-- Courses (SPEC 6), with an index for every order and filter of their list.

CREATE TABLE forge.courses (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title           text NOT NULL,
    description     text NOT NULL DEFAULT '',
    difficulty      text NOT NULL DEFAULT 'beginner',
    instructor_id   bigint NOT NULL REFERENCES forge.users,
    organization_id bigint REFERENCES forge.organizations,
    status          text NOT NULL DEFAULT 'published',
    version         bigint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    -- Punctuation that the parser would glue into one token (paths, hosts, hyphens) becomes blanks, here and in the query alike.
    search          tsvector GENERATED ALWAYS AS (
                        setweight(to_tsvector('simple'::regconfig, translate(title, '-_./:@', '      ')), 'A') ||
                        setweight(to_tsvector('simple'::regconfig, translate(description, '-_./:@', '      ')), 'B')) STORED,
    CONSTRAINT courses_title_form         CHECK (char_length(title) BETWEEN 1 AND 200 AND title !~ '[\u0001-\u001f\u007f]'),
    CONSTRAINT courses_description_length CHECK (char_length(description) <= 20000),
    CONSTRAINT courses_difficulty_known   CHECK (difficulty IN ('beginner', 'intermediate', 'advanced')),
    CONSTRAINT courses_status_known       CHECK (status IN ('published', 'draft'))
);
CREATE INDEX courses_created_at ON forge.courses (created_at, id);
CREATE INDEX courses_title ON forge.courses (title, id);
CREATE INDEX courses_difficulty ON forge.courses (difficulty, id);
CREATE INDEX courses_instructor_id ON forge.courses (instructor_id, id);
CREATE INDEX courses_organization_id ON forge.courses (organization_id, id) WHERE organization_id IS NOT NULL;
-- All that the question "who sees it" needs: counting reads this small index instead of the table.
CREATE INDEX courses_visibility ON forge.courses (status, organization_id, instructor_id);
CREATE INDEX courses_search ON forge.courses USING gin (search);
CREATE TRIGGER touch BEFORE UPDATE ON forge.courses FOR EACH ROW EXECUTE FUNCTION forge.touch();

INSERT INTO forge.app_rights VALUES ('courses', '{SELECT,INSERT,UPDATE,DELETE}');
