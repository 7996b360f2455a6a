// Puts a backup into an empty DATA_DIR: all of it or nothing.

import { createReadStream, existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import tar from 'tar-fs';
import { backupParts, runOnDataFolder } from './backup-parts.ts';

const isPart = (name: string) => backupParts.some((part) => part === name);

/** @throws when it is not a whole backup. */
async function unpack(file: string, into: string): Promise<void> {
  const complain = (cause: Error) => {
    throw new Error(`${file} is no whole backup: ${cause.message}`, { cause });
  };
  // Read once before anything is unpacked: an entry that breaks off in the middle would end the process.
  const nowhere = new Writable({ write: (_bytes, _encoding, done) => done() });
  await pipeline(createReadStream(file), createGunzip(), nowhere).catch(complain);
  let isForeign = false;
  const extract = tar.extract(into, {
    ignore: (_name, header) => {
      const isOurs = ['file', 'directory'].includes(header?.type ?? '') && isPart(header?.name.split('/')[0] ?? '');
      isForeign ||= !isOurs;
      return !isOurs;
    },
  });
  await pipeline(createReadStream(file), createGunzip(), extract).catch(complain);
  if (isForeign || (await readdir(into).catch(() => [])).length === 0)
    throw new Error(`${file} is no backup of Platen`);
}

await runOnDataFolder('npm run restore -- FILE', async ({ path }, file) => {
  const present = backupParts.filter((part) => existsSync(join(path, part)));
  if (present.length > 0) throw new Error(`${path} has data already (${present.join(', ')}): move it away first`);
  if (!existsSync(file)) throw new Error(`${file} is not there`);
  const unfinished = join(path, 'restore.unfinished');
  await rm(unfinished, { recursive: true, force: true });
  try {
    await unpack(file, unfinished);
    const parts = await readdir(unfinished);
    for (const part of parts) await rename(join(unfinished, part), join(path, part));
    return `${path} holds ${parts.join(', ')} of ${file}`;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
});
