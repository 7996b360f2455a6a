// npm run demo: the main job from end to end, as its users see it, on embedded defaults. With --keep it stays up.

import { mkdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { findExecutable } from '../src/browser/executable.ts';
import { loadConfig } from '../src/config.ts';
import { startService } from '../src/service.ts';
import { StartError } from '../src/start-error.ts';
import { readClass, runClass } from './demo-class.ts';
import { certifyPassed, meritFrom, rehearseMerit, switchMailOn, verifyFirst } from './demo-pipeline.ts';
import { waitUntilReady } from './demo-ready.ts';
import { ask, createPlaten, Refused, say } from './demo-requests.ts';
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
    ISSUER_NAME: 'Example School',
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

  const platen = createPlaten({ url, serviceToken: secrets.service, folder });
  const students = await readClass(school, classId);
  const studentIds = students.map((student) => student.studentId);
  say(`\n1. The backend asks for all reports of ${classId}: ${studentIds.length} students, the teacher, the class`);
  await runClass(platen, { classId, testId, studentIds, teacherIds: [teacherId], overall: true });

  const ofStudent = school.issueUserToken({ user_type: 'student', student_id: studentId, class_id: classId });
  const ofTeacher = school.issueUserToken({ user_type: 'teacher', teacher_id: teacherId, class_id: classId });
  const ofTestStudent = school.issueUserToken({ user_type: 'student', student_id: 'STU001', class_id: 'CLASS_TEST' });
  const ofTestTeacher = school.issueUserToken({ user_type: 'teacher', teacher_id: 'TCH001', class_id: 'CLASS_TEST' });
  say(`\n2. ${studentId} downloads a report that is stored`);
  const query = `testId=${testId}&classId=${classId}`;
  await platen.download(ask(`${url}/generate-pdf?studentId=${studentId}&${query}`, ofStudent), 'hit.pdf');
  say('\n3. STU001 downloads a report that nobody has triggered: it is rendered now');
  await platen.download(ask(`${url}/generate-student-pdf?testId=${testId}`, ofTestStudent), 'miss.pdf');
  say('\n4. The teacher downloads the whole class');
  await platen.download(ask(`${url}/generate-bulk-pdf`, ofTeacher, { studentIds, testId, classId }), 'class.zip');

  const configurationId = await switchMailOn(platen);
  say(
    `\n5. The results of ${classId} are published; Platen fetches them, and certifies and tells those who have passed`,
  );
  school.publishResults(classId);
  const run = await certifyPassed(platen, configurationId, mailbox);
  say(`\n6. A certificate with merit, from ${meritFrom} percent on, is rehearsed`);
  await rehearseMerit(platen);
  say('\n7. Anybody verifies a certificate');
  const page = await verifyFirst(platen, run);
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
