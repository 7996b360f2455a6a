// From a list to a mail: a run whose configuration says so tells each learner once, and a rehearsal nobody.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startMailServer, type TestMailServer } from './support/mail-server.ts';
import { type Pipeline, pipelineOf } from './support/pipeline.ts';
import { startTestService, type TestService } from './support/service.ts';
import { until } from './support/until.ts';

let mails: TestMailServer;
let service: TestService;
let pipeline: Pipeline;
beforeAll(async () => {
  mails = await startMailServer();
  service = await startTestService({
    origin: 'http://127.0.0.1:1',
    env: { SMTP_URL: `smtp://127.0.0.1:${mails.port}`, MAIL_FROM: 'Example School <certificates@school.example>' },
  });
  pipeline = pipelineOf(service);
  const rows = [
    'studentId,firstName,lastName,email,language',
    'STU1,Anjali,Kumar,anjali@school.example,ta',
    'STU2,Ravi,Iyer,,en',
    'STU3,Meena,Raman,no address,en',
    'STU4,Zoe,Das,zoe@school.example,en',
  ];
  await pipeline.putList('past', rows.join('\n'));
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await mails[Symbol.asyncDispose]();
});

/** A list of learners, printed by a template. */
const typeNamed = (name: string) => ({ name, retriever: 'list', generator: 'template', options: { asset: 'past' } });
const receivers = () => mails.taken.map(({ to }) => to).sort();

test('a run tells each learner whose address is known, once and in their language; a rehearsal tells nobody', async () => {
  const id = await pipeline.configure({
    type: typeNamed('with-mail'),
    context: { id: 'ALG1' },
    more: { mail: true },
  });
  const rehearsed = await pipeline.ended(await pipeline.begin(id, 'dry-run'));
  expect(rehearsed.counts).toMatchObject({ eligible: 4, issued: 0 });
  const run = await pipeline.ended(await pipeline.begin(id, 'run'));
  expect(run.counts).toMatchObject({ issued: 4, failed: 0 });
  await until(() => mails.taken.length === 2);
  expect(receivers()).toEqual(['anjali@school.example', 'zoe@school.example']);
  const again = await pipeline.ended(await pipeline.begin(id, 'run'));
  expect(again.counts).toMatchObject({ issued: 0, skipped: 4 });
  // All mails are sent that there are.
  await until(async () => (await service.metric('platen_events{kind="mail",state="waiting"}')) === 0);
  expect(receivers()).toHaveLength(2);
});

test('one whose configuration says nothing of mails sends none', async () => {
  const before = mails.taken.length;
  const id = await pipeline.configure({
    type: typeNamed('without-mail'),
    context: { id: 'ALG2' },
  });
  expect((await pipeline.ended(await pipeline.begin(id, 'run'))).counts).toMatchObject({ issued: 4 });
  const listed = await pipeline.json<{ items: { kind: string }[] }>('GET', '/internal/events?limit=500');
  expect(listed.items.filter(({ kind }) => kind === 'mail')).toHaveLength(2);
  expect(mails.taken).toHaveLength(before);
});

test('one whose certificates end reminds of it, so many days before', async () => {
  const id = await pipeline.configure({
    type: typeNamed('with-reminder'),
    context: { id: 'ALG3' },
    more: { validForDays: 30, remindDaysBefore: 10 },
  });
  await pipeline.ended(await pipeline.begin(id, 'run', { only: ['STU1', 'STU2'] }));
  const [{ expires_at = '' } = {}] = (
    await pipeline.json<{ course_id: string; expires_at: string }[]>('GET', '/certificates/STU1')
  ).filter(({ course_id }) => course_id === 'ALG3');
  expect(Math.abs(Date.parse(expires_at) - Date.now() - 30 * 86_400_000)).toBeLessThan(600_000);
  const { items } = await pipeline.json<{ items: { kind: string; type: string; state: string; nextAt: string }[] }>(
    'GET',
    '/internal/events?limit=500',
  );
  const reminders = items.filter(({ kind, type }) => kind === 'mail' && type === 'certificate.expires');
  expect(reminders.map(({ state, nextAt }) => [state, Date.parse(expires_at) - Date.parse(nextAt)])).toEqual([
    ['waiting', 10 * 86_400_000],
  ]);
});
