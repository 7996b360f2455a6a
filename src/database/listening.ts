// The one connection over which notifications of PostgreSQL come; it is made again for as long as it is wanted.

import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { fail } from '../errors.ts';
import { createLog } from '../log.ts';
import type { Listener, ListenHandle } from './connection.ts';

const log = createLog('database');

/** How often it must hear what was sent over another connection; one that is half open hears nothing, and one that a pooler lends to others neither. */
const pulseMs = 5000;
const pulseChannel = 'platen_pulse';
const answerMs = 3000;
const firstPauseMs = 50;
const longestPauseMs = 2000;

class FollowedClient extends pg.Client {
  /** Channels that it follows. */
  readonly followed = new Set<string>();
  readonly lost = Promise.withResolvers<void>();
  /** The last pulse that was sent, and the last that was heard. */
  sent = 0;
  heard = 0;

  async follow(channel: string): Promise<void> {
    if (this.followed.has(channel)) return;
    await this.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    this.followed.add(channel);
  }
}

/** Asks the database something over another connection. */
type Ask = (text: string, values: unknown[]) => Promise<void>;

export class Listening {
  readonly #options: pg.ClientConfig;
  readonly #ask: Ask;
  /** Of its own pulses among those of all processes. */
  readonly #id = randomUUID();
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #stopping = new AbortController();
  #connected = Promise.withResolvers<FollowedClient>();
  #running: Promise<void> | undefined;

  #isDeaf = false;

  constructor(options: pg.ClientConfig, ask: Ask) {
    this.#options = { ...options, query_timeout: answerMs };
    this.#ask = ask;
    this.#connected.promise.catch(() => undefined);
  }

  /** Whether what was sent did not arrive although the connection could be made. */
  get isDeaf(): boolean {
    return this.#isDeaf;
  }

  /** Resolves when it follows the channel, however long the database is away. @throws when it is closed before. */
  async add(channel: string, listener: Listener): Promise<ListenHandle> {
    const atChannel = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, atChannel.add(listener));
    this.#running ??= this.#run();
    for (;;) {
      const client = await this.#connected.promise;
      try {
        await client.follow(channel);
        break;
      } catch {
        client.lost.resolve();
        await client.lost.promise;
      }
    }
    return {
      close: async () => {
        atChannel.delete(listener);
      },
    };
  }

  async close(): Promise<void> {
    this.#stopping.abort(fail('shutting_down'));
    this.#connected.reject(fail('shutting_down'));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let isFirst = true;
    for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      try {
        await using client = await this.#connect();
        pauseMs = firstPauseMs;
        this.#connected.resolve(client);
        if (!isFirst) this.#tellOfGap();
        isFirst = false;
        await this.#watch(client);
      } catch (error) {
        log.debug('The listening connection to the database could not be made', { error });
      }
      await wait(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #connect(): Promise<FollowedClient & AsyncDisposable> {
    const client = new FollowedClient(this.#options);
    const end = async () => {
      this.#connected = Promise.withResolvers();
      this.#connected.promise.catch(() => undefined);
      void client.end().catch(() => undefined);
    };
    client.on('error', () => client.lost.resolve());
    client.on('end', () => client.lost.resolve());
    client.on('notification', ({ channel, payload = '' }) => {
      if (channel === pulseChannel) return this.#hearPulse(client, payload);
      for (const listener of this.#listeners.get(channel) ?? []) listener.onMessage(payload);
    });
    try {
      await client.connect();
      for (const channel of [pulseChannel, ...this.#listeners.keys()]) await client.follow(channel);
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
    return Object.assign(client, { [Symbol.asyncDispose]: end });
  }

  /** Resolves when it is lost, or wanted no longer. */
  async #watch(client: FollowedClient): Promise<void> {
    const { signal } = this.#stopping;
    const onStop = () => client.lost.resolve();
    signal.addEventListener('abort', onStop, { once: true });
    if (signal.aborted) onStop();
    const pulse = setInterval(() => void this.#pulse(client), pulseMs);
    await client.lost.promise;
    clearInterval(pulse);
    signal.removeEventListener('abort', onStop);
    if (!signal.aborted && !this.#isDeaf) log.warn('The listening connection to the database is lost');
  }

  /** Sent by another connection, while this one asks nothing: a pooler could bring an answer of ours together with what it would else drop. */
  async #pulse(client: FollowedClient): Promise<void> {
    if (client.sent > client.heard) {
      if (!this.#isDeaf) log.warn('Messages of the database do not arrive: it is asked every few seconds instead');
      this.#isDeaf = true;
      // Made anew, it may hear; and whoever listens looks.
      return client.lost.resolve();
    }
    const number = client.sent + 1;
    try {
      await this.#ask('SELECT pg_notify($1, $2)', [pulseChannel, `${this.#id} ${number}`]);
      client.sent = number;
    } catch {
      // Says nothing of this connection.
      await client.query('SELECT 1').catch(() => client.lost.resolve());
    }
  }

  #hearPulse(client: FollowedClient, payload: string): void {
    const [id, number] = payload.split(' ');
    if (id !== this.#id) return;
    client.heard = Number(number);
    if (this.#isDeaf) log.info('Messages of the database arrive again');
    this.#isDeaf = false;
  }

  #tellOfGap(): void {
    for (const listener of [...this.#listeners.values()].flatMap((each) => [...each])) listener.onGap();
  }
}
