// The composition root: builds every module in order, and takes them down in the opposite one.

import { readFileSync } from 'node:fs';
import type { Config, Secrets } from './config.ts';
import { createDocuments, type StorageLimits } from './documents/documents.ts';
import { openFolderStore } from './documents/folder-store.ts';
import { createApp } from './http/app.ts';
import { documentationPages } from './http/documentation.ts';
import { createOpenApiDocument } from './http/openapi.ts';
import { type HttpLimits, startHttpServer } from './http/server.ts';
import { serviceEndpoints } from './http/service-endpoints.ts';
import { createIdentity } from './identity/identity.ts';
import { configureLog, createLog } from './log.ts';
import { createMetrics } from './metrics.ts';
import { startRendering } from './rendering/rendering.ts';
import { createReports } from './reports/reports.ts';
import { reportEndpoints } from './reports/routes.ts';

const log = createLog('service');

/** Of time; tests give shorter ones than those that are usual. */
export type Limits = Partial<HttpLimits & StorageLimits>;

export interface Service extends AsyncDisposable {
  /** Address under which it listens. */
  url: string;
}

const packageFile = new URL('../package.json', import.meta.url);
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };

async function openStore({ documents }: Config, secrets: Secrets) {
  if (documents.s3 === undefined) return openFolderStore(documents.dataDir);
  // Only where it is wanted: its SDK is the largest part of what a start has to load.
  const { createS3Store } = await import('./documents/s3-store.ts');
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

function secretValues(secrets: Secrets): string[] {
  return Object.values(secrets)
    .flat()
    .filter((value) => value !== undefined);
}

/** Starts everything; returns when it listens. Dispose it to finish the running work and stop. */
export async function startService(config: Config, secrets: Secrets, limits?: Limits): Promise<Service> {
  configureLog({ level: config.logLevel, secrets: secretValues(secrets) });
  await using parts = new AsyncDisposableStack();
  const metrics = createMetrics();
  const origins = config.tenants.map(({ origin }) => origin);
  const documents = parts.use(
    createDocuments({ store: await openStore(config, secrets), metrics, limits, ...config.documents }),
  );
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
  const { url } = parts.use(await startHttpServer(app, { ...config.http, limits, settle: () => reports.settle() }));
  if (config.isRunAsRoot) log.warn('Running as root: the browser has NO SANDBOX. Do this in development only.');
  log.info('Platen listens', { url, version, environment: config.environment });
  const running = parts.move();
  return { url, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
