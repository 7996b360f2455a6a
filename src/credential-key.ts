// The keys with which credentials are signed: given by the settings, or one made in DATA_DIR where nothing else was said.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeKeyFile } from './key-file.ts';
import { StartError } from './start-error.ts';

type Decode = (bytes: Buffer | string) => KeyObject;

/** As PEM, or as the DER inside it. */
const privateForms: Decode[] = [
  (pem) => createPrivateKey(pem),
  (der) => createPrivateKey({ key: Buffer.from(der as Buffer), format: 'der', type: 'pkcs8' }),
];
const publicForms: Decode[] = [
  (pem) => createPublicKey(pem),
  (der) => createPublicKey({ key: Buffer.from(der as Buffer), format: 'der', type: 'spki' }),
];

/** Errors are dropped: they quote what they were given. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function decodeKey(bytes: Buffer | string, forms: Decode[]): KeyObject | undefined {
  const keys = forms.map((decode) => attempt(() => decode(bytes)));
  return keys.find((key) => key?.asymmetricKeyType === 'ed25519');
}

/** The key that a text holds, or the file that it names. */
function readKey(text: string, forms: Decode[]): KeyObject | undefined {
  const sources = [text, Buffer.from(text, 'base64'), attempt(() => readFileSync(text))];
  return sources
    .filter((source) => source !== undefined)
    .map((source) => decodeKey(source, forms))
    .find((key) => key !== undefined);
}

/**
 * The keys that a setting names: the one that signs, then those that did before, of which the public half is enough. Each is Ed25519 as PKCS#8 (public: SPKI), a file's path or base64 of it.
 * Undefined when one is anything else.
 */
export function readCredentialKeys(setting: string): [KeyObject, ...KeyObject[]] | undefined {
  const [first = '', ...others] = setting.split(',').map((part) => part.trim());
  const key = readKey(first, privateForms);
  const former = others.map((part) => readKey(part, [...privateForms, ...publicForms]));
  const isKey = (each: KeyObject | undefined): each is KeyObject => each !== undefined;
  return isKey(key) && former.every(isKey) ? [key, ...former] : undefined;
}

/** The key of a data folder, made when it has none. @throws {StartError} when the file holds something else. */
export function openCredentialKey(dataDir: string): KeyObject {
  const path = join(dataDir, 'credential.key');
  if (!existsSync(path)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    makeKeyFile(path, String(privateKey.export({ format: 'pem', type: 'pkcs8' })));
  }
  const [key] = readCredentialKeys(path) ?? [];
  if (key === undefined) throw new StartError(`DATA_DIR: ${path} does not hold a key: Ed25519 as PKCS#8 PEM.`);
  return key;
}
