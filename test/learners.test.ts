// Learners: who they are by Keycloak, by every way of asking it, whatever it answers; and by the real Keycloak where it runs.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createLearners, identifyLearner, type Learners } from '../src/learners/learners.ts';
import { configureLog } from '../src/log.ts';
import { type ScriptedKeycloak, startScriptedKeycloak } from './support/scripted-keycloak.ts';

configureLog({ level: 'silent', secrets: [] });

const { signal } = new AbortController();
const byClient = { clientId: 'platen', username: undefined };
const byAdministrator = { clientId: undefined, username: 'admin' };
const secrets = { keycloakPassword: 'admin-password', keycloakSecret: 'client-secret' };

function open(serverUrl: string, changes: object = {}, timeoutMs?: number): Learners {
  const settings = { serverUrl, realm: 'school', ...byClient, studentAttribute: undefined, ...changes };
  const learners = createLearners(settings, secrets, timeoutMs);
  if (learners === undefined) throw new Error('there are none');
  return learners;
}

const unavailable = { code: 'learner_unavailable' };
const amutha = {
  id: 'id-1',
  firstName: 'அமுதா',
  lastName: 'செல்வராஜ்',
  email: 'amutha@example.test',
  enabled: true,
  attributes: { studentNumber: ['S-0001'], locale: ['ta'] },
};
const found = {
  firstName: 'அமுதா',
  lastName: 'செல்வராஜ்',
  email: 'amutha@example.test',
  language: 'ta',
  isEnabled: true,
};

let parts: AsyncDisposableStack;
let keycloak: ScriptedKeycloak;
beforeEach(async () => {
  parts = new AsyncDisposableStack();
  keycloak = parts.use(await startScriptedKeycloak());
  keycloak.users.push(amutha);
});
afterEach(() => parts.disposeAsync());

const tokenCalls = () => keycloak.calls.filter(({ path }) => path.endsWith('/token')).length;
const lookUps = () => keycloak.calls.filter(({ path }) => path.includes('/users')).length;

test('without a Keycloak there are no learners', () => {
  expect(createLearners(undefined, secrets)).toBeUndefined();
});

describe.each(['', '/auth'] as const)('served below "%s"', (root) => {
  test.each([
    ['a client', byClient],
    ['an administrator', byAdministrator],
  ])('by the token of %s, whether the setting says /auth or not', async (_who, login) => {
    keycloak.root = root;
    for (const address of [keycloak.url, `${keycloak.url}/`, `${keycloak.url}/auth`, `${keycloak.url}/auth/`]) {
      const learners = open(address, login);
      expect(await learners.find('id-1', { signal })).toEqual(found);
      expect(await learners.find('nobody/../id-1', { signal })).toBeUndefined();
    }
  });
});

test('by an attribute: the one who has it to the letter', async () => {
  const other = { ...amutha, id: 'id-2', firstName: 'Other', attributes: { studentNumber: ['s-0001'] } };
  keycloak.users.unshift(other);
  const learners = open(keycloak.url, { studentAttribute: 'studentNumber' });
  expect(await learners.find('S-0001', { signal })).toEqual(found);
  expect(await learners.find('S-000', { signal })).toBeUndefined();
  keycloak.users.push({ ...other, attributes: { studentNumber: ['S-0001'] } });
  await expect(learners.find('S-0001', { signal })).rejects.toMatchObject(unavailable);
});

test('a token is fetched once for all who wait, kept, and fetched anew before it runs out', async () => {
  const learners = open(keycloak.url);
  await Promise.all(Array.from({ length: 20 }, () => learners.find('id-1', { signal })));
  await learners.find('id-1', { signal });
  expect([tokenCalls(), lookUps()]).toEqual([1, 21]);
  keycloak.tokenSeconds = 0;
  const hasty = open(keycloak.url);
  for (let times = 0; times < 3; times++) await hasty.find('id-1', { signal });
  expect(tokenCalls()).toBe(4);
});

test('a token that is refused before its time, as after a restart, is fetched anew once', async () => {
  const learners = open(keycloak.url);
  await learners.find('id-1', { signal });
  keycloak.tokens.clear();
  expect(await Promise.all([learners.find('id-1', { signal }), learners.find('id-1', { signal })])).toEqual([
    found,
    found,
  ]);
  keycloak.tokens.has = () => false;
  await expect(learners.find('id-1', { signal })).rejects.toMatchObject(unavailable);
  delete (keycloak.tokens as Partial<Set<string>>).has;
  expect(await learners.find('id-1', { signal })).toEqual(found);
});

test('after an outage it is asked again', async () => {
  const learners = open(keycloak.url);
  keycloak.answerWith = (_path, response) => response.writeHead(503).end('away');
  await expect(learners.find('id-1', { signal })).rejects.toMatchObject(unavailable);
  keycloak.answerWith = () => undefined;
  expect(await learners.find('id-1', { signal })).toEqual(found);
});

type Answer = (response: import('node:http').ServerResponse) => unknown;
const json =
  (body: unknown, status = 200): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

const bad: [string, Answer][] = [
  ['500', json({ error: 'unknown_error' }, 500)],
  ['403', json({ error: 'HTTP 403 Forbidden' }, 403)],
  ['a 404 of a realm that is not there', json({ error: 'Realm not found.' }, 404)],
  ['a 404 of a proxy', (response) => response.writeHead(404).end('<html>Not found</html>')],
  ['200 with a page', (response) => response.end('<html>Log in</html>')],
  ['200 with nothing', (response) => response.end()],
  ['half of a text', (response) => response.end('{"firstName": "A')],
  ['a list', json([])],
  ['null', json(null)],
  ['somebody who is neither enabled nor disabled', json({ firstName: 'A', lastName: 'B' })],
  ['names that are numbers', json({ firstName: 1, lastName: 2, enabled: true })],
  ['a redirect', (response) => response.writeHead(302, { location: '/elsewhere' }).end()],
  ['a connection that breaks off', (response) => response.destroy()],
  [
    'two megabytes',
    (response) => response.end(JSON.stringify({ firstName: 'x'.repeat(2 * 1024 * 1024), enabled: true })),
  ],
  ['nothing, for ever', () => true],
];

test.each(bad)('%s, to a look-up: unavailable, and nobody is said not to be there', async (_what, answer) => {
  const learners = open(keycloak.url, {}, 500);
  keycloak.answerWith = (path, response) => (path.includes('/users') ? (answer(response) ?? true) : undefined);
  await expect(learners.find('id-1', { signal })).rejects.toMatchObject(unavailable);
});

test.each(bad)('%s, to the request for a token: unavailable', async (_what, answer) => {
  const learners = open(keycloak.url, {}, 500);
  keycloak.answerWith = (path, response) => (path.endsWith('/token') ? (answer(response) ?? true) : undefined);
  await expect(learners.find('id-1', { signal })).rejects.toMatchObject(unavailable);
});

test('nobody listens, or somebody who never says anything: unavailable', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  await expect(open(`http://127.0.0.1:${port}`, {}, 300).find('id-1', { signal })).rejects.toMatchObject(unavailable);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
  await expect(open(`http://127.0.0.1:${port}`).find('id-1', { signal })).rejects.toMatchObject(unavailable);
});

test('who gives up waits no longer, and is not told that Keycloak is away', async () => {
  keycloak.answerWith = () => true;
  const reason = new Error('given up');
  const controller = new AbortController();
  const asked = open(keycloak.url).find('id-1', { signal: controller.signal });
  controller.abort(reason);
  await expect(asked).rejects.toBe(reason);
});

test('neither secrets nor tokens nor names stand in what is thrown', async () => {
  keycloak.answerWith = (path, response) =>
    path.includes('/users') ? (json({ firstName: 'Secret name', enabled: 'no' })(response) ?? true) : undefined;
  const error = await open(keycloak.url)
    .find('id-1', { signal })
    .catch((thrown) => thrown as Error);
  const texts: string[] = [];
  for (let each: unknown = error; each instanceof Error; each = each.cause)
    texts.push(`${each.stack} ${JSON.stringify(each)}`);
  expect(texts.length).toBeGreaterThan(1);
  for (const secret of ['client-secret', 'Secret name', ...keycloak.tokens]) expect(texts.join()).not.toContain(secret);
});

describe('who it is that something is issued to', () => {
  const given = { firstName: 'Given', lastName: 'Name', email: 'given@example.test', language: 'en' };
  const identify = (user: object | undefined, said: object = given) => {
    keycloak.users = user === undefined ? [] : [{ ...amutha, ...user }];
    return identifyLearner(open(keycloak.url), { studentId: 'id-1', given: said }, { signal });
  };
  const long = 'க்ஷ'.repeat(201);

  test('as Keycloak knows them', async () => {
    const { isEnabled: _, ...learner } = found;
    expect(await identify({})).toEqual({ learner });
  });

  test('what Keycloak does not say is what was said, names all or none of them', async () => {
    expect(await identify({ firstName: '', lastName: ' ', email: undefined, attributes: {} })).toEqual({
      learner: given,
    });
    expect(await identify({ firstName: 'Only', lastName: undefined })).toMatchObject({
      learner: { firstName: 'Only', lastName: '' },
    });
  });

  test('an address that is none is left out', async () => {
    expect(await identify({ email: 'no address' })).toMatchObject({ learner: { email: given.email } });
    expect(await identify({ email: 'none' }, { email: 'none either' })).not.toHaveProperty('learner.email');
  });

  test.each<[string, object | undefined, object, string]>([
    ['nobody', undefined, given, 'learner_not_found'],
    ['somebody who is disabled', { enabled: false }, given, 'learner_disabled'],
    ['no name from anywhere', { firstName: ' ', lastName: '' }, {}, 'name_required'],
    ['a name of more than 200 letters', { lastName: long }, given, 'name_too_long'],
  ])('%s', async (_what, user, said, problem) => {
    expect(await identify(user, said)).toEqual({ problem });
  });

  test('200 letters, however they are composed, are not too long', async () => {
    expect(await identify({ lastName: 'அ'.repeat(200) })).toMatchObject({ learner: { lastName: 'அ'.repeat(200) } });
  });

  test('without Keycloak: as was said', async () => {
    const alone = (said: object) => identifyLearner(undefined, { studentId: 'x', given: said }, { signal });
    expect(await alone(given)).toEqual({ learner: given });
    expect(await alone({})).toEqual({ problem: 'name_required' });
    expect(await alone({ firstName: 'x'.repeat(201) })).toEqual({ problem: 'name_too_long' });
  });
});

const { KEYCLOAK_URL, KEYCLOAK_REALM = '', KEYCLOAK_CLIENT_ID, KEYCLOAK_CLIENT_SECRET } = process.env;
const { KEYCLOAK_ADMIN, KEYCLOAK_ADMIN_PASSWORD } = process.env;

(KEYCLOAK_URL === undefined ? describe.skip : describe)('the real Keycloak', () => {
  const real = (changes: object) => {
    const settings = { serverUrl: KEYCLOAK_URL ?? '', realm: KEYCLOAK_REALM, studentAttribute: undefined, ...changes };
    const theirs = { keycloakPassword: KEYCLOAK_ADMIN_PASSWORD, keycloakSecret: KEYCLOAK_CLIENT_SECRET };
    return createLearners({ clientId: undefined, username: undefined, ...settings }, theirs) as Learners;
  };
  const client = { clientId: KEYCLOAK_CLIENT_ID };
  const administrator = { username: KEYCLOAK_ADMIN };
  const idOf = (number: number) => `00000000-0000-4000-8000-00000000000${number}`;

  test.each([
    ['a client', client],
    ['an administrator', administrator],
  ])('by %s, by id and by attribute', async (_who, login) => {
    const byId = real(login);
    expect(await byId.find(idOf(1), { signal })).toEqual(found);
    expect(await byId.find(idOf(5), { signal })).toMatchObject({ firstName: 'Dora', isEnabled: false });
    expect(await byId.find(idOf(9), { signal })).toBeUndefined();
    expect(await byId.find('no uuid: "?#/..', { signal })).toBeUndefined();
    const byAttribute = real({ ...login, studentAttribute: 'studentNumber' });
    expect(await byAttribute.find('S-0004', { signal })).toMatchObject({ lastName: 'O’Brien-Łukasiewicz 👩🏽‍🎓' });
    for (const other of ['s-0004', 'S-000', 'S-0099', 'S "0004:*', 'course-v1:A+B'])
      expect(await byAttribute.find(other, { signal })).toBeUndefined();
  });

  test('a client without rights, and a realm that is not there: unavailable', async () => {
    const settings = {
      serverUrl: KEYCLOAK_URL ?? '',
      realm: KEYCLOAK_REALM,
      username: undefined,
      studentAttribute: undefined,
    };
    const noRights = createLearners(
      { ...settings, clientId: 'no-rights' },
      { keycloakPassword: undefined, keycloakSecret: 'no-rights-secret' },
    ) as Learners;
    await expect(noRights.find(idOf(1), { signal })).rejects.toMatchObject(unavailable);
    await expect(real({ ...administrator, realm: 'no-such-realm' }).find(idOf(1), { signal })).rejects.toMatchObject(
      unavailable,
    );
  });
});
