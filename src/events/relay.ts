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

const lease = { name: 'events', seconds: 60 };
/** What nobody told of is looked for so often; so is whether the one who sends is still there. */
const lookMs = 5000;
const firstPauseMs = 500;
/** For what is being sent when the process stops. */
const graceMs = 3000;
const longestPauseMs = 30_000;

interface Options {
  database: Database;
  metrics: Metrics;
  sender: Sender;
  /** Of one event that is refused; an outage is not its fault and does not count. */
  mostAttempts: number;
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
    await giveLeaseBack(database.queries, { ...lease, holder: this.#holder }).catch(() => undefined);
  }

  /** @returns whether there was any. */
  async #sendDue(): Promise<boolean> {
    const { queries } = this.#options.database;
    if (!(await takeLease(queries, { ...lease, holder: this.#holder }))) return false;
    const due = await readDue(queries);
    const good: WaitingEvent[] = [];
    for (const event of due) {
      const fault = faultOf('kafka', event);
      if (fault === undefined) good.push(event);
      else await this.#setAside(event, fault, 1);
    }
    if (good.length > 0) await this.#send(good);
    return due.length > 0;
  }

  async #send(events: readonly WaitingEvent[]): Promise<void> {
    const { database, sender } = this.#options;
    try {
      failpoint('event-due');
      const attributes = { 'platen.event.ids': events.map(({ id }) => id) };
      const send = () => abortable(sender.send(events), this.#givingUp.signal);
      await inSpan('publish', { kind: 'producer', attributes }, send);
      failpoint('event-sent');
      await markSent(database.queries, events);
      for (const event of events) this.#tell(event);
    } catch (error) {
      if (!(error instanceof RefusedEvent)) throw error;
      const [only, ...others] = events;
      if (only !== undefined && others.length === 0)
        return this.#setAside(only, (error.cause as Error).message, this.#options.mostAttempts);
      // One of them is refused: each by itself, in their order.
      for (const event of events) await this.#send([event]);
    }
  }

  async #setAside(event: WaitingEvent, fault: string, mostAttempts: number): Promise<void> {
    const state = await markFailed(this.#options.database.queries, event, { error: fault, mostAttempts });
    const outcome = state === 'parked' ? state : 'failed';
    this.#options.metrics.eventAttempts.inc({ kind: 'kafka', outcome });
    log.warn(`Failed to publish certificate issued event: ${fault}`, { eventId: event.id, state });
  }

  #tell({ body, ageSeconds }: WaitingEvent): void {
    const { metrics } = this.#options;
    metrics.eventAttempts.inc({ kind: 'kafka', outcome: 'ok' });
    metrics.eventDelay.observe({ kind: 'kafka' }, ageSeconds);
    const { data } = JSON.parse(body) as { data: { userId: string; courseId: string } };
    log.info(`Certificate issued event published for user ${data.userId} and course ${data.courseId}`);
  }
}
