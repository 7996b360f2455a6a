// Draws the first page of a PDF as a PNG, for people who want to see what was printed.

interface Canvas {
  getContext(kind: '2d'): unknown;
  encode(format: 'png'): Promise<Buffer>;
}

const pixelsPerPoint = 1.5;

/** Undefined where what draws it is not installed: it is needed for development only. */
export async function drawFirstPage(pdf: Uint8Array): Promise<Buffer | undefined> {
  const tools = await loadTools();
  if (tools === undefined) return undefined;
  const task = tools.getDocument({ data: new Uint8Array(pdf), verbosity: 0 });
  const document = await task.promise;
  const page = await document.getPage(1);
  const viewport = page.getViewport({ scale: pixelsPerPoint });
  const canvas = tools.createCanvas(Math.round(viewport.width), Math.round(viewport.height));
  await page.render({ canvas: canvas as never, viewport }).promise;
  await task.destroy();
  return canvas.encode('png');
}

async function loadTools() {
  try {
    const [{ getDocument }, { createCanvas }] = await Promise.all([
      import('pdfjs-dist/legacy/build/pdf.mjs'),
      import('@napi-rs/canvas') as Promise<{ createCanvas(width: number, height: number): Canvas }>,
    ]);
    return { getDocument, createCanvas };
  } catch {
    return undefined;
  }
}
