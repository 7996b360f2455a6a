// Sends what waits in the outbox, in order for each key: one process at a time does it for all, and another goes on when it dies.

import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { abortable } from '../abortable.ts';
import type { Database } from '../database/database.ts';
import { failpoint } from '../failpoint.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { inSpan } from '../tracing.ts';
import { faultOf, RefusedEvent, type Sender, type WaitingEvent } from './contract.ts';
import { eventsChannel, giveLeaseBack, markFailed, markSent, readDue, takeLease } from './outbox.ts';
import { Waking } from './waking.ts';

const log = createLog('events');

const leaseName = 'events';
/** What nobody told of is looked for so often; so is whether the one who sends is still there. */
const lookMs = 5000;
const firstPauseMs = 500;
/** For what is being sent when the process stops. */
const graceMs = 3000;
const longestPauseMs = 30_000;

export interface RelayLimits {
  /** After which another process sends, when this one says nothing more; longer than the sending of one batch may take. */
  leaseSeconds: number;
}

interface Options {
  database: Database;
  metrics: Metrics;
  sender: Sender;
  /** Of one event that is refused; an outage is not its fault and does not count. */
  mostAttempts: number;
  limits: RelayLimits;
}

export class Relay implements AsyncDisposable {
  readonly #options: Options;
  readonly #holder = randomUUID();
  readonly #stopping = new AbortController();
  /** Comes a little later: what is being sent may end. */
  readonly #givingUp = new AbortController();
  #running: Promise<void> | undefined;
  readonly #waking = new Waking();

  constructor(options: Options) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#waking.wake();
    const timer = setTimeout(() => this.#givingUp.abort(), graceMs);
    await this.#running;
    clearTimeout(timer);
    await this.#options.sender[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    const { database } = this.#options;
    const { signal } = this.#stopping;
    const isReady = await abortable(database.ready, signal).then(
      () => true,
      () => false,
    );
    if (!isReady) return;
    const onMessage = () => this.#waking.wake();
    void database.listen(eventsChannel, { onMessage, onGap: onMessage }).catch(() => undefined);
    for (let pauseMs = 0; !signal.aborted; ) {
      try {
        this.#waking.reset();
        if (!(await this.#sendDue())) await this.#waking.wait(lookMs);
        pauseMs = 0;
      } catch (error) {
        if (signal.aborted) break;
        pauseMs = Math.min(longestPauseMs, Math.max(firstPauseMs, pauseMs * 2));
        this.#options.metrics.eventAttempts.inc({ kind: 'kafka', outcome: 'failed' });
        log.warn(`Failed to publish certificate issued event: ${(error as Error).message}`, { error, pauseMs });
        await wait(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    }
    await giveLeaseBack(database.queries, { name: leaseName, holder: this.#holder }).catch(() => undefined);
  }

  /** @returns whether it is this process that sends. */
  #holdLease(): Promise<boolean> {
    const { database, limits } = this.#options;
    return takeLease(database.queries, { name: leaseName, holder: this.#holder, seconds: limits.leaseSeconds });
  }

  /** @returns whether there was any. */
  async #sendDue(): Promise<boolean> {
    if (!(await this.#holdLease())) return false;
    const due = await readDue(this.#options.database.queries);
    const good: WaitingEvent[] = [];
    for (const event of due) {
      const fault = faultOf('kafka', event);
      if (fault === undefined) good.push(event);
      else await this.#setAside(event, fault, 1);
    }
    await this.#send(good, new Set());
    return due.length > 0;
  }

  /** @param held keys of which one has to wait: so have those after it. */
  async #send(events: readonly WaitingEvent[], held: Set<string>): Promise<void> {
    const { database, sender, mostAttempts } = this.#options;
    const open = events.filter(({ key }) => !held.has(key));
    const [first, ...others] = open;
    if (first === undefined) return;
    try {
      failpoint('event-due');
      const attributes = { 'platen.event.ids': open.map(({ id }) => id) };
      const send = () => abortable(sender.send(open), this.#givingUp.signal);
      await inSpan('publish', { kind: 'producer', attributes }, send);
      failpoint('event-sent');
      await markSent(database.queries, open);
      for (const event of open) this.#tell(event);
    } catch (error) {
      if (!(error instanceof RefusedEvent)) throw error;
      if (others.length > 0) return this.#sendHalves(open, held);
      const state = await this.#setAside(first, (error.cause as Error).message, mostAttempts);
      if (state === 'waiting') held.add(first.key);
    }
  }

  /** One of them is refused, or all together are too large: a few attempts find it, and the others need not each go alone. */
  async #sendHalves(events: readonly WaitingEvent[], held: Set<string>): Promise<void> {
    const middle = Math.ceil(events.length / 2);
    for (const half of [events.slice(0, middle), events.slice(middle)])
      if (await this.#holdLease()) await this.#send(half, held);
  }

  async #setAside(event: WaitingEvent, fault: string, mostAttempts: number): Promise<'waiting' | 'parked'> {
    const state = await markFailed(this.#options.database.queries, event, { error: fault, mostAttempts });
    const outcome = state === 'parked' ? state : 'failed';
    this.#options.metrics.eventAttempts.inc({ kind: 'kafka', outcome });
    log.warn(`Failed to publish certificate issued event: ${fault}`, { eventId: event.id, state });
    return state;
  }

  #tell({ body, ageSeconds }: WaitingEvent): void {
    const { metrics } = this.#options;
    metrics.eventAttempts.inc({ kind: 'kafka', outcome: 'ok' });
    metrics.eventDelay.observe({ kind: 'kafka' }, ageSeconds);
    const { data } = JSON.parse(body) as { data: { userId: string; courseId: string } };
    log.info(`Certificate issued event published for user ${data.userId} and course ${data.courseId}`);
  }
}
