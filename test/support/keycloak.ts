// A Keycloak of the test's own, by the script that PLATEN_STAND names, for what stops it or spoils the network to it.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe } from '@jest/globals';

const { PLATEN_STAND: stand, TOXIPROXY_URL, KEYCLOAK_URL } = process.env;

/** Skipped where no script to start one is named, no proxy, or no Keycloak was started before: then it is not installed. */
export const describeKeycloakFaults =
  stand === undefined || TOXIPROXY_URL === undefined || KEYCLOAK_URL === undefined ? describe.skip : describe;

export interface KeycloakServer extends AsyncDisposable {
  url: string;
  /** By the administrator. */
  call(method: string, path: string, body?: object): Promise<Response>;
  kill(): Promise<void>;
  start(): Promise<void>;
}

export async function startKeycloakServer(): Promise<KeycloakServer> {
  const run = async (verb: string) => {
    const env = { ...process.env, STAND_INSTANCE: `platen-test-${process.pid}` };
    const { stdout } = await promisify(execFile)('bash', [stand ?? '', verb, 'keycloak'], { env });
    return stdout;
  };
  const start = async () => /KEYCLOAK_URL=(\S+)/.exec(await run('up'))?.[1] ?? '';
  const url = await start();
  async function tokenOfAdministrator(): Promise<string> {
    const form = { grant_type: 'password', client_id: 'admin-cli', username: 'admin', password: 'admin' };
    const address = `${url}/realms/master/protocol/openid-connect/token`;
    const response = await fetch(address, { method: 'POST', body: new URLSearchParams(form) });
    return ((await response.json()) as { access_token: string }).access_token;
  }
  return {
    url,
    async call(method, path, body) {
      const headers = { authorization: `Bearer ${await tokenOfAdministrator()}`, 'content-type': 'application/json' };
      const response = await fetch(`${url}/admin${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
      return response;
    },
    kill: async () => void (await run('kill')),
    async start() {
      const now = await start();
      if (now !== url) throw new Error(`Keycloak has come back at ${now}, not at ${url}`);
    },
    [Symbol.asyncDispose]: async () => void (await run('reset')),
  };
}
