// Attempts are fetched from a service that may be down, slow or mad: nothing is lost, nothing comes twice, and no turn goes on for ever.

import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { fetchAttempts } from '../src/attempts/fetching.ts';
import { processNew } from '../src/attempts/processing.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import { configureLog } from '../src/log.ts';
import { createTestDatabase, describeDatabases } from './support/postgres.ts';
import { attemptOf, startTestingService, type TestingService } from './support/testing-service.ts';

configureLog({ level: 'silent', secrets: [] });

const { signal } = new AbortController();

describeDatabases('attempts are fetched', (server) => {
  const parts = new AsyncDisposableStack();
  let database: Database;
  let testing: TestingService;
  beforeAll(async () => {
    const place = parts.use(await createTestDatabase(server));
    database = parts.use(openDatabase(place));
    await database.ready;
    testing = parts.use(await startTestingService());
  });
  afterAll(() => parts.disposeAsync());
  beforeEach(async () => {
    testing.items = [];
    testing.calls.length = 0;
    testing.pageSize = 2;
    testing.answerWith = () => undefined;
    await database.execute('DELETE FROM platen.attempts');
    await database.execute('DELETE FROM platen.fetch_cursors');
  });

  const fetchAll = (timeoutMs = 30_000) =>
    fetchAttempts({
      service: { url: testing.url, token: 'testing-token', timeoutMs },
      database,
      tenant: '',
      onKept: async () => undefined,
      signal,
    });
  const kept = async () => {
    const { rows } = await sql<{ id: string }>`
      SELECT raw::json ->> 'id' AS id FROM platen.attempts ORDER BY seq`.execute(database.queries);
    return rows.map(({ id }) => id);
  };
  const items = (...students: string[]) => students.map((student) => attemptOf(student));
  const asked = () => testing.calls.map(({ path }) => new URL(path, 'http://x').searchParams.get('after'));
  const give = (response: ServerResponse, body: unknown) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));

  test('page by page, and the next time from where it ended', async () => {
    testing.items = items('S1', 'S2', 'S3');
    expect(await fetchAll()).toBe(3);
    expect(asked()).toEqual([null, '2']);
    testing.items.push(...items('S4', 'S5'));
    expect(await fetchAll()).toBe(2);
    expect(asked()).toEqual([null, '2', '2', '4']);
    expect(await kept()).toEqual(['A-S1', 'A-S2', 'A-S3', 'A-S4', 'A-S5']);
  });

  test('the same page for ever, each time with a new cursor, ends the turn, and is kept once', async () => {
    let pages = 0;
    testing.answerWith = (_request, response) => give(response, { items: items('S1'), next: `cursor-${++pages}` });
    expect(await fetchAll()).toBe(1);
    expect(pages).toBeLessThan(50);
    expect(await kept()).toEqual(['A-S1']);
  });

  test('a cursor that stays, and one that goes back, end the turn; what is new afterwards is found', async () => {
    testing.answerWith = (_request, response) => give(response, { items: items('S1'), next: 'same' });
    expect(await fetchAll()).toBe(1);
    expect(testing.calls).toHaveLength(2);
    testing.answerWith = ({ url = '' }, response) =>
      give(response, { items: items('S1', 'S2'), next: url.includes('after=two') ? 'one' : 'two' });
    expect(await fetchAll()).toBe(1);
    expect(testing.calls.length).toBeLessThan(50);
    testing.answerWith = (_request, response) => give(response, { items: items('S3'), next: null });
    expect(await fetchAll()).toBe(1);
    expect(await kept()).toEqual(['A-S1', 'A-S2', 'A-S3']);
  });

  const mad: [string, (response: ServerResponse) => unknown][] = [
    ['500', (response) => response.writeHead(500).end('{"items": [], "next": null}')],
    ['403', (response) => response.writeHead(403).end('{}')],
    ['a redirect', (response) => response.writeHead(302, { location: '/elsewhere' }).end()],
    ['a page of HTML', (response) => response.end('<html>Log in</html>')],
    ['nothing', (response) => response.end()],
    ['half of an answer', (response) => response.end('{"items": [{"id": 1}')],
    ['a list', (response) => give(response, [])],
    ['items that are no list', (response) => give(response, { items: { 0: attemptOf('X') }, next: null })],
    ['no items', (response) => give(response, { next: null })],
    ['a cursor that is an object', (response) => give(response, { items: items('X'), next: {} })],
    ['a cursor of another kind of letters', (response) => give(response, { items: items('X'), next: 'a\u0000b' })],
    ['a cursor without end', (response) => give(response, { items: items('X'), next: 'x'.repeat(3000) })],
    ['far too many items', (response) => give(response, { items: Array(6000).fill(1), next: null })],
    ['33 MB', (response) => response.end(`{"items": [], "x": "${'x'.repeat(33 * 1024 * 1024)}"}`)],
    ['a connection that breaks off', (response) => response.destroy()],
    ['nothing, for ever', () => true],
  ];

  test.each(mad)(
    '%s on the second page: the first is kept, and the rest comes when the service is well',
    async (_what, answer) => {
      testing.items = items('S1', 'S2', 'S3');
      testing.answerWith = ({ url = '' }, response) =>
        url.includes('after=') ? (answer(response) ?? true) : undefined;
      await expect(fetchAll(_what === 'nothing, for ever' ? 500 : 30_000)).rejects.toThrow();
      expect(await kept()).toEqual(['A-S1', 'A-S2']);
      testing.answerWith = () => undefined;
      expect(await fetchAll()).toBe(1);
      expect(asked()).toEqual([null, '2', '2']);
      expect(await kept()).toEqual(['A-S1', 'A-S2', 'A-S3']);
    },
  );

  test('an item that is nested without end is told, and those beside it are kept', async () => {
    const deep = '['.repeat(5000) + ']'.repeat(5000);
    testing.answerWith = (_request, response) =>
      response.end(`{"items": [${deep}, ${JSON.stringify(attemptOf('S1'))}], "next": null}`);
    expect(await fetchAll()).toBe(2);
    expect(await fetchAll()).toBe(0);
    const { rows } = await database.execute('SELECT state, raw IS NULL AS gone FROM platen.attempts ORDER BY seq');
    expect(rows).toEqual([
      { state: 'rejected', gone: true },
      { state: 'new', gone: false },
    ]);
  });

  test('what the database does not take is set aside alone, wherever it stands, and all others are read', async () => {
    const students = Array.from({ length: 21 }, (_, number) => `S${number}`);
    const poisoned = ['S0', 'S7', 'S20'];
    await database.execute(
      `ALTER TABLE platen.attempts ADD CONSTRAINT poison CHECK (student_id NOT IN ('${poisoned.join("', '")}'))`,
    );
    testing.pageSize = 500;
    testing.items = items(...students);
    await fetchAll();
    const certificates = { noteFinding: async () => undefined };
    expect(await processNew({ database, certificates, signal })).toBe(students.length);
    const { rows } = await database.execute(
      `SELECT raw::json ->> 'studentId' AS student, state, reasons FROM platen.attempts ORDER BY seq`,
    );
    expect(rows).toEqual(
      students.map((student) =>
        poisoned.includes(student)
          ? { student, state: 'rejected', reasons: [{ field: '', message: 'can not be stored' }] }
          : { student, state: 'processed', reasons: null },
      ),
    );
    await database.execute('ALTER TABLE platen.attempts DROP CONSTRAINT poison');
  });

  test('items that are no attempts are kept as they came, for whoever looks at them', async () => {
    testing.answerWith = (_request, response) => give(response, { items: [null, 7, 'text', [], {}], next: null });
    expect(await fetchAll()).toBe(5);
    const { rows } = await database.execute('SELECT raw FROM platen.attempts ORDER BY seq');
    expect(rows).toEqual(['null', '7', '"text"', '[]', '{}'].map((raw) => ({ raw })));
  });
});
