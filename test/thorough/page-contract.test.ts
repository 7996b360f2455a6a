// What a report page and Platen owe each other: the session, readiness, the subject, late assets, the printed form.

import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { getDocument, OPS } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { shortTimeoutMs } from '../support/pace.ts';
import { type Pages, readyPage, startPages } from '../support/pages.ts';
import { readPdf } from '../support/pdf.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { signReportToken } from '../support/tokens.ts';

const student = { testId: 'Test_1', classId: 'CLASS_1', reportType: 'student', studentId: 'STU001' };
const teacher = { testId: 'Test_1', classId: 'CLASS_1', reportType: 'teacher', teacherId: 'TCH001' };
const wholeClass = { testId: 'Test_1', classId: 'CLASS_1', reportType: 'overall' };
const reportToken = signReportToken({ role: 'educator', class_id: 'CLASS_1', test_id: 'Test_1' });

/** What pages have told their server about what they saw. */
let heard: Record<string, unknown>[] = [];
beforeEach(() => {
  heard = [];
});

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function listen(req: IncomingMessage, res: ServerResponse): Promise<void> {
  heard.push(JSON.parse(await bodyOf(req)));
  res.end();
}

const html = (body: string, head = '') =>
  `<!doctype html><html lang="en"><head><title>Report</title>${head}</head><body>${body}</body></html>`;
const script = (code: string) => `<script>${code}</script>`;
/** A page whose script tells the server what `expression` gives, and is ready then. */
const tellingPage = (expression: string, head = '') =>
  html(
    '<p>Telling page</p>' +
      script(`fetch('/tell', { method: 'POST', body: JSON.stringify(${expression}) })
        .then(() => { window.__PDF_READY__ = true; })`),
    head,
  );
const seenSession = '{ stored: { ...localStorage }, cookie: document.cookie, from: location.href }';
const subjectMeta = (id: string) => `<meta name="pdf-subject" content="${id}">`;
const imageOfText = (text: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="300" height="40"><text x="5" y="25" font-size="20">${text}</text></svg>`;
const sendImage = (res: ServerResponse, text: string) =>
  res.writeHead(200, { 'content-type': 'image/svg+xml' }).end(imageOfText(text));
/** Never answers. */
const silence = () => undefined;

interface Answer {
  status: number;
  code?: string;
  detail?: string;
  warnings?: string[];
  durationMs?: number;
  diagnosis?: { elapsedMs: number; pending: string[]; stage: string };
}

async function answerOf(response: Response): Promise<Answer> {
  return { ...((await response.json()) as object), status: response.status };
}

interface Stage {
  [Symbol.asyncDispose](): Promise<void>;
  service: TestService;
  pages: Pages;
  /** Serves `page` on all report paths, has a report made of it, and gives the answer. */
  print(page: string, body?: object): Promise<Answer>;
  /** The PDF that was stored by the last print of the student's report. */
  stored(): Promise<Buffer>;
}

async function openStage(env: Record<string, string> = {}): Promise<Stage> {
  await using parts = new AsyncDisposableStack();
  const pages = parts.use(await startPages({}));
  const service = parts.use(await startTestService({ origin: pages.origin, env: { PDF_TIMEOUT: '60000', ...env } }));
  const running = parts.move();
  return {
    service,
    pages,
    async print(page, body = student) {
      pages.pages = { ...pages.pages, '/report': page, '/teacher-report': page, '/tell': listen };
      return answerOf(await service.trigger(body));
    },
    stored: () => readFile(join(service.dataDir, 'documents/reports/CLASS_1/Test_1/students/STU001.pdf')),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

describe('the session', () => {
  let elsewhere: Pages;
  let stage: Stage;
  beforeAll(async () => {
    elsewhere = await startPages({
      '/tell': listen,
      '/report': tellingPage(seenSession),
      '/inner': tellingPage(seenSession),
    });
    const otherHost = elsewhere.origin.replace('127.0.0.1', 'localhost');
    stage = await openStage({ RENDER_ALLOWED_ORIGINS: `${elsewhere.origin} ${otherHost}` });
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
    await elsewhere[Symbol.asyncDispose]();
  });
  const otherOrigins = () => ({
    'another port': elsewhere.origin,
    'another host': elsewhere.origin.replace('127.0.0.1', 'localhost'),
  });

  test('puts the token into localStorage and cookie before the first script of the page', async () => {
    const page = html(
      `<p>Body</p>${script(
        `fetch('/tell', { method: 'POST', body: JSON.stringify(seen) }).then(() => { window.__PDF_READY__ = true; })`,
      )}`,
      script(`var seen = ${seenSession}`),
    );
    expect(await stage.print(page, { ...student, reportToken })).toMatchObject({ status: 202 });
    expect(heard).toMatchObject([{ stored: { token: reportToken }, cookie: `jwt=${reportToken}` }]);
  });

  test('sends the cookie with requests that the page makes to its API', async () => {
    let cookie: string | undefined;
    stage.pages.pages = {
      '/api': (req, res) => {
        cookie = req.headers.cookie;
        res.end();
      },
    };
    const page = html(`<p>x</p>${script(`fetch('/api').then(() => { window.__PDF_READY__ = true; })`)}`);
    expect(await stage.print(page, { ...student, reportToken })).toMatchObject({ status: 202 });
    expect(cookie).toBe(`jwt=${reportToken}`);
  });

  test('is not found by the next report, which has a token of its own', async () => {
    await stage.print(
      tellingPage(`(localStorage.setItem('left', 'behind'), document.cookie = 'left=behind', ${seenSession})`),
      {
        ...student,
        reportToken,
      },
    );
    await stage.print(tellingPage(seenSession), { ...student, studentId: 'STU002' });
    expect(heard).toHaveLength(2);
    expect(heard[1]).not.toMatchObject({ stored: { left: 'behind' } });
    expect(JSON.stringify(heard[1])).not.toContain('behind');
    expect(JSON.stringify(heard[1])).not.toContain(reportToken);
  });

  const cleared = `localStorage.clear(); document.cookie = 'jwt=; path=/; Max-Age=0';`;
  const withFrame = (source: string) =>
    html(
      `<p>Page with a frame</p>
      ${script(`${cleared}
        const frame = document.createElement('iframe');
        frame.src = '${source}';
        frame.onload = () => setTimeout(() => { window.__PDF_READY__ = true; }, 200);
        document.body.append(frame);`)}`,
    );

  test('is never put into a frame of the same origin', async () => {
    stage.pages.pages = { '/inner': tellingPage(seenSession) };
    expect(await stage.print(withFrame('/inner'))).toMatchObject({ status: 202 });
    expect(heard).toEqual([{ stored: {}, cookie: '', from: `${stage.pages.origin}/inner` }]);
  });

  test.each(['another port', 'another host'] as const)('is never put into a frame of %s', async (where) => {
    const url = `${otherOrigins()[where]}/inner`;
    expect(await stage.print(withFrame(url))).toMatchObject({ status: 202 });
    expect(heard).toEqual([{ stored: {}, cookie: '', from: url }]);
  });

  test.each(['another port', 'another host'] as const)('is never seen by %s after a redirect', async (where) => {
    const url = `${otherOrigins()[where]}/report`;
    stage.pages.pages['/report'] = (_req, res) => res.writeHead(302, { location: url }).end();
    expect(await answerOf(await stage.service.trigger(student))).toMatchObject({
      status: 502,
      code: 'page_redirected',
    });
    expect(heard).toEqual([{ stored: {}, cookie: '', from: url }]);
  });

  test('is not put anywhere when a script of the page leads to another port', async () => {
    const url = `${elsewhere.origin}/report`;
    const answer = await stage.print(html(`<p>x</p>${script(`${cleared} location.replace('${url}')`)}`));
    expect(answer).toMatchObject({ status: 502, code: 'page_redirected' });
    expect(heard).toEqual([{ stored: {}, cookie: '', from: url }]);
  });

  test('is not seen by another host to which a script of the page leads', async () => {
    const url = `${otherOrigins()['another host']}/report`;
    const answer = await stage.print(html(`<p>x</p>${script(`location.replace('${url}')`)}`));
    expect(answer).toMatchObject({ status: 502, code: 'page_redirected' });
    expect(heard).toEqual([{ stored: {}, cookie: '', from: url }]);
  });
});

test('the session has the names that the settings give it', async () => {
  const env = { TOKEN_STORAGE_KEY: 'authToken', TOKEN_COOKIE_NAME: 'session' };
  await using stage = await openStage(env);
  await stage.print(tellingPage(seenSession), { ...student, reportToken });
  expect(heard).toMatchObject([{ stored: { authToken: reportToken }, cookie: `session=${reportToken}` }]);
  expect(heard[0]?.stored).toEqual({ authToken: reportToken });
});

test('a page that no token was made for is opened without one', async () => {
  await using stage = await openStage({ REPORT_TOKEN_SECRET: '' });
  expect(await stage.print(tellingPage(seenSession))).toMatchObject({ status: 202 });
  expect(heard).toMatchObject([{ stored: {}, cookie: '' }]);
});

describe('readiness', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ PDF_TIMEOUT: String(await shortTimeoutMs()) });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  const later = (code: string) => script(`setTimeout(() => { document.body.append('Drawn late.'); ${code} }, 300)`);
  const root = "document.documentElement.setAttribute('data-pdf-ready', 'true')";

  test.each([
    ['late, by the variable', html(later('window.__PDF_READY__ = true')), 'Drawn late.'],
    ['late, by the attribute', html(later(root)), 'Drawn late.'],
    ['twice', html(`<p>Twice</p>${script('__PDF_READY__ = true; __PDF_READY__ = true;')}`), 'Twice'],
    ['both ways', html(`<p>Both</p>${script(`__PDF_READY__ = true; ${root}`)}`), 'Both'],
    ['by a variable declared with var', html(`<p>Var</p>${script('var __PDF_READY__ = true')}`), 'Var'],
    ['before its body is there', html('<p>After the head</p>', script('__PDF_READY__ = true')), 'After the head'],
    [
      'in its HTML',
      '<!doctype html><html data-pdf-ready><title>R</title><p>From the start</p></html>',
      'From the start',
    ],
    [
      'in its HTML, with a value',
      '<!doctype html><html data-pdf-ready="true"><title>R</title><p>Valued</p></html>',
      'Valued',
    ],
    [
      'first not, then ready',
      `<!doctype html><html data-pdf-ready="false"><title>R</title><body>${later(root)}</html>`,
      'Drawn late.',
    ],
    [
      'after it has written itself anew',
      html(
        script(
          `setTimeout(() => { document.open(); document.write('<html data-pdf-ready><p>Rewritten</p>'); document.close(); }, 100)`,
        ),
      ),
      'Rewritten',
    ],
  ])('of a page that says it %s', async (_how, page, text) => {
    expect(await stage.print(page)).toMatchObject({ status: 202 });
    expect((await readPdf(await stage.stored())).text).toContain(text);
  });

  test.each([
    ['data-pdf-ready="false"', '<!doctype html><html data-pdf-ready="false"><title>R</title><p>Not yet</p></html>'],
    ['data-pdf-ready on another element', html('<p data-pdf-ready="true">Not the root</p>')],
    ['a value that is not true', html(`<p>Truthy</p>${script("__PDF_READY__ = 'true'; __PDF_READY__ = 1;")}`)],
    [
      'a frame that is ready itself',
      html('<p>Outer</p><iframe srcdoc="<script>__PDF_READY__ = true</script>"></iframe>'),
    ],
    ['a frame whose root says so', html(`<p>Outer</p><iframe srcdoc="<html data-pdf-ready>"></iframe>`)],
  ])('is not taken from %s', async (_what, page) => {
    expect(await stage.print(page)).toMatchObject({ status: 504, code: 'page_not_ready' });
  });

  /** Calls whatever it finds that is not of the web, with what it can learn from the name. */
  const forge = (kind: string) => `for (const name of Object.getOwnPropertyNames(window)) {
      const hex = /[0-9a-f]{32}$/.exec(name)?.[0];
      if (hex === undefined && !/platen|binding/i.test(name)) continue;
      const uuid = (hex ?? '').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
      for (const nonce of [hex, uuid, undefined]) {
        try { window[name](JSON.stringify({ nonce, kind: '${kind}', code: 'FORGED', message: 'FORGED' })); } catch {}
      }
    }`;

  test('cannot be forged by a frame', async () => {
    stage.pages.pages = { '/inner': html(script(forge('ready'))) };
    const answer = await stage.print(html('<p>Outer</p><iframe src="/inner"></iframe>'));
    expect(answer).toMatchObject({ status: 504, code: 'page_not_ready' });
  });

  test('cannot be spoilt by a frame that says that it failed', async () => {
    stage.pages.pages = { '/inner': html(script(`__PDF_ERROR__ = 'FORGED'; ${forge('error')}`)) };
    const page = html(
      `<p>Outer</p>${script('const whenLoaded = () => { setTimeout(() => { window.__PDF_READY__ = true; }, 100); };')}
      <iframe src="/inner" onload="whenLoaded()"></iframe>`,
    );
    expect(await stage.print(page)).toMatchObject({ status: 202 });
  });

  test.each([
    ['a text', "'grades are locked'", 'grades are locked'],
    ['code and message', "{ code: 'E_LOCKED', message: 'grades are locked' }", 'E_LOCKED: grades are locked'],
    ['an Error', "new Error('grades are locked')", 'grades are locked'],
  ])('never comes to a page that says it failed with %s: the render ends at once', async (_form, value, said) => {
    const page = html(`<p>x</p>${script(`setTimeout(() => { window.__PDF_ERROR__ = ${value} }, 50)`)}`);
    const answer = await stage.print(page);
    expect(answer).toMatchObject({ status: 502, code: 'page_failed', detail: expect.stringContaining(said) });
  });

  test.each([
    ['with it', "window.__PDF_READY__ = true; window.__PDF_ERROR__ = 'no figures';"],
    ['before it', "window.__PDF_ERROR__ = 'no figures'; window.__PDF_READY__ = true;"],
    ['after it', "window.__PDF_READY__ = true; setTimeout(() => { window.__PDF_ERROR__ = 'no figures'; }, 100);"],
  ])('does not outdo an error said %s', async (_when, code) => {
    stage.pages.pages = { '/late.svg': silence };
    const answer = await stage.print(html(`<p>x</p><img src="/late.svg" alt="">${script(code)}`));
    expect(answer).toMatchObject({ status: 502, code: 'page_failed', detail: expect.stringContaining('no figures') });
  });

  test('is not spoilt by an error variable that is emptied', async () => {
    const page = html(`<p>x</p>${script('window.__PDF_ERROR__ = null; window.__PDF_READY__ = true;')}`);
    expect(await stage.print(page)).toMatchObject({ status: 202 });
  });

  test('that never comes: the answer quotes what the page waits for', async () => {
    const page = html(`<p>x</p>${script("window.__PDF_PENDING__ = ['grades', 'chart of progress']")}`);
    expect(await stage.print(page)).toMatchObject({
      status: 504,
      code: 'page_not_ready',
      diagnosis: { stage: 'ready', pending: ['grades', 'chart of progress'] },
    });
  });

  test.each(['[null, 42]', '{ toString() { throw 1 } }'])(
    'that never comes: a list of names that is none (%s) does no harm',
    async (value) => {
      const page = html(`<p>x</p>${script(`window.__PDF_PENDING__ = ${value}`)}`);
      const answer = await stage.print(page);
      expect(answer).toMatchObject({ status: 504, code: 'page_not_ready' });
      expect(Array.isArray(answer.diagnosis?.pending)).toBe(true);
    },
  );
});

describe('the subject', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  let tests = 1;
  const classMeta = (id: string) => `<meta name="pdf-class" content="${id}">`;
  const setLate = `<meta name="pdf-subject" content="STU002">${script(
    "document.querySelector('meta[name=pdf-subject]').content = 'STU001'",
  )}`;

  test.each([
    ['a student page that shows the student', student, subjectMeta('STU001')],
    ['a student page that says nothing', student, ''],
    ['a student page that corrects itself before it is ready', student, setLate],
    ['a teacher page that shows the teacher', teacher, subjectMeta('TCH001')],
    ['a class page that shows the class', wholeClass, subjectMeta('CLASS_1')],
    ['a class page that says nothing', wholeClass, ''],
    ['a page that names the class', student, classMeta('CLASS_1')],
  ])('of %s is good', async (_what, body, head) => {
    expect(await stage.print(readyPage('<p>x</p>', head), body)).toMatchObject({ status: 202 });
  });

  test.each([
    ['a student page that shows another student', student, subjectMeta('STU002')],
    ['a student page that shows a longer id', student, subjectMeta('STU0011')],
    ['a student page that shows the class', student, subjectMeta('CLASS_1')],
    ['a student page that shows two students', student, subjectMeta('STU001') + subjectMeta('STU002')],
    ['a teacher page that shows another teacher', teacher, subjectMeta('TCH002')],
    ['a class page that shows another class', wholeClass, subjectMeta('CLASS_2')],
    ['a page that names another class', student, subjectMeta('STU001') + classMeta('CLASS_2')],
  ])('of %s is wrong, and nothing is stored', async (_what, body, head) => {
    const request = { ...body, testId: `Test_${++tests}` };
    expect(await stage.print(readyPage('<p>x</p>', head), request)).toMatchObject({
      status: 502,
      code: 'wrong_subject',
    });
    expect((await stage.service.storedKeys()).filter((key) => key.includes(`/${request.testId}/`))).toEqual([]);
  });
});

describe('a subject that is compulsory', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ REQUIRE_PDF_SUBJECT: 'true' });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test.each([
    ['student', student, ''],
    ['student, with an empty marker', student, subjectMeta('')],
    ['teacher', teacher, ''],
  ])('is wrong where it is missing (%s)', async (_kind, body, head) => {
    expect(await stage.print(readyPage('<p>x</p>', head), body)).toMatchObject({ status: 502, code: 'wrong_subject' });
  });

  test.each([
    ['student', student, subjectMeta('STU001')],
    ['teacher', teacher, subjectMeta('TCH001')],
    ['class, which needs none', wholeClass, ''],
  ])('is good where it is right (%s)', async (_kind, body, head) => {
    expect(await stage.print(readyPage('<p>x</p>', head), body)).toMatchObject({ status: 202 });
  });
});

describe('what is late', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ ASSET_GRACE_MS: '800' });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test('an image that does not come is left out after the grace, with a warning', async () => {
    stage.pages.pages = { '/never.png': silence };
    const answer = await stage.print(readyPage('<p>Without image</p><img src="/never.png?token=secret" alt="">'));
    expect(answer).toMatchObject({ status: 202, warnings: [expect.stringContaining('/never.png')] });
    expect(JSON.stringify(answer)).not.toContain('secret');
    expect(answer.durationMs).toBeGreaterThanOrEqual(800);
  });

  test('a font that does not come is left out after the grace, with a warning, and its text is drawn', async () => {
    stage.pages.pages = { '/never.woff2': silence };
    const css = `<style>@font-face { font-family: Late; src: url(/never.woff2) } p { font-family: Late, serif }</style>`;
    const answer = await stage.print(readyPage('<p>Drawn in another font</p>', css));
    expect(answer).toMatchObject({ status: 202, warnings: ['printed_without /never.woff2'] });
    expect((await readPdf(await stage.stored())).text).toContain('Drawn in another font');
  });

  const lateImage = (_req: IncomingMessage, res: ServerResponse) =>
    void setTimeout(() => sendImage(res, 'Came in time'), 300);

  test.each([
    ['an image', '<img src="/late.svg" alt="">'],
    [
      'a lazy image below the fold',
      '<div style="height: 9000px">Long</div><img src="/late.svg" loading="lazy" alt="">',
    ],
    ['a background', '<div style="height: 50px; background: url(/late.svg) no-repeat"></div>'],
    ['an image in a drawing', '<svg width="300" height="50"><image href="/late.svg" width="300" height="40" /></svg>'],
  ])('%s that comes within the grace is drawn', async (_what, body) => {
    stage.pages.pages = { '/late.svg': lateImage };
    expect(await stage.print(readyPage(`<p>Page</p>${body}`))).toMatchObject({ status: 202, warnings: [] });
    expect((await readPdf(await stage.stored())).text).toContain('Came in time');
  });

  test.each([
    ['an uncaught error', "throw new Error('the chart is broken')"],
    ['a rejected promise', "Promise.reject(new Error('the chart is broken'))"],
  ])('%s is reported', async (_what, code) => {
    const answer = await stage.print(
      html(`<p>x</p>${script('setTimeout(() => { __PDF_READY__ = true }, 50)')}${script(code)}`),
    );
    expect(answer).toMatchObject({ status: 202, warnings: [expect.stringContaining('the chart is broken')] });
  });
});

describe('an uncaught error with PAGE_ERRORS=fail', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({ PAGE_ERRORS: 'fail' });
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test.each([
    ['before ready', script("throw new Error('the chart is broken')") + script('__PDF_READY__ = true')],
    ['just after ready', script("__PDF_READY__ = true; throw new Error('the chart is broken')")],
    ['as a rejected promise', script("Promise.reject(new Error('the chart is broken')); __PDF_READY__ = true;")],
  ])('fails the render (%s)', async (_when, code) => {
    expect(await stage.print(html(`<p>x</p>${code}`))).toMatchObject({
      status: 502,
      code: 'page_failed',
      diagnosis: { consoleErrors: [expect.stringContaining('the chart is broken')] },
    });
  });

  test('is none where the page catches it', async () => {
    const page = html(
      `<p>x</p>${script('try { throw new Error() } catch { console.error("caught") }; __PDF_READY__ = true')}`,
    );
    expect(await stage.print(page)).toMatchObject({ status: 202 });
  });
});

describe('the printed form', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  interface Ink {
    colours: string[];
    /** Left, top, right and bottom ends of the text on the first page, in points from its edges. */
    gaps: { left: number; top: number; right: number };
  }

  async function inkOf(bytes: Buffer): Promise<Ink> {
    const task = getDocument({ data: new Uint8Array(bytes), verbosity: 0 });
    const page = await (await task.promise).getPage(1);
    const { fnArray, argsArray } = await page.getOperatorList();
    const colours = argsArray.filter((_, index) => fnArray[index] === OPS.setFillRGBColor).map(String);
    const { width, height } = page.getViewport({ scale: 1 });
    const boxes = (await page.getTextContent()).items.flatMap((item) => {
      if (!('str' in item) || item.str.trim() === '') return [];
      const [, , , size, x, y] = item.transform as [number, number, number, number, number, number];
      return [{ left: x, right: width - x - item.width, top: height - y - size }];
    });
    await task.destroy();
    const least = (side: 'left' | 'right' | 'top') => Math.min(...boxes.map((box) => box[side]));
    return { colours, gaps: { left: least('left'), right: least('right'), top: least('top') } };
  }

  const bare = '<style>body { margin: 0; font: 16px/16px serif } div { text-align: right }</style>';

  test('is A4 with background, margins of 20 px, tags, outline, title and language', async () => {
    const page = `<!doctype html><html lang="ta" data-pdf-ready><head><title>Report of Amara</title>${bare}</head>
      <body style="background: #123456"><span>Left</span><div>Right</div><h1>First chapter</h1></body></html>`;
    expect(await stage.print(page)).toMatchObject({ status: 202, pages: 1, warnings: [] });
    const pdf = await readPdf(await stage.stored());
    expect(pdf).toMatchObject({ title: 'Report of Amara', language: 'ta', isTagged: true, hasOutline: true, pages: 1 });
    expect(pdf.size[0]).toBeGreaterThanOrEqual(595);
    expect(pdf.size[0]).toBeLessThanOrEqual(596);
    expect(pdf.size[1]).toBe(842);
    const { colours, gaps } = await inkOf(await stage.stored());
    expect(colours).toContain('#123456');
    expect(gaps.left).toBeCloseTo(15, 0);
    expect(Math.abs(gaps.right - 15)).toBeLessThan(1.5);
    expect(Math.abs(gaps.top - 15)).toBeLessThan(5);
  });

  test('comes from a view of 1200×800', async () => {
    expect(await stage.print(tellingPage('{ width: innerWidth, height: innerHeight }'))).toMatchObject({ status: 202 });
    expect(heard).toEqual([{ width: 1200, height: 800 }]);
  });

  test.each([
    ['300px 400px', [225, 300]],
    ['A5 landscape', [595, 420]],
  ])('has the size that the page itself sets: %s', async (size, points) => {
    expect(await stage.print(readyPage('<p>x</p>', `<style>@page { size: ${size} }</style>`))).toMatchObject({
      status: 202,
    });
    const { size: printed } = await readPdf(await stage.stored());
    for (const [index, length] of printed.entries()) expect(Math.abs(length - (points[index] ?? 0))).toBeLessThan(2);
  });

  test('takes the style that the page has for print', async () => {
    const head = '<style>@media print { .screen { display: none } } @media screen { .print { display: none } }</style>';
    const body = '<p class="screen">Only on screen</p><p class="print">Only on paper</p>';
    expect(await stage.print(readyPage(body, head))).toMatchObject({ status: 202 });
    const { text } = await readPdf(await stage.stored());
    expect(text).toContain('Only on paper');
    expect(text).not.toContain('Only on screen');
  });
});
