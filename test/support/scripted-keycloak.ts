// A small Keycloak: tokens and learners as the real one answers, and failures as a test says.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface ScriptedKeycloak extends AsyncDisposable {
  url: string;
  users: Record<string, unknown>[];
  /** Below which it is served. */
  root: '' | '/auth';
  tokenSeconds: number;
  /** Tokens that are good; empty it and all are refused. */
  tokens: Set<string>;
  calls: { path: string; form: Record<string, string> }[];
  /** Answers in place of Keycloak; with `undefined` it answers by itself. */
  answerWith: (path: string, response: ServerResponse) => unknown;
}

type State = Omit<ScriptedKeycloak, 'url' | typeof Symbol.asyncDispose>;

function answer(response: ServerResponse, status: number, body: unknown) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function giveToken(state: State, path: string, form: Record<string, string>, response: ServerResponse) {
  const isAdmin =
    path.startsWith('/realms/master/') && form.grant_type === 'password' && form.client_id === 'admin-cli';
  const isClient = path.startsWith('/realms/school/') && form.grant_type === 'client_credentials';
  const isGood =
    (isAdmin && form.password === 'admin-password') || (isClient && form.client_secret === 'client-secret');
  if (!isGood) return answer(response, 401, { error: 'invalid_grant' });
  const token = `token-${state.calls.length}`;
  state.tokens.add(token);
  answer(response, 200, { access_token: token, expires_in: state.tokenSeconds });
}

function findUsers(state: State, path: string, response: ServerResponse) {
  const url = new URL(path, 'http://x');
  const id = decodeURIComponent(url.pathname.replace(/^\/admin\/realms\/school\/users\/?/, ''));
  if (id !== '') {
    const user = state.users.find((each) => each.id === id);
    return user === undefined ? answer(response, 404, { error: 'User not found' }) : answer(response, 200, user);
  }
  const [, name = '', value = ''] = /^"(.*)":"(.*)"$/.exec(url.searchParams.get('q') ?? '') ?? [];
  const attributes = (user: Record<string, unknown>) => (user.attributes ?? {}) as Record<string, string[]>;
  const found = state.users.filter((each) =>
    attributes(each)[name]?.some((one) => one.toLowerCase() === value.toLowerCase()),
  );
  answer(response, 200, found);
}

async function serve(state: State, request: IncomingMessage, response: ServerResponse) {
  const { url = '', headers } = request;
  const form = Object.fromEntries(new URLSearchParams(await text(request)));
  state.calls.push({ path: url, form });
  if (state.answerWith(url, response) !== undefined) return;
  const path = url.startsWith(`${state.root}/`) ? url.slice(state.root.length) : '/nowhere';
  if (path.startsWith('/realms/') && path.endsWith('/openid-connect/token'))
    return giveToken(state, path, form, response);
  if (!path.startsWith('/admin/'))
    return answer(response, 404, { error: 'Unable to find matching target resource method' });
  if (!state.tokens.has(headers.authorization?.replace('Bearer ', '') ?? ''))
    return answer(response, 401, { error: 'HTTP 401 Unauthorized' });
  if (!path.startsWith('/admin/realms/school/')) return answer(response, 404, { error: 'Realm not found.' });
  findUsers(state, path, response);
}

export async function startScriptedKeycloak(): Promise<ScriptedKeycloak> {
  const state: State = {
    users: [],
    root: '',
    tokenSeconds: 300,
    tokens: new Set(),
    calls: [],
    answerWith: () => undefined,
  };
  const server = createServer((request, response) => void serve(state, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
