-- The runs of a class, the newest first.

CREATE INDEX class_runs_class ON platen.class_runs (class_id, created_at, id);
