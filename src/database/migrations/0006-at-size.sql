-- What a million ended jobs would make slow: jobs are listed by their state, failed ones by their code too; removals are forgotten in time.

CREATE INDEX jobs_state ON platen.jobs (state, seq);
CREATE INDEX jobs_failed_code ON platen.jobs ((error ->> 'code'), seq) WHERE state = 'failed';
DROP INDEX platen.jobs_failed_seq;

ALTER TABLE platen.removals ADD COLUMN removed_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX removals_removed ON platen.removals (removed_at);
