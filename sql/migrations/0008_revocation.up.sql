-- SPDX-License-Identifier: Apache-2.0
-- What ended before its access tokens did: written down by triggers, whoever did it, and told to every node (NOTIFY forge_events; DESIGN 3).

-- A node that starts, or was out of touch, reads here what happened within the life of the longest access token. No foreign keys: a
-- deleted account's tokens must be refused too. Rows older than a day serve nobody.
CREATE TABLE forge.revocations (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    session_id bigint,                                      -- this session has ended
    user_id    bigint,                                      -- or: tokens of this account from before `epoch` are void
    epoch      integer,
    CONSTRAINT revocations_one_subject CHECK (num_nonnulls(session_id, user_id) = 1),
    CONSTRAINT revocations_epoch_agrees CHECK ((user_id IS NULL) = (epoch IS NULL))
);
CREATE INDEX revocations_at ON forge.revocations (at);
COMMENT ON TABLE forge.revocations IS 'sessions and epochs that ended lately; filled by triggers';

-- An epoch only rises: tokens that were void once stay void.
CREATE FUNCTION forge.users_epoch() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    NEW.epoch := OLD.epoch;
    RETURN NEW;
END $$;
CREATE TRIGGER epoch BEFORE UPDATE ON forge.users FOR EACH ROW WHEN (NEW.epoch < OLD.epoch) EXECUTE FUNCTION forge.users_epoch();

-- Both run at the end of the transaction, so that `at` is the moment of the commit however long the transaction was open.
CREATE FUNCTION forge.session_ended() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO forge.revocations (session_id) VALUES (OLD.id);
    PERFORM pg_notify('forge_events', 's' || OLD.id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ended AFTER UPDATE OF revoked_at ON forge.sessions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION forge.session_ended();
-- A session that expired more than a day ago, the life of the longest access token, has none left: housekeeping is no news.
CREATE CONSTRAINT TRIGGER gone AFTER DELETE ON forge.sessions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > now() - interval '25 hours') EXECUTE FUNCTION forge.session_ended();

CREATE FUNCTION forge.epoch_rose() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    risen integer := CASE WHEN TG_OP = 'DELETE' THEN 2147483647 ELSE NEW.epoch END;
BEGIN
    INSERT INTO forge.revocations (user_id, epoch) VALUES (OLD.id, risen);
    PERFORM pg_notify('forge_events', 'u' || OLD.id || ':' || risen);
    RETURN NULL;
END $$;
-- Not "UPDATE OF epoch": another trigger raises it when the statement names role or is_active.
CREATE CONSTRAINT TRIGGER epoch_rose AFTER UPDATE ON forge.users DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.epoch > OLD.epoch) EXECUTE FUNCTION forge.epoch_rose();
CREATE CONSTRAINT TRIGGER gone AFTER DELETE ON forge.users DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION forge.epoch_rose();

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
INSERT INTO forge.app_rights VALUES ('revocations', '{SELECT,INSERT,DELETE}');
