// A small disk that a test can fill: a file system in memory, which root on Linux can mount.

import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, rmdir, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the smallest file takes. */
export const pageBytes = 4096;
const megabyte = 256 * pageBytes;
const fillerName = /^filler-/;

export interface SmallDisk extends AsyncDisposable {
  folder: string;
  /** Leaves no space but `pages` of it. */
  fill(options?: { pages: number }): Promise<void>;
  /** Takes away what filled it. */
  free(): Promise<void>;
}

const hasWritten = (file: string, bytes: number) =>
  writeFile(file, Buffer.alloc(bytes)).then(
    () => true,
    () => false,
  );

/** Undefined where it can't be mounted. The embedded database alone takes 40 MB. */
export async function mountSmallDisk(megabytes = 80): Promise<SmallDisk | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'platen-disk-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  if (status !== 0) {
    await rmdir(folder);
    return undefined;
  }
  const filler = (bytes: number, number: number) => join(folder, `filler-${bytes}-${number}`);
  return {
    folder,
    async fill({ pages } = { pages: 0 }) {
      for (const bytes of [megabyte, pageBytes])
        for (let number = 0; await hasWritten(filler(bytes, number), bytes); number++);
      await truncate(filler(megabyte, 0), megabyte - pages * pageBytes);
    },
    async free() {
      for (const name of await readdir(folder)) if (fillerName.test(name)) await rm(join(folder, name));
    },
    async [Symbol.asyncDispose]() {
      spawnSync('umount', ['-l', folder]);
      await rmdir(folder);
    },
  };
}
