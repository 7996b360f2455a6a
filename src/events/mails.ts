// Mails to learners: written sealed, filled when they are sent, handed to the mail server.

import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Database, Queries } from '../database/database.ts';
import { failpoint } from '../failpoint.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Sealing } from '../sealing.ts';
import type { FilledMail } from '../templating/contract.ts';
import { type CertificateIssued, type MailType, RefusedEvent } from './contract.ts';
import { Dispatch } from './dispatch.ts';
import { createMailServer, type MailConfig, type MailServer } from './mail-call.ts';
import { addMail, type ClaimedMail, claimMails } from './mail-store.ts';

/** Mails that a process has under way; and its connections. */
const mostAtOnce = 4;
const defaultSendMs = 60_000;
/** Longer than sending may take, with what is written of it. */
const claimSeconds = 120;
/** A mail that is being taken is left to be taken. */
const graceMs = 5000;

const longestPauseSeconds = 3600;
const triedForSeconds = 86_400;

/** 10 s doubling to an hour, a day in all. */
function pauses(): number[] {
  const all: number[] = [];
  let [left, pause] = [triedForSeconds, 10];
  while (left > 0) {
    all.push(Math.min(left, pause));
    left -= pause;
    pause = Math.min(longestPauseSeconds, pause * 2);
  }
  return all;
}
export const mailPausesSeconds: readonly number[] = pauses();

/** What is sealed: all that is personal, and the code that nobody else may have. */
const sealedMail = z.strictObject({
  address: z.string(),
  language: z.string(),
  code: z.string(),
  data: z.record(z.string(), z.string()),
});

export interface MailSettings {
  server: MailConfig;
  publicUrl: string;
  issuerName: string;
  /** @throws where the template can't be filled. */
  fill(templateId: string, language: string, data: Record<string, unknown>): FilledMail;
  /** Time that one mail may take. Tests give shorter ones. */
  sendMs?: number | undefined;
}

interface Dependencies {
  database: Database;
  metrics: Metrics;
  sealing: Sealing;
}

export class Mails implements AsyncDisposable {
  readonly #dependencies: Dependencies;
  readonly #settings: MailSettings;
  readonly #server: MailServer;
  readonly #dispatch: Dispatch<ClaimedMail>;

  constructor(dependencies: Dependencies, settings: MailSettings) {
    this.#dependencies = dependencies;
    this.#settings = settings;
    const { server, publicUrl, sendMs = defaultSendMs } = settings;
    const { hostname } = new URL(publicUrl);
    this.#server = createMailServer(server, hostname);
    this.#dispatch = new Dispatch<ClaimedMail>(dependencies, {
      kind: 'mail',
      log: createLog('mails'),
      failed: 'A mail could not be sent',
      about: ({ linkId }) => ({ linkId }),
      receiverOf: () => 'server',
      claim: (queries, busy) => claimMails(queries, { places: mostAtOnce - (busy.get('server') ?? 0), claimSeconds }),
      send: async (claimed, signal) => {
        if (claimed.isOver) throw new RefusedEvent('its link is over');
        await this.#server.send(this.#fill(claimed, hostname), signal);
        failpoint('mail-sent');
        const { tenant, key: courseId } = claimed;
        dependencies.metrics.tally.count({ tenant, courseId, name: 'mailed' });
      },
      mostMs: sendMs,
      graceMs,
      pausesSeconds: mailPausesSeconds,
    });
  }

  start(): void {
    this.#dispatch.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatch[Symbol.asyncDispose]();
    this.#server.close();
  }

  /** Writes what is to be sent of a certificate, now and before it expires; nothing where nobody is to be told. */
  async announce(tx: Queries, issued: CertificateIssued): Promise<void> {
    const { mail } = issued;
    if (mail === undefined) return;
    if (mail.isAnnounced) await this.#add(tx, 'certificate.issued', { issued, mail, dueAt: undefined });
    if (mail.remindAt !== undefined) await this.#add(tx, 'certificate.expires', { issued, mail, dueAt: mail.remindAt });
  }

  async #add(
    tx: Queries,
    type: MailType,
    {
      issued,
      mail,
      dueAt,
    }: { issued: CertificateIssued; mail: NonNullable<CertificateIssued['mail']>; dueAt: Date | undefined },
  ): Promise<void> {
    const { tenant, courseId, certificateId, courseName, number, issuanceDate, expirationDate } = issued;
    const { address, language, name } = mail;
    const code = randomBytes(16).toString('base64url');
    const dates = { issuedOn: issuanceDate, ...(expirationDate === undefined ? {} : { expiresOn: expirationDate }) };
    const content: z.input<typeof sealedMail> = {
      address,
      language,
      code,
      data: { name, courseName, number, ...dates },
    };
    const sealed = this.#dependencies.sealing.seal(JSON.stringify(content));
    await addMail(tx, { type, tenant, key: courseId, certificateId, linkId: randomUUID(), code, sealed, dueAt });
  }

  #fill({ id, type, sealed, linkExpiresAt }: ClaimedMail, host: string) {
    const { fill, publicUrl, issuerName } = this.#settings;
    const { address, language, code, data } = sealedMail.parse(JSON.parse(this.#dependencies.sealing.open(sealed)));
    const link = { linkUrl: `${publicUrl}/d/${code}`, linkExpiresOn: linkExpiresAt.toISOString() };
    const filled = fill(type.replace('.', '-'), language, { ...data, issuerName, ...link });
    return { ...filled, id: `${id}@${host}`, to: address };
  }
}
