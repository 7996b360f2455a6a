// Certificates whose credentials a Sunbird RC registry issues: what it is asked, what is taken from it, and how it fails.

import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { createSunbird } from '../src/credentials/sunbird.ts';
import { ServiceError } from '../src/errors.ts';
import { facts, publicUrl } from './support/credentials.ts';
import { type ScriptedRegistry, startScriptedRegistry } from './support/scripted-registry.ts';

const issuerOf = (registry: { url: string }, timeoutMs = 60_000) =>
  createSunbird({
    publicUrl,
    identityUrl: `${registry.url}/identity/`,
    credentialsUrl: `${registry.url}/credentials`,
    issuerDid: 'did:upai:school',
    schemaId: 'did:schema:1',
    schemaVersion: '1.0.0',
    timeoutMs,
  });

const isIssue = (path: string) => path === '/credentials/credentials/issue';

test('the registry gives the learner a DID and then the credential, by its two calls to the letter', async () => {
  await using registry = await startScriptedRegistry();
  const credential = await issuerOf(registry).issue(facts);
  expect(registry.calls).toEqual([
    { path: '/identity/did/generate', body: { content: [{ alsoKnownAs: ['STU001'], services: [], method: 'upai' }] } },
    {
      path: '/credentials/credentials/issue',
      body: {
        credential: {
          '@context': expect.arrayContaining(['https://www.w3.org/2018/credentials/v1']),
          type: ['VerifiableCredential'],
          issuer: 'did:upai:school',
          issuanceDate: facts.issuanceDate,
          expirationDate: facts.expirationDate,
          credentialSubject: {
            id: 'did:upai:4d1c',
            firstName: 'Ada',
            middleName: 'King',
            lastName: 'Lovelace',
            userId: 'STU001',
            courseId: facts.courseId,
            courseName: facts.courseName,
          },
        },
        credentialSchemaId: 'did:schema:1',
        credentialSchemaVersion: '1.0.0',
        tags: [facts.courseId],
      },
    },
  ]);
  expect(credential).toMatchObject({
    id: 'did:rcw:77aa',
    issuer: 'did:upai:school',
    credentialSubject: { id: 'did:upai:4d1c', firstName: 'Ada' },
    proof: { type: 'Ed25519Signature2020' },
  });
});

const answer = (body: unknown) => (response: ServerResponse) => response.end(JSON.stringify(body));

test('what the registry leaves out is as it was asked for, and a date may be spelled otherwise', async () => {
  await using registry = await startScriptedRegistry();
  registry.answerWith = ({ path }, response) =>
    isIssue(path)
      ? answer({ credential: { id: 'did:rcw:1', issuanceDate: '2026-06-30T10:00:00.000Z' } })(response)
      : undefined;
  expect(await issuerOf(registry).issue(facts)).toMatchObject({
    id: 'did:rcw:1',
    issuanceDate: '2026-06-30T10:00:00.000Z',
    credentialSubject: { id: 'did:upai:4d1c', courseName: facts.courseName },
  });
});

/** Each way to fail, at either call. */
const failures: Record<string, (response: ServerResponse) => unknown> = {
  'refuses with 400': (response) => response.writeHead(400).end('{"message":"no"}'),
  'refuses with 401': (response) => response.writeHead(401).end(),
  'breaks with 500': (response) => response.writeHead(500).end('<html>'),
  'hangs up': (response) => response.destroy(),
  'hangs up in the middle': (response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{"cred');
    return setImmediate(() => response.destroy());
  },
  'answers no JSON': (response) => response.end('Welcome!'),
  'answers nothing': (response) => response.end(),
  'answers null': answer(null),
  'answers an empty list': answer([]),
  'answers something else': answer({ id: 5, credential: { id: 5 } }),
  'answers without an id': answer({ credential: {} }),
};

async function errorOf(registry: ScriptedRegistry, timeoutMs?: number): Promise<unknown> {
  return issuerOf(registry, timeoutMs)
    .issue(facts)
    .catch((error: unknown) => error);
}

function expectUnavailable(error: unknown): void {
  expect(error).toBeInstanceOf(ServiceError);
  const { code, entry, message, retryAfterSeconds } = error as ServiceError;
  expect({ code, status: entry.status }).toEqual({ code: 'issuer_unavailable', status: 503 });
  expect(retryAfterSeconds).toBeGreaterThan(0);
  expect(message).not.toMatch(/Lovelace|STU001|127\.0\.0\.1/);
}

test.each(Object.entries(failures))('a registry that %s, at either call, is unavailable', async (_, breakAnswer) => {
  await using registry = await startScriptedRegistry();
  registry.answerWith = (_call, response) => breakAnswer(response) ?? true;
  expectUnavailable(await errorOf(registry));
  expect(registry.calls).toHaveLength(1);
  registry.answerWith = ({ path }, response) => (isIssue(path) ? (breakAnswer(response) ?? true) : undefined);
  expectUnavailable(await errorOf(registry));
  expect(registry.calls).toHaveLength(3);
});

test('a registry that never answers, or never ends its answer, is given up', async () => {
  await using registry = await startScriptedRegistry();
  registry.answerWith = () => true;
  expectUnavailable(await errorOf(registry, 50));
  registry.answerWith = (_call, response) => response.writeHead(200).write('[');
  expectUnavailable(await errorOf(registry, 50));
});

test('a refusal counts, whatever its body looks like', async () => {
  await using registry = await startScriptedRegistry();
  registry.answerWith = ({ path }, response) =>
    response
      .writeHead(isIssue(path) ? 403 : 200)
      .end(JSON.stringify(isIssue(path) ? { credential: { id: 'did:rcw:1' } } : [{ id: 'did:upai:1' }]));
  expectUnavailable(await errorOf(registry));
});

test('an answer without end is read no further than its limit', async () => {
  await using registry = await startScriptedRegistry();
  let sentBytes = 0;
  registry.answerWith = (_call, response) => {
    const part = Buffer.alloc(65_536, ' ');
    const write = () => {
      do sentBytes += part.length;
      while (!response.destroyed && response.write(part));
    };
    response.on('drain', write);
    write();
    return true;
  };
  expectUnavailable(await errorOf(registry));
  // Beside the limit of 1 MiB, what the buffers of both sides hold.
  expect(sentBytes).toBeLessThan(32 * 1024 * 1024);
});

test('the log hears nothing of a person from an answer that can not be read', async () => {
  await using registry = await startScriptedRegistry();
  registry.answerWith = (_call, response) => response.end('Lovelace, Ada');
  const error = await errorOf(registry);
  expectUnavailable(error);
  expect(inspect(error, { depth: 9 })).not.toContain('Lovelace');
});

test("a person's data goes to no address to which the registry redirects", async () => {
  await using registry = await startScriptedRegistry();
  await using other = await startScriptedRegistry();
  registry.answerWith = ({ path }, response) => response.writeHead(307, { location: other.url + path }).end();
  expectUnavailable(await errorOf(registry));
  expect(other.calls).toEqual([]);
});

test('a registry that is not there is unavailable', async () => {
  const registry = await startScriptedRegistry();
  await registry[Symbol.asyncDispose]();
  expectUnavailable(await errorOf(registry));
});

test('a credential that says something else than what was asked for is refused', async () => {
  await using registry = await startScriptedRegistry();
  const subjectOf = (body: Record<string, unknown>) =>
    (body.credential as { credentialSubject: Record<string, unknown> }).credentialSubject;
  const forgeries: ((body: Record<string, unknown>) => object)[] = [
    (body) => ({ credentialSubject: { ...subjectOf(body), firstName: 'Eve' } }),
    (body) => ({ credentialSubject: { ...subjectOf(body), id: 'did:upai:other' } }),
    () => ({ credentialSubject: {} }),
    () => ({ credentialSubject: null }),
    () => ({ issuanceDate: '2020-01-01T00:00:00Z' }),
    () => ({ expirationDate: 'never' }),
  ];
  for (const forge of forgeries) {
    registry.answerWith = ({ path, body }, response) =>
      isIssue(path) ? answer({ credential: { id: 'did:rcw:1', ...forge(body) } })(response) : undefined;
    expectUnavailable(await errorOf(registry));
  }
});
