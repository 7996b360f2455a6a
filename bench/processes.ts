// The processes that are measured: started, counted from outside, ended.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceToken, userTokenSecret } from '../test/support/tokens.ts';
import { until } from '../test/support/until.ts';

export interface MeasuredProcess extends AsyncDisposable {
  pid: number;
  url: string;
}

const quiet = '--disable-warning=ExperimentalWarning';
const ticksPerSecond = 100;
const startTimeoutMs = 20_000;

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Starts a server that prints its address; it writes its log into a file, as services do. */
export async function startServer(args: string[], env: Record<string, string | undefined>): Promise<MeasuredProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'platen-bench-'));
  const logFile = join(folder, 'log');
  const output = openSync(logFile, 'w');
  const { PATH, HOME, BROWSER_PATH } = process.env;
  const child = spawn(process.execPath, [quiet, ...args], {
    env: { PATH, HOME, BROWSER_PATH, ...env },
    stdio: ['ignore', output, output],
  });
  const readUrl = () => /(?:http|socks5):\/\/(?:127\.0\.0\.1|localhost):\d+/.exec(readFileSync(logFile, 'utf8'))?.[0];
  const url = await until(readUrl, startTimeoutMs);
  return {
    pid: child.pid ?? 0,
    url,
    async [Symbol.asyncDispose]() {
      await end(child);
      await rm(folder, { recursive: true });
    },
  };
}

/** Starts Platen as it is, but for its secrets and a rate limit that is out of the way. */
export const startPlaten = (env: Record<string, string | undefined>): Promise<MeasuredProcess> =>
  startServer([...(process.env.BENCH_NODE_ARGS?.split(' ') ?? []), 'src/main.ts'], {
    PORT: '0',
    NODE_ENV: 'test',
    RATE_LIMIT_PER_15_MIN: '10000000',
    PDF_SERVICE_INTERNAL_TOKEN: serviceToken,
    USER_TOKEN_SECRET: userTokenSecret,
    ...env,
  });

/** Starts a program that takes one order after the other over IPC and answers each. */
export async function startWorker<Order, Answer>(file: string, args: string[]) {
  const child = fork(file, args, { execArgv: [quiet] });
  await once(child, 'message');
  return {
    pid: child.pid ?? 0,
    async obey(order: Order): Promise<Answer> {
      child.send(order as object);
      const [answer] = (await once(child, 'message')) as [Answer & { error?: string }];
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer;
    },
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

interface Usage {
  pid: number;
  parent: number;
  /** Of the process and of the children that it has buried. */
  ticks: number;
}

/** All processes of this machine; zombies too, whose time nobody else has yet. */
function readUsages(): Usage[] {
  return globSync('/proc/[0-9]*').flatMap((folder) => {
    // From the third field on: the second, the name, may hold anything.
    const fields = readStat(folder).split(') ').at(-1)?.split(' ') ?? [];
    if (fields.length < 15) return [];
    const ticks = fields.slice(11, 15).reduce((sum, value) => sum + Number(value), 0);
    return [{ pid: Number(folder.slice(6)), parent: Number(fields[1]), ticks }];
  });
}

function readStat(folder: string): string {
  try {
    return readFileSync(`${folder}/stat`, 'utf8');
  } catch {
    return '';
  }
}

/** The process that has started this one. */
export const parentOf = (pid: number): number => readUsages().find((each) => each.pid === pid)?.parent ?? 0;

const asMs = (usages: Usage[]) => (usages.reduce((sum, { ticks }) => sum + ticks, 0) * 1000) / ticksPerSecond;

/** Processor time in ms that the process and all that descend from it, ended ones included, have used so far. */
export const cpuMsOf = (root: number): number => asMs(readFamily(root));

/** The same, of the process itself and of those below it apart; of the latter only while they live. */
export function cpuMsApart(root: number): { own: number; below: number } {
  const family = readFamily(root);
  const own = family.filter(({ pid }) => pid === root);
  return { own: asMs(own), below: asMs(family) - asMs(own) };
}

/** The process and all that descend from it. */
function readFamily(root: number): Usage[] {
  const all = readUsages();
  const family = new Set([root]);
  // Parents may come after their children in the list.
  for (let size = 0; size !== family.size; ) {
    size = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  return all.filter(({ pid }) => family.has(pid));
}
