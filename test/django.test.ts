// The Django example asks a real Platen, where Python with Django is there (DJANGO_PYTHON, or python3 on the path).

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { startTestService } from './support/service.ts';
import { serviceToken } from './support/tokens.ts';

const python = [process.env.DJANGO_PYTHON, 'python3'].find(
  (path) => path !== undefined && spawnSync(path, ['-c', 'import django, requests']).status === 0,
);
const testDjango = python === undefined ? test.skip : test;

testDjango('a Django project triggers a report when a test is marked', async () => {
  await using service = await startTestService();
  const child = spawn(python ?? '', ['-B', 'manage.py', 'test', '--verbosity', '1'], {
    cwd: 'examples/django',
    env: { PATH: process.env.PATH, PLATEN_URL: service.url, PLATEN_SERVICE_TOKEN: serviceToken },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const [code] = await once(child, 'exit');
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringMatching(/Ran \d+ tests/) });
  expect(output).not.toMatch(/skipped/i);
  expect(await service.storedKeys()).toContain('reports/CLASS_TEST/Test_1/students/STU001.pdf');
});
