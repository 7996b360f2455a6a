-- Runs that ended long ago are found by when they ended.

CREATE INDEX runs_ended ON platen.runs (ended_at);
