// A folder into which nobody else may look: what lies in it is about persons, or opens something.

import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { StartError } from './start-error.ts';

const ownerOnly = 0o700;
/** Of the group and of all others. */
const others = 0o077;

/**
 * Makes the folder, or takes one that is there for its owner alone.
 * @param setting - The variable that names it, for the error.
 * @throws {StartError} when it is not ours: its owner could open it again, or put another in its place.
 */
export function openPrivateFolder(path: string, setting: string): void {
  const us = process.getuid?.();
  try {
    mkdirSync(path, { recursive: true, mode: ownerOnly });
    const { uid, mode } = statSync(path);
    if (us !== undefined && uid !== us) throw new StartError(explainOwner({ path, setting, uid, us }));
    if (us !== undefined && (mode & others) !== 0) chmodSync(path, ownerOnly);
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    throw new StartError(`${setting}: ${path} can not be used: ${(cause as Error).message}.`, { cause });
  }
}

function explainOwner({ path, setting, uid, us }: { path: string; setting: string; uid: number; us: number }): string {
  return `${setting}: ${path} belongs to user ${uid}, and Platen runs as user ${us}. Name a folder below it, which Platen makes for itself, or give it to that user (chown).`;
}

/** What this process makes from now on is readable by its user alone, files and folders, wherever they are. */
export function makeEverythingPrivate(): void {
  process.umask(others);
}
