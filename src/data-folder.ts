// DATA_DIR belongs to one process at a time: whatever is embedded in it (documents, database, keys) relies on that.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openPrivateFolder } from './private-folder.ts';
import { StartError } from './start-error.ts';

export interface DataFolder extends Disposable {
  path: string;
}

// Locks are kept here so that garbage collection, which would close them, doesn't free a folder that is in use.
const heldLocks = new Set<DatabaseSync>();
const busy = 5;

function lockFolder(path: string): DatabaseSync {
  const lock = new DatabaseSync(join(path, 'lock.sqlite'));
  try {
    lock.exec('PRAGMA busy_timeout=0; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

function explain(error: unknown, path: string, pidFile: string): string {
  const { errcode, message } = error as Error & { errcode?: number };
  if (errcode !== busy) return `DATA_DIR: ${path} can not be used: ${message}.`;
  return `DATA_DIR: ${path} is in use by process ${readFileSync(pidFile, 'utf8').trim()}. Stop that one, or name another folder.`;
}

/**
 * Takes the folder for this process until it is disposed. The kernel frees it when the process dies, however it dies.
 * @throws {StartError} when another process has it, naming its pid, or when it can't be a folder of ours.
 */
export function openDataFolder(path: string): DataFolder {
  const pidFile = join(path, 'lock.pid');
  openPrivateFolder(path, 'DATA_DIR');
  try {
    const lock = lockFolder(path);
    heldLocks.add(lock);
    writeFileSync(pidFile, `${process.pid}\n`);
    return {
      path,
      [Symbol.dispose]() {
        heldLocks.delete(lock);
        lock.close();
      },
    };
  } catch (cause) {
    throw new StartError(explain(cause, path, pidFile), { cause });
  }
}
