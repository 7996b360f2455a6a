// What Platen writes is for its user's eyes alone: folders, files, and how many diagnoses are kept.

import type { Stats } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readyPage, startPages } from '../support/pages.ts';
import { spawnMain, startServiceProcess } from '../support/process.ts';
import { startTestService } from '../support/service.ts';
import { serviceToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'platen-private-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

/**
 * Folders that others may enter, and files that they may read. The embedded database's library gives its own files the mode that it likes: they
 * lie in folders that nobody else enters.
 */
async function openToOthers(path: string): Promise<string[]> {
  const names = ['', ...(await readdir(path, { recursive: true }))];
  const entries = await Promise.all(names.map(async (name) => ({ name, ...pick(await stat(join(path, name))) })));
  return entries
    .filter(({ name, isFolder, mode }) => (mode & 0o077) !== 0 && (isFolder || !name.startsWith('database/')))
    .map(({ name }) => name);
}

const pick = (stats: Stats) => ({ mode: stats.mode, isFolder: stats.isDirectory() });

const report = { testId: '1', classId: 'C1', reportType: 'student', studentId: 'S1' };
const trigger = (url: string) =>
  fetch(`${url}/internal/trigger-generate-pdf`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` },
    body: JSON.stringify(report),
  });

test('nothing in DATA_DIR and DIAGNOSTICS_DIR can be read by anybody else, though the folders were open before', async () => {
  const [data, diagnoses] = [join(folder, 'data'), join(folder, 'diagnoses')];
  for (const path of [data, diagnoses]) {
    await mkdir(path);
    await chmod(path, 0o777);
  }
  await using pages = await startPages({ '/report': readyPage('<p>Figures</p>') });
  const env = { FRONTEND_ORIGINS: pages.origin, DATA_DIR: data, DIAGNOSTICS_DIR: diagnoses, PDF_TIMEOUT: '60000' };
  await using service = await startServiceProcess(env);
  expect((await trigger(service.url)).status).toBe(202);
  pages.pages = { '/report': '<script>window.__PDF_ERROR__ = "none"</script>' };
  expect((await trigger(service.url)).status).toBe(502);
  expect((await readdir(diagnoses)).length).toBe(2);
  expect((await readdir(data)).length).toBeGreaterThan(3);
  expect([await openToOthers(data), await openToOthers(diagnoses)]).toEqual([[], []]);
});

test('folders that are not there yet are made for their owner alone, with those on the way there', async () => {
  await using service = await startServiceProcess({
    FRONTEND_ORIGINS: 'http://127.0.0.1:1',
    DATA_DIR: join(folder, 'a', 'data'),
    DIAGNOSTICS_DIR: join(folder, 'b', 'diagnoses'),
  });
  expect(service.url).toContain('http');
  for (const path of ['a', 'a/data', 'b', 'b/diagnoses'])
    expect([path, await modeOf(join(folder, path))]).toEqual([path, '700']);
});

// Only root can give a folder to somebody else.
const describeRoot = process.getuid?.() === 0 ? describe : describe.skip;
describeRoot("another user's folder", () => {
  test.each(['DATA_DIR', 'DIAGNOSTICS_DIR'])('as %s is refused, in one line that says whose it is', async (setting) => {
    const path = join(folder, 'theirs');
    await mkdir(path);
    await chown(path, 4321, 4321);
    const env = { PORT: '0', NODE_ENV: 'development', DATA_DIR: join(folder, 'data'), [setting]: path };
    const { child, output } = spawnMain(env);
    const code = await until(() => child.exitCode ?? undefined).finally(() => child.kill('SIGKILL'));
    await until(() => output().includes(setting));
    const line = output()
      .split('\n')
      .find((each) => each.startsWith(setting));
    expect([code, line]).toEqual([1, expect.stringMatching(/belongs to user 4321, and Platen runs as user 0\./)]);
    expect(output()).not.toContain('    at ');
    expect(await readdir(path)).toEqual([]);
  });
});

test('only the newest 100 diagnoses are kept, and nothing else is taken away', async () => {
  const numbers = Array.from({ length: 150 }, (_, number) => String(number).padStart(3, '0'));
  for (const number of numbers)
    for (const kind of ['html', 'png'])
      await writeFile(join(folder, `2026-01-01T00-00-00.${number}Z-r${number}.${kind}`), 'x');
  await writeFile(join(folder, 'notes.txt'), 'mine');
  await using pages = await startPages({ '/report': '<script>window.__PDF_ERROR__ = "none"</script>' });
  await using service = await startTestService({ origin: pages.origin, env: { DIAGNOSTICS_DIR: folder } });
  expect((await service.trigger(report)).status).toBe(502);
  const names = (await readdir(folder)).sort();
  expect(names).toHaveLength(201);
  expect(names[0]).toContain('.051Z-r051.html');
  expect(names.slice(-3)).toEqual([expect.stringMatching(/html$/), expect.stringMatching(/png$/), 'notes.txt']);
});
