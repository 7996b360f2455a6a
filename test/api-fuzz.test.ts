// The API answers as its own OpenAPI document says, whatever is asked: fuzzed from that document, where schemathesis is there.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { readyPage, startPages } from './support/pages.ts';
import { startTestService } from './support/service.ts';
import { adminToken, serviceToken, studentToken, teacherToken } from './support/tokens.ts';

const { SCHEMATHESIS: schemathesis } = process.env;
const isThere = schemathesis !== undefined && spawnSync(schemathesis, ['--version']).status === 0;
const testApi = isThere ? test : test.skip;

// One worker: with several, Python 3.11 fails in its own parser (SystemError: AST constructor recursion depth mismatch).
const bounds = ['--seed', '20261127', '--workers', '1', '--max-examples', '8', '--continue-on-failure'];

testApi(
  'no server error, and nothing that the OpenAPI document does not say (SCHEMATHESIS names the fuzzer)',
  async () => {
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'platen-fuzz-'));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    const page = readyPage('<p>Report</p>');
    const pages = parts.use(await startPages({ '/report': page, '/student-report': page, '/teacher-report': page }));
    const service = parts.use(
      await startTestService({
        origin: pages.origin,
        env: { RATE_LIMIT_PER_15_MIN: '1000000', CALLER_RENDER_LIMIT: '1000' },
      }),
    );
    const config = resolve('test/support/schemathesis.toml');
    const child = spawn(
      schemathesis ?? '',
      [
        '--config-file',
        config,
        'run',
        `${service.url}/openapi.json`,
        '--phases',
        'examples,coverage,fuzzing',
        ...bounds,
      ],
      {
        // It writes a folder of its own into the one where it runs.
        cwd: folder,
        env: {
          PATH: process.env.PATH,
          HOME: folder,
          NO_COLOR: '1',
          FUZZ_ADMIN_TOKEN: adminToken(),
          FUZZ_STUDENT_TOKEN: studentToken('STU001', 'C1'),
          FUZZ_TEACHER_TOKEN: teacherToken('TCH001', 'C1'),
          FUZZ_SERVICE_TOKEN: serviceToken,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    parts.defer(() => void child.kill('SIGKILL'));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(output);
    // All of it was asked, and pages were really opened.
    expect(output).toMatch(/Selected: (\d+)\/\1\s[\s\S]*Tested: \1\b/);
    expect(output).toMatch(/ (?:[3-9]\d\d|\d{4}) generated/);
    expect(pages.requests.length).toBeGreaterThan(10);
    expect((await service.get('/health')).status).toBe(200);
  },
  900_000,
);
