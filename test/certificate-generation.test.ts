// A learner has made what is recorded for them: followed through its stages, cancelled until it is there, never half made.

import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { jobStages, type Progress } from '../src/progress/contract.ts';
import { askedCertificate } from './support/certificates.ts';
import { eventsOf } from './support/event-stream.ts';
import { createTestDatabase, describeDatabases } from './support/postgres.ts';
import { readinessOf } from './support/readiness.ts';
import { type ScriptedS3, startScriptedS3 } from './support/scripted-s3.ts';
import { startTestService, type TestService } from './support/service.ts';
import { serviceToken, signUserToken } from './support/tokens.ts';
import { until } from './support/until.ts';

interface Row {
  id: string;
  number: string;
  status: string;
  last_error: string | null;
}

describeDatabases('generating certificates', (server) => {
  const parts = new AsyncDisposableStack();
  let service: TestService;
  let s3: ScriptedS3;
  let count = 0;
  beforeAll(async () => {
    s3 = parts.use(await startScriptedS3());
    const { url } = parts.use(await createTestDatabase(server));
    service = parts.use(
      await startTestService({
        origin: 'http://127.0.0.1:9',
        env: { DATABASE_URL: url, ASYNC_REPORTS_PER_MIN: '20', ...s3.env },
      }),
    );
  });
  afterEach(() => {
    s3.faultFor = () => undefined;
    s3.beforePut = () => undefined;
  });
  afterAll(() => parts[Symbol.asyncDispose]());

  const tokenOf = (studentId: string) => signUserToken({ role: 'student', student_id: studentId });
  const call = (path: string, { token, body, method = 'POST' }: { token?: string; body?: object; method?: string }) =>
    fetch(service.url + path, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const generate = (token: string | undefined, body: object = { courseId: askedCertificate.courseId }) =>
    call('/api/certificates/generate', { body, ...(token === undefined ? {} : { token }) });
  const codeOf = async (answer: Promise<Response>) => {
    const response = await answer;
    return `${response.status} ${((await response.json()) as { code: string }).code}`;
  };
  const progressOf = (id: string, token: string) => service.get(`/api/certificates/progress/${id}`, token);
  const rowOf = async (studentId: string): Promise<Row> => {
    const rows = (await (await service.get(`/certificates/${studentId}`, tokenOf(studentId))).json()) as Row[];
    return rows[0] as Row;
  };
  const beginGeneration = async (token: string, more: object = {}): Promise<string> => {
    const response = await generate(token, { courseId: askedCertificate.courseId, ...more });
    expect(response.status).toBe(202);
    const { progressId } = (await response.json()) as { progressId: string };
    expect(response.headers.get('location')).toBe(`/jobs/${progressId}`);
    return progressId;
  };

  /** A learner whose certificate is recorded, and could not be made. */
  async function record(): Promise<{ studentId: string; token: string }> {
    const studentId = `GEN_${++count}`;
    s3.faultFor = (_, method) => (method === 'PUT' ? 'denied' : undefined);
    const response = await service.internal('/certificate/issue', { ...askedCertificate, userId: studentId });
    expect(response.status).toBe(503);
    s3.faultFor = () => undefined;
    // A storage that refuses is left alone for a while.
    await until(async () => (await readinessOf(service.url)).body.storage?.state === 'up');
    return { studentId, token: tokenOf(studentId) };
  }

  /** What is stored waits until it is let go. */
  function holdStorage() {
    const reached = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    s3.beforePut = (key) => {
      if (!key.startsWith('certificates/')) return;
      reached.resolve();
      return gate.promise;
    };
    return { reached: reached.promise, open: gate.resolve };
  }

  test('what was recorded is made: its stages in order, the end last, and then it is there', async () => {
    const { studentId, token } = await record();
    const { number } = await rowOf(studentId);
    const hold = holdStorage();
    const id = await beginGeneration(token, { transactionId: 'TX-1', language: 'en' });
    const seen: Progress[] = [];
    for await (const { data } of eventsOf<Progress>(await progressOf(id, token))) {
      seen.push(data);
      if (data.stage === 'file_preparation') hold.open();
    }
    const stages = seen.map(({ stage }) => jobStages.indexOf(stage));
    expect(stages).toEqual(stages.toSorted((a, b) => a - b));
    expect(seen.map(({ stage }) => stage)).toEqual(expect.arrayContaining(['file_preparation', 'completed']));
    const held = seen.find(({ stage }) => stage === 'file_preparation');
    expect(held?.stageProgress.map(({ status }) => status)).toEqual([
      ...Array(4).fill('completed'),
      'in_progress',
      'pending',
      'pending',
    ]);
    expect(seen.at(-1)).toMatchObject({
      status: 'completed',
      progress: 100,
      stageProgress: jobStages.map((stage) => ({ stage, status: 'completed' })),
      metadata: { certificateId: expect.any(String), courseId: askedCertificate.courseId, transactionId: 'TX-1' },
    });
    expect(await rowOf(studentId)).toMatchObject({ status: 'available', number });
    expect(await codeOf(call(`/api/certificates/progress/${id}`, { method: 'DELETE', token }))).toBe(
      '409 already_ended',
    );
    const again = await generate(token);
    expect(again.status).toBe(200);
    expect(await again.json()).toEqual({ certificate: await rowOf(studentId) });
  });

  test('asked for while it is being made already: its stages are those of the work under way', async () => {
    const studentId = `GEN_${++count}`;
    const token = tokenOf(studentId);
    const hold = holdStorage();
    const issuing = service.internal('/certificate/issue', { ...askedCertificate, userId: studentId });
    await hold.reached;
    const [left, id] = [await beginGeneration(token), await beginGeneration(token)];
    // Who leaves takes nothing from those who stay.
    expect((await call(`/api/certificates/progress/${left}`, { method: 'DELETE', token })).status).toBe(200);
    const seen: string[] = [];
    for await (const { data } of eventsOf<Progress>(await progressOf(id, token))) {
      seen.push(`${data.status} ${data.stage}`);
      if (data.stage === 'file_preparation') hold.open();
    }
    expect(seen).toEqual(expect.arrayContaining(['in_progress file_preparation', 'completed completed']));
    expect(seen).not.toContain('pending initializing');
    expect((await issuing).status).toBe(200);
    expect(await rowOf(studentId)).toMatchObject({ status: 'available' });
  });

  test('cancelled before it is there nothing is told of it, and it can be made again under its number', async () => {
    const { studentId, token } = await record();
    const before = await rowOf(studentId);
    const hold = holdStorage();
    const id = await beginGeneration(token);
    await hold.reached;
    const cancelled = await call(`/api/certificates/progress/${id}`, { method: 'DELETE', token });
    expect(await cancelled.json()).toEqual({ success: true });
    hold.open();
    const last = await Array.fromAsync(eventsOf<Progress>(await progressOf(id, token)));
    expect(last.at(-1)?.data.status).toBe('cancelled');
    expect(await rowOf(studentId)).toEqual(before);
    expect((await service.get(`/certificates/${before.id}/download`, token)).status).toBe(404);
    const next = await beginGeneration(token);
    const events = await Array.fromAsync(eventsOf<Progress>(await progressOf(next, token)));
    expect(events.at(-1)?.data.status).toBe('completed');
    expect(await rowOf(studentId)).toMatchObject({ id: before.id, number: before.number, status: 'available' });
  });

  test('nobody gets what is not recorded for them, and nobody follows or ends what is not theirs', async () => {
    const { token } = await record();
    const hold = holdStorage();
    const id = await beginGeneration(token);
    const other = tokenOf('GEN_OTHER');
    expect(await codeOf(generate(undefined))).toBe('401 unauthorized');
    expect(await codeOf(generate(other))).toBe('404 not_found');
    expect(await codeOf(generate(token, { courseId: 'unknown' }))).toBe('404 not_found');
    expect(await codeOf(generate(signUserToken({ role: 'teacher', teacher_id: 'GEN_1' })))).toBe('404 not_found');
    expect(await codeOf(generate(signUserToken({ role: 'admin', user_id: 'A1' })))).toBe('404 not_found');
    expect((await progressOf(id, other)).status).toBe(404);
    expect((await call(`/api/certificates/progress/${id}`, { method: 'DELETE', token: other })).status).toBe(404);
    hold.open();
    await until(async () => {
      const job = await service.get(`/jobs/${id}`, undefined, { 'x-service-auth': `Bearer ${serviceToken}` });
      return ((await job.json()) as { state: string }).state === 'completed';
    });
  });

  test('the record decides on template and language, and bad requests are refused by their code', async () => {
    const { token } = await record();
    const { courseId } = askedCertificate;
    const refused: [object, string][] = [
      [{}, '422 invalid_request'],
      [{ courseId, userId: 'GEN_1' }, '400 unknown_field'],
      [{ courseId: '../x' }, '422 invalid_request'],
      [{ courseId, language: 'xx' }, '422 unknown_language'],
      [{ courseId, templateId: 'nowhere' }, '422 unknown_template'],
      [{ courseId, language: 'ta' }, '409 certificate_exists'],
    ];
    for (const [body, answer] of refused) expect([body, await codeOf(generate(token, body))]).toEqual([body, answer]);
  });
});
