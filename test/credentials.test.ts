// What a certificate's credentials say, who accepts them, and that nothing in them can be changed.

import { spawnSync } from 'node:child_process';
import { decodeList } from '@digitalbazaar/vc-bitstring-status-list';
import { expect, test } from '@jest/globals';
import { type Credential, statusListSize } from '../src/credentials/contract.ts';
import { facts, makeCredentials, makeKey, publicUrl, verifyElsewhere } from './support/credentials.ts';

const credentials = makeCredentials();

test('the certificate is a credential of version 1.1, to the letter, with dates as they were given', async () => {
  const { proof, ...credential } = await credentials.issue({ ...facts, issuanceDate: '2026-06-30' });
  expect(credential).toEqual({
    '@context': [
      'https://www.w3.org/2018/credentials/v1',
      'https://school.example/contexts/certificate/v1',
      'https://w3id.org/security/data-integrity/v2',
    ],
    id: `urn:uuid:${facts.id}`,
    type: ['VerifiableCredential'],
    issuer: 'did:web:school.example',
    issuanceDate: '2026-06-30',
    expirationDate: '2126-06-30T15:30:00+05:30',
    credentialSubject: {
      id: expect.stringMatching(/^urn:uuid:[0-9a-f-]{36}$/),
      firstName: 'Ada',
      middleName: 'King',
      lastName: 'Lovelace',
      userId: 'STU001',
      courseId: facts.courseId,
      courseName: facts.courseName,
    },
  });
  expect(proof).toMatchObject({ cryptosuite: 'eddsa-rdfc-2022', created: '2026-06-30T10:00:05Z' });
});

test('what was not given is not there', async () => {
  const { expirationDate: _, middleName: __, score: ___, maxScore: ____, ...least } = facts;
  const [certificate, badge] = await Promise.all([credentials.issue(least), credentials.badge(least)]);
  expect(certificate).not.toHaveProperty('expirationDate');
  expect(certificate.credentialSubject).not.toHaveProperty('middleName');
  expect(badge).not.toHaveProperty('validUntil');
  expect(badge.credentialSubject).not.toHaveProperty('result');
  expect(await credentials.check(certificate)).toEqual({ isGenuine: true });
  expect(await credentials.check(badge)).toEqual({ isGenuine: true });
});

test('the same facts give the same credentials, to the byte', async () => {
  const twice = async (make: () => Promise<Credential>) => [JSON.stringify(await make()), JSON.stringify(await make())];
  const [one, other] = await twice(() => credentials.issue(facts));
  expect(one).toBe(other);
  const [badge, sameBadge] = await twice(() => credentials.badge(facts));
  expect(badge).toBe(sameBadge);
});

test('a learner is the same subject in every certificate, and another one with the same id in another tenant', async () => {
  const subjectOf = async (given: object) =>
    ((await credentials.issue({ ...facts, ...given })).credentialSubject as Credential).id;
  const subject = await subjectOf({});
  expect(await subjectOf({ courseId: 'other', id: '7f0f4f0e-3b7f-4b57-9d0c-3f4f5a6b7c8d' })).toBe(subject);
  expect(await subjectOf({ tenant: 'b' })).not.toBe(subject);
  expect(await subjectOf({ userId: 'STU002' })).not.toBe(subject);
});

test('the certificate and the badge are accepted by a verifier that is not ours, which refuses them when they are changed', async () => {
  for (const credential of [await credentials.issue(facts), await credentials.badge(facts)]) {
    expect(await verifyElsewhere(credential, { credentials })).toMatchObject({ isVerified: true });
    const changed = { ...credential, id: 'urn:uuid:00000000-0000-4000-8000-000000000000' };
    expect(await verifyElsewhere(changed, { credentials })).toMatchObject({ isVerified: false });
  }
});

test('the dates of a badge have seconds and a time zone, whatever was given', async () => {
  const datesOf = async (issuanceDate: string) => (await credentials.badge({ ...facts, issuanceDate })).validFrom;
  expect(await datesOf('2026-06-30')).toBe('2026-06-30T00:00:00Z');
  expect(await datesOf('2026-06-30T10:00')).toBe('2026-06-30T10:00:00Z');
  expect(await datesOf('2026-06-30T10:00:00.5')).toBe('2026-06-30T10:00:00.500Z');
  expect(await datesOf('2026-06-30T10:00+05:30')).toBe('2026-06-30T04:30:00Z');
  expect(await datesOf('2026-06-30T10:00:00+05:30')).toBe('2026-06-30T10:00:00+05:30');
});

test('a revoked certificate is found in its status list by a verifier that is not ours', async () => {
  const [good, revoked] = [
    await credentials.badge(facts),
    await credentials.badge({ ...facts, statusIndex: statusListSize + 7 }),
  ];
  const list = await credentials.statusList(1, [statusListSize + 7]);
  const statusLists = [await credentials.statusList(0, []), list];
  expect(await verifyElsewhere(good, { credentials, statusLists })).toEqual({ isVerified: true, isRevoked: false });
  expect(await verifyElsewhere(revoked, { credentials, statusLists })).toEqual({ isVerified: true, isRevoked: true });
  expect(await credentials.check(list)).toEqual({ isGenuine: true });
  const { encodedList } = list.credentialSubject as { encodedList: string };
  const bits = await decodeList({ encodedList });
  expect([bits.length, bits.getStatus(6), bits.getStatus(7), bits.getStatus(8)]).toEqual([
    statusListSize,
    false,
    true,
    false,
  ]);
  await expect(credentials.statusList(0, [statusListSize])).rejects.toThrow(RangeError);
});

test('a key that was replaced signs nothing more, and what it signed stays genuine, here and elsewhere', async () => {
  const [former, current] = [makeKey(), makeKey()];
  const old = await makeCredentials({ key: former }).issue(facts);
  const rotated = makeCredentials({ key: current, formerKeys: [former] });
  expect(await rotated.check(old)).toEqual({ isGenuine: true });
  expect(await verifyElsewhere(old, { credentials: rotated })).toMatchObject({ isVerified: true });
  const fresh = await rotated.issue(facts);
  expect(await makeCredentials({ key: former }).check(fresh)).toEqual({ isGenuine: false, reason: 'unknown_key' });
  expect(await makeCredentials({ key: current }).check(old)).toEqual({ isGenuine: false, reason: 'unknown_key' });
});

test('another issuer is named as what it is', async () => {
  const elsewhere = makeCredentials({ publicUrl: 'https://other.example' });
  expect(await credentials.check(await elsewhere.issue(facts))).toEqual({ isGenuine: false, reason: 'other_issuer' });
  expect(await credentials.check(await elsewhere.badge(facts))).toEqual({ isGenuine: false, reason: 'other_issuer' });
});

test('the DID follows PUBLIC_URL with its port and its path', () => {
  const didOf = (address: string) => makeCredentials({ publicUrl: address }).didDocument().id;
  expect(didOf('http://localhost:8080')).toBe('did:web:localhost%3A8080');
  expect(didOf('https://school.example/')).toBe('did:web:school.example');
  expect(didOf('https://school.example/platen/a(b)')).toBe('did:web:school.example:platen:a%28b%29');
});

test('names that no text can hold are refused before they are signed', async () => {
  await expect(credentials.issue({ ...facts, firstName: 'A\ud800' })).rejects.toThrow('firstName');
  await expect(credentials.badge({ ...facts, firstName: 'A\ud800' })).rejects.toThrow('firstName');
});

test('JSON-LD is loaded with the first credential, not with the service', () => {
  const program = `
    import { registerHooks } from 'node:module';
    const seen = [];
    registerHooks({ resolve: (name, context, next) => { seen.push(name); return next(name, context); } });
    const { createCredentials } = await import('./src/credentials/credentials.ts');
    const { generateKeyPairSync } = await import('node:crypto');
    const own = createCredentials({ publicUrl: '${publicUrl}', key: generateKeyPairSync('ed25519').privateKey, issuerName: 'A' });
    own.didDocument();
    own.certificateContext();
    const before = seen.includes('jsonld');
    await own.issue({ ...${JSON.stringify(facts)}, recordedAt: new Date() });
    console.log(before, seen.includes('jsonld'));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect({ stdout: stdout.trim(), stderr: stderr.replace(/.*Warning.*\n/g, '') }).toMatchObject({
    stdout: 'false true',
  });
});
