// A learner is erased through the front door: afterwards every table and every file is read, and nothing of them is found.

import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startSchool } from '../examples/school/school.ts';
import { openDataFolder } from '../src/data-folder.ts';
import { openDatabase } from '../src/database/database.ts';
import { askedCertificate, type IssuedCertificate, issueCertificate } from './support/certificates.ts';
import { filesWith, tablesWith } from './support/everything-of.ts';
import { type Pipeline, pipelineOf } from './support/pipeline.ts';
import { createTestDatabase, describeDatabases, type TestDatabase } from './support/postgres.ts';
import { startTestService, type TestService } from './support/service.ts';
import { attemptOf } from './support/testing-service.ts';
import { reportTokenSecret, signUserToken, userTokenSecret } from './support/tokens.ts';
import { until } from './support/until.ts';

const studentId = 'STU001';
const person = { firstName: 'Zebulon', lastName: 'Quixano' };
const words = [studentId, 'Zebulon', 'Quixano', 'zq@post.example'];
const two = 'http://127.0.0.1:2';

interface Job {
  state: string;
  error: object | null;
  result: Record<string, number>;
}

describeDatabases('erasing', (server) => {
  const parts = new AsyncDisposableStack();
  let place: TestDatabase;
  let env: Record<string, string | undefined>;
  let origin: string;
  let service: TestService;
  let pipeline: Pipeline;
  let issued: IssuedCertificate;
  let file: Buffer;

  const start = async () => {
    service = parts.use(await startTestService({ origin, env }));
    pipeline = pipelineOf(service);
  };
  /** The database beside the service, which has ended. */
  const read = async () => {
    using _folder = openDataFolder(place.dataDir);
    await using database = openDatabase(place);
    await database.ready;
    return await tablesWith(database, words);
  };
  const jobOf = (id: string) =>
    until(async () => {
      const job = await pipeline.json<Job>('GET', `/jobs/${id}`);
      return ['queued', 'active'].includes(job.state) ? undefined : job;
    });
  const erase = async (body: object = { reason: 'asked for it' }) => {
    const { jobId } = await pipeline.json<{ jobId: string }>('POST', `/internal/learners/${studentId}/erase`, body);
    return jobOf(jobId);
  };
  const verify = (code: string, accept = 'application/json') =>
    fetch(`${service.url}/verify/${code}`, { headers: { accept } });
  const codeOf = ({ certificate }: IssuedCertificate) => certificate.verifyUrl.split('/').at(-1) ?? '';
  const asked = { ...askedCertificate, ...person, userId: studentId, email: 'zq@post.example', courseId: 'ALG1' };

  async function leaveTraces(): Promise<void> {
    await service.internal('/internal/webhooks', { url: 'https://127.0.0.1:9/hook' });
    const report = { classId: 'CLASS_TEST', testId: 'Test_1', reportType: 'student' };
    for (const each of [studentId, 'STU002'])
      expect((await service.trigger({ ...report, studentId: each })).status).toBe(202);
    await service.internal('/internal/invalidate', { classId: 'CLASS_TEST', testId: 'Test_1', studentId });
    const run = await service.internal('/internal/class-runs', {
      classId: 'CLASS_TEST',
      testId: 'Test_1',
      studentIds: [studentId, 'STU002'],
      overall: true,
    });
    const { id } = (await run.json()) as { id: string };
    await until(async () => {
      const { state } = await pipeline.json<{ state: string }>('GET', `/internal/class-runs/${id}`);
      return state === 'completed';
    });
    // Their own, by their own token, and a ticket for it.
    const token = signUserToken({ user_type: 'student', student_id: studentId, class_id: 'CLASS_TEST', origin });
    const later = await service.get('/generate-student-pdf?testId=Test_1&classId=CLASS_TEST', token, {
      prefer: 'respond-async',
    });
    const { progressId } = (await later.json()) as { progressId: string };
    await fetch(`${service.url}/api/certificates/progress/${progressId}/ticket`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });

    const headers = { 'idempotency-key': `certificate of ${studentId}` };
    const response = await service.internal('/certificate/issue', asked, headers);
    issued = ((await response.json()) as { data: IssuedCertificate }).data;
    const { download_url } = await pipeline.json<{ download_url: string }>(
      'GET',
      `/certificates/${issued.certificate.id}/download`,
    );
    file = Buffer.from(
      await (await fetch(service.url + new URL(download_url).pathname + new URL(download_url).search)).arrayBuffer(),
    );
    const replaced = await issueCertificate(service, { ...asked, courseId: 'ALG2' });
    await pipeline.json('POST', `/certificates/${replaced.certificate.id}/reissue`, {
      reason: `Quixano's wish`,
      score: 5,
      maxScore: 6,
    });

    const attempt = { ...attemptOf(studentId), ...person, email: 'zq@post.example', courseId: 'ALG3' };
    const { score: _, ...unreadable } = { ...attempt, id: 'unreadable' };
    await service.internal('/internal/attempts', {
      items: [attempt, unreadable, { ...attemptOf('STU002'), courseId: 'ALG3' }],
    });
    await service.internal('/internal/attempts', { items: [attempt], origin: two });
    const courses = async (token?: string) => {
      const path = `/certificates/${studentId}`;
      const answer = token === undefined ? await pipeline.call('GET', path) : await service.get(path, token);
      return ((await answer.json()) as { course_id: string; status: string }[]).filter(
        ({ status }) => status === 'available',
      );
    };
    await until(async () => (await courses()).some(({ course_id }) => course_id === 'ALG3'));
    await until(
      async () => (await courses(signUserToken({ role: 'admin', user_id: 'ADM', origin: two }))).length === 1,
    );

    await pipeline.putList('past', `studentId,firstName,email\nSTU003,Ravi,r@post.example\n`);
    await pipeline.putList(
      'of-them',
      `studentId,firstName,lastName,email\n${studentId},Zebulon,Quixano,zq@post.example\n`,
    );
    const configuration = await pipeline.configure({
      type: {
        name: 'past',
        retriever: 'list',
        generator: 'template',
        options: { asset: 'of-them', templateId: 'modern-certificate' },
      },
      context: { id: 'ALG4' },
      more: { mail: true },
    });
    const begun = await pipeline.begin(configuration, 'run', { only: [studentId] });
    expect((await pipeline.ended(begun)).counts).toMatchObject({ issued: 1 });
    // The file of the institution is its own business.
    await pipeline.call('DELETE', `/internal/configurations/${configuration}`);
    await pipeline.call('DELETE', '/internal/certificate-types/past');
    expect((await pipeline.call('DELETE', '/internal/assets/of-them')).status).toBe(204);
  }

  beforeAll(async () => {
    place = parts.use(await createTestDatabase(server));
    const school = parts.use(await startSchool({ port: 0, userTokenSecret, reportTokenSecret }));
    ({ origin } = school);
    env = {
      DATA_DIR: place.dataDir,
      DATABASE_URL: place.url,
      FRONTEND_ORIGINS: `${origin},${two}=two`,
      DEFAULT_FRONTEND_ORIGIN: origin,
      WEBHOOK_HOSTS: '127.0.0.1',
      STATS_WORKER_PROCESS_INTERVAL: '1',
      STATS_WORKER_GENERATE_INTERVAL: '1',
      SMTP_URL: 'smtp://127.0.0.1:9',
      MAIL_FROM: 'certificates@school.example',
      ENCRYPTION_KEY: Buffer.alloc(32, 3).toString('base64'),
    };
    await start();
    await leaveTraces();
    await service[Symbol.asyncDispose]();
    // As a process leaves it that dies before it has written.
    await mkdir(join(place.dataDir, 'documents', 'certificates', 'ALG9', studentId), { recursive: true });
  }, 180_000);
  afterAll(() => parts.disposeAsync());

  test('before that they stand in many places', async () => {
    expect(Object.keys(await read()).sort()).toEqual([
      'attempts',
      'certificate_requests',
      'certificates',
      'events',
      'jobs',
      'rate_limits',
      'removals',
      'run_items',
      'runs',
      'tasks',
      'tickets',
    ]);
    expect(await filesWith(join(place.dataDir, 'documents'), [studentId])).not.toEqual([]);
    await start();
  });

  test('it is accepted, done, and told by counts', async () => {
    const { state, error, result } = await erase();
    expect([state, error]).toEqual(['completed', null]);
    // Four of their own, of which one was replaced, and its successor; the reports of their class too.
    expect(result).toMatchObject({ attempts: 2, certificates: 5 });
    // Of the run that was asked for, and of that by which their attempt was certified.
    expect(result.decisions).toBe(2);
    for (const kind of ['jobs', 'events', 'documents']) expect(result[kind]).toBeGreaterThan(3);
    const again = await erase();
    expect(again.result).toEqual({ attempts: 0, decisions: 0, certificates: 0, jobs: 0, events: 0, documents: 0 });
  });

  test('their certificates are revoked, keep their numbers, and say nothing of them', async () => {
    const answer = await verify(codeOf(issued));
    expect(await answer.json()).toMatchObject({ status: 'revoked', name: '', courseName: 'Algebra I' });
    const page = await (await verify(codeOf(issued), 'text/html')).text();
    expect(page).toContain(issued.certificate.number);
    expect(words.filter((word) => page.includes(word))).toEqual([]);
    const response = await fetch(`${service.url}/verify`, {
      method: 'POST',
      headers: { 'content-type': 'application/pdf', accept: 'application/json' },
      body: new Uint8Array(file),
    });
    const { valid, checks } = (await response.json()) as {
      valid: boolean;
      checks: { name: string; passed: boolean }[];
    };
    expect([valid, checks.filter(({ passed }) => passed).map(({ name }) => name)]).toEqual([
      false,
      ['known_file', 'expiry'],
    ]);
    expect(await pipeline.json('GET', `/certificates/${studentId}`)).toEqual([]);
    expect((await fetch(`${service.url}/credentials/${issued.certificate.id}?code=${codeOf(issued)}`)).status).toBe(
      404,
    );
    // Others hear of it by the certificate.
    const { items } = await pipeline.json<{ items: { type: string }[] }>('GET', '/internal/events?limit=500');
    expect(items.filter(({ type }) => type === 'certificate.revoked').length).toBe(4);
    const other = signUserToken({ role: 'admin', user_id: 'ADM', origin: two });
    expect(await (await service.get(`/certificates/${studentId}`, other)).json()).toMatchObject([
      { status: 'available' },
    ]);
  });

  test('the audit says that and why, and not whom', async () => {
    const { items } = await pipeline.json<{ items: { action: string; target: string; after: object }[] }>(
      'GET',
      '/internal/audit?limit=500',
    );
    const [, , erased, asked] = items;
    expect(asked).toMatchObject({ action: 'learner.erase', after: { reason: 'asked for it' } });
    expect(erased).toMatchObject({ action: 'learner.erased', target: asked?.target, after: { certificates: 5 } });
    expect(
      await pipeline.refusal('POST', `/internal/learners/${studentId}/erase`, { reason: `${studentId} wants it` }),
    ).toBe('422 invalid_request /reason');
    expect(await pipeline.refusal('POST', `/internal/learners/${studentId}/erase`, {})).toBe(
      '422 invalid_request /reason',
    );
    expect(await pipeline.refusal('POST', '/internal/learners/a..b/erase', { reason: 'x' })).toBe(
      '422 invalid_request studentId',
    );
    const student = signUserToken({ user_type: 'student', student_id: studentId, origin });
    const own = await fetch(`${service.url}/internal/learners/${studentId}/erase`, {
      method: 'POST',
      headers: { authorization: `Bearer ${student}`, 'content-type': 'application/json' },
      body: '{"reason":"mine"}',
    });
    expect(own.status).toBe(403);
  });

  test('in the other tenant nothing is changed, and erased there nothing is left anywhere', async () => {
    const stored = await readdir(join(place.dataDir, 'documents'), { recursive: true });
    const keys = stored.filter((name) => name.endsWith('.pdf'));
    expect(keys.filter((key) => key.includes(studentId))).toEqual([
      expect.stringMatching(/^two\/certificates\/ALG3\/STU001\//),
    ]);
    expect(keys.filter((key) => key.includes('STU002')).length).toBe(2);
    const { state } = await erase({ reason: 'there too', origin: two });
    expect(state).toBe('completed');
    await service[Symbol.asyncDispose]();
    expect(await read()).toEqual({});
    expect(await filesWith(join(place.dataDir, 'documents'), words)).toEqual([]);
  });
});
