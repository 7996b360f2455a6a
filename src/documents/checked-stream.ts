// A large document on its way: its last piece is held back until the digest is known, so that an altered one never arrives whole.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

/** For each piece, without its reader's time. */
const pieceTimeoutMs = 10_000;

interface Options {
  sha256: string;
  /** Called before the stream fails because the digest is another. */
  onAltered: () => Promise<void>;
  /** Called when all of it was read and has the digest. */
  onWhole: () => void;
}

/** The body's pieces; fails when the storage stops in the middle. */
async function* inTime(body: Readable): AsyncGenerator<Buffer> {
  const pieces = body[Symbol.asyncIterator]();
  for (;;) {
    const stuck = setTimeout(() => body.destroy(new Error('the storage stopped in the middle')), pieceTimeoutMs);
    const { done, value } = await pieces.next().finally(() => clearTimeout(stuck));
    if (done === true) return;
    yield value;
  }
}

async function* checked(body: Readable, { sha256, onAltered, onWhole }: Options): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let held: Buffer | undefined;
  for await (const piece of inTime(body)) {
    hash.update(piece);
    if (held !== undefined) yield held;
    held = piece;
  }
  if (hash.digest('hex') !== sha256) {
    await onAltered();
    throw new Error('altered document');
  }
  onWhole();
  if (held !== undefined) yield held;
}

/** The body as a stream that fails at its end when it was altered. Destroying it closes the body, read or unread. */
export function checkWhileStreaming(body: Readable, options: Options): Readable {
  return streamOf(body, checked(body, options));
}

/** The body as it comes, of which only a part is there; destroying it closes the body. */
export function streamPart(body: Readable): Readable {
  return streamOf(body, inTime(body));
}

function streamOf(body: Readable, pieces: AsyncIterable<Buffer>): Readable {
  const stream = Readable.from(pieces, { objectMode: false });
  // It may fail before its reader has begun; the reader learns it all the same.
  body.once('error', (error) => stream.destroy(error));
  stream.on('error', () => undefined);
  stream.once('close', () => body.destroy());
  return stream;
}
