// What is done in turns: each turn by one process, however many there are, and at most one that was missed is made up.

import { setTimeout as wait } from 'node:timers/promises';
import { abortable } from '../abortable.ts';
import type { Database, Queries } from '../database/database.ts';
import { createLog } from '../log.ts';
import {
  addSchedule,
  askForTurn,
  type ClaimedTurn,
  claimTurns,
  endTurn,
  findPause,
  holdTurn,
  longestPauseSeconds,
  type NextTurn,
  type ScheduleName,
  schedulesChannel,
} from './store.ts';

export type { NextTurn };

const log = createLog('schedules');

/** What nobody told of is looked for so often. */
const lookMs = 60_000;
const deafLookMs = 5000;
/** What is due and can't be had is not asked for without end. */
const leastPauseMs = 50;
/** For how long a process is believed to be at work without another word. */
const usualHoldSeconds = 60;
const firstPauseSeconds = 10;
const mostAtOnce = 20;

export interface Turn {
  name: string;
  /** When it was due, which may be long ago. */
  dueAt: Date;
  /** Ends the turn in a transaction of its own work, so that both are there or neither. @returns false where another process has taken it over: then nothing may be done. */
  end(tx: Queries, next: NextTurn): Promise<boolean>;
}

export interface ScheduleKind {
  kind: string;
  /** @returns when the next turn comes, unless it has ended the turn itself. @throws what it fails with: it is tried again after 10 s, doubling to an hour. */
  run(turn: Turn, signal: AbortSignal): Promise<NextTurn>;
}

export interface Schedules extends AsyncDisposable {
  define(kind: ScheduleKind): void;
  /** From the start of this process on there is a turn each so many seconds, the first at once. */
  repeat(kind: string, name: string, seconds: number): void;
  /** Wants a turn as soon as so many seconds have passed since the last one was begun; in the caller's transaction. */
  ask(tx: Queries, asked: ScheduleName, pauseSeconds: number): Promise<void>;
  start(): void;
}

interface Options {
  database: Database;
  /** Shorter in tests that wait for it. */
  holdSeconds?: number | undefined;
}

class TableOfSchedules implements Schedules {
  readonly #database: Database;
  readonly #holdSeconds: number;
  readonly #kinds = new Map<string, ScheduleKind>();
  readonly #repeated: { kind: string; name: string; seconds: number }[] = [];
  readonly #stopping = new AbortController();
  readonly #turns = new Set<Promise<void>>();
  #told = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;

  constructor({ database, holdSeconds = usualHoldSeconds }: Options) {
    this.#database = database;
    this.#holdSeconds = holdSeconds;
  }

  define(kind: ScheduleKind): void {
    this.#kinds.set(kind.kind, kind);
  }

  repeat(kind: string, name: string, seconds: number): void {
    this.#repeated.push({ kind, name, seconds });
  }

  ask(tx: Queries, asked: ScheduleName, pauseSeconds: number): Promise<void> {
    return askForTurn(tx, asked, pauseSeconds);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await Promise.all(this.#turns);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    await abortable(this.#database.ready, signal).catch(() => undefined);
    if (signal.aborted) return;
    const onMessage = () => this.#told.resolve();
    void this.#database.listen(schedulesChannel, { onMessage, onGap: onMessage }).catch(() => undefined);
    while (!signal.aborted) {
      this.#told = Promise.withResolvers();
      const pauseMs = await this.#look().catch((error) => {
        log.debug('Schedules could not be looked at yet', { error });
        return deafLookMs;
      });
      await this.#rest(pauseMs);
    }
  }

  /** Until something was told, or for so long. */
  async #rest(ms: number): Promise<void> {
    const woken = new AbortController();
    const pause = wait(ms, undefined, { signal: woken.signal }).catch(() => undefined);
    await abortable(Promise.race([this.#told.promise, pause]), this.#stopping.signal).catch(() => undefined);
    woken.abort();
  }

  /** Begins what is due. @returns milliseconds until it is to be looked again. */
  async #look(): Promise<number> {
    const { queries } = this.#database;
    const kinds = [...this.#kinds.keys()];
    for (let each = this.#repeated[0]; each !== undefined; each = this.#repeated[0]) {
      await addSchedule(queries, each, each.seconds);
      this.#repeated.shift();
    }
    const claimed = await claimTurns(queries, { kinds, seconds: this.#holdSeconds, most: mostAtOnce });
    for (const turn of claimed) this.#begin(turn);
    const longest = this.#database.isDeaf ? deafLookMs : lookMs;
    const pauseMs = (await findPause(queries, kinds)) ?? longest;
    return Math.min(longest, Math.max(leastPauseMs, pauseMs));
  }

  #begin(claimed: ClaimedTurn): void {
    const turn = this.#carryOut(claimed)
      .catch((error) => {
        log.debug('The end of a turn could not be written down', { error });
      })
      .finally(() => this.#turns.delete(turn));
    this.#turns.add(turn);
  }

  async #carryOut(claimed: ClaimedTurn): Promise<void> {
    const { kind, name, dueAt } = claimed;
    const ended = (tx: Queries, next: NextTurn, failures = 0) => endTurn(tx, claimed, { next, failures });
    const losing = new AbortController();
    const signal = AbortSignal.any([this.#stopping.signal, losing.signal]);
    const holding = this.#keepHolding(claimed, losing);
    try {
      const run = this.#kinds.get(kind)?.run({ name, dueAt, end: ended }, signal);
      await ended(this.#database.queries, await run);
    } catch (error) {
      const isStopping = this.#stopping.signal.aborted;
      const afterSeconds = isStopping ? 0 : pauseAfter(claimed.failures);
      if (!signal.aborted) log.warn('What is done in turns has failed', { kind, name, afterSeconds, error });
      await ended(this.#database.queries, { afterSeconds }, claimed.failures + (isStopping ? 0 : 1));
    } finally {
      clearInterval(holding);
    }
  }

  /** Says now and then that it is at work; the turn ends when another process has taken it over. */
  #keepHolding(claimed: ClaimedTurn, losing: AbortController): NodeJS.Timeout {
    const hold = () =>
      holdTurn(this.#database.queries, claimed, this.#holdSeconds).then(
        (isHeld) => !isHeld && losing.abort(new Error('another process has taken this turn over')),
        (error) => log.debug('A turn could not be held yet', { error }),
      );
    return setInterval(hold, (this.#holdSeconds * 1000) / 3).unref();
  }
}

const pauseAfter = (failures: number) => Math.min(longestPauseSeconds, firstPauseSeconds * 2 ** failures);

export function createSchedules(options: Options): Schedules {
  return new TableOfSchedules(options);
}
