// Whatever is changed in a credential, added to it or taken away from it, it is no longer genuine.

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Credential } from '../src/credentials/contract.ts';
import { facts, makeCredentials } from './support/credentials.ts';

const credentials = makeCredentials();
/** Everything that we sign. */
const forms: [name: string, make: () => Promise<Credential>][] = [
  ['certificate', () => credentials.issue(facts)],
  ['badge', () => credentials.badge(facts)],
  ['status list', () => credentials.statusList(0, [7, 4242])],
];

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Path = (string | number)[];

/** The places of all values, from the root down. */
function placesIn(value: Json, path: Path = []): Path[] {
  if (value === null || typeof value !== 'object') return [path];
  const children: [string | number, Json][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...children.flatMap(([name, child]) => placesIn(child, [...path, name]))];
}

/** A copy in which what stands at that place was replaced; by `undefined`: taken away. */
function replaceAt(value: Json, [name, ...rest]: Path, replace: (old: Json) => Json | undefined): Json | undefined {
  if (name === undefined) return replace(value);
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => {
      if (index !== name) return [item];
      const replaced = replaceAt(item, rest, replace);
      return replaced === undefined ? [] : [replaced];
    });
  }
  // By way of entries, so that a name like __proto__ is a name like all others.
  return Object.fromEntries(
    Object.entries(value as Record<string, Json>).flatMap(([key, child]) => {
      const replaced = key === name ? replaceAt(child, rest, replace) : child;
      return replaced === undefined ? [] : [[key, replaced]];
    }),
  );
}

const isObject = (value: Json): value is { [name: string]: Json } =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
const withField = (name: string, field: Json) => (value: Json) =>
  isObject(value) && !Object.hasOwn(value, name)
    ? Object.fromEntries([...Object.entries(value), [name, field]])
    : value;

/** Names that a context defines elsewhere, that JSON-LD reads for itself, that it leaves out, or that JavaScript does. */
const addedNames = [
  'id',
  'type',
  '@id',
  '@type',
  '@context',
  '@graph',
  '@nest',
  '@included',
  '@index',
  '@none',
  'name',
  'proof',
  'nonce',
  'domain',
  'expires',
  'expirationDate',
  'middleName',
  'previousProof',
  'evidence',
  'credentialStatus',
  'unheardOf',
  'https://schema.org/name',
  '__proto__',
  'constructor',
  'toJSON',
  '',
];
const addedValues: Json[] = [null, '', 'x', 0, true, [], {}, [null], 'urn:a:b', '2026-06-30T10:00:00Z'];

/** Every change of one place that a forger, or a careless store, could think of. */
const changes: ((value: Json) => Json | undefined)[] = [
  () => undefined,
  ...addedValues.map((value) => () => value),
  (value) => [value],
  (value) => [value, value],
  (value) => ({ '@value': value }),
  (value) => ({ '@id': value }),
  (value) => ({ '@list': [value] }),
  (value) => ({ '@set': [value] }),
  (value) => (typeof value === 'string' ? `${value} ` : value),
  (value) => (typeof value === 'string' ? ` ${value}` : value),
  (value) => (typeof value === 'string' ? value.normalize('NFD') : value),
  (value) => (typeof value === 'string' ? value.toUpperCase() : value),
  (value) => (typeof value === 'string' ? `${value}\ud800` : value),
  (value) => (typeof value === 'string' ? `${value}\u0000` : value),
  (value) => (typeof value === 'boolean' ? !value : value),
  (value) => (Array.isArray(value) ? [...value].reverse() : value),
  (value) => (Array.isArray(value) ? [...value, ...value.slice(0, 1)] : value),
  (value) => (Array.isArray(value) ? [...value, null] : value),
  (value) => (Array.isArray(value) && value.length === 1 ? (value[0] as Json) : value),
  ...addedNames.flatMap((name) => addedValues.map((value) => withField(name, value))),
];

test.each(forms)('%s: every field, changed, added to or taken away', async (_, make) => {
  const genuine = (await make()) as Json;
  expect(await credentials.check(genuine)).toEqual({ isGenuine: true });
  const original = JSON.stringify(genuine);
  const accepted: unknown[] = [];
  let tried = 0;
  for (const path of placesIn(genuine)) {
    for (const change of changes) {
      const forged = replaceAt(genuine, path, change);
      if (forged === undefined || JSON.stringify(forged) === original) continue;
      tried += 1;
      if ((await credentials.check(forged)).isGenuine) accepted.push({ path, forged });
    }
  }
  expect(accepted).toEqual([]);
  expect(tried).toBeGreaterThan(1000);
});

test.each(forms)('%s: every text, changed in one character or to any other text', async (_, make) => {
  const genuine = (await make()) as Json;
  const texts = placesIn(genuine).filter((path) => {
    let isText = false;
    replaceAt(genuine, path, (value) => {
      isText = typeof value === 'string';
      return value;
    });
    return isText;
  });
  const otherText = (old: string) =>
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .tuple(fc.nat(old.length), fc.string({ unit: 'grapheme', maxLength: 1 }))
        .map(([at, letter]) => old.slice(0, at) + letter + old.slice(at + 1)),
    );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...texts), fc.gen(), async (path, draw) => {
      const forged = replaceAt(genuine, path, (old) => draw(otherText, old as string)) as Json;
      fc.pre(JSON.stringify(forged) !== JSON.stringify(genuine));
      expect((await credentials.check(forged)).isGenuine).toBe(false);
    }),
    { numRuns: 400 },
  );
});

test('half of a character does not pass for the sign that stands for it in a hash', async () => {
  const issued = await credentials.issue({ ...facts, courseName: 'Data \ufffd Science' });
  const forged = JSON.parse(JSON.stringify(issued).replace('\ufffd', '\\ud800'));
  expect(await credentials.check(issued)).toEqual({ isGenuine: true });
  expect(await credentials.check(forged)).toMatchObject({ isGenuine: false });
});

test('the order of fields, which JSON does not keep, may be another', async () => {
  const reversed = (value: Json): Json =>
    isObject(value)
      ? Object.fromEntries(
          Object.entries(value)
            .reverse()
            .map(([name, child]) => [name, reversed(child)]),
        )
      : Array.isArray(value)
        ? value.map(reversed)
        : value;
  for (const [, make] of forms)
    expect(await credentials.check(reversed((await make()) as Json))).toEqual({ isGenuine: true });
});

test('anything at all may be given back, and none of it is genuine', async () => {
  const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
  const genuine = await credentials.badge(facts);
  for (const given of [
    undefined,
    null,
    1,
    'x',
    [],
    {},
    { issuer: 1 },
    { ...genuine, deep },
    { ...genuine, issuer: deep },
  ])
    expect((await credentials.check(given)).isGenuine).toBe(false);
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (given) => {
      expect((await credentials.check(given)).isGenuine).toBe(false);
      expect((await credentials.check({ ...genuine, proof: given })).isGenuine).toBe(false);
    }),
  );
});

test('a proof of one credential proves no other, nor does one proof stand for two', async () => {
  const [one, other] = [await credentials.badge(facts), await credentials.badge({ ...facts, firstName: 'Eve' })];
  const [statements, json] = one.proof as Json[];
  const proofs = [
    other.proof,
    [statements],
    [json],
    [json, statements],
    [statements, statements],
    [json, json],
    statements,
    json,
  ];
  for (const proof of proofs) expect((await credentials.check({ ...one, proof })).isGenuine).toBe(false);
  expect((await credentials.check({ ...one, proof: [statements, (other.proof as Json[])[1]] })).isGenuine).toBe(false);
  expect((await credentials.check({ ...one, proof: [(other.proof as Json[])[0], json] })).isGenuine).toBe(false);
});
