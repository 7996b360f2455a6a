// What an endpoint says of itself; requests are checked by it and the OpenAPI document is made from it.

import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { ErrorCode } from '../errors.ts';
import type { Caller } from '../identity/contract.ts';

/** anyone; service: the backend's service token; user: a person's token, counted against the rate limit. */
export type Access = 'anyone' | 'service' | 'user';

export interface Exchange<Query, Body> {
  query: Query;
  body: Body;
  req: Request;
  res: Response;
  /** Aborted when the client goes away before it is answered. */
  signal: AbortSignal;
  /** Who asks; throws on an endpoint whose access is not `user`. */
  caller: Caller;
}

export interface Answer {
  description: string;
  /** Schema of a JSON answer; other media types name themselves. */
  schema?: z.ZodType;
  mediaType?: string;
}

export interface Endpoint<Query = unknown, Body = unknown> {
  method: 'get' | 'post';
  path: string;
  /** Group in the documentation. */
  tag: string;
  summary: string;
  description?: string;
  access: Access;
  query?: z.ZodType<Query>;
  /** Other spellings of query parameters. */
  queryAliases?: Readonly<Record<string, readonly string[]>>;
  body?: z.ZodType<Body>;
  answers: Readonly<Record<number, Answer>>;
  errors: readonly ErrorCode[];
  handle(exchange: Exchange<Query, Body>): Promise<void> | void;
}

/** Ties the types of schema and handler together. */
export function defineEndpoint<Query, Body>(endpoint: Endpoint<Query, Body>): Endpoint {
  return endpoint as Endpoint;
}
