// Which tokens are taken, and as what: ids that two people would share, extensions, and tokens for pages in place of a person's.

import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import jwt from 'jsonwebtoken';
import { createIdentity, type Identity } from '../../src/identity/identity.ts';

const secret = 'one-secret-of-more-than-32-characters';
const other = 'other-secret-of-more-than-32-characters';
const tenants = { origins: ['https://a.example'], originOfIssuer: new Map<string, string>() };
const rules = { jwksUrl: undefined, issuers: [], audience: undefined };

const identityWith = (user: object, report: object): Identity =>
  createIdentity({
    serviceTokens: [],
    tenants,
    userTokens: { ...rules, secret: undefined, ...user },
    reportTokens: { ...rules, secret: undefined, ...report },
  });
const apart = identityWith({ secret }, { secret: other });
const together = identityWith({ secret }, { secret });

/** Written by hand, since a number of JavaScript's could not hold the id. */
function sign(claims: string, header: object = { alg: 'HS256' }, key = secret): string {
  const expiry = Math.floor(Date.now() / 1000) + 3600;
  const encode = (text: string) => Buffer.from(text).toString('base64url');
  const said = `${encode(JSON.stringify(header))}.${encode(`{${claims},"exp":${expiry}}`)}`;
  return `${said}.${hmac(said, key)}`;
}

const hmac = (text: string, key: string) => createHmac('sha256', key).update(text).digest('base64url');
const askAs = (identity: Identity, token: string) => identity.authenticate(`Bearer ${token}`);
const unauthorized = expect.objectContaining({ code: 'unauthorized' });
const invalid = expect.objectContaining({ code: 'report_token_invalid' });

describe('an id that is a number', () => {
  test('is that number as far as numbers are told apart', async () => {
    const token = sign('"user_type":"student","student_id":9007199254740991');
    expect((await askAs(apart, token)).id).toBe('9007199254740991');
  });

  test.each([
    ['of a student beyond 2^53', '"user_type":"student","student_id":9007199254740993'],
    ['of an account beyond 2^53', '"role":"admin","user_id":9007199254740993'],
    ['of a class beyond 2^53', '"user_type":"student","student_id":"S1","class_id":9007199254740993'],
    ['of one class among others', '"user_type":"teacher","teacher_id":"T1","class_id":["C1",9007199254740993]'],
    ['with a fraction', '"user_type":"student","student_id":1.5'],
    ['without end', '"user_type":"student","student_id":1e999'],
  ])('%s is nobody, as a person and as a report token', async (_which, claims) => {
    await expect(askAs(apart, sign(claims))).rejects.toEqual(unauthorized);
    await expect(apart.verifyReportToken(sign(claims, undefined, other))).rejects.toEqual(invalid);
  });
});

describe('an extension that must be understood', () => {
  const claims = '"user_type":"student","student_id":"S1"';
  test.each([
    ['b64', { alg: 'HS256', crit: ['b64'], b64: true }],
    ['of the sender', { alg: 'HS256', crit: ['urn:x'], 'urn:x': 1 }],
    ['that is no list', { alg: 'HS256', crit: 'exp' }],
    ['of an empty list', { alg: 'HS256', crit: [] }],
  ])('%s is refused', async (_which, header) => {
    await expect(askAs(apart, sign(claims, header))).rejects.toEqual(unauthorized);
    await expect(apart.verifyReportToken(sign(claims, header, other))).rejects.toEqual(invalid);
  });

  test('without one the same token is good', async () => {
    expect((await askAs(apart, sign(claims))).id).toBe('S1');
  });
});

describe('a token for pages is no person', () => {
  const educator = { role: 'educator', educator_id: 'T1', class_id: 'C1' };
  const make = (claims: object) => jwt.sign({ ...educator, ...claims }, secret, { expiresIn: 60 });

  test.each([
    ['with a comma in its scope', { scope: 'openid,report:read' }],
    ['with a tab in its scope', { scope: 'openid\treport:read' }],
    ['with a line break in its scope', { scope: 'report:read\nopenid' }],
    ['with a list that holds such a text', { scope: ['openid, report:read'] }],
  ])('%s, whichever key signed it', async (_how, claims) => {
    await expect(askAs(apart, make(claims))).rejects.toEqual(unauthorized);
    await expect(askAs(together, make(claims))).rejects.toEqual(unauthorized);
  });

  test("in the educator's form without a scope, where one secret signs both", async () => {
    const token = make({ test_id: 'Test_1' });
    await expect(askAs(together, token)).rejects.toEqual(unauthorized);
    expect(await together.verifyReportToken(token)).toMatchObject({ test_id: 'Test_1' });
    expect(await askAs(together, make({}))).toMatchObject({ type: 'teacher', id: 'T1' });
  });

  describe('where one set of keys verifies both', () => {
    let jwksUrl: string;
    let signed: (claims: object) => Promise<string>;
    const server = createServer();
    beforeAll(async () => {
      const { publicKey, privateKey } = await generateKeyPair('ES256');
      const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: '1', alg: 'ES256' }] });
      server.on('request', (_req, res) => res.setHeader('content-type', 'application/json').end(keys));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
      signed = (claims) =>
        new SignJWT({ ...educator, ...claims })
          .setProtectedHeader({ alg: 'ES256', kid: '1' })
          .setExpirationTime('1m')
          .sign(privateKey);
    });
    afterAll(() => void server.close());

    test("the educator's form without a scope is none either", async () => {
      const identity = identityWith({ jwksUrl }, { jwksUrl });
      await expect(askAs(identity, await signed({ test_id: 'Test_1' }))).rejects.toEqual(unauthorized);
      expect(await askAs(identity, await signed({}))).toMatchObject({ id: 'T1' });
    });
  });
});
