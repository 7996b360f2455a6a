-- Webhooks; and events that go to them, a row for each that is to be told.

CREATE TABLE platen.webhooks (
  id uuid PRIMARY KEY,
  -- Prefix of the tenant's keys whose events it hears; null: of all.
  tenant text,
  url text NOT NULL,
  -- The types of events that it hears.
  types text[] NOT NULL,
  -- With which its calls are signed; encrypted.
  secret bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

ALTER TABLE platen.events
  ADD COLUMN kind text NOT NULL DEFAULT 'kafka' CHECK (kind IN ('kafka', 'webhook')),
  ADD COLUMN webhook_id uuid REFERENCES platen.webhooks (id) ON DELETE CASCADE,
  -- Prefix of the keys of whom it is about.
  ADD COLUMN tenant text,
  ADD CONSTRAINT events_receiver CHECK ((kind = 'webhook') = (webhook_id IS NOT NULL));

DROP INDEX platen.events_waiting;
CREATE INDEX events_waiting ON platen.events (seq) WHERE state = 'waiting' AND kind = 'kafka';
DROP INDEX platen.events_put_off;
CREATE INDEX events_put_off ON platen.events (key, seq) WHERE state = 'waiting' AND kind = 'kafka' AND attempts > 0;

-- What each webhook is to be told next.
CREATE INDEX events_due ON platen.events (webhook_id, next_at) WHERE state = 'waiting' AND kind = 'webhook';
CREATE INDEX events_of_webhook ON platen.events (webhook_id) WHERE webhook_id IS NOT NULL;
-- How old the oldest of them is.
CREATE INDEX events_age ON platen.events (created_at) WHERE state = 'waiting' AND kind = 'webhook';
CREATE INDEX events_sent ON platen.events (sent_at) WHERE state = 'sent';
CREATE INDEX events_parked ON platen.events (kind) WHERE state = 'parked';
-- Lists and replays, of all, of one state, of one tenant.
CREATE INDEX events_time ON platen.events (created_at, seq);
CREATE INDEX events_state ON platen.events (state, created_at, seq);
CREATE INDEX events_tenant ON platen.events (tenant, created_at, seq);
