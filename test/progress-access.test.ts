// Who may follow which generation, how often, with what; and that following costs little and misses nothing.

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Progress } from '../src/progress/contract.ts';
import { allEvents, eventsOf } from './support/event-stream.ts';
import { type JobService, startJobService } from './support/job-service.ts';
import { adminToken, serviceToken, studentToken, teacherToken } from './support/tokens.ts';
import { until } from './support/until.ts';

let service: JobService;
let student = 0;
/** Another one for each test, so that no limit of one is that of another. */
const nextStudent = () => `STU${++student}`;
let release = Promise.withResolvers<Record<string, unknown>>();
beforeAll(async () => {
  service = await startJobService();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
});
afterEach(() => {
  release.resolve({});
  release = Promise.withResolvers();
  service.run = async () => ({});
  service.isAway = false;
});

const asService = { 'x-service-auth': `Bearer ${serviceToken}` };
const as = (id: string) => ({ authorization: `Bearer ${studentToken(id)}` });
const pathOf = (id: string) => `${service.url}/api/certificates/progress/${id}`;
const ask = (url: string, headers: Record<string, string> = {}, method = 'GET') => fetch(url, { headers, method });

/** Work that goes on until the test lets it end. */
async function heldJob(owner?: string): Promise<string> {
  service.run = () => release.promise;
  return service.enqueue(owner);
}

/** As the database has it. */
async function stateOf(id: string): Promise<string> {
  const { rows } = await service.database.execute('SELECT state FROM platen.jobs WHERE id = $1', [id]);
  return (rows[0] as { state: string }).state;
}

async function ticketFor(id: string, headers: Record<string, string>): Promise<string> {
  const response = await ask(`${pathOf(id)}/ticket`, headers, 'POST');
  expect(response.status).toBe(200);
  const body = (await response.json()) as { ticket: string; expiresInSeconds: number };
  expect(body.expiresInSeconds).toBe(30);
  return body.ticket;
}

describe('a generation', () => {
  test('is followed, ticketed and cancelled by its owner and the backend; for others it is not there', async () => {
    const [owner, other] = [nextStudent(), nextStudent()];
    const id = await heldJob(owner);
    const urls = [pathOf(id), `${service.url}/jobs/${id}/events`, `${service.url}/jobs/${id}`];
    for (const url of urls) {
      expect([url, (await ask(url)).status]).toEqual([url, 401]);
      expect([url, (await ask(url, as(other))).status]).toEqual([url, 404]);
    }
    for (const [url, method] of [
      [pathOf(id), 'DELETE'],
      [`${pathOf(id)}/ticket`, 'POST'],
    ] as const) {
      expect((await ask(url, {}, method)).status).toBe(401);
      expect((await ask(url, as(other), method)).status).toBe(404);
    }
    for (const headers of [as(owner), asService]) {
      const response = await ask(pathOf(id), headers);
      expect(response.status).toBe(200);
      for await (const { data } of eventsOf<Progress>(response)) {
        expect(data).toMatchObject({ id, metadata: { work: expect.any(String) } });
        break;
      }
    }
    expect(await (await ask(pathOf(id), as(owner), 'DELETE')).json()).toEqual({ success: true });
  });

  test('is cancelled as a job too, by its owner, who is told what became of it', async () => {
    const owner = nextStudent();
    const id = await heldJob(owner);
    const url = `${service.url}/jobs/${id}`;
    const answer = await ask(url, as(owner), 'DELETE');
    expect([answer.status, await answer.json()]).toMatchObject([200, { id, state: 'cancelled', error: null }]);
    expect(await (await ask(url, as(owner))).json()).toMatchObject({ id, state: 'cancelled' });
    expect((await ask(url, as(owner), 'DELETE')).status).toBe(409);
  });

  test('of the backend is there for no person: neither to be seen nor followed nor cancelled', async () => {
    const id = await heldJob();
    const urls = { job: `${service.url}/jobs/${id}`, progress: pathOf(id) };
    for (const [url, method] of [
      [urls.job, 'GET'],
      [`${urls.job}/events`, 'GET'],
      [urls.job, 'DELETE'],
      [urls.progress, 'GET'],
      [urls.progress, 'DELETE'],
      [`${urls.progress}/ticket`, 'POST'],
    ] as const)
      for (const token of [studentToken('STU_CURIOUS', 'C1'), teacherToken('TCH_CURIOUS', 'C1'), adminToken()]) {
        const { status } = await ask(url, { authorization: `Bearer ${token}` }, method);
        expect([url, method, status]).toEqual([url, method, 404]);
      }
    expect(await (await ask(urls.job, asService)).json()).toMatchObject({ endedAt: null });
  });

  test('that failed and is begun again by hand ends as it ends then, whoever followed it before', async () => {
    service.run = () => Promise.reject(new Error('not yet'));
    const id = await service.enqueue();
    const lastOf = async () => (await allEvents<Progress>(await ask(pathOf(id), asService))).at(-1)?.data;
    expect(await lastOf()).toMatchObject({ status: 'failed' });
    service.run = async () => ({ s3Key: 'key' });
    expect((await ask(`${service.url}/jobs/${id}/retry`, asService, 'POST')).status).toBe(202);
    await until(async () => (await stateOf(id)) === 'completed');
    expect(await lastOf()).toMatchObject({ status: 'completed', progress: 100, metadata: { s3Key: 'key' } });
  });

  test('with an id that is none is not there', async () => {
    const ids = ['1', 'x'.repeat(36), '%00', '00000000-0000-4000-8000-000000000000', "';--", '../jobs'];
    for (const id of ids)
      expect([id, (await ask(pathOf(encodeURIComponent(id)), asService)).status]).toEqual([id, 404]);
  });
});

describe('a ticket', () => {
  test('opens the events of its generation once, without any header', async () => {
    const owner = nextStudent();
    const id = await heldJob(owner);
    const ticket = await ticketFor(id, as(owner));
    const first = await ask(`${pathOf(id)}?ticket=${ticket}`);
    const events = allEvents<Progress>(first);
    expect((await ask(`${pathOf(id)}?ticket=${ticket}`)).status).toBe(401);
    release.resolve({ s3Key: 'key' });
    expect((await events).at(-1)?.data).toMatchObject({ status: 'completed', metadata: { s3Key: 'key' } });
  });

  test('is used by one only of those who show it at once', async () => {
    const owner = nextStudent();
    const id = await service.enqueue(owner);
    const ticket = await ticketFor(id, as(owner));
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(`${pathOf(id)}?ticket=${ticket}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(401)]);
    for (const answer of answers) await answer.text();
  });

  test('opens nothing after its time, nothing else, and nothing by another method', async () => {
    const owner = nextStudent();
    const [id, other] = [await heldJob(owner), await heldJob(owner)];
    const late = await ticketFor(id, as(owner));
    await service.database.execute(`UPDATE platen.tickets SET expires_at = expires_at - interval '30 seconds'`);
    expect((await ask(`${pathOf(id)}?ticket=${late}`)).status).toBe(401);
    const fresh = await ticketFor(id, as(owner));
    expect((await ask(`${pathOf(other)}?ticket=${fresh}`)).status).toBe(401);
    expect((await ask(`${service.url}/jobs/${id}/events?ticket=${fresh}`)).status).toBe(401);
    expect((await ask(`${pathOf(id)}?ticket=${fresh}`, {}, 'DELETE')).status).toBe(401);
    const never = [studentToken(owner), '', 'x', `${fresh}x`, fresh.toUpperCase()];
    for (const ticket of never) expect((await ask(`${pathOf(id)}?ticket=${ticket}`)).status).toBe(401);
    expect((await ask(`${pathOf(id)}?ticket=${fresh}&ticket=${fresh}`)).status).toBe(401);
    const left = await service.database.execute(`SELECT encode(digest, 'escape') AS kept FROM platen.tickets`);
    expect(left.rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(left.rows)).not.toContain(fresh);
  });
});

describe('one person', () => {
  test('opens ten streams a minute, of all kinds together; the backend as many as it likes', async () => {
    const owner = nextStudent();
    const id = await service.enqueue(owner);
    const ticket = await ticketFor(id, as(owner));
    const urls = [pathOf(id), `${service.url}/jobs/${id}/events`];
    for (let turn = 0; turn < 10; turn++) {
      const response = await ask(urls[turn % 2] ?? '', as(owner));
      expect([turn, response.status]).toEqual([turn, 200]);
      await response.text();
    }
    for (const refused of [await ask(pathOf(id), as(owner)), await ask(`${pathOf(id)}?ticket=${ticket}`)]) {
      expect([refused.status, await refused.json()]).toMatchObject([429, { code: 'rate_limited' }]);
      const seconds = Number(refused.headers.get('retry-after'));
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThanOrEqual(60);
    }
    // Others, and other requests, are not concerned.
    const other = nextStudent();
    expect((await ask(pathOf(await service.enqueue(other)), as(other))).status).toBe(200);
    expect((await ask(`${service.url}/jobs/${id}`, as(owner))).status).toBe(200);
    for (let turn = 0; turn < 15; turn++) expect((await ask(pathOf(id), asService)).status).toBe(200);
  });
});

describe('following', () => {
  test('costs one look-up per change, however many follow', async () => {
    const id = await heldJob();
    const ready = Promise.withResolvers<void>();
    service.run = async ({ onStage }) => {
      await ready.promise;
      onStage('pdf_generation', 75);
      return release.promise;
    };
    const before = service.lookUps;
    const streams = await Promise.all(Array.from({ length: 200 }, () => ask(pathOf(id), asService)));
    const all = streams.map((response) => allEvents<Progress>(response));
    await delay(300);
    ready.resolve();
    release.resolve({ s3Key: 'key' });
    for (const events of await Promise.all(all)) expect(events.at(-1)?.data.status).toBe('completed');
    // Looked at first, begun, ended; and a few more if changes came while one was under way.
    expect(service.lookUps - before).toBeLessThanOrEqual(6);
  });

  test('learns the end although the news of it was missed', async () => {
    const id = await heldJob();
    const events = allEvents<Progress>(await ask(pathOf(id), asService));
    await until(async () => (await stateOf(id)) === 'active');
    service.setDeaf(true);
    release.resolve({});
    await until(async () => (await stateOf(id)) === 'completed');
    service.setDeaf(false);
    expect((await events).at(-1)?.data.status).toBe('completed');
  });

  test('outlasts a database that is away; who comes meanwhile is asked to come later', async () => {
    const id = await heldJob();
    const events = allEvents<Progress>(await ask(pathOf(id), asService));
    await until(async () => (await stateOf(id)) === 'active');
    service.isAway = true;
    const refused = await ask(pathOf(await service.enqueue()), asService);
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([503, true]);
    const before = service.lookUps;
    release.resolve({});
    await until(() => service.lookUps > before + 1);
    service.isAway = false;
    expect((await events).at(-1)?.data.status).toBe('completed');
  });

  test('never goes back behind what its client has seen, in whichever process that was', async () => {
    const id = await heldJob();
    const events = allEvents<Progress>(await ask(pathOf(id), { ...asService, 'last-event-id': '4.93' }));
    await until(async () => (await stateOf(id)) === 'active');
    expect(await (await ask(pathOf(id), asService, 'DELETE')).json()).toEqual({ success: true });
    expect((await events).map(({ data }) => [data.status, data.progress])).toEqual([['cancelled', 93]]);
  });

  test('is all that suffers where the database refuses to take down how far the work is', async () => {
    await service.database.execute('CREATE SEQUENCE refused');
    // What a sequence has counted stays, although the statement fails.
    await service.database.execute(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE 'refused %', nextval('refused'); END $$`);
    await service.database.execute(`CREATE TRIGGER refusing BEFORE UPDATE ON platen.tasks FOR EACH ROW
      WHEN (OLD.state = 'active' AND NEW.state = 'active') EXECUTE FUNCTION refuse()`);
    const refusals = async () => {
      const { rows } = await service.database.execute('SELECT last_value::integer AS count, is_called FROM refused');
      const [{ count, is_called: isCalled }] = rows as [{ count: number; is_called: boolean }];
      return isCalled ? count : 0;
    };
    service.run = async ({ onStage }) => {
      onStage('data_validation', 40);
      await until(async () => (await refusals()) === 1);
      onStage('pdf_generation', 75);
      await until(async () => (await refusals()) === 2);
      return { s3Key: 'key' };
    };
    try {
      const events = await allEvents<Progress>(await ask(pathOf(await service.enqueue()), asService));
      expect(events.at(-1)?.data).toMatchObject({ status: 'completed', progress: 100, metadata: { s3Key: 'key' } });
    } finally {
      await service.database.execute('DROP TRIGGER refusing ON platen.tasks');
    }
  });

  test('shows work that is tried again as going on, and never goes back', async () => {
    let attempts = 0;
    service.run = async ({ onStage }) => {
      attempts++;
      onStage(attempts === 1 ? 'file_preparation' : 'template_loading', attempts === 1 ? 90 : 5);
      // As long as reports are held back.
      await delay(700);
      if (attempts === 1) throw new Error('once');
      return {};
    };
    const events = await allEvents<Progress>(await ask(pathOf(await service.enqueue()), asService));
    const figures = events.map(({ data }) => data.progress);
    expect(figures).toEqual(figures.toSorted((a, b) => a - b));
    expect(figures).toContain(90);
    const statuses = events.map(({ data }) => data.status);
    expect(statuses.lastIndexOf('pending')).toBeLessThan(statuses.indexOf('in_progress'));
    expect([attempts, statuses.at(-1)]).toEqual([2, 'completed']);
  });
});
