-- When callers last did what they may do only so often, in whichever process. Of no worth after a crash: not written to the log.

CREATE UNLOGGED TABLE platen.rate_limits (
  name text NOT NULL,
  caller text NOT NULL,
  taken timestamptz[] NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (name, caller)
);
CREATE INDEX rate_limits_expire ON platen.rate_limits (expires_at);
