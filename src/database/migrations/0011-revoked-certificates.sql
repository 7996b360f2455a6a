-- What became of a certificate that is not good any more.

ALTER TABLE platen.certificates
  ADD COLUMN revoked_at timestamptz,
  ADD COLUMN revoke_reason text,
  ADD COLUMN replaced_by uuid REFERENCES platen.certificates (id);

-- For the status lists.
CREATE INDEX certificates_not_good ON platen.certificates (status_index) WHERE status IN ('revoked', 'replaced');
CREATE UNIQUE INDEX certificates_status_index ON platen.certificates (status_index);
