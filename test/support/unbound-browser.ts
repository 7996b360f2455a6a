// A browser as one is that knows nothing of bound cookies: the real one, without the features.

import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findExecutable } from '../../src/browser/executable.ts';

export interface UnboundBrowser extends AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void>;
  /** For BROWSER_PATH. */
  path: string;
}

export async function startUnboundBrowser(): Promise<UnboundBrowser> {
  const { path: real, libraryPath } = await findExecutable(process.env.BROWSER_PATH);
  const folder = await mkdtemp(join(tmpdir(), 'platen-unbound-'));
  const path = join(folder, 'browser');
  const libraries = libraryPath === undefined ? '' : `export LD_LIBRARY_PATH='${libraryPath}'\n`;
  const features = '--disable-features=EnablePortBoundCookies,EnableSchemeBoundCookies,RenderDocument';
  // The later of two lists counts.
  await writeFile(path, `#!/bin/sh\n${libraries}exec '${real}' "$@" --enable-features= ${features}\n`);
  await chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
