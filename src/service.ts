// The composition root: builds every module in order, and takes them down in the opposite one.

import { createAssets } from './assets/assets.ts';
import { isCertificateRecord } from './certificates/certificate.ts';
import { createCertificates } from './certificates/certificates.ts';
import { createFileLinks } from './certificates/file-links.ts';
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

import { isAssetNamed } from './configurations/type-store.ts';
import { openCredentialKey } from './credential-key.ts';
import { createCredentials } from './credentials/credentials.ts';
import { createSunbird } from './credentials/sunbird.ts';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import { type Database, openDatabase } from './database/database.ts';
import { createDocuments, type Documents, type StorageLimits } from './documents/documents.ts';
import { openFolderStore } from './documents/folder-store.ts';
import { openEncryptionKey } from './encryption-key.ts';
import { createAsyncApiDocument } from './events/asyncapi.ts';
import { createEvents } from './events/events.ts';
import { eventEndpoints } from './events/routes.ts';
import { webhookEndpoints } from './events/webhook-routes.ts';
import { armFailpoint } from './failpoint.ts';
import { createApp } from './http/app.ts';
import { documentationPages } from './http/documentation.ts';
import { createOpenApiDocument } from './http/openapi.ts';
import { type HttpLimits, openHttpServer } from './http/server.ts';
import { serviceEndpoints } from './http/service-endpoints.ts';
import { createIdentity } from './identity/identity.ts';
import { createImages } from './images/images.ts';
import { createFollowing } from './jobs/following.ts';
import { createJobProgress } from './jobs/job-progress.ts';
import { createJobs, type Jobs } from './jobs/jobs.ts';
import { jobEndpoints, streamLimit } from './jobs/routes.ts';
import { createTickets } from './jobs/tickets.ts';
import { announceWorker, watchWorkers } from './jobs/workers.ts';
import { configureLog, createLog } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createPipeline } from './pipeline.ts';
import { openPlugins } from './plugins/plugins.ts';
import { openPrivateFolder } from './private-folder.ts';
import { createProgressTracker } from './progress/progress.ts';
import { createRateLimiter } from './rate-limiter.ts';
import { startRendering } from './rendering/rendering.ts';
import { isRecordOf } from './reports/report.ts';
import { createReports, laterWindow } from './reports/reports.ts';
import { invalidationEndpoint, reportEndpoints } from './reports/routes.ts';
import { createSealing, type Sealing } from './sealing.ts';
import { describeStorage, summariseSettings } from './settings-summary.ts';
import { openTemplating } from './templating/templating.ts';
import { createPrefixOf } from './tenant-access.ts';
import { version } from './version.ts';

const log = createLog('service');

/** Of time; tests give shorter ones than those that are usual. */
export type Limits = Partial<HttpLimits & StorageLimits & { workersAbsentMs: number }>;

export interface Service extends AsyncDisposable {
  /** Address under which it listens. */
  url: string;
}

/** Whether a record says what its key says. */
const belongs: Parameters<typeof createDocuments>[0]['belongs'] = (key, record) =>
  record.type === 'certificate' ? isCertificateRecord(key, record) : isRecordOf(key, record);

async function openStore({ documents, dataDir }: Config, secrets: Secrets) {
  if (documents.s3 === undefined) return openFolderStore(dataDir);
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

function secretValues({ encryptionKeys, credentialKeys: _, databaseUrl, ...secrets }: Secrets): string[] {
  const password = databaseUrl === undefined ? undefined : decodeURIComponent(new URL(databaseUrl).password);
  const keys = (encryptionKeys ?? []).map((key) => key.toString('base64'));
  return [...Object.values(secrets).flat(), password, ...keys].filter((value) => value !== undefined);
}

/** DATA_DIR is locked where something lies in it that is not shared. */
function openFolders({ documents, dataDir, rendering }: Config, { databaseUrl }: Secrets): DataFolder | undefined {
  if (rendering.diagnosticsDir !== undefined) openPrivateFolder(rendering.diagnosticsDir, 'DIAGNOSTICS_DIR');
  return documents.s3 === undefined || databaseUrl === undefined ? openDataFolder(dataDir) : undefined;
}

/** Those that were given, or the one of the data folder. */
function openEncryptionKeys({ dataDir }: Config, { encryptionKeys }: Secrets): [Buffer, ...Buffer[]] {
  if (encryptionKeys !== undefined) return encryptionKeys;
  openPrivateFolder(dataDir, 'DATA_DIR');
  return [openEncryptionKey(dataDir)];
}

function openJobs(
  config: Config,
  { databaseUrl }: Secrets,
  parts: { database: Database; metrics: Metrics; sealing: Sealing },
): Jobs {
  return createJobs({
    ...parts,
    isEmbedded: databaseUrl === undefined,
    concurrency: config.role === 'api' ? 0 : config.rendering.concurrency,
    ...config.jobs,
  });
}

/** Production signs with a key that was given, or not at all. */
function openCredentials({ certificates, environment, dataDir }: Config, { credentialKeys }: Secrets) {
  const isGiven = credentialKeys !== undefined || environment === 'production';
  if (!isGiven) openPrivateFolder(dataDir, 'DATA_DIR');
  const [key, ...formerKeys] = isGiven ? (credentialKeys ?? []) : [openCredentialKey(dataDir)];
  if (key === undefined) return undefined;
  const credentials = createCredentials({ ...certificates, key, formerKeys });
  const { sunbird, publicUrl } = certificates;
  // The registry issues; what is our own, the badge, we sign all the same.
  return sunbird === undefined ? credentials : { ...credentials, ...createSunbird({ ...sunbird, publicUrl }) };
}

interface Start {
  config: Config;
  secrets: Secrets;
  limits: Limits | undefined;
}

/** Loads what sends traces only where they are wanted: it is large. */
async function openTraces({ traces }: Config, { traceHeaders }: Secrets): Promise<AsyncDisposable | undefined> {
  if (traces === undefined) return undefined;
  const { startTraceExport } = await import('./trace-export.ts');
  return startTraceExport(traces, traceHeaders);
}

/** What the features stand on; all that has to be closed again goes to `parts`. */
async function openFoundations(parts: AsyncDisposableStack, { config, secrets, limits }: Start) {
  const metrics = createMetrics();
  const origins = config.tenants.map(({ origin }) => origin);
  parts.use(openFolders(config, secrets));
  const database = parts.use(openDatabase({ url: secrets.databaseUrl, dataDir: config.dataDir }));
  const store = await openStore(config, secrets);
  const documents = parts.use(createDocuments({ store, metrics, limits, belongs, ...config.documents }));
  const images = createImages({ store, prefix: config.certificates.imagesPrefix });
  const rendering = parts.use(await startRendering({ config: config.rendering, origins, metrics }));
  const identity = createTokens(config, secrets);
  const encryptionKeys = openEncryptionKeys(config, secrets);
  const sealing = createSealing(...encryptionKeys);
  const jobs = parts.use(openJobs(config, secrets, { database, metrics, sealing }));
  // A database of one process needs nobody to be told who works.
  const absentMs = limits?.workersAbsentMs;
  if (secrets.databaseUrl !== undefined && config.role !== 'api') parts.use(announceWorker({ database, absentMs }));
  const workersStatus = config.role === 'api' ? watchWorkers({ database, absentMs }) : undefined;
  const templating = await openTemplating({ rendering, templatesDir: config.certificates.templatesDir });
  const credentials = openCredentials(config, secrets);
  const links = createFileLinks({ secrets: encryptionKeys, ...config.certificates });
  const events = parts.use(createEvents({ database, metrics, sealing, ...config.events }));
  const assets = createAssets({ database, store, isUsed: isAssetNamed });
  const plugins = await openPlugins({
    ...config.plugins,
    mostBytes: config.rendering.maxBytes,
    assetsOf: (tenant) => ({ read: (slug) => assets.read(tenant, slug) }),
  });
  const progress = createJobProgress(parts.use(createProgressTracker()));
  return {
    config,
    origins,
    metrics,
    database,
    documents,
    images,
    rendering,
    identity,
    jobs,
    progress,
    workersStatus,
    templating,
    credentials,
    links,
    events,
    sealing,
    assets,
    plugins,
  };
}

type Foundations = Awaited<ReturnType<typeof openFoundations>>;

/** Every feature, and the endpoints that this role of process offers. */
function createFeatures(foundations: Foundations) {
  const { config, metrics, database, documents, rendering, jobs, progress, workersStatus, credentials } = foundations;
  const { links, events, sealing } = foundations;
  const { concurrency } = config.rendering;
  const reports = createReports(foundations);
  const classRuns = createClassRuns({ database, jobs, events, documents, reports, concurrency });
  const certificates = createCertificates({ ...foundations, config: config.certificates });
  const pipeline = createPipeline({ ...foundations, certificates });
  const { publicUrl, issuerName } = config.certificates;
  const prefixOf = createPrefixOf(config);
  const issued = createIssued({ database, documents, credentials, events, links, metrics, publicUrl });
  const verifications = createVerifications({ database, credentials, metrics, publicUrl });
  const codeLimit = createRateLimiter({ database, ...verificationLimit });
  const fileLimit = createRateLimiter({ database, ...fileVerificationLimit });
  const generations = createRateLimiter({ database, limit: config.asyncReportsPerMin, ...laterWindow });
  const tickets = createTickets(database);
  const streams = createRateLimiter({ database, ...streamLimit });
  const following = createFollowing(jobs);
  const document = createAsyncApiDocument({ topic: config.events.topic, version });
  const features = [
    ...reportEndpoints({ reports, concurrency }),
    ...classRunEndpoints({ classRuns, tickets, streams }),
    ...jobEndpoints({ jobs, following, progress, tickets, streams }),
    ...templateEndpoints({ templating: foundations.templating, images: foundations.images, prefixOf }),
    generationEndpoint({ certificates, prefixOf, generations }),
    ...certificateEndpoints({ certificates, credentials, prefixOf }),
    ...issuedEndpoints({ issued, links, prefixOf }),
    ...verificationEndpoints({ verifications, codeLimit, fileLimit, issuerName }),
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
  const { identity, metrics, jobs, origins, events } = foundations;
  const { reports, certificates, pipeline, tickets, endpoints } = createFeatures(foundations);
  parts.use(certificates);
  jobs.start();
  events.start();
  if (config.role !== 'api') {
    certificates.start();
    parts.use(pipeline.start());
  }
  const app = createApp({
    identity,
    redeemTicket: tickets.redeem,
    metrics,
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
