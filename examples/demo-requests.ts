// Platen as the demo speaks to it, and what the demo says to whoever looks on.

import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export const say = (text = ''): boolean => process.stdout.write(`${text}\n`);
export const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** Platen has answered, but not with what was asked for. */
export class Refused extends Error {}

async function refusedBy(response: Response): Promise<Refused> {
  return new Refused(`${new URL(response.url).pathname} answered ${response.status}: ${await response.text()}`);
}

export interface Platen {
  url: string;
  /** By the token of backends. @throws {Refused} for any answer but one of success. */
  request(path: string, options?: { method?: string; body?: object }): Promise<Response>;
  send<Answer>(path: string, options?: { method?: string; body?: object }): Promise<Answer>;
  /** Into the demo's folder; says what came, and how. @returns the file's path. */
  download(request: Request, name: string): Promise<string>;
}

export function createPlaten(options: { url: string; serviceToken: string; folder: string }): Platen {
  const { url, serviceToken, folder } = options;
  const headers = { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` };
  const request: Platen['request'] = async (path, { method = 'POST', body } = {}) => {
    const sent = body === undefined ? {} : { method, body: JSON.stringify(body) };
    const response = await fetch(url + path, { headers, ...sent });
    if (!response.ok) throw await refusedBy(response);
    return response;
  };
  return {
    url,
    request,
    send: async <Answer>(path: string, asked?: { method?: string; body?: object }) =>
      (await (await request(path, asked)).json()) as Answer,
    async download(asked, name) {
      const startedAt = performance.now();
      const response = await fetch(asked);
      if (!response.ok || response.body === null) throw await refusedBy(response);
      const file = join(folder, name);
      await pipeline(
        Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]),
        createWriteStream(file),
      );
      const { size } = await stat(file);
      const cache = response.headers.get('cache-status') ?? response.headers.get('content-type');
      say(`  ${file}  ${Math.round(size / 1024)} kB  ${cache}  ${seconds(startedAt)}`);
      return file;
    },
  };
}

/** By somebody's own token. */
export function ask(url: string, token: string, body?: unknown): Request {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return body === undefined
    ? new Request(url, { headers })
    : new Request(url, { method: 'POST', headers, body: JSON.stringify(body) });
}
