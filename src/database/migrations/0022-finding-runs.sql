-- Runs are found by when they ended, to be forgotten, and by their state, of which some are rare.

CREATE INDEX runs_ended ON platen.runs (ended_at);
CREATE INDEX runs_in_state ON platen.runs (tenant, state, created_at, id);
