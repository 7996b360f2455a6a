// Writes what is embedded in DATA_DIR (database, documents, keys) into one file, while no service runs on it.

import { createWriteStream, existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import tar from 'tar-fs';
import { backupParts, runOnDataFolder, saidOfElsewhere } from './backup-parts.ts';

await runOnDataFolder('npm run backup -- FILE', async ({ path }, file) => {
  const entries = backupParts.filter((part) => existsSync(join(path, part)));
  if (entries.length === 0) throw new Error(`${path} has nothing to back up. ${saidOfElsewhere()}`.trim());
  const unfinished = `${file}.unfinished`;
  try {
    // It holds the keys: for nobody else's eyes.
    const target = createWriteStream(unfinished, { mode: 0o600 });
    await pipeline(tar.pack(path, { entries: [...entries] }), createGzip({ level: 3 }), target);
    const written = await open(unfinished);
    await written.sync().finally(() => written.close());
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  return [`${file} holds ${entries.join(', ')} of ${path}`, saidOfElsewhere()].filter(Boolean).join('\n');
});
