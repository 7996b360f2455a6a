// The real Keycloak with a thousand learners: while tokens run out, while the network is bad, killed and started again.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createLearners, type Learners } from '../../src/learners/learners.ts';
import { configureLog } from '../../src/log.ts';
import { describeKeycloakFaults, type KeycloakServer, startKeycloakServer } from '../support/keycloak.ts';
import { type BadNetwork, startBadNetwork } from '../support/toxiproxy.ts';
import { until } from '../support/until.ts';

configureLog({ level: 'silent', secrets: [] });

const learners = 1000;
const atOnce = 8;
/** Of tokens; they are used for half of it. */
const lifespanSeconds = 4;
const timeoutMs = 6000;
const { signal } = new AbortController();
const unavailable = { code: 'learner_unavailable' };

const idOf = (number: number) => `10000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const realm = {
  realm: 'school',
  enabled: true,
  accessTokenLifespan: lifespanSeconds,
  clients: [
    {
      clientId: 'platen',
      enabled: true,
      protocol: 'openid-connect',
      publicClient: false,
      secret: 'client-secret',
      serviceAccountsEnabled: true,
      standardFlowEnabled: false,
      fullScopeAllowed: true,
    },
  ],
  users: [
    {
      username: 'service-account-platen',
      enabled: true,
      serviceAccountClientId: 'platen',
      clientRoles: { 'realm-management': ['view-users', 'query-users'] },
    },
    ...Array.from({ length: learners }, (_, number) => ({
      id: idOf(number),
      username: `learner${number}`,
      enabled: true,
      firstName: `Learner ${number}`,
      lastName: 'மாறன்',
      email: `learner${number}@school.example`,
    })),
  ],
};

describeKeycloakFaults('the real Keycloak', () => {
  const parts = new AsyncDisposableStack();
  let keycloak: KeycloakServer;
  let network: BadNetwork;
  beforeAll(async () => {
    keycloak = parts.use(await startKeycloakServer());
    await keycloak.call('POST', '/realms', realm);
    network = parts.use(await startBadNetwork(keycloak.url));
  });
  afterAll(() => parts.disposeAsync());

  function open(serverUrl = network.url): Learners {
    const settings = {
      serverUrl,
      realm: 'school',
      clientId: 'platen',
      username: undefined,
      studentAttribute: undefined,
    };
    const secrets = { keycloakPassword: undefined, keycloakSecret: 'client-secret' };
    return createLearners(settings, secrets, timeoutMs) as Learners;
  }

  const found = (number: number) => ({
    firstName: `Learner ${number}`,
    lastName: 'மாறன்',
    email: `learner${number}@school.example`,
    isEnabled: true,
  });

  test('a thousand learners are found, each as they are, over tokens that run out under way', async () => {
    const asked = open(keycloak.url);
    const startedAt = performance.now();
    const left = Array.from({ length: learners }, (_, number) => number);
    const work = async () => {
      for (let number = left.pop(); number !== undefined; number = left.pop())
        expect(await asked.find(idOf(number), { signal })).toEqual(found(number));
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    // However fast that was: until the first token has run out.
    await until(async () => {
      expect(await asked.find(idOf(0), { signal })).toEqual(found(0));
      return performance.now() - startedAt > lifespanSeconds * 1000 && true;
    });
    expect(await asked.find(idOf(learners), { signal })).toBeUndefined();
  });

  test.each<[string, Parameters<BadNetwork['poison']>[0]]>([
    ['too slow', { type: 'latency', stream: 'downstream', attributes: { latency: timeoutMs * 3 } }],
    ['half open: nothing comes any more', { type: 'timeout', stream: 'downstream', attributes: { timeout: 0 } }],
    ['cut in the middle of an answer', { type: 'limit_data', stream: 'downstream', attributes: { bytes: 100 } }],
  ])('%s: unavailable, and found again when the network is well', async (_what, toxic) => {
    const asked = open();
    expect(await asked.find(idOf(1), { signal })).toEqual(found(1));
    await network.poison(toxic);
    await expect(asked.find(idOf(1), { signal })).rejects.toMatchObject(unavailable);
    await network.heal();
    expect(await asked.find(idOf(1), { signal })).toEqual(found(1));
  });

  test('a network that is slow, but not too slow, does no harm', async () => {
    const asked = open();
    await network.poison({ type: 'latency', stream: 'downstream', attributes: { latency: timeoutMs / 10 } });
    expect(await asked.find(idOf(2), { signal })).toEqual(found(2));
    await network.heal();
  });

  test('killed it is unavailable, and nobody is said not to be there; started again all are found', async () => {
    const asked = open();
    expect(await asked.find(idOf(3), { signal })).toEqual(found(3));
    await keycloak.kill();
    for (const number of [3, learners])
      await expect(asked.find(idOf(number), { signal })).rejects.toMatchObject(unavailable);
    await keycloak.start();
    // Its first answers may take longer than anybody waits for them.
    expect(await until(() => asked.find(idOf(3), { signal }).catch(() => undefined))).toEqual(found(3));
    expect(await asked.find(idOf(learners), { signal })).toBeUndefined();
  });
});
