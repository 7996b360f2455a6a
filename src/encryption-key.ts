// The keys with which secrets lie in the database: given by the settings, or one made in DATA_DIR where nothing else was said.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeKeyFile } from './key-file.ts';
import { StartError } from './start-error.ts';

const keyBytes = 32;

/** 32 bytes as base64, or undefined. */
function decodeKey(text: string): Buffer | undefined {
  const key = Buffer.from(text.trim(), 'base64');
  return /^[A-Za-z0-9+/]{43}=$/.test(text.trim()) && key.length === keyBytes ? key : undefined;
}

/** The keys that a setting names, each as base64 of 32 bytes or as the path of a file that holds it. Undefined when one is neither. */
export function readEncryptionKeys(setting: string): [Buffer, ...Buffer[]] | undefined {
  const [first, ...others] = setting.split(',').map((part) => readEncryptionKey(part.trim()));
  const isKey = (key: Buffer | undefined): key is Buffer => key !== undefined;
  return isKey(first) && others.every(isKey) ? [first, ...others] : undefined;
}

function readEncryptionKey(setting: string): Buffer | undefined {
  const key = decodeKey(setting);
  if (key !== undefined) return key;
  try {
    return decodeKey(readFileSync(setting, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The key of a data folder, made when it has none. @throws {StartError} when the file holds something else. */
export function openEncryptionKey(dataDir: string): Buffer {
  const path = join(dataDir, 'encryption.key');
  if (!existsSync(path)) makeKeyFile(path, `${randomBytes(keyBytes).toString('base64')}\n`);
  const key = readEncryptionKey(path);
  if (key === undefined) throw new StartError(`DATA_DIR: ${path} does not hold a key: 32 bytes as base64.`);
  return key;
}
