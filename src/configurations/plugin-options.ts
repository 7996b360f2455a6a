// The options of a type and of its configurations: merged, and each plug-in given those that it has a use for. Pure.

import { type FieldError, fail, pointerTo } from '../errors.ts';
import type { PluginPart, Plugins } from '../plugins/plugins.ts';

type Options = Record<string, unknown>;

const isObject = (value: unknown): value is Options =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What stands above goes before what stands below; objects are merged, all else is replaced as a whole. */
export function mergeOptions(below: Options, above: Options): Options {
  const merged = new Map(Object.entries(below));
  for (const [name, value] of Object.entries(above)) {
    const present = merged.get(name);
    merged.set(name, isObject(present) && isObject(value) ? mergeOptions(present, value) : value);
  }
  return Object.fromEntries(merged);
}

export interface PluginOptions {
  retriever: Options;
  generator: Options;
}

function partOf(part: PluginPart, options: Options, { isPartial, at }: { isPartial: boolean; at: string }) {
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => part.options.names(name)));
  const { value, errors } = part.options.check(own, isPartial);
  return { value, errors: errors.map(({ field, message }) => ({ field: `${at}${field}`, message })) };
}

interface Named {
  retriever: string;
  generator: string;
}

/**
 * What each of the two is given.
 * @param isPartial whether what they require may still be missing.
 * @param at where the options stand in the body, as a JSON pointer.
 * @throws invalid_request with all that is wrong.
 */
export function readOptions(
  plugins: Plugins,
  named: Named,
  given: { options: Options; isPartial: boolean; at?: string },
): PluginOptions {
  const { options, isPartial, at = '/options' } = given;
  const parts = (['retriever', 'generator'] as const).map((kind) => ({ kind, part: plugins.find(kind, named[kind]) }));
  const errors: FieldError[] = parts
    .filter(({ part }) => part === undefined)
    .map(({ kind }) => ({ field: `/${kind}`, message: 'is none that is installed' }));
  if (errors.length > 0) throw refuse(errors);
  const found = parts.flatMap(({ part }) => part ?? []);
  const strangers = Object.keys(options).filter((name) => !found.some((part) => part.options.names(name)));
  errors.push(
    ...strangers.map((name) => ({ field: `${at}${pointerTo([name])}`, message: 'is known to neither plug-in' })),
  );
  const [retriever, generator] = found.map((part) => partOf(part, options, { isPartial, at }));
  errors.push(...(retriever?.errors ?? []), ...(generator?.errors ?? []));
  // Both may have something to say of the same.
  const seen = new Set<string>();
  const told = errors.filter(({ field, message }) => !seen.has(field + message) && seen.add(field + message));
  if (told.length > 0) throw refuse(told);
  return { retriever: retriever?.value ?? {}, generator: generator?.value ?? {} };
}

function refuse(errors: FieldError[]) {
  const detail = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
  return fail('invalid_request', { detail, errors });
}
