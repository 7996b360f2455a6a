-- What people and the backend have changed, which is only ever added to; and all certificates of a learner, found for their list and to be erased.

CREATE TABLE platen.audit (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Prefix of the keys of the tenant; null: of no single one.
  tenant text,
  who_kind text NOT NULL CHECK (who_kind IN ('service', 'admin')),
  who_id text NOT NULL,
  action text NOT NULL,
  target text NOT NULL,
  -- Without secrets, and without names and addresses of people.
  before jsonb,
  after jsonb
);
CREATE INDEX audit_time ON platen.audit (at, seq);
CREATE INDEX audit_of_tenant ON platen.audit (tenant, at, seq);
CREATE INDEX audit_of_target ON platen.audit (target, at, seq);

CREATE INDEX certificates_of_student ON platen.certificates (tenant, student_id, created_at, id);

-- What was removed of one learner, whatever their class.
CREATE INDEX removals_ending ON platen.removals (ending);
