// Brings a PDF with cross-reference streams or packed objects into the form that this folder reads: one table, each object by itself.

/** @throws when it is no PDF. The library is loaded when it is first needed: the browser's own files need none of this. */
export async function toPlainForm(bytes: Buffer): Promise<Buffer> {
  const { PDFDocument } = await import('@cantoo/pdf-lib');
  const document = await PDFDocument.load(bytes, { updateMetadata: false });
  return Buffer.from(
    await document.save({ useObjectStreams: false, addDefaultPage: false, updateFieldAppearances: false }),
  );
}
