// One browser process: its environment, its folder, its end.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import puppeteer, { type Browser } from 'puppeteer-core';
import { browserArguments } from './arguments.ts';
import { writeTrustStore } from './authorities.ts';
import { type Executable, findExecutable } from './executable.ts';
import { writeFontConfig } from './fonts.ts';

export interface BrowserProcess {
  browser: Browser;
  pid: number;
  /** When it last said anything, by `performance.now()`. */
  heardAt(): number;
  /** Kills the process group with SIGKILL: the only thing that a hung browser obeys. */
  kill(): void;
  /** Kills it and removes its folder. */
  end(): Promise<void>;
}

interface ProcessOptions {
  /** A path, `bundled`, or undefined to search. */
  browserPath: string | undefined;
  hasSandbox: boolean;
  /** Certificates in PEM form, of authorities that the browser is to trust beside those that it knows. */
  authorities?: string | undefined;
}

const startTimeoutMs = 20_000;
const folderPrefix = 'platen-browser-';

/** Named variables only: the service's own environment holds secrets. */
function browserEnvironment(folder: string, executable: Executable, fontConfig: string): Record<string, string> {
  return {
    HOME: folder,
    TMPDIR: folder,
    XDG_CONFIG_HOME: folder,
    XDG_CACHE_HOME: folder,
    LANG: 'C.UTF-8',
    TZ: Intl.DateTimeFormat().resolvedOptions().timeZone,
    FONTCONFIG_FILE: fontConfig,
    ...(executable.libraryPath === undefined ? {} : { LD_LIBRARY_PATH: executable.libraryPath }),
  };
}

/** Kills a process, or with a negative number its group. */
function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // Gone already: what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const removeFolder = (folder: string) => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });

/** The driver writes each command by two writes: all that comes at once goes at once, and wakes the browser once. */
function joinWrites(pipe: unknown): void {
  if (!(pipe instanceof Writable)) return;
  const write = pipe.write.bind(pipe);
  pipe.write = ((chunk: unknown) => {
    if (pipe.writableCorked === 0) {
      pipe.cork();
      process.nextTick(() => pipe.uncork());
    }
    return write(chunk);
  }) as Writable['write'];
}

/** Starts a headless shell that is driven over a pipe: there is no debugging port. */
export async function startBrowserProcess(options: ProcessOptions): Promise<BrowserProcess> {
  const { browserPath, hasSandbox, authorities } = options;
  const executable = await findExecutable(browserPath);
  const folder = await mkdtemp(join(tmpdir(), `${folderPrefix}${process.pid}-`));
  try {
    if (authorities !== undefined) await writeTrustStore(folder, authorities);
    const browser = await puppeteer.launch({
      executablePath: executable.path,
      ignoreDefaultArgs: true,
      args: browserArguments({ profile: join(folder, 'profile'), hasSandbox }),
      env: browserEnvironment(folder, executable, await writeFontConfig(folder, executable.fontsDir)),
      pipe: true,
      waitForInitialPage: false,
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
      timeout: startTimeoutMs,
      defaultViewport: null,
    });
    const pid = browser.process()?.pid;
    if (pid === undefined) throw new Error('the browser has no process');
    joinWrites(browser.process()?.stdio[3]);
    let heardAt = performance.now();
    browser.process()?.stdio[4]?.on('data', () => {
      heardAt = performance.now();
    });
    return {
      browser,
      pid,
      heardAt: () => heardAt,
      kill: () => killHard(-pid),
      async end() {
        killHard(-pid);
        await removeFolder(folder);
      },
    };
  } catch (error) {
    await removeFolder(folder);
    throw error;
  }
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** Processes whose arguments name `text`; Linux only, elsewhere none. */
async function findProcesses(text: string): Promise<number[]> {
  const pids = (await readdir('/proc').catch(() => [])).map(Number).filter(Number.isInteger);
  const found = await Promise.all(
    pids.map(async (pid) => (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes(text)),
  );
  return pids.filter((_, index) => found[index]);
}

/** Removes the folders, and ends the processes, that services killed earlier have left behind. */
export async function sweepLeftovers(): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(folderPrefix));
  for (const name of names) {
    const owner = Number(name.slice(folderPrefix.length).split('-')[0]);
    if (!Number.isInteger(owner) || isAlive(owner)) continue;
    const folder = join(tmpdir(), name);
    // By the folder that its arguments name: the numbers of dead processes are given out again.
    for (const pid of await findProcesses(folder)) killHard(pid);
    await removeFolder(folder).catch(() => undefined);
  }
}
