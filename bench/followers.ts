// A large run in the whole service: its memory, the time of looking at it, and many who follow one run.

import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readyPage, startPages } from '../test/support/pages.ts';
import { reportTokenSecret, serviceToken } from '../test/support/tokens.ts';
import { until } from '../test/support/until.ts';
import { cpuMsOf, type MeasuredProcess, startPlaten } from './processes.ts';
import type { Section } from './report.ts';
import { quantile, round } from './statistics.ts';

const district = 7185;
const followers = 200;
const followedReports = 60;
const headers = { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` };

const residentMb = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

async function ask<Answer>(url: string, init: RequestInit = {}): Promise<[Answer, ms: number]> {
  const askedAt = performance.now();
  const response = await fetch(url, { headers, ...init });
  const answer = (await response.json()) as Answer;
  if (response.status >= 400) throw new Error(JSON.stringify(answer));
  return [answer, performance.now() - askedAt];
}

const newRun = (classId: string, count: number) => ({
  method: 'POST',
  body: JSON.stringify({ classId, testId: '1', studentIds: Array.from({ length: count }, (_, each) => `STU${each}`) }),
});

interface Page {
  items: object[];
  nextOffset: number | null;
}

async function measureLarge({ url, pid }: MeasuredProcess): Promise<(string | number)[]> {
  const before = residentMb(pid);
  const [{ id }, acceptMs] = await ask<{ id: string }>(`${url}/internal/class-runs`, newRun('DISTRICT', district));
  const [, lookMs] = await ask(`${url}/internal/class-runs/${id}?limit=1`);
  let pagesMs = 0;
  for (let offset: number | null = 0; offset !== null; ) {
    const [page, ms]: [Page, number] = await ask<Page>(`${url}/internal/class-runs/${id}?limit=1000&offset=${offset}`);
    pagesMs += ms;
    offset = page.nextOffset;
  }
  const after = residentMb(pid);
  const [, cancelMs] = await ask(`${url}/internal/class-runs/${id}`, { method: 'DELETE' });
  return [acceptMs, lookMs, pagesMs, cancelMs, before, after].map((value) => round(value));
}

/** Milliseconds between the first and the last follower who hears of each state, and the processor time of the service. */
async function measureFollowed({ url, pid }: MeasuredProcess, count: number, classId: string) {
  const [{ id }] = await ask<{ id: string }>(`${url}/internal/class-runs`, newRun(classId, followedReports));
  const cpuBefore = cpuMsOf(pid);
  const startedAt = performance.now();
  const heard = new Map<string, number[]>();
  const follow = async () => {
    const response = await fetch(`${url}/internal/class-runs/${id}/events`, { headers });
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? [])
      for (const [, state = ''] of decoder.decode(chunk as Uint8Array).matchAll(/^id: (.*)$/gm))
        heard.set(state, [...(heard.get(state) ?? []), performance.now()]);
  };
  await Promise.all(Array.from({ length: count }, follow));
  const seconds = (performance.now() - startedAt) / 1000;
  const spreads = [...heard.values()]
    .filter(({ length }) => length > count / 2)
    .map((at) => Math.max(...at) - Math.min(...at));
  return {
    cpuMs: cpuMsOf(pid) - cpuBefore,
    seconds,
    states: spreads.length,
    spreadMs: quantile(spreads, 0.95),
  };
}

/** Takes about a minute. */
export async function measureFollowers(): Promise<Section> {
  await using stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'platen-bench-data-'));
  stack.defer(() => rm(dataDir, { recursive: true }));
  const pages = stack.use(await startPages({ '/report': readyPage('<h1>Report</h1>') }));
  const env = {
    DATA_DIR: dataDir,
    FRONTEND_ORIGINS: pages.origin,
    REPORT_TOKEN_SECRET: reportTokenSecret,
    RENDER_CONCURRENCY: '2',
  };
  const platen = stack.use(await startPlaten(env));
  await until(
    async () => (await ask<{ database: { state: string } }>(`${platen.url}/readyz`))[0].database.state === 'up',
    30_000,
  );
  const large = await measureLarge(platen);
  await measureFollowed(platen, 1, 'WARM');
  const one = await measureFollowed(platen, 1, 'ONE');
  const many = await measureFollowed(platen, followers, 'MANY');
  const row = (name: string, { cpuMs, seconds, states, spreadMs }: typeof one) => [
    name,
    round(cpuMs),
    round(seconds, 1),
    states,
    round(spreadMs),
  ];
  return {
    title: 'A district in the service, and 200 who follow one run',
    text: [
      `A class run of ${district} students, embedded database, by HTTP, while two renders are under way: milliseconds of the request, of a look at the run, of reading all its ` +
        'items by 1,000, and of cancelling it; resident memory of the service (without its browser) in MB before and after.',
      `Then a run of ${followedReports} reports of one heading each, followed by one and by ${followers} over connections of their own from one other process: processor time of the ` +
        'service and its browser for the whole run, and how long after the first follower the last one has heard of a state (95th percentile of the states).',
    ],
    tables: [
      {
        columns: ['accepted, ms', 'look, ms', 'all items, ms', 'cancelled, ms', 'memory before', 'memory after'],
        rows: [large],
      },
      {
        columns: ['followers', 'CPU ms', 'seconds', 'states heard', 'spread, ms'],
        rows: [row('1', one), row(String(followers), many)],
      },
    ],
  };
}
