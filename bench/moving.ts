// Pages that move: what it costs to bring them to rest, beside the same pages that stand still, and one that waits for itself.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { triggerAt } from '../test/support/requests.ts';
import { reportTokenSecret, signUserToken } from '../test/support/tokens.ts';
import { type Measured, measureReports, runClass } from './class-run.ts';
import { type Behaviour, startLightPage } from './light-page.ts';
import { startPlaten, startServer } from './processes.ts';
import type { Section, Table } from './report.ts';
import { median, round } from './statistics.ts';

const rounds = Number(process.env.BENCH_ROUNDS ?? 4);
const perRound = Number(process.env.BENCH_PER_ROUND ?? 15);
const students = 30;
const atOnce = 2;
/** With 66 students, of whom the first are asked for. */
const school = '5619';

interface Side {
  name: string;
  measure(): Promise<Measured>;
}

/** Of each side its rounds; in each round another goes first. */
async function measureInTurn(sides: Side[]): Promise<Measured[][]> {
  const measured = sides.map((): Measured[] => []);
  for (const { measure } of sides) await measure();
  for (let number = 0; number < rounds; number++) {
    for (let turn = 0; turn < sides.length; turn++) {
      const at = (number + turn) % sides.length;
      const side = sides[at];
      if (side !== undefined) measured[at]?.push(await side.measure());
    }
  }
  return measured;
}

/** One row for each side: medians of the rounds, and of what it takes in each round for what the first one takes there. */
async function compare(first: string, sides: Side[]): Promise<Table> {
  const measured = await measureInTurn(sides);
  const msOf = ({ perSecond }: Measured) => 1000 / perSecond;
  const cpuOf = ({ cpuMs }: Measured) => cpuMs;
  const rows = sides.map(({ name }, at) => {
    const own = measured[at] ?? [];
    const ratio = (read: (measured: Measured) => number) => {
      const ratios = own.map((each, index) => read(each) / read(measured[0]?.[index] as Measured));
      return at === 0 ? '' : round(median(ratios), 2);
    };
    const perSecond = median(own.map((each) => each.perSecond));
    return [
      name,
      round(perSecond, 2),
      round(1000 / perSecond),
      ratio(msOf),
      round(median(own.map(cpuOf))),
      ratio(cpuOf),
    ];
  });
  return {
    columns: [first, 'reports/s', 'ms per report', 'ratio of time', 'CPU ms per report', 'ratio of CPU'],
    rows,
  };
}

async function makeDataDir(parts: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'platen-bench-data-'));
  parts.defer(() => rm(folder, { recursive: true }));
  return folder;
}

/** The same school and class for two services, of which one asks for pages without animations. */
async function compareClassRuns(): Promise<Table> {
  await using parts = new AsyncDisposableStack();
  const frontend = parts.use(await startServer(['bench/large-school.ts'], {}));
  const studentIds = Array.from(
    { length: students },
    (_, index) => `STU_${school}_${String(index + 1).padStart(2, '0')}`,
  );
  const startSide = async (name: string, query: string): Promise<Side> => {
    const platen = parts.use(
      await startPlaten({
        DATA_DIR: await makeDataDir(parts),
        FRONTEND_ORIGINS: frontend.url.replace('127.0.0.1', 'localhost'),
        RENDER_CONCURRENCY: String(atOnce),
        REPORT_TOKEN_SECRET: reportTokenSecret,
        PAGE_STUDENT: `/report?studentId={studentId}&testId={testId}${query}`,
      }),
    );
    const run = () => runClass(platen.url, { classId: `CLASS_${school}`, testId: '1', studentIds });
    return { name, measure: () => measureReports(platen.pid, students, run) };
  };
  return await compare('a class run', [
    await startSide('`animations=off`', '&animations=off'),
    await startSide('with animations', ''),
  ]);
}

/** One service, one kept tab: only how the page behaves differs. */
async function compareLightPages(): Promise<Table> {
  await using parts = new AsyncDisposableStack();
  const pages = parts.use(await startLightPage());
  const platen = parts.use(
    await startPlaten({ DATA_DIR: await makeDataDir(parts), FRONTEND_ORIGINS: pages.origin, RENDER_CONCURRENCY: '1' }),
  );
  const reportToken = signUserToken({ role: 'admin', user_id: 'ADM001', class_id: 'C1' });
  let tests = 0;
  const trigger = async (studentId: Behaviour) => {
    const body = { reportType: 'student', classId: 'C1', testId: `Test_${++tests}`, studentId, reportToken };
    const { status, body: answer } = await triggerAt(platen.url, body);
    if (status !== 202) throw new Error(`${status} ${answer}`);
  };
  const side = (name: string, behaviour: Behaviour): Side => ({
    name,
    measure: () =>
      measureReports(platen.pid, perRound, async () => {
        for (let each = 0; each < perRound; each++) await trigger(behaviour);
      }),
  });
  return await compare('a light page', [
    side('stands still', 'still'),
    side('moves, and says ready at once', 'moving'),
    side('moves, and says ready when its animation has ended', 'waiting'),
  ]);
}

/** Takes about five minutes. */
export async function measureMoving(): Promise<Section> {
  return {
    title: 'Moving pages',
    text: [
      `A class run of ${students} reports of the example school, ${atOnce} at once, embedded database, with the animations of its charts (a second and more by the library's ` +
        'own default, and the page says ready as soon as they are told to draw), beside the same run with `animations=off` by a second service.',
      'Then a light page of 80 cards, 12 bars in SVG and 12 on a canvas, drawn by plain JavaScript, one at a time in one kept tab: the bars at rest from the start; ' +
        'growing for a second by `requestAnimationFrame`; and growing while the page waits for itself before it says that it is ready.',
      `Processor time of the trees of processes is read from the kernel. ${rounds} rounds in turn after one to warm up (of the light page ${perRound} documents each); medians ` +
        'of the rounds, and of the ratios to the first row inside each round.',
    ],
    tables: [await compareClassRuns(), await compareLightPages()],
  };
}
