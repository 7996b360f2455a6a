// A token is nowhere to be found afterwards: not in logs, metrics, problems, storage, process arguments or the browser's environment.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { type Pages, readyPage, startPages } from './support/pages.ts';
import { readPdf } from './support/pdf.ts';
import { listProcesses, startServiceProcess } from './support/process.ts';
import {
  reportTokenSecret,
  serviceToken,
  signReportToken,
  studentToken,
  teacherToken,
  userTokenSecret,
} from './support/tokens.ts';

/** A page that tells the server its token, shows it to the console and throws it. */
const talkative = readyPage(
  `<h1>Report</h1><script>
    const token = localStorage.token;
    console.error('my token is ' + token);
    fetch('/seen', { method: 'POST', body: token });
    setTimeout(() => { throw new Error('thrown ' + token); });
  </script>`,
);

const failing = talkative.replace(
  'window.__PDF_READY__ = true',
  "window.__PDF_ERROR__ = 'cannot use ' + localStorage.token",
);
const stuck = talkative
  .replace('window.__PDF_READY__ = true', "window.__PDF_PENDING__ = ['GET /x?token=' + localStorage.token]")
  .replace("'/seen'", "'/seen?access_token=' + token");

async function startTalkativePages(seen: Set<string>): Promise<Pages> {
  return startPages({
    '/report': talkative,
    '/student-report': failing,
    '/teacher-report': stuck,
    '/seen': (req, res) => {
      let text = '';
      req.on('data', (chunk) => {
        text += chunk;
      });
      req.on('end', () => {
        seen.add(text);
        res.writeHead(500).end();
      });
    },
  });
}

/** Text of every stored file, PDFs as their visible text and their raw bytes. */
async function storedText(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const texts = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const bytes = await readFile(path);
      const visible = entry.name.endsWith('.pdf') ? (await readPdf(bytes)).text : '';
      return `${path} ${bytes.toString('latin1')} ${visible}`;
    });
  return (await Promise.all(texts)).join('\n');
}

test('no token and no secret appears in logs, metrics, problems, storage, arguments or environments', async () => {
  const seen = new Set<string>();
  await using pages = await startTalkativePages(seen);
  await using service = await startServiceProcess({
    FRONTEND_ORIGINS: pages.origin,
    LOG_LEVEL: 'debug',
    PDF_TIMEOUT: '2000',
  });
  const post = (path: string, body: object, headers: Record<string, string>) =>
    fetch(service.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const trigger = (body: object) =>
    post(
      '/internal/trigger-generate-pdf',
      { testId: '1', classId: 'C1', ...body },
      { 'x-service-auth': `Bearer ${serviceToken}` },
    );
  const get = (path: string, token: string) =>
    fetch(service.url + path, { headers: { authorization: `Bearer ${token}` } });

  const reportToken = signReportToken({ role: 'educator', class_id: 'C1' });
  const wrongToken = signReportToken({ role: 'educator', class_id: 'C1' }, 'some other secret');
  const student = studentToken('S2', 'C1');
  const teacher = teacherToken('T1', 'C1');
  const answers = [
    await trigger({ reportType: 'student', studentId: 'S1' }),
    await trigger({ reportType: 'student', studentId: 'S1', reportToken }),
    await trigger({ reportType: 'student', studentId: 'S1', reportToken: wrongToken }),
    await get('/generate-student-pdf?testId=1', student),
    await get('/generate-teacher-pdf?testId=1', teacher),
    await get('/generate-pdf?testId=1&studentId=S3', teacher),
    await get('/generate-pdf?testId=1&studentId=S1', `${student}x`),
    await get(`/generate-pdf?testId=1&studentId=${student}`, teacher),
    await post(
      '/generate-bulk-pdf',
      { studentIds: ['S1'], testId: '1', classId: 'C1', token: teacher },
      { authorization: `Bearer ${teacher}` },
    ),
    await post('/internal/trigger-generate-pdf', {}, { 'x-service-auth': `Bearer ${serviceToken.slice(1)}` }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 422, 502, 504, 200, 401, 422, 400, 401]);
  const problems = (await Promise.all(answers.map((answer) => answer.text())))
    .filter((text) => text.startsWith('{'))
    .join('\n');
  const processes = listProcesses();
  const browsers = processes.filter(({ commandLine }) => commandLine.includes(`platen-browser-${service.child.pid}-`));
  expect(browsers.length).toBeGreaterThan(0);

  const places: Record<string, string> = {
    log: service.output(),
    metrics: await (await fetch(`${service.url}/metrics`)).text(),
    problems,
    storage: await storedText(service.dataDir),
    arguments: processes.map(({ commandLine }) => commandLine).join('\n'),
    'environment of the browser': browsers.map(({ environment }) => environment).join('\n'),
  };
  const minted = [...seen].filter((token) => ![student, teacher, reportToken].includes(token));
  expect(minted).toHaveLength(1);
  const secrets = {
    serviceToken,
    userTokenSecret,
    reportTokenSecret,
    reportToken,
    wrongToken,
    student,
    teacher,
    minted: minted[0] ?? '',
  };
  for (const [place, text] of Object.entries(places)) {
    const found = Object.entries(secrets).filter(
      ([, secret]) => text.includes(secret) || text.includes(secret.slice(-20)),
    );
    expect([place, found.map(([name]) => name)]).toEqual([place, []]);
  }
});
