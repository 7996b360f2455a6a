// What an endpoint says of itself; requests are checked by it and the OpenAPI document is made from it.

import type { Readable } from 'node:stream';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { type ErrorCode, invalidField } from '../errors.ts';
import type { Caller } from '../identity/contract.ts';

/**
 * anyone; service: the backend's service token; user: a person's token, counted against the rate limit; either: one of the two;
 * ticket: one of the two, or without either a ticket in the query that opens what `:id` names.
 */
export type Access = 'anyone' | 'service' | 'user' | 'either' | 'ticket';

/** Whose a ticket is that opens this; it is used up by being asked for. Undefined when it opens nothing. */
export type RedeemTicket = (ticket: string, opens: string) => Promise<string | undefined>;

/** State of something at one moment. */
export interface Snapshot {
  /** One line that is the same for the same state in every process. Default: a digest of the data. */
  id?: string;
  /** Sent as JSON. */
  data: unknown;
  /** Whether no other comes after it. */
  isLast: boolean;
}

/** Who follows the states of something. */
export interface EventSink {
  give(snapshot: Snapshot): void;
  /** There is no more, although none was the last: who wants to know more has to ask again. */
  end(): void;
}

/**
 * Gives the state as it is, at once where it is known, and then whenever it changes.
 * @param lastEventId of the state that the client has already; it comes from the client.
 * @returns what ends it.
 */
export type EventFeed = (sink: EventSink, lastEventId: string | undefined) => () => void;

export interface Exchange<Query = unknown, Body = unknown> {
  query: Query;
  body: Body;
  /** Parts of the path that the endpoint names, as they were given. */
  params: Readonly<Record<string, string>>;
  req: Request;
  res: Response;
  /** Aborted when the client goes away before it is answered. */
  signal: AbortSignal;
  /** Whence the request comes, for limits: the client's address, of IPv6 its network. */
  clientAddress: string;
  /** Who asks; throws where nobody has shown a user token. */
  caller: Caller;
  /** Who asks, the backend or a person: `service`, or the key of the caller. */
  owner: string;
  /** Sends the body as it comes, after the headers; a client that goes away in the middle ends it. @throws what the content fails with. */
  streamBody(content: Readable | AsyncIterable<Buffer>): Promise<void>;
  /** The file that was sent, of the endpoint's `fileTypes`. @throws those of `fileErrors`; nothing is read before it is asked for. */
  readFile(): Promise<Buffer>;
  /** Answers with server-sent events, until the last state is sent or the client goes away. */
  streamEvents(feed: EventFeed): Promise<void>;
}

/** Who changes something, and how. */
export interface Author {
  who: { kind: 'service' | 'admin'; id: string };
  action: string;
}

export interface Answer {
  description: string;
  /** Schema of a JSON answer. */
  schema?: z.ZodType;
  /** Of another kind of answer, instead of JSON or beside it. */
  mediaType?: string;
}

export interface Endpoint<Query = unknown, Body = unknown> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Parts that vary begin with a colon; one that may have slashes in it, at the end, with a star. */
  path: string;
  /** Group in the documentation. */
  tag: string;
  summary: string;
  description?: string;
  access: Access;
  /** What is written down, where the backend or an administrator changes something by it. */
  action?: `${string}.${string}`;
  query?: z.ZodType<Query>;
  /** Other spellings of query parameters. */
  queryAliases?: Readonly<Record<string, readonly string[]>>;
  /** Headers that say what is asked for, by name; its handler reads them. Those of access and of event streams go without saying. */
  headers?: Readonly<Record<string, z.ZodType>>;
  body?: z.ZodType<Body>;
  /** Whether the body may be left out. */
  isBodyOptional?: boolean;
  /** Media types of a file that is sent instead of JSON, as the body or as the one file of a form. */
  fileTypes?: readonly string[];
  /** Bytes that a body may have. Default: 256 KB; 50 MB for a file. */
  mostBodyBytes?: number;
  answers: Readonly<Record<number, Answer>>;
  errors: readonly ErrorCode[];
  handle(exchange: Exchange<Query, Body>): Promise<void> | void;
}

/** What whoever is nobody, may not, or asks too often is answered, and everybody while nobody can be recognised. */
export const askerErrors: readonly ErrorCode[] = ['unauthorized', 'forbidden', 'rate_limited', 'identity_unavailable'];

/** What may be wrong with a query. */
export const queryErrors: readonly ErrorCode[] = ['malformed_request', 'invalid_request'];

/** What an endpoint may answer to a JSON body before its handler has it. */
export const bodyErrors: readonly ErrorCode[] = [
  'malformed_request',
  'unknown_field',
  'unsupported_media_type',
  'body_too_large',
  'invalid_request',
];

/** What may be wrong with a file that is sent. */
export const fileErrors: readonly ErrorCode[] = [
  'malformed_request',
  'unsupported_media_type',
  'body_too_large',
  'queue_full',
];

/** What a client has made up, so that a request that is sent twice is done once. */
export const idempotencyKey = z
  .string()
  .regex(/^[\x20-\x7e]{1,255}$/, { error: 'must be 1 to 255 visible ASCII characters' });

/** @throws invalid_request. */
export function readIdempotencyKey(req: Request): string | undefined {
  const { data, error } = idempotencyKey.optional().safeParse(req.get('Idempotency-Key'));
  if (error !== undefined) throw invalidField('Idempotency-Key', error.issues[0]?.message ?? 'is wrong');
  return data;
}

/** Ties the types of schema and handler together. */
export function defineEndpoint<Query, Body>(endpoint: Endpoint<Query, Body>): Endpoint {
  return endpoint as Endpoint;
}
