// What the operator sees: log lines, diagnostics of failed renders, recycled browsers.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { readyPage, startPages } from './support/pages.ts';
import { startServiceProcess } from './support/process.ts';
import { startTestService } from './support/service.ts';
import { serviceToken, studentToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const body = { testId: '1', classId: 'C1', reportType: 'student', studentId: 'S1' };

test('the log is one JSON object per line, with the known messages and the id of the request', async () => {
  await using pages = await startPages({ '/report': readyPage('<h1>Report</h1>') });
  await using service = await startServiceProcess({ FRONTEND_ORIGINS: pages.origin });
  await fetch(`${service.url}/internal/trigger-generate-pdf`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-service-auth': `Bearer ${serviceToken}`,
      'x-request-id': 'from-backend-1',
    },
    body: JSON.stringify(body),
  });
  await fetch(`${service.url}/generate-student-pdf?testId=1`, {
    headers: { authorization: `Bearer ${studentToken('S1', 'C1')}`, 'x-request-id': 'from-student-1' },
  });
  // What a process writes comes later than its answers.
  await until(() => service.output().includes('PDF found in S3, skipping generation'));
  const lines = service
    .output()
    .slice(0, service.output().lastIndexOf('\n'))
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  const s3Key = 'reports/C1/Test_1/students/S1.pdf';
  const report = {
    requestId: 'from-backend-1',
    reportType: 'student',
    classId: 'C1',
    testId: 'Test_1',
    subject: 'S1',
    s3Key,
  };
  const find = (message: string) => lines.find((line) => line.message === message);
  expect(find('Starting PDF generation')).toMatchObject(report);
  expect(find('PDF uploaded to S3 successfully')).toMatchObject(report);
  expect(find('PDF found in S3, skipping generation')).toMatchObject({
    ...report,
    requestId: 'from-student-1',
  });
});

test('a trigger that fails after its caller has hung up leaves a line in the log', async () => {
  await using pages = await startPages({ '/report': '<h1>Never ready</h1>' });
  await using service = await startServiceProcess({ FRONTEND_ORIGINS: pages.origin, PDF_TIMEOUT: '1500' });
  const caller = new AbortController();
  const asked = fetch(`${service.url}/internal/trigger-generate-pdf`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` },
    body: JSON.stringify(body),
    signal: caller.signal,
  }).catch(() => undefined);
  await until(() => pages.requests.includes('/report'));
  caller.abort();
  await asked;
  await until(() => /"code":"(page_not_ready|render_timeout)"/.test(service.output()));
});

test('/readyz is 503 when neither stored nor fresh PDFs can be given', async () => {
  await using service = await startTestService({
    origin: 'http://127.0.0.1:1',
    env: { BROWSER_PATH: '/nowhere', AWS_STORAGE_BUCKET_NAME: 'nowhere', AWS_S3_ENDPOINT: 'http://127.0.0.1:1' },
  });
  const response = await service.get('/readyz');
  const down = { state: 'down', reason: expect.any(String) };
  expect([response.status, await response.json()]).toMatchObject([503, { status: 'unavailable', storage: down }]);
});

test('a failed render leaves a screenshot and the page in DIAGNOSTICS_DIR, without the token', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'platen-diagnostics-'));
  const page = '<p id="p">broken</p><script>p.title = localStorage.token; window.__PDF_ERROR__ = "no data"</script>';
  await using pages = await startPages({ '/report': page });
  await using service = await startTestService({ origin: pages.origin, env: { DIAGNOSTICS_DIR: folder } });
  expect((await service.trigger(body)).status).toBe(502);
  const names = (await readdir(folder)).sort();
  expect(names.map((name) => name.split('.').at(-1))).toEqual(['html', 'png']);
  const html = await readFile(join(folder, names[0] ?? ''), 'utf8');
  expect(html).toContain('broken');
  expect(html).not.toContain('eyJ');
  expect((await readFile(join(folder, names[1] ?? ''))).subarray(1, 4).toString()).toBe('PNG');
  await rm(folder, { recursive: true });
});

test('a browser is replaced after BROWSER_RECYCLE_AFTER renders, and no render notices', async () => {
  await using pages = await startPages({ '/report': readyPage('<h1>Report</h1>') });
  await using service = await startTestService({
    origin: pages.origin,
    env: { BROWSER_RECYCLE_AFTER: '2', RENDER_CONCURRENCY: '2' },
  });
  const statuses: number[] = [];
  const startsOf = () => service.metric('platen_browser_starts_total');
  // The next browser starts while the one before it serves: how many renders that are depends on the machine.
  await until(async () => {
    const answers = await Promise.all([service.trigger(body), service.trigger({ ...body, studentId: 'S2' })]);
    statuses.push(...answers.map(({ status }) => status));
    return (await startsOf()) >= 3;
  });
  expect(statuses).toEqual(statuses.map(() => 202));
  expect(await service.metric('platen_render_retries_total')).toBe(0);
});

test('two service tokens with a comma between them are both good', async () => {
  const tokens = ['the-old-service-token-of-the-backend', 'the-new-service-token-of-the-backend'];
  await using service = await startTestService({
    origin: 'http://127.0.0.1:1',
    env: { PDF_SERVICE_INTERNAL_TOKEN: tokens.join(', ') },
  });
  const ask = (token: string) =>
    service.internal('/internal/invalidate', { classId: 'C1' }, { 'x-service-auth': `Bearer ${token}` });
  expect((await Promise.all([...tokens, serviceToken, tokens.join(',')].map(ask))).map(({ status }) => status)).toEqual(
    [200, 200, 401, 401],
  );
});
