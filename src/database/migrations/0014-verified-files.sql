-- Certificates found by their file, and requests to issue that are sent twice.

CREATE INDEX certificates_sha256 ON platen.certificates (sha256) WHERE sha256 IS NOT NULL;

CREATE TABLE platen.certificate_requests (
  tenant text NOT NULL,
  idempotency_key text NOT NULL,
  input_digest text NOT NULL,
  certificate_id uuid NOT NULL REFERENCES platen.certificates (id),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant, idempotency_key)
);
CREATE INDEX certificate_requests_created_at ON platen.certificate_requests (created_at);
