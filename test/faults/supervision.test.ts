// The browser under supervision: asked without a new tab, replaced when it hangs, grows or has served long enough, never missed.

import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Pages, readyPage, startPages } from '../support/pages.ts';
import { pdfOf } from '../support/pdf.ts';
import { familyOf, listProcesses, renderersOf, startServiceProcess } from '../support/process.ts';
import { startTestService } from '../support/service.ts';
import { adminToken, serviceToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const student = (studentId: string) => ({ testId: '1', classId: 'CLASS_1', reportType: 'student', studentId });

let pages: Pages;
beforeAll(async () => {
  pages = await startPages({ '/report': readyPage('<h1>Report</h1>') });
});
afterAll(async () => {
  await pages[Symbol.asyncDispose]();
});

const readLines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

function trigger(url: string, body: object): Promise<Response> {
  return fetch(`${url}/internal/trigger-generate-pdf`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` },
    body: JSON.stringify(body),
  });
}

/** The browsers that the process has started: neither their children nor the shell script that some systems put before them. */
const browsersOf = (root: number | undefined) =>
  familyOf(root)
    .filter(({ commandLine }) => commandLine.includes('--user-data-dir') && !/^\S*sh |--type=/.test(commandLine))
    .map(({ pid }) => pid);

test('a browser that has grown beyond BROWSER_MEMORY_LIMIT_MB is replaced by one that was started before, and no render notices', async () => {
  // The browser alone takes less; with a page that holds 200 MB it takes more.
  const holder = `<h1>Report</h1><script>window.kept = new Uint8Array(200 << 20).fill(1);</script>`;
  await using heavy = await startPages({ '/report': readyPage(`${holder}<img alt="Slow" src="/slow">`) });
  let isSlow = true;
  heavy.pages['/slow'] = async (_req, res) => {
    await until(async () => !isSlow || (await service.metric('platen_browser_starts_total')) > 1);
    res.end();
  };
  await using service = await startTestService({
    origin: heavy.origin,
    env: { BROWSER_MEMORY_LIMIT_MB: '450', RENDER_CONCURRENCY: '1', ASSET_GRACE_MS: '30000' },
  });
  const memory = () => service.metric('platen_browser_memory_bytes');
  await until(async () => (await memory()) > 0);
  expect(await memory()).toBeLessThan(450 * 1024 * 1024);
  // It is printed by the browser on which it began, while the next one is there already.
  expect(await (await service.trigger(student('STU1'))).json()).toMatchObject({ warnings: [] });
  expect(await service.metric('platen_browser_starts_total')).toBe(2);
  isSlow = false;
  heavy.pages['/report'] = readyPage('<h1>Light</h1>');
  await until(() => browsersOf(process.pid).length === 1);
  expect((await service.trigger(student('STU2'))).status).toBe(202);
  expect(await service.metric('platen_render_retries_total')).toBe(0);
});

test('health opens no tab, and one answer too late is not the end: the second is', async () => {
  await using service = await startServiceProcess({ FRONTEND_ORIGINS: pages.origin, LOG_LEVEL: 'debug' });
  expect((await trigger(service.url, student('STU1'))).status).toBe(202);
  const [pid = 0] = browsersOf(service.child.pid);
  const before = renderersOf(service.child.pid).length;
  const count = (message: string) => readLines(service.output()).filter((line) => line.message === message).length;
  process.kill(pid, 'SIGSTOP');
  await until(() => count('The browser has not answered in time') === 1);
  process.kill(pid, 'SIGCONT');
  await until(() => count('The browser answers again') === 1);
  expect(browsersOf(service.child.pid)).toEqual([pid]);
  expect(renderersOf(service.child.pid).length).toBeLessThanOrEqual(before);
  process.kill(pid, 'SIGSTOP');
  await until(() => browsersOf(service.child.pid).some((each) => each !== pid));
  // Killed as a group, from outside: a frozen process obeys nothing else.
  await until(() => !listProcesses().some((each) => each.pid === pid));
  expect((await trigger(service.url, student('STU2'))).status).toBe(202);
  const why = readLines(service.output()).filter(({ message }) => message === 'Browser is replaced');
  expect(why).toMatchObject([{ why: 'the browser does not answer' }]);
});

describe('a machine without fonts', () => {
  const canHide = process.getuid?.() === 0 && process.platform === 'linux';
  const hide = '[ ! -d "$folder" ] || mount -t tmpfs none "$folder" || exit 1';
  const folders = '/usr/share/fonts /usr/local/share/fonts /usr/share/X11/fonts';
  const script = `for folder in ${folders}; do ${hide}; done; exec "$0" --disable-warning=ExperimentalWarning src/main.ts`;

  (canHide ? test : test.skip)(
    'is warned of at start; text is still drawn, with the fonts that Platen ships',
    async () => {
      const text = 'Report, отчёт, αναφορά, अंक, அறிக்கை';
      await using many = await startPages({ '/report': readyPage(`<h1>${text}</h1>`) });
      await using service = await startServiceProcess({ FRONTEND_ORIGINS: many.origin }, [
        'unshare',
        '--mount',
        'sh',
        '-c',
        script,
        process.execPath,
      ]);
      await until(() => service.output().includes('This machine has no fonts'));
      expect(await (await trigger(service.url, student('STU1'))).json()).toMatchObject({ pages: 1, warnings: [] });
      const path = '/generate-pdf?studentId=STU1&testId=1&classId=CLASS_1';
      const response = await fetch(service.url + path, { headers: { authorization: `Bearer ${adminToken()}` } });
      const { text: drawn } = await pdfOf(response);
      for (const word of ['Report', 'отчёт', 'αναφορά']) expect(drawn).toContain(word);
      const fonts = readdirSync(`${service.dataDir}/documents`, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.pdf'))
        .map((name) => readFileSync(`${service.dataDir}/documents/${name}`, 'latin1'))
        .flatMap((pdf) => [...pdf.matchAll(/\/FontName \/\w+\+(\w+)/g)].map(([, name]) => name));
      expect(fonts.join()).toContain('NotoSans');
    },
  );

  test('is not this one: no warning', async () => {
    await using service = await startServiceProcess({ FRONTEND_ORIGINS: pages.origin });
    await trigger(service.url, student('STU1'));
    expect(service.output()).not.toContain('has no fonts');
  });
});
