-- Certificates with their numbers, and events that wait until others have been told of them.

CREATE TABLE platen.certificates (
  id uuid PRIMARY KEY,
  tenant text NOT NULL,
  student_id text NOT NULL,
  course_id text NOT NULL,
  type text NOT NULL,
  number text NOT NULL,
  -- Opens the page on which anyone can verify it.
  code text NOT NULL UNIQUE,
  status text NOT NULL DEFAULT 'generating' CHECK (status IN ('generating', 'available', 'error', 'revoked', 'replaced')),
  -- What was asked for, as it was given; never changed.
  input jsonb NOT NULL,
  input_digest text NOT NULL,
  s3_key text NOT NULL,
  -- Its place in the status list.
  status_index bigint GENERATED ALWAYS AS IDENTITY (MINVALUE 0 START WITH 0),
  -- How often making it has come to an end, good or bad.
  attempts integer NOT NULL DEFAULT 0,
  last_error text,
  -- When making it is begun again, if it has not come to an end until then; null where that would be in vain.
  next_try_at timestamptz DEFAULT clock_timestamp() + interval '10 minutes',
  -- As they were signed, to the letter.
  credential json,
  badge json,
  sha256 text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  generated_at timestamptz,
  CONSTRAINT certificates_number UNIQUE (tenant, number)
);

-- One for each learner, course and type; one that was replaced makes room for its successor.
CREATE UNIQUE INDEX certificates_once ON platen.certificates (tenant, student_id, course_id, type) WHERE status <> 'replaced';

CREATE INDEX certificates_unmade ON platen.certificates (next_try_at) WHERE status IN ('generating', 'error') AND next_try_at IS NOT NULL;

CREATE TABLE platen.certificate_numbers (
  tenant text NOT NULL,
  year integer NOT NULL,
  last integer NOT NULL,
  PRIMARY KEY (tenant, year)
);

CREATE TABLE platen.events (
  -- The order in which they are told, those of one key.
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- The same however often one is told.
  id uuid NOT NULL UNIQUE,
  type text NOT NULL,
  key text NOT NULL,
  -- The very text that is sent.
  body text NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'parked')),
  attempts integer NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_error text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  sent_at timestamptz
);
CREATE INDEX events_waiting ON platen.events (seq) WHERE state = 'waiting';
-- Those that were refused and hold back the later ones of their key; few, or none.
CREATE INDEX events_put_off ON platen.events (key, seq) WHERE state = 'waiting' AND attempts > 0;

-- What one process does for all of them, for as long as it says that it is there.
CREATE TABLE platen.leases (
  name text PRIMARY KEY,
  holder uuid NOT NULL,
  expires_at timestamptz NOT NULL
);
