// Reads a user token's claims: who is this, of which tenant, with which classes. Pure.

import { readOrigin } from '../origin.ts';
import type { Caller, CallerTenant, Claims } from './contract.ts';

export interface TenantDirectory {
  /** Origins of all tenants. */
  origins: readonly string[];
  originOfIssuer: ReadonlyMap<string, string>;
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$/;

const types = new Map<unknown, Caller['type']>([
  ['student', 'student'],
  ['teacher', 'teacher'],
  ['educator', 'teacher'],
  ['admin', 'admin'],
]);

/** The one value that all given claims agree on; undefined when none is given. */
function agree(values: unknown[]): { value: string | undefined } | 'contradiction' {
  const given = values
    .filter((value) => value !== undefined && value !== null && value !== '')
    .map((value) => (typeof value === 'number' ? String(value) : value));
  const [first, ...rest] = given;
  if (first === undefined) return { value: undefined };
  if (typeof first !== 'string' || rest.some((value) => value !== first)) return 'contradiction';
  return { value: first };
}

function readType({ user_type, role }: Claims): Caller['type'] | undefined {
  const named = [user_type, role].filter((value) => value !== undefined && value !== null);
  const [first, second] = named.map((value) => types.get(value));
  if (named.length === 2 && first !== second) return undefined;
  return first;
}

/** A bare number beside an id that is none is the account's row in a database, not another name of the person. */
function isDatabaseKey(userId: unknown, own: unknown[]): boolean {
  const isNumber = (value: unknown) => /^\d+$/.test(String(value));
  return isNumber(userId) && own.some((id) => typeof id === 'string' && id !== '' && !isNumber(id));
}

function readId(type: Caller['type'], claims: Claims): string | undefined {
  const { student_id, teacher_id, educator_id, user_id } = claims;
  const own = { student: [student_id], teacher: [teacher_id, educator_id], admin: [] }[type];
  const agreed = agree([...own, ...(isDatabaseKey(user_id, own) ? [] : [user_id])]);
  if (agreed === 'contradiction') return undefined;
  const id = agreed.value ?? (type === 'admin' ? (claims.sub ?? claims.email) : undefined);
  return typeof id === 'string' && idPattern.test(id) && !id.includes('..') ? id : undefined;
}

function readClasses({ class_id }: Claims): string[] | undefined {
  const list = Array.isArray(class_id) ? class_id : [class_id];
  const given = list.filter((value) => value !== undefined && value !== null && value !== '');
  const isReadable = given.every((value) => typeof value === 'string' || typeof value === 'number');
  return isReadable ? [...new Set(given.map(String))] : undefined;
}

function readTenant(claims: Claims, { origins, originOfIssuer }: TenantDirectory): CallerTenant | undefined {
  const byIssuer = originOfIssuer.get(claims.iss ?? '');
  const claimed = typeof claims.origin === 'string' ? (readOrigin(claims.origin) ?? claims.origin) : claims.origin;
  const agreed = agree([claimed, byIssuer]);
  if (agreed === 'contradiction') return undefined;
  const named = agreed.value;
  if (named !== undefined) return origins.includes(named) ? { origin: named } : 'foreign';
  const [only, ...others] = origins;
  return only !== undefined && others.length === 0 ? { origin: only } : 'unnamed';
}

/** Whether a `scope` claim, a text with spaces or commas or a list, names `report:read`. */
export function hasReportScope(scope: unknown): boolean {
  return [scope].flat().some((each) =>
    String(each)
      .split(/[\s,]+/)
      .includes('report:read'),
  );
}

/** The caller, or undefined when the claims don't say who it is, contradict each other, or are a report token's. */
export function readCaller(claims: Claims, token: string, tenants: TenantDirectory): Caller | undefined {
  if (hasReportScope(claims.scope)) return undefined;
  const type = readType(claims);
  if (type === undefined) return undefined;
  const id = readId(type, claims);
  const classes = readClasses(claims);
  const tenant = readTenant(claims, tenants);
  if (id === undefined || classes === undefined || tenant === undefined) return undefined;
  return { tenant, type, id, classes, token };
}
