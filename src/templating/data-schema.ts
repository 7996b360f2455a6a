// Whether data is what a template's schema says, and how it is told when it is not.

import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type FieldError, fail } from '../errors.ts';

/** @throws {ServiceError} name_required; invalid_request, with the place of each fault. */
export type DataCheck = (data: unknown) => void;

const nothingToSee = /[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{C}\u2800]/gu;
const isBlank = (text: string) => !/[^\p{M}]/u.test(text.replace(nothingToSee, ''));

/** As a pointer from the root of the data. */
function fieldOf({ instancePath, params }: ErrorObject): string {
  const name = params.missingProperty ?? params.additionalProperty ?? params.unevaluatedProperty;
  return name === undefined
    ? instancePath
    : `${instancePath}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

const describe = (error: ErrorObject): FieldError => ({
  field: fieldOf(error),
  message: error.keyword === 'required' ? 'is required' : (error.message ?? 'is not allowed'),
});

const lacksName = (data: unknown) => {
  const name = (data as { name?: unknown } | null)?.name;
  return name === undefined || name === null || (typeof name === 'string' && isBlank(name));
};

/** @throws when the schema is none. */
export function compileSchema(schema: object): DataCheck {
  const ajv = new Ajv2020({ allErrors: true, ownProperties: true });
  addFormats.default(ajv);
  const isValid = ajv.compile(schema);
  const wantsName = 'required' in schema && Array.isArray(schema.required) && schema.required.includes('name');
  return (data) => {
    if (wantsName && lacksName(data))
      throw fail('name_required', { errors: [{ field: '/name', message: 'is required' }] });
    if (isValid(data)) return;
    const errors = (isValid.errors ?? []).map(describe);
    const [first] = errors;
    throw fail('invalid_request', { detail: `${first?.field ?? ''} ${first?.message ?? ''}`.trim(), errors });
  };
}
