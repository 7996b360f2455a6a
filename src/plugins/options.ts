// The options of a plug-in: its schema, of whichever of the two kinds, and whether what is configured is what it says.

import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type FieldError, pointerTo } from '../errors.ts';
import { z } from './contract.ts';

type Options = Record<string, unknown>;

export interface CheckedOptions {
  /** With the defaults of the schema. */
  value: Options;
  /** Each `field` is a JSON pointer from the root of the options. */
  errors: FieldError[];
}

export interface OptionsSchema {
  /** As JSON Schema. */
  json: Options;
  /** Whether the schema has something to say of an option of this name. */
  names(name: string): boolean;
  /** @param isPartial whether what is required may still be missing. */
  check(options: Options, isPartial: boolean): CheckedOptions;
}

const valueAt = (options: unknown, path: readonly PropertyKey[]) =>
  path.reduce<unknown>((part, key) => (part as Record<PropertyKey, unknown> | undefined)?.[key], options);

function checkByZod(schema: z.ZodType, options: Options, isPartial: boolean): CheckedOptions {
  const { success, data, error } = schema.safeParse(options);
  if (success) return { value: data as Options, errors: [] };
  const errors = error.issues.flatMap(({ path, message, ...issue }) => {
    const isMissing = issue.code !== 'unrecognized_keys' && valueAt(options, path) === undefined;
    if (isMissing) return isPartial ? [] : [{ field: pointerTo(path), message: 'is missing' }];
    return [{ field: pointerTo(path), message }];
  });
  return { value: options, errors };
}

/** What only says that something is missing, or that none of several forms fits because of that. */
const missing = new Set(['required', 'dependentRequired', 'minProperties', 'anyOf', 'oneOf', 'if']);

function describe({ instancePath, keyword, params, message = 'is not allowed' }: ErrorObject): FieldError {
  const name = params.missingProperty ?? params.additionalProperty ?? params.unevaluatedProperty;
  const field = name === undefined ? instancePath : `${instancePath}${pointerTo([String(name)])}`;
  return { field, message: keyword === 'required' ? 'is missing' : message };
}

function compileJson(schema: Options): OptionsSchema['check'] {
  const ajv = new Ajv2020({ allErrors: true, ownProperties: true, useDefaults: true, strictTypes: false });
  addFormats.default(ajv);
  const isValid = ajv.compile(schema);
  return (options, isPartial) => {
    const value = structuredClone(options);
    if (isValid(value)) return { value, errors: [] };
    const faults = isValid.errors ?? [];
    const counted = isPartial ? faults.filter(({ keyword }) => !missing.has(keyword)) : faults;
    return { value, errors: counted.map(describe) };
  };
}

/** @throws when it is no schema of an object. */
export function compileOptions(schema: z.ZodType | Options): OptionsSchema {
  const isZod = schema instanceof z.ZodType;
  const json = (isZod ? z.toJSONSchema(schema, { io: 'input' }) : schema) as Options;
  if (json.type !== 'object') throw new Error('its options must be the schema of an object');
  const check: OptionsSchema['check'] = isZod
    ? (options, isPartial) => checkByZod(schema, options, isPartial)
    : compileJson(json);
  const properties = Object.keys((json.properties ?? {}) as object);
  const more = json.additionalProperties;
  // A schema that does not speak of others has no use for them.
  const takesAll = more === true || (typeof more === 'object' && more !== null);
  return { json, check, names: (name) => takesAll || properties.includes(name) };
}
