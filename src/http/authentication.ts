// Lets a request in: the backend by its service token, a person by a user token, within the rate limit.

import type { Request, RequestHandler, Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import { fail } from '../errors.ts';
import { type Caller, callerKey, serviceOwner } from '../identity/contract.ts';
import type { Identity } from '../identity/identity.ts';
import type { Access } from './contract.ts';
import { sendProblem } from './problem.ts';

const windowMs = 15 * 60 * 1000;
const callers = new WeakMap<Request, Caller>();

/** The caller of a request that was let in as a user's. */
export function callerOf(req: Request): Caller {
  const caller = callers.get(req);
  if (caller === undefined) throw new Error('this endpoint has no caller');
  return caller;
}

function limitRate(limit: number): RequestHandler {
  return rateLimit({
    windowMs,
    limit,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    identifier: 'caller',
    keyGenerator: (req) => callerKey(callerOf(req)),
    handler: (req: Request & { rateLimit?: { resetTime?: Date } }, res: Response) => {
      const resetAt = req.rateLimit?.resetTime?.getTime() ?? Date.now() + windowMs;
      const retryAfterSeconds = Math.max(1, Math.ceil((resetAt - Date.now()) / 1000));
      sendProblem(fail('rate_limited', { retryAfterSeconds }), res);
    },
  });
}

/** Who owns what a request makes: the backend, or the caller. */
export function ownerOf(req: Request): string {
  const caller = callers.get(req);
  return caller === undefined ? serviceOwner : callerKey(caller);
}

/** Makes, for each kind of access, the handlers that stand before an endpoint. */
export function createAuthentication(identity: Identity, limit: number): (access: Access) => RequestHandler[] {
  const requireService: RequestHandler = (req, _res, next) => {
    if (!identity.isService(req.get('X-Service-Auth'))) throw fail('unauthorized');
    next();
  };
  const requireUser: RequestHandler = async (req, _res, next) => {
    // Node would take the first of several; a proxy before us may have looked at the last.
    const given = req.headersDistinct.authorization ?? [];
    callers.set(req, await identity.authenticate(given.length === 1 ? given[0] : undefined));
    next();
  };
  const asUser = [requireUser, limitRate(limit)];
  const isFromService = (req: Request) => req.get('X-Service-Auth') !== undefined;
  const unlessService = asUser.map<RequestHandler>((handler) => (req, res, next) => {
    if (isFromService(req)) next();
    else return handler(req, res, next);
  });
  const asService: RequestHandler = (req, res, next) => {
    if (isFromService(req)) requireService(req, res, next);
    else next();
  };
  const handlers = { anyone: [], service: [requireService], user: asUser, either: [asService, ...unlessService] };
  return (access) => handlers[access];
}
