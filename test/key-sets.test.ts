// User and report tokens verified by a key set (JWKS) in place of a secret.

import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { type Pages, readyPage, startPages } from './support/pages.ts';
import { startTestService, type TestService } from './support/service.ts';
import { studentToken } from './support/tokens.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });

const jwk = (key: KeyObject, fields: object) => ({ ...key.export({ format: 'jwk' }), use: 'sig', ...fields });
const keySet = JSON.stringify({
  keys: [jwk(rsa.publicKey, { kid: 'rsa-1', alg: 'RS256' }), jwk(ec.publicKey, { kid: 'ec-1', alg: 'ES256' })],
});

const claims = { user_type: 'student', student_id: 'S1', class_id: 'C1', iss: 'https://id.example', aud: 'platen' };
type Signing = { key?: KeyObject | string; algorithm?: jwt.Algorithm; keyid?: string };

function sign(
  fields: object = {},
  { key = rsa.privateKey, algorithm = 'RS256', keyid = 'rsa-1' }: Signing = {},
): string {
  const exp = Math.floor(Date.now() / 1000) + 600;
  return jwt.sign({ exp, ...claims, ...fields }, key, { algorithm, keyid });
}

describe('user tokens and report tokens by a key set', () => {
  let pages: Pages;
  let service: TestService;
  beforeAll(async () => {
    const serveKeys = (_req: unknown, res: ServerResponse) =>
      res.writeHead(200, { 'content-type': 'application/json' }).end(keySet);
    pages = await startPages({
      '/student-report': readyPage('<h1>Report</h1>'),
      '/report': readyPage('<h1>Report</h1>'),
      '/jwks.json': serveKeys,
    });
    const jwksUrl = `${pages.origin}/jwks.json`;
    service = await startTestService({
      origin: pages.origin,
      env: {
        USER_TOKEN_SECRET: undefined,
        USER_TOKEN_JWKS_URL: jwksUrl,
        USER_TOKEN_ISSUER: 'https://id.example',
        USER_TOKEN_AUDIENCE: 'platen',
        REPORT_TOKEN_SECRET: undefined,
        REPORT_TOKEN_JWKS_URL: jwksUrl,
      },
    });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await pages[Symbol.asyncDispose]();
  });

  test.each([
    ['RS256', {}],
    ['ES256', { key: ec.privateKey, algorithm: 'ES256', keyid: 'ec-1' }],
  ] as [string, Signing][])('a token signed with %s opens the report', async (_name, signing) => {
    expect((await service.get('/generate-student-pdf?testId=1', sign({}, signing))).status).toBe(200);
  });

  const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  test.each([
    ['of another issuer', () => sign({ iss: 'https://other.example' })],
    ['of another audience', () => sign({ aud: 'something-else' })],
    ['that has run out', () => sign({ exp: 1_700_000_000 })],
    ['signed by a stranger under a known key id', () => sign({}, { key: stranger.privateKey })],
    ['with an unknown key id', () => sign({}, { key: stranger.privateKey, keyid: 'nobody' })],
    ['signed with HS256 by the public key', () => forgeWithPublicKey(publicPem)],
    ['signed with HS256 by the secret of development', () => studentToken('S1', 'C1')],
    ['signed with RS512', () => sign({}, { algorithm: 'RS512' })],
  ])('a user token %s is refused with 401', async (_name, make) => {
    expect((await service.get('/generate-student-pdf?testId=1', make())).status).toBe(401);
  });

  test('a report token by the key set is verified, and none is minted', async () => {
    const body = { testId: '1', classId: 'C1', reportType: 'student', studentId: 'S1' };
    const reportToken = sign({ iss: 'inzighted-backend', scope: 'report:read' });
    expect((await service.trigger({ ...body, reportToken })).status).toBe(202);
    const forged = sign({ iss: 'inzighted-backend' }, { key: stranger.privateKey });
    const response = await service.trigger({ ...body, reportToken: forged });
    expect([response.status, await response.json()]).toMatchObject([422, { code: 'report_token_invalid' }]);
  });
});

/** The classic confusion: the public key, which everybody knows, taken as an HMAC secret. */
function forgeWithPublicKey(pem: string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const content = `${encode({ alg: 'HS256', typ: 'JWT', kid: 'rsa-1' })}.${encode({ ...claims, exp: 4_000_000_000 })}`;
  return `${content}.${createHmac('sha256', pem).update(content).digest('base64url')}`;
}

describe('a key set that can not be fetched', () => {
  test.each([
    ['refuses connections', undefined],
    ['answers 500', 500],
  ])('and %s is 503 with Retry-After, never 401', async (_name, status) => {
    const server = createServer((_req, res) => res.writeHead(status ?? 200).end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    if (status === undefined) server.close();
    await using service = await startTestService({
      origin: 'http://127.0.0.1:1',
      env: { USER_TOKEN_SECRET: undefined, USER_TOKEN_JWKS_URL: `http://127.0.0.1:${port}/jwks.json` },
    });
    const response = await service.get('/generate-student-pdf?testId=1', sign());
    expect([response.status, await response.json()]).toMatchObject([503, { code: 'identity_unavailable' }]);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    server.close();
  });
});
