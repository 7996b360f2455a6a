-- Mails to learners: events of a third kind, each with the link by which its reader opens the certificate.

CREATE TABLE platen.mail_links (
  id uuid PRIMARY KEY,
  -- SHA-256 of its code, which stands in the mail alone.
  digest text NOT NULL UNIQUE,
  certificate_id uuid NOT NULL REFERENCES platen.certificates (id) ON DELETE CASCADE,
  -- Prefix of the keys of its tenant.
  tenant text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  -- When it was taken away, by somebody or with its certificate.
  ended_at timestamptz
);
CREATE INDEX mail_links_certificate_id ON platen.mail_links (certificate_id);
CREATE INDEX mail_links_expires_at ON platen.mail_links (expires_at);

ALTER TABLE platen.events
  DROP CONSTRAINT events_kind_check,
  ADD CONSTRAINT events_kind_check CHECK (kind IN ('kafka', 'webhook', 'mail')),
  ADD COLUMN link_id uuid REFERENCES platen.mail_links (id) ON DELETE CASCADE,
  -- To whom it goes, and what it says; encrypted.
  ADD COLUMN sealed bytea,
  -- Before which it is not sent; null: at once.
  ADD COLUMN due_at timestamptz,
  ADD CONSTRAINT events_mail CHECK ((kind = 'mail') = (link_id IS NOT NULL AND sealed IS NOT NULL));

CREATE INDEX events_mails_due ON platen.events (next_at) WHERE state = 'waiting' AND kind = 'mail';
-- How old the oldest of them is, since it was to be sent.
CREATE INDEX events_mails_age ON platen.events (coalesce(due_at, created_at)) WHERE state = 'waiting' AND kind = 'mail';
CREATE INDEX events_of_link ON platen.events (link_id) WHERE link_id IS NOT NULL;
