// DATA_DIR belongs to one process at a time: whatever is embedded in it (documents, database, keys) relies on that.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface DataFolder extends Disposable {
  path: string;
}

// Locks are kept here so that garbage collection, which would close them, doesn't free a folder that is in use.
const heldLocks = new Set<DatabaseSync>();

/**
 * Takes the folder for this process until it is disposed. The kernel frees it when the process dies, however it dies.
 * @throws when another process has it, naming its pid.
 */
export function openDataFolder(path: string): DataFolder {
  mkdirSync(path, { recursive: true });
  const pidFile = join(path, 'lock.pid');
  const lock = new DatabaseSync(join(path, 'lock.sqlite'));
  try {
    lock.exec('PRAGMA busy_timeout=0; BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    throw new Error(`DATA_DIR is in use by process ${readFileSync(pidFile, 'utf8').trim()}`, { cause });
  }
  heldLocks.add(lock);
  writeFileSync(pidFile, `${process.pid}\n`);
  return {
    path,
    [Symbol.dispose]() {
      heldLocks.delete(lock);
      lock.close();
    },
  };
}
