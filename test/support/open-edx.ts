// A small server that answers as Open edX does: the calls that the retrievers make, with what each gives when it goes well and when it does not.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface EdxAssignment {
  attempted: boolean;
  category: string;
  label: string;
  module_id: string;
  percent: number;
  score_earned: number;
  score_possible: number;
  subsection_name: string;
}

export interface EdxLearner {
  username: string;
  name: string;
  email: string;
  percent: number;
  section_breakdown: EdxAssignment[];
  /** Of the course, and of its subsections. */
  completion: number;
  sequential?: { block_key: string; completion: { earned: number; possible: number; percent: number } }[];
}

export interface EdxCourse {
  policy: { assignment_type: string; count: number; dropped: number; weight: number }[];
  learners: EdxLearner[];
}

export interface OpenEdx extends AsyncDisposable {
  url: string;
  /** Methods and paths, in the order in which they came. */
  asked: string[];
  /** Answers the next requests of other paths than the token's in its place; gives false for those that it leaves alone. */
  interfere: ((req: IncomingMessage, res: ServerResponse) => boolean) | undefined;
  /** Makes the tokens that were given invalid. */
  expireTokens(): void;
}

export const edxClient = { clientId: 'platen', clientSecret: 'edx-secret-of-the-tests' };
const pageSize = 2;

export const assignmentOf = (category: string, number: number, percent: number, attempted = true): EdxAssignment => ({
  attempted,
  category,
  label: `${category.slice(0, 2).toUpperCase()} ${String(number).padStart(2, '0')}`,
  module_id: `block-v1:Org+ALG+2026+type@sequential+block@${category.toLowerCase()}-${number}`,
  percent,
  score_earned: attempted ? percent * 10 : 0,
  score_possible: attempted ? 10 : 0,
  subsection_name: `${category} ${number}`,
});

async function readBody(req: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

export async function startOpenEdx(courses: Record<string, EdxCourse>): Promise<OpenEdx> {
  let tokens = 0;
  let valid = new Set<string>();
  const send = (res: ServerResponse, status: number, body: unknown) =>
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

  const giveToken = async (req: IncomingMessage, res: ServerResponse) => {
    const form = await readBody(req);
    const isKnown =
      form.get('client_id') === edxClient.clientId &&
      form.get('client_secret') === edxClient.clientSecret &&
      form.get('grant_type') === 'client_credentials' &&
      form.get('token_type') === 'jwt';
    if (!isKnown) return send(res, 401, { error: 'invalid_client' });
    const token = `jwt-${++tokens}`;
    valid.add(token);
    return send(res, 200, { access_token: token, expires_in: 3600, token_type: 'JWT', scope: 'read write' });
  };

  /** By cursor, as the gradebook, or by number, as completions. */
  const givePage = (res: ServerResponse, url: URL, items: unknown[]) => {
    const at = Number(url.searchParams.get('cursor') ?? url.searchParams.get('page') ?? 0);
    const next = new URL(url.href);
    next.searchParams.set('cursor', String(at + pageSize));
    const hasMore = at + pageSize < items.length;
    send(res, 200, { next: hasMore ? next.href : null, previous: null, results: items.slice(at, at + pageSize) });
  };

  const entryOf = ({ username, percent, section_breakdown, name, email }: EdxLearner, index: number) => ({
    user_id: index + 1,
    username,
    email,
    full_name: name,
    percent,
    section_breakdown,
  });
  const completionOf = (course: string, { username, completion, sequential }: EdxLearner) => ({
    username,
    course_key: course,
    completion: { earned: completion * 40, possible: 40, percent: completion },
    ...(sequential === undefined ? {} : { sequential }),
  });

  const giveAccounts = (res: ServerResponse, usernames: string[]) => {
    const known = Object.values(courses)
      .flatMap(({ learners }) => learners)
      .filter((each) => usernames.includes(each.username));
    if (new Set(known.map((each) => each.username)).size < usernames.length) return send(res, 404, {});
    return send(
      res,
      200,
      known.map((each) => ({ ...each, language_proficiencies: [{ code: 'en' }] })),
    );
  };

  const giveLearners = (res: ServerResponse, url: URL, { id, isGrades }: { id: string; isGrades: boolean }) => {
    const username = url.searchParams.get('username');
    const all = courses[id]?.learners ?? [];
    const learners = username === null ? all : all.filter((each) => each.username === username);
    if (username !== null && learners.length === 0) return send(res, 404, {});
    const items = isGrades ? learners.map(entryOf) : learners.map((each) => completionOf(id, each));
    return isGrades && username !== null ? send(res, 200, items[0]) : givePage(res, url, items);
  };

  const answer = (res: ServerResponse, url: URL) => {
    const path = decodeURIComponent(url.pathname);
    if (path === '/api/user/v1/accounts') return giveAccounts(res, (url.searchParams.get('username') ?? '').split(','));
    const [, kind, id = ''] =
      /^\/api\/(grades\/v1\/gradebook|grades\/v1\/policy\/courses|completion-aggregator\/v1\/course)\/([^/]+)(?:\/|$)/.exec(
        path,
      ) ?? [];
    const course = courses[id];
    if (kind === undefined || course === undefined) return send(res, 404, { developer_message: 'not found' });
    if (!url.pathname.endsWith('/')) return res.writeHead(301, { location: `${url.pathname}/${url.search}` }).end();
    if (kind.endsWith('policy/courses')) return send(res, 200, course.policy);
    return giveLearners(res, url, { id, isGrades: kind.startsWith('grades') });
  };

  const edx = { asked: [] as string[], interfere: undefined as OpenEdx['interfere'] };
  const server = createServer((req, res) => {
    const url = new URL(req.url ?? '/', `http://${req.headers.host}`);
    edx.asked.push(`${req.method} ${decodeURIComponent(url.pathname)}${url.search}`);
    if (url.pathname === '/oauth2/access_token') return void giveToken(req, res);
    if (edx.interfere?.(req, res) === true) return;
    const [scheme, token = ''] = (req.headers.authorization ?? '').split(' ');
    if (scheme !== 'JWT' || !valid.has(token)) return void send(res, 401, { detail: 'Token expired.' });
    answer(res, url);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(edx, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    expireTokens: () => {
      valid = new Set();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  });
}
