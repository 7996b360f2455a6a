// Bad input of every kind through the front door: a clear coded answer, and nothing opened, stored or even looked for.

import { createHmac, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Pages, readyPage, startPages } from './support/pages.ts';
import { startTestService, type TestService } from './support/service.ts';
import {
  adminToken,
  reportTokenSecret,
  serviceToken,
  signReportToken,
  signUserToken,
  studentToken,
  teacherToken,
  userTokenSecret,
} from './support/tokens.ts';

const trigger = '/internal/trigger-generate-pdf';
const asService = { 'x-service-auth': `Bearer ${serviceToken}` };
const asJson = { 'content-type': 'application/json' };
const good = { testId: 'Test_1', classId: 'CLASS_TEST', reportType: 'student', studentId: 'STU001' };
/** Stored before the tests begin; the other one of the same class is not. */
const stored = '/generate-pdf?studentId=STU001&testId=Test_1&classId=CLASS_TEST';
const missing = '/generate-pdf?studentId=STU002&testId=Test_1&classId=CLASS_TEST';

let service: TestService;
beforeAll(async () => {
  service = await startTestService({ env: { RATE_LIMIT_PER_15_MIN: '1000000' } });
  expect((await service.trigger(good)).status).toBe(202);
});
afterAll(() => service[Symbol.asyncDispose]());

/** An answer, however it was asked for. */
interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

async function send(path: string, init: RequestInit = {}, url = service.url): Promise<Answer> {
  const response = await fetch(url + path, init);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const post = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  send(path, { method: 'POST', headers: { ...asService, ...asJson, ...headers }, body: body as BodyInit });

function parseAnswer(text: string): Answer | undefined {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const body = rest.join('\r\n\r\n');
  if (rest.length === 0) return undefined;
  const headers = new Headers(lines.map((line) => line.split(/:\s*(.*)/s).slice(0, 2) as [string, string]));
  return { status: Number(statusLine.split(' ')[1]), headers, text: body };
}

/** Sends bytes as they are, which fetch would not; gives the answer when it is complete or the connection ends. */
async function sendRaw(bytes: string | Buffer, url = service.url): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).setEncoding('latin1').setTimeout(5000);
  socket.once('timeout', () => socket.destroy(new Error('no answer within 5 s')));
  socket.on('connect', () => socket.write(bytes));
  let text = '';
  try {
    for await (const chunk of socket) {
      text += chunk;
      const answer = parseAnswer(text);
      if (answer !== undefined && answer.text.length >= Number(answer.headers.get('content-length') ?? Infinity)) break;
    }
  } catch (error) {
    // The service may break off a connection whose request it refused; what it said before counts.
    if (parseAnswer(text) === undefined) throw error;
  }
  socket.destroy();
  return parseAnswer(text) ?? { status: 0, headers: new Headers(), text };
}

const rawRequest = (line: string, headers: string[] = [], body = '') =>
  [`${line} HTTP/1.1`, 'Host: platen', 'Connection: close', ...headers, '', body].join('\r\n');
const rawPost = (path: string, headers: string[], body = '') => rawRequest(`POST ${path}`, headers, body);

interface Expected {
  status: number;
  code: string;
  /** The one field that is to blame; 422 only. */
  field?: string;
}

/** The answer is a problem as RFC 9457 has it, with the expected code and field, and without anything of the inside. */
function expectProblem(answer: Answer, { status, code, field }: Expected): Record<string, unknown> {
  expect({ status: answer.status, text: answer.text.slice(0, 500) }).toMatchObject({
    status,
    text: expect.stringContaining(code),
  });
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json(; charset=utf-8)?$/);
  const problem = JSON.parse(answer.text);
  expect(problem).toMatchObject({
    type: expect.stringMatching(/^\w+:/),
    title: expect.stringMatching(/./),
    status,
    detail: expect.stringMatching(/./),
    code,
    requestId: answer.headers.get('x-request-id'),
  });
  expect(answer.text).not.toMatch(/node_modules|\.ts:\d|at async|SyntaxError|TypeError/);
  expect(answer.text).not.toContain(serviceToken);
  if (field !== undefined) expect(fieldsOf(problem)).toEqual([field]);
  for (const each of problem.errors ?? []) expect(Object.keys(each).sort()).toEqual(['field', 'message']);
  return problem;
}

const fieldsOf = (problem: { errors?: { field: string }[] }) => [
  ...new Set((problem.errors ?? []).map(({ field }) => field)),
];
const pointer = (field: string) => `/${field.replaceAll('.', '/')}`;
/** Of a body, by its path with dots. */
const invalid = (field: string): Expected => ({ status: 422, code: 'invalid_request', field: pointer(field) });
const invalidParameter = (field: string): Expected => ({ status: 422, code: 'invalid_request', field });
const malformed: Expected = { status: 400, code: 'malformed_request' };
const unknownField = (field: string): Expected => ({ status: 400, code: 'unknown_field', field: pointer(field) });
const wrongType: Expected = { status: 415, code: 'unsupported_media_type' };
const tooLarge: Expected = { status: 413, code: 'body_too_large' };
const unauthorized: Expected = { status: 401, code: 'unauthorized' };
const forbidden: Expected = { status: 403, code: 'forbidden' };
const notFound: Expected = { status: 404, code: 'not_found' };

const effects = /^platen_(renders|render_stage|render_retries|storage|document_lookups|egress)\w*(total|count)\b.*/gm;

/** Everything that a request may leave behind: pages opened, documents stored, renders and storage calls counted. */
async function tracesOf(of: TestService, opened: () => number) {
  const metrics = await (await fetch(`${of.url}/metrics`)).text();
  return { opened: opened(), keys: await of.storedKeys(), counted: metrics.match(effects) };
}

/** A group of requests none of which may leave a trace. */
function withoutTrace(
  name: string,
  tests: () => void,
  traces = () => tracesOf(service, () => service.school.requests.length),
) {
  describe(name, () => {
    let before: Awaited<ReturnType<typeof traces>>;
    beforeAll(async () => {
      before = await traces();
    });
    tests();
    test('and no page was opened, nothing stored, no storage asked, no render counted', async () => {
      expect(await traces()).toEqual(before);
    });
  });
}

withoutTrace('the service token', () => {
  const body = JSON.stringify(good);
  const headersOf = (headers: Record<string, string>) =>
    Object.entries({ ...asJson, 'Content-Length': String(body.length), ...headers }).map(([n, v]) => `${n}: ${v}`);
  const lastCharacterOff = `${serviceToken.slice(0, -1)}x`;
  const value = `Bearer ${serviceToken}`;

  test.each<[string, Record<string, string>]>([
    ['missing', {}],
    ['empty', { 'X-Service-Auth': '' }],
    ['a scheme without a token', { 'X-Service-Auth': 'Bearer' }],
    ['a scheme and a space', { 'X-Service-Auth': 'Bearer ' }],
    ['the last character off', { 'X-Service-Auth': `Bearer ${lastCharacterOff}` }],
    ['the first character off', { 'X-Service-Auth': `Bearer x${serviceToken.slice(1)}` }],
    ['one character short', { 'X-Service-Auth': value.slice(0, -1) }],
    ['one character more', { 'X-Service-Auth': `${value}x` }],
    ['in capitals', { 'X-Service-Auth': `Bearer ${serviceToken.toUpperCase()}` }],
    ['twice in one header', { 'X-Service-Auth': `${value}, ${value}` }],
    ['twice in one header without the second scheme', { 'X-Service-Auth': `${value},${serviceToken}` }],
    ['in two headers', { 'X-Service-Auth': `${value}\r\nX-Service-Auth: ${value}` }],
    ['in two headers, the second one bad', { 'X-Service-Auth': `${value}\r\nX-Service-Auth: Bearer x` }],
    ['without a scheme', { 'X-Service-Auth': serviceToken }],
    ['as Basic', { 'X-Service-Auth': `Basic ${serviceToken}` }],
    ['as Token', { 'X-Service-Auth': `Token ${serviceToken}` }],
    ['in quotes', { 'X-Service-Auth': `Bearer "${serviceToken}"` }],
    ['in Authorization', { Authorization: value }],
    ['in X-Service-Token', { 'X-Service-Token': value }],
    ['in a cookie', { Cookie: `X-Service-Auth=${serviceToken}` }],
    ["a student's token instead", { 'X-Service-Auth': `Bearer ${studentToken('STU001', 'CLASS_TEST')}` }],
    ["an admin's token instead", { 'X-Service-Auth': `Bearer ${adminToken()}` }],
    ['a report token instead', { 'X-Service-Auth': `Bearer ${signReportToken({ role: 'educator' })}` }],
    ['the development token', { 'X-Service-Auth': 'Bearer your-token-here' }],
    ['1,000 characters', { 'X-Service-Auth': `Bearer ${'a'.repeat(1000)}` }],
    ['a comma', { 'X-Service-Auth': 'Bearer ,' }],
  ])('%s: 401', async (_name, headers) => {
    const answer = await sendRaw(rawPost(trigger, headersOf(headers), body));
    expectProblem(answer, unauthorized);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  test.each(['token', 'X-Service-Auth', 'access_token'])('in the query as %s: 401', async (name) => {
    expectProblem(await sendRaw(rawPost(`${trigger}?${name}=${serviceToken}`, headersOf({}), body)), unauthorized);
  });

  test.each([
    [trigger, 'Content-Length: 200000'],
    [trigger, 'Content-Length: 10000000000'],
    [trigger, 'Transfer-Encoding: chunked'],
    ['/internal/invalidate', 'Content-Length: 200000'],
    ['/generate-bulk-pdf', 'Content-Length: 200000'],
  ])('%s is refused before the body is read, with %s and no body', async (path, length) => {
    const answer = await sendRaw(rawPost(path, ['Content-Type: application/json', length]));
    // Who waits for the body, which never comes, answers 408.
    expectProblem(answer, unauthorized);
    expect(answer.headers.get('connection')).toBe('close');
  });

  test('a bad body does not matter without a token: 401, not 400', async () => {
    expectProblem(
      await sendRaw(rawPost(trigger, ['Content-Length: 3', 'Content-Type: text/plain'], '{{{')),
      unauthorized,
    );
  });
});

withoutTrace('the body of the trigger', () => {
  const text = JSON.stringify(good);
  const padded = (bytes: number) => text.slice(0, -1) + ' '.repeat(bytes - text.length) + text.slice(-1);
  const nested = (depth: number, [open, close]: [string, string]) => open.repeat(depth) + close.repeat(depth);
  const withField = (field: string, json: string) => `${text.slice(0, -1)},${JSON.stringify(field)}:${json}}`;
  const arrays: [string, string] = ['[', ']'];
  const objects: [string, string] = ['{"a":', '}'];

  test.each<[string, string]>([
    ['a word', 'hello'],
    ['cut in the middle', text.slice(0, 30)],
    ['with single quotes', text.replaceAll('"', "'")],
    ['with a comma too many', `${text.slice(0, -1)},}`],
    ['with a comment', `${text} // the report`],
    ['two of them', `${text}${text}`],
    ['with NaN', withField('dataVersion', 'NaN')],
    ['with a raw line break inside a text', '{"testId":"Test\n1"}'],
    ['a form in the clothes of JSON', 'testId=Test_1&classId=CLASS_TEST'],
    ['empty', ''],
    ['spaces only', '   '],
    ['an array', `[${text}]`],
    ['an empty array', '[]'],
    ['a text', '"Test_1"'],
    ['JSON within a text', JSON.stringify(text)],
    ['a number', '5'],
    ['true', 'true'],
    ['null', 'null'],
    ['arrays nested 10,000 deep', nested(10_000, arrays)],
    ['arrays nested 10,000 deep in a field', withField('dataVersion', nested(10_000, arrays))],
    ['arrays nested 10,000 deep in an unknown field', withField('x', nested(10_000, arrays))],
    ['objects nested 10,000 deep', nested(10_000, objects).replace('}', '1}')],
    ['objects nested 10,000 deep in a field', withField('origin', nested(10_000, objects).replace('}', '1}'))],
    ['arrays nested 100,000 deep', nested(100_000, arrays)],
    ['arrays nested 100,000 deep and never closed', '['.repeat(100_000)],
  ])('%s: 400', async (_name, body) => {
    expectProblem(await post(trigger, body), malformed);
  });

  test('empty, in chunks: 400', async () => {
    const headers = [`X-Service-Auth: Bearer ${serviceToken}`, 'Content-Type: application/json'];
    const answer = await sendRaw(rawPost(trigger, [...headers, 'Transfer-Encoding: chunked'], '0\r\n\r\n'));
    expectProblem(answer, malformed);
  });

  test.each<[string, Record<string, string>]>([
    ['of type text/plain', { 'content-type': 'text/plain' }],
    ['of type text/json', { 'content-type': 'text/json' }],
    ['of type application/xml', { 'content-type': 'application/xml' }],
    ['of a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['of a form in parts', { 'content-type': 'multipart/form-data; boundary=x' }],
    ['of type application/octet-stream', { 'content-type': 'application/octet-stream' }],
    ['of a type that begins like JSON', { 'content-type': 'application/jsonp' }],
    ['of two types', { 'content-type': 'application/json, text/plain' }],
    ['of a type that is none', { 'content-type': 'json' }],
    ['in Latin-1', { 'content-type': 'application/json; charset=iso-8859-1' }],
    ['in UTF-16', { 'content-type': 'application/json; charset=utf-16le' }],
    ['said to be gzip', { 'content-encoding': 'gzip' }],
    ['said to be deflate', { 'content-encoding': 'deflate' }],
    ['said to be br', { 'content-encoding': 'br' }],
    ['in an unknown encoding', { 'content-encoding': 'rot13' }],
    ['in two encodings', { 'content-encoding': 'identity, gzip' }],
  ])('%s: 415', async (_name, headers) => {
    const inUtf16 = headers['content-type']?.includes('utf-16');
    expectProblem(await post(trigger, Buffer.from(text, inUtf16 ? 'utf16le' : 'utf8'), headers), wrongType);
  });

  test('without a type: 415', async () => {
    const init = { method: 'POST', headers: asService, body: Buffer.from(text) };
    expectProblem(await send(trigger, init), wrongType);
  });

  test('really compressed: 415, whatever it would unpack to', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000, ' '));
    expectProblem(await post(trigger, bomb, { 'content-encoding': 'gzip' }), wrongType);
  });

  test.each([
    ['one byte more than 256 KB', 262_145],
    ['1 MB', 1_000_000],
  ])('%s: 413', async (_name, bytes) => {
    expectProblem(await post(trigger, padded(bytes)), tooLarge);
  });

  test('10 GB, announced only: 413 at once', async () => {
    const headers = [`X-Service-Auth: Bearer ${serviceToken}`, 'Content-Type: application/json'];
    expectProblem(await sendRaw(rawPost(trigger, [...headers, 'Content-Length: 10000000000'])), tooLarge);
  });

  test('more than 256 KB in chunks, without a length: 413', async () => {
    const headers = [`X-Service-Auth: Bearer ${serviceToken}`, 'Content-Type: application/json'];
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    const answer = await sendRaw(rawPost(trigger, [...headers, 'Transfer-Encoding: chunked'], chunk.repeat(5)));
    expectProblem(answer, tooLarge);
  });

  test('256 KB to the byte are read', async () => {
    const body = padded(262_144).replace('Test_1', 'Test/1');
    expect(Buffer.byteLength(body)).toBe(262_144);
    expectProblem(await post(trigger, body), invalid('testId'));
  });

  test.each<[string, string, Expected]>([
    ['an unknown field', withField('format', '"A3"'), unknownField('format')],
    ['a field spelt in another case', withField('StudentId', '"STU002"'), unknownField('StudentId')],
    ['a field of another endpoint', withField('studentIds', '["STU001"]'), unknownField('studentIds')],
    ['a field with an empty name', withField('', '1'), unknownField('')],
    ['constructor', withField('constructor', '{"prototype":{"isAdmin":true}}'), unknownField('constructor')],
    ['prototype', withField('prototype', '{}'), unknownField('prototype')],
    ['toString', withField('toString', '"x"'), unknownField('toString')],
    ['hasOwnProperty', withField('hasOwnProperty', '1'), unknownField('hasOwnProperty')],
    ['__proto__', withField('__proto__', '{"isAdmin":true}'), unknownField('__proto__')],
    ['__proto__ of null', withField('__proto__', 'null'), unknownField('__proto__')],
    ['__defineGetter__', withField('__defineGetter__', '1'), unknownField('__defineGetter__')],
    ['an unknown field beside a bad value', withField('x', '1').replace('Test_1', '../x'), unknownField('x')],
  ])('with %s: 400 unknown_field', async (_name, body, expected) => {
    expectProblem(await post(trigger, body), expected);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  test('an unknown field with a very long name is not echoed in full', async () => {
    const answer = await post(trigger, withField('x'.repeat(100_000), '1'));
    expect(answer.status).toBe(400);
    expect(answer.text.length).toBeLessThan(2000);
  });

  test('what stands in __proto__ does not stand for what is missing', async () => {
    const answer = await post(trigger, `{"__proto__":${text}}`);
    expect([400, 422]).toContain(answer.status);
  });

  test.each<[string, string | Buffer, string]>([
    ['a field given twice, the second time badly', withField('classId', '"../x"'), 'classId'],
    ['bytes that are not UTF-8', Buffer.from(text.replace('CLASS_TEST', 'CLASS\xff\xfe'), 'latin1'), 'classId'],
    ['an overlong slash in UTF-8', Buffer.from(text.replace('CLASS_TEST', 'a\xc0\xafb'), 'latin1'), 'classId'],
    ['half a surrogate pair', text.replace('CLASS_TEST', '\\ud800'), 'classId'],
    ['an escaped NUL', text.replace('CLASS_TEST', 'A\\u0000'), 'classId'],
    ['a slash that is escaped', text.replace('CLASS_TEST', 'A\\u002fB'), 'classId'],
    ['an infinite number', withField('dataVersion', '1e999'), 'dataVersion'],
  ])('with %s: 422', async (_name, body, field) => {
    expectProblem(await post(trigger, body), invalid(field));
  });
});

/** Values that are no id, whatever it is the id of. */
const badIds: [string, unknown][] = [
  ['empty', ''],
  ['null', null],
  ['a number', 5],
  ['true', true],
  ['an array', ['STU001']],
  ['an object', { id: 'STU001' }],
  ['../x', '../x'],
  ['../../../etc/passwd', '../../../etc/passwd'],
  ['two dots', '..'],
  ['one dot', '.'],
  ['two dots inside', 'a..b'],
  ['%2e%2e%2f', '%2e%2e%2f'],
  ['a/b', 'a/b'],
  ['a\\b', 'a\\b'],
  ['C:\\x', 'C:\\x'],
  ['a NUL', 'a\u0000b'],
  ['a line break', 'a\nb'],
  ['a line break at its end', 'STU001\n'],
  ['a header in disguise', 'a\r\nX-Injected: 1'],
  ['an escape character', 'a\u001b[31m'],
  ['a delete character', 'a\u007f'],
  ['U+202E, which turns the text round', 'a\u202efdp'],
  ['a zero-width space', 'STU\u200b001'],
  ['a byte order mark', '\ufeffSTU001'],
  ['full-width dots', '\uff0e\uff0e'],
  ['a full-width slash', 'a\uff0fb'],
  ['an accented letter', 'Zo\u00eb'],
  ['an accent of its own', 'Zoe\u0308'],
  ['an Arabic digit', '\u0665'],
  ['an emoji', '\u{1f600}'],
  ['101 characters', 'a'.repeat(101)],
  ['100,000 characters', 'a'.repeat(100_000)],
  ['a space', ' '],
  ['a space inside', 'Mid term'],
  ['a space at its end', 'STU001 '],
  ['a leading dot', '.hidden'],
  ['a leading dash', '-rf'],
  ['a leading underscore', '__proto__'],
  ['markup', '<img src=x onerror=alert(1)>'],
  ['a shell command', '$(reboot)'],
  ['a placeholder of page patterns', '{studentId}'],
  ['a star', '*'],
  ['a quote', "x' OR '1'='1"],
  ['a semicolon', 'a;b'],
  ['a colon', 'a:b'],
  ['an ampersand', 'a&testId=2'],
  ['a hash', 'a#b'],
];

withoutTrace('ids in the body of the trigger', () => {
  const teacher = { testId: 'Test_1', classId: 'CLASS_TEST', reportType: 'teacher', teacherId: 'TCH001' };
  const bodies: Record<string, object> = { testId: good, classId: good, studentId: good, teacherId: teacher };
  const fields = Object.keys(bodies);

  // Tests are numbered by many.
  const isBad = (field: string, value: unknown) => field !== 'testId' || value !== 5;
  const cases = fields.flatMap((field) => badIds.map(([name, value]) => [field, name, value] as const));
  test.each(cases.filter(([field, , value]) => isBad(field, value)))(
    '%s: %s: 422 names the field',
    async (field, _name, value) => {
      expectProblem(await post(trigger, JSON.stringify({ ...bodies[field], [field]: value })), invalid(field));
    },
  );

  test.each(fields)('%s missing: 422 names the field', async (field) => {
    expectProblem(await post(trigger, JSON.stringify({ ...bodies[field], [field]: undefined })), invalid(field));
  });

  test.each<[string, object, string]>([
    ['studentId: overall, which is reserved', { ...good, studentId: 'overall' }, 'studentId'],
    ['a bad teacherId in a student report', { ...good, teacherId: '../x' }, 'teacherId'],
    ['a bad studentId in a teacher report', { ...teacher, studentId: 'a/b' }, 'studentId'],
    ['a bad studentId in a class report', { ...good, reportType: 'overall', studentId: 'a/b' }, 'studentId'],
    ['no reportType', { ...good, reportType: undefined }, 'reportType'],
    ['reportType empty', { ...good, reportType: '' }, 'reportType'],
    ['reportType in capitals', { ...good, reportType: 'STUDENT' }, 'reportType'],
    ['reportType class', { ...good, reportType: 'class' }, 'reportType'],
    ['reportType as a list', { ...good, reportType: ['student'] }, 'reportType'],
    ['reportType constructor', { ...good, reportType: 'constructor' }, 'reportType'],
    ['reportType __proto__', { ...good, reportType: '__proto__' }, 'reportType'],
    ['dataVersion empty', { ...good, dataVersion: '' }, 'dataVersion'],
    ['dataVersion with a space', { ...good, dataVersion: 'v 1' }, 'dataVersion'],
    ['dataVersion with a line break', { ...good, dataVersion: 'v1\n' }, 'dataVersion'],
    ['dataVersion of 101 characters', { ...good, dataVersion: '1'.repeat(101) }, 'dataVersion'],
    ['dataVersion as a number', { ...good, dataVersion: 1 }, 'dataVersion'],
    ['testId with two spaces', { ...good, testId: 'Test  1' }, 'testId'],
    ['testId with a space and a leading zero', { ...good, testId: 'Test 01' }, 'testId'],
    ['testId Test 0', { ...good, testId: 'Test 0' }, 'testId'],
    ['testId with a fraction', { ...good, testId: '1/2' }, 'testId'],
    ['testId with a no-break space', { ...good, testId: 'Test\u00a01' }, 'testId'],
    ['testId with a sign', { ...good, testId: '-1' }, 'testId'],
  ])('%s: 422 names the field', async (_name, body, field) => {
    expectProblem(await post(trigger, JSON.stringify(body)), invalid(field));
  });

  test('several bad fields are named all together', async () => {
    const answer = await post(trigger, JSON.stringify({ testId: '', classId: '../x', reportType: 'x', studentId: 5 }));
    const problem = expectProblem(answer, { status: 422, code: 'invalid_request' });
    expect(fieldsOf(problem).sort()).toEqual(['/classId', '/reportType', '/studentId', '/testId']);
  });

  test.each<[string, object, string]>([
    ['classId', { classId: '../x' }, 'classId'],
    ['no classId', {}, 'classId'],
    ['testId', { classId: 'CLASS_TEST', testId: '../x' }, 'testId'],
    ['studentId', { classId: 'CLASS_TEST', studentId: 'a/b' }, 'studentId'],
    ['teacherId', { classId: 'CLASS_TEST', teacherId: '*' }, 'teacherId'],
    ['origin', { classId: 'CLASS_TEST', origin: 'https://evil.example' }, 'origin'],
  ])('an invalidation with a bad %s: 422, and nothing is forgotten', async (_name, body, field) => {
    expectProblem(await post('/internal/invalidate', JSON.stringify(body)), invalid(field));
  });
});

withoutTrace('the query of a public request', () => {
  const asAdmin = { headers: { authorization: `Bearer ${adminToken()}` } };
  const parameters: Record<string, string> = { studentId: 'STU001', testId: 'Test_1', classId: 'CLASS_TEST' };
  const queryWith = (field: string, value: string) => {
    const others = Object.entries(parameters).filter(([name]) => name !== field);
    return `/generate-pdf?${[...others, [field, value]].map((pair) => pair.join('=')).join('&')}`;
  };
  const badValues: [string, string][] = [
    ...badIds
      .filter(([, value]) => typeof value === 'string' && value.length < 1000)
      .map(([name, value]): [string, string] => [name, encodeURIComponent(value as string)]),
    ['an encoded slash in lower case', '..%2fx'],
    ['dots and slash encoded twice', '%252e%252e%252f'],
    ['a slash as it is', 'a/b'],
    ['an overlong slash', 'a%c0%afb'],
    ['bytes that are not UTF-8', '%ff%fe'],
    ['a lone percent sign', '%'],
    ['a percent sign before no number', '%zz'],
    ['a plus sign, which is a space', 'Mid+term'],
  ];

  test.each(
    ['studentId', 'testId', 'classId', 'educatorId'].flatMap((f) => badValues.map(([n, v]) => [f, n, v] as const)),
  )('%s: %s: 422 names the field', async (field, _name, value) => {
    expectProblem(await send(queryWith(field, value), asAdmin), invalidParameter(field));
  });

  test.each<[string, string, string]>([
    ['no studentId', '/generate-pdf?testId=Test_1&classId=CLASS_TEST', 'studentId'],
    ['no testId', '/generate-pdf?studentId=STU001&classId=CLASS_TEST', 'testId'],
    ['a parameter spelt in another case', '/generate-pdf?studentid=STU001&testId=Test_1', 'studentId'],
    ['a parameter without a value', '/generate-pdf?studentId&testId=Test_1', 'studentId'],
    ['parameters parted by semicolons', '/generate-pdf?testId=Test_1&studentId=STU001;classId=A', 'studentId'],
    ['another spelling of classId', `/generate-pdf?studentId=STU001&testId=Test_1&class_id=..%2fx`, 'classId'],
    ['the shortest spelling of classId', `/generate-pdf?studentId=STU001&testId=Test_1&class=`, 'classId'],
    ['a disposition that is none', `${stored}&disposition=form-data`, 'disposition'],
    ['a disposition with a header in it', `${stored}&disposition=inline%0d%0aX-Injected:1`, 'disposition'],
    ['an empty dataVersion', `${stored}&dataVersion=`, 'dataVersion'],
    ['a dataVersion with a line break', `${stored}&dataVersion=1%0a`, 'dataVersion'],
    ['a dataVersion of 101 characters', `${stored}&dataVersion=${'1'.repeat(101)}`, 'dataVersion'],
  ])('%s: 422 names the field', async (_name, path, field) => {
    expectProblem(await send(path, asAdmin), invalidParameter(field));
  });

  test.each<[string, string]>([
    ['twice, the same', 'testId=Test_1&testId=Test_1'],
    ['twice, different', 'studentId=STU001&studentId=STU002'],
    ['three times', 'testId=1&testId=2&testId=3'],
    ['twice, once empty', 'testId=&testId=Test_1'],
    ['twice, once with its name encoded', 'testId=Test_1&%74estId=Test_2'],
    ['twice with a thousand others between', `testId=Test_1&${'a&'.repeat(1000)}testId=Test_2`],
    ['under two spellings, the same', 'classId=CLASS_TEST&class_id=CLASS_TEST'],
    ['under two spellings, different', 'class=CLASS_TEST&classid=CLASS_1'],
    ['under two other spellings', 'classID=CLASS_TEST&class_id=CLASS_TEST'],
    ['with empty brackets', 'testId[]=Test_1'],
    ['with a name in brackets', 'testId[a]=Test_1'],
    ['with a number in brackets', 'studentId[0]=STU001'],
    ['with encoded brackets', 'testId%5B%5D=Test_1'],
    ['with brackets beside the plain one', 'testId=Test_1&testId[]=Test_2'],
    ['with __proto__ in brackets', 'testId[__proto__]=x'],
    ['with brackets in another spelling', 'class_id[]=CLASS_TEST'],
    ['disposition twice', 'disposition=inline&disposition=attachment'],
  ])('a parameter %s: 400', async (_name, query) => {
    const names = new Set(new URLSearchParams(query).keys());
    const others = Object.entries({ studentId: 'STU001', testId: 'Test_1' }).filter(([name]) => !names.has(name));
    const path = `/generate-pdf?${query}&${others.map((pair) => pair.join('=')).join('&')}`;
    expectProblem(await send(path, asAdmin), malformed);
  });

  test.each<[string, string, string, Expected]>([
    ['a student', '/generate-student-pdf', studentToken('STU001', 'CLASS_TEST'), invalidParameter('testId')],
    ['a teacher', '/generate-teacher-pdf', teacherToken('TCH001', 'CLASS_TEST'), invalidParameter('testId')],
  ])("the pages of %s's own check their query as well", async (_name, path, token, expected) => {
    const init = { headers: { authorization: `Bearer ${token}` } };
    expectProblem(await send(`${path}?classId=CLASS_TEST`, init), expected);
    expectProblem(await send(`${path}?classId=CLASS_TEST&testId=..%2fx`, init), expected);
    expectProblem(await send(`${path}?classId=..&testId=1`, init), invalidParameter('classId'));
    expectProblem(await send(`${path}?testId=1&testId=1`, init), malformed);
  });

  test.each<[string, string, string]>([
    ["another student's report", missing, studentToken('STU001', 'CLASS_TEST')],
    ["another student's report that is stored", stored, studentToken('STU002', 'CLASS_TEST')],
    ['a report of another class', stored, teacherToken('TCH001', 'CLASS_1224')],
    ["the class's report as a student", stored.replace('STU001', 'overall'), studentToken('STU001', 'CLASS_TEST')],
    ['the educator of another', `${stored}&educatorId=TCH002`, teacherToken('TCH001', 'CLASS_TEST')],
    ['an educator as a student', `${stored}&educatorId=TCH001`, studentToken('STU001', 'CLASS_TEST')],
    ["a teacher's page as a student", '/generate-teacher-pdf?testId=1', studentToken('STU001', 'CLASS_TEST')],
    ["a student's page as a teacher", '/generate-student-pdf?testId=1', teacherToken('TCH001', 'CLASS_TEST')],
    ["a student's page as an admin", '/generate-student-pdf?testId=1', adminToken()],
  ])('%s: 403', async (_name, path, token) => {
    expectProblem(await send(path, { headers: { authorization: `Bearer ${token}` } }), forbidden);
  });

  test.each([
    ['with ..', '../../x'],
    ['with a slash', 'CLASS_TEST/Test_1'],
    ['with a NUL', 'A\u0000'],
  ])(
    'a class %s that only the token names is no class: the key is unknown, storage is not asked',
    async (_name, classId) => {
      const token = studentToken('STU001', classId);
      for (const path of ['/generate-pdf?studentId=STU001&testId=Test_1', '/generate-student-pdf?testId=Test_1']) {
        const { status } = await send(path, { method: 'HEAD', headers: { authorization: `Bearer ${token}` } });
        expect(status).toBe(404);
      }
    },
  );
});

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token made by hand, with any header and any signature. */
function craft(header: object, claims: object, sign: (input: string) => string): string {
  const input = `${base64url({ typ: 'JWT', ...header })}.${base64url(claims)}`;
  return `${input}.${sign(input)}`;
}
const hmac =
  (secret: string | Buffer, hash = 'sha256') =>
  (input: string) =>
    createHmac(hash, secret).update(input).digest('base64url');
const rsa =
  (key: KeyObject, hash = 'sha256') =>
  (input: string) =>
    createSign(hash).update(input).sign(key, 'base64url');
const ecdsa = (key: KeyObject) => (input: string) =>
  createSign('sha256').update(input).sign({ key, dsaEncoding: 'ieee-p1363' }, 'base64url');
const unsigned = () => '';

const attacker = generateKeyPairSync('rsa', { modulusLength: 2048 });
const attackerEc = generateKeyPairSync('ec', { namedCurve: 'P-256' });

withoutTrace('the user token', () => {
  const claims = { user_type: 'student', student_id: 'STU001', class_id: 'CLASS_TEST', exp: inSeconds(3600) };
  const { exp: _exp, ...withoutExp } = claims;
  const goodToken = signUserToken(claims);
  const [head = '', payload = '', signature = ''] = goodToken.split('.');
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
  const own = hmac('a-secret-of-the-attackers-own-32-characters');

  const bad: [string, Record<string, string>][] = [
    ['absent', {}],
    ['empty', { Authorization: '' }],
    ['a scheme without a token', { Authorization: 'Bearer' }],
    ['a scheme and spaces', { Authorization: 'Bearer   ' }],
    ['without a scheme', { Authorization: goodToken }],
    ['as Basic', { Authorization: `Basic ${goodToken}` }],
    ['as JWT', { Authorization: `JWT ${goodToken}` }],
    ['in quotes', { Authorization: `Bearer "${goodToken}"` }],
    ['with something after it', { Authorization: `Bearer ${goodToken} x` }],
    ['two in one header', { Authorization: `Bearer ${goodToken}, Bearer ${goodToken}` }],
    ['in two headers', { Authorization: `Bearer ${goodToken}\r\nAuthorization: Bearer ${goodToken}` }],
    ['in two headers, the second one bad', { Authorization: `Bearer ${goodToken}\r\nAuthorization: Bearer x` }],
    ['in two headers, the first one bad', { Authorization: `Bearer x\r\nAuthorization: Bearer ${goodToken}` }],
    ['in X-Authorization', { 'X-Authorization': `Bearer ${goodToken}` }],
    ['in Proxy-Authorization', { 'Proxy-Authorization': `Bearer ${goodToken}` }],
    ['in a cookie', { Cookie: `jwt=${goodToken}; token=${goodToken}` }],
    ['in X-Service-Auth', { 'X-Service-Auth': `Bearer ${goodToken}` }],
    ['the service token instead', bearer(serviceToken)],
    ['the service token in its own header', { 'X-Service-Auth': `Bearer ${serviceToken}` }],
    ['the secret itself', bearer(userTokenSecret)],
    ['a word', bearer('hello')],
    ['three words', bearer('a.b.c')],
    ['dots only', bearer('..')],
    ['with a tab inside', bearer(goodToken.replace('.', '.\t'))],
    ['with a space inside', bearer(goodToken.replace('.', '. '))],
    ['after a space that does not break', { Authorization: `Bearer\u00a0${goodToken}` }],
    ['with a character of no width inside', bearer(goodToken.replace('.', '.\u200b'))],
    ['with full-width dots', bearer(goodToken.replaceAll('.', '．'))],
    ['with a mark of byte order before it', bearer(`\ufeff${goodToken}`)],
    ['9,000 characters', bearer('a'.repeat(9000))],
    ['a good one with a padding of 8,192 characters', bearer(goodToken + 'A'.repeat(8192))],
    ['without its signature', bearer(`${head}.${payload}`)],
    ['with an empty signature', bearer(`${head}.${payload}.`)],
    ['with a signature cut short', bearer(goodToken.slice(0, -4))],
    ['with a fourth part', bearer(`${goodToken}.${signature}`)],
    [
      'with other claims under the signature',
      bearer(`${head}.${base64url({ ...claims, student_id: 'STU002' })}.${signature}`),
    ],
    ['with claims that are no JSON', bearer(`${head}.${Buffer.from('hello').toString('base64url')}.${signature}`)],
    ['with a list as claims', bearer(craft({ alg: 'HS256' }, [claims], hmac(userTokenSecret)))],
    ['with null as claims', bearer(craft({ alg: 'HS256' }, null as unknown as object, hmac(userTokenSecret)))],
    ['alg none', bearer(craft({ alg: 'none' }, claims, unsigned))],
    ['alg None', bearer(craft({ alg: 'None' }, claims, unsigned))],
    ['alg NONE with a signature', bearer(craft({ alg: 'NONE' }, claims, hmac(userTokenSecret)))],
    ['alg none with a good signature', bearer(craft({ alg: 'none' }, claims, hmac(userTokenSecret)))],
    ['alg empty', bearer(craft({ alg: '' }, claims, hmac(userTokenSecret)))],
    ['no alg', bearer(craft({}, claims, hmac(userTokenSecret)))],
    ['alg as a list', bearer(craft({ alg: ['HS256', 'none'] }, claims, hmac(userTokenSecret)))],
    ['HS384 with the right secret', bearer(craft({ alg: 'HS384' }, claims, hmac(userTokenSecret, 'sha384')))],
    ['HS512 with the right secret', bearer(craft({ alg: 'HS512' }, claims, hmac(userTokenSecret, 'sha512')))],
    ["RS256 with the attacker's key", bearer(craft({ alg: 'RS256' }, claims, rsa(attacker.privateKey)))],
    ['signed with another secret', bearer(craft({ alg: 'HS256' }, claims, own))],
    ['signed with an empty secret', bearer(craft({ alg: 'HS256' }, claims, hmac('')))],
    ['signed with the development secret', bearer(signUserToken(claims, 'platen-development-user-token-secret'))],
    ['signed with the service token', bearer(signUserToken(claims, serviceToken))],
    ['signed with the secret of report tokens', bearer(signUserToken(claims, reportTokenSecret))],
    ['with its own key in jwk', bearer(craft(ownJwk('HS256'), claims, own))],
    ["with the attacker's public key in jwk", bearer(craft(ownJwk('RS256'), claims, rsa(attacker.privateKey)))],
    ['with jku', bearer(craft({ alg: 'HS256', jku: 'http://127.0.0.1:9/keys.json' }, claims, own))],
    ['with x5u', bearer(craft({ alg: 'HS256', x5u: 'http://127.0.0.1:9/key.pem' }, claims, own))],
    ['with kid leading to an empty file', bearer(craft({ alg: 'HS256', kid: '../../../dev/null' }, claims, hmac('')))],
    ['with kid in SQL', bearer(craft({ alg: 'HS256', kid: "x' UNION SELECT 'a" }, claims, hmac('a')))],
    ['expired 40 seconds ago', bearer(signUserToken({ ...claims, exp: inSeconds(-40) }))],
    ['expired long ago', bearer(signUserToken({ ...claims, exp: 1_700_000_000 }))],
    ['expired at the beginning of time', bearer(craft({ alg: 'HS256' }, { ...claims, exp: 0 }, hmac(userTokenSecret)))],
    ['without an expiry', bearer(craft({ alg: 'HS256' }, withoutExp, hmac(userTokenSecret)))],
    ['with null as expiry', bearer(craft({ alg: 'HS256' }, { ...claims, exp: null }, hmac(userTokenSecret)))],
    ['with a text as expiry', bearer(craft({ alg: 'HS256' }, { ...claims, exp: '9999999999' }, hmac(userTokenSecret)))],
    ['not valid for an hour yet', bearer(signUserToken({ ...claims, nbf: inSeconds(3600) }))],
    ['with a text as beginning', bearer(craft({ alg: 'HS256' }, { ...claims, nbf: 'now' }, hmac(userTokenSecret)))],
    ['a report token', bearer(signReportToken(claims))],
    ['a report token signed as user tokens are', bearer(signReportToken(claims, userTokenSecret))],
    ['of scope report:read among others', bearer(signUserToken({ ...claims, scope: 'openid report:read' }))],
    ['of scope report:read in a list', bearer(signUserToken({ ...claims, scope: ['openid', 'report:read'] }))],
    ['without a type', bearer(signUserToken({ ...claims, user_type: undefined }))],
    ['of an unknown type', bearer(signUserToken({ ...claims, user_type: 'parent' }))],
    ['of the type constructor', bearer(signUserToken({ ...claims, user_type: 'constructor' }))],
    ['of the type __proto__', bearer(signUserToken({ ...claims, user_type: '__proto__' }))],
    ['of a type in a list', bearer(signUserToken({ ...claims, user_type: ['admin'] }))],
    ['student and teacher at once', bearer(signUserToken({ ...claims, role: 'teacher' }))],
    ['student and admin at once', bearer(signUserToken({ ...claims, role: 'admin', user_id: 'STU001' }))],
    ['a teacher with two ids', bearer(signUserToken({ role: 'teacher', teacher_id: 'T1', educator_id: 'T2' }))],
    ['without an id', bearer(signUserToken({ ...claims, student_id: undefined }))],
    ['with ../ in its id', bearer(signUserToken({ ...claims, student_id: '../STU001' }))],
    ['with a slash in its id', bearer(signUserToken({ ...claims, student_id: 'CLASS/STU001' }))],
    ['with a line break in its id', bearer(signUserToken({ ...claims, student_id: 'STU001\n' }))],
    ['with an object as its id', bearer(signUserToken({ ...claims, student_id: { $ne: null } }))],
    ['with an object as its class', bearer(signUserToken({ ...claims, class_id: { $ne: null } }))],
    ['with a list as its origin', bearer(signUserToken({ ...claims, origin: ['http://localhost:3000'] }))],
  ];

  test.each(bad)('%s: 401', async (_name, headers) => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    const answer = await sendRaw(rawRequest(`GET ${stored}`, lines));
    const { requestId: _, ...problem } = expectProblem(answer, unauthorized);
    const { requestId: __, ...ofAbsent } = JSON.parse((await send(stored)).text);
    expect(problem).toEqual(ofAbsent);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="platen"');
  });

  test.each(['token', 'access_token', 'jwt', 'authorization', 'ticket'])('in the query as %s: 401', async (name) => {
    expectProblem(await send(`${stored}&${name}=${goodToken}`), unauthorized);
  });

  test.each([
    ['GET', stored],
    ['HEAD', stored],
    ['GET', missing],
    ['GET', '/generate-pdf'],
    ['GET', '/generate-pdf?testId=1&testId=2'],
    ['GET', '/generate-student-pdf?testId=Test_1'],
    ['GET', '/generate-teacher-pdf?testId=Test_1'],
    ['POST', '/generate-bulk-pdf'],
  ])('without a token, %s %s says 401 and nothing more', async (method, path) => {
    const answer = await send(path, { method });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="platen"');
    if (method === 'HEAD') expect(answer).toMatchObject({ status: 401, text: '' });
    else expectProblem(answer, unauthorized);
  });

  test.each<[string, () => Record<string, unknown>]>([
    ['expired 10 seconds ago', () => ({ exp: inSeconds(-10) })],
    ['valid in 10 seconds only', () => ({ nbf: inSeconds(10) })],
    ['issued by a clock that is ahead', () => ({ iat: inSeconds(20) })],
    ['with a scope of its own', () => ({ scope: 'openid' })],
  ])('%s is still good', async (_name, more) => {
    // Nobody's report: a token that is let in is told by the 403.
    const token = signUserToken({ ...claims, ...more() });
    expectProblem(await send(missing, { headers: bearer(token) }), forbidden);
  });

  function ownJwk(alg: string) {
    const jwk =
      alg === 'HS256'
        ? { kty: 'oct', k: Buffer.from('x').toString('base64url') }
        : attacker.publicKey.export({ format: 'jwk' });
    return { alg, jwk };
  }
});

withoutTrace('the report token', () => {
  const claims = {
    role: 'educator',
    educator_id: 'TCH001',
    class_id: 'CLASS_TEST',
    test_id: 'Test_1',
    scope: 'report:read',
    iss: 'inzighted-backend',
    exp: inSeconds(3600),
  };
  const { exp: _exp, ...withoutExp } = claims;
  const goodToken = signReportToken(claims);
  const [head, payload] = goodToken.split('.');
  const own = hmac('a-secret-of-the-attackers-own-32-characters');
  const invalidToken: Expected = { status: 422, code: 'report_token_invalid' };
  const jwk = attacker.publicKey.export({ format: 'jwk' });

  test.each<[string, string]>([
    ['empty', ''],
    ['a space', ' '],
    ['with a space inside', `${goodToken.slice(0, 20)} ${goodToken.slice(20)}`],
    ['with a space at its end', `${goodToken} `],
    ['with its scheme', `Bearer ${goodToken}`],
    ['with a semicolon', `${goodToken}; Domain=evil.example`],
    ['with a comma', `${goodToken},x`],
    ['with a quote', `${goodToken}"`],
    ['with a backslash', `${goodToken}\\`],
    ['with a NUL', `${goodToken}\u0000`],
    ['with a line break', `${goodToken}\r\nSet-Cookie: x=1`],
    ['with markup', '</script><script>alert(1)</script>'],
    ['with an accent', 'Zo\u00eb'],
    ['with a zero-width space', `${goodToken}\u200b`],
    ['a word', 'hello'],
    ['three words', 'a.b.c'],
    ['with an empty signature', `${head}.${payload}.`],
    ['without a signature', `${head}.${payload}`],
    ['alg none', craft({ alg: 'none' }, claims, unsigned)],
    ['alg nOnE', craft({ alg: 'nOnE' }, claims, unsigned)],
    ['HS512 with the right secret', craft({ alg: 'HS512' }, claims, hmac(reportTokenSecret, 'sha512'))],
    ['HS384 with the right secret', craft({ alg: 'HS384' }, claims, hmac(reportTokenSecret, 'sha384'))],
    ["RS256 with the attacker's key", craft({ alg: 'RS256' }, claims, rsa(attacker.privateKey))],
    ["RS256 with the attacker's key in jwk", craft({ alg: 'RS256', jwk }, claims, rsa(attacker.privateKey))],
    ['signed with the secret of user tokens', signReportToken(claims, userTokenSecret)],
    ['signed with another secret', craft({ alg: 'HS256' }, claims, own)],
    ['signed with the development secret', signReportToken(claims, 'platen-development-report-token-secret')],
    ['a user token', signUserToken({ user_type: 'student', student_id: 'STU001' })],
    ['the service token', serviceToken],
    ['without an expiry', craft({ alg: 'HS256' }, withoutExp, hmac(reportTokenSecret))],
    ['with a text as expiry', craft({ alg: 'HS256' }, { ...claims, exp: '9999999999' }, hmac(reportTokenSecret))],
    ['of another issuer', signReportToken({ ...claims, iss: 'inzighted-backend.evil.example' })],
    ['without an issuer', craft({ alg: 'HS256' }, { ...claims, iss: undefined }, hmac(reportTokenSecret))],
    ['not valid yet', signReportToken({ ...claims, nbf: inSeconds(3600) })],
  ])('%s: 422 report_token_invalid', async (_name, reportToken) => {
    const answer = await post(trigger, JSON.stringify({ ...good, reportToken }));
    expectProblem(answer, invalidToken);
    if (reportToken.trim().length > 10) expect(answer.text).not.toContain(reportToken.slice(0, 40));
  });

  test.each<[string, unknown]>([
    ['of 9,000 characters', 'a'.repeat(9000)],
    ['a number', 5],
    ['a list', [goodToken]],
    ['an object', { token: goodToken }],
  ])('%s: 422 names the field', async (_name, reportToken) => {
    expectProblem(await post(trigger, JSON.stringify({ ...good, reportToken })), invalid('reportToken'));
  });

  test('expired a minute ago: 422 report_token_expired', async () => {
    const reportToken = signReportToken({ ...claims, exp: inSeconds(-60) });
    const answer = await post(trigger, JSON.stringify({ ...good, reportToken }));
    expectProblem(answer, { status: 422, code: 'report_token_expired' });
  });

  test('expired, but for another report: not a word about the report', async () => {
    const reportToken = signReportToken({ ...claims, exp: inSeconds(-60), class_id: 'CLASS_1224' });
    const answer = await post(trigger, JSON.stringify({ ...good, reportToken }));
    expectProblem(answer, { status: 422, code: 'report_token_expired' });
  });
});

withoutTrace('a bulk request', () => {
  const bulk = (body: unknown, token = teacherToken('TCH001', 'CLASS_TEST'), headers: Record<string, string> = {}) =>
    send('/generate-bulk-pdf', {
      method: 'POST',
      headers: { ...asJson, authorization: `Bearer ${token}`, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const asked = { studentIds: ['STU001', 'STU002'], testId: 'Test_1', classId: 'CLASS_TEST' };
  const manyIds = Array.from({ length: 501 }, (_, index) => `STU${index}`);

  test.each<[string, object, Expected]>([
    ['no students', { ...asked, studentIds: [] }, invalid('studentIds')],
    ['501 students', { ...asked, studentIds: manyIds }, invalid('studentIds')],
    ['students missing', { ...asked, studentIds: undefined }, invalid('studentIds')],
    ['null for students', { ...asked, studentIds: null }, invalid('studentIds')],
    ['a text for students', { ...asked, studentIds: 'STU001' }, invalid('studentIds')],
    ['students parted by commas', { ...asked, studentIds: 'STU001,STU002' }, invalid('studentIds')],
    ['an object for students', { ...asked, studentIds: { 0: 'STU001' } }, invalid('studentIds')],
    ['an object that calls itself a list', { ...asked, studentIds: { length: 1, 0: 'STU001' } }, invalid('studentIds')],
    ['a number among the students', { ...asked, studentIds: ['STU001', 5] }, invalid('studentIds.1')],
    ['null among the students', { ...asked, studentIds: [null] }, invalid('studentIds.0')],
    ['a list among the students', { ...asked, studentIds: [['STU001']] }, invalid('studentIds.0')],
    ['../ in a name', { ...asked, studentIds: ['STU001', '../../evil'] }, invalid('studentIds.1')],
    ['a slash in a name', { ...asked, studentIds: ['a/b'] }, invalid('studentIds.0')],
    ['a backslash in a name', { ...asked, studentIds: ['..\\evil'] }, invalid('studentIds.0')],
    ['a NUL in a name', { ...asked, studentIds: ['STU001\u0000'] }, invalid('studentIds.0')],
    ['the reserved name overall', { ...asked, studentIds: ['overall'] }, invalid('studentIds.0')],
    ['no test', { ...asked, testId: undefined }, invalid('testId')],
    ['a bad test', { ...asked, testId: '../x' }, invalid('testId')],
    ['a bad class', { ...asked, classId: '../x' }, invalid('classId')],
    ['an unknown field', { ...asked, students: [] }, unknownField('students')],
    ['an origin, which the token names', { ...asked, origin: 'http://localhost:3000' }, unknownField('origin')],
  ])('%s', async (_name, body, expected) => {
    expectProblem(await bulk(body), expected);
  });

  test('a hundred thousand faults are told by the first of them, in few words', async () => {
    expectProblem(await bulk({ ...asked, studentIds: Array(100_000).fill(1) }), invalid('studentIds'));
    const unknown = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`field${index}`, 1]));
    for (const body of [
      { ...asked, studentIds: Array(400).fill(1) },
      { ...asked, ...unknown },
    ]) {
      const { text } = await bulk(body);
      expect((JSON.parse(text) as { errors: object[] }).errors).toHaveLength(20);
      expect(text.length).toBeLessThan(10_000);
    }
  });

  test.each<[string, string, Record<string, string>, Expected]>([
    ['not JSON', '{', {}, malformed],
    ['a list', '["STU001"]', {}, malformed],
    ['a form', 'studentIds=STU001', { 'content-type': 'application/x-www-form-urlencoded' }, wrongType],
    ['said to be gzip', JSON.stringify(asked), { 'content-encoding': 'gzip' }, wrongType],
    ['nested 10,000 deep', `{"studentIds":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, {}, malformed],
    ['more than 256 KB', JSON.stringify(asked) + ' '.repeat(262_144), {}, tooLarge],
  ])('%s', async (_name, body, headers, expected) => {
    expectProblem(await bulk(body, undefined, headers), expected);
  });

  test('foreign students only: 403, and not a word on which of them exist', async () => {
    const answer = await bulk({ ...asked, studentIds: ['STU002', 'NOBODY'] }, studentToken('STU001', 'CLASS_TEST'));
    const { errors } = expectProblem(answer, forbidden);
    expect(errors).toEqual([
      { field: 'STU002', message: 'forbidden' },
      { field: 'NOBODY', message: 'forbidden' },
    ]);
  });
});

test('a foreign student in a bulk request fails alone', async () => {
  const response = await fetch(`${service.url}/generate-bulk-pdf`, {
    method: 'POST',
    headers: { ...asJson, authorization: `Bearer ${studentToken('STU001', 'CLASS_TEST')}` },
    body: JSON.stringify({ studentIds: ['STU002', 'STU001'], testId: 'Test_1', classId: 'CLASS_TEST' }),
  });
  expect(response.status).toBe(200);
  const zip = Buffer.from(await response.arrayBuffer()).toString('latin1');
  expect(JSON.parse(zip.match(/\{\s*"testId".*?\]\s*\}/s)?.[0] ?? '')).toEqual({
    testId: 'Test_1',
    classId: 'CLASS_TEST',
    students: [
      { studentId: 'STU002', outcome: 'failed', code: 'forbidden' },
      { studentId: 'STU001', outcome: 'stored', file: 'STU001.pdf' },
    ],
  });
});

describe('headers', () => {
  const token = studentToken('STU001', 'CLASS_TEST');
  const authorization = `Bearer ${token}`;
  let rendersBefore: number;
  let sizeOfStored: number;
  beforeAll(async () => {
    rendersBefore = service.school.requests.length;
    const whole = await fetch(service.url + stored, { headers: { authorization } });
    expect(whole.headers.get('cache-status')).toBe('platen; hit');
    sizeOfStored = (await whole.arrayBuffer()).byteLength;
  });

  const get = (headers: Record<string, string>) =>
    fetch(service.url + stored, { headers: { authorization, ...headers } });

  test.each<[string, Record<string, string>]>([
    ['X-Forwarded-Host', { 'x-forwarded-host': 'evil.example' }],
    ['X-Forwarded-Proto', { 'x-forwarded-proto': 'gopher' }],
    ['X-Forwarded-For', { 'x-forwarded-for': '127.0.0.1, ::1' }],
    ['Forwarded', { forwarded: 'for=127.0.0.1;host=evil.example;proto=https' }],
    ['X-Original-URL', { 'x-original-url': '/internal/invalidate' }],
    ['X-HTTP-Method-Override', { 'x-http-method-override': 'DELETE' }],
    ['an Origin that is not allowed', { origin: 'https://evil.example' }],
    ['Origin null', { origin: 'null' }],
    ['a strange Accept', { accept: 'text/html;q=x, */' }],
    ['If-None-Match that is no tag', { 'if-none-match': 'hello' }],
    ['If-None-Match with a quote left open', { 'if-none-match': '"' }],
    ['If-None-Match of many tags', { 'if-none-match': '"x", '.repeat(1500) }],
    ['If-Modified-Since that is no date', { 'if-modified-since': 'yesterday' }],
    ['Range of an unknown unit', { range: 'pages=1-2' }],
    ['Range that is none', { range: 'bytes=a-b' }],
    ['Range without a unit', { range: '0-10' }],
    ['Range backwards beside If-Range that does not hold', { range: 'bytes=5-2', 'if-range': '"x"' }],
    ['If-Range that is no tag', { range: 'bytes=0-9', 'if-range': 'hello' }],
    [
      'a thousand ranges',
      { range: `bytes=${Array.from({ length: 1000 }, (_, n) => `${n * 5}-${n * 5 + 1}`).join(',')}` },
    ],
  ])('%s changes nothing: the whole stored report', async (_name, headers) => {
    const response = await get(headers);
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-status')).toBe('platen; hit');
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    expect((await response.arrayBuffer()).byteLength).toBe(sizeOfStored);
  });

  test('a thousand ranges over each other are never more than the report', async () => {
    const response = await get({ range: `bytes=${'0-,'.repeat(1000)}0-` });
    expect([200, 206]).toContain(response.status);
    expect((await response.arrayBuffer()).byteLength).toBe(sizeOfStored);
  });

  test.each(['bytes=999999999-', 'bytes=99999999999999999999-'])('%s is beyond the end: 416', async (range) => {
    const response = await get({ range });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toBe(`bytes */${sizeOfStored}`);
    expect((await response.arrayBuffer()).byteLength).toBe(0);
  });

  test.each([
    ['of another host', 'Host: evil.example'],
    ['of another host and port', 'Host: evil.example:99999'],
    ['with a path', 'Host: evil.example/path'],
    ['empty', 'Host:'],
  ])('a Host %s is not believed', async (_name, host) => {
    const head = `Connection: close\r\nAuthorization: ${authorization}\r\n\r\n`;
    const found = await sendRaw(`HEAD ${stored} HTTP/1.1\r\n${host}\r\n${head}`);
    expect(found.status).toBe(200);
    for (const path of ['/health', '/openapi.json', '/nowhere']) {
      const answer = await sendRaw(`GET ${path} HTTP/1.1\r\n${host}\r\nX-Forwarded-Host: evil.example\r\n${head}`);
      expect(answer.text).not.toContain('evil.example');
      expect([...answer.headers.values()].join()).not.toContain('evil.example');
    }
  });

  const queryOf = (bytes: number) => `${stored}&x=${'a'.repeat(bytes - stored.length - 3)}`;

  test.each([8193, 9000, 12_000])('path and query of %d bytes: 414', async (bytes) => {
    const answer = await send(queryOf(bytes), { headers: { authorization } });
    expectProblem(answer, { status: 414, code: 'uri_too_long' });
  });

  test('path and query of 20,000 bytes: 414', async () => {
    expectProblem(await send(queryOf(20_000), { headers: { authorization } }), { status: 414, code: 'uri_too_long' });
  });

  test('a long path without a token or an endpoint: 414', async () => {
    expectProblem(await send(`/${'a'.repeat(9000)}`), { status: 414, code: 'uri_too_long' });
  });

  test('path and query of 8,192 bytes to the byte are read', async () => {
    expect((await send(queryOf(8192), { headers: { authorization } })).status).toBe(200);
  });

  const uuid = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

  test.each([
    ['1,000 characters', 'a'.repeat(1000)],
    ['65 characters', 'a'.repeat(65)],
    ['a space', 'a b'],
    ['markup', '<script>alert(1)</script>'],
    ['a quote', 'a"b'],
    ['JSON', '{"level":"error"}'],
    ['nothing in it', ''],
    ['a tab', 'a\tb'],
    ['bytes beyond ASCII', '\xe9\xff'],
    ['two values', 'a\r\nX-Request-Id: b'],
  ])('X-Request-Id with %s is replaced', async (_name, value) => {
    const answer = await sendRaw(Buffer.from(rawRequest('GET /nowhere', [`X-Request-Id: ${value}`]), 'latin1'));
    const { requestId } = expectProblem(answer, notFound);
    expect(requestId).toMatch(uuid);
  });

  test.each([
    ['a line feed alone', 'X-Request-Id: smuggled\nX-Injected: 1'],
    ['a carriage return alone', 'X-Request-Id: smuggled\rX-Injected: 1'],
    ['a folded line', 'X-Request-Id: smuggled\r\n X-Injected: 1'],
    ['a NUL', 'X-Request-Id: smuggled\u0000b'],
  ])('X-Request-Id with %s never reaches the answer', async (_name, line) => {
    const answer = await sendRaw(rawRequest('GET /nowhere', [line]));
    expect([400, 404]).toContain(answer.status);
    expect(answer.headers.get('x-injected')).toBeNull();
    expect(answer.headers.get('x-request-id') ?? '').not.toContain('smuggled');
  });

  test('a plain X-Request-Id is kept', async () => {
    const answer = await send('/nowhere', { headers: { 'x-request-id': 'job-17_a.b' } });
    expect(expectProblem(answer, notFound).requestId).toBe('job-17_a.b');
  });

  test.each([
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['an unknown method', rawRequest('BREW /generate-pdf')],
    ['no Host', 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['a NUL in the path', rawRequest('GET /health\u0000')],
    ['a line without a colon', rawRequest('GET /health', ['hello'])],
    ['a space before the colon', rawRequest('GET /health', ['X-Service-Auth : x'])],
    ['two lengths', rawPost(trigger, ['Content-Length: 1', 'Content-Length: 2'], 'x')],
    ['a length that is no number', rawPost(trigger, ['Content-Length: ten'], 'x')],
    ['a length and chunks', rawPost(trigger, ['Content-Length: 1', 'Transfer-Encoding: chunked'], '0\r\n\r\n')],
  ])('%s is refused as a whole: 400', async (_name, bytes) => {
    expect((await sendRaw(bytes)).status).toBe(400);
  });

  test('100 KB of headers: 431', async () => {
    expect((await sendRaw(rawRequest('GET /health', [`X: ${'a'.repeat(100_000)}`]))).status).toBe(431);
  });

  test('and no page was opened', () => {
    expect(service.school.requests.length).toBe(rendersBefore);
  });
});

withoutTrace('paths and methods', () => {
  test.each([
    '/nowhere',
    '/generate-pdf/x',
    '/generate-pdf%2f',
    '/generate-pdfs',
    '/internal',
    '/internal/',
    '/internal/nowhere',
    '/internal%2ftrigger-generate-pdf',
    '/documents/reports/CLASS_TEST/Test_1/students/STU001.pdf',
    '/reports/CLASS_TEST/Test_1/students/STU001.pdf',
    '/.env',
    '/.git/config',
    '/package.json',
    '/../package.json',
    '/docs/../package.json',
    '/docs/..%2fpackage.json',
    '/docs/%2e%2e/package.json',
    '/docs/..%5cpackage.json',
    '/docs/....//package.json',
    '/docs/.env',
    '//evil.example/',
    '/__proto__',
    '/constructor',
  ])('GET %s: 404', async (path) => {
    expectProblem(await sendRaw(rawRequest(`GET ${path}`)), notFound);
  });

  test.each(['/docs/%00', '/docs/%zz', '/%zz', '/%c0%af'])('GET %s: 400 or 404', async (path) => {
    const answer = await sendRaw(rawRequest(`GET ${path}`));
    expectProblem(answer, answer.status === 400 ? malformed : notFound);
  });

  const allowed: [string, string, string[]][] = [
    ['/generate-pdf', 'GET, HEAD', ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND']],
    ['/generate-student-pdf', 'GET, HEAD', ['POST', 'PUT', 'DELETE']],
    ['/generate-teacher-pdf', 'GET, HEAD', ['POST', 'PUT', 'DELETE']],
    ['/generate-bulk-pdf', 'POST', ['GET', 'HEAD', 'PUT', 'DELETE']],
    ['/internal/trigger-generate-pdf', 'POST', ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE']],
    ['/internal/invalidate', 'POST', ['GET', 'HEAD', 'PUT', 'DELETE']],
    ['/health', 'GET, HEAD', ['POST', 'PUT', 'DELETE']],
    ['/readyz', 'GET, HEAD', ['POST', 'DELETE']],
    ['/metrics', 'GET, HEAD', ['POST', 'DELETE']],
    ['/openapi.json', 'GET, HEAD', ['POST', 'DELETE']],
    ['/docs', 'GET, HEAD', ['POST', 'DELETE']],
  ];
  test.each(allowed.flatMap(([path, allow, methods]) => methods.map((method) => [method, path, allow] as const)))(
    '%s %s: 405, Allow: %s',
    async (method, path, allow) => {
      const answer = await sendRaw(rawRequest(`${method} ${path}`, ['Content-Length: 0']));
      if (method === 'HEAD') expect(answer.status).toBe(405);
      else expectProblem(answer, { status: 405, code: 'method_not_allowed' });
      expect(answer.headers.get('allow')).toBe(allow);
    },
  );
});

describe('HEAD of a report that is not stored', () => {
  test('is 404, and no page is opened', async () => {
    const opened = service.school.requests.length;
    const answer = await send(missing, { method: 'HEAD', headers: { authorization: `Bearer ${adminToken()}` } });
    expect(answer).toMatchObject({ status: 404, text: '' });
    expect(service.school.requests.length).toBe(opened);
  });
});

/** Counts the connections that it gets; nobody should make one. */
async function startTrap() {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, connections: () => connections, close: () => server.close() };
}

describe('with key sets, an issuer and an audience', () => {
  const rsaKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ecKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keySet = [
    { ...rsaKeys.publicKey.export({ format: 'jwk' }), kid: 'rsa-1', alg: 'RS256', use: 'sig' },
    { ...ecKeys.publicKey.export({ format: 'jwk' }), kid: 'ec-1', alg: 'ES256', use: 'sig' },
  ];
  const spki = rsaKeys.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  let pages: Pages;
  let provider: Pages;
  let trap: Awaited<ReturnType<typeof startTrap>>;
  let strict: TestService;

  beforeAll(async () => {
    trap = await startTrap();
    pages = await startPages({ '/report': readyPage('<p>Report</p>') });
    provider = await startPages({ '/jwks.json': (_req, res) => void res.end(JSON.stringify({ keys: keySet })) });
    strict = await startTestService({
      origin: pages.origin,
      env: {
        USER_TOKEN_SECRET: undefined,
        REPORT_TOKEN_SECRET: undefined,
        USER_TOKEN_JWKS_URL: `${provider.origin}/jwks.json`,
        REPORT_TOKEN_JWKS_URL: `${provider.origin}/jwks.json`,
        USER_TOKEN_ISSUER: 'https://id.example',
        USER_TOKEN_AUDIENCE: 'platen',
      },
    });
  });
  afterAll(async () => {
    await strict[Symbol.asyncDispose]();
    await pages[Symbol.asyncDispose]();
    await provider[Symbol.asyncDispose]();
    trap.close();
  });
  const traces = () => tracesOf(strict, () => pages.requests.length + trap.connections());

  const claims = {
    user_type: 'student',
    student_id: 'STU001',
    class_id: 'CLASS_TEST',
    iss: 'https://id.example',
    aud: 'platen',
    exp: inSeconds(3600),
  };
  const rs256 = { alg: 'RS256', kid: 'rsa-1' };
  const es256 = { alg: 'ES256', kid: 'ec-1' };
  const signed = (more: object) => craft(rs256, { ...claims, ...more }, rsa(rsaKeys.privateKey));

  const reportClaims = {
    role: 'educator',
    educator_id: 'TCH001',
    class_id: 'CLASS_TEST',
    test_id: 'Test_1',
    scope: 'report:read',
    iss: 'inzighted-backend',
    exp: inSeconds(3600),
  };

  /** Tokens that try to have themselves verified by something else than the set's key. */
  const forgeries = (body: object): [string, () => string][] => [
    ['HS256 with the public key as secret', () => craft({ alg: 'HS256' }, body, hmac(spki))],
    ['HS256 with the public key as secret and its kid', () => craft({ alg: 'HS256', kid: 'rsa-1' }, body, hmac(spki))],
    [
      'HS256 with the key as the set has it',
      () => craft({ alg: 'HS256', kid: 'rsa-1' }, body, hmac(JSON.stringify(keySet[0]))),
    ],
    ['HS256 with an empty secret', () => craft({ alg: 'HS256', kid: 'rsa-1' }, body, hmac(''))],
    ['alg none', () => craft({ alg: 'none', kid: 'rsa-1' }, body, unsigned)],
    ['RS256 without a signature', () => craft(rs256, body, unsigned)],
    ['RS512 with the right key', () => craft({ alg: 'RS512', kid: 'rsa-1' }, body, rsa(rsaKeys.privateKey, 'sha512'))],
    ['PS256 in name', () => craft({ alg: 'PS256', kid: 'rsa-1' }, body, rsa(rsaKeys.privateKey))],
    ["the attacker's key under the right kid", () => craft(rs256, body, rsa(attacker.privateKey))],
    [
      "the attacker's key under an unknown kid",
      () => craft({ ...rs256, kid: 'rsa-2' }, body, rsa(attacker.privateKey)),
    ],
    ['no kid, and the key of an attacker', () => craft({ alg: 'RS256' }, body, rsa(attacker.privateKey))],
    ['kid leading elsewhere', () => craft({ ...rs256, kid: '../../../dev/null' }, body, rsa(attacker.privateKey))],
    ['kid as an object', () => craft({ ...rs256, kid: { $ne: null } }, body, rsa(attacker.privateKey))],
    [
      "the attacker's key in jwk",
      () => craft({ ...rs256, jwk: attacker.publicKey.export({ format: 'jwk' }) }, body, rsa(attacker.privateKey)),
    ],
    [
      'jku to another key set',
      () => craft({ ...rs256, jku: `http://127.0.0.1:${trap.port}/jwks.json` }, body, rsa(attacker.privateKey)),
    ],
    [
      'x5u to another key',
      () => craft({ ...rs256, x5u: `http://127.0.0.1:${trap.port}/x` }, body, rsa(attacker.privateKey)),
    ],
    ["ES256 with the attacker's key", () => craft(es256, body, ecdsa(attackerEc.privateKey))],
    ['ES256 of zeros only', () => craft(es256, body, () => Buffer.alloc(64).toString('base64url'))],
    ['ES256 with the kid of the RSA key', () => craft({ alg: 'ES256', kid: 'rsa-1' }, body, ecdsa(ecKeys.privateKey))],
    ['RS256 with the kid of the EC key', () => craft({ alg: 'RS256', kid: 'ec-1' }, body, rsa(rsaKeys.privateKey))],
  ];

  withoutTrace(
    'a user token',
    () => {
      const head = (token: string) =>
        fetch(`${strict.url}${missing}`, { method: 'HEAD', headers: { authorization: `Bearer ${token}` } });

      test.each<[string, () => string]>([
        ['RS256', () => signed({})],
        ['ES256', () => craft(es256, claims, ecdsa(ecKeys.privateKey))],
        ['with the audience in a list', () => signed({ aud: ['other', 'platen'] })],
      ])('%s is good: the refusal is another one', async (_name, token) => {
        expect((await head(token())).status).toBe(403);
      });

      test.each<[string, () => string]>([
        ...forgeries(claims),
        ['of another issuer', () => signed({ iss: 'https://id.example.evil.example' })],
        ['of the issuer with a slash more', () => signed({ iss: 'https://id.example/' })],
        ['of no issuer', () => signed({ iss: undefined })],
        ['of two issuers', () => signed({ iss: ['https://id.example'] })],
        ['for another audience', () => signed({ aud: 'other' })],
        ['for an audience that begins alike', () => signed({ aud: 'platen-admin' })],
        ['for no audience', () => signed({ aud: undefined })],
        ['for an empty list of audiences', () => signed({ aud: [] })],
        ['expired', () => signed({ exp: inSeconds(-60) })],
        ['not valid yet', () => signed({ nbf: inSeconds(3600) })],
        ['without an expiry', () => signed({ exp: undefined })],
        ['a report token', () => craft(rs256, { ...reportClaims, aud: 'platen' }, rsa(rsaKeys.privateKey))],
        ['of scope report:read', () => signed({ scope: 'report:read' })],
      ])('%s: 401', async (_name, token) => {
        const init = { headers: { authorization: `Bearer ${token()}` } };
        const answer = await send(missing, init, strict.url);
        const { requestId: _, ...problem } = expectProblem(answer, unauthorized);
        const { requestId: __, ...ofAbsent } = JSON.parse((await send(missing, {}, strict.url)).text);
        expect(problem).toEqual(ofAbsent);
        expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="platen"');
      });
    },
    traces,
  );

  withoutTrace(
    'a report token',
    () => {
      test.each<[string, () => string]>([
        ...forgeries(reportClaims),
        ['of another issuer', () => craft(rs256, { ...reportClaims, iss: 'x' }, rsa(rsaKeys.privateKey))],
        ['without an expiry', () => craft(rs256, { ...reportClaims, exp: undefined }, rsa(rsaKeys.privateKey))],
      ])('%s: 422', async (_name, reportToken) => {
        const response = await strict.trigger({ ...good, reportToken: reportToken() });
        const answer = { status: response.status, headers: response.headers, text: await response.text() };
        expectProblem(answer, { status: 422, code: 'report_token_invalid' });
      });
    },
    traces,
  );

  withoutTrace(
    'an origin that looks like the allowed one',
    () => {
      // P is the port of the allowed origin http://127.0.0.1:P, Q one on which every connection is counted.
      const lookAlikes: [string, unknown][] = [
        'https://127.0.0.1:P',
        'http://127.0.0.1:Q',
        'http://127.0.0.1',
        'http://127.0.0.1:P.evil.example',
        'http://127.0.0.1.evil.example:P',
        'http://evil.example/http://127.0.0.1:P',
        'http://evil.example?http://127.0.0.1:P',
        'http://evil.example#http://127.0.0.1:P',
        'http://127.0.0.1:P@127.0.0.1:Q',
        'http://127.0.0.1:P%40127.0.0.1:Q',
        'http://user:password@127.0.0.1:P',
        'http://@127.0.0.1:P',
        'http://127.0.0.1.:P',
        'http://localhost:P',
        'http://localhost.:P',
        'http://localhost:Q',
        'http://127.0.0.1:Q\\@127.0.0.1:P',
        'http:\\\\127.0.0.1:P',
        'http:/\\127.0.0.1:P',
        'http:127.0.0.1:P',
        'http:///127.0.0.1:P',
        'http://127.0.0.%31:P',
        'http://127.0.0.1%3aP',
        'http://127.0.0.1:P%00',
        'http://127.0.0.1:P%2f',
        'http://127.0.0.1:P/report',
        'http://127.0.0.1:P/..',
        'http://127.0.0.1:P?x=1',
        'http://127.0.0.1:P#x',
        'http://127.0.0.1:0P',
        'http://127.1:P',
        'http://127.0.1:P',
        'http://2130706433:P',
        'http://2130706433:Q',
        'http://0x7f.0.0.1:P',
        'http://0x7f000001:P',
        'http://0177.0.0.1:P',
        'http://127.0.0.1.1:P',
        'http://[::ffff:127.0.0.1]:P',
        'http://[::ffff:7f00:1]:P',
        'http://[::1]:P',
        'http://0:Q',
        'http://0.0.0.0:Q',
        'http://\u2460\u2461\u2466.0.0.1:P',
        'http://127\u30020\u30020\u30021:P',
        'http://169.254.169.254',
        'http://[fe80::1]',
        'file:///etc/passwd',
        'file://127.0.0.1:P/etc/passwd',
        'javascript:alert(1)',
        'javascript://127.0.0.1:P/%0aalert(1)',
        'data:text/html,<h1>x</h1>',
        'view-source:http://127.0.0.1:P',
        'blob:http://127.0.0.1:P',
        'filesystem:http://127.0.0.1:P/temporary/x',
        'about:blank',
        'chrome://settings',
        'ftp://127.0.0.1:P',
        'ws://127.0.0.1:P',
        '//127.0.0.1:P',
        '127.0.0.1:P',
        'null',
        '*',
        'http://*:P',
        ' http://127.0.0.1:P',
        'http://127.0.0.1:P ',
        'http://127.0.0.1:P\n',
        'http://127.0.0.1:P\t',
        'ht\ttp://127.0.0.1:P',
        'http://127.0.0.1:P\u0000',
        'http://127.0.0.1:P\u200b',
        'http://127.0.0.1:P http://127.0.0.1:Q',
        'http://127.0.0.1:P,http://127.0.0.1:Q',
        'http://127.0.0.1:P=b',
        '',
        `http://127.0.0.1:P/${'a'.repeat(300)}`,
        5,
        true,
        ['http://127.0.0.1:P'],
        { origin: 'http://127.0.0.1:P' },
      ].map((origin) => [JSON.stringify(origin).slice(0, 60), origin]);

      test.each(lookAlikes)('%s: 422 names the field', async (_name, lookAlike) => {
        const port = new URL(pages.origin).port;
        const json = JSON.stringify(lookAlike).replaceAll(':P', `:${port}`).replaceAll(':Q', `:${trap.port}`);
        const origin = JSON.parse(json.replace('3aP', `3a${port}`).replace(':0P', `:0${port}`));
        const response = await strict.trigger({ ...good, origin });
        const answer = { status: response.status, headers: response.headers, text: await response.text() };
        expectProblem(answer, invalid('origin'));
      });
    },
    traces,
  );
});
