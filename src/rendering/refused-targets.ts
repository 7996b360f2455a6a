// Says in the log where the pages of one origin may not go: one that tries a thousand places is told of in a few lines.

import { createLog } from '../log.ts';

const log = createLog('egress');
const periodMs = 60_000;
/** Targets that are named in each period. */
const mostNamed = 20;

/** Names the first targets of each minute, each of them once, and counts the rest in one line at its end. */
export class RefusedTargets {
  readonly #origin: string;
  readonly #named = new Set<string>();
  #unnamed = 0;
  #period: NodeJS.Timeout | undefined;

  /** Of the pages. */
  constructor(origin: string) {
    this.#origin = origin;
  }

  /** Host and port. */
  add(target: string): void {
    this.#period ??= setTimeout(() => this.#end(), periodMs).unref();
    const isNamed = !this.#named.has(target) && this.#named.size < mostNamed;
    if (isNamed) this.#named.add(target);
    else this.#unnamed++;
    log[isNamed ? 'warn' : 'debug']('A page tried to reach an origin that is not allowed', {
      target,
      page: this.#origin,
    });
  }

  #end(): void {
    if (this.#unnamed > 0)
      log.warn('Pages tried more often to reach what is not allowed', { times: this.#unnamed, page: this.#origin });
    this.#period = undefined;
    this.#unnamed = 0;
    this.#named.clear();
  }
}
