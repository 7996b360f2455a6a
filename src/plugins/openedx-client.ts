// What is asked of Open edX: a token, and answers in pages. docs/openedx.md shows what is sent.

import { setTimeout as wait } from 'node:timers/promises';
import { z } from './contract.ts';

export interface OpenEdxSettings {
  /** Of the LMS, without a slash at its end. */
  url: string;
  clientId: string;
  clientSecret: string;
}

type Fetch = (input: string | URL, init?: RequestInit) => Promise<Response>;

const mostBytes = 32 * 1024 * 1024;
const answerTimeoutMs = 30_000;
const attempts = 4;
const firstPauseMs = 1000;
const longestPauseMs = 60_000;
/** A token that ends so soon is not begun with. */
const spareMs = 30_000;
const pageSize = 100;

const tokenAnswer = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });
const page = z.object({ next: z.string().nullish(), results: z.array(z.unknown()) });

/** It answers what it should not: with what was asked, and never with what it said, which may name people. */
class OpenEdxFault extends Error {
  constructor(path: string, what: string) {
    super(`Open edX ${what} at ${path}`);
  }
}

interface Token {
  text: string;
  /** On the monotonic clock. */
  endsAt: number;
}

/** Tokens are kept for all runs, and renewed once for all that wait. */
export class OpenEdxTokens {
  readonly #settings: OpenEdxSettings;
  #renewing: Promise<Token> | undefined;

  constructor(settings: OpenEdxSettings) {
    this.#settings = settings;
  }

  get url(): string {
    return this.#settings.url;
  }

  /** @param refused the token that was not taken, if any. */
  async take(fetch: Fetch, refused?: string): Promise<string> {
    const known = await this.#renewing?.catch(() => undefined);
    if (known !== undefined && known.text !== refused && known.endsAt > performance.now()) return known.text;
    const renewing = this.#ask(fetch);
    this.#renewing = renewing;
    return (await renewing).text;
  }

  async #ask(fetch: Fetch): Promise<Token> {
    const { url, clientId, clientSecret } = this.#settings;
    const path = '/oauth2/access_token';
    const body = new URLSearchParams({
      client_id: clientId,
      client_secret: clientSecret,
      grant_type: 'client_credentials',
      token_type: 'jwt',
    });
    const response = await fetch(url + path, { method: 'POST', body, signal: AbortSignal.timeout(answerTimeoutMs) });
    if (response.status !== 200) throw new OpenEdxFault(path, `answered ${response.status}`);
    const { success, data } = tokenAnswer.safeParse(await readJson(response, path));
    if (!success) throw new OpenEdxFault(path, 'gave no token');
    return { text: data.access_token, endsAt: performance.now() + data.expires_in * 1000 - spareMs };
  }
}

async function readJson(response: Response, path: string): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new OpenEdxFault(path, 'gave too much');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new OpenEdxFault(path, 'gave no JSON');
  }
}

const pauseOf = (response: Response | undefined, attempt: number) => {
  const said = Number(response?.headers.get('retry-after') ?? Number.NaN) * 1000;
  const own = firstPauseMs * 2 ** (attempt - 1);
  return Math.min(longestPauseMs, said >= 0 ? said : own);
};

export class OpenEdxClient {
  readonly #tokens: OpenEdxTokens;
  readonly #fetch: Fetch;
  readonly #signal: AbortSignal;

  constructor(tokens: OpenEdxTokens, fetch: Fetch, signal: AbortSignal) {
    this.#tokens = tokens;
    this.#fetch = fetch;
    this.#signal = signal;
  }

  /** What it says; undefined for 404. @throws when it is away, refuses, or answers something else. */
  async get(path: string): Promise<unknown> {
    const response = await this.#ask(path);
    if (response === undefined) return undefined;
    return readJson(response, pathOf(path));
  }

  /** What stands in its pages, page by page. One that was given already ends them with an error: it would go on for ever. */
  async *pages<T>(path: string, item: z.ZodType<T>): AsyncIterable<T[]> {
    const given = new Set<string>();
    const separator = path.includes('?') ? '&' : '?';
    for (let next: string | undefined = `${path}${separator}page_size=${pageSize}`; next !== undefined; ) {
      if (given.has(next)) throw new OpenEdxFault(pathOf(path), 'gives the same page again');
      given.add(next);
      const read = page.safeParse(await this.get(next));
      if (!read.success) throw new OpenEdxFault(pathOf(path), 'gave no page');
      yield read.data.results.flatMap((each) => {
        const { success, data } = item.safeParse(each);
        return success ? [data] : [];
      });
      next = read.data.next ? this.#own(read.data.next, path) : undefined;
    }
  }

  /** The address of a next page, of this Open edX and none other: the token goes there. */
  #own(next: string, path: string): string {
    const base = this.#tokens.url;
    const url = new URL(next, `${base}/`);
    // Behind a proxy it may think that it speaks http.
    if (url.host !== new URL(base).host) throw new OpenEdxFault(pathOf(path), 'names another host for its next page');
    return url.pathname.slice(new URL(`${base}/`).pathname.length - 1) + url.search;
  }

  async #ask(path: string): Promise<Response | undefined> {
    let refused: string | undefined;
    for (let attempt = 1; ; attempt++) {
      const token = await this.#tokens.take(this.#fetch, refused);
      const response = await this.#send(path, token);
      if (response?.status === 200) return response;
      if (response?.status === 404) return undefined;
      const isExpired = response?.status === 401 && refused === undefined;
      if (!isExpired) await this.#waitOrFail(path, response, attempt);
      refused = isExpired ? token : undefined;
    }
  }

  /** Before another attempt, where one is left and may help. */
  async #waitOrFail(path: string, response: Response | undefined, attempt: number): Promise<void> {
    const mayHeal = response === undefined || response.status === 429 || response.status >= 500;
    if (!mayHeal || attempt >= attempts)
      throw new OpenEdxFault(pathOf(path), response === undefined ? 'is away' : `answered ${response.status}`);
    await wait(pauseOf(response, attempt), undefined, { signal: this.#signal });
  }

  /** Undefined when nothing came. */
  async #send(path: string, token: string): Promise<Response | undefined> {
    const headers = { authorization: `JWT ${token}`, accept: 'application/json' };
    try {
      const init = { headers, signal: AbortSignal.any([this.#signal, AbortSignal.timeout(answerTimeoutMs)]) };
      const response = await this.#fetch(this.#tokens.url + path, init);
      const location = response.headers.get('location');
      const isSlash =
        location !== null &&
        new URL(location, this.#tokens.url + path).pathname === `${pathOf(this.#tokens.url + path)}/`;
      // Some of its paths end with a slash in one release and without in another; it leads from one to the other.
      if (response.status !== 301 || !isSlash) return response;
      return await this.#fetch(this.#tokens.url + path.replace(/(\?|$)/, '/$1'), init);
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof TypeError && /PLUGIN_ORIGINS/.test(error.message)) throw error;
      return undefined;
    }
  }
}

const pathOf = (path: string) => new URL(path, 'http://path.invalid').pathname;
