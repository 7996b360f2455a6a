-- Who has earned which certificate, found by itself: assets, certificate types, configurations, runs and what was decided in them.

-- Files of an institution; what is in them lies in the storage.
CREATE TABLE platen.assets (
  -- Prefix of the keys of whoever it belongs to.
  tenant text NOT NULL,
  slug text NOT NULL,
  type text NOT NULL,
  bytes integer NOT NULL,
  sha256 text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant, slug)
);

CREATE TABLE platen.certificate_types (
  tenant text NOT NULL,
  name text NOT NULL,
  retriever text NOT NULL,
  generator text NOT NULL,
  options jsonb NOT NULL,
  PRIMARY KEY (tenant, name)
);

CREATE TABLE platen.configurations (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  type text NOT NULL,
  context_id text NOT NULL,
  context jsonb NOT NULL,
  options jsonb NOT NULL,
  mail boolean NOT NULL,
  valid_for_days integer,
  remind_days_before integer,
  schedule jsonb NOT NULL,
  time_zone text NOT NULL,
  opens_at timestamptz,
  closes_at timestamptz,
  is_enabled boolean NOT NULL DEFAULT false,
  -- Since when it has its schedule: intervals are counted from there.
  scheduled_from timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT configurations_type FOREIGN KEY (tenant, type) REFERENCES platen.certificate_types (tenant, name)
);
CREATE UNIQUE INDEX configurations_once ON platen.configurations (tenant, context_id, type);
CREATE INDEX configurations_of_type ON platen.configurations (tenant, type);
CREATE INDEX configurations_time ON platen.configurations (tenant, created_at, id);

-- A configuration carried out once, or rehearsed. It outlives its configuration.
CREATE TABLE platen.runs (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  configuration_id uuid NOT NULL,
  is_dry_run boolean NOT NULL,
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'active', 'completed', 'failed', 'cancelled', 'skipped')),
  code text,
  detail text,
  -- What is carried out, as it was configured when it was asked for.
  plan jsonb NOT NULL,
  job_id uuid,
  -- When all decisions were there.
  decided_at timestamptz,
  -- Records that the retriever could not read.
  errors jsonb NOT NULL DEFAULT '[]',
  -- Once it has ended; before that they are counted.
  counts jsonb,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz
);
-- One at a time; rehearsals change nothing and may be many.
CREATE UNIQUE INDEX runs_active ON platen.runs (configuration_id) WHERE state IN ('queued', 'active') AND NOT is_dry_run;
CREATE INDEX runs_time ON platen.runs (tenant, created_at, id);
CREATE INDEX runs_of_configuration ON platen.runs (configuration_id, created_at, id);
CREATE INDEX runs_of_job ON platen.runs (job_id);

CREATE TABLE platen.run_items (
  run_id uuid NOT NULL REFERENCES platen.runs (id) ON DELETE CASCADE,
  student_id text COLLATE "C" NOT NULL,
  is_eligible boolean NOT NULL,
  criteria jsonb NOT NULL,
  -- Of a pathway, by the id of each step.
  steps jsonb,
  learner jsonb NOT NULL,
  score float8,
  max_score float8,
  -- Null while it is still to be done.
  outcome text CHECK (outcome IN ('issued', 'skipped', 'not_eligible', 'failed', 'would_issue')),
  code text,
  certificate_id uuid,
  PRIMARY KEY (run_id, student_id)
);
CREATE INDEX run_items_failed ON platen.run_items (run_id) WHERE outcome = 'failed';

-- Which run has issued it.
ALTER TABLE platen.certificates ADD COLUMN run_id uuid;
