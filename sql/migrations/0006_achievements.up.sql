-- SPDX-License-Identifier: Apache-2.0
-- Achievements and who was awarded them (SPEC 8).

CREATE TABLE forge.achievements (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    points      integer NOT NULL DEFAULT 0,
    icon        text,
    version     bigint NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT achievements_name_unique        UNIQUE (name),
    CONSTRAINT achievements_name_form          CHECK (char_length(name) BETWEEN 1 AND 200 AND name !~ '[\u0001-\u001f\u007f]'),
    CONSTRAINT achievements_description_length CHECK (char_length(description) <= 20000),
    CONSTRAINT achievements_points_range       CHECK (points >= 0),
    CONSTRAINT achievements_icon_form          CHECK (char_length(icon) <= 64 AND icon !~ '[\u0001-\u001f\u007f]')
);
CREATE TRIGGER touch BEFORE UPDATE ON forge.achievements FOR EACH ROW EXECUTE FUNCTION forge.touch();

CREATE TABLE forge.user_achievements (
    user_id        bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    achievement_id bigint NOT NULL REFERENCES forge.achievements ON DELETE CASCADE,
    awarded_by     bigint REFERENCES forge.users ON DELETE SET NULL,   -- NULL: earned by a rule
    awarded_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, achievement_id)
);
CREATE INDEX user_achievements_achievement_id ON forge.user_achievements (achievement_id);
CREATE INDEX user_achievements_awarded_by ON forge.user_achievements (awarded_by) WHERE awarded_by IS NOT NULL;

INSERT INTO forge.app_rights VALUES
    ('achievements',      '{SELECT,INSERT,UPDATE,DELETE}'),
    ('user_achievements', '{SELECT}');
