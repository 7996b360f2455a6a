// Runs the service as a process of its own, as an operator does: its log, its exit code, its children.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readinessOf } from './readiness.ts';
import { reportTokenSecret, serviceToken, userTokenSecret } from './tokens.ts';
import { until } from './until.ts';

export interface ServiceProcess extends AsyncDisposable {
  child: ChildProcess;
  url: string;
  dataDir: string;
  /** Everything written to stdout and stderr so far. */
  output(): string;
  /** Sends the signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** What one start has compiled is there for the next. */
const compileCache = fileURLToPath(new URL('../../node_modules/.cache/node', import.meta.url));

/** Starts `src/main.ts` with exactly this environment beside PATH, HOME and what says where things are, and collects what it writes. */
export function spawnMain(env: Record<string, string | undefined>, command: [string, ...string[]] = nodeMain) {
  const [program, ...args] = command;
  const { PATH, HOME, BROWSER_PATH } = process.env;
  const given = Object.entries({ PATH, HOME, BROWSER_PATH, NODE_COMPILE_CACHE: compileCache, ...env }).filter(
    (entry) => entry[1] !== undefined,
  );
  const child = spawn(program, args, { env: Object.fromEntries(given), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return { child, output: () => output };
}

const nodeMain: [string, ...string[]] = [process.execPath, '--disable-warning=ExperimentalWarning', 'src/main.ts'];

/** Starts the service as a process, on free ports and a data folder of its own; unless told otherwise it is there when its database is open. */
export async function startServiceProcess(
  env: Record<string, string | undefined> = {},
  command?: [string, ...string[]],
  { isOpenAwaited = true } = {},
): Promise<ServiceProcess> {
  const dataDir = env.DATA_DIR ?? (await mkdtemp(join(tmpdir(), 'platen-process-')));
  const settings = {
    PORT: '0',
    DATA_DIR: dataDir,
    PDF_SERVICE_INTERNAL_TOKEN: serviceToken,
    USER_TOKEN_SECRET: userTokenSecret,
    REPORT_TOKEN_SECRET: reportTokenSecret,
    ...env,
  };
  const { child, output } = spawnMain(settings, command);
  const startedUrl = async () => {
    const listening = await until(() => /"message":"Platen listens".*?"url":"([^"]+)"/.exec(output())?.[1]);
    // On a busy machine a database may take longer to open than who asks at once is willing to wait.
    if (isOpenAwaited) await readinessOf(listening);
    return listening;
  };
  const url = await startedUrl().catch((error) => {
    child.kill('SIGKILL');
    throw new Error(`${error.message}\n${output()}`);
  });
  const stop: ServiceProcess['stop'] = async (name) => {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    child.kill(name);
    await ended;
    return { code: child.exitCode, signal: child.signalCode };
  };
  return {
    child,
    url,
    dataDir,
    output,
    stop,
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL');
      if (env.DATA_DIR === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export interface RunningProcess {
  pid: number;
  parent: number;
  commandLine: string;
  environment: string;
}

const readIfThere = (path: string) => {
  try {
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  } catch {
    return '';
  }
};

/** All processes of this machine, by /proc; zombies, which only wait to be reaped, are left out. */
export function listProcesses(): RunningProcess[] {
  return globSync('/proc/[0-9]*').flatMap((folder) => {
    const [, state, parent] = /\) (\w) (\d+)/.exec(readIfThere(`${folder}/stat`)) ?? [];
    if (state === undefined || state === 'Z') return [];
    const [commandLine, environment] = ['cmdline', 'environ'].map((name) =>
      readIfThere(`${folder}/${name}`).replaceAll('\0', ' '),
    );
    return [
      {
        pid: Number(folder.slice(6)),
        parent: Number(parent),
        commandLine: commandLine ?? '',
        environment: environment ?? '',
      },
    ];
  });
}

/** The process and all that descend from it. */
export function familyOf(root: number | undefined): RunningProcess[] {
  const all = listProcesses();
  const family = new Set([root]);
  // Parents may come after their children in the list.
  for (let size = 0; size !== family.size; ) {
    size = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  return all.filter(({ pid }) => family.has(pid));
}

/** The renderers of the browsers that the process has started. */
export const renderersOf = (root: number | undefined): number[] =>
  familyOf(root)
    .filter(({ commandLine }) => commandLine.includes('--type=renderer'))
    .map(({ pid }) => pid);

/** Temporary folders of browsers that the process `pid` has started. */
export const browserFolders = (pid: number | undefined): string[] =>
  globSync(join(tmpdir(), `platen-browser-${pid}-*`));
