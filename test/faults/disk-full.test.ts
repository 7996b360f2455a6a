// A full disk under the folder of documents and under the browser. Root on Linux only: it is mounted for the test.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openFolderStore } from '../../src/documents/folder-store.ts';
import type { StoredObject } from '../../src/documents/object-store.ts';
import type { Pages } from '../support/pages.ts';
import { pdfOf } from '../support/pdf.ts';
import { type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { mountSmallDisk, pageBytes, type SmallDisk } from '../support/small-disk.ts';
import { steerPages } from '../support/steered-pages.ts';
import { pathOf } from '../support/stored-reports.ts';
import { serviceToken, teacherToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const frontend = steerPages();
const teacher = teacherToken('T1', 'C1');

const disk = await mountSmallDisk();
const describeDisk = disk === undefined ? describe.skip : describe;

describeDisk('a disk that is full', () => {
  const { folder, fill, free } = disk ?? ({ folder: '' } as SmallDisk);
  let pages: Pages;
  let service: ServiceProcess;
  let count = 0;
  beforeAll(async () => {
    pages = await frontend.start();
    service = await startServiceProcess({ DATA_DIR: folder, NODE_ENV: 'test', FRONTEND_ORIGINS: pages.origin });
  });
  afterAll(async () => {
    await service?.[Symbol.asyncDispose]();
    await pages?.[Symbol.asyncDispose]();
    await disk?.[Symbol.asyncDispose]();
  });

  const newStudent = () => `DISK${++count}`;
  const get = (id: string, url = service.url) =>
    fetch(url + pathOf(id), { headers: { authorization: `Bearer ${teacher}` } });
  const trigger = (studentId: string) =>
    fetch(`${service.url}/internal/trigger-generate-pdf`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` },
      body: JSON.stringify({ testId: '1', classId: 'C1', reportType: 'student', studentId }),
    });
  const cacheStatusOf = (response: Response) => response.headers.get('cache-status');
  const files = async () =>
    (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile() && /documents|unfinished/.test(entry.parentPath))
      .map(({ name }) => name)
      .sort();

  test('is told to triggers; people get their PDFs; nothing half-written stays; and with space it works again', async () => {
    const stored = newStudent();
    expect((await trigger(stored)).status).toBe(202);
    const before = await files();
    await fill();
    for (let time = 1; time <= 3; time++) {
      const answer = await trigger(newStudent());
      expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'storage_unavailable' }]);
      const response = await get(newStudent());
      expect(cacheStatusOf(response)).toBe('platen; fwd=miss');
      expect((await pdfOf(response)).text).toContain('Figures');
    }
    expect(cacheStatusOf(await get(stored))).toBe('platen; hit');
    expect(await files()).toEqual(before);
    const ready = await until(async () => {
      const body = (await (await fetch(`${service.url}/readyz`)).json()) as { storage: { state: string } };
      return body.storage.state === 'up' ? undefined : body;
    });
    expect(ready).toMatchObject({ status: 'degraded', storage: { state: 'read-only', reason: 'ENOSPC' } });
    await free();
    expect((await trigger(newStudent())).status).toBe(202);
    const missed = newStudent();
    await until(async () => cacheStatusOf(await get(missed)) !== 'platen; fwd=miss');
    expect(cacheStatusOf(await get(missed))).toBe('platen; hit');
    expect(service.child.exitCode).toBe(null);
  });

  test('after the document but before its record: what was stored stays as it was', async () => {
    const key = 'reports/C1/Test_1/overall.pdf';
    const old = Buffer.from('the old one');
    const store = await openFolderStore(join(folder, 'apart'));
    expect(await store.put(key, old, { metadata: {}, replaces: undefined })).toBe(true);
    // Whose reader keeps its space.
    const before = (await store.open(key)) as StoredObject;
    await fill({ pages: 2 });
    const isTooMuch = store.put(key, Buffer.alloc(2 * pageBytes), { metadata: {}, replaces: before.version });
    await expect(isTooMuch).rejects.toMatchObject({ code: 'ENOSPC' });
    const after = (await store.open(key)) as StoredObject;
    expect(after.version).toBe(before.version);
    for (const { body } of [before, after]) expect((await buffer(body)).equals(old)).toBe(true);
    await free();
  });

  test('on which the service is killed: it starts again, and leaves nothing unfinished', async () => {
    await fill();
    await trigger(newStudent());
    await service.stop('SIGKILL');
    await free();
    service = await startServiceProcess({ DATA_DIR: folder, NODE_ENV: 'test', FRONTEND_ORIGINS: pages.origin });
    expect((await files()).filter((name) => !/\.pdf(\.json)?$/.test(name))).toEqual([]);
    expect((await trigger(newStudent())).status).toBe(202);
  });

  test('under the temporary files of the browser: renders are well or fail with a code, and succeed with space', async () => {
    await using apart = await startServiceProcess({
      TMPDIR: folder,
      NODE_ENV: 'test',
      FRONTEND_ORIGINS: pages.origin,
    });
    const statusOf = async (studentId: string) => {
      const response = await get(studentId, apart.url);
      return response.ok ? 'ok' : ((await response.json()) as { code: string }).code;
    };
    const stored = newStudent();
    expect(await statusOf(stored)).toBe('ok');
    await fill();
    // A warm browser may do without.
    expect(await statusOf(newStudent())).toMatch(/^(ok|page_failed|browser_unavailable)$/);
    expect(cacheStatusOf(await get(stored, apart.url))).toBe('platen; hit');
    await free();
    const healed = newStudent();
    await until(async () => (await statusOf(healed)) === 'ok');
    expect(apart.child.exitCode).toBe(null);
  });
});
