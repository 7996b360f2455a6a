// A browser as Platen starts it, but with single arguments left out or added: what does each of them protect?

import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer, { type Browser } from 'puppeteer-core';
import { browserArguments } from '../../src/browser/arguments.ts';
import { findExecutable } from '../../src/browser/executable.ts';

export interface BareBrowser extends AsyncDisposable {
  browser: Browser;
}

interface Changes {
  /** Beginnings of arguments to leave out. */
  without?: readonly string[];
  /** Arguments to add. */
  plus?: readonly string[];
  /** Address of a name server that this browser alone is told of; wants root, and Linux. */
  nameServer?: string;
}

/** A script that starts the browser where `/etc/resolv.conf` names the server; the rest of the machine is not touched. */
async function writeWrapper(folder: string, executable: string, nameServer: string): Promise<string> {
  const [settings, script] = [join(folder, 'resolv.conf'), join(folder, 'browser.sh')];
  await writeFile(settings, `nameserver ${nameServer}\n`);
  const inside = `mount --bind '${settings}' /etc/resolv.conf && exec '${executable}' "$@"`;
  await writeFile(script, `#!/bin/sh\nexec unshare --mount sh -c '${inside.replaceAll("'", "'\\''")}' browser "$@"\n`);
  await chmod(script, 0o755);
  return script;
}

/** Starts it with a folder of its own; disposing kills it and takes the folder away. */
export async function startBareBrowser({ without = [], plus = [], nameServer }: Changes = {}): Promise<BareBrowser> {
  const executable = await findExecutable(process.env.BROWSER_PATH);
  const folder = await mkdtemp(join(tmpdir(), 'platen-bare-'));
  const all = browserArguments({ profile: join(folder, 'profile'), hasSandbox: process.getuid?.() !== 0 });
  for (const start of without) {
    if (!all.some((each) => each.startsWith(start))) throw new Error(`the browser has no argument ${start}`);
  }
  const { libraryPath } = executable;
  const browser = await puppeteer.launch({
    executablePath:
      nameServer === undefined ? executable.path : await writeWrapper(folder, executable.path, nameServer),
    ignoreDefaultArgs: true,
    args: [...all.filter((each) => !without.some((start) => each.startsWith(start))), ...plus],
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      TMPDIR: folder,
      ...(libraryPath === undefined ? {} : { LD_LIBRARY_PATH: libraryPath }),
    },
    pipe: true,
    waitForInitialPage: false,
  });
  return {
    browser,
    async [Symbol.asyncDispose]() {
      const child = browser.process();
      if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
        const gone = once(child, 'exit');
        process.kill(-child.pid, 'SIGKILL');
        await gone;
      }
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
}
