// Certificates that are only records, for tests of what is mailed of them; and events that mail.

import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Database, Queries } from '../../src/database/database.ts';
import type { CertificateIssued, CertificateMail } from '../../src/events/contract.ts';
import { createEvents, type Events } from '../../src/events/events.ts';
import type { MailConfig } from '../../src/events/mail-call.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createSealing } from '../../src/sealing.ts';
import { openTemplating } from '../../src/templating/templating.ts';

const sealing = createSealing(Buffer.alloc(32));
const rendering = { printDocument: () => Promise.reject(new Error('nothing is printed here')) };
const templating = openTemplating({ rendering });

/** @param sendMs time that one mail may take. */
export async function createMailing(
  database: Database,
  { server, sendMs }: { server: MailConfig; sendMs?: number },
): Promise<{ events: Events; metrics: ReturnType<typeof createMetrics> }> {
  const metrics = createMetrics();
  const { fillMail } = await templating;
  const fill = fillMail.bind(await templating);
  const mails = { server, sendMs, publicUrl: 'https://pdf.school.example', issuerName: 'Example School', fill };
  const kept = { kafka: undefined, mostAttempts: 3, historyDays: 90, webhookHosts: [] };
  return { metrics, events: createEvents({ database, metrics, sealing, mails, ...kept }) };
}

const issued: Omit<CertificateIssued, 'certificateId' | 'number'> = {
  tenant: '',
  userId: 'S1',
  courseId: 'C1',
  courseName: 'Algebra <I>',
  credentialId: 'urn:uuid:1',
  firstName: 'மாறன்',
  lastName: '',
  issuanceDate: '2026-03-01',
  expirationDate: '2099-03-01',
  verifyUrl: 'https://pdf.school.example/verify/x',
};

async function addRecord(queries: Queries, id: string): Promise<void> {
  await sql`
    INSERT INTO platen.certificates (id, tenant, student_id, course_id, type, number, code, status, input, input_digest, s3_key)
    VALUES (${id}, '', ${id}, 'C1', 't', ${id}, ${id}, 'available', '{}'::jsonb, '', 'k')`.execute(queries);
}

/** Writes the mails of a certificate of its own, in one transaction. @returns its id. */
export async function mailCertificate(
  { database, events }: { database: Database; events: Events },
  address: string,
  { courseName = issued.courseName, ...changes }: Partial<CertificateMail> & { courseName?: string } = {},
): Promise<string> {
  const certificateId = randomUUID();
  const mail = { address, language: 'en', name: 'மாறன்', isAnnounced: true, remindAt: undefined, ...changes };
  await database.transaction(async (tx) => {
    await addRecord(tx, certificateId);
    await events.certificateIssued(tx, { ...issued, courseName, certificateId, number: '2026-000001', mail });
  });
  return certificateId;
}

export interface MailRow {
  id: string;
  type: string;
  state: string;
  attempts: number;
  error: string | null;
  body: string;
  linkId: string;
  pause: number;
}

/** What is known of the mails of a certificate, the oldest first. */
export async function mailsOf({ queries }: Database, certificateId: string): Promise<MailRow[]> {
  const { rows } = await sql<MailRow>`
    SELECT event.id, type, state, attempts, last_error AS error, body, link_id AS "linkId",
      extract(epoch FROM next_at - clock_timestamp())::float8 AS pause
    FROM platen.events AS event JOIN platen.mail_links AS link ON link.id = link_id
    WHERE link.certificate_id = ${certificateId} ORDER BY seq`.execute(queries);
  return rows;
}
