// An answer that goes on: the newest state of something as server-sent events, until it has ended, the client goes away or the process stops.

import { createHash } from 'node:crypto';
import type { Response } from 'express';
import { followSignals } from '../abortable.ts';
import { fail } from '../errors.ts';
import type { EventFeed, EventSink, Exchange, Snapshot } from './contract.ts';
import { streamTermsOf } from './server.ts';

/** After so long a client that has lost its connection is to come back. */
const reconnectMs = 2000;

const mayNotSpan = /[\r\n\0]/;

/** As it goes over the wire; one snapshot may go to many clients. */
interface WrittenEvent {
  id: string;
  text: string;
}

const written = new WeakMap<Snapshot, WrittenEvent>();

function write(snapshot: Snapshot): WrittenEvent {
  const present = written.get(snapshot);
  if (present !== undefined) return present;
  const data = JSON.stringify(snapshot.data);
  const id = snapshot.id ?? createHash('sha256').update(data).digest('base64url').slice(0, 22);
  if (mayNotSpan.test(id)) throw new Error('the id of an event is one line');
  const event = { id, text: `id: ${id}\ndata: ${data}\n\n` };
  written.set(snapshot, event);
  return event;
}

/** One write at a time: what comes while a client has not taken the last is kept, and only the newest of it. */
class EventStream implements EventSink {
  readonly #res: Response;
  /** Of the last event that the client has. */
  #lastId: string | undefined;
  #next: Snapshot | undefined;
  #isOpen = false;
  #isWriting = false;
  #isEnding = false;

  constructor(res: Response, lastEventId: string | undefined) {
    this.#res = res;
    this.#lastId = lastEventId;
  }

  give(snapshot: Snapshot): void {
    if (this.#isEnding) return;
    this.#next = snapshot;
    this.#isEnding = snapshot.isLast;
    this.#flush();
  }

  end(): void {
    this.#isEnding = true;
    this.#flush();
  }

  open(): void {
    const hasAll = this.#isEnding && this.#news() === undefined;
    // A proxy that compresses it would hold events back.
    this.#res.setHeader('Cache-Control', 'no-store, no-transform');
    if (hasAll) {
      // Tells a browser's EventSource not to come back.
      this.#res.status(204).end();
      return;
    }
    this.#res.setHeader('Content-Type', 'text/event-stream');
    this.#res.setHeader('X-Accel-Buffering', 'no');
    if (this.#res.req.method === 'HEAD') {
      this.#res.end();
      return;
    }
    this.#isOpen = true;
    this.#send(`retry: ${reconnectMs}\n\n`);
  }

  beat(): void {
    if (!this.#isWriting) this.#send(': still here\n\n');
  }

  /** Ends it now, whatever the client has taken: it comes back elsewhere and says what it has. */
  breakOff(): void {
    this.#isEnding = true;
    this.#next = undefined;
    if (this.#isWriting) this.#res.destroy();
    else this.#res.end();
  }

  #flush(): void {
    if (!this.#isOpen || this.#isWriting) return;
    const news = this.#news();
    this.#next = undefined;
    if (news !== undefined) {
      this.#lastId = news.id;
      this.#send(news.text);
    } else if (this.#isEnding) this.#res.end();
  }

  /** What the client does not have yet. */
  #news(): WrittenEvent | undefined {
    const event = this.#next === undefined ? undefined : write(this.#next);
    return event?.id === this.#lastId ? undefined : event;
  }

  #send(text: string): void {
    this.#isWriting = true;
    this.#res.write(text, () => {
      this.#isWriting = false;
      this.#flush();
    });
  }
}

/**
 * Answers with what the feed gives, and resolves when the answer is over. A state that the client has already, by its `Last-Event-ID`, is not
 * sent again; where that was the last one the answer is 204.
 */
export async function streamEvents(
  { req, res, signal }: Pick<Exchange, 'req' | 'res' | 'signal'>,
  feed: EventFeed,
): Promise<void> {
  const { stopping, heartbeatMs } = streamTermsOf(res);
  if (signal.aborted || res.closed) return;
  if (stopping.aborted) throw fail('shutting_down');
  const lastEventId = req.get('Last-Event-ID');
  const stream = new EventStream(res, lastEventId);
  const stop = feed(stream, lastEventId);
  const closed = Promise.withResolvers<void>();
  res.once('close', closed.resolve);
  using ending = followSignals([stopping]);
  ending.signal.addEventListener('abort', () => stream.breakOff(), { once: true });
  stream.open();
  const heartbeat = setInterval(() => stream.beat(), heartbeatMs);
  try {
    await closed.promise;
  } finally {
    clearInterval(heartbeat);
    stop();
  }
}
