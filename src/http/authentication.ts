// Lets a request in: the backend by its service token, a person by a user token, within the rate limit.

import type { Request, RequestHandler, Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import { fail } from '../errors.ts';
import { type Caller, callerKey, serviceOwner } from '../identity/contract.ts';
import type { Identity } from '../identity/identity.ts';
import type { Access, RedeemTicket } from './contract.ts';
import { sendProblem } from './problem.ts';

const windowMs = 15 * 60 * 1000;
const callers = new WeakMap<Request, Caller>();
const owners = new WeakMap<Request, string>();

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
    keyGenerator: ownerOf,
    handler: (req: Request & { rateLimit?: { resetTime?: Date } }, res: Response) => {
      const resetAt = req.rateLimit?.resetTime?.getTime() ?? Date.now() + windowMs;
      const retryAfterSeconds = Math.max(1, Math.ceil((resetAt - Date.now()) / 1000));
      sendProblem(fail('rate_limited', { retryAfterSeconds }), res);
    },
  });
}

/** Who owns what a request makes: the backend, or the caller. */
export function ownerOf(req: Request): string {
  const owner = owners.get(req);
  if (owner === undefined) throw new Error('this endpoint asks nobody who they are');
  return owner;
}

interface Dependencies {
  identity: Identity;
  redeemTicket: RedeemTicket;
  /** Requests per caller and quarter of an hour. */
  limit: number;
}

/** Makes, for each kind of access, the handlers that stand before an endpoint. */
export function createAuthentication({
  identity,
  redeemTicket,
  limit,
}: Dependencies): (access: Access) => RequestHandler[] {
  const limitCaller = limitRate(limit);
  const requireService: RequestHandler = (req, _res, next) => {
    if (!identity.isService(req.get('X-Service-Auth'))) throw fail('unauthorized');
    owners.set(req, serviceOwner);
    next();
  };
  const requireUser: RequestHandler = async (req, res, next) => {
    // Node would take the first of several; a proxy before us may have looked at the last.
    const given = req.headersDistinct.authorization ?? [];
    const caller = await identity.authenticate(given.length === 1 ? given[0] : undefined);
    callers.set(req, caller);
    owners.set(req, callerKey(caller));
    await limitCaller(req, res, next);
  };
  const requireEither: RequestHandler = (req, res, next) => {
    // Whoever shows nothing at all is taken for a backend that has forgotten its token: the log then says so.
    const isPerson = req.get('X-Service-Auth') === undefined && req.get('Authorization') !== undefined;
    return (isPerson ? requireUser : requireService)(req, res, next);
  };
  const requireTicket: RequestHandler = async (req, res, next) => {
    const { ticket } = req.query;
    const hasHeader = req.get('X-Service-Auth') !== undefined || req.get('Authorization') !== undefined;
    if (hasHeader || ticket === undefined) return requireEither(req, res, next);
    const owner = typeof ticket === 'string' ? await redeemTicket(ticket, String(req.params.id)) : undefined;
    if (owner === undefined) throw fail('unauthorized');
    owners.set(req, owner);
    if (owner === serviceOwner) next();
    else await limitCaller(req, res, next);
  };
  const handlers = {
    anyone: [],
    service: [requireService],
    user: [requireUser],
    either: [requireEither],
    ticket: [requireTicket],
  };
  return (access) => handlers[access];
}
