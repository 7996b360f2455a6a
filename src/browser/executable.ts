// Finds the headless shell to run: the one that is named, the system's, or the one that npm brings.

import { constants, createReadStream, createWriteStream } from 'node:fs';
import { access, chmod, lstat, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createBrotliDecompress } from 'node:zlib';
import { extract } from 'tar-fs';
import { StartError } from '../start-error.ts';

export interface Executable {
  path: string;
  /** Folder of shared libraries that a machine without any may lack. */
  libraryPath?: string;
  /** Folder of a few fonts that came with the browser. */
  fontsDir?: string;
}

/** There is no usable browser; the message says what to do. */
export class NoBrowserError extends StartError {}

const systemPaths = ['/usr/bin/chromium-headless-shell', '/usr/bin/chrome-headless-shell'];

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    async () => (await stat(path)).isFile(),
    () => false,
  );
}

/**
 * The executable for `BROWSER_PATH` (a path, `bundled`, or undefined to search).
 * @throws {NoBrowserError} when a path is wrong, or nothing is found.
 */
export async function findExecutable(browserPath: string | undefined): Promise<Executable> {
  if (browserPath === 'bundled') return unpackBundled();
  if (browserPath !== undefined) {
    if (await isExecutable(browserPath)) return { path: browserPath };
    throw new NoBrowserError('BROWSER_PATH does not name an executable file');
  }
  for (const path of systemPaths) {
    if (await isExecutable(path)) return { path };
  }
  return unpackBundled();
}

const howToGet =
  'No browser was found. Run "npx @puppeteer/browsers install chrome-headless-shell@stable" and name its path in BROWSER_PATH.';

/** A folder that is ours alone: in the home folder, or for a user without one in the temporary folder. */
async function openCache(): Promise<string> {
  const uid = process.getuid?.();
  for (const folder of [join(homedir(), '.cache', 'platen'), join(tmpdir(), `platen-cache-${uid}`)]) {
    const isOurs = await mkdir(folder, { recursive: true, mode: 0o700 })
      .then(() => lstat(folder))
      .then((entry) => entry.isDirectory() && entry.uid === uid && (entry.mode & 0o022) === 0)
      .catch(() => false);
    if (isOurs) return folder;
  }
  throw new Error('Neither the home folder nor the temporary folder can hold the unpacked browser');
}

// Unpacked under a temporary name and renamed when whole, so that a start that was cut off leaves nothing that looks ready.
async function unpackBundled(): Promise<Executable> {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new NoBrowserError(howToGet);
  const source = join(dirname(fileURLToPath(import.meta.resolve('@sparticuz/chromium'))), '..', 'bin');
  const { size, mtimeMs } = await stat(join(source, 'chromium.br')).catch(() => {
    throw new NoBrowserError(howToGet);
  });
  const cache = await openCache();
  const target = join(cache, `chromium-${size}-${Math.trunc(mtimeMs)}`);
  const found = { path: join(target, 'chromium'), libraryPath: join(target, 'lib'), fontsDir: join(target, 'fonts') };
  if (await isExecutable(found.path)) return found;
  const unfinished = await mkdtemp(join(cache, 'unpacking-'));
  try {
    await unpackInto(unfinished, source);
    // Another process may have been faster: then its folder serves.
    await rename(unfinished, target).catch(async (error) => {
      if (!(await isExecutable(found.path))) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return found;
}

async function unpackInto(folder: string, source: string): Promise<void> {
  const inflate = (name: string, sink: NodeJS.WritableStream) =>
    pipeline(createReadStream(join(source, name)), createBrotliDecompress(), sink);
  const executable = join(folder, 'chromium');
  await Promise.all([
    inflate('chromium.br', createWriteStream(executable)),
    inflate('swiftshader.tar.br', extract(folder)),
    inflate('al2023.tar.br', extract(folder)),
    inflate('fonts.tar.br', extract(folder)),
  ]);
  await chmod(executable, 0o755);
}
