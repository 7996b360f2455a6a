// PDFs of strangers: what can be read is told from what can not, and a file that takes all it can get ends its own thread only.

import { createDeflate } from 'node:zlib';
import { PDFDocument } from '@cantoo/pdf-lib';
import { expect, test } from '@jest/globals';
import { readStrangersPdf } from '../../src/pdf/pdf.ts';

async function someDocument(): Promise<PDFDocument> {
  const document = await PDFDocument.create();
  document.addPage().drawText('A page');
  return document;
}

/** Spaces, deflated: a few megabytes that become gigabytes. */
async function deflatedSpaces(gigabytes: number): Promise<Buffer> {
  const deflate = createDeflate({ level: 9 });
  const spaces = Buffer.alloc(1024 * 1024, ' ');
  const pieces: Buffer[] = [];
  deflate.on('data', (piece: Buffer) => pieces.push(piece));
  for (let left = gigabytes * 1024; left > 0; left--)
    if (!deflate.write(spaces)) await new Promise((resolve) => deflate.once('drain', resolve));
  await new Promise<void>((resolve) => {
    deflate.once('end', resolve);
    deflate.end();
  });
  return Buffer.concat(pieces);
}

test('a plain one, and one with packed objects, can be read', async () => {
  const document = await someDocument();
  expect(await readStrangersPdf(Buffer.from(await document.save({ useObjectStreams: false })))).toBe('readable');
  expect(await readStrangersPdf(Buffer.from(await document.save({ useObjectStreams: true })))).toBe('readable');
});

test('an encrypted one is told from one that is broken', async () => {
  const document = await someDocument();
  document.encrypt({ userPassword: 'open', ownerPassword: 'all' });
  expect(await readStrangersPdf(Buffer.from(await document.save()))).toBe('encrypted');
  expect(await readStrangersPdf(Buffer.from('%PDF-1.7\nnothing'))).toBe('unreadable');
  expect(await readStrangersPdf(Buffer.from('<html>'))).toBe('unreadable');
});

test('one that inflates to gigabytes, or nests without end, is given up, and the next is read', async () => {
  const inflating = await deflatedSpaces(3);
  const bomb = Buffer.concat([
    Buffer.from(
      `%PDF-1.7\n1 0 obj\n<</Type/ObjStm/N 10/First 10/Filter/FlateDecode/Length ${inflating.length}>>\nstream\n`,
    ),
    inflating,
    Buffer.from('\nendstream\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF'),
  ]);
  const nested = Buffer.from(`%PDF-1.7\n1 0 obj\n${'['.repeat(50_000)}`);
  const good = Buffer.from(await (await someDocument()).save());
  const all = await Promise.all([bomb, nested, good].map((file) => readStrangersPdf(file)));
  expect(all).toEqual(['unreadable', 'unreadable', 'readable']);
});

test('too many at once are sent away', async () => {
  const good = Buffer.from(await (await someDocument()).save());
  const answers = await Promise.allSettled(Array.from({ length: 12 }, () => readStrangersPdf(good)));
  expect(answers.filter(({ status }) => status === 'rejected').length).toBe(4);
  expect(answers.find((answer) => answer.status === 'rejected')).toMatchObject({ reason: { code: 'queue_full' } });
});
