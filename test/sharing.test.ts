// Many people want the same at once: it is rendered once, for all of them, and nobody takes more than their share.

import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Pages } from './support/pages.ts';
import { startTestService, type TestService } from './support/service.ts';
import { type Figures, steerPages } from './support/steered-pages.ts';
import { signUserToken } from './support/tokens.ts';
import { until } from './support/until.ts';

const frontend = steerPages();

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

interface Answer {
  status: number;
  code?: string;
  cache: string | null;
  retryAfter: string | null;
  sha256: string;
}

async function answerOf(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const body = Buffer.from(await response.arrayBuffer());
  const problem = headers.get('content-type')?.startsWith('application/problem') ? JSON.parse(body.toString()) : {};
  return {
    status,
    code: problem.code,
    cache: headers.get('cache-status'),
    retryAfter: headers.get('retry-after'),
    sha256: sha256(body),
  };
}

let pages: Pages;
let other: Pages;
let service: TestService;
let count = 0;
beforeAll(async () => {
  pages = await frontend.start();
  other = await frontend.start();
  const env = { RENDER_CONCURRENCY: '8', FRONTEND_ORIGINS: `${pages.origin} ${other.origin}=b` };
  service = await startTestService({ origin: pages.origin, env });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await pages[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

/** A student of whom nothing is stored. */
function newStudent() {
  const id = `STU${++count}`;
  return {
    id,
    key: `reports/CLASS_1/Test_1/students/${id}.pdf`,
    path: `/generate-pdf?studentId=${id}&testId=1&classId=CLASS_1`,
  };
}

const iat = Math.floor(Date.now() / 1000);
const lifetime = { iat, exp: iat + 3600 };
/** The same token for the same words, always. */
const teacherOf = (id: string, more: object = {}) =>
  signUserToken({
    user_type: 'teacher',
    teacher_id: id,
    class_id: 'CLASS_1',
    origin: pages.origin,
    ...lifetime,
    ...more,
  });
const studentOf = (id: string) =>
  signUserToken({ user_type: 'student', student_id: id, class_id: 'CLASS_1', origin: pages.origin, ...lifetime });
const ask = (path: string, token: string, signal?: AbortSignal) =>
  fetch(service.url + path, {
    headers: { authorization: `Bearer ${token}` },
    ...(signal === undefined ? {} : { signal }),
  }).then(answerOf);
const misses = () => service.metric('platen_document_lookups_total{result="miss"}');

afterEach(async () => {
  await until(async () => (await service.metric('platen_renders_active')) === 0);
});

/** Pages wait for their figures until they are released. */
function holdPages(): { release(figures?: Figures): void } {
  const gate = frontend.createGate();
  frontend.figuresFor = () => gate.promise;
  return { release: (figures = { text: 'Figures' }) => gate.resolve(figures) };
}

describe('many who ask for one missing report at once', () => {
  test('share one render: fifty requests of ten callers get the same bytes, each by a lookup of its own', async () => {
    const { path, key } = newStudent();
    const before = { misses: await misses(), ok: await service.metric('platen_renders_total{outcome="ok"}') };
    const page = holdPages();
    const tokens = Array.from({ length: 50 }, (_, each) => teacherOf(`TCH${each % 10}`));
    const answers = tokens.map((token) => ask(path, token));
    await until(async () => (await misses()) === before.misses + 50 && frontend.opened.length > 0);
    page.release();
    const all = await Promise.all(answers);
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(all.map((answer) => answer.sha256)).size).toBe(1);
    expect(frontend.opened.length).toBe(1);
    expect(await service.metric('platen_renders_total{outcome="ok"}')).toBe(before.ok + 1);
    expect(await misses()).toBe(before.misses + 50);
    expect(await service.storedKeys()).toContain(key);
  });

  test('share it also between an educator, another one and an admin', async () => {
    const { path } = newStudent();
    const before = await misses();
    const page = holdPages();
    const admin = signUserToken({ role: 'admin', user_id: 'ADM1', origin: pages.origin });
    const answers = [teacherOf('TCH1'), teacherOf('TCH2'), admin].map((token) => ask(path, token));
    await until(async () => (await misses()) === before + 3 && frontend.opened.length > 0);
    page.release();
    expect(new Set((await Promise.all(answers)).map((answer) => answer.sha256)).size).toBe(1);
    expect(frontend.opened.length).toBe(1);
  });

  /** The first of `tokens` leads; the others join in their order, and only then the pages go on. */
  async function joinAll(path: string, tokens: string[]): Promise<Promise<Answer>[]> {
    const before = await misses();
    const pagesBefore = frontend.opened.length;
    const [leader = '', ...others] = tokens;
    const first = ask(path, leader);
    await until(() => frontend.opened.length === pagesBefore + 1);
    const answers = [first];
    for (const token of others) {
      answers.push(ask(path, token));
      await until(async () => (await misses()) === before + answers.length);
    }
    return answers;
  }

  test('do not suffer when the token of the first is rejected: one more page is opened with the token of another', async () => {
    const { path, key } = newStudent();
    const gate = frontend.createGate();
    const rejected = teacherOf('TCH_REJECTED');
    frontend.figuresFor = async ({ token }) => {
      await gate.promise;
      return token === rejected ? { status: 401 } : { text: 'Figures' };
    };
    const answers = await joinAll(path, [rejected, ...[1, 2, 3, 4].map((each) => teacherOf(`TCH${each}`))]);
    gate.resolve({});
    const [first, ...others] = await Promise.all(answers);
    expect(first).toMatchObject({ status: 502, code: 'token_rejected' });
    expect(others.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(new Set(others.map((answer) => answer.sha256)).size).toBe(1);
    expect(frontend.opened.map(({ token }) => token)).toEqual([rejected, teacherOf('TCH1')]);
    expect(await service.storedKeys()).toContain(key);
  });

  test('do not suffer when the page of the first goes to where people sign in after its API has refused', async () => {
    const { path } = newStudent();
    const gate = frontend.createGate();
    const rejected = teacherOf('TCH_REJECTED');
    frontend.figuresFor = async ({ token }) => {
      await gate.promise;
      return token === rejected ? { status: 401, goesTo: '/login' } : { text: 'Figures' };
    };
    const answers = await joinAll(path, [rejected, teacherOf('TCH1'), teacherOf('TCH2')]);
    gate.resolve({});
    const [first, ...others] = await Promise.all(answers);
    expect(first).toMatchObject({ status: 502, code: 'token_rejected' });
    expect(others.map(({ status }) => status)).toEqual([200, 200]);
  });

  test('do not suffer when the page of the first goes elsewhere, whatever the reason', async () => {
    const { path } = newStudent();
    const gate = frontend.createGate();
    const expired = teacherOf('TCH_EXPIRED');
    frontend.figuresFor = async ({ token }) => {
      await gate.promise;
      return token === expired ? { goesTo: '/login' } : { text: 'Figures' };
    };
    const answers = await joinAll(path, [expired, teacherOf('TCH1'), teacherOf('TCH2')]);
    gate.resolve({});
    const [first, ...others] = await Promise.all(answers);
    expect(first).toMatchObject({ status: 502, code: 'page_redirected' });
    expect(others.map(({ status }) => status)).toEqual([200, 200]);
    expect(frontend.opened.map(({ token }) => token)).toEqual([expired, teacherOf('TCH1')]);
  });

  test('all fail when a second one is sent elsewhere too: no third page is opened', async () => {
    const { path } = newStudent();
    const gate = frontend.createGate();
    frontend.figuresFor = async () => {
      await gate.promise;
      return { goesTo: '/login' };
    };
    const answers = await joinAll(
      path,
      [1, 2, 3, 4].map((each) => teacherOf(`TCH${each}`)),
    );
    gate.resolve({});
    expect((await Promise.all(answers)).map(({ code }) => code)).toEqual(Array(4).fill('page_redirected'));
    expect(frontend.opened.map(({ token }) => token)).toEqual([teacherOf('TCH1'), teacherOf('TCH2')]);
  });

  test('never try the same rejected token twice', async () => {
    const { path } = newStudent();
    const gate = frontend.createGate();
    const rejected = teacherOf('TCH_REJECTED');
    frontend.figuresFor = async ({ token }) => {
      await gate.promise;
      return token === rejected ? { status: 403 } : { text: 'Figures' };
    };
    const answers = await joinAll(path, [rejected, rejected, rejected, teacherOf('TCH1')]);
    gate.resolve({});
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([502, 502, 502, 200]);
    expect(frontend.opened.map(({ token }) => token)).toEqual([rejected, teacherOf('TCH1')]);
  });

  test('do not suffer when the next in turn has too many renders already', async () => {
    const { path } = newStudent();
    const gate = frontend.createGate();
    const ended = frontend.createGate();
    const rejected = teacherOf('TCH_REJECTED');
    const busy = teacherOf('TCH_BUSY');
    frontend.figuresFor = async ({ token }) => {
      await (token === busy ? ended.promise : gate.promise);
      return token === rejected ? { status: 401 } : { text: 'Figures' };
    };
    const otherWork = [1, 2, 3, 4].map(() => ask(newStudent().path, busy));
    await until(() => frontend.opened.length === 4);
    const [first, , last] = await joinAll(path, [rejected, busy, teacherOf('TCH_FREE')]);
    gate.resolve({});
    expect(await first).toMatchObject({ status: 502, code: 'token_rejected' });
    expect(await last).toMatchObject({ status: 200 });
    ended.resolve({});
    await Promise.all(otherWork);
  });

  test('all fail when the page fails, and the next request tries again', async () => {
    const { path, key } = newStudent();
    const page = holdPages();
    const answers = await joinAll(path, [teacherOf('TCH1'), teacherOf('TCH2'), teacherOf('TCH3')]);
    page.release({ error: 'no figures today' });
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ status: 502, code: 'page_failed' });
    expect(frontend.opened.length).toBe(1);
    frontend.figuresFor = () => ({ text: 'Figures again' });
    expect(await ask(path, teacherOf('TCH2'))).toMatchObject({ status: 200, cache: 'platen; fwd=miss; stored' });
    expect(frontend.opened.length).toBe(2);
    expect(await service.storedKeys()).toContain(key);
  });

  test('still get it when the first of them goes away', async () => {
    const { path, key } = newStudent();
    const page = holdPages();
    const leaving = new AbortController();
    const first = ask(path, teacherOf('TCH1'), leaving.signal).catch((error: Error) => error.name);
    await until(() => frontend.opened.length === 1);
    const before = await misses();
    const others = ['TCH2', 'TCH3'].map((id) => ask(path, teacherOf(id)));
    await until(async () => (await misses()) === before + 2);
    leaving.abort();
    expect(await first).toBe('AbortError');
    await setTimeout(100);
    page.release();
    expect((await Promise.all(others)).map(({ status }) => status)).toEqual([200, 200]);
    expect(frontend.opened).toMatchObject([{ token: teacherOf('TCH1'), isClosed: false }]);
    expect(await service.storedKeys()).toContain(key);
  });

  test('close the page when the last of them goes away, and who comes later has a page of their own', async () => {
    const { path, key } = newStudent();
    const page = holdPages();
    const cancelled = await service.metric('platen_renders_total{outcome="cancelled"}');
    const before = await misses();
    const leaving = new AbortController();
    const leavers = ['TCH1', 'TCH2'].map((id) => ask(path, teacherOf(id), leaving.signal).catch(() => 'gone'));
    await until(async () => (await misses()) === before + 2 && frontend.opened.length === 1);
    leaving.abort();
    expect(await Promise.all(leavers)).toEqual(['gone', 'gone']);
    await until(() => frontend.opened[0]?.isClosed === true);
    await until(async () => (await service.metric('platen_renders_total{outcome="cancelled"}')) === cancelled + 1);
    expect(await service.metric('platen_renders_active')).toBe(0);
    expect(await service.storedKeys()).not.toContain(key);
    page.release();
    expect(await ask(path, teacherOf('TCH3'))).toMatchObject({ status: 200 });
    expect(frontend.opened.map(({ token }) => token).at(-1)).toBe(teacherOf('TCH3'));
  });
});

describe('a render is not shared', () => {
  /** Sends all at once with the pages held until as many are open; gives the pages in the order of the requests. */
  async function askAtOnce(requests: [string, string][]): Promise<Answer[]> {
    const page = holdPages();
    const answers = requests.map(([path, token]) => ask(path, token));
    await until(() => frontend.opened.length === requests.length);
    page.release();
    return Promise.all(answers);
  }

  test('between the page of the student and the page of the educator', async () => {
    const { id, path } = newStudent();
    await askAtOnce([
      [path, teacherOf('TCH1')],
      [path, studentOf(id)],
    ]);
    expect(frontend.opened.map(({ page }) => page.split('?')[0]).sort()).toEqual(['/report', '/student-report']);
  });

  test('between different versions of the data', async () => {
    const { path } = newStudent();
    const versions = ['', '&dataVersion=v1', '&dataVersion=v2'];
    const answers = await askAtOnce(versions.map((version) => [path + version, teacherOf('TCH1')]));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  test('between two tenants, though class, test and student have the same ids', async () => {
    const { id, path, key } = newStudent();
    const atOther = teacherOf('TCH1', { origin: other.origin });
    frontend.figuresFor = ({ host }) => ({ text: `Figures of ${host}` });
    const answers = await Promise.all([ask(path, teacherOf('TCH1')), ask(path, atOther)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[0]?.sha256).not.toBe(answers[1]?.sha256);
    expect(frontend.opened.map(({ host, token }) => [`http://${host}`, token]).sort()).toEqual(
      [
        [pages.origin, teacherOf('TCH1')],
        [other.origin, atOther],
      ].sort(),
    );
    const keys = (await service.storedKeys()).filter((each) => each.includes(`${id}.pdf`));
    expect(keys.sort()).toEqual([`b/${key}`, key].sort());
  });

  test('with an unproven caller, who always has a page of their own', async () => {
    const { path } = newStudent();
    const unproven = ['TCH1', 'TCH2'].map((id) => teacherOf(id, { class_id: undefined }));
    await askAtOnce([
      [path, teacherOf('TCH3')],
      ...unproven.map((token): [string, string] => [path, token]),
      [path, unproven[0] ?? ''],
    ]);
    expect(frontend.opened.map(({ token }) => token).sort()).toEqual(
      [teacherOf('TCH3'), ...unproven, unproven[0]].sort(),
    );
  });

  test('with an admin who names another educator', async () => {
    const { path } = newStudent();
    const admin = signUserToken({ role: 'admin', user_id: 'ADM1', origin: pages.origin });
    await askAtOnce([
      [path, teacherOf('TCH1')],
      [`${path}&educatorId=TCH8`, admin],
      [`${path}&educatorId=TCH9`, admin],
    ]);
    expect(new Set(frontend.opened.map(({ page }) => page)).size).toBe(3);
  });
});

describe('one caller', () => {
  /** Four different reports of one caller, all being rendered. */
  async function keepBusy(token: string) {
    const page = holdPages();
    const work = Array.from({ length: 4 }, newStudent);
    const answers = work.map(({ path }) => ask(path, token));
    await until(() => frontend.opened.length === 4);
    return { ...page, answers, work };
  }

  test('has four renders at once; a fifth different report is refused with 429 and Retry-After, others go on', async () => {
    const token = teacherOf('TCH_MANY');
    const busy = await keepBusy(token);
    const fifth = newStudent();
    const refused = await ask(fifth.path, teacherOf('TCH_MANY', { exp: iat + 999 }));
    expect(refused).toMatchObject({ status: 429, code: 'too_many_renders' });
    expect(refused.retryAfter).toMatch(/^[1-9]\d*$/);
    expect(frontend.opened.length).toBe(4);
    const others = ask(newStudent().path, teacherOf('TCH_OTHER'));
    await until(() => frontend.opened.length === 5);
    busy.release();
    expect((await Promise.all([...busy.answers, others])).map(({ status }) => status)).toEqual([
      200, 200, 200, 200, 200,
    ]);
    expect(await ask(fifth.path, token)).toMatchObject({ status: 200 });
  });

  test('is served stored reports meanwhile, and may wait for what others have rendered', async () => {
    const ready = newStudent();
    await ask(ready.path, teacherOf('TCH1'));
    frontend.opened = [];
    const busy = await keepBusy(teacherOf('TCH_MANY'));
    expect(await ask(ready.path, teacherOf('TCH_MANY'))).toMatchObject({ status: 200, cache: 'platen; hit' });
    const shared = newStudent();
    const leader = ask(shared.path, teacherOf('TCH1'));
    await until(() => frontend.opened.length === 5);
    const before = await misses();
    const waiting = [ask(shared.path, teacherOf('TCH_MANY')), ask(busy.work[0]?.path ?? '', teacherOf('TCH_MANY'))];
    await until(async () => (await misses()) === before + 2);
    busy.release();
    expect((await Promise.all([leader, ...waiting])).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(frontend.opened.length).toBe(5);
    await Promise.all(busy.answers);
  });

  test('who is unproven has four at once, too', async () => {
    const token = teacherOf('TCH_UNPROVEN', { class_id: undefined });
    const busy = await keepBusy(token);
    expect(await ask(newStudent().path, token)).toMatchObject({ status: 429, code: 'too_many_renders' });
    busy.release();
    await Promise.all(busy.answers);
  });

  test('who goes away has the places back', async () => {
    const token = teacherOf('TCH_LEAVING');
    holdPages();
    const leaving = new AbortController();
    const gone = Array.from({ length: 4 }, () => ask(newStudent().path, token, leaving.signal).catch(() => 'gone'));
    await until(() => frontend.opened.length === 4);
    leaving.abort();
    await Promise.all(gone);
    await until(() => frontend.opened.every(({ isClosed }) => isClosed));
    frontend.figuresFor = () => ({ text: 'Figures' });
    await until(async () => (await ask(newStudent().path, token)).status === 200);
  });

  test('of one tenant is another than the one of the same id elsewhere', async () => {
    const busy = await keepBusy(teacherOf('TCH_TWIN'));
    const twin = ask(newStudent().path, teacherOf('TCH_TWIN', { origin: other.origin }));
    await until(() => frontend.opened.length === 5);
    busy.release();
    expect(await twin).toMatchObject({ status: 200 });
    await Promise.all(busy.answers);
  });
});
