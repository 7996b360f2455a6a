// Two processes, one schedule: what is due is run once, though both look at the same time.

import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { pipelineOf } from '../support/pipeline.ts';
import { createTestDatabase, describeServer } from '../support/postgres.ts';
import { connectTo } from '../support/postgres-database.ts';
import { startServiceProcess } from '../support/process.ts';
import { until } from '../support/until.ts';

let parts: AsyncDisposableStack;
beforeEach(() => {
  parts = new AsyncDisposableStack();
});
afterEach(() => parts.disposeAsync());

const configurations = 20;
const lookSeconds = 5;

describeServer('two processes', (server) => {
  test('begin one run of each of twenty configurations that are due at once', async () => {
    const { url = '' } = parts.use(await createTestDatabase(server));
    const begin = () =>
      startServiceProcess({ DATABASE_URL: url, FRONTEND_ORIGINS: 'http://127.0.0.1:1', RENDER_CONCURRENCY: '1' });
    const one = parts.use(await begin());
    parts.use(await begin());
    const pipeline = pipelineOf(one);
    const type = { name: 'due', retriever: 'passing-attempts', generator: 'template' };
    await pipeline.json('POST', '/internal/certificate-types', type);
    for (let number = 0; number < configurations; number++) {
      const context = { kind: 'course', id: `COURSE${number}`, name: 'Algebra I' };
      await pipeline.json('POST', '/internal/configurations', { context, type: 'due', isEnabled: true });
    }
    await using client = await connectTo(url);
    await using holding = await connectTo(url);
    await holding.query('BEGIN');
    await holding.query('LOCK TABLE platen.runs IN EXCLUSIVE MODE');
    await client.query(
      `UPDATE platen.configurations SET next_due_at = clock_timestamp() WHERE context_id LIKE 'COURSE%'`,
    );
    const waiting = `SELECT FROM pg_locks WHERE NOT granted AND relation = 'platen.runs'::regclass`;
    await until(async () => (await client.query(waiting)).rows.length > 0);
    // One is held up in the middle of it; the other looks meanwhile, every five seconds.
    await pause(lookSeconds * 2000);
    await holding.query('COMMIT');
    const left = `SELECT FROM platen.configurations WHERE context_id LIKE 'COURSE%' AND next_due_at <= now()`;
    const active = `SELECT FROM platen.runs WHERE state IN ('queued', 'active')`;
    await until(async () => {
      const found = [await client.query(left), await client.query(active)];
      return found.every(({ rows }) => rows.length === 0);
    });
    const { rows } = await client.query(
      `SELECT state, count(*)::int AS n, count(DISTINCT configuration_id)::int AS of FROM platen.runs AS run
         JOIN platen.configurations AS configuration ON configuration.id = run.configuration_id
         WHERE context_id LIKE 'COURSE%' GROUP BY state`,
    );
    expect(rows).toEqual([{ state: 'completed', n: configurations, of: configurations }]);
  });
});
