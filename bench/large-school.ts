// The example school with one class made large, so that its report has about nine printed pages. Runs as a process of its own.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readRecords } from '../examples/school/figures/records.ts';
import { createApp } from '../examples/school/server/app.ts';
import { createRequestLog } from '../examples/school/server/request-log.ts';
import { createTokens } from '../examples/school/server/tokens.ts';
import { reportTokenSecret, userTokenSecret } from '../test/support/tokens.ts';

/** The class of 47 becomes one of 235. */
const timesLarger = 5;
const insideHeader = 'x-inside';
const classFigures = /^\/api\/classes\/([^/]+)\/tests\/[^/]+$/;
/** Whatever test is asked for: each gives a report a key of its own. */
const onlyTest = 'Test_1';

const app = createApp({
  records: readRecords(),
  tokens: createTokens({ userTokenSecret, reportTokenSecret }),
  requestLog: createRequestLog(),
  platen: () => undefined,
});
const answers = new Map<string, Promise<Buffer>>();

/** The school's own answer, its students repeated. */
async function enlarge(path: string, authorization: string): Promise<Buffer> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization, [insideHeader]: 'yes' } });
  if (!answer.ok) throw new Error(`the school answered ${answer.status}`);
  const figures = (await answer.json()) as { students: object[] };
  const students = Array.from({ length: timesLarger }, () => figures.students).flat();
  return Buffer.from(JSON.stringify({ ...figures, students }));
}

async function answerLarge(req: IncomingMessage, res: ServerResponse, classId: string): Promise<void> {
  const { authorization = '' } = req.headers;
  // Computed once, so that the school's own work does not dilute what is compared.
  const answer = answers.get(classId) ?? enlarge(`/api/classes/${classId}/tests/${onlyTest}`, authorization);
  answers.set(classId, answer);
  const body = await answer;
  res.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(body);
}

const server = createServer((req, res) => {
  const classId = req.headers[insideHeader] === undefined ? classFigures.exec(req.url ?? '')?.[1] : undefined;
  if (classId === undefined) app(req, res);
  else answerLarge(req, res, classId).catch((error: Error) => res.writeHead(502).end(error.message));
});
server.listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const { port } = server.address() as AddressInfo;
process.stdout.write(`http://127.0.0.1:${port}\n`);
