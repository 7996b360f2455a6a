// A proxy before a real server that makes the network as bad as a test wants; tests that want one are skipped without TOXIPROXY_URL.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

interface Toxic {
  type: 'latency' | 'timeout' | 'reset_peer' | 'bandwidth' | 'limit_data' | 'slow_close';
  stream: 'upstream' | 'downstream';
  attributes: Record<string, number>;
}

export interface BadNetwork extends AsyncDisposable {
  /** Address to use in place of the server's. */
  url: string;
  /** Puts these in the way of all connections, those that are open included. */
  poison(...toxics: Toxic[]): Promise<void>;
  /** Refuses connections and cuts those that are open. */
  cut(): Promise<void>;
  /** Everything is well again. */
  heal(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await promisify(server.close.bind(server))();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Starts a proxy before the server at `url`, on a free port or where that server says that it is; disposing takes it away. */
export async function startBadNetwork(url: string, at?: string): Promise<BadNetwork> {
  const { TOXIPROXY_URL: api } = process.env;
  const name = `platen-test-${randomUUID()}`;
  const call = async (method: string, path: string, body?: unknown) => {
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(api + path, { method, headers: { 'user-agent': 'platen-test' }, ...init });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? undefined : response.json();
  };
  const listen = at ?? `127.0.0.1:${await freePort()}`;
  await call('POST', '/proxies', { name, listen, upstream: new URL(url).host, enabled: true });
  return {
    url: Object.assign(new URL(url), { host: listen }).href.replace(/\/$/, ''),
    async poison(...toxics) {
      for (const toxic of toxics)
        await call('POST', `/proxies/${name}/toxics`, { name: `${toxic.type}-${toxic.stream}`, ...toxic });
    },
    cut: () => call('POST', `/proxies/${name}`, { enabled: false }) as Promise<void>,
    async heal() {
      const { toxics } = (await call('GET', `/proxies/${name}`)) as { toxics: { name: string }[] };
      for (const toxic of toxics) await call('DELETE', `/proxies/${name}/toxics/${toxic.name}`);
      await call('POST', `/proxies/${name}`, { enabled: true });
    },
    [Symbol.asyncDispose]: () => call('DELETE', `/proxies/${name}`) as Promise<void>,
  };
}
