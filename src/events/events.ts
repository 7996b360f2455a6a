// What others are told of: written in the transaction that makes it true, and sent after that has committed, however long it takes.

import type { Database, Queries } from '../database/database.ts';
import { createLog } from '../log.ts';
import type { CertificateIssued } from './contract.ts';
import { createKafkaSender, type KafkaConfig } from './kafka.ts';
import { addEvent } from './outbox.ts';
import { Relay } from './relay.ts';

const log = createLog('events');

export interface Events extends AsyncDisposable {
  /** In the caller's transaction. */
  certificateIssued(tx: Queries, issued: CertificateIssued): Promise<void>;
  /** Begins to send. */
  start(): void;
}

interface Options {
  database: Database;
  /** Undefined where Kafka is not used: events are kept. */
  kafka: KafkaConfig | undefined;
  mostAttempts: number;
}

class OutboxEvents implements Events {
  readonly #relay: Relay | undefined;

  constructor({ database, kafka, mostAttempts }: Options) {
    this.#relay =
      kafka === undefined ? undefined : new Relay({ database, sender: createKafkaSender(kafka), mostAttempts });
  }

  async certificateIssued(tx: Queries, { credentialId, expirationDate, ...issued }: CertificateIssued): Promise<void> {
    if (this.#relay === undefined) log.warn('Kafka is disabled. Skipping tracking event publish.');
    const { userId, courseId, courseName, firstName, lastName, issuanceDate } = issued;
    const body = {
      eventType: 'COURSE_STATUS_UPDATED',
      timestamp: new Date().toISOString(),
      data: {
        userId,
        courseId,
        courseName,
        certificateId: credentialId,
        firstName,
        lastName,
        issuanceDate,
        ...(expirationDate === undefined ? {} : { expirationDate }),
        status: 'viewCertificate',
        eventType: 'CERTIFICATE_ISSUED',
      },
    };
    await addEvent(tx, { type: 'certificate.issued', key: courseId, body });
  }

  start(): void {
    this.#relay?.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#relay?.[Symbol.asyncDispose]();
  }
}

export function createEvents(options: Options): Events {
  return new OutboxEvents(options);
}
