// Is this PDF what was asked for? Looks at the raw file, without a PDF library.

/** Number of the page tree's `/Count`, found by way of the cross-reference table: text in the document can't imitate it. */
export function countPages(pdf: Buffer): number | undefined {
  const offsets = readOffsets(pdf);
  if (offsets === undefined) return undefined;
  const root = /\/Root (\d+) 0 R/.exec(offsets.trailer)?.[1];
  const catalog = readObject(pdf, offsets, root);
  const tree = readObject(pdf, offsets, /\/Pages (\d+) 0 R/.exec(catalog)?.[1]);
  const count = /\/Count (\d+)/.exec(tree)?.[1];
  return count === undefined ? undefined : Number(count);
}

interface Offsets {
  trailer: string;
  /** Position of the 20-byte entry of object 0. */
  table: number;
  objects: number;
}

/** Reads the one classical cross-reference table that the browser's PDF writer makes. */
function readOffsets(pdf: Buffer): Offsets | undefined {
  const tail = pdf.subarray(-1024).toString('latin1');
  const start = Number(/startxref\s+(\d+)\s+%%EOF\s*$/.exec(tail)?.[1]);
  if (!Number.isInteger(start) || start >= pdf.length) return undefined;
  const header = /^xref\s+0 (\d+)\s*?\n/.exec(pdf.subarray(start, start + 64).toString('latin1'));
  if (header === null) return undefined;
  const table = start + header[0].length;
  const objects = Number(header[1]);
  return { trailer: pdf.subarray(table + objects * 20).toString('latin1'), table, objects };
}

const objectBytesRead = 4096;

function readObject(pdf: Buffer, { table, objects }: Offsets, id: string | undefined): string {
  const index = Number(id);
  if (!(index < objects)) return '';
  const entry = pdf.subarray(table + index * 20, table + index * 20 + 10).toString('latin1');
  const text = pdf.subarray(Number(entry), Number(entry) + objectBytesRead).toString('latin1');
  return text.startsWith(`${index} 0 obj`) ? (text.split('endobj')[0] ?? '') : '';
}

/** Whether the file begins and ends as a whole PDF does. */
export function isWholePdf(pdf: Buffer): boolean {
  return pdf.subarray(0, 5).toString('latin1') === '%PDF-' && /%%EOF\s*$/.test(pdf.subarray(-16).toString('latin1'));
}
