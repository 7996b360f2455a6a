// Many renders of every kind on one service: what grows with their number would grow for ever.

import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type Pages, startPages } from '../test/support/pages.ts';
import { familyOf, listProcesses } from '../test/support/process.ts';
import type { Chance } from '../test/support/random.ts';
import { ask, askWith, triggerAt } from '../test/support/requests.ts';
import { pathOf } from '../test/support/stored-reports.ts';
import { adminToken, signUserToken } from '../test/support/tokens.ts';
import { until } from '../test/support/until.ts';
import { type MeasuredProcess, startPlaten } from './processes.ts';
import { round, slope } from './statistics.ts';

const perSample = 20;
const atOnce = 2;
const students = 50;
const mostWarmUp = 100;
/** From here on the slopes say something. */
const fewestForSlopes = 500;
const megabyte = 1024 * 1024;

/** What is sampled, and how much of it may be gained: per 100 renders, and from the warm-up to the end of a short run. */
const limits = {
  'service heap MB': { per100: 1, inAll: 60 },
  'service resident MB': { per100: 3, inAll: 150 },
  'browser resident MB': { per100: 10, inAll: 500 },
  'service open files': { per100: 0.5, inAll: 15 },
  processes: { per100: 0.3, inAll: 8 },
  'temporary folders': { per100: 0.1, inAll: 2 },
};
type Figure = keyof typeof limits;
type Sample = { renders: number } & Record<Figure, number>;

const figuresOf = (id: string) => {
  const rows = Array.from({ length: 150 }, (_, row) => ({ question: `Question ${row + 1}`, mark: (row * 7) % 100 }));
  return JSON.stringify({ id, rows });
};

/** A report of some pages that its script makes from the figures of its API. */
const reportPage = `<!doctype html><html lang="en"><head><title>Report</title></head><body><h1></h1><table></table><script>
fetch('/figures' + location.search, { headers: { authorization: localStorage.getItem('token') } })
  .then((response) => response.json()).then(({ id, rows }) => {
    document.querySelector('h1').textContent = 'Figures of ' + id;
    document.querySelector('table').innerHTML = rows.map(({ question, mark }) =>
      '<tr><td>' + question + '<td>' + mark + '<td><svg width="100" height="20"><rect height="20" width="' + mark + '"/></svg>').join('');
    if (id.startsWith('FAIL')) window.__PDF_ERROR__ = 'no figures today';
    else window.__PDF_READY__ = true;
  });
</script></body></html>`;

const startReports = (): Promise<Pages> =>
  startPages({
    '/report': reportPage,
    '/figures': (req: IncomingMessage, res: ServerResponse) => {
      const id = new URL(req.url ?? '', 'http://localhost').searchParams.get('studentId') ?? '';
      res.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(figuresOf(id));
    },
  });

const oneToken = signUserToken({ role: 'admin', user_id: 'ADM1', class_id: 'C1', jti: 'kept' });
let tokens = 0;
const newToken = () => signUserToken({ role: 'admin', user_id: 'ADM1', class_id: 'C1', jti: `soak-${++tokens}` });

interface Service {
  url: string;
  chance: Chance;
}

async function triggerWith({ url }: Service, studentId: string, reportToken: string): Promise<number> {
  const body = { testId: '1', classId: 'C1', reportType: 'student', studentId, reportToken };
  return (await triggerAt(url, body)).status;
}

const anyStudent = ({ chance }: Service) => `STU${chance.whole(students)}`;

/** Each kind of work, and the status that it must end with. */
const kinds = {
  'one token': { wanted: 202, run: (service: Service) => triggerWith(service, anyStudent(service), oneToken) },
  'a new token': { wanted: 202, run: (service: Service) => triggerWith(service, anyStudent(service), newToken()) },
  'a failing page': { wanted: 502, run: (service: Service) => triggerWith(service, 'FAIL1', newToken()) },
  'a caller who goes away': { wanted: 0, run: askAndLeave },
};
type Kind = keyof typeof kinds;
/** As often as they are here. */
const mix: [Kind, ...Kind[]] = [
  'one token',
  'one token',
  'one token',
  'a new token',
  'a new token',
  'a failing page',
  'a caller who goes away',
];

async function askAndLeave({ url, chance }: Service): Promise<number> {
  const caller = new AbortController();
  // Never stored: each has a render of its own, and most leave in the middle of it.
  const asked = askWith(newToken(), url + pathOf(`GONE${++tokens}`), { signal: caller.signal });
  const ended = asked.then(
    () => 0,
    () => 0,
  );
  await setTimeout(chance.whole(300));
  caller.abort();
  return ended;
}

async function runSome(service: Service, done: Map<string, number>): Promise<void> {
  let left = perSample;
  const work = async () => {
    while (left-- > 0) {
      const kind = service.chance.pick(mix);
      const status = await kinds[kind].run(service);
      if (status !== kinds[kind].wanted) throw new Error(`${kind} ended with ${status}`);
      done.set(kind, (done.get(kind) ?? 0) + 1);
      // Beside the renders, somebody reads what is stored.
      await askWith(adminToken(), `${service.url}${pathOf(anyStudent(service))}`, { method: 'HEAD' });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

const residentMb = (pid: number) => {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
};

async function takeSample(renders: number, { pid, url }: MeasuredProcess, temporary: string): Promise<Sample> {
  const metric = async (name: string) => {
    const { body } = await ask(`${url}/metrics`);
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(body.toString())?.[1] ?? 0);
  };
  await until(async () => (await metric('platen_renders_active')) === 0, 60_000);
  const family = familyOf(pid);
  const browser = family.filter((each) => each.pid !== pid).reduce((sum, each) => sum + residentMb(each.pid), 0);
  return {
    renders,
    'service heap MB': (await metric('nodejs_heap_size_used_bytes')) / megabyte,
    'service resident MB': residentMb(pid),
    'browser resident MB': browser,
    'service open files': readdirSync(`/proc/${pid}/fd`).length,
    processes: family.length,
    'temporary folders': readdirSync(temporary).length,
  };
}

export interface RendersReport {
  columns: string[];
  rows: (string | number)[][];
  done: Map<string, number>;
  /** What was not flat, or was left behind. */
  faults: string[];
}

function judge(samples: Sample[], renders: number): Pick<RendersReport, 'columns' | 'rows' | 'faults'> {
  const isLong = renders >= fewestForSlopes;
  const warmUp = Math.min(mostWarmUp, renders / 5);
  const warm = samples.filter((each) => each.renders >= warmUp);
  const faults: string[] = [];
  const rows = (Object.keys(limits) as Figure[]).map((figure) => {
    const values = warm.map((each) => each[figure]);
    const per100 = 100 * slope(warm.map((each) => [each.renders, each[figure]]));
    const gained = (values.at(-1) ?? 0) - (values[0] ?? 0);
    const isFlat = isLong ? per100 <= limits[figure].per100 : gained <= limits[figure].inAll;
    if (!isFlat) faults.push(`${figure} grew: ${round(per100, 2)} per 100 renders, ${round(gained, 1)} in all`);
    const [first = 0, last = 0] = [values[0], values.at(-1)];
    const most = Math.max(...values);
    const limit = isLong ? `${limits[figure].per100} per 100` : `${limits[figure].inAll} in all`;
    return [figure, round(first, 1), round(last, 1), round(most, 1), round(per100, 2), limit, isFlat ? 'yes' : 'NO'];
  });
  const columns = [
    `figure, after ${Math.round(warmUp)} renders`,
    'first',
    'last',
    'most',
    'per 100 renders',
    'limit',
    'flat',
  ];
  return { columns, rows, faults };
}

function leftIn(folder: string): string[] {
  const here = listProcesses().filter(({ commandLine }) => commandLine.includes(folder));
  return [
    ...readdirSync(join(folder, 'tmp')).map((name) => `left behind: ${name}`),
    ...here.map(({ pid }) => `still running: ${pid}`),
  ];
}

/** Renders so often, at least; samples when nothing is under way. */
export async function soakRenders(renders: number, chance: Chance): Promise<RendersReport> {
  const folder = await mkdtemp(join(tmpdir(), 'platen-soak-'));
  await using cleaning = new AsyncDisposableStack();
  cleaning.defer(() => rm(folder, { recursive: true }));
  const temporary = join(folder, 'tmp');
  await mkdir(temporary);
  const pages = cleaning.use(await startReports());
  const done = new Map<string, number>();
  const samples: Sample[] = [];
  {
    await using platen = await startPlaten({
      FRONTEND_ORIGINS: pages.origin,
      DATA_DIR: join(folder, 'data'),
      TMPDIR: temporary,
      RENDER_CONCURRENCY: String(atOnce),
      // So that it happens several times.
      BROWSER_RECYCLE_AFTER: '200',
    });
    for (let count = perSample; count <= renders; count += perSample) {
      await runSome({ url: platen.url, chance }, done);
      pages.requests.length = 0;
      samples.push(await takeSample(count, platen, temporary));
      process.stdout.write(`\r${count} renders`);
    }
    process.stdout.write('\n');
  }
  const { faults, ...table } = judge(samples, renders);
  return { ...table, done, faults: [...faults, ...leftIn(folder)] };
}
