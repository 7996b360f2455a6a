// A wall clock that a test puts forward and back under a process (libfaketime); its monotonic clock stays true, as a kernel's does.

import { globSync, renameSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [library] = globSync('/usr/lib/*/faketime/libfaketime.so.1');

/** Debian's package `faketime` brings it. */
export const hasFalseClock = library !== undefined;

export interface FalseClock extends AsyncDisposable {
  /** What the process needs in its environment. */
  env: Record<string, string>;
  /** Puts it so many seconds before (negative: behind) the true one. */
  set(seconds: number): void;
}

export async function makeFalseClock(): Promise<FalseClock> {
  const folder = await mkdtemp(join(tmpdir(), 'platen-clock-'));
  const file = join(folder, 'offset');
  const set = (seconds: number) => {
    // At one stroke: it may be read at any moment.
    writeFileSync(`${file}.new`, `${seconds < 0 ? '' : '+'}${seconds}s\n`);
    renameSync(`${file}.new`, file);
  };
  set(0);
  return {
    env: {
      LD_PRELOAD: library ?? '',
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DISABLE_SHM: '1',
    },
    set,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
