-- SPDX-License-Identifier: Apache-2.0
-- Organisations and who belongs to them (SPEC 5).

CREATE TABLE forge.organizations (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL,
    slug       text NOT NULL,
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT organizations_slug_unique UNIQUE (slug),
    CONSTRAINT organizations_slug_form   CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(slug) <= 63),
    CONSTRAINT organizations_name_form   CHECK (char_length(name) BETWEEN 1 AND 200 AND name !~ '[\u0001-\u001f\u007f]')
);
CREATE TRIGGER touch BEFORE UPDATE ON forge.organizations FOR EACH ROW EXECUTE FUNCTION forge.touch();

CREATE TABLE forge.memberships (
    organization_id bigint NOT NULL REFERENCES forge.organizations ON DELETE CASCADE,
    user_id         bigint NOT NULL REFERENCES forge.users ON DELETE CASCADE,
    role            text NOT NULL DEFAULT 'member',
    joined_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, user_id),
    CONSTRAINT memberships_role_known CHECK (role IN ('owner', 'admin', 'member'))
);
CREATE INDEX memberships_user_id ON forge.memberships (user_id, organization_id);

INSERT INTO forge.app_rights VALUES
    ('organizations', '{SELECT}'),
    ('memberships',   '{SELECT}');
