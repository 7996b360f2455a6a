// What a plug-in has to keep to, tried out: each promise of the contract as a check by itself.

import { setTimeout as wait } from 'node:timers/promises';
import { inspectPdf } from '../pdf/pdf.ts';
import type {
  CertificateToMake,
  Context,
  Generator,
  GeneratorTools,
  Plugin,
  Retriever,
  RetrieverTools,
} from './contract.ts';
import { readDecision } from './decision.ts';
import { compileOptions } from './options.ts';

export interface Check {
  /** As `attendance/present: ends when it is told to`. */
  name: string;
  /** Undefined where it is kept. */
  problem?: string | undefined;
  /** Where it could not be tried: why. */
  skipped?: string | undefined;
}

interface Means {
  /** By name of a part: the options to try it with. */
  options: Readonly<Record<string, Record<string, unknown>>>;
  tools(signal: AbortSignal): RetrieverTools & GeneratorTools;
}

const endsMs = 5000;
const mostDecisions = 10_000;
const context: Context = { kind: 'course', id: 'course-v1:Org+Algebra+2026', name: 'Algebra I' };
const certificate: CertificateToMake = {
  id: '00000000-0000-4000-8000-000000000001',
  number: '2026-000001',
  type: 'course-completion',
  studentId: 'STU001',
  courseId: context.id,
  courseName: context.name,
  name: 'Anjali Kumar',
  firstName: 'Anjali',
  lastName: 'Kumar',
  issuanceDate: '2026-03-01T10:00:00Z',
  score: 91,
  maxScore: 100,
  language: 'en',
  issuerName: 'Example School',
  verifyUrl: 'https://pdf.example/verify/AAAAAAAAAAAAAAAAAAAAAAAAAA',
};

const describe = (error: unknown) => (error instanceof Error ? error.message : String(error)).slice(0, 500);

async function tried(name: string, work: () => Promise<string | undefined>): Promise<Check> {
  return { name, problem: await work().catch(describe) };
}

/** What is wrong, when the work has not come to an end some seconds after it was told to. */
async function endsInTime(work: (signal: AbortSignal) => Promise<unknown>): Promise<string | undefined> {
  const ended = work(AbortSignal.abort(new Error('nobody waits for it'))).then(
    () => true,
    () => true,
  );
  const isEnded = await Promise.race([ended, wait(endsMs, false, { ref: false })]);
  return isEnded ? undefined : `it goes on ${endsMs / 1000} s after its signal was aborted`;
}

/** The options to try it with; or why there are none. */
function optionsFor(
  part: Retriever | Generator,
  means: Means,
): { value: Record<string, unknown> } | { missing: string } {
  const given = means.options[part.name];
  const { value, errors } = compileOptions(part.options).check(given ?? {}, false);
  if (errors.length === 0) return { value };
  const said = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
  if (given !== undefined) throw new Error(`the options that are given for it are not what its schema wants: ${said}`);
  return { missing: `it has options that must be given (--options): ${said}` };
}

async function collect(part: Retriever, options: Record<string, unknown>, tools: RetrieverTools) {
  const ids: string[] = [];
  for await (const given of part.retrieve(context, options, tools)) {
    ids.push(readDecision(given).studentId);
    if (ids.length === mostDecisions) break;
  }
  return ids;
}

async function* checkRetriever(name: string, part: Retriever, means: Means): AsyncIterable<Check> {
  const options = optionsFor(part, means);
  if ('missing' in options) return yield { name: `${name}: decides`, skipped: options.missing };
  const { value } = options;
  const { signal } = new AbortController();
  let first: string | undefined;
  yield await tried(`${name}: gives decisions that can be read`, async () => {
    const ids = await collect(part, value, means.tools(signal));
    first = ids[0];
    return undefined;
  });
  if (first !== undefined)
    yield await tried(`${name}: finds the one learner who is asked for`, async () => {
      const ids = await collect(part, value, { ...means.tools(signal), studentId: first });
      return ids.includes(String(first)) ? undefined : `it gave no decision for ${first}, whom it knows`;
    });
  yield await tried(`${name}: ends when it is told to`, () =>
    endsInTime((aborted) => collect(part, value, means.tools(aborted))),
  );
}

interface Asked {
  options: Record<string, unknown>;
  tools: GeneratorTools;
  facts?: CertificateToMake | undefined;
}

async function generate(part: Generator, { options, tools, facts = certificate }: Asked): Promise<Buffer> {
  const bytes = await part.generate(facts, options, tools);
  if (!(bytes instanceof Uint8Array)) throw new Error('it gave no bytes');
  const pdf = await inspectPdf(Buffer.from(bytes));
  if (pdf === undefined || pdf.pages === 0) throw new Error('what it gave is no PDF');
  if (!pdf.showsSomething) throw new Error('its sheets are empty');
  return Buffer.from(bytes);
}

/** When a PDF was written is no part of what it says. */
const withoutDates = (pdf: Buffer) => pdf.toString('latin1').replace(/\/(Creation|Mod)Date ?\([^)]*\)/g, '');

async function* checkGenerator(name: string, part: Generator, means: Means): AsyncIterable<Check> {
  const options = optionsFor(part, means);
  if ('missing' in options) return yield { name: `${name}: makes a PDF`, skipped: options.missing };
  const { value } = options;
  const { signal } = new AbortController();
  const make = (facts?: CertificateToMake) => generate(part, { options: value, tools: means.tools(signal), facts });
  let once: Buffer | undefined;
  yield await tried(`${name}: makes a PDF`, async () => {
    once = await make();
    return undefined;
  });
  const before = once;
  if (before !== undefined)
    yield await tried(`${name}: makes the same of the same`, async () =>
      withoutDates(await make()) === withoutDates(before) ? undefined : 'the second file is another than the first',
    );
  yield await tried(`${name}: takes a name of 200 letters, and what looks like markup`, async () => {
    const long = 'Wolfeschlegelstein '.repeat(10).trim();
    await make({ ...certificate, name: long, firstName: long });
    await make({ ...certificate, name: '<b>A & B</b> {{ x }}', firstName: '<b>A & B</b> {{ x }}' });
    return undefined;
  });
  yield await tried(`${name}: ends when it is told to`, () =>
    endsInTime((aborted) => generate(part, { options: value, tools: means.tools(aborted) })),
  );
}

type Checks = (means: Means) => AsyncIterable<Check>;

/** Each of them as it is tried: they take as long as the plug-in does. */
export async function* checkPlugin(
  { name, retrievers = [], generators = [] }: Plugin,
  means: Means,
): AsyncIterable<Check> {
  const known = [...retrievers, ...generators].map((part) => part.name);
  for (const each of Object.keys(means.options))
    if (!known.includes(each)) yield { name: `options of ${each}`, problem: 'there is no such part' };
  const all: [string, Checks][] = [
    ...retrievers.map((part): [string, Checks] => [
      part.name,
      (given) => checkRetriever(`${name}/${part.name}`, part, given),
    ]),
    ...generators.map((part): [string, Checks] => [
      part.name,
      (given) => checkGenerator(`${name}/${part.name}`, part, given),
    ]),
  ];
  for (const [part, checks] of all) {
    try {
      yield* checks(means);
    } catch (error) {
      yield { name: `${name}/${part}: options`, problem: describe(error) };
    }
  }
}
