// A page that floods the browser with words, requests or messages: it ends alone, its neighbours in the same browser are well.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Pages, readyPage, startPages } from '../support/pages.ts';
import { startServiceProcess } from '../support/process.ts';
import { readMetric } from '../support/requests.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { serviceToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

/** Serves each student's own page, by the number in the address. */
const byStudent = new Map<string, string>();
/** Pages of neighbours wait for this. */
let gate = Promise.withResolvers<void>();
let pages: Pages;
let service: TestService;
beforeAll(async () => {
  const answer = async (req: IncomingMessage, res: ServerResponse) => {
    const student = new URL(req.url ?? '', 'http://localhost').searchParams.get('studentId') ?? '';
    const page = byStudent.get(student);
    if (page === undefined) await gate.promise;
    res.writeHead(200, { 'content-type': 'text/html' }).end(page ?? readyPage('<p>A neighbour</p>'));
  };
  pages = await startPages({ '/report': answer });
  service = await startTestService({
    origin: pages.origin,
    env: { RENDER_CONCURRENCY: '3', PDF_TIMEOUT: '60000' },
  });
  expect((await trigger(readyPage('<p>The first</p>'))).status).toBe(202);
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await pages[Symbol.asyncDispose]();
});

let students = 0;
function trigger(page?: string): Promise<Response> {
  const studentId = `STU${++students}`;
  if (page !== undefined) byStudent.set(studentId, page);
  return service.trigger({ testId: '1', classId: 'C1', reportType: 'student', studentId });
}

const flooding = (code: string) =>
  `<!doctype html><html lang="en"><head><title>Flood</title></head><body><p>Flood</p><script>
    const often = (act) => { const again = () => { for (let n = 0; n < 2000; n++) act(n); setTimeout(again); }; again(); };
    ${code}
  </script></body></html>`;

test.each([
  ['lines to its console', "often((n) => console.log('line', n))"],
  ['objects to its console', 'often((n) => console.info({ n, list: [1, 2, 3] }, document.body))'],
  ['long errors to its console', "const long = 'x'.repeat(20000); often(() => console.error(long))"],
  ['one endless line to its console', "const long = 'x'.repeat(12_000_000); setInterval(() => console.error(long))"],
  ['errors that nobody catches', "often((n) => queueMicrotask(() => { throw new Error('thrown ' + n) }))"],
  ['promises that nobody catches', "often((n) => void Promise.reject(new Error('rejected ' + n)))"],
  ['requests', "often((n) => void fetch('/nothing?' + n).catch(() => undefined))"],
  ['images', "often((n) => { new Image().src = '/nothing?' + n; })"],
])('a page that floods with %s is resource_limit, and its neighbours are printed', async (_what, code) => {
  gate = Promise.withResolvers<void>();
  const neighbours = [trigger(), trigger()];
  await until(async () => (await service.metric('platen_renders_active')) === 2);
  const flood = trigger(flooding(code));
  const answer = await flood;
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([502, 'resource_limit']);
  gate.resolve();
  expect((await Promise.all(neighbours)).map(({ status }) => status)).toEqual([202, 202]);
});

test('a page without 3,000 of its images is told of in a few lines', async () => {
  const page = readyPage(
    '<p>Images</p><script>for (let n = 0; n < 3000; n++) document.body.append(Object.assign(new Image(), { src: "/gone/" + n + ".png" }))</script>',
  );
  const answer = await trigger(page);
  const text = await answer.text();
  expect([answer.status, (JSON.parse(text) as { warnings: string[] }).warnings.length]).toEqual([202, 11]);
  expect(text).toContain('"printed_without and 2990 more"');
  expect(text.length).toBeLessThan(2000);
});

test('a page that tries 500 places is told of in a few lines of the log, and counted', async () => {
  // Ready only when each has failed: what is still on its way when the page is printed is ended, and never counted.
  const elsewhere = `<!doctype html><html lang="en"><head><title>Report</title></head><body><p>Elsewhere</p><script>
    let failed = 0;
    const afterEach = () => { window.__PDF_READY__ = ++failed === 500; };
    for (let n = 0; n < 500; n++) Object.assign(new Image(), { onerror: afterEach, src: 'http://host-' + n + '.example/' });
  </script></body></html>`;
  const frontend = await startPages({ '/report': elsewhere });
  const running = await startServiceProcess({
    DEFAULT_FRONTEND_ORIGIN: frontend.origin,
    FRONTEND_ORIGINS: frontend.origin,
  });
  const refused = () => readMetric(running.url, 'platen_egress_refused_total');
  try {
    const response = await fetch(`${running.url}/internal/trigger-generate-pdf`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` },
      body: JSON.stringify({ testId: '1', classId: 'C1', reportType: 'student', studentId: 'STU1' }),
    });
    expect(response.status).toBe(202);
    await until(async () => (await refused()) >= 500);
  } finally {
    await running[Symbol.asyncDispose]();
    await frontend[Symbol.asyncDispose]();
  }
  expect(running.output().match(/tried to reach an origin/g)).toHaveLength(20);
});
