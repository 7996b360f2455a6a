// Carries the trace of a request into the work that it asked for, in whichever process that is done.

import { currentTraceparent, openSpan } from '../tracing.ts';
import type { BegunTask, Ending } from './attempts.ts';

/** As it is stored: with the trace, where there is one. What a definition says of its data does not know of it. */
export function withTraceparent(data: unknown): unknown {
  const traceparent = currentTraceparent();
  return traceparent === undefined ? data : { ...(data as object), traceparent };
}

/** Where several wait for the work it is part of the trace of the one that is done. */
export async function traceAttempt(
  { id, name, attempt, asked }: BegunTask,
  work: () => Promise<Ending | Error>,
): Promise<Ending | Error> {
  const { traceparent } = (asked?.data ?? {}) as { traceparent?: unknown };
  const attributes = { 'platen.job.task': id, 'platen.job.attempt': attempt };
  const span = openSpan(`job ${name}`, { kind: 'consumer', attributes, parent: traceparent });
  try {
    const outcome = await span.run(work);
    if (outcome instanceof Error) span.fail('not_done');
    else if (outcome.state === 'failed') span.fail(outcome.error.code);
    return outcome;
  } finally {
    span.end();
  }
}
