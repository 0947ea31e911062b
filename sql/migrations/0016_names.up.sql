-- SPDX-License-Identifier: Apache-2.0
-- Names: what was somebody's stays theirs, what is derived agrees with what it comes from, and letters fold alike in
-- every locale (SPEC 3, 4, 5, 8).

-- Small letters whatever the locale of the database: A to Z by "C", which also takes the I from a Turkish locale's
-- hands; all others as Unicode says, where PostgreSQL was built with ICU, else as the database does.
DO $$
BEGIN
    EXECUTE format($f$
        CREATE FUNCTION forge.fold(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $b$
            SELECT pg_catalog.translate(pg_catalog.lower(
                pg_catalog.translate(pg_catalog.lower(words COLLATE "C"), U&'\0130', 'i') COLLATE %s), U&'\03c2', U&'\03c3')
        $b$ $f$,
        CASE WHEN EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu' AND collnamespace = 'pg_catalog'::regnamespace)
             THEN 'pg_catalog."und-x-icu"' ELSE 'pg_catalog."default"' END);
END $$;
COMMENT ON FUNCTION forge.fold(text) IS 'small letters, the same in every locale';

-- The searches fold so too.
DO $$
DECLARE
    home    name := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm');
    indexed boolean := home IS NOT NULL AND to_regclass('forge.users_search') IS NOT NULL;
BEGIN
    ALTER TABLE forge.users DROP COLUMN search;
    ALTER TABLE forge.users ADD COLUMN search text NOT NULL GENERATED ALWAYS AS (
        forge.fold(username || E'\n' || coalesce(full_name, '') || E'\n' || coalesce(email, ''))) STORED;
    IF indexed THEN
        EXECUTE format('CREATE INDEX users_search ON forge.users USING gin (search %I.gin_trgm_ops)', home);
    END IF;
END $$;
ALTER TABLE forge.courses DROP COLUMN search;
ALTER TABLE forge.courses ADD COLUMN search tsvector GENERATED ALWAYS AS (
    setweight(to_tsvector('simple'::regconfig, translate(forge.fold(title), '-_./:@', '      ')), 'A') ||
    setweight(to_tsvector('simple'::regconfig, translate(forge.fold(description), '-_./:@', '      ')), 'B')) STORED;
CREATE INDEX courses_search ON forge.courses USING gin (search);

-- A name that somebody had is never somebody else's: who writes it into Require lines, links or access rules of other
-- programs means the one who had it. Of accounts only a digest stays, also after they are erased.
CREATE TABLE forge.former_usernames (
    sha256  bytea PRIMARY KEY,                              -- of the name in small letters
    user_id bigint NOT NULL,                                -- who may take it again; the account may be gone
    left_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT former_usernames_sha256_length CHECK (octet_length(sha256) = 32)
);
CREATE INDEX former_usernames_user_id ON forge.former_usernames (user_id);
CREATE TABLE forge.former_slugs (
    slug            text PRIMARY KEY,
    organization_id bigint NOT NULL,                        -- which may take it again; it may be gone
    left_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX former_slugs_organization_id ON forge.former_slugs (organization_id);

CREATE FUNCTION forge.username_sha256(username text) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.lower(username COLLATE "C"), 'UTF8'))
$$;
COMMENT ON FUNCTION forge.username_sha256(text) IS 'what is kept of a former username';

-- After the change, so that whoever waited for the name sees what the one before has committed. A hundred names an
-- account or organisation, so that nobody takes all names by being renamed. The names of guests are random, and those
-- of erased accounts reserved.
CREATE FUNCTION forge.users_former_name() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.role <> 'guest' AND OLD.anonymized_at IS NULL THEN
        IF TG_OP = 'UPDATE' AND NEW.anonymized_at IS NULL
                AND (SELECT count(*) FROM forge.former_usernames f WHERE f.user_id = OLD.id) >= 100 THEN
            RAISE EXCEPTION 'account % has had 100 usernames', OLD.id
                USING ERRCODE = 'check_violation', SCHEMA = 'forge', TABLE = 'users', CONSTRAINT = 'users_renames_limit';
        END IF;
        INSERT INTO forge.former_usernames (sha256, user_id) VALUES (forge.username_sha256(OLD.username), OLD.id) ON CONFLICT DO NOTHING;
    END IF;
    IF TG_OP <> 'DELETE' AND EXISTS (SELECT FROM forge.former_usernames f
            WHERE f.sha256 = forge.username_sha256(NEW.username) AND f.user_id <> NEW.id) THEN
        RAISE EXCEPTION 'the username "%" was another account''s', NEW.username
            USING ERRCODE = 'unique_violation', SCHEMA = 'forge', TABLE = 'users', CONSTRAINT = 'users_username_unique';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.users_former_name() IS 'keeps the former username for the account that had it';
CREATE TRIGGER former_name AFTER INSERT OR DELETE ON forge.users FOR EACH ROW EXECUTE FUNCTION forge.users_former_name();
CREATE TRIGGER former_name_update AFTER UPDATE OF username ON forge.users
    FOR EACH ROW WHEN (lower(OLD.username COLLATE "C") <> lower(NEW.username COLLATE "C")) EXECUTE FUNCTION forge.users_former_name();

CREATE FUNCTION forge.organizations_former_slug() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        IF TG_OP = 'UPDATE' AND (SELECT count(*) FROM forge.former_slugs f WHERE f.organization_id = OLD.id) >= 100 THEN
            RAISE EXCEPTION 'organisation % has had 100 slugs', OLD.id
                USING ERRCODE = 'check_violation', SCHEMA = 'forge', TABLE = 'organizations', CONSTRAINT = 'organizations_renames_limit';
        END IF;
        INSERT INTO forge.former_slugs (slug, organization_id) VALUES (OLD.slug, OLD.id) ON CONFLICT DO NOTHING;
    END IF;
    IF TG_OP <> 'DELETE' AND EXISTS (SELECT FROM forge.former_slugs f WHERE f.slug = NEW.slug AND f.organization_id <> NEW.id) THEN
        RAISE EXCEPTION 'the slug "%" was another organisation''s', NEW.slug
            USING ERRCODE = 'unique_violation', SCHEMA = 'forge', TABLE = 'organizations', CONSTRAINT = 'organizations_slug_unique';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.organizations_former_slug() IS 'keeps the former slug for the organisation that had it';
CREATE TRIGGER former_slug AFTER INSERT OR DELETE ON forge.organizations
    FOR EACH ROW EXECUTE FUNCTION forge.organizations_former_slug();
CREATE TRIGGER former_slug_update AFTER UPDATE OF slug ON forge.organizations
    FOR EACH ROW WHEN (OLD.slug <> NEW.slug) EXECUTE FUNCTION forge.organizations_former_slug();

-- TRUNCATE is the owner's word, and begins everything anew.
CREATE FUNCTION forge.former_names_forget() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    EXECUTE format('DELETE FROM forge.%I', TG_ARGV[0]);
    RETURN NULL;
END $$;
CREATE TRIGGER former_names AFTER TRUNCATE ON forge.users EXECUTE FUNCTION forge.former_names_forget('former_usernames');
CREATE TRIGGER former_slugs AFTER TRUNCATE ON forge.organizations EXECUTE FUNCTION forge.former_names_forget('former_slugs');

-- What the audit log still knows of former slugs; the newest owner first.
INSERT INTO forge.former_slugs (slug, organization_id, left_at)
SELECT DISTINCT ON (slug) slug, organization_id, at FROM (
    SELECT coalesce(detail -> 'from' ->> 'slug', detail ->> 'slug') AS slug, (detail ->> 'organization_id')::bigint AS organization_id, at, id
    FROM forge.audit_events
    WHERE event = 'organization.deleted' OR (event = 'organization.updated' AND detail -> 'from' ->> 'slug' <> detail -> 'to' ->> 'slug')) was
WHERE slug IS NOT NULL AND organization_id IS NOT NULL AND NOT EXISTS (SELECT FROM forge.organizations o WHERE o.slug = was.slug)
ORDER BY slug, id DESC;

-- An address and its unique form, whoever writes. Of plain letters the form is the small ones; psql may leave it out.
-- Of others only the module knows the form to the last rule of Unicode; here the two are compared by a coarser fold.
-- An A-label of the domain is decoded for that (RFC 3492 §6.2).
CREATE FUNCTION forge.label_decode(label text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog AS $$
DECLARE
    coded  text := substr(label, 5);
    cut    integer := length(coded) - strpos(reverse(coded), '-');
    told   text := CASE WHEN strpos(coded, '-') > 0 THEN left(coded, cut) ELSE '' END;
    at     integer := CASE WHEN strpos(coded, '-') > 0 THEN cut + 2 ELSE 1 END;
    code   bigint := 128;
    place  bigint := 0;
    bias   bigint := 72;
    before bigint;
    weight bigint;
    digit  integer;
    least  bigint;
    k      integer;
    count  integer;
BEGIN
    IF label !~ '^xn--[a-z0-9-]{1,59}$' THEN
        RETURN label;
    END IF;
    WHILE at <= length(coded) LOOP
        before := place;
        weight := 1;
        k := 36;
        LOOP
            digit := strpos('abcdefghijklmnopqrstuvwxyz0123456789', substr(coded, at, 1)) - 1;
            IF at > length(coded) OR digit < 0 OR place > 1000000000 OR weight > 1000000000 THEN
                RETURN label;
            END IF;
            at := at + 1;
            place := place + digit * weight;
            least := CASE WHEN k <= bias THEN 1 WHEN k >= bias + 26 THEN 26 ELSE k - bias END;
            EXIT WHEN digit < least;
            weight := weight * (36 - least);
            k := k + 36;
        END LOOP;
        count := length(told) + 1;
        bias := (place - before) / CASE WHEN before = 0 THEN 700 ELSE 2 END;
        bias := bias + bias / count;
        k := 0;
        WHILE bias > 455 LOOP
            bias := bias / 35;
            k := k + 36;
        END LOOP;
        bias := k + 36 * bias / (bias + 38);
        code := code + place / count;
        place := place % count;
        IF code > 1114111 OR code BETWEEN 55296 AND 57343 THEN
            RETURN label;
        END IF;
        told := left(told, place::integer) || chr(code::integer) || substr(told, place::integer + 1);
        place := place + 1;
    END LOOP;
    RETURN told;
END $$;
COMMENT ON FUNCTION forge.label_decode(text) IS 'the letters of an A-label of a domain; what is none as it is';

DO $$
BEGIN
    EXECUTE format($f$
        CREATE FUNCTION forge.address_skeleton(part text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $b$
            SELECT %s FROM (SELECT pg_catalog.translate(pg_catalog.regexp_replace(pg_catalog.normalize(part, 'NFKC'),
                U&'[\00ad\200b-\200d\2060\fe00-\fe0f\feff]', '', 'g'), U&'\3002\ff61\03c2\1e9e', U&'..\03c3\00df') AS x) plain
        $b$ $f$,
        CASE WHEN EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu' AND collnamespace = 'pg_catalog'::regnamespace)
             THEN $s$pg_catalog.normalize(pg_catalog.translate(pg_catalog.lower(pg_catalog.upper(x COLLATE pg_catalog."und-x-icu")
                    COLLATE pg_catalog."und-x-icu"), U&'\03c2', U&'\03c3'), 'NFKC')$s$
             ELSE $s$CASE WHEN pg_catalog.replace(x, U&'\00df', 'ss') ~ '^[\u0001-\u007f]*$'
                          THEN pg_catalog.lower(pg_catalog.replace(x, U&'\00df', 'ss') COLLATE "C") ELSE '' END$s$ END);
END $$;
COMMENT ON FUNCTION forge.address_skeleton(text) IS 'part of an address with all differences folded away that its unique form may fold';
CREATE FUNCTION forge.email_agrees(email text, email_key text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog AS $$
BEGIN
    IF octet_length(email) = char_length(email) THEN
        RETURN email_key = lower(email COLLATE "C");
    END IF;
    RETURN forge.address_skeleton(split_part(email, '@', 1)) = forge.address_skeleton(split_part(email_key, '@', 1))
        AND (lower(split_part(email, '@', 2) COLLATE "C") = split_part(email_key, '@', 2)
             OR forge.address_skeleton(split_part(email, '@', 2)) = forge.address_skeleton(
                 (SELECT string_agg(forge.label_decode(l.label), '.' ORDER BY l.number)
                  FROM string_to_table(split_part(email_key, '@', 2), '.') WITH ORDINALITY l(label, number))));
END $$;
COMMENT ON FUNCTION forge.email_agrees(text, text) IS 'whether the second is the unique form of the first';

-- Where the two disagree, the account is the one of the key: with it people log in.
UPDATE forge.users SET email = email_key WHERE NOT forge.email_agrees(email, email_key);
UPDATE forge.invitations SET email = email_key WHERE NOT forge.email_agrees(email, email_key);
UPDATE forge.one_time_tokens SET email = email_key WHERE NOT forge.email_agrees(email, email_key);
ALTER TABLE forge.users ADD CONSTRAINT users_email_key_agrees CHECK (forge.email_agrees(email, email_key));
ALTER TABLE forge.invitations ADD CONSTRAINT invitations_email_key_agrees CHECK (forge.email_agrees(email, email_key));
ALTER TABLE forge.one_time_tokens ADD CONSTRAINT one_time_tokens_email_key_agrees CHECK (forge.email_agrees(email, email_key));
ALTER TABLE forge.email_undos ADD CONSTRAINT email_undos_email_key_agrees CHECK (forge.email_agrees(email, email_key));

CREATE FUNCTION forge.email_forms() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF octet_length(NEW.email) = char_length(NEW.email)
            AND (TG_OP = 'UPDATE' AND NEW.email IS DISTINCT FROM OLD.email AND NEW.email_key IS NOT DISTINCT FROM OLD.email_key
                 OR NEW.email_key IS NULL) THEN
        NEW.email_key := lower(NEW.email COLLATE "C");
    ELSIF TG_OP = 'UPDATE' AND NEW.email IS NOT DISTINCT FROM OLD.email AND NEW.email_key IS DISTINCT FROM OLD.email_key THEN
        NEW.email := NEW.email_key;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION forge.email_forms() IS 'one form of an address that is written alone brings the other';
CREATE TRIGGER email BEFORE INSERT OR UPDATE OF email, email_key ON forge.users
    FOR EACH ROW EXECUTE FUNCTION forge.email_forms();
CREATE TRIGGER email BEFORE INSERT OR UPDATE OF email, email_key ON forge.invitations
    FOR EACH ROW EXECUTE FUNCTION forge.email_forms();
CREATE TRIGGER email BEFORE INSERT OR UPDATE OF email, email_key ON forge.one_time_tokens
    FOR EACH ROW EXECUTE FUNCTION forge.email_forms();

-- Who made an achievement changes it. What was there before is the administrators'.
ALTER TABLE forge.achievements ADD COLUMN created_by bigint REFERENCES forge.users ON DELETE SET NULL;
CREATE INDEX achievements_created_by ON forge.achievements (created_by) WHERE created_by IS NOT NULL;

-- An address that was never proven is nobody's: the export does not show what was sent to it.
UPDATE forge.personal SET export_select = $$
        SELECT i.organization_id, i.email, i.role, i.state, forge.instant(i.created_at) AS created_at
        FROM forge.invitations i JOIN forge.users u ON u.id = $1
        WHERE (i.email_key = u.email_key AND u.email_verified) OR i.accepted_by = u.id ORDER BY i.id $$
    WHERE relation = 'invitations' AND account_column = 'email_key';
UPDATE forge.personal SET whose = 't.user_id IS NULL AND forge.fold(t.recipient) = forge.fold(u.email)'
    WHERE relation = 'mail_outbox' AND account_column = 'recipient';
INSERT INTO forge.personal
    (relation, account_column, whose, on_erase, erase_only, erase_set, export_as, export_select, reason) VALUES
    ('achievements', 'created_by', NULL, 'keep', NULL, NULL, 'created_achievements', $$
        SELECT id, name, forge.instant(created_at) AS created_at FROM forge.achievements WHERE created_by = $1 ORDER BY id $$,
        'others earn it'),
    ('former_usernames', 'user_id', NULL, 'keep', NULL, NULL, NULL, NULL,
        'digests, which keep the names from being given to somebody else');

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
INSERT INTO forge.app_rights VALUES
    ('former_usernames', '{SELECT,INSERT}'),
    ('former_slugs',     '{SELECT,INSERT}'),
    ('fold',             '{EXECUTE}'),
    ('username_sha256',  '{EXECUTE}'),
    ('label_decode',     '{EXECUTE}'),
    ('address_skeleton', '{EXECUTE}'),
    ('email_agrees',     '{EXECUTE}');
