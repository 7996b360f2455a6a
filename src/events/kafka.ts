// The door to Kafka: events of one key go to one partition, in their order, and are taken by all replicas or not at all.

import type { Producer } from '@platformatic/kafka';
import { abortable } from '../abortable.ts';
import { createLog } from '../log.ts';
import { currentTraceparent } from '../tracing.ts';
import { RefusedEvent, type Sender, type WaitingEvent } from './contract.ts';

const log = createLog('events');

export interface KafkaConfig {
  brokers: readonly string[];
  clientId: string;
  topic: string;
}

export interface SenderLimits {
  /** For all of a batch, with connecting and what the library repeats: the library itself may wait for ever for a connection that was cut. */
  sendMs: number;
}

const sendTimeoutMs = 15_000;
/** Of one batch; one or none the library takes for endlessly many where it is idempotent, and nobody would hear of an outage. */
const mostRepetitions = 2;
const longestCloseMs = 3000;
const everyReplica = -1;
/** Answers of a broker to one message that no repetition mends. */
const refusals = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'CORRUPT_MESSAGE',
]);

type Texts = Producer<string, string, string, string>;

/** Whether one of the answers that an error was made from is of this kind. */
function hasAnswer(error: unknown, isWanted: (answer: string) => boolean): boolean {
  const { apiId, errors = [], cause } = (error ?? {}) as { apiId?: string; errors?: unknown[]; cause?: unknown };
  if (apiId !== undefined && isWanted(apiId)) return true;
  return [...errors, cause].some((each) => each !== undefined && hasAnswer(each, isWanted));
}

class KafkaSender implements Sender {
  readonly #config: KafkaConfig;
  readonly #limits: SenderLimits;
  /** Opened with the first event: its library is large. */
  #producer: Promise<Texts> | undefined;

  constructor(config: KafkaConfig, limits: SenderLimits) {
    this.#config = config;
    this.#limits = limits;
  }

  async send(events: readonly WaitingEvent[]): Promise<void> {
    try {
      await abortable(this.#sendAll(events), AbortSignal.timeout(this.#limits.sendMs));
    } catch (error) {
      if (hasAnswer(error, (answer) => refusals.has(answer)))
        throw new RefusedEvent('Kafka refused the event', { cause: error });
      await this.#drop();
      throw error;
    }
  }

  async #sendAll(events: readonly WaitingEvent[]): Promise<void> {
    const { topic } = this.#config;
    this.#producer ??= this.#open();
    const producer = await this.#producer;
    const traceparent = currentTraceparent();
    const trace = traceparent === undefined ? {} : { traceparent };
    await producer.send({
      messages: events.map(({ id, key, body }) => ({ topic, key, value: body, headers: { 'event-id': id, ...trace } })),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#drop();
  }

  async #open(): Promise<Texts> {
    const { compatibilityPartitioner, Producer: Opened, stringSerializers } = await import('@platformatic/kafka');
    const connection = await this.#connect();
    return new Opened({
      ...connection,
      serializers: stringSerializers,
      // Where the clients of others put the same key.
      partitioner: compatibilityPartitioner,
      idempotent: true,
      retries: mostRepetitions,
      acks: everyReplica,
    });
  }

  /** Makes the topic where it is missing, with as many partitions and replicas as the brokers give by themselves. */
  async #connect() {
    const { Admin } = await import('@platformatic/kafka');
    const { brokers, clientId, topic } = this.#config;
    // What fails is repeated by the outbox, which remembers.
    const connection = { clientId, bootstrapBrokers: [...brokers], timeout: sendTimeoutMs, retries: 1 };
    const admin = new Admin(connection);
    try {
      const topics = await admin.listTopics();
      if (!topics.includes(topic)) await admin.createTopics({ topics: [topic], partitions: -1, replicas: -1 });
    } catch (error) {
      if (!hasAnswer(error, (answer) => answer === 'TOPIC_ALREADY_EXISTS')) throw error;
    } finally {
      await admin.close();
    }
    return connection;
  }

  /** After a failure nothing is known of what an idempotent producer has in flight: the next one begins anew. */
  async #drop(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    if (producer === undefined) return;
    const closed = producer.then((open) => open.close(true));
    await abortable(closed, AbortSignal.timeout(longestCloseMs)).catch((error) =>
      log.debug('A producer could not be closed in order', { error }),
    );
  }
}

/** Connects when the first event is sent. */
export function createKafkaSender(config: KafkaConfig, limits: SenderLimits): Sender {
  return new KafkaSender(config, limits);
}
