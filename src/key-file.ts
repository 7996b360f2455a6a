// Keys as files that only our user reads, made where none is.

import { linkSync, rmSync, writeFileSync } from 'node:fs';

/** Writes it whole or not at all: a crash or a full disk leaves no half of one. A file that is there stays. */
export function makeKeyFile(path: string, text: string): void {
  const unfinished = `${path}.${process.pid}.unfinished`;
  try {
    writeFileSync(unfinished, text, { mode: 0o600, flush: true });
    linkSync(unfinished, path);
  } catch (error) {
    // Another process may have been faster: then its key serves.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(unfinished, { force: true });
  }
}
