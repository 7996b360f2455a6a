// The keys with which secrets lie in the database: given by the settings, or one made in DATA_DIR where nothing else was said.

import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

/** Whole or not at all: a crash or a full disk leaves no half of one. */
function makeKey(path: string): void {
  const unfinished = `${path}.${process.pid}.unfinished`;
  try {
    writeFileSync(unfinished, `${randomBytes(keyBytes).toString('base64')}\n`, { mode: 0o600, flush: true });
    linkSync(unfinished, path);
  } catch (error) {
    // Another process may have been faster: then its key serves.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** The key of a data folder, made when it has none. @throws {StartError} when the file holds something else. */
export function openEncryptionKey(dataDir: string): Buffer {
  const path = join(dataDir, 'encryption.key');
  if (!existsSync(path)) makeKey(path);
  const key = readEncryptionKey(path);
  if (key === undefined) throw new StartError(`DATA_DIR: ${path} does not hold a key: 32 bytes as base64.`);
  return key;
}
