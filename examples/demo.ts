// npm run demo: the main job from end to end, as its users see it, on embedded defaults. With --keep it stays up.

import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findExecutable } from '../src/browser/executable.ts';
import { loadConfig } from '../src/config.ts';
import { startService } from '../src/service.ts';
import { StartError } from '../src/start-error.ts';
import { readClass } from './demo-class.ts';
import {
  type Run as CertificateRun,
  explain as explainItem,
  meritFrom,
  rehearseMerit,
  switchMailOn,
  verifyFile,
  waitForRun,
} from './demo-pipeline.ts';
import { waitUntilReady } from './demo-ready.ts';
import { type Mailbox, startMailbox } from './mailbox/mailbox.ts';
import { startSchool } from './school/school.ts';

const { values: options } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });

const classId = 'CLASS_1224';
const testId = 'Test_1';
const studentId = 'STU_1224_01';
const teacherId = 'TCH_1224';
const folder = 'demo-output';
const port = 8080;
const schoolPort = 3000;
const mailboxPorts = { port: 8025, smtpPort: 1025 };

const secrets = {
  service: 'your-token-here',
  user: 'platen-development-user-token-secret',
  report: 'platen-development-report-token-secret',
  testing: 'testing-service-token',
};

const say = (text = '') => process.stdout.write(`${text}\n`);
const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

const asService = { 'content-type': 'application/json', 'x-service-auth': `Bearer ${secrets.service}` };

/** Platen has answered, but not with what was asked for. */
class Refused extends Error {}

async function refusedBy(response: Response): Promise<Refused> {
  return new Refused(`${new URL(response.url).pathname} answered ${response.status}: ${await response.text()}`);
}

/** A class run as its events tell it. */
interface Run {
  state: string;
  total: number;
  counts: { queued: number; active: number; completed: number; failed: number };
  etaSeconds: number | null;
}

/** A line for terminals, which is written over, or one now and then for logs. */
function sayProgress({ state, total, counts, etaSeconds }: Run): void {
  const width = 30;
  const done = counts.completed + counts.failed;
  const bar = '#'.repeat(Math.round((done / total) * width)).padEnd(width, '.');
  const left = etaSeconds === null || state === 'completed' ? '' : `  about ${etaSeconds} s left`;
  const line = `  [${bar}] ${done} of ${total}${left}`;
  if (process.stdout.isTTY) process.stdout.write(`\r${line.padEnd(70)}`);
  else say(line);
}

/** Asks for the class as a backend does, and follows the run until it is over. */
async function runClass(url: string, body: object): Promise<void> {
  const startedAt = performance.now();
  const request = { method: 'POST', headers: asService, body: JSON.stringify(body) };
  const accepted = await fetch(`${url}/internal/class-runs`, request);
  if (accepted.status !== 202) throw await refusedBy(accepted);
  const { id, total } = (await accepted.json()) as { id: string; total: number };
  say(`  accepted after ${Math.round(performance.now() - startedAt)} ms: ${total} reports, class run ${id}`);
  const events = await fetch(`${url}/internal/class-runs/${id}/events`, { headers: asService });
  let run: Run | undefined;
  let shown = -1;
  for await (const line of linesOf(events)) {
    if (!line.startsWith('data: ')) continue;
    run = JSON.parse(line.slice('data: '.length)) as Run;
    const tenths = Math.floor((run.counts.completed / run.total) * 10);
    if (process.stdout.isTTY || tenths > shown) sayProgress(run);
    shown = tenths;
  }
  if (process.stdout.isTTY) say();
  if (run?.state !== 'completed')
    throw new Refused(`The class run ended as ${run?.state}: ${JSON.stringify(run?.counts)}`);
  say(`  all stored after ${seconds(startedAt)}`);
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  let rest = '';
  for await (const text of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

/** Downloads with a bearer token into the demo's folder; says what came, and how. */
async function download(request: Request, name: string): Promise<void> {
  const startedAt = performance.now();
  const response = await fetch(request);
  if (!response.ok || response.body === null) throw await refusedBy(response);
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

const sendTo =
  (url: string) =>
  async (path: string, { method, body }: { method?: string; body?: object } = {}): Promise<unknown> => {
    const sent = body === undefined ? {} : { method: method ?? 'POST', body: JSON.stringify(body) };
    const response = await fetch(url + path, { headers: asService, ...sent });
    if (!response.ok) throw await refusedBy(response);
    return response.json();
  };

/** Waits until whoever has passed has a certificate, and its mail. */
async function certify(mailbox: Mailbox, configurationId: string, send: ReturnType<typeof sendTo>) {
  const startedAt = performance.now();
  const run = await waitForRun(configurationId, send);
  const { checked, issued, skipped, failed } = run.counts;
  say(
    `  after ${seconds(startedAt)}: ${checked} have passed, ${issued} certificates issued, ${skipped} skipped, ${failed} failed`,
  );
  if (issued === 0 || failed > 0) throw new Refused(`The run ended as ${run.state}.`);
  while (mailbox.mails.length < issued) await pause(100);
  say(
    `  ${mailbox.mails.length} mails have come, the first to ${mailbox.mails[0]?.to}: “${mailbox.mails[0]?.subject}”`,
  );
  return run;
}

/** @returns the address of its page. */
async function verifyFirst(
  url: string,
  run: CertificateRun,
  send: ReturnType<typeof sendTo>,
): Promise<string | undefined> {
  const issued = run.items.find(({ outcome }) => outcome === 'issued');
  if (issued === undefined) return undefined;
  const { download_url } = (await send(`/certificates/${issued.certificateId}/download`)) as { download_url: string };
  await download(new Request(download_url), 'certificate.pdf');
  const { valid, checks } = await verifyFile(url, await readFile(join(folder, 'certificate.pdf')));
  say(
    `  the file is ${valid ? 'valid' : 'not valid'}: ${checks.map(({ name, passed }) => `${name} ${passed ? 'yes' : 'NO'}`).join(', ')}`,
  );
  if (!valid) throw new Refused('The certificate that was just issued is not valid.');
  const [certificate] = (await send(`/certificates/${issued.studentId}`)) as { verify_url: string }[];
  return certificate?.verify_url;
}

async function rehearse(send: ReturnType<typeof sendTo>): Promise<void> {
  const { counts, items } = await rehearseMerit(send);
  say(`  ${counts.eligible} of ${counts.checked} would get it; nothing was issued`);
  const without = items.find(({ isEligible }) => !isEligible);
  if (without !== undefined) say(`  ${without.studentId} would not. ${explainItem(without)}`);
}

function sayHowToGoOn(
  url: string,
  origin: string,
  mailbox: Mailbox,
  tokens: { student: string; teacher: string },
): void {
  say('\nStill running; Ctrl-C stops it. In another shell:');
  say(`  export USER_TOKEN=${tokens.student}`);
  say(`  export TEACHER_TOKEN=${tokens.teacher}`);
  say(
    `Open ${url}/docs for the API, ${url}/metrics for figures, ${origin} for the school (STU001 or TCH001, password school), ${mailbox.url} for the mails.`,
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
    TESTING_SERVICE_URL: `http://localhost:${schoolPort}/testing`,
    TESTING_SERVICE_TOKEN: secrets.testing,
    STATS_WORKER_FETCH_INTERVAL: '1',
    STATS_WORKER_PROCESS_INTERVAL: '1',
    STATS_WORKER_GENERATE_INTERVAL: '1',
    SMTP_URL: `smtp://localhost:${mailboxPorts.smtpPort}`,
    MAIL_FROM: 'Example School <certificates@school.example>',
    // Where it is told of certificates, for those who have a broker.
    kafkaEnabled: process.env.kafkaEnabled,
    KAFKA_BROKERS: process.env.KAFKA_BROKERS,
    KAFKA_TOPIC: process.env.KAFKA_TOPIC,
    BROWSER_PATH: process.env.BROWSER_PATH,
    PUPPETEER_EXECUTABLE_PATH: process.env.PUPPETEER_EXECUTABLE_PATH,
  };
  const { config, secrets: checked } = loadConfig(settings, process.getuid?.() === 0);
  // Says at once, and in one sentence, what to do on a machine without a browser.
  await findExecutable(config.rendering.browserPath);
  await using school = await startSchool({
    port: schoolPort,
    userTokenSecret: secrets.user,
    reportTokenSecret: secrets.report,
    testingToken: secrets.testing,
  });
  await using mailbox = await startMailbox(mailboxPorts);
  // Not before the school has its port: another demo may be running.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  await using service = await startService(config, checked);
  const { url } = service;
  say(`Example school at ${school.origin}, Platen at ${url}`);
  school.connect({ url, serviceToken: secrets.service });
  await waitUntilReady(url, say);

  const students = await readClass(school, classId);
  const studentIds = students.map((student) => student.studentId);
  say(`\n1. The backend asks for all reports of ${classId}: ${studentIds.length} students, the teacher, the class`);
  await runClass(url, { classId, testId, studentIds, teacherIds: [teacherId], overall: true });

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

  const send = sendTo(url);
  const configurationId = await switchMailOn(send);
  say(
    `\n5. The results of ${classId} are published; Platen fetches them, and certifies and tells those who have passed`,
  );
  school.publishResults(classId);
  const run = await certify(mailbox, configurationId, send);
  say(`\n6. A certificate with merit, from ${meritFrom} percent on, is rehearsed`);
  await rehearse(send);
  say('\n7. Anybody verifies a certificate');
  const page = await verifyFirst(url, run, send);
  say(`\nThe PDFs lie in ${relative('.', join(folder, 'data', 'documents'))}/`);

  if (!options.keep) return;
  if (page !== undefined) say(`\nThe page of the first certificate: ${page}`);
  sayHowToGoOn(url, school.origin, mailbox, { student: ofTestStudent, teacher: ofTestTeacher });
  await new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
  });
}

/** What the person at the keyboard can mend, in one sentence; anything else is a fault of the demo. */
function explain(error: NodeJS.ErrnoException & { port?: number }): string | undefined {
  if (error.code === 'EADDRINUSE') return `Port ${error.port} is in use: stop what listens there and try again.`;
  return error instanceof StartError || error instanceof Refused ? error.message : undefined;
}

try {
  await runDemo();
} catch (error) {
  const explanation = explain(error as Error);
  if (explanation === undefined) throw error;
  say(explanation);
  process.exitCode = 1;
}
