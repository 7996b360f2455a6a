// Traces: what took how long, and in the course of what. Told by OpenTelemetry where an exporter is set; else work is only done.

import { type Context, context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { ServiceError } from './errors.ts';

/** Ids, words of ours and counts: never a token, a name, or an address of somebody. */
export type SpanAttributes = Readonly<Record<string, string | number | readonly string[]>>;

const tracer = trace.getTracer('platen');

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

interface Beginning {
  kind?: keyof typeof kinds;
  attributes?: SpanAttributes;
  /** A `traceparent` that came from elsewhere; without one it is part of what is open. */
  parent?: unknown;
}

const writable = (attributes: SpanAttributes) =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, typeof value === 'object' ? [...value] : value]),
  );

/** One that is open: to be ended, however what it is about ends. */
export class OpenSpan {
  readonly #span: Span;
  readonly #context: Context;

  constructor(name: string, { kind = 'internal', attributes = {} }: Beginning, parent: Context) {
    this.#span = tracer.startSpan(name, { kind: kinds[kind], attributes: writable(attributes) }, parent);
    this.#context = trace.setSpan(parent, this.#span);
  }

  /** What is opened in the course of this work is a part of it. */
  run<T>(work: () => T): T {
    return context.with(this.#context, work);
  }

  /** A part of it, from wherever it is opened. */
  child(name: string): OpenSpan {
    return new OpenSpan(name, {}, this.#context);
  }

  rename(name: string): void {
    this.#span.updateName(name);
  }

  describe(attributes: SpanAttributes): void {
    this.#span.setAttributes(writable(attributes));
  }

  /** By the code alone: what an error says may name somebody. */
  fail(code: string): void {
    this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.setAttribute('error.type', code);
  }

  end(): void {
    this.#span.end();
  }
}

export function openSpan(name: string, { parent, ...beginning }: Beginning = {}): OpenSpan {
  const here = context.active();
  const within = typeof parent === 'string' ? propagation.extract(here, { traceparent: parent }) : here;
  return new OpenSpan(name, beginning, within);
}

/** Does the work as a span of its own. */
export async function inSpan<T>(name: string, beginning: Beginning, work: () => Promise<T>): Promise<T> {
  const span = openSpan(name, beginning);
  try {
    return await span.run(work);
  } catch (error) {
    span.fail(error instanceof ServiceError ? error.code : 'internal_error');
    throw error;
  } finally {
    span.end();
  }
}

/** By which what is open goes on elsewhere, as W3C Trace Context says; undefined where nothing is told. */
export function currentTraceparent(): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}
