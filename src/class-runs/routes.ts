// The endpoints of class runs, for the backend and administrators; teachers may follow those of their classes.

import type { ErrorCode } from '../errors.ts';
import {
  askerErrors,
  bodyErrors,
  defineEndpoint,
  type Endpoint,
  type Exchange,
  idempotencyKey,
  readIdempotencyKey,
} from '../http/contract.ts';
import { reportTokenErrors, serviceOwner } from '../identity/contract.ts';
import type { Tickets } from '../jobs/contract.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import { testOf } from '../reports/contract.ts';
import { originFor } from '../tenant-access.ts';
import { zipHeaders } from '../zip.ts';
import type { ClassRuns } from './class-runs.ts';
import {
  acceptedRunAnswer,
  type ClassRunBody,
  cancelledRunAnswer,
  classRunBody,
  type ItemsQuery,
  itemsQuery,
  mostRunBytes,
  type RetryBody,
  type RunsQuery,
  retriedAnswer,
  retryBody,
  runAnswer,
  runsAnswer,
  runsQuery,
  ticketAnswer,
} from './contract.ts';

/** @returns the id. @throws forbidden, but for the backend and administrators; not_found for a run of another tenant. */
async function idOfOwn(classRuns: ClassRuns, exchange: Pick<Exchange, 'params' | 'owner' | 'caller'>): Promise<string> {
  const { id = '' } = exchange.params;
  const origin = originFor(exchange, undefined);
  if (origin !== undefined) await classRuns.requireOf(id, origin);
  return id;
}

async function accept(classRuns: ClassRuns, exchange: Exchange<unknown, ClassRunBody>): Promise<void> {
  const { body, req, res } = exchange;
  const origin = originFor(exchange, body.origin);
  const { teacherIds = [], overall = false } = body;
  const run = await classRuns.accept({ ...body, origin, teacherIds, overall, idempotencyKey: readIdempotencyKey(req) });
  res.status(202).set('Location', `/internal/class-runs/${run.id}`).json(run);
}

async function look(classRuns: ClassRuns, exchange: Exchange<ItemsQuery, unknown>): Promise<void> {
  const { query, res } = exchange;
  const id = await idOfOwn(classRuns, exchange);
  const run = await classRuns.find(id);
  // One more than asked for, to know whether there are more.
  const found = await classRuns.items(id, { ...query, limit: query.limit + 1 });
  const items = found.slice(0, query.limit);
  const nextOffset = found.length > query.limit ? query.offset + query.limit : null;
  res.set('Cache-Control', 'no-store').json({ ...run, createdAt: run.createdAt.toISOString(), items, nextOffset });
}

async function list(classRuns: ClassRuns, exchange: Exchange<RunsQuery, unknown>): Promise<void> {
  const { query, res } = exchange;
  const { runs, nextCursor } = await classRuns.list({ ...query, origin: originFor(exchange, undefined) });
  const told = runs.map((run) => ({ ...run, createdAt: run.createdAt.toISOString() }));
  res.set('Cache-Control', 'no-store').json({ classRuns: told, nextCursor });
}

/** Whoever has a ticket for this very run needs to show nothing else. */
const isByTicket = ({ req }: Exchange) => req.get('Authorization') === undefined;

async function follow({ classRuns, streams }: Dependencies, exchange: Exchange): Promise<void> {
  const { owner, params } = exchange;
  const { id = '' } = params;
  if (owner !== serviceOwner) {
    if (!isByTicket(exchange)) await classRuns.findFor(id, exchange.caller);
    await streams.take(owner);
  }
  await exchange.streamEvents(await classRuns.follow(id));
}

async function issueTicket({ classRuns, tickets }: Dependencies, exchange: Exchange): Promise<void> {
  const { owner, params, res } = exchange;
  const { id = '' } = params;
  const known = owner === serviceOwner ? (await classRuns.find(id)).id : await classRuns.findFor(id, exchange.caller);
  res.set('Cache-Control', 'no-store').json(await tickets.issue(owner, known));
}

async function sendArchive(classRuns: ClassRuns, exchange: Exchange): Promise<void> {
  const { run, content } = await classRuns.archive(await idOfOwn(classRuns, exchange));
  exchange.res.set(zipHeaders(`inzighted_reports_${testOf(run.testId).segment}`));
  await exchange.streamBody(content);
}

const lookErrors: ErrorCode[] = [...askerErrors, 'not_found', 'database_unavailable'];

/** For what people may ask too. */
const peopleErrors: ErrorCode[] = lookErrors;

interface Dependencies {
  classRuns: ClassRuns;
  tickets: Tickets;
  /** Of streams that people open. */
  streams: RateLimiter;
}

export function classRunEndpoints(dependencies: Dependencies): Endpoint[] {
  const { classRuns } = dependencies;
  return [...readingEndpoints(classRuns), ...followingEndpoints(dependencies), ...changingEndpoints(classRuns)];
}

function changingEndpoints(classRuns: ClassRuns): Endpoint[] {
  return [
    defineEndpoint({
      method: 'post',
      path: '/internal/class-runs',
      action: 'class-run.begin',
      tag: 'Class runs',
      summary: 'Render and store all reports of a class for one test',
      description: 'Answers when the run is committed; it goes on after a restart.',
      access: 'either',
      headers: {
        'Idempotency-Key': idempotencyKey.meta({
          description: 'The same request with the same key is accepted once, for as long as the run is remembered.',
        }),
      },
      body: classRunBody,
      mostBodyBytes: mostRunBytes,
      answers: { 202: { description: 'Accepted.', schema: acceptedRunAnswer } },
      errors: [...bodyErrors, ...askerErrors, 'idempotency_key_reused', ...reportTokenErrors, 'database_unavailable'],
      handle: (exchange) => accept(classRuns, exchange),
    }),
    defineEndpoint({
      method: 'delete',
      path: '/internal/class-runs/:id',
      action: 'class-run.cancel',
      tag: 'Class runs',
      summary: 'Cancel what has not ended',
      access: 'either',
      answers: { 200: { description: 'How many reports were cancelled.', schema: cancelledRunAnswer } },
      errors: [...lookErrors, 'already_ended'],
      handle: async (exchange) => {
        exchange.res.json({ cancelled: await classRuns.cancel(await idOfOwn(classRuns, exchange)) });
      },
    }),
    defineEndpoint({
      method: 'post',
      path: '/internal/class-runs/:id/retry',
      action: 'class-run.retry',
      tag: 'Class runs',
      summary: 'Begin the reports again that have failed or were cancelled, with fresh tokens where they are given',
      access: 'either',
      body: retryBody,
      isBodyOptional: true,
      mostBodyBytes: mostRunBytes,
      answers: { 202: { description: 'How many reports were begun again.', schema: retriedAnswer } },
      errors: [...lookErrors, ...bodyErrors, ...reportTokenErrors],
      handle: async (exchange: Exchange<unknown, RetryBody>) => {
        const id = await idOfOwn(classRuns, exchange);
        exchange.res.status(202).json({ retried: await classRuns.retry(id, exchange.body) });
      },
    }),
  ];
}

function readingEndpoints(classRuns: ClassRuns): Endpoint[] {
  return [
    defineEndpoint({
      method: 'get',
      path: '/internal/class-runs',
      tag: 'Class runs',
      summary: 'Class runs, the newest first, of one class, for one test, or in one state where that is asked for',
      access: 'either',
      query: runsQuery,
      answers: { 200: { description: 'The newest first, without their items.', schema: runsAnswer } },
      errors: [...askerErrors, 'malformed_request', 'invalid_request', 'database_unavailable'],
      handle: (exchange) => list(classRuns, exchange),
    }),
    defineEndpoint({
      method: 'get',
      path: '/internal/class-runs/:id',
      tag: 'Class runs',
      summary: 'How far a run is, with its items page by page',
      access: 'either',
      query: itemsQuery,
      answers: { 200: { description: 'The run.', schema: runAnswer } },
      errors: [...lookErrors, 'malformed_request', 'invalid_request'],
      handle: (exchange) => look(classRuns, exchange),
    }),
    defineEndpoint({
      method: 'get',
      path: '/internal/class-runs/:id/archive',
      tag: 'Class runs',
      summary: 'What the run has stored, as a ZIP with manifest.json and manifest.csv',
      access: 'either',
      answers: { 200: { description: 'The ZIP, streamed while it is made.', mediaType: 'application/zip' } },
      errors: lookErrors,
      handle: (exchange) => sendArchive(classRuns, exchange),
    }),
  ];
}

function followingEndpoints(dependencies: Dependencies): Endpoint[] {
  return [
    defineEndpoint({
      method: 'get',
      path: '/internal/class-runs/:id/events',
      tag: 'Class runs',
      summary:
        'The run as server-sent events: its state, counts and remaining time whenever they change, until it is over',
      description: 'For the service, administrators, teachers of the class, and whoever has a ticket.',
      access: 'ticket',
      answers: {
        200: { description: 'JSON in data lines: the run without its items.', mediaType: 'text/event-stream' },
        204: { description: 'The run is over, and Last-Event-ID is that of its last state.' },
      },
      errors: peopleErrors,
      handle: (exchange) => follow(dependencies, exchange),
    }),
    defineEndpoint({
      method: 'post',
      path: '/internal/class-runs/:id/ticket',
      tag: 'Class runs',
      summary: 'A ticket with which the events can be opened once, as `?ticket=`, by who can send no header',
      description: 'For the service, administrators and teachers of the class.',
      access: 'either',
      answers: { 200: { description: 'The ticket.', schema: ticketAnswer } },
      errors: peopleErrors,
      handle: (exchange) => issueTicket(dependencies, exchange),
    }),
  ];
}
