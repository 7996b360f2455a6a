// Mails to learners: each handed to the server once, in the learner's language, whatever the server does; with a link that is good for as long as it should be.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { openDataFolder } from '../src/data-folder.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import { endLink } from '../src/events/mail-store.ts';
import { mailPausesSeconds } from '../src/events/mails.ts';
import { redriveEvent } from '../src/events/records.ts';
import { configureLog } from '../src/log.ts';
import { authorityOf } from './support/authority.ts';
import { headerOf, partsOf, startMailServer, type TestMailServer } from './support/mail-server.ts';
import { createMailing, mailCertificate, mailsOf } from './support/mailed-certificates.ts';
import { createTestDatabase, describeDatabases } from './support/postgres.ts';
import { until } from './support/until.ts';

configureLog({ level: 'silent', secrets: [] });

let parts: AsyncDisposableStack;
beforeEach(() => {
  parts = new AsyncDisposableStack();
});
afterEach(async () => {
  await parts.disposeAsync();
  // Nothing is left to the next.
  if (embedded !== undefined) await sql`DELETE FROM platen.events`.execute((await embedded).queries);
});

const from = 'Example School <certificates@school.example>';

/** Of those tests that do not look at all that is in it. */
const shared = new AsyncDisposableStack();
afterAll(() => shared.disposeAsync());
let embedded: Promise<Database> | undefined;
const openShared = () => {
  embedded ??= open(undefined, shared);
  return embedded;
};

async function open(server: string | undefined, owner = parts): Promise<Database> {
  const { url, dataDir } = owner.use(await createTestDatabase(server));
  if (url === undefined) owner.use(openDataFolder(dataDir));
  const database = owner.use(openDatabase({ url, dataDir }));
  await database.ready;
  return database;
}

const serverOf = (smtp: { port: number }) => ({
  url: `smtp://127.0.0.1:${smtp.port}`,
  from,
  authorities: authorityOf('school'),
});

async function start(database: Database, options: Parameters<typeof createMailing>[1]) {
  const mailing = await createMailing(database, options);
  parts.use(mailing.events).start();
  return { database, ...mailing };
}

const untilMail = (
  database: Database,
  certificateId: string,
  isWanted: (row: Awaited<ReturnType<typeof mailsOf>>[number]) => boolean,
) => until(async () => (await mailsOf(database, certificateId)).find(isWanted));

const codeIn = (taken: TestMailServer['taken'][number] | undefined) =>
  /\/d\/([\w-]{22})/.exec(taken === undefined ? '' : (partsOf(taken)['text/plain'] ?? ''))?.[1] ?? '';

describeDatabases('mails', (server) => {
  test('one is sent in the language of the learner, with a link that is known by its digest alone', async () => {
    const [database, smtp] = [await open(server), parts.use(await startMailServer())];
    const { events, metrics } = await start(database, { server: serverOf(smtp) });
    const certificateId = await mailCertificate({ database, events }, 'maran@school.example', { language: 'ta' });
    const { id, body, linkId } = await untilMail(database, certificateId, ({ state }) => state === 'sent');
    const [taken] = smtp.taken;
    if (taken === undefined) throw new Error('nothing was taken');
    expect(taken).toMatchObject({ from: 'certificates@school.example', to: 'maran@school.example', isEncrypted: true });
    expect(headerOf(taken, 'Message-ID')).toBe(`<${id}@pdf.school.example>`);
    expect(headerOf(taken, 'From')).toBe(from);
    const { 'text/plain': text = '', 'text/html': html = '' } = partsOf(taken);
    for (const part of [text, html]) expect(part).toContain('மாறன்');
    expect(text).toContain('Algebra <I>');
    expect(html).toContain('Algebra &lt;I&gt;');
    expect(html).toContain('lang="ta"');
    const code = codeIn(taken);
    expect(code).toHaveLength(22);
    expect(await events.findMailLink(code)).toEqual({ certificateId, isOver: false });
    expect(JSON.parse(body)).toEqual({ certificateId, linkId });
    // Nothing of the mail is to be read in the tables.
    const { rows } = await sql<{ all: string }>`
      SELECT (SELECT string_agg(event::text, '') FROM platen.events AS event WHERE kind = 'mail') ||
        (SELECT string_agg(link::text, '') FROM platen.mail_links AS link) AS all`.execute(database.queries);
    for (const secret of ['maran@', 'மாறன்', code]) expect(rows[0]?.all).not.toContain(secret);
    expect(await metrics.registry.metrics()).toContain('platen_event_attempts_total{kind="mail",outcome="ok"} 1');
    // Told again it is the same mail.
    await redriveEvent(database.queries, { tenant: undefined, id });
    await until(() => smtp.taken.length === 2);
    expect(headerOf(smtp.taken[1] ?? taken, 'Message-ID')).toBe(`<${id}@pdf.school.example>`);
    expect(codeIn(smtp.taken[1])).toBe(code);
  });

  test('two processes send a mail once', async () => {
    const [database, smtp] = [await open(server), parts.use(await startMailServer())];
    const one = await start(database, { server: serverOf(smtp) });
    await start(database, { server: serverOf(smtp) });
    const ids = await Promise.all(Array.from({ length: 20 }, (_, at) => mailCertificate(one, `s${at}@school.example`)));
    for (const id of ids) await untilMail(database, id, ({ state }) => state === 'sent');
    expect(smtp.taken.map(({ to }) => to).sort()).toEqual(ids.map((_, at) => `s${at}@school.example`).sort());
  });
});

describe('a mail server that', () => {
  test('refuses, answers later, falls silent or goes away costs no mail, and gets none twice that it has taken', async () => {
    const [database, smtp] = [await openShared(), parts.use(await startMailServer())];
    const mailing = await start(database, { server: serverOf(smtp), sendMs: 1500 });
    const send = (name: string) => mailCertificate(mailing, `${name}@school.example`);
    const [refused, unwanted, later, silent, lost, parting] = await Promise.all(
      ['no-550', 'body-554', 'later-451', 'silent', 'lost', 'parting'].map(send),
    );
    const failed = async (id = '') => {
      const { state, attempts, error, pause } = await untilMail(database, id, (row) => row.error !== null);
      return { state, attempts, error, isPausedFor10: pause > 5 && pause <= 10 };
    };
    const waits = { state: 'waiting', attempts: 1, isPausedFor10: true };
    const parked = { state: 'parked', attempts: 1, isPausedFor10: false };
    expect(await failed(refused)).toEqual({ ...parked, error: 'the server refused the address (550)' });
    expect(await failed(unwanted)).toEqual({ ...parked, error: 'the server refused the mail (554)' });
    expect(await failed(later)).toEqual({ ...waits, error: 'the server answered 451 to RCPT TO' });
    expect(await failed(silent)).toEqual({ ...waits, error: 'it did not answer in time' });
    expect(await failed(lost)).toMatchObject({ ...waits, error: expect.stringContaining('could not be reached') });
    await untilMail(database, parting ?? '', ({ state }) => state === 'sent');
    expect(smtp.taken.map(({ to }) => to)).toEqual(['parting@school.example']);
    smtp.heal();
    // As if the pauses were over.
    await sql`UPDATE platen.events SET next_at = now() WHERE state = 'waiting'`.execute(database.queries);
    for (const id of [later, silent, lost]) await untilMail(database, id ?? '', ({ state }) => state === 'sent');
    expect(smtp.taken.map(({ to }) => to.split('@')[0]).sort()).toEqual(['later-451', 'lost', 'parting', 'silent']);
  });

  test('is down gets what waited when it is there again', async () => {
    const database = await openShared();
    const { port } = await startMailServer().then(async (smtp) => {
      await smtp[Symbol.asyncDispose]();
      return smtp;
    });
    const mailing = await start(database, { server: serverOf({ port }) });
    const id = await mailCertificate(mailing, 'maran@school.example');
    const { error } = await untilMail(database, id, (row) => row.error !== null);
    expect(error).toMatch(/could not be reached.*ECONNREFUSED/);
    const smtp = parts.use(await startMailServer({}, port));
    await sql`UPDATE platen.events SET next_at = now() WHERE state = 'waiting'`.execute(database.queries);
    await untilMail(database, id, ({ state }) => state === 'sent');
    expect(smtp.taken).toHaveLength(1);
  });

  test.each([
    ['smtps', { secure: true }, 'school', undefined],
    ['smtp', {}, 'school', undefined],
    ['smtps', { secure: true }, 'stranger', /could not be reached/],
    ['smtp', {}, 'stranger', /could not be reached/],
  ] as const)('speaks %s %o is believed by the %s alone', async (protocol, options, authority, expected) => {
    const [database, smtp] = [
      await openShared(),
      parts.use(await startMailServer({ ...options, authOptional: false })),
    ];
    const url = `${protocol}://platen:se%2Fcret@localhost:${smtp.port}`;
    const mailing = await start(database, { server: { url, from, authorities: authorityOf(authority) } });
    const id = await mailCertificate(mailing, 'maran@school.example');
    const { error } = await untilMail(database, id, (row) => row.error !== null || row.state === 'sent');
    if (expected !== undefined) return expect([error, smtp.taken]).toEqual([expect.stringMatching(expected), []]);
    expect(smtp.taken).toMatchObject([{ isEncrypted: true, user: 'platen' }]);
  });

  test('does not know us is tried again, whatever its code: no address is at fault', async () => {
    const [database, smtp] = [await openShared(), parts.use(await startMailServer({ authOptional: false }))];
    const server = { ...serverOf(smtp), url: `smtp://platen:wrong@127.0.0.1:${smtp.port}` };
    const mailing = await start(database, { server });
    const id = await mailCertificate(mailing, 'maran@school.example');
    const { state, error } = await untilMail(database, id, (row) => row.error !== null);
    expect([state, error]).toEqual(['waiting', expect.stringMatching(/^the server answered 535/)]);
  });
});

/** A server that others have written, with its own reader of mails; skipped where none is started. */
const { SMTP_SINK_API: sink, SMTP_HOST, SMTP_PORT, SMTP_USER = '', SMTP_PASSWORD = '', SMTP_CA = '' } = process.env;
const describeSink = sink === undefined ? describe.skip : describe;

interface ReadMail {
  messageId: string;
  subject: string;
  text: string;
  html: string;
  tls: boolean;
  user: string | null;
}

describeSink('the server of others', () => {
  const log = `${encodeURIComponent(SMTP_USER)}:${encodeURIComponent(SMTP_PASSWORD)}`;
  const takenBy = async (address: string): Promise<ReadMail[]> => {
    const listed = (await (await fetch(`${sink}/messages?to=${address}`)).json()) as { id: string }[];
    return Promise.all(
      listed.map(async ({ id }) => (await (await fetch(`${sink}/messages/${id}`)).json()) as ReadMail),
    );
  };

  test('lets us in, takes a mail in every language as it was meant, and refuses as it says', async () => {
    const database = await openShared();
    const server = { url: `smtp://${log}@${SMTP_HOST}:${SMTP_PORT}`, from, authorities: readFileSync(SMTP_CA, 'utf8') };
    const mailing = await start(database, { server });
    const run = randomUUID();
    for (const [language, subject] of Object.entries({
      en: 'Your certificate: Algebra <I>',
      ta: 'உங்கள் சான்றிதழ்: Algebra <I>',
      hi: 'आपका प्रमाणपत्र: Algebra <I>',
      ar: 'شهادتك: Algebra <I>',
    })) {
      const address = `${language}.${run}@school.example`;
      const id = await mailCertificate(mailing, address, { language });
      const { id: event } = await untilMail(database, id, ({ state }) => state === 'sent');
      const messageId = `<${event}@pdf.school.example>`;
      expect(await takenBy(address)).toMatchObject([{ messageId, subject, tls: true, user: SMTP_USER }]);
      const [read] = await takenBy(address);
      for (const part of [read?.text, read?.html]) expect(part).toContain('மாறன்');
    }
    const failed = async (name: string) => {
      const id = await mailCertificate(mailing, `${name}@${run}.example`);
      const { state, error } = await untilMail(database, id, (row) => row.error !== null);
      return `${state}: ${error}`;
    };
    expect(await failed('reject-553')).toBe('parked: the server refused the address (553)');
    expect(await failed('tempfail-452')).toBe('waiting: the server answered 452 to RCPT TO');
    expect(await failed('drop')).toMatch(/^waiting: the server could not be reached/);
  });
});

test('to another machine nothing is said in plain', async () => {
  const smtp = parts.use(await startMailServer({ disabledCommands: ['STARTTLS'] }));
  const database = await openShared();
  // An address that is none of this machine's by its name, and leads to it all the same.
  const mailing = await start(database, { server: { ...serverOf(smtp), url: `smtp://0.0.0.0:${smtp.port}` } });
  const id = await mailCertificate(mailing, 'maran@school.example');
  expect((await untilMail(database, id, (row) => row.error !== null)).state).toBe('waiting');
  expect([smtp.opened, smtp.named]).toEqual([1, []]);
});

test('connections are used again, and closed at the end', async () => {
  const [database, smtp] = [await openShared(), parts.use(await startMailServer())];
  const { events } = await createMailing(database, { server: serverOf(smtp) });
  events.start();
  for (let at = 0; at < 5; at++) {
    const id = await mailCertificate({ database, events }, `s${at}@school.example`);
    await untilMail(database, id, ({ state }) => state === 'sent');
  }
  expect(smtp.opened).toBe(1);
  await events[Symbol.asyncDispose]();
  await until(() => smtp.open() === 0);
});

test('it is tried for 24 hours, after 10 s doubling to an hour', () => {
  expect(mailPausesSeconds.slice(0, 11)).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
  expect(Math.max(...mailPausesSeconds)).toBe(3600);
  expect(mailPausesSeconds.reduce((sum, pause) => sum + pause)).toBe(86_400);
});

test('a line break in what a mail names writes no header, and no line of its own', async () => {
  const [database, smtp] = [await openShared(), parts.use(await startMailServer())];
  const { events } = await start(database, { server: serverOf(smtp) });
  const [line, name] = ['Algebra\r\nBcc: other@school.example', 'Anjali\r\n\r\nX-Injected: 1'];
  const id = await mailCertificate({ database, events }, 'anjali@school.example', { courseName: line, name });
  await untilMail(database, id, ({ state }) => state === 'sent');
  expect(smtp.named).toEqual(['anjali@school.example']);
  const [taken] = smtp.taken;
  if (taken === undefined) throw new Error('nothing was taken');
  const [head = ''] = taken.raw.split('\r\n\r\n');
  expect(head).not.toMatch(/^(?:Bcc|X-Injected):/im);
  expect(headerOf(taken, 'Subject')).toContain('Algebra Bcc: other@school.example');
});

test('a reminder waits for its day, and goes with its link when the certificate is revoked', async () => {
  const [database, smtp] = [await openShared(), parts.use(await startMailServer())];
  const { events, metrics } = await start(database, { server: serverOf(smtp) });
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);
  const remind = (days: number) =>
    mailCertificate({ database, events }, `in${days}@school.example`, { isAnnounced: false, remindAt: inDays(days) });
  const [due, kept, revoked, taken] = [await remind(-1), await remind(100), await remind(100), await remind(100)];
  await untilMail(database, due, ({ state }) => state === 'sent');
  expect(smtp.taken.map((mail) => headerOf(mail, 'Subject'))).toEqual(['Your certificate expires soon: Algebra <I>']);
  const tell = { number: 'n', userId: 'S1', courseId: 'C1' };
  await database.transaction((tx) => events.certificateRevoked(tx, '', { ...tell, certificateId: revoked }));
  expect(await mailsOf(database, revoked)).toEqual([]);
  const [mail] = await mailsOf(database, taken);
  expect(await endLink(database.queries, { tenant: 'other', id: mail?.linkId ?? '' })).toBe(false);
  expect(await endLink(database.queries, { tenant: undefined, id: mail?.linkId ?? '' })).toBe(true);
  expect(await endLink(database.queries, { tenant: undefined, id: mail?.linkId ?? '' })).toBe(false);
  expect(await mailsOf(database, taken)).toEqual([]);
  // Redriven it is not sent before its day either, and nobody is told that it is late.
  const [waiting] = await mailsOf(database, kept);
  await redriveEvent(database.queries, { tenant: undefined, id: waiting?.id ?? '' });
  expect((await mailsOf(database, kept))[0]?.pause).toBeGreaterThan(99 * 86_400);
  await events.measure();
  expect(await metrics.registry.metrics()).toContain('platen_events{kind="mail",state="waiting"} 0');
  expect(smtp.taken).toHaveLength(1);
});

test('one whose link is over is set aside, not sent', async () => {
  const [database, smtp] = [await openShared(), parts.use(await startMailServer())];
  const mailing = await start(database, { server: serverOf(smtp) });
  const certificateId = await mailCertificate(mailing, 'maran@school.example');
  const { id } = await untilMail(database, certificateId, ({ state }) => state === 'sent');
  await sql`UPDATE platen.mail_links SET expires_at = now()`.execute(database.queries);
  await redriveEvent(database.queries, { tenant: undefined, id });
  expect(await untilMail(database, certificateId, ({ state }) => state === 'parked')).toMatchObject({
    error: 'its link is over',
  });
  expect(await mailing.events.findMailLink(codeIn(smtp.taken[0]))).toEqual({ certificateId, isOver: true });
  expect(smtp.taken).toHaveLength(1);
});
