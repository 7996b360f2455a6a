-- How often what was done on each day, and by which what is counted from certificates is found.

CREATE TABLE platen.daily_counts (
  -- Prefix of the keys of the tenant.
  tenant text NOT NULL,
  -- In UTC.
  day date NOT NULL,
  name text NOT NULL,
  -- '' where it is of none.
  course_id text NOT NULL DEFAULT '',
  code text NOT NULL DEFAULT '',
  count bigint NOT NULL,
  PRIMARY KEY (tenant, day, name, course_id, code)
);

CREATE INDEX certificates_generated ON platen.certificates (tenant, generated_at) WHERE generated_at IS NOT NULL;
CREATE INDEX certificates_revoked ON platen.certificates (tenant, revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX certificates_created ON platen.certificates (tenant, created_at);
CREATE INDEX certificates_replaced_by ON platen.certificates (replaced_by) WHERE replaced_by IS NOT NULL;
-- By its day as it was written, wherever that is.
CREATE INDEX certificates_expire ON platen.certificates (tenant, left(input ->> 'expirationDate', 10)) WHERE input ? 'expirationDate';
