// The built-in retriever `list`: those who stand in a list that an administrator has put in, for instance the attempts of years past.

import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { type Decision, type Retriever, type RetrieverTools, z } from './contract.ts';
import { faultOf } from './decision.ts';

const texts = ['studentId', 'firstName', 'middleName', 'lastName', 'email', 'language'] as const;
const numbers = ['score', 'maxScore', 'passingScore'] as const;
const names = [...texts, ...numbers] as const;
type Name = (typeof names)[number];

const column = z.string().min(1).max(200).optional();
const options = z.object({
  asset: z.string().meta({ title: 'List', description: 'Slug of the CSV or JSON that was put in.' }),
  columns: z
    .strictObject(Object.fromEntries(names.map((name) => [name, column])) as Record<Name, typeof column>)
    .default({} as never)
    .meta({ title: 'Columns', description: 'Our name of a column, and the name that it has in the list.' }),
});
type Options = z.output<typeof options>;

interface Row {
  line: number;
  values: Record<string, unknown>;
}

const chunkBytes = 64 * 1024;

/** Byte order marks say it, else the bytes: what is no UTF-8 was written by a spreadsheet of the west. */
function encodingOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return isUtf8(bytes) ? 'utf-8' : 'windows-1252';
}

function* decode(bytes: Uint8Array): Iterable<string> {
  const decoder = new TextDecoder(encodingOf(bytes));
  for (let at = 0; at < bytes.length; at += chunkBytes)
    yield decoder.decode(bytes.subarray(at, at + chunkBytes), { stream: at + chunkBytes < bytes.length });
}

/** Of the three that spreadsheets write, the one that stands most often in the first line. */
function delimiterOf(firstLine: string): string {
  const counts = [',', ';', '\t'].map((each) => [firstLine.split(each).length, each] as const);
  return counts.reduce((best, each) => (each[0] > best[0] ? each : best))[1];
}

async function* readCsv(bytes: Uint8Array, reject: RetrieverTools['reject']): AsyncIterable<Row> {
  const [beginning = ''] = decode(bytes.subarray(0, chunkBytes));
  const parser = parse({
    delimiter: delimiterOf(beginning.split(/[\r\n]/, 1)[0] ?? ''),
    columns: (header: string[]) => header.map((name) => name.trim()),
    bom: true,
    trim: true,
    info: true,
    skip_empty_lines: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_records_with_error: true,
    max_record_size: chunkBytes,
  });
  parser.on('skip', ({ lines, message }: { lines?: number; message: string }) => reject({ line: lines, message }));
  const rows = Readable.from(decode(bytes)).pipe(parser) as AsyncIterable<{
    record: Record<string, unknown>;
    info: { lines: number };
  }>;
  for await (const { record, info } of rows) yield { line: info.lines, values: record };
}

function* readJson(bytes: Uint8Array): Iterable<Row> {
  const content: unknown = JSON.parse([...decode(bytes)].join(''));
  const rows = Array.isArray(content) ? content : (content as { items?: unknown } | null)?.items;
  if (!Array.isArray(rows)) throw new Error('the list is neither an array nor an object with `items`');
  for (const [at, values] of rows.entries()) yield { line: at + 1, values: Object(values) };
}

function readNumber(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const number = typeof value === 'number' ? value : Number(String(value));
  if (!Number.isFinite(number) || number < 0) throw new Error(`${name} is no number from 0 up`);
  return number;
}

function readText(value: unknown): string | undefined {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value).trim() : '';
  return text === '' ? undefined : text;
}

/** @throws what is wrong with the row, in words. */
function decide({ values }: Row, columns: Options['columns']): Decision {
  const cellOf = (name: Name) => values[columns[name] ?? name];
  const { studentId, ...learner } = Object.fromEntries(texts.map((name) => [name, readText(cellOf(name))]));
  if (studentId === undefined) throw new Error('studentId is missing');
  const [score, maxScore, passingScore] = numbers.map((name) => readNumber(cellOf(name), name));
  const isMet = passingScore === undefined || (score !== undefined && score >= passingScore);
  const criterion =
    passingScore === undefined
      ? { name: 'Listed', required: true, actual: true, isMet }
      : { name: 'Score', required: passingScore, actual: score ?? null, isMet };
  const decision = { studentId, isEligible: isMet, criteria: [criterion], learner, score, maxScore };
  const fault = faultOf(decision);
  if (fault !== undefined) throw new Error(fault);
  return decision;
}

export const listRetriever: Retriever<Options> = {
  name: 'list',
  title: 'List',
  description:
    'Those who stand in a CSV or JSON list, an asset: each row is a learner who has earned it, or who has where `score` reaches `passingScore`. A row that can not be read is told, and passed over.',
  options,
  async *retrieve(_context, { asset, columns }, { assets, reject, signal }) {
    const { type, bytes } = await assets.read(asset);
    for await (const row of type === 'application/json' ? readJson(bytes) : readCsv(bytes, reject)) {
      signal.throwIfAborted();
      let decision: Decision;
      try {
        decision = decide(row, columns);
      } catch (error) {
        reject({ line: row.line, message: (error as Error).message });
        continue;
      }
      yield decision;
    }
  },
};
