// The composition root: builds every module in order, and takes them down in the opposite one.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Config, Secrets } from './config.ts';
import { createDocuments } from './documents/documents.ts';
import { openFolderStore } from './documents/folder-store.ts';
import { createS3Store } from './documents/s3-store.ts';
import { createApp } from './http/app.ts';
import { documentationPages } from './http/documentation.ts';
import { createOpenApiDocument } from './http/openapi.ts';
import { serviceEndpoints } from './http/service-endpoints.ts';
import { createIdentity } from './identity/identity.ts';
import { configureLog, createLog } from './log.ts';
import { createMetrics } from './metrics.ts';
import { startRendering } from './rendering/rendering.ts';
import { createReports } from './reports/reports.ts';
import { reportEndpoints } from './reports/routes.ts';

const log = createLog('service');

export interface Service extends AsyncDisposable {
  /** Address under which it listens. */
  url: string;
}

const headersTimeoutMs = 10_000;
const requestTimeoutMs = 30_000;
/** Longer than a proxy's, so that the proxy closes first and no request meets a closing connection. */
const keepAliveTimeoutMs = 75_000;
const drainTimeoutMs = 25_000;
const idleSweepMs = 50;

const packageFile = new URL('../package.json', import.meta.url);
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };

function openStore({ documents }: Config, secrets: Secrets) {
  if (documents.s3 === undefined) return openFolderStore(documents.dataDir);
  return createS3Store(documents.s3, { accessKey: secrets.s3AccessKey, secretKey: secrets.s3SecretKey });
}

function createTokens(config: Config, secrets: Secrets) {
  return createIdentity({
    serviceTokens: secrets.serviceTokens,
    userTokens: { ...config.userTokens, secret: secrets.userTokenSecret },
    reportTokens: { ...config.reportTokens, secret: secrets.reportTokenSecret },
    tenants: { origins: config.tenants.map(({ origin }) => origin), originOfIssuer: config.originOfIssuer },
  });
}

async function listen(server: Server, { host, port }: { host: string; port: number }): Promise<string> {
  server.listen(port, host);
  await once(server, 'listening');
  const { address, family, port: actualPort } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${actualPort}`;
}

/** Takes no new connection and waits for the requests that are being answered, 25 s at most. */
async function drain(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // close() ends the connections that are idle now; those that become idle later would wait for their keep-alive time.
  const sweep = setInterval(() => server.closeIdleConnections(), idleSweepMs);
  const tooLong = setTimeout(() => server.closeAllConnections(), drainTimeoutMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(tooLong);
}

function secretValues(secrets: Secrets): string[] {
  return Object.values(secrets)
    .flat()
    .filter((value) => value !== undefined);
}

/** Starts everything; returns when it listens. Dispose it to finish the running work and stop. */
export async function startService(config: Config, secrets: Secrets): Promise<Service> {
  configureLog({ level: config.logLevel, secrets: secretValues(secrets) });
  await using parts = new AsyncDisposableStack();
  const metrics = createMetrics();
  const origins = config.tenants.map(({ origin }) => origin);
  const documents = parts.use(createDocuments({ store: await openStore(config, secrets), metrics }));
  const rendering = parts.use(await startRendering({ config: config.rendering, origins, metrics }));
  const identity = createTokens(config, secrets);
  const reports = createReports({ rendering, documents, identity, metrics, config });
  const endpoints = [
    ...reportEndpoints({ reports, concurrency: config.rendering.concurrency }),
    ...serviceEndpoints({
      environment: config.environment,
      version,
      metrics,
      browserStatus: () => rendering.status().browser,
      storageStatus: () => documents.status(),
    }),
  ];
  const app = createApp({
    identity,
    metrics,
    endpoints,
    pages: documentationPages(createOpenApiDocument(endpoints, version)),
    config: { ...config.http, allowedOrigins: origins },
  });
  const options = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
  };
  const server = createServer(options, app);
  const url = await listen(server, config.http);
  parts.defer(() => drain(server));
  if (config.isRunAsRoot) log.warn('Running as root: the browser has NO SANDBOX. Do this in development only.');
  log.info('Platen listens', { url, version, environment: config.environment });
  const running = parts.move();
  return { url, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
