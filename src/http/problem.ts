// RFC 9457 problems: made of whatever was thrown, by this file alone.

import type { ErrorRequestHandler, Response } from 'express';
import { z } from 'zod';
import { fail, ServiceError } from '../errors.ts';
import { createLog, currentRequestId } from '../log.ts';

const log = createLog('http');

export const problemSchema = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  requestId: z.string(),
  errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  diagnosis: z.looseObject({}).optional(),
});

export const problemType = 'application/problem+json; charset=utf-8';

/** The body of an answer; without a detail of its own it has that of its code. */
export function problemOf({ code, entry, details }: ServiceError, requestId: string): string {
  const { status, title } = entry;
  const { errors, diagnosis, detail = entry.detail } = details;
  return JSON.stringify({
    type: `urn:platen:error:${code}`,
    title,
    status,
    detail,
    code,
    requestId,
    ...(errors === undefined ? {} : { errors }),
    ...(diagnosis === undefined ? {} : { diagnosis }),
  });
}

function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  // Express says 400 of a path that it can't decode; a body that breaks off is the client's doing too.
  const { status, code } = (error ?? {}) as { status?: number; code?: string };
  const isClients = status === 400 || code === 'ECONNRESET';
  return fail(isClients ? 'malformed_request' : 'internal_error', {}, { cause: error });
}

/** What the answer says, and what it does not. */
function reasonOf({ details, entry, cause }: ServiceError): string {
  const hidden = cause instanceof Error ? cause.message : cause;
  return [details.detail ?? entry.detail, hidden].filter((part) => typeof part === 'string').join(' · ');
}

function writeLog(error: ServiceError, res: Response): void {
  const { status } = error.entry;
  const { diagnosis } = error.details;
  const common = { code: error.code, status, route: res.locals.route, diagnosis };
  if (status >= 500) log.error('Request refused or failed', { ...common, error });
  // The request is at fault: where in our code that was noticed tells nobody anything.
  else log.info('Request refused or failed', { ...common, reason: reasonOf(error) });
}

/** Sends the problem for `error`; when the answer has begun already, breaks it off. */
export function sendProblem(error: ServiceError, res: Response): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const { status } = error.entry;
  if (error.code === 'unauthorized') res.set('WWW-Authenticate', 'Bearer realm="platen"');
  if (error.retryAfterSeconds !== undefined) res.set('Retry-After', String(error.retryAfterSeconds));
  // A body that was refused unread would otherwise be read to its end; one that is thrown away already is on its way there.
  const isUnread = res.req.readableFlowing !== true;
  if ((status === 401 || status === 413) && isUnread) res.set('Connection', 'close');
  res
    .status(status)
    .type(problemType)
    .send(problemOf(error, currentRequestId() ?? 'unknown'));
}

/** Express knows a handler of errors by its four parameters. */
export const answerWithProblem: ErrorRequestHandler = function answerWithProblem(thrown, _req, res, _next) {
  const hasGone = res.closed || res.destroyed;
  // What ends because the client went away is no failure; what fails although it did is one, and only the log will know.
  if (hasGone && !(thrown instanceof ServiceError)) return;
  const error = toServiceError(thrown);
  writeLog(error, res);
  if (!hasGone) sendProblem(error, res);
};
