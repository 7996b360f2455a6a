// The token with which Keycloak is asked: kept until it runs out, fetched once for all who wait for it.

import { z } from 'zod';
import { below, type JsonCall } from '../json-call.ts';

export interface KeycloakSettings {
  /** KEYCLOAK_SERVER_URL. */
  serverUrl: string;
  realm: string;
  /** Who asks: a client of the realm, or else an administrator of the realm `master`. */
  clientId: string | undefined;
  username: string | undefined;
  /** Which attribute holds the student's id; without it the id is Keycloak's own. */
  studentAttribute: string | undefined;
}

export interface KeycloakSecrets {
  /** Of the administrator. */
  keycloakPassword: string | undefined;
  /** Of the client. */
  keycloakSecret: string | undefined;
}

export type KeycloakCall = (
  address: string,
  call: Pick<JsonCall, 'body' | 'headers' | 'method' | 'signal'>,
) => Promise<{
  status: number;
  body: unknown;
}>;

type Login = KeycloakSettings & { secrets: KeycloakSecrets };

interface Token {
  text: string;
  /** Address of the Keycloak that gave it, with `/auth` behind it or not. */
  server: string;
  /** By `performance.now()`. */
  until: number;
}

const tokenAnswer = z.looseObject({ access_token: z.string().min(1), expires_in: z.number() });

/** Not used any more so long before it runs out: it has to get there. */
const reserveSeconds = 10;

function requestFor({ clientId, username = '', realm, secrets }: Login): {
  realm: string;
  form: Record<string, string>;
} {
  const { keycloakPassword: password = '', keycloakSecret = '' } = secrets;
  if (clientId === undefined)
    return { realm: 'master', form: { grant_type: 'password', client_id: 'admin-cli', username, password } };
  return { realm, form: { grant_type: 'client_credentials', client_id: clientId, client_secret: keycloakSecret } };
}

/** Keycloak is served below `/auth` or not, by its version, whatever the setting says. */
function serversOf(serverUrl: string): string[] {
  const given = serverUrl.replace(/\/+$/, '');
  return [given, given.endsWith('/auth') ? given.slice(0, -'/auth'.length) : `${given}/auth`];
}

export class KeycloakToken {
  readonly #settings: Login;
  readonly #call: KeycloakCall;
  #kept: Promise<Token> | undefined;

  constructor(settings: Login, call: KeycloakCall) {
    this.#settings = settings;
    this.#call = call;
  }

  async get(): Promise<Token> {
    const kept = this.#kept;
    if (kept !== undefined) {
      const token = await kept;
      if (performance.now() < token.until) return token;
      this.#forget(kept);
    }
    this.#kept ??= this.#fetch();
    const fetched = this.#kept;
    fetched.catch(() => this.#forget(fetched));
    return fetched;
  }

  /** It was refused: the next who asks gets another. */
  async drop(refused: Token): Promise<void> {
    const kept = this.#kept;
    if (kept !== undefined && (await kept.catch(() => undefined)) === refused) this.#forget(kept);
  }

  /** Unless another was fetched meanwhile. */
  #forget(token: Promise<Token>): void {
    if (this.#kept === token) this.#kept = undefined;
  }

  async #fetch(): Promise<Token> {
    const { realm, form } = requestFor(this.#settings);
    const path = `/realms/${encodeURIComponent(realm)}/protocol/openid-connect/token`;
    let status = 0;
    for (const server of serversOf(this.#settings.serverUrl)) {
      const answer = await this.#call(below(server, path), { method: 'POST', body: new URLSearchParams(form) });
      const read = tokenAnswer.safeParse(answer.body);
      if (answer.status === 200 && read.success) {
        const { access_token: text, expires_in: seconds } = read.data;
        const usedSeconds = Math.max(seconds - reserveSeconds, seconds / 2);
        return { text, server, until: performance.now() + usedSeconds * 1000 };
      }
      status = answer.status;
      if (status !== 404) break;
    }
    throw new Error(status === 200 ? 'it gave no token' : `asked for a token it answered ${status}`);
  }
}
