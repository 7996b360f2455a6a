// Plug-ins and assets through the front door: what is loaded, what is refused at the start, what is kept.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawnMain, startServiceProcess } from './support/process.ts';
import { startTestService, type TestService } from './support/service.ts';
import { adminToken, serviceToken, signUserToken, studentToken } from './support/tokens.ts';
import { until } from './support/until.ts';

let service: TestService;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'platen-plugins-'));
  service = await startTestService({
    origin: 'http://127.0.0.1:1',
    env: { PLATEN_PLUGINS: './test/support/plugins/attendance.ts' },
  });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const asService = { 'x-service-auth': `Bearer ${serviceToken}` };
const put = (slug: string, body: string | Uint8Array, headers: Record<string, string> = asService) =>
  fetch(`${service.url}/internal/assets/${slug}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', ...headers },
    body: Buffer.from(body as string),
  });
const codeOf = async (response: Response) => `${response.status} ${((await response.json()) as { code: string }).code}`;

/** A package of its own, outside of this one. */
async function makePackage(name: string, source: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  await writeFile(join(path, 'package.json'), JSON.stringify({ name, type: 'module', exports: './main.js' }));
  await writeFile(join(path, 'main.js'), source);
  return path;
}

const sourceOf = (plugin: string) =>
  `import { definePlugin, z } from 'platen/plugin';\nexport default definePlugin(${plugin});`;
const empty = (name: string, more = '') => sourceOf(`{ name: '${name}', version: '1', contract: 1, ${more} }`);
const retriever = `retrievers: [{ name: 'one', title: 'One', description: '', options: z.object({}), async *retrieve() {} }]`;

test('all that is built in and loaded is listed, each with the schema of its options', async () => {
  const answer = await fetch(`${service.url}/internal/plugins`, { headers: asService });
  const { items } = (await answer.json()) as { items: { kind: string; name: string; options: { type: string } }[] };
  for (const item of items)
    expect(Object.keys(item).sort()).toEqual(['description', 'kind', 'name', 'options', 'title']);
  expect(items.map(({ kind, name, options }) => `${kind} ${name} ${options.type}`)).toEqual([
    'retriever attendance/present object',
    'retriever list object',
    'retriever passing-attempts object',
    'generator attendance/paper object',
    'generator pdf-overlay object',
    'generator template object',
  ]);
  expect((await service.get('/internal/plugins', adminToken())).status).toBe(200);
  expect(await codeOf(await service.get('/internal/plugins', studentToken('S1')))).toBe('403 forbidden');
  const first = (await (await fetch(`${service.url}/internal/plugins?limit=1`, { headers: asService })).json()) as {
    next: string;
  };
  const second = await fetch(`${service.url}/internal/plugins?limit=1&cursor=${encodeURIComponent(first.next)}`, {
    headers: asService,
  });
  expect(await second.json()).toMatchObject({ items: [{ name: 'list' }] });
});

test('a package that lies anywhere finds the contract', async () => {
  const path = await makePackage('far-away', empty('far-away', retriever));
  await using started = await startServiceProcess({ PLATEN_PLUGINS: path, FRONTEND_ORIGINS: 'http://127.0.0.1:1' });
  const answer = await fetch(`${started.url}/internal/plugins`, { headers: asService });
  expect(await answer.text()).toContain('"far-away/one"');
});

test('what can not be used keeps the process from starting, with all reasons at once', async () => {
  const names = [
    join(folder, 'nowhere'),
    'no-such-package',
    await makePackage('throws', `throw new Error('it is Monday')`),
    await makePackage('exports-nothing', 'export const x = 1'),
    await makePackage('another-contract', sourceOf(`{ name: 'x', version: '1', contract: 2 }`)),
    await makePackage('bad-name', empty('Bad Name')),
    await makePackage(
      'bad-schema',
      empty('bad-schema', retriever.replace('z.object({})', `{ type: 'object', requird: [] }`)),
    ),
    await makePackage('one', empty('same', retriever)),
    await makePackage('other', empty('same', retriever)),
  ];
  const started = spawnMain({
    PORT: '0',
    DATA_DIR: join(folder, 'data'),
    PLATEN_PLUGINS: names.join(','),
    PDF_SERVICE_INTERNAL_TOKEN: serviceToken,
  });
  await until(() => started.child.exitCode !== null);
  const output = started.output();
  for (const reason of [
    "nowhere: can't be loaded: there is no such package or path",
    "no-such-package: can't be loaded: there is no such package or path",
    'it is Monday',
    'it has no default export',
    'it speaks version 2 of the contract, and this is 1',
    'bad-name: name: must be lower-case letters, digits and dashes',
    'the options of one are no schema',
    'the retriever same/one is there twice',
  ])
    expect(output).toContain(reason);
  expect(started.child.exitCode).toBe(1);
});

test('an asset is known by its content, replaced by its name, and given back as a file', async () => {
  const csv = 'studentId;firstName\nSTU1;Anjali\n';
  const kept = await put('past-attempts', csv);
  expect([kept.status, await kept.json()]).toEqual([
    200,
    {
      slug: 'past-attempts',
      type: 'text/csv',
      bytes: csv.length,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      createdAt: expect.any(String),
    },
  ]);
  expect(await (await put('past-attempts', '[]')).json()).toMatchObject({ type: 'application/json', bytes: 2 });
  const file = await fetch(`${service.url}/internal/assets/past-attempts`, { headers: asService });
  expect([await file.text(), file.headers.get('content-disposition')]).toEqual(['[]', 'attachment']);
  const list = await fetch(`${service.url}/internal/assets`, { headers: asService });
  expect(await list.json()).toMatchObject({ items: [{ slug: 'past-attempts' }], next: null });
  const remove = () => fetch(`${service.url}/internal/assets/past-attempts`, { method: 'DELETE', headers: asService });
  expect((await remove()).status).toBe(204);
  expect((await remove()).status).toBe(404);
});

test.each([
  ['a slug with capitals', 'Logo', 'a,b', '422 invalid_request'],
  ['half a JSON', 'list', '{"items": [', '422 asset_invalid'],
  ['bytes of nothing', 'list', '\0\x01\x02', '422 asset_invalid'],
  ['half a PDF', 'list', '%PDF-1.7\n1 0 obj', '422 pdf_unreadable'],
  ['half a PNG', 'list', '\x89PNG\r\n', '422 image_invalid'],
  ['a font of more than 20 MB', 'list', `OTTO${'x'.repeat(20 * 1024 * 1024)}`, '413 body_too_large'],
])('%s is refused', async (_what, slug, text, code) => {
  expect(await codeOf(await put(slug, Buffer.from(text, 'latin1')))).toBe(code);
});

test('assets are for the backend and for administrators of the tenant', async () => {
  const as = (token: string) => put('mine', 'a,b', { authorization: `Bearer ${token}` });
  expect((await as(adminToken())).status).toBe(200);
  expect(await codeOf(await as(studentToken('S1')))).toBe('403 forbidden');
  expect(await codeOf(await as(signUserToken({ user_type: 'teacher', teacher_id: 'T1' })))).toBe('403 forbidden');
  const elsewhere = await fetch(`${service.url}/internal/assets?origin=https://elsewhere.example`, {
    headers: asService,
  });
  expect(await codeOf(elsewhere)).toBe('422 invalid_request');
});
