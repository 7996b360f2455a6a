// What others are told of: written in the transaction that makes it true, and sent after that has committed, however long it takes.

import { setTimeout as wait } from 'node:timers/promises';
import { abortable } from '../abortable.ts';
import type { Database, Queries } from '../database/database.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Sealing } from '../sealing.ts';
import { type CertificateIssued, kinds, type MailLink, type WebhookData, type WebhookEvent } from './contract.ts';
import { createDeliveries } from './deliveries.ts';
import { createKafkaSender, type KafkaConfig, type SenderLimits } from './kafka.ts';
import { endLinksOf, findLink, forgetLinks } from './mail-store.ts';
import { type MailSettings, Mails } from './mails.ts';
import { addEvent } from './outbox.ts';
import { countEvents, forgetSent } from './records.ts';
import { Relay, type RelayLimits } from './relay.ts';
import { addForWebhooks } from './webhook-store.ts';

const log = createLog('events');

const cleaningMs = 600_000;
const usualLimits: RelayLimits & SenderLimits = { leaseSeconds: 60, sendMs: 40_000 };

type About = Omit<WebhookEvent, 'type' | 'data'>;

/** Each in the caller's transaction. */
export interface Events extends AsyncDisposable {
  certificateIssued(tx: Queries, issued: CertificateIssued): Promise<void>;
  certificateRevoked(tx: Queries, tenant: string, data: WebhookData<'certificate.revoked'>): Promise<void>;
  certificateReplaced(tx: Queries, tenant: string, data: WebhookData<'certificate.replaced'>): Promise<void>;
  reportStored(tx: Queries, tenant: string, data: WebhookData<'report.stored'>): Promise<void>;
  reportFailed(tx: Queries, tenant: string, data: WebhookData<'report.failed'>): Promise<void>;
  classRunEnded(tx: Queries, tenant: string, data: WebhookData<'class_run.ended'>): Promise<void>;
  /** What the code of a mail's link opens; undefined where no mail has it. */
  findMailLink(code: string): Promise<MailLink | undefined>;
  /** Begins to send. */
  start(): void;
  /** Brings the figures of what is in the database up to date, where it answers. */
  measure(): Promise<void>;
}

interface Options {
  database: Database;
  metrics: Metrics;
  sealing: Sealing;
  /** Undefined where Kafka is not used: events are kept. */
  kafka: KafkaConfig | undefined;
  mostAttempts: number;
  /** For which those that were sent are kept. */
  historyDays: number;
  /** That webhooks may call wherever they are. */
  webhookHosts: readonly string[];
  /** Undefined where no mail is sent. */
  mails?: MailSettings | undefined;
  /** Time that one call of a webhook may take. */
  webhookCallMs?: number | undefined;
  /** Shorter in tests that wait for them. */
  limits?: Partial<RelayLimits & SenderLimits> | undefined;
}

class OutboxEvents implements Events {
  readonly #options: Options;
  readonly #relay: Relay | undefined;
  readonly #deliveries: ReturnType<typeof createDeliveries>;
  readonly #mails: Mails | undefined;
  readonly #stopping = new AbortController();
  #cleaning: Promise<void> | undefined;

  constructor(options: Options) {
    this.#options = options;
    const { kafka, webhookHosts: trustedHosts, webhookCallMs: callMs } = options;
    const limits = { ...usualLimits, ...options.limits };
    if (kafka !== undefined) this.#relay = new Relay({ ...options, limits, sender: createKafkaSender(kafka, limits) });
    this.#deliveries = createDeliveries({ ...options, trustedHosts, callMs });
    if (options.mails !== undefined) this.#mails = new Mails(options, options.mails);
  }

  async certificateIssued(tx: Queries, issued: CertificateIssued): Promise<void> {
    if (this.#relay === undefined) log.warn('Kafka is disabled. Skipping tracking event publish.');
    const { tenant, certificateId, number, userId, courseId, courseName, credentialId, verifyUrl } = issued;
    const { firstName, lastName, issuanceDate, expirationDate } = issued;
    const dates = { issuanceDate, ...(expirationDate === undefined ? {} : { expirationDate }) };
    const person = { userId, courseId, courseName, certificateId: credentialId, firstName, lastName };
    const body = {
      eventType: 'COURSE_STATUS_UPDATED',
      timestamp: new Date().toISOString(),
      data: { ...person, ...dates, status: 'viewCertificate', eventType: 'CERTIFICATE_ISSUED' },
    };
    await addEvent(tx, { type: 'certificate.issued', tenant, key: courseId, body });
    const data = { certificateId, number, userId, courseId, credentialId, ...dates, verifyUrl };
    await addForWebhooks(tx, { type: 'certificate.issued', tenant, key: courseId, data });
    await this.#mails?.announce(tx, issued);
  }

  async certificateRevoked(tx: Queries, tenant: string, data: WebhookData<'certificate.revoked'>): Promise<void> {
    await this.#tell(tx, { tenant, key: data.courseId }, { type: 'certificate.revoked', data });
    await endLinksOf(tx, data.certificateId);
  }

  async certificateReplaced(tx: Queries, tenant: string, data: WebhookData<'certificate.replaced'>): Promise<void> {
    await this.#tell(tx, { tenant, key: data.courseId }, { type: 'certificate.replaced', data });
    await endLinksOf(tx, data.certificateId);
  }

  async reportStored(tx: Queries, tenant: string, data: WebhookData<'report.stored'>): Promise<void> {
    await this.#tell(tx, { tenant, key: data.s3Key }, { type: 'report.stored', data });
  }

  async reportFailed(tx: Queries, tenant: string, data: WebhookData<'report.failed'>): Promise<void> {
    await this.#tell(tx, { tenant, key: data.s3Key }, { type: 'report.failed', data });
  }

  async classRunEnded(tx: Queries, tenant: string, data: WebhookData<'class_run.ended'>): Promise<void> {
    await this.#tell(tx, { tenant, key: data.classRunId }, { type: 'class_run.ended', data });
  }

  start(): void {
    this.#relay?.start();
    this.#deliveries.start();
    this.#mails?.start();
    this.#cleaning ??= this.#keepClean();
  }

  findMailLink(code: string): Promise<MailLink | undefined> {
    return findLink(this.#options.database.queries, code);
  }

  async measure(): Promise<void> {
    const { database, metrics } = this.#options;
    const figures = await countEvents(database.queries).catch(() => undefined);
    if (figures === undefined) return;
    for (const kind of kinds) {
      metrics.events.set({ kind, state: 'waiting' }, figures.waiting[kind]);
      metrics.events.set({ kind, state: 'parked' }, figures.parked[kind]);
      metrics.eventOldest.set({ kind }, figures.oldestSeconds[kind]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    const senders = [this.#relay, this.#deliveries, this.#mails];
    await Promise.all([...senders.map((sender) => sender?.[Symbol.asyncDispose]()), this.#cleaning]);
  }

  #tell(tx: Queries, about: About, told: Pick<WebhookEvent, 'type' | 'data'>): Promise<void> {
    return addForWebhooks(tx, { ...about, ...told });
  }

  /** Several processes may; a fault only delays it. */
  async #keepClean(): Promise<void> {
    const { database, historyDays } = this.#options;
    const { signal } = this.#stopping;
    await abortable(database.ready, signal).catch(() => undefined);
    while (!signal.aborted) {
      try {
        while (await forgetSent(database.queries, historyDays)) signal.throwIfAborted();
        while (await forgetLinks(database.queries, historyDays)) signal.throwIfAborted();
      } catch (error) {
        log.debug('Events that were sent could not be forgotten yet', { error });
      }
      await wait(cleaningMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

export function createEvents(options: Options): Events {
  return new OutboxEvents(options);
}
