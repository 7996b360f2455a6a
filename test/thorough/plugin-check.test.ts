// The suite of a plug-in's contract, and the example package: installed from its packed file, tried by the suite, loaded by the service.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startServiceProcess } from '../support/process.ts';
import { serviceToken } from '../support/tokens.ts';

const example = 'examples/plugin';
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'platen-plugin-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(command: string, args: string[], cwd = '.'): Promise<{ code: number | null; output: string }> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  return { code, output };
}

const check = (...args: string[]) => run(process.execPath, ['bin/platen.mjs', 'plugin', 'check', ...args]);

/** As somebody would who has only the packed file. */
async function installExample(): Promise<string> {
  const place = join(folder, 'elsewhere');
  await mkdir(place);
  await writeFile(join(place, 'package.json'), '{"name":"elsewhere","private":true}');
  const packed = await run('npm', ['pack', '--silent', '--pack-destination', place], example);
  expect(packed.code).toBe(0);
  const [file = ''] = (await readdir(place)).filter((name) => name.endsWith('.tgz'));
  const installed = await run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${file}`], place);
  expect(installed.code).toBe(0);
  return join(place, 'node_modules', 'platen-plugin-attendance');
}

test('the example keeps its own tests, with Platen linked as its README says', async () => {
  const copy = join(folder, 'copy');
  await cp(example, copy, { recursive: true, filter: (path) => !path.includes('node_modules') });
  await mkdir(join(copy, 'node_modules'));
  await symlink(resolve('.'), join(copy, 'node_modules', 'platen'));
  const { code, output } = await run(process.execPath, ['--test'], copy);
  expect(output).toMatch(/pass 3\b/);
  expect(code).toBe(0);
});

test('the example, installed from its packed file, keeps the contract and is offered by the service', async () => {
  const path = await installExample();
  const server = createServer((_req, res) => {
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify([{ learner: 'STU001', days: 40, firstName: 'Anjali', lastName: 'Kumar' }]));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const options = join(folder, 'options.json');
  await writeFile(options, JSON.stringify({ present: { service: origin } }));
  const { code, output } = await check(path, '--options', options, '--origin', origin);
  server.close();
  expect(output).toContain('7 kept, 0 broken, 0 not tried');
  expect(code).toBe(0);
  const withoutOptions = await check(path);
  expect(withoutOptions).toMatchObject({ code: 0, output: expect.stringContaining('/service is missing') });

  await using service = await startServiceProcess({ PLATEN_PLUGINS: path, FRONTEND_ORIGINS: 'http://127.0.0.1:1' });
  const headers = { 'x-service-auth': `Bearer ${serviceToken}` };
  const listed = await fetch(`${service.url}/internal/plugins`, { headers });
  expect(await listed.text()).toContain('"attendance/present"');
});

/** Each breaks one promise. */
const broken = `
import { definePlugin, z } from 'platen/plugin';
const part = { title: 'x', description: '', options: z.object({}) };
const hang = () => new Promise((resolve) => setTimeout(resolve, 60_000));
const decision = { studentId: 'STU1', isEligible: true, criteria: [] };
const page = (text) => ({ html: '<!doctype html><title>x</title><p>' + text });
let count = 0;
export default definePlugin({ name: 'broken', version: '1', contract: 1,
  retrievers: [
    { ...part, name: 'rubbish', async *retrieve() { yield { studentId: 'a b' }; } },
    { ...part, name: 'forgetful', async *retrieve(_context, _options, { studentId }) { if (studentId === undefined) yield decision; } },
    { ...part, name: 'deaf', async *retrieve(_context, _options, { signal }) { if (signal.aborted) await hang(); yield decision; } },
  ],
  generators: [
    { ...part, name: 'text', async generate() { return 'no bytes'; } },
    { ...part, name: 'changing', async generate(_certificate, _options, { render }) { return render(page('page ' + ++count)); } },
    { ...part, name: 'markup', async generate({ name }, _options, { render }) { if (name.includes('<')) throw new Error('odd name'); return render(page('fine')); } },
  ],
});`;

test('each promise that is not kept is told, with what is wrong', async () => {
  const path = join(folder, 'broken');
  await mkdir(path);
  await writeFile(join(path, 'package.json'), '{"name":"broken","type":"module","exports":"./main.js"}');
  await writeFile(join(path, 'main.js'), broken);
  const options = join(folder, 'none.json');
  await writeFile(options, '{"nobody": {}}');
  const { code, output } = await check(path, '--options', options);
  expect(code).toBe(1);
  for (const line of [
    'FAIL  options of nobody',
    "FAIL  broken/rubbish: gives decisions that can be read\n      a decision can't be read: studentId is no id",
    'FAIL  broken/forgetful: finds the one learner who is asked for',
    'FAIL  broken/deaf: ends when it is told to',
    'FAIL  broken/text: makes a PDF\n      it gave no bytes',
    'FAIL  broken/changing: makes the same of the same',
    'FAIL  broken/markup: takes a name of 200 letters, and what looks like markup\n      odd name',
    'ok    broken/deaf: gives decisions that can be read',
    'ok    broken/changing: makes a PDF',
  ])
    expect(output).toContain(line);
  expect(output).toMatch(/\d+ kept, 8 broken, 0 not tried/);
});

test('what can not be loaded is told in a line, not by a stack', async () => {
  const { code, output } = await check(join(folder, 'nowhere'));
  expect([code, output]).toEqual([1, expect.stringContaining('there is no such package or path')]);
  expect(output).not.toContain('    at ');
  expect((await check()).code).toBe(64);
});
