-- Which processes do jobs, and when each last said so. Of no worth after a crash: not written to the log.

CREATE UNLOGGED TABLE platen.workers (
  id uuid PRIMARY KEY,
  seen_at timestamptz NOT NULL
);
