// Mails whose process dies, whose server is cut off or falls silent, whose database goes away: none is lost, and none is sent again that is known to be taken.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { openDataFolder } from '../../src/data-folder.ts';
import { type Database, openDatabase } from '../../src/database/database.ts';
import { configureLog } from '../../src/log.ts';
import { authorityOf } from '../support/authority.ts';
import { headerOf, startMailServer, type TestMailServer } from '../support/mail-server.ts';
import { createMailing, mailCertificate, mailsOf } from '../support/mailed-certificates.ts';
import { createTestDatabase, describeServer } from '../support/postgres.ts';
import { startBadNetwork } from '../support/toxiproxy.ts';
import { until } from '../support/until.ts';

configureLog({ level: 'silent', secrets: [] });

let parts: AsyncDisposableStack;
let smtp: TestMailServer;
beforeEach(async () => {
  parts = new AsyncDisposableStack();
  smtp = parts.use(await startMailServer());
});
afterEach(() => parts.disposeAsync());

async function open(server?: string): Promise<{ database: Database; url: string }> {
  const { url, dataDir } = parts.use(await createTestDatabase(server));
  if (url === undefined) parts.use(openDataFolder(dataDir));
  const database = parts.use(openDatabase({ url, dataDir }));
  await database.ready;
  return { database, url: url ?? '' };
}

async function mailing(database: Database, url = `smtp://127.0.0.1:${smtp.port}`, sendMs?: number) {
  const server = { url, from: 'a@school.example', authorities: authorityOf('school') };
  const made = await createMailing(database, { server, ...(sendMs === undefined ? {} : { sendMs }) });
  return { database, events: parts.use(made.events) };
}

/** As if claims and pauses had run out. */
const hurry = ({ queries }: Database) =>
  sql`UPDATE platen.events SET next_at = now() WHERE state = 'waiting'`.execute(queries);
const isSent = async (database: Database, id: string) => (await mailsOf(database, id))[0]?.state === 'sent';

describeServer('a process of its own', (server) => {
  function spawnSender(url: string, place = '') {
    const script = fileURLToPath(new URL('../support/mail-process.ts', import.meta.url));
    const child = spawn(process.execPath, [script, url, String(smtp.port), place], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    parts.defer(() => {
      child.kill('SIGKILL');
    });
    return child;
  }

  test('that dies between the answer of the server and writing it down costs one more, with the same Message-ID', async () => {
    const { database, url } = await open(server);
    const id = await mailCertificate(await mailing(database), 'maran@school.example');
    const mortal = spawnSender(url, 'mail-sent');
    await until(() => mortal.signalCode === 'SIGKILL');
    expect(smtp.taken).toHaveLength(1);
    expect(await mailsOf(database, id)).toMatchObject([{ state: 'waiting', attempts: 1 }]);
    await hurry(database);
    spawnSender(url);
    await until(() => isSent(database, id));
    const ids = smtp.taken.map((mail) => headerOf(mail, 'Message-ID'));
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  test('that is killed at any moment leaves each mail sent, and those alone twice that were under way', async () => {
    const { database, url } = await open(server);
    const about = await mailing(database);
    const ids = await Promise.all(
      Array.from({ length: 60 }, (_, at) => mailCertificate(about, `s${at}@school.example`)),
    );
    const first = spawnSender(url);
    await until(() => smtp.taken.length > 10);
    first.kill('SIGKILL');
    await until(() => first.signalCode === 'SIGKILL');
    spawnSender(url);
    await until(async () => {
      await hurry(database);
      return (await Promise.all(ids.map((id) => isSent(database, id)))).every(Boolean);
    });
    expect(new Set(smtp.taken.map(({ to }) => to)).size).toBe(60);
    // Four at most were under way.
    expect(smtp.taken.length).toBeLessThanOrEqual(64);
  });
});

const describeNetwork = process.env.TOXIPROXY_URL === undefined ? describe.skip : describe;

describeNetwork('a network to the mail server that', () => {
  test('is half open, or cut, costs time and no mail', async () => {
    const { database } = await open();
    const network = parts.use(await startBadNetwork(`http://127.0.0.1:${smtp.port}`));
    const about = await mailing(database, network.url.replace('http:', 'smtp:'), 2000);
    await network.poison(
      { type: 'timeout', stream: 'upstream', attributes: { timeout: 0 } },
      { type: 'timeout', stream: 'downstream', attributes: { timeout: 0 } },
    );
    about.events.start();
    const id = await mailCertificate(about, 'maran@school.example');
    await until(async () => (await mailsOf(database, id))[0]?.error === 'it did not answer in time');
    await network.heal();
    await network.cut();
    await hurry(database);
    await until(async () => /could not be reached/.test((await mailsOf(database, id))[0]?.error ?? ''));
    await network.heal();
    await hurry(database);
    await until(() => isSent(database, id));
    expect(smtp.taken).toHaveLength(1);
  });
});
