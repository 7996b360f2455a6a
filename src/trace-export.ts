// Sends traces to whoever collects them, by OTLP over HTTP; loaded where that is wanted alone.

import { context, DiagLogLevel, diag, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { parseKeyPairsIntoRecord, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { abortable } from './abortable.ts';
import { createLog } from './log.ts';
import { version } from './version.ts';

const log = createLog('traces');

/** For what is not sent yet when the process stops. */
const longestFlushMs = 2000;

export interface TraceExportConfig {
  /** `/v1/traces` below it is where they go. */
  endpoint: string;
  serviceName: string;
  /** Of those that begin here; what began elsewhere is told where that is. */
  share: number;
}

/** From now on, until it is disposed. */
export function startTraceExport(
  { endpoint, serviceName, share }: TraceExportConfig,
  headers: string | undefined,
): AsyncDisposable {
  const tell = (message: string) => log.warn(`Traces: ${message}`);
  const silent = () => undefined;
  diag.setLogger(
    { error: tell, warn: tell, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN },
  );
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  const exporter = new OTLPTraceExporter({ url, headers: parseKeyPairsIntoRecord(headers) });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) }),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return {
    async [Symbol.asyncDispose]() {
      await abortable(provider.shutdown(), AbortSignal.timeout(longestFlushMs)).catch((error) =>
        tell(`what was left could not be sent: ${(error as Error).message}`),
      );
    },
  };
}
