// The text of a PDF as poppler reads it: unlike others it knows how letters that are joined or reordered were written.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Without blanks and marks of direction, which no two readers agree on; undefined where poppler is not installed. */
export async function lettersOf(pdf: Buffer): Promise<string | undefined> {
  const run = promisify(execFile)('pdftotext', ['-', '-'], { encoding: 'utf8' });
  run.child.stdin?.on('error', () => undefined).end(pdf);
  const { stdout } = await run.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return { stdout: undefined };
    throw error;
  });
  return stdout?.replace(/[\s\p{Cf}]/gu, '');
}
