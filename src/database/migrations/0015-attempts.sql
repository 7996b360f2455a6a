-- Attempts as they came and as they were read, when what is done in turns is due, and what was asked for twice.

CREATE TABLE platen.attempts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  -- The order in which they came.
  seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  tenant text NOT NULL,
  -- As it came, written as JSON; no type of JSON here keeps all that JSON may hold. Null where it was too large to be kept.
  raw text,
  -- SHA-256 of that: what came before is not kept twice.
  digest text NOT NULL,
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'processed', 'waiting', 'rejected', 'parked')),
  -- Of one that can't be read: fields and messages.
  reasons json,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- From here on what was read in it: null until it was.
  source_id text,
  student_id text,
  course_id text,
  course_name text,
  test_id text,
  score double precision,
  max_score double precision,
  percent double precision,
  is_passing boolean,
  completed_at timestamptz,
  updated_at timestamptz,
  -- Names, address and language that came with it.
  given json,
  -- When it was decided that there is, or need be, no further certificate by it.
  decided_at timestamptz,
  -- The certificate that it stands behind.
  certificate_id uuid,
  last_error text,
  tries integer NOT NULL DEFAULT 0,
  -- Since when its learner is not to be found.
  missing_since timestamptz,
  next_try_at timestamptz,
  CONSTRAINT attempts_as_it_came UNIQUE (tenant, digest)
);
CREATE UNIQUE INDEX attempts_once ON platen.attempts (tenant, source_id) WHERE source_id IS NOT NULL;
CREATE INDEX attempts_new ON platen.attempts (seq) WHERE state = 'new';
CREATE INDEX attempts_best ON platen.attempts (tenant, course_id, student_id, percent DESC, completed_at, source_id) WHERE is_passing;
CREATE INDEX attempts_best_of_student ON platen.attempts (tenant, student_id, course_id, percent DESC, completed_at, source_id) WHERE is_passing;
CREATE INDEX attempts_undecided ON platen.attempts (tenant, course_id, student_id)
  WHERE is_passing AND decided_at IS NULL AND state IN ('processed', 'waiting');
-- Lists: of all, of one state, of a learner, of a course.
CREATE INDEX attempts_list ON platen.attempts (tenant, seq);
CREATE INDEX attempts_of_state ON platen.attempts (tenant, state, seq);
CREATE INDEX attempts_of_student ON platen.attempts (tenant, student_id, seq);
CREATE INDEX attempts_of_course ON platen.attempts (tenant, course_id, seq);

-- How far a service was read.
CREATE TABLE platen.fetch_cursors (
  source text PRIMARY KEY,
  cursor text NOT NULL,
  moved_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What is done in turns, each by one process.
CREATE TABLE platen.schedules (
  kind text NOT NULL,
  name text NOT NULL,
  -- Of the next turn; null where none is.
  due_at timestamptz,
  -- No turn is further off than this: one that is, was set by a clock that has been put back since.
  longest_seconds double precision,
  -- Which turn is under way, by whom, and how long that is believed without another word.
  turn_due_at timestamptz,
  holder uuid,
  held_until timestamptz,
  begun_at timestamptz,
  -- Turns in a row that have failed.
  failures integer NOT NULL DEFAULT 0,
  PRIMARY KEY (kind, name)
);
CREATE INDEX schedules_due ON platen.schedules (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX schedules_held ON platen.schedules (held_until) WHERE held_until IS NOT NULL;

-- Requests with a key of their own, and what they were answered.
CREATE TABLE platen.repeated_requests (
  scope text NOT NULL,
  tenant text NOT NULL,
  idempotency_key text NOT NULL,
  digest text NOT NULL,
  answer json NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (scope, tenant, idempotency_key)
);
CREATE INDEX repeated_requests_created_at ON platen.repeated_requests (created_at);

ALTER TABLE platen.certificates ADD COLUMN findings text[] NOT NULL DEFAULT '{}';
