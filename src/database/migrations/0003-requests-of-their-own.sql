-- Each job keeps what it asked for, and its token until its own end: a task does what the jobs that want it when it begins have asked for.

ALTER TABLE platen.jobs
  ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY,
  ADD COLUMN data jsonb,
  ADD COLUMN secret bytea,
  ADD COLUMN rank smallint;
UPDATE platen.jobs SET data = tasks.data, rank = tasks.rank, secret = CASE WHEN jobs.ended_at IS NULL THEN tasks.secret END
FROM platen.tasks WHERE tasks.id = jobs.task_id;
ALTER TABLE platen.jobs ALTER COLUMN data SET NOT NULL, ALTER COLUMN rank SET NOT NULL;
ALTER TABLE platen.tasks DROP COLUMN data, DROP COLUMN secret, DROP COLUMN rank;
