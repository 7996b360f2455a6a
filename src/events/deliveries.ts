// Calls webhooks with what they are to be told: a few calls of each at a time, so that one that is slow or dead holds up no other.

import { abortable, followSignals } from '../abortable.ts';
import type { Database } from '../database/database.ts';
import { createLog } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Sealing } from '../sealing.ts';
import { faultOf } from './contract.ts';
import { eventsChannel } from './outbox.ts';
import { Waking } from './waking.ts';
import { callWebhook } from './webhook-call.ts';
import { claimDue, type Delivery, giveBack, markDelivered, markUndelivered } from './webhook-store.ts';

const log = createLog('webhooks');

/** Calls of one webhook that a process has under way. */
const mostCalls = 4;
const defaultCallMs = 15_000;
/** Longer than a call may take, with what is written of it; what a dead process had claimed is claimed anew after it. */
const claimSeconds = 45;
/** What nobody told of is looked for so often: also what is to be repeated. */
const lookMs = 5000;
/** After each attempt that failed; together they last 24 hours. After the last one it is set aside. */
const pausesSeconds = [4, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 30_000];

export interface DeliveriesOptions {
  database: Database;
  metrics: Metrics;
  sealing: Sealing;
  /** Hosts that may be called wherever they are, and without TLS. */
  trustedHosts: readonly string[];
  /** Time that one call may take. */
  callMs: number | undefined;
}

export class Deliveries implements AsyncDisposable {
  readonly #options: DeliveriesOptions;
  readonly #stopping = new AbortController();
  readonly #waking = new Waking();
  /** Calls under way, by webhook. */
  readonly #busy = new Map<string, number>();
  readonly #calls = new Set<Promise<void>>();
  #running: Promise<void> | undefined;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#waking.wake();
    await this.#running;
    await Promise.all(this.#calls);
  }

  async #run(): Promise<void> {
    const { database } = this.#options;
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
        log.debug('Webhooks could not be looked at yet', { error });
        await this.#waking.wait(lookMs);
      }
    }
  }

  /** @returns how many calls were begun. */
  async #claim(): Promise<number> {
    const { queries } = this.#options.database;
    const claimed = await claimDue(queries, { busy: this.#busy, most: mostCalls, claimSeconds });
    for (const delivery of claimed) {
      const { webhookId } = delivery;
      this.#busy.set(webhookId, (this.#busy.get(webhookId) ?? 0) + 1);
      const call = this.#deliver(delivery)
        .catch((error) => {
          log.debug('What became of a call could not be written down', { error });
        })
        .finally(() => {
          this.#release(webhookId);
          this.#calls.delete(call);
        });
      this.#calls.add(call);
    }
    return claimed.length;
  }

  #release(webhookId: string): void {
    const left = (this.#busy.get(webhookId) ?? 1) - 1;
    if (left === 0) this.#busy.delete(webhookId);
    else this.#busy.set(webhookId, left);
    this.#waking.wake();
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { database, metrics } = this.#options;
    const fault = faultOf('webhook', delivery);
    if (fault !== undefined) return this.#note(delivery, { error: fault, pauseSeconds: undefined });
    try {
      await this.#call(delivery);
    } catch (error) {
      if (this.#stopping.signal.aborted) return giveBack(database.queries, delivery);
      return this.#note(delivery, {
        error: reasonOf(error as Error),
        pauseSeconds: pausesSeconds[delivery.attempts - 1],
      });
    }
    metrics.eventAttempts.inc({ kind: 'webhook', outcome: 'ok' });
    metrics.eventDelay.observe({ kind: 'webhook' }, delivery.ageSeconds);
    await markDelivered(database.queries, delivery);
  }

  async #call({ id, url, body, secret }: Delivery): Promise<void> {
    const { sealing, trustedHosts, callMs = defaultCallMs } = this.#options;
    const call = { id, url, body, secret: sealing.open(secret) };
    using ending = followSignals([this.#stopping.signal, AbortSignal.timeout(callMs)]);
    await callWebhook(call, { trustedHosts, signal: ending.signal });
  }

  async #note(delivery: Delivery, failure: { error: string; pauseSeconds: number | undefined }): Promise<void> {
    const { database, metrics } = this.#options;
    const { webhookId, id: eventId, attempts } = delivery;
    const isParked = failure.pauseSeconds === undefined;
    metrics.eventAttempts.inc({ kind: 'webhook', outcome: isParked ? 'parked' : 'failed' });
    log[isParked ? 'warn' : 'info']('A webhook could not be told', { webhookId, eventId, attempts, ...failure });
    await markUndelivered(database.queries, delivery, failure);
    const soonMs = (failure.pauseSeconds ?? lookMs) * 1000;
    if (soonMs < lookMs) setTimeout(() => this.#waking.wake(), soonMs).unref();
  }
}

function reasonOf({ name, message }: Error): string {
  return name === 'TimeoutError' || name === 'AbortError' ? 'it did not answer in time' : message.slice(0, 500);
}
