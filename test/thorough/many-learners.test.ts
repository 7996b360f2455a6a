// As many as there may be: a list of 50 MB, and a hundred thousand attempts at once.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Pipeline, pipelineOf } from '../support/pipeline.ts';
import { type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { attemptOf, startTestingService, type TestingService } from '../support/testing-service.ts';
import { until } from '../support/until.ts';

const longMs = 300_000;
const mostListBytes = 50 * 1024 * 1024;
const attempts = 100_000;

const parts = new AsyncDisposableStack();
let testing: TestingService;
let service: ServiceProcess;
let pipeline: Pipeline;
beforeAll(async () => {
  testing = parts.use(await startTestingService());
  service = parts.use(
    await startServiceProcess({
      FRONTEND_ORIGINS: 'http://127.0.0.1:1',
      TESTING_SERVICE_URL: testing.url,
      TESTING_SERVICE_TOKEN: 'testing-token',
      STATS_WORKER_FETCH_INTERVAL: '1',
      STATS_WORKER_PROCESS_INTERVAL: '1',
    }),
  );
  pipeline = pipelineOf(service);
});
afterAll(() => parts.disposeAsync());

test('a list of 50 MB with formulas, quotes and line breaks is read to its last row; a larger one is refused', async () => {
  const rows = ['\uFEFFstudentId;firstName;score;passingScore\r\n'];
  let bytes = Buffer.byteLength(rows[0] ?? '');
  let passing = 0;
  for (let number = 0; ; number++) {
    const isPassing = number % 3 === 0;
    const row = `S${number};"=HYPERLINK(""x"");\n${'மாறன் '.repeat(20)}";${isPassing ? 9 : 1};5\r\n`;
    bytes += Buffer.byteLength(row);
    if (bytes > mostListBytes) break;
    if (isPassing) passing++;
    rows.push(row);
  }
  await pipeline.putList('largest', rows.join(''));
  const type = { name: 'largest', retriever: 'list', generator: 'template', options: { asset: 'largest' } };
  const runId = await pipeline.begin(await pipeline.configure({ type }), 'dry-run');
  const run = await until(async () => {
    const found = await pipeline.find(runId, 1);
    return ['queued', 'active'].includes(found.state) ? undefined : found;
  }, longMs);
  expect(run).toMatchObject({
    state: 'completed',
    errors: [],
    counts: { checked: rows.length - 1, eligible: passing },
  });
  const larger = Buffer.concat([Buffer.from(rows.join('')), Buffer.alloc(mostListBytes / 50, 'x')]);
  await expect(pipeline.putList('larger', larger)).rejects.toThrow(/asset_too_large|too_large/);
});

test('a hundred thousand attempts at once are read, each once, while the service answers', async () => {
  testing.items = Array.from({ length: attempts }, (_, number) => attemptOf(`S${number}`, { score: 10 }));
  await until(async () => {
    expect((await fetch(`${service.url}/health`)).status).toBe(200);
    const last = `/internal/attempts?studentId=S${attempts - 1}`;
    const { items } = await pipeline.json<{ items: { state: string }[] }>('GET', last);
    const { items: waiting } = await pipeline.json<{ items: unknown[] }>('GET', '/internal/attempts?state=new&limit=1');
    return items[0]?.state === 'processed' && waiting.length === 0;
  }, longMs);
  // One that is sent in place of another says so; repeats of the rest are none.
  testing.items.push(attemptOf('S0', { score: 20, updatedAt: '2026-03-02T09:30:00Z' }));
  const states = await until(async () => {
    const { items } = await pipeline.json<{ items: { raw: { score: number } }[] }>(
      'GET',
      '/internal/attempts?studentId=S0',
    );
    return items[0]?.raw.score === 20 && items;
  }, longMs);
  expect(states).toHaveLength(1);
});
