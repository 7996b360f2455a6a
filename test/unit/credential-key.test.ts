// The key of credentials: its forms, its file, and what is no key.

import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, expect, test } from '@jest/globals';
import { openCredentialKey, readCredentialKeys } from '../../src/credential-key.ts';
import { createCredentials } from '../../src/credentials/credentials.ts';
import { makeKey } from '../support/credentials.ts';

const folder = mkdtempSync(join(tmpdir(), 'platen-credential-key-'));
afterAll(() => rmSync(folder, { recursive: true }));

const pemOf = (key: KeyObject) => String(key.export({ format: 'pem', type: 'pkcs8' }));
const fileOf = (name: string, content: string | Buffer) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const isSame = (one: KeyObject | undefined, other: KeyObject) => one?.equals(other);

test('a key is read from PEM, from base64 of PEM or DER, and from a file of either', () => {
  const key = makeKey();
  const pem = pemOf(key);
  const der = key.export({ format: 'der', type: 'pkcs8' });
  const forms = [
    pem,
    Buffer.from(pem).toString('base64'),
    der.toString('base64'),
    fileOf('key.pem', pem),
    fileOf('key.der', der),
  ];
  expect(forms.map((form) => isSame(readCredentialKeys(form)?.[0], key))).toEqual(forms.map(() => true));
});

test('former keys follow the one that signs, whole or as their public halves', () => {
  const [key, former, oldest] = [makeKey(), makeKey(), makeKey()];
  const half = createPublicKey(oldest);
  const setting = [pemOf(key), fileOf('former.pem', pemOf(former)), half.export({ format: 'pem', type: 'spki' })];
  const keys = readCredentialKeys(setting.join(', '));
  expect(keys?.map((each) => each.type)).toEqual(['private', 'private', 'public']);
  expect(isSame(keys?.[0], key) && isSame(keys?.[1], former) && isSame(keys?.[2], half)).toBe(true);
});

test('anything else is no key', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const half = String(createPublicKey(makeKey()).export({ format: 'pem', type: 'spki' }));
  for (const setting of [
    '',
    'nonsense',
    folder,
    join(folder, 'missing'),
    pemOf(privateKey),
    half,
    `${pemOf(makeKey())},nonsense`,
  ])
    expect(readCredentialKeys(setting)).toBeUndefined();
});

test('a data folder gets a key of its own, once, which only its owner reads', () => {
  const key = openCredentialKey(folder);
  expect(isSame(openCredentialKey(folder), key)).toBe(true);
  expect(statSync(join(folder, 'credential.key')).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder).filter((name) => name.includes('unfinished'))).toEqual([]);
});

test('what is said of a broken key or an unfit one holds nothing of it', () => {
  const broken = pemOf(makeKey()).replace('MC4CAQAw', 'MC4CAQBw');
  const secret = broken.split('\n')[1] ?? '';
  writeFileSync(join(folder, 'credential.key'), broken);
  const errorOf = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      return inspect(error, { depth: 9, showHidden: true });
    }
    return undefined;
  };
  const said = errorOf(() => openCredentialKey(folder));
  expect(said).toContain('does not hold a key');
  expect(said).not.toContain(secret);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const unfit = errorOf(() => createCredentials({ publicUrl: 'https://a.example', key: privateKey, issuerName: 'A' }));
  expect(unfit).toContain('Ed25519 keys only');
  expect(unfit).not.toContain(privateKey.export({ format: 'jwk' }).d ?? '-');
});
