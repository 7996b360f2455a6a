-- Durable work: what was asked for, what is done for it, and the order of all renders.

SET LOCAL search_path TO platen;

-- Ordered ids of renders. Begins above those that earlier versions took from the clock (microseconds since 1970).
CREATE SEQUENCE revisions AS bigint;
SELECT setval('revisions', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

CREATE TABLE tasks (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  key text NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'active', 'ended')),
  data jsonb NOT NULL,
  secret bytea,
  rank smallint NOT NULL,
  lane text NOT NULL,
  turn bigint NOT NULL,
  has_successor boolean NOT NULL DEFAULT false,
  attempt integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  stage text,
  percent integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  ended_at timestamptz
);
CREATE UNIQUE INDEX tasks_waiting ON tasks (name, key) WHERE state = 'waiting';
CREATE UNIQUE INDEX tasks_active ON tasks (name, key) WHERE state = 'active';
CREATE INDEX tasks_turn ON tasks (turn) WHERE state = 'waiting';
CREATE INDEX tasks_lane ON tasks (lane, turn) WHERE state = 'waiting';
CREATE INDEX tasks_ended ON tasks (ended_at) WHERE state = 'ended';

CREATE TABLE jobs (
  id uuid PRIMARY KEY,
  task_id uuid NOT NULL REFERENCES tasks (id),
  owner text NOT NULL,
  group_id uuid,
  position integer,
  state text NOT NULL CHECK (state IN ('queued', 'active', 'completed', 'failed', 'cancelled')),
  subject jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  ended_at timestamptz,
  result jsonb,
  error jsonb
);
CREATE INDEX jobs_task ON jobs (task_id);
CREATE INDEX jobs_group ON jobs (group_id, position) WHERE group_id IS NOT NULL;
CREATE INDEX jobs_group_state ON jobs (group_id, state) WHERE group_id IS NOT NULL;
CREATE INDEX jobs_failed ON jobs (created_at) WHERE state = 'failed';
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE class_runs (
  id uuid PRIMARY KEY,
  origin text NOT NULL,
  class_id text NOT NULL,
  test_id text NOT NULL,
  idempotency_key text,
  request_digest text NOT NULL,
  total integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX class_runs_idempotency ON class_runs (origin, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX class_runs_created ON class_runs (created_at);

CREATE TABLE removals (
  below text NOT NULL,
  ending text NOT NULL,
  revision bigint NOT NULL,
  PRIMARY KEY (below, ending)
);
