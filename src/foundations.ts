// What the features stand on: database, storage, browser, keys, and all that takes no part in a feature itself.

import { createAnalytics } from './analytics/analytics.ts';
import { createAssets } from './assets/assets.ts';
import { createPassingRetriever } from './attempts/passing-retriever.ts';
import { isCertificateRecord } from './certificates/certificate.ts';
import { createFileLinks } from './certificates/file-links.ts';
import type { Config, Secrets } from './config.ts';
import { isAssetNamed } from './configurations/type-store.ts';
import { openCredentialKey } from './credential-key.ts';
import { createCredentials } from './credentials/credentials.ts';
import { createSunbird } from './credentials/sunbird.ts';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import { type Database, openDatabase } from './database/database.ts';
import { createDocuments, type StorageLimits } from './documents/documents.ts';
import { openFolderStore } from './documents/folder-store.ts';
import { openEncryptionKey } from './encryption-key.ts';
import { createEvents } from './events/events.ts';
import type { HttpLimits } from './http/server.ts';
import { createIdentity } from './identity/identity.ts';
import { createImages } from './images/images.ts';
import { createJobProgress } from './jobs/job-progress.ts';
import { createJobs, type Jobs } from './jobs/jobs.ts';
import { announceWorker, watchWorkers } from './jobs/workers.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createOpenEdxRetrievers } from './plugins/openedx-retrievers.ts';
import { openPlugins } from './plugins/plugins.ts';
import { openPrivateFolder } from './private-folder.ts';
import { createProgressTracker } from './progress/progress.ts';
import { startRendering } from './rendering/rendering.ts';
import { isRecordOf } from './reports/report.ts';
import { createSchedules } from './schedules/schedules.ts';
import { createSealing, type Sealing } from './sealing.ts';
import { openTemplating, type Templating } from './templating/templating.ts';

/** Of time; tests give shorter ones than those that are usual. */
export type Limits = Partial<HttpLimits & StorageLimits & { workersAbsentMs: number }>;

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

export interface Start {
  config: Config;
  secrets: Secrets;
  limits: Limits | undefined;
}

function openMails({ mail, certificates }: Config, { smtpUrl }: Secrets, templating: Templating) {
  if (mail === undefined || smtpUrl === undefined) return undefined;
  const { publicUrl, issuerName } = certificates;
  return { server: { ...mail, url: smtpUrl }, publicUrl, issuerName, fill: templating.fillMail.bind(templating) };
}

/** Where they are configured. */
function openEdxRetrievers({ plugins: { openEdx } }: Config, { openEdxSecret: clientSecret }: Secrets) {
  const { url, clientId } = openEdx;
  if (url === undefined || clientId === undefined || clientSecret === undefined) return [];
  const origins = [new URL(url).origin];
  return createOpenEdxRetrievers({ url, clientId, clientSecret }).map((retriever) => ({ retriever, origins }));
}

/** What the features stand on; all that has to be closed again goes to `parts`. */
export async function openFoundations(parts: AsyncDisposableStack, { config, secrets, limits }: Start) {
  const metrics = createMetrics();
  const origins = config.tenants.map(({ origin }) => origin);
  parts.use(openFolders(config, secrets));
  const database = parts.use(openDatabase({ url: secrets.databaseUrl, dataDir: config.dataDir }));
  const { tenants } = config;
  const analytics = parts.use(createAnalytics({ database, tally: metrics.tally, tenants }));
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
  const mails = openMails(config, secrets, templating);
  const events = parts.use(createEvents({ database, metrics, sealing, mails, ...config.events }));
  const assets = createAssets({ database, store, isUsed: isAssetNamed });
  const plugins = await openPlugins({
    ...config.plugins,
    mostBytes: config.rendering.maxBytes,
    assetsOf: (tenant) => ({ read: (slug) => assets.read(tenant, slug) }),
    templates: templating.list(),
    builtIn: [{ retriever: createPassingRetriever(database) }, ...openEdxRetrievers(config, secrets)],
  });
  const schedules = parts.use(createSchedules({ database }));
  const progress = createJobProgress(parts.use(createProgressTracker()));
  return {
    config,
    origins,
    metrics,
    analytics,
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
    schedules,
    secrets,
  };
}

export type Foundations = Awaited<ReturnType<typeof openFoundations>>;
