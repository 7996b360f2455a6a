// Prints the page of a generator, and lays it over the PDF that it is meant for.

import { fail } from '../errors.ts';
import { layOver, OverlayFault, type Paper, paperOf } from '../pdf/pdf.ts';
import type { PageRequest } from './contract.ts';

type File = NonNullable<PageRequest['files']>[string];

/** Gives the PDF of a page with its files, by path. */
export type PrintPage = (html: string, files: ReadonlyMap<string, File>) => Promise<{ bytes: Uint8Array }>;

const paperPath = '/paper.css';
const pixelsPerPoint = 96 / 72;
/** A browser's sheets have whole pixels; what is too much lies beyond the edge. */
const pixels = (points: number) => Math.ceil(points * pixelsPerPoint);

function paperSheet({ width, height }: Paper): File {
  const css = `@page { margin: 0; size: ${pixels(width)}px ${pixels(height)}px } :root { --paper-width: ${width}pt; --paper-height: ${height}pt }`;
  return { type: 'text/css', bytes: Buffer.from(css) };
}

function explain(error: unknown): unknown {
  if (!(error instanceof OverlayFault)) return error;
  return fail(
    'template_failed',
    { detail: `The page can't be laid over its template: ${error.message}` },
    { cause: error },
  );
}

/** @throws {ServiceError} template_failed where `onto` is no PDF that can be drawn on; as `print`. */
export async function printPage({ html, files = {}, onto }: PageRequest, print: PrintPage): Promise<Uint8Array> {
  const own = new Map(Object.entries(files));
  if (onto === undefined) return (await print(html, own)).bytes;
  try {
    const sheet = paperSheet(await paperOf(onto));
    const { bytes } = await print(html, new Map([...own, [paperPath, sheet]]));
    return await layOver(onto, bytes);
  } catch (error) {
    throw explain(error);
  }
}
