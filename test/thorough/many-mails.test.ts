// A thousand mails at once, by two senders: each is taken once, over few connections.

import { afterAll, expect, test } from '@jest/globals';
import { openDataFolder } from '../../src/data-folder.ts';
import { openDatabase } from '../../src/database/database.ts';
import { configureLog } from '../../src/log.ts';
import { authorityOf } from '../support/authority.ts';
import { startMailServer } from '../support/mail-server.ts';
import { createMailing, mailCertificate } from '../support/mailed-certificates.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';

configureLog({ level: 'silent', secrets: [] });

const parts = new AsyncDisposableStack();
afterAll(() => parts.disposeAsync());

test('a thousand are taken once each', async () => {
  const mails = 1000;
  const smtp = parts.use(await startMailServer());
  const { url, dataDir } = parts.use(await createTestDatabase(process.env.DATABASE_URL));
  if (url === undefined) parts.use(openDataFolder(dataDir));
  const database = parts.use(openDatabase({ url, dataDir }));
  await database.ready;
  const server = { url: `smtp://127.0.0.1:${smtp.port}`, from: 'a@school.example', authorities: authorityOf('school') };
  const one = await createMailing(database, { server });
  const other = await createMailing(database, { server });
  for (let at = 0; at < mails; at++) await mailCertificate({ database, events: one.events }, `s${at}@school.example`);
  const begun = performance.now();
  for (const { events } of [one, other]) parts.use(events).start();
  await until(() => smtp.taken.length >= mails);
  process.stdout.write(
    `${mails} mails in ${Math.round(performance.now() - begun)} ms over ${smtp.opened} connections\n`,
  );
  await until(async () => {
    await one.events.measure();
    return (await one.metrics.registry.metrics()).includes('platen_events{kind="mail",state="waiting"} 0');
  });
  expect(new Set(smtp.taken.map(({ to }) => to)).size).toBe(mails);
  expect(smtp.taken).toHaveLength(mails);
  expect(smtp.opened).toBeLessThanOrEqual(8);
});
