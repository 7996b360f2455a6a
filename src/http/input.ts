// Reads query and body as an endpoint's schemas say. Syntax and unknown names are 400, missing or bad values 422.

import type { Request, Response } from 'express';
import { ipKeyGenerator } from 'express-rate-limit';
import type { z } from 'zod';
import { type FieldError, fail, invalidField, pointerTo } from '../errors.ts';
import type { Endpoint } from './contract.ts';

/** Faults of a request that are told; whoever sends ten thousand learns as much from the first of them. */
const mostErrors = 20;
/** A list or an object with more is not looked into; the longest that an endpoint takes is half of it. */
const mostItems = 20_000;

/** Whether the schema wanted something where nothing was given. */
function isMissing(issue: z.core.$ZodIssue, value: unknown): boolean {
  if (issue.code === 'custom') return false;
  const found = issue.path.reduce<unknown>((part, key) => (part as Record<PropertyKey, unknown> | null)?.[key], value);
  return found === undefined;
}

/** A fault and where it is: as people say it, and as it is given in the answer. */
interface Fault extends FieldError {
  name: string;
}

interface Place {
  path: readonly PropertyKey[];
  /** In a body it is a JSON pointer from its root; parameters of a query have their names. */
  isBody: boolean;
}

function faultAt({ path, isBody }: Place, message: string): Fault {
  const name = path.map(String).join('.');
  return { name: cut(name), field: cut(isBody ? pointerTo(path) : name), message };
}

const longestField = 100;
const cut = (text: string) => text.slice(0, longestField);

function toFaults({ issues }: z.ZodError, value: unknown, isBody: boolean): { unknown: Fault[]; invalid: Fault[] } {
  const unknown: Fault[] = [];
  const invalid: Fault[] = [];
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys) unknown.push(faultAt({ path: [...issue.path, key], isBody }, 'is not known here'));
    else invalid.push(faultAt({ path: issue.path, isBody }, isMissing(issue, value) ? 'is missing' : issue.message));
  }
  return { unknown, invalid };
}

const told = (faults: readonly Fault[]): FieldError[] => faults.map(({ field, message }) => ({ field, message }));

function check<T>(schema: z.ZodType<T>, value: unknown, { isBody }: { isBody: boolean }): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { unknown, invalid } = toFaults(result.error, value, isBody);
  if (unknown.length > 0) throw fail('unknown_field', { errors: told(unknown.slice(0, mostErrors)) });
  const first = invalid.slice(0, mostErrors);
  const detail = first.map(({ name, message }) => `${name}: ${message}`).join('; ');
  throw fail('invalid_request', { detail, errors: told(first) });
}

/** Every value given for a parameter, under any of its spellings. */
function valuesOf(req: Request, name: string, spellings: readonly string[]): string[] {
  const given = [name, ...spellings].flatMap((spelling) => {
    if (Object.keys(req.query).some((key) => key.startsWith(`${spelling}[`))) {
      throw fail('malformed_request', { detail: `The query parameter ${name} must be plain, without brackets.` });
    }
    return (req.query[spelling] ?? []) as string | string[];
  });
  if (given.length > 1) throw fail('malformed_request', { detail: `The query parameter ${name} must be given once.` });
  return given;
}

/** The query as the endpoint's schema says; parameters that it doesn't know are ignored. */
export function readQuery(endpoint: Endpoint, req: Request): unknown {
  if (endpoint.query === undefined) return {};
  const { shape } = endpoint.query as unknown as z.ZodObject;
  const entries = Object.keys(shape).flatMap((name) =>
    valuesOf(req, name, endpoint.queryAliases?.[name] ?? []).map((value) => [name, value]),
  );
  return check(endpoint.query, Object.fromEntries(entries), { isBody: false });
}

function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function refuseLongLists(body: unknown): void {
  for (const [field, value] of Object.entries(body ?? {}))
    if (sizeOf(value) > mostItems) throw invalidField(cut(pointerTo([field])), `holds more than ${mostItems}`);
}

export function readBody(endpoint: Endpoint, req: Request): unknown {
  if (endpoint.body === undefined) return undefined;
  refuseLongLists(req.body);
  return check(endpoint.body, req.body, { isBody: true });
}

/** Aborted when the client goes away before its answer is complete. */
export function clientSignal(res: Response): AbortSignal {
  const controller = new AbortController();
  const look = () => {
    if (!res.writableFinished) controller.abort(new Error('the client has gone'));
  };
  // It may have gone while it was found out who it is.
  if (res.closed) look();
  else res.once('close', look);
  return controller.signal;
}

/** One who has an IPv6 network has all its addresses. */
export const clientAddress = (req: Request): string => ipKeyGenerator(req.ip ?? 'unknown');
