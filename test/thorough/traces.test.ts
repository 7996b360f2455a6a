// Traces: whoever collects them sees one issue as one tree, and nothing of a person; without a collector nothing that sends them is loaded.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { askedCertificate } from '../support/certificates.ts';
import { startServiceProcess } from '../support/process.ts';
import { serviceToken } from '../support/tokens.ts';

interface Attribute {
  key: string;
  value: object;
}
interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes: Attribute[];
}
interface Sent {
  resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: Span[] }[] }[];
}

/** Takes what is sent to it, as a collector does. */
async function startCollector() {
  const sent: { path: string | undefined; authorization: string | undefined; body: Sent }[] = [];
  const server = createServer(async (req, res) => {
    sent.push({ path: req.url, authorization: req.headers.authorization, body: (await json(req)) as Sent });
    res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    spans: () =>
      sent.flatMap(({ body }) => body.resourceSpans.flatMap((each) => each.scopeSpans.flatMap(({ spans }) => spans))),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Writes down which packages of OpenTelemetry are loaded. */
const watchLoading = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier.startsWith('@opentelemetry/')) process.stderr.write('loads ' + specifier + '\\n');
      return next(specifier, context);
    },
  });`)}`;
const command: [string, ...string[]] = [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  '--import',
  watchLoading,
  'src/main.ts',
];
const loadedOf = (output: string) => new Set([...output.matchAll(/^loads (\S+)$/gm)].map(([, name]) => name));

const secretHeader = 'Bearer collector-key';
const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };

test('one issue is one tree, below what its caller was doing, without a token or anything of a person', async () => {
  await using collector = await startCollector();
  await using service = await startServiceProcess(
    {
      FRONTEND_ORIGINS: 'http://127.0.0.1:9',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=${encodeURIComponent(secretHeader)}`,
      OTEL_SERVICE_NAME: 'platen-test',
    },
    command,
  );
  const response = await fetch(`${service.url}/certificate/issue`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-service-auth': `Bearer ${serviceToken}`,
      traceparent: `00-${caller.traceId}-${caller.spanId}-01`,
    },
    body: JSON.stringify({ ...askedCertificate, email: 'anjali@school.example' }),
  });
  expect(response.status).toBe(200);
  // What is not sent yet is sent at the end.
  expect((await service.stop('SIGTERM')).code).toBe(0);

  expect(loadedOf(service.output())).toContain('@opentelemetry/sdk-trace');
  expect(collector.sent.map(({ path }) => path)).toContain('/v1/traces');
  expect(new Set(collector.sent.map(({ authorization }) => authorization))).toEqual(new Set([secretHeader]));
  const names = new Map(collector.spans().map(({ spanId, name }) => [spanId, name]));
  const ofIssue = collector.spans().filter(({ traceId }) => traceId === caller.traceId);
  const parentOf = ({ parentSpanId = '' }: Span) =>
    parentSpanId === caller.spanId ? 'caller' : (names.get(parentSpanId) ?? 'nothing');
  const tree = new Set(ofIssue.map((span) => `${parentOf(span)} > ${span.name}`));
  for (const edge of [
    'caller > POST /certificate/issue',
    'POST /certificate/issue > job certificates.make',
    'job certificates.make > certificate print',
    'certificate print > render',
    'render > render queue',
    'render > render load',
    'render > render print',
    'render > render close',
    'job certificates.make > certificate sign',
    'job certificates.make > certificate store',
    'certificate store > storage put',
    'job certificates.make > certificate record',
  ])
    expect(tree).toContain(edge);
  expect([...tree].filter((edge) => edge.startsWith('nothing'))).toEqual([]);

  const text = JSON.stringify(collector.sent.map(({ body }) => body));
  const { userId, firstName, lastName, courseName } = askedCertificate;
  for (const word of [serviceToken, userId, firstName, lastName, courseName, 'anjali@', '127.0.0.1', secretHeader])
    expect(text).not.toContain(word);
  expect(text).toContain('platen-test');
  expect(service.output()).not.toContain(secretHeader);
});

test('without a collector nothing is loaded but the interface', async () => {
  await using service = await startServiceProcess({ FRONTEND_ORIGINS: 'http://127.0.0.1:9' }, command);
  expect((await service.stop('SIGTERM')).code).toBe(0);
  expect([...loadedOf(service.output())]).toEqual(['@opentelemetry/api']);
});
