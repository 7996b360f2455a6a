// Progress of generations, followed as a page or a backend follows it: nothing is missed that matters, nobody sees what is not theirs.

import { expect, test } from '@jest/globals';
import { jobStages, type Progress } from '../src/progress/contract.ts';
import { allEvents, eventsOf } from './support/event-stream.ts';
import { startTestService } from './support/service.ts';
import { steerService } from './support/steered-service.ts';
import { serviceToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const { frontend, pages, service } = steerService({ env: { RENDER_CONCURRENCY: '2' }, limits: { heartbeatMs: 200 } });
let count = 0;

const asService = { 'x-service-auth': `Bearer ${serviceToken}` };
const pathOf = (id: string) => `/api/certificates/progress/${id}`;
const follow = (id: string, headers: Record<string, string> = {}) =>
  service.get(pathOf(id), undefined, { ...asService, ...headers });

async function accept(at = service): Promise<string> {
  const body = { testId: '5', classId: 'C1', reportType: 'student', studentId: `STU${++count}` };
  const response = await at.internal('/internal/trigger-generate-pdf', body, { prefer: 'respond-async' });
  return ((await response.json()) as { jobId: string }).jobId;
}

/** Waits for it to end, however that is. */
const ended = (id: string) =>
  until(async () => {
    const job = (await (await service.get(`/jobs/${id}`, undefined, asService)).json()) as { state: string };
    return !['queued', 'active'].includes(job.state) && job;
  });

test('a real render passes its stages in order, and its end is the last event', async () => {
  const gate = frontend.createGate();
  frontend.figuresFor = () => gate.promise;
  const id = await accept();
  const response = await follow(id);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  });
  const seen: Progress[] = [];
  for await (const { data } of eventsOf<Progress>(response)) {
    seen.push(data);
    if (data.stage === 'data_validation') gate.resolve({ text: 'Figures' });
  }
  const stages = seen.map(({ stage }) => jobStages.indexOf(stage));
  expect(stages).toEqual(stages.toSorted((a, b) => a - b));
  const figures = seen.map(({ progress }) => progress);
  expect(figures).toEqual(figures.toSorted((a, b) => a - b));
  expect(seen.map(({ status }) => status)).toContain('in_progress');
  const estimates = seen.map(({ estimatedTimeRemaining }) => estimatedTimeRemaining ?? 0);
  expect(Math.max(...estimates)).toBeGreaterThan(0);
  expect(seen.at(-1)).toEqual({
    id,
    status: 'completed',
    stage: 'completed',
    progress: 100,
    message: expect.any(String),
    stageProgress: jobStages.map((stage) => expect.objectContaining({ stage, status: 'completed', progress: 100 })),
    metadata: expect.objectContaining({
      reportType: 'student',
      testId: 'Test_5',
      classId: 'C1',
      s3Key: `reports/C1/Test_5/students/STU${count}.pdf`,
      pages: 1,
    }),
  });
});

test('a broken connection is resumed where it was, and then nothing comes twice', async () => {
  const gate = frontend.createGate();
  frontend.figuresFor = () => gate.promise;
  const id = await accept();
  let lastEventId = '';
  for await (const event of eventsOf<Progress>(await follow(id))) {
    lastEventId = event.id;
    if (event.data.stage === 'data_validation') break;
  }
  const resumed = await follow(id, { 'last-event-id': lastEventId });
  const rest = allEvents<Progress>(resumed);
  gate.resolve({ text: 'Figures' });
  const events = await rest;
  expect(events.map((event) => event.id)).not.toContain(lastEventId);
  expect(events.at(-1)?.data.status).toBe('completed');
  expect(new Set(events.map((event) => event.id)).size).toBe(events.length);
  // Whoever has the end already need not come back.
  expect((await follow(id, { 'last-event-id': events.at(-1)?.id ?? '' })).status).toBe(204);
});

test('the end is told to whoever comes after it, also with an id of long ago', async () => {
  const id = await accept();
  await ended(id);
  for (const lastEventId of ['', '1.5', 'pending', '6.99', '9.999', 'nonsense']) {
    const events = await allEvents<Progress>(await follow(id, { 'last-event-id': lastEventId }));
    expect(events.map(({ data }) => [data.status, data.progress])).toEqual([['completed', 100]]);
    expect(events[0]?.data.metadata).toHaveProperty('s3Key');
  }
});

test('between two attempts it says that it waits for the next one', async () => {
  frontend.figuresFor = () => ({ status: frontend.opened.length === 1 ? 500 : 200, text: 'Figures' });
  const id = await accept();
  const events = await allEvents<Progress>(await follow(id));
  expect(events.map(({ data }) => data.message)).toContain('Waiting to be tried again');
  expect(events.at(-1)?.data).toMatchObject({ status: 'completed', progress: 100 });
  const progress = events.map(({ data }) => data.progress);
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
});

test('a page that fails is told with its code', async () => {
  frontend.figuresFor = () => ({ error: 'no data' });
  const events = await allEvents<Progress>(await follow(await accept()));
  expect(events.at(-1)?.data).toMatchObject({ status: 'failed', error: { code: 'page_failed' } });
  expect(events.at(-1)?.data.stageProgress.some(({ status }) => status === 'failed')).toBe(true);
});

test('a generation whose time is over is told as timeout, and its job has failed', async () => {
  await using hasty = await startTestService({ origin: pages.origin, env: { PROGRESS_TIMEOUT_SECONDS: '1' } });
  const gate = frontend.createGate();
  frontend.figuresFor = () => gate.promise;
  const id = await accept(hasty);
  const events = await allEvents<Progress>(await hasty.get(pathOf(id), undefined, asService));
  expect(events.at(-1)?.data).toMatchObject({ status: 'timeout', error: { code: 'render_timeout' } });
  const job = await (await hasty.get(`/jobs/${id}`, undefined, asService)).json();
  expect(job).toMatchObject({ state: 'failed', error: { code: 'render_timeout' } });
});

test('cancelling closes the page and is told; afterwards there is nothing to cancel', async () => {
  const gate = frontend.createGate();
  frontend.figuresFor = () => gate.promise;
  const id = await accept();
  const events = allEvents<Progress>(await follow(id));
  await until(() => frontend.opened.length === 1);
  const cancel = () => fetch(service.url + pathOf(id), { method: 'DELETE', headers: asService });
  const answer = await cancel();
  expect([answer.status, await answer.json()]).toEqual([200, { success: true }]);
  expect((await events).at(-1)?.data.status).toBe('cancelled');
  await until(() => frontend.opened[0]?.isClosed === true);
  const again = await cancel();
  expect([again.status, await again.json()]).toMatchObject([409, { code: 'already_ended' }]);
});

test('a job can be followed as what a look at it gives', async () => {
  const gate = frontend.createGate();
  frontend.figuresFor = () => gate.promise;
  const id = await accept();
  const events = allEvents<{ state: string }>(await service.get(`/jobs/${id}/events`, undefined, asService));
  await until(() => frontend.opened.length === 1);
  gate.resolve({ text: 'Figures' });
  const last = (await events).at(-1);
  expect(last?.data).toEqual(await (await service.get(`/jobs/${id}`, undefined, asService)).json());
  expect(last?.data.state).toBe('completed');
  const again = await service.get(`/jobs/${id}/events`, undefined, { ...asService, 'last-event-id': last?.id ?? '' });
  expect(again.status).toBe(204);
});

test('200 who follow one job all hear of its end', async () => {
  const gate = frontend.createGate();
  frontend.figuresFor = () => gate.promise;
  const id = await accept();
  const followers = Array.from({ length: 200 }, async () => allEvents<Progress>(await follow(id)));
  await until(() => frontend.opened.length === 1);
  gate.resolve({ text: 'Figures' });
  for (const events of await Promise.all(followers)) expect(events.at(-1)?.data.status).toBe('completed');
});
