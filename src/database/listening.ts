// The one connection over which notifications of PostgreSQL come; it is made again for as long as it is wanted.

import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { fail } from '../errors.ts';
import { createLog } from '../log.ts';
import type { Listener, ListenHandle } from './connection.ts';

const log = createLog('database');

/** How often it proves that it is one, and how long that may take; a half-open one is found by it. */
const pulseMs = 3000;
const firstPauseMs = 50;
const longestPauseMs = 2000;

class FollowedClient extends pg.Client {
  /** Channels that it follows. */
  readonly followed = new Set<string>();
  readonly lost = Promise.withResolvers<void>();

  async follow(channel: string): Promise<void> {
    if (this.followed.has(channel)) return;
    await this.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    this.followed.add(channel);
  }
}

export class Listening {
  readonly #options: pg.ClientConfig;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #stopping = new AbortController();
  #connected = Promise.withResolvers<FollowedClient>();
  #running: Promise<void> | undefined;

  constructor(options: pg.ClientConfig) {
    this.#options = { ...options, query_timeout: pulseMs };
    this.#connected.promise.catch(() => undefined);
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
      for (const listener of this.#listeners.get(channel) ?? []) listener.onMessage(payload);
    });
    try {
      await client.connect();
      for (const channel of this.#listeners.keys()) await client.follow(channel);
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
    const pulse = setInterval(() => {
      client.query('SELECT 1').catch(() => client.lost.resolve());
    }, pulseMs);
    await client.lost.promise;
    clearInterval(pulse);
    signal.removeEventListener('abort', onStop);
    if (!signal.aborted) log.warn('The listening connection to the database is lost');
  }

  #tellOfGap(): void {
    for (const listener of [...this.#listeners.values()].flatMap((each) => [...each])) listener.onGap();
  }
}
