-- Tickets that open one stream of events to whoever shows them, once; kept as digests, so that the table opens nothing.

CREATE TABLE platen.tickets (
  digest bytea PRIMARY KEY,
  owner text NOT NULL,
  opens text NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX tickets_expire ON platen.tickets (expires_at);
