// Sends events that are claimed one by one, a few at a time for each receiver, so that one that is slow or dead holds up no other.

import { setTimeout as wait } from 'node:timers/promises';
import { abortable, followSignals } from '../abortable.ts';
import type { Database, Queries } from '../database/database.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { giveBack, markDelivered, markUndelivered } from './claims.ts';
import { type Kind, RefusedEvent, type WaitingEvent } from './contract.ts';
import { eventsChannel } from './outbox.ts';
import { Waking } from './waking.ts';

/** What nobody told of is looked for so often: also what is to be repeated. */
const lookMs = 5000;
/** What was taken is written down, however often the database fails meanwhile. */
const writeAgainMs = 500;

/** One way in which events go out. */
export interface Way<Event extends WaitingEvent> {
  kind: Kind;
  log: Log;
  /** What the log says of an attempt that failed. */
  failed: string;
  /** What tells of the receiver, in the log. */
  about(event: Event): Record<string, string>;
  /** Whose attempts are counted together. */
  receiverOf(event: Event): string;
  /** @param busy attempts of this process that are under way, by receiver. */
  claim(queries: Queries, busy: ReadonlyMap<string, number>): Promise<Event[]>;
  /** @throws {RefusedEvent} for what will never be taken; anything else where it may be taken later. */
  send(event: Event, signal: AbortSignal): Promise<void>;
  /** Time that one attempt may take: less than a claim is good for. */
  mostMs: number;
  /** Time that attempts under way get to end when the process stops. */
  graceMs: number;
  /** After each attempt that failed; after the last one it is set aside. */
  pausesSeconds: readonly number[];
}

interface Dependencies {
  database: Database;
  metrics: Metrics;
}

export class Dispatch<Event extends WaitingEvent> implements AsyncDisposable {
  readonly #dependencies: Dependencies;
  readonly #way: Way<Event>;
  readonly #stopping = new AbortController();
  readonly #ending = new AbortController();
  readonly #waking = new Waking();
  /** Attempts under way, by receiver. */
  readonly #busy = new Map<string, number>();
  readonly #attempts = new Set<Promise<void>>();
  /** Those that this process has under way, until what became of them is written down. */
  readonly #underWay = new Set<string>();
  #running: Promise<void> | undefined;

  constructor(dependencies: Dependencies, way: Way<Event>) {
    this.#dependencies = dependencies;
    this.#way = way;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#waking.wake();
    const timer = setTimeout(() => this.#ending.abort(), this.#way.graceMs);
    await this.#running;
    await Promise.all(this.#attempts);
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    const { database } = this.#dependencies;
    const { signal } = this.#stopping;
    await abortable(database.ready, signal).catch(() => undefined);
    if (signal.aborted) return;
    const wake = () => this.#waking.wake();
    void database.listen(eventsChannel, { onMessage: wake, onGap: wake }).catch(() => undefined);
    while (!signal.aborted) {
      try {
        this.#waking.reset();
        if ((await this.#claim()) === 0) await this.#waking.wait(lookMs);
      } catch (error) {
        if (signal.aborted) return;
        this.#way.log.debug('Events could not be looked at yet', { error });
        await this.#waking.wait(lookMs);
      }
    }
  }

  /** @returns how many attempts were begun. */
  async #claim(): Promise<number> {
    const claimed = await this.#way.claim(this.#dependencies.database.queries, this.#busy);
    for (const event of claimed) {
      const receiver = this.#way.receiverOf(event);
      this.#busy.set(receiver, (this.#busy.get(receiver) ?? 0) + 1);
      const attempt = this.#deliverOnce(event)
        .catch((error) => {
          this.#way.log.debug('What became of an event could not be written down', { error });
        })
        .finally(() => {
          this.#release(receiver);
          this.#attempts.delete(attempt);
        });
      this.#attempts.add(attempt);
    }
    return claimed.length;
  }

  #release(receiver: string): void {
    const left = (this.#busy.get(receiver) ?? 1) - 1;
    if (left === 0) this.#busy.delete(receiver);
    else this.#busy.set(receiver, left);
    this.#waking.wake();
  }

  /** A claim may run out before its attempt has ended, by a clock that was put forward or while the database could not be told. */
  async #deliverOnce(event: Event): Promise<void> {
    if (this.#underWay.has(event.seq)) return;
    this.#underWay.add(event.seq);
    await this.#deliver(event).finally(() => this.#underWay.delete(event.seq));
  }

  async #deliver(event: Event): Promise<void> {
    const { database, metrics } = this.#dependencies;
    const { kind, mostMs, pausesSeconds } = this.#way;
    try {
      using ending = followSignals([this.#ending.signal, AbortSignal.timeout(mostMs)]);
      await this.#way.send(event, ending.signal);
    } catch (error) {
      if (this.#ending.signal.aborted) return giveBack(database.queries, event);
      const pauseSeconds = error instanceof RefusedEvent ? undefined : pausesSeconds[event.attempts - 1];
      return this.#note(event, { error: reasonOf(error as Error), pauseSeconds });
    }
    metrics.eventAttempts.inc({ kind, outcome: 'ok' });
    metrics.eventDelay.observe({ kind }, event.ageSeconds);
    await this.#writeDown(event);
  }

  async #writeDown(event: Event): Promise<void> {
    for (;;) {
      try {
        return await markDelivered(this.#dependencies.database.queries, event);
      } catch (error) {
        if (this.#ending.signal.aborted) throw error;
      }
      await wait(writeAgainMs, undefined, { signal: this.#ending.signal }).catch(() => undefined);
    }
  }

  async #note(event: Event, failure: { error: string; pauseSeconds: number | undefined }): Promise<void> {
    const { database, metrics } = this.#dependencies;
    const { kind, log, failed, about } = this.#way;
    const { id: eventId, attempts } = event;
    const isParked = failure.pauseSeconds === undefined;
    metrics.eventAttempts.inc({ kind, outcome: isParked ? 'parked' : 'failed' });
    log[isParked ? 'warn' : 'info'](failed, { ...about(event), eventId, attempts, ...failure });
    await markUndelivered(database.queries, event, failure);
    const soonMs = (failure.pauseSeconds ?? lookMs) * 1000;
    if (soonMs < lookMs) setTimeout(() => this.#waking.wake(), soonMs).unref();
  }
}

function reasonOf({ name, message }: Error): string {
  return name === 'TimeoutError' || name === 'AbortError' ? 'it did not answer in time' : message.slice(0, 500);
}
