// Which refused calls say that the platform does not take the token, and which say nothing of it.

import { matchesPattern } from '../path-pattern.ts';

/** A call that was answered 401 or 403. */
interface Refusal {
  requestId: string;
  method: string;
  path: string;
  /** Whether the page sent the token in a header of it. */
  bearsToken: boolean;
}

/** A call of the page's, as far as it matters here. */
export interface Call {
  method: string;
  /** Origin and path. */
  address: string;
  /** Its path as it may be shown: with the origin where that is another one than the page's. */
  path: string;
  bearsToken: boolean;
}

const mostNamed = 20;

export class Refusals {
  readonly #ignored: readonly string[];
  /** Those that nothing at the same address has made good since. */
  readonly #refusals = new Map<string, Refusal>();
  /** Calls with which the browser has sent the token as a cookie. */
  readonly #withCookie = new Set<string>();
  #isSentInHeaders = false;

  /** `ignored`: patterns of paths. */
  constructor(ignored: readonly string[]) {
    this.#ignored = ignored;
  }

  onSent({ bearsToken }: Call): void {
    this.#isSentInHeaders ||= bearsToken;
  }

  onCookie(requestId: string): void {
    this.#withCookie.add(requestId);
  }

  onAnswer(requestId: string, { method, address, path, bearsToken }: Call, status: number): void {
    if (status === 401 || status === 403) this.#refusals.set(address, { requestId, method, path, bearsToken });
    else if (status < 400) this.#refusals.delete(address);
  }

  /** Path of a call that carried the token and was refused; by the cookie only where the page sends the token in no header. */
  get rejected(): string | undefined {
    return [...this.#refusals.values()].find((refusal) => this.#isRejection(refusal))?.path;
  }

  /** `POST /session` and the like: refused calls that say nothing of the token. */
  get others(): string[] {
    return [...this.#refusals.values()]
      .filter((refusal) => !this.#isRejection(refusal))
      .slice(0, mostNamed)
      .map(({ method, path }) => `${method} ${path}`);
  }

  #isRejection({ requestId, path, bearsToken }: Refusal): boolean {
    const carriesToken = bearsToken || (!this.#isSentInHeaders && this.#withCookie.has(requestId));
    return carriesToken && !this.#ignored.some((pattern) => matchesPattern(path, pattern));
  }
}
