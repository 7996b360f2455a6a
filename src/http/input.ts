// Reads query and body as an endpoint's schemas say. Syntax and unknown names are 400, missing or bad values 422.

import type { Request, Response } from 'express';
import { ipKeyGenerator } from 'express-rate-limit';
import type { z } from 'zod';
import { type FieldError, fail, invalidField } from '../errors.ts';
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

function toFieldErrors(error: z.ZodError, value: unknown): { unknown: FieldError[]; invalid: FieldError[] } {
  const unknown: FieldError[] = [];
  const invalid: FieldError[] = [];
  for (const issue of error.issues) {
    const path = issue.path.map(String);
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys)
        unknown.push({ field: [...path, key].join('.').slice(0, 100), message: 'is not known here' });
    } else
      invalid.push({
        field: path.join('.').slice(0, 100),
        message: isMissing(issue, value) ? 'is missing' : issue.message,
      });
  }
  return { unknown, invalid };
}

function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { unknown, invalid } = toFieldErrors(result.error, value);
  if (unknown.length > 0) throw fail('unknown_field', { errors: unknown.slice(0, mostErrors) });
  const told = invalid.slice(0, mostErrors);
  const detail = told.map(({ field, message }) => `${field}: ${message}`).join('; ');
  throw fail('invalid_request', { detail, errors: told });
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
  return check(endpoint.query, Object.fromEntries(entries));
}

function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function refuseLongLists(body: unknown): void {
  for (const [field, value] of Object.entries(body ?? {}))
    if (sizeOf(value) > mostItems) throw invalidField(field.slice(0, 100), `holds more than ${mostItems}`);
}

export function readBody(endpoint: Endpoint, req: Request): unknown {
  if (endpoint.bytes !== undefined) return req.body;
  if (endpoint.body === undefined) return undefined;
  refuseLongLists(req.body);
  return check(endpoint.body, req.body);
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
