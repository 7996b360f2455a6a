// When a PDF says that it was made: the browser writes the moment of printing, and the same page printed again would be another file.

/** As the browser writes it, of one length whatever the moment. */
const written = /\/(CreationDate|ModDate) \(D:\d{14}\+00'00'\)/g;

/** The same file, made at this moment. */
export function datedPdf(pdf: Buffer, at: Date): Buffer {
  const digits = at.toISOString().replace(/\D/g, '').slice(0, 14);
  const text = pdf.toString('latin1').replace(written, (_, name: string) => `/${name} (D:${digits}+00'00')`);
  return Buffer.from(text, 'latin1');
}
