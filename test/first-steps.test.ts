// What a newcomer meets first: the command line, what keeps a start from succeeding, and a demo on a slow machine.

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { waitUntilReady } from '../examples/demo-ready.ts';
import { loadConfig } from '../src/config.ts';
import { startService } from '../src/service.ts';
import { spawnMain, startServiceProcess } from './support/process.ts';
import { until } from './support/until.ts';

async function runMain(env: Record<string, string>, ...args: string[]) {
  const command: [string, ...string[]] = [process.execPath, '--disable-warning=ExperimentalWarning', 'src/main.ts'];
  const { child, output } = spawnMain(env, [...command, ...args]);
  const [code] = await once(child, 'close');
  return { code: code as number, output: output() };
}

async function makeFolder() {
  const path = await mkdtemp(join(tmpdir(), 'platen-first-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

describe('the command line', () => {
  test('--help says what there is, and which settings come first; nothing is started', async () => {
    const { code, output } = await runMain({ PORT: 'wrong' }, '--help');
    expect(code).toBe(0);
    for (const word of ['npm start', 'npm run demo', 'npm run try', '/docs', 'PORT', 'DATA_DIR', 'docs/settings.md'])
      expect(output).toContain(word);
  });

  test('--version is that of the package', async () => {
    expect(await runMain({ PORT: 'wrong' }, '--version')).toEqual({
      code: 0,
      output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  test('what it does not know is named, without a stack', async () => {
    const { code, output } = await runMain({ PORT: '0' }, '--prot', '80');
    expect(code).toBe(64);
    expect(output).toContain('--prot');
    expect(output).toContain('--help');
    expect(output).not.toContain('    at ');
  });
});

describe('a start that can not be', () => {
  test('says in one line that its port is taken, before it touches anything', async () => {
    await using folder = await makeFolder();
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const dataDir = join(folder.path, 'data');
    const { code, output } = await runMain({ PORT: String(port), DATA_DIR: dataDir });
    other.close();
    expect(output).toMatch(new RegExp(`^PORT: ${port} .*taken.*\n$`));
    expect(code).toBe(1);
    expect(existsSync(dataDir)).toBe(false);
  });

  test('says in one line that HOST is not here', async () => {
    await using folder = await makeFolder();
    const { code, output } = await runMain({ PORT: '0', HOST: '192.0.2.1', DATA_DIR: folder.path, ...strongSecrets });
    expect(output).toMatch(/^HOST: 192\.0\.2\.1 .*\n$/);
    expect(code).toBe(1);
  });

  test('says in one line that DATA_DIR is in use, and by whom', async () => {
    await using first = await startServiceProcess();
    const { code, output } = await runMain({ PORT: '0', DATA_DIR: first.dataDir });
    expect(output).toMatch(new RegExp(`^DATA_DIR: .* in use by process ${first.child.pid}.*\n$`));
    expect(code).toBe(1);
  });

  test('says in one line that DATA_DIR can not be a folder', async () => {
    await using folder = await makeFolder();
    await writeFile(join(folder.path, 'file'), '');
    const { code, output } = await runMain({ PORT: '0', DATA_DIR: join(folder.path, 'file', 'data') });
    expect(output).toMatch(/^DATA_DIR: .*ENOTDIR.*\n$/);
    expect(code).toBe(1);
  });
});

const strongSecrets = {
  PDF_SERVICE_INTERNAL_TOKEN: 'a-service-token-of-no-development',
  USER_TOKEN_SECRET: 'a-user-token-secret-of-no-development',
};

test('the demo waits for a database that is not there yet, and says so', async () => {
  await using folder = await makeFolder();
  const { config, secrets } = loadConfig({ PORT: '0', LOG_LEVEL: 'silent', DATA_DIR: folder.path }, true);
  await (await startService(config, secrets))[Symbol.asyncDispose]();
  const [file, away] = [join(folder.path, 'database', 'PG_VERSION'), join(folder.path, 'away')];
  await rename(file, away);
  await using service = await startService(config, secrets);
  const said: string[] = [];
  let isReady = false;
  const waiting = waitUntilReady(service.url, (text) => said.push(text)).then(() => {
    isReady = true;
  });
  await until(() => said.some((text) => text.includes('PG_VERSION')));
  expect(isReady).toBe(false);
  await rename(away, file);
  await waiting;
  expect(await (await fetch(`${service.url}/readyz`)).json()).toMatchObject({ status: 'ready' });
});

describe('the first install', () => {
  const setup = async (path: string, { node = process.versions.node, npm = '' }) => {
    await mkdir(join(path, 'bin'), { recursive: true });
    await copyFile('bin/setup.mjs', join(path, 'bin/setup.mjs'));
    await writeFile(join(path, 'package-lock.json'), '{"packages":{"":{},"node_modules/a":{},"node_modules/@b/c":{}}}');
    await writeFile(
      join(path, 'node.cjs'),
      `Object.defineProperty(process, 'versions', { value: { node: '${node}' } });`,
    );
    await writeFile(join(path, 'npm'), `#!/bin/sh\nmkdir -p node_modules/a node_modules/@b/c\n${npm}\n`, {
      mode: 0o755,
    });
    const command: [string, ...string[]] = [
      process.execPath,
      '--require',
      join(path, 'node.cjs'),
      join(path, 'bin/setup.mjs'),
    ];
    const { child, output } = spawnMain({ PATH: `${path}:${process.env.PATH}` }, command);
    const [code] = await once(child, 'close');
    return { code: code as number, output: output() };
  };

  test('says what it does, and every few seconds how far it is', async () => {
    await using folder = await makeFolder();
    const { code, output } = await setup(folder.path, { npm: 'sleep 6' });
    expect([code, output.split('\n')]).toEqual([
      0,
      [
        expect.stringMatching(/^Installing dependencies.*2 packages/),
        expect.stringMatching(/^ {2}\d+ s: 2 packages/),
        '',
      ],
    ]);
  });

  test('says in one line that Node 24 is missing, where npm did not bring it', async () => {
    await using folder = await makeFolder();
    const { code, output } = await setup(folder.path, { node: '20.11.0' });
    expect([code, output.split('\n')]).toEqual([
      1,
      [
        expect.any(String),
        expect.stringMatching(/^Platen needs Node 24 or newer, and this is 20\.11\.0: install it/),
        '',
      ],
    ]);
    expect(
      await setup(folder.path, { node: '20.11.0', npm: 'mkdir -p node_modules/.bin; touch node_modules/.bin/node' }),
    ).toMatchObject({ code: 0 });
  });

  test('that fails ends with the status of npm', async () => {
    await using folder = await makeFolder();
    expect(await setup(folder.path, { npm: 'exit 3' })).toMatchObject({ code: 3 });
  });
});
