// The examples of docs/http-api.md, each sent to a service with the example school and answered as it says there.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { changing, examples, methodOf } from '../scripts/api-examples.ts';
import type { Example, Who } from '../scripts/example.ts';
import { startTestService, type TestService } from './support/service.ts';
import { serviceToken, studentToken, teacherToken } from './support/tokens.ts';
import { until } from './support/until.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ env: { RENDER_CONCURRENCY: '1' } });
});
afterAll(() => service[Symbol.asyncDispose]());

const kept = new Map<string, string>();
const fill = (text: string) => text.replace(/\$([A-Z_]+)/g, (_, name: string) => kept.get(name) ?? `no ${name}`);

const headersOf: Record<Who, Record<string, string>> = {
  service: { 'x-service-auth': `Bearer ${serviceToken}` },
  student: { authorization: `Bearer ${studentToken('STU001', 'CLASS_TEST')}` },
  teacher: { authorization: `Bearer ${teacherToken('TCH001', 'CLASS_TEST')}` },
  nobody: {},
};

/** What an answer must be: as the example, but for values that differ each time. */
function expected(value: unknown, name = ''): unknown {
  if (changing.has(name)) return value === null ? null : expect.anything();
  if (Array.isArray(value)) return value.map((each) => expected(each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, expected(each, key)]));
}

async function send(example: Example) {
  const { as, path, headers, body, file } = example;
  const json = body === undefined ? undefined : { type: 'application/json', text: JSON.stringify(body) };
  const sent = file ?? json;
  const response = await fetch(service.url + fill(path), {
    method: methodOf(example),
    headers: { ...headersOf[as], ...headers, ...(sent === undefined ? {} : { 'content-type': sent.type }) },
    ...(sent === undefined ? {} : { body: sent.text }),
  });
  return { response, text: Buffer.from(await response.arrayBuffer()).toString('latin1') };
}

function check(
  { status, answer, answerHeaders = {}, text, keep = {} }: Example,
  sent: Awaited<ReturnType<typeof send>>,
) {
  const headers = Object.keys(answerHeaders).map((name) => [name, sent.response.headers.get(name)]);
  const json = () => JSON.parse(sent.text) as Record<string, string>;
  expect([sent.response.status, Object.fromEntries(headers)]).toEqual([status, answerHeaders]);
  if (answer !== undefined) expect(json()).toEqual(expected(answer));
  if (text !== undefined) expect(sent.text).toContain(text);
  for (const [name, field] of Object.entries(keep)) {
    const value = field.split('.').reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], json());
    // Of an address what stands behind its last slash.
    kept.set(name, String(value).split('/').at(-1) ?? '');
  }
}

test.each(examples.map((example) => [example.endpoint ?? `(before the next) ${example.path}`, example] as const))(
  '%s',
  async (_name, example) => {
    if (methodOf(example) !== 'GET' || example.path.includes('ticket=')) return check(example, await send(example));
    // What is looked at may not have come so far.
    let last: unknown;
    const isAsSaid = async () => {
      try {
        check(example, await send(example));
        return true;
      } catch (error) {
        last = error;
        return false;
      }
    };
    await until(isAsSaid).catch(() => {
      throw last;
    });
  },
);

test('each endpoint has one', async () => {
  const { paths } = (await (await service.get('/openapi.json')).json()) as { paths: Record<string, object> };
  const all = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const shown = examples.flatMap(({ endpoint }) => endpoint ?? []);
  expect(shown.sort()).toEqual(all.sort());
});

/** Endpoints that are no GET, and why nothing that they do is written down. */
const unaudited: Record<string, string> = {
  'POST /internal/trigger-generate-pdf': 'the daily work of the backend: prints what is so anyway',
  'POST /generate-bulk-pdf': 'prints for whoever may read it',
  'POST /api/certificates/generate': 'a learner has made what was recorded before',
  'POST /internal/configurations/{id}/dry-run': 'changes nothing',
  'POST /internal/class-runs/{id}/ticket': 'opens a stream, once',
  'POST /api/certificates/progress/{id}/ticket': 'opens a stream, once',
  'POST /verify': 'looks at a file',
};

test('what each other endpoint than a GET changes is written down, or there is a reason why not', async () => {
  const { paths } = (await (await service.get('/openapi.json')).json()) as {
    paths: Record<string, Record<string, { 'x-audit-action'?: string }>>;
  };
  const all = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      action: operation['x-audit-action'],
    })),
  );
  const isReading = (name: string) => name.startsWith('GET ');
  const without = all.filter(({ name, action }) => !isReading(name) && action === undefined).map(({ name }) => name);
  expect(without.sort()).toEqual(Object.keys(unaudited).sort());
  expect(all.filter(({ name, action }) => isReading(name) && action !== undefined)).toEqual([]);

  const lines = await fetch(`${service.url}/internal/audit?limit=500`, { headers: headersOf.service });
  const { items } = (await lines.json()) as { items: { action: string }[] };
  const written = new Set(items.map(({ action }) => action));
  // The examples of these change nothing, since there is nothing to begin again, to cancel or to take away: test/audit.test.ts has others.
  const elsewhere = ['class-run.retry', 'mail-link.remove', 'run.cancel', 'run.retry'];
  const named = new Set(all.flatMap(({ action }) => action ?? []).filter((action) => !elsewhere.includes(action)));
  expect([...written].sort()).toEqual([...named].sort());
  // Of the learners of the examples none is named.
  expect(JSON.stringify(items)).not.toMatch(/STU0|NOBODY|LATER|Anjali|Kumar|@/);
});
