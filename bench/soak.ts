// `npm run soak`: every fault at its full count and 1,000 renders, one after the other; the result goes into docs/soak.md.
// `npm run soak -- renders` does only the renders, and writes nothing.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, totalmem } from 'node:os';
import { findExecutable } from '../src/browser/executable.ts';
import { chanceOf, seedFrom } from '../test/support/random.ts';
import { soakRenders } from './soak-renders.ts';
import { round } from './statistics.ts';

interface Part {
  name: string;
  count: string;
  result: string;
  seconds: number;
  isGood: boolean;
}

interface Tests {
  file: string;
  count: string;
  env?: Record<string, string>;
  /** Ended after so long, with all that it has started. */
  mostMinutes: number;
}

const renders = Number(process.env.SOAK_RENDERS ?? 1000);
const seed = seedFrom('SOAK_SEED');
const isRendersOnly = process.argv[2] === 'renders';

const faults = [
  'faults/overload',
  'faults/clock-jumps',
  'faults/supervision',
  'kept-tabs',
  'page-failures',
  'cancellation',
  'lifecycle',
  'faults/jobs-faults',
  'faults/ten-workers',
  'faults/postgres-outages',
  'faults/storage-faults',
  'faults/storage-outages',
  'faults/storage-network',
  'faults/disk-full',
  'faults/slow-clients',
];
const tests: Tests[] = [
  {
    file: 'isolation',
    count: '200 renders',
    env: { ISOLATION_RENDERS: '200', ISOLATION_SEED: `${seed}` },
    mostMinutes: 8,
  },
  {
    file: 'faults/kill-under-load',
    count: '20 kills, 20 stops',
    env: { KILL_ROUNDS: '20', KILL_SEED: `${seed}` },
    mostMinutes: 12,
  },
  {
    file: 'faults/class-run-kills',
    count: '20 class runs of 60 on each database, 60 kills each',
    env: { CLASS_RUN_ROUNDS: '20', CLASS_RUN_SEED: `${seed}` },
    mostMinutes: 90,
  },
  ...faults.map((file) => ({ file, count: 'once', mostMinutes: 6 })),
];

const secondsSince = (startedAt: number) => Math.round((performance.now() - startedAt) / 1000);

async function runTests({ file, count, env = {}, mostMinutes }: Tests): Promise<Part> {
  const startedAt = performance.now();
  const args = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    '--testPathIgnorePatterns',
    '/node_modules/',
  ];
  // A group of its own, so that what a failed test left running ends with it.
  const child = spawn(process.execPath, [...args, '--testPathPatterns', `test/${file}.test.ts`], {
    detached: true,
    env: { ...process.env, CI: 'true', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const tooLong = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), mostMinutes * 60_000);
  const [code] = await once(child, 'exit');
  clearTimeout(tooLong);
  const closing = /^\d+ passed, \d+ failed.*$/m.exec(output)?.[0] ?? 'ended before its time';
  if (code !== 0) process.stdout.write(output);
  return { name: `test/${file}.test.ts`, count, result: closing, seconds: secondsSince(startedAt), isGood: code === 0 };
}

function toTable(columns: string[], rows: (string | number)[][]): string {
  return [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

async function describeMachine(): Promise<string> {
  const { path } = await findExecutable(process.env.BROWSER_PATH);
  const browser = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  const memory = round(totalmem() / 1024 ** 3);
  const load = loadavg().map((each) => round(each, 1));
  return `${availableParallelism()} cores, ${memory} GB, ${browser}, Node ${process.version}; load before: ${load.join(', ')}`;
}

const startedAt = performance.now();
const machine = await describeMachine();
const { columns, rows, done, faults: found } = await soakRenders(renders, chanceOf(seed));
const parts: Part[] = [
  {
    name: 'bench/soak-renders.ts',
    count: `${renders} renders`,
    result: found.join('; ') || 'all flat, nothing left behind',
    seconds: secondsSince(startedAt),
    isGood: found.length === 0,
  },
];
if (!isRendersOnly)
  for (const each of tests) {
    if (!existsSync(`test/${each.file}.test.ts`)) continue;
    process.stdout.write(`${each.file}\n`);
    parts.push(await runTests(each));
  }
const text = `# Soak

What \`npm run soak\` found: everything at its full count, one after the other.

- ${new Date().toISOString().slice(0, 10)}, \`SOAK_SEED=${seed}\`, ${Math.round(secondsSince(startedAt) / 60)} minutes
- ${machine}
- Renders: ${[...done].map(([kind, count]) => `${count} with ${kind}`).join(', ')}; sampled every 20 while nothing was under way, after a collection of garbage

${toTable(columns, rows)}

${toTable(
  ['part', 'count', 'result', 'seconds'],
  parts.map(({ name, count, result, seconds }) => [`\`${name}\``, count, result, seconds]),
)}
`;
process.stdout.write(`\n${text}`);
if (!isRendersOnly) writeFileSync('docs/soak.md', text);
const bad = parts.filter(({ isGood }) => !isGood);
process.stdout.write(`\n${parts.length - bad.length} passed, ${bad.length} failed\n`);
process.exitCode = bad.length === 0 ? 0 : 1;
