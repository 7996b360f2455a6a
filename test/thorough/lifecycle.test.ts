// Start and stop of the service as a process: settings, locks, signals, what is left behind.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readyPage, startPages } from '../support/pages.ts';
import { browserFolders, listProcesses, spawnMain, startServiceProcess } from '../support/process.ts';
import { readinessOf } from '../support/readiness.ts';
import { serviceToken, studentToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const body = { testId: '1', classId: 'C1', reportType: 'student', studentId: 'S1' };

function trigger(url: string, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}/internal/trigger-generate-pdf`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` },
    body: JSON.stringify(body),
    signal: signal ?? null,
  });
}

const browsersOf = (pid: number | undefined) =>
  listProcesses().filter(({ commandLine }) => commandLine.includes(`platen-browser-${pid}-`));

describe('starting', () => {
  test('with bad settings lists every problem at once, without values, and exits with 78', async () => {
    const { child, output } = spawnMain({
      PORT: 'eighty',
      MAX_PAGES: '0',
      LOG_LEVEL: 'loud',
      USER_TOKEN_JWKS_URL: 'not-a-url-secret',
    });
    const [code] = await once(child, 'exit');
    expect(code).toBe(78);
    for (const name of ['PORT', 'MAX_PAGES', 'LOG_LEVEL', 'USER_TOKEN_JWKS_URL'])
      expect(output()).toContain(`${name}: must be`);
    expect(output()).not.toMatch(/eighty|loud|not-a-url-secret/);
  });

  test('a second time on one DATA_DIR is refused and told the pid of the first; the lock dies with its process', async () => {
    await using first = await startServiceProcess();
    const { child, output } = spawnMain({ PORT: '0', DATA_DIR: first.dataDir });
    const [code] = await once(child, 'exit');
    expect(code).not.toBe(0);
    expect(output()).toContain(`in use by process ${first.child.pid}`);
    await first.stop('SIGKILL');
    await using second = await startServiceProcess({ DATA_DIR: first.dataDir });
    expect((await fetch(`${second.url}/health`)).status).toBe(200);
  });

  test('without a usable browser serves what is stored, answers renders with 503 and says so in /readyz', async () => {
    await using pages = await startPages({ '/report': readyPage('<h1>Report</h1>') });
    await using first = await startServiceProcess({ FRONTEND_ORIGINS: pages.origin });
    expect((await trigger(first.url)).status).toBe(202);
    await first.stop('SIGTERM');
    await using service = await startServiceProcess({
      DATA_DIR: first.dataDir,
      FRONTEND_ORIGINS: pages.origin,
      BROWSER_PATH: '/nowhere/browser',
    });
    const stored = await fetch(`${service.url}/generate-pdf?studentId=S1&testId=1&classId=C1`, {
      headers: { authorization: `Bearer ${studentToken('S1', 'C1')}` },
    });
    expect([stored.status, stored.headers.get('cache-status')]).toEqual([200, 'platen; hit']);
    const fresh = await trigger(service.url);
    expect([fresh.status, (await fresh.json()) as object]).toMatchObject([503, { code: 'browser_unavailable' }]);
    expect(Number(fresh.headers.get('retry-after'))).toBeGreaterThan(0);
    const ready = { code: 200, body: { status: 'degraded', browser: { state: 'down' } } };
    expect(await readinessOf(service.url)).toMatchObject(ready);
  });

  const systemNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
    const version = spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? '';
    return /^v2[0-3]\./.test(version);
  });
  const testOlder = systemNode === undefined ? test.skip : test;
  testOlder('by the launcher works under an older Node too', async () => {
    await using service = await startServiceProcess({}, [systemNode ?? '', 'bin/platen.mjs']);
    expect((await fetch(`${service.url}/health`)).status).toBe(200);
    expect((await service.stop('SIGTERM')).code).toBe(0);
  });
});

describe('stopping', () => {
  test('by SIGTERM finishes the work under way, exits with 0 and leaves neither browser nor folder', async () => {
    const opened = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    await using pages = await startPages({
      '/report': (_req, res) => {
        opened.resolve();
        void go.promise.then(() => res.writeHead(200, { 'content-type': 'text/html' }).end(readyPage('<h1>Slow</h1>')));
      },
    });
    await using service = await startServiceProcess({ FRONTEND_ORIGINS: pages.origin });
    const answer = trigger(service.url);
    await opened.promise;
    const stopped = service.stop('SIGTERM');
    await until(() => service.output().includes('"Stopping"'));
    // As a terminal and those that pass signals on do.
    for (const signal of ['SIGTERM', 'SIGINT'] as const) service.child.kill(signal);
    go.resolve();
    expect((await answer).status).toBe(202);
    expect(await stopped).toEqual({ code: 0, signal: null });
    expect(browsersOf(service.child.pid)).toEqual([]);
    expect(browserFolders(service.child.pid)).toEqual([]);
  });

  test('by SIGTERM finishes a trigger whose caller has hung up', async () => {
    const opened = Promise.withResolvers<void>();
    await using pages = await startPages({
      '/report': (_req, res) => {
        opened.resolve();
        setTimeout(() => res.writeHead(200, { 'content-type': 'text/html' }).end(readyPage('<h1>Slow</h1>')), 1000);
      },
    });
    await using service = await startServiceProcess({ FRONTEND_ORIGINS: pages.origin });
    const caller = new AbortController();
    const asked = trigger(service.url, caller.signal).catch(() => undefined);
    await opened.promise;
    caller.abort();
    await asked;
    expect((await service.stop('SIGTERM')).code).toBe(0);
    expect(service.output()).toContain('PDF uploaded to S3 successfully');
  });

  test('by SIGTERM does not wait for connections that have never sent a request', async () => {
    await using service = await startServiceProcess();
    const { hostname, port } = new URL(service.url);
    const early = connect(Number(port), hostname);
    await once(early, 'connect');
    const stoppedAt = performance.now();
    expect((await service.stop('SIGTERM')).code).toBe(0);
    // Requests under way would get 25 s.
    expect(performance.now() - stoppedAt).toBeLessThan(25_000);
    early.destroy();
  });

  test('by SIGKILL leaves no browser running, and the next start removes its folder', async () => {
    await using pages = await startPages({ '/report': readyPage('<h1>Report</h1>') });
    await using first = await startServiceProcess({ FRONTEND_ORIGINS: pages.origin });
    expect((await trigger(first.url)).status).toBe(202);
    expect(browserFolders(first.child.pid)).toHaveLength(1);
    await first.stop('SIGKILL');
    await using second = await startServiceProcess({ DATA_DIR: first.dataDir, FRONTEND_ORIGINS: pages.origin });
    expect((await trigger(second.url)).status).toBe(202);
    await until(() => browsersOf(first.child.pid).length === 0);
    expect(browserFolders(first.child.pid)).toEqual([]);
  });

  test('by SIGKILL while a PDF is being stored leaves no half document behind', async () => {
    await using pages = await startPages({ '/report': readyPage('<h1>Report</h1>') });
    await using first = await startServiceProcess({ FRONTEND_ORIGINS: pages.origin });
    const answers = Array.from({ length: 8 }, () => trigger(first.url).catch(() => undefined));
    await until(() => first.output().includes('PDF uploaded to S3 successfully'));
    await first.stop('SIGKILL');
    await Promise.all(answers);
    await using second = await startServiceProcess({ DATA_DIR: first.dataDir, FRONTEND_ORIGINS: pages.origin });
    const response = await fetch(`${second.url}/generate-pdf?studentId=S1&testId=1&classId=C1`, {
      headers: { authorization: `Bearer ${studentToken('S1', 'C1')}` },
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    expect([response.status, bytes.subarray(0, 5).toString()]).toEqual([200, '%PDF-']);
    expect(await readdir(join(first.dataDir, 'unfinished'))).toEqual([]);
  });
});
