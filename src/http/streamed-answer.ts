// Answers whose body is sent while it is made or read.

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';

/** A client that goes away in the middle is its own affair; anything else is thrown. */
function ignoreGoneClient(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
}

export async function streamBody(res: Response, content: Readable | AsyncIterable<Buffer>): Promise<void> {
  if (res.req.method === 'HEAD') {
    // Nothing is made for nobody.
    if (content instanceof Readable) content.destroy();
    res.end();
    return;
  }
  // A pipeline has half a dozen of its own beside those that every answer has, which is more than Node takes for right.
  res.setMaxListeners(20);
  await pipeline(content, res).catch(ignoreGoneClient);
}
