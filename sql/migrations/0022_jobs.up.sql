-- SPDX-License-Identifier: Apache-2.0
-- Durable work beside requests (DESIGN: PostgreSQL is the only store): claimed with SKIP LOCKED, held by a lease, done again when
-- whoever held it died.

CREATE TABLE forge.jobs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL,
    user_id      bigint REFERENCES forge.users ON DELETE CASCADE,   -- for whom; NULL: for the site
    key          text,                                              -- what there is one unfinished job of a kind for; NULL: any number
    payload      jsonb NOT NULL DEFAULT '{}',
    status       text NOT NULL DEFAULT 'queued',
    again        boolean NOT NULL DEFAULT false,                    -- asked for once more while it runs
    priority     smallint NOT NULL DEFAULT 0,                       -- higher ones first
    attempts     integer NOT NULL DEFAULT 0,                        -- times that it was begun and not given back
    attempts_max integer NOT NULL DEFAULT 5,                        -- whoever claims it says how many its kind has
    due_at       timestamptz NOT NULL DEFAULT now(),
    lease_until  timestamptz,                                       -- while running: when another may claim it
    worker       text,                                              -- who holds it, with a word of its own for each claim
    progress     smallint NOT NULL DEFAULT 0,                       -- per cent
    stage        text NOT NULL DEFAULT '',
    error_code   text,                                              -- of the last failure
    error_detail text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    finished_at  timestamptz,
    CONSTRAINT jobs_kind_form          CHECK (kind ~ '^[a-z][a-z_]{0,31}$'),
    CONSTRAINT jobs_key_length         CHECK (char_length(key) BETWEEN 1 AND 500),
    CONSTRAINT jobs_status_known       CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    CONSTRAINT jobs_progress_range     CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT jobs_attempts_range     CHECK (attempts >= 0 AND attempts_max BETWEEN 1 AND 100),
    CONSTRAINT jobs_texts_length       CHECK (char_length(stage) <= 100 AND char_length(error_code) <= 64 AND char_length(error_detail) <= 1000),
    CONSTRAINT jobs_lease_of_running   CHECK ((status = 'running') = (lease_until IS NOT NULL)),
    CONSTRAINT jobs_finished_when_over CHECK ((status IN ('done', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);
-- A claim goes from account to account by this order, without reading all that one account has queued.
CREATE INDEX jobs_due ON forge.jobs (kind, (-priority), (coalesce(user_id, 0)), due_at, id) WHERE status = 'queued';
CREATE INDEX jobs_served ON forge.jobs ((coalesce(user_id, 0)), started_at) WHERE started_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_key ON forge.jobs (kind, key) WHERE key IS NOT NULL AND finished_at IS NULL;
CREATE INDEX jobs_leases ON forge.jobs (lease_until) WHERE status = 'running';
CREATE INDEX jobs_user_id ON forge.jobs (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX jobs_finished_at ON forge.jobs (finished_at) WHERE finished_at IS NOT NULL;
COMMENT ON TABLE forge.jobs IS 'durable work beside requests';

-- Wakes the workers of all nodes, and tells those who watch a job that it has changed.
CREATE FUNCTION forge.job_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('forge_events', 'j' || NEW.id);
    IF NEW.status = 'queued' THEN
        PERFORM pg_notify('forge_events', 'q');
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forge.job_told() IS 'AFTER a job was queued or has changed: tells it on channel forge_events';
CREATE TRIGGER told AFTER INSERT ON forge.jobs FOR EACH ROW EXECUTE FUNCTION forge.job_told();
CREATE TRIGGER told_anew AFTER UPDATE ON forge.jobs FOR EACH ROW
    WHEN ((OLD.status, OLD.progress, OLD.stage) IS DISTINCT FROM (NEW.status, NEW.progress, NEW.stage))
    EXECUTE FUNCTION forge.job_told();

INSERT INTO forge.personal
    (relation, account_column, whose, on_erase, erase_only, erase_set, export_as, export_select, reason) VALUES
    ('jobs', 'user_id', NULL, 'delete', NULL, NULL, NULL, NULL, 'what it made is exported where it is kept');

REVOKE ALL ON ALL ROUTINES IN SCHEMA forge FROM PUBLIC;
INSERT INTO forge.app_rights VALUES ('jobs', '{SELECT,INSERT,UPDATE,DELETE}');
