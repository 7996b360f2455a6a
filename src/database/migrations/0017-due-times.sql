-- When each configuration is due next; null while it is off, or never again.

ALTER TABLE platen.configurations ADD COLUMN next_due_at timestamptz;
CREATE INDEX configurations_due ON platen.configurations (next_due_at) WHERE next_due_at IS NOT NULL;
