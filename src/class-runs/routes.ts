// The endpoints of class runs, for the backend.

import type { ErrorCode } from '../errors.ts';
import { invalidField } from '../errors.ts';
import { bodyErrors, defineEndpoint, type Endpoint, type Exchange } from '../http/contract.ts';
import { reportTokenErrors } from '../identity/contract.ts';
import { testOf } from '../reports/contract.ts';
import { zipHeaders } from '../zip.ts';
import type { ClassRuns } from './class-runs.ts';
import {
  acceptedRunAnswer,
  type ClassRunBody,
  cancelledRunAnswer,
  classRunBody,
  type ItemsQuery,
  idempotencyKey,
  itemsQuery,
  mostRunBytes,
  type RetryBody,
  retriedAnswer,
  retryBody,
  runAnswer,
} from './contract.ts';

function readIdempotencyKey(req: Exchange['req']): string | undefined {
  const { data, error } = idempotencyKey.optional().safeParse(req.get('Idempotency-Key'));
  if (error !== undefined) throw invalidField('Idempotency-Key', error.issues[0]?.message ?? 'is wrong');
  return data;
}

async function accept(classRuns: ClassRuns, { body, req, res }: Exchange<unknown, ClassRunBody>): Promise<void> {
  const { teacherIds = [], overall = false } = body;
  const run = await classRuns.accept({ ...body, teacherIds, overall, idempotencyKey: readIdempotencyKey(req) });
  res.status(202).set('Location', `/internal/class-runs/${run.id}`).json(run);
}

async function look(classRuns: ClassRuns, { query, params, res }: Exchange<ItemsQuery, unknown>): Promise<void> {
  const { id = '' } = params;
  const run = await classRuns.find(id);
  // One more than asked for, to know whether there are more.
  const found = await classRuns.items(id, { ...query, limit: query.limit + 1 });
  const items = found.slice(0, query.limit);
  const nextOffset = found.length > query.limit ? query.offset + query.limit : null;
  res.set('Cache-Control', 'no-store').json({ ...run, createdAt: run.createdAt.toISOString(), items, nextOffset });
}

async function sendArchive(classRuns: ClassRuns, { params, res, streamBody }: Exchange): Promise<void> {
  const { run, content } = await classRuns.archive(params.id ?? '');
  res.set(zipHeaders(`inzighted_reports_${testOf(run.testId).segment}`));
  await streamBody(content);
}

const lookErrors: ErrorCode[] = ['unauthorized', 'not_found', 'database_unavailable'];

export function classRunEndpoints(classRuns: ClassRuns): Endpoint[] {
  return [...readingEndpoints(classRuns), ...changingEndpoints(classRuns)];
}

function changingEndpoints(classRuns: ClassRuns): Endpoint[] {
  return [
    defineEndpoint({
      method: 'post',
      path: '/internal/class-runs',
      tag: 'Class runs',
      summary: 'Render and store all reports of a class for one test',
      description: 'Answers when the run is committed; it goes on after a restart.',
      access: 'service',
      headers: { 'Idempotency-Key': idempotencyKey },
      body: classRunBody,
      mostBodyBytes: mostRunBytes,
      answers: { 202: { description: 'Accepted.', schema: acceptedRunAnswer } },
      errors: [...bodyErrors, 'unauthorized', 'idempotency_key_reused', ...reportTokenErrors, 'database_unavailable'],
      handle: (exchange) => accept(classRuns, exchange),
    }),
    defineEndpoint({
      method: 'delete',
      path: '/internal/class-runs/:id',
      tag: 'Class runs',
      summary: 'Cancel what has not ended',
      access: 'service',
      answers: { 200: { description: 'How many reports were cancelled.', schema: cancelledRunAnswer } },
      errors: [...lookErrors, 'already_ended'],
      handle: async ({ params, res }) => {
        res.json({ cancelled: await classRuns.cancel(params.id ?? '') });
      },
    }),
    defineEndpoint({
      method: 'post',
      path: '/internal/class-runs/:id/retry',
      tag: 'Class runs',
      summary: 'Begin the reports that have failed again, with fresh tokens where they are given',
      access: 'service',
      body: retryBody,
      isBodyOptional: true,
      mostBodyBytes: mostRunBytes,
      answers: { 202: { description: 'How many reports were begun again.', schema: retriedAnswer } },
      errors: [...lookErrors, ...bodyErrors, ...reportTokenErrors],
      handle: async ({ params, body, res }: Exchange<unknown, RetryBody>) => {
        res.status(202).json({ retried: await classRuns.retry(params.id ?? '', body) });
      },
    }),
  ];
}

function readingEndpoints(classRuns: ClassRuns): Endpoint[] {
  return [
    defineEndpoint({
      method: 'get',
      path: '/internal/class-runs/:id',
      tag: 'Class runs',
      summary: 'How far a run is, with its items page by page',
      access: 'service',
      query: itemsQuery,
      answers: { 200: { description: 'The run.', schema: runAnswer } },
      errors: [...lookErrors, 'malformed_request', 'invalid_request'],
      handle: (exchange) => look(classRuns, exchange),
    }),
    defineEndpoint({
      method: 'get',
      path: '/internal/class-runs/:id/events',
      tag: 'Class runs',
      summary:
        'The run as server-sent events: its state, counts and remaining time whenever they change, until it is over',
      access: 'service',
      answers: {
        200: { description: 'JSON in data lines: the run without its items.', mediaType: 'text/event-stream' },
        204: { description: 'The run is over, and Last-Event-ID is that of its last state.' },
      },
      errors: lookErrors,
      handle: async (exchange) => exchange.streamEvents(await classRuns.follow(exchange.params.id ?? '')),
    }),
    defineEndpoint({
      method: 'get',
      path: '/internal/class-runs/:id/archive',
      tag: 'Class runs',
      summary: 'What the run has stored, as a ZIP with manifest.json and manifest.csv',
      access: 'service',
      answers: { 200: { description: 'The ZIP, streamed while it is made.', mediaType: 'application/zip' } },
      errors: lookErrors,
      handle: (exchange) => sendArchive(classRuns, exchange),
    }),
  ];
}
