// A backup of DATA_DIR, and its restoration: stored PDFs, jobs and their tokens' key come back, or nothing does.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, readdirSync, statSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import tar from 'tar-fs';
import { AcceptedJobs } from '../support/accepted-jobs.ts';
import type { Pages } from '../support/pages.ts';
import { readPdf } from '../support/pdf.ts';
import { type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { askWith, triggerAt } from '../support/requests.ts';
import { steerPages } from '../support/steered-pages.ts';
import { keyOf, pathOf } from '../support/stored-reports.ts';
import { adminToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const frontend = steerPages();
let pages: Pages;
let folder: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  pages = await frontend.start();
  folder = await mkdtemp(join(tmpdir(), 'platen-backup-'));
});
afterAll(async () => {
  await pages[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function run(command: 'backup' | 'restore', file: string, dataDir: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', `scripts/${command}.ts`, file], {
    env: { PATH: process.env.PATH, DATA_DIR: dataDir, ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const [code] = (await once(child, 'close')) as [number];
  return { code, output: output.trim() };
}

const start = (dataDir: string) => startServiceProcess({ DATA_DIR: dataDir, FRONTEND_ORIGINS: pages.origin });
const revisionOf = async (dataDir: string, id: string) => {
  const record = await readFile(join(dataDir, 'documents', `${keyOf(id)}.json`), 'utf8');
  return BigInt((JSON.parse(record) as { metadata: { revision: string } }).metadata.revision);
};
const trigger = async ({ url }: ServiceProcess, studentId: string) =>
  expect((await triggerAt(url, { testId: '1', classId: 'C1', reportType: 'student', studentId })).status).toBe(202);

test('what was backed up is served, remembered and continued on another folder', async () => {
  const source = at('source');
  await mkdir(source);
  const jobs = new AcceptedJobs();
  let key: Buffer;
  {
    await using service = await start(source);
    frontend.figuresFor = () => ({ text: 'The first figures' });
    await jobs.acceptMany(service.url, 1);
    await jobs.waitForEnds(service.url);
    // Still held when the service is killed: it waits in the backup.
    const gate = frontend.createGate();
    frontend.figuresFor = () => gate.promise;
    await jobs.acceptMany(service.url, 1);
    await until(() => frontend.opened.length === 2);
    const refused = await run('backup', at('while-it-runs'), source);
    expect(refused).toEqual({
      code: 1,
      output: expect.stringMatching(new RegExp(`^DATA_DIR: .* is in use by process ${service.child.pid}\\.`)),
    });
    expect(existsSync(at('while-it-runs'))).toBe(false);
    await service.stop('SIGKILL');
    key = await readFile(join(source, 'encryption.key'));
  }
  const file = at('platen.backup');
  expect(await run('backup', file, source)).toEqual({
    code: 0,
    output: `${file} holds database, documents, encryption.key, credential.key of ${source}`,
  });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder).filter((name) => name.includes('unfinished'))).toEqual([]);

  // The source lives on: its storage gets documents that the backup knows nothing of.
  frontend.figuresFor = () => ({ text: 'Later figures' });
  {
    await using service = await start(source);
    await trigger(service, 'LATER');
  }
  const target = at('target');
  expect((await run('restore', file, target)).code).toBe(0);
  expect(await readFile(join(target, 'encryption.key'))).toEqual(key);
  await cp(join(source, 'documents'), join(target, 'documents'), { recursive: true });
  await using service = await start(target);
  const ended = await jobs.waitForEnds(service.url);
  expect(ended.map(({ state }) => state)).toEqual(['completed', 'completed']);
  const [first] = jobs.all;
  const answer = await askWith(adminToken(), service.url + pathOf(first?.studentId ?? ''));
  expect(answer.headers['cache-status']).toBe('platen; hit');
  expect((await readPdf(answer.body)).text).toContain('The first figures');
  const before = await revisionOf(target, 'LATER');
  await trigger(service, 'LATER');
  expect(await revisionOf(target, 'LATER')).toBeGreaterThan(before);

  expect(await run('restore', file, source)).toEqual({
    code: 1,
    output: `${source} has data already (database, documents, encryption.key, credential.key): move it away first`,
  });
}, 300_000);

test('what is no backup, is cut off, or is not there restores nothing', async () => {
  const whole = await readFile(at('platen.backup'));
  const files: [string, Buffer, string][] = [
    ['text', Buffer.from('not a backup'), 'is no whole backup'],
    ['empty', Buffer.alloc(0), 'is no'],
    ['cut', whole.subarray(0, whole.length - 1000), 'is no whole backup'],
    ['half', whole.subarray(0, whole.length >> 1), 'is no whole backup'],
    ['other', gzipSync(Buffer.alloc(1024)), 'is no backup of Platen'],
  ];
  const target = at('nothing');
  for (const [name, bytes, complaint] of files) {
    await writeFile(at(name), bytes);
    const { code, output } = await run('restore', at(name), target);
    expect([name, code, output]).toEqual([name, 1, expect.stringContaining(`${at(name)} ${complaint}`)]);
    expect(readdirSync(target).filter((each) => !each.startsWith('lock.'))).toEqual([]);
  }
  expect((await run('restore', at('absent'), target)).output).toBe(`${at('absent')} is not there`);
  const packed = at('foreign.tar.gz');
  await mkdir(at('foreign'));
  await writeFile(join(at('foreign'), 'database'), 'x');
  await writeFile(join(at('foreign'), 'something-else'), 'x');
  await pipeline(tar.pack(at('foreign')), createGzip(), createWriteStream(packed));
  expect((await run('restore', packed, target)).output).toBe(`${packed} is no backup of Platen`);
  expect(readdirSync(target).filter((each) => !each.startsWith('lock.'))).toEqual([]);
}, 300_000);

test('a backup says what the settings keep elsewhere, and so is not in it', async () => {
  const source = at('shared');
  await mkdir(join(source, 'documents'), { recursive: true });
  const file = at('shared.backup');
  const elsewhere = { DATABASE_URL: 'postgresql://db.example/platen', ENCRYPTION_KEY_FILE: '/run/secrets/key' };
  const database = 'the database of DATABASE_URL (use pg_dump)';
  expect(await run('backup', file, source, elsewhere)).toEqual({
    code: 0,
    output: `${file} holds documents of ${source}\nNot in it: ${database}, the key in ENCRYPTION_KEY.`,
  });
  const all = { ...elsewhere, AWS_STORAGE_BUCKET_NAME: 'school-reports' };
  expect(await run('backup', at('empty.backup'), at('empty-source'), all)).toEqual({
    code: 1,
    output: `${at('empty-source')} has nothing to back up. Not in it: ${database}, the documents in the bucket AWS_STORAGE_BUCKET_NAME, the key in ENCRYPTION_KEY.`,
  });
});
