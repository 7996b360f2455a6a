// Real frontends with their default animations are printed as they look when they are still, in a new tab and in a kept one.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Pages } from '../support/pages.ts';
import { readPdf } from '../support/pdf.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { signUserToken } from '../support/tokens.ts';
import { marks } from './figures.ts';
import { isNextBuilt, startNext } from './support/next-app.ts';
import { differenceOf, isPopplerThere, keepForEyes, type Picture, picturesOf, readChart } from './support/picture.ts';
import { areBuilt, startSite } from './support/site.ts';

/** In what share of its pixels a print may differ from the reference: a spinner's turn takes 0.00005, what is half grown 0.05. */
const mayDiffer = 0.001;
/** How far the height of a bar may be off its mark, as a share of it. */
const mayBeOff = 0.02;

const names = [
  'recharts-2',
  'recharts-3',
  'chartjs',
  'react-chartjs-2',
  'echarts-svg',
  'echarts-canvas',
  'highcharts',
  'd3',
  'plotly',
  'plotly-animate',
  'apexcharts',
  'motion',
  'gsap',
  'react-spring',
  'css-keyframes',
  'css-transition',
  'css-late',
  'web-animations',
  'timers',
  'react-fetch',
  'vue',
  'angular',
] as const;

const keptIn = process.env.FRONTENDS_KEEP;
if (keptIn !== undefined) await mkdir(keptIn, { recursive: true });

interface Print {
  warnings: string[];
  durationMs: number;
  pages: number;
  text: string;
  pictures: Picture[];
}

/**
 * `student` is the page as it is, `overall` the same one with `?still`.
 * Tokens are the backend's own, so that their tabs are kept for the next print.
 */
const startPrinter = (origin: string, folder = '/report') =>
  startTestService({
    origin,
    env: {
      PAGE_STUDENT: `${folder}/{testId}?student={studentId}`,
      PAGE_CLASS: `${folder}/{testId}?still&student={studentId}`,
      REPORT_TOKEN_SECRET: undefined,
      PDF_TIMEOUT: '12000',
    },
  });

let count = 0;
const newToken = () => signUserToken({ jti: String(++count) });

async function print(service: TestService, name: string, token: string, how: string): Promise<Print> {
  const report = how === 'still' ? { reportType: 'overall' } : { reportType: 'student', studentId: 'STU001' };
  const response = await service.trigger({ ...report, testId: name, classId: 'CLASS_1', reportToken: token });
  const answer = (await response.json()) as { s3Key?: string; warnings: string[]; durationMs: number };
  if (answer.s3Key === undefined) throw new Error(`${name} was not printed: ${JSON.stringify(answer)}`);
  const pdf = await readFile(join(service.dataDir, 'documents', answer.s3Key));
  if (keptIn !== undefined) await keepForEyes(keptIn, `${name}-${how}`, pdf);
  const { pages, text } = await readPdf(pdf);
  return { warnings: answer.warnings, durationMs: answer.durationMs, pages, text, pictures: picturesOf(pdf) };
}

function expectFullHeight({ pictures }: Print): void {
  const heights = readChart(pictures[0]);
  expect(heights).toHaveLength(marks.length);
  for (const [index, mark] of marks.entries()) {
    expect(Math.abs((heights[index] ?? 0) / mark - 1)).toBeLessThan(mayBeOff);
  }
}

function expectSame(printed: Print | undefined, still: Print): void {
  expect(printed).toMatchObject({ warnings: [], pages: still.pages, text: still.text });
  if (printed === undefined) return;
  expect(differenceOf(printed.pictures, still.pictures)).toBeLessThan(mayDiffer);
  expectFullHeight(printed);
}

const measured: string[] = [];

/** What is proved of one page; `printer` is there when the tests run. */
function describePrints(name: string, testHere: typeof test | typeof test.skip, printer: () => TestService): void {
  let still: Print;
  let moving: Print[];
  if (testHere === test) {
    beforeAll(async () => {
      still = await print(printer(), name, newToken(), 'still');
      moving = [];
      const token = newToken();
      for (const how of ['new', 'kept', 'kept-again']) moving.push(await print(printer(), name, token, how));
      const shares = moving.map((each) => `${(differenceOf(each.pictures, still.pictures) * 100).toFixed(3)} %`);
      const times = moving.map((each) => each.durationMs);
      measured.push(`| ${[name, ...shares, still.durationMs, ...times].join(' | ')} |`);
    });
  }
  testHere('is whole without its animations', () => {
    expect(still.warnings).toEqual([]);
    expectFullHeight(still);
  });
  testHere('looks the same with them in a new tab', () => expectSame(moving[0], still));
  testHere('looks the same with them in a kept tab', () => {
    expectSame(moving[1], still);
    expectSame(moving[2], still);
  });
}

afterAll(() => {
  if (measured.length === 0) return;
  const head = '| frontend | differs in a new tab | kept | kept again | ms still | new | kept | kept again |';
  process.stdout.write(`\n${head}\n|${' --- |'.repeat(8)}\n${measured.join('\n')}\n`);
});

describe('what this test sees by', () => {
  /** Bars on white paper, as high as given, below a line at 100. */
  function draw(heights: number[]): Picture {
    const [width, height, white, grey, blue] = [200, 150, [255, 255, 255], [200, 200, 200], [37, 99, 235]];
    const colourAt = (x: number, y: number) => {
      if (y === 20) return grey;
      return x % 40 < 25 && y < 120 && y >= 120 - (heights[Math.floor(x / 40)] ?? 0) ? blue : white;
    };
    const rows = Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => colourAt(x, y)));
    return { width, height, pixels: Buffer.from(rows.flat(2)) };
  }
  const whole = draw(marks);

  test('finds the heights of whole bars, and that others are not as high', () => {
    expect(readChart(whole).map(Math.round)).toEqual(marks);
    expect(() => readChart(draw(marks.map((mark) => mark / 2)))).toThrow('no line of 100');
    expect(readChart(draw(marks.map((mark) => mark * 0.95)))[4]).toBeLessThan(marks[4] ?? 0);
  });

  test('overlooks an edge that lies a pixel further, but no piece of a bar and no page', () => {
    expect(differenceOf([whole], [whole])).toBe(0);
    expect(differenceOf([draw(marks.map((mark) => mark - 1))], [whole])).toBe(0);
    expect(differenceOf([draw(marks.map((mark) => mark - 4))], [whole])).toBeGreaterThan(mayDiffer);
    expect(differenceOf([whole], [draw(marks.map((mark) => mark - 4))])).toBeGreaterThan(mayDiffer);
    expect(differenceOf([whole, whole], [whole])).toBe(1);
  });
});

const missing = isPopplerThere ? undefined : 'pdftoppm of poppler-utils is missing';
const named = (what: string, reason: string | undefined) =>
  reason === undefined ? what : `${what} (skipped: ${reason})`;

const missingPages = missing ?? (areBuilt ? undefined : 'test/frontends is not installed and built');
describe(named('a page that moves when it says that it is ready', missingPages), () => {
  const testHere = missingPages === undefined ? test : test.skip;
  let pages: Pages;
  let service: TestService;
  if (missingPages === undefined) {
    beforeAll(async () => {
      pages = await startSite(names);
      service = await startPrinter(pages.origin);
    });
    afterAll(async () => {
      await service[Symbol.asyncDispose]();
      await pages[Symbol.asyncDispose]();
    });
  }

  describe.each(names)('%s', (name) => {
    describePrints(name, testHere, () => service);

    testHere('was printed in two tabs, one of them kept', () => {
      expect(pages.requests.filter((path) => path === `/${name}.js`)).toHaveLength(2);
    });
  });
});

const missingNext = missing ?? (isNextBuilt ? undefined : 'test/frontends/next is not installed and built');
describe(named('a Next.js app that streams', missingNext), () => {
  const testHere = missingNext === undefined ? test : test.skip;
  let app: Awaited<ReturnType<typeof startNext>>;
  if (missingNext === undefined) {
    beforeAll(async () => {
      app = await startNext();
    });
    afterAll(async () => app[Symbol.asyncDispose]());
  }

  describe.each([
    ['next', 'open to all', '/open'],
    ['next-door', 'behind a door that asks for the cookie', '/report'],
  ])('%s: %s', (name, _where, folder) => {
    let service: TestService;
    if (missingNext === undefined) {
      beforeAll(async () => {
        service = await startPrinter(app.origin, folder);
      });
      afterAll(async () => service[Symbol.asyncDispose]());
    }
    describePrints(name, testHere, () => service);
  });

  testHere('has a door that lets nobody in without the cookie', async () => {
    const response = await fetch(`${app.origin}/report/next`, { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([307, '/login']);
  });
});
