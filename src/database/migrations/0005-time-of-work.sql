-- Time in which nobody takes a task up is not time of its work. Failed jobs are listed in the order in which they were asked for.

ALTER TABLE platen.tasks ADD COLUMN idle_from timestamptz, ADD COLUMN lost integer NOT NULL DEFAULT 0;
-- When those that wait were handed back is not known: their time begins anew.
UPDATE platen.tasks SET started_at = NULL WHERE state = 'waiting';

CREATE INDEX jobs_failed_seq ON platen.jobs (seq) WHERE state = 'failed';
DROP INDEX platen.jobs_failed;
