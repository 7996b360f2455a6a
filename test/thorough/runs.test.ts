// A rehearsal of 100,000 learners takes as much memory as one of 200,000, and pages through its decisions.

import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { pipelineOf, type Run } from '../support/pipeline.ts';
import { createTestDatabase, describeServer } from '../support/postgres.ts';
import { startServiceProcess } from '../support/process.ts';
import { until } from '../support/until.ts';

const [few, most] = [100_000, 200_000];
/** By which twice as many learners may raise what the collector has not come to yet. */
const mostGrowthMb = 100;
const longMs = 300_000;

describeServer('a long run', (server) => {
  test('keeps memory flat', async () => {
    await using database = await createTestDatabase(server);
    await using service = await startServiceProcess({
      DATABASE_URL: database.url,
      FRONTEND_ORIGINS: 'http://127.0.0.1:1',
      PLATEN_PLUGINS: './test/support/plugins/attendance.ts',
    });
    const pipeline = pipelineOf(service);
    const type = { name: 'many', retriever: 'attendance/present', generator: 'attendance/paper' };
    const rssMb = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${service.child.pid}/status`, 'utf8'))?.[1]) / 1024;
    const id = await pipeline.configure({ type, more: { options: { learners: few, gives: 'template' } } });
    const rehearse = async (learners: number) => {
      await pipeline.json('PATCH', `/internal/configurations/${id}`, { options: { learners, gives: 'template' } });
      const startedAt = performance.now();
      const runId = await pipeline.begin(id, 'dry-run');
      let peak = 0;
      const run = await until(async () => {
        peak = Math.max(peak, rssMb());
        // Its decisions are counted whenever it is looked at.
        await wait(500);
        const found = await pipeline.find(runId, 1);
        return ['queued', 'active'].includes(found.state) ? undefined : found;
      }, longMs);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      process.stdout.write(`${learners} learners: ${seconds} s, ${peak.toFixed(0)} MB at most\n`);
      expect(run).toMatchObject({ state: 'completed', counts: { checked: learners, issued: 0 } });
      return { peak, runId };
    };
    const before = await rehearse(few);
    const { peak, runId } = await rehearse(most);
    expect(peak - before.peak).toBeLessThan(mostGrowthMb);
    let seen = 0;
    for (let next: string | null = ''; next !== null && seen < 2000; ) {
      const page: Run = await pipeline.json(
        'GET',
        `/internal/runs/${runId}?limit=500${next === '' ? '' : `&cursor=${next}`}`,
      );
      seen += page.items.length;
      next = page.next;
    }
    expect(seen).toBe(2000);
  });
});
