// Warnings reach those who can use them: in answers, jobs, manifests, headers, the log and the metrics; and some make a failure.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { codeOfWarning, warningCodes } from '../../src/warnings.ts';
import { html, openPageStage, type PageStage, ready, script, student } from '../support/page-stage.ts';
import { serviceToken, teacherToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';
import { readZip } from '../support/zip.ts';

/** Moves for ever for STU2; for the others it is still. Misses an image whose name is not ASCII. */
const page = html(
  `<p id="n">0</p><img src="/über,100%.png" alt="">${script(`let k = 0; if (location.search.includes('STU2')) setInterval(() => { n.textContent = ++k }, 30); ${ready}`)}`,
);
const image = 'printed_without /%C3%BCber,100%.png';
const moving = 'printed_while_moving';
const path = (studentId: string) => `/generate-pdf?studentId=${studentId}&testId=Test_1&classId=CLASS_1`;
const serviceAuth = { 'x-service-auth': `Bearer ${serviceToken}` };
const token = teacherToken('T1', 'CLASS_1');

let stage: PageStage;
beforeAll(async () => {
  stage = await openPageStage();
  stage.pages.pages = { '/report': page };
});
afterAll(() => stage[Symbol.asyncDispose]());

test('each begins with a code of the catalogue', () => {
  expect(warningCodes.map((code) => codeOfWarning(`${code} of something`))).toEqual([...warningCodes]);
});

test('the trigger answers with them, and they are counted', async () => {
  const before = await stage.service.metric(`platen_render_warnings_total{code="${moving}"}`);
  const answer = await (await stage.service.trigger({ ...student, studentId: 'STU2' })).json();
  expect(answer).toMatchObject({ success: true, warnings: [image, moving] });
  expect(await stage.service.metric(`platen_render_warnings_total{code="${moving}"}`)).toBe(before + 1);
});

describe('a public GET', () => {
  test('that rendered has them in Platen-Warnings, as ASCII with commas between them', async () => {
    await stage.service.internal('/internal/invalidate', { classId: 'CLASS_1' });
    const fresh = await stage.service.get(path('STU2'), token, { origin: stage.pages.origin });
    expect(fresh.status).toBe(200);
    expect(fresh.headers.get('platen-warnings')).toBe(
      'printed_without /%25C3%25BCber%2C100%25.png, printed_while_moving',
    );
    expect(fresh.headers.get('access-control-expose-headers')).toContain('Platen-Warnings');
  });

  test('of what is stored has none', async () => {
    await stage.service.get(path('STU2'), token);
    const stored = await stage.service.get(path('STU2'), token);
    expect(stored.headers.get('cache-status')).toContain('hit');
    expect(stored.headers.get('platen-warnings')).toBeNull();
  });
});

test('a job has them in its result', async () => {
  const response = await stage.service.internal(
    '/internal/trigger-generate-pdf',
    { ...student, studentId: 'STU2' },
    { prefer: 'respond-async' },
  );
  const { jobId } = (await response.json()) as { jobId: string };
  let job: { state?: string; result?: { warnings?: string[] } } = {};
  await until(async () => {
    job = (await (await fetch(`${stage.service.url}/jobs/${jobId}`, { headers: serviceAuth })).json()) as typeof job;
    return job.state === 'completed';
  });
  expect(job.result?.warnings).toEqual([image, moving]);
});

test('a class run counts them, and names them in its items and manifests', async () => {
  const accepted = await stage.service.internal('/internal/class-runs', {
    classId: 'CLASS_1',
    testId: '1',
    studentIds: ['STU1', 'STU2', 'STU3'],
  });
  const { id } = (await accepted.json()) as { id: string };
  const get = (rest = '') => fetch(`${stage.service.url}/internal/class-runs/${id}${rest}`, { headers: serviceAuth });
  interface Run {
    state: string;
    warnings: Record<string, number>;
    items: { studentId: string; warnings?: string[] }[];
  }
  let run: Run | undefined;
  await until(async () => {
    run = (await (await get()).json()) as Run;
    return run.state === 'completed';
  });
  expect(run?.warnings).toEqual({ printed_without: 3, [moving]: 1 });
  expect(run?.items.map(({ warnings }) => warnings)).toEqual([[image], [image, moving], [image]]);
  expect(await (await get('/events')).text()).toContain(`"warnings":{`);
  const files = await readZip(Buffer.from(await (await get('/archive')).arrayBuffer()));
  const manifest = JSON.parse(files.get('manifest.json')?.toString() ?? '') as Run;
  expect(manifest.warnings).toEqual({ printed_without: 3, [moving]: 1 });
  expect(manifest.items[1]?.warnings).toEqual([image, moving]);
  expect(files.get('manifest.csv')?.toString()).toContain(`"${image}; ${moving}"\r\n`);
});

test('the manifest of a ZIP names those of what was rendered for it', async () => {
  await stage.service.internal('/internal/invalidate', { classId: 'CLASS_1' });
  const response = await fetch(`${stage.service.url}/generate-bulk-pdf`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ studentIds: ['STU1', 'STU2'], testId: 'Test_1', classId: 'CLASS_1' }),
  });
  const files = await readZip(Buffer.from(await response.arrayBuffer()));
  const { students } = JSON.parse(files.get('manifest.json')?.toString() ?? '') as {
    students: { warnings?: string[] }[];
  };
  expect(students.map(({ warnings }) => warnings)).toEqual([[image], [image, moving]]);
});

describe('STRICT_WARNINGS', () => {
  test.each([
    [moving, 'STU2', 502],
    [moving, 'STU1', 202],
    [`printed_without, ${moving}`, 'STU1', 502],
    ['page_error refused', 'STU2', 202],
  ])('of %s makes the report of %s %i', async (codes, studentId, status) => {
    await using strict = await openPageStage({ STRICT_WARNINGS: codes });
    const answer = await strict.print(page, {}, { ...student, studentId });
    expect(answer.status).toBe(status);
    if (status !== 502) return;
    expect(answer).toMatchObject({
      code: 'page_failed',
      detail: expect.stringContaining(codes.split(/[ ,]/)[0] ?? ''),
    });
    expect(await strict.service.storedKeys()).toEqual([]);
  });
});
