// Answers whose body is sent while it is made or read.

import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';

/** A client that goes away in the middle is its own affair; anything else is thrown. */
function ignoreGoneClient(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
}

export async function streamBody(res: Response, content: Readable | AsyncIterable<Buffer>): Promise<void> {
  await pipeline(content, res).catch(ignoreGoneClient);
}
