// npm run demo: the main job from end to end, as its users see it, on embedded defaults. With --keep it stays up.

import { createWriteStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { findExecutable, NoBrowserError } from '../src/browser/executable.ts';
import { loadConfig } from '../src/config.ts';
import { startService } from '../src/service.ts';
import { readClass } from './demo-class.ts';
import { startSchool } from './school/school.ts';

const { values: options } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });

const classId = 'CLASS_1224';
const testId = 'Test_1';
const studentId = 'STU_1224_01';
const teacherId = 'TCH_1224';
const folder = 'demo-output';
const port = 8080;
const schoolPort = 3000;
const triggersAtOnce = 2;

const secrets = {
  service: 'your-token-here',
  user: 'platen-development-user-token-secret',
  report: 'platen-development-report-token-secret',
};

const say = (text = '') => process.stdout.write(`${text}\n`);
const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** A body for the trigger. */
type Trigger = { reportType: 'student' | 'teacher' | 'overall'; studentId?: string; teacherId?: string };

async function trigger(url: string, report: Trigger, isLast = false): Promise<string> {
  const response = await fetch(`${url}/internal/trigger-generate-pdf`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${secrets.service}` },
    body: JSON.stringify({ testId, classId, ...report }),
  });
  const answer = (await response.json()) as { s3Key?: string; code?: string; detail?: string };
  if (answer.s3Key !== undefined) return answer.s3Key;
  const said = `${response.status} ${answer.code}: ${answer.detail}`;
  if (isLast || ![503, 504].includes(response.status)) throw new Error(said);
  // As a backend should: what may heal is asked for again, and said.
  say(`  asked again after ${said}`);
  return trigger(url, report, true);
}

async function triggerAll(url: string, reports: Trigger[]): Promise<void> {
  const startedAt = performance.now();
  const waiting = [...reports];
  let done = 0;
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const key = await trigger(url, next);
      done++;
      if (process.stdout.isTTY) process.stdout.write(`\r  ${done} of ${reports.length}  ${key.padEnd(60)}`);
      else if (done % 10 === 0 || done === reports.length) say(`  ${done} of ${reports.length}  ${key}`);
    }
  };
  await Promise.all(Array.from({ length: triggersAtOnce }, work));
  say(`${process.stdout.isTTY ? '\n' : ''}  all stored after ${seconds(startedAt)}`);
}

/** Downloads with a bearer token into the demo's folder; says what came, and how. */
async function download(request: Request, name: string): Promise<void> {
  const startedAt = performance.now();
  const response = await fetch(request);
  if (!response.ok || response.body === null) throw new Error(`${response.status} ${await response.text()}`);
  const file = join(folder, name);
  await pipeline(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]), createWriteStream(file));
  const { size } = await stat(file);
  const cache = response.headers.get('cache-status') ?? response.headers.get('content-type');
  say(`  ${file}  ${Math.round(size / 1024)} kB  ${cache}  ${seconds(startedAt)}`);
}

function ask(url: string, token: string, body?: unknown): Request {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return body === undefined
    ? new Request(url, { headers })
    : new Request(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

function sayHowToGoOn(url: string, origin: string, tokens: { student: string; teacher: string }): void {
  say('\nStill running; Ctrl-C stops it. In another shell:');
  say(`  export USER_TOKEN=${tokens.student}`);
  say(`  export TEACHER_TOKEN=${tokens.teacher}`);
  say(
    `Open ${url}/docs for the API, ${url}/metrics for figures, ${origin} for the school (STU001 or TCH001, password school).`,
  );
}

async function runDemo(): Promise<void> {
  const settings = {
    PORT: String(port),
    LOG_LEVEL: 'error',
    PDF_TIMEOUT: '20000',
    DATA_DIR: join(folder, 'data'),
    DEFAULT_FRONTEND_ORIGIN: `http://localhost:${schoolPort}`,
    USER_TOKEN_SECRET: secrets.user,
    REPORT_TOKEN_SECRET: secrets.report,
    BROWSER_PATH: process.env.BROWSER_PATH,
    PUPPETEER_EXECUTABLE_PATH: process.env.PUPPETEER_EXECUTABLE_PATH,
  };
  const { config, secrets: checked } = loadConfig(settings, process.getuid?.() === 0);
  // Says at once, and in one sentence, what to do on a machine without a browser.
  await findExecutable(config.rendering.browserPath);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  await using school = await startSchool({
    port: schoolPort,
    userTokenSecret: secrets.user,
    reportTokenSecret: secrets.report,
  });
  await using service = await startService(config, checked);
  const { url } = service;
  say(`Example school at ${school.origin}, Platen at ${url}`);

  const studentIds = await readClass(school, classId);
  say(`\n1. The backend triggers all reports of ${classId}: ${studentIds.length} students, the teacher, the class`);
  await triggerAll(url, [
    { reportType: 'overall' },
    { reportType: 'teacher', teacherId },
    ...studentIds.map((id) => ({ reportType: 'student' as const, studentId: id })),
  ]);

  const ofStudent = school.issueUserToken({ user_type: 'student', student_id: studentId, class_id: classId });
  const ofTeacher = school.issueUserToken({ user_type: 'teacher', teacher_id: teacherId, class_id: classId });
  const ofTestStudent = school.issueUserToken({ user_type: 'student', student_id: 'STU001', class_id: 'CLASS_TEST' });
  const ofTestTeacher = school.issueUserToken({ user_type: 'teacher', teacher_id: 'TCH001', class_id: 'CLASS_TEST' });
  say(`\n2. ${studentId} downloads a report that is stored`);
  const query = `testId=${testId}&classId=${classId}`;
  await download(ask(`${url}/generate-pdf?studentId=${studentId}&${query}`, ofStudent), 'hit.pdf');
  say('\n3. STU001 downloads a report that nobody has triggered: it is rendered now');
  await download(ask(`${url}/generate-student-pdf?testId=${testId}`, ofTestStudent), 'miss.pdf');
  say('\n4. The teacher downloads the whole class');
  await download(ask(`${url}/generate-bulk-pdf`, ofTeacher, { studentIds, testId, classId }), 'class.zip');
  say(`\nThe PDFs lie in ${relative('.', join(folder, 'data', 'documents'))}/`);

  if (!options.keep) return;
  sayHowToGoOn(url, school.origin, { student: ofTestStudent, teacher: ofTestTeacher });
  await new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
  });
}

/** What the person at the keyboard can mend, in one sentence; anything else is a fault of the demo. */
function explain(error: NodeJS.ErrnoException & { port?: number }): string | undefined {
  if (error.code === 'EADDRINUSE') return `Port ${error.port} is in use: stop what listens there and try again.`;
  return error instanceof NoBrowserError ? error.message : undefined;
}

try {
  await runDemo();
} catch (error) {
  const explanation = explain(error as Error);
  if (explanation === undefined) throw error;
  say(explanation);
  process.exitCode = 1;
}
