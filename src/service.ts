// The composition root: builds every module in order, and takes them down in the opposite one.

import { analyticsEndpoint } from './analytics/routes.ts';
import { actAs } from './audit/audit.ts';
import { auditEndpoint } from './audit/routes.ts';
import { createCertificates } from './certificates/certificates.ts';
import { downloadEndpoints, mailLinkLimit } from './certificates/download-routes.ts';
import { generationEndpoint } from './certificates/generation-routes.ts';
import { createIssued } from './certificates/issued.ts';
import { issuedEndpoints } from './certificates/issued-routes.ts';
import { certificateEndpoints } from './certificates/routes.ts';
import { templateEndpoints } from './certificates/template-routes.ts';
import { createVerifications } from './certificates/verification.ts';
import { fileVerificationLimit, verificationEndpoints, verificationLimit } from './certificates/verification-routes.ts';
import { createClassRuns } from './class-runs/class-runs.ts';
import { classRunEndpoints } from './class-runs/routes.ts';
import type { Config, Secrets } from './config.ts';
import type { Documents } from './documents/documents.ts';
import { createErasing } from './erasing/erasing.ts';
import { erasingEndpoint } from './erasing/routes.ts';
import { createAsyncApiDocument } from './events/asyncapi.ts';
import { mailEndpoints } from './events/mail-routes.ts';
import { eventEndpoints } from './events/routes.ts';
import { webhookEndpoints } from './events/webhook-routes.ts';
import { armFailpoint } from './failpoint.ts';
import { type Foundations, type Limits, openFoundations } from './foundations.ts';
import { createApp } from './http/app.ts';
import { documentationPages } from './http/documentation.ts';
import { createOpenApiDocument } from './http/openapi.ts';
import { openHttpServer } from './http/server.ts';
import { serviceEndpoints } from './http/service-endpoints.ts';
import { createFollowing } from './jobs/following.ts';
import { jobEndpoints, streamLimit } from './jobs/routes.ts';
import { createTickets } from './jobs/tickets.ts';
import { configureLog, createLog } from './log.ts';
import { createPipeline } from './pipeline.ts';
import { createRateLimiter } from './rate-limiter.ts';
import { createReports, laterWindow } from './reports/reports.ts';
import { invalidationEndpoint, reportEndpoints } from './reports/routes.ts';
import { describeStorage, secretValues, summariseSettings } from './settings-summary.ts';
import { createPrefixOf, createTenantOf } from './tenant-access.ts';
import { version } from './version.ts';

const log = createLog('service');

export interface Service extends AsyncDisposable {
  /** Address under which it listens. */
  url: string;
}

/** Loads what sends traces only where they are wanted: it is large. */
async function openTraces({ traces }: Config, { traceHeaders }: Secrets): Promise<AsyncDisposable | undefined> {
  if (traces === undefined) return undefined;
  const { startTraceExport } = await import('./trace-export.ts');
  return startTraceExport(traces, traceHeaders);
}

/** Every feature, and the endpoints that this role of process offers. */
function createFeatures(foundations: Foundations) {
  const { config, metrics, database, documents, rendering, jobs, progress, workersStatus, credentials } = foundations;
  const { links, events, sealing } = foundations;
  const { concurrency } = config.rendering;
  const reports = createReports(foundations);
  const classRuns = createClassRuns({ database, jobs, events, documents, reports, concurrency });
  const certificates = createCertificates({ ...foundations, config: config.certificates });
  const { publicUrl, issuerName } = config.certificates;
  const prefixOf = createPrefixOf(config);
  const tenantOf = createTenantOf(config);
  const erasing = createErasing({ database, documents, events, jobs, reports });
  const issued = createIssued({ database, documents, credentials, events, links, metrics, publicUrl });
  const verifications = createVerifications({ database, credentials, metrics, publicUrl });
  const codeLimit = createRateLimiter({ database, ...verificationLimit });
  const fileLimit = createRateLimiter({ database, ...fileVerificationLimit });
  const generations = createRateLimiter({ database, limit: config.asyncReportsPerMin, ...laterWindow });
  const tickets = createTickets(database);
  const streams = createRateLimiter({ database, ...streamLimit });
  const pipeline = createPipeline({ ...foundations, certificates, streams });
  const following = createFollowing(jobs);
  const document = createAsyncApiDocument({ topic: config.events.topic, version });
  const features = [
    ...reportEndpoints({ reports, concurrency }),
    ...classRunEndpoints({ classRuns, tickets, streams }),
    ...jobEndpoints({ jobs, tenantOf, following, progress, tickets, streams }),
    ...templateEndpoints({ database, templating: foundations.templating, images: foundations.images, prefixOf }),
    generationEndpoint({ certificates, prefixOf, generations }),
    ...certificateEndpoints({ certificates, credentials, prefixOf }),
    ...issuedEndpoints({ issued, links, prefixOf }),
    ...downloadEndpoints({ events, issued, limit: createRateLimiter({ database, ...mailLinkLimit }) }),
    ...mailEndpoints({ database, prefixOf }),
    ...verificationEndpoints({ verifications, codeLimit, fileLimit, issuerName }),
    analyticsEndpoint({ analytics: foundations.analytics, tenantOf }),
    auditEndpoint({ database, tenantOf }),
    erasingEndpoint({ erasing, tenantOf, tenants: config.tenants }),
    ...pipeline.endpoints,
    ...eventEndpoints({ database, prefixOf, document }),
    ...webhookEndpoints({ database, prefixOf, sealing, trustedHosts: config.events.webhookHosts }),
  ];
  const endpoints = [
    ...(config.role === 'worker' ? [invalidationEndpoint(reports)] : features),
    ...serviceEndpoints({
      environment: config.environment,
      version,
      metrics,
      browserStatus: () => rendering.status().browser,
      storageStatus: () => documents.status(),
      databaseStatus: () => jobs.status(),
      workersStatus,
      measure: async () => {
        await Promise.all([jobs.measure(), events.measure()]);
      },
    }),
  ];
  return { reports, certificates, pipeline, tickets, endpoints };
}

/** A storage that refuses us is told at once, not when the first report is asked for. */
async function tellOfStorage(config: Config, documents: Documents): Promise<void> {
  const { state, reason } = await documents.status();
  if (state === 'up') return;
  log.error('The storage can not be used', { reason, ...describeStorage(config) });
}

/** Starts everything; returns when it listens. Dispose it to finish the running work and stop. */
export async function startService(config: Config, secrets: Secrets, limits?: Limits): Promise<Service> {
  configureLog({ level: config.logLevel, secrets: secretValues(secrets) });
  if (config.failpoint !== undefined) armFailpoint(config.failpoint);
  await using parts = new AsyncDisposableStack();
  // Last of all to end.
  parts.use(await openTraces(config, secrets));
  // Before the rest: where the port is taken nothing else is touched.
  const server = parts.use(await openHttpServer({ ...config.http, limits }));
  const foundations = await openFoundations(parts, { config, secrets, limits });
  const { identity, metrics, jobs, origins, events, schedules } = foundations;
  const { reports, certificates, pipeline, tickets, endpoints } = createFeatures(foundations);
  parts.use(certificates);
  jobs.start();
  events.start();
  if (config.role !== 'api') {
    certificates.start();
    schedules.start();
    parts.use(pipeline.start());
  }
  const app = createApp({
    identity,
    redeemTicket: tickets.redeem,
    metrics,
    actAs,
    endpoints,
    pages: documentationPages(createOpenApiDocument(endpoints, version)),
    config: { ...config.http, allowedOrigins: origins },
  });
  const settle = async () => {
    await Promise.all([reports.settle(), jobs.settle()]);
  };
  parts.use(server.serve(app, settle));
  if (config.isRunAsRoot) log.warn('Running as root: the browser has NO SANDBOX. Do this in development only.');
  log.info('Platen listens', { url: server.url, version, ...summariseSettings(config, secrets) });
  void tellOfStorage(config, foundations.documents);
  const running = parts.move();
  return { url: server.url, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

export type { Limits };
