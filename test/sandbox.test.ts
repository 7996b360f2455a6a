// The browser's sandbox: on for a normal user, off and loudly said for root in development, refused for root in production.

import { once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { listProcesses, spawnMain, startServiceProcess } from './support/process.ts';
import { until } from './support/until.ts';

const isRoot = process.getuid?.() === 0;
const asNormalUser = isRoot ? describe.skip : describe;
const asRoot = isRoot ? describe : describe.skip;

const browsersOf = (pid: number | undefined) =>
  listProcesses().filter(({ commandLine }) => commandLine.includes(`platen-browser-${pid}-`));

asNormalUser('as a normal user', () => {
  test('the browser runs in its sandbox, without a debugging port and without file access', async () => {
    await using service = await startServiceProcess();
    await until(() => service.output().includes('Browser started'));
    const browsers = browsersOf(service.child.pid);
    expect(browsers.length).toBeGreaterThan(0);
    const lines = browsers.map(({ commandLine }) => commandLine).join('\n');
    expect(lines).not.toMatch(
      /--no-sandbox|--remote-debugging-port|--allow-file-access|--disable-web-security|--single-process/,
    );
  });
});

asRoot('as root', () => {
  test('development says loudly that the sandbox is off, and goes on', async () => {
    await using service = await startServiceProcess();
    expect(service.output()).toMatch(/"level":"warn".*NO SANDBOX/);
    expect((await fetch(`${service.url}/health`)).status).toBe(200);
  });

  test('production refuses to start, and exits with 78', async () => {
    const { child, output } = spawnMain({ PORT: '0', NODE_ENV: 'production' });
    const [code] = await once(child, 'exit');
    expect(code).toBe(78);
    expect(output()).toContain('ALLOW_ROOT');
    expect(output()).toContain('BROWSER_SANDBOX');
  });
});
